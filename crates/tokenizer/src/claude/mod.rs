//! Claude 3 and later, counted with vocabularies that were reconstructed from measured counts.
//!
//! Anthropic publishes no tokenizer for these models. Sander Land's ctok recovered two generations of pieces from
//! counts that the vendor's API gave (see `data/vocab/claude/README.md`); it is unofficial, and so is this. The counts
//! met every recorded one that we could check, and are labelled [`Basis::Reconstructed`] with a range of 1 % and at
//! least two tokens, because a model may change without notice.
//!
//! Nothing is merged: a text is written with marks for words and capitals (`marks`), and costs the least number of
//! pieces that write the same (`vocab`). Both take time that grows with the length of the text and no faster.
//!
//! [`Claude`] counts what a text adds to a message; [`message_tokens`] counts a whole message of one user.

mod chars;
mod marks;
mod memo;
mod vocab;

use std::sync::{Arc, LazyLock};

use super::cut::{self, Cuts};
use super::{Basis, TokenCount, Tokenizer};
use marks::{Before, MarkRules};
use vocab::Vocabulary;

/// One generation of tokenizers: its name, its rules, and its vocabulary, which is unpacked when it is first asked for.
pub(crate) struct ClaudeGeneration {
    name: &'static str,
    rules: MarkRules,
    frame: Frame,
    vocabulary: LazyLock<Option<Vocabulary>>,
}

/// Claude 3 to Opus and Sonnet 4.6, Haiku 4.5.
pub(crate) static V3: ClaudeGeneration = ClaudeGeneration {
    name: "claude_v3",
    rules: MarkRules { straight_quotes: true, caps: true },
    frame: Frame::V3,
    vocabulary: LazyLock::new(|| Vocabulary::unpack(farebox_data::CLAUDE_V3).ok()),
};

/// Claude Opus 4.7 and later.
pub(crate) static V4_7: ClaudeGeneration = ClaudeGeneration {
    name: "claude_v4_7",
    rules: MarkRules { straight_quotes: false, caps: false },
    frame: Frame::Opus47,
    vocabulary: LazyLock::new(|| Vocabulary::unpack(farebox_data::CLAUDE_V4_7).ok()),
};

/// What is around the text of a message that a user sends alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// Claude 3 to Opus and Sonnet 4.6, Haiku 4.5.
    V3,
    /// Opus 4.7.
    Opus47,
    /// Opus 4.8, Sonnet 5 and later models.
    V48,
}

impl Frame {
    /// Tokens of the frame itself.
    ///
    /// # Source
    /// Measured by ctok: the message `a` costs 8, 12 and 7 tokens, one of which is the letter.
    #[must_use]
    pub const fn tokens(self) -> u64 {
        match self {
            Frame::V3 => 7,
            Frame::Opus47 => 11,
            Frame::V48 => 6,
        }
    }

    fn generation(self) -> &'static ClaudeGeneration {
        match self {
            Frame::V3 => &V3,
            Frame::Opus47 | Frame::V48 => &V4_7,
        }
    }

    const fn before(self) -> Before {
        match self {
            Frame::V3 | Frame::Opus47 => Before::OpenFrame,
            Frame::V48 => Before::Frame,
        }
    }
}

/// Counts one message of a user with its frame, as the vendor's API counts a request that has nothing else.
///
/// * `text`: the content of the message. The frame and the text meet: newlines at the end are nearly free, and the
///   first two frames take in one space at the beginning.
/// * returns: tokens of frame and text, with the range of the text's count. An empty message costs its frame, and one
///   token more where the frame leaves a word open; the API takes none.
///
/// # Examples
/// ```
/// use farebox_tokenizer::claude::{Frame, message_tokens};
/// assert_eq!(message_tokens("a", Frame::V3).tokens, 8);
/// assert_eq!(message_tokens("hello, world", Frame::Opus47).tokens, 15);
/// assert_eq!(message_tokens("hello, world\n\n", Frame::V48).tokens, 10);
/// ```
#[must_use]
pub fn message_tokens(text: &str, frame: Frame) -> TokenCount {
    let counter = Claude { generation: frame.generation(), frame };
    let mut count = counter.count_from(text, frame.before());
    let tokens = frame.tokens();
    count += TokenCount { tokens, low: tokens, high: tokens, basis: Basis::Reconstructed };
    count
}

/// Counts what a text adds to the frame of a message: the tokens of the message less those of [`Frame::tokens`].
///
/// `claude_v4_7` counts behind the frame of Opus 4.7. Behind the one of later models a text that begins with a digit,
/// an ideograph or white space costs one token less or more, which is within the range.
#[derive(Clone, Copy)]
pub(crate) struct Claude {
    generation: &'static ClaudeGeneration,
    frame: Frame,
}

impl Claude {
    /// Counts with this generation, shared.
    #[must_use]
    pub(crate) fn shared(generation: &'static ClaudeGeneration) -> Arc<dyn Tokenizer> {
        Arc::new(Claude { generation, frame: generation.frame })
    }

    fn count_from(&self, text: &str, mut before: Before) -> TokenCount {
        cut::count_parts(text, Cuts::Words, |part| {
            let count = self.count_one(part, before);
            before = Before::Part;
            count
        })
    }

    fn count_one(&self, part: &str, before: Before) -> TokenCount {
        let Some(vocabulary) = LazyLock::force(&self.generation.vocabulary) else {
            // A test unpacks both vocabularies; were one damaged all the same, this range would hold.
            let most = part.len() as u64 + 2;
            return TokenCount { tokens: most / 4, low: 0, high: most, basis: Basis::Estimated };
        };
        let tokens = marks::cost(vocabulary, self.generation.rules, before, part);
        if part.is_empty() {
            return TokenCount { tokens, low: tokens, high: tokens, basis: Basis::Reconstructed };
        }
        // Rounded up to one in a hundred, and two at least.
        let margin = tokens.div_ceil(100).max(2);
        TokenCount { tokens, low: tokens.saturating_sub(margin), high: tokens + margin, basis: Basis::Reconstructed }
    }
}

impl Tokenizer for Claude {
    fn name(&self) -> &str {
        self.generation.name
    }

    fn count(&self, text: &str) -> TokenCount {
        if text.is_empty() {
            return TokenCount { basis: Basis::Reconstructed, ..TokenCount::default() };
        }
        self.count_from(text, self.frame.before())
    }

    fn count_rest(&self, part: &str) -> TokenCount {
        if part.is_empty() {
            return TokenCount { basis: Basis::Reconstructed, ..TokenCount::default() };
        }
        self.count_from(part, Before::Part)
    }

    fn cuts(&self) -> Cuts {
        Cuts::Words
    }

    fn basis(&self) -> Basis {
        Basis::Reconstructed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAMES: [Frame; 3] = [Frame::V3, Frame::Opus47, Frame::V48];

    fn cost(frame: Frame, before: Before, text: &str) -> u64 {
        let generation = frame.generation();
        let vocabulary = LazyLock::force(&generation.vocabulary).as_ref().expect("unpacks");
        marks::cost(vocabulary, generation.rules, before, text)
    }

    /// Text that has every kind of run, close together.
    fn text() -> impl Strategy<Value = String> {
        let unit = prop_oneof![
            4 => "[a-cA-C]{1,6}",
            3 => "[ \n\t]{1,3}",
            2 => "[0-9]{1,4}",
            3 => "[.,'\"!()=_-]{1,3}",
            1 => "(HTTP|Hello|it's|we'll| 's|'Tis|İZ|ẞA)",
            1 => "[あ漢字、。（？한글яЖéñקمि์]{1,4}",
            1 => "[\u{301}\u{308}\u{fe0f}\u{200d}\u{e4d}\u{e32}\u{711}\u{0}\u{1}\u{a0}\u{e000}½²٣👍’]{1,2}",
            1 => "\\PC",
        ];
        prop::collection::vec(unit, 0..24).prop_map(|units| units.concat())
    }

    proptest! {
        #![proptest_config(farebox_testing::laws::cases(128))]
        #[test]
        fn parts_add_up_to_the_whole(text in text()) {
            for frame in FRAMES {
                let whole = cost(frame, frame.before(), &text);
                let places = text.char_indices().zip(text.chars().skip(1));
                for ((at, before), after) in places {
                    if !cut::is_border(before, after, Cuts::Words) {
                        continue;
                    }
                    let (head, tail) = text.split_at(at + before.len_utf8());
                    let sum = cost(frame, frame.before(), head) + cost(frame, Before::Part, tail);
                    prop_assert_eq!(sum, whole, "{:?} {:?} | {:?}", frame, head, tail);
                }
            }
        }
    }

    #[test]
    fn monotonous_text_takes_a_few_steps_a_byte() {
        let work = |generation, text: &str| {
            vocab::WORK.set(0);
            assert!(Claude::shared(generation).count(text).tokens > 0);
            vocab::WORK.get()
        };
        let long = |unit: &str| unit.repeat((1 << 17) / unit.len());
        // Line ends take the most, 17 steps a byte; work in the square of the text would take thousands.
        let limit = 40 << 17;
        for generation in [&V3, &V4_7] {
            for unit in [
                "a",
                "A",
                " ",
                "\n",
                ".",
                "-",
                "\u{5b57}",
                "7",
                "\u{301}",
                "e\u{301}",
                "0123456789",
                " \n",
                "\u{1f44d}",
            ] {
                let took = work(generation, &long(unit));
                assert!(took <= limit, "{} {unit:?}: {took} steps, {limit} at most", generation.name);
            }
        }
    }

    #[test]
    fn what_a_space_follows_at_a_border_is_a_word() {
        let letters = (0..=0xffff).filter_map(char::from_u32);
        for c in letters.filter(|c| cut::is_border(*c, ' ', Cuts::Words)) {
            assert_eq!(chars::flags(c).kind(), chars::CharKind::Word, "{c:?}");
        }
    }

    #[test]
    fn a_damaged_vocabulary_is_refused() {
        for bytes in [&b""[..], b"no zlib", &farebox_data::CLAUDE_V4_7[..9_000]] {
            assert!(Vocabulary::unpack(bytes).is_err());
        }
    }
}
