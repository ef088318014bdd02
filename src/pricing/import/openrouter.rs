//! Reads OpenRouter's answer to `/api/v1/models`: `data`, a list of models.
//!
//! Prices are dollars for one token, image, request …, as texts. `overrides` hold for prompts longer than so many tokens
//! or at some hours. What the fields mean is written in the types of OpenRouter's own client. Traps that are known:
//! * `-1` is the price of a router, which depends on where it sends a request;
//! * `image` is the price of an image, but where it is the price of a prompt token it is that of an image's token;
//! * an expiry in 2098 is none.

use super::draft::{Draft, DraftReading, Quote};
use super::json::{Fields, Node};
use super::{Boundary, Condition, Week};
use crate::meter::Meter;
use crate::pricing::card::Kind;

const PROVIDER: &str = "openrouter";

pub(super) fn fits(root: Node) -> bool {
    let data = root.fields().and_then(|f| f.get("data")).and_then(Node::items).unwrap_or_default();
    data.into_iter().take(5).any(|m| m.fields().is_some_and(|m| m.get("pricing").is_some() && m.get("id").is_some()))
}

pub(super) fn read(root: Node, draft: &mut Draft) {
    let data = root.fields().and_then(|f| f.get("data")).and_then(Node::items).unwrap_or_default();
    for (i, node) in data.into_iter().enumerate() {
        let fields = node.fields();
        let id = fields.as_ref().and_then(|f| f.text("id"));
        let (Some(fields), Some(id)) = (fields, id) else {
            draft.unread("a model without an id", format!("entry {}", i + 1));
            continue;
        };
        let mut reading = draft.model(&id, PROVIDER, &id);
        reading.provider_name(Some("OpenRouter"));
        read_info(&mut reading, &fields);
        if let Some(pricing) = fields.get("pricing").and_then(Node::fields) {
            read_pricing(&mut reading, &pricing);
        }
        reading.done();
    }
}

fn read_info(reading: &mut DraftReading, fields: &Fields) {
    let top = fields.get("top_provider").and_then(Node::fields);
    let architecture = fields.get("architecture").and_then(Node::fields);
    let modalities = |key: &str| -> Vec<String> {
        let list = architecture.as_ref().map(|a| a.texts(key)).unwrap_or_default();
        list.into_iter().map(|m| if m == "file" { "pdf".to_owned() } else { m }).collect()
    };
    let parameters = fields.texts("supported_parameters");
    let info = reading.info();
    info.context_window = fields.size("context_length");
    info.max_output = top.as_ref().and_then(|t| t.size("max_completion_tokens"));
    info.input = modalities("input_modalities");
    info.output = modalities("output_modalities");
    info.kind = match info.output.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["embeddings"] => Kind::Embedding,
        ["rerank"] => Kind::Rerank,
        ["image"] => Kind::Image,
        ["video"] => Kind::Video,
        ["speech"] => Kind::Speech,
        ["transcription"] => Kind::Transcription,
        _ => Kind::Chat,
    };
    let known = [("tools", "tools"), ("reasoning", "reasoning"), ("structured_outputs", "json_schema")];
    let can = known.iter().filter(|(parameter, _)| parameters.iter().any(|p| p == parameter));
    info.capabilities = can.map(|(_, name)| (*name).to_owned()).collect();
    let expires = fields.text("expiration_date").filter(|day| day.as_ref() < "2090");
    reading.retired(expires.as_deref());
}

fn read_pricing(reading: &mut DraftReading, pricing: &Fields) {
    for (field, value) in &pricing.0 {
        let is_of_a_token =
            field == "image" && pricing.text("prompt").is_some_and(|prompt| value.text() == Some(prompt));
        match field.as_ref() {
            "overrides" => {}
            _ if is_of_a_token => read_price(reading, "image_token", *value, &Condition::default()),
            _ => read_price(reading, field, *value, &Condition::default()),
        }
    }
    let overrides = pricing.get("overrides").and_then(Node::items).unwrap_or_default();
    for special in overrides.into_iter().filter_map(Node::fields) {
        read_override(reading, &special);
    }
}

/// What an override holds under.
const CONDITIONS: [&str; 5] = ["min_prompt_tokens", "utc_start", "utc_end", "utc_days", "discount"];

fn read_override(reading: &mut DraftReading, special: &Fields) {
    let mut condition = Condition::default();
    if let Some(tokens) = special.size("min_prompt_tokens") {
        condition = condition.beyond(Boundary::over(tokens));
    }
    if special.get("utc_start").is_some() || special.get("utc_days").is_some() {
        match week_of(special) {
            Some(week) => condition = condition.at(week),
            None => return reading.unread("an override at hours of another form"),
        }
    }
    if condition.is_always() {
        return reading.unread("an override under a condition of another form");
    }
    for (field, value) in special.0.iter().filter(|(field, _)| !CONDITIONS.contains(&field.as_ref())) {
        read_price(reading, field, *value, &condition);
    }
}

/// `{"utc_start": 1630, "utc_end": 30, "utc_days": ["monday"]}`: hours and minutes as one number.
///
/// The day is that of the request: a window past midnight is the evening and the early morning of the same day.
fn week_of(special: &Fields) -> Option<Week> {
    let minute = |key: &str| match special.get(key) {
        None => Some(0),
        Some(node) => {
            let clock = u16::try_from(node.whole()?).ok()?;
            (clock <= 2400 && clock % 100 < 60).then_some(clock / 100 * 60 + clock % 100)
        }
    };
    let windows = match (minute("utc_start")?, minute("utc_end")?) {
        (from, to) if from < to => vec![(from, to)],
        (from, 0) => vec![(from, 24 * 60)],
        (from, to) => vec![(from, 24 * 60), (0, to)],
    };
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let mut days = [special.get("utc_days").is_none(); 7];
    for day in special.texts("utc_days") {
        days[DAYS.iter().position(|d| day.eq_ignore_ascii_case(d))?] = true;
    }
    Some(Week::new(&windows, days))
}

fn read_price(reading: &mut DraftReading, field: &str, value: Node, condition: &Condition) {
    let (meter, quote) = match field {
        "prompt" => (Meter::Input, Quote::TOKEN),
        "completion" => (Meter::Output, Quote::TOKEN),
        "internal_reasoning" => (Meter::Reasoning, Quote::TOKEN),
        "input_cache_read" => (Meter::CacheRead, Quote::TOKEN),
        "input_cache_write" => (Meter::CacheWrite5m, Quote::TOKEN),
        "input_cache_write_1h" => (Meter::CacheWrite1h, Quote::TOKEN),
        "audio" => (Meter::InputAudio, Quote::TOKEN),
        "input_audio_cache" => (Meter::CacheReadAudio, Quote::TOKEN),
        "audio_output" => (Meter::OutputAudio, Quote::TOKEN),
        "image_token" => (Meter::InputImage, Quote::TOKEN),
        "image" => (Meter::InputImages, Quote::per(1)),
        "web_search" => (Meter::WebSearches, Quote::OF_THOUSAND),
        "request" => (Meter::Requests, Quote::OF_THOUSAND),
        "discount" if value.number_text().is_some_and(|n| n == "0") => return,
        "image_output" => {
            return reading.unread("price `image_output`: of an image or of a token, the file does not say");
        }
        _ => return reading.unread(format!("price `{field}`")),
    };
    if value.number_text().is_some_and(|n| n.starts_with("-1")) {
        reading.unread("a price of -1: it depends on where the router sends the request");
    } else if !value.is_null() {
        reading.price(field, value, meter, quote, condition);
    }
}
