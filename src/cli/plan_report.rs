//! What `plan` prints: the months, the features, what drives the range, what would be cheaper, and why.

use std::path::Path;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::plan::per;
use super::plan_fit::Fit;
use super::shared::{Setup, table_json, table_line};
use super::workload::Shown;
use farebox::calculator::budget::Verdict;
use farebox::calculator::levers::Lever;
use farebox::calculator::outcome::{Driver, Outcome, Settled};
use farebox::calculator::projection::{FeaturePlan, Frame, Plan, PlanError, Point, Role};
use farebox::calculator::shape::At;
use farebox::calculator::workload::Assumption;
use farebox::money::Usd;
use farebox::range::Range;
use farebox::report::chart::{Chart, Kind, Value as Mark};
use farebox::report::{Cell, Column, Format, Readers, Report, Tone};
use farebox::tokenizer::TokenCount;

/// Everything that a plan has to say.
pub(crate) struct Planned<'p> {
    pub path: &'p Path,
    pub plan: &'p Plan,
    pub settled: &'p Settled,
    pub outcome: &'p Outcome,
    pub verdicts: &'p [Verdict],
    pub drivers: &'p [Driver],
    pub levers: &'p [Lever],
    pub refused: &'p [(String, PlanError)],
    pub fits: &'p [Fit],
    pub shown: &'p Shown,
    pub setup: &'p Setup,
}

/// How many drivers and levers people see.
const SHOWN: usize = 8;
/// Length of the longest bar on a terminal.
const BAR: usize = 24;

/// The plan as a report: one row for each month.
pub(crate) fn report(planned: &Planned, format: Format, why: bool) -> Report {
    let for_people = format.readers() == Readers::People;
    let mut report = months(planned, format);
    head(&mut report, planned);
    notes(&mut report, planned, why || !for_people);
    if for_people {
        sections(&mut report, planned, why || format == Format::Html, format != Format::Html);
    }
    if format == Format::Html {
        report.charts = charts(planned);
    }
    machine(&mut report.machine, planned);
    report
}

fn months(planned: &Planned, format: Format) -> Report {
    let (plan, outcome, shown) = (planned.plan, planned.outcome, planned.shown);
    let any = |list: &[Usd]| list.iter().any(|usd| *usd != Usd::ZERO);
    let mut columns = vec![Column::text("month", "month")];
    for feature in &plan.features {
        let name = feature.feature.name.as_str();
        columns.push(Column::number(format!("{name}_usd"), name.to_owned()).optional());
    }
    let extras: [(&'static str, &'static str, &[Usd]); 3] = [
        ("fixed_usd", "fixed", &outcome.fixed),
        ("credits_usd", "credits", &outcome.credits),
        ("tax_usd", "tax", &outcome.tax),
    ];
    let extras: Vec<_> = extras.into_iter().filter(|(_, _, list)| any(list)).collect();
    columns.extend(extras.iter().map(|(key, title, _)| Column::number(*key, *title)));
    columns.push(Column::number("low_usd", "low"));
    columns.push(Column::number("total_usd", "expected"));
    columns.push(Column::number("high_usd", "high"));
    let bars = matches!(format, Format::Table | Format::Markdown);
    if bars {
        columns.push(Column::text("bar", "").optional());
    }
    let mut report = Report::new(columns);
    let most = outcome.months.iter().map(|m| m.high.amount()).max().unwrap_or_default();
    for (index, month) in plan.months.iter().enumerate() {
        let spread = outcome.months[index];
        let mut cells = vec![Cell::text(month.to_string())];
        cells.extend(outcome.features.iter().map(|f| shown.cell(f.months[index])));
        for (key, _, list) in &extras {
            let cell = shown.cell(list[index]);
            let is_credit = *key == "credits_usd" && list[index] != Usd::ZERO;
            cells.push(if is_credit {
                Cell::pair(format!("−{}", cell.people), format!("-{}", cell.exact))
            } else {
                cell
            });
        }
        cells.extend(bounds(spread, shown));
        if bars {
            cells.push(Cell::pair(bar(spread, most), ""));
        }
        report.push(cells, month_json(planned, index));
    }
    if plan.months.len() > 1 {
        let mut total = vec![Cell::text("total")];
        total.extend(outcome.features.iter().map(|f| shown.cell(f.total.expected)));
        total.extend(extras.iter().map(|(_, _, list)| shown.cell(list.iter().copied().sum())));
        total.extend(bounds(outcome.total, shown));
        report.total = Some(total);
    }
    report
}

fn bounds(spread: Range<Usd>, shown: &Shown) -> [Cell; 3] {
    if spread.low == spread.high {
        return [
            Cell::pair("", spread.low.to_string()),
            shown.cell(spread.expected),
            Cell::pair("", spread.high.to_string()),
        ];
    }
    [shown.cell(spread.low).tone(Tone::Dim), shown.cell(spread.expected), shown.cell(spread.high).tone(Tone::Dim)]
}

/// `█████▒▒▒░░`: up to the low bound, to the expected cost, to the high bound.
fn bar(spread: Range<Usd>, most: Decimal) -> String {
    let length = |usd: Usd| {
        let share = usd.amount().checked_div(most).unwrap_or_default().max(Decimal::ZERO);
        usize::try_from((share * Decimal::from(BAR as u64)).round()).unwrap_or(0).min(BAR)
    };
    let (low, mean, high) = (length(spread.low), length(spread.expected), length(spread.high));
    ["█".repeat(low), "▓".repeat(mean.saturating_sub(low)), "░".repeat(high.saturating_sub(mean.max(low)))].concat()
}

fn head(report: &mut Report, planned: &Planned) {
    let (workload, outcome, shown) = (&planned.plan.workload, planned.outcome, planned.shown);
    let last = workload.end.yesterday().unwrap_or(workload.end);
    report.head.push(format!("{}, {} to {last}", workload.name, workload.start));
    let total = outcome.total;
    let mut answer = format!("{} expected", shown.text(total.expected));
    if total.low != total.high {
        answer += &format!(", {} to {} in nine of ten draws", shown.text(total.low), shown.text(total.high));
    }
    if let Some(verdict) = planned.verdicts.iter().find(|v| v.month.is_none()) {
        answer += &format!("; {}", verdict_text(verdict));
    }
    report.head.push(answer + ".");
    let monthly: Vec<&Verdict> = planned.verdicts.iter().filter(|v| v.month.is_some()).collect();
    if let Some(first) = monthly.first() {
        let over: Vec<String> =
            monthly.iter().filter(|v| !v.holds()).filter_map(|v| Some(v.month?.to_string())).collect();
        report.head.push(match over.is_empty() {
            true => format!("Every month stays inside {}.", first.amount),
            false => format!("Over {} a month in {}.", first.amount, over.join(", ")),
        });
    }
    if let Some(best) = planned.levers.first() {
        let saving = shown.text(best.saving);
        report
            .head
            .push(format!("Cheapest lever: {} for {}, saves {saving}, if {}.", best.what, best.feature, best.provided));
    }
}

/// "stays inside 60 EUR (97% of draws)", or "60 EUR end on 2027-03-14 (2027-02-20 to 2027-05-02)".
fn verdict_text(verdict: &Verdict) -> String {
    let Some(ends) = verdict.ends else {
        let chance =
            verdict.chance.map(|c| format!(" in {}% of draws", (c * Decimal::ONE_HUNDRED).round_dp(1).normalize()));
        let risk = verdict.ends_early.map(|day| format!(", at the high bound it ends on {day}")).unwrap_or_default();
        return format!("stays inside {}{}{risk}", verdict.amount, chance.unwrap_or_default());
    };
    let early = verdict.ends_early.filter(|day| *day != ends);
    let late = verdict.ends_late;
    let range = match (early, late) {
        (Some(early), Some(late)) => format!(" ({early} to {late})"),
        (Some(early), None) => format!(" ({early} at the earliest, maybe never)"),
        _ => String::new(),
    };
    format!("the budget of {} ends on {ends}{range}", verdict.amount)
}

fn notes(report: &mut Report, planned: &Planned, quiet: bool) {
    let plan = planned.plan;
    for event in plan.features.iter().flat_map(|f| &f.events) {
        let text = format!("Note: {}.", event.text);
        if !report.notes.contains(&text) {
            report.notes.push(text);
        }
    }
    for (feature, error) in planned.refused {
        report.notes.push(format!(
            "Not in the totals: {feature}, which has no price: {}",
            error.to_string().lines().next().unwrap_or("")
        ));
    }
    if planned.outcome.simulation.is_some() {
        report
            .notes
            .push(format!("Low and high: 5% and 95% of {} draws, seed {}.", plan.workload.draws, plan.workload.seed));
    }
    if !planned.shown.is_usd() {
        let shown = planned.shown;
        report.notes.push(format!(
            "1 USD = {} {}, the rate of {}.",
            shown.per_usd.normalize(),
            shown.currency,
            shown.at
        ));
    }
    let assumed = assumptions(planned).len();
    if assumed > 0 && !quiet {
        report.notes.push(format!("{assumed} things were assumed: --why lists each with its value and origin."));
    }
    report.notes.push(table_line(planned.setup));
}

fn sections(report: &mut Report, planned: &Planned, why: bool, bars: bool) {
    let mut add = |title: &str, section: Report| {
        if !section.rows.is_empty() {
            let mut section = section;
            section.drop_empty_columns();
            report.sections.push((title.to_owned(), section));
        }
    };
    add("By feature", features(planned));
    if !planned.fits.is_empty() {
        let mut table = Report::new([Column::text("question", "question"), Column::text("answer", "answer")]);
        for fit in planned.fits {
            table.push([Cell::text(&fit.question), Cell::text(&fit.answer)], Value::Null);
        }
        add("What fits", table);
    }
    add("What drives the range", driver_table(planned, bars));
    add("What would make it cheaper", lever_table(planned));
    if why {
        add("What was assumed", assumption_table(planned));
        add("Prices used", source_table(planned));
    }
}

fn features(planned: &Planned) -> Report {
    let (plan, shown) = (planned.plan, planned.shown);
    let mut table = Report::new([
        Column::text("feature", "feature"),
        Column::text("model", "model"),
        Column::number("calls", "calls"),
        Column::number("prompt", "first prompt"),
        Column::number("low", "low"),
        Column::number("expected", "expected"),
        Column::number("high", "high"),
        Column::number("call", "per call"),
        Column::number("answer", "per answer"),
        Column::number("user", "per user a month"),
    ]);
    for (feature, costs) in plan.features.iter().zip(&planned.outcome.features) {
        let units = units(feature, plan, costs.total.expected);
        let unit = |usd: Option<Usd>| usd.map_or_else(|| Cell::absent("–"), |usd| shown.cell(usd));
        let calls: Decimal = costs.calls.iter().sum();
        let models: Vec<String> = feature.streams.iter().map(|s| s.found.full_id()).collect();
        let answers_apart = feature.feature.turns.expected != Decimal::ONE;
        let prompt = feature.streams.first().map_or(0, |s| feature.first_prompt(s));
        let [low, expected, high] = bounds(costs.total, shown);
        table.push(
            [
                Cell::text(&feature.feature.name),
                Cell::text(models.join(", ")),
                Cell::quantity(calls.round()),
                Cell::quantity(prompt),
                low,
                expected,
                high,
                unit(units.call),
                if answers_apart { unit(units.answer) } else { Cell::default() },
                units.user.map_or_else(Cell::default, |usd| shown.cell(usd)),
            ],
            Value::Null,
        );
    }
    table
}

struct Units {
    call: Option<Usd>,
    answer: Option<Usd>,
    user: Option<Usd>,
}

/// Cost per call, per answer, and per user and month.
fn units(feature: &FeaturePlan, plan: &Plan, total: Usd) -> Units {
    let calls: Decimal = feature.calls(&plan.months, &Point::all(At::Expected)).iter().sum();
    let months = Decimal::from(plan.months.len() as u64);
    let users = feature.feature.calls.users.map(|users| users.expected.saturating_mul(months));
    Units {
        call: per(total, calls),
        answer: per(total, feature.answers(&plan.months)),
        user: users.and_then(|n| per(total, n)),
    }
}

fn driver_table(planned: &Planned, bars: bool) -> Report {
    let shown = planned.shown;
    let mut table = Report::new([
        Column::text("feature", "feature"),
        Column::text("input", "what is uncertain"),
        Column::text("range", "range"),
        Column::number("low", "total at its low end"),
        Column::number("high", "at its high end"),
        Column::text("bar", ""),
    ]);
    let most = planned.drivers.first().map(Driver::swing).unwrap_or_default();
    for driver in planned.drivers.iter().take(SHOWN) {
        let share = driver.swing().checked_div(most).unwrap_or_default();
        let length = usize::try_from((share * Decimal::from(BAR as u64)).round()).unwrap_or(0).max(1);
        table.push(
            [
                Cell::text(&driver.feature),
                Cell::text(driver.input.label()),
                Cell::text(&driver.range),
                shown.cell(driver.low),
                shown.cell(driver.high),
                Cell::text(if bars { "█".repeat(length) } else { String::new() }),
            ],
            Value::Null,
        );
    }
    table
}

fn lever_table(planned: &Planned) -> Report {
    let shown = planned.shown;
    let mut table = Report::new([
        Column::text("feature", "feature"),
        Column::text("what", "what to do"),
        Column::number("saving", "saves"),
        Column::number("share", "of usage"),
        Column::text("if", "if"),
    ]);
    let all: Usd = planned.outcome.features.iter().map(|f| f.total.expected).sum();
    for lever in planned.levers.iter().take(SHOWN) {
        let share = lever.saving.amount().checked_div(all.amount()).unwrap_or_default() * Decimal::ONE_HUNDRED;
        table.push(
            [
                Cell::text(&lever.feature),
                Cell::text(&lever.what),
                shown.cell(lever.saving).tone(Tone::Good),
                Cell::text(format!("{}%", share.round_dp(1).normalize())),
                Cell::text(&lever.provided).tone(Tone::Dim),
            ],
            Value::Null,
        );
    }
    table
}

/// What the user did not say: of the file, and what stands around the messages on each model.
fn assumptions(planned: &Planned) -> Vec<Assumption> {
    let mut list = planned.plan.workload.assumptions.clone();
    for feature in &planned.plan.features {
        for stream in feature.streams.iter().filter(|s| s.role == Role::Answer) {
            let (value, origin) = match stream.frame {
                Some(Frame { opening, turn, .. }) => (
                    format!("{} tokens a request, {} for each earlier turn", span(opening), span(turn)),
                    format!(
                        "{}: what the provider adds to the texts (data/chat/rules.csv)",
                        opening.basis.max(turn.basis)
                    ),
                ),
                None => ("0 tokens".into(), "the prompt is a number of tokens, which is the whole of it".into()),
            };
            let about = feature.feature.name.clone();
            let what = format!("message frames of {}", stream.found.full_id());
            list.push(Assumption { about, what, value, origin });
        }
    }
    list
}

fn span(count: TokenCount) -> String {
    if count.low == count.high {
        return count.tokens.to_string();
    }
    format!("{}..{}..{}", count.low, count.tokens, count.high)
}

fn assumption_table(planned: &Planned) -> Report {
    let mut table = Report::new([
        Column::text("about", "about"),
        Column::text("what", "what"),
        Column::text("value", "value"),
        Column::text("origin", "where it comes from"),
    ]);
    for a in &assumptions(planned) {
        table.push(
            [Cell::text(&a.about), Cell::text(&a.what), Cell::text(&a.value), Cell::text(&a.origin)],
            Value::Null,
        );
    }
    table
}

fn source_table(planned: &Planned) -> Report {
    let mut table = Report::new([
        Column::text("model", "model"),
        Column::text("since", "price since"),
        Column::text("checked", "checked"),
        Column::text("tokenizer", "tokenizer"),
        Column::text("source", "source"),
    ]);
    for source in sources(planned) {
        let text = |key: &str| source.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        table.push(["model", "from", "checked", "tokenizer", "source"].map(|key| Cell::text(text(key))), Value::Null);
    }
    table
}

/// Every price that was used, once.
fn sources(planned: &Planned) -> Vec<Value> {
    let mut list: Vec<Value> = Vec::new();
    for stream in planned.plan.features.iter().flat_map(|f| &f.streams) {
        for epoch in &stream.epochs {
            let tariff = &epoch.single;
            let source = json!({
                "model": stream.found.full_id(), "from": tariff.period.from, "to": tariff.period.to,
                "source": tariff.source.url, "checked": tariff.source.checked, "basis": tariff.source.basis,
                "tokenizer": stream.tokenizer,
            });
            if !list.contains(&source) {
                list.push(source);
            }
        }
    }
    list
}

fn charts(planned: &Planned) -> Vec<Chart> {
    let (plan, outcome, shown) = (planned.plan, planned.outcome, planned.shown);
    let mark = |usd: Usd| Mark::new(shown.amount(usd), shown.text(usd));
    let triple = |s: &Range<Usd>| [mark(s.low), mark(s.expected), mark(s.high)];
    let labels: Vec<String> = plan.months.iter().map(ToString::to_string).collect();
    let mut series: Vec<(String, Vec<Mark>)> = plan
        .features
        .iter()
        .zip(&outcome.features)
        .map(|(f, costs)| (f.feature.name.clone(), costs.months.iter().map(|usd| mark(*usd)).collect()))
        .collect();
    for (name, list) in [("fixed costs", &outcome.fixed), ("tax", &outcome.tax)] {
        if list.iter().any(|usd| *usd != Usd::ZERO) {
            series.push((name.into(), list.iter().map(|usd| mark(*usd)).collect()));
        }
    }
    let limit = |month: bool| {
        let verdict = planned.verdicts.iter().find(|v| v.month.is_some() == month)?;
        Some(Mark::new(shown.amount(verdict.usd), format!("budget {}", verdict.amount)))
    };
    let mut charts = vec![Chart {
        title: format!("Cost by month and feature in {}, with what nine draws in ten stay within", shown.currency),
        kind: Kind::Stacked {
            labels: labels.clone(),
            series,
            band: outcome.months.iter().map(triple).collect(),
            limit: limit(true),
        },
    }];
    if plan.months.len() > 1 {
        charts.push(Chart {
            title: format!("Spent since the start, in {}", shown.currency),
            kind: Kind::Band { labels, points: outcome.cumulative.iter().map(triple).collect(), limit: limit(false) },
        });
    }
    if !planned.drivers.is_empty() {
        let bar = |d: &Driver| (format!("{}: {}", d.feature, d.input.label()), mark(d.low), mark(d.high));
        let bars = planned.drivers.iter().take(SHOWN).map(bar).collect();
        let middle: Usd = outcome.features.iter().map(|f| f.total.expected).sum();
        charts.push(Chart {
            title: "What drives the range: usage with one number at its low and its high end".into(),
            kind: Kind::Tornado { bars, middle: mark(middle) },
        });
    }
    if !planned.levers.is_empty() {
        let bar = |l: &Lever| (format!("{}: {}", l.feature, l.what), mark(l.saving), None);
        let bars = planned.levers.iter().take(SHOWN).map(bar).collect();
        charts
            .push(Chart { title: "What would make it cheaper: saved over the plan".into(), kind: Kind::Bars { bars } });
    }
    charts
}

fn spread_json(spread: &Range<Usd>) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("low_usd".into(), json!(spread.low));
    map.insert("expected_usd".into(), json!(spread.expected));
    map.insert("high_usd".into(), json!(spread.high));
    map
}

fn month_json(planned: &Planned, index: usize) -> Value {
    let (plan, outcome, shown) = (planned.plan, planned.outcome, planned.shown);
    let mut row = Map::new();
    row.insert("month".into(), json!(plan.months[index]));
    row.extend(spread_json(&outcome.months[index]));
    row.insert("total_usd".into(), json!(outcome.months[index].expected));
    row.insert("total".into(), json!(shown.amount(outcome.months[index].expected).to_string()));
    let features = plan.features.iter().zip(&outcome.features).map(|(f, costs)| {
        let mut cell = Map::new();
        cell.insert("name".into(), json!(f.feature.name));
        cell.insert("calls".into(), json!(costs.calls[index].normalize().to_string()));
        cell.extend(spread_json(&costs.spreads[index]));
        Value::Object(cell)
    });
    row.insert("features".into(), features.collect());
    row.insert("fixed_usd".into(), json!(outcome.fixed[index]));
    row.insert("credits_usd".into(), json!(outcome.credits[index]));
    row.insert("tax_usd".into(), json!(outcome.tax[index]));
    row.insert("cumulative".into(), Value::Object(spread_json(&outcome.cumulative[index])));
    Value::Object(row)
}

fn feature_json(feature: &FeaturePlan, plan: &Plan, costs: &farebox::calculator::outcome::FeatureOutcome) -> Value {
    let units = units(feature, plan, costs.total.expected);
    let mut map = Map::new();
    map.insert("name".into(), json!(feature.feature.name));
    let models = feature.streams.iter().map(|s| {
        json!({"model": s.found.full_id(), "share": s.share.normalize().to_string(), "tokenizer": s.tokenizer,
               "first_prompt_tokens": feature.first_prompt(s), "longest_prompt_tokens": feature.longest_prompt(s)})
    });
    map.insert("models".into(), models.collect());
    map.insert("calls".into(), json!(costs.calls.iter().sum::<Decimal>().normalize().to_string()));
    map.extend(spread_json(&costs.total));
    map.insert("expected_basis".into(), json!(if costs.is_closed_form { "closed-form" } else { "simulated" }));
    map.insert("requests_per_call".into(), json!(feature.requests_of_a_call(&Point::all(At::Expected)).to_string()));
    map.insert("per_call_usd".into(), json!(units.call));
    map.insert("per_answer_usd".into(), json!(units.answer));
    map.insert("per_user_month_usd".into(), json!(units.user));
    Value::Object(map)
}

fn verdict_json(v: &Verdict) -> Value {
    json!({
        "amount": v.amount, "usd": v.usd, "month": v.month, "holds": v.holds(), "spent_usd": v.spent,
        "low_usd": v.low, "high_usd": v.high, "ends": v.ends.map(|d| d.to_string()),
        "ends_early": v.ends_early.map(|d| d.to_string()), "ends_late": v.ends_late.map(|d| d.to_string()),
        "chance": v.chance.map(|c| c.normalize().to_string()),
    })
}

fn machine(map: &mut Map<String, Value>, planned: &Planned) {
    let (plan, outcome) = (planned.plan, planned.outcome);
    let workload = &plan.workload;
    map.insert("workload".into(), json!({"name": workload.name, "path": planned.path.display().to_string()}));
    map.insert("start".into(), json!(workload.start.to_string()));
    map.insert("end".into(), json!(workload.end.to_string()));
    map.insert("exchange".into(), json!(planned.shown.rate()));
    let mut total = spread_json(&outcome.total);
    total.insert("expected".into(), json!(planned.shown.amount(outcome.total.expected).to_string()));
    map.insert("total".into(), Value::Object(total));
    if let Some(simulation) = &outcome.simulation {
        map.insert(
            "simulation".into(),
            json!({
                "seed": workload.seed, "draws": workload.draws, "mean_usd": simulation.total.expected,
                "standard_error_usd": format!("{:.9}", simulation.standard_error), "low": "5%", "high": "95%",
            }),
        );
    }
    let features = plan.features.iter().zip(&outcome.features).map(|(f, costs)| feature_json(f, plan, costs));
    map.insert("features".into(), features.collect());
    let fixed = planned
        .settled
        .fixed_items
        .iter()
        .map(|(name, month, usd)| json!({"name": name, "month": plan.months.get(*month), "usd": usd}));
    map.insert("fixed".into(), fixed.collect());
    map.insert("budgets".into(), planned.verdicts.iter().map(verdict_json).collect());
    let drivers = planned.drivers.iter().map(|d| json!({"feature": d.feature, "input": d.input.label(), "range": d.range, "low_usd": d.low, "high_usd": d.high}));
    map.insert("drivers".into(), drivers.collect());
    let levers = planned.levers.iter().map(
        |l| json!({"feature": l.feature, "kind": l.kind, "what": l.what, "if": l.provided, "saving_usd": l.saving}),
    );
    map.insert("levers".into(), levers.collect());
    map.insert("fits".into(), planned.fits.iter().map(|f| f.machine.clone()).collect());
    let events = plan.features.iter().flat_map(|f| {
        f.events.iter().map(
            move |e| json!({"feature": f.feature.name, "kind": e.kind, "model": e.model, "at": e.at, "text": e.text}),
        )
    });
    map.insert("events".into(), events.collect());
    let unpriced =
        planned.refused.iter().map(|(feature, error)| json!({"feature": feature, "reason": error.to_string()}));
    map.insert("unpriced".into(), unpriced.collect());
    map.insert("assumptions".into(), json!(assumptions(planned)));
    map.insert("sources".into(), Value::Array(sources(planned)));
    map.insert("table".into(), table_json(planned.setup));
}
