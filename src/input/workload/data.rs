//! The files that a workload names: prompts with `{{variables}}`, rows of a dataset, measured answers.

use std::path::PathBuf;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::Value;

use super::quantity::{NUMBERS_HELP, Quantity};
use super::raw::{RawDataset, RawSamples, RawSource, RawText};
use super::reader::WorkloadReader;
use crate::calculator::workload::PromptPart;
use crate::input::surrogates;
use crate::input::text::{InputError, decoded};
use crate::pricing::problem::Place;
use crate::pricing::yaml::At;
use crate::range::Range;
use crate::similar::did_you_mean;

/// The most text that the files of one workload and its filled prompts may have together: 1 GiB.
///
/// A template is repeated for every row of a dataset and a variable for every place it is used in, so that small files
/// could otherwise make more text than fits into memory.
pub(super) const MOST_TEXT: u64 = 1 << 30;

/// The most values that a dataset may have: a hundred columns of 100,000 rows.
const MOST_VALUES: usize = 10_000_000;

/// A row of a dataset: values by column.
pub(super) type DatasetRow = Vec<(Arc<str>, String)>;

/// Text before its variables are filled in, or a number of tokens.
#[derive(Clone)]
pub(super) enum TextPiece {
    Text { template: String, place: Place },
    Tokens(Range<Decimal>),
}

impl WorkloadReader<'_> {
    /// The pieces of a text: files are read, numbers are kept.
    pub(super) fn pieces(&mut self, text: &At<RawText>) -> Vec<TextPiece> {
        match &text.value {
            RawText::File(name) => self.file(name, text.place).map(|t| template(t, text.place)).into_iter().collect(),
            RawText::Tokens(tokens) => self.token_piece(tokens, text.place).into_iter().collect(),
            RawText::Long(source) => self.long(source, text.place).into_iter().collect(),
            RawText::Many(list) => list.iter().flat_map(|one| self.pieces(one)).collect(),
        }
    }

    fn token_piece(&mut self, tokens: &Quantity, place: Place) -> Option<TextPiece> {
        self.tokens(&At { value: tokens.clone(), place }).map(TextPiece::Tokens)
    }

    fn long(&mut self, source: &RawSource, place: Place) -> Option<TextPiece> {
        match (&source.file, &source.text, &source.tokens) {
            (Some(file), None, None) => self.file(&file.value, file.place).map(|t| template(t, file.place)),
            (None, Some(text), None) => Some(template(text.clone(), place)),
            (None, None, Some(tokens)) => self.tokens(tokens).map(TextPiece::Tokens),
            _ => {
                self.object("text", place, "a text is one of file, text and tokens", "keep one of the three");
                None
            }
        }
    }

    /// The text of a file beside the workload; an error names the line that asks for it.
    fn file(&mut self, name: &str, place: Place) -> Option<String> {
        let path = self.folder.join(name);
        if self.root.excludes(&path) {
            let message = format!("{name} is outside of {}", self.root.name());
            let help = "copy the file next to the workload and name it from there, or write its number of tokens";
            self.object("outside", place, message, help);
            return None;
        }
        match (self.files)(&path) {
            Ok(bytes) => {
                self.take_text(bytes.len(), place)?;
                Some(decoded(&bytes))
            }
            Err(error) => {
                self.unreadable(name, &error, place);
                None
            }
        }
    }

    /// Counts text against [`MOST_TEXT`]; the line that goes beyond it is named, once.
    fn take_text(&mut self, bytes: usize, place: Place) -> Option<()> {
        let was_within = self.text_bytes <= MOST_TEXT;
        self.text_bytes = self.text_bytes.saturating_add(bytes as u64);
        if self.text_bytes <= MOST_TEXT {
            return Some(());
        }
        if was_within {
            let message =
                format!("the prompts and files of this workload have more than {} MiB of text", MOST_TEXT >> 20);
            let help = "give fewer rows or shorter texts; a number of tokens takes the place of a text";
            self.object("too-large", place, message, help);
        }
        None
    }

    fn unreadable(&mut self, name: &str, error: &InputError, place: Place) {
        let is_number = name.chars().all(|c| c.is_ascii_digit() || " ,.'_".contains(c));
        let help = match error.help() {
            _ if is_number => NUMBERS_HELP.to_owned(),
            Some(help) => help,
            None => "files are looked for next to the workload file; text in place is {text: …}".to_owned(),
        };
        self.object("missing-file", place, error.what(), help);
    }

    /// The rows of a CSV or JSON Lines file. A bad row is left out and named; the good ones count.
    pub(super) fn rows(&mut self, file: &Option<At<String>>) -> Option<(Vec<DatasetRow>, Place)> {
        let Some(file) = file else {
            self.object("dataset", Place::default(), "a dataset needs a file", "write dataset: {file: questions.csv}");
            return None;
        };
        let text = self.file(&file.value, file.place)?;
        let is_json = PathBuf::from(&file.value).extension().is_some_and(|e| e == "jsonl" || e == "ndjson");
        let (rows, bad) = if is_json { json_rows(&text) } else { csv_rows(&text) };
        if rows.iter().map(Vec::len).sum::<usize>() > MOST_VALUES {
            let message = format!("{} has more than {MOST_VALUES} values", file.value);
            self.object("too-large", file.place, message, "keep only the columns and rows that the prompt needs");
            return None;
        }
        if let Some(first) = bad.first() {
            let message = format!("{}: rows that cannot be read: {}, the first because {first}", file.value, bad.len());
            self.warn("dataset", file.place, message, "they are left out");
        }
        if rows.is_empty() {
            self.object(
                "dataset",
                file.place,
                format!("{} has no rows", file.value),
                "a header line, then one row a line",
            );
            return None;
        }
        Some((rows, file.place))
    }

    /// The rows of a dataset, with the column that is the prompt where there is no template.
    pub(super) fn dataset(&mut self, raw: &RawDataset) -> Option<(Vec<DatasetRow>, Option<String>)> {
        let (rows, _) = self.rows(&raw.file)?;
        if let Some(column) = &raw.column {
            self.column(&rows, column)?;
        }
        Some((rows, raw.column.as_ref().map(|c| c.value.clone())))
    }

    fn column(&mut self, rows: &[DatasetRow], column: &At<String>) -> Option<()> {
        let names: Vec<&str> = rows.iter().take(1).flatten().map(|(name, _)| &**name).collect();
        if names.contains(&column.value.as_str()) {
            return Some(());
        }
        let near = did_you_mean(&column.value, names.iter().copied());
        let help = format!("{near}The columns are {}", names.join(", "));
        self.object("column", column.place, format!("the file has no column {:?}", column.value), help);
        None
    }

    /// The values of one column.
    pub(super) fn samples(&mut self, raw: &RawSamples, place: Place) -> Option<Vec<String>> {
        let (rows, _) = self.rows(&raw.file)?;
        let column = match &raw.column {
            Some(column) => column.clone(),
            None => match rows.first().map(Vec::as_slice) {
                Some([(only, _)]) => At { value: only.to_string(), place },
                _ => {
                    self.object("column", place, "the file has several columns", "say which with column: …");
                    return None;
                }
            },
        };
        self.column(&rows, &column)?;
        Some(rows.iter().filter_map(|row| value(row, &column.value).map(str::to_owned)).collect())
    }

    /// The pieces with their variables filled in.
    pub(super) fn filled(&mut self, pieces: &[TextPiece], values: &DatasetRow) -> Vec<PromptPart> {
        let mut parts = Vec::with_capacity(pieces.len());
        for piece in pieces {
            parts.push(match piece {
                TextPiece::Tokens(range) => PromptPart::Tokens(*range),
                TextPiece::Text { template, place } => {
                    match fill(template, values, MOST_TEXT - self.text_bytes.min(MOST_TEXT)) {
                        Ok(text) => match self.take_text(text.len(), *place) {
                            Some(()) => PromptPart::Text(Arc::from(text)),
                            None => break,
                        },
                        Err(missing) => {
                            let known: Vec<&str> = values.iter().map(|(name, _)| &**name).collect();
                            let help = match known.is_empty() {
                                true => {
                                    "give it a value: variables: {name: …}, or a dataset with that column".to_owned()
                                }
                                false => format!(
                                    "{}give it under variables, or as a column of the dataset",
                                    did_you_mean(&missing, known)
                                ),
                            };
                            if !self.problems.iter().any(|p| p.place == *place && p.code == "variable") {
                                self.object("variable", *place, format!("{{{{{missing}}}}} has no value"), help);
                            }
                            continue;
                        }
                    }
                }
            });
        }
        parts
    }
}

fn template(template: String, place: Place) -> TextPiece {
    TextPiece::Text { template, place }
}

pub(super) fn value<'r>(row: &'r DatasetRow, name: &str) -> Option<&'r str> {
    row.iter().find(|(n, _)| **n == *name).map(|(_, v)| v.as_str())
}

/// Replaces each `{{name}}` by its value; braces around anything that is not a name are text.
///
/// Stops once the text is longer than `most` bytes, which the caller refuses.
fn fill(template: &str, values: &DatasetRow, most: u64) -> Result<String, String> {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find("{{").filter(|_| text.len() as u64 <= most) {
        let (before, from) = rest.split_at(start);
        text.push_str(before);
        let name = from[2..].find("}}").map(|end| &from[2..2 + end]);
        let is_name = |n: &str| !n.is_empty() && n.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        match name.map(str::trim).filter(|n| is_name(n)) {
            Some(trimmed) => {
                text.push_str(value(values, trimmed).ok_or_else(|| trimmed.to_owned())?);
                rest = &from[4 + name.map_or(0, str::len)..];
            }
            None => {
                text.push_str("{{");
                rest = &from[2..];
            }
        }
    }
    text.push_str(rest);
    Ok(text)
}

/// Stops after more values than [`MOST_VALUES`], which the caller refuses.
fn csv_rows(text: &str) -> (Vec<DatasetRow>, Vec<String>) {
    let mut reader = csv::ReaderBuilder::new().from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header: Vec<Arc<str>> = reader.headers().map_or_else(|_| Vec::new(), |h| h.iter().map(Arc::from).collect());
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    let most_rows = MOST_VALUES / header.len().max(1) + 1;
    for record in reader.records().take(most_rows) {
        match record {
            Ok(record) => rows.push(header.iter().cloned().zip(record.iter().map(str::to_owned)).collect()),
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                bad.push(format!("line {line} does not have as many values as the header"));
            }
        }
    }
    (rows, bad)
}

fn json_rows(text: &str) -> (Vec<DatasetRow>, Vec<String>) {
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match surrogates::read::<Value>(line.as_bytes()) {
            Ok(Value::Object(map)) => rows.push(map.into_iter().map(|(k, v)| (k.into(), plain(v))).collect()),
            _ => bad.push(format!("line {} is not a JSON object", number + 1)),
        }
    }
    (rows, bad)
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_and_other_braces_stay() {
        let values: DatasetRow = vec![("name".into(), "Ada".into()), ("x-1".into(), "{{name}}".into())];
        let cases = [
            ("Hello {{name}}, {{ name }}!", Ok("Hello Ada, Ada!")),
            ("{{x-1}}", Ok("{{name}}")),
            ("{{}} {{ a b }} {{name", Ok("{{}} {{ a b }} {{name")),
            ("{{nmae}}", Err("nmae")),
            ("{{{name}}}", Ok("{{{name}}}")),
        ];
        for (template, want) in cases {
            let got = fill(template, &values, MOST_TEXT);
            assert_eq!(got.as_deref().map_err(String::as_str), want, "{template}");
        }
    }

    #[test]
    fn a_text_that_grows_beyond_its_limit_is_not_filled_to_the_end() {
        let values: DatasetRow = vec![("x".into(), "y".repeat(1_000))];
        let text = fill(&"{{x}}".repeat(1_000_000), &values, 10_000).unwrap();
        assert!((10_001..6_000_000).contains(&text.len()), "{}", text.len());
    }

    #[test]
    fn bad_rows_are_named_and_good_ones_count() {
        let (rows, bad) = csv_rows("q,a\n1,2\n3\n4,5\n");
        assert_eq!((rows.len(), bad), (2, vec!["line 3 does not have as many values as the header".into()]));
        let (rows, bad) = json_rows("{\"q\":1}\n\nnope\n{\"q\":\"x\"}\n");
        assert_eq!((rows.len(), bad), (2, vec!["line 3 is not a JSON object".into()]));
        assert_eq!(value(&rows[1], "q"), Some("x"));
    }
}
