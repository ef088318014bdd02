//! `farebox prices`: what the table says, and whether price files are sound.

use std::path::PathBuf;

use rust_decimal::Decimal;
use serde_json::json;

use super::out::Out;
use super::prices_time::{ChangesArgs, DiffArgs, HistoryArgs, StaleArgs, changes, diff, history, stale};
use super::shared::{OutputFlags, Setup, TableFlags, matched_note, read_price_file, table_json, table_line};
use super::{plural, say, shared};
use crate::cli::error::Error;
use farebox::jobs::compare::needs::known_needs;
use farebox::meter::{Meter, Unit};
use farebox::pricing::Found;
use farebox::pricing::card::{ModelCard, Price, Rate, RateCard, Rates, Tier, rate_of};
use farebox::pricing::compile::PriceFile;
use farebox::pricing::lint;
use farebox::pricing::need::Need;
use farebox::pricing::problem::{Severity, render_all};
use farebox::report::{Cell, Column, Report, Tone};

/// Look up, check and explain prices
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(ListArgs),
    Show(ShowArgs),
    Lint(LintArgs),
    History(HistoryArgs),
    Changes(ChangesArgs),
    Diff(DiffArgs),
    Stale(StaleArgs),
    Meters(MetersArgs),
    Import(super::prices_import::Args),
    Check(super::prices_check::Args),
    #[cfg(feature = "update")]
    Update(super::prices_update::Args),
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    match args.command {
        Command::List(args) => list(&args),
        Command::Show(args) => show(&args),
        Command::Lint(args) => lint_files(&args),
        Command::History(args) => history(&args),
        Command::Changes(args) => changes(&args),
        Command::Diff(args) => diff(&args),
        Command::Stale(args) => stale(&args),
        Command::Meters(args) => meters(&args),
        Command::Import(args) => super::prices_import::run(&args),
        Command::Check(args) => super::prices_check::run(&args),
        #[cfg(feature = "update")]
        Command::Update(args) => super::prices_update::run(&args),
    }
}

/// List the prices in force, one row for each model
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  farebox prices list --provider mistral\n  farebox prices list --at 2024-12-01 --format csv"
)]
struct ListArgs {
    /// Only this provider; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER")]
    provider: Vec<String>,
    /// Only models that meet needs: context=128k, output=8k, tools, vision, reasoning, open …; comma-separated
    #[arg(long, value_name = "NEEDS", value_delimiter = ',')]
    need: Vec<Need>,
    /// Order of the rows
    #[arg(long, value_enum, default_value_t = Sort::Name, value_name = "KEY")]
    sort: Sort,
    /// Also models that do not answer any more
    #[arg(long)]
    retired: bool,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

/// What `--sort` orders by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    /// Provider and model
    Name,
    /// Input rate, cheapest first
    Input,
    /// Output rate, cheapest first
    Output,
    /// Context window, longest first
    Context,
    /// Day of release, newest first
    Released,
}

fn list(args: &ListArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let providers = args.provider.iter().map(|p| known_provider(&setup, p)).collect::<Result<Vec<_>, _>>()?;
    let mut report = Report::new([
        Column::text("provider", "provider"),
        Column::text("model", "model"),
        Column::number("input", "input"),
        Column::number("cache_read", "cache read"),
        Column::number("output", "output"),
        Column::text("other", "other meters").optional(),
        Column::text("from", "since"),
        Column::text("basis", "basis").optional(),
        Column::text("checked", "checked").optional(),
    ]);
    known_needs(&args.need, &setup)?;
    let mut cards: Vec<_> = setup
        .table
        .cards()
        .filter(|(head, _)| providers.is_empty() || providers.contains(&head.id))
        .filter(|(_, card)| args.retired || !card.is_retired(setup.at))
        .collect();
    let unknown = cards.iter().filter(|(_, card)| args.need.iter().any(|need| need.is_met_by(card).is_none())).count();
    cards.retain(|(_, card)| args.need.iter().all(|need| need.is_met_by(card) == Some(true)));
    cards.sort_by(|(h1, c1), (h2, c2)| (&h1.id, &c1.id).cmp(&(&h2.id, &c2.id)));
    let rate = |card: &ModelCard, meter| card.rates_at(setup.at).and_then(|r| flat_price(&r.rates, meter));
    // A model without the value stands last, whichever the order.
    match args.sort {
        Sort::Name => {}
        Sort::Input => {
            cards.sort_by_key(|(_, card)| rate(card, Meter::Input).map_or((true, Decimal::ZERO), |usd| (false, usd)))
        }
        Sort::Output => {
            cards.sort_by_key(|(_, card)| rate(card, Meter::Output).map_or((true, Decimal::ZERO), |usd| (false, usd)))
        }
        Sort::Context => cards.sort_by_key(|(_, card)| std::cmp::Reverse(card.info.context_window)),
        Sort::Released => cards.sort_by_key(|(_, card)| std::cmp::Reverse(card.info.released)),
    }
    for (head, card) in cards {
        let Some(rates) = card.rates_at(setup.at) else { continue };
        report.push(
            [
                Cell::text(&head.id),
                Cell::text(&card.id),
                rate_cell(&rates.rates, Meter::Input),
                rate_cell(&rates.rates, Meter::CacheRead),
                rate_cell(&rates.rates, Meter::Output),
                Cell::text(other_meters(rates)),
                rates.period.from.map_or_else(|| Cell::absent("not known"), |f| Cell::text(f.to_string())),
                Cell::text(rates.source.basis.name()),
                Cell::text(rates.source.checked.to_string()),
            ],
            json!({"provider": head.id, "model": card.id, "rates": rates_json(&rates.rates), "period": rates.period,
                   "source": rates.source, "variants": rates.variants.len(), "tiers": rates.tiers.len()}),
        );
    }
    if unknown > 0 {
        report.notes.push(format!("Left out: {} not known to meet the needs.", plural(unknown as u64, "more model")));
    }
    report.machine.insert("not_known".into(), json!(unknown));
    report.machine.insert("table".into(), table_json(&setup));
    report.notes.push(format!(
        "USD per million tokens; {}. {}",
        plural(report.rows.len() as u64, "model"),
        table_line(&setup)
    ));
    args.output.write(report)
}

/// The id of a provider that exists.
pub(crate) fn known_provider(setup: &Setup, name: &str) -> Result<String, Error> {
    setup.table.provider(name).map(|head| head.id.clone()).ok_or_else(|| {
        let known = setup.table.providers().iter();
        let known = known.flat_map(|head| std::iter::once(&head.id).chain(&head.names)).map(String::as_str);
        let near = farebox::similar::did_you_mean(name, known);
        Error::Usage(format!("no provider is called {name:?}\n  help: {near}`farebox prices list` names them all"))
    })
}

/// The price of a meter per million tokens.
fn flat_price(rates: &Rates, meter: Meter) -> Option<Decimal> {
    match rate_of(rates, meter) {
        Some(Rate::Price(price)) if price.per == 1_000_000 => Some(price.usd.0),
        _ => None,
    }
}

fn rate_cell(rates: &Rates, meter: Meter) -> Cell {
    match rate_of(rates, meter) {
        Some(Rate::Price(price)) if price.per == 1_000_000 => Cell::text(price.usd.to_string()),
        Some(Rate::Price(price)) => Cell::pair(price_text(meter, price), price.usd.to_string()),
        Some(Rate::NotSold) => Cell::absent("not sold"),
        Some(Rate::SameAs(other)) => Cell::absent(format!("as {other}")),
        None => Cell::absent("–"),
    }
}

fn other_meters(card: &RateCard) -> String {
    let shown = [Meter::Input, Meter::CacheRead, Meter::Output];
    let own = card.rates.iter().filter(|(m, r)| !shown.contains(m) && matches!(r, Rate::Price(_)));
    let names: Vec<&str> = own.map(|(m, _)| m.name()).collect();
    names.join(", ")
}

/// "$2.50 / M tokens", "$10 / 1000", "$0.111 / 3600, at least 10".
fn price_text(meter: Meter, price: &Price) -> String {
    let per = match (meter.unit(), price.per) {
        (Unit::Tokens, 1_000_000) => "M tokens".to_owned(),
        (_, 1) => "1".to_owned(),
        (_, 1_000_000) => "million".to_owned(),
        (_, n) => n.to_string(),
    };
    let minimum = price.minimum.map(|m| format!(", at least {m}")).unwrap_or_default();
    let step = price.step.map(|s| format!(", in steps of {s}")).unwrap_or_default();
    format!("${} / {per}{minimum}{step}", price.usd)
}

fn rate_text(meter: Meter, rate: &Rate) -> String {
    match rate {
        Rate::Price(price) => price_text(meter, price),
        Rate::NotSold => "not sold".into(),
        Rate::SameAs(other) => format!("billed as {other}"),
    }
}

pub(crate) fn rates_json(rates: &Rates) -> serde_json::Value {
    let value = |rate: &Rate| match rate {
        Rate::Price(p) => {
            let mut value = json!({"usd": p.usd, "per": p.per});
            for (key, quantity) in [("minimum", p.minimum), ("step", p.step)] {
                if let (Some(quantity), Some(map)) = (quantity, value.as_object_mut()) {
                    map.insert(key.into(), json!(quantity));
                }
            }
            value
        }
        Rate::NotSold => json!("not-sold"),
        Rate::SameAs(other) => json!(format!("={other}")),
    };
    rates.iter().map(|(meter, rate)| (meter.name().to_owned(), value(rate))).collect::<serde_json::Map<_, _>>().into()
}

/// Show everything the table says about a model: rates, tiers, variants, times of day, sources
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  farebox prices show claude-opus-4-6\n  farebox prices show openai/gpt-4o --all")]
struct ShowArgs {
    /// The model: provider/model, a model id, or an alias
    model: String,
    /// Every period, past and future, rather than the one in force
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

fn show(args: &ShowArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let found = setup.find(&args.model)?;
    let mut report = Report::new([
        Column::text("period", "period"),
        Column::text("condition", "when"),
        Column::text("meter", "meter"),
        Column::number("rate", "rate"),
        Column::text("checked", "checked").optional(),
        Column::text("source", "source").optional(),
    ]);
    report.head = card_head(&setup, &found);
    let in_force = found.model.rates_at(setup.at);
    for card in &found.model.rate_cards {
        if args.all || in_force == Some(card) {
            show_card(&mut report, card);
        }
    }
    let hidden = found.model.rate_cards.len() - usize::from(in_force.is_some());
    if in_force.is_none() && !args.all {
        report.notes.push(format!("No price holds on {}; --all shows the periods that have one.", setup.at));
    } else if hidden > 0 && !args.all {
        report.notes.push(format!("{hidden} more periods, past or future: --all shows them."));
    }
    report.notes.extend(matched_note(&args.model, &found));
    report.notes.push(table_line(&setup));
    let full = json!({"provider": found.provider.id, "model": found.model.id, "info": found.model.info,
                      "aliases": found.model.aliases, "tokenizers": found.model.tokenizers, "api": found.provider.api});
    report.machine.insert("card".into(), full);
    report.machine.insert("table".into(), table_json(&setup));
    args.output.write(report)
}

fn card_head(setup: &Setup, found: &Found) -> Vec<String> {
    let (card, info) = (&found.model, &found.model.info);
    let mut head = vec![format!(
        "{} · {} · {} · {}",
        found.full_id(),
        found.provider.name,
        info.kind.name(),
        farebox::jobs::models::status(card, setup.at)
    )];
    let mut facts = Vec::new();
    facts.extend(info.context_window.map(|n| format!("context {n} tokens")));
    facts.extend(info.max_output.map(|n| format!("answers up to {n}")));
    facts.extend(
        card.tokenizer_at(setup.at)
            .map(|t| format!("tokenizer {}{}", t.name, if t.assumed { " (assumed)" } else { "" })),
    );
    facts.extend(info.released.map(|day| format!("released {day}")));
    facts.extend(info.open_weights.map(|open| if open { "open weights".into() } else { "closed weights".to_owned() }));
    head.push(facts.join(" · "));
    if !info.capabilities.is_empty() {
        head.push(format!("can: {}", info.capabilities.join(", ")));
    }
    if !card.aliases.is_empty() {
        let alias = |a: &farebox::pricing::card::Alias| match (a.period.from, a.period.to) {
            (None, None) => a.id.clone(),
            _ => format!("{} ({})", a.id, a.period),
        };
        head.push(format!("also called: {}", card.aliases.iter().map(alias).collect::<Vec<_>>().join(", ")));
    }
    head.extend(info.note.clone());
    head.retain(|line| !line.is_empty());
    head
}

fn show_card(report: &mut Report, card: &RateCard) {
    let push = |report: &mut Report, condition: String, rates: &Rates| {
        for (meter, rate) in rates {
            report.push(
                [
                    Cell::text(card.period.to_string()),
                    Cell::text(condition.clone()).tone(Tone::Dim),
                    Cell::text(meter.name()),
                    Cell::text(rate_text(*meter, rate)),
                    Cell::text(card.source.checked.to_string()),
                    Cell::text(format!("{} ({})", card.source.url, card.source.basis.name())),
                ],
                json!({"from": card.period.from, "to": card.period.to, "when": condition, "meter": meter.name(),
                       "rate": rates_json(&vec![(*meter, rate.clone())])[meter.name()], "source": card.source, "note": card.note}),
            );
        }
    };
    let tier = |prefix: &str, tier: &Tier| {
        [prefix, &tier.condition()].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(" and ")
    };
    push(report, String::new(), &card.rates);
    card.tiers.iter().for_each(|t| push(report, tier("", t), &t.rates));
    for variant in &card.variants {
        let when = farebox::context::conditions(&variant.when);
        push(report, when.clone(), &variant.rates);
        variant.tiers.iter().for_each(|t| push(report, tier(&when, t), &t.rates));
    }
    for schedule in &card.schedule {
        let when = schedule.to_string();
        match schedule.factor {
            Some(factor) => report.notes.push(format!("{}: {when}: token rates × {factor}", card.period)),
            None => push(report, when, &schedule.rates),
        }
    }
    if let Some(note) = &card.note {
        report.notes.push(format!("{}: {note}", card.period));
    }
}

/// Check price files: overlaps, gaps, floats, sources, age of checks, jumps, repeated ids, unknown keys
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  farebox prices lint\n  farebox prices lint pricing\n  farebox prices lint my-prices.yaml"
)]
struct LintArgs {
    /// Price files, or folders of them; the bundled table when left out
    files: Vec<PathBuf>,
    /// Warn of prices that nobody has checked for this many days
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    max_age: u32,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

fn lint_files(args: &LintArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let files = price_files(&args.files)?;
    let findings = if files.is_empty() {
        lint::lint_table(&setup.table, setup.at, args.max_age)
    } else {
        lint::lint_files(&files, &setup.table, setup.at, args.max_age)
    };
    let mut report = Report::new([
        Column::text("severity", "severity"),
        Column::text("code", "code"),
        Column::text("place", "place"),
        Column::text("message", "message"),
    ]);
    for problem in &findings.problems {
        let (severity, tone) =
            if problem.severity == Severity::Error { ("error", Tone::Bad) } else { ("warning", Tone::Warn) };
        let place = if problem.place.line == 0 {
            problem.path.clone()
        } else {
            format!("{}:{}:{}", problem.path, problem.place.line, problem.place.column)
        };
        report.push(
            [
                Cell::text(severity).tone(tone),
                Cell::text(problem.code),
                Cell::text(place),
                Cell::text(&problem.message),
            ],
            json!({"severity": severity, "code": problem.code, "path": problem.path, "line": problem.place.line,
                   "column": problem.place.column, "message": problem.message, "help": problem.help}),
        );
    }
    let errors = findings.problems.iter().filter(|p| p.severity == Severity::Error).count();
    let warnings = findings.problems.len() - errors;
    let summary = format!(
        "{}, {} checked: {}, {}",
        plural(findings.models as u64, "model"),
        plural(findings.prices as u64, "price"),
        plural(errors as u64, "error"),
        plural(warnings as u64, "warning")
    );
    report.machine.extend([
        ("models".into(), json!(findings.models)),
        ("prices".into(), json!(findings.prices)),
        ("errors".into(), json!(errors)),
        ("warnings".into(), json!(warnings)),
        ("table".into(), table_json(&setup)),
    ]);
    if args.output.format == farebox::report::Format::Table && !report.rows.is_empty() {
        let text_of = |path: &str| files.iter().find(|f| f.path == path).map(|f| f.text.as_str());
        let text = render_all(&findings.problems, text_of);
        Out::open(args.output.output.as_deref())?.write_with(|out| {
            use std::io::Write;
            writeln!(out, "{text}{summary}")
        })?;
    } else {
        report.notes.push(summary.clone());
        args.output.write(report)?;
    }
    match errors {
        0 => Ok(()),
        _ => Err(Error::Failed(format!("{} in price files", plural(errors as u64, "error")))),
    }
}

/// The YAML files named, and those inside of folders named.
pub(crate) fn price_files(paths: &[PathBuf]) -> Result<Vec<PriceFile>, Error> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut inside = shared::yaml_files(path)?;
            inside.sort();
            files.extend(inside);
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() && !paths.is_empty() {
        say("note: no price files there: a folder's files end in .yaml");
    }
    files.iter().map(|path| read_price_file(path)).collect()
}

/// List every meter: what providers bill apart, and what one unit of it is
#[derive(Debug, clap::Args)]
struct MetersArgs {
    #[command(flatten)]
    output: OutputFlags,
}

fn meters(args: &MetersArgs) -> Result<(), Error> {
    let mut report = Report::new([
        Column::text("meter", "meter"),
        Column::text("unit", "unit"),
        Column::text("about", "what it is"),
    ]);
    for meter in Meter::ALL {
        let unit = match meter.unit() {
            Unit::Tokens => "tokens",
            Unit::Count => "count",
            Unit::Measure => "measure",
        };
        report.push(
            [Cell::text(meter.name()), Cell::text(unit), Cell::text(meter.about())],
            json!({"meter": meter.name(), "unit": unit, "about": meter.about()}),
        );
    }
    args.output.write(report)
}
