//! `farebox prices check`: does the table that is shipped still agree with a public database, or with a file?

use std::path::PathBuf;

use rust_decimal::Decimal;
use serde_json::json;

use super::plural;
use super::prices::known_provider;
use super::prices_import::{comparison_report, database_notes, unreadable};
use super::shared::{OutputFlags, Setup, TableFlags, price_error, read_price_file, table_json, table_line};
use crate::cli::choice::choice;
use crate::cli::error::Error;
use farebox::pricing::card::{Price, Rate};
use farebox::pricing::compile::{Use, compile};
use farebox::pricing::diff;
use farebox::pricing::import::compare::{About, Row, Verdict, compare};
use farebox::pricing::import::{Format, read};
use farebox::pricing::problem::Severity;
use farebox::report::{Cell, Column, Report, Tone};

/// Check that the table still agrees with a price file or a public price database; ends with 4 where it does not
///
/// Compares prices of models that both have, in force at the same moment. Models that only one of the two lists are no
/// disagreement. A file is one of farebox's own (YAML) or a database's (`farebox prices import --help` lists them);
/// --online opens a connection: to the address of the database, as `prices update` does.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox prices check model_prices_and_context_window.json --provider openai
  farebox prices check my-prices.yaml --tolerance 1%
  farebox prices check --online --format markdown")]
pub(crate) struct Args {
    /// The file to agree with
    #[arg(required_unless_present = "online")]
    file: Option<PathBuf>,
    /// Ask the public database over the network in the place of a file
    #[arg(long, conflicts_with = "file")]
    online: bool,
    /// The database to ask
    #[arg(long, value_parser = choice(Format::ALL, Format::name, Format::about), value_name = "DATABASE", default_value_t = Format::GenaiPrices, requires = "online")]
    source: Format,
    /// Ask this address in the place of the database's own, such as a mirror
    #[arg(long, value_name = "URL", requires = "online")]
    from: Option<String>,
    /// Only this provider; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER")]
    provider: Vec<String>,
    /// How far a price may be off
    #[arg(long, value_name = "PERCENT", default_value = "0%", value_parser = tolerance)]
    tolerance: Decimal,
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

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let is_yaml = args.file.as_ref().and_then(|f| f.extension()).is_some_and(|e| e == "yaml" || e == "yml");
    let (report, differing) = match &args.file {
        Some(_) if is_yaml => with_price_file(args, &setup)?,
        _ => with_database(args, &setup)?,
    };
    args.output.write(report)?;
    match differing {
        0 => Ok(()),
        n => Err(Error::Stale(format!(
            "{} of the table {}",
            plural(n as u64, "price"),
            if n == 1 { "differs" } else { "differ" }
        ))),
    }
}

/// The text of the database: from the file, or over the network.
fn text_of(args: &Args) -> Result<(String, String), Error> {
    if let Some(path) = &args.file {
        let bytes = farebox::input::text::read_bytes(path)?;
        return Ok((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    online(args)
}

#[cfg(feature = "update")]
fn online(args: &Args) -> Result<(String, String), Error> {
    use farebox::pricing::update::fetch::{Limits, fetch};
    let url = args.from.as_deref().unwrap_or_else(|| args.source.file());
    if !args.output.quiet {
        super::say(&format!("asking {url}"));
    }
    let bytes = fetch(url, Limits::default()).map_err(|error| Error::Io(std::io::Error::other(error.to_string())))?;
    Ok((url.to_owned(), String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(not(feature = "update"))]
fn online(_: &Args) -> Result<(String, String), Error> {
    Err(Error::Usage("this farebox was built without the network\n  help: name a file of the database".into()))
}

fn with_database(args: &Args, setup: &Setup) -> Result<(Report, usize), Error> {
    let (name, text) = text_of(args)?;
    let database = read(&text, None).map_err(|error| unreadable(&name, &error))?;
    let providers = args.provider.iter().map(|p| known_provider(setup, p)).collect::<Result<Vec<_>, _>>()?;
    let comparison = compare(&database, &setup.table, setup.at, &providers);
    let differs = |row: &Row| row.verdict == Verdict::Differs && row.differs_in_money() && is_off(row, args.tolerance);
    let count = comparison.rows.iter().filter(|row| differs(row)).count();
    let mut report = comparison_report(setup, &database, &comparison, differs);
    report.machine.insert("differing".into(), json!(count));
    report.notes.extend(database_notes(&database));
    Ok((report, count))
}

fn is_off(row: &Row, tolerance: Decimal) -> bool {
    match &row.about {
        About::Price { there: Some(there), here: Some(here), .. } => beyond(there, here, tolerance),
        _ => false,
    }
}

/// Whether two prices are further apart than the share of the second that is tolerated.
fn beyond(there: &Price, here: &Price, tolerance: Decimal) -> bool {
    let per_unit = |price: &Price| price.usd.0.checked_div(Decimal::from(price.per)).unwrap_or_default();
    let (there, here) = (per_unit(there), per_unit(here));
    (there - here).abs() > here.saturating_mul(tolerance)
}

/// A price file of farebox's own against the table, card by card at the same moment.
fn with_price_file(args: &Args, setup: &Setup) -> Result<(Report, usize), Error> {
    let Some(path) = &args.file else { return Ok((Report::default(), 0)) };
    let files = [read_price_file(path)?];
    let providers = args.provider.iter().map(|p| known_provider(setup, p)).collect::<Result<Vec<_>, _>>()?;
    // A card of an overlay may build on the one of the table.
    let known = |provider: &str, id: &str| {
        let found = setup.table.get(&format!("{provider}/{id}"), setup.at)?;
        Some((*found.model).clone())
    };
    let (theirs, problems) = compile(&files, Use::Overlay, &known);
    if problems.iter().any(|p| p.severity == Severity::Error) {
        return Err(price_error(&problems, &files));
    }
    let mut report = Report::new([
        Column::text("model", "model"),
        Column::text("condition", "when"),
        Column::text("meter", "meter"),
        Column::number("there", "file"),
        Column::number("here", "table"),
    ]);
    let mut compared = 0_u64;
    let cards = theirs.iter().flat_map(|provider| provider.models.iter().map(|card| (&provider.head, card)));
    for (head, card) in cards.filter(|(head, _)| providers.is_empty() || providers.contains(&head.id)) {
        let id = format!("{}/{}", head.id, card.id);
        let Some(ours) = setup.table.get(&id, setup.at) else { continue };
        let (Some(there), Some(here)) = (card.rates_at(setup.at), ours.model.rates_at(setup.at)) else { continue };
        compared += 1;
        for change in diff::changes_between(Some(here), Some(there)) {
            // A rate that only one of the two states is no disagreement about a price.
            let (Some(Rate::Price(ours)), Some(Rate::Price(theirs))) = (&change.old, &change.new) else { continue };
            if !beyond(theirs, ours, args.tolerance) {
                continue;
            }
            let shown = |price: &Price| Cell::pair(format!("${} / {}", price.usd, price.per), price.usd.to_string());
            report.push(
                [
                    Cell::text(&id).tone(Tone::Warn),
                    Cell::text(&change.condition),
                    Cell::text(change.meter.name()),
                    shown(theirs),
                    shown(ours),
                ],
                json!({"model": id, "when": change.condition, "meter": change.meter.name(),
                       "there": {"usd": theirs.usd.to_string(), "per": theirs.per}, "here": {"usd": ours.usd.to_string(), "per": ours.per}}),
            );
        }
    }
    let count = report.rows.len();
    report.notes.push(format!("Models in both: {compared}; prices that differ: {count}."));
    report.notes.push(table_line(setup));
    report.machine.extend([
        ("models".to_owned(), json!(compared)),
        ("differing".to_owned(), json!(count)),
        ("table".to_owned(), table_json(setup)),
    ]);
    Ok((report, count))
}
