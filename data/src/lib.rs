//! The files that farebox carries beside prices: vocabularies, the rules of requests, ranges of estimates and examples.
//!
//! [`vocab`] has the vocabularies, [`merges`] reads how they are packed, and [`layout`] turns them into tables that are
//! read in place; the build of `farebox-tokenizer` does so for the most used encodings.

#![warn(missing_docs, unreachable_pub)]
// Documentation of what is not promised leads contributors on, to private items too.
#![allow(rustdoc::private_intra_doc_links)]

#[doc(hidden)]
pub mod layout;
#[doc(hidden)]
#[doc(hidden)]
pub mod names;
#[doc(hidden)]
#[doc(hidden)]
pub mod similar;
#[doc(hidden)]
pub mod vocab;

mod schemas;

pub use schemas::schemas;
#[doc(hidden)]
pub use vocab::merges;

/// Which model frames its requests how, with sources.
pub const CHAT_RULES: &str = include_str!("../chat/rules.csv");
/// What attachments cost in tokens, with sources.
pub const CHAT_MEDIA: &str = include_str!("../chat/media.csv");
/// What providers tell a model before its tools, with sources.
pub const CHAT_TOOL_PROMPTS: &str = include_str!("../chat/tool_prompts.csv");
/// What one euro was in other currencies on every working day, as the European Central Bank publishes it: the day, then a
/// column for each currency.
pub const EXCHANGE: &str = include_str!("../exchange/ecb.csv");
/// How far estimates were from counts, with sources.
pub const ESTIMATES: &str = include_str!("../estimates.csv");
/// Thinking tokens of an answer by model, with sources.
pub const THINKING_TOKENS: &str = include_str!("../thinking/tokens.csv");
/// How much a model thinks by default, with sources.
pub const THINKING_DEFAULTS: &str = include_str!("../thinking/defaults.csv");
/// How much each effort thinks in percent of the highest, with the source.
pub const THINKING_EFFORTS: &str = include_str!("../thinking/efforts.csv");
/// From which published file each vocabulary was packed, and its licence.
pub const SOURCES: &str = include_str!("../vocab/sources.csv");

/// Texts by their kind, on which tokenizers are compared: prose, documents, code and data of this project, as they were
/// when the ratios were first measured.
pub const SAMPLES: [(&str, &str); 7] = [
    ("english", include_str!("../prompts/tutor.txt")),
    ("technical", include_str!("../samples/architecture.md")),
    ("technical", include_str!("../samples/changelog.md")),
    ("code", include_str!("../samples/money.rs.txt")),
    ("code", include_str!("../samples/period.rs.txt")),
    ("data", include_str!("../prompts/extract.json")),
    ("data", include_str!("../examples/usage.jsonl")),
];
/// The same for languages: one JSON object a line with `kind` and `text`.
pub const LANGUAGES: &str = include_str!("../samples/languages.jsonl");

/// Claude 3's vocabulary, reconstructed.
#[cfg(feature = "claude")]
pub const CLAUDE_V3: &[u8] = include_bytes!("../vocab/claude/claude_v3.zz");
/// The vocabulary from Claude 4.7 on, reconstructed.
#[cfg(feature = "claude")]
pub const CLAUDE_V4_7: &[u8] = include_bytes!("../vocab/claude/claude_v4_7.zz");

/// What `farebox demo` counts: the name and the text of each prompt.
pub const PROMPTS: [(&str, &str); 4] = [
    ("tutor.txt", include_str!("../prompts/tutor.txt")),
    ("code-review.txt", include_str!("../prompts/code-review.txt")),
    ("extract.json", include_str!("../prompts/extract.json")),
    ("zusammenfassung.txt", include_str!("../prompts/zusammenfassung.txt")),
];
/// The models that `farebox demo` compares, one a line.
pub const DEMO_MODELS: &str = include_str!("../examples/demo-models.txt");
/// The workload file that `farebox init` writes.
pub const WORKLOAD: &str = include_str!("../examples/farebox.yaml");
