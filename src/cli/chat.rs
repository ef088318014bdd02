//! What `count` and `estimate` share about requests: reading them from a source, and attachments named by flags.

use std::fmt;

use clap::Args;
use serde_json::Value;

use crate::conversation::{Conversation, Media, Message, Part, Role};
use crate::error::Error;
use crate::input::chat::{Read, looks_like_request, requests};
use crate::input::lines::Lines;
use crate::input::media::{Kind, named};
use crate::input::text::Source;

/// Attachments next to the text.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Attachments")]
pub(crate) struct MediaFlags {
    /// An image: a file, or its size, with how closely it is looked at: photo.png, 1024x768, 1024x768:low; repeatable
    #[arg(long = "image", value_name = "FILE|WxH[:DETAIL]")]
    pub images: Vec<String>,
    /// A recording: a file, or its length: talk.mp3, 30s, 1m30s; repeatable
    #[arg(long = "audio", value_name = "FILE|TIME")]
    pub audio: Vec<String>,
    /// A video: a file, or its length: 60s; repeatable
    #[arg(long = "video", value_name = "FILE|TIME")]
    pub video: Vec<String>,
    /// A PDF: a file, or its number of pages; repeatable
    #[arg(long = "pdf", value_name = "FILE|PAGES")]
    pub pdf: Vec<String>,
}

impl MediaFlags {
    /// What the flags name, each with the name that rows carry.
    pub fn read(&self) -> Result<Vec<(String, Media)>, Error> {
        let kinds = [
            ("image", Kind::Image, &self.images),
            ("audio", Kind::Audio, &self.audio),
            ("video", Kind::Video, &self.video),
            ("pdf", Kind::Document, &self.pdf),
        ];
        let each = kinds.iter().flat_map(|(name, kind, texts)| texts.iter().map(move |text| (name, *kind, text)));
        each.map(|(name, kind, text)| Ok((format!("{name} {text}"), named(kind, text)?))).collect()
    }
}

/// A request that holds an attachment and nothing else.
pub(crate) fn alone(media: Media) -> Conversation {
    let messages = vec![Message::of_parts(Role::User, vec![Part::Media(media)])];
    Conversation { messages, is_plain: true, ..Conversation::default() }
}

/// Where a request stands in its source.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spot {
    /// The line on which it begins.
    pub line: Option<u64>,
    /// Its number in a list, from 1, where the source is one.
    pub item: Option<usize>,
}

impl Spot {
    pub const fn line(number: u64) -> Spot {
        Spot { line: Some(number), item: None }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.line.unwrap_or(1))?;
        self.item.map_or(Ok(()), |item| write!(f, ": request {item}"))
    }
}

type Each<'e> = &'e mut dyn FnMut(Spot, Read) -> Result<(), Error>;

/// Calls `each` for every request of a source: a line each, or one document over many lines.
pub(crate) fn each_request(source: &Source, each: Each) -> Result<(), Error> {
    let mut lines = Lines::open(source)?;
    let mut is_first = true;
    while let Some((number, line)) = lines.next_line()? {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_slice::<Value>(line) {
            Ok(value) => hand_over(number, value, each)?,
            // The first line of a document that goes on.
            Err(error) if is_first && error.is_eof() => {
                let mut whole = line.to_vec();
                while let Some((_, line)) = lines.next_line()? {
                    whole.push(b'\n');
                    whole.extend_from_slice(line);
                }
                return document(number, &whole, each);
            }
            Err(error) => each(Spot::line(number), Err(not_json(&error)))?,
        }
        is_first = false;
    }
    Ok(())
}

/// A document over many lines, or lines of which the first is cut off.
fn document(start: u64, whole: &[u8], each: Each) -> Result<(), Error> {
    let error = match serde_json::from_slice::<Value>(whole) {
        Ok(value) => return hand_over(start, value, each),
        Err(error) => error,
    };
    let lines: Vec<&[u8]> = whole.split(|b| *b == b'\n').collect();
    let parsed = |line: &&[u8]| serde_json::from_slice::<Value>(line).is_ok_and(|value| value.is_object());
    if !lines.iter().any(parsed) {
        let at = start + (error.line() as u64).saturating_sub(1);
        return each(Spot::line(at), Err(not_json(&error)));
    }
    for (number, line) in (start..).zip(lines).filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace)) {
        match serde_json::from_slice::<Value>(line) {
            Ok(value) => hand_over(number, value, each)?,
            Err(error) => each(Spot::line(number), Err(not_json(&error)))?,
        }
    }
    Ok(())
}

fn hand_over(line: u64, value: Value, each: Each) -> Result<(), Error> {
    let read = requests(value);
    let several = read.len() > 1;
    for (i, request) in read.into_iter().enumerate() {
        each(Spot { line: Some(line), item: several.then_some(i + 1) }, request)?;
    }
    Ok(())
}

fn not_json(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    format!("not JSON: {what} at column {}", error.column())
}

/// Whether a file holds requests, by its name and its first request.
pub(crate) fn holds_requests(source: &Source) -> bool {
    let Source::File(path) = source else { return false };
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    if !matches!(extension.as_deref(), Some("json" | "jsonl" | "ndjson")) {
        return false;
    }
    let Ok(mut lines) = Lines::open(source) else { return false };
    let mut whole = Vec::new();
    while let Ok(Some((_, line))) = lines.next_line() {
        whole.extend_from_slice(line);
        whole.push(b'\n');
        match serde_json::from_slice::<Value>(&whole) {
            Ok(value) => return looks_like_request(&value),
            Err(error) if error.is_eof() => {}
            Err(_) => return false,
        }
        // A document of this size is read whole, once; trying it at every line would take quadratic time.
        if whole.len() > 1 << 16 {
            while let Ok(Some((_, line))) = lines.next_line() {
                whole.extend_from_slice(line);
                whole.push(b'\n');
            }
            return serde_json::from_slice(&whole).is_ok_and(|value| looks_like_request(&value));
        }
    }
    false
}
