//! Ollama and llama.cpp in their own forms.

use super::counts::{count_any, moment};
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, State};
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::together(&[]).any(&["eval_count", "prompt_eval_count", "tokens_predicted"])],
    read: Some(read),
    known: &["total_duration", "load_duration", "eval_duration", "prompt_eval_duration", "tokens_cached"],
    places: &["answers as they were saved"],
    reads: "`prompt_eval_count`, `eval_count`; llama.cpp's `tokens_evaluated`, `tokens_predicted`",
    includes: "disjoint; nobody bills them",
    source: "https://github.com/ollama/ollama/blob/main/docs/api.md",
    ..DialectSpec::new("ollama", "Ollama and llama.cpp in their own forms")
};

/// Ollama's own form, and llama.cpp's.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if object.get("done").is_some_and(|done| done.word() == Some("false")) {
        return Ok(());
    }
    let prompt = count_any(object, &["prompt_eval_count", "tokens_evaluated"])?;
    let answer = count_any(object, &["eval_count", "tokens_predicted"])?;
    let llama_cpp = object.has("tokens_predicted");
    let mut entry = Entry::new(Dialect::Ollama, Usage::tokens_in_out(prompt, answer));
    entry.provider = Some(if llama_cpp { "llama.cpp" } else { "ollama" }.into());
    entry.model = object.text("model");
    entry.at = object.get("created_at").and_then(moment);
    entry.state = State::Local;
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}
