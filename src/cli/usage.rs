//! `farebox usage`: what did it cost, from records of what was used.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::path::PathBuf;
use std::sync::Arc;

use rust_decimal::Decimal;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};

use super::out::Out;
use super::shared::{OutputFlags, PriceFlags, Setup, converted, in_currency, table_json, table_line};
use crate::calculator::{Cost, price};
use crate::error::Error;
use crate::input::lines::Lines;
use crate::input::record::{Record, parse};
use crate::input::text::Source;
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::Found;
use crate::pricing::lookup::Lookup;
use crate::report::{Cell, Column, Format, Report, Tone, write_json_line};

/// Say what recorded usage cost, each record at the prices of its own time
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox usage usage.jsonl
  farebox usage --format jsonl usage.jsonl > priced.jsonl
  cat usage.jsonl | farebox usage --strict

A record is one JSON object a line:
  {\"provider\":\"openai\",\"model\":\"gpt-4o\",\"timestamp\":\"2024-11-15T12:00:00Z\",
   \"usage\":{\"input_tokens\":50000,\"output_tokens\":1200,\"cache_read_tokens\":48000},\"context\":{}}

A record without a timestamp is priced as of --at, or now.")]
pub(crate) struct Args {
    /// Files of records; - is standard input, which is also read when nothing is given
    files: Vec<PathBuf>,
    /// Price every record as of --at rather than at its own time
    #[arg(long, requires = "at")]
    reprice: bool,
    /// Exit with 3 when a record could not be priced
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

/// A record with its price, or why it has none.
struct Outcome<'r> {
    provider: Option<Cow<'r, str>>,
    model: Option<&'r str>,
    at: Instant,
    has_time: bool,
    result: Result<(Cost, Arc<Found>), Refused>,
}

/// The status for machines, the reason for people, and similar ids where the model is not known.
type Refused = (&'static str, String, Vec<String>);

pub(crate) fn run(args: Args) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let mut lookup = Lookup::new(&setup.table);
    let mut out = Out::open(args.output.output.as_deref())?;
    let mut totals = Totals { currency: setup.currency.clone(), ..Totals::default() };
    let files = if args.files.is_empty() { vec![PathBuf::from("-")] } else { args.files.clone() };
    for path in files {
        let source = if path.as_os_str() == "-" { Source::Stdin } else { Source::File(path) };
        let mut lines = Lines::open(&source)?;
        while let Some((number, line)) = lines.next_line()? {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            // Checked first: the lossy reading goes through a line in pieces, several times slower.
            let text = str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed);
            let parsed = parse(&text);
            let outcome = outcome(&parsed, &args, &setup, &mut lookup);
            totals.add(&outcome, &setup);
            if args.output.format == Format::Jsonl {
                let row = machine(&source.name(), number, &outcome, &setup);
                match write_json_line(&row, &mut out) {
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                    other => other?,
                }
            } else if let Err((status, reason, _)) = &outcome.result {
                super::say(&format!("warning: {}:{number}: {status}: {reason}", source.name()));
            }
        }
    }
    if args.output.format == Format::Jsonl {
        out.finish()?;
        if !args.output.quiet {
            super::say(&format!("note: {}", totals.sentence(&totals.cards().1)));
        }
    } else {
        drop(out);
        args.output.write(totals.report(&setup))?;
    }
    if args.strict && totals.unpriced > 0 { Err(Error::Strict(totals.unpriced)) } else { Ok(()) }
}

fn outcome<'r>(
    parsed: &'r Result<Record<'r>, crate::input::record::RecordError>,
    args: &Args,
    setup: &Setup,
    lookup: &mut Lookup,
) -> Outcome<'r> {
    let record = match parsed {
        Ok(record) => record,
        Err(error) => {
            let result = Err((error.status(), error.to_string(), Vec::new()));
            return Outcome { provider: None, model: None, at: setup.at, has_time: false, result };
        }
    };
    let at = record.at.filter(|_| !args.reprice).unwrap_or(setup.at);
    let mut provider = record.provider.as_deref().map(Cow::Borrowed);
    let result = match lookup.find(record.provider.as_deref(), &record.model, &record.context, at) {
        Err(unknown) => Err(("unknown-model", unknown.to_string(), unknown.suggestions)),
        Ok(found) => {
            provider.get_or_insert_with(|| Cow::Owned(found.provider.id.clone()));
            let priced = price(&found.provider, &found.model, &record.usage, &found.settle(&record.context), at);
            match (priced, setup.exchange(at)) {
                (Ok(cost), Ok(_)) => Ok((cost, found)),
                (Ok(_), Err(reason)) => Err(("no-rate", reason, Vec::new())),
                (Err(refusal), _) => Err((refusal.status(), refusal.to_string(), Vec::new())),
            }
        }
    };
    Outcome { provider, model: Some(&record.model), at, has_time: record.at.is_some(), result }
}

/// The row of a record in machine forms.
fn machine(source: &str, line: u64, outcome: &Outcome, setup: &Setup) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("source".into(), json!(source));
    row.insert("line".into(), json!(line));
    row.insert("provider".into(), json!(outcome.provider));
    row.insert("model".into(), json!(outcome.model));
    match &outcome.result {
        Ok((cost, found)) => {
            row.insert("status".into(), json!("priced"));
            row.insert("total_usd".into(), json!(cost.total));
            row.insert("lines".into(), json!(cost.lines));
            if !cost.applied.is_empty() {
                row.insert("applied".into(), json!(cost.applied));
            }
            setup.add_currency(&mut row, cost.total, outcome.at);
            row.insert("card".into(), json!(found.full_id()));
            row.insert("priced_at".into(), json!(outcome.at));
            if !outcome.has_time {
                row.insert("timestamp".into(), Value::Null);
            }
            row.insert(
                "rates".into(),
                json!({"from": cost.period.from, "to": cost.period.to, "source": cost.source.url,
                       "checked": cost.source.checked, "basis": cost.source.basis}),
            );
        }
        Err((status, reason, suggestions)) => {
            row.insert("status".into(), json!(status));
            row.insert("total_usd".into(), Value::Null);
            row.insert("reason".into(), json!(reason));
            if *status == "unknown-model" {
                row.insert("suggestions".into(), json!(suggestions));
            }
        }
    }
    row.insert("table".into(), table_json(setup));
    row
}

/// The sum of one card: in dollars, and in the currency that is shown.
#[derive(Default)]
struct Sum {
    records: u64,
    usd: Usd,
    shown: Decimal,
}

impl AddAssign<&Sum> for Sum {
    fn add_assign(&mut self, other: &Sum) {
        self.records += other.records;
        self.usd += other.usd;
        self.shown = self.shown.saturating_add(other.shown);
    }
}

/// Sums over a run, by card, with every refusal counted by its status.
#[derive(Default)]
struct Totals {
    /// By the answer of the look-up: a card that was found under two names has two.
    answers: FxHashMap<*const Found, (Arc<Found>, Sum)>,
    currency: Option<String>,
    unpriced: u64,
    reasons: BTreeMap<&'static str, u64>,
    without_time: u64,
}

impl Totals {
    fn add(&mut self, outcome: &Outcome, setup: &Setup) {
        match &outcome.result {
            Ok((cost, found)) => {
                let (_, sum) =
                    self.answers.entry(Arc::as_ptr(found)).or_insert_with(|| (found.clone(), Sum::default()));
                // Each record at the exchange rate of its own time: one rate for all would move history.
                let shown = setup.exchange(outcome.at).ok().flatten().and_then(|rate| converted(cost.total, rate));
                *sum += &Sum { records: 1, usd: cost.total, shown: shown.unwrap_or_else(|| cost.total.amount()) };
                self.without_time += u64::from(!outcome.has_time);
            }
            Err((status, ..)) => {
                self.unpriced += 1;
                *self.reasons.entry(status).or_default() += 1;
            }
        }
    }

    /// The sums by `provider/model`, and the sum of them all.
    fn cards(&self) -> (BTreeMap<String, Sum>, Sum) {
        let (mut cards, mut all) = (BTreeMap::<String, Sum>::new(), Sum::default());
        for (found, sum) in self.answers.values() {
            *cards.entry(found.full_id()).or_default() += sum;
            all += sum;
        }
        (cards, all)
    }

    fn money(&self, sum: &Sum) -> Cell {
        let currency = self.currency.as_ref();
        currency.map_or_else(|| Cell::usd(sum.usd), |currency| in_currency(sum.usd, sum.shown, currency))
    }

    fn sentence(&self, all: &Sum) -> String {
        let reasons: Vec<String> = self.reasons.iter().map(|(status, n)| format!("{n} {status}")).collect();
        let unpriced = if reasons.is_empty() { String::new() } else { format!("; not priced: {}", reasons.join(", ")) };
        let total = self.money(all).people;
        format!("{} of {} records priced, {total} in total{unpriced}", all.records, all.records + self.unpriced)
    }

    fn report(&self, setup: &Setup) -> Report {
        let mut report = Report::new([
            Column::text("model", "model"),
            Column::number("records", "records"),
            Column::number("total_usd", "cost"),
        ]);
        let (cards, all) = self.cards();
        for (card, sum) in &cards {
            let mut machine = json!({"model": card, "records": sum.records, "total_usd": sum.usd});
            if let (Some(currency), Some(row)) = (&self.currency, machine.as_object_mut()) {
                row.insert("currency".into(), json!(currency));
                row.insert("total".into(), json!(sum.shown.normalize().to_string()));
            }
            report.push([Cell::text(card), Cell::quantity(sum.records), self.money(sum)], machine);
        }
        let total = self.money(&all);
        report.total = Some(vec![Cell::text("total"), Cell::quantity(all.records), total.clone()]);
        if self.unpriced > 0 {
            report.total = Some(vec![
                Cell::text("total of what has a price"),
                Cell::quantity(all.records),
                total.tone(Tone::Warn),
            ]);
        }
        report.notes.push(format!("{}.", self.sentence(&all)));
        if self.without_time > 0 {
            report.notes.push(format!(
                "{} records without a timestamp were priced as of {}.",
                self.without_time,
                setup.shown_at()
            ));
        }
        report.notes.push(table_line(setup));
        let fields = [
            ("total_usd", json!(all.usd)),
            ("currency", json!(self.currency)),
            ("total", json!(self.currency.as_ref().map(|_| all.shown.normalize().to_string()))),
            ("priced", json!(all.records)),
            ("unpriced", json!(self.unpriced)),
            ("reasons", json!(self.reasons)),
            ("without_timestamp", json!(self.without_time)),
            ("table", table_json(setup)),
        ];
        report.machine.extend(fields.map(|(key, value)| (key.to_owned(), value)));
        report
    }
}
