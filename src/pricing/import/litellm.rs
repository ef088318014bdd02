//! Reads LiteLLM's `model_prices_and_context_window.json`: one object, a member for each model.
//!
//! Prices are dollars for one token, image, second …, and a price under a condition is a field of its own: the name of
//! the price with endings such as `_above_200k_tokens` and `_batches` ([`UnitEnding`]). Traps that are known:
//! * a DeepSeek price is the one of the peak; the hours off the peak stand in `off_peak_pricing`;
//! * a size and a quality of images are beginnings of the key: `hd/1024-x-1792/dall-e-3`;
//! * 0 is written where nothing is known.

use std::borrow::Cow;
use std::collections::HashMap;

use super::draft::{Draft, DraftReading, Quote};
use super::json::{Fields, Node};
use super::{Boundary, Condition, Week};
use crate::context::Dimension;
use crate::meter::Meter;
use crate::pricing::card::Kind;

/// Fields that say what a model can do, and what that is called here; of two for one thing the first is the usual one.
pub(in crate::pricing) const FLAGS: [(&str, &str); 12] = [
    ("supports_function_calling", "tools"),
    ("supports_vision", "vision"),
    ("supports_pdf_input", "pdf"),
    ("supports_audio_input", "audio_input"),
    ("supports_audio_output", "audio_output"),
    ("supports_video_input", "video"),
    ("supports_reasoning", "reasoning"),
    ("supports_prompt_caching", "caching"),
    ("supports_response_schema", "json_schema"),
    ("supports_web_search", "web_search"),
    ("supports_computer_use", "computer_use"),
    ("supports_image_input", "vision"),
];

/// Endings of the names of prices, and what a request states under them; of two for one thing the first is the usual one.
pub(in crate::pricing) const WORDS: [(&str, Dimension, &str); 14] = [
    ("_batch_requests", Dimension::Processing, "batch"),
    ("_batches", Dimension::Processing, "batch"),
    ("_flex", Dimension::ServiceTier, "flex"),
    ("_priority", Dimension::ServiceTier, "priority"),
    ("_ultrafast", Dimension::ServiceTier, "ultrafast"),
    ("_balanced", Dimension::ServiceTier, "balanced"),
    ("_decisions", Dimension::Mode, "decisions"),
    ("_480p", Dimension::Resolution, "480p"),
    ("_720p", Dimension::Resolution, "720p"),
    ("_768p", Dimension::Resolution, "768p"),
    ("_1080p", Dimension::Resolution, "1080p"),
    ("_2k", Dimension::Resolution, "2k"),
    ("_4k", Dimension::Resolution, "4k"),
    ("_4K", Dimension::Resolution, "4k"),
];

/// Keys that stand beside the models and are none.
const NO_MODELS: [&str; 2] = ["sample_spec", "fallback_generalizations"];

pub(super) fn fits(root: Node) -> bool {
    let Some(fields) = root.fields() else { return false };
    fields.0.iter().take(20).any(|(_, node)| node.fields().is_some_and(|m| m.get("litellm_provider").is_some()))
}

pub(super) fn read(root: Node, draft: &mut Draft) {
    let models = root.fields().map(|f| f.0).unwrap_or_default();
    let names = ModelNames::of(&models);
    for (key, node) in models.iter().filter(|(key, _)| !NO_MODELS.contains(&key.as_ref())) {
        let Some(fields) = node.fields() else {
            draft.unread("a member that is no model", key.as_ref());
            continue;
        };
        let Some(provider) = fields.text("litellm_provider") else {
            match fields.text("alias_of") {
                Some(of) if names.providers.contains_key(of.as_ref()) => {}
                Some(_) => draft.unread("an alias of a model that the file does not list", key.as_ref()),
                None => draft.unread("a model without a provider", key.as_ref()),
            }
            continue;
        };
        let picture = Picture::behind(&provider, key);
        let mut reading = draft.model(key, &provider, picture.id);
        read_info(&mut reading, &fields);
        names.read(&mut reading, key, &fields);
        if picture.steps {
            reading.unread("images by the number of steps");
            continue;
        }
        read_prices(&mut reading, &fields, &picture);
        reading.done();
    }
}

/// The provider of each key, and the keys that are other names of one: `alias_of` and `successor_model` name keys.
struct ModelNames<'j> {
    providers: HashMap<String, String>,
    aliases: HashMap<String, Vec<&'j str>>,
}

impl<'j> ModelNames<'j> {
    fn of(models: &'j [(Cow<'_, str>, Node)]) -> Self {
        let mut names = ModelNames { providers: HashMap::new(), aliases: HashMap::new() };
        for (key, node) in models {
            let Some(fields) = node.fields() else { continue };
            if let Some(provider) = fields.text("litellm_provider") {
                names.providers.insert(key.to_string(), provider.into_owned());
            } else if let Some(of) = fields.text("alias_of") {
                names.aliases.entry(of.into_owned()).or_default().push(key);
            }
        }
        names
    }

    /// Other names of the model with a key, and what replaces it.
    fn read(&self, reading: &mut DraftReading, key: &str, fields: &Fields) {
        self.aliases.get(key).into_iter().flatten().for_each(|alias| reading.alias(alias));
        let Some(successor) = fields.text("successor_model") else { return };
        match self.providers.get(successor.as_ref()) {
            Some(provider) => reading.replacement(provider, &successor),
            None => reading.unread("a successor that the file does not list"),
        }
    }
}

/// What stands before the id in a key such as `hd/1024-x-1792/dall-e-3`.
struct Picture<'k> {
    condition: Condition,
    steps: bool,
    id: &'k str,
}

impl<'k> Picture<'k> {
    /// The picture of a key, which may name the provider first: `fal_ai/low/1024-x-768/openai/gpt-image-2`.
    fn behind(provider: &str, key: &'k str) -> Self {
        let rest = key.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/'));
        let picture = rest.map(Picture::of).filter(|picture| picture.steps || !picture.condition.when.is_empty());
        picture.unwrap_or_else(|| Picture::of(key))
    }

    fn of(key: &'k str) -> Self {
        let mut picture = Picture { condition: Condition::default(), steps: false, id: key };
        while let Some((first, rest)) = picture.id.split_once('/') {
            let size =
                first.split_once("-x-").filter(|(w, h)| [w, h].iter().all(|n| n.bytes().all(|b| b.is_ascii_digit())));
            let condition = std::mem::take(&mut picture.condition);
            picture.condition = match (first, size) {
                (_, Some((width, height))) => condition.with(Dimension::Size, &format!("{width}x{height}")),
                ("low" | "medium" | "high" | "xhigh" | "max" | "standard" | "hd", None) => {
                    condition.with(Dimension::Quality, first)
                }
                _ if first.ends_with("-steps") => {
                    picture.steps = true;
                    condition
                }
                _ => {
                    picture.condition = condition;
                    break;
                }
            };
            picture.id = rest;
        }
        picture
    }
}

fn read_info(reading: &mut DraftReading, fields: &Fields) {
    let info = reading.info();
    info.kind = match fields.text("mode").as_deref() {
        Some("completion") => Kind::Completion,
        Some("embedding") => Kind::Embedding,
        Some("rerank") => Kind::Rerank,
        Some("image_generation" | "image_edit") => Kind::Image,
        Some("audio_speech") => Kind::Speech,
        Some("audio_transcription") => Kind::Transcription,
        Some("video_generation") => Kind::Video,
        Some("ocr") => Kind::Ocr,
        Some("moderation" | "evaluation" | "decisions" | "extraction") => Kind::Moderation,
        Some("search" | "vector_store") => Kind::Search,
        _ => Kind::Chat,
    };
    info.context_window = fields.size("max_input_tokens");
    info.max_output = fields.size("max_output_tokens");
    info.smallest_cacheable = fields.size("prompt_cache_min_tokens");
    info.input = fields.texts("supported_modalities");
    info.output = fields.texts("supported_output_modalities");
    let can = FLAGS.iter().filter(|(flag, _)| fields.is_true(flag)).map(|(_, name)| (*name).to_owned());
    info.capabilities = can.collect();
    info.capabilities.dedup();
    let retired = fields.text("deprecation_date");
    reading.retired(retired.as_deref());
}

fn read_prices(reading: &mut DraftReading, fields: &Fields, picture: &Picture) {
    for (field, value) in &fields.0 {
        match field.as_ref() {
            _ if value.is_null() => {}
            "search_context_cost_per_query" => read_searches(reading, *value),
            "tiered_pricing" => read_tiers(reading, *value),
            "off_peak_pricing" => read_off_peak(reading, *value),
            _ => read_price(reading, field, *value, &picture.condition),
        }
    }
}

/// One field with a price, or one that is none.
fn read_price(reading: &mut DraftReading, field: &str, value: Node, condition: &Condition) {
    match NamedField::of(field, reading.info().kind) {
        Some(NamedField { meter, quote, ending }) => {
            let meter = if meter == Meter::InputImages && !condition.when.is_empty() { Meter::Images } else { meter };
            reading.price(field, value, meter, quote, &ending.on(condition.clone()));
        }
        None if value.number_text().is_some_and(|n| super::json::exact(&n, 0) == Ok(rust_decimal::Decimal::ZERO)) => {}
        None if is_price(field) => reading.unread(format!("field `{field}`")),
        None => {}
    }
}

/// Whether the name of a field says that money is meant.
fn is_price(field: &str) -> bool {
    ["cost", "pricing", "price", "multiplier", "provider_specific_entry", "fee"].iter().any(|word| field.contains(word))
}

/// A price by the name of its field.
struct NamedField {
    meter: Meter,
    quote: Quote,
    ending: UnitEnding,
}

/// Names of prices before their endings. A longer name stands before its own beginning.
pub(in crate::pricing) const NAMES: &[(&str, Meter, Quote)] = &[
    ("input_cost_per_token_cache_hit", Meter::CacheRead, Quote::TOKEN),
    ("input_cost_per_token", Meter::Input, Quote::TOKEN),
    ("input_cost_per_audio_token", Meter::InputAudio, Quote::TOKEN),
    ("input_cost_per_image_token", Meter::InputImage, Quote::TOKEN),
    ("input_cost_per_video_token", Meter::InputVideo, Quote::TOKEN),
    ("input_cost_per_image", Meter::InputImages, Quote::per(1)),
    ("input_cost_per_character", Meter::Characters, Quote::TOKEN),
    ("input_cost_per_request", Meter::Requests, Quote::OF_THOUSAND),
    ("input_cost_per_text_message", Meter::Messages, Quote::OF_THOUSAND),
    ("input_cost_per_audio_per_second", Meter::AudioSeconds, Quote::per(1)),
    ("input_cost_per_video_per_second", Meter::InputVideoSeconds, Quote::per(1)),
    ("cache_read_input_token_cost", Meter::CacheRead, Quote::TOKEN),
    ("cache_read_input_audio_token_cost", Meter::CacheReadAudio, Quote::TOKEN),
    ("cache_read_input_image_token_cost", Meter::CacheReadImage, Quote::TOKEN),
    ("cache_creation_input_audio_token_cost", Meter::CacheWriteAudio, Quote::TOKEN),
    ("cache_creation_input_token_cost_above_1hr", Meter::CacheWrite1h, Quote::TOKEN),
    ("cache_creation_input_token_cost_above_12hr", Meter::CacheWrite12h, Quote::TOKEN),
    ("cache_creation_input_token_cost", Meter::CacheWrite5m, Quote::TOKEN),
    ("output_cost_per_reasoning_token", Meter::Reasoning, Quote::TOKEN),
    ("output_cost_per_token", Meter::Output, Quote::TOKEN),
    ("output_cost_per_audio_token", Meter::OutputAudio, Quote::TOKEN),
    ("output_cost_per_image_token", Meter::OutputImage, Quote::TOKEN),
    ("output_cost_per_video_token", Meter::OutputVideo, Quote::TOKEN),
    ("output_cost_per_image", Meter::Images, Quote::per(1)),
    ("output_cost_per_pixel", Meter::OutputPixels, Quote::per(1)),
    ("output_cost_per_character", Meter::OutputCharacters, Quote::TOKEN),
    ("output_cost_per_video_per_second", Meter::VideoSeconds, Quote::per(1)),
    ("citation_cost_per_token", Meter::CitationTokens, Quote::TOKEN),
    ("ocr_cost_per_page", Meter::Pages, Quote::OF_THOUSAND),
    ("annotation_cost_per_page", Meter::AnnotatedPages, Quote::OF_THOUSAND),
    ("google_maps_grounding_cost_per_query", Meter::MapsQueries, Quote::per(1)),
    ("file_search_cost_per_1k_calls", Meter::FileSearches, Quote::per(1000)),
    ("code_interpreter_cost_per_session", Meter::CodeSessions, Quote::per(1)),
];

/// Names that mean one thing for one kind of model and another for the next.
pub(in crate::pricing) const NAMES_BY_KIND: &[(&str, Kind, Meter, Quote)] = &[
    ("input_cost_per_second", Kind::Transcription, Meter::AudioSeconds, Quote::per(1)),
    ("output_cost_per_second", Kind::Video, Meter::VideoSeconds, Quote::per(1)),
    ("output_cost_per_second", Kind::Speech, Meter::OutputAudioSeconds, Quote::per(1)),
    ("input_cost_per_query", Kind::Rerank, Meter::SearchUnits, Quote::per(1)),
    ("input_cost_per_query", Kind::Search, Meter::Requests, Quote::OF_THOUSAND),
];

impl NamedField {
    fn of(field: &str, kind: Kind) -> Option<NamedField> {
        let named = |name: &str, meter, quote| {
            Some(NamedField { meter, quote, ending: UnitEnding::of(field.strip_prefix(name)?)? })
        };
        let mut always = NAMES.iter().filter_map(|(name, meter, quote)| named(name, *meter, *quote));
        let mut by_kind = NAMES_BY_KIND
            .iter()
            .filter(|(_, of_kind, ..)| *of_kind == kind)
            .filter_map(|(name, _, meter, quote)| named(name, *meter, *quote));
        always.next().or_else(|| by_kind.next())
    }
}

/// The endings of a field's name: `_above_272k_tokens_batches`.
#[derive(Default)]
struct UnitEnding {
    tier: Option<u64>,
    when: Vec<(Dimension, &'static str)>,
}

impl UnitEnding {
    fn of(mut rest: &str) -> Option<UnitEnding> {
        let mut ending = UnitEnding::default();
        while !rest.is_empty() {
            if let Some((word, dimension, value)) = WORDS.iter().find(|(word, ..)| rest.starts_with(word)) {
                ending.when.push((*dimension, value));
                rest = &rest[word.len()..];
            } else {
                let (thousands, after) = rest.strip_prefix("_above_")?.split_once("k_tokens")?;
                ending.tier = Some(thousands.parse::<u64>().ok()?.checked_mul(1000)?);
                rest = after;
            }
        }
        Some(ending)
    }

    fn on(&self, condition: Condition) -> Condition {
        let stated = self.when.iter().fold(condition, |c, (dimension, value)| c.with(*dimension, value));
        self.tier.map_or(stated.clone(), |tokens| stated.beyond(Boundary::over(tokens)))
    }
}

/// `{"search_context_size_low": 0.005, …}`: one price where all sizes cost the same.
///
/// At Perplexity it is the fee of every request, since every request searches.
fn read_searches(reading: &mut DraftReading, value: Node) {
    const SIZES: [&str; 3] = ["low", "medium", "high"];
    let meter = if reading.provider() == "perplexity" { Meter::Requests } else { Meter::WebSearches };
    let Some(fields) = value.fields() else {
        reading.unread("field `search_context_cost_per_query` in a form that is no price");
        return;
    };
    let prices: Vec<(&str, Node)> =
        SIZES.iter().filter_map(|size| Some((*size, fields.get(&format!("search_context_size_{size}"))?))).collect();
    let all_same = prices.windows(2).all(|pair| pair[0].1.number_text() == pair[1].1.number_text());
    let field = "search_context_cost_per_query";
    if let (true, Some((_, price))) = (all_same, prices.first()) {
        reading.price(field, *price, meter, Quote::OF_THOUSAND, &Condition::default());
    } else {
        for (size, price) in prices {
            let condition = Condition::default().with(Dimension::SearchContextSize, size);
            reading.price(field, price, meter, Quote::OF_THOUSAND, &condition);
        }
    }
}

/// `[{"range": [0, 256000], "input_cost_per_token": …}, …]`: the first range holds the normal prices.
fn read_tiers(reading: &mut DraftReading, value: Node) {
    for tier in value.items().unwrap_or_default() {
        let Some(fields) = tier.fields() else { continue };
        let range = fields.get("range").and_then(Node::items).unwrap_or_default();
        let Some(start) = range.first().and_then(|start| start.whole()) else {
            reading.unread("field `tiered_pricing` without a range of tokens");
            continue;
        };
        let condition = match start {
            0 => Condition::default(),
            tokens => Condition::default().beyond(Boundary::over(tokens)),
        };
        for (field, value) in fields.0.iter().filter(|(field, _)| field != "range") {
            read_price(reading, field, *value, &condition);
        }
    }
}

/// `{"input_cost_per_token": …, "windows": [{"hours_utc": ["00:00-01:00"], "weekdays": [1, 2]}]}`.
fn read_off_peak(reading: &mut DraftReading, value: Node) {
    let fields = value.fields();
    let weeks = fields.as_ref().and_then(|f| f.get("windows")).and_then(Node::items).unwrap_or_default();
    let weeks: Option<Vec<Week>> = weeks.into_iter().map(off_peak_week).collect();
    let (Some(fields), Some(weeks)) = (fields, weeks.filter(|w| !w.is_empty())) else {
        reading.unread("field `off_peak_pricing` with hours of another form");
        return;
    };
    let week = weeks.iter().fold(Week::default(), |all, week| all.and(week));
    let condition = Condition::default().at(week);
    for (field, value) in fields.0.iter().filter(|(field, _)| field != "windows") {
        read_price(reading, field, *value, &condition);
    }
}

fn off_peak_week(window: Node) -> Option<Week> {
    let fields = window.fields()?;
    let hours = fields.get("hours_utc")?;
    let texts: Vec<String> = match hours.text() {
        Some(one) => vec![one.into_owned()],
        None => fields.texts("hours_utc"),
    };
    let windows: Option<Vec<(u16, u16)>> = texts.iter().map(|text| window_of(text)).collect();
    let mut days = [fields.get("weekdays").is_none(); 7];
    for day in fields.get("weekdays").and_then(Node::items).unwrap_or_default() {
        *days.get_mut(usize::try_from(day.whole()?.checked_sub(1)?).ok()?)? = true;
    }
    windows.filter(|w| !w.is_empty()).map(|windows| Week::new(&windows, days))
}

fn window_of(text: &str) -> Option<(u16, u16)> {
    let minute = |text: &str| {
        let (hours, minutes) = text.split_once(':')?;
        let minute = hours.parse::<u16>().ok()?.checked_mul(60)?.checked_add(minutes.parse().ok()?)?;
        (minute <= 24 * 60).then_some(minute)
    };
    let (from, to) = text.split_once('-')?;
    Some((minute(from.trim())?, minute(to.trim())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_name_with_endings() {
        let condition = |field: &str| {
            NamedField::of(field, Kind::Chat).map(|n| format!("{} {}", n.meter, n.ending.on(Condition::default())))
        };
        let cases = [
            ("input_cost_per_token", "input "),
            ("input_cost_per_token_above_272k_tokens", "input prompt_tokens>272000"),
            ("output_cost_per_token_above_272k_tokens_batches", "output processing=batch, prompt_tokens>272000"),
            ("cache_creation_input_token_cost_above_1hr", "cache_write_1h "),
            ("cache_creation_input_token_cost_above_1hr_above_200k_tokens", "cache_write_1h prompt_tokens>200000"),
            ("cache_creation_input_token_cost_above_12hr_flex", "cache_write_12h service_tier=flex"),
            ("cache_read_input_token_cost_priority", "cache_read service_tier=priority"),
            ("input_cost_per_token_cache_hit", "cache_read "),
            ("output_cost_per_token_decisions", "output mode=decisions"),
        ];
        for (field, want) in cases {
            assert_eq!(condition(field).as_deref(), Some(want), "{field}");
        }
        for field in
            ["input_cost_per_token_on_sundays", "cost_per_second", "max_tokens", "input_cost_per_token_above_k_tokens"]
        {
            assert_eq!(condition(field), None, "{field}");
        }
    }

    #[test]
    fn a_picture_has_its_size_and_quality_in_the_key() {
        let cases = [
            ("hd/1024-x-1792/dall-e-3", "quality=hd, size=1024x1792", "dall-e-3"),
            ("azure/eu/gpt-4o", "", "azure/eu/gpt-4o"),
            ("1024-x-1024/max-steps/stability.x", "size=1024x1024", "stability.x"),
            ("low/gpt", "quality=low", "gpt"),
            ("fal_ai/max/1024-x-768/openai/gpt-image-2", "quality=max, size=1024x768", "openai/gpt-image-2"),
            ("fal_ai/flux/dev", "", "fal_ai/flux/dev"),
        ];
        for (key, condition, id) in cases {
            let picture = Picture::behind("fal_ai", key);
            assert_eq!((picture.condition.to_string().as_str(), picture.id), (condition, id), "{key}");
        }
    }
}
