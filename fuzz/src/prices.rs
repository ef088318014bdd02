//! Price files, and the packed table that they become.

use farebox::calculator::price;
use farebox::context::Context;
use farebox::meter::Meter;
use farebox::period::Instant;
use farebox::pricing::PriceTable;
use farebox::pricing::import::read;
use farebox::pricing::problem::Severity;
use farebox::pricing::review::edit::accept_and_raise;
use farebox::pricing::review::{ReviewSource, listings, review};
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

/// What parts the price file from the databases of a review.
pub(crate) const PART: &str = "\n%%%\n";

/// A price file, and databases that are reviewed against it and accepted in whole.
///
/// Laws: what is written compiles, or nothing is; no comment is lost; the same each time.
pub fn price_review(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut parts = text.split(PART);
    let files = [PriceFile { path: "acme.yaml".into(), text: parts.next().unwrap_or_default().to_owned() }];
    let Ok(table) = PriceTable::of_files(&files, "2026.11.22") else { return };
    let sources: Vec<ReviewSource> = parts
        .take(3)
        .zip(["2026-11-20", "2026-11-21", "2026-11-30"])
        .filter_map(|(part, day)| {
            let day = day.parse::<Instant>().expect("a date");
            Some(ReviewSource { name: format!("{day}.json"), database: read(part, None).ok()?, day })
        })
        .collect();
    let at = "2026-11-30".parse::<Instant>().expect("a date");
    let found = review(&sources, &table, &listings(&files), at, &[]);
    let accept = || accept_and_raise(&found, &|_| true, &sources, &files);
    let (done, again) = (accept(), accept());
    assert_eq!(format!("{done:?}"), format!("{again:?}"));
    let Ok(done) = done else { return };
    for file in &done.files {
        let (_, problems) = compile(std::slice::from_ref(file), Use::Table, &|_, _| None);
        let errors: Vec<_> = problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}\n{}", file.text);
        for comment in comments(&files[0].text) {
            assert!(file.text.contains(comment), "{comment:?} is lost:\n{}", file.text);
        }
    }
}

/// Lines that are comments as a whole.
fn comments(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.trim_start().starts_with('#'))
}
