//! The uncertain numbers of a feature: [`UncertainInput`] names them, [`Ranges`] holds them, a [`Point`] settles them.

use rust_decimal::Decimal;

use crate::calculator::ramp::{mean_power, mean_powers, more_than, whole_power};
use crate::calculator::shape::{At, MICRO, WHOLE};
use crate::calculator::workload::{Attachment, Billed, Feature, Growth, PromptPart};
use crate::range::Range;

macro_rules! inputs {
    ($($variant:ident $key:literal $label:literal;)+) => {
        /// A number of a feature that may be uncertain.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum UncertainInput {
            $(#[doc = $label] $variant,)+
        }

        impl UncertainInput {
            /// All of them.
            pub const ALL: &[UncertainInput] = &[$(UncertainInput::$variant),+];

            /// What people call it.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(UncertainInput::$variant => $label),+ }
            }

            /// What a workload file calls it under `drawn_together`.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(UncertainInput::$variant => $key),+ }
            }
        }
    };
}

inputs! {
    Calls "calls" "calls";
    Sessions "sessions" "conversations of a user";
    Growth "growth" "growth";
    Output "output" "length of the answer";
    Reasoning "reasoning" "thinking";
    Turns "turns" "turns";
    Steps "steps" "steps of the agent";
    Call "call" "length of a tool call";
    Result "result" "length of a tool result";
    Passages "chunks" "retrieved passages";
    PassageLength "chunk_tokens" "length of a passage";
    Attachments "attachments" "attachments";
    Also "also" "other meters";
    Media "media" "audio, video and pages";
    Share "share" "calls for each call of another feature";
    PromptGrowth "prompt_growth" "growth of the prompt";
    HitRate "hit_rate" "cache hit rate";
    HitRateWithin "hit_rate_within" "cache hit rate within a conversation";
    Failures "failure_rate" "failure rate";
    System "system" "length of the instructions";
    Tools "tools" "length of the tools";
    Prompt "prompt" "length of the prompt";
    Tokens "tokens" "token count of the texts";
}

/// How many inputs a feature has.
pub(crate) const INPUTS: usize = UncertainInput::ALL.len();

/// Where each uncertain number of a feature stands.
///
/// The second part is how many times its first length the prompt has, in billionths.
#[derive(Clone, Copy, Debug)]
pub struct Point(pub [At; INPUTS], pub i64);

/// A prompt of its first length.
pub(crate) const FIRST_LENGTH: i64 = 1_000_000_000;

impl Point {
    /// Every number at the same place.
    #[must_use]
    pub(crate) const fn all(at: At) -> Self {
        Point([at; INPUTS], FIRST_LENGTH)
    }

    /// The same point with a prompt that is so many times as long, in billionths.
    #[must_use]
    pub(crate) const fn grown(mut self, factor: i64) -> Self {
        self.1 = factor;
        self
    }

    /// The same point with one number elsewhere.
    #[must_use]
    pub const fn with(mut self, input: UncertainInput, at: At) -> Self {
        self.0[input as usize] = at;
        self
    }

    pub(crate) const fn get(&self, input: UncertainInput) -> At {
        self.0[input as usize]
    }
}

/// What stays the same on every model: ranges of a feature, as integers and as they were written.
#[derive(Clone, Debug)]
pub struct Ranges {
    pub(super) of: [Range<i64>; INPUTS],
    pub(super) exact: [Range<Decimal>; INPUTS],
    pub(super) growth: Growth,
}

pub(super) fn ranges(feature: &Feature) -> Ranges {
    let attachments = feature.attachments.iter().fold(Range::default(), |sum: Range<Decimal>, a| match a {
        Attachment::Tokens(range) => plus(sum, *range),
        Attachment::Image { .. } => sum,
    });
    let typed = |parts: &[PromptPart]| {
        parts.iter().fold(Range::default(), |sum, part| match part {
            PromptPart::Tokens(range) => plus(sum, *range),
            PromptPart::Text(_) => sum,
        })
    };
    let growth = match &feature.growth {
        Growth::Monthly(range) => *range,
        Growth::Steps(_) => Range::default(),
    };
    let (calls, sessions) = match feature.calls.users {
        Some(users) => (users, per_user(feature.calls.rate, users)),
        None => (feature.calls.rate, Range::exactly(Decimal::ONE)),
    };
    let exact = |input: UncertainInput| match input {
        UncertainInput::Calls => calls,
        UncertainInput::Sessions => sessions,
        UncertainInput::Growth => growth,
        UncertainInput::Output => feature.output,
        // Each model has its own: `Stream::thinking`.
        UncertainInput::Reasoning => Range::default(),
        UncertainInput::Turns => feature.turns,
        UncertainInput::Steps => feature.steps.count,
        UncertainInput::Call => feature.steps.call,
        UncertainInput::Result => feature.steps.result,
        UncertainInput::Passages => feature.rag.as_ref().map_or_else(Range::default, |rag| rag.chunks),
        UncertainInput::PassageLength => feature.rag.as_ref().map_or_else(Range::default, |rag| rag.chunk_tokens),
        UncertainInput::Attachments => attachments,
        UncertainInput::HitRate => feature.cache.map_or_else(Range::default, |cache| cache.hit_rate),
        UncertainInput::HitRateWithin => feature.cache.and_then(|cache| cache.within).unwrap_or_default(),
        UncertainInput::Failures => feature.retries.failure_rate,
        UncertainInput::System => typed(&feature.system),
        UncertainInput::Tools => typed(&feature.tools),
        // Rows may have ranges of their own, which the streams hold.
        UncertainInput::Share => feature.follows.as_ref().map_or(Range::exactly(Decimal::ONE), |follows| follows.share),
        UncertainInput::PromptGrowth => feature.prompt_growth,
        UncertainInput::Also | UncertainInput::Media | UncertainInput::Prompt | UncertainInput::Tokens => {
            Range::default()
        }
    };
    let mut list = [Range::default(); INPUTS];
    list.iter_mut().zip(UncertainInput::ALL).for_each(|(slot, input)| *slot = exact(*input));
    let mut of = [Range::default(); INPUTS];
    of.iter_mut().zip(UncertainInput::ALL).for_each(|(slot, input)| *slot = in_units(*input, exact(*input)));
    Ranges { of, exact: list, growth: feature.growth.clone() }
}

/// Tokens in millionths, hit rates in billionths.
fn in_units(input: UncertainInput, range: Range<Decimal>) -> Range<i64> {
    let is_hit_rate = matches!(input, UncertainInput::HitRate | UncertainInput::HitRateWithin);
    range.in_units(if is_hit_rate { WHOLE } else { MICRO })
}

/// Conversations of one user, where the product with the users is known.
fn per_user(rate: Range<Decimal>, users: Range<Decimal>) -> Range<Decimal> {
    let of = |rate: Decimal, users: Decimal| rate.checked_div(users).unwrap_or_default();
    Range { low: of(rate.low, users.low), expected: of(rate.expected, users.expected), high: of(rate.high, users.high) }
}

fn plus(a: Range<Decimal>, b: Range<Decimal>) -> Range<Decimal> {
    let sum = |a: Decimal, b: Decimal| a.saturating_add(b);
    Range { low: sum(a.low, b.low), expected: sum(a.expected, b.expected), high: sum(a.high, b.high) }
}

impl Range<Decimal> {
    /// The number at a place of the range.
    #[must_use]
    pub(crate) fn place(&self, at: At) -> Decimal {
        match at {
            At::Low => self.low,
            At::Expected => self.expected,
            At::High => self.high,
            At::Share(_) if !self.is_range() => self.expected,
            At::Share(share) => {
                let float = |n: Decimal| f64::try_from(n).unwrap_or(0.0);
                let drawn =
                    crate::calculator::ramp::ramp(float(self.low), float(self.expected), float(self.high), share);
                Decimal::try_from(drawn).unwrap_or(self.expected)
            }
        }
    }

    /// The range that a number at a place of it is: itself at the mean, whose draws are all of it.
    fn around(&self, at: At) -> Range<Decimal> {
        match at {
            At::Expected => *self,
            _ => Range::exactly(self.place(at)),
        }
    }
}

impl Ranges {
    /// Changes the range of an input.
    pub(super) fn set(&mut self, input: UncertainInput, range: Range<Decimal>) {
        self.exact[input as usize] = range;
        self.of[input as usize] = in_units(input, range);
    }

    /// The range of an input in its own units: millionths of a token, billionths of a hit rate.
    #[must_use]
    pub const fn fixed(&self, input: UncertainInput) -> Range<i64> {
        self.of[input as usize]
    }

    /// The range of an input as it was written.
    #[must_use]
    pub const fn exact(&self, input: UncertainInput) -> Range<Decimal> {
        self.exact[input as usize]
    }

    /// How likely a call is to have more than so many turns, for every number from 0 on that one may have.
    ///
    /// A number between two whole ones is one of them so that the mean stays; at the mean of a range the chance is over
    /// all of its draws.
    pub(crate) fn turns(&self, at: At) -> Vec<Decimal> {
        let range = self.exact(UncertainInput::Turns).around(at);
        let most = u32::try_from(range.high.ceil()).unwrap_or(u32::MAX);
        (0..most).map(|n| more_than(range, n)).take_while(|chance| !chance.is_zero()).collect()
    }

    /// The numbers of steps that a turn may have, each with its chance.
    pub(crate) fn steps(&self, at: At) -> Vec<(i64, Decimal)> {
        let range = self.exact(UncertainInput::Steps).around(at);
        let least = u32::try_from(range.low.floor()).unwrap_or(1).max(1);
        let most = u32::try_from(range.high.ceil()).unwrap_or(u32::MAX).max(least);
        if least == most {
            return vec![(i64::from(least), Decimal::ONE)];
        }
        let mut above = Decimal::ONE;
        let mut list = Vec::new();
        for n in least..=most {
            let more = more_than(range, n);
            if above > more {
                list.push((i64::from(n), above - more));
            }
            above = more;
        }
        list
    }

    /// The mean of the `months`-th power of the growth of a prompt in a month.
    pub(super) fn prompt_grown(&self, months: u32, at: At) -> Option<Decimal> {
        let range = self.exact(UncertainInput::PromptGrowth);
        match at {
            At::Expected => mean_power(range, Decimal::ONE, months),
            _ => whole_power(Decimal::ONE + range.place(at), months),
        }
    }
}

/// What the calls are multiplied with, by how many months they have grown: at the low end, on average over the draws, and at
/// the high end.
pub(super) fn grown(feature: &Feature, months: u32) -> [Vec<Decimal>; 3] {
    let range = match &feature.growth {
        Growth::Monthly(range) => *range,
        Growth::Steps(_) => Range::default(),
    };
    let at = |range: Range<Decimal>| mean_powers(range, Decimal::ONE, months);
    [at(Range::exactly(range.low)), at(range), at(Range::exactly(range.high))]
}

/// Attempts that are billed for a request that works: those that send its prompt, and those that get an answer.
#[must_use]
pub(crate) fn attempts(feature: &Feature, at: At) -> (Decimal, Decimal) {
    let range = feature.retries.failure_rate;
    let power = |n: u32| match at {
        At::Expected => mean_power(range, Decimal::ZERO, n),
        _ => whole_power(range.place(at), n),
    };
    let all: Decimal = (0..feature.retries.attempts.max(1)).filter_map(power).sum();
    match feature.retries.billed {
        Billed::All => (all, all),
        Billed::Input => (all, Decimal::ONE),
        Billed::Nothing => (Decimal::ONE, Decimal::ONE),
    }
}
