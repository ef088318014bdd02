//! What was counted of requests that can return in another file: [`Told`].

use crate::meter::{Meter, MeterRole, Side};
use crate::usage::Usage;

/// What a request told when it was counted, in 16 bytes: its prompt but for what a cache gave or took, what was read from a
/// cache, what was written to one, and its answer. Tokens beyond four billion count as four billion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told([u32; 4]);

/// What a copy of a request says next to what was counted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CopyVerdict {
    /// The same.
    Same,
    /// No more of anything, and less of something: it was written before the answer ended.
    Earlier,
    /// No less of anything, and this much more.
    Later(Usage),
    /// More of one thing and less of another.
    Contrary,
}

/// Which of the numbers a meter is in.
fn place(meter: Meter) -> Option<usize> {
    match (meter.side(), meter.role()) {
        (Side::Prompt, MeterRole::CacheRead) => Some(1),
        (Side::Prompt, MeterRole::CacheWrite) => Some(2),
        (Side::Prompt, _) => Some(0),
        (Side::Answer, _) => Some(3),
        (Side::Beside, _) => None,
    }
}

impl Told {
    pub(super) fn of(usage: &Usage) -> Self {
        let mut sums = [0_u64; 4];
        for (meter, _) in usage.used() {
            if let Some(sum) = place(meter).and_then(|place| sums.get_mut(place)) {
                *sum = sum.saturating_add(usage.tokens(meter));
            }
        }
        Told(sums.map(|sum| u32::try_from(sum).unwrap_or(u32::MAX)))
    }

    /// Holds a copy against it, and keeps what the copy says where it says more.
    pub(super) fn again(&mut self, usage: &Usage) -> CopyVerdict {
        let now = Told::of(usage);
        let pairs = || self.0.iter().zip(now.0);
        match (pairs().any(|(told, now)| now > *told), pairs().any(|(told, now)| now < *told)) {
            (false, false) => CopyVerdict::Same,
            (false, true) => CopyVerdict::Earlier,
            (true, true) => CopyVerdict::Contrary,
            (true, false) => {
                let more = self.beyond(usage, now);
                *self = now;
                CopyVerdict::Later(more)
            }
        }
    }

    /// What a copy says beyond it. Which of the meters that share a number it is of is not kept: the first ones.
    fn beyond(self, usage: &Usage, now: Told) -> Usage {
        let mut left = now.0;
        left.iter_mut().zip(self.0).for_each(|(now, told)| *now -= told);
        let mut more = Usage::default();
        for (meter, _) in usage.used() {
            let Some(left) = place(meter).and_then(|place| left.get_mut(place)) else { continue };
            let tokens = usage.tokens(meter).min(u64::from(*left));
            *left -= u32::try_from(tokens).unwrap_or(*left);
            more.set_tokens(meter, tokens);
        }
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(counts: [u64; 4]) -> Usage {
        let mut usage = Usage::default();
        let meters = [Meter::Input, Meter::CacheRead, Meter::CacheWrite5m, Meter::Output];
        meters.into_iter().zip(counts).for_each(|(meter, tokens)| usage.set_tokens(meter, tokens));
        usage
    }

    #[test]
    fn a_copy_that_says_more_counts_for_what_it_has_beyond() {
        let mut told = Told::of(&usage([10, 500, 30, 7]));
        assert_eq!(told.again(&usage([10, 500, 30, 7])), CopyVerdict::Same);
        assert_eq!(told.again(&usage([10, 500, 30, 1])), CopyVerdict::Earlier);
        assert_eq!(told.again(&usage([10, 500, 30, 90])), CopyVerdict::Later(usage([0, 0, 0, 83])));
        assert_eq!(told.again(&usage([10, 500, 30, 90])), CopyVerdict::Same);
        assert_eq!(told.again(&usage([510, 0, 30, 90])), CopyVerdict::Contrary);
        // Thinking is a part of the answer.
        let mut thought = usage([10, 500, 30, 90]);
        thought.set_tokens(Meter::Reasoning, 5);
        assert!(matches!(told.again(&thought), CopyVerdict::Later(more) if more.answer_tokens() == 5));
    }

    #[test]
    fn what_is_larger_than_any_request_does_not_overflow() {
        let mut told = Told::of(&usage([u64::MAX, 0, 0, 1]));
        assert_eq!(
            told.again(&usage([u64::MAX, 0, 0, u64::MAX])),
            CopyVerdict::Later(usage([0, 0, 0, u64::from(u32::MAX) - 1]))
        );
    }
}
