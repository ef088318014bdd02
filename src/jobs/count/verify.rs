//! The second count of `--verify`: where it first differs, and the verdict.

use std::cell::Cell;

use crate::jobs::{JobError, plural};
use crate::tokenizer::Tokenizer;
use crate::tokenizer::cut::floor_char_boundary;

type CountText = dyn Fn(&str) -> Result<u64, String>;

/// A slow counter that is independent of ours, and what came of it.
pub(super) struct SecondCount {
    name: String,
    by: &'static str,
    count: Box<CountText>,
    texts: Cell<u64>,
    failed: Cell<u64>,
}

impl SecondCount {
    /// The second counter of a tokenizer.
    ///
    /// # Errors
    /// [`JobError::Asked`] where nothing else in this build counts with it.
    pub(crate) fn of(tokenizer: &dyn Tokenizer) -> Result<SecondCount, JobError> {
        let name = tokenizer.name().to_owned();
        let (by, count) = second(&name)?;
        Ok(SecondCount { name, by, count, texts: Cell::new(0), failed: Cell::new(0) })
    }

    /// Counts a text again, whole, and says where the counts differ.
    ///
    /// * `line`: the line of the file on which the text begins.
    pub(crate) fn check(
        &self,
        source: &str,
        line: u64,
        tokenizer: &dyn Tokenizer,
        text: &str,
        say: &mut dyn FnMut(&str),
    ) {
        self.texts.set(self.texts.get() + 1);
        let (name, by) = (&self.name, self.by);
        let ours = |text: &str| tokenizer.count(text).tokens;
        let problem = match first_difference(text, ours, &self.count) {
            Ok(None) => return,
            Ok(Some(VerifyDifference { at, ours, theirs })) => {
                let line = line + text[..at].bytes().filter(|byte| *byte == b'\n').count() as u64;
                format!("{source}:{line}: {name} counts {ours} tokens and {by} {theirs}; they differ from byte {at} on")
            }
            Err(error) => format!("{source}: {name} cannot be verified with {by}: {error}"),
        };
        self.failed.set(self.failed.get() + 1);
        say(&format!("error: {problem}"));
    }
}

#[cfg(feature = "reference")]
fn second(name: &str) -> Result<(&'static str, Box<CountText>), JobError> {
    let reference = crate::tokenizer::reference::Reference::of(name)?;
    let by = reference.crate_name();
    Ok((by, Box::new(move |text| reference.count(text).map_err(|error| error.to_string()))))
}

#[cfg(not(feature = "reference"))]
fn second(name: &str) -> Result<(&'static str, Box<CountText>), JobError> {
    Err(JobError::asked(
        format!("{name} cannot be verified: no second implementation of it is in this build"),
        "leave --verify out; `farebox tokenizers` says what its counts rest on",
    ))
}

/// What came of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// What was counted again without a difference, a line each.
    pub confirmed: Vec<String>,
    /// What was not confirmed.
    pub failure: Option<String>,
}

/// The verdict over all second counts.
pub(super) fn judge<'a>(seconds: impl Iterator<Item = &'a SecondCount>) -> Verification {
    let (mut failed, mut confirmed) = (0, Vec::new());
    for second in seconds {
        failed += second.failed.get();
        if second.failed.get() == 0 {
            let (name, by, texts) = (&second.name, second.by, plural(second.texts.get(), "text"));
            confirmed.push(format!("{name} was counted again with {by}: {texts}, no difference"));
        }
    }
    let were = if failed == 1 { "was" } else { "were" };
    let failure = || format!("{} {were} not confirmed by the reference", plural(failed, "count"));
    Verification { confirmed, failure: (failed > 0).then(failure) }
}

/// Two counts of a whole text, and where it first makes them differ.
#[derive(Debug, PartialEq, Eq)]
struct VerifyDifference {
    /// Offset of a character: the text up to it counts alike, and with it no more.
    at: usize,
    ours: u64,
    theirs: u64,
}

fn first_difference(
    text: &str,
    ours: impl Fn(&str) -> u64,
    theirs: impl Fn(&str) -> Result<u64, String>,
) -> Result<Option<VerifyDifference>, String> {
    let (a, b) = (ours(text), theirs(text)?);
    if a == b {
        return Ok(None);
    }
    // Up to `same` the counts agree and up to `other` they do not; the two close in on one character.
    let (mut same, mut other) = (0, text.len());
    while let Some((at, _)) = text[same..other].char_indices().nth(1) {
        let middle = floor_char_boundary(text, same + (other - same) / 2).max(same + at);
        if ours(&text[..middle]) == theirs(&text[..middle])? {
            same = middle;
        } else {
            other = middle;
        }
    }
    Ok(Some(VerifyDifference { at: same, ours: a, theirs: b }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_the_character_that_makes_it() {
        let ours = |text: &str| text.chars().count() as u64;
        let theirs = |text: &str| Ok(text.chars().map(|c| if c == '\u{e9}' { 2 } else { 1 }).sum());
        assert_eq!(first_difference("a\u{4f60}b", ours, theirs).unwrap(), None);
        let difference = first_difference("a\u{4f60}b\u{e9}c\u{e9}", ours, theirs).unwrap().unwrap();
        assert!([5, 8].contains(&difference.at), "{difference:?}");
        assert_eq!((difference.ours, difference.theirs), (6, 8));
        assert_eq!(first_difference("\u{e9}", ours, theirs).unwrap().unwrap().at, 0);
    }
}
