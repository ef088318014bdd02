//! Transcriptions of OpenAI and Mistral, and the events that transcribe what a Realtime session hears.
//!
//! OpenAI counts tokens, of which the audio is a part, or the seconds of the audio (`"type": "duration"`), and names no
//! model. Mistral bills the seconds of the audio; the tokens next to them are no part of the bill.

use super::counts::{calls, count};
use super::openai_chat::{chat_usage, finish};
use super::spec::{DialectSign, DialectSpec, SeenObject};
use super::{Dialect, Entry, Item};
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign { look: Some(is_measured), ..DialectSign::together(&["text", "usage"]).without(NO_ANSWERS) },
        DialectSign::kind(&["type"], &["transcript.text.*", "conversation.item.input_audio_transcription.*"]),
    ],
    read: Some(read),
    is_common: true,
    known: &["text_tokens", "usage.prompt_tokens", "usage.completion_tokens"],
    places: &["answers of `/v1/audio/transcriptions` and their streams, events of Realtime sessions"],
    reads: "tokens, or seconds of audio",
    includes: "audio tokens are a part of the input; tokens next to Mistral's seconds are not billed",
    source: "https://platform.openai.com/docs/api-reference/audio/transcription-object",
    ..DialectSpec::new("transcription", "transcriptions of OpenAI and Mistral")
};

const NO_ANSWERS: &[&str] = &["choices", "message", "messages", "object"];

/// Whether the usage is that of a transcription: it says what it measures, or how long the audio was.
fn is_measured(seen: &SeenObject) -> bool {
    let Some(usage) = seen.object.object("usage") else { return false };
    usage.has("prompt_audio_seconds") || usage.is("type", "tokens") || usage.is("type", "duration")
}

/// A transcription, or an event of a stream: only the last one has the usage.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(usage) = object.object("usage") else { return Ok(()) };
    let mut counted = Usage::default();
    if usage.has("prompt_audio_seconds") {
        calls(&mut counted, Meter::AudioSeconds, &usage, "prompt_audio_seconds")?;
    } else if usage.is("type", "duration") {
        calls(&mut counted, Meter::AudioSeconds, &usage, "seconds")?;
    } else {
        counted = chat_usage(&usage, false)?;
    }
    if counted.used().next().is_none() && count(&usage, "prompt_tokens")? > 0 {
        return Err(RecordError::Form("the transcription does not say how many seconds of audio it heard".into()));
    }
    let model = object.text("model");
    let mut entry = Entry::new(Dialect::Transcription, counted);
    if model.as_deref().is_some_and(|model| model.starts_with("voxtral")) {
        entry.assume("mistral");
    }
    out.push(Item::Entry(Box::new(finish(object, entry, model)?)));
    Ok(())
}
