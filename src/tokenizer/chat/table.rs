//! Tables that say by model what holds for it: patterns over ids, the first line that fits.

use serde::de::DeserializeOwned;

/// A line of a table, with the models that it is about.
pub trait Line: DeserializeOwned {
    /// The pattern: see [`fits`].
    fn pattern(&self) -> &str;
}

/// The lines of a table inside this crate.
///
/// A line that does not read is left out here; a test reads each table whole.
pub fn lines<L: Line>(text: &str) -> Vec<L> {
    reader(text).filter_map(Result::ok).collect()
}

fn reader<L: Line>(text: &str) -> impl Iterator<Item = csv::Result<L>> {
    csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes()).into_deserialize()
}

/// The first line about a model.
pub fn find<'l, L: Line>(lines: &'l [L], model: &str) -> Option<&'l L> {
    let id = written_with_dashes(model);
    lines.iter().find(|line| fits(line.pattern(), &id))
}

/// The id as patterns write it: in lower case, words parted by dashes, and `qwen2p5` as `qwen2-5`.
fn written_with_dashes(model: &str) -> String {
    let model = model.to_lowercase();
    let bytes = model.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let dash = |(at, c): (usize, char)| match c {
        'p' if digit(at.checked_sub(1)) && digit(Some(at + 1)) => '-',
        c if c.is_alphanumeric() => c,
        _ => '-',
    };
    model.char_indices().map(dash).collect()
}

/// Whether a pattern is found in an id as whole words; `*` at its end lets the last word go on, `$` lets only a date follow.
fn fits(pattern: &str, id: &str) -> bool {
    let (words, open) = pattern.strip_suffix('*').map_or((pattern, false), |words| (words, true));
    let (words, ends) = words.strip_suffix('$').map_or((words, false), |words| (words, true));
    id.match_indices(words).any(|(at, _)| {
        let (before, after) = (&id[..at], &id[at + words.len()..]);
        let starts = before.is_empty() || before.ends_with('-') || words.is_empty();
        let fits = match (open, ends) {
            (_, true) => after.is_empty() || after.starts_with("-20"),
            (true, _) => true,
            (false, _) => after.is_empty() || after.starts_with('-'),
        };
        starts && fits
    })
}

/// Reads a table whole and says what is wrong with it.
#[cfg(test)]
pub fn check<L: Line>(text: &str) -> usize {
    reader::<L>(text).collect::<csv::Result<Vec<L>>>().expect("every line of the table reads").len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_whole_words() {
        let fits = |pattern: &str, model: &str| super::fits(pattern, &written_with_dashes(model));
        assert!(fits("gpt-4$", "openai/gpt-4") && fits("gpt-4$", "gpt-4-2024-06-13"));
        assert!(!fits("gpt-4$", "gpt-4-turbo") && !fits("gpt-4", "gpt-4o") && fits("gpt-4*", "gpt-4o"));
        assert!(fits("claude-opus-4-7*", "us.anthropic.claude-opus-4-7-v1:0"));
        assert!(fits("qwen2-5*", "accounts/fireworks/models/qwen2p5-7b-instruct"));
        assert!(!fits("o1*", "solo1") && fits("*", "anything") && fits("*", ""));
    }
}
