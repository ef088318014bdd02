//! Reads on behind a mistake, so that all mistakes of a workload are reported at once.
//!
//! The YAML reader stops at the first thing that is not of the layout. A value is then replaced by `1`, a key by blanks, and
//! the text is read again; lines and columns never move. What was repaired is never planned: it only lets the rest be judged.

use std::ops::Range;

use super::raw::RawWorkload;
use super::{options, problem};
use crate::pricing::problem::{Place, Problem, Severity, byte_offset};
use crate::pricing::yaml::scan::{Scan, blanks, line_start};

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
    /// What was replaced or left out: where it began, and where it ended.
    repaired: Vec<(Place, Place)>,
}

impl Recovered {
    /// Reads a text, again behind each mistake.
    pub(super) fn of(path: &str, text: &str) -> Recovered {
        let mut text = text.to_owned();
        let mut recovered = Recovered { raw: None, problems: Vec::new(), repaired: Vec::new() };
        let (mut bytes, mut repairs) = (0_usize, 0);
        loop {
            let error = match serde_saphyr::from_str_with_options::<RawWorkload>(&text, options()) {
                Ok(raw) => return Recovered { raw: Some(raw), ..recovered },
                Err(error) => error,
            };
            let found = problem(path, &error);
            let is_key = matches!(found.code, "unknown-key" | "repeated-key" | "duplicate-key");
            let is_read = found.code != "invalid-yaml" || is_of_a_value(&error);
            let is_too_large = found.code == "too-large";
            let scan = Scan::of(&text);
            let at = byte_offset(&text, found.place);
            let is_lack = !is_key && (is_lack(&error) || at.is_some_and(|at| is_of_a_map(&scan, at)));
            // A word that is a map's only key, where one of a list is needed: the whole map is wrong.
            let is_map = found.code == "unknown-value" && at.is_some_and(|at| is_of_a_map(&scan, at));
            let follows = is_read && recovered.explains(&scan, at, &found, is_lack);
            if !follows {
                recovered.problems.push(found);
            }
            bytes = bytes.saturating_add(text.len());
            repairs += 1;
            let may_go_on = repairs < MOST_REPAIRS && bytes < MOST_BYTES && is_read && !is_too_large;
            let at = at.map(|at| if is_map { scan.around(at).start } else { at });
            let part = at.filter(|_| may_go_on).and_then(|at| match is_key || follows {
                true => pair(&scan, at).map(|part| (part, "")),
                false => value(&text, &scan, at).map(|part| (part, "1")).or_else(|| Some((pair(&scan, at)?, ""))),
            });
            let Some((part, new)) = part.filter(|(part, _)| !text[part.clone()].trim().is_empty()) else {
                return recovered;
            };
            recovered.repaired.push((place(&text, part.start), place(&text, part.end)));
            let blanks = blanks(&text[part.clone()]);
            text.replace_range(part, &format!("{new}{}", &blanks[new.len()..]));
        }
    }

    /// Whether a problem is there only because something was repaired: at its place, or within a map or list that lacks it
    /// now.
    ///
    /// * `at`: the place in the text of the scan.
    fn explains(&self, scan: &Scan, at: Option<usize>, problem: &Problem, is_lack: bool) -> bool {
        let is_at = |(from, to): &(Place, Place)| (from..to).contains(&&problem.place) || *from == problem.place;
        if self.repaired.iter().any(is_at) {
            return true;
        }
        let Some(at) = at.filter(|_| is_lack) else { return false };
        // The map that lacks something is the value of a key at the place, or the place is somewhere in it.
        let map = Some(()).filter(|()| problem.code == "missing-key").map(|()| scan.around(at));
        let parts = [pair(scan, at), map].into_iter().flatten();
        let text = scan.text();
        let places = parts.map(|part| (place(text, part.start), place(text, part.end)));
        places.into_iter().any(|(from, to)| self.repaired.iter().any(|(start, _)| from <= *start && *start < to))
    }

    /// Adds what is wrong with the meaning, where it does not follow from a mistake of the layout.
    pub(super) fn with(self, meaning: Vec<Problem>, original: &str) -> Vec<Problem> {
        let scan = Scan::of(original);
        let follows = |problem: &Problem| {
            let at = byte_offset(original, problem.place);
            // What a feature or a map lacks may be what a repair took out of it.
            let is_lack = problem.code == "missing-key" || at.is_some_and(|at| is_of_a_map(&scan, at));
            problem.place.line <= 1 || self.explains(&scan, at, problem, is_lack)
        };
        let more: Vec<Problem> = meaning.into_iter().filter(|p| p.severity == Severity::Error && !follows(p)).collect();
        let mut problems = self.problems;
        problems.extend(more);
        problems.sort_by_key(|problem| problem.place);
        problems
    }
}

/// Whether a mistake may be that something is not there.
fn is_lack(error: &serde_saphyr::Error) -> bool {
    use serde_saphyr::Error;
    matches!(
        error.without_snippet(),
        Error::SerdeMissingField { .. }
            | Error::NullIntoString { .. }
            | Error::SerdeInvalidType { .. }
            | Error::Unexpected { .. }
    )
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

/// The place of a byte.
fn place(text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or(text);
    let line = line_start(text, before.len());
    Place { line: before.matches('\n').count() + 1, column: before[line..].chars().count() + 1 }
}

/// The value that begins at a place, where it is a scalar.
fn value(text: &str, scan: &Scan, at: usize) -> Option<Range<usize>> {
    let scalar = scan.scalar(at).filter(|scalar| !scalar.is_key)?;
    Some(scalar.bytes).filter(|bytes| text[bytes.clone()].trim() != "1")
}

/// Whether a place is that of a whole map or list: its brace, or a key that it begins with or is the value of.
fn is_of_a_map(scan: &Scan, at: usize) -> bool {
    let is_key = scan.scalar(at).is_some_and(|scalar| scalar.is_key);
    is_key || scan.text()[at..].starts_with(['{', '['])
}

/// The pair or item that a place belongs to.
fn pair(scan: &Scan, at: usize) -> Option<Range<usize>> {
    scan.entry(at).or_else(|| scan.lines(at).map(|(lines, _)| lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::yaml::scan::ScalarPart;

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

    /// A text with `§` before each mistake, and where these are.
    fn marked(text: &str) -> (String, Vec<Place>) {
        let (mut plain, mut places) = (String::new(), Vec::new());
        for (index, part) in text.split('§').enumerate() {
            if index > 0 {
                places.push(place(&plain, plain.len()));
            }
            plain.push_str(part);
        }
        (plain, places)
    }

    fn problems_of(text: &str) -> Vec<Problem> {
        let today = "2026-11-22".parse().unwrap();
        let problems = super::super::load(std::path::Path::new("w.yaml"), text, today).err().unwrap_or_default();
        problems.into_iter().filter(|p| p.severity == Severity::Error).collect()
    }

    /// What is in quotes, comments, blocks or braces, and goes on in other lines, hides no mistake and makes none up.
    #[test]
    fn whatever_a_text_looks_like_each_mistake_is_reported_once() {
        let cases = [
            // Quotes within plain scalars, and behind them what would be in them.
            "name: don't\nfeatures:\n  a: {model: m, prompt: 1, §promt: 2, output: 1, calls: 1 per day}\n",
            "features:\n  a: {model: it's, prompt: 1, output: §x, calls: §1 per fortnight, §tempo: 3}\n",
            "name: 5\" screens\nfeatures:\n  a: {model: m, prompt: §x, output: 1, calls: 1 per day, §tempo: {a: \"}\"}}\n",
            // Escaped and doubled quotes.
            "features:\n  a: {model: \"a\\\"b, }\", prompt: §x, output: 1, calls: 1 per day, §promt: 2}\n",
            "features:\n  a: {model: 'it''s, }', prompt: §\"x\\\"y\", output: §'it''s', calls: 1 per day}\n",
            // Comments that hold quotes and brackets.
            "features:\n  a: # don't {[\n    model: m # \"\n    prompt: §x # }\n    output: 1\n    calls: 1 per day\n    §tempo: 3 # '\n",
            "features:\n  a: {model: m, # it's } here\n    prompt: §x, # \"\n    §promt: 3, output: 1, calls: 1 per day}\n",
            // A `#` that begins no comment.
            "features:\n  a: {model: m#1, prompt: §x#y, output: 1, calls: 1 per day, §tempo: 1#}\n",
            // Quotes over two lines.
            "name: \"one {\n  two: 'three\"\nfeatures:\n  a: {model: m, prompt: §x, output: 1, calls: 1 per day}\n  b: {model: m, §promt: 'a\n    }', prompt: 1, output: 1, calls: 1 per day}\n",
            "features:\n  a:\n    model: m\n    prompt: §\"x\n      output: 1\"\n    output: §y\n    calls: 1 per day\n",
            // Braces that were opened on an earlier line.
            "features:\n  a: {\n    model: m, prompt: §x,\n    output: 1, §promt: 1,\n    calls: §1 per fortnight\n  }\n  b: {model: m, prompt: 1, output: §y, calls: 1 per day}\n",
            "features: {\n  a: {model: m, §promt: 3, prompt: 1, output: 1, calls: 1 per day},\n  b: {model: m,\n    prompt: §x, output: 1, calls: 1 per day}\n}\n",
            // Blocks of lines.
            "name: |\n  features: {\n  don't \"\nfeatures:\n  a: {model: m, prompt: §x, output: 1, calls: 1 per day}\n",
            "features:\n  a:\n    model: m\n    prompt: 1\n    output: >\n      §x: {\n      y\n    calls: 1 per day\n    §tempo: |\n      prompt: y\n",
            // Scalars without quotes over two lines.
            "features:\n  a:\n    model: m\n    prompt: §ten\n      or {twenty\n    output: 1\n    calls: §1 per\n      fortnight\n",
            // Lists, in lines and in brackets.
            "credits:\n- {amount: §x, expires: 2027-01-01}\n- amount: 5 USD\n  §expire: 2027-01-01\nfeatures:\n  a: {model: m, prompt: 1, output: 1, calls: 1 per day}\n",
            "fixed: [{name: \"a, ]\", cost: §x}, {name: don't, cost: 5 USD, §yearly_: 3}]\nfeatures:\n  a: {model: m, prompt: 1, output: 1, calls: 1 per day}\n",
            // Words of more bytes than columns.
            "features:\n  ä: {model: „m“, §prömt: 2, prompt: §ünf, output: §zwölf, calls: 1 per day}\n",
            // Maps and lists instead of numbers, and numbers instead of maps.
            "features:\n  a: {model: m, prompt: 1, output: {§x: 1}, calls: 1 per day, cache: §7, §tempo: [1, {a: 2}]}\n",
            // A key alone, and alone in its map.
            "§bugdet:\n  total: 5 EUR\nfeatures:\n  a: {model: m, prompt: 1, output: 1, calls: 1 per day, cache: {§hit: 3}}\n  b:\n    model: m\n    prompt: 1\n    output: 1\n    calls: 1 per day\n    cache:\n      §hit: 3\n",
        ];
        for case in cases {
            let (text, want) = marked(&format!("version: 1\n{case}"));
            let problems = problems_of(&text);
            let got: Vec<Place> = problems.iter().map(|problem| problem.place).collect();
            assert_eq!(got, want, "{text}\n{problems:#?}");
        }
    }

    /// The workloads of the repository that can be read.
    fn workloads() -> Vec<(std::path::PathBuf, String)> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = ["docs/plan", "data/examples", "tests/data/plan/workloads"].map(|name| root.join(name));
        let files =
            folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path());
        let read = |path: std::path::PathBuf| Some((path.clone(), std::fs::read_to_string(&path).ok()?));
        let is_valid = |(path, text): &(std::path::PathBuf, String)| errors(path, text).is_empty();
        let mut list: Vec<_> = files.filter_map(read).filter(is_valid).collect();
        list.sort();
        list
    }

    fn errors(path: &std::path::Path, text: &str) -> Vec<Problem> {
        let problems = super::super::load(path, text, "2026-11-22".parse().unwrap()).err().unwrap_or_default();
        problems.into_iter().filter(|p| p.severity == Severity::Error).collect()
    }

    /// The mistakes themselves: what is wrong with several keys together may be that one of them could not be read.
    fn of_one_key(path: &std::path::Path, text: &str) -> Vec<Problem> {
        let is_of_several = |problem: &Problem| {
            matches!(problem.code, "contradiction" | "variable" | "free" | "outside")
                || problem.message.ends_with("nobody says how many users there are")
        };
        errors(path, text).into_iter().filter(|problem| !is_of_several(problem)).collect()
    }

    fn told(problems: &[Problem]) -> Vec<String> {
        problems.iter().map(|p| format!("{}@{}:{} {}", p.code, p.place.line, p.place.column, p.message)).collect()
    }

    /// Keys that are not names that a user gives.
    const KEYS: [&str; 14] = [
        "start", "months", "budget", "prompt", "output", "calls", "cache", "growth", "turns", "system", "model",
        "hit_rate", "batch", "features",
    ];

    /// Something no key or value may be, instead of a scalar; `None` where it may be anything.
    fn wrong(scalar: &ScalarPart, text: &str) -> Option<&'static str> {
        match scalar.is_key {
            false => Some("{zzz: [1, {a: 2}]}"),
            true => KEYS.contains(&&text[scalar.bytes.clone()]).then_some("zzzkey"),
        }
    }

    /// One mistake somewhere in a workload that is right otherwise is reported once, where it is; two are both.
    #[test]
    fn mistakes_anywhere_are_reported_once_where_they_are() {
        let files = workloads();
        assert!(files.len() >= 20, "{}", files.len());
        let (mut one, mut two, mut wrongs) = (0, 0, Vec::new());
        for (path, text) in &files {
            let scan = Scan::of(text);
            let scalars: Vec<(ScalarPart, &str)> =
                scan.scalars().filter_map(|scalar| Some((scalar.clone(), wrong(&scalar, text)?))).collect();
            for (index, (first, mistake)) in scalars.iter().enumerate() {
                let changed = format!("{}{mistake}{}", &text[..first.bytes.start], &text[first.bytes.end..]);
                let found = of_one_key(path, &changed);
                let is_there = |problem: &Problem, from: usize, mistake: &str| {
                    let at = byte_offset(&changed, problem.place).unwrap();
                    (from..from + mistake.len()).contains(&at)
                };
                if !(found.len() == 1 && is_there(&found[0], first.bytes.start, mistake)) {
                    wrongs.push(format!("{}: {first:?}: {:?}", path.display(), told(&found)));
                }
                one += 1;
                // Another one further on, in no part of the first.
                let own = if first.is_key { pair(&scan, first.bytes.start).unwrap() } else { first.bytes.clone() };
                let Some((second, other)) = scalars.iter().skip(index + 1 + index % 7).find(|(scalar, _)| {
                    let theirs =
                        pair(&scan, scalar.bytes.start).filter(|_| scalar.is_key).unwrap_or(scalar.bytes.clone());
                    scalar.bytes.start >= own.end && theirs.start >= own.end
                }) else {
                    continue;
                };
                let changed = format!(
                    "{}{mistake}{}{other}{}",
                    &text[..first.bytes.start],
                    &text[first.bytes.end..second.bytes.start],
                    &text[second.bytes.end..]
                );
                let found = of_one_key(path, &changed);
                // Of two in one line the first may take the map or list with it that the second is in.
                let is_one_line = !text[first.bytes.end..second.bytes.start].contains('\n');
                if !(found.len() == 2 || is_one_line && found.len() == 1) {
                    wrongs.push(format!("{}: {first:?}, {second:?}: {:?}", path.display(), told(&found)));
                }
                two += 1;
            }
        }
        assert!(wrongs.is_empty(), "{} of {one} and {two}:\n{}", wrongs.len(), wrongs.join("\n"));
        assert!(one > 300 && two > 200, "{one} {two}");
    }
}
