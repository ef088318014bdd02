//! `farebox tokenizers`: which vocabularies are known, how well each is counted, and those that the user adds.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::data::tokenizers as store;
use super::say;
use super::shared::OutputFlags;
use crate::cli::error::Error;
use farebox::report::{Cell, Column, Report, Tone};
use farebox::tokenizer::reference::Reference;
use farebox::tokenizer::store::{Entry, StoreError};
use farebox::tokenizer::{Basis, Known, TOKENIZERS, TokenizerError, load};

/// List the tokenizers that are known and how each is counted, or add a vocabulary
///
/// A vocabulary is added from the file that the model was published with: Hugging Face's tokenizer.json, a .tiktoken, Mistral's
/// tekken.json, a SentencePiece .model, or a GGUF. It is kept in the user's data folder (FAREBOX_DATA_DIR names another) and
/// counts under its name from then on; command_r, gemma2, bloom and others whose count is an estimate are replaced by it.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  farebox tokenizers
  farebox tokenizers add command-r/tokenizer.json --name command_r
  farebox tokenizers add mine.tiktoken --like cl100k_base
  farebox tokenizers verify

A file is used once without being added: farebox count --tokenizer path/to/tokenizer.json FILE")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    output: OutputFlags,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the tokenizers that are known and how each is counted
    List {
        #[command(flatten)]
        output: OutputFlags,
    },
    /// Keep a vocabulary and count with it by name
    Add {
        /// tokenizer.json, .tiktoken, tekken.json, SentencePiece .model or GGUF
        file: PathBuf,
        /// The name to count with; that of the file when left out
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// The encoding that a .tiktoken file splits text like, such as cl100k_base
        #[arg(long, value_name = "ENCODING")]
        like: Option<String>,
    },
    /// Show one tokenizer: where its vocabulary is from, its hash and licence
    Show {
        /// A name of the list
        name: String,
        #[command(flatten)]
        output: OutputFlags,
    },
    /// Hash and read the added vocabularies again; a built-in one counts a sample beside its reference
    Verify {
        /// One name; all that were added when left out
        name: Option<String>,
    },
    /// Remove a vocabulary that was added
    Remove {
        /// Its name
        name: String,
    },
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    match args.what {
        None => list(args.output),
        Some(What::List { output }) => list(output),
        Some(What::Add { file, name, like }) => {
            let entry = store()?.add(&file, name.as_deref(), like.as_deref()).map_err(failure)?;
            say(&format!("added {}: {} bytes, sha256 {:.12}", entry.name, entry.bytes, entry.sha256));
            Ok(())
        }
        Some(What::Show { name, output }) => show(&name, output),
        Some(What::Verify { name }) => verify(name.as_deref()),
        Some(What::Remove { name }) => remove(&name),
    }
}

/// A failure of the system keeps its exit code.
fn failure(error: StoreError) -> Error {
    match error {
        StoreError::Io { path, error } => {
            Error::Io(std::io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        }
        error => Error::Tokenizer(TokenizerError::Stored(error)),
    }
}

/// What was added; nothing where no data folder is known.
fn added() -> Result<Vec<Entry>, Error> {
    store().map_or_else(|_| Ok(Vec::new()), |store| store.entries().map_err(failure))
}

/// A line of the list.
struct Row {
    name: String,
    basis: Basis,
    about: String,
    licence: String,
    /// The sha256 of the file that its vocabulary was made from, where it is here.
    sha256: Option<String>,
    form: Option<String>,
}

impl Row {
    fn built_in(known: &Known) -> Row {
        Row {
            name: known.name.to_owned(),
            basis: known.basis(),
            about: known.about.to_owned(),
            licence: known.licence.to_owned(),
            sha256: source_hash(known.name),
            form: known.is_built_in().then(|| "built in".to_owned()),
        }
    }

    fn added(entry: Entry) -> Row {
        let form = json!(entry.form).as_str().map(str::to_owned);
        let about = TOKENIZERS.iter().find(|known| known.name == entry.name).map(|known| format!("{}; ", known.about));
        Row {
            about: format!("{}added from {}", about.unwrap_or_default(), entry.source),
            name: entry.name,
            basis: Basis::Exact,
            licence: "that of the file".to_owned(),
            sha256: Some(entry.sha256),
            form,
        }
    }

    fn json(&self) -> Value {
        json!({"tokenizer": self.name, "basis": self.basis, "about": self.about, "licence": self.licence,
               "form": self.form, "sha256": self.sha256})
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

fn rows() -> Result<Vec<Row>, Error> {
    let mut added = added()?;
    let mut rows = Vec::new();
    for known in TOKENIZERS {
        let place = added.iter().position(|entry| entry.name == known.name && !known.is_built_in());
        rows.push(place.map_or_else(|| Row::built_in(known), |at| Row::added(added.remove(at))));
    }
    rows.extend(added.into_iter().map(Row::added));
    Ok(rows)
}

fn list(output: OutputFlags) -> Result<(), Error> {
    let mut report = Report::new([
        Column::text("tokenizer", "tokenizer"),
        Column::text("basis", "counted"),
        Column::text("about", "models"),
        Column::text("licence", "licence of the vocabulary"),
    ]);
    for row in rows()? {
        report.push(
            [Cell::text(&row.name), basis_cell(&row), Cell::text(&row.about), Cell::text(&row.licence)],
            row.json(),
        );
    }
    output.write(report)
}

fn basis_cell(row: &Row) -> Cell {
    let tone = if row.basis == Basis::Estimated { Tone::Warn } else { Tone::Good };
    Cell::text(row.basis.name()).tone(tone)
}

fn show(name: &str, output: OutputFlags) -> Result<(), Error> {
    let Some(row) = rows()?.into_iter().find(|row| row.name == name) else {
        return Err(unknown(name));
    };
    let mut report = Report::new([Column::text("what", ""), Column::text("value", "value")]);
    let facts = [
        ("counted", Some(row.basis.name().to_owned())),
        ("models", Some(row.about.clone())),
        ("form", row.form.clone()),
        ("licence of the vocabulary", Some(row.licence.clone())),
        ("sha256 of its source", row.sha256.clone()),
    ];
    for (what, value) in facts {
        let Some(value) = value else { continue };
        report.push([Cell::text(what), Cell::text(&value)], json!({"what": what, "value": value}));
    }
    if let Value::Object(fields) = row.json() {
        report.machine.extend(fields);
    }
    output.write(report)
}

/// The error for a name that is neither built in nor added, with the nearest names.
fn unknown(name: &str) -> Error {
    match load(name) {
        Err(error) => Error::Tokenizer(error),
        Ok(_) => Error::Usage(format!("{name} was not added\n  help: `farebox tokenizers` lists all")),
    }
}

/// What a built-in tokenizer and its reference count: words, scripts, spaces, digits, code.
const SAMPLE: &str = "The quick brown fox didn't jump; 1234567 over\n\n  the LAZY dog\u{2014}\u{4f60}\u{597d}\u{3002}\t\tEnd.\n\
                      \u{41f}\u{440}\u{438}\u{432}\u{435}\u{442} \u{645}\u{631}\u{62d}\u{628}\u{627} e\u{301} \u{1f468}\u{200d}\u{1f469} x[i] += f(\"<td>\", 0xFF);";

fn verify(name: Option<&str>) -> Result<(), Error> {
    let mut entries = added()?;
    if let Some(name) = name {
        entries.retain(|entry| entry.name == name);
        if entries.is_empty() {
            return verify_built_in(name);
        }
    }
    let mut failed = 0;
    for entry in &entries {
        match store()?.open(entry) {
            Ok(_) => say(&format!("{}: as it was added, sha256 {:.12}", entry.name, entry.sha256)),
            Err(StoreError::Io { path, error }) => return Err(failure(StoreError::Io { path, error })),
            Err(error) => {
                failed += 1;
                say(&format!("error: {error}"));
            }
        }
    }
    match (failed, entries.is_empty()) {
        (0, true) => say("nothing was added; name a built-in tokenizer to compare it with its reference"),
        (0, false) => {}
        _ => return Err(Error::Failed(format!("{failed} of {} added vocabularies are damaged", entries.len()))),
    }
    Ok(())
}

fn verify_built_in(name: &str) -> Result<(), Error> {
    let ours = load(name)?.count(SAMPLE).tokens;
    let reference = Reference::of(name).map_err(|error| Error::Usage(error.to_string()))?;
    let theirs = reference.count(SAMPLE).map_err(|error| Error::Failed(error.to_string()))?;
    if ours != theirs {
        return Err(Error::Failed(format!("{name} counts {ours} tokens and {} {theirs}", reference.crate_name())));
    }
    say(&format!("{name}: {ours} tokens of a sample, as {} counts", reference.crate_name()));
    Ok(())
}

fn remove(name: &str) -> Result<(), Error> {
    if store()?.remove(name).map_err(failure)? {
        say(&format!("removed {name}"));
        return Ok(());
    }
    Err(match TOKENIZERS.iter().any(|known| known.name == name) {
        true => Error::Usage(format!(
            "{name} is known to farebox and was not added\n  help: only added ones can be removed"
        )),
        false => unknown(name),
    })
}
