//! Any table with columns of counts, under farebox's names: its own record, cell by cell.

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};

use super::own::of_record;
use super::spec::DialectSpec;
use super::unread::{says_nothing, unread};
use super::{Bucket, Dialect, Entry, Item, Labels, Reported, Unread};
use crate::input::left::{Looking, is_named_like_a_count};
use crate::input::record::{RecordError, is_count, number, parse, time_of};
use crate::meter::Meter;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    places: &["any table with columns of counts (CSV), named with `--columns` where the names are others"],
    reads: "model, provider, time, every meter by its name",
    includes: "as in farebox's own record",
    source: "https://github.com/farebox/farebox",
    ..DialectSpec::new("csv", "a table with columns of counts")
};

/// Names that other tables use for ours.
const SYNONYMS: &[(&str, &str)] = &[
    ("prompt_tokens", "input_tokens"),
    ("tokens_in", "input_tokens"),
    ("tokens_prompt", "input_tokens"),
    ("completion_tokens", "output_tokens"),
    ("tokens_out", "output_tokens"),
    ("tokens_completion", "output_tokens"),
    ("cached_tokens", "cache_read_tokens"),
    ("cached_input_tokens", "cache_read_tokens"),
    ("cached_prompt_tokens", "cache_read_tokens"),
    ("cache_read", "cache_read_tokens"),
    ("cache_read_input_tokens", "cache_read_tokens"),
    ("cache_hit_tokens", "cache_read_tokens"),
    ("tokens_cached", "cache_read_tokens"),
    ("cache_write", "cache_write_tokens"),
    ("cache_creation_tokens", "cache_write_tokens"),
    ("cache_creation_input_tokens", "cache_write_tokens"),
    ("cache_write_input_tokens", "cache_write_tokens"),
    ("cache_creation_5m_tokens", "cache_write_5m_tokens"),
    ("ephemeral_5m_input_tokens", "cache_write_5m_tokens"),
    ("cache_creation_1h_tokens", "cache_write_1h_tokens"),
    ("ephemeral_1h_input_tokens", "cache_write_1h_tokens"),
    ("reasoning_output_tokens", "reasoning_tokens"),
    ("thinking_tokens", "reasoning_tokens"),
    ("thoughts_tokens", "reasoning_tokens"),
    ("tokens_reasoning", "reasoning_tokens"),
    ("tokens_total", "total_tokens"),
    ("api_requests", "requests"),
    ("api_calls", "requests"),
    ("calls", "requests"),
    ("num_requests", "requests"),
    ("num_model_requests", "requests"),
    ("request_count", "requests"),
    ("requests_count", "requests"),
    ("total_requests", "requests"),
    ("spend", "cost"),
    ("spend_usd", "cost"),
    ("cost_usd", "cost"),
    ("total_cost", "cost"),
    ("total_cost_usd", "cost"),
    ("amount_usd", "cost"),
    ("model_name", "model"),
    ("model_id", "model"),
    ("provider_name", "provider"),
    ("date", "timestamp"),
    ("day", "timestamp"),
    ("time", "timestamp"),
    ("datetime", "timestamp"),
    ("usage_date", "timestamp"),
    ("created_at", "timestamp"),
    ("start_time", "timestamp"),
    ("api_key", "key"),
    ("api_key_name", "key"),
    ("session_id", "session"),
    ("tag", "tags"),
];

/// Our name of a column, where it has one: `Prompt Tokens`, `promptTokens` and `prompt-tokens` are `input_tokens`.
pub(super) fn ours(written: &str) -> String {
    let plain = plain_name(written);
    SYNONYMS.iter().find(|(theirs, _)| *theirs == plain).map_or(plain, |(_, ours)| (*ours).to_owned())
}

/// A name in lower case with underscores between its words.
fn plain_name(written: &str) -> String {
    let mut name = String::with_capacity(written.len() + 4);
    let mut before = ' ';
    for letter in written.chars() {
        let begins_word = letter.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
        let parts = !letter.is_alphanumeric() || begins_word;
        if parts && !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        if letter.is_alphanumeric() {
            name.extend(letter.to_lowercase());
        }
        before = letter;
    }
    name.truncate(name.trim_end_matches('_').len());
    name
}

/// A row of any other table: farebox's own record, cell by cell.
pub(super) fn read_cells(fields: &Map<String, Json>) -> Item<'static> {
    match generic_entry(fields) {
        Ok(entry) => Item::Entry(Box::new(entry)),
        Err(error) => Item::Bad(error),
    }
}

/// A number without the marks between its thousands: `1,234,567`, `1 234 567` and `1'234'567`. What means different things
/// in different countries is refused: `1.000` and `1,5`.
fn digits(name: &str, cell: &str) -> Result<String, RecordError> {
    let is_digits = |group: &&str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    let is_grouped = |groups: &[&str]| {
        groups.len() > 1
            && groups.iter().all(is_digits)
            && groups.first().is_some_and(|first| first.len() <= 3 && *first != "0")
            && groups.iter().skip(1).all(|group| group.len() == 3)
    };
    let is_whole = !matches!(name.parse::<Meter>().map(Meter::unit), Ok(crate::meter::Unit::Measure));
    let by_points: Vec<&str> = cell.split('.').collect();
    if is_grouped(&by_points) && is_whole {
        let joined = by_points.concat();
        let what = format!("{name} is {cell}: the point may group digits or begin a fraction");
        return Err(RecordError::Usage(what).or(format!("write {joined}, or the number without its point")));
    }
    for mark in [',', '\'', '’', '\u{a0}', '\u{202f}', ' ', '_'] {
        // A fraction may follow: 1,234.5 is no count, and is refused as such.
        let (whole, fraction) = cell.split_once('.').map_or((cell, None), |(whole, rest)| (whole, Some(rest)));
        let groups: Vec<&str> = whole.split(mark).collect();
        if is_grouped(&groups) && (is_whole || mark != ',' || groups.len() > 2 || fraction.is_some()) {
            let joined = groups.concat();
            return Ok(fraction.map_or_else(|| joined.clone(), |fraction| format!("{joined}.{fraction}")));
        }
    }
    if cell.contains([',', '\'', '’', '\u{a0}', '\u{202f}', ' ']) {
        let what = format!("{name} is {cell:?}: a number is written with digits and at most one point");
        return Err(RecordError::Usage(what).or("export it without separators, such as 1000 or 1.5"));
    }
    Ok(cell.to_owned())
}

/// An amount of money, with or without its sign: `$1,234.50`, `0.25 USD`, `€3`. `None` for what is not one, such as
/// `Included` or `-`.
pub(super) fn amount(cell: &str) -> Option<Reported> {
    let upper = cell.trim().to_uppercase();
    let signs = [("US$", "USD"), ("$", "USD"), ("€", "EUR"), ("£", "GBP"), ("¥", "CNY"), ("₹", "INR")];
    let codes = ["USD", "EUR", "GBP", "CNY", "INR", "JPY", "CHF"];
    let signed = signs.iter().find(|(sign, _)| upper.contains(sign));
    let coded = codes.iter().find(|code| upper.starts_with(**code) || upper.ends_with(**code));
    let currency = signed.map(|(_, code)| *code).or(coded.copied()).unwrap_or("USD");
    let bare = signed.map_or(upper.clone(), |(sign, _)| upper.replacen(sign, "", 1));
    let bare = coded.map_or(bare.clone(), |code| bare.replacen(code, "", 1));
    let number = digits("audio_seconds", bare.trim()).ok()?;
    let amount = Decimal::from_str_exact(&number).or_else(|_| Decimal::from_scientific(&number)).ok()?;
    Some(Reported { amount, currency: currency.to_owned() })
}

/// What a row says, by our names.
#[derive(Default)]
struct ReadRow {
    /// Provider and model.
    record: Map<String, Json>,
    usage: Map<String, Json>,
    /// Columns that are none of ours.
    others: Vec<(String, String)>,
}

fn read_row(fields: &Map<String, Json>) -> Result<ReadRow, RecordError> {
    let mut row = ReadRow::default();
    let cells = || fields.iter().filter_map(|(name, value)| Some((name, value, value.as_str()?)));
    for (name, value, cell) in cells() {
        if matches!(name.as_str(), "provider" | "model") {
            row.record.insert(name.clone(), value.clone());
        } else if is_count(name) {
            // Digits are checked here so that they can be written into JSON as they are.
            let cell = digits(name, cell)?;
            number(name, &cell)?;
            row.usage.insert(name.clone(), serde_json::from_str(&cell).unwrap_or_else(|_| value.clone()));
        }
    }
    for (name, _, cell) in cells().filter(|(name, ..)| !is_count(name)) {
        row.other(name, cell);
    }
    Ok(row)
}

impl ReadRow {
    /// A column that is none of ours. Under another name for one of ours it counts where ours is zero, and repeats it where
    /// both are the same.
    fn other(&mut self, name: &str, cell: &str) {
        let nonzero = digits(name, cell).ok().filter(|digits| number(name, digits).is_ok_and(|n| !n.is_zero()));
        let Some(digits) = nonzero else { return };
        let ours = ours(name);
        let Some(value) = serde_json::from_str::<Json>(&digits).ok().filter(|_| ours != name && is_count(&ours)) else {
            return self.others.push((name.to_owned(), digits));
        };
        match self.usage.get(&ours) {
            Some(there) if *there == value => {}
            Some(there) if there.as_f64() != Some(0.0) => self.others.push((name.to_owned(), digits)),
            _ => drop(self.usage.insert(ours, value)),
        }
    }

    /// The columns that look like counts and were not read.
    fn unread(self) -> Vec<Unread> {
        let is_left = |name: &str| name != "cost" && is_named_like_a_count(name.as_bytes()) && !says_nothing(name);
        let left = self.others.into_iter().filter(|(name, _)| is_left(name));
        left.map(|(key, value)| Unread { key, value }).collect()
    }
}

fn generic_entry(fields: &Map<String, Json>) -> Result<Entry<'static>, RecordError> {
    let text = |name: &str| fields.get(name).and_then(Json::as_str);
    let looking = Looking::begin();
    let ReadRow { mut record, usage, others } = read_row(fields)?;
    let requests = usage.get("requests").and_then(Json::as_u64).filter(|requests| *requests > 1);
    record.insert("usage".into(), Json::Object(usage));
    let context: Map<String, Json> = crate::context::Dimension::ALL
        .iter()
        .filter_map(|d| fields.get(d.name()).map(|value| (d.name().to_owned(), value.clone())))
        .collect();
    record.insert("context".into(), Json::Object(context));
    let line = Json::Object(record).to_string();
    let mut entry = of_record(parse(&line)?).into_owned();
    entry.dialect = Dialect::Table;
    // A row of many requests is not one prompt of their size.
    entry.bucket = requests.map(|requests| Bucket { requests: Some(requests), ..Bucket::default() });
    entry.at = text("timestamp").map(time_of).transpose()?.flatten();
    entry.reported = text("cost").and_then(amount);
    entry.unread = ReadRow { others, ..ReadRow::default() }.unread();
    entry.unread.extend(unread(looking.end(), &DIALECT));
    let owned = |name: &str| text(name).map(|text| Cow::Owned(text.to_owned()));
    let tags = text("tags").map(|tags| tags.split([',', ';']).map(|t| Cow::Owned(t.trim().to_owned())).collect());
    entry.labels = Labels {
        project: owned("project"),
        session: owned("session"),
        key: owned("key"),
        tags: tags.unwrap_or_default(),
    };
    for name in ["agent", "host"] {
        entry.labels.tags.extend(text(name).map(|text| format!("{name}:{text}").into()));
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_joined_and_what_is_ambiguous_is_refused() {
        for (cell, want) in [
            ("1,234,567", "1234567"),
            ("12,345", "12345"),
            ("1 234", "1234"),
            ("1'234'567", "1234567"),
            ("1\u{202f}234", "1234"),
            ("1234", "1234"),
            ("10.0", "10.0"),
        ] {
            assert_eq!(digits("input_tokens", cell).unwrap(), want, "{cell}");
        }
        for cell in ["1.000", "1.234.567", "1,5", "12,34", "1,2345", "1 2", "0,123"] {
            assert!(digits("input_tokens", cell).is_err(), "{cell}");
        }
        assert!(digits("audio_seconds", "1,234").is_err(), "a comma may begin a fraction of a second");
    }

    #[test]
    fn amounts_have_signs() {
        let read = |cell: &str| amount(cell).map(|r| format!("{} {}", r.amount, r.currency));
        for (cell, want) in [
            ("0.25", "0.25 USD"),
            ("$1,234.50", "1234.50 USD"),
            ("US$3", "3 USD"),
            ("€ 3.10", "3.10 EUR"),
            ("3.10 eur", "3.10 EUR"),
            ("2e-7", "0.0000002 USD"),
        ] {
            assert_eq!(read(cell).as_deref(), Some(want), "{cell}");
        }
        for cell in ["Included", "-", "", "free"] {
            assert_eq!(read(cell), None, "{cell}");
        }
    }

    #[test]
    fn columns_have_our_names_however_they_are_written() {
        for (written, want) in [
            ("Prompt Tokens", "input_tokens"),
            ("promptTokens", "input_tokens"),
            ("Output-Tokens", "output_tokens"),
            ("Cost ($)", "cost"),
            ("cost (USD)", "cost"),
            ("API Requests", "requests"),
            ("cacheReadInputTokens", "cache_read_tokens"),
            ("cache_write_5m_tokens", "cache_write_5m_tokens"),
            ("Warm prefix", "warm_prefix"),
        ] {
            assert_eq!(ours(written), want, "{written}");
        }
    }
}
