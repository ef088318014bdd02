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
    /// Why the table has another price; empty where it has this one.
    skipped: String,
}

impl Fact {
    /// What the table charges for so much as the row's price is for. Some lists give a price per one where the table has the
    /// page's own unit.
    fn of_the_table(&self, table: &PriceTable) -> Result<Decimal, String> {
        let (rate, per) = charged(table, self)?;
        Ok((rate * Decimal::from(self.per) / Decimal::from(per)).normalize())
    }

    fn text(&self) -> String {
        let (provider, model) = &self.id;
        format!("{provider}/{model} {} [{}]", self.meter, self.condition)
    }
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
        skipped: row[6].to_owned(),
    };
    rows.map(fact).collect()
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
    assert!(facts.len() >= 4_600, "the list is cut off: {} rows", facts.len());
    let (compared, skipped): (Vec<&Fact>, Vec<&Fact>) = facts.iter().partition(|fact| fact.skipped.is_empty());
    let mut wrong = Vec::new();
    for fact in &compared {
        let (got, want) = (fact.of_the_table(&table), fact.price.normalize());
        if got.as_ref() != Ok(&want) {
            wrong.push(format!("{}: {got:?}, want {want}", fact.text()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), compared.len(), wrong.join("\n"));
    // A row that agrees is compared: its reason was of a day that is over.
    let agrees = |fact: &&&Fact| fact.of_the_table(&table).as_ref() == Ok(&fact.price.normalize());
    let stale: Vec<String> = skipped.iter().filter(agrees).map(|fact| fact.text()).collect();
    assert!(stale.is_empty(), "{} skipped rows agree, take their reasons out:\n{}", stale.len(), stale.join("\n"));
}

#[test]
fn the_table_is_as_large_as_promised() {
    let table = PriceTable::bundled();
    assert!(table.providers().len() >= 30, "{}", table.providers().len());
    assert!(table.model_count() >= 2_000, "{}", table.model_count());
}
