//! `count --verify`: the second count, where it first differs, and the verdict.

use std::cell::Cell;

use super::{plural, say};
use crate::cli::error::Error;
use farebox::tokenizer::Tokenizer;
use farebox::tokenizer::reference::{Reference, ReferenceError};

/// A reference, and what came of it.
pub(crate) struct Second {
    name: String,
    reference: Reference,
    texts: Cell<u64>,
    failed: Cell<u64>,
}

impl Second {
    /// The reference of a tokenizer.
    ///
    /// # Errors
    /// [`Error::Usage`] where nothing else in this build counts with it.
    pub fn of(tokenizer: &dyn Tokenizer) -> Result<Second, Error> {
        let name = tokenizer.name().to_owned();
        let reference = Reference::of(&name).map_err(|error| Error::Usage(error.to_string()))?;
        Ok(Second { name, reference, texts: Cell::new(0), failed: Cell::new(0) })
    }

    /// Counts a text again, whole, and says on stderr where the counts differ.
    ///
    /// * `line`: the line of the file on which the text begins.
    pub fn check(&self, source: &str, line: u64, tokenizer: &dyn Tokenizer, text: &str) {
        self.texts.set(self.texts.get() + 1);
        let (name, by) = (&self.name, self.reference.crate_name());
        let ours = |text: &str| tokenizer.count(text).tokens;
        let problem = match first_difference(text, ours, |text| self.reference.count(text)) {
            Ok(None) => return,
            Ok(Some(Difference { at, ours, theirs })) => {
                let line = line + text[..at].bytes().filter(|byte| *byte == b'\n').count() as u64;
                format!("{source}:{line}: {name} counts {ours} tokens and {by} {theirs}; they differ from byte {at} on")
            }
            Err(error) => format!("{source}: {name} cannot be verified with {by}: {error}"),
        };
        self.failed.set(self.failed.get() + 1);
        say(&format!("error: {problem}"));
    }
}

/// The verdict over all references.
///
/// # Errors
/// [`Error::Failed`] where a count differed or could not be compared.
pub(crate) fn judge<'a>(seconds: impl Iterator<Item = &'a Second>, quiet: bool) -> Result<(), Error> {
    let mut failed = 0;
    for second in seconds {
        failed += second.failed.get();
        if second.failed.get() == 0 && !quiet {
            let (name, by, texts) = (&second.name, second.reference.crate_name(), plural(second.texts.get(), "text"));
            say(&format!("note: {name} was counted again with {by}: {texts}, no difference"));
        }
    }
    if failed == 0 {
        Ok(())
    } else {
        let were = if failed == 1 { "was" } else { "were" };
        Err(Error::Failed(format!("{} {were} not confirmed by the reference", plural(failed, "count"))))
    }
}

/// Two counts of a whole text, and where it first makes them differ.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    /// Offset of a character: the text up to it counts alike, and with it no more.
    at: usize,
    ours: u64,
    theirs: u64,
}

fn first_difference(
    text: &str,
    ours: impl Fn(&str) -> u64,
    theirs: impl Fn(&str) -> Result<u64, ReferenceError>,
) -> Result<Option<Difference>, ReferenceError> {
    let (a, b) = (ours(text), theirs(text)?);
    if a == b {
        return Ok(None);
    }
    // Up to `same` the counts agree and up to `other` they do not; the two close in on one character.
    let (mut same, mut other) = (0, text.len());
    while let Some((at, _)) = text[same..other].char_indices().nth(1) {
        let middle = farebox::tokenizer::cut::floor_char_boundary(text, same + (other - same) / 2).max(same + at);
        if ours(&text[..middle]) == theirs(&text[..middle])? {
            same = middle;
        } else {
            other = middle;
        }
    }
    Ok(Some(Difference { at: same, ours: a, theirs: b }))
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
