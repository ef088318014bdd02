//! Writes price files, in the layout that the files of the table have: [`price_file`].
//!
//! What is written reads back as what it was: `yaml` and `compile` give the same cards again.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::civil::Date;

use super::hours::{days_text, window_text};
use super::{Database, DatabaseFormat, ListedProvider, rate_cards};
use crate::context::Dimension;
use crate::meter::{Meter, Unit};
use crate::period::{Instant, Period};
use crate::pricing::card::{
    Alias, Evidence, Fact, FactSource, ModelCard, Price, Rate, RateCard, Rates, Schedule, Source, Tier, Variant,
    WindowHolds,
};

/// How long a line may be before what is on it gets lines of its own.
const WIDTH: usize = 150;

/// Meters that bill as another where a model has no rate of their own: tokens that no database prices apart.
const FALLBACKS: [(Meter, Meter); 2] = [(Meter::Reasoning, Meter::Output), (Meter::InputImage, Meter::Input)];

/// What stands in one price file.
pub(crate) struct PriceFileContent<'a> {
    /// Lines of comment at the top.
    pub comment: &'a [String],
    /// The provider's id.
    pub provider: &'a str,
    /// Its name for people.
    pub name: &'a str,
    /// Values of a request that change no price.
    pub neutral: &'a [(Dimension, Vec<String>)],
    /// Its models.
    pub models: &'a [ModelCard],
}

/// The price file of a provider of a database.
///
/// * `today`: the day that its prices are said to have been looked at.
#[must_use]
pub fn imported(database: &Database, provider: &ListedProvider, today: Instant) -> String {
    let checked = today.date().to_string().parse().unwrap_or(today);
    let source = Arc::new(Source { url: database.format.page().to_owned(), checked, evidence: Evidence::Single });
    let standard = ["default", "auto", "standard", "on_demand"].map(str::to_owned).to_vec();
    let info = |model: &super::ListedModel| {
        let mut info = model.info.clone();
        if info.smallest_cacheable.is_some() {
            info.fact_sources.push(FactSource { fact: Fact::SmallestCacheable, source: Source::clone(&source) });
        }
        info
    };
    let card = |model: &super::ListedModel| ModelCard {
        id: model.id.clone(),
        aliases: model.aliases.iter().map(|id| Alias { id: id.clone(), ..Alias::default() }).collect(),
        info: info(model),
        tokenizers: Vec::new(),
        rate_cards: rate_cards(&model.facts, &source),
    };
    let models: Vec<ModelCard> = provider.models.iter().map(card).collect();
    let comment = [format!("Written by `farebox prices import` from {}.", database.format.about())];
    price_file(&PriceFileContent {
        comment: &comment,
        provider: &provider.id,
        name: provider.name.as_ref().unwrap_or(&provider.id),
        neutral: &[(Dimension::ServiceTier, standard)],
        models: &models,
    })
}

/// The text of a price file.
#[must_use]
pub(crate) fn price_file(content: &PriceFileContent) -> String {
    let mut writer = PriceWriter::new(content.models);
    content.comment.iter().for_each(|line| writer.line(0, &format!("# {line}")));
    writer.head(content);
    writer.line(0, "models:");
    content.models.iter().for_each(|model| writer.model(model));
    writer.out
}

/// The text so far, and the names that the file gives its sources and calendars.
struct PriceWriter {
    out: String,
    sources: Vec<(String, Arc<Source>)>,
    calendars: Vec<(String, Vec<i64>)>,
}

impl PriceWriter {
    fn new(models: &[ModelCard]) -> Self {
        let mut writer = PriceWriter { out: String::new(), sources: Vec::new(), calendars: Vec::new() };
        for card in models.iter().flat_map(|m| &m.rate_cards) {
            if card.source.evidence != Evidence::Own && !writer.sources.iter().any(|(_, s)| *s == card.source) {
                let name = writer.source_name(&card.source);
                writer.sources.push((name, card.source.clone()));
            }
            for days in card.schedule.iter().map(|s| &s.except).filter(|days| !days.is_empty()) {
                if !writer.calendars.iter().any(|(_, known)| known == days) {
                    let name = format!("holidays-{}", writer.calendars.len() + 1);
                    writer.calendars.push((name, days.clone()));
                }
            }
        }
        writer
    }

    /// A short name that no other source has: a database's, or the last part of its address, then with how well it is
    /// known.
    fn source_name(&self, source: &Source) -> String {
        let address = source.url.trim_end_matches('/').rsplit("://").next().unwrap_or_default();
        let last = address.rsplit('/').next().unwrap_or_default();
        let stem: String = last.split(['.', '?', '#']).next().unwrap_or_default().replace('_', "-").to_lowercase();
        let short = match DatabaseFormat::ALL.iter().find(|format| format.page() == source.url) {
            Some(format) => format.name().to_owned(),
            None if (3..=30).contains(&stem.len()) => stem,
            None => "source".to_owned(),
        };
        let known = format!("{short}-{}", source.evidence.name());
        let numbered = (2..).map(|n| format!("{known}-{n}"));
        let mut names = std::iter::once(short.clone()).chain(std::iter::once(known.clone())).chain(numbered);
        names.find(|name| !self.sources.iter().any(|(taken, _)| taken == name)).unwrap_or(short)
    }

    fn line(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.out, "{:indent$}{text}", "");
    }

    fn head(&mut self, content: &PriceFileContent) {
        self.line(0, "schema: 1");
        self.line(0, &format!("provider: {}", scalar(content.provider)));
        self.line(0, &format!("name: {}", scalar(content.name)));
        if !self.sources.is_empty() {
            self.line(0, "sources:");
            for (name, source) in self.sources.clone() {
                self.line(2, &format!("{}: {}", scalar(&name), source_text(&source)));
            }
        }
        if !content.neutral.is_empty() {
            self.line(0, "neutral:");
        }
        for (dimension, values) in content.neutral {
            self.line(2, &format!("{dimension}: {}", list(values)));
        }
        let fallbacks: Vec<String> = FALLBACKS.iter().map(|(meter, to)| format!("{meter}: {to}")).collect();
        self.line(0, &format!("fallbacks: {{{}}}", fallbacks.join(", ")));
        self.calendars();
    }

    fn calendars(&mut self) {
        if !self.calendars.is_empty() {
            self.line(0, "calendars:");
        }
        for (name, days) in self.calendars.clone() {
            let days: Vec<String> =
                days.iter().map(|day| Instant::from_unix(day * 86_400).date().to_string()).collect();
            self.line(2, &format!("{name}: [{}]", days.join(", ")));
        }
    }

    fn model(&mut self, model: &ModelCard) {
        self.line(2, &format!("- id: {}", scalar(&model.id)));
        for field in model_fields(model) {
            self.line(4, &field);
        }
        self.line(4, "prices:");
        model.rate_cards.iter().for_each(|card| self.period(card));
    }

    fn period(&mut self, card: &RateCard) {
        let mut fields = dates(card.period);
        let first_seen = card.first_seen.filter(|_| card.period.from.is_none());
        fields.extend(first_seen.map(|day| format!("first_seen: {}", moment(day))));
        let source = self.sources.iter().find(|(_, source)| *source == card.source);
        let in_place = || (card.source.evidence != Evidence::Own).then(|| source_text(&card.source));
        fields.extend(source.map(|(name, _)| scalar(name)).or_else(in_place).map(|source| format!("source: {source}")));
        fields.extend(card.note.as_ref().map(|note| format!("note: {}", scalar(note))));
        let mut fields = fields.into_iter();
        match fields.next() {
            Some(first) => {
                self.line(6, &format!("- {first}"));
                fields.for_each(|field| self.line(8, &field));
                self.rates(8, "rates:", &card.rates);
            }
            None => self.rates(6, "- rates:", &card.rates),
        }
        self.tiers(8, &card.tiers);
        if !card.variants.is_empty() {
            self.line(8, "variants:");
            card.variants.iter().for_each(|variant| self.variant(variant));
        }
        if !card.schedule.is_empty() {
            self.line(8, "schedule:");
            card.schedule.iter().for_each(|schedule| self.schedule(schedule));
        }
    }

    /// Rates on one line, or one on each where there are many.
    fn rates(&mut self, indent: usize, key: &str, rates: &Rates) {
        let shown = shown(rates);
        let flow = format!("{key} {{{}}}", shown.join(", "));
        if indent + flow.len() <= WIDTH {
            self.line(indent, &flow);
        } else {
            let deeper = if key.starts_with('-') { indent + 4 } else { indent + 2 };
            self.line(indent, key);
            shown.iter().for_each(|rate| self.line(deeper, rate));
        }
    }

    fn tiers(&mut self, indent: usize, tiers: &[Tier]) {
        if !tiers.is_empty() {
            self.line(indent, "tiers:");
        }
        for tier in tiers {
            let sign = if tier.inclusive { ">=" } else { ">" };
            let when = format!("when: {{prompt_tokens: \"{sign}{}\"}}", tier.threshold);
            let flow = format!("- {{{when}, rates: {{{}}}}}", shown(&tier.rates).join(", "));
            if indent + 2 + flow.len() <= WIDTH {
                self.line(indent + 2, &flow);
            } else {
                self.line(indent + 2, &format!("- {when}"));
                self.rates(indent + 4, "rates:", &tier.rates);
            }
        }
    }

    fn variant(&mut self, variant: &Variant) {
        let when = format!("when: {}", when(&variant.when));
        let flow = format!("- {{{when}, rates: {{{}}}}}", shown(&variant.rates).join(", "));
        if variant.tiers.is_empty() && 10 + flow.len() <= WIDTH {
            self.line(10, &flow);
            return;
        }
        self.line(10, &format!("- {when}"));
        if !variant.rates.is_empty() {
            self.rates(12, "rates:", &variant.rates);
        }
        self.tiers(12, &variant.tiers);
    }

    fn schedule(&mut self, schedule: &Schedule) {
        let windows: Vec<String> = schedule.windows.iter().map(|w| quoted(&window_text(*w))).collect();
        let mut parts =
            vec![format!("windows: [{}]", windows.join(", ")), format!("zone: {}", zone(schedule.zone_minutes))];
        parts.extend(days_text(schedule.weekdays).map(|days| format!("weekdays: {}", scalar(&days))));
        let calendar = self.calendars.iter().find(|(_, days)| *days == schedule.except);
        parts.extend(calendar.map(|(name, _)| format!("except: {name}")));
        parts.extend(dates(schedule.period));
        match schedule.factor {
            Some(factor) => parts.push(format!("factor: \"{factor}\"")),
            None => parts.push(format!("rates: {{{}}}", shown(&schedule.rates).join(", "))),
        }
        if !schedule.meters.is_empty() {
            parts.push(format!("meters: [{}]", names(&schedule.meters)));
        }
        self.line(10, &format!("- {{{}}}", parts.join(", ")));
    }
}

/// A source in place.
pub(in crate::pricing) fn source_text(Source { url, checked, evidence }: &Source) -> String {
    format!("{{url: {}, checked: {checked}, evidence: {}}}", quoted(url), evidence.name())
}

/// One model as an item of `models`, its sources in place.
pub(in crate::pricing) fn model_text(model: &ModelCard) -> String {
    let mut writer = PriceWriter { out: String::new(), sources: Vec::new(), calendars: Vec::new() };
    writer.model(model);
    writer.out
}

/// The lines of a model between its id and its prices.
fn model_fields(model: &ModelCard) -> Vec<String> {
    let info = &model.info;
    let mut fields = Vec::new();
    let aliases: Vec<String> = model.aliases.iter().map(alias).collect();
    if !aliases.is_empty() {
        fields.push(format!("aliases: [{}]", aliases.join(", ")));
    }
    fields.push(format!("kind: {}", info.kind.name()));
    fields.extend(tokenizer(model));
    fields.extend(info.context_window.map(|n| format!("context_window: {n}")));
    fields.extend((info.window_holds == WindowHolds::Prompt).then(|| "window_holds: prompt".to_owned()));
    fields.extend(info.max_output.map(|n| format!("max_output: {n}")));
    fields.extend(info.smallest_cacheable.map(|n| format!("smallest_cacheable: {n}")));
    for (key, values) in [("input", &info.input), ("output", &info.output), ("capabilities", &info.capabilities)] {
        if !values.is_empty() {
            fields.push(format!("{key}: {}", list(values)));
        }
    }
    let known = info.fact_sources.iter().filter(|known| known.source.evidence != Evidence::Own);
    let known: Vec<String> = known.map(|k| format!("{}: {}", k.fact.name(), source_text(&k.source))).collect();
    if !known.is_empty() {
        fields.push(format!("fact_sources: {{{}}}", known.join(", ")));
    }
    fields.extend(info.open_weights.map(|open| format!("open_weights: {open}")));
    fields.extend(info.released.map(|day| format!("released: {}", moment(day))));
    fields.extend(info.retired.map(|day| match &info.retired_source {
        Some(source) => format!("retired: {{date: {}, source: {}}}", moment(day), source_text(source)),
        None => format!("retired: {}", moment(day)),
    }));
    fields.extend(info.last_listed.map(|day| format!("last_listed: {}", moment(day))));
    fields.extend(info.replacement.as_ref().map(|id| format!("replacement: {}", scalar(id))));
    fields.extend(info.note.as_ref().map(|note| format!("note: {}", scalar(note))));
    fields
}

fn alias(alias: &Alias) -> String {
    let dates = dates(alias.period);
    if dates.is_empty() { scalar(&alias.id) } else { format!("{{id: {}, {}}}", scalar(&alias.id), dates.join(", ")) }
}

fn tokenizer(model: &ModelCard) -> Option<String> {
    let long = |t: &crate::pricing::card::TokenizerRef| {
        let mut parts = vec![format!("name: {}", scalar(&t.name))];
        parts.extend(t.assumed.then(|| "basis: assumed".to_owned()));
        parts.extend(dates(t.period));
        format!("{{{}}}", parts.join(", "))
    };
    match &model.tokenizers[..] {
        [] => None,
        [one] if !one.assumed && one.period == Period::default() => Some(format!("tokenizer: {}", scalar(&one.name))),
        many => Some(format!("tokenizer: [{}]", many.iter().map(long).collect::<Vec<_>>().join(", "))),
    }
}

/// Rates as they are written, without those that a fallback of the head adds again.
fn shown(rates: &Rates) -> Vec<String> {
    let is_fallback =
        |meter: &Meter, rate: &Rate| FALLBACKS.iter().any(|(m, to)| m == meter && *rate == Rate::SameAs(*to));
    let own = rates.iter().filter(|(meter, rate)| !is_fallback(meter, rate));
    own.map(|(meter, rate)| format!("{meter}: {}", rate_text(*meter, rate))).collect()
}

fn rate_text(meter: Meter, rate: &Rate) -> String {
    match rate {
        Rate::NotSold => "none".to_owned(),
        Rate::SameAs(other) => format!("={other}"),
        Rate::Inherit => "inherit".to_owned(),
        Rate::Refuse(None) => "refuse".to_owned(),
        Rate::Refuse(Some(why)) => format!("{{refuse: {}}}", quoted(why)),
        Rate::Price(Price { usd, per: 1_000_000, minimum: None, step: None }) if meter.unit() == Unit::Tokens => {
            format!("\"{usd}\"")
        }
        Rate::Price(price) => {
            let mut parts = vec![format!("price: \"{}\"", price.usd), format!("per: {}", price.per)];
            parts.extend(price.minimum.map(|minimum| format!("minimum: \"{minimum}\"")));
            parts.extend(price.step.map(|step| format!("step: \"{step}\"")));
            format!("{{{}}}", parts.join(", "))
        }
    }
}

fn when(when: &[(Dimension, String)]) -> String {
    let parts: Vec<String> = when.iter().map(|(dimension, value)| format!("{dimension}: {}", scalar(value))).collect();
    format!("{{{}}}", parts.join(", "))
}

fn names(meters: &[Meter]) -> String {
    meters.iter().map(|m| m.name()).collect::<Vec<_>>().join(", ")
}

fn dates(period: Period) -> Vec<String> {
    let from = period.from.map(|from| format!("from: {}", moment(from)));
    let to = period.to.map(|to| format!("to: {}", moment(to)));
    from.into_iter().chain(to).collect()
}

/// A day as it is, a moment in quotes: its colons would end a value in a flow map.
pub(in crate::pricing) fn moment(at: Instant) -> String {
    let text = at.to_string();
    if text.parse::<Date>().is_ok() && text.len() == 10 { text } else { quoted(&text) }
}

fn zone(minutes: i32) -> String {
    match minutes {
        0 => "UTC".to_owned(),
        m => format!("\"{}{:02}:{:02}\"", if m < 0 { '-' } else { '+' }, m.abs() / 60, m.abs() % 60),
    }
}

fn list(values: &[String]) -> String {
    format!("[{}]", values.iter().map(|v| scalar(v)).collect::<Vec<_>>().join(", "))
}

/// A text as YAML: plain where nothing can be meant by it but the text, else in quotes.
fn scalar(text: &str) -> String {
    let first_is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/+-".contains(c);
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "none"];
    let is_word = words.iter().any(|word| text.eq_ignore_ascii_case(word));
    let sentence = |c: char| plain(c) || c == ' ' || c == ';';
    let is_plain =
        text.chars().all(plain) || (text.chars().all(sentence) && !text.ends_with(' ') && !text.contains("  "));
    if first_is_plain && is_plain && !is_word { text.to_owned() } else { quoted(text) }
}

/// A text in double quotes.
pub(in crate::pricing) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control()
                || ('\u{7f}'..='\u{a0}').contains(&c)
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') =>
            {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
