//! The uncertain numbers of a feature: [`UncertainInput`] names them, [`Ranges`] holds them, a [`Point`] settles them.

use crate::calculator::shape::{At, MICRO, WHOLE, ramp};
use crate::calculator::workload::{Attachment, Feature, Growth};
use rust_decimal::Decimal;

use crate::range::Range;

macro_rules! inputs {
    ($($variant:ident $label:literal;)+) => {
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
        }
    };
}

inputs! {
    Calls "calls";
    Growth "growth";
    Output "length of the answer";
    Reasoning "thinking";
    Turns "turns";
    Steps "steps of the agent";
    Call "length of a tool call";
    Result "length of a tool result";
    Passages "retrieved passages";
    Attachments "attachments";
    Also "other meters";
    HitRate "cache hit rate";
    Failures "failure rate";
    Tokens "token count of the prompt";
}

/// How many inputs a feature has.
pub(crate) const INPUTS: usize = UncertainInput::ALL.len();

/// Where each uncertain number of a feature stands.
#[derive(Clone, Copy, Debug)]
pub struct Point(pub [At; INPUTS]);

impl Point {
    /// Every number at the same place.
    #[must_use]
    pub(crate) const fn all(at: At) -> Self {
        Point([at; INPUTS])
    }

    /// The same point with one number elsewhere.
    #[must_use]
    pub const fn with(mut self, input: UncertainInput, at: At) -> Self {
        self.0[input as usize] = at;
        self
    }

    pub(super) const fn get(&self, input: UncertainInput) -> At {
        self.0[input as usize]
    }
}

/// What stays the same on every model: ranges of a feature in fixed-point integers.
#[derive(Clone, Debug)]
pub struct Ranges {
    pub(super) of: [Range<i64>; INPUTS],
    pub(super) calls: Range<Decimal>,
    pub(super) growth: Growth,
}
pub(super) fn ranges(feature: &Feature) -> Ranges {
    let attachments = feature.attachments.iter().fold(Range::default(), |sum, a| match a {
        Attachment::Tokens(range) => sum + range.in_units(MICRO),
        Attachment::Image { .. } => sum,
    });
    let hit_rate = feature.cache.map_or_else(Range::default, |cache| cache.hit_rate);
    let growth = match &feature.growth {
        Growth::Monthly(range) => *range,
        Growth::Steps(_) => Range::default(),
    };
    let passages = feature.rag.as_ref().map_or_else(Range::default, |rag| rag.tokens);
    let of = |input: UncertainInput| match input {
        UncertainInput::Calls => feature.calls.rate.in_units(MICRO),
        UncertainInput::Growth => growth.in_units(WHOLE),
        UncertainInput::Output => feature.output.in_units(MICRO),
        // Each model has its own: `Stream::thinking`.
        UncertainInput::Reasoning => Range::default(),
        UncertainInput::Turns => feature.turns.in_units(1),
        UncertainInput::Steps => feature.steps.count.in_units(1),
        UncertainInput::Call => feature.steps.call.in_units(MICRO),
        UncertainInput::Result => feature.steps.result.in_units(MICRO),
        UncertainInput::Passages => passages.in_units(MICRO),
        UncertainInput::Attachments => attachments,
        UncertainInput::Also => Range::default(),
        UncertainInput::HitRate => hit_rate.in_units(WHOLE),
        UncertainInput::Failures => feature.retries.failure_rate.in_units(WHOLE),
        UncertainInput::Tokens => Range::default(),
    };
    let mut list = [Range::default(); INPUTS];
    list.iter_mut().zip(UncertainInput::ALL).for_each(|(slot, input)| *slot = of(*input));
    Ranges { of: list, calls: feature.calls.rate, growth: feature.growth.clone() }
}

impl Ranges {
    /// The range of an input in its own units.
    #[must_use]
    pub const fn fixed(&self, input: UncertainInput) -> Range<i64> {
        self.of[input as usize]
    }

    /// A whole number at a place of its range; a draw between two whole numbers is one of them, so that the mean stays.
    pub(super) fn whole(&self, input: UncertainInput, at: At) -> i64 {
        let range = self.fixed(input);
        let At::Share(share) = at else { return range.at(at) };
        let drawn = ramp(range.low as f64, range.expected as f64, range.high as f64, share);
        // The digits behind those that place the draw are as random as a number of their own.
        let coin = (share * 1_048_573.0).fract();
        let below = drawn.floor();
        (below as i64).saturating_add(i64::from(coin < drawn - below)).clamp(range.low, range.high)
    }
}
