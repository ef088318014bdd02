//! Holds a workload's cost against [`CheckRule`]s: [`CheckFacts`] in, [`Finding`]s out. Nothing here reads, prices or prints.
//!
//! Begin at `find`. A rule that cannot be judged (no base to grow from, no rate of its currency) says so or stays
//! silent, as its description says; it never passes for one that holds.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;

use super::currency::ShownCurrency;
use super::projection::Resolver;
use super::settled::NoExchange;
use super::spans::{Span, in_average_month};
use super::workload::{Amount, Workload};
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::TableId;

mod find;

#[cfg(feature = "folders")]
pub(crate) use find::is_below;
pub use find::{find, matches};

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FindingLevel {
    /// The check fails.
    Error,
    /// Somebody should look.
    Warning,
    /// Worth knowing.
    Note,
}

impl FindingLevel {
    /// The word in files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FindingLevel::Error => "error",
            FindingLevel::Warning => "warning",
            FindingLevel::Note => "note",
        }
    }

    /// The level that a word means.
    #[must_use]
    pub fn of(word: &str) -> Option<FindingLevel> {
        [FindingLevel::Error, FindingLevel::Warning, FindingLevel::Note].into_iter().find(|level| level.name() == word)
    }
}

/// What a rule's limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// An amount over the whole plan or per month.
    Money,
    /// An amount, a percentage or a factor.
    Growth,
    /// A percentage.
    Share,
    /// A number of tokens.
    Tokens,
    /// A number of days.
    Days,
    /// Patterns of models.
    Models,
    /// A version of the price table, and how far prices may be from it.
    Pin,
    /// The files of code that it looks at; all where none are named.
    Drift,
    /// Nothing: the rule is on or off.
    Flag,
}

macro_rules! codes {
    ($($variant:ident $name:literal $kind:ident $level:ident $about:literal;)+) => {
        /// What a finding is about; the name is stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(rename_all = "kebab-case")]
        pub enum RuleCode {
            $(#[doc = $about] $variant,)+
        }

        impl RuleCode {
            /// All of them.
            pub const ALL: &[RuleCode] = &[$(RuleCode::$variant),+];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(RuleCode::$variant => $name),+ }
            }

            /// One line about it.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(RuleCode::$variant => $about),+ }
            }

            /// What its limit is.
            #[must_use]
            pub const fn kind(self) -> LimitKind {
                match self { $(RuleCode::$variant => LimitKind::$kind),+ }
            }

            /// The level of a rule that says none.
            #[must_use]
            pub const fn level(self) -> FindingLevel {
                match self { $(RuleCode::$variant => FindingLevel::$level),+ }
            }
        }
    };
}

codes! {
    MaxTotal "max-total" Money Error "the whole plan, or its dearest month, costs at most so much";
    MaxFeature "max-feature" Money Error "a feature costs at most so much";
    MaxCall "max-call" Money Error "a call costs at most so much";
    MaxGrowth "max-growth" Growth Error "the bill grows by at most so much";
    MaxFeatureGrowth "max-feature-growth" Growth Error "a feature grows by at most so much";
    Budget "budget" Flag Error "the plan stays inside of its budget";
    BudgetCrossed "budget-crossed" Flag Error "a change does not carry the plan over its budget";
    MaxContext "max-context" Share Error "the longest prompt takes at most this share of the context window";
    MaxPromptTokens "max-prompt-tokens" Tokens Error "a prompt file has at most so many tokens";
    MaxToolsTokens "max-tools-tokens" Tokens Error "the tools of a feature add at most so many tokens to each request";
    AllowModels "allow-models" Models Error "only these models are used";
    DenyModels "deny-models" Models Error "these models are not used";
    Retired "retired" Days Error "no model is retired, or retires within so many days";
    Unpriced "unpriced" Flag Warning "every feature has a price";
    MaxTableAge "max-table-age" Days Error "the prices were checked within so many days";
    PriceDrift "price-drift" Pin Error "the price table is the pinned one, or its prices are close to it";
    MaxRange "max-range" Share Error "the estimate is at most so wide: (high − low) ÷ expected";
    ModelDrift "model-drift" Drift Warning "the models that the code names are those of the workload";
    PromptDrift "prompt-drift" Drift Warning "the prompts and tools that the code has are those that the workload counts";
    BadRule "bad-rule" Flag Error "a rule that is not understood";
    ExpiredExemption "expired-exemption" Flag Warning "an exemption that has ended";
    UnusedExemption "unused-exemption" Flag Note "an exemption that names nothing in the plan";
}

impl RuleCode {
    /// Whether it is a rule that a file can state.
    #[must_use]
    pub(crate) const fn is_rule(self) -> bool {
        !matches!(self, RuleCode::BadRule | RuleCode::ExpiredExemption | RuleCode::UnusedExemption)
    }

    /// Whether it is about the age of prices and models rather than about money.
    #[must_use]
    pub(crate) const fn is_staleness(self) -> bool {
        matches!(self, RuleCode::Retired | RuleCode::MaxTableAge | RuleCode::PriceDrift)
    }
}

/// What a rule holds against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleLimit {
    /// An amount, over the plan or in any month.
    Money {
        /// How much.
        amount: Amount,
        /// Whether it is for a month.
        monthly: bool,
    },
    /// A share, from 0.
    Share(Decimal),
    /// So many times as much.
    Times(Decimal),
    /// Tokens.
    Tokens(u64),
    /// Days.
    Days(u32),
    /// Patterns of models.
    Models(Vec<String>),
    /// Patterns of files of code; all where there are none.
    Files(Vec<String>),
    /// A version of the table, `VERSION` or `VERSION@HASH`, and the share that prices may have moved.
    Pin(String, Option<Decimal>),
    /// None.
    None,
}

/// Something that has to hold.
#[derive(Clone, Debug)]
pub struct CheckRule {
    /// What it is about.
    pub code: RuleCode,
    /// What it holds against.
    pub limit: RuleLimit,
    /// What breaking it means.
    pub level: FindingLevel,
    /// The user's own words.
    pub message: Option<String>,
    /// The features that it concerns, as patterns; all where there are none.
    pub features: Vec<String>,
    /// Line of the file; 0 for a rule that holds unsaid.
    pub line: usize,
}

/// A rule with the rates of the currency that its amount, where it has one, is in.
#[derive(Clone, Debug)]
pub struct RatedRule {
    /// The rule.
    pub rule: CheckRule,
    /// The currency of its amount by day, or why costs cannot be compared with it.
    pub currency: Option<Result<ShownCurrency, NoExchange>>,
}

impl RatedRule {
    /// Finds the rates of rules over the days of a plan.
    ///
    /// * `days`: the first and the one after the last, of the plan and of its base.
    #[must_use]
    pub(crate) fn all(
        rules: &[CheckRule],
        workload: &Workload,
        days: &[(Date, Date)],
        resolver: &dyn Resolver,
    ) -> Vec<RatedRule> {
        let currency = |rule: &CheckRule| match &rule.limit {
            RuleLimit::Money { amount, .. } => {
                Some(ShownCurrency::between(&amount.currency, "the rule", workload, days, resolver))
            }
            _ => None,
        };
        rules.iter().map(|rule| RatedRule { rule: rule.clone(), currency: currency(rule) }).collect()
    }
}

/// Something that may break a rule for a while.
#[derive(Clone, Debug)]
pub struct Exemption {
    /// The feature; `plan` for the whole.
    pub feature: String,
    /// The rule; every one where there is none.
    pub rule: Option<String>,
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    pub until: Date,
    /// Line of the file.
    pub line: usize,
}

/// What something costs by span, from which it is told in any currency, each day at its rate.
#[derive(Clone, Debug, Default)]
pub struct BillSums {
    /// The spans with their costs, in order.
    pub spans: Vec<(Span, Usd)>,
    /// How many months these are.
    pub months: usize,
}

impl BillSums {
    /// Over the plan.
    #[must_use]
    pub(crate) fn total(&self, currency: &ShownCurrency) -> Decimal {
        currency.over(self.spans.iter().map(|(span, usd)| (span, *usd)))
    }

    /// In the average month.
    #[must_use]
    pub(crate) fn monthly(&self, currency: &ShownCurrency) -> Decimal {
        in_average_month(self.total(currency), self.months)
    }

    /// In the month that costs most.
    #[must_use]
    pub(crate) fn highest_month(&self, currency: &ShownCurrency) -> Decimal {
        let months = self.spans.chunk_by(|(one, _), (next, _)| one.month == next.month);
        let costs = months.map(|month| currency.over(month.iter().map(|(span, usd)| (span, *usd))));
        costs.max().unwrap_or_default()
    }

    /// In the average month, in dollars.
    #[must_use]
    pub(crate) fn monthly_usd(&self) -> Decimal {
        in_average_month(self.spans.iter().map(|(_, usd)| usd.amount()).sum(), self.months)
    }
}

/// A model of a feature.
#[derive(Clone, Debug)]
pub struct ModelFact {
    /// `provider/model`.
    pub id: String,
    /// As the file names it.
    pub asked: String,
    /// Line that names it.
    pub line: usize,
    /// Tokens that it reads.
    pub window: Option<u64>,
    /// Tokens of the longest prompt.
    pub longest: u64,
    /// Tokens that tools add to a request, where a rule asks for them.
    pub tools: Option<ToolsFact>,
    /// First day that it does not answer.
    pub retired: Option<Instant>,
    /// What to use in its place.
    pub replacement: Option<String>,
    /// When its price was looked at; `None` where the price is the user's own.
    pub checked: Option<Instant>,
}

/// The tools of a feature, with one model.
#[derive(Clone, Debug)]
pub struct ToolsFact {
    /// Where they are: the file that defines them, or the line of the workload.
    pub place: (String, usize),
    /// Tokens that they add; the high bound where they are estimated.
    pub tokens: u64,
    /// Whether they are estimated.
    pub is_estimated: bool,
}

/// A prompt file.
#[derive(Clone, Debug)]
pub struct PromptFact {
    /// The file, as reports name it.
    pub path: String,
    /// Tokens; the high bound where they are estimated.
    pub tokens: u64,
    /// Whether they are estimated.
    pub is_estimated: bool,
}

/// What there is to know about a feature.
#[derive(Clone, Debug, Default)]
pub struct FeatureFacts {
    /// Its name.
    pub name: String,
    /// Line of the file.
    pub line: usize,
    /// What it costs; `None` where it has no price.
    pub bill: Option<BillSums>,
    /// What it did cost.
    pub base: Option<BillSums>,
    /// What a call costs.
    pub call: Option<Usd>,
    /// Its models.
    pub models: Vec<ModelFact>,
    /// Its prompt files.
    pub prompts: Vec<PromptFact>,
    /// `(high − low) ÷ expected`; `None` where nothing is drawn.
    pub range: Option<Decimal>,
    /// Why it has no price.
    pub unpriced: Option<String>,
    /// What to do about that.
    pub help: Option<String>,
}

/// Whether a difference between code and workload is the change's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftSince {
    /// The base does not have it.
    Change,
    /// The base has it too.
    Base,
    /// There is no base to tell.
    Unknown,
}

/// A difference between what code names and what the workload says.
#[derive(Clone, Debug)]
pub struct DriftFact {
    /// Which rule it is about.
    pub code: RuleCode,
    /// The feature, where it is one's.
    pub feature: Option<String>,
    /// For people.
    pub message: String,
    /// The next step.
    pub help: String,
    /// The file.
    pub file: String,
    /// The line, from 1; 0 where there is none.
    pub line: usize,
    /// What it is about, for its fingerprint.
    pub subject: String,
    /// Since when.
    pub since: DriftSince,
}

/// A budget and what becomes of it.
#[derive(Clone, Debug)]
pub struct BudgetFact {
    /// For people: the amount and what it is for.
    pub name: String,
    /// What it is called in fingerprints.
    pub subject: &'static str,
    /// The budget.
    pub limit: Amount,
    /// What is spent of it, in its currency at the rates of the days.
    pub spent: Decimal,
    /// Whether the base stayed inside.
    pub base_held: Option<bool>,
}

/// The price table that a base was priced with.
#[derive(Clone, Debug)]
pub struct RecordedTable {
    /// Its version.
    pub version: String,
    /// How far the prices have moved the bill of the base since, as a share.
    pub drift: Option<Decimal>,
}

/// What there is to know about a workload.
#[derive(Clone, Debug)]
pub struct CheckFacts {
    /// The workload file, as findings name it.
    pub file: String,
    /// By feature.
    pub features: Vec<FeatureFacts>,
    /// The whole plan.
    pub bill: BillSums,
    /// What the whole did cost.
    pub base: Option<BillSums>,
    /// Budgets.
    pub budgets: Vec<BudgetFact>,
    /// Where code and workload differ.
    pub drift: Vec<DriftFact>,
    /// Line of the budget.
    pub budget_line: usize,
    /// `(high − low) ÷ expected` of the whole.
    pub range: Option<Decimal>,
    /// The price table.
    pub table: TableId,
    /// That of the base, where it was recorded.
    pub recorded: Option<RecordedTable>,
    /// Now.
    pub now: Instant,
    /// The currency that people see amounts in.
    pub shown: ShownCurrency,
}

/// Why a finding does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Exempted {
    /// The reason that somebody gave.
    pub reason: String,
    /// The last day on which it holds.
    pub until: String,
}

/// Something about a workload that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// Which rule.
    pub rule: RuleCode,
    /// How serious.
    pub level: FindingLevel,
    /// The feature; null for the whole plan.
    pub feature: Option<String>,
    /// For people.
    pub message: String,
    /// The next step; null where there is none to say.
    pub help: Option<String>,
    /// The file.
    pub file: String,
    /// The line, from 1; 0 where there is none.
    pub line: usize,
    /// Why it does not count; null where it does.
    pub exempted: Option<Exempted>,
    /// What it is about, for its fingerprint: stays the same when numbers and lines change.
    #[serde(skip)]
    pub subject: String,
}

impl Finding {
    /// The message with what exempts it, or else the next step.
    #[must_use]
    pub(crate) fn in_full(&self) -> String {
        match &self.exempted {
            Some(Exempted { reason, until }) => format!("{} (accepted until {until}: {reason})", self.message),
            None => self.message_with_help(),
        }
    }

    /// The message and the next step.
    #[must_use]
    pub(crate) fn message_with_help(&self) -> String {
        match &self.help {
            Some(help) => format!("{}; {help}", self.message),
            None => self.message.clone(),
        }
    }
}
