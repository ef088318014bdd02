//! Reads what a count needs of pictures, sounds and documents: pixels, seconds, pages, text. Never the contents as such.
//!
//! What cannot be read is an error where a user named a file, and an attachment of unknown size inside a request, with a
//! line for people about it.

use std::borrow::Cow;
#[cfg(feature = "media")]
use std::io::Cursor;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
#[cfg(feature = "media")]
use lofty::file::AudioFile;
#[cfg(feature = "media")]
use lofty::probe::Probe;

use super::text::read_named;
use crate::conversation::{Clip, Document, Image, Media};
use crate::error::Error;

/// Base64 as people have it: either alphabet, padded or not.
const STANDARD: GeneralPurpose = lenient(&base64::alphabet::STANDARD);
const URL_SAFE: GeneralPurpose = lenient(&base64::alphabet::URL_SAFE);

const fn lenient(alphabet: &base64::alphabet::Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    general_purpose::GeneralPurpose::new(alphabet, config)
}

/// What an attachment is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A picture.
    Image,
    /// A sound.
    Audio,
    /// A film.
    Video,
    /// A document of pages.
    Document,
}

impl Kind {
    /// The kind of a MIME type: `image/png`.
    #[must_use]
    pub fn of_mime(mime: &str) -> Kind {
        match mime.split('/').next() {
            Some("image") => Kind::Image,
            Some("audio") => Kind::Audio,
            Some("video") => Kind::Video,
            _ => Kind::Document,
        }
    }

    /// An attachment of this kind about which nothing is known.
    #[must_use]
    pub fn unknown(self) -> Media {
        match self {
            Kind::Image => Media::Image(Image::default()),
            Kind::Audio => Media::Audio(Clip::default()),
            Kind::Video => Media::Video(Clip::default()),
            Kind::Document => Media::Document(Document::default()),
        }
    }
}

/// The bytes of base64, with or without `data:image/png;base64,` before it.
///
/// # Errors
/// A text for people.
pub fn decode(text: &str) -> Result<Vec<u8>, String> {
    let text = match text.strip_prefix("data:") {
        Some(url) => url.split_once(',').ok_or("a data: address without a comma")?.1,
        None => text,
    };
    let clean: Cow<str> = if text.contains(|c: char| c.is_whitespace()) {
        Cow::Owned(text.split_whitespace().collect())
    } else {
        Cow::Borrowed(text)
    };
    let engine = if clean.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    engine.decode(clean.as_bytes()).map_err(|error| format!("not base64: {error}"))
}

/// What the bytes of an attachment say.
///
/// # Errors
/// A text for people: what the bytes are not.
pub fn read(kind: Kind, bytes: &[u8]) -> Result<Media, String> {
    match kind {
        Kind::Image => Ok(Media::Image(Image { size: Some(image_size(bytes)?), detail: None })),
        Kind::Audio => Ok(Media::Audio(Clip { millis: Some(audio_millis(bytes)?) })),
        Kind::Video => Ok(Media::Video(Clip { millis: audio_millis(bytes).ok() })),
        Kind::Document if bytes.starts_with(b"%PDF") => pdf(bytes).map(Media::Document),
        Kind::Document => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Media::Document(Document { pages: Some(0), text: Some(text.to_owned()) })),
            Err(_) => Err("neither PDF nor text".into()),
        },
    }
}

/// Width and height of a picture in pixels, read off its header.
///
/// # Errors
/// A text for people.
pub fn image_size(bytes: &[u8]) -> Result<(u64, u64), String> {
    let size = imagesize::blob_size(bytes).map_err(|_| "no image: neither PNG, JPEG, WebP nor GIF".to_owned())?;
    match (size.width as u64, size.height as u64) {
        (0, _) | (_, 0) => Err(format!("an image of {}x{} pixels", size.width, size.height)),
        size => Ok(size),
    }
}

/// The length of a recording in milliseconds.
#[cfg(feature = "media")]
fn audio_millis(bytes: &[u8]) -> Result<u64, String> {
    let unknown = || "no recording whose length can be read: WAV, MP3, FLAC, OGG and MP4 can be".to_owned();
    let probe = Probe::new(Cursor::new(bytes)).guess_file_type().map_err(|_| unknown())?;
    let file = probe.read().map_err(|_| unknown())?;
    let millis = u64::try_from(file.properties().duration().as_millis()).map_err(|_| unknown())?;
    if millis == 0 { Err(unknown()) } else { Ok(millis) }
}

#[cfg(feature = "media")]
const LOCKED: &str =
    "a PDF with a password, which cannot be counted\n  help: save it without one, or give its pages, such as --pdf 12";

/// Pages of a PDF and the text on them.
#[cfg(feature = "media")]
fn pdf(bytes: &[u8]) -> Result<Document, String> {
    let document = lopdf::Document::load_mem(bytes).map_err(|error| match error {
        lopdf::Error::InvalidPassword => LOCKED.to_owned(),
        error => format!("a PDF that cannot be read: {error}"),
    })?;
    // One that only forbids changes was opened with its empty password, and is not encrypted any more.
    if document.is_encrypted() {
        return Err(LOCKED.into());
    }
    let pages: Vec<u32> = document.get_pages().into_keys().collect();
    if pages.is_empty() {
        return Err("a PDF without pages".into());
    }
    let text = document.extract_text(&pages).ok();
    Ok(Document { pages: Some(pages.len() as u64), text })
}

#[cfg(not(feature = "media"))]
fn pdf(_: &[u8]) -> Result<Document, String> {
    Err("this farebox was built without the feature media\n  help: give its pages, such as --pdf 12".into())
}

#[cfg(not(feature = "media"))]
fn audio_millis(_: &[u8]) -> Result<u64, String> {
    Err("this farebox was built without the feature media\n  help: give its length, such as --audio 30s".into())
}

/// The attachment that a flag names: a file, or what is known of it.
///
/// * `--image 1024x768`, `--image 1024x768:low`, `--image photo.png:high`
/// * `--audio 30s`, `--audio talk.mp3`, `--video 1m30s`, `--pdf 12` (pages), `--pdf paper.pdf`
///
/// # Errors
/// [`Error::Usage`] where it is neither, [`Error::Input`] where a file cannot be read.
pub fn named(kind: Kind, text: &str) -> Result<Media, Error> {
    if kind == Kind::Image {
        return image(text);
    }
    let known = match kind {
        Kind::Document => text.parse().ok().map(|pages| Media::Document(Document { pages: Some(pages), text: None })),
        _ => duration(text).map(|millis| {
            let clip = Clip { millis: Some(millis) };
            if kind == Kind::Audio { Media::Audio(clip) } else { Media::Video(clip) }
        }),
    };
    known.map_or_else(|| file(kind, text), Ok)
}

fn image(text: &str) -> Result<Media, Error> {
    let (name, detail) = match text.rsplit_once(':') {
        // Not the colon of C:\photo.png, nor of an address.
        Some((name, detail)) if !detail.is_empty() && detail.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
            (name, Some(detail.to_owned()))
        }
        _ => (text, None),
    };
    if let Some(size) = size(name) {
        return Ok(Media::Image(Image { size: Some(size?), detail }));
    }
    match file(Kind::Image, name)? {
        Media::Image(image) => Ok(Media::Image(Image { detail, ..image })),
        other => Ok(other),
    }
}

/// `1024x768`; `None` where the text is no size but a file's name.
fn size(text: &str) -> Option<Result<(u64, u64), Error>> {
    let (width, height) = text.split_once(['x', 'X', '×'])?;
    let digits = |side: &str| !side.is_empty() && side.bytes().all(|b| b.is_ascii_digit());
    if !digits(width) || !digits(height) {
        return None;
    }
    let bad = || {
        Error::Usage(format!(
            "{text} is no size of an image\n  help: write width and height in pixels, such as 1024x768"
        ))
    };
    let side = |side: &str| side.parse::<u64>().ok().filter(|side| (1..=u64::from(u32::MAX)).contains(side));
    Some(side(width).zip(side(height)).ok_or_else(bad))
}

/// `30`, `30s`, `1.5s`, `2m`, `1m30s`, `1h`, `500ms`, in milliseconds.
fn duration(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1_000);
    }
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        let number: rust_decimal::Decimal = number.parse().ok()?;
        let part = number.checked_mul(millis.into())?.round();
        total = total.checked_add(part.try_into().ok()?)?;
        rest = after;
    }
    Some(total)
}

/// The largest attachment that is read: 4 GiB, an hour of video in high quality.
const LARGEST: u64 = 4 << 30;

fn file(kind: Kind, name: &str) -> Result<Media, Error> {
    let bytes = read_named(Path::new(name), LARGEST)?;
    let help = match kind {
        Kind::Image => "name a PNG, JPEG, WebP or GIF file, or give its size: --image 1024x768",
        Kind::Audio => "name a WAV, MP3, FLAC or OGG file, or give its length: --audio 30s",
        Kind::Video => "give its length: --video 60s",
        Kind::Document => "name a PDF without a password, or give its pages: --pdf 12",
    };
    let media = read(kind, &bytes).map_err(|what| Error::Usage(format!("{name}: {what}\n  help: {help}")))?;
    match media {
        Media::Video(Clip { millis: None }) => {
            Err(Error::Usage(format!("{name}: its length cannot be read\n  help: {help}")))
        }
        media => Ok(media),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_people_write_them() {
        for (text, millis) in
            [("30", 30_000), ("30s", 30_000), ("1.5s", 1_500), ("1m30s", 90_000), ("2h", 7_200_000), ("500ms", 500)]
        {
            assert_eq!(duration(text), Some(millis), "{text}");
        }
        for text in ["", "s", "1x", "1..2s", "99999999999999999999s", "talk.mp3"] {
            assert_eq!(duration(text).filter(|_| !text.is_empty()), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_checked() {
        let of = |text: &str| named(Kind::Image, text);
        assert_eq!(
            of("1024x768:low").unwrap(),
            Media::Image(Image { size: Some((1_024, 768)), detail: Some("low".into()) })
        );
        assert!(of("4000000000x4000000000").is_ok());
        for text in ["0x10", "10x0", "99999999999x5"] {
            assert!(of(text).unwrap_err().to_string().contains("is no size of an image"), "{text}");
        }
        assert!(of("none-such.png:high").unwrap_err().to_string().contains("none-such.png: no such file"));
    }

    #[test]
    fn bytes_that_are_something_else_are_named() {
        assert_eq!(read(Kind::Image, b"hello").unwrap_err(), "no image: neither PNG, JPEG, WebP nor GIF");
        assert!(read(Kind::Audio, b"hello").unwrap_err().starts_with("no recording"));
        assert!(read(Kind::Document, b"%PDF-1.7 broken").unwrap_err().starts_with("a PDF that cannot be read"));
        assert_eq!(decode("data:image/png;base64,aGk").unwrap(), b"hi");
        assert!(decode("%%%").unwrap_err().starts_with("not base64"));
    }
}
