//! Reads the `data.json` of Pydantic's genai-prices, in the form of version 2 (a list of providers) and of version 3
//! (an object with `providers`).
//!
//! Prices are dollars for the unit in the key (`input_mtok`: a million tokens). A model has one set of prices, or a
//! list of sets that hold from a day on or at some hours of the day; `price_variants` hold for requests that state
//! something. Traps that are known:
//! * a set with hours has no start of its own and beats every dated one: it is read into the last period only;
//! * a variant's price without tiers holds for prompts of every length, tiers of the normal price or not;
//! * a tier begins behind its `start`: a prompt of exactly so many tokens has the price before.

use super::draft::{Draft, DraftReading, Quote};
use super::json::{Fields, Node};
use super::{Boundary, Condition, Week};
use crate::context::Dimension;
use crate::meter::Meter;
use crate::period::{Instant, Period};

pub(super) fn fits(root: Node) -> bool {
    let of_a_model =
        |provider: Fields| provider.get("models")?.items()?.into_iter().next()?.fields()?.get("match").map(drop);
    providers(root).is_some_and(|all| all.into_iter().any(|p| p.fields().and_then(of_a_model).is_some()))
}

fn providers(root: Node) -> Option<Vec<Node>> {
    root.items().or_else(|| root.fields()?.get("providers")?.items())
}

pub(super) fn read(root: Node, draft: &mut Draft) {
    for provider in providers(root).unwrap_or_default().into_iter().filter_map(Node::fields) {
        let Some(id) = provider.text("id") else {
            draft.unread("a provider without an id", provider.text("name").unwrap_or_default());
            continue;
        };
        for model in provider.get("models").and_then(Node::items).unwrap_or_default() {
            match model.fields().and_then(|fields| fields.text("id").map(|model_id| (fields, model_id))) {
                Some((fields, model_id)) => {
                    let mut reading = draft.model(&format!("{id}/{model_id}"), &id, &model_id);
                    reading.provider_name(provider.text("name").as_deref());
                    read_model(reading, &fields);
                }
                None => draft.unread("a model without an id", id.as_ref()),
            }
        }
    }
}

fn read_model(mut reading: DraftReading, fields: &Fields) {
    reading.info().context_window = fields.size("context_window");
    if fields.is_true("deprecated") {
        reading.info().note = Some("deprecated by the provider".into());
    }
    if let Some(rule) = fields.get("match").and_then(Node::fields) {
        exact_ids(&rule).iter().for_each(|id| reading.alias(id));
    }
    let sets = price_sets(&mut reading, fields);
    let variants = price_variants(&mut reading, fields);
    let starts = starts(&sets, &variants);
    for (i, from) in starts.iter().enumerate() {
        let period = Period { from: *from, to: starts.get(i + 1).copied().flatten() };
        let is_last = i + 1 == starts.len();
        read_period(&mut reading, &sets, &variants, period, is_last);
    }
    reading.done();
}

/// Ids that a rule names word for word; beginnings and patterns are no ids.
fn exact_ids(rule: &Fields) -> Vec<String> {
    let own = rule.text("equals").map(|id| id.into_owned());
    let parts = rule.get("or").and_then(Node::items).unwrap_or_default();
    own.into_iter().chain(parts.into_iter().filter_map(Node::fields).flat_map(|part| exact_ids(&part))).collect()
}

/// Prices with what they hold under.
struct Set<'j> {
    from: Option<Instant>,
    hours: Option<Week>,
    when: Condition,
    prices: Fields<'j>,
}

fn price_sets<'j>(reading: &mut DraftReading, fields: &Fields<'j>) -> Vec<Set<'j>> {
    let Some(prices) = fields.get("prices") else { return Vec::new() };
    if let Some(prices) = prices.fields() {
        return vec![Set { from: None, hours: None, when: Condition::default(), prices }];
    }
    let sets = prices.items().unwrap_or_default().into_iter().filter_map(Node::fields);
    sets.filter_map(|set| read_set(reading, &set, Condition::default())).collect()
}

fn price_variants<'j>(reading: &mut DraftReading, fields: &Fields<'j>) -> Vec<Set<'j>> {
    let variants = fields.get("price_variants").and_then(Node::items).unwrap_or_default();
    let mut sets = Vec::new();
    for variant in variants.into_iter().filter_map(Node::fields) {
        let mut when = Condition::default();
        let stated = variant.get("when").and_then(Node::fields).map(|f| f.0).unwrap_or_default();
        let mut known = true;
        for (name, value) in &stated {
            match (name.parse::<Dimension>(), value.text()) {
                (Ok(dimension), Some(value)) => when = when.with(dimension, &value),
                _ => {
                    reading.unread(format!("prices by `{name}`"));
                    known = false;
                }
            }
        }
        if known {
            sets.extend(read_set(reading, &variant, when));
        }
    }
    sets
}

fn read_set<'j>(reading: &mut DraftReading, set: &Fields<'j>, when: Condition) -> Option<Set<'j>> {
    let prices = set.get("prices")?.fields()?;
    let Some(constraint) = set.get("constraint") else {
        return Some(Set { from: None, hours: None, when, prices });
    };
    let fields = constraint.fields()?;
    if let Some(from) = fields.text("start_date").and_then(|day| day.parse().ok()) {
        return Some(Set { from: Some(from), hours: None, when, prices });
    }
    let minute = |key| fields.text(key).and_then(|time| minute_in_utc(&time));
    if let (Some(from), Some(to)) = (minute("start_time"), minute("end_time")) {
        return Some(Set { from: None, hours: Some(Week::new(&[(from, to)], [true; 7])), when, prices });
    }
    reading.unread(format!("prices under a constraint of another form: {constraint}"));
    None
}

/// `00:30:00Z`, or with an offset such as `+08:00`.
fn minute_in_utc(time: &str) -> Option<u16> {
    let clock = |text: &str| -> Option<i32> {
        let mut parts = text.split(':');
        let (hours, minutes): (i32, i32) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(hours * 60 + minutes)
    };
    let (local, east) = match time.get(5..).and_then(|rest| rest.find(['+', '-'])) {
        Some(at) => {
            let (local, offset) = time.split_at(5 + at);
            let (sign, offset) = offset.split_at(1);
            (local, clock(offset)? * if sign == "-" { -1 } else { 1 })
        }
        None => (time.trim_end_matches('Z'), 0),
    };
    u16::try_from((clock(local)? - east).rem_euclid(24 * 60)).ok()
}

/// The moments at which some price begins, the first being since ever.
fn starts(sets: &[Set], variants: &[Set]) -> Vec<Option<Instant>> {
    let mut starts: Vec<Option<Instant>> = sets.iter().chain(variants).map(|set| set.from).collect();
    starts.push(None);
    starts.sort();
    starts.dedup();
    starts
}

fn read_period(reading: &mut DraftReading, sets: &[Set], variants: &[Set], period: Period, is_last: bool) {
    // The last set that holds is the one, as the database's own code has it.
    let dated = sets.iter().filter(|set| set.hours.is_none() && set.from <= period.from);
    let normal = dated.max_by_key(|set| set.from);
    if let Some(set) = normal {
        read_prices(reading, set, &Condition::default(), period, &|_| true);
    }
    // Of variants for the same request the first that lists a price is the one.
    let holding: Vec<&Set> = variants.iter().filter(|set| set.from <= period.from).collect();
    for (i, set) in holding.iter().enumerate() {
        let is_first =
            |key: &str| !holding[..i].iter().any(|other| other.when == set.when && other.prices.get(key).is_some());
        read_variant(reading, set, normal, period, &is_first);
    }
    for set in sets.iter().filter(|_| is_last) {
        if let Some(hours) = &set.hours {
            read_prices(reading, set, &Condition::default().at(hours.clone()), period, &|_| true);
        }
    }
}

fn read_prices(
    reading: &mut DraftReading,
    set: &Set,
    condition: &Condition,
    period: Period,
    is_wanted: &dyn Fn(&str) -> bool,
) {
    for (key, value) in set.prices.0.iter().filter(|(key, _)| is_wanted(key)) {
        let Some((meter, quote)) = unit(key) else {
            reading.unread(format!("price `{key}`"));
            continue;
        };
        match value.fields() {
            None => reading.dated_price(key, *value, meter, quote, condition, period),
            Some(tiered) => {
                if let Some(base) = tiered.get("base") {
                    reading.dated_price(key, base, meter, quote, condition, period);
                }
                for (start, price) in tiers(&tiered) {
                    let beyond = condition.clone().beyond(Boundary::over(start));
                    reading.dated_price(key, price, meter, quote, &beyond, period);
                }
            }
        }
    }
}

/// A variant's price without tiers holds at every length, so it is written out for each tier of the normal price.
fn read_variant(
    reading: &mut DraftReading,
    set: &Set,
    normal: Option<&Set>,
    period: Period,
    is_wanted: &dyn Fn(&str) -> bool,
) {
    read_prices(reading, set, &set.when, period, is_wanted);
    for (key, value) in set.prices.0.iter().filter(|(key, _)| is_wanted(key)) {
        let (Some((meter, quote)), None) = (unit(key), value.fields()) else { continue };
        let of_normal = normal.and_then(|set| set.prices.get(key)).and_then(Node::fields);
        for (start, _) in of_normal.iter().flat_map(tiers) {
            let beyond = set.when.clone().beyond(Boundary::over(start));
            reading.dated_price(key, *value, meter, quote, &beyond, period);
        }
    }
}

fn tiers<'j>(tiered: &Fields<'j>) -> Vec<(u64, Node<'j>)> {
    let tiers = tiered.get("tiers").and_then(Node::items).unwrap_or_default();
    tiers
        .into_iter()
        .filter_map(|tier| tier.fields())
        .filter_map(|t| Some((t.get("start")?.whole()?, t.get("price")?)))
        .collect()
}

/// Keys of prices, and what they mean; of two for one meter the first is the usual one.
pub(in crate::pricing) const UNITS: &[(&str, Meter, Quote)] = &[
    ("input_mtok", Meter::Input, MTOK),
    ("output_mtok", Meter::Output, MTOK),
    ("cache_read_mtok", Meter::CacheRead, MTOK),
    ("cache_write_mtok", Meter::CacheWrite5m, MTOK),
    ("cache_write_5m_mtok", Meter::CacheWrite5m, MTOK),
    ("cache_write_1h_mtok", Meter::CacheWrite1h, MTOK),
    ("input_audio_mtok", Meter::InputAudio, MTOK),
    ("output_audio_mtok", Meter::OutputAudio, MTOK),
    ("cache_audio_read_mtok", Meter::CacheReadAudio, MTOK),
    ("cache_audio_write_mtok", Meter::CacheWriteAudio, MTOK),
    ("input_image_mtok", Meter::InputImage, MTOK),
    ("output_image_mtok", Meter::OutputImage, MTOK),
    ("cache_image_read_mtok", Meter::CacheReadImage, MTOK),
    ("input_video_mtok", Meter::InputVideo, MTOK),
    ("output_video_mtok", Meter::OutputVideo, MTOK),
    ("output_reasoning_mtok", Meter::Reasoning, MTOK),
    ("output_citation_mtok", Meter::CitationTokens, MTOK),
    ("input_mchars", Meter::Characters, Quote::per(1_000_000)),
    ("input_text_messages_kcount", Meter::Messages, THOUSAND),
    ("input_audio_hours", Meter::AudioSeconds, Quote::per(3600)),
    ("audio_hours", Meter::AudioSeconds, Quote::per(3600)),
    ("output_audio_hours", Meter::OutputAudioSeconds, Quote::per(3600)),
    ("input_gpixels", Meter::InputPixels, Quote::per(1_000_000_000)),
    ("input_document_kpages", Meter::Pages, THOUSAND),
    ("input_annotated_document_kpages", Meter::AnnotatedPages, THOUSAND),
    ("rerank_searches_kcount", Meter::SearchUnits, THOUSAND),
    ("web_searches_kcount", Meter::WebSearches, THOUSAND),
    ("social_searches_kcount", Meter::XSearches, THOUSAND),
    ("storage_searches_kcount", Meter::FileSearches, THOUSAND),
    ("code_executions_kcount", Meter::CodeExecutions, THOUSAND),
    ("requests_kcount", Meter::Requests, THOUSAND),
];

const MTOK: Quote = Quote::per(1_000_000);
const THOUSAND: Quote = Quote::per(1000);

/// What the key of a price means.
fn unit(key: &str) -> Option<(Meter, Quote)> {
    UNITS.iter().find(|(name, ..)| *name == key).map(|(_, meter, quote)| (*meter, *quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_day_is_a_minute_in_utc() {
        let cases = [
            ("00:30:00Z", Some(30)),
            ("16:30:00", Some(990)),
            ("00:30:00+08:00", Some(990)),
            ("23:00:00-02:00", Some(60)),
            ("later", None),
        ];
        for (time, want) in cases {
            assert_eq!(minute_in_utc(time), want, "{time}");
        }
    }
}
