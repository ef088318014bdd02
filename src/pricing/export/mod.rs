//! Writes the table in the forms of public price databases: what [`super::import`] reads, the other way round.
//!
//! Both forms are made of the same neutral prices that a comparison looks at, so that what is written is read back as it
//! was. What a format cannot express is listed by reason ([`Exported::left_out`]): nothing is dropped in silence.

pub(crate) mod genai_prices;
pub(crate) mod litellm;
mod text;

use std::sync::Arc;

use super::card::{ModelCard, ProviderHead};
use super::import::Unread;
use super::{PriceTable, card::RateCard};
use crate::period::Instant;

/// A table in the form of a database.
#[derive(Clone, Debug, Default)]
pub struct Exported {
    /// The file.
    pub text: String,
    /// How many models are in it.
    pub models: usize,
    /// How many prices are in it.
    pub prices: usize,
    /// What it cannot express, each with the model.
    pub left_out: Vec<Unread>,
}

/// What is written: a card with its provider.
type Entry = (Arc<ProviderHead>, Arc<ModelCard>);

/// Which part of a table is written, and as of when.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Providers by their ids; all where there are none.
    pub providers: Vec<String>,
    /// The moment whose prices hold.
    pub at: Instant,
}

impl Selection {
    /// Every card of the providers, in the order of their ids.
    pub(crate) fn cards(&self, table: &PriceTable) -> Vec<Entry> {
        let wanted = |head: &ProviderHead| self.providers.is_empty() || self.providers.contains(&head.id);
        let mut cards: Vec<Entry> = table.cards().filter(|(head, _)| wanted(head)).collect();
        cards.sort_by(|a, b| (&a.0.id, &a.1.id).cmp(&(&b.0.id, &b.1.id)));
        cards
    }

    /// The cards that can be bought; the others are noted.
    fn live(&self, table: &PriceTable, out: &mut Exported) -> Vec<Entry> {
        let (live, gone): (Vec<Entry>, Vec<Entry>) = self
            .cards(table)
            .into_iter()
            .partition(|(head, card)| card.rates_at(self.at).is_some() && table.life(head, card, self.at).is_live());
        for entry in &gone {
            out.leave_out("a model not sold on that day", entry);
        }
        live
    }
}

impl Exported {
    fn leave_out(&mut self, what: impl Into<String>, (head, card): &Entry) {
        self.left_out.push(Unread { what: what.into(), place: format!("{}/{}", head.id, card.id) });
    }
}

/// Notes what a set of rates says besides prices.
fn note_words(rates: &RateCard, entry: &Entry, out: &mut Exported) {
    let priced = rates.rates.iter().filter_map(|(meter, rate)| match rate {
        super::card::Rate::Price(price) => Some((meter, price)),
        _ => None,
    });
    for (meter, price) in priced {
        if price.minimum.is_some() || price.step.is_some() {
            out.leave_out(
                format!("the smallest quantity that is billed, or the step it is rounded up to: {meter}"),
                entry,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::import::compare::{Verdict, compare};
    use crate::pricing::import::read;

    /// What a comparison finds in the table alone must be what the export says that it left out.
    #[test]
    fn nothing_is_left_out_without_a_word() {
        let table = PriceTable::bundled();
        let at = table.day().unwrap();
        let selection = Selection { providers: Vec::new(), at };
        for exported in [litellm::write(&table, &selection), genai_prices::write(&table, &selection)] {
            let database = read(&exported.text, None).unwrap();
            let comparison = compare(&database, &table, at, &[]);
            let told: std::collections::HashSet<&str> =
                exported.left_out.iter().map(|out| out.place.as_str()).collect();
            for row in &comparison.rows {
                let id = format!("{}/{}", row.provider, row.model);
                assert!(row.verdict != Verdict::OnlyHere || told.contains(id.as_str()), "{}: {row:?}", database.format);
            }
            assert!(comparison.prices(Verdict::Same) > 5_000);
        }
    }
}
