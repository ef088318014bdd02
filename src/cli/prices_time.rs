//! `farebox prices history|changes|diff|stale`: the table over time.

use std::collections::BTreeMap;
use std::path::Path;

use rust_decimal::Decimal;
use serde_json::json;

use super::prices::known_provider;
use super::shared::{OutputFlags, Setup, TableFlags, matched_note, table_json, table_line};
use super::span::SpanFlags;
use crate::cli::error::Error;
use farebox::calculator::estimate::{Work, estimate};
use farebox::meter::Meter;
use farebox::money::Usd;
use farebox::period::Instant;
use farebox::pricing::card::{ModelCard, Price, ProviderHead, Rate, RateCard, Rates, rate_of};
use farebox::pricing::{PriceTable, diff};
use farebox::range::Range;
use farebox::report::{Cell, Column, Report, Tone};

/// Show every price a model has had, and will have, as a timeline
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  farebox prices history gpt-4o\n  farebox prices history deepseek/deepseek-chat --format csv"
)]
pub(crate) struct HistoryArgs {
    /// The model: provider/model, a model id, or an alias
    model: String,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn history(args: &HistoryArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let found = setup.find(&args.model)?;
    let mut report = Report::new([
        Column::text("from", "from"),
        Column::text("to", "to"),
        Column::number("input", "input"),
        Column::number("cache_read", "cache read"),
        Column::number("output", "output"),
        Column::text("chart", "input ▇ output ░"),
        Column::text("more", "more"),
        Column::text("basis", "basis"),
    ]);
    report.head.push(format!("{} · USD per million tokens", found.full_id()));
    let dearest = found
        .model
        .rate_cards
        .iter()
        .flat_map(|c| [Meter::Input, Meter::Output].map(|m| flat(&c.rates, m)))
        .flatten()
        .max();
    for card in &found.model.rate_cards {
        let in_force = card.period.contains(setup.at);
        let future = card.period.from.is_some_and(|from| from > setup.at);
        let cell =
            |meter| flat(&card.rates, meter).map_or_else(|| Cell::absent("–"), |usd| Cell::text(usd.to_string()));
        report.push(
            [
                card.period.from.map_or_else(|| Cell::absent("not known"), |f| Cell::text(f.to_string())),
                Cell::text(card.period.to.map_or_else(|| "today and on".to_owned(), |t| t.to_string())),
                cell(Meter::Input),
                cell(Meter::CacheRead),
                cell(Meter::Output),
                Cell::text(bars(&card.rates, dearest)).tone(if in_force { Tone::Good } else { Tone::Dim }),
                Cell::text(more(card, in_force, future)),
                Cell::text(card.source.basis.name()),
            ],
            json!({"from": card.period.from, "to": card.period.to, "in_force": in_force, "rates": super::prices::rates_json(&card.rates),
                   "tiers": card.tiers.len(), "variants": card.variants.len(), "source": card.source, "note": card.note}),
        );
    }
    for card in &found.model.rate_cards {
        report.notes.extend(card.note.as_ref().map(|note| format!("{}: {note}", card.period)));
    }
    report.notes.extend(matched_note(&args.model, &found));
    report.notes.push(table_line(&setup));
    report.machine.insert("model".into(), json!(found.full_id()));
    report.machine.insert("table".into(), table_json(&setup));
    args.output.write(report)
}

/// The price of a meter per million tokens.
fn flat(rates: &Rates, meter: Meter) -> Option<Decimal> {
    match rate_of(rates, meter) {
        Some(Rate::Price(Price { usd, per: 1_000_000, .. })) => Some(usd.0.normalize()),
        _ => None,
    }
}

/// Bars of at most twenty characters, to the scale of the dearest price of the timeline.
fn bars(rates: &Rates, dearest: Option<Decimal>) -> String {
    let Some(dearest) = dearest.filter(|d| !d.is_zero()) else { return String::new() };
    let length =
        |usd: Decimal| usize::try_from((usd * Decimal::from(20) / dearest).ceil().mantissa()).unwrap_or(0).min(20);
    let bar = |meter, fill: &str| flat(rates, meter).map(|usd| fill.repeat(length(usd))).unwrap_or_default();
    let (input, output) = (bar(Meter::Input, "▇"), bar(Meter::Output, "░"));
    let rest: String = output.chars().skip(input.chars().count()).collect();
    format!("{input}{rest}")
}

fn more(card: &RateCard, in_force: bool, future: bool) -> String {
    let mut words = Vec::new();
    words.extend(in_force.then(|| "in force".to_owned()));
    words.extend(future.then(|| "scheduled".to_owned()));
    words.extend((!card.tiers.is_empty()).then(|| format!("{} tiers", card.tiers.len())));
    words.extend((!card.variants.is_empty()).then(|| format!("{} variants", card.variants.len())));
    words.extend((!card.schedule.is_empty()).then(|| "time of day".to_owned()));
    words.join(", ")
}

/// List price changes by date: the changelog of the table, made from its data
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  farebox prices changes --since 2026-10-01 --until 2026-10-31\n  farebox prices changes --provider openai --format markdown"
)]
pub(crate) struct ChangesArgs {
    #[command(flatten)]
    span: SpanFlags,
    /// Only this provider; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER")]
    provider: Vec<String>,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn changes(args: &ChangesArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let span = args.span.period(&jiff::tz::TimeZone::UTC)?;
    let providers = args.provider.iter().map(|p| known_provider(&setup, p)).collect::<Result<Vec<_>, _>>()?;
    let mut changes: Vec<(Instant, String, diff::Change)> = Vec::new();
    for (head, card) in setup.table.cards().filter(|(head, _)| providers.is_empty() || providers.contains(&head.id)) {
        for pair in card.rate_cards.windows(2) {
            let [before, after] = pair else { continue };
            let Some(at) = after.period.from else { continue };
            if span.contains(at) {
                let id = format!("{}/{}", head.id, card.id);
                changes.extend(diff::changes(before, after).into_iter().map(|change| (at, id.clone(), change)));
            }
        }
    }
    changes.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut report = Report::new([
        Column::text("date", "date"),
        Column::text("model", "model"),
        Column::text("condition", "when"),
        Column::text("meter", "meter"),
        Column::number("old", "old"),
        Column::number("new", "new"),
        Column::number("percent", "change"),
    ]);
    for (at, id, change) in &changes {
        let future = *at > setup.at;
        report.push(
            [
                Cell::text(at.to_string()).tone(if future { Tone::Warn } else { Tone::Plain }),
                Cell::text(id),
                Cell::text(&change.condition),
                Cell::text(change.meter.name()),
                rate_cell(change.old.as_ref()),
                rate_cell(change.new.as_ref()),
                percent_cell(change),
            ],
            json!({"date": at, "model": id, "when": change.condition, "meter": change.meter.name(),
                   "old": rate_text(change.old.as_ref()), "new": rate_text(change.new.as_ref()), "scheduled": future}),
        );
    }
    report.notes.push(format!("{} changes.", changes.len()));
    report.machine.insert("table".into(), table_json(&setup));
    args.output.write(report)
}

fn rate_text(rate: Option<&Rate>) -> Option<String> {
    Some(match rate? {
        Rate::Price(price) if price.per == 1_000_000 => price.usd.to_string(),
        Rate::Price(price) => format!("{} / {}", price.usd, price.per),
        Rate::NotSold => "not sold".into(),
        Rate::SameAs(meter) => format!("={meter}"),
    })
}

fn rate_cell(rate: Option<&Rate>) -> Cell {
    rate_text(rate).map_or_else(|| Cell::absent("–"), Cell::text)
}

fn percent_cell(change: &diff::Change) -> Cell {
    match change.percent() {
        Some(percent) => {
            let sign = if percent.is_sign_negative() { "−" } else { "+" };
            let tone = if percent.is_sign_negative() { Tone::Good } else { Tone::Bad };
            Cell::pair(format!("{sign}{} %", percent.abs()), percent.to_string()).tone(tone)
        }
        None => Cell::default(),
    }
}

/// Compare two versions of the table, or the table on two dates: rates, and money for a workload
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox prices diff 2026-07-01 2026-11-22 --provider openai
  farebox prices diff 2026-11-22 2027-01-02 --input-tokens 1000 --output-tokens 500 --requests 100000
  farebox prices diff ../old-checkout/pricing pricing
  farebox prices diff 2026-11-22 my-prices.yaml")]
pub(crate) struct DiffArgs {
    /// A date, a price file laid over the table, or a folder of price files that is a table of its own
    old: String,
    /// The same for the newer side
    new: String,
    /// Only this provider; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER")]
    provider: Vec<String>,
    /// Prompt tokens of one request of the workload
    #[arg(long, value_name = "N", requires = "output_tokens")]
    input_tokens: Option<Range<u64>>,
    /// Answer tokens of one request of the workload
    #[arg(long, value_name = "N", requires = "input_tokens")]
    output_tokens: Option<Range<u64>>,
    /// How many requests the workload has
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1, requires = "input_tokens")]
    requests: u64,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

/// One side of a diff: a table and an instant.
struct DiffSide {
    label: String,
    table: std::sync::Arc<PriceTable>,
    at: Instant,
}

fn side(text: &str, args: &DiffArgs) -> Result<DiffSide, Error> {
    let setup = args.prices.setup()?;
    let path = Path::new(text);
    if path.is_dir() {
        let files = super::prices::price_files(&[path.to_owned()])?;
        let table =
            PriceTable::of_files(&files, text).map_err(|problems| super::shared::price_error(&problems, &files))?;
        return Ok(DiffSide { label: text.to_owned(), table: table.into(), at: setup.at });
    }
    if path.is_file() {
        let mut flags = args.prices.clone();
        flags.overlays.push(path.to_owned());
        let setup = flags.setup()?;
        return Ok(DiffSide { label: text.to_owned(), table: setup.table, at: setup.at });
    }
    let looks_like_date = text.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let at = text.parse().map_err(|error| match looks_like_date {
        true => Error::Date(error),
        false => Error::Usage(format!("{text:?} is no date, price file or folder of price files\n  help: write 2026-07-01, my-prices.yaml or path/to/pricing")),
    })?;
    Ok(DiffSide { label: text.to_owned(), table: setup.table, at })
}

type Card = (std::sync::Arc<ProviderHead>, std::sync::Arc<ModelCard>);

pub(crate) fn diff(args: &DiffArgs) -> Result<(), Error> {
    let (old, new) = (side(&args.old, args)?, side(&args.new, args)?);
    let providers: Vec<String> = args.provider.iter().map(|p| p.to_lowercase()).collect();
    let wanted =
        |head: &ProviderHead| providers.is_empty() || providers.iter().any(|p| *p == head.id || head.names.contains(p));
    let cards = |side: &DiffSide| -> BTreeMap<String, Card> {
        let named = side.table.cards().filter(|(head, _)| wanted(head));
        named.map(|(head, card)| (format!("{}/{}", head.id, card.id), (head, card))).collect()
    };
    let (before, after) = (cards(&old), cards(&new));
    let workload = args.input_tokens.zip(args.output_tokens);
    let mut report = Report::new([
        Column::text("model", "model"),
        Column::text("condition", "when"),
        Column::text("meter", "meter"),
        Column::number("old", "old"),
        Column::number("new", "new"),
        Column::number("percent", "change"),
        Column::number("old_usd", "old cost"),
        Column::number("new_usd", "new cost"),
        Column::number("delta_usd", "difference"),
    ]);
    report.head.push(format!("{} → {}", old.label, new.label));
    let ids: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut models = 0_u64;
    for id in ids {
        let (one, two) = (before.get(id), after.get(id));
        let rates = |card: Option<&Card>, at| card.and_then(|(_, card)| card.rates_at(at).cloned());
        let (old_rates, new_rates) = (rates(one, old.at), rates(two, new.at));
        let list = diff::changes_between(old_rates.as_ref(), new_rates.as_ref());
        if list.is_empty() {
            continue;
        }
        models += 1;
        let cost = |card: Option<&Card>, at| {
            workload.and_then(|(input, output)| workload_cost(card?, input, output, args.requests, at))
        };
        let (old_usd, new_usd) = (cost(one, old.at), cost(two, new.at));
        let delta = old_usd.zip(new_usd).map(|(a, b)| Usd::new(b.amount() - a.amount()));
        for (i, change) in list.iter().enumerate() {
            let money = |usd: Option<Usd>| usd.filter(|_| i == 0).map_or_else(Cell::default, Cell::usd);
            report.push(
                [
                    Cell::text(id),
                    Cell::text(&change.condition),
                    Cell::text(change.meter.name()),
                    rate_cell(change.old.as_ref()),
                    rate_cell(change.new.as_ref()),
                    percent_cell(change),
                    money(old_usd),
                    money(new_usd),
                    money(delta),
                ],
                json!({"model": id, "when": change.condition, "meter": change.meter.name(), "old": rate_text(change.old.as_ref()),
                       "new": rate_text(change.new.as_ref()), "old_usd": old_usd, "new_usd": new_usd, "delta_usd": delta}),
            );
        }
    }
    report.notes.push(format!("Models that differ: {models}; rates: {}.", report.rows.len()));
    let id = |side: &DiffSide| json!({"label": side.label, "at": side.at, "table": side.table.id()});
    report.machine.extend([
        ("old".to_owned(), id(&old)),
        ("new".to_owned(), id(&new)),
        ("models".to_owned(), json!(models)),
    ]);
    args.output.write(report)
}

fn workload_cost(
    (head, card): &Card,
    input: Range<u64>,
    output: Range<u64>,
    requests: u64,
    at: Instant,
) -> Option<Usd> {
    let work = Work { input, output, requests, ..Work::default() };
    estimate(head, card, &work, at).ok().map(|estimate| estimate.cost.total)
}

/// List live prices that nobody has checked for long, and models that retire soon; exit code 4 when there are any
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  farebox prices stale\n  farebox prices stale --max-age 30 --retiring 60 -m gpt-4o -m claude-opus-4-6"
)]
pub(crate) struct StaleArgs {
    /// A price is stale when nobody has checked it for more than this many days
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    max_age: u32,
    /// A model retires soon when it does within this many days
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    retiring: u32,
    /// Only these models; repeatable
    #[arg(long = "model", short = 'm', value_name = "MODEL")]
    models: Vec<String>,
    /// Only this provider; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER", conflicts_with = "models")]
    provider: Vec<String>,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn stale(args: &StaleArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let mut report = Report::new([
        Column::text("model", "model"),
        Column::text("finding", "finding"),
        Column::text("date", "date"),
        Column::number("days", "days"),
        Column::text("next", "next step"),
    ]);
    for (head, card) in stale_candidates(args, &setup)? {
        for (finding, day, days, next) in findings(&head, &card, args, &setup) {
            report.push(
                [
                    Cell::text(format!("{}/{}", head.id, card.id)),
                    Cell::text(finding).tone(Tone::Warn),
                    Cell::text(day.to_string()),
                    Cell::quantity(days),
                    Cell::text(&next),
                ],
                json!({"provider": head.id, "model": card.id, "finding": finding, "date": day, "days": days, "next": next}),
            );
        }
    }
    let count = report.rows.len();
    report.notes.push(table_line(&setup));
    report.machine.insert("table".into(), table_json(&setup));
    args.output.write(report)?;
    if count > 0 { Err(Error::Stale(format!("{count} stale or retiring"))) } else { Ok(()) }
}

fn stale_candidates(args: &StaleArgs, setup: &Setup) -> Result<Vec<Card>, Error> {
    if !args.models.is_empty() {
        return Ok(setup.find_all(&args.models)?.into_iter().map(|found| (found.provider, found.model)).collect());
    }
    let providers = args.provider.iter().map(|p| known_provider(setup, p)).collect::<Result<Vec<_>, _>>()?;
    let mut cards: Vec<Card> =
        setup.table.cards().filter(|(head, _)| providers.is_empty() || providers.contains(&head.id)).collect();
    cards.sort_by(|a, b| (&a.0.id, &a.1.id).cmp(&(&b.0.id, &b.1.id)));
    // A model that was named is always judged; of the whole table, only what is alive.
    cards.retain(|(_, card)| !card.is_retired(setup.at) && card.info.last_listed.is_none());
    Ok(cards)
}

/// What is stale about a card: the finding, its day, how many days that is, and what to do.
fn findings(
    head: &ProviderHead,
    card: &ModelCard,
    args: &StaleArgs,
    setup: &Setup,
) -> Vec<(&'static str, Instant, u64, String)> {
    let days = |from: Instant, to: Instant| u64::try_from((to.unix() - from.unix()).div_euclid(86_400)).unwrap_or(0);
    let mut findings = Vec::new();
    if let Some(rates) = card.rates_at(setup.at) {
        let (checked, age) = (rates.source.checked, days(rates.source.checked, setup.at));
        if age > u64::from(args.max_age) && rates.source.basis != farebox::pricing::card::SourceBasis::Own {
            findings.push(("unchecked", checked, age, format!("look at {}", rates.source.url)));
        }
    }
    let replacement = card
        .info
        .replacement
        .as_ref()
        .map_or_else(|| format!("`farebox models --provider {}` lists others", head.id), |r| format!("use {r}"));
    match card.info.retired {
        Some(day) if day <= setup.at => findings.push(("retired", day, days(day, setup.at), replacement)),
        Some(day) if days(setup.at, day) <= u64::from(args.retiring) => {
            findings.push(("retires soon", day, days(setup.at, day), replacement))
        }
        _ => {}
    }
    findings
}
