//! `farebox compare -w FILE`: a whole plan on every model that meets the needs, each counted with its own tokenizer.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::plan::per;
use super::shared::{OutputFlags, PriceFlags, Setup, table_json, table_line};
use super::workload::{Shop, Shown, priced};
use super::{plural, say};
use crate::cli::error::Error;
use farebox::calculator::outcome::{Settled, minus, outcome};
use farebox::calculator::projection::{FeaturePlan, Plan, PlanError, Planner, Point, Role};
use farebox::calculator::shape::At;
use farebox::calculator::workload::Workload;
use farebox::context::Dimension;
use farebox::input::text::read_bytes;
use farebox::jobs::prices::known_provider;
use farebox::jobs::prices::sisters::is_live;
use farebox::jobs::workload::PricedWorkload;
use farebox::money::{Usd, parse_decimal};
use farebox::pricing::Found;
use farebox::pricing::card::{ModelCard, ProviderHead};
use farebox::pricing::need::Need;
use farebox::range::Range;
use farebox::report::chart::{Chart, Kind, Value as Mark};
use farebox::report::{Cell, Column, Format, Report, Tone};

/// Draws for each model of a comparison: the bounds of a sum need fewer than those of every month.
const DRAWS: usize = 500;

/// Which models a plan is tried on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    pub needs: Vec<Need>,
    pub region: Option<String>,
    pub providers: Vec<String>,
    pub models: Vec<String>,
    pub hosts_of: Option<String>,
    pub makers_only: bool,
    pub paid_only: bool,
}

/// Which rows of a comparison get their bounds; models are put in order by their expected costs alone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bounds {
    /// None.
    None,
    /// So many of the cheapest.
    OfTheFirst(usize),
}

/// A model with the plan on it.
pub(crate) struct Row {
    pub found: Found,
    total: Range<Usd>,
    /// Whether the bounds of the total are known: an expected cost without a closed form comes from draws too.
    is_drawn: bool,
    per_answer: Option<Usd>,
    prompt: u64,
    is_estimated: bool,
    /// What of the usage grows with the length of the answers.
    slope: Usd,
    usage: Usd,
    /// Whether the answers themselves cost nothing.
    is_free: bool,
}

impl Row {
    pub fn expected(&self) -> Usd {
        self.total.expected
    }
}

/// The models in order, and the others with their reasons.
pub(crate) struct Compared {
    pub rows: Vec<Row>,
    pub left_out: Vec<(String, String)>,
}

/// Plans a workload on every candidate, the cheapest first.
///
/// # Errors
/// A model named by the user that nobody sells, or an amount without an exchange rate.
pub(crate) fn compare_all(
    base: &Plan,
    shop: &mut Shop,
    setup: &Setup,
    candidates: &Candidates,
    bounds: Bounds,
) -> Result<Compared, Error> {
    let mut workload = Workload::clone(&base.workload);
    for feature in workload.features.iter_mut().map(Arc::make_mut) {
        feature.tuning = None;
        if let Some(region) = &candidates.region {
            feature.context.set(Dimension::Region, region);
        }
    }
    let mut compared = Compared { rows: Vec::new(), left_out: Vec::new() };
    let planner = Planner::new(workload);
    for found in list(candidates, setup, &mut compared.left_out)? {
        let unmet = candidates.needs.iter().find_map(|need| unmet(need, &found.model));
        match unmet.map_or_else(|| try_on(&planner, &found, shop, bounds), |reason| Ok(Err(reason)))? {
            Ok(row) => compared.rows.push(row),
            Err(reason) => compared.left_out.push((found.full_id(), reason)),
        }
    }
    if candidates.paid_only {
        let free = |row: Row| (row.found.full_id(), "costs nothing under this table; --free shows it".to_owned());
        compared.left_out.extend(compared.rows.extract_if(.., |row| row.is_free).map(free));
    }
    compared.rows.sort_by_cached_key(|row| (row.total.expected, row.found.full_id()));
    if let Bounds::OfTheFirst(rows) = bounds {
        for row in compared.rows.iter_mut().take(rows).filter(|row| !row.is_drawn) {
            if let Ok(plan) = planner.plan(shop, Some(&row.found)) {
                row.total = outcome(&plan, &Settled::of(&plan, shop)?, false, DRAWS)?.total;
            }
        }
    }
    Ok(compared)
}

pub(crate) fn unmet(need: &Need, card: &ModelCard) -> Option<String> {
    let name = match need {
        Need::Context(tokens) => format!("context={tokens}"),
        Need::Output(tokens) => format!("output={tokens}"),
        Need::Can(what) => what.clone(),
        Need::Open => "licence=open".into(),
    };
    match need.is_met_by(card) {
        Some(true) => None,
        Some(false) => Some(format!("does not meet {name}")),
        None => Some(format!("not known to meet {name}")),
    }
}

/// The cards to try.
fn list(candidates: &Candidates, setup: &Setup, left_out: &mut Vec<(String, String)>) -> Result<Vec<Found>, Error> {
    if !candidates.models.is_empty() {
        return Ok(setup.find_all(&candidates.models)?);
    }
    let wanted = candidates.hosts_of.as_deref().map(|asked| setup.find(asked)).transpose()?;
    let wanted = wanted.map(|found| core_name(&found.model.id));
    let fits = |head: &ProviderHead, card: &ModelCard| {
        is_live(card, setup)
            && (candidates.providers.is_empty() || candidates.providers.contains(&head.id))
            && (!candidates.makers_only || !candidates.providers.is_empty() || head.is_maker_of(&card.id))
            && wanted.as_ref().is_none_or(|name| core_name(&card.id) == *name)
    };
    let found: Vec<Found> =
        setup.table.cards().filter(|(head, card)| fits(head, card)).map(|(h, c)| Found::of_card(h, c)).collect();
    let (paid, free): (Vec<Found>, Vec<Found>) = found.into_iter().partition(|f| !f.model.id.ends_with(":free"));
    left_out.extend(free.iter().map(|f| (f.full_id(), "is a free trial".to_owned())));
    Ok(paid)
}

/// What is left of an id when makers, regions and the words that hosts add are taken off.
pub(crate) fn core_name(id: &str) -> String {
    let last = id.to_lowercase();
    let last = last.rsplit('/').next().unwrap_or("");
    let is_part = |part: &&str| !part.is_empty();
    let noise = [
        "instruct",
        "it",
        "chat",
        "turbo",
        "maas",
        "versatile",
        "instant",
        "fp8",
        "fp4",
        "bf16",
        "awq",
        "hf",
        "meta",
        "us",
        "eu",
        "apac",
        "global",
        "anthropic",
        "mistral",
        "v1",
        "0",
        "fast",
        "tput",
    ];
    let parts = last.split(['-', '_', ':', '.', '@']).filter(is_part).filter(|part| !noise.contains(part));
    parts.collect::<Vec<_>>().concat()
}

/// The plan on one model, or why there is none.
fn try_on(planner: &Planner, found: &Found, shop: &mut Shop, bounds: Bounds) -> Result<Result<Row, String>, Error> {
    let first_line = |error: &PlanError| error.to_string().lines().next().unwrap_or("").to_owned();
    let plan = match planner.plan(shop, Some(found)) {
        Ok(plan) => plan,
        Err(error) => return Ok(Err(first_line(&error))),
    };
    let too_long = plan.features.iter().flat_map(|f| &f.events).find(|event| event.kind == "context-window");
    if let Some(event) = too_long {
        return Ok(Err(event.text.clone()));
    }
    let settled = Settled::of(&plan, shop)?;
    let row = || -> Result<Row, PlanError> {
        let is_drawn = matches!(bounds, Bounds::OfTheFirst(_)) && plan.features.iter().any(|f| !f.is_linear());
        let outcome = outcome(&plan, &settled, false, if is_drawn { DRAWS } else { 0 })?;
        let expected = Point::all(At::Expected);
        let (mut usage, mut is_free) = (Usd::ZERO, true);
        for feature in &plan.features {
            let costs = feature.costs(&plan.months, &expected)?;
            usage += costs.iter().flatten().copied().sum();
            let answering = feature.streams.iter().zip(&costs).filter(|(s, _)| s.role == Role::Answer);
            is_free &= answering.flat_map(|(_, costs)| costs).all(|usd| *usd == Usd::ZERO);
        }
        let longer = plan.with_output(Decimal::TWO).usage_at(&expected)?;
        let answers: Decimal = plan.features.iter().map(|f| f.answers(&plan.months)).sum();
        let answering = |f: &FeaturePlan| f.streams.first().map_or(0, |s| f.first_prompt(s));
        Ok(Row {
            found: found.clone(),
            total: outcome.total,
            is_drawn,
            per_answer: per(outcome.total.expected, answers),
            prompt: plan.features.iter().map(answering).sum(),
            is_estimated: plan.features.iter().any(|f| f.streams.first().is_some_and(FeaturePlan::is_estimated)),
            slope: minus(longer, usage),
            usage,
            is_free,
        })
    };
    Ok(row().map_err(|error| first_line(&error)))
}

/// How many times longer answers may get before another model is cheaper, and which; `None` where none ever is.
fn holds_while(row: &Row, others: &[Row]) -> Option<(Decimal, String)> {
    let own = row.slope.amount();
    let crossing = |other: &Row| {
        let (steeper, dearer) = (own - other.slope.amount(), other.usage.amount() - row.usage.amount());
        if steeper <= Decimal::ZERO || dearer < Decimal::ZERO {
            return None;
        }
        Some((Decimal::ONE + dearer.checked_div(steeper)?, other.found.full_id()))
    };
    others.iter().filter_map(crossing).min_by_key(|(times, _)| *times)
}

/// What `compare` passes on when it is given a workload.
pub(crate) struct Asked {
    pub workload: PathBuf,
    pub needs: Vec<String>,
    pub scores: Option<PathBuf>,
    pub hosts: Option<String>,
    pub models: Vec<String>,
    pub providers: Vec<String>,
    pub top: usize,
    pub all: bool,
    pub free: bool,
    pub prices: PriceFlags,
    pub output: OutputFlags,
}

pub(crate) fn run(asked: &Asked) -> Result<(), Error> {
    let setup = asked.prices.table.setup()?;
    let priced = priced(Some(&asked.workload), &setup, asked.output.quiet, |_| {})?;
    let PricedWorkload { file: loaded, plan: base, resolver: mut shop, unpriced: refused } = priced;
    let shown = Shown::of(asked.prices.currency.as_deref(), &base.workload, &shop)?;
    let (needs, region) = read_needs(&asked.needs, &setup)?;
    let providers = asked.providers.iter().map(|p| known_provider(&setup, p)).collect::<Result<Vec<_>, _>>()?;
    let candidates = Candidates {
        needs,
        region,
        providers,
        models: asked.models.clone(),
        hosts_of: asked.hosts.clone(),
        makers_only: !asked.all && asked.hosts.is_none(),
        paid_only: asked.models.is_empty() && !asked.free,
    };
    let shown_rows = if asked.top == 0 || !asked.models.is_empty() { usize::MAX } else { asked.top };
    let compared = compare_all(&base, &mut shop, &setup, &candidates, Bounds::OfTheFirst(shown_rows))?;
    let scores = asked.scores.as_deref().map(|path| read_scores(path, &setup)).transpose()?;
    let mut report = table(&compared, asked, scores.as_ref(), &shown);
    for (feature, _) in &refused {
        report.notes.push(format!("{feature} is left out: it has no price on its own model."));
    }
    finish(&mut report, &compared, &base, &loaded.path, &setup, &shown);
    asked.output.write(report)?;
    if compared.rows.is_empty() { Err(Error::NothingPriced) } else { Ok(()) }
}

/// What the models have to meet, and the region that requests are sent to.
///
/// # Errors
/// [`Error::Usage`] where a need is not known: no model would meet it, and none would be missed.
pub(crate) fn read_needs(texts: &[String], setup: &Setup) -> Result<(Vec<Need>, Option<String>), Error> {
    let (mut needs, mut region) = (Vec::new(), None);
    for text in texts {
        match text.split_once('=') {
            Some(("region", "")) => {
                return Err(Error::Usage("--need region= names no region\n  help: give one, such as region=eu".into()));
            }
            Some(("region", name)) => region = Some(name.to_owned()),
            Some(("licence" | "license", "open")) => needs.push(Need::Open),
            Some(("licence" | "license", other)) => {
                return Err(Error::Usage(format!(
                    "--need licence={other} is not known\n  help: licence=open asks for published weights"
                )));
            }
            _ => needs.push(text.parse().map_err(|error| Error::Usage(format!("{error}, region=eu or licence=open")))?),
        }
    }
    known_needs(&needs, setup)?;
    Ok((needs, region))
}

/// # Errors
/// [`Error::Usage`] where a capability is one that no card of the table has.
pub(crate) fn known_needs(needs: &[Need], setup: &Setup) -> Result<(), Error> {
    if !needs.iter().any(|need| matches!(need, Need::Can(_))) {
        return Ok(());
    }
    let known = Need::capabilities(setup.table.cards().map(|(_, card)| card));
    for need in needs {
        if let Need::Can(what) = need
            && !known.contains(what)
        {
            let list = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(Error::Usage(format!(
                "--need {what}: no model is known for that\n  help: it is context=128k, output=8k, region=eu, licence=open, or one of {list}"
            )));
        }
    }
    Ok(())
}

/// The scores of a user by model: a CSV file with the columns `model` and `score`.
pub(crate) fn read_scores(path: &Path, setup: &Setup) -> Result<HashMap<String, Decimal>, Error> {
    let bytes = read_bytes(path)?;
    let shown = path.display();
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let header = reader.headers().cloned().unwrap_or_default();
    let column = |name: &str| {
        let at = header.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
        at.ok_or_else(|| Error::Usage(format!("{shown} has no column {name:?}\n  help: its first line is model,score")))
    };
    let (model, score) = (column("model")?, column("score")?);
    let mut scores = HashMap::new();
    for (index, record) in reader.records().enumerate() {
        let line = index + 2;
        let Ok(record) = record else {
            say(&format!("warning: {shown}:{line}: not as many values as the header: left out"));
            continue;
        };
        let (name, text) = (record.get(model).unwrap_or("").trim(), record.get(score).unwrap_or("").trim());
        match (setup.table.find(name, setup.at), parse_decimal(text)) {
            (Ok(found), Ok(score)) => drop(scores.insert(found.full_id(), score)),
            (Err(error), _) => say(&format!("warning: {shown}:{line}: {error}")),
            (_, Err(error)) => say(&format!("warning: {shown}:{line}: {text:?} {error}: left out")),
        }
    }
    Ok(scores)
}

fn table(compared: &Compared, asked: &Asked, scores: Option<&HashMap<String, Decimal>>, shown: &Shown) -> Report {
    let all = asked.top == 0 || !asked.models.is_empty();
    let count = if all { compared.rows.len() } else { asked.top.min(compared.rows.len()) };
    let mut report = Report::new([
        Column::text("model", "model"),
        Column::number("prompt_tokens", "first prompt"),
        Column::number("low_usd", "low"),
        Column::number("total_usd", "expected"),
        Column::number("high_usd", "high"),
        Column::number("per_answer_usd", "per answer"),
        Column::number("times", "× cheapest"),
        Column::number("score", "score"),
        Column::number("usd_per_point", "cost per point"),
        Column::text("holds", "ranking holds").optional(),
    ]);
    let cheapest = compared.rows.first().map(|row| row.total.expected);
    for row in compared.rows.iter().take(count) {
        let id = row.found.full_id();
        let score = scores.and_then(|scores| scores.get(&id)).copied();
        let per_point = score.and_then(|score| per(row.total.expected, score));
        let times = cheapest.and_then(|least| row.total.expected.amount().checked_div(least.amount()));
        let holds = holds_while(row, &compared.rows);
        let holds_text = holds
            .as_ref()
            .map(|(times, other)| format!("while output is under {} ×, then {other}", times.round_dp(1).normalize()));
        let tokens = Cell::quantity(row.prompt);
        let tokens = if row.is_estimated { Cell::pair(format!("~{}", tokens.people), tokens.exact) } else { tokens };
        let machine = json!({
            "provider": row.found.provider.id, "model": row.found.model.id,
            "low_usd": row.total.low, "total_usd": row.total.expected, "high_usd": row.total.high,
            "total": shown.amount(row.total.expected).to_string(), "currency": shown.currency,
            "per_answer_usd": row.per_answer, "tokens": {"first_prompt": row.prompt, "is_exact": !row.is_estimated},
            "times_cheapest": times.map(|t| t.round_dp(4).normalize().to_string()),
            "score": score.map(|s| s.normalize().to_string()), "usd_per_point": per_point,
            "holds_while_output_under": holds.as_ref().map(|(times, _)| times.round_dp(4).normalize().to_string()),
            "then": holds.as_ref().map(|(_, other)| other),
        });
        report.push(
            [
                Cell::text(id),
                tokens,
                shown.cell(row.total.low).tone(Tone::Dim),
                shown.cell(row.total.expected),
                shown.cell(row.total.high).tone(Tone::Dim),
                row.per_answer.map_or_else(Cell::default, |usd| shown.cell(usd)),
                times.map_or_else(Cell::default, |t| {
                    Cell::text(t.round_dp(u32::from(t < Decimal::TEN)).normalize().to_string())
                }),
                score.map_or_else(Cell::default, |s| Cell::text(s.normalize().to_string())),
                per_point.map_or_else(Cell::default, |usd| shown.cell(usd)),
                holds_text.map_or_else(Cell::default, |text| Cell::text(text).tone(Tone::Dim)),
            ],
            machine,
        );
    }
    if asked.output.format == Format::Html {
        let bar = |row: &Row| {
            let mark = |usd: Usd| Mark::new(shown.amount(usd), shown.text(usd));
            (row.found.full_id(), mark(row.total.expected), Some((mark(row.total.low), mark(row.total.high))))
        };
        let bars = compared.rows.iter().take(count.min(20)).map(bar).collect();
        report.charts.push(Chart {
            title: "The plan on each model, with what nine draws in ten stay within".into(),
            kind: Kind::Bars { bars },
        });
    }
    if compared.rows.len() > count {
        let hidden = plural((compared.rows.len() - count) as u64, "more expensive model");
        report.notes.push(format!("Not shown: {hidden}. --top 0 shows all."));
    }
    report
}

fn finish(report: &mut Report, compared: &Compared, base: &Plan, path: &Path, setup: &Setup, shown: &Shown) {
    let workload = &base.workload;
    report.head.push(format!(
        "{} on every model, {} to {}",
        workload.name,
        workload.start,
        workload.end.yesterday().unwrap_or(workload.end)
    ));
    if let Some(first) = compared.rows.first() {
        report.head.push(format!("Cheapest: {} at {}", first.found.full_id(), shown.text(first.total.expected)));
        if let Some((times, other)) = holds_while(first, &compared.rows) {
            report.notes.push(format!(
                "The cheapest stays so while answers are under {} × as long; then {other} is.",
                times.round_dp(1).normalize()
            ));
        }
    }
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for (_, reason) in &compared.left_out {
        // Reasons that name numbers of their own are one kind.
        let kind = if reason.contains("tokens long") {
            "reads shorter prompts than the plan may send".to_owned()
        } else {
            short_reason(reason)
        };
        *reasons.entry(kind).or_default() += 1;
    }
    let mut list: Vec<_> = reasons.into_iter().collect();
    list.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let told: Vec<String> = list.iter().take(6).map(|(reason, n)| format!("{n} × {reason}")).collect();
    if !told.is_empty() {
        report.notes.push(format!("Left out: {}. --format json names each.", told.join("; ")));
    }
    report
        .notes
        .push("~ marks a prompt whose tokens are estimated; models that look passages up stay as they are.".into());
    report.notes.push(table_line(setup));
    let left_out: Vec<Value> =
        compared.left_out.iter().map(|(id, reason)| json!({"model": id, "reason": reason})).collect();
    let machine = &mut report.machine;
    machine.insert("workload".into(), json!(path.display().to_string()));
    machine.insert("table".into(), table_json(setup));
    machine.insert("exchange".into(), json!(shown.rate()));
    machine.insert("priced".into(), json!(compared.rows.len()));
    machine.insert("left_out".into(), Value::Array(left_out));
}

/// A refusal without the feature and the model that it names.
fn short_reason(reason: &str) -> String {
    reason.rsplit(": ").next().unwrap_or(reason).to_owned()
}

#[cfg(test)]
mod tests {
    use super::core_name;

    #[test]
    fn hosts_name_one_model_in_many_ways() {
        let same = [
            "meta-llama/Llama-3.3-70B-Instruct",
            "llama-3.3-70b-versatile",
            "meta.llama3-3-70b-instruct-v1:0",
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
            "us.meta.llama3-3-70b-instruct-v1:0",
        ];
        for id in same {
            assert_eq!(core_name(id), "llama3370b", "{id}");
        }
        assert_ne!(core_name("llama-3.1-70b"), core_name("llama-3.3-70b"));
    }
}
