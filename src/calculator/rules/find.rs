//! Holds facts against rules, one rule after the other.

use rust_decimal::Decimal;

use super::super::currency::{ShownCurrency, amount_text};
use super::{
    BillSums, CheckFacts, CheckRule, DriftFact, DriftSince, Exempted, Exemption, FeatureFacts, Finding, FindingLevel,
    RatedRule, RuleCode, RuleLimit,
};
use crate::money::share_for_people;
use crate::period::Instant;
use crate::pricing::TableId;

/// Holds facts against rules, the gravest findings first.
#[must_use]
pub fn find(facts: &CheckFacts, rules: &[RatedRule], exemptions: &[Exemption]) -> Vec<Finding> {
    let mut finder = Finder { facts, found: Vec::new() };
    rules.iter().for_each(|rule| finder.rule(rule));
    let mut found = finder.found;
    exempt(&mut found, facts, exemptions);
    found.sort_by(|a, b| {
        let key = |f: &Finding| (f.exempted.is_some(), f.level, f.rule, f.line);
        key(a).cmp(&key(b)).then_with(|| a.subject.cmp(&b.subject))
    });
    found
}

/// Marks what an exemption covers, and notes exemptions that have ended or cover nothing there is.
fn exempt(found: &mut Vec<Finding>, facts: &CheckFacts, exemptions: &[Exemption]) {
    for exemption in exemptions {
        let is_over = exemption.until < facts.now.date();
        let counting = found.iter_mut().filter(|f| f.exempted.is_none());
        let covered: Vec<&mut Finding> = counting.filter(|f| covers(exemption, f)).collect();
        let note = note_about(exemption, facts, is_over && !covered.is_empty());
        if !is_over {
            let why = Exempted { reason: exemption.reason.clone(), until: exemption.until.to_string() };
            covered.into_iter().for_each(|finding| finding.exempted = Some(why.clone()));
        }
        found.extend(note);
    }
}

fn covers(exemption: &Exemption, finding: &Finding) -> bool {
    let feature = exemption.feature.as_str();
    finding.rule.is_rule()
        && (feature == "*" || finding.feature.as_deref().unwrap_or("plan") == feature)
        && exemption.rule.as_deref().is_none_or(|rule| rule == finding.rule.name())
}

/// What is to be said about an exemption itself; `is_missed` where it has ended and something would need it.
fn note_about(exemption: &Exemption, facts: &CheckFacts, is_missed: bool) -> Option<Finding> {
    let feature = exemption.feature.as_str();
    let is_known = feature == "plan" || feature == "*" || facts.features.iter().any(|f| f.name == feature);
    let (rule, message) = if !is_known {
        (RuleCode::UnusedExemption, format!("an exemption names {feature}, which is not in the plan"))
    } else if is_missed {
        let message = format!("the exemption of {feature} ended on {}: {}", exemption.until, exemption.reason);
        (RuleCode::ExpiredExemption, message)
    } else {
        return None;
    };
    Some(Finding {
        rule,
        level: rule.level(),
        feature: Some(feature.to_owned()),
        message,
        help: None,
        file: facts.file.clone(),
        line: exemption.line,
        exempted: None,
        subject: feature.to_owned(),
    })
}

/// An amount that costs are held against, each day at the rate of its currency.
#[derive(Clone, Copy)]
struct MoneyLimit<'r> {
    amount: Decimal,
    currency: &'r ShownCurrency,
}

impl MoneyLimit<'_> {
    /// `60 EUR, more than 50 EUR`, where it is.
    fn exceeded(self, spent: Decimal) -> Option<String> {
        (spent > self.amount).then(|| format!("{}, more than {}", self.text(spent), self.text(self.amount)))
    }

    fn text(self, amount: Decimal) -> String {
        self.currency.text_of(amount)
    }
}

struct Finder<'f> {
    facts: &'f CheckFacts,
    found: Vec<Finding>,
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

/// Whether a file is meant by a pattern, or below a folder that one names.
#[must_use]
pub(crate) fn is_below(patterns: &[String], file: &str) -> bool {
    let in_folder =
        |folder: &String| file.strip_prefix(folder.trim_end_matches('/')).is_some_and(|f| f.starts_with('/'));
    patterns.is_empty() || matches(patterns, file) || patterns.iter().any(in_folder)
}

impl Finder<'_> {
    fn rule(&mut self, rated: &RatedRule) {
        let rule = &rated.rule;
        match rule.code {
            RuleCode::MaxTotal => self.max_total(rated),
            RuleCode::MaxFeature => self.max_feature(rated),
            RuleCode::MaxCall => self.max_call(rated),
            RuleCode::MaxGrowth => {
                let facts = self.facts;
                if let Some(base) = &facts.base {
                    self.growth(rated, None, &facts.bill, base);
                }
            }
            RuleCode::MaxFeatureGrowth => self.each(rule, |finder, _, f| {
                if let (Some(bill), Some(base)) = (&f.bill, &f.base) {
                    finder.growth(rated, Some(f), bill, base);
                }
            }),
            RuleCode::Budget | RuleCode::BudgetCrossed => self.budget(rule),
            RuleCode::MaxContext => self.max_context(rule),
            RuleCode::MaxPromptTokens => self.max_prompt_tokens(rule),
            RuleCode::MaxToolsTokens => self.max_tools_tokens(rule),
            RuleCode::AllowModels | RuleCode::DenyModels => self.models(rule),
            RuleCode::Retired => self.retired(rule),
            RuleCode::Unpriced => self.each(rule, |finder, rule, f| {
                if let Some(why) = &f.unpriced {
                    finder.found(rule, Some(f), f.line, &f.name, format!("{} has no price: {why}", f.name));
                    finder.helped(f.help.clone());
                }
            }),
            RuleCode::MaxTableAge => self.max_age(rule),
            RuleCode::PriceDrift => self.drift(rule),
            RuleCode::MaxRange => self.max_range(rule),
            RuleCode::ModelDrift | RuleCode::PromptDrift => self.code_drift(rule),
            RuleCode::BadRule | RuleCode::ExpiredExemption | RuleCode::UnusedExemption => {}
        }
    }

    fn found(&mut self, rule: &CheckRule, feature: Option<&FeatureFacts>, line: usize, subject: &str, message: String) {
        let file = self.facts.file.clone();
        self.found_at(rule, feature, (file, line), subject, message);
    }

    fn found_at(
        &mut self,
        rule: &CheckRule,
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
            rule: rule.code,
            level: rule.level,
            feature: feature.map(|f| f.name.clone()),
            message,
            help: None,
            file,
            line,
            exempted: None,
            subject: subject.to_owned(),
        });
    }

    /// The next step about what was found last.
    fn helped(&mut self, help: Option<String>) {
        if let Some(last) = self.found.last_mut() {
            last.help = help;
        }
    }

    fn each(&mut self, rule: &CheckRule, mut check: impl FnMut(&mut Self, &CheckRule, &FeatureFacts)) {
        let features = self.facts.features.iter();
        for feature in features.filter(|f| rule.features.is_empty() || matches(&rule.features, &f.name)) {
            check(self, rule, feature);
        }
    }

    /// The limit with the rates of its currency, and whether it is for a month; a currency without a rate is a finding of
    /// its own.
    fn limit<'r>(&mut self, rated: &'r RatedRule) -> Option<(MoneyLimit<'r>, bool)> {
        let (rule, RuleLimit::Money { amount, monthly }) = (&rated.rule, &rated.rule.limit) else { return None };
        match rated.currency.as_ref()? {
            Ok(currency) => Some((MoneyLimit { amount: amount.amount.0, currency }, *monthly)),
            Err(error) => {
                let bad = CheckRule { code: RuleCode::BadRule, level: FindingLevel::Error, ..rule.clone() };
                let name = rule.code.name();
                self.found(&bad, None, rule.line, name, format!("{name} cannot be judged: {error}"));
                self.helped(Some(error.help()));
                None
            }
        }
    }

    fn max_total(&mut self, rated: &RatedRule) {
        let Some((limit, monthly)) = self.limit(rated) else { return };
        let bill = &self.facts.bill;
        let (spent, of) = match monthly {
            true => (bill.highest_month(limit.currency), "the most expensive month"),
            false => (bill.total(limit.currency), "the plan"),
        };
        if let Some(by) = limit.exceeded(spent) {
            // What a finding is about stays what it was called, so that its fingerprint does.
            let subject = if monthly { "the dearest month" } else { of };
            self.found(&rated.rule, None, rated.rule.line, subject, format!("{of} costs {by}"));
        }
    }

    fn max_feature(&mut self, rated: &RatedRule) {
        let Some((limit, monthly)) = self.limit(rated) else { return };
        self.each(&rated.rule, |finder, rule, f| {
            let Some(bill) = &f.bill else { return };
            let (spent, when) = match monthly {
                true => (bill.highest_month(limit.currency), " in its most expensive month"),
                false => (bill.total(limit.currency), ""),
            };
            if limit.exceeded(spent).is_some() {
                let message =
                    format!("{} costs {}{when}, more than {}", f.name, limit.text(spent), limit.text(limit.amount));
                finder.found(rule, Some(f), f.line, &f.name, message);
            }
        });
    }

    fn max_call(&mut self, rated: &RatedRule) {
        let Some((limit, _)) = self.limit(rated) else { return };
        self.each(&rated.rule, |finder, rule, f| {
            if let Some(by) = f.call.and_then(|call| limit.exceeded(limit.currency.amount(call))) {
                finder.found(rule, Some(f), f.line, &f.name, format!("a call of {} costs {by}", f.name));
            }
        });
    }

    fn growth(&mut self, rated: &RatedRule, feature: Option<&FeatureFacts>, bill: &BillSums, base: &BillSums) {
        let broken = match &rated.rule.limit {
            RuleLimit::Money { .. } => self.grows_by_money(rated, bill, base),
            RuleLimit::Share(limit) => self.grows_by_share(*limit, bill, base),
            RuleLimit::Times(limit) => grows_times(*limit, bill, base),
            _ => None,
        };
        if let Some(how) = broken {
            let line = feature.map_or(rated.rule.line, |f| f.line);
            let name = feature.map_or("the bill", |f| &f.name);
            self.found(&rated.rule, feature, line, name, format!("{name} grows {how}"));
        }
    }

    /// How far the bill grows, where that is more than the rule's amount.
    fn grows_by_money(&mut self, rated: &RatedRule, bill: &BillSums, base: &BillSums) -> Option<String> {
        let (limit, monthly) = self.limit(rated)?;
        let of = |bill: &BillSums| if monthly { bill.monthly(limit.currency) } else { bill.total(limit.currency) };
        let grown = of(bill) - of(base);
        let unit = if monthly { " a month" } else { "" };
        (grown > limit.amount)
            .then(|| format!("by {}{unit}, more than {}{unit}", limit.text(grown), limit.text(limit.amount)))
    }

    /// The same as a share of what it was, in dollars: a rate of exchange that moves is no growth.
    fn grows_by_share(&self, limit: Decimal, bill: &BillSums, base: &BillSums) -> Option<String> {
        let was = base.monthly_usd();
        let grown = bill.monthly_usd() - was;
        let by = grown
            .checked_div(was)
            .map_or_else(|| "from nothing".to_owned(), |by| format!("by {}", share_for_people(by)));
        let shown = &self.facts.shown;
        let amount = || shown.text_of(bill.monthly(shown) - base.monthly(shown));
        (grown > was.saturating_mul(limit))
            .then(|| format!("{by} ({} a month), more than {}", amount(), share_for_people(limit)))
    }

    fn budget(&mut self, rule: &CheckRule) {
        for budget in &self.facts.budgets {
            let is_over = budget.spent > budget.limit.amount.0;
            let crossed = budget.base_held == Some(true);
            if !is_over || rule.code == RuleCode::BudgetCrossed && !crossed {
                continue;
            }
            let how = if crossed { "this change carries the plan over" } else { "the plan is over" };
            let money = |amount| amount_text(amount, &budget.limit.currency);
            let message = format!(
                "{how} {}: it costs {}, the budget is {}",
                budget.name,
                money(budget.spent),
                money(budget.limit.amount.0)
            );
            self.found(rule, None, self.facts.budget_line, budget.subject, message);
        }
    }

    fn max_context(&mut self, rule: &CheckRule) {
        let RuleLimit::Share(limit) = rule.limit else { return };
        self.each(rule, |finder, rule, f| {
            for model in &f.models {
                let Some(window) = model.window else { continue };
                let share = Decimal::from(model.longest).checked_div(Decimal::from(window)).unwrap_or_default();
                if share > limit {
                    let message = format!(
                        "the longest prompt of {} takes {} of the {window} tokens that {} reads, more than {}",
                        f.name,
                        share_for_people(share),
                        model.id,
                        share_for_people(limit)
                    );
                    finder.found(rule, Some(f), f.line, &format!("{} {}", f.name, model.id), message);
                }
            }
        });
    }

    fn max_prompt_tokens(&mut self, rule: &CheckRule) {
        let RuleLimit::Tokens(limit) = rule.limit else { return };
        self.each(rule, |finder, rule, f| {
            for prompt in f.prompts.iter().filter(|p| p.tokens > limit) {
                let about = if prompt.is_estimated { "up to " } else { "" };
                let message = format!("{} has {about}{} tokens, more than {limit}", prompt.path, prompt.tokens);
                finder.found_at(rule, Some(f), (prompt.path.clone(), 1), &prompt.path, message);
            }
        });
    }

    fn max_tools_tokens(&mut self, rule: &CheckRule) {
        let RuleLimit::Tokens(limit) = rule.limit else { return };
        self.each(rule, |finder, rule, f| {
            for model in &f.models {
                let Some(tools) = model.tools.as_ref().filter(|tools| tools.tokens > limit) else { continue };
                let about = if tools.is_estimated { "up to " } else { "" };
                let (name, id, tokens) = (&f.name, &model.id, tools.tokens);
                let message = format!(
                    "the tools of {name} add {about}{tokens} tokens to each request to {id}, more than {limit}"
                );
                finder.found_at(rule, Some(f), tools.place.clone(), &format!("{name} {id}"), message);
                finder.helped(Some("`farebox count --explain` shows what each tool costs".to_owned()));
            }
        });
    }

    fn models(&mut self, rule: &CheckRule) {
        let RuleLimit::Models(patterns) = &rule.limit else { return };
        let allows = rule.code == RuleCode::AllowModels;
        self.each(rule, |finder, rule, f| {
            for model in &f.models {
                let bare = model.id.split_once('/').map_or(model.id.as_str(), |(_, id)| id);
                let is_meant = [model.id.as_str(), bare, model.asked.as_str()].iter().any(|n| matches(patterns, n));
                if is_meant != allows {
                    let why = if allows { "is not among the models allowed" } else { "is denied" };
                    let message = format!("{} uses {}, which {why}: {}", f.name, model.id, patterns.join(", "));
                    finder.found(rule, Some(f), model.line, &format!("{} {}", f.name, model.id), message);
                }
            }
        });
    }

    fn retired(&mut self, rule: &CheckRule) {
        let days = if let RuleLimit::Days(days) = rule.limit { days } else { 0 };
        let now = self.facts.now;
        let soon = Instant::from_unix(now.unix().saturating_add(i64::from(days) * 86_400));
        self.each(rule, |finder, rule, f| {
            for model in &f.models {
                let Some(day) = model.retired.filter(|day| *day <= soon) else { continue };
                let when = if day <= now { "is retired since" } else { "retires on" };
                let message = format!("{} uses {}, which {when} {day}", f.name, model.id);
                finder.found(rule, Some(f), model.line, &format!("{} {}", f.name, model.id), message);
                finder.helped(model.replacement.as_ref().map(|instead| format!("its replacement is {instead}")));
            }
        });
    }

    fn max_age(&mut self, rule: &CheckRule) {
        let RuleLimit::Days(days) = rule.limit else { return };
        let now = self.facts.now;
        self.each(rule, |finder, rule, f| {
            for model in &f.models {
                let Some(checked) = model.checked else { continue };
                let age = now.unix().saturating_sub(checked.unix()).div_euclid(86_400);
                if age > i64::from(days) {
                    let message = format!(
                        "the price of {} was looked at {age} days ago, on {checked}: more than {days}",
                        model.id
                    );
                    finder.found(rule, Some(f), model.line, &format!("{} {}", f.name, model.id), message);
                }
            }
        });
    }

    fn drift(&mut self, rule: &CheckRule) {
        let RuleLimit::Pin(pin, limit) = &rule.limit else { return };
        let TableId { version, sha256 } = &self.facts.table;
        let (pinned, hash) = pin.split_once('@').map_or((pin.as_str(), ""), |(v, h)| (v, h));
        if pinned == version && sha256.starts_with(&hash.to_lowercase()) {
            return;
        }
        let recorded = self.facts.recorded.as_ref().filter(|base| base.version == pinned).and_then(|base| base.drift);
        let message = match (recorded, limit) {
            (Some(drift), Some(limit)) if drift.abs() <= *limit => return,
            (Some(drift), _) => {
                format!(
                    "the prices moved the bill by {} since table {pinned}; this is {version}",
                    share_for_people(drift)
                )
            }
            (None, _) => format!(
                "the price table is {version}, not {pin}; a baseline recorded with {pinned} would say what that means in money"
            ),
        };
        self.found(rule, None, rule.line, "price table", message);
    }

    /// What the change brings at the rule's level; what the base had before it as one note.
    fn code_drift(&mut self, rule: &CheckRule) {
        let facts = self.facts;
        let is_meant = |fact: &&DriftFact| {
            let feature = fact.feature.as_deref().unwrap_or("plan");
            let of_file = match &rule.limit {
                RuleLimit::Files(files) => fact.feature.is_some() || is_below(files, &fact.file),
                _ => true,
            };
            let is_asked = rule.line > 0 || fact.since == DriftSince::Change;
            fact.code == rule.code
                && is_asked
                && of_file
                && (rule.features.is_empty() || matches(&rule.features, feature))
        };
        let (old, counting): (Vec<_>, Vec<_>) =
            facts.drift.iter().filter(is_meant).partition(|fact| fact.since == DriftSince::Base);
        for fact in counting {
            let feature = facts.features.iter().find(|f| Some(&f.name) == fact.feature.as_ref());
            self.found_at(rule, feature, (fact.file.clone(), fact.line), &fact.subject, fact.message.clone());
            self.helped(Some(fact.help.clone()));
        }
        if let Some(first) = old.first() {
            let note = CheckRule { level: FindingLevel::Note, message: None, ..rule.clone() };
            let more = if old.len() > 1 { format!(" and {} more", old.len() - 1) } else { String::new() };
            let message = format!("the base had this already: {}{more}", first.message);
            self.found_at(&note, None, (first.file.clone(), first.line), "what the base had", message);
        }
    }

    fn max_range(&mut self, rule: &CheckRule) {
        let RuleLimit::Share(limit) = rule.limit else { return };
        if rule.features.is_empty()
            && let Some(range) = self.facts.range.filter(|range| *range > limit)
        {
            let message = format!(
                "the estimate of the plan is {} wide, more than {}",
                share_for_people(range),
                share_for_people(limit)
            );
            self.found(rule, None, rule.line, "plan", message);
        }
        self.each(rule, |finder, rule, f| {
            if let Some(range) = f.range.filter(|range| *range > limit) {
                let message = format!(
                    "the estimate of {} is {} wide, more than {}",
                    f.name,
                    share_for_people(range),
                    share_for_people(limit)
                );
                finder.found(rule, Some(f), f.line, &f.name, message);
            }
        });
    }
}

/// How often the bill is what it was, where that is more than a limit.
fn grows_times(limit: Decimal, bill: &BillSums, base: &BillSums) -> Option<String> {
    let (head, base) = (bill.monthly_usd(), base.monthly_usd());
    let by = head.checked_div(base).map(|n| n.round_dp(2).normalize());
    let by = by.map_or_else(|| "from nothing".to_owned(), |n| format!("to {n} times"));
    (head > base.saturating_mul(limit)).then(|| format!("{by}, more than {limit} times"))
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
