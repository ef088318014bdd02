//! What is inside of what, where a form leaves it open: the stated total decides.
//!
//! Libraries and gateways pass counts on without saying whether cached tokens are a part of the prompt or stand next to it,
//! and the same of thinking and the answer, and of the results of tools and the prompt. [`NestedCounts::wholes`] makes both sides whole, whatever the reading is.

/// The counts of a request as they are written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NestedCounts {
    /// The prompt, perhaps with the cached tokens in it.
    pub prompt: u64,
    /// What was read from a cache or written to one.
    pub cached: u64,
    /// The answer, perhaps with the thinking in it.
    pub answer: u64,
    /// Thinking.
    pub thinking: u64,
    /// What tools handed to the model, perhaps in the prompt.
    pub tools: u64,
    /// The sum that is stated; 0 where none is.
    pub total: u64,
    /// What the form means, as far as is known.
    pub usually: Beside,
    /// Whether the form is known to leave out thoughts, so that they only show in the total.
    pub may_hide_thoughts: bool,
}

/// What stands next to its whole rather than in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    /// Cached tokens, next to the prompt.
    pub cache: bool,
    /// Thinking, next to the answer.
    pub thinking: bool,
    /// Results of tools, next to the prompt.
    pub tools: bool,
}

/// Both sides with all of their parts in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wholes {
    /// The prompt with its cached tokens and with the results of tools.
    pub prompt: u64,
    /// The answer with its thinking.
    pub answer: u64,
    /// The thinking.
    pub thinking: u64,
    /// By how much the total exceeds what was read, where nothing explains it, or several readings do.
    pub unexplained: u64,
}

impl NestedCounts {
    /// Both sides as wholes: by what the form means where the total agrees or none is stated, and otherwise by the one
    /// reading that makes the total right.
    pub(crate) fn wholes(self) -> Wholes {
        let usual = self.possible(self.usually);
        if self.total == 0 || self.total == self.sum(usual) {
            return self.as_read(usual, 0);
        }
        let mut right = self.readings().filter(|reading| self.fits(*reading) && self.sum(*reading) == self.total);
        match (right.next(), right.next()) {
            (Some(reading), None) => self.as_read(reading, 0),
            (Some(_), Some(_)) => self.as_read(usual, self.total.saturating_sub(self.sum(usual))),
            (None, _) => {
                let more = self.total.saturating_sub(self.sum(usual));
                // A total alone says nothing of thoughts.
                let has_counts = self.prompt.saturating_add(self.answer) > 0;
                if self.may_hide_thoughts && has_counts && self.thinking == 0 {
                    let wholes = self.as_read(usual, 0);
                    return Wholes { answer: wholes.answer.saturating_add(more), thinking: more, ..wholes };
                }
                self.as_read(usual, more)
            }
        }
    }

    /// The readings that differ.
    fn readings(self) -> impl Iterator<Item = Beside> {
        let all = (0..8_u8).map(|bits| Beside { cache: bits & 1 > 0, thinking: bits & 2 > 0, tools: bits & 4 > 0 });
        all.filter(move |beside| {
            (!beside.cache || self.cached > 0)
                && (!beside.thinking || self.thinking > 0)
                && (!beside.tools || self.tools > 0)
        })
    }

    /// A reading without what cannot be: what is larger than its whole stands next to it.
    fn possible(self, reading: Beside) -> Beside {
        Beside {
            cache: reading.cache || self.cached > self.prompt,
            thinking: reading.thinking || self.thinking > self.answer && !self.is_miscounted(),
            tools: reading.tools || self.tools > self.prompt,
        }
    }

    fn fits(self, reading: Beside) -> bool {
        self.possible(reading) == reading
    }

    /// Some servers count the mark that ends the thinking with it, and so one token more than the whole answer.
    fn is_miscounted(self) -> bool {
        self.thinking == self.answer.saturating_add(1) && self.answer > 0
    }

    fn sum(self, reading: Beside) -> u64 {
        let Wholes { prompt, answer, .. } = self.as_read(reading, 0);
        prompt.saturating_add(answer)
    }

    fn as_read(self, reading: Beside, unexplained: u64) -> Wholes {
        let beside = |is_beside: bool, part: u64| if is_beside { part } else { 0 };
        let cached = beside(reading.cache, self.cached);
        let prompt = self.prompt.saturating_add(cached).saturating_add(beside(reading.tools, self.tools));
        let answer = self.answer.saturating_add(beside(reading.thinking, self.thinking));
        Wholes { prompt, answer, thinking: self.thinking.min(answer), unexplained }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(prompt: u64, cached: u64, answer: u64, thinking: u64, total: u64) -> (u64, u64, u64, u64) {
        let counts = NestedCounts { prompt, cached, answer, thinking, total, ..NestedCounts::default() };
        let Wholes { prompt, answer, thinking, unexplained } = counts.wholes();
        (prompt, answer, thinking, unexplained)
    }

    #[test]
    fn the_total_decides_what_stands_inside() {
        // prompt, cached, answer, thinking, total
        assert_eq!(read(100, 40, 20, 5, 120), (100, 20, 5, 0), "both inside");
        assert_eq!(read(100, 40, 20, 5, 160), (140, 20, 5, 0), "the cache beside");
        assert_eq!(read(100, 40, 20, 5, 125), (100, 25, 5, 0), "thinking beside");
        assert_eq!(read(100, 40, 20, 5, 165), (140, 25, 5, 0), "both beside");
        assert_eq!(read(100, 40, 20, 40, 160), (100, 60, 40, 0), "more thinking than answer can only stand beside");
    }

    #[test]
    fn results_of_tools_stand_where_the_total_says() {
        let gemini = Beside { thinking: true, tools: true, ..Beside::default() };
        let read = |total: u64| {
            let counts = NestedCounts {
                prompt: 90,
                answer: 7,
                thinking: 3,
                tools: 5,
                usually: gemini,
                total,
                ..Default::default()
            };
            let Wholes { prompt, answer, unexplained, .. } = counts.wholes();
            (prompt, answer, unexplained)
        };
        assert_eq!(read(0), (95, 10, 0), "as Gemini means it");
        assert_eq!(read(105), (95, 10, 0));
        assert_eq!(read(102), (95, 7, 0), "thinking inside");
        assert_eq!(read(100), (90, 10, 0), "results of tools inside");
        assert_eq!(read(97), (90, 7, 0), "both inside");
        assert_eq!(read(150), (95, 10, 45));
    }

    #[test]
    fn what_is_larger_than_its_whole_stands_beside_it() {
        assert_eq!(read(5, 130, 500, 0, 0), (135, 500, 0, 0));
        assert_eq!(read(341, 0, 15, 3347, 3703), (341, 3362, 3347, 0));
        assert_eq!(read(31, 1253, 467, 0, 498), (1284, 467, 0, 0), "a total without the cache");
        assert_eq!(read(20, 0, 77, 78, 97), (20, 77, 77, 0), "one token of thinking too many");
    }

    #[test]
    fn what_nothing_explains_is_said_and_not_guessed() {
        assert_eq!(read(20, 0, 198, 0, 623), (20, 198, 0, 405));
        assert_eq!(read(100, 40, 60, 40, 200), (100, 60, 40, 40), "two readings are right");
        let hidden =
            NestedCounts { prompt: 20, answer: 198, total: 623, may_hide_thoughts: true, ..Default::default() };
        assert_eq!(hidden.wholes(), Wholes { prompt: 20, answer: 603, thinking: 405, unexplained: 0 });
        let beside = Beside { thinking: true, ..Beside::default() };
        let xai = NestedCounts { prompt: 616, answer: 9, thinking: 94, usually: beside, ..Default::default() };
        assert_eq!(NestedCounts { total: 719, ..xai }.wholes().answer, 103);
        assert_eq!(
            NestedCounts { total: 625, answer: 9, thinking: 4, ..xai }.wholes().answer,
            9,
            "inside by the total"
        );
    }
}
