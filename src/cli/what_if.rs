//! `farebox what-if`: what past usage would have cost on another model, in a batch, with another use of the cache.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use super::data::load;
use super::shared::{OutputFlags, PriceFlags, Setup, table_json, table_line};
use super::usage::priced::{Pricing, Verdict, cost};
use super::work::Choice;
use crate::calculator::switch::{Caching, Switch};
use crate::error::Error;
use crate::input::calls::open::open;
use crate::input::calls::{Reading, each};
use crate::input::dialect::{Dialect, Entry, Item, State};
use crate::input::text::{Source, walk};
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::Found;
use crate::pricing::lookup::Lookup;
use crate::report::{Cell, Column, Report, Tone};
use crate::tokenizer::ratio::{Ratio, USUAL, samples};
use crate::tokenizer::{StreamCounter, TokenCount};

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
    /// Files of usage in any form that `farebox usage` reads; - is standard input, which is also read when nothing is given
    files: Vec<PathBuf>,
    /// Move the requests of one model to another; repeatable, the first that fits wins
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
    /// Read so many percent of each prompt from the cache
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    cache_hits: Option<u8>,
    /// Cache nothing
    #[arg(long, conflicts_with = "cache_hits")]
    no_cache: bool,
    /// How long answers are there, in percent of what they were: 80..150
    #[arg(long, value_name = "LOW..HIGH", value_parser = percents, default_value = "100..100")]
    answers: RangeInclusive<u32>,
    /// What the text is like where the log holds none: english, technical, code, data or a language; repeatable
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
    /// Read the files as this dialect
    #[arg(long, value_name = "DIALECT")]
    from: Option<Dialect>,
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
    let sources = args.sources()?;
    // Only another tokenizer asks for texts.
    let looked_at = if targets.is_empty() { &[] } else { sources.as_slice() };
    let texts = looked_at.iter().flat_map(texts_of).take(MOST_TEXTS).collect();
    let mut run = Run {
        args: &args,
        targets,
        lookup: Lookup::new(&setup.table),
        setup: &setup,
        ratios: Ratios { texts, classes, known: HashMap::new() },
        rows: BTreeMap::new(),
        refused: BTreeMap::new(),
        free: 0,
        summed: false,
    };
    let reading = Reading { from: args.from, ..Reading::default() };
    for source in &sources {
        each(source, &reading, &mut |line, item| run.take(source, line, item))?;
    }
    let refused: u64 = run.refused.values().sum();
    let report = run.report();
    args.output.write(report)?;
    if args.strict && refused > 0 { Err(Error::Strict(refused)) } else { Ok(()) }
}

/// The kinds of text that stand for the log's.
fn classes(args: &Args) -> Result<Vec<String>, Error> {
    let known: Vec<&str> = samples().iter().map(|sample| sample.kind.as_str()).collect();
    for class in &args.text_class {
        if !known.contains(&class.as_str()) {
            let mut known = known.clone();
            known.dedup();
            let known = known.join(", ");
            return Err(Error::Usage(format!("no class of text is called {class:?}\n  help: it is one of {known}")));
        }
    }
    Ok(if args.text_class.is_empty() { USUAL.map(str::to_owned).to_vec() } else { args.text_class.clone() })
}

impl Args {
    fn is_no_change(&self) -> bool {
        let other_use = self.batch || self.service_tier.is_some() || self.no_cache || self.cache_hits.is_some();
        let other_model = !self.switches.is_empty() || self.model.is_some();
        !other_use && !other_model && self.prices.at.is_none() && self.answers == (100..=100)
    }

    /// Every `FROM=TO`; `*` is any model.
    fn targets(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.model.as_deref().map(|model| ("*", model));
        self.switches.iter().map(|(from, to)| (from.as_str(), to.as_str())).chain(all)
    }

    fn sources(&self) -> Result<Vec<Source>, Error> {
        if self.files.is_empty() {
            return Ok(vec![Source::Stdin]);
        }
        let mut sources = Vec::new();
        for path in &self.files {
            if path.as_os_str() == "-" {
                sources.push(Source::Stdin);
            } else {
                sources.extend(walk(path)?.into_iter().map(Source::File));
            }
        }
        Ok(sources)
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
    /// Beside `was`, the least and the most that rows of several requests can have been.
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

struct Run<'a> {
    args: &'a Args,
    setup: &'a Setup,
    targets: Vec<Target>,
    lookup: Lookup<'a>,
    ratios: Ratios,
    /// By what it was and what it would be.
    rows: BTreeMap<(String, String), Sums>,
    /// By status and whether it is the past or the other that has no price.
    refused: BTreeMap<(&'static str, &'static str), u64>,
    /// Requests that cost nothing either way: errors, local machines.
    free: u64,
    /// Whether a row summed up several requests.
    summed: bool,
}

/// Which side has no price, its status and why.
type Refused = (&'static str, &'static str, String);

/// What one `--switch` or `--model` asks for.
struct Target {
    from: String,
    /// The full id that `from` means; `None` where it is any model, or a name of the log that nobody sells.
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

impl Run<'_> {
    fn take(&mut self, source: &Source, line: u64, item: Item<'static>) {
        let result = match item {
            Item::Entry(entry) if entry.state == State::Done => self.entry(&entry),
            Item::Entry(_) => {
                self.free += 1;
                return;
            }
            Item::Bad(error) => Err((PAST, error.status(), error.to_string())),
            Item::Event(_) => return,
        };
        if let Err((which, status, reason)) = result {
            *self.refused.entry((status, which)).or_default() += 1;
            super::say(&format!("warning: {}:{line}: {which}: {status}: {reason}", source.name()));
        }
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), Refused> {
        let pricing = Pricing {
            setup: self.setup,
            reprice: false,
            provider: self.args.provider.as_deref(),
            model: None,
            force_provider: self.args.force_provider.as_deref(),
            force_model: self.args.force_model.as_deref(),
        };
        let outcome = pricing.outcome(entry, &mut self.lookup);
        let at = outcome.at;
        let was = match outcome.verdict {
            Verdict::Priced(priced) => priced,
            Verdict::Refused(mut refused) => {
                refused.explain(&mut self.lookup);
                return Err((PAST, refused.status, refused.reason));
            }
            Verdict::Free(..) | Verdict::Charge(_) => {
                self.free += 1;
                return Ok(());
            }
        };
        let past = &*was.found;
        let other_at = if self.args.prices.at.is_some() { self.setup.at } else { at };
        let model = outcome.model.as_deref().unwrap_or_default();
        let other = match self.targets.iter().find(|target| target.is_for(model, past)) {
            Some(target) => {
                let found = self.lookup.find(None, &target.to, &entry.context, other_at);
                found.map_err(|unknown| (OTHER, "unknown-model", unknown.to_string()))?
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

    fn other(
        &mut self,
        entry: &Entry,
        (past, at): (&Found, Instant),
        (other, other_at): (&Found, Instant),
    ) -> Result<Sums, Refused> {
        let is_other_model = past.full_id() != other.full_id();
        let ratio = if is_other_model {
            let (from, to) = (Choice::at(past, at), Choice::at(other, other_at));
            self.ratios.between(&from, &to).map_err(|what| (OTHER, "no-rate", what))?
        } else {
            Ratio::SAME
        };
        let capabilities = &other.model.info.capabilities;
        let switch = Switch {
            is_other_model,
            ratio,
            answer_percent: self.args.answers.clone(),
            reasons: capabilities.is_empty() || capabilities.iter().any(|c| c == "reasoning"),
            caching: self.args.caching(),
            batch: self.args.batch,
            service_tier: self.args.service_tier.clone(),
        };
        let card = other.model.rates_at(other_at);
        // Without a card in force the price itself says why.
        let range = card.map(|card| switch.usage(&entry.usage, card)).unwrap_or_default();
        let context = switch.context(&entry.context);
        let context = other.settle(&context);
        let priced = |usage| {
            let cost = cost(usage, entry.bucket.as_ref(), other, &context, other_at);
            let (cost, range) = cost.map_err(|refusal| (OTHER, refusal.status(), refusal.to_string()))?;
            let (low, high) = range.unwrap_or((cost.total, cost.total));
            Ok((low, cost.total, high))
        };
        let ((low, ..), (_, expected, _), (.., high)) =
            (priced(&range.low)?, priced(&range.expected)?, priced(&range.high)?);
        Ok(Sums { low, expected, high, ..Sums::default() })
    }

    fn report(&self) -> Report {
        let setup = self.setup;
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
        report.notes.extend(assumptions);
        report.notes.push(table_line(setup));
        report
    }

    fn cells(&self, sums: &Sums) -> [Cell; 6] {
        let money = |usd| self.setup.money(usd);
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
        let mut said = self.ratios.said();
        if self.summed {
            said.push("Rows that sum up many requests do not say how long each prompt was or when it was sent: low and high are the cheapest and the dearest they can be, on both sides.".to_owned());
        }
        if self.rows.keys().any(|(was, other)| was != other) || self.args.answers != (100..=100) {
            said.push(if self.args.answers == (100..=100) {
                "Answers have the same text there; --answers 80..150 allows for shorter and longer ones.".to_owned()
            } else {
                format!("Answers are {} to {} % as long there.", self.args.answers.start(), self.args.answers.end())
            });
        }
        if self.rows.keys().any(|(was, other)| was != other) {
            said.push("Cached tokens are cached there too where the model has a price for it, and are plain input where it has none.".to_owned());
        }
        match self.args.caching() {
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

/// Ratios between tokenizers, each measured once.
struct Ratios {
    texts: Vec<String>,
    classes: Vec<String>,
    known: HashMap<(String, bool, String, bool), Ratio>,
}

impl Ratios {
    fn between(&mut self, from: &Choice, to: &Choice) -> Result<Ratio, String> {
        let key = (from.name.clone(), from.assumed, to.name.clone(), to.assumed);
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

/// Texts that a ratio is measured on, at most; each has at least so many bytes, since short ones say little.
const MOST_TEXTS: usize = 200;
const LEAST_BYTES: usize = 400;
/// How much of each file is looked at for them.
const LOOKED_AT: u64 = 1 << 20;

/// The texts of prompts and answers in the beginning of a log. A log that cannot be read here is reported when it is
/// priced.
fn texts_of(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    if *source == Source::Stdin {
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
