//! `farebox prices check`: does the table that is shipped still agree with a public database, or with a file?

use std::path::PathBuf;

use rust_decimal::Decimal;

use super::plural;
use super::prices_import::unreadable;
#[cfg(feature = "update")]
use super::say;
use super::shared::{OutputFlags, Setup, TableFlags, read_price_file};
use crate::cli::choice::choice;
use crate::cli::error::Error;
use farebox::jobs::JobError;
use farebox::jobs::prices::check::{
    FileCheckError, PricesCheckQuery, PricesCheckResult, with_database, with_price_file,
};
use farebox::pricing::import::{DatabaseFormat, read};

/// Check that the table still agrees with a price file or a public price database; ends with 4 where it does not
///
/// Compares prices of models that both have, in force at the same moment. Models that only one of the two lists count with
/// --missing only.
/// A file is one of farebox's own (YAML) or a database's (`farebox prices import --help` lists them);
/// --online opens a connection: to the address of the database, as `prices update` does.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox prices check model_prices_and_context_window.json --provider openai
  farebox prices check my-prices.yaml --tolerance 1%
  farebox prices check --online --format markdown")]
pub(crate) struct PricesCheckArgs {
    /// The file to agree with
    #[arg(required_unless_present = "online")]
    file: Option<PathBuf>,
    /// Ask the public database over the network in the place of a file
    #[arg(long, conflicts_with = "file")]
    online: bool,
    /// The database to ask
    #[arg(long, value_parser = choice(DatabaseFormat::ALL, DatabaseFormat::name, DatabaseFormat::about), value_name = "DATABASE", default_value_t = DatabaseFormat::GenaiPrices, requires = "online")]
    source: DatabaseFormat,
    /// Ask this address in the place of the database's own, such as a mirror
    #[arg(long, value_name = "URL", requires = "online")]
    from: Option<String>,
    /// Only this provider; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER")]
    provider: Vec<String>,
    /// How far a price may be off
    #[arg(long, value_name = "PERCENT", default_value = "0%", value_parser = tolerance)]
    tolerance: Decimal,
    /// Also end with 4 where the table does not have a model of the file
    #[arg(long)]
    missing: bool,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

fn tolerance(text: &str) -> Result<Decimal, String> {
    let digits = text.trim().trim_end_matches('%');
    let number = farebox::money::parse_decimal(digits).map_err(|_| format!("{text:?} is no percentage: write 1%"))?;
    if number.is_sign_negative() { Err(format!("{text:?} is negative")) } else { Ok(number / Decimal::ONE_HUNDRED) }
}

pub(crate) fn run(args: &PricesCheckArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let PricesCheckResult { report, differing, missing } = check(args, &setup)?;
    args.output.write(report)?;
    let differ = if differing == 1 { "differs" } else { "differ" };
    let prices = (differing > 0).then(|| format!("{} of the table {differ}", plural(differing as u64, "price")));
    let are = if missing == 1 { "is" } else { "are" };
    let models = (missing > 0).then(|| format!("{} {are} not in the table", plural(missing as u64, "model")));
    let found: Vec<String> = prices.into_iter().chain(models).collect();
    if found.is_empty() { Ok(()) } else { Err(Error::Stale(found.join("; "))) }
}

fn check(args: &PricesCheckArgs, setup: &Setup) -> Result<PricesCheckResult, Error> {
    let query = PricesCheckQuery { providers: args.provider.clone(), tolerance: args.tolerance, missing: args.missing };
    let is_yaml = |path: &&PathBuf| path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    if let Some(path) = args.file.as_ref().filter(is_yaml) {
        let file = read_price_file(path)?;
        return with_price_file(&file, &query, setup).map_err(|error| match error {
            FileCheckError::Job(error) => error.into(),
            FileCheckError::Unsound(problems) => JobError::of_price_files(&problems, &[file]).into(),
        });
    }
    let (name, text) = text_of(args)?;
    let database = read(&text, None).map_err(|error| unreadable(&name, &error))?;
    Ok(with_database(&database, &query, setup)?)
}

/// The text of the database: from the file, or over the network.
fn text_of(args: &PricesCheckArgs) -> Result<(String, String), Error> {
    if let Some(path) = &args.file {
        let bytes = farebox::input::text::read_bytes(path)?;
        return Ok((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    online(args)
}

#[cfg(feature = "update")]
fn online(args: &PricesCheckArgs) -> Result<(String, String), Error> {
    use farebox::pricing::update::fetch::{Limits, fetch, without_credentials};
    let url = args.from.as_deref().unwrap_or_else(|| args.source.file());
    if !args.output.quiet {
        say(&format!("asking {}", without_credentials(url)));
    }
    let bytes = fetch(url, Limits::default()).map_err(|error| {
        let shown = farebox::jobs::error::with_help(&error, error.help());
        Error::from(std::io::Error::other(shown))
    })?;
    Ok((without_credentials(url), String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(not(feature = "update"))]
fn online(_: &PricesCheckArgs) -> Result<(String, String), Error> {
    Err(Error::Usage("this farebox was built without the network\n  help: name a file of the database".into()))
}
