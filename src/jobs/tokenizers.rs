//! Which tokenizer counts for a model: [`TokenizerChoice`]; and which tokenizers there are, built in or added by a user:
//! [`list`], [`show`], [`verify`].

use std::sync::Arc;

use serde::Serialize;

use super::{JobError, Setup};
use crate::jobs::plural;
use crate::period::Instant;
use crate::pricing::Found;
use crate::report::{Cell, Report, Tone, TypedTable};
use crate::tokenizer::chat::{Day, Framing};
use crate::tokenizer::media::MediaRules;
use crate::tokenizer::store::{Entry, Store, StoreError};
use crate::tokenizer::{
    Basis, Known, StreamCounter, TOKENIZERS, TokenCount, Tokenizer, TokenizerError, UNKNOWN, is_known, load,
};

/// A tokenizer to count with, and whether it is the model's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenizerChoice {
    /// Name of the tokenizer.
    pub name: String,
    /// Whether it is only assumed to be the model's.
    pub assumed: bool,
}

impl TokenizerChoice {
    /// The tokenizer of a card at the instant of a setup.
    #[must_use]
    pub(crate) fn of(found: &Found, setup: &Setup) -> TokenizerChoice {
        TokenizerChoice::at(found, setup.at, setup)
    }

    /// The tokenizer of a card at an instant; a model whose tokenizer is not known gets an estimate.
    #[must_use]
    pub(crate) fn at(found: &Found, at: Instant, setup: &Setup) -> TokenizerChoice {
        match found.model.tokenizer_at(at) {
            Some(t) if is_known(&t.name) || setup.is_added(&t.name) => {
                TokenizerChoice { name: t.name.clone(), assumed: t.assumed }
            }
            _ => TokenizerChoice { name: UNKNOWN.to_owned(), assumed: false },
        }
    }

    /// How the requests of a model are framed at the instant of a setup.
    ///
    /// # Errors
    /// [`TokenizerError`] where its vocabulary cannot be loaded.
    pub(crate) fn framing(&self, found: &Found, setup: &Setup) -> Result<Framing, TokenizerError> {
        let tokenizer = setup.tokenizer(&self.name)?;
        Ok(Framing::of(&found.full_id(), tokenizer, self.assumed).on(day(setup.at)))
    }

    /// The most tokens by this tokenizer that are at most `tokens` of the model: less where it is only assumed.
    #[must_use]
    pub(crate) fn certain(&self, tokens: u64) -> u64 {
        if !self.assumed {
            return tokens;
        }
        let least = u128::from(tokens.saturating_sub(2));
        // The inverse of TokenCount::assumed: 15 % on top, and at least two.
        u64::try_from((u128::from(tokens) * 100 / 115).min(least)).unwrap_or(tokens)
    }

    /// What was counted with it: a range where it is only assumed.
    #[must_use]
    pub(crate) fn finish(&self, counter: StreamCounter) -> TokenCount {
        let count = counter.finish();
        if self.assumed { count.assumed() } else { count }
    }
}

/// The day whose rules hold for what is counted at a moment.
pub(crate) fn day(at: Instant) -> Day {
    let date = at.date();
    Day::new(date.year(), date.month(), date.day())
}

impl Setup {
    /// What attachments cost on a model at this instant.
    #[must_use]
    pub(crate) fn media_rules(&self, found: &Found) -> MediaRules {
        MediaRules::of(&found.full_id(), Some(day(self.at)))
    }

    /// The tokenizer of a name: one that the user added, else one that is built in.
    ///
    /// # Errors
    /// [`TokenizerError`] where there is none of this name, or its file is damaged.
    pub(crate) fn tokenizer(&self, name: &str) -> Result<Arc<dyn Tokenizer>, TokenizerError> {
        load_from(self.vocabularies.as_ref(), name)
    }

    /// Whether the user added a vocabulary of this name.
    #[must_use]
    pub(crate) fn is_added(&self, name: &str) -> bool {
        self.vocabularies.as_ref().is_some_and(|store| matches!(store.entry(name), Ok(Some(_))))
    }
}

/// The tokenizer of a name: one that the user added, else one that is built in.
///
/// # Errors
/// [`TokenizerError`] where there is none of this name, or its file is damaged.
pub(crate) fn load_from(added: Option<&Store>, name: &str) -> Result<Arc<dyn Tokenizer>, TokenizerError> {
    added.map_or_else(|| load(name), |store| store.load(name))
}

/// A failure of a store; one of the system stays one.
pub fn stored(error: StoreError) -> JobError {
    match error {
        StoreError::Io { path, error } => {
            JobError::Io(std::io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        }
        error => JobError::Tokenizer(TokenizerError::Stored(error)),
    }
}

fn entries(added: Option<&Store>) -> Result<Vec<Entry>, JobError> {
    added.map_or_else(|| Ok(Vec::new()), |store| store.entries().map_err(stored))
}

/// A tokenizer of the list.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct KnownTokenizerRow {
    /// The name that it is asked for by.
    pub tokenizer: String,
    /// What its counts rest on: `exact`, `reconstructed` or `estimated`.
    pub basis: &'static str,
    /// Whose it is, which models have it, and from which file it was added.
    pub about: String,
    /// Under what terms its vocabulary can be had.
    pub licence: String,
    /// `built in`, or the form of the file that it was added from.
    pub form: Option<String>,
    /// The sha256 of the file that its vocabulary was made from, where it is here.
    pub sha256: Option<String>,
}

/// One thing that is known of a tokenizer.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TokenizerFactRow {
    /// What it is.
    pub what: &'static str,
    /// What it is for this tokenizer.
    pub value: String,
}

impl KnownTokenizerRow {
    fn built_in(known: &Known) -> Self {
        KnownTokenizerRow {
            tokenizer: known.name.to_owned(),
            basis: known.basis().name(),
            about: known.about.to_owned(),
            licence: known.licence.to_owned(),
            form: known.is_built_in().then(|| "built in".to_owned()),
            sha256: source_hash(known.name),
        }
    }

    fn added(entry: Entry) -> Self {
        let form = serde_json::to_value(entry.form).ok().and_then(|form| form.as_str().map(str::to_owned));
        let known = TOKENIZERS.iter().find(|known| known.name == entry.name);
        let about = known.map(|known| format!("{}; ", known.about)).unwrap_or_default();
        KnownTokenizerRow {
            about: format!("{about}added from {}", entry.source),
            tokenizer: entry.name,
            basis: Basis::Exact.name(),
            licence: "that of the file".to_owned(),
            form,
            sha256: Some(entry.sha256),
        }
    }

    fn facts(&self) -> impl Iterator<Item = TokenizerFactRow> {
        let facts = [
            ("counted", Some(self.basis.to_owned())),
            ("models", Some(self.about.clone())),
            ("form", self.form.clone()),
            ("licence of the vocabulary", Some(self.licence.clone())),
            ("sha256 of its source", self.sha256.clone()),
        ];
        facts.into_iter().filter_map(|(what, value)| Some(TokenizerFactRow { what, value: value? }))
    }
}

/// The hash of the file that a built-in vocabulary was packed from, by the list that goes with the vocabularies.
fn source_hash(name: &str) -> Option<String> {
    let name = match name {
        "gemma3" => "gemma4",
        "o200k_harmony" => "o200k_base",
        name => name,
    };
    let lines = farebox_data::SOURCES.lines();
    let mut fields = lines.map(|line| line.split(',')).find(|fields| fields.clone().next() == Some(name))?;
    fields.nth(1).map(str::to_owned)
}

fn rows(added: Option<&Store>) -> Result<Vec<KnownTokenizerRow>, JobError> {
    let mut added = entries(added)?;
    let mut rows = Vec::new();
    for known in TOKENIZERS {
        let place = added.iter().position(|entry| entry.name == known.name && !known.is_built_in());
        rows.push(match place {
            Some(at) => KnownTokenizerRow::added(added.remove(at)),
            None => KnownTokenizerRow::built_in(known),
        });
    }
    rows.extend(added.into_iter().map(KnownTokenizerRow::added));
    Ok(rows)
}

/// Lists the tokenizers that are known and those that were added.
///
/// # Errors
/// [`JobError`] where the added ones cannot be read.
pub fn list(added: Option<&Store>) -> Result<Report, JobError> {
    let estimated = |row: &KnownTokenizerRow| row.basis == Basis::Estimated.name();
    let tone = move |row: &KnownTokenizerRow| if estimated(row) { Tone::Warn } else { Tone::Good };
    let table = TypedTable::new()
        .text("tokenizer", "tokenizer", |row: &KnownTokenizerRow| Cell::text(&row.tokenizer))
        .text("basis", "counted", move |row| Cell::text(row.basis).tone(tone(row)))
        .text("about", "models", |row| Cell::text(&row.about))
        .text("licence", "licence of the vocabulary", |row| Cell::text(&row.licence));
    let mut report = table.report(rows(added)?);
    report.entitle("Tokenizers", plural(report.rows.len() as u64, "tokenizer"));
    Ok(report)
}

/// What is known of one tokenizer.
///
/// # Errors
/// [`JobError::Tokenizer`] with the nearest names where there is none of this name.
pub fn show(name: &str, added: Option<&Store>) -> Result<Report, JobError> {
    let row = rows(added)?.into_iter().find(|row| row.tokenizer == name).ok_or_else(|| unknown(name))?;
    let mut report = TypedTable::new()
        .text("what", "", |row: &TokenizerFactRow| Cell::text(row.what))
        .text("value", "value", |row| Cell::text(&row.value))
        .report(row.facts());
    report.entitle(&row.tokenizer, format!("counted: {}", row.basis));
    report.state_all(&row);
    Ok(report)
}

/// The error for a name that is neither built in nor added, with the nearest names.
fn unknown(name: &str) -> JobError {
    match load(name) {
        Err(error) => JobError::Tokenizer(error),
        Ok(_) => JobError::asked(format!("{name} was not added"), "`farebox tokenizers` lists all"),
    }
}

/// Hashes and reads the added vocabularies again, or counts a sample with a built-in one and its reference.
///
/// * `say`: takes what was found, line by line.
/// * returns: what failed, where something did.
///
/// # Errors
/// [`JobError`] for a name that is not known, or files that cannot be read.
pub fn verify(
    name: Option<&str>,
    added: Option<&Store>,
    say: &mut dyn FnMut(&str),
) -> Result<Option<String>, JobError> {
    let mut entries = entries(added)?;
    if let Some(name) = name {
        entries.retain(|entry| entry.name == name);
        if entries.is_empty() {
            return verify_built_in(name, say);
        }
    }
    let mut failed = 0;
    for (store, entry) in added.iter().flat_map(|store| entries.iter().map(move |entry| (store, entry))) {
        match store.open(entry) {
            Ok(_) => say(&format!("{}: as it was added, sha256 {:.12}", entry.name, entry.sha256)),
            Err(error @ StoreError::Io { .. }) => return Err(stored(error)),
            Err(error) => {
                failed += 1;
                say(&format!("error: {}", stored(error).with_help()));
            }
        }
    }
    if entries.is_empty() {
        say("nothing was added; name a built-in tokenizer to compare it with its reference");
    }
    let failure = || format!("{failed} of {} added vocabularies are damaged", entries.len());
    Ok((failed > 0).then(failure))
}

/// What a built-in tokenizer and its reference count: words, scripts, spaces, digits, code.
#[cfg(feature = "reference")]
const SAMPLE: &str = "The quick brown fox didn't jump; 1234567 over\n\n  the LAZY dog\u{2014}\u{4f60}\u{597d}\u{3002}\t\tEnd.\n\
                      \u{41f}\u{440}\u{438}\u{432}\u{435}\u{442} \u{645}\u{631}\u{62d}\u{628}\u{627} e\u{301} \u{1f468}\u{200d}\u{1f469} x[i] += f(\"<td>\", 0xFF);";

#[cfg(feature = "reference")]
fn verify_built_in(name: &str, say: &mut dyn FnMut(&str)) -> Result<Option<String>, JobError> {
    let ours = load(name)?.count(SAMPLE).tokens;
    let reference = crate::tokenizer::reference::Reference::of(name)?;
    let by = reference.crate_name();
    match reference.count(SAMPLE) {
        Err(error) => Ok(Some(error.to_string())),
        Ok(theirs) if theirs != ours => Ok(Some(format!("{name} counts {ours} tokens and {by} {theirs}"))),
        Ok(_) => {
            say(&format!("{name}: {ours} tokens of a sample, as {by} counts"));
            Ok(None)
        }
    }
}

#[cfg(not(feature = "reference"))]
fn verify_built_in(name: &str, _: &mut dyn FnMut(&str)) -> Result<Option<String>, JobError> {
    load(name)?;
    let help = "build farebox with the feature reference";
    Err(JobError::asked(format!("{name} cannot be verified: no second implementation of it is in this build"), help))
}

/// Removes a vocabulary that was added.
///
/// # Errors
/// [`JobError`] where none of this name was added, or the system refuses.
pub fn remove(name: &str, added: &Store) -> Result<(), JobError> {
    if added.remove(name).map_err(stored)? {
        return Ok(());
    }
    Err(match TOKENIZERS.iter().any(|known| known.name == name) {
        true => {
            JobError::asked(format!("{name} is known to farebox and was not added"), "only added ones can be removed")
        }
        false => unknown(name),
    })
}
