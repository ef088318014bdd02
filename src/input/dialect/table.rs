//! Tables (CSV): exports of OpenAI, Anthropic and DeepSeek, and any other with columns of counts.
//!
//! The head says which table it is. A row becomes a small JSON object, so that it goes the same way as the same row of the
//! provider's API. Begin at [`read_table`].

use std::borrow::Cow;
use std::io::Read;

use rustc_hash::FxHashSet;
use serde_json::{Map, Value as Json};

use super::counts::moment_in;
use super::rows::{Next, RowForm, RowForms};
use super::{Bucket, Dialect, Entry, Item, Labels, Reported, State, anthropic, openai_reports};
use crate::input::json::{Object, Value};
use crate::input::record::{RecordError, number, parse, whole};
use crate::meter::Meter;
use crate::period::Instant;
use crate::usage::Usage;

/// Which table a head belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TableForm {
    OpenAiUsage,
    OpenAiCosts,
    AnthropicConsole,
    DeepSeekAmounts,
    DeepSeekCosts,
    Generic,
}

/// Names that other tables use for ours.
const SYNONYMS: &[(&str, &str)] = &[
    ("prompt_tokens", "input_tokens"),
    ("tokens_in", "input_tokens"),
    ("completion_tokens", "output_tokens"),
    ("tokens_out", "output_tokens"),
    ("cached_tokens", "cache_read_tokens"),
    ("cached_input_tokens", "cache_read_tokens"),
    ("date", "timestamp"),
    ("time", "timestamp"),
    ("created_at", "timestamp"),
    ("api_key", "key"),
    ("session_id", "session"),
    ("tag", "tags"),
];

/// The head of a table.
struct TableHead {
    form: TableForm,
    names: Vec<String>,
}

/// Whether a text begins like a table: a first line of names with separators between them.
#[must_use]
pub(crate) fn looks_like_table(text: &[u8]) -> bool {
    let first = text.trim_ascii_start().split(|b| *b == b'\n').next().unwrap_or_default();
    let is_json = matches!(first.first(), Some(b'{' | b'[' | b':') | None);
    let is_stream = [b"data:".as_slice(), b"event:", b"id:", b"retry:"].iter().any(|p| first.starts_with(p));
    !is_json && !is_stream && separator(first).is_some()
}

fn separator(line: &[u8]) -> Option<u8> {
    let count = |byte: u8| memchr::memchr_iter(byte, line).count();
    let (most, byte) = [b',', b';', b'\t'].map(|byte| (count(byte), byte)).into_iter().max_by_key(|(n, _)| *n)?;
    (most > 0).then_some(byte)
}

impl TableHead {
    fn of(row: &RowForm, columns: &[(String, String)], from: Option<Dialect>) -> Result<Self, RecordError> {
        let names: Vec<String> = row.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        let has = |name: &str| names.iter().any(|n| n == name);
        let form = match () {
            () if !columns.is_empty() || from == Some(Dialect::Table) => TableForm::Generic,
            () if has("num_model_requests") => TableForm::OpenAiUsage,
            () if has("amount_value") => TableForm::OpenAiCosts,
            () if has("usage_input_tokens_no_cache") => TableForm::AnthropicConsole,
            () if has("type") && has("price") && has("amount") => TableForm::DeepSeekAmounts,
            () if has("wallet_type") && has("cost") => TableForm::DeepSeekCosts,
            () => TableForm::Generic,
        };
        let mut head = TableHead { form, names };
        if form == TableForm::Generic {
            head.rename(columns)?;
        }
        head.refuse_doubles()?;
        Ok(head)
    }

    /// Two columns of one name would make one of them vanish.
    fn refuse_doubles(&self) -> Result<(), RecordError> {
        let mut seen = FxHashSet::default();
        let counts = |name: &str| {
            self.form != TableForm::Generic
                || crate::input::record::is_count(name)
                || matches!(name, "model" | "timestamp" | "provider")
        };
        match self.names.iter().filter(|name| !name.is_empty() && counts(name)).find(|name| !seen.insert(name.as_str()))
        {
            None => Ok(()),
            Some(name) => Err(RecordError::Form(format!("two columns are called {name:?}")).or(format!(
                "remove one of them, or give them different names and say which counts with --columns {name}=NAME"
            ))),
        }
    }

    /// Gives the columns our names: as the user says, then as others call them.
    fn rename(&mut self, columns: &[(String, String)]) -> Result<(), RecordError> {
        for (ours, theirs) in columns {
            let known = self.names.join(", ");
            match self.names.iter_mut().find(|name| name.eq_ignore_ascii_case(theirs)) {
                Some(name) => ours.clone_into(name),
                None => {
                    let what = format!("no column is called {theirs:?}: the columns are {known}");
                    return Err(RecordError::Form(what));
                }
            }
        }
        let mut taken: FxHashSet<String> = self.names.iter().cloned().collect();
        for name in &mut self.names {
            let lower = name.to_lowercase().replace([' ', '-'], "_");
            let ours = SYNONYMS.iter().find(|(theirs, _)| *theirs == lower).map_or(lower.as_str(), |(_, ours)| ours);
            if taken.insert(ours.to_owned()) {
                ours.clone_into(name);
            }
        }
        // A table of one model's usage need not name it: that can be said for all rows.
        let is_usage = |name: &String| name == "model" || crate::input::record::is_count(name);
        if self.names.iter().any(is_usage) {
            return Ok(());
        }
        let what = "the table has no column \"model\": say which columns hold what, such as --columns model=Name,input_tokens=Prompt,output_tokens=Answer";
        Err(RecordError::Form(what.to_owned()))
    }
}

/// Reads a table to its end; each item comes with the line its row begins at.
///
/// `columns` names columns as (ours, theirs). `take` says whether to go on.
///
/// # Errors
/// [`RecordError`] where the head cannot be used or the table cannot be read.
pub fn read_table(
    mut reader: impl Read,
    columns: &[(String, String)],
    from: Option<Dialect>,
    take: &mut dyn FnMut(u64, Item<'static>) -> bool,
) -> Result<(), RecordError> {
    let unreadable = |error: std::io::Error| RecordError::Form(error.to_string());
    let mut start = Vec::new();
    reader.by_ref().take(1 << 16).read_to_end(&mut start).map_err(unreadable)?;
    let first = start.split(|b| *b == b'\n').next().unwrap_or_default();
    let delimiter = separator(first).unwrap_or(b',');
    let mut rows = RowForms::new(std::io::Cursor::new(start).chain(reader), delimiter);
    let mut row = RowForm::default();
    let mut head = None;
    let mut pending = Amounts::default();
    loop {
        let next = match rows.next_into(&mut row) {
            Ok(next) => next,
            Err(error) => {
                pending.flush(take);
                return Err(RecordError::Form(format!("the text breaks off: {error}")));
            }
        };
        let go_on = match (next, &head) {
            (Next::End, _) => break,
            (Next::Broken(_, error), None) => return Err(error),
            (Next::Broken(line, error), Some(_)) => take(line, Item::Bad(error)),
            (Next::Row, None) => {
                head = Some(TableHead::of(&row, columns, from)?);
                true
            }
            (Next::Row, Some(head)) if row.len() == head.names.len() => {
                take_row(head, &row, row.line, &mut pending, take)
            }
            (Next::Row, Some(head)) => {
                let wrong = other_width(&row, head.names.len());
                if row.breaks > 0 {
                    rows.read_inside_again(&row);
                }
                take(row.line, Item::Bad(wrong))
            }
        };
        if !go_on {
            return Ok(());
        }
    }
    pending.flush(take);
    Ok(())
}

/// A quotation mark that is missing or too much joins rows. What is in such a row is read once more, line by line.
fn other_width(row: &RowForm, width: usize) -> RecordError {
    let what = format!("the row has {} cells and the head {width}", row.len());
    match row.breaks {
        0 => RecordError::Form(what),
        breaks => {
            let last = row.line + breaks;
            RecordError::Form(format!("{what}, from this line to line {last}: a quotation mark may be missing"))
                .or("its other lines were read as rows of their own")
        }
    }
}

/// A row with only times in it is an empty bucket, and nothing.
fn is_empty_bucket(names: &[String], row: &RowForm) -> bool {
    let times = ["start_time", "end_time", "start_time_iso", "end_time_iso", "organization_id", "organization_name"];
    let filled = names.iter().zip(row.iter()).filter(|(_, value)| !value.is_empty());
    filled.into_iter().all(|(name, _)| times.contains(&name.as_str()))
}

fn take_row(
    head: &TableHead,
    row: &RowForm,
    line: u64,
    pending: &mut Amounts,
    take: &mut dyn FnMut(u64, Item<'static>) -> bool,
) -> bool {
    if is_empty_bucket(&head.names, row) {
        return true;
    }
    let mut fields = Map::new();
    for (name, value) in head.names.iter().zip(row.iter()).filter(|(_, value)| !value.is_empty()) {
        fields.insert(name.clone(), Json::String(String::from_utf8_lossy(value).trim().to_owned()));
    }
    if head.form == TableForm::Generic {
        return take(line, generic(&fields));
    }
    let text = Json::Object(fields).to_string();
    let Ok(object) = Object::read(text.as_bytes()) else { return true };
    let read = match head.form {
        TableForm::DeepSeekAmounts => return pending.add(&object, line, take),
        TableForm::OpenAiUsage => {
            openai_reports::usage_row(&object, (time(&object, "start_time"), time(&object, "end_time")))
        }
        TableForm::OpenAiCosts => charge(&object, Dialect::OpenAiCosts, "openai", "amount_value", "amount_currency"),
        TableForm::DeepSeekCosts => charge(&object, Dialect::DeepSeekExport, "deepseek", "cost", "currency"),
        TableForm::AnthropicConsole | TableForm::Generic => console(&object),
    };
    take(line, read.map_or_else(Item::Bad, |entry| Item::Entry(Box::new(entry.into_owned()))))
}

fn time(row: &Object, name: &str) -> Option<Instant> {
    row.get(name).and_then(super::counts::moment)
}

fn charge<'a>(
    row: &Object<'a>,
    dialect: Dialect,
    provider: &'static str,
    amount: &str,
    currency: &str,
) -> Result<Entry<'a>, RecordError> {
    let value = row.get(amount).and_then(Value::decimal);
    let value = value.ok_or_else(|| RecordError::Form(format!("{amount} is not a number")))?;
    let mut entry = Entry::new(dialect, Usage::default());
    let item = row.text("line_item");
    entry.state = State::Charge(item.as_deref().unwrap_or("").to_owned());
    let currency = row.text(currency).map_or_else(|| "USD".to_owned(), |c| c.to_uppercase());
    entry.reported = Some(Reported { amount: value, currency });
    entry.provider = Some(provider.into());
    entry.model = row.text("model").or_else(|| Some(item.as_deref()?.split_once(", ")?.0.to_owned().into()));
    entry.at = time(row, "start_time").or_else(|| time(row, "start_time_iso"));
    entry.labels = Labels { project: row.text("project_id"), key: row.text("user_id"), ..Labels::default() };
    Ok(entry)
}

/// A row of the Console's export.
fn console<'a>(row: &Object<'a>) -> Result<Entry<'a>, RecordError> {
    const DAY: i64 = 86_400;
    let count = |name: &str| super::counts::count(row, name);
    let mut counted = Usage::tokens_in_out(count("usage_input_tokens_no_cache")?, count("usage_output_tokens")?);
    counted.set_tokens(Meter::CacheRead, count("usage_input_tokens_cache_read")?);
    let unsplit = count("usage_input_tokens_cache_write")?;
    counted.set_tokens(Meter::CacheWrite5m, count("usage_input_tokens_cache_write_5m")?.saturating_add(unsplit));
    counted.set_tokens(Meter::CacheWrite1h, count("usage_input_tokens_cache_write_1h")?);
    super::counts::calls(&mut counted, Meter::WebSearches, row, "web_search_count")?;
    let mut entry = Entry::new(Dialect::AnthropicUsage, counted);
    entry.provider = Some("anthropic".into());
    entry.model = row.text("model_version").or_else(|| row.text("model"));
    entry.at = time(row, "usage_date_utc");
    let until = entry.at.map(|at| Instant::from_unix(at.unix() + DAY));
    let window = row.text("context_window");
    let prompt_tokens = window.as_deref().and_then(anthropic::prompt_size);
    entry.bucket = Some(Bucket { until, prompt_tokens, requests: None });
    anthropic::state_row(&mut entry, row.text("usage_type"), row.text("inference_geo"), row.text("speed"));
    entry.labels = Labels { project: row.text("workspace"), key: row.text("api_key"), ..Labels::default() };
    Ok(entry)
}

/// A row of any other table: farebox's own record, cell by cell.
fn generic(fields: &Map<String, Json>) -> Item<'static> {
    match generic_entry(fields) {
        Ok(entry) => Item::Entry(Box::new(entry)),
        Err(error) => Item::Bad(error),
    }
}

/// Refuses numbers that mean different things in different countries: `1.000` and `1,5` of a spreadsheet.
fn plain(name: &str, cell: &str) -> Result<(), RecordError> {
    let groups: Vec<&str> = cell.split('.').collect();
    let is_digits = |group: &&str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    let is_grouped = groups.len() > 1
        && groups.iter().all(is_digits)
        && groups.first().is_some_and(|first| first.len() <= 3 && *first != "0")
        && groups.iter().skip(1).all(|group| group.len() == 3);
    let meter_is_whole = !matches!(name.parse::<Meter>().map(Meter::unit), Ok(crate::meter::Unit::Measure));
    let (what, help) = if is_grouped && meter_is_whole {
        let joined = groups.concat();
        let what = format!("{name} is {cell}: the point may group digits or begin a fraction");
        (what, format!("write {joined}, or the number without its point"))
    } else if cell.contains([',', '\'', '\u{a0}', '\u{202f}', ' ']) {
        let what = format!("{name} is {cell:?}: a number is written with digits and at most one point");
        (what, "export it without separators, such as 1000 or 1.5".to_owned())
    } else {
        return Ok(());
    };
    Err(RecordError::Usage(what).or(help))
}

fn generic_entry(fields: &Map<String, Json>) -> Result<Entry<'static>, RecordError> {
    let text = |name: &str| fields.get(name).and_then(Json::as_str);
    let mut record = Map::new();
    let mut usage = Map::new();
    for (name, value) in fields {
        let Some(cell) = value.as_str() else { continue };
        let is_count = crate::input::record::is_count(name);
        if matches!(name.as_str(), "provider" | "model") {
            record.insert(name.clone(), value.clone());
        } else if is_count {
            // Digits are checked here so that they can be written into JSON as they are.
            plain(name, cell)?;
            number(name, cell)?;
            usage.insert(name.clone(), serde_json::from_str(cell).unwrap_or_else(|_| value.clone()));
        }
    }
    record.insert("usage".into(), Json::Object(usage));
    let context: Map<String, Json> = crate::context::Dimension::ALL
        .iter()
        .filter_map(|d| fields.get(d.name()).map(|value| (d.name().to_owned(), value.clone())))
        .collect();
    record.insert("context".into(), Json::Object(context));
    let line = Json::Object(record).to_string();
    let mut entry = super::of_record(parse(&line)?).into_owned();
    entry.dialect = Dialect::Table;
    if let Some(written) = text("timestamp") {
        let at = moment_in(written);
        entry.at = Some(at.ok_or_else(|| RecordError::Form(format!("timestamp {written:?} is not a date")))?);
    }
    let owned = |name: &str| text(name).map(|text| Cow::Owned(text.to_owned()));
    let tags = text("tags").map(|tags| tags.split([',', ';']).map(|t| Cow::Owned(t.trim().to_owned())).collect());
    entry.labels = Labels {
        project: owned("project"),
        session: owned("session"),
        key: owned("key"),
        tags: tags.unwrap_or_default(),
    };
    Ok(entry)
}

/// Rows of DeepSeek's export: one for each kind of token, which together are one record.
#[derive(Default)]
struct Amounts {
    key: String,
    line: u64,
    entry: Option<Entry<'static>>,
    bad: Option<RecordError>,
}

impl Amounts {
    fn add(&mut self, row: &Object, line: u64, take: &mut dyn FnMut(u64, Item<'static>) -> bool) -> bool {
        let names = ["user_id", "start_time_iso", "end_time_iso", "model", "api_key_name", "api_key"];
        let key = names.map(|name| row.text(name).unwrap_or_default()).join("\0");
        let go_on = key == self.key || self.flush(take);
        self.key = key;
        if self.entry.is_none() {
            self.line = line;
            self.entry = Some(amounts_entry(row).into_owned());
        }
        if let Err(error) = self.add_amount(row) {
            self.bad = Some(error);
        }
        go_on
    }

    fn add_amount(&mut self, row: &Object) -> Result<(), RecordError> {
        let Some(entry) = &mut self.entry else { return Ok(()) };
        let written = row.text("amount").unwrap_or_default();
        let kind = row.text("type").unwrap_or_default();
        let amount = whole(&kind, &written)?;
        let meter = match &*kind {
            "input_cache_hit_tokens" => Meter::CacheRead,
            "input_cache_miss_tokens" | "input_tokens" => Meter::Input,
            "output_tokens" => Meter::Output,
            "request_count" => {
                entry.bucket.get_or_insert_default().requests = Some(amount);
                return Ok(());
            }
            other => return Err(RecordError::Usage(format!("no kind of amount is called {other:?}"))),
        };
        entry.usage.set_tokens(meter, entry.usage.tokens(meter).saturating_add(amount));
        Ok(())
    }

    fn flush(&mut self, take: &mut dyn FnMut(u64, Item<'static>) -> bool) -> bool {
        let item = match (self.entry.take(), self.bad.take()) {
            (_, Some(error)) => Item::Bad(error),
            (Some(entry), None) => Item::Entry(Box::new(entry)),
            (None, None) => return true,
        };
        take(self.line, item)
    }
}

fn amounts_entry<'a>(row: &Object<'a>) -> Entry<'a> {
    let mut entry = Entry::new(Dialect::DeepSeekExport, Usage::default());
    entry.provider = Some("deepseek".into());
    entry.model = row.text("model");
    entry.at = time(row, "start_time_iso");
    entry.bucket = Some(Bucket { until: time(row, "end_time_iso"), ..Bucket::default() });
    entry.labels = Labels { key: row.text("api_key_name"), project: row.text("user_id"), ..Labels::default() };
    entry
}
