//! The table as LiteLLM's `model_prices_and_context_window.json`: [`write`].
//!
//! The form holds the prices of one moment. Conditions are endings of the names of fields, sizes and qualities of images stand
//! before the id, and prompts over a threshold that is not a multiple of 1,000 are in `tiered_pricing`.

use std::collections::{BTreeMap, BTreeSet};

use super::text::{JsonObject, list, quoted};
use super::{Entry, Exported, Selection, note_words};
use crate::context::Dimension;
use crate::meter::Meter;
use crate::pricing::PriceTable;
use crate::pricing::card::{Kind, ModelInfo};
use crate::pricing::import::cards::facts_of;
use crate::pricing::import::draft::{is_called_free, says_something};
use crate::pricing::import::litellm::{FLAGS, NAMES, NAMES_BY_KIND, WORDS};
use crate::pricing::import::names::theirs;
use crate::pricing::import::{Boundary, DatabaseFormat, DayWindows, Fact, Week, window_text};
use rust_decimal::Decimal;

/// Providers whose models LiteLLM lists without a name before them.
const BARE: [&str; 2] = ["anthropic", "openai"];

/// Writes what of a table can be bought at a moment.
#[must_use]
pub(crate) fn write(table: &PriceTable, selection: &Selection) -> Exported {
    let mut out = Exported::default();
    let mut keys = BTreeSet::new();
    let mut lines = Vec::new();
    let live = selection.live(table, &mut out);
    let mut aliases = Vec::new();
    for entry in &live {
        let Some(model) = LiteModel::of(entry, selection, &mut out) else { continue };
        for alias in entry.1.aliases.iter().filter(|alias| alias.period.contains(selection.at)) {
            aliases.push((model.key(&alias.id), model.clone()));
        }
        lines.extend(model.lines(&model.key(&entry.1.id), &mut keys));
        out.models += 1;
        out.prices += model.prices;
    }
    for (key, model) in aliases {
        lines.extend(model.lines(&key, &mut keys));
    }
    out.text = format!("{{\n{}\n}}\n", lines.join(",\n"));
    out
}

/// A model with the fields of its entry.
#[derive(Clone, Debug)]
struct LiteModel {
    provider: String,
    begins: String,
    fields: JsonObject,
    /// Prices of images by the prefix of the id: their quality and size.
    pictures: BTreeMap<String, JsonObject>,
    prices: usize,
}

/// The place of a price in an entry.
enum FieldPlace {
    /// A field of its own.
    Field(String),
    /// A field of a range of prompt lengths, with the number of tokens that the prompt must exceed.
    Tier(u64, String),
    /// A field at some times of the week.
    OffPeak(String),
    /// A field of the entry whose key begins so.
    Picture(String, String),
    /// The price of a search whose context has this size.
    Search(Option<String>),
}

impl LiteModel {
    fn of(entry: &Entry, selection: &Selection, out: &mut Exported) -> Option<LiteModel> {
        let (head, card) = entry;
        let rates = card.rates_at(selection.at)?;
        let kind = card.info.kind;
        let mut facts = facts_of(rates, kind);
        facts.retain(|fact| says_something(fact, mode_of(kind).0));
        let (provider, begins) = theirs(DatabaseFormat::Litellm, &head.id);
        let begins = if BARE.contains(&head.id.as_str()) { String::new() } else { begins };
        let fields = info_fields(&provider, &card.info, &rates.source.url);
        let mut model = LiteModel { provider, begins, fields, pictures: BTreeMap::new(), prices: 0 };
        model.add_prices(&facts, entry, out);
        note_words(rates, entry, out);
        let is_free = facts.iter().all(|fact| fact.price.usd.0.is_zero());
        if model.prices == 0 {
            out.leave_out("a model whose prices cannot be expressed", entry);
            return None;
        }
        if is_free && !is_called_free(&card.id) {
            out.leave_out("a model that costs nothing: 0 means unknown", entry);
        }
        Some(model)
    }

    fn key(&self, id: &str) -> String {
        format!("{}{id}", self.begins)
    }

    /// The lines of the file under a key, unless it is taken.
    fn lines(&self, key: &str, keys: &mut BTreeSet<String>) -> Vec<String> {
        let mut lines = Vec::new();
        let pictures = self.pictures.iter().map(|(picture, fields)| (format!("{picture}{key}"), fields));
        for (key, fields) in std::iter::once((key.to_owned(), &self.fields)).chain(pictures) {
            if keys.insert(key.clone()) {
                lines.push(format!("  {}: {}", quoted(&key), fields.done()));
            }
        }
        lines
    }

    fn add_prices(&mut self, facts: &[Fact], entry: &Entry, out: &mut Exported) {
        let (mut tiers, mut searches) = (BTreeMap::<u64, JsonObject>::new(), BTreeMap::new());
        let mut off_peak = OffPeak::default();
        for fact in facts {
            let Some((place, price)) = place(fact, entry) else {
                out.leave_out(without_a_place(fact), entry);
                continue;
            };
            if price.is_zero() && !matches!(fact.meter, Meter::Input | Meter::Output) {
                out.leave_out(format!("a price of 0, which means unknown: {}", fact.meter), entry);
            }
            let is_placed = match place {
                FieldPlace::Field(name) => add(&mut self.fields, &name, price),
                FieldPlace::Tier(start, name) => add(tiers.entry(start).or_default(), &name, price),
                FieldPlace::Search(size) => searches.insert(size, price).is_none(),
                FieldPlace::OffPeak(name) => off_peak.add(fact.condition.hours.as_ref(), &name, price),
                FieldPlace::Picture(picture, name) => add(self.picture(picture, entry), &name, price),
            };
            match is_placed {
                true => self.prices += 1,
                false => out.leave_out(without_a_place(fact), entry),
            }
        }
        self.add_searches(&searches, entry, out);
        self.add_tiers(&tiers);
        if let Some(json) = off_peak.done() {
            self.fields.json("off_peak_pricing", json);
        }
    }

    fn picture(&mut self, picture: String, (_, card): &Entry) -> &mut JsonObject {
        let new = || {
            let mut fields = JsonObject::default();
            fields.text("litellm_provider", &self.provider);
            fields.text("mode", mode_of(card.info.kind).1);
            fields
        };
        self.pictures.entry(picture).or_insert_with(new)
    }

    /// One price for every size of a search's context, or one for each.
    fn add_searches(&mut self, searches: &BTreeMap<Option<String>, Decimal>, entry: &Entry, out: &mut Exported) {
        const SIZES: [&str; 3] = ["low", "medium", "high"];
        let any = searches.get(&None);
        let mut fields = JsonObject::default();
        for size in SIZES {
            let price = any.or_else(|| searches.get(&Some(size.to_owned())));
            price.into_iter().for_each(|price| fields.price(&format!("search_context_size_{size}"), *price));
        }
        let sized = searches.len() - usize::from(any.is_some());
        // Sizes of one price would be read as a price of every search.
        let is_one = searches.values().collect::<BTreeSet<_>>().len() < 2;
        if sized > 0 && (any.is_some() || is_one) {
            out.leave_out("searches by the size of their context", entry);
            self.prices -= sized;
        }
        if !fields.is_empty() && (any.is_some() || !is_one) {
            self.fields.json("search_context_cost_per_query", fields.done());
        }
    }

    fn add_tiers(&mut self, tiers: &BTreeMap<u64, JsonObject>) {
        let starts: Vec<u64> = tiers.keys().copied().collect();
        let items = tiers.iter().enumerate().map(|(i, (start, fields))| {
            let end = starts.get(i + 1).map_or_else(|| "null".to_owned(), u64::to_string);
            let mut item = fields.clone();
            item.json("range", format!("[{start}, {end}]"));
            item.done()
        });
        if !tiers.is_empty() {
            self.fields.json("tiered_pricing", list(items));
        }
    }
}

/// Adds a price where its field is not taken.
fn add(fields: &mut JsonObject, name: &str, price: Decimal) -> bool {
    let is_new = !fields.has(name);
    if is_new {
        fields.price(name, price);
    }
    is_new
}

fn without_a_place(fact: &Fact) -> String {
    let kinds = fact.condition.when.iter().map(|(dimension, _)| dimension.to_string());
    let hours = fact.condition.hours.as_ref().map(|_| "the time of the week".to_owned());
    let by: Vec<String> = kinds.chain(hours).collect();
    match by.is_empty() {
        true => format!("a price of {} per {}", fact.meter, fact.price.per),
        false => format!("a price of {} by {}", fact.meter, by.join(" and ")),
    }
}

/// Where a price stands, and what it is there; `None` where it has no place.
fn place(fact: &Fact, (head, card): &Entry) -> Option<(FieldPlace, Decimal)> {
    let condition = &fact.condition;
    let size = match condition.when.as_slice() {
        [] => Some(None),
        [(Dimension::SearchContextSize, size)] => Some(Some(size.clone())),
        _ => None,
    };
    let is_plain = condition.tier.is_none() && condition.hours.is_none();
    let searches = if head.id == "perplexity" { Meter::Requests } else { Meter::WebSearches };
    if let Some(size) =
        size.filter(|size| is_plain && fact.meter == searches && (size.is_some() || searches == Meter::WebSearches))
    {
        let quote = crate::pricing::import::draft::Quote::OF_THOUSAND;
        return Some((FieldPlace::Search(size), quote.written(&fact.price)?));
    }
    let (name, price) = field(fact, card.info.kind)?;
    if condition.hours.is_some() {
        return (condition.when.is_empty() && condition.tier.is_none()).then_some((FieldPlace::OffPeak(name), price));
    }
    if BARE.contains(&head.id.as_str())
        && condition.tier.is_none()
        && let Some(picture) = picture_of(&condition.when)
    {
        return Some((FieldPlace::Picture(picture, name), price));
    }
    let ending = ending(&condition.when)?;
    match condition.tier {
        None => Some((FieldPlace::Field(format!("{name}{ending}")), price)),
        Some(Boundary { threshold, inclusive: false }) if threshold % 1000 == 0 => {
            Some((FieldPlace::Field(format!("{name}_above_{}k_tokens{ending}", threshold / 1000)), price))
        }
        Some(boundary) => Some((FieldPlace::Tier(boundary.first().checked_sub(1)?, format!("{name}{ending}")), price)),
    }
}

/// The name of a price before its endings, and the price in the unit that the name says.
fn field(fact: &Fact, kind: Kind) -> Option<(String, Decimal)> {
    let by_kind =
        NAMES_BY_KIND.iter().filter(|(_, of, ..)| *of == kind).map(|(name, _, meter, quote)| (name, meter, quote));
    let always = NAMES.iter().map(|(name, meter, quote)| (name, meter, quote));
    // The field for a hit of DeepSeek's cache is another name of a field that everyone has.
    let mut known =
        by_kind.chain(always).filter(|(name, meter, _)| **meter == fact.meter && !name.ends_with("_cache_hit"));
    known.find_map(|(name, _, quote)| Some(((*name).to_owned(), quote.written(&fact.price)?)))
}

/// The endings that say what a request states; `None` where one has none.
fn ending(when: &[(Dimension, String)]) -> Option<String> {
    let word = |(dimension, value): &(Dimension, String)| {
        WORDS.iter().rfind(|(_, d, v)| d == dimension && v == value).map(|(word, ..)| *word)
    };
    when.iter().map(word).collect()
}

/// The prefix of the id for an image of this quality and size: `hd/1024-x-1792/`.
fn picture_of(when: &[(Dimension, String)]) -> Option<String> {
    let mut parts = (String::new(), String::new());
    for (dimension, value) in when {
        match dimension {
            Dimension::Quality if ["low", "medium", "high", "standard", "hd"].contains(&value.as_str()) => {
                parts.0 = format!("{value}/");
            }
            Dimension::Size => parts.1 = format!("{}/", value.replace('x', "-x-")),
            _ => return None,
        }
    }
    let is_size = parts.1.bytes().all(|b| b.is_ascii_digit() || b"-x/".contains(&b));
    (!when.is_empty() && is_size).then(|| format!("{}{}", parts.0, parts.1))
}

/// Prices at some times of the week, which are the same for all of them.
#[derive(Default)]
struct OffPeak {
    week: Option<Week>,
    fields: JsonObject,
}

impl OffPeak {
    fn add(&mut self, week: Option<&Week>, name: &str, price: Decimal) -> bool {
        let is_same = self.week.is_none() || self.week.as_ref() == week;
        self.week = self.week.take().or_else(|| week.cloned());
        is_same && add(&mut self.fields, name, price)
    }

    fn done(self) -> Option<String> {
        let week = self.week?;
        let mut fields = self.fields;
        fields.json("windows", list(week.by_days().into_iter().map(window)));
        Some(fields.done())
    }
}

fn window((windows, days): DayWindows) -> String {
    let mut fields = JsonObject::default();
    fields.json("hours_utc", list(windows.into_iter().map(|window| quoted(&window_text(window)))));
    if days != [true; 7] {
        let on = (1..).zip(days).filter(|(_, on)| *on).map(|(day, _): (u8, bool)| day.to_string());
        fields.json("weekdays", list(on));
    }
    fields.done()
}

/// What a kind of model is read back as, and its name there.
fn mode_of(kind: Kind) -> (Kind, &'static str) {
    let mode = match kind {
        Kind::Chat => "chat",
        Kind::Completion => "completion",
        Kind::Embedding => "embedding",
        Kind::Rerank => "rerank",
        Kind::Image => "image_generation",
        Kind::Speech => "audio_speech",
        Kind::Transcription => "audio_transcription",
        Kind::Video => "video_generation",
        Kind::Ocr => "ocr",
        Kind::Moderation => "moderation",
        Kind::Search => "search",
        Kind::Endpoint => return (Kind::Chat, "chat"),
    };
    (kind, mode)
}

fn info_fields(provider: &str, info: &ModelInfo, source: &str) -> JsonObject {
    let mut fields = JsonObject::default();
    fields.text("litellm_provider", provider);
    fields.text("mode", mode_of(info.kind).1);
    let sizes = [
        ("max_input_tokens", info.context_window),
        ("max_output_tokens", info.max_output),
        ("prompt_cache_min_tokens", info.smallest_cacheable),
    ];
    for (name, size) in sizes {
        size.into_iter().for_each(|size| fields.json(name, size.to_string()));
    }
    for (name, modalities) in [("supported_modalities", &info.input), ("supported_output_modalities", &info.output)] {
        if !modalities.is_empty() {
            fields.json(name, list(modalities.iter().map(|what| quoted(what))));
        }
    }
    for capability in &info.capabilities {
        if let Some((flag, _)) = FLAGS.iter().find(|(_, name)| name == capability) {
            fields.json(flag, "true");
        }
    }
    info.retired.into_iter().for_each(|day| fields.text("deprecation_date", &day.date().to_string()));
    fields.text("source", source);
    fields
}
