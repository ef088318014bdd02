//! `farebox prices import`: what a public price database says, as a price file or beside the table.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use serde_json::json;

use super::out::Out;
use super::plural;
use super::prices::known_provider;
use super::shared::{OutputFlags, Setup, TableFlags, table_json, table_line};
use crate::cli::choice::choice;
use crate::cli::error::Error;
use farebox::meter::{Meter, Unit};
use farebox::pricing::card::Price;
use farebox::pricing::import::compare::{About, Comparison, Row, Verdict, compare};
use farebox::pricing::import::{Condition, Database, Fact, Format, Unread, by_kind, read, write};
use farebox::report::{self, Cell, Column, Report, Tone};

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
pub(crate) struct Args {
    /// The database's file; - for standard input
    file: PathBuf,
    /// Whose format it is; the content decides when left out
    #[arg(long, value_parser = choice(Format::ALL, Format::name, Format::about), value_name = "DATABASE")]
    from: Option<Format>,
    /// Only this provider, by its id in the table or in the file; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER")]
    provider: Vec<String>,
    /// Compare with the table in force rather than print a price file
    #[arg(long)]
    compare: bool,
    /// With --compare: the rows to show; all but the same when left out; repeatable
    #[arg(long, value_parser = choice(Verdict::ALL, Verdict::key, Verdict::about), requires = "compare", value_name = "VERDICT")]
    show: Vec<Verdict>,
    /// List what the file says and a price file cannot hold
    #[arg(long, conflicts_with = "compare")]
    unread: bool,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let text = read_text(&args.file)?;
    let database = read(&text, args.from).map_err(|error| unreadable(&args.file.display().to_string(), &error))?;
    let providers =
        args.provider.iter().map(|name| provider_of(&setup, &database, name)).collect::<Result<Vec<_>, _>>()?;
    if args.unread {
        return args.output.write(unread_report(&database));
    }
    if args.compare {
        let comparison = compare(&database, &setup.table, setup.at, &providers);
        let is_shown = |row: &Row| match args.show[..] {
            [] => row.verdict != Verdict::Same,
            _ => args.show.contains(&row.verdict),
        };
        let mut report = comparison_report(&setup, &database, &comparison, is_shown);
        report.notes.extend(database_notes(&database));
        return args.output.write(report);
    }
    if args.output.format != report::Format::Table {
        return Err(Error::Usage(format!(
            "prices import writes price files, which are YAML, and not {}\n  help: leave out --format and name a .yaml file, or add --compare for a report",
            args.output.format
        )));
    }
    print_files(args, &setup, &database, &providers)
}

/// Prints a document for each provider.
fn print_files(args: &Args, setup: &Setup, database: &Database, providers: &[String]) -> Result<(), Error> {
    let wanted = |id: &String| providers.is_empty() || providers.contains(id);
    let files = database.providers.iter().filter(|p| wanted(&p.id));
    let files: Vec<String> = files.map(|provider| write::imported(database, provider, setup.at)).collect();
    Out::open(args.output.output.as_deref())?.write_with(|out| out.write_all(files.join("---\n").as_bytes()))?;
    if !args.output.quiet {
        database_notes(database).iter().for_each(|note| super::say(&format!("note: {note}")));
    }
    Ok(())
}

fn read_text(path: &Path) -> Result<String, Error> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes)?;
        bytes
    } else {
        farebox::input::text::read_bytes(path)?
    };
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::Prices(format!("{} is not UTF-8 text: byte {at} is broken", path.display()))
    })
}

/// The error of a file that is no database.
pub(super) fn unreadable(name: &str, error: &farebox::pricing::import::ImportError) -> Error {
    Error::Prices(format!("{name}: {error}"))
}

/// The id of a provider that the file lists: by the table's names for it, or by the file's own.
fn provider_of(setup: &Setup, database: &Database, name: &str) -> Result<String, Error> {
    let id = match database.provider(name) {
        Some(provider) => provider.id.clone(),
        None => known_provider(setup, name)?,
    };
    if database.provider(&id).is_none() {
        let listed: Vec<&str> = database.providers.iter().map(|p| p.id.as_str()).collect();
        let listed = listed.join(", ");
        return Err(Error::Usage(format!("the file lists no prices of {id}\n  help: it lists {listed}")));
    }
    Ok(id)
}

/// What there is to say about a file that was read.
pub(super) fn database_notes(database: &Database) -> Vec<String> {
    let (models, prices) = (database.model_count(), database.fact_count());
    let mut notes = vec![format!(
        "Read as {}: {} of {} at {}.",
        database.format,
        plural(prices as u64, "price"),
        plural(models as u64, "model"),
        plural(database.providers.len() as u64, "provider")
    )];
    if !database.mended.is_empty() {
        let example = &database.mended[0].place;
        notes.push(format!(
            "{} carried the noise of binary arithmetic, such as {example}: read as the short decimal.",
            plural(database.mended.len() as u64, "price")
        ));
    }
    if !database.unread.is_empty() {
        let kinds = by_kind(&database.unread);
        let most: Vec<String> =
            kinds.iter().take(3).map(|(what, places)| format!("{what} ({})", places.len())).collect();
        notes.push(format!(
            "{} things in the file have no place in a price file, of {} kinds; most often: {}. --unread lists them.",
            database.unread.len(),
            kinds.len(),
            most.join(", ")
        ));
    }
    notes
}

fn unread_report(database: &Database) -> Report {
    let mut report =
        Report::new([Column::text("what", "what"), Column::number("count", "count"), Column::text("where", "where")]);
    for (what, places) in by_kind(&database.unread) {
        let few = places.iter().take(3).copied().collect::<Vec<_>>().join(", ");
        let shown = if places.len() > 3 { format!("{few} …") } else { few };
        report.push(
            [
                Cell::text(what),
                Cell::quantity(u64::try_from(places.len()).unwrap_or(u64::MAX)),
                Cell::pair(shown, places.join(" ")),
            ],
            json!({"what": what, "count": places.len(), "where": places}),
        );
    }
    let mended: Vec<&Unread> = database.mended.iter().collect();
    report.machine.insert("format".into(), json!(database.format.name()));
    report.machine.insert("mended".into(), json!(mended.iter().map(|m| &m.place).collect::<Vec<_>>()));
    report.notes = database_notes(database);
    report
}

/// Rows of a comparison, with the counts of all.
pub(super) fn comparison_report(
    setup: &Setup,
    database: &Database,
    comparison: &Comparison,
    is_shown: impl Fn(&Row) -> bool,
) -> Report {
    let mut report = Report::new([
        Column::text("verdict", "verdict"),
        Column::text("provider", "provider"),
        Column::text("model", "model"),
        Column::text("meter", "meter"),
        Column::text("condition", "when"),
        Column::number("there", database.format.name()),
        Column::number("here", "table"),
        Column::number("change_percent", "there − here"),
        Column::text("note", "note"),
    ]);
    let mut shown: Vec<&Row> = comparison.rows.iter().filter(|row| is_shown(row)).collect();
    shown.sort_by_key(|row| row.verdict);
    shown.into_iter().for_each(|row| push_row(&mut report, row));
    let counts = |f: &dyn Fn(Verdict) -> usize| {
        let all = [Verdict::Same, Verdict::Differs, Verdict::OnlyThere, Verdict::OnlyHere];
        all.map(|verdict| (verdict.name().replace(' ', "_"), json!(f(verdict))))
            .into_iter()
            .collect::<serde_json::Map<_, _>>()
    };
    report.machine.extend([
        ("format".to_owned(), json!(database.format.name())),
        ("prices".to_owned(), counts(&|verdict| comparison.prices(verdict)).into()),
        ("models".to_owned(), {
            let mut models = counts(&|verdict| comparison.models(verdict));
            models.retain(|key, _| key.starts_with("only"));
            models.insert("in_both".to_owned(), json!(comparison.models_in_both));
            models.into()
        }),
        ("unread".to_owned(), json!(database.unread.len())),
        ("table".to_owned(), table_json(setup)),
    ]);
    report.notes.push(summary(comparison));
    if !comparison.strangers.is_empty() {
        let names: Vec<String> = comparison.strangers.iter().map(|(id, models)| format!("{id} ({models})")).collect();
        report.notes.push(format!("Not in the table, and not compared: {}.", names.join(", ")));
    }
    report.notes.push(table_line(setup));
    report
}

fn summary(comparison: &Comparison) -> String {
    let slight = comparison.rows.iter().filter(|r| r.verdict == Verdict::Differs && !r.differs_in_money()).count();
    let slight =
        if slight > 0 { format!(" ({slight} by a token at a boundary or by rounding alone)") } else { String::new() };
    format!(
        "Models in both: {}, with prices that are the same: {}, that differ: {}{slight}, only there: {}, only here: {}. Other models only there: {}, only here: {}.",
        comparison.models_in_both,
        comparison.prices(Verdict::Same),
        comparison.prices(Verdict::Differs),
        comparison.prices(Verdict::OnlyThere),
        comparison.prices(Verdict::OnlyHere),
        comparison.models(Verdict::OnlyThere),
        comparison.models(Verdict::OnlyHere),
    )
}

fn push_row(report: &mut Report, row: &Row) {
    let tone = match row.verdict {
        Verdict::Same => Tone::Good,
        Verdict::Differs => Tone::Warn,
        Verdict::OnlyThere | Verdict::OnlyHere => Tone::Dim,
    };
    let head = [Cell::text(row.verdict.name()).tone(tone), Cell::text(&row.provider), Cell::text(&row.model)];
    let machine = json!({"verdict": row.verdict.name(), "provider": row.provider, "model": row.model});
    match &row.about {
        About::Price { meter, condition, there, here, boundary } => {
            let change = there.as_ref().zip(here.as_ref()).and_then(|(there, here)| change(there, here));
            let note = note(row, boundary.as_ref());
            let exact = |price: &Option<Price>| price.map(|p| json!({"usd": p.usd.to_string(), "per": p.per}));
            let more = json!({"meter": meter.name(), "condition": condition.to_string(), "there": exact(there),
                              "here": exact(here), "change_percent": change.map(|c| c.to_string()), "note": note});
            let cells = [
                Cell::text(meter.name()),
                Cell::text(condition.to_string()),
                price_cell(*meter, there.as_ref()),
                price_cell(*meter, here.as_ref()),
                change_cell(change),
                Cell::text(note),
            ];
            report.push(head.into_iter().chain(cells), merged(machine, more));
        }
        About::Model(facts) => {
            let text: Vec<String> = facts.iter().filter(|f| f.condition.is_always()).map(fact_text).collect();
            let more = json!({"prices": facts.iter().map(|f| json!({"meter": f.meter.name(), "condition": f.condition.to_string(),
                              "usd": f.price.usd.to_string(), "per": f.price.per})).collect::<Vec<_>>()});
            let absent = || Cell::absent("–");
            let cells =
                [Cell::text("model"), Cell::text(""), absent(), absent(), Cell::text(""), Cell::text(text.join(", "))];
            report.push(head.into_iter().chain(cells), merged(machine, more));
        }
    }
}

fn note(row: &Row, boundary: Option<&Condition>) -> String {
    match boundary {
        Some(boundary) => format!("here beyond {boundary}"),
        None if row.is_rounded() => "one of the two is rounded".into(),
        None => String::new(),
    }
}

fn merged(mut value: serde_json::Value, more: serde_json::Value) -> serde_json::Value {
    if let (Some(value), serde_json::Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}

fn fact_text(fact: &Fact) -> String {
    format!("{} {}", fact.meter, price_text(fact.meter, &fact.price))
}

fn price_cell(meter: Meter, price: Option<&Price>) -> Cell {
    price.map_or_else(|| Cell::absent("–"), |p| Cell::pair(price_text(meter, p), p.usd.to_string()))
}

/// "$2.5" for a million tokens, "$10 / 1000" for the rest.
fn price_text(meter: Meter, price: &Price) -> String {
    match (meter.unit(), price.per) {
        (Unit::Tokens, 1_000_000) => format!("${}", price.usd),
        (_, per) => format!("${} / {per}", price.usd),
    }
}

/// How far the file's price is from the table's, in percent of the table's.
fn change(there: &Price, here: &Price) -> Option<Decimal> {
    let (there, here) = (there.usd.0.checked_mul(here.per.into())?, here.usd.0.checked_mul(there.per.into())?);
    let percent = there.checked_sub(here)?.checked_div(here)?.checked_mul(Decimal::ONE_HUNDRED)?;
    Some(percent.normalize())
}

fn change_cell(change: Option<Decimal>) -> Cell {
    match change {
        None => Cell::text(""),
        Some(change) if change.is_zero() => Cell::pair("=", "0"),
        Some(change) => {
            let sign = if change.is_sign_positive() { "+" } else { "−" };
            Cell::pair(
                format!("{sign}{} %", change.abs().round_sf(3).unwrap_or(change).normalize()),
                change.to_string(),
            )
        }
    }
}
