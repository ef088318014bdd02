//! `farebox compare`: the same work on many models, each counted with its own tokenizer, and why one is cheaper.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::chat::MediaFlags;
use super::compare_workload::{self, core_name, read_needs, read_scores, unmet};
use super::estimate::{
    Counted, Inputs, Priced, WorkFlags, add_media, count_texts, finish, price_one, typed_prompt, verdict,
};
use super::estimate_requests::{Requests, plus, price_requests};
use super::plan::per;
use super::plural;
use super::shared::{OutputFlags, PriceFlags, Setup};
use super::work::TextFlags;
use crate::cli::error::Error;
use farebox::calculator::Refusal;
use farebox::calculator::compare::{Candidate, Difference, difference};
use farebox::context::Dimension;
use farebox::input::text::Source;
use farebox::jobs::prices::known_provider;
use farebox::meter::Side;
use farebox::money::Usd;
use farebox::pricing::Found;
use farebox::pricing::card::{Kind, ModelCard, ProviderHead};
use farebox::pricing::need::Need;
use farebox::report::{Cell, Column, Report, Tone};

/// Compare what the same work costs on many models
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox compare prompt.txt --output-tokens 500
  farebox compare batch.jsonl --output-tokens 200 -m gpt-4o-mini -m claude-haiku-4-5
  farebox compare --text 'Hello' --output-tokens 100..400 -m gpt-4o -m claude-sonnet-4-5 -m gemini-2.5-flash
  farebox compare --text 'What is this?' --image 1024x768 --output-tokens 100 -m gpt-4o -m claude-sonnet-4-5
  farebox compare --input-tokens 10000 --output-tokens 10000 --at 2024-12-01 -m gpt-4-turbo -m command-r
  farebox compare prompt.txt --output-tokens 500 --need context=128k,tools
  farebox compare prompt.txt --output-tokens 500 --hosts llama-3.3-70b
  farebox compare -w farebox.yaml --need context=128k,tools

Several inputs, and the requests of a file or a batch, are added up: a row is what all of them cost on one model. A note says
what an input was taken for; --chat and --plain decide it.

Models that cannot read the prompt or write the answer are left out and counted in a note. One that is named with --model is
refused where it cannot read the prompt, and priced with a warning where it cannot write such an answer in one request.")]
pub(crate) struct Args {
    /// Model: provider/model, a model id, or an alias; repeatable [default: all live chat models at their makers]
    #[arg(long = "model", short = 'm', value_name = "MODEL")]
    models: Vec<String>,
    /// Only models of this provider; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER", conflicts_with = "models")]
    provider: Vec<String>,
    /// Only models that meet this: context=128k, output=8k, tools, vision, region=eu, licence=open; comma-separated
    #[arg(long, value_name = "NEED", value_delimiter = ',')]
    need: Vec<String>,
    /// Your own scores, for a cost per point: a CSV file with the columns model and score
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// One model at all its hosts, matched by name
    #[arg(long, value_name = "MODEL", conflicts_with = "models")]
    hosts: Option<String>,
    /// Maximum number of models to show, cheapest first; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 25)]
    top: usize,
    /// Include models at hosts, clouds and routers, not only at their makers
    #[arg(long)]
    all: bool,
    /// Include models that cost nothing
    #[arg(long)]
    free: bool,
    /// Exit with 3 when something could not be priced
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    text: TextFlags,
    #[command(flatten)]
    work: WorkFlags,
    #[command(flatten)]
    media: MediaFlags,
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

/// A whole workload instead of one prompt.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Workload")]
struct PlanFlags {
    /// Compare the plan of a workload file instead of prompts
    #[arg(long, short = 'w', value_name = "FILE", conflicts_with_all = ["files", "text", "chat", "plain", "binary", "input_tokens", "output_tokens", "cached_tokens", "requests", "batch", "stated", "images", "audio", "video", "pdf"])]
    workload: Option<PathBuf>,
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    if let Some(workload) = args.plan.workload.clone() {
        return compare_workload::run(&compare_workload::Asked {
            workload,
            needs: args.need,
            scores: args.scores,
            hosts: args.hosts,
            models: args.models,
            providers: args.provider,
            top: args.top,
            all: args.all,
            free: args.free,
            prices: args.prices,
            output: args.output,
        });
    }
    let setup = args.prices.setup()?;
    let scores = args.scores.as_deref().map(|path| read_scores(path, &setup)).transpose()?;
    let (needs, region) = read_needs(&args.need, &setup)?;
    let mut work = args.work.clone();
    work.stated.extend(region.map(|region| (Dimension::Region, region)));
    let mut left_out = LeftOut::default();
    let asked = candidates(&args, &setup)?;
    let models = meeting(&asked, &needs, &mut left_out)?;
    let (mut priced, read) = price_all(&args, &work, &models, &setup)?;
    priced.sort_by_cached_key(key);
    if args.models.is_empty() {
        left_out.take_impossible(&mut priced, work.stated.iter().any(|(d, _)| *d == Dimension::Region));
    }
    let free = if args.models.is_empty() && !args.free { take_free(&mut priced) } else { 0 };
    let mut report = table(&priced, &args, scores.as_ref(), &setup);
    notes_of_answers(&mut report, &priced, &read);
    if free > 0 {
        let (models, cost) = (plural(free as u64, "model"), if free == 1 { "costs" } else { "cost" });
        report.notes.push(format!("Not shown: {models} that {cost} nothing under this table. --free shows them."));
    }
    left_out.tell(&mut report);
    if args.models.is_empty() && args.provider.is_empty() && args.hosts.is_none() && !args.all {
        report
            .notes
            .push("Models at their makers; --all adds hosts, clouds and routers, --provider P shows one.".into());
    }
    report.machine.insert("free_left_out".into(), json!(free));
    let named: &[Found] = if args.models.is_empty() { &[] } else { &asked };
    finish(&mut report, &priced, &args.models, named, &setup, work.requests);
    let nothing = priced.is_empty();
    args.output.write(report)?;
    match read.failed {
        failed if failed > 0 && args.strict => Err(Error::Strict(failed)),
        _ if nothing => Err(left_out.nothing_left()),
        _ => verdict(if args.models.is_empty() { &[] } else { &priced }, args.strict, &args.output),
    }
}

/// Everything to read, priced on every model: a row for each model, over all inputs.
fn price_all(args: &Args, work: &WorkFlags, models: &[Found], setup: &Setup) -> Result<(Vec<Priced>, Requests), Error> {
    let media = args.media.read()?;
    let reads = work.input_tokens.is_none() && (media.is_empty() || args.text.is_given());
    let sources: Vec<Source> = if reads { args.text.sources("--text TEXT or --input-tokens N")? } else { Vec::new() };
    let inputs = Inputs::open(&sources, &args.text)?;
    inputs.refuse_attachments(&media)?;
    let Inputs { texts, requests } = inputs;
    let mut counted: Vec<Counted> = match work.input_tokens {
        Some(tokens) => vec![typed_prompt(tokens, work, models.len(), media.is_empty())?],
        None => count_texts(texts, args.text.binary, models, setup, args.output.quiet)?,
    };
    if counted.is_empty() && requests.is_empty() {
        counted.push(Counted::nothing(models.len()));
    }
    // A note for each of a hundred candidates would hide the others.
    let quiet = args.output.quiet || args.models.is_empty();
    add_media(&mut counted, media, models, setup, quiet)?;
    let mut read = price_requests(requests, models, work, setup, quiet)?;
    if !args.output.quiet {
        read.say_what_was_read();
    }
    let mut rows: Vec<(String, Option<Priced>)> = models.iter().map(|found| (found.full_id(), None)).collect();
    let place: HashMap<String, usize> = rows.iter().enumerate().map(|(i, (id, _))| (id.clone(), i)).collect();
    let of_texts = counted.iter().flat_map(|prompt| {
        let with_tokens = models.iter().zip(&prompt.tokens);
        with_tokens.map(|(found, tokens)| price_one(found, prompt.source.as_deref(), tokens, work, setup))
    });
    let of_requests = std::mem::take(&mut read.priced);
    for priced in of_texts.chain(of_requests) {
        let Some(&at) = place.get(&priced.found.full_id()) else { continue };
        rows[at].1 = Some(match rows[at].1.take() {
            None => priced,
            Some(sum) => Priced { source: None, ..plus(sum, priced) },
        });
    }
    Ok((rows.into_iter().filter_map(|(_, row)| row).collect(), read))
}

/// Says how many answers the totals are for, where it is more than one.
fn notes_of_answers(report: &mut Report, priced: &[Priced], read: &Requests) {
    let Some(first) = priced.first() else { return };
    let answers = first.of_requests.unwrap_or(1);
    report.machine.insert("answers".into(), json!(answers.saturating_mul(first.work.requests)));
    let batch: u64 = read.inputs.iter().map(|(_, tally)| tally.batch).sum();
    if answers > 1 {
        let rates = if batch > 0 { format!(", {batch} of them at batch rates") } else { String::new() };
        report.notes.push(format!("Totals are for {}{rates}.", plural(answers, "answer")));
    }
}

/// Takes models without a price above zero out: trials and free tiers would fill the whole list.
fn take_free(priced: &mut Vec<Priced>) -> usize {
    let before = priced.len();
    priced.retain(|p| p.result.as_ref().map_or(true, |e| !e.high.amount().is_zero()));
    before - priced.len()
}

/// Models that are not compared, each with the reason.
#[derive(Default)]
struct LeftOut {
    models: Vec<(String, String)>,
}

impl LeftOut {
    /// Takes candidates out that cannot do the work, and, where a region is needed, those that are not sold there.
    fn take_impossible(&mut self, priced: &mut Vec<Priced>, needs_region: bool) {
        priced.retain(|row| {
            let reason = match &row.result {
                Ok(_) if row.warning.is_some() => "cannot write an answer of that length".to_owned(),
                Err(Refusal::TooLong { .. }) => "cannot read a prompt of that length".to_owned(),
                Err(Refusal::NoRate { what, .. }) if needs_region && what.contains("region") => {
                    "has no rates for the region".to_owned()
                }
                _ => return true,
            };
            self.models.push((row.found.full_id(), reason));
            false
        });
    }

    /// The reasons with the number of models, the most frequent first.
    fn reasons(&self) -> String {
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, reason) in &self.models {
            *reasons.entry(reason).or_default() += 1;
        }
        let mut list: Vec<_> = reasons.into_iter().collect();
        list.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        list.iter().map(|(reason, n)| format!("{n} × {reason}")).collect::<Vec<_>>().join("; ")
    }

    fn tell(&self, report: &mut Report) {
        if !self.models.is_empty() {
            report.notes.push(format!("Left out: {}. --format json names each.", self.reasons()));
        }
        let list: Vec<Value> = self.models.iter().map(|(id, reason)| json!({"model": id, "reason": reason})).collect();
        report.machine.insert("not_compared".into(), Value::Array(list));
    }

    /// The error where nothing is left to compare.
    fn nothing_left(&self) -> Error {
        if self.models.is_empty() {
            return Error::NothingPriced;
        }
        Error::Usage(format!(
            "no model is left to compare: {}\n  help: relax --need, shorten the prompt or the answer, or add --all for hosts, clouds and routers",
            self.reasons()
        ))
    }
}

/// The candidates that meet every need, each once.
fn meeting(models: &[Found], needs: &[Need], left_out: &mut LeftOut) -> Result<Vec<Found>, Error> {
    let mut kept: Vec<Found> = Vec::with_capacity(models.len());
    let mut seen = HashSet::new();
    for found in models.iter().filter(|found| seen.insert(found.full_id())) {
        match needs.iter().find_map(|need| unmet(need, &found.model)) {
            Some(reason) => left_out.models.push((found.full_id(), reason)),
            None => kept.push(found.clone()),
        }
    }
    if kept.is_empty() { Err(left_out.nothing_left()) } else { Ok(kept) }
}

/// The models named, the hosts of one, or every chat model that answers and has a price for tokens in and out.
fn candidates(args: &Args, setup: &Setup) -> Result<Vec<Found>, Error> {
    if !args.models.is_empty() {
        return Ok(setup.find_all(&args.models)?);
    }
    let hosted = args.hosts.as_deref().map(|asked| setup.find(asked)).transpose()?;
    let hosted = hosted.map(|found| (core_name(&found.model.id), found.model.info.kind));
    let providers = args.provider.iter().map(|p| known_provider(setup, p)).collect::<Result<Vec<_>, _>>()?;
    let is_meant = |head: &ProviderHead, card: &ModelCard| match &hosted {
        Some((name, kind)) => card.info.kind == *kind && core_name(&card.id) == *name,
        None => card.info.kind == Kind::Chat && (args.all || !args.provider.is_empty() || head.is_maker_of(&card.id)),
    };
    let cards = setup.table.cards().filter(|(head, card)| {
        (providers.is_empty() || providers.contains(&head.id))
            && is_meant(head, card)
            && !card.is_retired(setup.at)
            && card.info.last_listed.is_none()
            && card.rates_at(setup.at).is_some()
    });
    Ok(cards.map(|(provider, model)| Found::of_card(provider, model)).collect())
}

/// The comparison as a report, cheapest first.
fn table(priced: &[Priced], args: &Args, scores: Option<&HashMap<String, Decimal>>, setup: &Setup) -> Report {
    let all = args.top == 0 || !args.models.is_empty();
    let shown = if all { priced.len() } else { args.top.min(priced.len()) };
    let mut report = Report::new([
        Column::text("model", "model"),
        Column::number("input_tokens", "input tokens"),
        Column::text("basis", "basis").optional(),
        Column::number("input_usd", "input").optional(),
        Column::number("output_usd", "output").optional(),
        Column::number("total_usd", "total"),
        Column::number("high_usd", "up to"),
        Column::number("times", "× cheapest"),
        Column::number("score", "score"),
        Column::number("usd_per_point", "cost per point"),
        Column::text("why", "why more than the cheapest").optional(),
    ]);
    let cheapest = priced.first().filter(|p| p.result.is_ok());
    for row in priced.iter().take(shown) {
        let why = cheapest.and_then(|c| why(row, c, setup));
        let score = scores.and_then(|scores| scores.get(&row.found.full_id())).copied();
        let per_point = score.zip(row.result.as_ref().ok()).and_then(|(score, e)| per(e.cost.total, score));
        let mut machine = row.machine(setup);
        machine.insert("difference".into(), json!(why));
        if scores.is_some() {
            machine.insert("score".into(), json!(score.map(|s| s.normalize().to_string())));
            machine.insert("usd_per_point".into(), json!(per_point));
        }
        let shown = report.push(
            [
                Cell::text(row.found.full_id()),
                row.tokens_cell(),
                Cell::text(row.tokens.basis.to_string()),
                row.side_cell(Side::Prompt, setup),
                row.side_cell(Side::Answer, setup),
                row.total_cell(setup),
                row.bound_cell(setup, |e| e.high),
                times_cell(row, cheapest),
                score.map_or_else(Cell::default, |s| Cell::text(s.normalize().to_string())),
                per_point.map_or_else(Cell::default, |usd| setup.money(usd)),
                why.map_or_else(Cell::default, |d| Cell::text(why_text(&d)).tone(Tone::Dim)),
            ],
            Value::Object(machine),
        );
        shown.detail.extend(row.warning_line());
        if let Err(refusal) = &row.result {
            shown.detail.extend(refusal.to_string().lines().map(str::to_owned));
        }
    }
    let hidden = priced.len() - shown;
    if hidden > 0 {
        report.notes.push(format!(
            "{} not shown, more expensive or unpriced: --top 0 shows all.",
            plural(hidden as u64, "model")
        ));
    }
    report.machine.insert("left_out".into(), json!(hidden));
    report
}

/// Cheapest first, refusals last, equal ones by name.
fn key(priced: &Priced) -> (bool, Usd, String) {
    let total = priced.result.as_ref().map(|e| e.cost.total).unwrap_or_default();
    (priced.result.is_err(), total, priced.found.full_id())
}

/// The difference to the cheapest, over all pieces of work; `None` where they are too many to be told apart.
fn why(row: &Priced, cheapest: &Priced, setup: &Setup) -> Option<Difference> {
    if std::ptr::eq(row, cheapest) || row.result.is_err() || row.parts.len() != cheapest.parts.len() {
        return None;
    }
    let of_part = |(this, other)| {
        let this = Candidate { head: &row.found.provider, model: &row.found.model, work: this };
        let other = Candidate { head: &cheapest.found.provider, model: &cheapest.found.model, work: other };
        difference(this, other, setup.at).ok()
    };
    let mut parts = row.parts.iter().zip(&cheapest.parts).map(of_part);
    let first = parts.next()??;
    parts.try_fold(first, |sum, part| sum.checked_add(&part?))
}

/// "output rate +$0.12, input rate +$0.08", the largest part first, parts under a tenth of the whole left out.
fn why_text(difference: &Difference) -> String {
    let parts = difference.parts();
    let size = |usd: Usd| usd.amount().abs();
    let largest = parts.iter().map(|(_, usd)| size(*usd)).max().unwrap_or_default();
    let mut told: Vec<_> = parts.into_iter().filter(|(_, usd)| size(*usd) * Decimal::TEN > largest).collect();
    told.sort_by_key(|(_, usd)| std::cmp::Reverse(size(*usd)));
    let text = |(name, usd): &(&str, Usd)| {
        let sign = if usd.amount().is_sign_negative() { "−" } else { "+" };
        format!("{name} {sign}{}", Usd::new(size(*usd)).for_people())
    };
    told.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn times_cell(row: &Priced, cheapest: Option<&Priced>) -> Cell {
    let total = |p: &Priced| p.result.as_ref().ok().map(|e| e.cost.total.amount());
    let (Some(own), Some(least)) = (total(row), cheapest.and_then(total)) else { return Cell::default() };
    match own.checked_div(least) {
        Some(ratio) => Cell::text(ratio.round_dp(if ratio < Decimal::TEN { 1 } else { 0 }).normalize().to_string()),
        None => Cell::default(),
    }
}
