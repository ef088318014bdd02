//! `farebox tokenizers`: which vocabularies are known, and how well each is counted.

use serde_json::json;

use super::shared::OutputFlags;
use crate::error::Error;
use crate::report::{Cell, Column, Report, Tone};
use crate::tokenizer::TOKENIZERS;

/// List the tokenizers that are known, and how each is counted
#[derive(Debug, clap::Args)]
#[command(after_help = "A tokenizer.json of your own: farebox count --tokenizer path/to/tokenizer.json FILE")]
pub(crate) struct Args {
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    let mut report = Report::new([
        Column::text("tokenizer", "tokenizer"),
        Column::text("basis", "counted"),
        Column::text("about", "models"),
        Column::text("licence", "licence of the vocabulary"),
    ]);
    for known in TOKENIZERS {
        let basis = known.basis().name();
        let tone = if known.is_built_in() { Tone::Good } else { Tone::Warn };
        report.push(
            [Cell::text(known.name), Cell::text(basis).tone(tone), Cell::text(known.about), Cell::text(known.licence)],
            json!({"tokenizer": known.name, "basis": basis, "about": known.about, "licence": known.licence}),
        );
    }
    args.output.write(report)
}
