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

macro_rules! meters {
    ($($variant:ident $name:literal $unit:ident $side:ident $about:literal;)+) => {
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
    pub const TOKEN_METERS: usize = {
        let mut n = 0;
        while n < Meter::ALL.len() && matches!(Meter::ALL[n].unit(), Unit::Tokens) {
            n += 1;
        }
        n
    };

    /// Tokens read from a cache, whatever they are of.
    pub const CACHE_READS: &[Meter] = &[Meter::CacheRead, Meter::CacheReadAudio, Meter::CacheReadImage];

    /// Tokens written to a cache, however long they stay.
    pub const CACHE_WRITES: &[Meter] =
        &[Meter::CacheWrite5m, Meter::CacheWrite1h, Meter::CacheWrite12h, Meter::CacheWriteAudio];

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

impl Meter {
    /// Whether its tokens are of text. Those of audio, images and video follow rules of their own, not a vocabulary.
    ///
    /// A test holds this list against the names, so that a new meter cannot be forgotten here.
    #[must_use]
    pub const fn is_text(self) -> bool {
        self.is_tokens()
            && !matches!(
                self,
                Meter::InputAudio
                    | Meter::InputImage
                    | Meter::InputVideo
                    | Meter::CacheReadAudio
                    | Meter::CacheReadImage
                    | Meter::CacheWriteAudio
                    | Meter::OutputAudio
                    | Meter::OutputImage
                    | Meter::OutputVideo
            )
    }

    /// What its tokens are without a cache; `None` for tokens that are not of one.
    #[must_use]
    pub const fn uncached(self) -> Option<Meter> {
        match self {
            Meter::CacheRead | Meter::CacheWrite5m | Meter::CacheWrite1h | Meter::CacheWrite12h => Some(Meter::Input),
            Meter::CacheReadAudio | Meter::CacheWriteAudio => Some(Meter::InputAudio),
            Meter::CacheReadImage => Some(Meter::InputImage),
            _ => None,
        }
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
    Input            "input"              Tokens  Prompt "prompt tokens read at the full rate";
    CacheRead        "cache_read"         Tokens  Prompt "prompt tokens read from the provider's cache";
    CacheWrite5m     "cache_write_5m"     Tokens  Prompt "prompt tokens written to a cache that lives five minutes, or the provider's only lifetime";
    CacheWrite1h     "cache_write_1h"     Tokens  Prompt "prompt tokens written to a cache that lives one hour";
    CacheWrite12h    "cache_write_12h"    Tokens  Prompt "prompt tokens written to a cache that lives twelve hours";
    InputAudio       "input_audio"        Tokens  Prompt "audio tokens of the prompt";
    InputImage       "input_image"        Tokens  Prompt "image tokens of the prompt";
    InputVideo       "input_video"        Tokens  Prompt "video tokens of the prompt";
    CacheReadAudio   "cache_read_audio"   Tokens  Prompt "audio tokens read from the cache";
    CacheReadImage   "cache_read_image"   Tokens  Prompt "image tokens read from the cache";
    CacheWriteAudio  "cache_write_audio"  Tokens  Prompt "audio tokens written to the cache";
    Output           "output"             Tokens  Answer "answer tokens";
    Reasoning        "reasoning"          Tokens  Answer "answer tokens spent on thinking";
    OutputAudio      "output_audio"       Tokens  Answer "audio tokens of the answer";
    OutputImage      "output_image"       Tokens  Answer "image tokens of the answer";
    OutputVideo      "output_video"       Tokens  Answer "video tokens of the answer";
    CitationTokens   "citation_tokens"    Tokens  Beside "tokens of the sources an answer cites";
    TrainingTokens   "training_tokens"    Tokens  Beside "tokens a fine-tuning job trains on";
    Requests         "requests"           Count   Beside "calls that carry a fee of their own";
    WebSearches      "web_search"         Count   Beside "web searches the model made";
    FileSearches     "file_search"        Count   Beside "searches in uploaded files";
    MapsQueries      "maps_query"         Count   Beside "answers grounded in maps";
    XSearches        "x_search"           Count   Beside "searches in posts";
    AttachmentSearches "attachment_search" Count  Beside "searches in attachments";
    CodeExecutions   "code_execution"     Count   Beside "runs of the provider's code tool";
    CodeSessions     "code_session"       Count   Beside "sessions of the provider's code tool";
    SearchUnits      "search_units"       Count   Beside "rerank units: one query with up to a hundred documents";
    InputImages      "input_images"       Count   Beside "images sent, where they are billed by the piece";
    Images           "images"             Count   Beside "images made";
    Pages            "pages"              Count   Beside "document pages read";
    AnnotatedPages   "annotated_pages"    Count   Beside "document pages read with annotations";
    Characters       "characters"         Count   Beside "characters spoken or read";
    OutputCharacters "output_characters"  Count   Beside "characters written, where they are billed apart";
    Messages         "messages"           Count   Beside "text messages exchanged";
    InputPixels      "input_pixels"       Count   Beside "pixels sent";
    OutputPixels     "output_pixels"      Count   Beside "pixels made";
    AudioSeconds     "audio_seconds"      Measure Beside "seconds of audio heard";
    OutputAudioSeconds "output_audio_seconds" Measure Beside "seconds of audio made";
    VideoSeconds     "video_seconds"      Measure Beside "seconds of video made";
    InputVideoSeconds "input_video_seconds" Measure Beside "seconds of video sent";
    SessionSeconds   "session_seconds"    Measure Beside "seconds a live session lasted";
    ComputeSeconds   "compute_seconds"    Measure Beside "seconds of computing time";
    Megapixels       "megapixels"         Measure Beside "millions of pixels made";
    CacheTokenHours  "cache_token_hours"  Measure Beside "tokens kept in a cache times the hours they stayed";
    ReplicaMinutes   "replica_minutes"    Measure Beside "minutes that one replica of a dedicated endpoint ran";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_meter_of_tokens_says_what_it_is_of() {
        let tokens = || Meter::ALL.iter().filter(|meter| meter.is_tokens());
        for meter in tokens() {
            let (name, is_named) = (meter.name(), |word: &str| meter.name().contains(word));
            assert_eq!(meter.is_text(), !["audio", "image", "video"].into_iter().any(is_named), "{name}");
            let kind = ["audio", "image", "video"].into_iter().find(|word| is_named(word));
            let plain = kind.map_or("input".to_owned(), |kind| format!("input_{kind}"));
            assert_eq!(meter.uncached().map(Meter::name), is_named("cache").then_some(plain.as_str()), "{name}");
        }
        assert!(tokens().count() > 15);
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
        assert_eq!(Meter::TOKEN_METERS, Meter::ALL.iter().filter(|m| m.unit() == Unit::Tokens).count());
    }
}
