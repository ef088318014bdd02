//! The list of everything a provider bills apart: [`Meter`].
//!
//! A new meter is one line in the table at the bottom of this file; the price files, the usage record and every report
//! take it from there.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What the quantity of a meter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Tokens; a rate is per million unless it says otherwise.
    Tokens,
    /// Whole things (requests, images, pages); a rate must say per how many.
    Count,
    /// Seconds, minutes or megapixels: a quantity that may have a fraction.
    Measure,
}

/// Which whole a token meter is a part of in a usage record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A part of the prompt.
    Prompt,
    /// A part of the answer.
    Answer,
    /// Neither: stands beside the tokens.
    Beside,
}

/// What a meter is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Text.
    Text,
    /// Sound.
    Audio,
    /// Pictures.
    Image,
    /// Moving pictures.
    Video,
    /// None of these: requests, searches, time.
    Other,
}

/// What part a meter has in a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeterRole {
    /// Tokens that no cache has to do with.
    Plain,
    /// Tokens read from a cache.
    CacheRead,
    /// Tokens written to a cache.
    CacheWrite,
    /// What is made or heard in the place of tokens: an image, a second of sound.
    Piece,
    /// What is charged next to that: a request, a search, an image that is sent.
    Fee,
}

macro_rules! meters {
    ($($variant:ident $name:literal $unit:ident $side:ident $medium:ident $role:ident $about:literal;)+) => {
        /// One thing that a provider bills apart from everything else.
        ///
        /// # Examples
        /// ```
        /// use farebox_prices::meter::Meter;
        /// assert_eq!("cache_read".parse::<Meter>().unwrap(), Meter::CacheRead);
        /// assert_eq!(Meter::CacheRead.name(), "cache_read");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[repr(u8)]
        pub enum Meter {
            $(#[doc = $about] #[serde(rename = $name)] $variant,)+
        }

        impl Meter {
            /// Every meter, in the order of a receipt.
            pub const ALL: &[Meter] = &[$(Meter::$variant),+];

            /// The name in price files, usage records and receipts.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Meter::$variant => $name),+ }
            }

            /// What its quantity counts.
            #[must_use]
            pub const fn unit(self) -> Unit {
                match self { $(Meter::$variant => Unit::$unit),+ }
            }

            /// Which whole it is a part of.
            #[must_use]
            pub const fn side(self) -> Side {
                match self { $(Meter::$variant => Side::$side),+ }
            }

            /// What it is of.
            #[must_use]
            pub const fn medium(self) -> Medium {
                match self { $(Meter::$variant => Medium::$medium),+ }
            }

            /// What part it has in a bill.
            #[must_use]
            pub const fn role(self) -> MeterRole {
                match self { $(Meter::$variant => MeterRole::$role),+ }
            }

            /// One line about it for people.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Meter::$variant => $about),+ }
            }
        }
    };
}

impl Meter {
    /// How many meters count tokens: they come first in [`Meter::ALL`].
    pub(crate) const TOKEN_METERS: usize = {
        let mut n = 0;
        while n < Meter::ALL.len() && matches!(Meter::ALL[n].unit(), Unit::Tokens) {
            n += 1;
        }
        n
    };

    /// Tokens read from a cache, whatever they are of.
    pub const CACHE_READS: &[Meter] = &of_prompt::<{ count_of_prompt(MeterRole::CacheRead) }>(MeterRole::CacheRead);

    /// Tokens written to a cache, however long they stay.
    pub const CACHE_WRITES: &[Meter] = &of_prompt::<{ count_of_prompt(MeterRole::CacheWrite) }>(MeterRole::CacheWrite);

    /// Tokens of the prompt that no cache has to do with, whatever they are of.
    pub const UNCACHED: &[Meter] = &of_prompt::<{ count_of_prompt(MeterRole::Plain) }>(MeterRole::Plain);

    /// Position in [`Meter::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it counts tokens.
    #[must_use]
    pub const fn is_tokens(self) -> bool {
        self.index() < Self::TOKEN_METERS
    }
}

/// Whether a meter counts tokens of the prompt that have this part in a bill.
const fn is_of_prompt(meter: Meter, role: MeterRole) -> bool {
    meter.is_tokens() && matches!(meter.side(), Side::Prompt) && meter.role() as u8 == role as u8
}

const fn count_of_prompt(role: MeterRole) -> usize {
    let (mut at, mut count) = (0, 0);
    while at < Meter::ALL.len() {
        count += is_of_prompt(Meter::ALL[at], role) as usize;
        at += 1;
    }
    count
}

/// The meters of the prompt that have this part in a bill, which are so many.
const fn of_prompt<const N: usize>(role: MeterRole) -> [Meter; N] {
    let (mut at, mut found, mut meters) = (0, 0, [Meter::Input; N]);
    while at < Meter::ALL.len() {
        if is_of_prompt(Meter::ALL[at], role) {
            meters[found] = Meter::ALL[at];
            found += 1;
        }
        at += 1;
    }
    meters
}

impl Meter {
    /// Whether its tokens are of text. Those of audio, images and video follow rules of their own, not a vocabulary.
    #[must_use]
    pub const fn is_text(self) -> bool {
        self.is_tokens() && matches!(self.medium(), Medium::Text)
    }

    /// What its tokens are without a cache; `None` for tokens that are not of one.
    #[must_use]
    pub fn uncached(self) -> Option<Meter> {
        let is_cached = matches!(self.role(), MeterRole::CacheRead | MeterRole::CacheWrite);
        let same = || Meter::UNCACHED.iter().copied().find(|meter| meter.medium() == self.medium());
        if is_cached { same() } else { None }
    }

    /// What tokens of its medium are that were read from a cache; those of text where the medium has no meter there.
    #[must_use]
    pub fn in_cache(self) -> Meter {
        let same = Meter::CACHE_READS.iter().copied().find(|meter| meter.medium() == self.medium());
        same.unwrap_or(Meter::CacheRead)
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no meter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no meter is called {0:?}")]
pub struct UnknownMeter(pub String);

impl FromStr for Meter {
    type Err = UnknownMeter;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Meter::ALL.iter().copied().find(|m| m.name() == name).ok_or_else(|| UnknownMeter(name.to_owned()))
    }
}

// Token meters first (the usage record keeps them in an array), then the rest; a receipt follows this order.
meters! {
    Input              "input"                Tokens  Prompt Text  Plain      "prompt tokens read at the full rate";
    CacheRead          "cache_read"           Tokens  Prompt Text  CacheRead  "prompt tokens read from the provider's cache";
    CacheWrite5m       "cache_write_5m"       Tokens  Prompt Text  CacheWrite "prompt tokens written to a cache that lives five minutes, or the provider's only lifetime";
    CacheWrite1h       "cache_write_1h"       Tokens  Prompt Text  CacheWrite "prompt tokens written to a cache that lives one hour";
    CacheWrite12h      "cache_write_12h"      Tokens  Prompt Text  CacheWrite "prompt tokens written to a cache that lives twelve hours";
    InputAudio         "input_audio"          Tokens  Prompt Audio Plain      "audio tokens of the prompt";
    InputImage         "input_image"          Tokens  Prompt Image Plain      "image tokens of the prompt";
    InputVideo         "input_video"          Tokens  Prompt Video Plain      "video tokens of the prompt";
    CacheReadAudio     "cache_read_audio"     Tokens  Prompt Audio CacheRead  "audio tokens read from the cache";
    CacheReadImage     "cache_read_image"     Tokens  Prompt Image CacheRead  "image tokens read from the cache";
    CacheWriteAudio    "cache_write_audio"    Tokens  Prompt Audio CacheWrite "audio tokens written to the cache";
    Output             "output"               Tokens  Answer Text  Plain      "answer tokens";
    Reasoning          "reasoning"            Tokens  Answer Text  Plain      "answer tokens spent on thinking";
    OutputAudio        "output_audio"         Tokens  Answer Audio Plain      "audio tokens of the answer";
    OutputImage        "output_image"         Tokens  Answer Image Plain      "image tokens of the answer";
    OutputVideo        "output_video"         Tokens  Answer Video Plain      "video tokens of the answer";
    CitationTokens     "citation_tokens"      Tokens  Beside Text  Plain      "tokens of the sources an answer cites";
    TrainingTokens     "training_tokens"      Tokens  Beside Text  Plain      "tokens a fine-tuning job trains on";
    Requests           "requests"             Count   Beside Other Fee        "calls that carry a fee of their own";
    WebSearches        "web_search"           Count   Beside Other Fee        "web searches the model made";
    FileSearches       "file_search"          Count   Beside Other Fee        "searches in uploaded files";
    MapsQueries        "maps_query"           Count   Beside Other Fee        "answers grounded in maps";
    XSearches          "x_search"             Count   Beside Other Fee        "searches in posts";
    AttachmentSearches "attachment_search"    Count   Beside Other Fee        "searches in attachments";
    CodeExecutions     "code_execution"       Count   Beside Other Fee        "runs of the provider's code tool";
    CodeSessions       "code_session"         Count   Beside Other Fee        "sessions of the provider's code tool";
    SearchUnits        "search_units"         Count   Beside Other Fee        "rerank units: one query with up to a hundred documents";
    InputImages        "input_images"         Count   Beside Image Fee        "images sent, where they are billed by the piece";
    Images             "images"               Count   Beside Image Piece      "images made";
    Pages              "pages"                Count   Beside Image Fee        "document pages read";
    AnnotatedPages     "annotated_pages"      Count   Beside Image Fee        "document pages read with annotations";
    Characters         "characters"           Count   Beside Text  Piece      "characters spoken or read";
    OutputCharacters   "output_characters"    Count   Beside Text  Fee        "characters written, where they are billed apart";
    Messages           "messages"             Count   Beside Text  Fee        "text messages exchanged";
    InputPixels        "input_pixels"         Count   Beside Image Fee        "pixels sent";
    OutputPixels       "output_pixels"        Count   Beside Image Piece      "pixels made";
    AudioSeconds       "audio_seconds"        Measure Beside Audio Piece      "seconds of audio heard";
    OutputAudioSeconds "output_audio_seconds" Measure Beside Audio Piece      "seconds of audio made";
    VideoSeconds       "video_seconds"        Measure Beside Video Piece      "seconds of video made";
    InputVideoSeconds  "input_video_seconds"  Measure Beside Video Fee        "seconds of video sent";
    SessionSeconds     "session_seconds"      Measure Beside Other Piece      "seconds a live session lasted";
    ComputeSeconds     "compute_seconds"      Measure Beside Other Piece      "seconds of computing time";
    Megapixels         "megapixels"           Measure Beside Image Piece      "millions of pixels made";
    CacheTokenHours    "cache_token_hours"    Measure Beside Other Fee        "tokens kept in a cache times the hours they stayed";
    ReplicaMinutes     "replica_minutes"      Measure Beside Other Fee        "minutes that one replica of a dedicated endpoint ran";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_agree_with_names() {
        let tokens = || Meter::ALL.iter().filter(|meter| meter.is_tokens());
        for meter in tokens() {
            let (name, is_named) = (meter.name(), |word: &str| meter.name().contains(word));
            assert_eq!(meter.is_text(), !["audio", "image", "video"].into_iter().any(is_named), "{name}");
            let kind = ["audio", "image", "video"].into_iter().find(|word| is_named(word));
            let plain = kind.map_or("input".to_owned(), |kind| format!("input_{kind}"));
            assert_eq!(meter.uncached().map(Meter::name), is_named("cache").then_some(plain.as_str()), "{name}");
        }
        assert!(tokens().count() > 15);
        let in_cache = |meter: Meter| meter.in_cache().name();
        assert_eq!([Meter::Input, Meter::InputAudio].map(in_cache), ["cache_read", "cache_read_audio"]);
        assert_eq!(Meter::Requests.in_cache(), Meter::CacheRead, "a medium without a meter in the cache");
        assert!(!Meter::AudioSeconds.is_text() && Meter::CacheTokenHours.uncached().is_none());
    }

    #[test]
    fn names_are_unique_and_read_back() {
        for (i, meter) in Meter::ALL.iter().enumerate() {
            assert_eq!(meter.index(), i);
            assert_eq!(meter.name().parse::<Meter>().unwrap(), *meter);
        }
        let named = |start: &str| {
            Meter::ALL.iter().filter(|m| m.is_tokens() && m.name().starts_with(start)).collect::<Vec<_>>()
        };
        assert_eq!(Meter::CACHE_READS.iter().collect::<Vec<_>>(), named("cache_read"));
        assert_eq!(Meter::CACHE_WRITES.iter().collect::<Vec<_>>(), named("cache_write"));
        assert_eq!(Meter::UNCACHED.iter().collect::<Vec<_>>(), named("input"));
        assert_eq!(Meter::TOKEN_METERS, Meter::ALL.iter().filter(|m| m.unit() == Unit::Tokens).count());
    }
}
