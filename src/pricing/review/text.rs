//! Price files as text while they are edited: pieces to replace, places in lines, and what is left to a person.

use std::ops::Range;

use crate::pricing::compile::{PriceFile, Provider, Use, compile};
use crate::pricing::problem::{Problem, Severity};

/// Something that is left to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The model as `provider/model`, or the provider.
    pub id: String,
    /// The file and the line, from 1, where it has one.
    pub place: Option<(String, usize)>,
    /// Why.
    pub why: String,
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some((path, line)) = &self.place {
            write!(f, "{path}:{line}: ")?;
        }
        write!(f, "{}: {}", self.id, self.why)
    }
}

/// A piece of text to put in place of a range of a file.
pub(super) struct TextEdit {
    pub range: Range<usize>,
    pub text: String,
}

/// The files that edits change, each edit at its place in the text as it was.
pub(super) fn with_edits(files: &[PriceFile], edits: Vec<Vec<TextEdit>>) -> Vec<PriceFile> {
    let mut changed = Vec::new();
    for (file, mut edits) in files.iter().zip(edits) {
        if edits.is_empty() {
            continue;
        }
        let mut text = file.text.clone();
        edits.sort_by_key(|edit| std::cmp::Reverse((edit.range.start, edit.range.end)));
        edits.into_iter().for_each(|edit| text.replace_range(edit.range, &edit.text));
        changed.push(PriceFile { path: file.path.clone(), text });
    }
    changed
}

/// The providers of price files, or their problems where one is an error.
pub(super) fn compiled(files: &[PriceFile]) -> Result<Vec<Provider>, Vec<Problem>> {
    let (providers, problems) = compile(files, Use::Table, &|_, _| None);
    if problems.iter().any(|problem| problem.severity == Severity::Error) { Err(problems) } else { Ok(providers) }
}
