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

use super::text::{InputError, read_named};
use crate::conversation::{Clip, Document, Image, Media};

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
    /// A video.
    Video,
    /// A document of pages.
    Document,
}

impl Kind {
    /// The kind of a MIME type: `image/png`.
    #[must_use]
    pub(crate) fn of_mime(mime: &str) -> Kind {
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

/// Why the bytes of an attachment say nothing. The text says what they are not; [`MediaError::help`] is the next step
/// where one is more than another file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// No picture.
    #[error("not an image: PNG, JPEG, WebP and GIF can be read")]
    NotImage,
    /// A picture without a surface, or of a size that no picture has.
    #[error("an image of {width}x{height} pixels")]
    NoPixels {
        /// Pixels from left to right.
        width: usize,
        /// Pixels from top to bottom.
        height: usize,
    },
    /// No recording, or one that does not say how long it is.
    #[error("the length of this recording cannot be read: that of WAV, MP3, FLAC, OGG and MP4 can")]
    NoLength,
    /// Neither PDF nor text.
    #[error("neither PDF nor text")]
    NotDocument,
    /// A PDF that needs a password.
    #[error("a PDF with a password, which cannot be counted")]
    Locked,
    /// A PDF with an error in it.
    #[error("a PDF that cannot be read: {0}")]
    BrokenPdf(String),
    /// A PDF of no pages.
    #[error("a PDF without pages")]
    NoPages,
    /// A `data:` address with nothing behind it.
    #[error("a data: address without a comma")]
    NoComma,
    /// No base64.
    #[error("not base64: {0}")]
    NotBase64(#[from] base64::DecodeError),
    /// What would read it is left out of this build.
    #[error("this farebox was built without the feature media")]
    NotBuilt {
        /// What to give instead.
        instead: &'static str,
    },
}

impl MediaError {
    /// The next step, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            MediaError::Locked => Some("save it without one, or give its pages, such as --pdf 12".to_owned()),
            MediaError::NotBuilt { instead } => Some((*instead).to_owned()),
            _ => None,
        }
    }
}

/// The bytes of base64, with or without `data:image/png;base64,` before it.
///
/// # Errors
/// [`MediaError::NoComma`], [`MediaError::NotBase64`].
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, MediaError> {
    let text = match text.strip_prefix("data:") {
        Some(url) => url.split_once(',').ok_or(MediaError::NoComma)?.1,
        None => text,
    };
    let clean: Cow<str> = if text.contains(|c: char| c.is_whitespace()) {
        Cow::Owned(text.split_whitespace().collect())
    } else {
        Cow::Borrowed(text)
    };
    let engine = if clean.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    Ok(engine.decode(clean.as_bytes())?)
}

/// What the bytes of an attachment say.
///
/// # Errors
/// [`MediaError`]: what the bytes are not.
pub fn read(kind: Kind, bytes: &[u8]) -> Result<Media, MediaError> {
    match kind {
        Kind::Image => Ok(Media::Image(Image { size: Some(image_size(bytes)?), detail: None })),
        // A file of MP3 has frames before and behind its sound.
        Kind::Audio => Ok(Media::Audio(Clip { millis: Some(audio_millis(bytes)?), is_padded: is_mp3(bytes) })),
        Kind::Video => Ok(Media::Video(Clip { millis: audio_millis(bytes).ok(), is_padded: false })),
        Kind::Document if bytes.starts_with(b"%PDF") => pdf(bytes).map(Media::Document),
        Kind::Document => match std::str::from_utf8(bytes) {
            Ok(text) => {
                Ok(Media::Document(Document { pages: Some(0), text: Some(text.to_owned()), ..Document::default() }))
            }
            Err(_) => Err(MediaError::NotDocument),
        },
    }
}

/// How long a side of a picture may be in pixels. No model takes a longer one, and a header that says more is broken.
const SIDES: std::ops::RangeInclusive<u64> = 1..=1 << 20;

/// Width and height of a picture in pixels, read off its header.
///
/// # Errors
/// [`MediaError::NotImage`], [`MediaError::NoPixels`].
pub(crate) fn image_size(bytes: &[u8]) -> Result<(u64, u64), MediaError> {
    let size = imagesize::blob_size(bytes).map_err(|_| MediaError::NotImage)?;
    match (size.width as u64, size.height as u64) {
        (width, height) if !SIDES.contains(&width) || !SIDES.contains(&height) => {
            Err(MediaError::NoPixels { width: size.width, height: size.height })
        }
        size => Ok(size),
    }
}

fn is_mp3(bytes: &[u8]) -> bool {
    bytes.starts_with(b"ID3") || matches!(bytes, [0xff, second, ..] if second & 0xe0 == 0xe0)
}

/// The length of a recording in milliseconds.
#[cfg(feature = "media")]
fn audio_millis(bytes: &[u8]) -> Result<u64, MediaError> {
    let probe = Probe::new(Cursor::new(bytes)).guess_file_type().map_err(|_| MediaError::NoLength)?;
    let file = probe.read().map_err(|_| MediaError::NoLength)?;
    let millis = u64::try_from(file.properties().duration().as_millis()).map_err(|_| MediaError::NoLength)?;
    if millis == 0 { Err(MediaError::NoLength) } else { Ok(millis) }
}

/// Pages of a PDF and the text on them.
#[cfg(feature = "media")]
fn pdf(bytes: &[u8]) -> Result<Document, MediaError> {
    let document = lopdf::Document::load_mem(bytes).map_err(|error| match error {
        lopdf::Error::InvalidPassword => MediaError::Locked,
        error => MediaError::BrokenPdf(error.to_string()),
    })?;
    // One that only forbids changes was opened with its empty password, and is no longer encrypted.
    if document.is_encrypted() {
        return Err(MediaError::Locked);
    }
    let (pages, objects): (Vec<u32>, Vec<lopdf::ObjectId>) = document.get_pages().into_iter().unzip();
    if pages.is_empty() {
        return Err(MediaError::NoPages);
    }
    let text = document.extract_text(&pages).ok().map(|text| plain(&text));
    let sizes = objects.into_iter().map(|page| page_size(&document, page)).collect::<Option<_>>();
    Ok(Document { pages: Some(pages.len() as u64), text, sizes: sizes.unwrap_or_default() })
}

/// The text of pages with single spaces and without empty lines: where letters are moved apart, the reader puts a space
/// beside the one that the text has.
#[cfg(feature = "media")]
fn plain(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Width and height of a page in points, as it is shown; what it does not say itself it has from the pages above it.
#[cfg(feature = "media")]
fn page_size(document: &lopdf::Document, page: lopdf::ObjectId) -> Option<(u64, u64)> {
    let resolved = |object: &'_ lopdf::Object| document.dereference(object).ok().map(|(_, object)| object.clone());
    let said = |name: &[u8]| {
        let mut node = document.get_dictionary(page).ok()?;
        // No tree of pages is deeper; a broken one may go round in a circle.
        for _ in 0..64 {
            if let Ok(found) = node.get(name) {
                return resolved(found);
            }
            node = document.get_dictionary(node.get(b"Parent").ok()?.as_reference().ok()?).ok()?;
        }
        None
    };
    let area = said(b"CropBox").or_else(|| said(b"MediaBox"))?;
    let corners: Vec<f32> = area.as_array().ok()?.iter().filter_map(|n| resolved(n)?.as_float().ok()).collect();
    let [left, bottom, right, top] = corners[..] else { return None };
    let (width, height) = ((right - left).abs().round(), (top - bottom).abs().round());
    if !(1.0..1e6).contains(&width) || !(1.0..1e6).contains(&height) {
        return None;
    }
    let turned = said(b"Rotate").and_then(|turn| turn.as_i64().ok()).is_some_and(|turn| turn.rem_euclid(180) == 90);
    Some(if turned { (height as u64, width as u64) } else { (width as u64, height as u64) })
}

#[cfg(not(feature = "media"))]
fn pdf(_: &[u8]) -> Result<Document, MediaError> {
    Err(MediaError::NotBuilt { instead: "give its pages, such as --pdf 12" })
}

#[cfg(not(feature = "media"))]
fn audio_millis(_: &[u8]) -> Result<u64, MediaError> {
    Err(MediaError::NotBuilt { instead: "give its length, such as --audio 30s" })
}

/// The attachment that a flag names: a file, or what is known of it.
///
/// * `--image 1024x768`, `--image 1024x768:low`, `--image photo.png:high`
/// * `--audio 30s`, `--audio talk.mp3`, `--video 1m30s`, `--pdf 12` (pages), `--pdf paper.pdf`
///
/// # Errors
/// [`AttachmentError::Wrong`] where it is neither, or a size, length or number of pages that nothing has;
/// [`AttachmentError::File`] where a file cannot be read.
pub fn named(kind: Kind, text: &str) -> Result<Media, AttachmentError> {
    if text.trim().is_empty() {
        let (flag, help) = (kind.flag(), kind.help());
        let help = format!("{help}; a variable may be unset");
        return Err(AttachmentError::wrong(format!("{flag} names nothing: {text:?}"), help));
    }
    if kind == Kind::Image {
        return image(text);
    }
    match kind {
        Kind::Document => pages(text).map(|pages| Media::Document(Document { pages, ..Document::default() })),
        Kind::Audio => length(kind, text).map(|millis| Media::Audio(Clip { millis, is_padded: false })),
        _ => length(kind, text).map(|millis| Media::Video(Clip { millis, is_padded: false })),
    }
    .or_else(|named| match named {
        Named::Wrong(what) => Err(AttachmentError::wrong(format!("{} {text}: {what}", kind.flag()), kind.help())),
        Named::File => file(kind, text),
    })
}

/// Attachments as a user named them, to be read later.
#[derive(Clone, Debug, Default)]
pub struct NamedAttachments(Vec<(Kind, String)>);

impl NamedAttachments {
    /// One more: a file, or what is known of it; see [`named`].
    pub fn add(&mut self, kind: Kind, text: &str) {
        self.0.push((kind, text.to_owned()));
    }

    /// Whether nothing was named.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads them, each with the name that rows carry: `image photo.png`.
    ///
    /// # Errors
    /// Those of [`named`], at the first that cannot be taken.
    pub fn read(&self) -> Result<Vec<(String, Media)>, AttachmentError> {
        let name = |kind: Kind, text: &str| format!("{} {text}", kind.flag().trim_start_matches('-'));
        self.0.iter().map(|(kind, text)| Ok((name(*kind, text), named(*kind, text)?))).collect()
    }
}

/// Why an attachment cannot be taken as it was named.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachmentError {
    /// It is neither a file of that kind nor a size, a length or a number of pages.
    #[error("{message}")]
    Wrong {
        /// What is wrong with it.
        message: String,
        /// What to name instead.
        help: String,
    },
    /// Its file cannot be read.
    #[error(transparent)]
    File(#[from] InputError),
}

impl AttachmentError {
    /// The next step, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            AttachmentError::Wrong { help, .. } => Some(help.clone()),
            AttachmentError::File(error) => error.help(),
        }
    }

    fn wrong(message: impl Into<String>, help: impl Into<String>) -> Self {
        AttachmentError::Wrong { message: message.into(), help: help.into() }
    }
}

/// Why a text is not a length or a number of pages.
enum Named {
    /// It is the name of a file.
    File,
    /// It is one that nothing has.
    Wrong(&'static str),
}

impl Kind {
    /// The flag that names an attachment of this kind.
    const fn flag(self) -> &'static str {
        match self {
            Kind::Image => "--image",
            Kind::Audio => "--audio",
            Kind::Video => "--video",
            Kind::Document => "--pdf",
        }
    }

    /// What to name instead.
    const fn help(self) -> &'static str {
        match self {
            Kind::Image => "name a PNG, JPEG, WebP or GIF file, or give its size: --image 1024x768",
            Kind::Audio => "name a WAV, MP3, FLAC or OGG file, or give its length: --audio 30s",
            Kind::Video => "name a video file, or give its length: --video 60s",
            Kind::Document => "name a PDF without a password, or give its pages: --pdf 12",
        }
    }
}

fn image(text: &str) -> Result<Media, AttachmentError> {
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
    if name.trim().is_empty() {
        return Err(AttachmentError::wrong(format!("--image {text} names no image"), Kind::Image.help()));
    }
    match file(Kind::Image, name)? {
        Media::Image(image) => Ok(Media::Image(Image { detail, ..image })),
        other => Ok(other),
    }
}

/// `1024x768`; `None` where the text is not a size but the name of a file.
fn size(text: &str) -> Option<Result<(u64, u64), AttachmentError>> {
    let (width, height) = text.split_once(['x', 'X', '×'])?;
    let number = |side: &str| side.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | '_' | ' '));
    let digits = |side: &str| side.contains(|c: char| c.is_ascii_digit());
    if !number(width) || !number(height) || !(digits(width) || digits(height)) || Path::new(text).is_file() {
        return None;
    }
    let bad = || {
        let help = "write width and height in pixels, such as 1024x768";
        AttachmentError::wrong(format!("{text} is not the size of an image"), help)
    };
    let side = |side: &str| side.parse::<u64>().ok().filter(|side| (1..=u64::from(u32::MAX)).contains(side));
    Some(side(width).zip(side(height)).ok_or_else(bad))
}

/// No document has more pages.
const MOST_PAGES: u64 = 1_000_000;

fn pages(text: &str) -> Result<Option<u64>, Named> {
    if !is_number(text, "") || Path::new(text).is_file() {
        return Err(Named::File);
    }
    match text.parse() {
        Ok(0) => Err(Named::Wrong("a document has at least one page")),
        Ok(pages) if pages <= MOST_PAGES => Ok(Some(pages)),
        Ok(_) => Err(Named::Wrong("more than a million pages")),
        Err(_) => Err(Named::Wrong("not a whole number of pages")),
    }
}

/// No recording lasts longer: 10,000 hours.
const LONGEST: u64 = 10_000 * 3_600_000;

fn length(kind: Kind, text: &str) -> Result<Option<u64>, Named> {
    if !is_number(text, "smhin") || Path::new(text).is_file() {
        return Err(Named::File);
    }
    match duration(text) {
        Some(0) => Err(Named::Wrong("no time at all; a length is at least a millisecond")),
        Some(millis) if millis <= LONGEST => Ok(Some(millis)),
        Some(_) => Err(Named::Wrong("longer than 10,000 hours")),
        None if kind == Kind::Audio => Err(Named::Wrong("not the length of a recording")),
        None => Err(Named::Wrong("not the length of a video")),
    }
}

/// Whether a text is meant as a number: digits with a sign, a point and the letters of a unit, or a number's other names.
fn is_number(text: &str, units: &str) -> bool {
    let text = text.trim();
    let bare = text.trim_start_matches(['-', '+', '.']);
    let named = ["nan", "inf", "infinity"].iter().any(|name| bare.eq_ignore_ascii_case(name));
    let part =
        |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '_' | '-' | '+' | ' ' | 'e') || units.contains(c);
    named || (bare.starts_with(|c: char| c.is_ascii_digit()) && bare.chars().all(part))
}

/// `30`, `30s`, `1.5s`, `2m`, `1m30s`, `1h`, `500ms`, in milliseconds.
fn duration(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1_000);
    }
    if text.is_empty() {
        return None;
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

fn file(kind: Kind, name: &str) -> Result<Media, AttachmentError> {
    let bytes = read_named(Path::new(name), LARGEST)?;
    let media = read(kind, &bytes).map_err(|error| {
        let help = error.help().unwrap_or_else(|| kind.help().to_owned());
        AttachmentError::wrong(format!("{name}: {error}"), help)
    })?;
    match media {
        Media::Video(Clip { millis: None, .. }) => {
            Err(AttachmentError::wrong(format!("{name}: its length cannot be read"), kind.help()))
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
        for text in ["", "s", "1x", "1..2s", "-5s", "1e3", "99999999999999999999s", "talk.mp3"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn what_nothing_has_is_not_an_attachment() {
        let wrong = |kind: Kind, text: &str| {
            named(kind, text).map_err(|error| match error {
                AttachmentError::Wrong { message, help } => format!("{message}; help: {help}"),
                other => other.to_string(),
            })
        };
        for kind in [Kind::Image, Kind::Audio, Kind::Video, Kind::Document] {
            for text in ["", " ", "\t"] {
                let error = wrong(kind, text).unwrap_err();
                assert!(error.starts_with(kind.flag()) && error.contains("names nothing"), "{error}");
            }
        }
        for text in
            ["0", "0s", "0.0001s", "-5s", "+-5s", "nan", "inf", "1..2s", "1,5s", "36000001s", "99999999999999999999h"]
        {
            for kind in [Kind::Audio, Kind::Video] {
                let error = wrong(kind, text).unwrap_err();
                assert!(error.contains(text) && error.contains("help: name a "), "{error}");
                assert!(!error.contains("no such file"), "{error}");
            }
        }
        assert_eq!(wrong(Kind::Audio, "10000h"), Ok(Media::Audio(Clip { millis: Some(LONGEST), is_padded: false })));
        for text in ["0", "-3", "1.5", "NaN", "1000001", "99999999999999999999"] {
            let error = wrong(Kind::Document, text).unwrap_err();
            assert!(
                error.contains(text) && error.contains("help: name a PDF") && !error.contains("no such file"),
                "{error}"
            );
        }
        assert!(wrong(Kind::Audio, "none.mp3").unwrap_err().contains("none.mp3: no such file"));
        assert!(wrong(Kind::Image, ":high").unwrap_err().contains("--image :high names no image"));
    }

    #[test]
    fn sizes_are_checked() {
        let of = |text: &str| named(Kind::Image, text);
        assert_eq!(
            of("1024x768:low").unwrap(),
            Media::Image(Image { size: Some((1_024, 768)), detail: Some("low".into()) })
        );
        assert!(of("4000000000x4000000000").is_ok());
        for text in ["0x0", "0x10", "10x0", "-5x5", "1.5x2", "1024x", "x768", "99999999999x5"] {
            assert!(of(text).unwrap_err().to_string().contains("is not the size of an image"), "{text}");
        }
        assert!(of("none-such.png:high").unwrap_err().to_string().contains("none-such.png: no such file"));
    }

    #[test]
    #[cfg_attr(not(feature = "media"), ignore = "needs the feature media")]
    fn bytes_that_are_something_else_are_named() {
        assert!(matches!(read(Kind::Image, b"hello").unwrap_err(), MediaError::NotImage));
        assert!(matches!(read(Kind::Audio, b"hello").unwrap_err(), MediaError::NoLength));
        assert!(matches!(read(Kind::Document, b"%PDF-1.7 broken").unwrap_err(), MediaError::BrokenPdf(_)));
        assert_eq!(decode("data:image/png;base64,aGk").unwrap(), b"hi");
        assert!(decode("%%%").unwrap_err().to_string().starts_with("not base64"));
    }
}
