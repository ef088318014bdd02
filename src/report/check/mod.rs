//! What a check found, as one value that every form of its report is made from: [`CheckReport`].
//!
//! The table, the page, the CSV and the JSON are made in `table` from the rows here; `github`, `sarif`, `junit`, `gitlab`,
//! `openmetrics` and `comment` are what programs of others read. None of them computes or decides anything. Begin at
//! [`write()`].

use std::io;

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use super::{Format, Screen};
use crate::calculator::explain::Factor;
use crate::calculator::rules::{Finding, FindingLevel};
use crate::calculator::workload::Assumption;
use crate::money::percent_for_people;
use crate::pricing::TableId;

pub mod comment;
pub mod github;

mod gitlab;
mod junit;
mod openmetrics;
mod sarif;
mod table;
mod text;

use text::{fingerprint, plain, signed};

/// The title over what was assumed.
const ASSUMPTIONS: &str = "Assumptions";

/// What a base is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum BaseKind {
    /// A commit of git.
    Git,
    /// A file that an earlier check wrote.
    Baseline,
    /// Nothing was compared with.
    None,
}

/// What a check compared with, for people and programs.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BaseStamp {
    /// What it is.
    pub kind: BaseKind,
    /// What the user named.
    pub name: String,
    /// The commit, where it is one.
    pub commit: Option<String>,
    /// One line about it for people.
    #[serde(skip)]
    pub text: String,
}

/// Money of one thing in the average month, before and after.
#[derive(Clone, Debug, Default)]
pub struct MonthlyChange {
    /// Before; `None` where there is nothing to compare with.
    pub base: Option<Decimal>,
    /// After.
    pub head: Decimal,
    /// After, over the whole plan.
    pub total: Decimal,
    /// The same in dollars.
    pub total_usd: Decimal,
}

/// The same as programs read it: decimals as text, in the currency of the check where a name says no other.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MonthlyRow {
    /// The average month before; null where there is nothing to compare with.
    pub base_monthly: Option<String>,
    /// The average month now.
    pub monthly: String,
    /// The difference.
    pub delta_monthly: Option<String>,
    /// The difference in percent of what it was.
    pub delta_percent: Option<String>,
    /// Now, over the whole plan.
    pub total: String,
    /// The same in dollars.
    pub total_usd: String,
}

impl MonthlyChange {
    /// The difference.
    #[must_use]
    pub(crate) fn delta(&self) -> Option<Decimal> {
        self.base.map(|base| (self.head - base).normalize())
    }

    /// The difference in percent of what it was.
    #[must_use]
    pub(crate) fn percent(&self) -> Option<Decimal> {
        let base = self.base?;
        self.delta()?.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(base).map(|p| p.round_dp(2).normalize())
    }

    fn row(&self) -> MonthlyRow {
        MonthlyRow {
            base_monthly: self.base.map(digits),
            monthly: digits(self.head),
            delta_monthly: self.delta().map(digits),
            delta_percent: self.percent().map(digits),
            total: digits(self.total),
            total_usd: digits(self.total_usd),
        }
    }
}

/// Every digit of a number, without zeros at its end.
fn digits(number: Decimal) -> String {
    number.normalize().to_string()
}

/// Whether every number behind an amount is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PartBasis {
    /// Every number is known.
    Exact,
    /// Some are ranges or estimates.
    Estimated,
}

impl PartBasis {
    const fn name(self) -> &'static str {
        match self {
            PartBasis::Exact => "exact",
            PartBasis::Estimated => "estimated",
        }
    }
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FileLine {
    /// The file, as reports name it.
    pub file: String,
    /// The line, from 1; 0 where none is known.
    pub line: usize,
}

/// A part of a change: what one factor adds to the average month.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChangePart {
    /// The feature; null for the whole plan.
    pub feature: Option<String>,
    /// What changed.
    pub factor: Factor,
    /// What it adds to the average month: a decimal as text.
    #[serde(serialize_with = "as_text")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub amount: Decimal,
    /// Whether every number behind it is known.
    pub basis: PartBasis,
    /// What changed, such as `gpt-4o → gpt-4o-mini`.
    pub what: String,
    /// Where it changed.
    pub places: Vec<FileLine>,
}

fn as_text<S: Serializer>(number: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// What became of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FeatureStatus {
    /// It costs what it did.
    Same,
    /// It costs something else.
    Changed,
    /// The base does not have it.
    New,
    /// Only the base has it.
    Removed,
    /// It has no price.
    Unpriced,
}

/// A feature before and after.
#[derive(Clone, Debug)]
pub struct CheckedFeature {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub status: FeatureStatus,
    /// What it costs.
    pub money: MonthlyChange,
    /// What a call costs, in dollars.
    pub call_usd: Option<Decimal>,
    /// Line of the file; 0 where there is none.
    pub line: usize,
}

/// A feature as programs read it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CheckRow<'r> {
    /// Its name.
    pub feature: &'r str,
    /// What became of it.
    pub status: FeatureStatus,
    /// What it costs.
    #[serde(flatten)]
    pub money: FeatureMoney,
    /// What a call costs, in dollars: a decimal as text.
    pub call_usd: Option<String>,
    /// The workload file.
    pub file: &'r str,
    /// Line of the file; 0 where there is none.
    pub line: usize,
    /// Why its cost changed.
    pub parts: Vec<&'r ChangePart>,
    #[serde(skip)]
    change: &'r MonthlyChange,
}

/// What a feature costs, where it has a price.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(crate) enum FeatureMoney {
    /// It has none.
    Unpriced {
        /// Null.
        monthly: (),
    },
    /// What it costs.
    Priced(MonthlyRow),
}

/// A finding with what it is recognised by from run to run.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FindingRow<'r> {
    /// What was found.
    #[serde(flatten)]
    pub finding: &'r Finding,
    /// Stays the same when lines and numbers change.
    pub fingerprint: String,
}

/// The fields before the rows of the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CheckHead<'r> {
    /// `passed` or `failed`.
    pub verdict: &'static str,
    /// The exit code of the program.
    pub exit_code: u8,
    /// What a person needs, in one sentence.
    pub headline: String,
    /// The workload file.
    pub workload: &'r str,
    /// What the plan is called.
    pub name: &'r str,
    /// What it was compared with.
    pub base: &'r BaseStamp,
    /// The price table.
    pub table: &'r TableId,
    /// The day that it is about.
    pub at: &'r str,
    /// The currency of every amount.
    pub currency: &'r str,
    /// What one dollar is in it.
    pub per_usd: String,
    /// How many months the plan has.
    pub months: usize,
    /// What the whole plan costs.
    #[serde(flatten)]
    pub money: MonthlyRow,
    /// What the base costs in the average month at the prices of the head.
    pub base_repriced: Option<String>,
    /// Why the bill changed.
    pub parts: &'r [ChangePart],
    /// Names of the rules that were held against.
    pub rules: &'r [&'static str],
    /// What breaks a rule.
    pub findings: Vec<FindingRow<'r>>,
    /// What the user did not say.
    pub assumptions: &'r [Assumption],
    /// What else there is to know.
    pub notes: &'r [String],
}

/// Everything that a check has to say.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// What the plan is called.
    pub title: String,
    /// The workload file, as findings name it.
    pub workload: String,
    /// The exit code of the program; 0 where the check passed.
    pub exit_code: u8,
    /// What it was compared with.
    pub base: BaseStamp,
    /// The price table.
    pub table: TableId,
    /// The day that it is about.
    pub at: String,
    /// The currency of every amount.
    pub currency: String,
    /// What one dollar is in it.
    pub per_usd: Decimal,
    /// The whole plan.
    pub money: MonthlyChange,
    /// What the base costs at the prices of the head.
    pub repriced: Option<Decimal>,
    /// How many months the plan has.
    pub months: usize,
    /// The features.
    pub features: Vec<CheckedFeature>,
    /// Why the bill changed.
    pub parts: Vec<ChangePart>,
    /// What breaks a rule.
    pub findings: Vec<Finding>,
    /// Names of all rules that were held against.
    pub rules: Vec<&'static str>,
    /// What the user did not say.
    pub assumptions: Vec<Assumption>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

impl CheckReport {
    /// Whether the check passed.
    #[must_use]
    pub(crate) const fn passed(&self) -> bool {
        self.exit_code == 0
    }

    /// The word for the verdict.
    #[must_use]
    pub const fn verdict(&self) -> &'static str {
        if self.passed() { "passed" } else { "failed" }
    }

    /// The findings that count, the gravest first.
    pub(crate) fn counting(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.exempted.is_none())
    }

    /// How many findings of a level count.
    #[must_use]
    pub fn count(&self, level: FindingLevel) -> usize {
        self.counting().filter(|f| f.level == level).count()
    }

    /// The one sentence that a person needs.
    #[must_use]
    pub(crate) fn headline(&self) -> String {
        let now = plain(self.money.head, &self.currency);
        match (self.money.base, self.money.delta()) {
            (Some(_), Some(delta)) if delta.is_zero() => format!("The monthly bill stays at {now}"),
            (Some(base), Some(delta)) => {
                let percent = self.money.percent().map_or_else(String::new, |p| {
                    let plus = if p.is_sign_negative() { "" } else { "+" };
                    format!(", {plus}{}", percent_for_people(p))
                });
                let base = plain(base, &self.currency);
                format!("The monthly bill goes from {base} to {now} ({}{percent})", signed(delta, &self.currency))
            }
            _ => format!("The monthly bill is {now}"),
        }
    }

    /// One line with the verdict and the counts.
    #[must_use]
    pub(crate) fn summary(&self) -> String {
        let word = |level, word: &str| {
            let n = self.count(level);
            format!("{n} {word}{}", if n == 1 { "" } else { "s" })
        };
        let exempted = self.findings.len() - self.counting().count();
        let mut text = format!(
            "Check {}: {}, {}, {}",
            self.verdict(),
            word(FindingLevel::Error, "error"),
            word(FindingLevel::Warning, "warning"),
            word(FindingLevel::Note, "note")
        );
        if exempted > 0 {
            text += &format!(", {exempted} exempted");
        }
        text
    }

    fn head(&self) -> CheckHead<'_> {
        CheckHead {
            verdict: self.verdict(),
            exit_code: self.exit_code,
            headline: self.headline(),
            workload: &self.workload,
            name: &self.title,
            base: &self.base,
            table: &self.table,
            at: &self.at,
            currency: &self.currency,
            per_usd: digits(self.per_usd),
            months: self.months,
            money: self.money.row(),
            base_repriced: self.repriced.map(digits),
            parts: &self.parts,
            rules: &self.rules,
            findings: self.finding_rows(),
            assumptions: &self.assumptions,
            notes: &self.notes,
        }
    }

    fn finding_rows(&self) -> Vec<FindingRow<'_>> {
        self.findings.iter().map(|finding| FindingRow { finding, fingerprint: fingerprint(finding) }).collect()
    }

    fn row<'r>(&'r self, feature: &'r CheckedFeature) -> CheckRow<'r> {
        let money = match feature.status {
            FeatureStatus::Unpriced => FeatureMoney::Unpriced { monthly: () },
            _ => FeatureMoney::Priced(feature.money.row()),
        };
        CheckRow {
            feature: &feature.name,
            status: feature.status,
            money,
            call_usd: feature.call_usd.map(digits),
            file: &self.workload,
            line: feature.line,
            parts: self.parts.iter().filter(|p| p.feature.as_ref() == Some(&feature.name)).collect(),
            change: &feature.money,
        }
    }
}

macro_rules! own_formats {
    ($($variant:ident $module:ident $name:literal $about:literal;)+) => {
        /// A form of the report: one that every command has, or one that a build machine reads.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum CheckFormat {
            /// One that every command has.
            Shared(Format),
            $(#[doc = $about] $variant,)+
        }

        impl CheckFormat {
            /// Every format, the default first.
            pub const ALL: &[CheckFormat] = &[
                CheckFormat::Shared(Format::Table), CheckFormat::Shared(Format::Json), CheckFormat::Shared(Format::Jsonl),
                CheckFormat::Shared(Format::Csv), CheckFormat::Shared(Format::Markdown), CheckFormat::Shared(Format::Html),
                $(CheckFormat::$variant),+
            ];

            /// The name on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { CheckFormat::Shared(format) => format.name(), $(CheckFormat::$variant => $name),+ }
            }

            /// One line about it for people.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { CheckFormat::Shared(format) => format.about(), $(CheckFormat::$variant => $about),+ }
            }
        }

        /// Writes what a check found in a format.
        ///
        /// # Errors
        /// What `out` answers.
        pub fn write(check: &CheckReport, format: CheckFormat, screen: Screen, out: &mut dyn io::Write) -> io::Result<()> {
            match format {
                CheckFormat::Shared(format) => table::write(check, format, screen, out),
                $(CheckFormat::$variant => $module::write(check, out)),+
            }
        }
    };
}

own_formats! {
    Github      github      "github"      "GitHub workflow commands: annotations at their lines";
    Sarif       sarif       "sarif"       "SARIF 2.1.0, for code scanning";
    Junit       junit       "junit"       "JUnit XML";
    Gitlab      gitlab      "gitlab"      "GitLab code quality";
    OpenMetrics openmetrics "openmetrics" "OpenMetrics text, for GitLab metrics reports";
}

impl Default for CheckFormat {
    fn default() -> Self {
        CheckFormat::Shared(Format::Table)
    }
}
