//! How many tokens one tokenizer makes of what another made so many of: [`Ratio`].
//!
//! The ratio is measured on texts, best on those that the tokens were of. Where they are not to be had, [`samples`] stand
//! for them: a text for each kind, of which the user names those that are like their own. Whole numbers only: what is
//! scaled is billed.

use std::sync::LazyLock;

use serde::Deserialize;

use super::TokenCount;

/// Tokens of one tokenizer for tokens of another: expected, and the least and most that held for any of the texts.
///
/// # Examples
/// ```
/// use farebox_tokenizer::{load, ratio::Ratio};
/// let (from, to) = (load("o200k_base")?, load("cl100k_base")?);
/// let texts = ["The quick brown fox.", "Der schnelle braune Fuchs."];
/// let ratio = Ratio::measured(texts, |text| from.count(text), |text| to.count(text)).unwrap();
/// let tokens = ratio.scaled(1_000);
/// assert!(tokens.low <= tokens.tokens && tokens.tokens <= tokens.high);
/// # Ok::<(), farebox_tokenizer::TokenizerError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    expected: Fraction,
    low: Fraction,
    high: Fraction,
    /// How many texts it was measured on; 0 for [`Ratio::SAME`].
    pub texts: usize,
    /// How many tokens of the first tokenizer they had.
    pub tokens: u64,
}

/// `to` tokens for `from` tokens, `from` above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fraction {
    to: u64,
    from: u64,
}

impl Fraction {
    const ONE: Fraction = Fraction { to: 1, from: 1 };

    fn is_less(self, other: Fraction) -> bool {
        u128::from(self.to) * u128::from(other.from) < u128::from(other.to) * u128::from(self.from)
    }

    /// The product, `more` being what is added before the division: 0 rounds down, `from - 1` up.
    fn times(self, tokens: u64, more: u64) -> u64 {
        let product = u128::from(tokens) * u128::from(self.to) + u128::from(more);
        u64::try_from(product / u128::from(self.from)).unwrap_or(u64::MAX)
    }
}

impl Ratio {
    /// One tokenizer, and so one count.
    pub const SAME: Ratio =
        Ratio { expected: Fraction::ONE, low: Fraction::ONE, high: Fraction::ONE, texts: 0, tokens: 0 };

    /// Measures on texts; `None` where none of them has a token.
    ///
    /// What is uncertain in a count widens the range.
    pub fn measured<'t>(
        texts: impl IntoIterator<Item = &'t str>,
        from: impl Fn(&str) -> TokenCount,
        to: impl Fn(&str) -> TokenCount,
    ) -> Option<Ratio> {
        let mut ratio: Option<Ratio> = None;
        for text in texts {
            let (from, to) = (from(text), to(text));
            if from.low == 0 {
                continue;
            }
            let low = Fraction { to: to.low, from: from.high };
            let high = Fraction { to: to.high, from: from.low };
            let expected = Fraction { to: to.tokens, from: from.tokens };
            let all =
                ratio.get_or_insert(Ratio { expected: Fraction { to: 0, from: 0 }, low, high, texts: 0, tokens: 0 });
            all.expected = Fraction {
                to: all.expected.to.saturating_add(expected.to),
                from: all.expected.from.saturating_add(expected.from),
            };
            all.low = if low.is_less(all.low) { low } else { all.low };
            all.high = if all.high.is_less(high) { high } else { all.high };
            all.texts += 1;
            all.tokens = all.expected.from;
        }
        ratio
    }

    /// So many tokens of the first tokenizer, in tokens of the second: rounded to the nearest, the bounds outwards.
    #[must_use]
    pub fn scaled(self, tokens: u64) -> Scaled {
        Scaled {
            low: self.low.times(tokens, 0),
            tokens: self.expected.times(tokens, self.expected.from / 2),
            high: self.high.times(tokens, self.high.from - 1),
        }
    }
}

/// Tokens that were scaled: `low ≤ tokens ≤ high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaled {
    /// The least.
    pub low: u64,
    /// The expected number.
    pub tokens: u64,
    /// The most.
    pub high: u64,
}

/// A text that stands for others of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Sample {
    /// What kind of text it is: `english`, `code`, `german` …
    #[serde(rename = "class")]
    pub kind: String,
    /// The text.
    pub text: String,
}

/// Kinds that stand for a log whose kind is not known: what most requests hold.
pub const USUAL: [&str; 4] = ["english", "technical", "code", "data"];

/// Texts of every kind.
#[must_use]
pub fn samples() -> &'static [Sample] {
    static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
        let of = |kind: &str, text: &str| Sample { kind: kind.to_owned(), text: text.to_owned() };
        let mut samples: Vec<Sample> = farebox_data::SAMPLES.iter().map(|(kind, text)| of(kind, text)).collect();
        // A file of this repository: a line that is not a sample would be left out, and a test says that none is.
        let lines = farebox_data::LANGUAGES.lines();
        samples.extend(lines.filter_map(|line| serde_json::from_str::<Sample>(line).ok()));
        samples
    });
    &SAMPLES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load;
    use proptest::prelude::*;

    #[test]
    fn every_line_is_a_sample_and_every_usual_kind_has_one() {
        assert_eq!(samples().len(), farebox_data::SAMPLES.len() + farebox_data::LANGUAGES.lines().count());
        for kind in USUAL {
            assert!(samples().iter().any(|sample| sample.kind == kind && sample.text.len() > 500), "{kind}");
        }
    }

    #[test]
    fn a_ratio_holds_for_every_text_it_was_measured_on() {
        let (from, to) = (load("o200k_base").unwrap(), load("claude_v3").unwrap());
        let texts = || samples().iter().map(|sample| sample.text.as_str());
        let ratio = Ratio::measured(texts(), |t| from.count(t), |t| to.count(t)).unwrap();
        assert_eq!(ratio.texts, samples().len());
        for text in texts() {
            let (from, to) = (from.count(text), to.count(text));
            let scaled = ratio.scaled(from.tokens);
            assert!(scaled.low <= to.low && to.high <= scaled.high, "{from:?} {to:?} {scaled:?}");
        }
    }

    #[test]
    fn no_text_is_no_ratio() {
        assert_eq!(Ratio::measured([""], |_| TokenCount::exact(0), |_| TokenCount::exact(0)), None);
    }

    proptest! {
        #[test]
        fn low_is_never_above_high(counts in prop::collection::vec((1_u64..5_000, 0_u64..5_000), 1..9), tokens: u64) {
            let texts: Vec<String> = (0..counts.len()).map(|i| i.to_string()).collect();
            let of = |text: &str| counts[text.parse::<usize>().unwrap()];
            let texts = texts.iter().map(String::as_str);
            let ratio = Ratio::measured(texts, |t| TokenCount::exact(of(t).0), |t| TokenCount::exact(of(t).1)).unwrap();
            let scaled = ratio.scaled(tokens);
            prop_assert!(scaled.low <= scaled.tokens && scaled.tokens <= scaled.high, "{ratio:?} {scaled:?}");
            prop_assert_eq!(Ratio::SAME.scaled(tokens), Scaled { low: tokens, tokens, high: tokens });
        }
    }
}
