//! Turns images, audio, video and documents into tokens, by the rule of each model: `data/chat/media.csv`.
//!
//! Only sizes, lengths and text come in: `input::media` reads them. What is not known (a picture behind an address, a
//! recording of unknown length) is counted as the range between the least and the most that the rule allows, never as
//! nothing, and says so.

pub mod images;

use std::sync::LazyLock;

use serde::Deserialize;

use self::images::ImageRule;
use super::Refused;
use super::table::{self, Day, Line, Scope};
use crate::conversation::{Clip, Document, Image, Media, Modality};
use crate::{TokenCount, Tokenizer};

const TABLE: &str = farebox_data::CHAT_MEDIA;

static LINES: LazyLock<Vec<MediaLine>> = LazyLock::new(|| table::lines(TABLE));

#[derive(Clone, Debug, Default, Deserialize)]
struct MediaLine {
    model: String,
    from: Option<Day>,
    until: Option<Day>,
    images: String,
    audio: String,
    video: String,
    sound: String,
    page: String,
    text: String,
}

impl Line for MediaLine {
    fn pattern(&self) -> &str {
        &self.model
    }

    fn scope(&self) -> Scope {
        Scope { api: None, from: self.from, until: self.until }
    }
}

/// The rules of a model.
#[derive(Clone, Debug)]
pub struct MediaRules {
    images: Option<ImageRule>,
    audio: Option<Rate>,
    video: Option<Rate>,
    /// Of the sound of a video, which is billed as audio.
    sound: Option<Rate>,
    page: Option<Page>,
    text_on_pages: bool,
}

/// A quantity between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At least this.
    pub low: u64,
    /// The best guess.
    pub expected: u64,
    /// At most this.
    pub high: u64,
}

/// What the picture of a page costs.
#[derive(Clone, Debug, PartialEq)]
enum Page {
    /// So many tokens.
    Tokens(Rate),
    /// What an image of it does, and so many tokens more.
    Image(u64),
    /// What an image of it does, or nothing.
    ImageOrNothing,
    /// By a rule of its own for pictures.
    Rule(ImageRule),
}

impl Page {
    /// `258`, `280 560 1120`, `image`, `image 49`, `image or nothing`, or a rule for pictures such as `area 560`.
    fn read(text: &str) -> Option<Page> {
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            ["image"] => Some(Page::Image(0)),
            ["image", "or", "nothing"] => Some(Page::ImageOrNothing),
            ["image", more] => more.parse().ok().map(Page::Image),
            _ => Rate::read(text).map(Page::Tokens).or_else(|| ImageRule::read(text).map(Page::Rule)),
        }
    }
}

/// A part of an attachment that a provider may bill at a rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// What it is.
    pub modality: Modality,
    /// Its tokens.
    pub count: TokenCount,
    /// What it is counted by where no tokens are billed: images and pages in pieces, audio and video in milliseconds.
    pub amount: Rate,
    /// Whether the model has a published rule for it; the tokens are a guess otherwise.
    pub has_rule: bool,
}

/// The tokens of an attachment, with what a person should know about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weighed {
    /// All tokens.
    pub count: TokenCount,
    /// Those of the text of a document.
    pub text: TokenCount,
    /// The rest.
    pub parts: Vec<Weight>,
    /// What was not known.
    pub notes: Vec<String>,
}

impl Weighed {
    fn of(parts: Vec<Weight>, notes: Vec<String>) -> Self {
        let mut count = TokenCount::default();
        parts.iter().for_each(|part| count += part.count);
        Weighed { count, text: TokenCount::default(), parts, notes }
    }
}

impl Weight {
    /// What a person should know about tokens that follow no published rule.
    #[must_use]
    pub fn rule_note(&self) -> Option<String> {
        let what = match self.modality {
            Modality::Image => "an image",
            Modality::Audio => "audio",
            Modality::Video => "video",
            Modality::Page | Modality::Soundtrack => return None,
        };
        let note = format!("{what}: the rule of this model is not published, so its tokens are a range");
        (!self.has_rule).then_some(note)
    }
}

/// The length of a recording where it is not stated: from a second to an hour.
const UNKNOWN_LENGTH: Rate = Rate { low: 1_000, expected: 60_000, high: 3_600_000 };
/// Tokens for 10 seconds of a recording where a model's rule is not published.
const ANY_RATE: Rate = Rate { low: 50, expected: 300, high: 3_000 };
/// The pages of a document where they are not stated.
const UNKNOWN_PAGES: Rate = Rate { low: 1, expected: 10, high: 100 };
/// Tokens of text on a page.
///
/// # Source
/// "1,500-3,000 tokens per page depending on content density": Anthropic's documentation of PDF support.
const TEXT_ON_A_PAGE: Rate = Rate { low: 1_500, expected: 2_000, high: 3_000 };
/// What a person should know of a document that is given by its pages alone.
pub const TEXT_NOT_READ: &str = "a document whose text was not read: 1,500 to 3,000 tokens a page are assumed";
/// A page of A4 or Letter, as a picture.
const PAGE_SIZE: (u64, u64) = (1_075, 1_520);

impl MediaRules {
    /// The rules of a model, by its id in any provider's spelling, on a day; without one, those of today.
    #[must_use]
    pub fn of(model: &str, day: Option<Day>) -> Self {
        let line = table::find(&LINES, model, false, day).cloned().unwrap_or_default();
        MediaRules {
            images: ImageRule::read(&line.images),
            audio: Rate::read(&line.audio),
            video: Rate::read(&line.video),
            sound: Rate::read(&line.sound),
            page: Page::read(&line.page),
            text_on_pages: line.text != "no",
        }
    }

    /// The tokens of an attachment.
    ///
    /// * `resolution`: how closely the request asks images to be looked at, where a picture does not say so itself.
    /// * `tokenizer`: counts the text of documents.
    ///
    /// # Errors
    /// [`Refused::Size`] for a picture without width or height.
    pub fn count(
        &self,
        media: &Media,
        resolution: Option<&str>,
        tokenizer: &dyn Tokenizer,
    ) -> Result<Weighed, Refused> {
        match media {
            Media::Image(image) => self.image(image, resolution),
            Media::Audio(clip) => Ok(self.audio(clip)),
            Media::Video(clip) => Ok(self.video(clip)),
            Media::Document(document) => self.document(document, resolution, tokenizer),
        }
    }

    fn image(&self, image: &Image, resolution: Option<&str>) -> Result<Weighed, Refused> {
        if let Some((width, height)) = image.size.filter(|(width, height)| *width == 0 || *height == 0) {
            return Err(Refused::Size { width, height });
        }
        let has_rule = self.images.is_some();
        let detail = image.detail.as_deref().or(resolution);
        let mut notes = Vec::new();
        let count = match (&self.images, image.size) {
            (None, _) => TokenCount::between(64, 1_000, 5_000),
            (Some(rule), Some((width, height))) => rule.count(width, height, detail),
            (Some(rule), None) => {
                notes.push("an image of unknown size: its tokens are the range from the least to the most that the model's rule allows".into());
                rule.unknown(detail)
            }
        };
        let part = Weight { modality: Modality::Image, count, amount: Rate::exactly(1), has_rule };
        notes.extend(part.rule_note());
        Ok(Weighed::of(vec![part], notes))
    }

    fn audio(&self, clip: &Clip) -> Weighed {
        let length = length_of(clip);
        let part = timed(Modality::Audio, length, self.audio.unwrap_or(ANY_RATE), self.audio.is_some());
        Weighed::of(vec![part], clip_notes(clip, "audio", &part))
    }

    /// The frames of a video, and its sound where the model counts that by itself.
    fn video(&self, clip: &Clip) -> Weighed {
        let (length, has_rule) = (length_of(clip), self.video.is_some());
        let mut parts = vec![timed(Modality::Video, length, self.video.unwrap_or(ANY_RATE), has_rule)];
        parts.extend(self.sound.map(|rate| timed(Modality::Soundtrack, length, rate, has_rule)));
        let notes = clip_notes(clip, "video", &parts[0]);
        Weighed::of(parts, notes)
    }

    fn document(
        &self,
        document: &Document,
        resolution: Option<&str>,
        tokenizer: &dyn Tokenizer,
    ) -> Result<Weighed, Refused> {
        let pages = document.pages.map_or(UNKNOWN_PAGES, Rate::exactly);
        let count = match document.pages {
            Some(pages) if pages > 0 && document.sizes.len() as u64 == pages => {
                let mut count = TokenCount::default();
                document.sizes.iter().for_each(|size| count += self.page(Some(*size), resolution));
                count
            }
            _ => pages.of_each(self.page(None, resolution)),
        };
        let part = Weight { modality: Modality::Page, count, amount: pages, has_rule: self.page.is_some() };
        let mut weighed = Weighed::of(vec![part], Vec::new());
        let text = match &document.text {
            Some(text) => {
                let count = tokenizer.count(text);
                // Readers of PDF differ in where they put spaces and lines; a text without pages is what it is.
                let margin = if document.pages == Some(0) { 0 } else { count.tokens.div_ceil(10) + 12 };
                if margin == 0 { count } else { count.widened(margin) }
            }
            // A file whose pages nobody saw may hold three words.
            None if document.pages.is_none() => TokenCount { low: 0, ..pages.times(TEXT_ON_A_PAGE) }.widened(0),
            None => pages.times(TEXT_ON_A_PAGE),
        };
        // A document without pages is text, and no picture stands for it.
        let is_billed = self.text_on_pages || document.pages == Some(0);
        weighed.text = if is_billed { text } else { TokenCount::default() };
        weighed.count += weighed.text;
        if document.pages.is_none() {
            weighed.notes.push("a document of unknown length: 1 to 100 pages are assumed".into());
        } else if document.text.is_none() && self.text_on_pages {
            weighed.notes.push(TEXT_NOT_READ.into());
        }
        Ok(weighed)
    }

    /// The picture of a page, of A4 or letter size where its own is not known.
    fn page(&self, size: Option<(u64, u64)>, resolution: Option<&str>) -> TokenCount {
        let (width, height) = size.filter(|(width, height)| *width > 0 && *height > 0).map_or(PAGE_SIZE, drawn);
        let as_image = |rule: &ImageRule| {
            let usual = rule.count(width, height, resolution);
            // How large a page is drawn is not published, only its proportions are known.
            let high = rule.unknown(resolution).high.max(usual.high);
            TokenCount { low: usual.low / 2, high, ..usual }.widened(0)
        };
        match (&self.page, &self.images) {
            (Some(Page::Tokens(rate)), _) => Rate::exactly(1).times(*rate),
            (Some(Page::Image(0)), Some(rule)) => as_image(rule),
            (Some(Page::Image(more)), Some(rule)) => {
                let usual = rule.count(width, height, resolution);
                let more = TokenCount { low: 0, high: more.saturating_mul(2), ..TokenCount::exact(*more) };
                let mut count = usual;
                count += more.widened(0);
                count
            }
            (Some(Page::ImageOrNothing), Some(rule)) => TokenCount { low: 0, ..as_image(rule) },
            (Some(Page::Rule(rule)), _) if size.is_some() => rule.count(width, height, resolution),
            (Some(Page::Rule(rule)), _) => {
                let usual = rule.count(width, height, resolution);
                // No page is longer than twice its width: rows and columns lose less than one each to rounding down.
                let most = rule.unknown(resolution).high;
                TokenCount { low: most.saturating_sub(2 * most.isqrt() + 2), high: most, ..usual }.widened(0)
            }
            // Other providers take the text alone, or have said nothing.
            _ => TokenCount::between(0, 0, 1_500),
        }
    }
}

/// A page as large as it is drawn for a model: as long as [`PAGE_SIZE`].
fn drawn((width, height): (u64, u64)) -> (u64, u64) {
    let long = u128::from(width.max(height));
    let side = |length: u64| u64::try_from(u128::from(length) * u128::from(PAGE_SIZE.1) / long).unwrap_or(1).max(1);
    (side(width), side(height))
}

impl Rate {
    const fn exactly(n: u64) -> Rate {
        Rate { low: n, expected: n, high: n }
    }

    /// `32`, or `258 263 290`.
    fn read(text: &str) -> Option<Rate> {
        let numbers: Vec<u64> = text.split_whitespace().map(|n| n.parse().ok()).collect::<Option<_>>()?;
        match numbers[..] {
            [n] => Some(Rate::exactly(n)),
            [low, expected, high] => Some(Rate { low, expected, high }),
            _ => None,
        }
    }

    /// So many times a count.
    fn of_each(self, count: TokenCount) -> TokenCount {
        let all = self.times(Rate { low: count.low, expected: count.tokens, high: count.high });
        TokenCount { basis: all.basis.max(count.basis), ..all }
    }

    /// Each bound times its own: pages times tokens of a page.
    fn times(self, other: Rate) -> TokenCount {
        let of = u64::saturating_mul;
        TokenCount::between(of(self.low, other.low), of(self.expected, other.expected), of(self.high, other.high))
    }
}

fn length_of(clip: &Clip) -> Rate {
    clip.millis.map_or(UNKNOWN_LENGTH, |millis| {
        let low = if clip.is_padded { millis.saturating_sub(100) } else { millis };
        Rate { low, ..Rate::exactly(millis) }
    })
}

/// A length at the model's rate, which the table gives in tokens for 10 seconds.
fn timed(modality: Modality, length: Rate, rate: Rate, has_rule: bool) -> Weight {
    let tokens = |length: u64, rate: u64| {
        u64::try_from((u128::from(length) * u128::from(rate)).div_ceil(10_000)).unwrap_or(u64::MAX)
    };
    let [low, expected, high] =
        [(length.low, rate.low), (length.expected, rate.expected), (length.high, rate.high)].map(|(a, b)| tokens(a, b));
    let count = TokenCount::between(low, expected, high);
    Weight { modality, count, amount: length, has_rule }
}

/// What was not known of a recording.
fn clip_notes(clip: &Clip, what: &str, part: &Weight) -> Vec<String> {
    let mut notes = Vec::from_iter(part.rule_note());
    if clip.millis.is_none() {
        notes.push(format!("{what} of unknown length: a second to an hour is assumed"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Basis, load};

    fn weigh(model: &str, media: &Media) -> Weighed {
        MediaRules::of(model, None).count(media, None, &*load("o200k_base").unwrap()).unwrap()
    }

    #[test]
    fn every_line_of_the_table_reads() {
        assert_eq!(table::check::<MediaLine>(TABLE), LINES.len());
        for line in LINES.iter() {
            assert!(line.images.is_empty() || ImageRule::read(&line.images).is_some(), "{}", line.model);
            for rate in [&line.audio, &line.video, &line.sound] {
                assert!(rate.is_empty() || Rate::read(rate).is_some(), "{}", line.model);
            }
            assert!(line.page.is_empty() || Page::read(&line.page).is_some(), "{}", line.model);
        }
    }

    /// Gemini: 32 tokens a second of audio, 263 a second of video (ai.google.dev, tokens), and the sound of a video on top
    /// ("approximately 300 tokens per second of video", ai.google.dev, video understanding); Gemini 3: 25 a second of audio
    /// (recorded: 113 for 4.49 s and 80 for 3.2 s, 16 requests), 70 a frame and second (media resolution). OpenAI: 10 a second (measured by developers on its forum).
    #[test]
    fn audio_and_video_cost_by_the_second() {
        let audio = |model: &str, millis: u64| {
            weigh(model, &Media::Audio(Clip { millis: Some(millis), ..Clip::default() })).count
        };
        let video = |model: &str, millis: u64| {
            weigh(model, &Media::Video(Clip { millis: Some(millis), ..Clip::default() })).count
        };
        assert_eq!(audio("gemini-2.5-flash", 60_000), TokenCount::exact(1_920));
        assert_eq!(audio("gpt-4o-audio-preview", 30_000).tokens, 300);
        let gemini2 = video("gemini-2.0-flash", 10_000);
        assert_eq!((gemini2.low, gemini2.tokens, gemini2.high), (2_580, 2_630 + 320, 2_630 + 320)); // silent, with sound
        let gemini3 = video("gemini-3.5-flash", 60_000);
        assert!(gemini3.low == 4_200 && gemini3.tokens == 4_200 + 1_500 && gemini3.basis == Basis::Estimated);
        assert_eq!(audio("gemini-3-flash-preview", 4_490), TokenCount::exact(113));
        assert_eq!(audio("gemini-3-flash-preview", 3_200), TokenCount::exact(80));
        assert_eq!(audio("gemini-2.5-flash", u64::MAX).tokens, 590_295_810_358_705_652); // (2⁶⁴ − 1) ms × 32 ÷ 1000, rounded up
    }

    #[test]
    fn what_is_not_known_is_a_range_and_says_so() {
        for media in [
            Media::Image(Image::default()),
            Media::Audio(Clip::default()),
            Media::Video(Clip::default()),
            Media::Document(Document::default()),
        ] {
            for model in ["gpt-4o", "claude-opus-4-8", "gemini-3.5-flash", "somebody/else", "grok-4", "qwen3-vl-plus"] {
                let Weighed { count, notes, .. } = weigh(model, &media);
                assert!(count.high > 0 && count.low < count.high, "{model} {media:?} {count:?}");
                assert!(!notes.is_empty(), "{model} {media:?}");
            }
        }
    }

    /// Recorded: 532 tokens for a page of A4 and 520 for one of letter size on Gemini 3, 258 on Gemini 2, and the text on them
    /// is not billed; 1,600 to 1,603 for a page of three words on Claude Sonnet 4.5; on gpt-5 and gpt-4.1 the text alone.
    #[test]
    fn a_page_costs_its_picture_or_its_text() {
        let text = || Some("hello world".to_owned());
        let document =
            |sizes: &[(u64, u64)]| Media::Document(Document { pages: Some(3), text: text(), sizes: sizes.to_vec() });
        let (a4, letter) = ((595, 842), (612, 792));
        let gemini = weigh("gemini-3.5-flash", &document(&[a4, a4, letter])).count;
        assert_eq!((gemini.low, gemini.tokens, gemini.high), (2 * 532 + 520, 2 * 532 + 520, 2 * 532 + 520));
        let gemini = weigh("gemini-3.5-flash", &document(&[])).count;
        assert_eq!(gemini.tokens, 3 * 532);
        assert!(gemini.low <= 3 * 513 && gemini.high == 3 * 560, "{gemini:?}");
        assert_eq!(weigh("gemini-2.5-flash", &document(&[])).count, TokenCount::exact(3 * 258));
        let claude = weigh("claude-sonnet-4-6", &document(&[a4; 3])).count;
        assert_eq!(claude.tokens, 3 * (33 * 47 + 49) + 2); // and two tokens of text
        assert!(claude.low <= 3 * 1_600 && 3 * 1_603 <= claude.high, "{claude:?}");
        assert_eq!(weigh("gpt-5-mini", &document(&[])).count.tokens, 2);
    }
}
