//! Reads the `api.json` of models.dev: providers by id, each with its models by id.
//!
//! Prices are dollars for a million tokens. Traps that are known:
//! * a 0 can mean that a thing is not sold;
//! * `context_over_200k` is the older form of `tiers` and stands beside them, with the wrong boundary where the tier is
//!   another: it is read only where there are no `tiers`;
//! * plans by the month are listed with prices of 0.

use super::draft::{Draft, DraftReading, Quote};
use super::json::{Fields, Node};
use super::{Boundary, Condition};
use crate::context::Dimension;
use crate::meter::Meter;
use crate::pricing::card::Kind;

pub(super) fn fits(root: Node) -> bool {
    let Some(fields) = root.fields() else { return false };
    let is_provider = |p: Fields| p.get("models").and_then(Node::fields).is_some() && p.get("id").is_some();
    fields.0.iter().take(5).any(|(_, node)| node.fields().is_some_and(is_provider))
}

pub(super) fn read(root: Node, draft: &mut Draft) {
    for (id, node) in root.fields().map(|f| f.0).unwrap_or_default() {
        let Some(provider) = node.fields() else {
            draft.unread("a member that is no provider", id);
            continue;
        };
        for (model_id, node) in provider.get("models").and_then(Node::fields).map(|f| f.0).unwrap_or_default() {
            let place = format!("{id}/{model_id}");
            match node.fields() {
                Some(fields) => {
                    let mut reading = draft.model(&place, &id, &model_id);
                    reading.provider_name(provider.text("name").as_deref());
                    read_model(reading, &fields);
                }
                None => draft.unread("a member that is no model", place),
            }
        }
    }
}

fn read_model(mut reading: DraftReading, fields: &Fields) {
    read_info(&mut reading, fields);
    if let Some(cost) = fields.get("cost").and_then(Node::fields) {
        read_cost(&mut reading, &cost, &Condition::default());
    }
    let modes = fields.get("experimental").and_then(Node::fields).and_then(|e| e.get("modes")).and_then(Node::fields);
    for (name, mode) in modes.map(|f| f.0).unwrap_or_default() {
        let Some(mode) = mode.fields() else { continue };
        let Some(cost) = mode.get("cost").and_then(Node::fields) else { continue };
        match stated_by(&mode) {
            Some(condition) => read_cost(&mut reading, &cost, &condition),
            None => reading.unread(format!("prices of mode `{name}`, which states nothing that a rate may depend on")),
        }
    }
    reading.done();
}

fn read_info(reading: &mut DraftReading, fields: &Fields) {
    let limit = fields.get("limit").and_then(Node::fields);
    let modalities = fields.get("modalities").and_then(Node::fields);
    let info = reading.info();
    info.kind = match fields.text("type").as_deref() {
        Some("embedding") => Kind::Embedding,
        Some("reranking") => Kind::Rerank,
        Some("image") => Kind::Image,
        Some("video") => Kind::Video,
        Some("speech") => Kind::Speech,
        Some("transcription") => Kind::Transcription,
        _ => Kind::Chat,
    };
    info.context_window = limit.as_ref().and_then(|l| l.size("context"));
    info.max_output = limit.as_ref().and_then(|l| l.size("output"));
    info.input = modalities.as_ref().map(|m| m.texts("input")).unwrap_or_default();
    info.output = modalities.as_ref().map(|m| m.texts("output")).unwrap_or_default();
    let flags = [("tool_call", "tools"), ("reasoning", "reasoning"), ("structured_output", "json_schema")];
    info.capabilities =
        flags.iter().filter(|(flag, _)| fields.is_true(flag)).map(|(_, name)| (*name).to_owned()).collect();
    info.open_weights = fields.get("open_weights").and_then(Node::flag);
    info.released = fields.text("release_date").filter(|day| day.len() == 10).and_then(|day| day.parse().ok());
    if fields.text("status").as_deref() == Some("deprecated") {
        info.note = Some("deprecated by the provider".into());
    }
    let retired = fields.text("deprecation_date").filter(|day| day.len() == 10);
    reading.retired(retired.as_deref());
}

/// What a request of a mode states: the members of its body that are dimensions.
fn stated_by(mode: &Fields) -> Option<Condition> {
    // The body stood inside of `provider` first, and stands in the mode itself in the second version of the format.
    let body = mode.get("provider").and_then(Node::fields).and_then(|p| p.get("body")).or_else(|| mode.get("body"));
    let mut condition = Condition::default();
    for (name, value) in body.and_then(Node::fields)?.0 {
        if let (Ok(dimension), Some(value)) = (name.parse::<Dimension>(), value.text()) {
            condition = condition.with(dimension, &value);
        }
    }
    (!condition.is_always()).then_some(condition)
}

fn read_cost(reading: &mut DraftReading, cost: &Fields, condition: &Condition) {
    let tiers = cost.get("tiers").and_then(Node::items);
    for (field, value) in &cost.0 {
        match field.as_ref() {
            "tiers" | "tier" => {}
            "context_over_200k" if tiers.is_some() => {}
            "context_over_200k" => {
                if let Some(cost) = value.fields() {
                    read_cost(reading, &cost, &condition.clone().beyond(Boundary::over(200_000)));
                }
            }
            _ => read_price(reading, field, *value, condition),
        }
    }
    for tier in tiers.unwrap_or_default().into_iter().filter_map(Node::fields) {
        let size = tier.get("tier").and_then(Node::fields).filter(|t| t.text("type").is_none_or(|of| of == "context"));
        match size.and_then(|t| t.get("size")?.whole()) {
            Some(tokens) => read_cost(reading, &tier, &condition.clone().beyond(Boundary::over(tokens))),
            None => reading.unread("a tier by something else than the prompt's length"),
        }
    }
}

fn read_price(reading: &mut DraftReading, field: &str, value: Node, condition: &Condition) {
    let mtok = Quote::per(1_000_000);
    let (meter, quote) = match field {
        "input" => (Meter::Input, mtok),
        "output" => (Meter::Output, mtok),
        "reasoning" => (Meter::Reasoning, mtok),
        "cache_read" => (Meter::CacheRead, mtok),
        "cache_write" => (Meter::CacheWrite5m, mtok),
        "input_audio" => (Meter::InputAudio, mtok),
        "output_audio" => (Meter::OutputAudio, mtok),
        _ if value.is_null() => return,
        _ => return reading.unread(format!("price `{field}`")),
    };
    if !value.is_null() {
        reading.price(field, value, meter, quote, condition);
    }
}
