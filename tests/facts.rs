//! Every current price on which two or more public databases agree is carried over, equal to the digit.
//!
//! `tests/data/README.md` says where the list is from. Each row is priced through the engine: a request that uses the
//! meter under the row's condition, whose receipt must show the row's rate.

use farebox::calculator::price;
use farebox::context::{Context, Dimension};
use farebox::meter::{Meter, Side};
use farebox::pricing::PriceTable;
use farebox::usage::Usage;
use rust_decimal::Decimal;

/// A Sunday, outside of every peak window, and a Wednesday inside of one.
const QUIET: &str = "2026-11-22T12:00:00Z";
const PEAK: &str = "2026-11-18T02:00:00Z";

struct Fact {
    id: (String, String),
    meter: Meter,
    condition: String,
    price: Decimal,
    per: u64,
}

fn facts() -> Vec<Fact> {
    let mut reader = csv::Reader::from_reader(include_str!("data/facts-all-agree.csv").as_bytes());
    let rows = reader.records().map(|row| row.expect("a row"));
    let fact = |row: csv::StringRecord| Fact {
        id: (row[0].to_owned(), row[1].to_owned()),
        meter: row[2].parse().expect("a meter"),
        condition: row[3].to_owned(),
        price: Decimal::from_str_exact(&row[4]).expect("a price"),
        per: row[5].parse().expect("a number"),
    };
    rows.filter(|row| row[6].is_empty()).map(fact).collect()
}

/// What the table charges for the meter under the condition: the rate and per how many.
fn charged(table: &PriceTable, fact: &Fact) -> Result<(Decimal, u64), String> {
    let (mut context, mut prompt, mut at) = (Context::default(), 0, QUIET);
    for condition in fact.condition.split(';').filter(|c| !c.is_empty()) {
        if condition == "peak" {
            at = PEAK;
        } else if let Some(over) = condition.strip_prefix("prompt_tokens>=") {
            prompt = over.parse().expect("a boundary");
        } else if let Some(over) = condition.strip_prefix("prompt_tokens>") {
            prompt = over.parse::<u64>().expect("a boundary") + 1;
        } else {
            let (dimension, value) = condition.split_once('=').expect("dimension=value");
            context.set(dimension.parse::<Dimension>().expect("a dimension"), value);
        }
    }
    let at = at.parse().expect("an instant");
    let found = table.find_in(&fact.id.0, &fact.id.1, at).map_err(|e| e.to_string())?;
    let mut usage = Usage::default();
    if fact.meter.side() == Side::Prompt {
        usage.set_tokens(fact.meter, prompt.max(1));
    } else {
        usage.set_tokens(Meter::Input, prompt);
        usage.set(fact.meter, Decimal::ONE);
    }
    let cost = price(&found.provider, &found.model, &usage, &context, at).map_err(|e| e.to_string())?;
    let line = cost.lines.iter().find(|l| l.meter == fact.meter).ok_or("the meter is not on the receipt")?;
    Ok((line.rate.normalize(), line.per))
}

#[test]
fn every_agreed_price_is_in_the_table_to_the_digit() {
    let (table, facts) = (PriceTable::bundled(), facts());
    assert!(facts.len() > 4_500, "the list is cut off: {} rows", facts.len());
    let mut wrong = Vec::new();
    for fact in &facts {
        let want = (fact.price.normalize(), fact.per);
        // Some lists give a price per one where the table has the page's own unit.
        let got =
            charged(&table, fact).map(|(rate, per)| (rate * Decimal::from(want.1) / Decimal::from(per)).normalize());
        if got.as_ref() != Ok(&want.0) {
            wrong.push(format!(
                "{}/{} {} [{}]: {got:?}, want {}",
                fact.id.0, fact.id.1, fact.meter, fact.condition, want.0
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), facts.len(), wrong.join("\n"));
}

#[test]
fn the_table_is_as_large_as_promised() {
    let table = PriceTable::bundled();
    assert!(table.providers().len() >= 30, "{}", table.providers().len());
    assert!(table.model_count() >= 2_000, "{}", table.model_count());
}
