//! `farebox prices import`: what a public price database says, as a price file or beside the table.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::out::Out;
use super::say;
use super::shared::{OutputFlags, Setup, TableFlags};
use crate::cli::choice::choice;
use crate::cli::error::Error;
use farebox::jobs::error::with_help;
use farebox::jobs::prices::import::{comparison, database_notes, listed_provider, unread};
use farebox::pricing::import::compare::{ComparedItem, Verdict, compare};
use farebox::pricing::import::{Database, DatabaseFormat, ImportError, read, write};
use farebox::report::Format;

/// Read a public price database: print it as a price file, or compare it with the table
///
/// Reads the databases' own formats: LiteLLM's JSON, genai-prices' data.json, models.dev's api.json, OpenRouter's list of
/// models, llm-prices' JSON. Prices are read digit by digit. Whatever the file says and a price file cannot hold is
/// counted, and listed with --unread.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    farebox prices import data.json --provider mistral > mistral.yaml\n  \
    farebox prices import model_prices_and_context_window.json --compare --provider openai\n  \
    farebox prices import api.json --unread")]
pub(crate) struct ImportArgs {
    /// The database's file; - for standard input
    file: PathBuf,
    /// Whose format it is; the content decides when left out
    #[arg(long, value_parser = choice(DatabaseFormat::ALL, DatabaseFormat::name, DatabaseFormat::about), value_name = "DATABASE")]
    from: Option<DatabaseFormat>,
    /// Only this provider, by its id in the table or in the file; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER")]
    provider: Vec<String>,
    /// Compare with the table in force rather than print a price file
    #[arg(long)]
    compare: bool,
    /// With --compare: the rows to show; all but the same when left out; repeatable
    #[arg(long, value_parser = choice(Verdict::ALL, Verdict::name, Verdict::about), requires = "compare", value_name = "VERDICT")]
    show: Vec<Verdict>,
    /// List what the file says and a price file cannot hold
    #[arg(long, conflicts_with = "compare")]
    unread: bool,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn run(args: &ImportArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let text = read_text(&args.file)?;
    let database = read(&text, args.from).map_err(|error| unreadable(&args.file.display().to_string(), &error))?;
    let providers =
        args.provider.iter().map(|name| listed_provider(&setup, &database, name)).collect::<Result<Vec<_>, _>>()?;
    if args.unread {
        return args.output.write(unread(&database));
    }
    if args.compare {
        let compared = compare(&database, &setup.table, setup.at, &providers);
        let is_shown = |row: &ComparedItem| match args.show[..] {
            [] => row.verdict != Verdict::Same,
            _ => args.show.contains(&row.verdict),
        };
        let mut report = comparison(&setup, &database, &compared, is_shown);
        report.notes.extend(database_notes(&database));
        return args.output.write(report);
    }
    if args.output.format != Format::Table {
        return Err(Error::Usage(format!(
            "prices import writes price files, which are YAML, and not {}\n  help: leave out --format and name a .yaml file, or add --compare for a report",
            args.output.format
        )));
    }
    print_files(args, &setup, &database, &providers)
}

/// Prints a document for each provider.
fn print_files(args: &ImportArgs, setup: &Setup, database: &Database, providers: &[String]) -> Result<(), Error> {
    let wanted = |id: &String| providers.is_empty() || providers.contains(id);
    let files = database.providers.iter().filter(|p| wanted(&p.id));
    let files: Vec<String> = files.map(|provider| write::imported(database, provider, setup.at)).collect();
    Out::open(args.output.output.as_deref())?.write_with(|out| out.write_all(files.join("---\n").as_bytes()))?;
    if !args.output.quiet {
        database_notes(database).iter().for_each(|note| say(&format!("note: {note}")));
    }
    Ok(())
}

pub(super) fn read_text(path: &Path) -> Result<String, Error> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes)?;
        bytes
    } else {
        farebox::input::text::read_bytes(path)?
    };
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::prices(format!("{} is not UTF-8 text: byte {at} is broken", path.display()))
    })
}

/// The error of a file that is no database.
pub(super) fn unreadable(name: &str, error: &ImportError) -> Error {
    Error::prices(format!("{name}: {}", with_help(error, error.help())))
}
