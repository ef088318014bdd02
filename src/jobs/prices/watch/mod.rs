//! What price changes do to a bill of one's own: [`watch_plan`] and [`watch_usage`].
//!
//! The bill is that of the same quantities throughout: a workload, or what was used. Prices stand still at the moment before
//! the span, then one thing after another happens (a price changes, a name moves, a model retires), and the bill is worked
//! out again by the calculator of `plan` and `usage`.

mod events;
mod plan;
mod rows;
mod usage;

use rust_decimal::Decimal;

use self::events::{WatchedEvent, WatchedKind};
use self::plan::{WatchedPlan, before};
pub(crate) use self::rows::{WatchHead, WatchRow};
use self::rows::{calendar_event, percent, percent_cell, table};
pub use self::usage::UsageWishes;
use self::usage::WatchedUsage;
use crate::input::calls::stream::StreamSink;
use crate::input::text::Source;
use crate::jobs::check::UnpricedFeature;
use crate::jobs::setup::{Setup, add_table_line, table_stamp};
use crate::jobs::workload::{PricedWorkload, ShownCurrency};
use crate::jobs::{JobError, plural};
use crate::money::Usd;
use crate::period::{Instant, Period};
use crate::pricing::PriceTable;
use crate::report::ics::{CalendarEvent, calendar};
use crate::report::{Cell, Report};

/// What was found.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The rows.
    pub report: Report,
    /// What is scheduled, as a calendar (RFC 5545).
    pub calendar: String,
    /// By how much the bill changes in all, in percent; nothing where it was nothing.
    pub percent: Option<Decimal>,
    /// What retires in the span, in sentences.
    pub retiring: Vec<String>,
    /// How many features or records have no price.
    pub unpriced: u64,
    /// What was not read of records although it may have been billed, a line for each name.
    pub unread: Vec<String>,
    /// How many records have something that was not read.
    pub unread_records: u64,
}

/// An older price table, whose prices the first bill has.
#[derive(Clone, Debug)]
pub struct OlderTable {
    /// What the user called it.
    pub label: String,
    /// The table.
    pub table: std::sync::Arc<PriceTable>,
}

/// The changes that count.
#[derive(Clone, Debug, Default)]
pub struct WatchSpan {
    /// When they happen.
    pub period: Period,
    /// Before them, what this table has otherwise than an older one.
    pub older: Option<OlderTable>,
}

impl WatchSpan {
    /// What an older table has otherwise at the moment of a setup, and what is scheduled after it.
    #[must_use]
    pub fn since_table(older: OlderTable, to: Option<Instant>, setup: &Setup) -> WatchSpan {
        let next = Instant::from_unix(setup.at.unix().saturating_add(1));
        WatchSpan { period: Period { from: Some(next), to }, older: Some(older) }
    }
}

/// The moment that `--since` names: a day, a moment, or the version of a table.
///
/// # Errors
/// [`JobError::Date`] where it is none of these.
pub fn since(text: &str) -> Result<Instant, JobError> {
    let version: Vec<&str> = text.split(['.', '+']).collect();
    let is_version = version.len() >= 3 && version[..3].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    let day = if is_version { version[..3].join("-") } else { text.to_owned() };
    day.parse().map_err(|_| match text.parse::<Instant>() {
        Err(error) if text.starts_with(|c: char| c.is_ascii_digit()) => error.into(),
        _ => JobError::asked(
            format!("{text:?} is not a date"),
            "write 2026-10-01, the version of a table, or the path of older price files",
        ),
    })
}

/// One thing that happened, with the bill before and after it.
struct Step {
    event: WatchedEvent,
    before: Option<Usd>,
    after: Option<Usd>,
    note: Option<String>,
}

/// What the steps came to.
struct Course {
    bill: &'static str,
    first: Usd,
    last: Usd,
    steps: Vec<Step>,
    unpriced: u64,
    notes: Vec<String>,
}

/// Watches the average month of a workload.
///
/// # Errors
/// [`JobError`] where nothing of it has a price before the span.
pub fn watch_plan(
    priced: PricedWorkload,
    span: &WatchSpan,
    currency: Option<&str>,
    setup: &Setup,
) -> Result<Watched, JobError> {
    let PricedWorkload { file, resolver, unpriced, .. } = priced;
    let shown = ShownCurrency::of(currency, &file.workload, &resolver)?;
    let first = before(span.period);
    let mut plan = WatchedPlan::new(file.workload, resolver, setup, span.older.as_ref(), first);
    if plan.is_empty() {
        let why = plan.unpriced.first().map_or_else(|| "it has no feature".to_owned(), UnpricedFeature::in_full);
        return Err(JobError::asked(
            format!("nothing of the workload has a price on {first}: {why}"),
            "give a later day with --since",
        ));
    }
    let amount = if shown.is_usd() { Decimal::ZERO } else { plan.bill_in(&shown.currency)? };
    let course = course_of_plan(&mut plan, unpriced.len() as u64, span.period)?;
    let first = course.first;
    Ok(watched(course, span, &|usd| shown.cell_of(usd, shown.in_proportion(usd, first, amount)), setup))
}

fn course_of_plan(plan: &mut WatchedPlan, unpriced: u64, span: Period) -> Result<Course, JobError> {
    let first = plan.bill()?;
    let mut events = plan.events(span);
    events.sort_by(|(a, one), (b, other)| (one.at, one.kind, a).cmp(&(other.at, other.kind, b)));
    let (mut bill, mut last, mut steps) = (Some(first), first, Vec::new());
    for (name, event) in events {
        plan.apply(&name, &event);
        let (after, note) = match plan.bill() {
            Ok(after) => (Some(after), None),
            Err(error) => (None, Some(error.to_string())),
        };
        last = after.unwrap_or(last);
        steps.push(Step { event, before: bill, after, note });
        bill = after;
    }
    let left_out = plan.unpriced.iter().map(|f| format!("{} is not in the bill: {}", f.name, f.in_full()));
    let gone = span.from.map(|begin| plan.gone(begin)).unwrap_or_default();
    let notes = gone.into_iter().chain(plan.lost()).chain(left_out).chain(assumed_note(plan.assumed())).collect();
    Ok(Course { bill: "month", first, last, steps, unpriced: unpriced + plan.unpriced.len() as u64, notes })
}

/// Watches what was used.
///
/// # Errors
/// [`JobError::Io`] where a thread failed, so that sums would be too low.
pub fn watch_usage(
    query: &UsageWishes,
    span: &WatchSpan,
    setup: &Setup,
    sources: &[Source],
    threads: usize,
    sink: &mut dyn StreamSink,
) -> Result<Watched, JobError> {
    let usage = WatchedUsage::read(query, (span.period, span.older.as_ref()), setup, sources, threads, sink)?;
    let (unread, unread_records) = (usage.unread.warnings(), usage.unread.records());
    let watched = watched(course_of_usage(usage), span, &|usd| setup.money(usd), setup);
    Ok(Watched { unread, unread_records, ..watched })
}

fn course_of_usage(usage: WatchedUsage) -> Course {
    let first: Usd = usage.models.values().filter_map(|model| model.bills.first().copied()).sum();
    let moves = usage.models.values().flat_map(|model| {
        let pairs = model.bills.windows(2).map(|pair| (pair[0], pair[1]));
        model.events.iter().cloned().zip(pairs)
    });
    let mut moves: Vec<(WatchedEvent, (Usd, Usd))> = moves.collect();
    moves.sort_by(|(one, _), (other, _)| (one.at, one.kind, &one.model).cmp(&(other.at, other.kind, &other.model)));
    let (mut bill, mut steps) = (first, Vec::new());
    for (event, (old, new)) in moves {
        let after = Usd::new(bill.amount() - old.amount() + new.amount());
        steps.push(Step { event, before: Some(bill), after: Some(after), note: None });
        bill = after;
    }
    let records: u64 = usage.models.values().map(|model| model.records).sum();
    let mut notes: Vec<String> = usage.models.values().filter_map(|model| model.gone.clone()).collect();
    let assumed = usage.models.iter().filter_map(|(id, model)| Some((id.clone(), model.assumed?)));
    notes.extend(assumed_note(assumed.collect()));
    notes.push(format!("The bill is that of {}.", plural(records, "record")));
    let counts = [
        (usage.unpriced, "left out of every bill, since it has no price at some moment"),
        (usage.free, "that cost nothing"),
        (usage.outside, "of another time left out"),
    ];
    notes.extend(counts.iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!("{} {why}.", plural(*n, "record"))));
    Course { bill: "usage", first, last: bill, steps, unpriced: usage.unpriced, notes }
}

fn watched(course: Course, span: &WatchSpan, money: &dyn Fn(Usd) -> Cell, setup: &Setup) -> Watched {
    let Course { bill, first, last, steps, unpriced, notes } = course;
    let table = table(money);
    let mut report = table.empty();
    let mut untouched = 0;
    for step in &steps {
        let row = WatchRow { note: step.note.clone(), ..WatchRow::of(&step.event, step.before, step.after, setup) };
        if row.is_nothing() {
            untouched += 1;
        } else {
            let shown = table.push(&mut report, &row);
            shown.detail.extend(row.note);
        }
    }
    let total = percent(first, last);
    report.total = (!report.rows.is_empty()).then(|| {
        let people = |text: &str| Cell::pair(text, "");
        vec![
            people("in all"),
            people(""),
            people(""),
            money(first),
            money(last),
            percent_cell(Some((first, last))),
            people(""),
            people(""),
        ]
    });
    report.entitle(
        "What price changes do to the bill",
        format!("{} instead of {}", money(last).people, money(first).people),
    );
    let retiring = retiring(&steps);
    report.notes = retiring.clone();
    report.notes.push(summary(bill, span, setup));
    if untouched > 0 {
        let verb = if untouched == 1 { "does" } else { "do" };
        let changes = plural(untouched, "more price change");
        report.notes.push(format!("{changes} of these models {verb} not affect the bill."));
    }
    report.notes.extend(notes);
    add_table_line(&mut report, setup);
    report.state_all(&WatchHead {
        bill,
        since: if span.older.is_some() { setup.at } else { span.period.from.unwrap_or(setup.at) },
        older: span.older.as_ref().map(|older| older.table.id().clone()),
        until: span.period.to,
        at: setup.at,
        before_usd: first,
        after_usd: last,
        change_percent: total.map(|percent| percent.to_string()),
        untouched,
        unpriced,
        table: table_stamp(setup),
    });
    let calendar = scheduled(&steps, setup);
    Watched { report, calendar, percent: total, retiring, unpriced, unread: Vec::new(), unread_records: 0 }
}

/// Says which prices of the first bill are assumed.
fn assumed_note(mut cards: Vec<(String, Instant)>) -> Option<String> {
    cards.sort();
    cards.dedup();
    let (id, since) = cards.first()?;
    let more = match cards.len() {
        1 => String::new(),
        n => format!(" (and {} more)", plural(n as u64 - 1, "model")),
    };
    Some(format!(
        "The first bill has an assumed price: the first evidence of that of {id}{more} is from {since}. `farebox prices history {id}` shows what is known."
    ))
}

fn summary(bill: &str, span: &WatchSpan, setup: &Setup) -> String {
    let of = if bill == "month" { "the average month of the plan" } else { "what was used" };
    let since = match &span.older {
        Some(older) => format!("price changes since the table of {} ({})", older.label, older.table.id().version),
        None => format!("price changes since {}", span.period.from.unwrap_or(setup.at)),
    };
    let until = span.period.to;
    let until = until.map_or_else(|| "all scheduled ones".to_owned(), |to| format!("those scheduled before {to}"));
    format!(
        "Bills are for {of}, with the same quantities throughout: {since} and {until}. Rates are in US dollars per million, unless stated otherwise."
    )
}

/// What retires, each once.
fn retiring(steps: &[Step]) -> Vec<String> {
    let gone = steps.iter().filter(|step| step.event.kind == WatchedKind::Retires).map(|step| &step.event);
    let sentence = |event: &WatchedEvent| match &event.instead {
        Some(instead) => {
            format!(
                "{} retires on {}: from then on the bill is that of its replacement {instead}.",
                event.model, event.at
            )
        }
        None => format!(
            "{} retires on {} and no replacement is named: the bill keeps its last price, `farebox models` lists other models.",
            event.model, event.at
        ),
    };
    let mut sentences: Vec<String> = gone.map(sentence).collect();
    sentences.dedup();
    sentences
}

/// What is still to come, as a calendar: made when the table was.
fn scheduled(steps: &[Step], setup: &Setup) -> String {
    let coming = steps.iter().map(|step| &step.event).filter(|event| event.at > setup.at);
    let mut events: Vec<CalendarEvent> = coming.map(calendar_event).collect();
    events.dedup_by(|a, b| a.key == b.key);
    calendar(&events, setup.table.day().unwrap_or(setup.at))
}
