//! Reads the rules and exemptions of a workload file. A rule that is wrong names itself and leaves the others standing.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::quantity::{MONTHLY, Quantity, QuantityError, without};
use super::raw::{RawCheck, RawExemption, RawWorkload};
use super::tree::RawTree;
use crate::calculator::rules::{CheckRule, Exemption, FindingLevel, LimitKind, RuleCode, RuleLimit};
use crate::calculator::workload::Amount;
use crate::money::Exact;
use crate::pricing::problem::{Place, Problem, Severity};
use crate::pricing::yaml::At;
use crate::similar::did_you_mean;

/// What a file insists on.
#[derive(Debug, Default)]
pub struct CheckRules {
    /// Rules, those that hold unsaid included.
    pub rules: Vec<CheckRule>,
    /// What may break them.
    pub exemptions: Vec<Exemption>,
    /// Rules and exemptions that were not understood.
    pub bad: Vec<Problem>,
}

impl CheckRules {
    /// The currencies of the amounts that costs are held against.
    pub(crate) fn currencies(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter_map(|rule| match &rule.limit {
            RuleLimit::Money { amount, .. } => Some(amount.currency.as_str()),
            _ => None,
        })
    }
}

/// Keys of the long form of a rule.
const KEYS: [&str; 7] = ["limit", "level", "message", "features", "pin", "models", "files"];

/// Rules that hold unless the file says otherwise.
const UNSAID: [RuleCode; 5] =
    [RuleCode::Budget, RuleCode::Retired, RuleCode::Unpriced, RuleCode::ModelDrift, RuleCode::PromptDrift];

/// What a budget says that is only a note.
const CROSSING: &str = "a note only, since `budget-crossed` asks about the crossing alone; `budget: true` fails on it";

/// Reads the rules of a file; `currency` is that of an amount without one.
#[must_use]
pub fn read_rules(path: &str, raw: &RawWorkload, currency: &str) -> CheckRules {
    let mut reader = RuleReader { path, currency, rules: CheckRules::default() };
    let nothing = RawCheck::default();
    let check = raw.check.as_ref().unwrap_or(&nothing);
    let mut named = Vec::new();
    for (name, tree) in &check.rules.0 {
        if let Some(code) = reader.code(name) {
            named.push(code);
            match (&tree.value, code.kind()) {
                (RawTree::List(list), kind) if !matches!(kind, LimitKind::Models | LimitKind::Drift) => {
                    list.iter().for_each(|one| reader.rule(code, name, one))
                }
                _ => reader.rule(code, name, tree),
            }
        }
    }
    let mut rules = reader.rules;
    // What every check looks at, unless the file says otherwise.
    for code in UNSAID.into_iter().filter(|code| !named.contains(code)) {
        // Who asks about the crossing alone is not stopped by a budget that was exceeded before.
        let crossing = code == RuleCode::Budget && named.contains(&RuleCode::BudgetCrossed);
        let level = if crossing { FindingLevel::Note } else { code.level() };
        rules.rules.push(CheckRule {
            code,
            limit: RuleLimit::None,
            level,
            message: crossing.then(|| CROSSING.to_owned()),
            features: Vec::new(),
            line: 0,
        });
    }
    for exemption in &check.exemptions {
        match read_exemption(exemption) {
            Ok(exemption) => rules.exemptions.push(exemption),
            Err((place, message, help)) => rules.bad.push(problem(path, place, message, &help)),
        }
    }
    rules
}

fn problem(path: &str, place: Place, message: String, help: &str) -> Problem {
    let help = (!help.is_empty()).then(|| help.to_owned());
    Problem { code: "bad-rule", severity: Severity::Error, path: path.to_owned(), place, message, help }
}

fn read_exemption(raw: &RawExemption) -> Result<Exemption, (Place, String, String)> {
    let place =
        [&raw.feature, &raw.until, &raw.reason].into_iter().flatten().map(|w| w.place).next().unwrap_or_default();
    let word = |word: &Option<At<String>>, name: &str| {
        let given = word.as_ref().map(|w| w.value.clone()).filter(|text| !text.trim().is_empty());
        let help = "write {feature: NAME, reason: \"…\", until: 2027-01-31}".to_owned();
        given.ok_or_else(|| (place, format!("an exemption has no {name}"), help))
    };
    let (feature, reason, until) =
        (word(&raw.feature, "feature")?, word(&raw.reason, "reason")?, word(&raw.until, "until")?);
    let day = until.parse::<Date>().ok().filter(|_| until.len() == 10);
    let until_place = raw.until.as_ref().map_or(place, |w| w.place);
    let until =
        day.ok_or_else(|| (until_place, format!("{until:?} is no day"), "write it as 2027-01-31".to_owned()))?;
    if let Some(rule) = &raw.rule
        && !RuleCode::ALL.iter().any(|c| c.is_rule() && c.name() == rule.value)
    {
        return Err((rule.place, format!("no rule is called {:?}", rule.value), near(&rule.value)));
    }
    let rule = raw.rule.as_ref().map(|r| r.value.clone());
    Ok(Exemption { feature, rule, reason, until, line: place.line })
}

fn near(name: &str) -> String {
    let names = || RuleCode::ALL.iter().filter(|c| c.is_rule()).map(|c| c.name());
    format!("{}The rules are {}", did_you_mean(name, names()), names().collect::<Vec<_>>().join(", "))
}

struct RuleReader<'r> {
    path: &'r str,
    currency: &'r str,
    rules: CheckRules,
}

impl RuleReader<'_> {
    fn object(&mut self, place: Place, message: String, help: &str) {
        self.rules.bad.push(problem(self.path, place, message, help));
    }

    fn code(&mut self, name: &At<String>) -> Option<RuleCode> {
        let plain = name.value.replace('_', "-");
        let code = RuleCode::ALL.iter().copied().find(|c| c.is_rule() && c.name() == plain);
        if code.is_none() {
            self.object(name.place, format!("no rule is called {:?}", name.value), &near(&plain));
        }
        code
    }

    fn rule(&mut self, code: RuleCode, name: &At<String>, tree: &At<RawTree>) {
        let line = name.place.line;
        let mut rule =
            CheckRule { code, limit: RuleLimit::None, level: code.level(), message: None, features: Vec::new(), line };
        let limit = match &tree.value {
            RawTree::Map(pairs) => {
                for (key, value) in pairs {
                    if !self.setting(&mut rule, key, value) {
                        return;
                    }
                }
                let named = ["limit", "models", "pin", "files"].iter().find_map(|key| tree.value.get(key));
                named.cloned()
            }
            _ => Some(tree.clone()),
        };
        if limit.as_ref().and_then(|l| l.value.text()).is_some_and(|text| matches!(text, "false" | "off")) {
            return;
        }
        match self.limit(&mut rule, limit.as_ref(), &tree.value) {
            Ok(limit) => {
                rule.limit = limit;
                self.rules.rules.push(rule);
            }
            Err(message) => {
                let place = limit.map_or(name.place, |l| l.place);
                self.object(place, format!("the rule {} {message}", code.name()), example(code));
            }
        }
    }

    /// A key of the long form other than the limit; whether the rule can stand.
    fn setting(&mut self, rule: &mut CheckRule, key: &At<String>, value: &At<RawTree>) -> bool {
        let text = value.value.text();
        match (key.value.as_str(), text) {
            ("level", Some(word)) => match FindingLevel::of(word) {
                Some(level) => rule.level = level,
                None => {
                    self.object(value.place, format!("{word:?} is no level"), "write error, warning or note");
                    return false;
                }
            },
            ("message", Some(own)) => rule.message = Some(own.to_owned()),
            ("features", _) if value.value.texts().is_some() => rule.features = value.value.texts().unwrap_or_default(),
            ("limit" | "pin" | "models" | "files", _) => {}
            (known, _) if KEYS.contains(&known) => {
                self.object(value.place, format!("{known} is not written like this"), "see docs/check.md");
                return false;
            }
            (other, _) => {
                let help = format!("{}The keys are {}", did_you_mean(other, KEYS), KEYS.join(", "));
                self.object(key.place, format!("no rule has a key {other:?}"), &help);
                return false;
            }
        }
        true
    }

    fn limit(&self, rule: &mut CheckRule, limit: Option<&At<RawTree>>, whole: &RawTree) -> Result<RuleLimit, String> {
        let text = limit.and_then(|l| l.value.text());
        let needs = || "needs a limit".to_owned();
        match rule.code.kind() {
            LimitKind::Flag => flag(rule, text),
            LimitKind::Models => {
                let patterns = limit.and_then(|l| l.value.texts()).filter(|p| !p.is_empty());
                patterns.map(RuleLimit::Models).ok_or_else(|| "needs models".to_owned())
            }
            LimitKind::Drift if text.is_none_or(|t| t == "true" || FindingLevel::of(t).is_some()) => {
                let files = limit.and_then(|l| l.value.texts()).filter(|_| text.is_none()).unwrap_or_default();
                flag(rule, text)?;
                Ok(RuleLimit::Files(files))
            }
            LimitKind::Drift => Ok(RuleLimit::Files(limit.and_then(|l| l.value.texts()).unwrap_or_default())),
            LimitKind::Pin => {
                let limit = whole.get("limit").map(|l| quantity(l.value.text())).transpose()?;
                let limit = limit.map(|q| share(&q)).transpose()?;
                let pin = whole.get("pin").and_then(|p| p.value.text()).or(whole.text());
                Ok(RuleLimit::Pin(pin.ok_or_else(|| "needs a version to pin".to_owned())?.to_owned(), limit))
            }
            LimitKind::Days
                if rule.code == RuleCode::Retired
                    && text.is_none_or(|t| t == "true" || FindingLevel::of(t).is_some()) =>
            {
                flag(rule, text)?;
                Ok(RuleLimit::Days(0))
            }
            kind => {
                let quantity = quantity(Some(text.ok_or_else(needs)?))?;
                match kind {
                    LimitKind::Money => self.money(&quantity),
                    LimitKind::Growth => match quantity.unit.as_str() {
                        "%" => share(&quantity).map(RuleLimit::Share),
                        "x" | "times" => Ok(RuleLimit::Times(quantity.range.expected)),
                        _ => self.money(&quantity),
                    },
                    LimitKind::Share => share(&quantity).map(RuleLimit::Share),
                    LimitKind::Tokens => whole_number(&quantity, &["", "tokens"]).map(RuleLimit::Tokens),
                    _ => {
                        let days = whole_number(&quantity, &["", "days", "day"])?;
                        u32::try_from(days)
                            .map(RuleLimit::Days)
                            .map_err(|_| "counts more days than there are".to_owned())
                    }
                }
            }
        }
    }

    fn money(&self, quantity: &Quantity) -> Result<RuleLimit, String> {
        let unit = quantity.unit.as_str();
        let stripped = without(unit, MONTHLY);
        let code = stripped.unwrap_or(unit).trim().to_uppercase();
        let currency = if code.is_empty() { self.currency.to_owned() } else { code };
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(format!("is in {unit:?}, which is no currency"));
        }
        Ok(RuleLimit::Money {
            amount: Amount { amount: Exact(quantity.range.expected), currency },
            monthly: stripped.is_some(),
        })
    }
}

/// `true`, or a level in its place.
fn flag(rule: &mut CheckRule, text: Option<&str>) -> Result<RuleLimit, String> {
    match text {
        None | Some("true") => {}
        Some(word) => rule.level = FindingLevel::of(word).ok_or_else(|| format!("is on or off, not {word:?}"))?,
    }
    Ok(RuleLimit::None)
}

fn quantity(text: Option<&str>) -> Result<Quantity, String> {
    let not_understood = |why: QuantityError| format!("is not understood: {}", why.in_full());
    let quantity: Quantity = text.unwrap_or("").parse().map_err(not_understood)?;
    if quantity.range.is_range() {
        return Err("needs one number, not a range".to_owned());
    }
    Ok(quantity)
}

fn share(quantity: &Quantity) -> Result<Decimal, String> {
    match quantity.unit.as_str() {
        "%" => Ok(quantity.range.expected / Decimal::ONE_HUNDRED),
        "" => Ok(quantity.range.expected),
        other => Err(format!("is a share, and {other:?} is none")),
    }
}

fn whole_number(quantity: &Quantity, units: &[&str]) -> Result<u64, String> {
    let number = quantity.range.expected;
    if !units.contains(&quantity.unit.as_str()) || !number.fract().is_zero() {
        return Err(format!("needs a whole number, not {number} {}", quantity.unit).trim_end().to_owned());
    }
    u64::try_from(number).map_err(|_| format!("{number} is too large"))
}

/// How a rule is written.
fn example(code: RuleCode) -> &'static str {
    match code.kind() {
        LimitKind::Money => "write an amount, such as 500 USD or 40 EUR per month",
        LimitKind::Growth => "write 20%, 2x, or an amount such as 50 USD per month",
        LimitKind::Share => "write a share, such as 80%",
        LimitKind::Tokens => "write a number of tokens, such as 4000",
        LimitKind::Days => "write a number of days, such as 30 days",
        LimitKind::Models => "write patterns of models, such as [openai/*, claude-*]",
        LimitKind::Pin => "write {pin: 2026.11.22, limit: 5%}",
        LimitKind::Drift => {
            "write true, off, error, warning, note, or the files that it looks at, such as [src, app/*.py]"
        }
        LimitKind::Flag => "write true, false, error, warning or note",
    }
}
