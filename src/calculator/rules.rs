//! Holds a workload's cost against [`Rule`]s: facts in, [`Finding`]s out. Nothing here reads, prices or prints.
//!
//! Begin at [`judge`]. A rule that cannot be judged (no base to grow from, no rate of its currency) says so or stays
//! silent, as its description says; it never passes for one that holds.

use rust_decimal::Decimal;
use serde::Serialize;

use super::workload::Amount;
use crate::money::Usd;
use crate::period::Instant;

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The check fails.
    Error,
    /// Somebody should look.
    Warning,
    /// Worth knowing.
    Note,
}

impl Level {
    /// The word in files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        }
    }

    /// The level that a word means.
    #[must_use]
    pub fn of(word: &str) -> Option<Level> {
        [Level::Error, Level::Warning, Level::Note].into_iter().find(|level| level.name() == word)
    }
}

/// What a rule's limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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
    /// Nothing: the rule is on or off.
    Flag,
}

macro_rules! codes {
    ($($variant:ident $name:literal $kind:ident $level:ident $about:literal;)+) => {
        /// What a finding is about; the name is stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $about] $variant,)+
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Code] = &[$(Code::$variant),+];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Code::$variant => $name),+ }
            }

            /// One line about it.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Code::$variant => $about),+ }
            }

            /// What its limit is.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Code::$variant => Kind::$kind),+ }
            }

            /// The level of a rule that says none.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Code::$variant => Level::$level),+ }
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
    AllowModels "allow-models" Models Error "only these models are used";
    DenyModels "deny-models" Models Error "these models are not used";
    Retired "retired" Days Error "no model is retired, or retires within so many days";
    Unpriced "unpriced" Flag Warning "every feature has a price";
    MaxTableAge "max-table-age" Days Error "the prices were checked within so many days";
    PriceDrift "price-drift" Pin Error "the price table is the pinned one, or its prices are close to it";
    MaxRange "max-range" Share Error "the estimate is at most so wide: (high − low) ÷ expected";
    BadRule "bad-rule" Flag Error "a rule that is not understood";
    ExpiredExemption "expired-exemption" Flag Warning "an exemption that has ended";
    UnusedExemption "unused-exemption" Flag Note "an exemption that names nothing in the plan";
}

impl Code {
    /// Whether it is a rule that a file can state.
    #[must_use]
    pub const fn is_rule(self) -> bool {
        !matches!(self, Code::BadRule | Code::ExpiredExemption | Code::UnusedExemption)
    }

    /// Whether it is about the age of prices and models rather than about money.
    #[must_use]
    pub const fn is_staleness(self) -> bool {
        matches!(self, Code::Retired | Code::MaxTableAge | Code::PriceDrift)
    }
}

/// What a rule holds against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// An amount, over the plan or in any month.
    Money(Amount, bool),
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
    /// A version of the table, `VERSION` or `VERSION@HASH`, and the share that prices may have moved.
    Pin(String, Option<Decimal>),
    /// None.
    None,
}

/// Something that has to hold.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it is about.
    pub code: Code,
    /// What it holds against.
    pub limit: Limit,
    /// What breaking it means.
    pub level: Level,
    /// The user's own words.
    pub message: Option<String>,
    /// The features that it concerns, as patterns; all where there are none.
    pub features: Vec<String>,
    /// Line of the file; 0 for a rule that holds unsaid.
    pub line: usize,
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
    pub until: jiff::civil::Date,
    /// Line of the file.
    pub line: usize,
}

/// What something costs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bill {
    /// Over the plan.
    pub total: Usd,
    /// In the average month.
    pub monthly: Usd,
    /// In the dearest month.
    pub dearest: Usd,
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
    /// First day that it does not answer.
    pub retired: Option<Instant>,
    /// What to use in its place.
    pub replacement: Option<String>,
    /// When its price was looked at; `None` where the price is the user's own.
    pub checked: Option<Instant>,
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
    pub bill: Option<Bill>,
    /// What it did cost.
    pub base: Option<Bill>,
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
}

/// A budget and what becomes of it.
#[derive(Clone, Debug)]
pub struct BudgetFact {
    /// For people: the amount and what it is for.
    pub name: String,
    /// What it is called in fingerprints.
    pub subject: &'static str,
    /// In dollars.
    pub limit: Usd,
    /// What is spent.
    pub spent: Usd,
    /// Whether the base stayed inside.
    pub base_held: Option<bool>,
}

/// What there is to know about a workload.
pub struct Facts<'f> {
    /// The workload file.
    pub file: &'f str,
    /// By feature.
    pub features: &'f [FeatureFacts],
    /// The whole plan.
    pub bill: Bill,
    /// What the whole did cost.
    pub base: Option<Bill>,
    /// Budgets.
    pub budgets: &'f [BudgetFact],
    /// Line of the budget.
    pub budget_line: usize,
    /// `(high − low) ÷ expected` of the whole.
    pub range: Option<Decimal>,
    /// Version and hash of the price table.
    pub table: (&'f str, &'f str),
    /// The version that the base was priced with, and how far the prices have moved its bill, as a share.
    pub recorded: Option<(String, Option<Decimal>)>,
    /// Now.
    pub now: Instant,
    /// An amount in dollars, or why it has no value.
    pub usd: &'f dyn Fn(&Amount) -> Result<Usd, String>,
    /// An amount for people.
    pub money: &'f dyn Fn(Usd) -> String,
}

/// Something about a workload that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub code: Code,
    /// How serious.
    pub level: Level,
    /// The feature; `None` for the whole plan.
    pub feature: Option<String>,
    /// For people.
    pub message: String,
    /// The file.
    pub file: String,
    /// The line, from 1; 0 where there is none.
    pub line: usize,
    /// Why it does not count, and until when.
    pub exempted: Option<(String, String)>,
    /// What it is about, for its fingerprint: stays the same when numbers and lines change.
    pub subject: String,
}

/// Holds facts against rules, the gravest findings first.
#[must_use]
pub fn judge(facts: &Facts, rules: &[Rule], exemptions: &[Exemption]) -> Vec<Finding> {
    let mut judge = Judge { facts, found: Vec::new() };
    rules.iter().for_each(|rule| judge.rule(rule));
    let mut found = judge.found;
    exempt(&mut found, facts, exemptions);
    found.sort_by(|a, b| {
        let key = |f: &Finding| (f.exempted.is_some(), f.level, f.code, f.line);
        key(a).cmp(&key(b)).then_with(|| a.subject.cmp(&b.subject))
    });
    found
}

/// Marks what an exemption covers, and notes exemptions that have ended or cover nothing there is.
fn exempt(found: &mut Vec<Finding>, facts: &Facts, exemptions: &[Exemption]) {
    let today = facts.now.date();
    for exemption in exemptions {
        let (is_over, feature) = (exemption.until < today, exemption.feature.as_str());
        let covers = |f: &Finding| {
            f.code.is_rule()
                && (feature == "*" || f.feature.as_deref().unwrap_or("plan") == feature)
                && exemption.rule.as_deref().is_none_or(|rule| rule == f.code.name())
        };
        let covered: Vec<&mut Finding> = found.iter_mut().filter(|f| f.exempted.is_none() && covers(f)).collect();
        let own = |code: Code, message: String| Finding {
            code,
            level: code.level(),
            feature: Some(feature.to_owned()),
            message,
            file: facts.file.to_owned(),
            line: exemption.line,
            exempted: None,
            subject: feature.to_owned(),
        };
        let known = feature == "plan" || feature == "*" || facts.features.iter().any(|f| f.name == feature);
        let note = if !known {
            Some(own(Code::UnusedExemption, format!("an exemption names {feature}, which is not in the plan")))
        } else if is_over && !covered.is_empty() {
            let message = format!("the exemption of {feature} ended on {}: {}", exemption.until, exemption.reason);
            Some(own(Code::ExpiredExemption, message))
        } else {
            None
        };
        if !is_over {
            let why = (exemption.reason.clone(), exemption.until.to_string());
            covered.into_iter().for_each(|finding| finding.exempted = Some(why.clone()));
        }
        found.extend(note);
    }
}

struct Judge<'j, 'f> {
    facts: &'j Facts<'f>,
    found: Vec<Finding>,
}

fn percent(share: Decimal) -> String {
    format!("{}%", (share * Decimal::ONE_HUNDRED).round_dp(1).normalize())
}

/// Whether a name is meant by one of the patterns, in which `*` stands for anything; case does not count.
#[must_use]
pub fn matches(patterns: &[String], name: &str) -> bool {
    fn fits(pattern: &[u8], name: &[u8]) -> bool {
        // Where the last star was, and how much of the name it has taken so far.
        let (mut p, mut n, mut star) = (0, 0, None);
        while n < name.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(c) if c.eq_ignore_ascii_case(&name[n]) => (p, n) = (p + 1, n + 1),
                _ => {
                    let Some((at, taken)) = star else { return false };
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
            }
        }
        pattern[p..].iter().all(|c| *c == b'*')
    }
    patterns.iter().any(|pattern| fits(pattern.as_bytes(), name.as_bytes()))
}

impl Judge<'_, '_> {
    fn rule(&mut self, rule: &Rule) {
        match rule.code {
            Code::MaxTotal => self.max_total(rule),
            Code::MaxFeature => self.max_feature(rule),
            Code::MaxCall => self.max_call(rule),
            Code::MaxGrowth => {
                let (bill, base) = (self.facts.bill, self.facts.base);
                self.growth(rule, None, "the bill", bill, base);
            }
            Code::MaxFeatureGrowth => self.each(rule, |judge, rule, f| {
                if let (Some(bill), Some(base)) = (f.bill, f.base) {
                    judge.growth(rule, Some(f), &f.name, bill, Some(base));
                }
            }),
            Code::Budget | Code::BudgetCrossed => self.budget(rule),
            Code::MaxContext => self.max_context(rule),
            Code::MaxPromptTokens => self.max_prompt_tokens(rule),
            Code::AllowModels | Code::DenyModels => self.models(rule),
            Code::Retired => self.retired(rule),
            Code::Unpriced => self.each(rule, |judge, rule, f| {
                if let Some(why) = &f.unpriced {
                    judge.found(rule, Some(f), f.line, &f.name, format!("{} has no price: {why}", f.name));
                }
            }),
            Code::MaxTableAge => self.max_age(rule),
            Code::PriceDrift => self.drift(rule),
            Code::MaxRange => self.max_range(rule),
            Code::BadRule | Code::ExpiredExemption | Code::UnusedExemption => {}
        }
    }

    fn found(&mut self, rule: &Rule, feature: Option<&FeatureFacts>, line: usize, subject: &str, message: String) {
        let file = self.facts.file.to_owned();
        self.found_at(rule, feature, (file, line), subject, message);
    }

    fn found_at(
        &mut self,
        rule: &Rule,
        feature: Option<&FeatureFacts>,
        (file, line): (String, usize),
        subject: &str,
        message: String,
    ) {
        let message = match &rule.message {
            Some(own) => format!("{own} ({message})"),
            None => message,
        };
        self.found.push(Finding {
            code: rule.code,
            level: rule.level,
            feature: feature.map(|f| f.name.clone()),
            message,
            file,
            line,
            exempted: None,
            subject: subject.to_owned(),
        });
    }

    fn each(&mut self, rule: &Rule, mut judge: impl FnMut(&mut Self, &Rule, &FeatureFacts)) {
        let features = self.facts.features;
        for feature in features.iter().filter(|f| rule.features.is_empty() || matches(&rule.features, &f.name)) {
            judge(self, rule, feature);
        }
    }

    /// The limit in dollars; a currency without a rate is a finding of its own.
    fn usd(&mut self, rule: &Rule) -> Option<(Usd, bool)> {
        let Limit::Money(amount, monthly) = &rule.limit else { return None };
        match (self.facts.usd)(amount) {
            Ok(usd) => Some((usd, *monthly)),
            Err(why) => {
                let bad = Rule { code: Code::BadRule, level: Level::Error, ..rule.clone() };
                self.found(
                    &bad,
                    None,
                    rule.line,
                    rule.code.name(),
                    format!("{} cannot be judged: {why}", rule.code.name()),
                );
                None
            }
        }
    }

    fn max_total(&mut self, rule: &Rule) {
        let Some((limit, monthly)) = self.usd(rule) else { return };
        let bill = self.facts.bill;
        let (spent, of) = if monthly { (bill.dearest, "the dearest month") } else { (bill.total, "the plan") };
        if spent > limit {
            let money = self.facts.money;
            let message = format!("{of} costs {}, more than {}", money(spent), money(limit));
            self.found(rule, None, rule.line, of, message);
        }
    }

    fn max_feature(&mut self, rule: &Rule) {
        let Some((limit, monthly)) = self.usd(rule) else { return };
        let money = self.facts.money;
        self.each(rule, |judge, rule, f| {
            let Some(bill) = f.bill else { return };
            let (spent, when) = if monthly { (bill.dearest, " in its dearest month") } else { (bill.total, "") };
            if spent > limit {
                let message = format!("{} costs {}{when}, more than {}", f.name, money(spent), money(limit));
                judge.found(rule, Some(f), f.line, &f.name, message);
            }
        });
    }

    fn max_call(&mut self, rule: &Rule) {
        let Some((limit, _)) = self.usd(rule) else { return };
        let money = self.facts.money;
        self.each(rule, |judge, rule, f| {
            if let Some(call) = f.call.filter(|call| *call > limit) {
                let message = format!("a call of {} costs {}, more than {}", f.name, money(call), money(limit));
                judge.found(rule, Some(f), f.line, &f.name, message);
            }
        });
    }

    fn growth(&mut self, rule: &Rule, feature: Option<&FeatureFacts>, name: &str, bill: Bill, base: Option<Bill>) {
        let Some(base) = base else { return };
        let money = self.facts.money;
        let more = |head: Usd, base: Usd| head.amount() - base.amount();
        let (grown, base_month) = (more(bill.monthly, base.monthly), base.monthly.amount());
        let broken = match &rule.limit {
            Limit::Money(..) => {
                let Some((limit, monthly)) = self.usd(rule) else { return };
                let grown = if monthly { grown } else { more(bill.total, base.total) };
                let unit = if monthly { " a month" } else { "" };
                let limit_text = money(limit);
                (grown > limit.amount())
                    .then(|| format!("{}{unit}, more than {limit_text}{unit}", money(Usd::new(grown))))
            }
            Limit::Share(limit) => {
                let allowed = base_month.saturating_mul(*limit);
                let by = grown.checked_div(base_month).map_or_else(|| "from nothing".to_owned(), percent);
                (grown > allowed)
                    .then(|| format!("{by} ({} a month), more than {}", money(Usd::new(grown)), percent(*limit)))
            }
            Limit::Times(limit) => {
                let head = bill.monthly.amount();
                let by = head.checked_div(base_month).map(|n| n.round_dp(2).normalize());
                let by = by.map_or_else(|| "from nothing".to_owned(), |n| format!("to {n} times"));
                (head > base_month.saturating_mul(*limit)).then(|| format!("{by}, more than {limit} times"))
            }
            _ => None,
        };
        if let Some(by) = broken {
            let line = feature.map_or(rule.line, |f| f.line);
            let by = if by.starts_with("to ") || by.starts_with("from ") { by } else { format!("by {by}") };
            self.found(rule, feature, line, name, format!("{name} grows {by}"));
        }
    }

    fn budget(&mut self, rule: &Rule) {
        let money = self.facts.money;
        for budget in self.facts.budgets {
            let is_over = budget.spent > budget.limit;
            let crossed = budget.base_held == Some(true);
            if !is_over || rule.code == Code::BudgetCrossed && !crossed {
                continue;
            }
            let how = if crossed { "this change carries the plan over" } else { "the plan is over" };
            let message = format!(
                "{how} {}: it costs {}, the budget is {}",
                budget.name,
                money(budget.spent),
                money(budget.limit)
            );
            self.found(rule, None, self.facts.budget_line, budget.subject, message);
        }
    }

    fn max_context(&mut self, rule: &Rule) {
        let Limit::Share(limit) = rule.limit else { return };
        self.each(rule, |judge, rule, f| {
            for model in &f.models {
                let Some(window) = model.window else { continue };
                let share = Decimal::from(model.longest).checked_div(Decimal::from(window)).unwrap_or_default();
                if share > limit {
                    let message = format!(
                        "the longest prompt of {} takes {} of the {window} tokens that {} reads, more than {}",
                        f.name,
                        percent(share),
                        model.id,
                        percent(limit)
                    );
                    judge.found(rule, Some(f), f.line, &format!("{} {}", f.name, model.id), message);
                }
            }
        });
    }

    fn max_prompt_tokens(&mut self, rule: &Rule) {
        let Limit::Tokens(limit) = rule.limit else { return };
        self.each(rule, |judge, rule, f| {
            for prompt in f.prompts.iter().filter(|p| p.tokens > limit) {
                let about = if prompt.is_estimated { "up to " } else { "" };
                let message = format!("{} has {about}{} tokens, more than {limit}", prompt.path, prompt.tokens);
                judge.found_at(rule, Some(f), (prompt.path.clone(), 1), &prompt.path, message);
            }
        });
    }

    fn models(&mut self, rule: &Rule) {
        let Limit::Models(patterns) = &rule.limit else { return };
        let allows = rule.code == Code::AllowModels;
        self.each(rule, |judge, rule, f| {
            for model in &f.models {
                let bare = model.id.split_once('/').map_or(model.id.as_str(), |(_, id)| id);
                let is_meant = [model.id.as_str(), bare, model.asked.as_str()].iter().any(|n| matches(patterns, n));
                if is_meant != allows {
                    let why = if allows { "is not among the models allowed" } else { "is denied" };
                    let message = format!("{} uses {}, which {why}: {}", f.name, model.id, patterns.join(", "));
                    judge.found(rule, Some(f), model.line, &format!("{} {}", f.name, model.id), message);
                }
            }
        });
    }

    fn retired(&mut self, rule: &Rule) {
        let days = if let Limit::Days(days) = rule.limit { days } else { 0 };
        let now = self.facts.now;
        let soon = Instant::from_unix(now.unix().saturating_add(i64::from(days) * 86_400));
        self.each(rule, |judge, rule, f| {
            for model in &f.models {
                let Some(day) = model.retired.filter(|day| *day <= soon) else { continue };
                let when = if day <= now { "is retired since" } else { "retires on" };
                let instead =
                    model.replacement.as_ref().map_or_else(String::new, |r| format!("; its replacement is {r}"));
                let message = format!("{} uses {}, which {when} {day}{instead}", f.name, model.id);
                judge.found(rule, Some(f), model.line, &format!("{} {}", f.name, model.id), message);
            }
        });
    }

    fn max_age(&mut self, rule: &Rule) {
        let Limit::Days(days) = rule.limit else { return };
        let now = self.facts.now;
        self.each(rule, |judge, rule, f| {
            for model in &f.models {
                let Some(checked) = model.checked else { continue };
                let age = now.unix().saturating_sub(checked.unix()).div_euclid(86_400);
                if age > i64::from(days) {
                    let message = format!(
                        "the price of {} was looked at {age} days ago, on {checked}: more than {days}",
                        model.id
                    );
                    judge.found(rule, Some(f), model.line, &format!("{} {}", f.name, model.id), message);
                }
            }
        });
    }

    fn drift(&mut self, rule: &Rule) {
        let Limit::Pin(pin, limit) = &rule.limit else { return };
        let (version, sha256) = self.facts.table;
        let (pinned, hash) = pin.split_once('@').map_or((pin.as_str(), ""), |(v, h)| (v, h));
        if pinned == version && sha256.starts_with(&hash.to_lowercase()) {
            return;
        }
        let recorded = self.facts.recorded.as_ref().filter(|(base, _)| base == pinned).and_then(|(_, drift)| *drift);
        let message = match (recorded, limit) {
            (Some(drift), Some(limit)) if drift.abs() <= *limit => return,
            (Some(drift), _) => {
                format!("the prices moved the bill by {} since table {pinned}; this is {version}", percent(drift))
            }
            (None, _) => format!(
                "the price table is {version}, not {pin}; a baseline recorded with {pinned} would say what that means in money"
            ),
        };
        self.found(rule, None, rule.line, "price table", message);
    }

    fn max_range(&mut self, rule: &Rule) {
        let Limit::Share(limit) = rule.limit else { return };
        if rule.features.is_empty()
            && let Some(range) = self.facts.range.filter(|range| *range > limit)
        {
            let message = format!("the estimate of the plan is {} wide, more than {}", percent(range), percent(limit));
            self.found(rule, None, rule.line, "plan", message);
        }
        self.each(rule, |judge, rule, f| {
            if let Some(range) = f.range.filter(|range| *range > limit) {
                let message =
                    format!("the estimate of {} is {} wide, more than {}", f.name, percent(range), percent(limit));
                judge.found(rule, Some(f), f.line, &f.name, message);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_names() {
        let cases = [
            ("gpt-4o", "gpt-4o", true),
            ("GPT-4O", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4*", "gpt-4o-mini", true),
            ("*mini", "gpt-4o-mini", true),
            ("openai/*-mini*", "openai/gpt-4o-mini-2024", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("*", "", true),
            ("", "x", false),
        ];
        for (pattern, name, want) in cases {
            assert_eq!(matches(&[pattern.to_owned()], name), want, "{pattern} {name}");
        }
    }
}
