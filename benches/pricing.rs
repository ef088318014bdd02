//! How fast records are priced: `cargo bench --bench pricing`, one thread, from records that are parsed already.
//!
//! The records are made from the bundled table: cards with tiers, cards with variants and plain ones, each asked about
//! prompts of several lengths, so that every record is another one. Only records that have a price are kept.

use std::collections::HashMap;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use farebox::calculator::price;
use farebox::context::Context;
use farebox::meter::Meter;
use farebox::period::Instant;
use farebox::pricing::card::{ModelCard, ProviderHead, RateCard};
use farebox::pricing::{Found, PriceTable};
use farebox::usage::Usage;

fn main() {
    divan::main();
}

/// A usage record behind its parser.
struct BenchRecord {
    provider: String,
    model: String,
    at: Instant,
    usage: Usage,
    context: Context,
}

const RECORDS: usize = 1_000;
const MODELS: usize = 60;

/// A third of the models with tiers, a third with variants, a third with neither.
fn records(table: &PriceTable) -> Vec<BenchRecord> {
    let at: Instant = "2026-11-01T12:00:00Z".parse().expect("a moment");
    let mut kinds: [Vec<BenchRecord>; 3] = Default::default();
    for (head, card) in table.cards() {
        let Some(rates) = card.rates_at(at) else { continue };
        let kind = match (rates.tiers.is_empty(), rates.variants.is_empty()) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        };
        let per_model = RECORDS / MODELS + 1;
        if kinds[kind].len() < RECORDS / 3 + 1 {
            kinds[kind].extend((0..per_model).filter_map(|n| record(&head, &card, rates, at, n)));
        }
    }
    let mut records: Vec<BenchRecord> = Vec::with_capacity(RECORDS);
    let mut lists = kinds.map(Vec::into_iter);
    // In turn, as in a log: no two neighbours have the same card.
    while records.len() < RECORDS {
        let before = records.len();
        records.extend(lists.iter_mut().filter_map(Iterator::next));
        assert!(records.len() > before, "the table has too few cards of a kind");
    }
    records.truncate(RECORDS);
    records
}

/// The n-th record of a card; `None` where the card has no price for it.
fn record(head: &ProviderHead, card: &ModelCard, rates: &RateCard, at: Instant, n: usize) -> Option<BenchRecord> {
    let n = u64::try_from(n).ok()?;
    let mut usage = Usage::tokens_in_out(1_000 + 37_013 * n, 200 + 31 * n);
    if rates.rates.iter().any(|(meter, _)| *meter == Meter::CacheRead) {
        usage.set_tokens(Meter::CacheRead, 500 + 7 * n);
    }
    let mut context = Context::default();
    if let Some(variant) = rates.variants.first().filter(|_| n % 2 == 1) {
        variant.when.iter().for_each(|(dimension, value)| context.set(*dimension, value));
    }
    price(head, card, &usage, &context, at).ok()?;
    Some(BenchRecord { provider: head.id.clone(), model: card.id.clone(), at, usage, context })
}

fn found(table: &PriceTable, record: &BenchRecord) -> Found {
    table.find_in(&record.provider, &record.model, record.at).expect("the card the record was made from")
}

/// The rates of a card that is at hand.
#[divan::bench]
fn price_with_the_card_at_hand(bencher: Bencher) {
    let table = PriceTable::bundled();
    let records = records(&table);
    let cards: Vec<Found> = records.iter().map(|record| found(&table, record)).collect();
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        for (record, card) in records.iter().zip(&cards) {
            let cost = price(&card.provider, &card.model, &record.usage, &record.context, record.at);
            let _ = black_box(cost);
        }
    });
}

#[divan::bench]
fn find_by_provider_and_id(bencher: Bencher) {
    let table = PriceTable::bundled();
    let records = records(&table);
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        for record in &records {
            black_box(found(&table, record));
        }
    });
}

#[divan::bench]
fn find_by_id_alone(bencher: Bencher) {
    let table = PriceTable::bundled();
    let records = records(&table);
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        for record in &records {
            let _ = black_box(table.find(&record.model, record.at));
        }
    });
}

#[divan::bench]
fn find_and_price(bencher: Bencher) {
    let table = PriceTable::bundled();
    let records = records(&table);
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        for record in &records {
            let card = found(&table, record);
            let cost = price(&card.provider, &card.model, &record.usage, &record.context, record.at);
            let _ = black_box(cost);
        }
    });
}

/// What is left when a reader of logs keeps the cards it has found, under the two names as they are written.
#[divan::bench]
fn find_once_and_price(bencher: Bencher) {
    let table = PriceTable::bundled();
    let records = records(&table);
    let mut kept: HashMap<&str, HashMap<&str, Found>> = HashMap::new();
    for record in &records {
        kept.entry(&record.provider).or_default().entry(&record.model).or_insert_with(|| found(&table, record));
    }
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        for record in &records {
            let card = &kept[record.provider.as_str()][record.model.as_str()];
            let cost = price(&card.provider, &card.model, &record.usage, &record.context, record.at);
            let _ = black_box(cost);
        }
    });
}

#[divan::bench]
fn refuse_an_unknown_model(bencher: Bencher) {
    let table = PriceTable::bundled();
    let at = "2026-11-01".parse().expect("a day");
    bencher.bench_local(|| black_box(table.find(black_box("openai/gpt-99-ultra"), at)).is_err());
}
