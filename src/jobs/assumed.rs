//! What is said of assumed prices: those of a time before the first evidence of them.

use super::Setup;
use crate::calculator::quote::Quote;
use crate::money::Usd;
use crate::period::Instant;
use crate::report::{Cell, Tone};

/// Refuses the quotes whose prices are assumed, where that was asked for.
pub(crate) fn refuse_assumed(quotes: &mut [Quote], setup: &Setup) {
    for quote in quotes.iter_mut().filter(|_| setup.strict) {
        if let Ok(estimate) = &quote.result {
            let known = estimate.clone().refuse_assumed(&quote.found.full_id(), setup.at);
            quote.result = known;
        }
    }
}

/// Says which prices are assumed; each with the moment since when there is evidence of it.
pub(crate) fn assumed_note(mut cards: Vec<(String, Instant)>) -> Option<String> {
    cards.sort();
    cards.dedup();
    let (id, since) = cards.first()?;
    let next = next_step(id);
    Some(match cards.len() {
        1 => format!("The price of {id} is assumed: the first evidence of it is from {since}. {next}"),
        n => format!(
            "The prices of {n} models are assumed: the first evidence of them is from later, such as {since} for {id}. {next}"
        ),
    })
}

/// Says how many records were priced at assumed prices, what they come to, and one of their models.
pub(crate) fn assumed_records_note(records: u64, usd: Usd, (id, since): (&str, Instant)) -> String {
    let usd = usd.for_people();
    let what = match records {
        1 => format!("1 record ({usd}) is older than the first evidence of its price, which is assumed"),
        n => format!("{n} records ({usd}) are older than the first evidence of their prices, which are assumed"),
    };
    format!("{what} ({id}: evidence from {since}). {}", next_step(id))
}

fn next_step(id: &str) -> String {
    format!("`farebox prices history {id}` shows what is known; --strict refuses assumed prices.")
}

/// The day since when there is evidence of a price, where it is assumed.
pub(crate) fn assumed_cell(since: Option<Instant>) -> Cell {
    since.map_or_else(Cell::default, |since| Cell::text(since.to_string()).tone(Tone::Warn))
}
