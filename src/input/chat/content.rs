//! Parts of a message: text, attachments, calls and answers, in every form's own names.

use serde_json::Value;

use super::odd::Odd;
use super::shown;
use crate::conversation::{Answer, Call, Document, Media, Part};
use crate::input::media::{self, Kind};

/// What the content of a message holds.
#[derive(Default)]
pub(super) struct Content {
    pub parts: Vec<Part>,
    pub calls: Vec<Call>,
    pub thinking: Option<String>,
    /// Lengths of sealed thoughts in characters.
    pub signatures: Vec<u64>,
}

/// Answers hold parts that hold answers; no provider takes more than this.
const DEEPEST: usize = 8;

impl Content {
    /// A text, a part, or a list of parts.
    pub(crate) fn read(value: &Value, place: &str, odd: &mut Odd) -> Content {
        let mut content = Content::default();
        content.add(value, place, 0, odd);
        content
    }

    fn add(&mut self, value: &Value, place: &str, depth: usize, odd: &mut Odd) {
        match value {
            Value::Null => {}
            Value::String(text) => self.parts.push(Part::Text(text.clone())),
            Value::Array(parts) if depth < DEEPEST => {
                for (i, part) in parts.iter().enumerate() {
                    self.add(part, &format!("{place}[{i}]"), depth + 1, odd);
                }
            }
            Value::Object(_) if depth < DEEPEST => self.add_part(value, place, depth, odd),
            other => odd.unread(format!("{place}: {} is neither a text nor a list of parts", shown(other)), other),
        }
    }

    /// Base64 pictures beside the content, as Ollama has them.
    pub(crate) fn add_images(&mut self, images: &[Value], place: &str, odd: &mut Odd) {
        for image in images {
            let media = bytes(Kind::Image, image.as_str().unwrap_or_default(), place, odd);
            self.parts.push(Part::Media(media));
        }
    }

    fn add_part(&mut self, part: &Value, place: &str, depth: usize, odd: &mut Odd) {
        let kind = part["type"].as_str().unwrap_or_default();
        let seal = part["thoughtSignature"].as_str().or(part["thought_signature"].as_str());
        self.signatures.extend(seal.map(|seal| seal.len() as u64));
        if kind == "thinking" || part["thought"] == true {
            let thought = part["thinking"].as_str().or(part["text"].as_str());
            self.thinking.get_or_insert_default().push_str(thought.unwrap_or_default());
        } else if matches!(kind, "redacted_thinking") || part["reasoningContent"].is_object() {
            let thought = part.pointer("/reasoningContent/reasoningText/text").and_then(Value::as_str);
            self.thinking.get_or_insert_default().push_str(thought.unwrap_or_default());
        } else if let Some(text) = part["text"].as_str().filter(|_| kind != "document") {
            self.parts.push(Part::Text(text.to_owned()));
        } else if let Some(refusal) = part["refusal"].as_str() {
            self.parts.push(Part::Text(refusal.to_owned()));
        } else if kind == "tool_use" || CALLS.iter().any(|key| part[*key].is_object()) {
            self.calls.push(call(part));
        } else if let Some(answer) = answered(part, place, depth, odd) {
            self.parts.push(Part::Result(answer));
        } else if let Some(media) = attachment(part, kind, place, odd) {
            self.parts.push(Part::Media(media));
        } else if part["cachePoint"].is_null() && part["guardContent"].is_null() {
            odd.unknown(part);
        }
    }
}

/// The fields that hold a call.
const CALLS: [&str; 3] = ["toolUse", "functionCall", "function_call"];

fn call(part: &Value) -> Call {
    let call = CALLS.iter().map(|key| &part[*key]).find(|call| call.is_object()).unwrap_or(part);
    let arguments = if call["input"].is_null() { &call["args"] } else { &call["input"] };
    let id = text(call, "id").or_else(|| text(call, "toolUseId"));
    Call { id, name: text(call, "name").unwrap_or_default(), arguments: arguments.clone() }
}

/// The answer of a tool inside a message.
fn answered(part: &Value, place: &str, depth: usize, odd: &mut Odd) -> Option<Answer> {
    let (answer, content) = if part["type"].as_str().is_some_and(|kind| kind.ends_with("tool_result")) {
        (part, part["content"].clone())
    } else if part["toolResult"].is_object() {
        (&part["toolResult"], part["toolResult"]["content"].clone())
    } else {
        let answer = ["functionResponse", "function_response"].iter().map(|key| &part[*key]);
        let answer = answer.into_iter().find(|answer| answer.is_object())?;
        (answer, Value::String(answer["response"].to_string()))
    };
    let mut inner = Content::default();
    inner.add(&content, place, depth + 1, odd);
    // Gemini's results may come with files.
    if let Some(files) = answer.get("parts").filter(|_| content.is_string()) {
        inner.add(files, place, depth + 1, odd);
    }
    let id = ["tool_use_id", "toolUseId", "id"].iter().find_map(|key| text(answer, key)).unwrap_or_default();
    Some(Answer { id, name: text(answer, "name"), parts: inner.parts })
}

/// A picture, recording, film or document, wherever a form puts its source.
fn attachment(part: &Value, kind: &str, place: &str, odd: &mut Odd) -> Option<Media> {
    let kind = match kind {
        "image_url" | "input_image" | "image" | "computer_screenshot" => Kind::Image,
        "input_audio" | "audio" | "audio_url" => Kind::Audio,
        "video_url" | "video" | "input_video" => Kind::Video,
        "file" | "input_file" | "document" | "document_url" => Kind::Document,
        _ if part["image"].is_object() => Kind::Image,
        _ if part["audio"].is_object() => Kind::Audio,
        _ if part["video"].is_object() => Kind::Video,
        _ if part["document"].is_object() => Kind::Document,
        _ => return inline(part, place, odd),
    };
    let media = source(kind, part, place, odd);
    Some(if kind == Kind::Image { with_detail(media, part) } else { media })
}

/// Gemini's parts: the bytes, or the address of a file.
fn inline(part: &Value, place: &str, odd: &mut Odd) -> Option<Media> {
    let get = |camel: &str, snake: &str| [&part[camel], &part[snake]].into_iter().find(|v| v.is_object()).cloned();
    let mime = |of: &Value| text(of, "mimeType").or_else(|| text(of, "mime_type")).unwrap_or_default();
    let media = if let Some(data) = get("inlineData", "inline_data") {
        bytes(Kind::of_mime(&mime(&data)), data["data"].as_str().unwrap_or_default(), place, odd)
    } else {
        Kind::of_mime(&mime(&get("fileData", "file_data")?)).unknown()
    };
    let level = part.pointer("/mediaResolution/level").and_then(Value::as_str);
    Some(match (media, level) {
        (Media::Image(image), Some(level)) => {
            Media::Image(crate::conversation::Image { detail: Some(level.to_owned()), ..image })
        }
        (media, _) => media,
    })
}

fn with_detail(media: Media, part: &Value) -> Media {
    let detail = part["detail"].as_str().or_else(|| part["image_url"]["detail"].as_str());
    match media {
        Media::Image(image) => Media::Image(crate::conversation::Image { detail: detail.map(str::to_owned), ..image }),
        other => other,
    }
}

/// The places where forms keep an attachment: fields of the part, or of an object in it.
const HOLDERS: &[&str] = &[
    "source",
    "image_url",
    "input_audio",
    "audio_url",
    "video_url",
    "file",
    "document_url",
    "image",
    "audio",
    "video",
    "document",
];

fn source(kind: Kind, part: &Value, place: &str, odd: &mut Odd) -> Media {
    for holder in HOLDERS.iter().map(|key| &part[*key]).chain([part]) {
        match holder {
            Value::String(text) => return address(kind, text, place, odd),
            Value::Object(_) => {
                let inner = if holder["source"].is_object() { &holder["source"] } else { holder };
                if let Some(media) = from_object(kind, inner, place, odd) {
                    return media;
                }
            }
            _ => {}
        }
    }
    odd.note(place, format!("{} has no data, no address and no id of a file", shown(part)));
    kind.unknown()
}

fn from_object(kind: Kind, holder: &Value, place: &str, odd: &mut Odd) -> Option<Media> {
    let field = |keys: &[&str]| keys.iter().find_map(|key| holder[*key].as_str());
    // Anthropic's documents may be text, or parts of their own.
    if holder["type"] == "text" || holder["type"] == "content" {
        let content = if holder["data"].is_null() { &holder["content"] } else { &holder["data"] };
        let content = Content::read(content, place, odd);
        let text = content
            .parts
            .iter()
            .filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None });
        return Some(Media::Document(Document { pages: Some(0), text: Some(text.collect()), ..Document::default() }));
    }
    if let Some(data) = field(&["data", "bytes", "file_data"]) {
        return Some(bytes(kind, data, place, odd));
    }
    if let Some(url) = field(&["url", "image_url", "file_url"]) {
        return Some(address(kind, url, place, odd));
    }
    let named = field(&["file_id", "id", "uri", "fileUri"]).is_some() || holder["s3Location"].is_object();
    named.then(|| kind.unknown())
}

/// A data: address holds its bytes; any other is not asked for.
fn address(kind: Kind, url: &str, place: &str, odd: &mut Odd) -> Media {
    if url.starts_with("data:") { bytes(kind, url, place, odd) } else { kind.unknown() }
}

/// What base64 says; bytes that cannot be read are an attachment of unknown size.
fn bytes(kind: Kind, data: &str, place: &str, odd: &mut Odd) -> Media {
    match media::decode(data).and_then(|bytes| media::read(kind, &bytes)) {
        Ok(media) => media,
        Err(error) => {
            odd.note(place, error.to_string());
            kind.unknown()
        }
    }
}

pub(super) fn text(item: &Value, key: &str) -> Option<String> {
    item[key].as_str().map(str::to_owned)
}
