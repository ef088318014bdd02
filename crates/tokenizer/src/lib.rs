//! Turns text into a [`TokenCount`]: how many tokens, how sure, and why.
//!
//! This is the second of five steps: input → **tokenizer** → pricing → calculator → report. A count of plain text is
//! the text alone: no special tokens and no message frame, and lookalikes such as `<|endoftext|>` are ordinary text.
//!
//! Start reading at [`load`], which finds a [`Tokenizer`] by name in the table [`TOKENIZERS`]. A tokenizer whose
//! vocabulary is inside this crate counts with it; every other known name is counted by [`estimate`], with a range.
//! [`from_file`] reads a `tokenizer.json` that a user has, and a [`store::Store`] keeps vocabularies that were added. [`StreamCounter`] counts a text of any length in flat memory.
//!
//! To add a tokenizer, write one file beside this one and one line in [`TOKENIZERS`].
//!
//! Two rules hold everywhere below:
//! * `low ≤ tokens ≤ high`, and an exact count has all three equal;
//! * no input makes it panic, and a stream of any length is counted in flat memory: at most [`cut::STRETCH`] bytes of
//!   it are held at a time.

#![warn(missing_docs, unreachable_pub)]
// Documentation of what is not promised leads contributors on, to private items too.
#![allow(rustdoc::private_intra_doc_links)]

#[cfg(feature = "reference")]
mod bounded;
mod bpe;
pub mod chat;
#[cfg(feature = "claude")]
#[doc(hidden)]
pub mod claude;
pub mod conversation;
#[doc(hidden)]
pub mod cut;
#[doc(hidden)]
pub mod estimate;
#[doc(hidden)]
pub mod fast;
#[doc(hidden)]
pub mod files;
#[cfg(feature = "reference")]
mod hf;
#[cfg(not(feature = "reference"))]
#[path = "hf_left_out.rs"]
mod hf;
#[doc(hidden)]
pub mod limit;
mod merger;
#[doc(hidden)]
pub mod own;
#[doc(hidden)]
pub mod parallel;
mod per_thread;
#[doc(hidden)]
pub mod prepared;
mod pretokenize;
mod published;
#[doc(hidden)]
pub mod ratio;
#[cfg(feature = "reference")]
#[doc(hidden)]
pub mod reference;
mod spm;
pub mod store;
mod symbols;
mod vocab;
mod vocabulary_error;

#[doc(hidden)]
pub use chat::media;
use farebox_data::merges;

use std::fmt;
use std::ops::AddAssign;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use farebox_data::similar::near;

use bpe::ByteLevel;
#[cfg(feature = "claude")]
use claude::Claude;
use cut::{Cut, Cuts};
use estimate::Estimator;
use parallel::Workers;
use spm::SentencePiece;
use vocabulary_error::VocabularyError;

/// What a count rests on, from best to worst.
///
/// # Examples
/// ```
/// use farebox_tokenizer::Basis;
/// assert!(Basis::Exact < Basis::Estimated);
/// assert_eq!(Basis::Assumed.to_string(), "assumed");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Counted with the provider's own published vocabulary.
    #[default]
    Exact,
    /// Counted with a vocabulary that was recovered from measured counts.
    Reconstructed,
    /// Counted with the vocabulary of a predecessor.
    Assumed,
    /// Inferred from another vocabulary's count.
    Estimated,
}

impl Basis {
    /// The name in every machine form.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Basis::Exact => "exact",
            Basis::Reconstructed => "reconstructed",
            Basis::Assumed => "assumed",
            Basis::Estimated => "estimated",
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A number of tokens with its range and basis: `low ≤ tokens ≤ high`.
///
/// Counts add up: the numbers add, and the sum rests on the worse basis of the two.
///
/// # Examples
/// ```
/// use farebox_tokenizer::{Basis, TokenCount};
/// let mut total = TokenCount::exact(12);
/// total += TokenCount { tokens: 100, low: 90, high: 115, basis: Basis::Estimated };
/// assert_eq!(total, TokenCount { tokens: 112, low: 102, high: 127, basis: Basis::Estimated });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenCount {
    /// The best single number.
    pub tokens: u64,
    /// The least it may be.
    pub low: u64,
    /// The most it may be.
    pub high: u64,
    /// What the numbers rest on.
    pub basis: Basis,
}

impl TokenCount {
    /// A count without doubt.
    #[must_use]
    pub const fn exact(tokens: u64) -> Self {
        TokenCount { tokens, low: tokens, high: tokens, basis: Basis::Exact }
    }

    /// A count that is known to lie between two bounds, which are widened to hold it; exact where they are one number.
    #[must_use]
    pub(crate) fn between(low: u64, tokens: u64, high: u64) -> Self {
        let count = TokenCount { low: low.min(tokens), high: high.max(tokens), ..TokenCount::exact(tokens) };
        if count.low == count.high { count } else { count.widened(0) }
    }

    /// The same count without so many tokens.
    #[must_use]
    pub(crate) const fn less(self, tokens: u64) -> Self {
        TokenCount {
            tokens: self.tokens.saturating_sub(tokens),
            low: self.low.saturating_sub(tokens),
            high: self.high.saturating_sub(tokens),
            basis: self.basis,
        }
    }

    /// The same count, which may be so many tokens less, or more.
    #[must_use]
    pub(crate) fn reaching(self, less: u64, more: u64) -> Self {
        TokenCount { low: self.low.saturating_sub(less), high: self.high.saturating_add(more), ..self }.widened(0)
    }

    /// The same count by a predecessor's vocabulary: 15 % either way, and at least two tokens.
    ///
    /// # Source
    /// Half of all modern vocabularies count English and code within 3 % of each other and nine in ten within 15 %;
    /// where this band is fitted, so is the one of a vocabulary that nobody has published yet.
    #[must_use]
    pub fn assumed(self) -> Self {
        let margin = (self.tokens.saturating_mul(15).div_ceil(100)).max(2);
        let margin = if self.tokens == 0 { 0 } else { margin };
        let basis = self.basis.max(Basis::Assumed);
        TokenCount { low: self.low.saturating_sub(margin), high: self.high.saturating_add(margin), basis, ..self }
    }

    /// The same count, made an estimate that may be wrong by `margin` tokens more in either direction.
    #[must_use]
    pub fn widened(self, margin: u64) -> Self {
        TokenCount {
            low: self.low.saturating_sub(margin),
            high: self.high.saturating_add(margin),
            basis: self.basis.max(Basis::Estimated),
            ..self
        }
    }
}

impl AddAssign for TokenCount {
    fn add_assign(&mut self, other: TokenCount) {
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.low = self.low.saturating_add(other.low);
        self.high = self.high.saturating_add(other.high);
        self.basis = self.basis.max(other.basis);
    }
}

/// Something that counts the tokens of a text.
///
/// # Examples
/// ```
/// let o200k = farebox_tokenizer::load("o200k_base")?;
/// assert_eq!(o200k.count("hello world").tokens, 2);
/// assert_eq!(o200k.count("<|endoftext|>").tokens, 7); // ordinary text, not the special token
/// # Ok::<(), farebox_tokenizer::TokenizerError>(())
/// ```
pub trait Tokenizer: Send + Sync {
    /// The name it is asked for by, such as `o200k_base`.
    fn name(&self) -> &str;

    /// Counts a whole text, and nothing but the text.
    fn count(&self, text: &str) -> TokenCount;

    /// Counts a part of a text that another part goes before, when the text was cut at a border.
    ///
    /// The default is for tokenizers that count a part the same wherever it stands.
    fn count_rest(&self, part: &str) -> TokenCount {
        self.count(part)
    }

    /// Where a text may be cut so that the counts of the parts add up to the count of the whole.
    ///
    /// The safe answer, and the default, is [`Cuts::Nowhere`].
    fn cuts(&self) -> Cuts {
        Cuts::Nowhere
    }

    /// What its counts rest on at best.
    fn basis(&self) -> Basis {
        Basis::Exact
    }
}

/// How a known tokenizer is to be had in this build.
#[derive(Clone, Copy, Debug)]
pub enum How {
    /// Counted here, by what the function makes (cheap: the vocabulary is unpacked at the first count).
    Engine(fn() -> Arc<dyn Tokenizer>),
    /// Estimated here from another vocabulary's count.
    Estimate,
}

/// One line of [`TOKENIZERS`].
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The name it is asked for by.
    pub name: &'static str,
    /// Whose it is and which models have it.
    pub about: &'static str,
    /// Under what terms its vocabulary can be had, if it can.
    pub licence: &'static str,
    /// How this build counts with it.
    pub how: How,
}

impl Known {
    /// What its counts rest on at best.
    #[must_use]
    pub fn basis(&self) -> Basis {
        match self.how {
            How::Engine(make) => make().basis(),
            How::Estimate => Basis::Estimated,
        }
    }

    /// Whether the vocabulary is inside this build, so that counts are not estimates.
    #[must_use]
    pub const fn is_built_in(&self) -> bool {
        matches!(self.how, How::Engine(_))
    }
}

const fn engine(
    name: &'static str,
    make: fn() -> Arc<dyn Tokenizer>,
    about: &'static str,
    licence: &'static str,
) -> Known {
    Known { name, about, licence, how: How::Engine(make) }
}

/// One of the vocabularies that a small build leaves out.
const fn open(
    name: &'static str,
    make: fn() -> Arc<dyn Tokenizer>,
    about: &'static str,
    licence: &'static str,
) -> Known {
    if cfg!(feature = "open-models") { engine(name, make, about, licence) } else { estimated(name, about, licence) }
}

const fn estimated(name: &'static str, about: &'static str, licence: &'static str) -> Known {
    Known { name, about, licence, how: How::Estimate }
}

/// Every tokenizer that has a name here, built in or not, in the order of the documentation.
#[rustfmt::skip]
pub const TOKENIZERS: &[Known] = &[
    engine("r50k_base",     || ByteLevel::shared(&bpe::R50K),   "OpenAI: GPT-2, GPT-3 (davinci); Phi-1 and 2", "MIT"),
    engine("p50k_base",     || ByteLevel::shared(&bpe::P50K),   "OpenAI: Codex, text-davinci-002 and 003", "MIT"),
    engine("cl100k_base",   || ByteLevel::shared(&bpe::CL100K), "OpenAI: GPT-4, GPT-3.5, embeddings 2 and 3; Phi-4", "MIT"),
    engine("o200k_base",    || ByteLevel::shared(&bpe::O200K),  "OpenAI: GPT-4o, 4.1, 4.5, o1 to o4, GPT-5", "MIT"),
    engine("o200k_harmony", || ByteLevel::shared(&bpe::HARMONY), "OpenAI: gpt-oss (o200k_base with other special tokens)", "Apache-2.0"),
    #[cfg(feature = "llama")]
    engine("llama2",         || SentencePiece::shared(&spm::LLAMA2), "Meta: Llama 2, Code Llama; Phi-3-mini", "Llama 2 Community License"),
    #[cfg(not(feature = "llama"))]
    estimated("llama2",         "Meta: Llama 2, Code Llama; Phi-3-mini", "Llama 2 Community License"),
    #[cfg(feature = "llama")]
    engine("llama3",         || ByteLevel::shared(&bpe::LLAMA3), "Meta: Llama 3 to 3.3", "Llama 3 Community License"),
    #[cfg(not(feature = "llama"))]
    estimated("llama3",         "Meta: Llama 3 to 3.3", "Llama 3 Community License"),
    #[cfg(feature = "llama")]
    engine("llama4",         || ByteLevel::shared(&bpe::LLAMA4), "Meta: Llama 4", "Llama 4 Community License"),
    #[cfg(not(feature = "llama"))]
    estimated("llama4",         "Meta: Llama 4", "Llama 4 Community License"),
    open("mistral_v1_spm", || SentencePiece::shared(&spm::MISTRAL_V1), "Mistral: 7B v0.1, Mixtral 8x7B", "Apache-2.0"),
    open("mistral_v3_spm", || SentencePiece::shared(&spm::MISTRAL_V3), "Mistral: 7B v0.3, 8x22B, Large 2407, Codestral 2405", "Apache-2.0"),
    open("mistral_tekken", || ByteLevel::shared(&bpe::MISTRAL_TEKKEN), "Mistral: Nemo, Small 3, Pixtral, Magistral, Devstral, Medium 3", "Apache-2.0"),
    estimated("gemma2",         "Google: Gemma 2, Gemini 1", "Gemma Terms of Use"),
    open("gemma3",         || SentencePiece::shared(&spm::GEMMA3), "Google: Gemma 3, Gemini 2.0 to 3", "Gemma Terms of Use"),
    open("gemma4",         || SentencePiece::shared(&spm::GEMMA4), "Google: Gemma 4, Gemini 3.1 and 3.5", "Apache-2.0"),
    open("qwen2",          || ByteLevel::shared(&bpe::QWEN2), "Alibaba: Qwen 1 to 3, QwQ; Voyage 3", "Apache-2.0"),
    open("qwen3_5",        || ByteLevel::shared(&bpe::QWEN3_5), "Alibaba: Qwen 3.5 and 3.6", "Apache-2.0"),
    open("deepseek_v3",    || ByteLevel::shared(&bpe::DEEPSEEK_V3), "DeepSeek: V3, R1, V4", "MIT"),
    open("glm4",           || ByteLevel::shared(&bpe::GLM4), "Z.ai: GLM-4.5 to 4.7", "MIT"),
    open("glm5",           || ByteLevel::shared(&bpe::GLM5), "Z.ai: GLM-5", "MIT"),
    open("kimi_k2",        || ByteLevel::shared(&bpe::KIMI_K2), "Moonshot: Kimi K2, K3", "Modified MIT"),
    open("minimax_m2",     || ByteLevel::shared(&bpe::MINIMAX_M2), "MiniMax: M2", "Modified MIT"),
    estimated("command_r",      "Cohere: Command R, R+", "CC-BY-NC-4.0 with the weights"),
    open("gpt_neox",       || ByteLevel::shared(&bpe::GPT_NEOX), "EleutherAI: GPT-NeoX, Pythia; MPT, StableLM", "Apache-2.0"),
    estimated("bloom",          "BigScience: BLOOM", "RAIL"),
    estimated("grok1",          "xAI: Grok-1", "Apache-2.0"),
    open("claude_legacy",  || ByteLevel::shared(&bpe::CLAUDE_LEGACY), "Anthropic: Claude 1, 2, Instant", "Apache-2.0"),
    #[cfg(feature = "claude")]
    engine("claude_v3",     || Claude::shared(&claude::V3),  "Anthropic: Claude 3 to Opus and Sonnet 4.6, Haiku 4.5", "MIT (reconstructed by ctok)"),
    #[cfg(not(feature = "claude"))]
    estimated("claude_v3",      "Anthropic: Claude 3 to Opus and Sonnet 4.6, Haiku 4.5", "not published"),
    #[cfg(feature = "claude")]
    engine("claude_v4_7",   || Claude::shared(&claude::V4_7), "Anthropic: Claude Opus 4.7 and later models", "MIT (reconstructed by ctok)"),
    #[cfg(not(feature = "claude"))]
    estimated("claude_v4_7",    "Anthropic: Claude Opus 4.7 and later models", "not published"),
    estimated("grok",           "xAI: Grok 2 and later", "not published"),
    estimated("nova",           "Amazon: Nova", "not published"),
    estimated("unknown",        "any model whose tokenizer is not known", "not published"),
];

/// The name under which a model is counted whose tokenizer nobody knows.
pub const UNKNOWN: &str = "unknown";

/// All names, in the order of [`TOKENIZERS`].
pub fn names() -> impl Iterator<Item = &'static str> {
    TOKENIZERS.iter().map(|known| known.name)
}

/// Whether there is a tokenizer of this name.
#[must_use]
pub fn is_known(name: &str) -> bool {
    names().any(|known| known == name)
}

/// Why a tokenizer could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// No tokenizer has this name; `suggestions` are the nearest that exist.
    #[error("no tokenizer is called {name:?}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest known names, best first.
        suggestions: Vec<&'static str>,
    },
    /// The file could not be read.
    #[error("{path}: cannot be read: {reason}", path = path.display())]
    Unreadable {
        /// The file that was asked for.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The file is not a `tokenizer.json` that counts.
    #[error("{path}: is not a usable tokenizer.json: {reason}", path = path.display())]
    Broken {
        /// The file that was read.
        path: PathBuf,
        /// What is wrong with it.
        reason: VocabularyError,
    },
    /// A vocabulary that the user added cannot be had.
    #[error(transparent)]
    Stored(#[from] store::StoreError),
}

impl TokenizerError {
    /// The next step, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        Some(match self {
            TokenizerError::Unknown { suggestions, .. } => format!(
                "{}`farebox tokenizers` lists all names; a file of your own is used with \
                 `--tokenizer path/to/tokenizer.json`",
                did_you_mean(suggestions)
            ),
            TokenizerError::Unreadable { .. } => "give the path of a Hugging Face `tokenizer.json`".to_owned(),
            TokenizerError::Broken { reason, .. } => return reason.help().or_else(|| Some(DOWNLOAD.to_owned())),
            TokenizerError::Stored(error) => return error.help(),
        })
    }
}

const DOWNLOAD: &str =
    "download the file again, and check that it is the model's `tokenizer.json`, not `tokenizer_config.json`";

fn did_you_mean(suggestions: &[&str]) -> String {
    match suggestions {
        [] => String::new(),
        names => format!("did you mean {}? ", names.join(" or ")),
    }
}

/// Finds a tokenizer by its name in [`TOKENIZERS`]; costs nothing until the first count.
///
/// # Errors
/// [`TokenizerError::Unknown`] with the nearest names when there is none of that name.
///
/// # Examples
/// ```
/// use farebox_tokenizer::{Basis, load};
/// assert_eq!(load("cl100k_base")?.count("tokens").basis, Basis::Exact);
/// assert_eq!(load("grok")?.count("tokens").basis, Basis::Estimated);
/// assert!(load("cl100k").err().and_then(|error| error.help()).unwrap().contains("did you mean cl100k_base?"));
/// # Ok::<(), farebox_tokenizer::TokenizerError>(())
/// ```
pub fn load(name: &str) -> Result<Arc<dyn Tokenizer>, TokenizerError> {
    match TOKENIZERS.iter().find(|known| known.name == name) {
        Some(Known { how: How::Engine(make), .. }) => Ok(make()),
        Some(known) => Ok(Arc::new(Estimator::of(known.name))),
        None => Err(TokenizerError::Unknown { name: name.to_owned(), suggestions: nearest(name) }),
    }
}

/// Up to three known names that look like `name`.
fn nearest(name: &str) -> Vec<&'static str> {
    let asked = name.to_lowercase().replace(['-', '.', ' ', '/'], "_");
    let mut near = near(&asked, names(), 0.85);
    near.truncate(3);
    near
}

/// Reads a Hugging Face `tokenizer.json`; see [`hf`] for what is done about special tokens.
///
/// # Errors
/// [`TokenizerError::Unreadable`] and [`TokenizerError::Broken`], which name the file and what is wrong with it.
pub fn from_file(path: impl AsRef<Path>) -> Result<Arc<dyn Tokenizer>, TokenizerError> {
    Ok(Arc::new(hf::HuggingFace::open(path.as_ref())?))
}

/// Counts a text that comes in blocks, in flat memory; the answer does not depend on how it was cut into blocks.
///
/// The text is handed to the tokenizer in parts that end where the tokenizer always ends a piece (see [`cut`]), so the
/// counts of the parts add up to the count of the whole. Where 4 MiB have no such place, the text is cut all the same
/// and the count becomes an estimate whose range allows for it.
///
/// # Examples
/// ```
/// use farebox_tokenizer::{StreamCounter, load};
/// let mut counter = StreamCounter::new(load("o200k_base")?);
/// for block in ["hel", "lo wor", "ld"] {
///     counter.push(block);
/// }
/// assert_eq!(counter.finish().tokens, 2);
/// # Ok::<(), farebox_tokenizer::TokenizerError>(())
/// ```
pub struct StreamCounter {
    tokenizer: Arc<dyn Tokenizer>,
    pending: String,
    /// Bytes of `pending` that were looked through and have no cut.
    seen: usize,
    total: TokenCount,
    /// Whether a part has been counted.
    started: bool,
    threads: Option<usize>,
    /// Bytes that were counted here: a short text needs no other thread.
    counted: usize,
    workers: Option<Workers>,
}

/// Bytes that a count goes through before it starts other threads.
const ALONE: usize = 1 << 20;

impl StreamCounter {
    /// Starts a count.
    #[must_use]
    pub fn new(tokenizer: Arc<dyn Tokenizer>) -> Self {
        Self::with_threads(tokenizer, Some(1))
    }

    /// Starts a count that uses so many threads once the text turns out to be long, or as many as the machine runs at once;
    /// the answer is the same.
    #[must_use]
    pub fn with_threads(tokenizer: Arc<dyn Tokenizer>, threads: Option<usize>) -> Self {
        StreamCounter {
            tokenizer,
            pending: String::new(),
            seen: 0,
            total: TokenCount::default(),
            started: false,
            threads,
            counted: 0,
            workers: None,
        }
    }

    /// Takes the next block of the text.
    pub fn push(&mut self, block: &str) {
        // A block of any size is taken in slices, so that no more than one chunk is copied beyond the longest stretch.
        let mut rest = block;
        while !rest.is_empty() {
            let (slice, after) = rest.split_at(cut::floor_char_boundary(rest, cut::CHUNK));
            self.pending.push_str(slice);
            rest = after;
            self.count_what_is_certain();
        }
    }

    /// Ends the text and says its count.
    #[must_use]
    pub fn finish(mut self) -> TokenCount {
        self.total += count_next(&*self.tokenizer, &mut self.started, &self.pending);
        if let Some(workers) = self.workers.take() {
            self.total += workers.finish();
        }
        self.total
    }

    fn count_what_is_certain(&mut self) {
        let (mut done, cuts) = (0, self.tokenizer.cuts());
        while let Some(Cut { at, forced }) = cut::next_cut_beyond(&self.pending[done..], cuts, self.seen) {
            self.seen = 0;
            let part = &self.pending[done..done + at];
            match &self.workers {
                Some(workers) => workers.push(part, forced, std::mem::replace(&mut self.started, true)),
                None => self.total += cut::part(part, forced, |p| count_next(&*self.tokenizer, &mut self.started, p)),
            }
            done += at;
        }
        self.counted = self.counted.saturating_add(done);
        if self.threads != Some(1) && self.counted >= ALONE && self.workers.is_none() {
            // To ask takes longer than to count a short text.
            let threads = *self.threads.get_or_insert_with(parallel::available);
            self.workers = (threads > 1).then(|| Workers::start(&self.tokenizer, threads)).flatten();
        }
        self.pending.drain(..done);
        self.seen = self.pending.len();
    }
}

/// Counts the next part of a text; the first is where the text begins.
fn count_next(tokenizer: &dyn Tokenizer, started: &mut bool, part: &str) -> TokenCount {
    if std::mem::replace(started, true) { tokenizer.count_rest(part) } else { tokenizer.count(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_all_load() {
        for (i, known) in TOKENIZERS.iter().enumerate() {
            assert!(TOKENIZERS[..i].iter().all(|other| other.name != known.name), "{}", known.name);
            assert_eq!(load(known.name).unwrap().name(), known.name);
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_and_the_way_out() {
        let error = load("o200k-bse").err().unwrap();
        let shown = format!("{error}\n  help: {}", error.help().unwrap());
        insta::assert_snapshot!(shown, @r#"
        no tokenizer is called "o200k-bse"
          help: did you mean o200k_base? `farebox tokenizers` lists all names; a file of your own is used with `--tokenizer path/to/tokenizer.json`
        "#);
        assert!(load("zzz").err().unwrap().help().unwrap().starts_with("`farebox tokenizers`"));
    }

    #[test]
    fn a_sum_rests_on_its_worst_part() {
        let mut sum = TokenCount::exact(1);
        sum += TokenCount { tokens: 2, low: 1, high: 3, basis: Basis::Reconstructed };
        sum += TokenCount { tokens: 2, low: 1, high: 4, basis: Basis::Assumed };
        assert_eq!(sum, TokenCount { tokens: 5, low: 3, high: 8, basis: Basis::Assumed });
        assert_eq!(serde_json::to_value(sum).unwrap()["basis"], "assumed");
    }
}
