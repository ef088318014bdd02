//! Writes what was accepted of a review into price files: [`accept`].
//!
//! The text is edited in place, so that comments, order and every byte that is not concerned stay. A price that changed
//! ends its period and begins the next, which is a copy with the new prices. What the result says is compared with what
//! was accepted; an item that did not come out right is left to a person, and so is everything that is not written in
//! one of the usual ways.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::block::Block;
use super::raise::{Raised, Raising, raise};
pub use super::text::Left;
use super::text::{TextEdit, compiled, with_edits};
use super::{Review, ReviewClass, ReviewItem, ReviewSource, ReviewedPrice, is_of_same, is_same_money};
use crate::period::Instant;
use crate::pricing::card::{Alias, Evidence, ModelCard, ModelInfo, Price, Source};
use crate::pricing::compile::{PriceFile, Provider};
use crate::pricing::import::compare::in_force;
use crate::pricing::import::write::{model_text, moment, quoted, source_text};
use crate::pricing::import::{Boundary, Condition, Fact, facts_of, rate_cards};
use crate::pricing::problem::{Place, Problem, byte_offset};
use crate::pricing::yaml::{Parsed, RawModel, RawPeriod, RawRate, RawTier, parse};

/// What became of the items that were accepted.
#[derive(Clone, Debug, Default)]
pub struct Accepted {
    /// The files that change, whole.
    pub files: Vec<PriceFile>,
    /// The ids of what was written.
    pub written: Vec<String>,
    /// The sources whose day was raised.
    pub raised: Vec<Raised>,
    /// What was not, and why.
    pub left: Vec<Left>,
}

/// The place of a model in price files: of its last period, where it has one of its own.
#[must_use]
pub fn place_of(id: &str, files: &[PriceFile]) -> Option<(String, usize)> {
    Editor::new(files).place(id)
}

/// Writes items of a review into price files.
///
/// # Errors
/// Every problem of the files, as they are or as they would be, when one of them is an error: then nothing is to be
/// written.
pub fn accept(
    review: &Review,
    ids: &dyn Fn(&ReviewItem) -> bool,
    files: &[PriceFile],
) -> Result<Accepted, Vec<Problem>> {
    compiled(files)?;
    let mut refused: HashMap<String, String> = HashMap::new();
    loop {
        let items = review.items.iter().filter(|item| ids(item));
        let mut editor = Editor::new(files);
        let mut accepted = Accepted::default();
        for item in items {
            let id = item.id();
            let edited = match refused.get(&id) {
                Some(why) => Err(why.clone()),
                None => editor.item(item),
            };
            match edited {
                Ok(()) => accepted.written.push(id),
                Err(why) => accepted.left.push(Left { place: editor.place(&id), id, why }),
            }
        }
        accepted.files = editor.result();
        let whole: Vec<PriceFile> = files.iter().map(|file| changed_or(&accepted.files, file)).collect();
        let providers = compiled(&whole)?;
        let wrong = review
            .items
            .iter()
            .filter(|item| accepted.written.contains(&item.id()) && !is_as_accepted(item, &providers));
        let wrong: Vec<String> = wrong.map(ReviewItem::id).collect();
        if wrong.is_empty() {
            return Ok(accepted);
        }
        let why = |id: &String| {
            let mut items = review.items.iter().filter(|item| item.id() == *id);
            let is_by_hour = items.any(|item| item.prices.iter().any(|price| price.condition.hours.is_some()));
            let words = if is_by_hour {
                "some of its prices hold at some hours only"
            } else {
                "its prices are not written so that they could be changed one by one"
            };
            words.to_owned()
        };
        let wrong: Vec<(String, String)> = wrong.into_iter().map(|id| (id.clone(), why(&id))).collect();
        refused.extend(wrong);
    }
}

/// As [`accept`], and raises the day of the sources that the databases confirm in what was then written.
///
/// # Errors
/// As [`accept`].
pub fn accept_and_raise(
    review: &Review,
    ids: &dyn Fn(&ReviewItem) -> bool,
    sources: &[ReviewSource],
    files: &[PriceFile],
) -> Result<Accepted, Vec<Problem>> {
    let mut accepted = accept(review, ids, files)?;
    let whole: Vec<PriceFile> = files.iter().map(|file| changed_or(&accepted.files, file)).collect();
    let Raising { files: raised_files, raised, left } = raise(review, sources, &whole)?;
    let mut changed: Vec<PriceFile> =
        accepted.files.iter().filter(|file| !raised_files.iter().any(|new| new.path == file.path)).cloned().collect();
    changed.extend(raised_files);
    changed.sort_by_key(|file| files.iter().position(|old| old.path == file.path));
    (accepted.files, accepted.raised) = (changed, raised);
    accepted.left.extend(left);
    Ok(accepted)
}

fn changed_or(changed: &[PriceFile], file: &PriceFile) -> PriceFile {
    changed.iter().find(|new| new.path == file.path).unwrap_or(file).clone()
}

/// Whether the files say of an item what was accepted.
fn is_as_accepted(item: &ReviewItem, providers: &[Provider]) -> bool {
    let provider = providers.iter().find(|provider| provider.head.id == item.provider);
    let card = provider.and_then(|provider| provider.models.iter().find(|model| model.id == item.model));
    let (Some(card), false) = (card, item.class == ReviewClass::Gone) else { return card.is_some() };
    let Some(rates) = card.rate_cards.last() else { return false };
    let facts = facts_of(rates, card.info.kind);
    item.prices.iter().all(|price| {
        let Some((_, there)) = new_price(price) else { return true };
        let wanted =
            Fact { meter: price.meter, condition: price.condition.clone(), period: rates.period, price: there };
        facts.iter().any(|fact| is_of_same(fact, &wanted) && is_same_money(&fact.price, &there))
    })
}

/// The price that a database gives in place of the table's, with who gives it.
fn new_price(price: &ReviewedPrice) -> Option<(&str, Price)> {
    let differs = |there: &Price| price.here.is_none_or(|here| !is_same_money(there, &here));
    price.there.iter().find(|(_, there)| differs(there)).map(|(name, there)| (name.as_str(), *there))
}

/// Files with the edits that were made so far.
struct Editor<'f> {
    files: &'f [PriceFile],
    parsed: Vec<Parsed>,
    edits: Vec<Vec<TextEdit>>,
}

/// A model in one of the files.
struct Found<'e> {
    file: usize,
    model: &'e RawModel,
}

impl<'f> Editor<'f> {
    fn new(files: &'f [PriceFile]) -> Self {
        let parsed = files.iter().map(|file| parse(&file.path, &file.text)).collect();
        Editor { files, parsed, edits: files.iter().map(|_| Vec::new()).collect() }
    }

    /// The files that changed.
    fn result(self) -> Vec<PriceFile> {
        with_edits(self.files, self.edits)
    }

    /// The file and the line of a model: of its last period, where it has one of its own.
    fn place(&self, id: &str) -> Option<(String, usize)> {
        let (provider, id) = id.split_once('/')?;
        let Found { file, model } = self.find(provider, id).ok()?;
        let line = model.prices.last().map_or(model.id.place.line, |period| period.rates.place.line);
        Some((self.files[file].path.clone(), line))
    }

    fn item(&mut self, item: &ReviewItem) -> Result<(), String> {
        let edits = match item.class {
            ReviewClass::New => self.add_model(item),
            ReviewClass::Gone => self.mark_gone(item),
            _ => self.change(item),
        };
        let (file, edits) = edits?;
        self.edits[file].extend(edits);
        Ok(())
    }

    fn find(&self, provider: &str, id: &str) -> Result<Found<'_>, String> {
        for (file, parsed) in self.parsed.iter().enumerate() {
            for raw in parsed.files.iter().filter(|raw| raw.provider.as_ref().is_some_and(|p| p.value == provider)) {
                if let Some(model) = raw.models.iter().find(|model| model.id.value == id) {
                    return Ok(Found { file, model });
                }
            }
        }
        Err("no file of the folder has its card".to_owned())
    }

    /// Ends the last period and begins the next one with the new prices.
    fn change(&self, item: &ReviewItem) -> Result<(usize, Vec<TextEdit>), String> {
        let Found { file, model } = self.find(&item.provider, &item.model)?;
        let text = &self.files[file].text;
        let Some(period) = model.prices.last() else {
            let of = model.prices_of.as_ref().map_or("another card", |of| of.value.as_str());
            return Err(format!("it has the prices of {of}: change them there"));
        };
        let start = item.prices.iter().filter_map(|price| price.from).max().unwrap_or(item.day);
        let old: Option<Instant> = period.from.as_ref().and_then(|from| from.value.parse().ok());
        let start = if old.is_some_and(|old| start <= old) { item.day } else { start };
        if period.to.is_some() || old.is_some_and(|old| start <= old) {
            return Err("its last period has an end already, or begins later".to_owned());
        }
        let block = byte_offset(text, period.rates.place).and_then(|at| Block::around(text, "rates", at));
        let block = block.ok_or("its period is written in an unusual way")?;
        let next = next_period(text, &block, period, item, start)?;
        let end = end_of_period(text, &block, start).ok_or("its period is written in an unusual way")?;
        let behind = TextEdit { range: block.lines.end..block.lines.end, text: next };
        Ok((file, vec![end, behind]))
    }

    /// Says in place of who lists a model on which day one did so last.
    fn mark_gone(&self, item: &ReviewItem) -> Result<(usize, Vec<TextEdit>), String> {
        let Found { file, model } = self.find(&item.provider, &item.model)?;
        let text = &self.files[file].text;
        let block = byte_offset(text, model.id.place).and_then(|at| Block::around(text, "id", at));
        let block = block.ok_or("its card is written in an unusual way")?;
        let day = moment(item.day);
        let pad = " ".repeat(block.indent);
        let edit = match (block.key("listed_by"), block.key("prices")) {
            (Some(listed), _) => {
                // Behind the list there may be a comment, which stays.
                let is_list = |value: &str| value.trim_start().starts_with('[') && !value.contains('#');
                let value = text[listed.clone()].strip_prefix("listed_by:").unwrap_or_default();
                let end = value.find(']').filter(|end| is_list(&value[..*end]));
                let end = end.ok_or("its `listed_by` is not a list in brackets")? + "listed_by:".len() + 1;
                TextEdit { range: listed.start..listed.start + end, text: format!("last_listed: {day}") }
            }
            (None, Some(prices)) => {
                let text =
                    if block.is_flow { format!("last_listed: {day}, ") } else { format!("last_listed: {day}\n{pad}") };
                TextEdit { range: prices.start..prices.start, text }
            }
            _ => return Err("its card is written in an unusual way".to_owned()),
        };
        Ok((file, vec![edit]))
    }

    /// Adds a card at the end of the file whose models have the most similar ids.
    fn add_model(&self, item: &ReviewItem) -> Result<(usize, Vec<TextEdit>), String> {
        let shared = |id: &str| id.bytes().zip(item.model.bytes()).take_while(|(a, b)| a == b).count();
        let of_provider = |parsed: &Parsed| {
            let last =
                parsed.files.last().filter(|raw| raw.provider.as_ref().is_some_and(|p| p.value == item.provider));
            last.filter(|raw| !raw.models.is_empty()).map(|raw| raw.models.iter().map(|m| shared(&m.id.value)).max())
        };
        let files = self.parsed.iter().enumerate().filter_map(|(file, parsed)| Some((file, of_provider(parsed)?)));
        let (file, _) = files
            .max_by_key(|(file, shared)| (*shared, std::cmp::Reverse(*file)))
            .ok_or("no file of the folder has models of its provider")?;
        let text = &self.files[file].text;
        let last_key = text.lines().rfind(|line| line.starts_with(|c: char| c.is_ascii_alphabetic()));
        if last_key.is_none_or(|line| !line.starts_with("models:")) {
            return Err("the models are not the last thing in the file of its provider".to_owned());
        }
        let card = new_card(item).ok_or("it has no price")?;
        let gap = if text.ends_with('\n') { "" } else { "\n" };
        let added = TextEdit { range: text.len()..text.len(), text: format!("{gap}{}", model_text(&card)) };
        Ok((file, vec![added]))
    }
}

/// A card of what a database lists.
fn new_card(item: &ReviewItem) -> Option<ModelCard> {
    let (listed, format) = (item.listed.as_ref()?, item.format?);
    let agreed = item.sources.len() > 1 && item.prices.iter().all(|price| is_one(price) && price.there.len() > 1);
    let evidence = if agreed { Evidence::Agreed } else { Evidence::Single };
    let source = Arc::new(Source { url: format.page().to_owned(), checked: item.day, evidence });
    let mut cards = rate_cards(&in_force(&listed.facts, item.day), &source);
    cards.iter_mut().for_each(|card| card.first_seen = Some(item.day));
    Some(ModelCard {
        id: listed.id.clone(),
        aliases: listed.aliases.iter().map(|id| Alias { id: id.clone(), ..Alias::default() }).collect(),
        info: ModelInfo { replacement: None, ..listed.info.clone() },
        tokenizers: Vec::new(),
        rate_cards: cards,
    })
}

fn is_one(price: &ReviewedPrice) -> bool {
    price.there.iter().all(|(_, there)| price.there.first().is_some_and(|(_, first)| is_same_money(first, there)))
}

/// The place of `to:` in a period that ends now.
fn end_of_period(text: &str, block: &Block, day: Instant) -> Option<TextEdit> {
    let day = moment(day);
    let pad = " ".repeat(block.indent);
    let start = block.key("from").or_else(|| block.key("first_seen"));
    let (at, added) = match (start, block.is_flow) {
        (Some(start), false) => (start.end, format!("{pad}to: {day}\n")),
        (Some(start), true) if text[start.clone()].trim_end().ends_with(',') => (start.end, format!("to: {day}, ")),
        (Some(start), true) => (start.end, format!(", to: {day}")),
        (None, false) => (block.keys.first()?.1.start, format!("to: {day}\n{pad}")),
        (None, true) => (block.keys.first()?.1.start, format!("to: {day}, ")),
    };
    Some(TextEdit { range: at..at, text: added })
}

/// Keys of a period that its successor replaces.
const OWN_KEYS: [&str; 7] = ["from", "to", "first_seen", "from_source", "source", "note", "allow"];

/// A copy of a period with other prices.
fn next_period(
    text: &str,
    block: &Block,
    period: &RawPeriod,
    item: &ReviewItem,
    start: Instant,
) -> Result<String, String> {
    let replaced: Vec<TextEdit> = item.prices.iter().filter_map(|price| rate_edit(text, period, price)).collect();
    if replaced.is_empty() {
        return Err("none of its prices is written as a price".to_owned());
    }
    let format = item.format.ok_or("no database gives its prices")?;
    let evidence = if item.class == ReviewClass::Agreed { Evidence::Agreed } else { Evidence::Single };
    let source = Source { url: format.page().to_owned(), checked: item.day, evidence };
    let dated = item.prices.iter().any(|price| price.from.is_some());
    let when =
        if dated { "the day is from one of them" } else { "the day is that of the newest; the change may be older" };
    let note = format!("changed in {}; {when}", item.sources.join(" and "));
    let mut parts = vec![
        format!("from: {}", moment(start)),
        format!("source: {}", source_text(&source)),
        format!("note: {}", quoted(&note)),
    ];
    for (_, range) in block.keys.iter().filter(|(key, _)| !OWN_KEYS.contains(&key.as_str())) {
        parts.push(edited(text, range.clone(), &replaced));
    }
    let dash = " ".repeat(block.indent - 2);
    let joined = if block.is_flow { parts.join(", ") } else { parts.join(&format!("\n{}", " ".repeat(block.indent))) };
    let before = if text[..block.lines.end].ends_with('\n') { "" } else { "\n" };
    let item = if block.is_flow { format!("{dash}- {{{joined}}}\n") } else { format!("{dash}- {joined}\n") };
    Ok(format!("{before}{item}"))
}

/// A range of the text with the edits inside of it, without what parts it from the next key.
fn edited(text: &str, range: Range<usize>, edits: &[TextEdit]) -> String {
    let mut part = text[range.clone()].to_owned();
    let mut inside: Vec<&TextEdit> =
        edits.iter().filter(|edit| range.start <= edit.range.start && edit.range.end <= range.end).collect();
    inside.sort_by_key(|edit| std::cmp::Reverse(edit.range.start));
    for edit in inside {
        part.replace_range(edit.range.start - range.start..edit.range.end - range.start, &edit.text);
    }
    part.trim_end().trim_end_matches(',').to_owned()
}

/// The edit of one rate; `None` where it is not written as a price, and follows another.
fn rate_edit(text: &str, period: &RawPeriod, price: &ReviewedPrice) -> Option<TextEdit> {
    let (_, there) = new_price(price)?;
    let rate = raw_rate(period, price)?;
    let at = byte_offset(text, rate.0)?;
    let own = price.here?;
    let usd = there.usd.0.checked_mul(own.per.into())?.checked_div(there.per.into())?.normalize();
    let token = match rate.1 {
        RawRate::Plain(_) => at..at + 1 + text[at + 1..].find(text[at..].chars().next()?)? + 1,
        RawRate::Full(full) if full.price.is_some() => {
            let inside = &text[at..at + text[at..].find('}')?];
            let from = at + inside.find("price:")? + 6;
            let open = from + text[from..].find(['"', '\''])?;
            open..open + 1 + text[open + 1..].find(['"', '\''])? + 1
        }
        _ => return None,
    };
    Some(TextEdit { range: token, text: format!("\"{usd}\"") })
}

/// The rate of a period that a price is of.
fn raw_rate<'p>(period: &'p RawPeriod, price: &ReviewedPrice) -> Option<(Place, &'p RawRate)> {
    let Condition { when, tier, hours } = &price.condition;
    let tiers_of = |tiers: &'p [RawTier]| {
        let first = tier.map(Boundary::first)?;
        tiers
            .iter()
            .find(|tier| boundary(&tier.when.prompt_tokens.value).is_some_and(|b| b.abs_diff(first) <= 1))
            .map(|tier| &tier.rates)
    };
    let variant = period.variants.iter().find(|variant| {
        let mut stated: Vec<(&str, String)> =
            variant.when.value.0.iter().map(|(d, v)| (d.value.as_str(), v.to_lowercase())).collect();
        let mut wanted: Vec<(&str, String)> = when.iter().map(|(d, v)| (d.name(), v.clone())).collect();
        stated.sort();
        wanted.sort();
        stated == wanted
    });
    let rates = match (hours, when.is_empty(), tier) {
        (Some(_), _, _) => None,
        (None, true, None) => Some(&period.rates.value),
        (None, true, Some(_)) => tiers_of(&period.tiers),
        (None, false, None) => variant.map(|variant| &variant.rates),
        (None, false, Some(_)) => variant.and_then(|variant| tiers_of(&variant.tiers)),
    }?;
    rates.0.iter().find(|(name, _)| name.value == price.meter.name()).map(|(_, rate)| (rate.place, &rate.value))
}

/// The shortest prompt beyond `>200000` or `>=200000`.
fn boundary(text: &str) -> Option<u64> {
    let text = text.replace([' ', '_'], "");
    match text.strip_prefix(">=") {
        Some(digits) => digits.parse().ok(),
        None => text.strip_prefix('>')?.parse::<u64>().ok()?.checked_add(1),
    }
}
