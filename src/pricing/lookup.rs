//! Finds cards for millions of records: [`Lookup`] remembers what an id meant.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Found, PriceTable, UnknownModel};
use crate::context::{Context, Dimension};
use crate::period::Instant;

/// A memory over [`PriceTable::find_for`]: the same answers, without decoding a card for every record.
///
/// # Examples
/// ```
/// use farebox::{context::Context, pricing::{PriceTable, lookup::Lookup}};
/// let table = PriceTable::bundled();
/// let mut lookup = Lookup::new(&table);
/// let at = "2024-11-15".parse().unwrap();
/// let found = lookup.find(Some("openai"), "gpt-4o", &Context::default(), at)?;
/// assert_eq!(found.full_id(), "openai/gpt-4o");
/// # Ok::<(), farebox::pricing::UnknownModel>(())
/// ```
pub struct Lookup<'t> {
    table: &'t PriceTable,
    cards: FxHashMap<String, Vec<Arc<Found>>>,
    key: String,
}

impl<'t> Lookup<'t> {
    /// An empty memory over a table.
    #[must_use]
    pub fn new(table: &'t PriceTable) -> Self {
        Lookup { table, cards: FxHashMap::default(), key: String::new() }
    }

    /// The card of a request.
    ///
    /// # Errors
    /// [`UnknownModel`] with similar ids.
    pub fn find(
        &mut self,
        provider: Option<&str>,
        model: &str,
        context: &Context,
        at: Instant,
    ) -> Result<Arc<Found>, UnknownModel> {
        self.key.clear();
        for part in [provider.unwrap_or(""), "\0", model, "\0", context.get(Dimension::Region).unwrap_or("")] {
            self.key.push_str(part);
        }
        let known = self.cards.get(&self.key).and_then(|cards| cards.iter().find(|found| found.holds.contains(at)));
        if let Some(found) = known {
            return Ok(found.clone());
        }
        let found = Arc::new(self.table.find_for(provider, model, context, at)?);
        self.cards.entry(self.key.clone()).or_default().push(found.clone());
        Ok(found)
    }
}
