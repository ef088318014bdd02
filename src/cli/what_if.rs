//! `farebox what-if`: what past usage would have cost on another model, in a batch, with another use of the cache.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::data::load;
use super::out::Out;
use super::shared::{self, OutputFlags, PriceFlags, Setup, table_json, table_line};
use super::span::SpanFlags;
use super::usage::places::{Places, places};
use super::usage::priced::{Pricing, Refused as Unpriced, Verdict, cost};
use super::usage::stream::{self, Plan, Settled, Take};
use super::usage::view::zone_of;
use super::usage::{Screen, column};
use super::work::Choice;
use crate::cli::error::Error;
use farebox::calculator::switch::{Caching, Switch};
use farebox::input::calls::Reading;
use farebox::input::calls::open::open;
use farebox::input::dialect::{Dialect, Entry, Item, State};
use farebox::input::text::{InputError, Source};
use farebox::money::Usd;
use farebox::period::{Instant, Period};
use farebox::pricing::Found;
use farebox::pricing::lookup::Lookup;
use farebox::report::{Cell, Column, Report, Tone};
use farebox::tokenizer::ratio::{Ratio, USUAL, samples};
use farebox::tokenizer::{StreamCounter, TokenCount};

/// Say what past usage would have cost on another model, tier or date, or with another use of the cache
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox what-if usage.jsonl --switch gpt-4o=claude-haiku-4-5
  farebox what-if usage.jsonl --model gemini-2.5-flash --answers 80..150
  farebox what-if usage.jsonl --batch
  farebox what-if usage.jsonl --cache-hits 80 --at 2026-11-22

What it was is priced at the time of each call; so is what it would have been, unless --at says otherwise. Another
tokenizer counts the same text differently: where the log holds text, its own ratio is measured, and otherwise that of
samples (--text-class), as a range.")]
pub(crate) struct Args {
    /// Files, folders and patterns, as `farebox usage` reads them; - is standard input [default: what is piped in, or the
    /// sessions of coding agents]
    files: Vec<PathBuf>,
    /// Move the requests of one model to another; repeatable, the first that fits wins; `*` is any model
    #[arg(long = "switch", value_name = "FROM=TO", value_parser = mapping)]
    switches: Vec<(String, String)>,
    /// Move every request to this model
    #[arg(long, short = 'm', value_name = "MODEL")]
    model: Option<String>,
    /// Send everything in batches
    #[arg(long, conflicts_with = "service_tier")]
    batch: bool,
    /// Send everything through this queue, such as flex or priority
    #[arg(long, value_name = "TIER")]
    service_tier: Option<String>,
    /// Share of each prompt that is read from the cache, in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    cache_hits: Option<u8>,
    /// Cache nothing
    #[arg(long, conflicts_with = "cache_hits")]
    no_cache: bool,
    /// Length of answers on the other model, in percent of what they were: 80..150
    #[arg(long, value_name = "LOW..HIGH", value_parser = percents, default_value = "100..100")]
    answers: RangeInclusive<u32>,
    /// Kind of text where the log holds none: english, technical, code, data or a language; repeatable
    #[arg(long, value_name = "CLASS")]
    text_class: Vec<String>,
    /// Provider of records that do not name theirs
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Price every record, as it was, at this provider, whatever it names
    #[arg(long, value_name = "PROVIDER")]
    force_provider: Option<String>,
    /// Price every record, as it was, as this model, whatever it names
    #[arg(long, value_name = "MODEL")]
    force_model: Option<String>,
    /// Read every line as this dialect; claude-code, codex and opencode find their own files when none are given
    #[arg(long, value_name = "DIALECT")]
    from: Option<Dialect>,
    /// Columns of a table, as ours=theirs: model=Name,input_tokens="Prompt tokens"; repeatable
    #[arg(long, value_name = "OURS=THEIRS", value_delimiter = ',', value_parser = column)]
    columns: Vec<(String, String)>,
    #[command(flatten)]
    span: SpanFlags,
    /// Time zone of the days of --since and --until: a name such as Europe/Berlin, an offset, or local [default: UTC]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Maximum number of threads [default: all CPUs]
    #[arg(long, value_name = "N", value_parser = shared::threads)]
    threads: Option<NonZero<u16>>,
    /// Exit with 3 when a record could not be priced
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

fn mapping(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((from, to)) if !from.trim().is_empty() && !to.trim().is_empty() => {
            Ok((from.trim().to_owned(), to.trim().to_owned()))
        }
        _ => Err("write FROM=TO, such as gpt-4o=claude-haiku-4-5".to_owned()),
    }
}

fn percents(text: &str) -> Result<RangeInclusive<u32>, String> {
    let error = || "write percent as LOW..HIGH, such as 80..150".to_owned();
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let number = |part: &str| part.trim().trim_end_matches('%').parse::<u32>().map_err(|_| error());
    let (low, high) = (number(low)?, number(high)?);
    if low <= high && high <= 10_000 { Ok(low..=high) } else { Err(error()) }
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    for provider in args.provider.iter().chain(&args.force_provider) {
        super::prices::known_provider(&setup, provider)?;
    }
    let classes = classes(&args)?;
    if args.is_no_change() {
        return Err(Error::Usage("what if what?\n  help: give --switch FROM=TO, --model MODEL, --batch, --service-tier TIER, --cache-hits PERCENT, --no-cache, --answers LOW..HIGH or --at DATE".into()));
    }
    let targets = args.targets().map(|(from, to)| Target::of(from, to, &setup)).collect::<Result<Vec<_>, _>>()?;
    if targets.is_empty() && !args.text_class.is_empty() {
        return Err(Error::Usage("--text-class changes nothing here: only another model counts a text differently\n  help: leave it out, or name a model with --switch FROM=TO or --model MODEL".into()));
    }
    let span = args.span.period(&zone_of(args.timezone.as_deref())?)?;
    let places = places(&args.files, args.from, true)?;
    // Only another tokenizer asks for texts.
    let looked_at = if targets.is_empty() { &[] } else { places.sources.as_slice() };
    let texts = looked_at.iter().flat_map(texts_of).take(MOST_TEXTS).collect();
    let ratios = Mutex::new(Ratios { texts, classes, known: HashMap::new() });
    let question = Question { args: &args, setup: &setup, targets: &targets, span, ratios: &ratios };
    answer(question, places)
}

/// Reads everything once and writes the answer.
fn answer(question: Question, mut places: Places) -> Result<(), Error> {
    let args = question.args;
    let out = Out::open(args.output.output.as_deref())?;
    places.say(args.output.quiet);
    let mut screen = Screen::new(None, &places.sources, args.output.quiet);
    std::mem::take(&mut places.failed).into_iter().for_each(|error| stream::Sink::failed(&mut screen, error));
    let reading = Reading { from: args.from, columns: args.columns.clone() };
    let threads = shared::number_of(args.threads);
    let plan = Plan { sources: &places.sources, reading: &reading, threads, rows: false };
    let run = stream::run(plan, &|| Run::new(question), &mut screen)?;
    screen.judge(&places);
    let (_, failed) = screen.end()?;
    if run.is_empty()
        && let Some(failed) = failed
    {
        return Err(failed.into());
    }
    run.judge_switches()?;
    args.output.write_to(run.report(), out)?;
    run.finish(failed)
}

/// The kinds of text that stand for the log's.
fn classes(args: &Args) -> Result<Vec<String>, Error> {
    let known: Vec<&str> = samples().iter().map(|sample| sample.kind.as_str()).collect();
    for class in &args.text_class {
        if !known.contains(&class.as_str()) {
            let mut known = known.clone();
            known.dedup();
            let known = known.join(", ");
            return Err(Error::Usage(format!("no class of text is called {class:?}\n  help: write one of {known}")));
        }
    }
    Ok(if args.text_class.is_empty() { USUAL.map(str::to_owned).to_vec() } else { args.text_class.clone() })
}

impl Args {
    fn is_no_change(&self) -> bool {
        let other_use = self.batch || self.service_tier.is_some() || self.no_cache || self.cache_hits.is_some();
        let other_model = !self.switches.is_empty() || self.model.is_some();
        !other_use && !other_model && self.prices.table.at.is_none() && self.answers == (100..=100)
    }

    /// Every `FROM=TO`; `*` is any model.
    fn targets(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.model.as_deref().map(|model| ("*", model));
        self.switches.iter().map(|(from, to)| (from.as_str(), to.as_str())).chain(all)
    }

    fn caching(&self) -> Caching {
        match self.cache_hits {
            Some(percent) => Caching::Hits(percent),
            None if self.no_cache => Caching::Never,
            None => Caching::AsItWas,
        }
    }
}

/// Money of some requests: as it was, and as it would have been.
#[derive(Clone, Copy, Default)]
struct Sums {
    records: u64,
    was: Usd,
    /// Next to `was`, the least and the most that rows of several requests can have been.
    was_low: Usd,
    was_high: Usd,
    low: Usd,
    expected: Usd,
    high: Usd,
}

impl std::ops::AddAssign for Sums {
    fn add_assign(&mut self, other: Sums) {
        self.records += other.records;
        self.was += other.was;
        self.was_low += other.was_low;
        self.was_high += other.was_high;
        self.low += other.low;
        self.expected += other.expected;
        self.high += other.high;
    }
}

/// What is asked, the same for every thread.
#[derive(Clone, Copy)]
struct Question<'a> {
    args: &'a Args,
    setup: &'a Setup,
    targets: &'a [Target],
    span: Period,
    ratios: &'a Mutex<Ratios>,
}

/// What one thread has worked out.
struct Run<'a> {
    question: Question<'a>,
    lookup: Lookup<'a>,
    /// Ratios that this thread has asked for.
    ratios: HashMap<Pair, Ratio>,
    /// By what it was and what it would be.
    rows: BTreeMap<(String, String), Sums>,
    /// By status and whether it is the past or the other that has no price.
    refused: BTreeMap<(&'static str, &'static str), u64>,
    /// For each target, how many records it would fit, and how many it moved.
    fitted: Vec<[u64; 2]>,
    /// Models of the log that have a price, with their records.
    held: BTreeMap<String, u64>,
    /// Requests that cost nothing either way: errors, local machines.
    free: u64,
    /// Records of another time than was asked for, and without a time.
    outside: u64,
    left_out: u64,
    /// Whether a row summed up several requests.
    summed: bool,
}

/// Which side has no price, and why.
type Refused = (&'static str, Box<Unpriced>);

/// What the other side is refused for.
fn other(status: &'static str, reason: impl Into<String>) -> Refused {
    (OTHER, Box::new(Unpriced::new(status, reason)))
}

/// What one `--switch` or `--model` asks for.
struct Target {
    from: String,
    /// The full id that `from` means; `None` where it is any model, or a name of the log that is not sold.
    from_id: Option<String>,
    to: String,
}

impl Target {
    fn of(from: &str, to: &str, setup: &Setup) -> Result<Target, Error> {
        setup.find(to)?;
        let from_id = setup.table.get(from, setup.at).map(|found| found.full_id());
        Ok(Target { from: from.to_owned(), from_id, to: to.to_owned() })
    }

    fn is_for(&self, model: &str, past: &Found) -> bool {
        let full_id = past.full_id();
        let is_it = |name: &str| name == "*" || name == model || name == past.model.id || name == full_id;
        is_it(&self.from) || self.from_id.as_ref() == Some(&full_id)
    }
}

const PAST: &str = "as it was";
const OTHER: &str = "as it would be";

impl Take for Run<'_> {
    fn take(&mut self, _: &str, line: u64, item: &Item, settled: &mut Settled) {
        let result = match item {
            Item::Entry(entry) if !self.includes(entry) => return,
            Item::Entry(entry) if entry.state == State::Done => self.entry(entry),
            Item::Entry(_) => {
                self.free += 1;
                return;
            }
            Item::Bad(error) => Err((PAST, Box::new(Unpriced::new(error.status(), error.to_string())))),
            Item::Event(_) => return,
        };
        if let Err((which, mut refused)) = result {
            *self.refused.entry((refused.status, which)).or_default() += 1;
            settled.warn(line, || {
                refused.explain(&mut self.lookup);
                format!("{which}: {}: {}", refused.status, refused.reason)
            });
        }
    }

    fn merge(&mut self, other: Self) {
        for (key, sums) in other.rows {
            *self.rows.entry(key).or_default() += sums;
        }
        for (key, count) in other.refused {
            *self.refused.entry(key).or_default() += count;
        }
        for (model, count) in other.held {
            *self.held.entry(model).or_default() += count;
        }
        for (mine, theirs) in self.fitted.iter_mut().flatten().zip(other.fitted.into_iter().flatten()) {
            *mine += theirs;
        }
        self.free += other.free;
        self.outside += other.outside;
        self.left_out += other.left_out;
        self.summed |= other.summed;
    }
}

impl<'a> Run<'a> {
    fn new(question: Question<'a>) -> Self {
        Run {
            question,
            lookup: Lookup::new(&question.setup.table),
            ratios: HashMap::new(),
            rows: BTreeMap::new(),
            refused: BTreeMap::new(),
            fitted: vec![[0; 2]; question.targets.len()],
            held: BTreeMap::new(),
            free: 0,
            outside: 0,
            left_out: 0,
            summed: false,
        }
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.refused.is_empty() && self.free + self.outside + self.left_out == 0
    }

    /// Whether a record is inside of the span that was asked for.
    fn includes(&mut self, entry: &Entry) -> bool {
        let span = self.question.span;
        if span == Period::default() || entry.at.is_some_and(|at| span.contains(at)) {
            return true;
        }
        self.outside += u64::from(entry.at.is_some());
        self.left_out += u64::from(entry.at.is_none());
        false
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), Refused> {
        let Question { args, setup, .. } = self.question;
        let pricing = Pricing {
            setup,
            reprice: false,
            provider: args.provider.as_deref(),
            model: None,
            force_provider: args.force_provider.as_deref(),
            force_model: args.force_model.as_deref(),
        };
        let outcome = pricing.outcome(entry, &mut self.lookup);
        let at = outcome.at;
        let was = match outcome.verdict {
            Verdict::Priced(priced) => priced,
            Verdict::Refused(refused) => return Err((PAST, Box::new(refused))),
            Verdict::Free(..) | Verdict::Charge(_) => {
                self.free += 1;
                return Ok(());
            }
        };
        let past = &*was.found;
        *self.held.entry(past.full_id()).or_default() += 1;
        let other_at = if args.prices.table.at.is_some() { setup.at } else { at };
        let model = outcome.model.as_deref().unwrap_or_default();
        let other = match self.target(model, past) {
            Some(target) => {
                let found = self.lookup.find(None, &target.to, &entry.context, other_at);
                found.map_err(|unknown| other("unknown-model", unknown.to_string()))?
            }
            None => Arc::clone(&was.found),
        };
        let (was_low, was_high) = was.range.unwrap_or((was.cost.total, was.cost.total));
        let there = self.other(entry, (past, at), (&other, other_at))?;
        let key = (past.full_id(), other.full_id());
        self.summed |= entry.bucket.is_some();
        *self.rows.entry(key).or_default() += Sums { records: 1, was: was.cost.total, was_low, was_high, ..there };
        Ok(())
    }

    /// The first target that fits a record, if any.
    fn target(&mut self, model: &str, past: &Found) -> Option<&'a Target> {
        let mut first = None;
        for (target, [fits, moved]) in self.question.targets.iter().zip(&mut self.fitted) {
            if target.is_for(model, past) {
                *fits += 1;
                *moved += u64::from(first.is_none());
                first = first.or(Some(target));
            }
        }
        first
    }

    /// The ratio between two tokenizers, measured once for all threads.
    fn ratio(&mut self, from: &Choice, to: &Choice) -> Result<Ratio, Refused> {
        let pair = pair(from, to);
        if let Some(ratio) = self.ratios.get(&pair) {
            return Ok(*ratio);
        }
        // A thread that panicked while it measured left the others as they were.
        let mut all = self.question.ratios.lock().unwrap_or_else(PoisonError::into_inner);
        let ratio = all.between(from, to).map_err(|what| other("no-rate", what))?;
        self.ratios.insert(pair, ratio);
        Ok(ratio)
    }

    /// A switch that moved nothing: an error where it was all that was asked to move, and a warning next to others.
    fn judge_switches(&self) -> Result<(), Error> {
        let targets = self.question.targets;
        for (target, [fits, moved]) in targets.iter().zip(&self.fitted) {
            let Target { from, to, .. } = target;
            // `--model` and `*` fit whatever there is.
            if *moved > 0 || from == "*" || self.is_empty() {
                continue;
            }
            let what = if *fits > 0 {
                format!("--switch {from}={to} moved nothing: earlier switches take every record that it fits")
            } else {
                format!("--switch {from}={to} fits no record: {}", self.holds(from, to))
            };
            if targets.len() == 1 {
                return Err(Error::Usage(what));
            }
            super::say(&format!("warning: {what}"));
        }
        Ok(())
    }

    /// The models that the log holds, and which of them a switch may have meant.
    fn holds(&self, from: &str, to: &str) -> String {
        const SHOWN: usize = 5;
        let mut held: Vec<_> = self.held.iter().collect();
        held.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        let Some((most, _)) = held.first() else { return "the log holds nothing that has a price".to_owned() };
        let names: Vec<&str> = held.iter().take(SHOWN).map(|(name, _)| name.as_str()).collect();
        let more = if held.len() > SHOWN { format!(" and {} more", held.len() - SHOWN) } else { String::new() };
        let like = held.iter().map(|(name, _)| name.as_str()).filter(|name| is_like(from, name)).collect::<Vec<_>>();
        let near = match &like[..] {
            [] => format!("name a model of the log, such as --switch {most}={to}"),
            [first, ..] => format!("did you mean --switch {first}={to}?"),
        };
        format!("the log holds {}{more}\n  help: {near}", names.join(", "))
    }

    fn finish(&self, failed: Option<InputError>) -> Result<(), Error> {
        let refused: u64 = self.refused.values().sum();
        if self.rows.is_empty() && refused > 0 {
            let statuses = self.refused.iter().map(|((status, which), n)| format!("{n} {status}, {which}"));
            let what = statuses.collect::<Vec<_>>().join("; ");
            super::say(&format!("warning: no record could be compared: {what}"));
        }
        match failed {
            Some(error) => Err(error.into()),
            None if self.question.args.strict && refused > 0 => Err(Error::Strict(refused)),
            None => Ok(()),
        }
    }

    fn other(
        &mut self,
        entry: &Entry,
        (past, at): (&Found, Instant),
        (other, other_at): (&Found, Instant),
    ) -> Result<Sums, Refused> {
        let args = self.question.args;
        let is_other_model = past.full_id() != other.full_id();
        let ratio = if is_other_model {
            let setup = self.question.setup;
            let (from, to) = (Choice::at(past, at, setup), Choice::at(other, other_at, setup));
            self.ratio(&from, &to)?
        } else {
            Ratio::SAME
        };
        let capabilities = &other.model.info.capabilities;
        let switch = Switch {
            is_other_model,
            ratio,
            answer_percent: args.answers.clone(),
            reasons: capabilities.is_empty() || capabilities.iter().any(|c| c == "reasoning"),
            caching: args.caching(),
            batch: args.batch,
            service_tier: args.service_tier.clone(),
        };
        let card = other.model.rates_at(other_at);
        // Without a card in force the price itself says why.
        let range = card.map(|card| switch.usage(&entry.usage, card)).unwrap_or_default();
        let context = switch.context(&entry.context);
        let context = other.settle(&context);
        let priced = |usage| {
            let cost = cost(usage, entry.bucket.as_ref(), other, &context, other_at);
            let (cost, range) = cost.map_err(|refusal| self::other(refusal.status(), refusal.to_string()))?;
            let (low, high) = range.unwrap_or((cost.total, cost.total));
            Ok((low, cost.total, high))
        };
        let ((low, ..), (_, expected, _), (.., high)) =
            (priced(&range.low)?, priced(&range.expected)?, priced(&range.high)?);
        Ok(Sums { low, expected, high, ..Sums::default() })
    }

    fn report(&self) -> Report {
        let setup = self.question.setup;
        let mut report = Report::new([
            Column::text("model", "it was"),
            Column::text("other_model", "it would be"),
            Column::number("records", "records"),
            Column::number("was_usd", "was"),
            Column::number("low_usd", "low"),
            Column::number("expected_usd", "expected"),
            Column::number("high_usd", "high"),
            Column::number("difference_usd", "difference"),
        ]);
        let mut all = Sums::default();
        for ((was, other), sums) in &self.rows {
            all += *sums;
            let other_cell = if was == other { Cell::pair("the same model", other) } else { Cell::text(other) };
            let mut cells = vec![Cell::text(was), other_cell];
            cells.extend(self.cells(sums));
            let mut machine = json!({"model": was, "other_model": other});
            if let Value::Object(row) = &mut machine {
                row.extend(fields(sums));
            }
            report.push(cells, machine);
        }
        let mut total = vec![Cell::text("total"), Cell::default()];
        total.extend(self.cells(&all));
        report.total = Some(total);
        report.machine.extend(fields(&all));
        report.machine.insert("unpriced".into(), json!(self.refused.values().sum::<u64>()));
        report.machine.insert("without_cost".into(), json!(self.free));
        let reasons: BTreeMap<String, u64> =
            self.refused.iter().map(|((status, which), n)| (format!("{status}, {which}"), *n)).collect();
        report.machine.insert("reasons".into(), json!(reasons));
        let assumptions = self.assumptions();
        report.machine.insert("assumptions".into(), json!(assumptions));
        report.machine.insert("table".into(), table_json(setup));
        for (reason, n) in &reasons {
            report
                .notes
                .push(format!("Left out of both sides: {n} {}, {reason}.", if *n == 1 { "record" } else { "records" }));
        }
        for (count, why) in
            [(self.outside, "of another time left out"), (self.left_out, "without a timestamp left out of the span")]
        {
            let records = if count == 1 { "record" } else { "records" };
            report.notes.extend((count > 0).then(|| format!("{count} {records} {why}.")));
        }
        report.notes.extend(assumptions);
        report.notes.push(table_line(setup));
        report
    }

    fn cells(&self, sums: &Sums) -> [Cell; 6] {
        let money = |usd| self.question.setup.money(usd);
        let difference = Usd::new(sums.expected.amount() - sums.was.amount());
        let tone = match difference.cmp(&Usd::ZERO) {
            std::cmp::Ordering::Less => Tone::Good,
            std::cmp::Ordering::Equal => Tone::Plain,
            std::cmp::Ordering::Greater => Tone::Bad,
        };
        let percent = share(sums).map_or_else(String::new, |percent| format!(" ({percent} %)"));
        let cell = money(difference).tone(tone);
        let cell = Cell { people: format!("{}{percent}", cell.people), ..cell };
        let range = |usd: Usd| if sums.low == sums.high { Cell::pair("", usd.to_string()) } else { money(usd) };
        [Cell::quantity(sums.records), money(sums.was), range(sums.low), money(sums.expected), range(sums.high), cell]
    }

    /// What the range rests on, in sentences.
    fn assumptions(&self) -> Vec<String> {
        let args = self.question.args;
        let mut said = self.question.ratios.lock().unwrap_or_else(PoisonError::into_inner).said();
        if self.summed {
            said.push("Rows that sum up many requests do not say how long each prompt was or when it was sent: low and high are the least and the most that they can have cost, on both sides.".to_owned());
        }
        if self.rows.keys().any(|(was, other)| was != other) || args.answers != (100..=100) {
            said.push(if args.answers == (100..=100) {
                "Answers have the same text there; --answers 80..150 allows for shorter and longer ones.".to_owned()
            } else {
                format!("Answers are {} to {} % as long there.", args.answers.start(), args.answers.end())
            });
        }
        if self.rows.keys().any(|(was, other)| was != other) {
            said.push("Cached tokens are cached there too where the model has a price for it, and are plain input where it has none.".to_owned());
        }
        match args.caching() {
            Caching::Hits(percent) => said.push(format!(
                "{percent} % of each prompt is read from the cache; what writing to it costs is not in here."
            )),
            Caching::Never => said.push("Nothing is cached.".to_owned()),
            Caching::AsItWas => {}
        }
        said
    }
}

/// The difference in percent of what it was.
fn share(sums: &Sums) -> Option<String> {
    let difference = sums.expected.amount() - sums.was.amount();
    let percent = difference.checked_mul(100.into())?.checked_div(sums.was.amount())?.round_dp(1).normalize();
    (!percent.is_zero()).then(|| format!("{percent:+}"))
}

fn fields(sums: &Sums) -> Vec<(String, Value)> {
    let difference = Usd::new(sums.expected.amount() - sums.was.amount());
    let mut fields = vec![
        ("records".to_owned(), json!(sums.records)),
        ("was_usd".to_owned(), json!(sums.was)),
        ("low_usd".to_owned(), json!(sums.low)),
        ("expected_usd".to_owned(), json!(sums.expected)),
        ("high_usd".to_owned(), json!(sums.high)),
        ("difference_usd".to_owned(), json!(difference)),
    ];
    if sums.was_low < sums.was_high {
        fields.push(("was_low_usd".to_owned(), json!(sums.was_low)));
        fields.push(("was_high_usd".to_owned(), json!(sums.was_high)));
    }
    fields
}

/// Whether a model of the log may be what a name that fits none was meant for: one contains the other, or they are alike.
fn is_like(asked: &str, id: &str) -> bool {
    let (asked, id) = (asked.to_lowercase(), id.to_lowercase());
    let name = id.rsplit('/').next().unwrap_or(&id);
    let bare = asked.rsplit('/').next().unwrap_or(&asked);
    name.contains(bare) || bare.contains(name) || strsim::jaro_winkler(bare, name) > 0.9
}

/// The tokenizers of a ratio, and whether each is only assumed.
type Pair = (String, bool, String, bool);

fn pair(from: &Choice, to: &Choice) -> Pair {
    (from.name.clone(), from.assumed, to.name.clone(), to.assumed)
}

/// Ratios between tokenizers, each measured once.
struct Ratios {
    texts: Vec<String>,
    classes: Vec<String>,
    known: HashMap<Pair, Ratio>,
}

impl Ratios {
    fn between(&mut self, from: &Choice, to: &Choice) -> Result<Ratio, String> {
        let key = pair(from, to);
        if let Some(ratio) = self.known.get(&key) {
            return Ok(*ratio);
        }
        let ratio = if from == to && !from.assumed { Ratio::SAME } else { self.measured(from, to)? };
        self.known.insert(key, ratio);
        Ok(ratio)
    }

    fn measured(&self, from: &Choice, to: &Choice) -> Result<Ratio, String> {
        let (from, to) = (counter(from)?, counter(to)?);
        let own = self.texts.iter().map(String::as_str);
        let others = samples().iter().filter(|s| self.classes.contains(&s.kind)).map(|s| s.text.as_str());
        let ratio =
            if self.texts.is_empty() { Ratio::measured(others, from, to) } else { Ratio::measured(own, from, to) };
        ratio.ok_or_else(|| "there is no text to measure the ratio of two tokenizers on".to_owned())
    }

    fn said(&self) -> Vec<String> {
        let on = |ratio: &Ratio| match self.texts.is_empty() {
            true => {
                let classes = self.classes.join(", ");
                format!("{} sample texts ({classes}; --text-class says what yours are like)", ratio.texts)
            }
            false => format!("texts of the log itself: {}", ratio.texts),
        };
        let mut said: Vec<String> = self
            .known
            .iter()
            .filter(|(_, ratio)| ratio.texts > 0)
            .map(|((from, _, to, assumed), ratio)| {
                let of = ratio.scaled(1_000);
                let assumed = if *assumed { ", which is assumed to be the model's" } else { "" };
                format!(
                    "1,000 tokens of {from} are {} ({}–{}) of {to}{assumed}: measured on {}.",
                    Cell::quantity(of.tokens).people,
                    Cell::quantity(of.low).people,
                    Cell::quantity(of.high).people,
                    on(ratio)
                )
            })
            .collect();
        said.sort();
        said
    }
}

/// Counts a text as a tokenizer does that may only be assumed.
fn counter(choice: &Choice) -> Result<impl Fn(&str) -> TokenCount, String> {
    let (tokenizer, choice) = (load(&choice.name).map_err(|e| e.to_string())?, choice.clone());
    Ok(move |text: &str| {
        let mut counter = StreamCounter::new(Arc::clone(&tokenizer));
        counter.push(text);
        choice.finish(counter)
    })
}

/// Maximum number of texts that a ratio is measured on, and the bytes that each has at least: short ones say little.
const MOST_TEXTS: usize = 200;
const LEAST_BYTES: usize = 400;
/// How much of each file is looked at for them.
const LOOKED_AT: u64 = 1 << 20;

/// The texts of prompts and answers in the beginning of a log. A log that cannot be read here is reported when it is
/// priced.
fn texts_of(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    // What can be read once only, standard input or a named pipe, is kept for the records.
    if !matches!(source, Source::File(path) if path.is_file()) {
        return found;
    }
    for part in open(source).into_iter().flatten().filter_map(Result::ok) {
        let mut start = Vec::new();
        if part.reader.take(LOOKED_AT).read_to_end(&mut start).is_err() {
            continue;
        }
        for document in serde_json::Deserializer::from_slice(&start).into_iter::<Value>().map_while(Result::ok) {
            collect(&document, "", &mut found);
        }
    }
    found
}

/// Every long string under a name that holds what was said.
fn collect(value: &Value, name: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if is_said(name) && text.len() >= LEAST_BYTES => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, found)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| collect(value, name, found)),
        _ => {}
    }
}

fn is_said(name: &str) -> bool {
    matches!(
        name,
        "content" | "text" | "input" | "output" | "prompt" | "completion" | "arguments" | "thinking" | "instructions"
    )
}
