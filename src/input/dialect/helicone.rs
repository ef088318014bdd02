//! Requests of Helicone.

use std::borrow::Cow;

use super::counts::{count, moment, rest};
use super::outcomes::error_text;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Labels, Reported, State};
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::together(&["request_id"]).any(&["request_model", "response_model", "request_created_at"])],
    read: Some(read),
    known: &["costUSD", "cost_usd"],
    places: &["answers of `/v1/request/query`, exports"],
    reads: "`prompt_tokens`, `completion_tokens`, caches, cost, properties",
    includes: "caches are parts of the prompt, and stand next to it for Anthropic",
    source: "https://github.com/Helicone/helicone/blob/main/packages/llm-mapper/types.ts",
    ..DialectSpec::new("helicone", "requests of Helicone")
};

/// A request of Helicone's query and export. Of Anthropic's, the caches stand beside the prompt; of others, inside.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let status = count(object, "response_status")?;
    let provider = object.text("provider").map(|p| p.to_lowercase());
    let read = count(object, "prompt_cache_read_tokens")?;
    let written = count(object, "prompt_cache_write_tokens")?;
    let prompt = count(object, "prompt_tokens")?;
    let beside = provider.as_deref() == Some("anthropic");
    let input = if beside { prompt } else { rest("prompt_tokens", prompt, &[read, written])? };
    let mut counted = Usage::tokens_in_out(input, count(object, "completion_tokens")?);
    counted.set_tokens(Meter::CacheRead, read);
    counted.set_tokens(Meter::CacheWrite5m, written);
    let mut entry = Entry::new(Dialect::Helicone, counted);
    if status >= 400 || object.get("prompt_tokens").is_none() {
        let said = object.object("response_body").map(|body| error_text(&body));
        entry.state = State::Failed(said.unwrap_or_else(|| format!("status {status}")));
    }
    entry.provider = provider.filter(|p| p != "custom").map(Cow::Owned);
    let model = ["model_override", "response_model", "request_model", "model"];
    entry.model = model.iter().find_map(|name| object.text(name));
    let times = ["request_created_at", "response_created_at"];
    entry.at = times.iter().find_map(|name| object.get(name).and_then(moment));
    entry.reported = ["cost", "costUSD", "cost_usd"].iter().find_map(|n| object.get(n)?.decimal()).map(Reported::usd);
    if object.get("cache_enabled").is_some()
        && object.text("cache_reference_id").is_some_and(|id| !id.starts_with("0000"))
    {
        entry.state = State::Remembered;
    }
    let properties = object.object("request_properties").unwrap_or_default();
    let tags = properties.fields().filter_map(|(n, v)| Some(Cow::Owned(format!("{n}:{}", v.text()?)))).collect();
    entry.labels = Labels {
        project: None,
        session: properties.text("Helicone-Session-Id"),
        key: object.text("request_user_id").or_else(|| object.text("helicone_user")),
        tags,
    };
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}
