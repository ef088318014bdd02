//! Reads on behind a mistake, so that all mistakes of a workload are reported at once.
//!
//! The YAML reader stops at the first thing that is not of the layout. A value is then replaced by `1`, a key by blanks, and
//! the text is read again; lines and columns never move. What was repaired is never planned: it only lets the rest be judged.

use super::raw::RawWorkload;
use super::{options, problem};
use crate::pricing::problem::{Place, Problem, Severity, byte_offset};

/// A file with more mistakes than this has another kind of problem.
const MOST_REPAIRS: usize = 100;
/// Reading again costs as much as reading: no more than this many bytes in all.
const MOST_BYTES: usize = 16 << 20;

/// A workload as far as it can be read, and what is wrong with its layout.
#[derive(Debug)]
pub(super) struct Recovered {
    /// What it says; what was wrong is left out or replaced.
    pub raw: Option<RawWorkload>,
    /// Every mistake of the layout.
    pub problems: Vec<Problem>,
    /// The text that was read in the end.
    text: String,
}

impl Recovered {
    /// Reads a text, again behind each mistake.
    pub(super) fn of(path: &str, text: &str) -> Recovered {
        let mut text = text.to_owned();
        let mut problems: Vec<Problem> = Vec::new();
        let mut bytes = 0_usize;
        loop {
            let error = match serde_saphyr::from_str_with_options::<RawWorkload>(&text, options()) {
                Ok(raw) => return Recovered { raw: Some(raw), problems, text },
                Err(error) => error,
            };
            let found = problem(path, &error);
            let is_key = matches!(found.code, "unknown-key" | "repeated-key" | "duplicate-key");
            let is_known = problems.iter().any(|known| known.place == found.place);
            if !is_known {
                problems.push(found.clone());
            }
            bytes = bytes.saturating_add(text.len());
            let is_read = found.code != "invalid-yaml" || is_of_a_value(&error);
            let may_go_on = problems.len() < MOST_REPAIRS && bytes < MOST_BYTES && is_read;
            let repaired = may_go_on.then(|| byte_offset(&text, found.place)).flatten().and_then(|at| {
                if is_key || is_known {
                    blank_pair(&text, at)
                } else {
                    replaced(&text, at).or_else(|| blank_pair(&text, at))
                }
            });
            match repaired.filter(|repaired| *repaired != text) {
                Some(repaired) => text = repaired,
                None => return Recovered { raw: None, problems, text },
            }
        }
    }

    /// Adds what is wrong with the meaning, where it does not follow from a mistake of the layout.
    pub(super) fn with(self, meaning: Vec<Problem>, original: &str) -> Vec<Problem> {
        let Recovered { mut problems, text, .. } = self;
        let lost: Vec<usize> = problems.iter().map(|p| p.place.line).collect();
        let rest =
            |text: &str, at: Place| byte_offset(text, at).map(|at| text[at..].lines().next().unwrap_or("").to_owned());
        // What a feature lacks may be what a repair took out of it, and what was put in is not what the file says.
        let follows = |problem: &Problem| {
            let at = problem.place;
            let (then, now) = (rest(original, at).unwrap_or_default(), rest(&text, at).unwrap_or_default());
            let is_key = then
                .split([',', '{', '}'])
                .next()
                .is_some_and(|first| first.trim_end().ends_with(':') || first.contains(": "));
            let is_repaired = then.chars().next() != now.chars().next();
            at.line <= 1 || is_repaired || is_key && lost.iter().any(|lost| is_within(original, at.line, *lost))
        };
        problems.extend(meaning.into_iter().filter(|p| p.severity == Severity::Error && !follows(p)));
        problems.sort_by_key(|problem| problem.place);
        problems
    }
}

/// Whether a mistake is that of one value, such as a text instead of a number: the YAML itself can be read.
fn is_of_a_value(error: &serde_saphyr::Error) -> bool {
    use serde_saphyr::Error;
    matches!(
        error.without_snippet(),
        Error::InvalidScalar { .. }
            | Error::InvalidBooleanStrict { .. }
            | Error::NullIntoString { .. }
            | Error::SerdeInvalidType { .. }
            | Error::SerdeInvalidValue { .. }
            | Error::Unexpected { .. }
    )
}

/// Whether a line is inside of what another line begins.
fn is_within(text: &str, outer: usize, inner: usize) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip(outer.saturating_sub(1));
    let Some(first) = lines.next() else { return false };
    if inner == outer {
        return true;
    }
    let ends = lines.position(|line| {
        !line.trim().is_empty() && !line.trim_start().starts_with('#') && indent(line) <= indent(first)
    });
    inner > outer && ends.is_none_or(|n| inner <= outer + n)
}

/// Blanks of the same width, line ends kept.
fn blanks(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect()
}

/// The text with the scalar that begins at a place replaced by `1`.
fn replaced(text: &str, at: usize) -> Option<String> {
    let line = text[at..].lines().next()?;
    let end = match line.chars().next()? {
        quote @ ('"' | '\'') => line[1..].find(quote).map(|i| i + 2)?,
        '{' | '[' | '&' | '*' | '!' | '|' | '>' | '-' => return None,
        _ => {
            let end = line.find([',', '}', ']']).unwrap_or(line.len());
            let end = line[..end].find(" #").unwrap_or(end);
            // A key is not a value.
            if line[..end].contains(": ") || line[..end].trim_end().ends_with(':') {
                return None;
            }
            line[..end].trim_end().len()
        }
    };
    let old = text.get(at..at + end).filter(|old| !old.is_empty() && old.trim() != "1")?;
    let width = old.chars().count();
    Some(format!("{}1{}{}", &text[..at], " ".repeat(width - 1), &text[at + end..]))
}

/// The text without the pair that a place belongs to.
fn blank_pair(text: &str, at: usize) -> Option<String> {
    let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let opened = open_brace(&text[start..at]);
    let (from, to) = match opened {
        // Inside of braces: from the comma or brace before it to the comma or brace after it.
        Some(inner) => {
            let from = start + inner;
            (from, at + flow_end(&text[at..])?)
        }
        None => {
            let indent = text[start..].chars().take_while(|c| *c == ' ').count();
            (start, block_end(text, start, indent))
        }
    };
    let old = text.get(from..to)?;
    if old.trim().is_empty() {
        return None;
    }
    Some(format!("{}{}{}", &text[..from], blanks(old), &text[to..]))
}

/// Where the pair begins that the end of a line is in, where it is inside of braces that the line opened.
fn open_brace(before: &str) -> Option<usize> {
    let (mut starts, mut quote): (Vec<usize>, Option<char>) = (Vec::new(), None);
    for (i, c) in before.char_indices() {
        match (quote, c) {
            (Some(open), _) => quote = if c == open { None } else { quote },
            (None, '"' | '\'') => quote = Some(c),
            (None, '{' | '[') => starts.push(i + 1),
            (None, '}' | ']') => {
                starts.pop();
            }
            (None, ',') => {
                if let Some(last) = starts.last_mut() {
                    *last = i + 1;
                }
            }
            _ => {}
        }
    }
    starts.last().copied()
}

/// Where a pair inside of braces ends: behind its comma, or before the brace that closes the map.
fn flow_end(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) => quote = if c == open { None } else { quote },
            (None, '"' | '\'') => quote = Some(c),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') if depth == 0 => return Some(i),
            (None, '}' | ']') => depth -= 1,
            (None, ',') if depth == 0 => return Some(i + 1),
            _ => {}
        }
    }
    None
}

/// Where the lines end that are indented deeper than a key.
fn block_end(text: &str, start: usize, indent: usize) -> usize {
    let mut end = start + text[start..].find('\n').map_or(text.len() - start, |i| i + 1);
    for line in text[end..].split_inclusive('\n') {
        let is_deeper = line.chars().take_while(|c| *c == ' ').count() > indent;
        if !is_deeper && !line.trim().is_empty() {
            break;
        }
        end += line.len();
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(&'static str, usize)> {
        let today = "2026-11-22".parse().unwrap();
        let problems = super::super::load(std::path::Path::new("w.yaml"), text, today).unwrap_err();
        problems.iter().filter(|p| p.severity == Severity::Error).map(|p| (p.code, p.place.line)).collect()
    }

    #[test]
    fn every_mistake_of_a_file_is_reported_once() {
        let text = "version: 1\nmonths: many\nbugdet: 50 EUR\nfeatures:\n  chat:\n    model: openai/gpt-4o\n    promt: 100\n    output: 600..300..150\n    calls: 4 per fortnight\n  other: {model: gpt-4o, prompt: -5, output: 10, calls: 1 per day, tempo: 3}\n  third: {model: gpt-4o, prompt: 5, output: 10, calls: 1 per day, batch: 300%}\n";
        assert_eq!(
            lines(text),
            [
                ("invalid-value", 2),
                ("unknown-key", 3),
                ("unknown-key", 7),
                ("invalid-value", 8),
                ("calls", 9),
                ("missing-file", 10),
                ("unknown-key", 10),
                ("share", 11),
            ]
        );
    }

    /// A text instead of a number or of true and false hides nothing behind it.
    #[test]
    fn values_of_another_kind_hide_no_other_mistake() {
        let text = "version: 1\nseed: x\nfeatures:\n  a:\n    model: m\n    prompt: 100\n    output: -5\n    calls: 1 per fortnight\n    choose: {latency: soon, cap: -1, cache: maybe}\n";
        let found = [
            ("invalid-value", 2),
            ("invalid-value", 7),
            ("calls", 8),
            ("choose", 9),
            ("invalid-value", 9),
            ("invalid-yaml", 9),
        ];
        assert_eq!(lines(text), found);
    }

    #[test]
    fn what_a_repair_took_out_is_not_missed() {
        // Without the repair there would be no features at all.
        assert_eq!(lines("version: 1\nfeautres:\n  a: {model: x}\n"), [("unknown-key", 2)]);
        assert_eq!(
            lines("version: 1\nfeatures:\n  a: {model: x, prompt: 1, ouput: 3, calls: 1 per day}\n"),
            [("unknown-key", 3)]
        );
    }

    #[test]
    fn nothing_makes_it_read_for_ever() {
        for text in ["features: {a: {b", "a: [}", "{", "features:\n  a: &x [*x]\n", "- 1\n- 2\n", "1", ""] {
            let today = "2026-11-22".parse().unwrap();
            assert!(super::super::load(std::path::Path::new("w.yaml"), text, today).is_err(), "{text}");
        }
        let many: String = (0..500).map(|i| format!("k{i}: 1\n")).collect();
        assert_eq!(lines(&many).len(), MOST_REPAIRS);
    }
}
