//! `farebox compare`: the same work on many models, each counted with its own tokenizer, and why one is cheaper.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::chat::MediaFlags;
use super::compare_workload;
use super::estimate::{Counted, Priced, WorkFlags, add_media, count_all, finish, price_one, verdict};
use super::prices::known_provider;
use super::shared::{OutputFlags, PriceFlags, Setup};
use super::work::TextFlags;
use crate::calculator::compare::{Candidate, Difference, difference};
use crate::error::Error;
use crate::meter::Side;
use crate::pricing::Found;
use crate::pricing::card::Kind;
use crate::report::{Cell, Column, Report, Tone};

/// Compare what the same work costs on many models
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox compare prompt.txt --output-tokens 500
  farebox compare --text 'Hello' --output-tokens 100..400 -m gpt-4o -m claude-sonnet-4-5 -m gemini-2.5-flash
  farebox compare --text 'What is this?' --image 1024x768 --output-tokens 100 -m gpt-4o -m claude-sonnet-4-5
  farebox compare --input-tokens 10000 --output-tokens 10000 --at 2024-12-01 -m gpt-4-turbo -m command-r
  farebox compare -w farebox.yaml --need context=128k,tools")]
pub(crate) struct Args {
    #[command(flatten)]
    text: TextFlags,
    #[command(flatten)]
    work: WorkFlags,
    #[command(flatten)]
    media: MediaFlags,
    /// Model: provider/model, a model id, or an alias; repeatable. All live chat models at their makers when left out
    #[arg(long = "model", short = 'm', value_name = "MODEL")]
    models: Vec<String>,
    /// Only models of this provider; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER", conflicts_with = "models")]
    provider: Vec<String>,
    /// Show at most so many models, cheapest first; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 25)]
    top: usize,
    /// Also models at hosts, clouds and routers, rather than at their makers alone
    #[arg(long)]
    all: bool,
    /// Also models that cost nothing
    #[arg(long)]
    free: bool,
    #[command(flatten)]
    plan: PlanFlags,
    /// Exit with 3 when something could not be priced
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

/// A whole workload in the place of one prompt.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Workload")]
struct PlanFlags {
    /// Compare the plan of a workload file rather than one prompt
    #[arg(long, short = 'w', value_name = "FILE", conflicts_with_all = ["files", "text", "input_tokens", "output_tokens", "cached_tokens", "requests", "batch", "stated", "images", "audio", "video", "pdf"])]
    workload: Option<PathBuf>,
    /// Only models that meet this: context=128k, output=8k, tools, vision, region=eu, licence=open; comma-separated
    #[arg(long, value_name = "NEED", value_delimiter = ',', requires = "workload")]
    need: Vec<String>,
    /// Scores of your own, for a cost per point: a CSV file with the columns model and score
    #[arg(long, value_name = "FILE", requires = "workload")]
    scores: Option<PathBuf>,
    /// The same model over its hosts, matched by name
    #[arg(long, value_name = "MODEL", requires = "workload", conflicts_with = "models")]
    hosts: Option<String>,
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    if let Some(workload) = args.plan.workload.clone() {
        return compare_workload::run(&compare_workload::Asked {
            workload,
            needs: args.plan.need,
            scores: args.plan.scores,
            hosts: args.plan.hosts,
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
    let models = candidates(&args, &setup)?;
    let media = args.media.read()?;
    let mut counted = if media.is_empty() || args.text.is_given() || args.work.input_tokens.is_some() {
        count_all(&args.text, &args.work, &models, &setup, args.output.quiet)?
    } else {
        vec![Counted::nothing(models.len())]
    };
    // Notes for every model of the table would bury the comparison.
    add_media(&mut counted, media, &models, &setup, args.output.quiet || args.models.is_empty())?;
    let [prompt] = counted.as_slice() else {
        let help = "help: join the files (cat a b | farebox compare …), or `farebox estimate` them all";
        return Err(Error::Usage(format!("compare takes one prompt at a time\n  {help}")));
    };
    let with_tokens = models.iter().zip(&prompt.tokens);
    let mut priced: Vec<Priced> = with_tokens
        .map(|(found, tokens)| price_one(found, prompt.source.as_deref(), tokens, &args.work, &setup))
        .collect();
    priced.sort_by_cached_key(key);
    let free = if args.models.is_empty() && !args.free { take_free(&mut priced) } else { 0 };
    let mut report = table(&priced, &args, &setup);
    if free > 0 {
        report.notes.push(format!("{free} models that cost nothing under this table not shown: --free shows them."));
    }
    if args.models.is_empty() && args.provider.is_empty() && !args.all {
        report
            .notes
            .push("Models at their makers; --all adds hosts, clouds and routers, --provider P shows one.".into());
    }
    report.machine.insert("free_left_out".into(), json!(free));
    let named: &[Found] = if args.models.is_empty() { &[] } else { &models };
    finish(&mut report, &priced, &args.models, named, &setup, args.work.requests);
    args.output.write(report)?;
    verdict(if args.models.is_empty() { &[] } else { &priced }, args.strict, &args.output)
}

/// Takes models without a price above zero out: trials and free tiers would fill the whole list.
fn take_free(priced: &mut Vec<Priced>) -> usize {
    let before = priced.len();
    priced.retain(|p| p.result.as_ref().map_or(true, |e| !e.high.amount().is_zero()));
    before - priced.len()
}

/// The models named, or every chat model that answers and has a price for tokens in and out.
fn candidates(args: &Args, setup: &Setup) -> Result<Vec<Found>, Error> {
    if !args.models.is_empty() {
        return setup.find_all(&args.models);
    }
    let providers = args.provider.iter().map(|p| known_provider(setup, p)).collect::<Result<Vec<_>, _>>()?;
    let cards = setup.table.cards().filter(|(head, card)| {
        (providers.is_empty() || providers.contains(&head.id))
            && card.info.kind == Kind::Chat
            && (args.all || !args.provider.is_empty() || head.is_maker_of(&card.id))
            && !card.is_retired(setup.at)
            && card.info.last_listed.is_none()
            && card.rates_at(setup.at).is_some()
    });
    Ok(cards.map(|(provider, model)| Found::of_card(provider, model)).collect())
}

/// The comparison as a report, cheapest first.
fn table(priced: &[Priced], args: &Args, setup: &Setup) -> Report {
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
        Column::text("why", "why dearer than the cheapest").optional(),
    ]);
    let cheapest = priced.first().filter(|p| p.result.is_ok());
    for row in priced.iter().take(shown) {
        let why = cheapest.and_then(|c| why(row, c, setup));
        let mut machine = row.machine(setup);
        machine.insert("difference".into(), json!(why));
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
                why.map_or_else(Cell::default, |d| Cell::text(why_text(&d)).tone(Tone::Dim)),
            ],
            Value::Object(machine),
        );
        if let Err(refusal) = &row.result {
            shown.detail.extend(refusal.to_string().lines().map(str::to_owned));
        }
    }
    let hidden = priced.len() - shown;
    if hidden > 0 {
        report.notes.push(format!("{hidden} dearer or unpriced models not shown: --top 0 shows all."));
    }
    report.machine.insert("left_out".into(), json!(hidden));
    report
}

/// Cheapest first, refusals last, equal ones by name.
fn key(priced: &Priced) -> (bool, crate::money::Usd, String) {
    let total = priced.result.as_ref().map(|e| e.cost.total).unwrap_or_default();
    (priced.result.is_err(), total, priced.found.full_id())
}

fn why(row: &Priced, cheapest: &Priced, setup: &Setup) -> Option<Difference> {
    if std::ptr::eq(row, cheapest) || row.result.is_err() {
        return None;
    }
    let this = Candidate { head: &row.found.provider, model: &row.found.model, work: &row.work };
    let other = Candidate { head: &cheapest.found.provider, model: &cheapest.found.model, work: &cheapest.work };
    difference(this, other, setup.at).ok()
}

/// "output rate +$0.12, input rate +$0.08", the largest part first, parts under a tenth of the whole left out.
fn why_text(difference: &Difference) -> String {
    let parts = difference.parts();
    let size = |usd: crate::money::Usd| usd.amount().abs();
    let largest = parts.iter().map(|(_, usd)| size(*usd)).max().unwrap_or_default();
    let mut told: Vec<_> =
        parts.into_iter().filter(|(_, usd)| size(*usd) * rust_decimal::Decimal::TEN > largest).collect();
    told.sort_by_key(|(_, usd)| std::cmp::Reverse(size(*usd)));
    let text = |(name, usd): &(&str, crate::money::Usd)| {
        let sign = if usd.amount().is_sign_negative() { "−" } else { "+" };
        format!("{name} {sign}{}", crate::money::Usd::new(size(*usd)).for_people())
    };
    told.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn times_cell(row: &Priced, cheapest: Option<&Priced>) -> Cell {
    let total = |p: &Priced| p.result.as_ref().ok().map(|e| e.cost.total.amount());
    let (Some(own), Some(least)) = (total(row), cheapest.and_then(total)) else { return Cell::default() };
    match own.checked_div(least) {
        Some(ratio) => {
            Cell::text(ratio.round_dp(if ratio < rust_decimal::Decimal::TEN { 1 } else { 0 }).normalize().to_string())
        }
        None => Cell::default(),
    }
}
