//! What is wrong with a price file, and where: [`Problem`], shown the way `rustc` shows its errors.

use std::collections::HashMap;
use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// How bad a problem is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something wrong; a file that cannot be read with it is refused.
    Error,
    /// Something a person should look at.
    Warning,
    /// Something that may well be meant.
    Note,
}

impl Severity {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// What `prices lint` asks about a price and `allow` excepts, where a note says that it is right.
pub const ALLOWABLE: &[&str] = &[
    "cache-read-above-input",
    "discount-above-base",
    "magnitude",
    "output-below-input",
    "priority-below-base",
    "sibling-jump",
    "tier-below-base",
    "unknown-condition",
];

/// The same of a factor of `multipliers`.
pub const ALLOWABLE_OF_FACTORS: &[&str] = &["undated-factor"];

/// One finding about one place of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable name of the kind of problem, such as `overlapping-periods`.
    pub code: &'static str,
    /// Whether the file is refused.
    pub severity: Severity,
    /// The file, as the user named it.
    pub path: String,
    /// Line and column, both from 1; zero where the place is not known.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// A place in a file: line and column, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1; zero where not known.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Problem {
    /// The finding with the line it is about, for a person.
    ///
    /// `text` is the content of the file.
    #[must_use]
    pub fn render(&self, text: &str) -> String {
        // A byte order mark is no column.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        self.render_in(&Lines::of(text))
    }

    fn render_in(&self, lines: &Lines) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        // The snippet gets the one line it shows, since a renderer that is given a megabyte walks through it.
        let Some(line) = lines.get(self.place.line) else { return self.to_string() };
        let at = column_offset(line, self.place);
        let end = token_end(line, at);
        let snippet = Snippet::source(line)
            .line_start(self.place.line)
            .path(self.path.as_str())
            .annotation(AnnotationKind::Primary.span(at..end));
        let mut group = level.primary_title(self.message.as_str()).id(self.code).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        Renderer::plain().render(&[group])
    }
}

/// Without the source at hand: `error[code]: path:line:column: message`.
impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}[{}]: {}", self.severity.name(), self.code, self.path)?;
        if self.place.line > 0 {
            write!(f, ":{}:{}", self.place.line, self.place.column)?;
        }
        write!(f, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// Where a place is in a text, in bytes; `None` where the text has no such line.
#[must_use]
pub fn byte_offset(text: &str, place: Place) -> Option<usize> {
    let line_start = match place.line {
        0 => return None,
        1 => 0,
        line => text.match_indices('\n').nth(line - 2)?.0 + 1,
    };
    let line = text[line_start..].lines().next().unwrap_or("");
    Some(line_start + column_offset(line, place))
}

/// Where the column of a place is in its line.
fn column_offset(line: &str, place: Place) -> usize {
    let column = place.column.max(1) - 1;
    line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
}

/// A text with the places where its lines begin, so that a line of a long file is found without walking to it.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Lines<'t> {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Lines { text, starts }
    }

    /// A line by its number, from 1; the last one may be empty.
    fn get(&self, line: usize) -> Option<&'t str> {
        let start = self.starts.get(line.checked_sub(1)?)?;
        Some(self.text[*start..].lines().next().unwrap_or(""))
    }
}

/// End of the scalar that begins at `at`: what a person would underline.
fn token_end(line: &str, at: usize) -> usize {
    let rest = &line[at..];
    let mut chars = rest.chars();
    let length = match chars.next() {
        Some(quote @ ('"' | '\'')) => chars.as_str().find(quote).map_or(rest.len(), |i| i + 2),
        Some('{' | '[') => 1,
        Some(_) => rest.find([',', '}', ']', ':', ' ', '#']).unwrap_or(rest.len()).max(1),
        None => 0,
    };
    (at + length.max(1)).min(line.len().max(at))
}

/// All problems, each with its line, and a closing count.
#[must_use]
pub fn render_all<'t>(problems: &[Problem], text_of: impl Fn(&str) -> Option<&'t str>) -> String {
    let mut out = String::new();
    let mut files: HashMap<&str, Lines> = HashMap::new();
    for problem in problems {
        let lines = files.entry(&problem.path).or_insert_with(|| {
            let text = text_of(&problem.path).unwrap_or("");
            Lines::of(text.strip_prefix('\u{feff}').unwrap_or(text))
        });
        let _ = writeln!(out, "{}\n", problem.render_in(lines));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_its_line() {
        let problem = Problem {
            code: "float-price",
            severity: Severity::Error,
            path: "overlay.yaml".into(),
            place: Place { line: 2, column: 10 },
            message: "a price is a quoted decimal".into(),
            help: Some("write \"2.50\"".into()),
        };
        insta::assert_snapshot!(problem.render("rates:\n  input: 2.50\n"), @r#"
        error[float-price]: a price is a quoted decimal
         --> overlay.yaml:2:10
          |
        2 |   input: 2.50
          |          ^^^^
          |
          = help: write "2.50"
        "#);
        let first = Problem { place: Place { line: 1, column: 1 }, ..problem };
        assert_eq!(first.render("\u{feff}rates:\n"), first.render("rates:\n"));
    }

    #[test]
    fn a_place_outside_of_the_text_still_prints() {
        for (line, column) in [(0, 0), (1, 1), (1, 99), (7, 3)] {
            let problem = Problem {
                code: "c",
                severity: Severity::Warning,
                path: "p".into(),
                place: Place { line, column },
                message: "m".into(),
                help: None,
            };
            for text in ["", "é", "\n", "a\nb"] {
                assert!(problem.render(text).contains('m'), "{line}:{column} {text:?}");
            }
        }
    }
}
