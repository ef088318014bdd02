//! Finds cards for millions of records: [`Lookup`] remembers what an id meant.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Found, PriceTable, UnknownModel, Whose};
use crate::context::{Context, Dimension};
use crate::period::{Instant, Period};

/// A memory over [`PriceTable::find_for`]: the same answers, without decoding a card for every record, and without
/// looking for similar ids again for every record of an unknown model.
///
/// What is remembered is bounded: a log may name more models than fit into memory.
///
/// # Examples
/// ```
/// use farebox::{context::Context, pricing::{PriceTable, lookup::Lookup}};
/// let table = PriceTable::bundled();
/// let mut lookup = Lookup::new(&table);
/// let at = "2024-11-15".parse().unwrap();
/// let found = lookup.find(Some("openai"), "gpt-4o", &Context::default(), at)?;
/// assert_eq!(found.full_id(), "openai/gpt-4o");
/// # Ok::<(), std::sync::Arc<farebox::pricing::UnknownModel>>(())
/// ```
pub struct Lookup<'t> {
    table: &'t PriceTable,
    cards: FxHashMap<String, Vec<LookupAnswer>>,
    /// Why names are unknown, each with the time it holds.
    unknown: FxHashMap<String, Vec<(Period, Arc<UnknownModel>)>>,
    key: String,
}

/// A card, or the time over which there is none.
enum LookupAnswer {
    Card(Arc<Found>),
    None(Period),
}

impl LookupAnswer {
    fn holds(&self) -> Period {
        match self {
            LookupAnswer::Card(found) => found.holds,
            LookupAnswer::None(holds) => *holds,
        }
    }
}

/// How many names are remembered before all are forgotten: more than any table has.
const REMEMBERED: usize = 16_384;
/// Longer names are not remembered: no id is that long.
const LONGEST: usize = 512;

impl<'t> Lookup<'t> {
    /// An empty memory over a table.
    #[must_use]
    pub fn new(table: &'t PriceTable) -> Self {
        Lookup { table, cards: FxHashMap::default(), unknown: FxHashMap::default(), key: String::new() }
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
    ) -> Result<Arc<Found>, Arc<UnknownModel>> {
        let whose = provider.map_or(Whose::Anyone, Whose::Provider);
        self.get(whose, model, context, at).ok_or_else(|| self.why(provider, model, at))
    }

    /// The card of a request; similar ids are not looked for where there is none ([`Lookup::why`] does).
    pub fn get(&mut self, whose: Whose, model: &str, context: &Context, at: Instant) -> Option<Arc<Found>> {
        self.key.clear();
        let provider = match whose {
            Whose::Anyone => "",
            Whose::Maker => "\u{1}",
            Whose::Provider(name) => name,
        };
        let parts = [provider, "\0", model, "\0", context.get(Dimension::Region).unwrap_or("")];
        parts.iter().for_each(|part| self.key.push_str(part));
        let known = self.cards.get(&self.key).and_then(|list| list.iter().find(|one| one.holds().contains(at)));
        if let Some(answer) = known {
            return match answer {
                LookupAnswer::Card(found) => Some(found.clone()),
                LookupAnswer::None(_) => None,
            };
        }
        let sought = self.table.seek(whose, model, context, at).map(Arc::new);
        let found = sought.as_ref().ok().cloned();
        remember(&mut self.cards, &self.key, sought.map_or_else(LookupAnswer::None, LookupAnswer::Card));
        found
    }

    /// Why no card is meant, with similar ids.
    pub(crate) fn why(&mut self, provider: Option<&str>, model: &str, at: Instant) -> Arc<UnknownModel> {
        self.key.clear();
        [provider.unwrap_or(""), "\0", model].iter().for_each(|part| self.key.push_str(part));
        let known = self.unknown.get(&self.key).and_then(|list| list.iter().find(|(holds, _)| holds.contains(at)));
        if let Some((_, why)) = known {
            return why.clone();
        }
        let (why, holds) = self.table.unknown_while(provider, model, at);
        let why = Arc::new(why);
        remember(&mut self.unknown, &self.key, (holds, why.clone()));
        why
    }
}

fn remember<T>(memory: &mut FxHashMap<String, Vec<T>>, key: &str, answer: T) {
    if key.len() > LONGEST {
        return;
    }
    if memory.len() >= REMEMBERED {
        memory.clear();
    }
    memory.entry(key.to_owned()).or_default().push(answer);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searches(table: &PriceTable) -> u64 {
        table.searches.load(std::sync::atomic::Ordering::Relaxed)
    }

    #[test]
    fn an_unknown_model_is_searched_for_once() {
        let (table, context) = (PriceTable::bundled(), Context::default());
        let mut lookup = Lookup::new(&table);
        for second in 0..5_000 {
            let at = Instant::from_unix(1_700_000_000 + second);
            assert!(lookup.find(None, "qqq-unheard-of-7", &context, at).is_err());
        }
        assert_eq!(searches(&table), 1);
        // One that has no price at a provider is searched for there, then everywhere.
        assert!(lookup.find(Some("openai"), "qqq-unheard-of-7", &context, Instant::from_unix(1_700_000_000)).is_err());
        assert_eq!(searches(&table), 3);
    }

    #[test]
    fn what_is_not_shown_is_not_searched_for() {
        let (table, context) = (PriceTable::bundled(), Context::default());
        let mut lookup = Lookup::new(&table);
        let at = Instant::from_unix(1_700_000_000);
        for n in 0..40_000 {
            assert!(lookup.get(Whose::Anyone, &format!("unheard-of-{n}"), &context, at).is_none());
            assert!(lookup.cards.len() <= REMEMBERED);
        }
        assert_eq!(searches(&table), 0);
    }

    #[test]
    fn a_name_of_a_megabyte_is_neither_remembered_nor_compared_whole() {
        let table = PriceTable::bundled();
        let mut lookup = Lookup::new(&table);
        let (name, at) = ("gpt-4".repeat(200_000), Instant::from_unix(1_700_000_000));
        let why = lookup.find(None, &name, &Context::default(), at).unwrap_err();
        assert!(why.to_string().len() < 1_000, "{}", why.to_string().len());
        assert!(lookup.cards.is_empty() && lookup.unknown.is_empty());
    }

    /// An alias that means a card from some day on: unknown before, known after, whichever is asked first.
    #[test]
    fn a_failure_is_remembered_only_while_it_holds() {
        let text = "schema: 1\nprovider: acme\nmodels:\n  - id: one\n    aliases: [{id: moved, from: 2026-01-01}]\n    prices: [{from: 2025-01-01, rates: {input: \"1\"}}]\n";
        let mut table = PriceTable::bundled();
        table.lay_over(&[crate::pricing::compile::PriceFile { path: "acme.yaml".into(), text: text.into() }]).unwrap();
        let (before, after) = ("2025-06-01".parse().unwrap(), "2026-06-01".parse().unwrap());
        let mut lookup = Lookup::new(&table);
        let mut ask = |at| lookup.find(Some("acme"), "moved", &Context::default(), at).map(|found| found.full_id());
        assert!(ask(before).is_err());
        assert_eq!(ask(after).unwrap(), "acme/one");
        assert!(ask(before).is_err());
    }
}
