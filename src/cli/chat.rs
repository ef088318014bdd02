//! What `count`, `estimate` and `compare` share about inputs: attachments named by flags, and how an input is opened.

use std::collections::BTreeSet;

use clap::Args;

use crate::cli::error::Error;
use farebox::conversation::Media;
use farebox::input::media::{Kind, NamedAttachments};
pub(crate) use farebox::input::requests::{Input, ReadAs};
use farebox::input::text::Source;

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
    /// Whether no attachment is named.
    pub(crate) const fn is_empty(&self) -> bool {
        self.images.is_empty() && self.audio.is_empty() && self.video.is_empty() && self.pdf.is_empty()
    }

    /// What a model has to offer to be sent what is named.
    pub(crate) fn needs(&self) -> BTreeSet<&'static str> {
        let flags =
            [(&self.images, "vision"), (&self.audio, "audio_input"), (&self.video, "video"), (&self.pdf, "pdf")];
        flags.into_iter().filter(|(named, _)| !named.is_empty()).map(|(_, need)| need).collect()
    }

    /// Takes a file that is an attachment by its ending, such as `talk.mp3`.
    pub(crate) fn takes(&mut self, source: &Source) -> bool {
        let Source::File(path) = source else { return false };
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        let flag = match ending.as_str() {
            "png" | "jpg" | "jpeg" | "webp" | "gif" => &mut self.images,
            "mp3" | "wav" | "m4a" | "flac" | "ogg" | "opus" | "aac" => &mut self.audio,
            "mp4" | "mov" | "webm" | "mkv" => &mut self.video,
            "pdf" => &mut self.pdf,
            _ => return false,
        };
        flag.push(path.display().to_string());
        true
    }

    /// What the flags name, to be read.
    pub(crate) fn attachments(&self) -> NamedAttachments {
        let mut all = NamedAttachments::default();
        let flags = [
            (Kind::Image, &self.images),
            (Kind::Audio, &self.audio),
            (Kind::Video, &self.video),
            (Kind::Document, &self.pdf),
        ];
        for (kind, texts) in flags {
            texts.iter().for_each(|text| all.add(kind, text));
        }
        all
    }

    /// What the flags name, each with the name that rows carry.
    pub(crate) fn read(&self) -> Result<Vec<(String, Media)>, Error> {
        Ok(self.attachments().read()?)
    }
}
