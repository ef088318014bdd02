//! What a check found, as one value that every form of its report is made from: [`Gate`].
//!
//! [`Gate::report`] is the table, the page and the JSON; `github`, `sarif`, `junit`, `gitlab`, `openmetrics` and
//! `comment` are what machines of others read. None of them computes or decides anything.

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Cell, Column, Report, Tone, inert};
use crate::calculator::rules::{Code, Finding, Level};
use crate::calculator::workload::Assumption;
use crate::money::digits_for_people;

/// What a base is, for people and programs.
#[derive(Clone, Debug, Default)]
pub struct BaseShown {
    /// `git`, `baseline` or `none`.
    pub kind: &'static str,
    /// What the user named.
    pub name: String,
    /// The commit, where it is one.
    pub commit: Option<String>,
    /// One line about it for people.
    pub text: String,
}

/// Money of one thing in the average month, before and after.
#[derive(Clone, Debug, Default)]
pub struct Money {
    /// Before; `None` where there is nothing to compare with.
    pub base: Option<Decimal>,
    /// After.
    pub head: Decimal,
    /// After, over the whole plan.
    pub total: Decimal,
    /// The same in dollars.
    pub total_usd: Decimal,
}

impl Money {
    /// The difference.
    #[must_use]
    pub fn delta(&self) -> Option<Decimal> {
        self.base.map(|base| (self.head - base).normalize())
    }

    /// The difference in percent of what it was.
    #[must_use]
    pub fn percent(&self) -> Option<Decimal> {
        let base = self.base?;
        self.delta()?.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(base).map(|p| p.round_dp(2).normalize())
    }
}

/// A part of a change.
#[derive(Clone, Debug)]
pub struct Part {
    /// The feature; `None` for the whole plan.
    pub feature: Option<String>,
    /// The name of the factor in machine forms.
    pub factor: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// What it adds to the average month.
    pub amount: Decimal,
    /// Whether every number behind it is known.
    pub is_exact: bool,
    /// What changed, such as `gpt-4o → gpt-4o-mini`.
    pub what: String,
    /// Where it changed: file and line.
    pub places: Vec<(String, usize)>,
}

/// A feature before and after.
#[derive(Clone, Debug, Default)]
pub struct GateFeature {
    /// Its name.
    pub name: String,
    /// `same`, `changed`, `new`, `removed` or `unpriced`.
    pub status: &'static str,
    /// What it costs.
    pub money: Money,
    /// What a call costs, in dollars.
    pub call_usd: Option<Decimal>,
    /// Line of the file.
    pub line: usize,
}

/// Everything that a check has to say.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// What the plan is called.
    pub title: String,
    /// The workload file, as findings name it.
    pub workload: String,
    /// Whether it passed.
    pub passed: bool,
    /// The exit code.
    pub exit_code: u8,
    /// What it was compared with.
    pub base: BaseShown,
    /// Version and hash of the price table.
    pub table: (String, String),
    /// The day that it is about.
    pub at: String,
    /// The currency of every amount.
    pub currency: String,
    /// What one dollar is in it.
    pub per_usd: Decimal,
    /// The whole plan.
    pub money: Money,
    /// What the base costs at the prices of the head.
    pub repriced: Option<Decimal>,
    /// How many months the plan has.
    pub months: usize,
    /// The features.
    pub features: Vec<GateFeature>,
    /// Why the bill changed.
    pub parts: Vec<Part>,
    /// What breaks a rule.
    pub findings: Vec<Finding>,
    /// Names of all rules that were held against.
    pub rules: Vec<&'static str>,
    /// What the user did not say.
    pub assumptions: Vec<Assumption>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

/// The longest name that people see.
const LONGEST_NAME: usize = 160;

/// Text that people see: nothing in it steers a terminal or a build log, and no name fills a page.
#[must_use]
pub fn people(text: &str) -> String {
    let safe = inert(text);
    let cut: Cow<str> = match safe.char_indices().nth(LONGEST_NAME) {
        Some((at, _)) => format!("{}…", &safe[..at]).into(),
        None => safe,
    };
    quiet(&cut)
}

/// Takes the meaning out of what build logs read as commands: `::error::` at the start of a line, `##[…]` anywhere.
#[must_use]
pub fn quiet(text: &str) -> String {
    text.replace("::", ": :").replace("##[", "# # [")
}

/// An amount for people, with its sign.
#[must_use]
pub fn signed(amount: Decimal, currency: &str) -> String {
    let sign = if amount.is_sign_negative() && !amount.is_zero() { "−" } else { "+" };
    format!("{sign}{}", plain(amount.abs(), currency))
}

/// An amount for people.
#[must_use]
pub fn plain(amount: Decimal, currency: &str) -> String {
    let digits = digits_for_people(amount.normalize());
    if currency == "USD" { format!("${digits}") } else { format!("{digits} {currency}") }
}

/// What stays the same of a finding when lines and numbers change.
#[must_use]
pub fn fingerprint(finding: &Finding) -> String {
    let mut hash = Sha256::new();
    for field in [finding.code.name(), finding.feature.as_deref().unwrap_or(""), &finding.file, &finding.subject] {
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field.as_bytes());
    }
    hash.finalize().iter().take(16).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

impl Gate {
    /// The word for the verdict.
    #[must_use]
    pub const fn verdict(&self) -> &'static str {
        if self.passed { "passed" } else { "failed" }
    }

    /// The findings that count, the gravest first.
    pub fn counting(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.exempted.is_none())
    }

    /// The one sentence that a person needs.
    #[must_use]
    pub fn headline(&self) -> String {
        let now = plain(self.money.head, &self.currency);
        match (self.money.base, self.money.delta()) {
            (Some(_), Some(delta)) if delta.is_zero() => format!("The monthly bill stays at {now}"),
            (Some(base), Some(delta)) => {
                let percent = self.money.percent().map_or_else(String::new, |p| {
                    let sign = if p.is_sign_negative() { "−" } else { "+" };
                    format!(", {sign}{}%", p.abs())
                });
                let base = plain(base, &self.currency);
                format!("The monthly bill goes from {base} to {now} ({}{percent})", signed(delta, &self.currency))
            }
            _ => format!("The monthly bill is {now}"),
        }
    }

    /// One line with the verdict and the counts.
    #[must_use]
    pub fn summary(&self) -> String {
        let count = |level| self.counting().filter(|f| f.level == level).count();
        let word = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        let exempted = self.findings.len() - self.counting().count();
        let mut text = format!(
            "Check {}: {}, {}, {}",
            self.verdict(),
            word(count(Level::Error), "error"),
            word(count(Level::Warning), "warning"),
            word(count(Level::Note), "note")
        );
        if exempted > 0 {
            text += &format!(", {exempted} exempted");
        }
        text
    }

    /// The check as a report in the shared formats.
    ///
    /// * `most`: how many features, parts and findings people see of each at most.
    #[must_use]
    pub fn report(&self, most: usize) -> Report {
        let mut report = Report::new([
            Column::text("feature", "feature"),
            Column::number("base", "before"),
            Column::number("head", "now"),
            Column::number("delta", "change"),
            Column::text("why", "why").optional(),
        ]);
        report.head.push(format!("{}: {}", people(&self.title), self.headline()));
        report.head.push(self.summary());
        for feature in self.features.iter().take(most) {
            report.push(self.feature_cells(feature), self.feature_json(feature));
        }
        self.left_out(&mut report, self.features.len(), most, "features");
        let mut total = vec![Cell::text("total")];
        total.extend(self.money_cells(&self.money));
        report.total = Some(total);
        if !self.findings.is_empty() {
            report.sections.push(("Findings".into(), self.findings_table(most)));
        }
        if !self.parts.is_empty() {
            report.sections.push(("Why the monthly bill changes".into(), self.parts_table(most)));
        }
        report.sections.push(("Assumptions".into(), self.assumptions_table(most)));
        report.notes.extend(self.notes.iter().map(|note| people(note)));
        report.notes.push(people(&self.base.text));
        let (version, sha256) = &self.table;
        report.notes.push(format!("Amounts are of the average month ({} in the plan), in {}. Prices as of {}, table {version} (sha256 {sha256:.12}).", self.months, self.currency, self.at));
        report.machine = self.machine();
        report
    }

    fn left_out(&self, report: &mut Report, all: usize, most: usize, what: &str) {
        if all > most {
            report.notes.push(format!("{} more {what} are in the JSON report.", all - most));
        }
    }

    fn money_cells(&self, money: &Money) -> [Cell; 3] {
        let cell = |amount: Decimal| Cell::pair(plain(amount, &self.currency), amount.normalize().to_string());
        let base = money.base.map_or_else(|| Cell::absent("–"), cell);
        let delta = money.delta().map_or_else(
            || Cell::absent("–"),
            |delta| {
                let tone = if delta.is_zero() {
                    Tone::Dim
                } else if delta.is_sign_negative() {
                    Tone::Good
                } else {
                    Tone::Warn
                };
                let text = if delta.is_zero() { "=".to_owned() } else { signed(delta, &self.currency) };
                Cell::pair(text, delta.to_string()).tone(tone)
            },
        );
        [base, cell(money.head), delta]
    }

    fn feature_cells(&self, feature: &GateFeature) -> Vec<Cell> {
        let mut cells = vec![Cell::pair(people(&feature.name), quiet(&inert(&feature.name)))];
        if feature.status == "unpriced" {
            cells.extend([Cell::absent("–"), Cell::absent("unknown"), Cell::absent("–"), Cell::text("no price")]);
            return cells;
        }
        cells.extend(self.money_cells(&feature.money));
        let mut parts: Vec<&Part> =
            self.parts.iter().filter(|p| p.feature.as_ref() == Some(&feature.name) && !p.amount.is_zero()).collect();
        parts.sort_by_key(|p| std::cmp::Reverse(p.amount.abs()));
        let why: Vec<String> =
            parts.iter().take(3).map(|p| format!("{} {}", p.label, signed(p.amount, &self.currency))).collect();
        let why = if matches!(feature.status, "new" | "removed") { feature.status.to_owned() } else { why.join(", ") };
        cells.push(Cell::text(why));
        cells
    }

    fn feature_json(&self, feature: &GateFeature) -> Value {
        let parts = self.parts.iter().filter(|p| p.feature.as_ref() == Some(&feature.name)).map(part_json);
        let mut map = Map::new();
        map.insert("feature".into(), json!(feature.name));
        map.insert("status".into(), json!(feature.status));
        if feature.status == "unpriced" {
            map.insert("monthly".into(), Value::Null);
        } else {
            map.extend(money_json(&feature.money));
        }
        map.insert("call_usd".into(), json!(feature.call_usd.map(|usd| usd.normalize().to_string())));
        map.insert("file".into(), json!(self.workload));
        map.insert("line".into(), json!(feature.line));
        map.insert("parts".into(), parts.collect());
        Value::Object(map)
    }

    fn findings_table(&self, most: usize) -> Report {
        let mut report = Report::new([
            Column::text("level", "level"),
            Column::text("rule", "rule"),
            Column::text("place", "where"),
            Column::text("message", "what"),
        ]);
        for finding in self.findings.iter().take(most) {
            let tone = match (finding.exempted.is_some(), finding.level) {
                (true, _) | (_, Level::Note) => Tone::Dim,
                (_, Level::Error) => Tone::Bad,
                (_, Level::Warning) => Tone::Warn,
            };
            let level = if finding.exempted.is_some() { "exempted" } else { finding.level.name() };
            let cells = [
                Cell::text(level).tone(tone),
                Cell::text(finding.code.name()),
                Cell::text(people(&place(&finding.file, finding.line))),
                Cell::text(quiet(&inert(&message(finding)))),
            ];
            report.push(cells, Value::Null);
        }
        self.left_out(&mut report, self.findings.len(), most, "findings");
        report
    }

    fn parts_table(&self, most: usize) -> Report {
        let mut report = Report::new([
            Column::text("feature", "feature"),
            Column::text("factor", "because of"),
            Column::number("amount", "a month"),
            Column::text("basis", "basis"),
            Column::text("what", "what changed"),
            Column::text("where", "where").optional(),
        ]);
        let mut parts: Vec<&Part> = self.parts.iter().filter(|p| !p.amount.is_zero() || !p.places.is_empty()).collect();
        parts.sort_by_key(|p| std::cmp::Reverse(p.amount.abs()));
        for part in parts.iter().take(most) {
            let places: Vec<String> =
                part.places.iter().take(3).map(|(file, line)| people(&place(file, *line))).collect();
            let cells = [
                Cell::text(part.feature.as_deref().map_or_else(|| "the whole plan".to_owned(), people)),
                Cell::text(part.label),
                Cell::pair(signed(part.amount, &self.currency), part.amount.to_string()),
                Cell::text(basis(part)),
                Cell::text(people(&part.what)),
                Cell::text(places.join(", ")),
            ];
            report.push(cells, Value::Null);
        }
        self.left_out(&mut report, parts.len(), most, "parts");
        report
    }

    /// What was assumed, once for all features that share it.
    fn assumptions_table(&self, most: usize) -> Report {
        let mut report = Report::new([
            Column::text("what", "assumed"),
            Column::text("value", "value"),
            Column::text("about", "for"),
            Column::text("origin", "because").optional(),
        ]);
        let mut groups: Vec<(&Assumption, Vec<&str>)> = Vec::new();
        for a in &self.assumptions {
            match groups.iter_mut().find(|(g, _)| (&g.what, &g.value, &g.origin) == (&a.what, &a.value, &a.origin)) {
                Some((_, about)) => about.push(&a.about),
                None => groups.push((a, vec![&a.about])),
            }
        }
        for (a, about) in groups.iter().take(most) {
            let names = match about.len() {
                0..=3 => about.iter().map(|name| people(name)).collect::<Vec<_>>().join(", "),
                n => format!("{n} features"),
            };
            let cells = [
                Cell::text(people(&a.what)),
                Cell::text(people(&a.value)),
                Cell::text(names),
                Cell::text(people(&a.origin)),
            ];
            report.push(cells, Value::Null);
        }
        self.left_out(&mut report, groups.len(), most, "assumptions");
        report
    }

    /// The fields of the JSON form.
    fn machine(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("verdict".into(), json!(self.verdict()));
        map.insert("exit_code".into(), json!(self.exit_code));
        map.insert("headline".into(), json!(self.headline()));
        map.insert("workload".into(), json!(self.workload));
        map.insert("name".into(), json!(self.title));
        map.insert("base".into(), json!({"kind": self.base.kind, "name": self.base.name, "commit": self.base.commit}));
        map.insert("table".into(), json!({"version": self.table.0, "sha256": self.table.1}));
        map.insert("at".into(), json!(self.at));
        map.insert("currency".into(), json!(self.currency));
        map.insert("per_usd".into(), json!(self.per_usd.normalize().to_string()));
        map.insert("months".into(), json!(self.months));
        map.extend(money_json(&self.money));
        map.insert("base_repriced".into(), json!(self.repriced.map(|r| r.normalize().to_string())));
        map.insert("parts".into(), self.parts.iter().map(part_json).collect());
        map.insert("rules".into(), json!(self.rules));
        map.insert("findings".into(), self.findings.iter().map(finding_json).collect());
        map.insert("assumptions".into(), json!(self.assumptions));
        map.insert("notes".into(), json!(self.notes));
        map
    }
}

fn money_json(money: &Money) -> [(String, Value); 6] {
    let text = |n: Option<Decimal>| json!(n.map(|n| n.normalize().to_string()));
    [
        ("base_monthly".into(), text(money.base)),
        ("monthly".into(), text(Some(money.head))),
        ("delta_monthly".into(), text(money.delta())),
        ("delta_percent".into(), text(money.percent())),
        ("total".into(), text(Some(money.total))),
        ("total_usd".into(), text(Some(money.total_usd))),
    ]
}

fn basis(part: &Part) -> &'static str {
    if part.is_exact { "exact" } else { "estimated" }
}

fn part_json(part: &Part) -> Value {
    let places: Vec<Value> = part.places.iter().map(|(file, line)| json!({"file": file, "line": line})).collect();
    json!({"feature": part.feature, "factor": part.factor, "amount": part.amount.to_string(), "basis": basis(part),
           "what": part.what, "places": places})
}

/// A finding in machine forms.
#[must_use]
pub fn finding_json(finding: &Finding) -> Value {
    let exempted = finding.exempted.as_ref().map(|(reason, until)| json!({"reason": reason, "until": until}));
    json!({"rule": finding.code.name(), "level": finding.level.name(), "feature": finding.feature, "message": finding.message,
           "file": finding.file, "line": finding.line, "exempted": exempted, "fingerprint": fingerprint(finding)})
}

/// The message with what exempts it.
#[must_use]
pub fn message(finding: &Finding) -> String {
    match &finding.exempted {
        Some((reason, until)) => format!("{} (accepted until {until}: {reason})", finding.message),
        None => finding.message.clone(),
    }
}

/// `file:line`, or the file alone where no line is known.
#[must_use]
pub fn place(file: &str, line: usize) -> String {
    if line == 0 { file.to_owned() } else { format!("{file}:{line}") }
}

/// JSON in which nothing is a command to a build log: `##[` occurs in texts alone, where a hash may be spelled out.
#[must_use]
pub fn spelled_out(json: &str) -> Cow<'_, str> {
    if json.contains("##[") { json.replace("##[", "#\\u0023[").into() } else { json.into() }
}

/// The text of a JSON document.
pub(super) fn json_text(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    format!("{}\n", spelled_out(&text))
}

/// Every rule there is, for formats that list them.
pub(super) fn codes() -> impl Iterator<Item = Code> {
    Code::ALL.iter().copied()
}
