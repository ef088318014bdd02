//! Every dialect against records worked out by hand (`tests/data/usage/expected_normalised.json`), and every trap of
//! theirs as a test of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use farebox::context::Dimension;
use farebox::input::calls::{Reading, each};
use farebox::input::dialect::{Dialect, Entry, Item, State};
use farebox::input::text::Source;
use farebox::meter::Meter;
use farebox::period::Instant;
use farebox::pricing::PriceTable;
use serde_json::Value;

fn sample(name: &str) -> PathBuf {
    Path::new("tests/data/usage").join(name)
}

fn items(source: &Source) -> Vec<(u64, Item<'static>)> {
    let mut items = Vec::new();
    each(source, &Reading::default(), &mut |line, item| items.push((line, item))).unwrap();
    items
}

fn entries_of(source: &Source) -> Vec<Entry<'static>> {
    let entry = |(_, item): (u64, Item<'static>)| match item {
        Item::Entry(entry) => Some(*entry),
        _ => None,
    };
    items(source).into_iter().filter_map(entry).collect()
}

/// What is billed or would be: neither failed nor cancelled.
fn billed(text: &str) -> Vec<Entry<'static>> {
    let entries = entries_of(&Source::Text(text.to_owned()));
    entries.into_iter().filter(|e| matches!(e.state, State::Done | State::Local)).collect()
}

fn one(text: &str) -> Entry<'static> {
    let mut all = billed(text);
    assert_eq!(all.len(), 1, "{text}: {all:?}");
    all.remove(0)
}

fn used(entry: &Entry) -> Vec<(&'static str, String)> {
    entry.usage.used().map(|(meter, quantity)| (meter.name(), quantity.normalize().to_string())).collect()
}

fn check_row(row: &Value, entry: &Entry, table: &PriceTable) {
    let name = format!("{} record {}", row["file"], row["record"]);
    let tokens = |meter| entry.usage.tokens(meter);
    let count = |key: &str| row[key].as_u64().unwrap_or(0);
    let written_model = row["model"].as_str().unwrap();
    match &entry.model {
        Some(model) => assert_eq!(model, written_model, "{name}"),
        None => assert!(written_model.starts_with("(not in body"), "{name}"),
    }
    let provider = entry.provider.clone().unwrap_or_else(|| {
        let at: Instant = "2026-11-22".parse().unwrap();
        table.find(entry.model.as_ref().unwrap(), at).unwrap().provider.id.clone().into()
    });
    let wanted = match row["provider"].as_str().unwrap() {
        "google-vertex" => "vertex",
        "aws-bedrock" => "bedrock",
        other => other,
    };
    assert_eq!(provider, wanted, "{name}");
    let tier = entry.context.get(Dimension::Processing).or(entry.context.get(Dimension::ServiceTier));
    assert_eq!(tier.unwrap_or("standard"), row["service_tier"].as_str().unwrap(), "{name}");
    if let Some(at) = row["timestamp"].as_str() {
        assert_eq!(entry.at.unwrap(), at.parse().unwrap(), "{name}");
    }
    let plain = tokens(Meter::Input) + tokens(Meter::InputImage) + tokens(Meter::InputVideo);
    assert_eq!(plain, count("input_uncached"), "{name}");
    for (key, meter) in [
        ("cache_read", Meter::CacheRead),
        ("cache_write_5m", Meter::CacheWrite5m),
        ("cache_write_1h", Meter::CacheWrite1h),
        ("output_reasoning", Meter::Reasoning),
        ("input_audio", Meter::InputAudio),
        ("output_audio", Meter::OutputAudio),
        ("input_image", Meter::InputImage),
    ] {
        assert_eq!(tokens(meter), count(key), "{name}: {key}");
    }
    assert_eq!(tokens(Meter::Output) + tokens(Meter::Reasoning), count("output_total"), "{name}");
    assert_eq!(entry.usage.quantity(Meter::WebSearches), count("web_search_calls").into(), "{name}");
    if let Some(requests) = row["requests"].as_u64() {
        assert_eq!(entry.bucket.unwrap().requests, Some(requests), "{name}");
    }
    if !row["reported_cost_usd"].is_null() {
        let reported = entry.reported.as_ref().unwrap();
        assert_eq!((reported.amount.normalize().to_string(), reported.currency.as_str()), (row["reported_cost_usd"].to_string(), "USD"), "{name}");
    }
    for (key, dimension) in [("inference_geo", Dimension::InferenceGeo), ("speed", Dimension::Speed)] {
        assert_eq!(entry.context.get(dimension), row[key].as_str(), "{name}: {key}");
    }
    if row["context_window"] == ">200k" {
        assert!(entry.bucket.unwrap().prompt_tokens.unwrap().0 > 200_000, "{name}");
    }
}

#[test]
fn every_record_of_the_oracle_comes_out_exactly() {
    let oracle: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(sample("expected_normalised.json")).unwrap()).unwrap();
    assert_eq!(oracle.len(), 48);
    let table = PriceTable::bundled();
    let mut files: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for row in &oracle {
        files.entry(row["file"].as_str().unwrap()).or_default().push(row);
    }
    for (file, rows) in files {
        let all = entries_of(&Source::File(sample(file)));
        let billed: Vec<Entry> =
            all.into_iter().filter(|e| matches!(e.state, State::Done | State::Local)).collect();
        assert_eq!(billed.len(), rows.len(), "{file}: {billed:?}");
        for (row, entry) in rows.iter().zip(&billed) {
            check_row(row, entry, &table);
        }
    }
}
