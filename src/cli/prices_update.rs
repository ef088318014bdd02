//! `farebox prices update`: asks a public price database what changed, and keeps the answer as an overlay.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use super::data::data_folder;
use super::out::Out;
use super::prices_import::unreadable;
use super::shared::{OutputFlags, TableFlags};
use super::{plural, say};
use crate::cli::choice::choice;
use crate::cli::error::Error;
use farebox::jobs::error::with_help;
use farebox::jobs::prices::update::{concern_lines, in_short, report};
use farebox::pricing::import::{DatabaseFormat, read};
use farebox::pricing::update::fetch::{FetchError, Limits, fetch, without_credentials};
use farebox::pricing::update::{ChangeLimits, UpdatePlan, plan};

/// The file that an update writes.
const FILE: &str = "prices-update.yaml";

/// Ask a public price database over the network what changed, and keep it as an overlay
///
/// Beside `prices check --online`, this is the only command of farebox that opens a connection: to the one address that it
/// names, and to where that one sends it. It asks for the database's file, checks it, shows what differs from the table inside of the program, and
/// writes an overlay with the models that changed or are new into the user's data folder, whole or not at all. The
/// overlay is used when it is named: --prices FILE.
///
/// A price of more than 3 times or less than a third of what it was, or more than half of the models gone, is refused, also with
/// --yes, unless --allow-large-changes names a limit that allows it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    farebox prices update --dry-run\n  \
    farebox prices update --source litellm --yes\n  \
    farebox prices update --from https://example.org/prices.json\n\n\
The file is prices-update.yaml in FAREBOX_DATA_DIR, else in the data folder of the system: $XDG_DATA_HOME/farebox or \
~/.local/share/farebox, ~/Library/Application Support/farebox, %APPDATA%\\farebox.")]
pub(crate) struct UpdateArgs {
    /// The database to ask
    #[arg(long, value_parser = choice(DatabaseFormat::ALL, DatabaseFormat::name, DatabaseFormat::about), value_name = "DATABASE", default_value_t = DatabaseFormat::GenaiPrices)]
    source: DatabaseFormat,
    /// Ask this address in place of the database's own; the content says whose format it is
    #[arg(long, value_name = "URL", conflicts_with = "source")]
    from: Option<String>,
    /// Write without asking; large changes are refused all the same
    #[arg(long, short = 'y')]
    yes: bool,
    /// Allow larger changes: price=10 (times as high or as low), price=any, gone=80 (percent of the models), or both with a comma
    #[arg(long, value_name = "LIMITS")]
    allow_large_changes: Option<ChangeLimits>,
    /// Show what would change, and write nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// How long to wait for the whole answer
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn run(args: &UpdateArgs) -> Result<(), Error> {
    let setup = TableFlags::default().setup()?;
    let url = args.from.as_deref().unwrap_or(args.source.file());
    let format = args.from.is_none().then_some(args.source);
    if !args.output.quiet {
        say(&format!("asking {}", without_credentials(url)));
    }
    let shown = &without_credentials(url);
    let limits = Limits { time: Duration::from_secs(args.timeout), ..Limits::default() };
    let bytes = fetch(url, limits).map_err(not_fetched)?;
    let text = String::from_utf8(bytes).map_err(|_| Error::prices(format!("{shown}: the answer is not UTF-8 text")))?;
    let database = read(&text, format).map_err(|error| unreadable(shown, &error))?;
    let limits = args.allow_large_changes.unwrap_or_default();
    let plan =
        plan(&database, &setup.table, &limits, setup.at).map_err(|error| Error::prices(format!("{shown}: {error}")))?;
    args.output.write(report(&setup, &database, &plan))?;
    keep(args, &plan)
}

/// A mistake in the address is the user's, everything else is the network's.
fn not_fetched(error: FetchError) -> Error {
    match error {
        FetchError::NoAddress(_) | FetchError::NotSecure(_) => Error::Usage(with_help(&error, error.help())),
        _ => Error::from(io::Error::other(with_help(&error, error.help()))),
    }
}

/// Writes the overlay, if there is one and it is wanted.
fn keep(args: &UpdateArgs, plan: &UpdatePlan) -> Result<(), Error> {
    concern_lines(plan).iter().for_each(|concern| say(&format!("concern: {concern}")));
    let path = data_folder(|name| std::env::var_os(name))?.join(FILE);
    let is_empty = plan.overlay.is_empty();
    // The overlay of an earlier update says something else than the database does now.
    let (overlay, what) = match is_empty {
        true => (&plan.empty_overlay, "no model, as the table says the same".to_owned()),
        false => (&plan.overlay, in_short(plan)),
    };
    if args.dry_run {
        say(&format!("nothing was written: --dry-run ({what})"));
        return Ok(());
    }
    if !plan.concerns.is_empty() {
        return Err(Error::Failed(format!(
            "nothing was written: see the {} above\n  help: --allow-large-changes {} writes in spite of that",
            plural(plan.concerns.len() as u64, "concern"),
            plan.limits_that_allow()
        )));
    }
    if is_empty && !path.exists() {
        say("nothing to write: the table says the same");
        return Ok(());
    }
    if !args.yes && !asked(&what)? {
        return Err(Error::Usage("nothing was written\n  help: --yes writes without asking".into()));
    }
    write(&path, overlay)?;
    say(&format!("wrote {}: {what}", path.display()));
    say(&format!("use it with --prices {}", shell_word(&path)));
    Ok(())
}

/// Asks on a terminal; elsewhere nobody can answer.
fn asked(what: &str) -> Result<bool, Error> {
    let mut stderr = io::stderr();
    if !io::stdin().is_terminal() || !stderr.is_terminal() {
        return Ok(false);
    }
    write!(stderr, "write an overlay with {what}? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Writes the file whole or not at all.
fn write(path: &Path, overlay: &str) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot make {}: {error}", folder.display())))?;
    }
    Out::open(Some(path))?.write_with(|out| out.write_all(overlay.as_bytes()))?;
    Ok(())
}

fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains(char::is_whitespace) { format!("\"{text}\"") } else { text }
}
