//! The tables of a plan: the months, the features, what drives the range, what would be cheaper, and why.

use rust_decimal::Decimal;

use super::PlanResult;
use super::rows::{
    DriverRow, LeverRow, PlanFeatureRow, PlanHead, PlanMonthRow, PriceSourceRow, UsdRange, months, over,
};
use crate::calculator::budget::BudgetVerdict;
use crate::calculator::levers::Lever;
use crate::calculator::outcome::Driver;
use crate::calculator::workload::Assumption;
use crate::jobs::assumed::assumed_cell;
use crate::jobs::setup::add_table_line;
use crate::jobs::workload::ShownCurrency;
use crate::jobs::{Setup, plural};
use crate::money::{Usd, grouped, share_for_people};
use crate::range::Range;
use crate::report::chart::{Chart, ChartKind, ChartValue as Mark};
use crate::report::{Cell, Column, Format, Readers, Report, Tone, TypedTable};

/// How many drivers and levers people see.
const SHOWN: usize = 8;
/// Length of the longest bar on a terminal.
const BAR: usize = 24;

/// The plan as a report: one row for each month.
///
/// * `why`: whether people see every assumption, and the prices that were used.
#[must_use]
pub fn report(result: &PlanResult, format: Format, why: bool, setup: &Setup) -> Report {
    let for_people = format.readers() == Readers::People;
    let (head, rows) = (PlanHead::of(result, setup), months(result));
    let mut report = month_report(result, rows, format);
    add_answer(&mut report, result);
    add_notes(&mut report, result, &head, why || !for_people);
    add_table_line(&mut report, setup);
    if for_people {
        let why = why || format == Format::Html;
        let sections = sections(result, &head, why, format != Format::Html);
        report.sections = sections.into_iter().filter(|(_, section)| !section.rows.is_empty()).collect();
    }
    if format == Format::Html {
        report.charts = charts(result);
    }
    report.state_all(&head);
    report
}

/// A kind of cost that no feature causes, shown where there is any: its column, its months, and how a month has it.
type OtherCost<'r> = (&'static str, &'static str, &'r [Usd], usize, fn(&PlanMonthRow) -> Usd);

fn month_report(result: &PlanResult, rows: Vec<PlanMonthRow>, format: Format) -> Report {
    let (outcome, shown) = (&result.outcome, &result.shown);
    let others: [OtherCost; 3] = [
        ("fixed_usd", "fixed", &outcome.fixed, 0, |row| row.fixed_usd),
        ("credits_usd", "credits", &outcome.credits, 1, |row| row.credits_usd),
        ("tax_usd", "tax", &outcome.tax, 2, |row| row.tax_usd),
    ];
    let others = others.into_iter().filter(|(_, _, list, ..)| list.iter().any(|usd| *usd != Usd::ZERO));
    let others: Vec<OtherCost> = others.collect();
    let mut report = month_table(result, &others, format).report(rows);
    if result.plan.months.len() > 1 {
        let mut total = vec![Cell::text("total")];
        let over = |costs: &[Usd]| shown.over(result.plan.spans.iter().zip(costs.iter().copied()));
        total.extend(outcome.features.iter().map(|f| shown.cell_of(f.total.expected, over(&f.spans))));
        total.extend(others.iter().map(|(key, _, list, index, _)| {
            taken_off(key, list.iter().copied().sum(), over(&outcome.others_by_span[*index]), shown)
        }));
        total.extend(bounds(outcome.total.into(), over(&outcome.spans), shown));
        report.total = Some(total);
    }
    report
}

fn month_table<'r>(result: &'r PlanResult, others: &[OtherCost<'r>], format: Format) -> TypedTable<'r, PlanMonthRow> {
    let shown = &result.shown;
    let mut table = TypedTable::new().text("month", "month", |row: &PlanMonthRow| Cell::text(row.month.to_string()));
    for (index, feature) in result.plan.features.iter().enumerate() {
        let name = feature.feature.name.as_str();
        let column = Column::number(format!("{name}_usd"), name.to_owned()).optional();
        table = table.column(column, move |row| {
            let amount = row.shown.features.get(index).copied().unwrap_or_default();
            row.features.get(index).map_or_else(Cell::default, |f| shown.cell_of(f.range.expected_usd, amount))
        });
    }
    for (key, title, _, index, of) in others.iter().copied() {
        table = table.number(key, title, move |row| taken_off(key, of(row), row.shown.others[index], shown));
    }
    let bound = |index: usize| move |row: &PlanMonthRow| bounds(row.range, row.shown.total, shown)[index].clone();
    table = table.number("low_usd", "low", bound(0)).number("total_usd", "expected", bound(1));
    table = table.number("high_usd", "high", bound(2));
    if matches!(format, Format::Table | Format::Markdown) {
        let most = result.outcome.months.iter().map(|m| m.high.amount()).max().unwrap_or_default();
        table = table.column(Column::drawing("bar", ""), move |row| Cell::pair(bar(row.range, most), ""));
    }
    table
}

/// Credits are taken off.
fn taken_off(key: &str, usd: Usd, amount: Decimal, shown: &ShownCurrency) -> Cell {
    if key == "credits_usd" { shown.cell_of(Usd::new(-usd.amount()), -amount) } else { shown.cell_of(usd, amount) }
}

/// Low, expected and high; the bounds are converted as the expected cost is, which is `amount` in the currency.
fn bounds(range: UsdRange, amount: Decimal, shown: &ShownCurrency) -> [Cell; 3] {
    let expected = shown.cell_of(range.expected_usd, amount);
    if range.low_usd == range.high_usd {
        return [Cell::pair("", range.low_usd.to_string()), expected, Cell::pair("", range.high_usd.to_string())];
    }
    let bound = |usd: Usd| shown.cell_of(usd, shown.in_proportion(usd, range.expected_usd, amount)).tone(Tone::Dim);
    [bound(range.low_usd), expected, bound(range.high_usd)]
}

/// `█████▒▒▒░░`: up to the low bound, to the expected cost, to the high bound.
fn bar(range: UsdRange, most: Decimal) -> String {
    let length = |usd: Usd| {
        let share = usd.amount().checked_div(most).unwrap_or_default().max(Decimal::ZERO);
        bar_length(share).min(BAR)
    };
    let (low, mean, high) = (length(range.low_usd), length(range.expected_usd), length(range.high_usd));
    ["█".repeat(low), "▓".repeat(mean.saturating_sub(low)), "░".repeat(high.saturating_sub(mean.max(low)))].concat()
}

/// The length of a bar that is a share of the longest.
fn bar_length(share: Decimal) -> usize {
    usize::try_from((share * Decimal::from(BAR as u64)).round()).unwrap_or(0)
}

/// Says above the months what the plan costs, whether that stays inside of the budget, and what would be cheaper.
fn add_answer(report: &mut Report, result: &PlanResult) {
    let (workload, shown) = (&result.plan.workload, &result.shown);
    let last = workload.end.yesterday().unwrap_or(workload.end);
    report.head.push(format!("{}, {} to {last}", workload.name, workload.start));
    let total = result.outcome.total;
    let amount = shown.over(result.plan.spans.iter().zip(result.outcome.spans.iter().copied()));
    let mut answer = format!("{} expected", shown.text_of(amount));
    if total.low != total.high {
        let bound = |usd| shown.text_of(shown.in_proportion(usd, total.expected, amount));
        answer += &format!(", {} to {} in 90% of simulations", bound(total.low), bound(total.high));
    }
    if let Some(verdict) = result.verdicts.iter().find(|v| v.month.is_none()) {
        answer += &format!("; {}", verdict_text(verdict));
    }
    report.entitle(
        format!("{}, {} to {last}", workload.name, workload.start),
        format!("{} expected", shown.text_of(amount)),
    );
    report.head.push(answer + ".");
    report.head.extend(monthly_text(&result.verdicts));
    if let Some(best) = result.levers.first() {
        let saving = shown.text_of(shown.over(result.plan.spans.iter().zip(best.spans.iter().copied())));
        report
            .head
            .push(format!("Largest saving: {} for {}, saves {saving}, if {}.", best.what, best.feature, best.provided));
    }
}

/// Whether every month stays inside of a monthly budget.
fn monthly_text(verdicts: &[BudgetVerdict]) -> Option<String> {
    let monthly: Vec<&BudgetVerdict> = verdicts.iter().filter(|v| v.month.is_some()).collect();
    let amount = &monthly.first()?.amount;
    let over = monthly.iter().filter(|v| !v.holds()).filter_map(|v| Some(v.month?.to_string()));
    let over: Vec<String> = over.collect();
    Some(match over.is_empty() {
        true => format!("Every month is expected to stay inside {amount}."),
        false => format!("Over {amount} a month in {}.", over.join(", ")),
    })
}

/// "stays inside 60 EUR in 97% of simulations", or "60 EUR end on 2027-03-14 (2027-02-20 to 2027-05-02)".
fn verdict_text(verdict: &BudgetVerdict) -> String {
    let Some(ends) = verdict.ends else {
        let chance = verdict.chance.map(|chance| format!(" in {} of simulations", share_for_people(chance)));
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

fn add_notes(report: &mut Report, result: &PlanResult, head: &PlanHead, quiet: bool) {
    let (workload, shown) = (&result.plan.workload, &result.shown);
    let notes = &mut report.notes;
    for event in &head.events {
        let text = format!("{}.", event.text);
        if !notes.contains(&text) {
            notes.push(text);
        }
    }
    for unpriced in &head.unpriced {
        notes.push(format!("Not in the totals: {}, which has no price: {}", unpriced.feature, unpriced.what));
    }
    if head.simulation.is_some() {
        notes.push(format!(
            "Low and high: 5% and 95% of {} simulations, seed {}.",
            grouped(workload.draws),
            workload.seed
        ));
    }
    notes.extend(shown.notes());
    let assumed = head.assumptions.len();
    if assumed > 0 && !quiet {
        let (what, list) = (plural(assumed as u64, "assumption"), if assumed == 1 { "it" } else { "them" });
        notes.push(format!("{what}; list {list} with --why."));
    }
}

fn sections(result: &PlanResult, head: &PlanHead, why: bool, bars: bool) -> Vec<(String, Report)> {
    let shown = &result.shown;
    let mut fits = Report::new([Column::text("question", "question"), Column::text("answer", "answer")]);
    for fit in &result.fits {
        fits.push([Cell::text(&fit.question), Cell::text(&fit.answer)], serde_json::Value::Null);
    }
    let all = result.outcome.total.expected;
    let mut sections = vec![
        ("By feature", feature_table(shown).report(head.features.iter().cloned())),
        ("What fits", fits),
        ("What drives the range", driver_report(&head.drivers, bars, shown)),
        ("What would make it cheaper", lever_table(all, shown).report(head.levers.iter().take(SHOWN).cloned())),
    ];
    if why {
        sections.push(("What was assumed", assumption_table().report(head.assumptions.iter().cloned())));
        sections.push(("Prices used", source_table().report(head.sources.iter().cloned())));
    }
    sections.into_iter().map(|(title, section)| (title.to_owned(), section)).collect()
}

fn feature_table(shown: &ShownCurrency) -> TypedTable<'_, PlanFeatureRow> {
    let in_shown = |row: &PlanFeatureRow, usd: Usd| {
        shown.cell_of(usd, shown.in_proportion(usd, row.range.expected_usd, row.shown))
    };
    let unit =
        move |row: &PlanFeatureRow, usd: Option<Usd>| usd.map_or_else(|| Cell::absent("–"), |usd| in_shown(row, usd));
    let bound = |index: usize| move |row: &PlanFeatureRow| bounds(row.range, row.shown, shown)[index].clone();
    TypedTable::new()
        .text("feature", "feature", |row: &PlanFeatureRow| Cell::text(&row.name))
        .text("model", "model", |row| {
            Cell::text(row.models.iter().map(|m| m.model.as_str()).collect::<Vec<_>>().join(", "))
        })
        .number("calls", "calls", |row| Cell::quantity(row.all_calls.round()))
        .number("prompt", "first prompt", |row| {
            Cell::quantity(row.models.first().map_or(0, |model| model.first_prompt_tokens))
        })
        .optional()
        .number("low", "low", bound(0))
        .number("expected", "expected", bound(1))
        .number("high", "high", bound(2))
        .number("call", "per call", move |row| unit(row, row.per_call_usd))
        .optional()
        .number(
            "answer",
            "per answer",
            move |row| {
                if row.answers_apart { unit(row, row.per_answer_usd) } else { Cell::default() }
            },
        )
        .optional()
        .number("user", "per user a month", move |row| {
            row.per_user_month_usd.map_or_else(Cell::default, |usd| in_shown(row, usd))
        })
        .optional()
}

fn driver_report(drivers: &[DriverRow], bars: bool, shown: &ShownCurrency) -> Report {
    let swing = |row: &DriverRow| (row.shown[1] - row.shown[0]).abs();
    let most = drivers.iter().map(swing).max().unwrap_or_default();
    let bar = move |row: &DriverRow| {
        let length = bar_length(swing(row).checked_div(most).unwrap_or_default()).max(1);
        Cell::text(if bars { "█".repeat(length) } else { String::new() })
    };
    TypedTable::new()
        .text("feature", "feature", |row: &DriverRow| Cell::text(&row.feature))
        .text("input", "what is uncertain", |row| Cell::text(row.input))
        .text("range", "range", |row| Cell::text(&row.range))
        .number("low", "total at its low end", |row| shown.cell_of(row.low_usd, row.shown[0]))
        .number("high", "at its high end", |row| shown.cell_of(row.high_usd, row.shown[1]))
        .column(Column::drawing("bar", ""), bar)
        .report(drivers.iter().take(SHOWN).cloned())
}

fn lever_table(all: Usd, shown: &ShownCurrency) -> TypedTable<'_, LeverRow> {
    let share = move |row: &LeverRow| {
        let share = row.saving_usd.amount().checked_div(all.amount()).unwrap_or_default();
        Cell::percent(share.saturating_mul(Decimal::ONE_HUNDRED))
    };
    TypedTable::new()
        .text("feature", "feature", |row: &LeverRow| Cell::text(&row.feature))
        .text("what", "what to do", |row| Cell::text(&row.what))
        .number("saving", "saves", |row| shown.cell_of(row.saving_usd, row.shown).tone(Tone::Good))
        .number("share", "of the total", share)
        .optional()
        .text("if", "if", |row| Cell::text(&row.provided).tone(Tone::Dim))
}

fn assumption_table() -> TypedTable<'static, Assumption> {
    TypedTable::new()
        .text("about", "about", |row: &Assumption| Cell::text(&row.about))
        .text("what", "what", |row| Cell::text(&row.what))
        .text("value", "value", |row| Cell::text(&row.value))
        .text("origin", "where it comes from", |row| Cell::text(&row.origin))
}

fn source_table() -> TypedTable<'static, PriceSourceRow> {
    TypedTable::new()
        .text("model", "model", |row: &PriceSourceRow| Cell::text(&row.model))
        .text("since", "price since", |row| Cell::text(row.from.map(|from| from.to_string()).unwrap_or_default()))
        .text("checked", "checked", |row| Cell::text(row.checked.to_string()))
        .text("assumed_before", "assumed before", |row| assumed_cell(row.assumed_before))
        .text("tokenizer", "tokenizer", |row| Cell::text(row.tokenizer.as_deref().unwrap_or("")))
        .optional()
        .text("source", "source", |row| Cell::text(&row.source))
}

fn charts(result: &PlanResult) -> Vec<Chart> {
    let (shown, spans) = (&result.shown, &result.plan.spans);
    let mark = |costs: &[Usd]| shown.mark(shown.of_spans(spans, costs));
    let mut charts = cost_charts(result);
    if !result.drivers.is_empty() {
        let name = |d: &Driver| format!("{}: {}", d.feature, d.input);
        let bars = result.drivers.iter().take(SHOWN);
        let bars = bars.map(|d| (name(d), mark(&d.spans[0]), mark(&d.spans[1]))).collect();
        charts.push(Chart {
            title: "What drives the range: the total with one number at its low and its high end".into(),
            kind: ChartKind::Tornado { bars, middle: mark(&result.outcome.spans) },
        });
    }
    if !result.levers.is_empty() {
        let bar = |l: &Lever| (format!("{}: {}", l.feature, l.what), mark(&l.spans), None);
        let bars = result.levers.iter().take(SHOWN).map(bar).collect();
        charts.push(Chart {
            title: "What would make it cheaper: saved over the plan".into(),
            kind: ChartKind::Bars { bars },
        });
    }
    charts
}

impl ShownCurrency {
    fn mark(&self, amount: Decimal) -> Mark {
        Mark::new(amount, self.text_of(amount))
    }

    /// A range whose expected cost is `amount` in the currency; the bounds are converted as it is.
    fn marks(&self, range: &Range<Usd>, amount: Decimal) -> [Mark; 3] {
        let bound = |usd: Usd| self.mark(self.in_proportion(usd, range.expected, amount));
        [bound(range.low), self.mark(amount), bound(range.high)]
    }
}

/// The cost by month, and from the start on.
fn cost_charts(result: &PlanResult) -> Vec<Chart> {
    let PlanResult { plan, outcome, shown, .. } = result;
    let labels: Vec<String> = plan.months.iter().map(ToString::to_string).collect();
    let by_month =
        |costs: &[Usd]| -> Vec<Decimal> { (0..plan.months.len()).map(|month| over(result, month, costs)).collect() };
    let marks = |costs: &[Usd]| -> Vec<Mark> { by_month(costs).into_iter().map(|amount| shown.mark(amount)).collect() };
    let features = plan.features.iter().zip(&outcome.features);
    let mut series: Vec<(String, Vec<Mark>)> =
        features.map(|(f, costs)| (f.feature.name.clone(), marks(&costs.spans))).collect();
    let [fixed, credits, tax] = &outcome.others_by_span;
    for (name, list) in [("fixed costs", fixed), ("tax", tax)] {
        if list.iter().any(|usd| *usd != Usd::ZERO) {
            series.push((name.into(), marks(list)));
        }
    }
    let limit = |month: bool| {
        let verdict = result.verdicts.iter().find(|v| v.month.is_some() == month)?;
        let amount = match verdict.amount.currency == shown.currency {
            true => verdict.amount.amount.0,
            false => shown.amount(verdict.usd),
        };
        Some(Mark::new(amount, format!("budget {}", verdict.amount)))
    };
    let months = by_month(&outcome.spans);
    let band = outcome.months.iter().zip(&months).map(|(range, amount)| shown.marks(range, *amount)).collect();
    // What the bars add up to is more than what is paid, which the range and the budget are about.
    let range = match credits.iter().any(|usd| *usd != Usd::ZERO) {
        true => " before credits, with the range of 90% of simulations after them",
        false => ", with the range of 90% of simulations",
    };
    let mut charts = vec![Chart {
        title: format!("Cost by month and feature in {}{range}", shown.currency),
        kind: ChartKind::Stacked { labels: labels.clone(), series, band, limit: limit(true) },
    }];
    if plan.months.len() > 1 {
        let spent = months.iter().scan(Decimal::ZERO, |spent, month| {
            *spent += *month;
            Some(*spent)
        });
        let points = outcome.cumulative.iter().zip(spent).map(|(range, spent)| shown.marks(range, spent)).collect();
        charts.push(Chart {
            title: format!("Spent since the start, in {}", shown.currency),
            kind: ChartKind::Band { labels, points, limit: limit(false) },
        });
    }
    charts
}
