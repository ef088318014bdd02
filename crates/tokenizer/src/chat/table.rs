//! Tables that say by model what holds for it: patterns over ids, the first line that fits.

use serde::de::DeserializeOwned;

/// A line of a table, with the models that it is about.
pub(crate) trait Line: DeserializeOwned {
    /// The pattern: see [`fits`].
    fn pattern(&self) -> &str;
}

/// The lines of a table inside this crate.
///
/// A line that does not read is left out here; a test reads each table whole.
pub(crate) fn lines<L: Line>(text: &str) -> Vec<L> {
    reader(text).filter_map(Result::ok).collect()
}

fn reader<L: Line>(text: &str) -> impl Iterator<Item = csv::Result<L>> {
    csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes()).into_deserialize()
}

/// The first line about a model.
pub(crate) fn find<'l, L: Line>(lines: &'l [L], model: &str) -> Option<&'l L> {
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
            (_, true) => after.is_empty() || after.strip_prefix('-').is_some_and(is_date),
            (true, _) => true,
            (false, _) => after.is_empty() || after.starts_with('-'),
        };
        starts && fits
    })
}

/// Whether the end of an id is a date as providers write them: `2024-06-13`, `2024-06`, `20240613`, `202406`, `240613`, `0613`
/// or `2406`. The `20` of `grok-4.20` is a version, not a date.
fn is_date(text: &str) -> bool {
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return false;
    }
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let digits = text.replace('-', "");
    let two = |at: usize| digits.get(at..at + 2).and_then(|two| two.parse::<u32>().ok()).unwrap_or(0);
    let (month, day) = (|at| (1..=12).contains(&two(at)), |at| (1..=31).contains(&two(at)));
    let this_century = digits.starts_with("20");
    match lengths[..] {
        [4, 2, 2] | [8] => this_century && month(4) && day(6),
        [4, 2] => this_century && month(4),
        [6] => (month(2) && day(4)) || (this_century && month(4)),
        [4] => (month(0) && day(2)) || month(2),
        _ => false,
    }
}

/// Reads a table whole and says what is wrong with it.
#[cfg(test)]
pub(crate) fn check<L: Line>(text: &str) -> usize {
    reader::<L>(text).collect::<csv::Result<Vec<L>>>().expect("every line of the table reads").len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_date_may_follow_an_end() {
        let fits = |model: &str| super::fits("grok-4$", &written_with_dashes(model));
        // grok-4.20 is a version of its own, not grok-4 of some day.
        for other in ["xai/grok-4.20", "grok-4-20-0309", "grok-4.2", "grok-4-2024-13-01", "grok-4-200", "grok-4-fast"] {
            assert!(!fits(other), "{other}");
        }
        for dated in [
            "grok-4",
            "grok-4-0709",
            "grok-4-2507",
            "grok-4-250709",
            "grok-4-202507",
            "grok-4-20250709",
            "x-ai/grok-4-2025-07-09",
            "grok-4-2025-07",
        ] {
            assert!(fits(dated), "{dated}");
        }
    }

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
