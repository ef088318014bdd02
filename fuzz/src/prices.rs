//! Price files, and the packed table that they become.

use farebox::calculator::price;
use farebox::context::Context;
use farebox::meter::Meter;
use farebox::period::Instant;
use farebox::pricing::PriceTable;
use farebox::usage::Usage;
use farebox_prices::compile::{PriceFile, Use, compile};
use farebox_prices::packed::{Packed, pack};

/// The most entries of a damaged table that are looked at: it may state thousands of millions.
const LOOKS: usize = 300;

/// A price file, as a user's overlay and as part of the table.
///
/// Laws: problems are the same each time; what compiles packs, and is read back the same; every name finds its models; no price
/// panics at any instant.
pub fn price_yaml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let file = PriceFile { path: "acme.yaml".into(), text: text.to_owned() };
    let files = std::slice::from_ref(&file);
    for role in [Use::Overlay, Use::Table] {
        let (providers, problems) = compile(files, role, &|_, _| None);
        let again = compile(files, role, &|_, _| None);
        assert_eq!(format!("{:?}", (&providers, &problems)), format!("{again:?}"));
        let block = Packed::open(pack("1", &providers)).expect("what was packed opens");
        block
            .names()
            .for_each(|(name, model)| assert!(block.find(name).any(|found| found == model), "{name:?} is lost"));
        let cards: Vec<_> = providers.iter().flat_map(|provider| &provider.models).collect();
        assert_eq!(block.model_count(), cards.len());
        for (index, card) in cards.iter().enumerate() {
            let (_, read) = block.model(index).expect("a packed card is read back");
            assert_eq!(format!("{read:?}"), format!("{card:?}"));
        }
    }
    let mut over = PriceTable::bundled();
    if over.lay_over(files).is_ok()
        && let Ok(alone) = PriceTable::of_files(files, "1")
    {
        look_up(&alone);
    }
}

fn look_up(table: &PriceTable) {
    let mut usage = Usage::tokens_in_out(1_000, 100);
    usage.set_tokens(Meter::CacheRead, 50);
    let instants =
        ["2020-01-01", "2026-06-30T23:59:59Z", "2100-01-01"].map(|at| at.parse::<Instant>().expect("a date"));
    for (head, card) in table.cards() {
        for at in instants {
            let _ = price(&head, &card, &usage, &Context::default(), at);
            let _ = table.find_in(&head.id, &card.id, at);
            let _ = table.find(&card.id, at);
        }
    }
}

/// Bytes that may be a packed table: whatever they are, an answer or none.
///
/// Laws: reading twice is the same, and no name is found that is not there.
pub fn packed_table(bytes: &[u8]) {
    let Some(packed) = Packed::open(bytes.to_vec()) else { return };
    let _ = (packed.version(), packed.sha256());
    for index in 0..packed.provider_count().min(LOOKS) {
        let _ = packed.provider(index);
    }
    for index in 0..packed.model_count().min(LOOKS) {
        let read = || packed.model(index).map(|model| format!("{model:?}"));
        assert_eq!(read(), read());
        let _ = packed.provider_of(index);
    }
    let names: Vec<&str> = packed.names().map(|(name, _)| name).collect();
    for name in ["", "gpt-4o", "\u{10ffff}"].iter().chain(names.iter().take(LOOKS)) {
        let there = names.iter().filter(|other| *other == name).count();
        assert!(packed.find(name).count() <= there, "{name:?} is found more often than it is there");
    }
}
