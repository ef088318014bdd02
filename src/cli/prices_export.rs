//! `farebox prices export`: the table as data for other programs.

use std::path::PathBuf;

use super::choice::choice;
use super::out::Out;
use super::say;
use super::shared::TableFlags;
use crate::cli::error::Error;
use farebox::jobs::prices::export::{ExportForm, ExportQuery, FocusVersion, export};

/// Write the table as data for other programs: flat rows, or the form of another database
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox prices export --as csv -o prices.csv
  farebox prices export --as litellm -o model_prices_and_context_window.json
  farebox prices export --as json --provider openai

The same table gives the same bytes on every day. The forms of other databases hold what can be bought on the day of the
table, or on that of --at; what they have no place for is counted on stderr. docs/price-data.md describes the fields.")]
pub(crate) struct ExportArgs {
    /// Form of the data
    #[arg(long = "as", value_parser = choice(ExportForm::ALL, ExportForm::name, ExportForm::about), value_name = "FORM")]
    form: ExportForm,
    /// Only this provider; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER")]
    provider: Vec<String>,
    /// Version of the FOCUS specification, for --as focus
    #[arg(long, value_parser = choice(FocusVersion::ALL, FocusVersion::name, FocusVersion::about), default_value_t = FocusVersion::Draft, value_name = "VERSION")]
    focus_version: FocusVersion,
    /// Write to a file, which appears only when it is whole
    #[arg(long, short = 'o', value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Print no notes on stderr
    #[arg(long, short = 'q', help_heading = "Output")]
    quiet: bool,
    #[command(flatten)]
    prices: TableFlags,
}

pub(crate) fn run(args: &ExportArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let query = ExportQuery { form: args.form, providers: args.provider.clone(), focus: args.focus_version };
    let out = Out::open(args.output.as_deref())?;
    let notes = out.write_with(|out| export(&query, &setup, out).map_err(Error::from))?;
    if !args.quiet {
        notes.iter().flatten().for_each(|note| say(&format!("note: {note}")));
    }
    Ok(())
}
