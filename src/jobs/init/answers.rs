//! The questions of `init` and how their answers are read: [`Answered`]. Answers are in the user's words: `40 students`,
//! `twice a day`, `a paragraph`, `50 € a month`.

use std::path::Path;

use rust_decimal::Decimal;

use super::draft::{Draft, DraftBudget, Traffic, WorkKind};
use crate::input::workload::load;
use crate::jobs::Setup;
use crate::jobs::error::with_help;
use crate::money::parse_decimal;
use crate::range::whole;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// What it is.
    Kind,
    /// Who uses it, or how often it runs.
    Who,
    /// How often each person uses it.
    Often,
    /// How long the answers are.
    Length,
    /// Which model.
    Model,
    /// How long the plan is.
    Months,
    /// What may be spent.
    Budget,
}

impl Question {
    /// All of them, in the order in which they are asked.
    pub const ALL: [Question; 7] = [
        Question::Kind,
        Question::Who,
        Question::Often,
        Question::Length,
        Question::Model,
        Question::Months,
        Question::Budget,
    ];
}

/// A draft that answers fill in.
#[derive(Clone, Debug)]
pub struct Answered {
    draft: Draft,
}

impl Answered {
    /// The defaults before the first answer.
    ///
    /// * `model`: the model that the user usually works with.
    #[must_use]
    pub fn new(model: Option<String>) -> Self {
        Answered { draft: Draft { model, ..Draft::of(WorkKind::Chatbot) } }
    }

    /// The draft of the answers.
    #[must_use]
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// Whether a question makes sense after the answers so far.
    #[must_use]
    pub fn asks(&self, question: Question) -> bool {
        match question {
            Question::Often => matches!(self.draft.traffic, Traffic::Users { .. }),
            Question::Length => !matches!(self.draft.kind, WorkKind::Embeddings | WorkKind::Images | WorkKind::Speech),
            _ => true,
        }
    }

    /// The question, with the answer of an empty line in brackets.
    #[must_use]
    pub fn question(&self, question: Question, setup: &Setup) -> String {
        let draft = &self.draft;
        match question {
            Question::Kind => {
                let kinds = WorkKind::ALL.iter().enumerate();
                let kinds: Vec<String> =
                    kinds.map(|(i, kind)| format!("  {} {:<11} {}\n", i + 1, kind.name(), kind.about())).collect();
                format!("What is it?\n{}[{}] ", kinds.concat(), draft.kind)
            }
            Question::Who => match &draft.traffic {
                Traffic::Users { users, .. } => {
                    format!("Who uses it? People (40 users), or how often it runs (100 per day) [{users} users] ")
                }
                Traffic::Runs(runs) => {
                    format!("How often does it run? (100 per day), or for whom (40 users) [{runs}] ")
                }
            },
            Question::Often => match &draft.traffic {
                Traffic::Users { sessions, .. } => format!("How often does each of them use it? [{sessions}] "),
                Traffic::Runs(_) => String::new(),
            },
            Question::Length => format!(
                "How long is an answer? (a sentence, a paragraph, a page, 200 words, or tokens) [{}] ",
                draft.output
            ),
            Question::Model => format!("Which model? [{}] ", draft.model(setup)),
            Question::Months => format!("For how many months? [{}] ", draft.months),
            Question::Budget => "What may it cost? (50 EUR a month, 300 USD in all, or none) [none] ".to_owned(),
        }
    }

    /// Takes an answer; an empty one keeps the default.
    ///
    /// * `path`: where the workload is to be.
    ///
    /// # Errors
    /// What is wrong with it and how it is written, for people.
    pub fn answer(&mut self, question: Question, text: &str, path: &Path, setup: &Setup) -> Result<(), String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        let mut draft = self.draft.clone();
        let lower = text.to_lowercase();
        match question {
            Question::Kind => draft = draft.as_kind(kind(&lower)?),
            Question::Who => draft.traffic = who(&lower, &draft)?,
            Question::Often => {
                let rate = rate(&lower).ok_or_else(|| not(text, "how often", "3 per week, twice a day, or daily"))?;
                if let Traffic::Users { sessions, .. } = &mut draft.traffic {
                    *sessions = rate;
                }
            }
            Question::Length => {
                draft.output = length(&lower)
                    .ok_or_else(|| not(text, "a length", "a paragraph, 200 words, 300 (tokens), or 100-500"))?;
            }
            Question::Model => {
                setup.table.find(text, setup.at).map_err(|error| with_help(&error, error.help()))?;
                draft.model = Some(text.to_owned());
            }
            Question::Months => {
                draft.months = months(&lower).ok_or_else(|| not(text, "a number of months", "6, or 2 years"))?;
            }
            Question::Budget => draft.budget = budget(text)?,
        }
        objection(&draft, path, setup).map_or(Ok(()), Err)?;
        self.draft = draft;
        Ok(())
    }
}

/// What is wrong with the draft; nothing where a plan can be made of it.
fn objection(draft: &Draft, path: &Path, setup: &Setup) -> Option<String> {
    if let Some(DraftBudget { currency, .. }) = draft.budget.as_ref().filter(|budget| budget.currency != "USD")
        && setup.table.exchange(currency, setup.at).is_none()
    {
        return Some(format!(
            "no exchange rate of {currency} is known\n  help: give the budget in USD, or run init with --rate {currency}=N (units of {currency} for one US dollar)"
        ));
    }
    let problems = load(path, &draft.text(setup), setup.at.date()).err()?;
    let problem = problems.first()?;
    Some(with_help(&problem.message, problem.help.clone()))
}

fn not(text: &str, what: &str, such_as: &str) -> String {
    format!("{text:?} is not {what}\n  help: write {such_as}")
}

/// Words in the names that people give their work.
const KIND_WORDS: [(WorkKind, &[&str]); 8] = [
    (WorkKind::Agent, &["agent", "coding", "code", "tool"]),
    (WorkKind::Documents, &["document", "rag", "knowledge", "pdf", "question"]),
    (WorkKind::Embeddings, &["embed", "vector", "index", "search"]),
    (WorkKind::Batch, &["batch", "bulk", "summar", "extract", "classif", "translat", "label", "nightly", "caption"]),
    (WorkKind::Chatbot, &["chat", "bot", "tutor", "assistant", "support", "thesis", "classroom", "course", "help"]),
    (WorkKind::Images, &["image", "picture", "photo", "illustration", "drawing"]),
    (WorkKind::Speech, &["speech", "voice", "aloud", "speak", "tts", "audiobook"]),
    (WorkKind::Other, &["other", "else", "api"]),
];

fn kind(text: &str) -> Result<WorkKind, String> {
    let number = text.parse::<usize>().ok().and_then(|n| WorkKind::ALL.get(n.checked_sub(1)?).copied());
    let named = || text.parse::<WorkKind>().ok();
    let by_word =
        || KIND_WORDS.iter().find(|(_, words)| words.iter().any(|word| text.contains(word))).map(|(kind, _)| *kind);
    number.or_else(named).or_else(by_word).ok_or_else(|| {
        let names: Vec<&str> = WorkKind::ALL.iter().map(|kind| kind.name()).collect();
        not(text, "one of them", &format!("a number from 1 to {}, or {}", names.len(), names.join(", ")))
    })
}

/// People, or runs.
fn who(text: &str, draft: &Draft) -> Result<Traffic, String> {
    if let Some(runs) = rate(text) {
        return Ok(Traffic::Runs(runs));
    }
    let sessions = match &draft.traffic {
        Traffic::Users { sessions, .. } => sessions.clone(),
        Traffic::Runs(_) => "3 per week".to_owned(),
    };
    let users = if ["me", "just me", "only me", "i", "myself"].contains(&text) {
        Some("1".to_owned())
    } else {
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        // A second number would be lost: `40 users 3 times a week` answers two questions.
        range(first).filter(|_| !rest.contains(|c: char| c.is_ascii_digit()))
    };
    let users = users.ok_or_else(|| not(text, "how many people or runs", "40 users, 40..60 users, or 100 per day"))?;
    Ok(Traffic::Users { users, sessions })
}

/// `3 per week`, `3 times a week`, `3/week`, `daily`, `twice a day`.
fn rate(text: &str) -> Option<String> {
    let text = text.replace('/', " per ");
    let fixed = match text.trim() {
        "daily" | "every day" | "each day" => Some("1 per day"),
        "weekly" | "every week" | "each week" => Some("1 per week"),
        "monthly" | "every month" | "each month" => Some("1 per month"),
        _ => None,
    };
    if let Some(fixed) = fixed {
        return Some(fixed.to_owned());
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let (period, before) = words.split_last()?;
    let period = ["day", "week", "month"].into_iter().find(|known| *known == *period)?;
    let (link, before) = before.split_last()?;
    let (number, nouns) = before.split_first()?;
    let is_noun = |word: &&str| word.chars().all(char::is_alphabetic);
    if !["per", "a", "each", "every", "in"].contains(link) || !nouns.iter().all(is_noun) {
        return None;
    }
    Some(format!("{} per {period}", range(number)?))
}

/// A number or a range as a workload has it, from how people write it: `40`, `1.5`, `10k`, `2-4`, `twice`; `None` for anything
/// else.
#[must_use]
pub fn range(text: &str) -> Option<String> {
    let word = match text {
        "once" | "one" | "a" | "an" => Some("1"),
        "twice" | "two" => Some("2"),
        "three" => Some("3"),
        "four" => Some("4"),
        "five" => Some("5"),
        "ten" => Some("10"),
        _ => None,
    };
    if let Some(word) = word {
        return Some(word.to_owned());
    }
    let border =
        if text.contains("..") { ".." } else { ["–", "-"].into_iter().find(|b| text.contains(b)).unwrap_or("..") };
    let numbers: Option<Vec<Decimal>> = text.split(border).map(number).collect();
    let numbers = numbers.filter(|numbers| numbers.len() <= 3 && numbers.is_sorted())?;
    Some(numbers.iter().map(Decimal::to_string).collect::<Vec<_>>().join(".."))
}

fn number(text: &str) -> Option<Decimal> {
    whole(text).map(Decimal::from).or_else(|| parse_decimal(text.trim()).ok()).map(|number| number.normalize())
}

/// Tokens of an answer from its length in words. English text has about four tokens for three words.
fn length(text: &str) -> Option<String> {
    let text = text.trim_start_matches("about ").trim();
    let known = match text {
        "a sentence" | "sentence" | "one sentence" | "1 sentence" | "very short" => Some("10..30..60"),
        "a few sentences" | "short" | "a couple of sentences" => Some("30..80..200"),
        "a paragraph" | "paragraph" | "one paragraph" | "1 paragraph" | "medium" => Some("80..150..300"),
        "a page" | "page" | "one page" | "1 page" | "long" => Some("400..700..1000"),
        _ => None,
    };
    if let Some(known) = known {
        return Some(known.to_owned());
    }
    let (first, unit) = text.split_once(' ').unwrap_or((text, "tokens"));
    let per = match unit.trim_end_matches('s') {
        "token" => return range(first),
        "word" => Decimal::from(4) / Decimal::from(3),
        "sentence" => Decimal::from(30),
        "paragraph" => Decimal::from(150),
        // A page of 500 words.
        "page" => Decimal::from(700),
        _ => return None,
    };
    let numbers = range(first)?;
    let tokens: Option<Vec<String>> =
        numbers.split("..").map(|n| Some(parse_decimal(n).ok()?.checked_mul(per)?.round().to_string())).collect();
    Some(tokens?.join(".."))
}

fn months(text: &str) -> Option<String> {
    let text = text.trim_start_matches("for ").trim();
    let (first, unit) = text.split_once(' ').unwrap_or((text, "months"));
    let number = range(first).and_then(|number| whole(&number))?;
    let months = match unit.trim_end_matches('s') {
        "month" => number,
        "year" => number.checked_mul(12)?,
        "semester" => number.checked_mul(6)?,
        _ => return None,
    };
    Some(months.to_string())
}

/// Signs and words of currencies.
const CURRENCIES: [(&str, &str); 14] = [
    ("€", "EUR"),
    ("euros", "EUR"),
    ("euro", "EUR"),
    ("us$", "USD"),
    ("$", "USD"),
    ("dollars", "USD"),
    ("dollar", "USD"),
    ("£", "GBP"),
    ("pounds", "GBP"),
    ("₹", "INR"),
    ("rupees", "INR"),
    ("¥", "JPY"),
    ("yen", "JPY"),
    ("francs", "CHF"),
];

/// `50 EUR`, `€50 a month`, `300 dollars in all`, `none`.
fn budget(text: &str) -> Result<Option<DraftBudget>, String> {
    let lower = text.to_lowercase();
    if ["none", "no", "unlimited", "-", "nothing", "unknown", "?"].contains(&lower.as_str()) {
        return Ok(None);
    }
    let error = || not(text, "an amount", "50 EUR, 50 EUR a month, $300 in all, or none");
    let ends = |ends: &[&str]| ends.iter().find_map(|end| lower.strip_suffix(end)).map(str::trim_end);
    let monthly = ends(&["per month", "a month", "/month", "/ month", "monthly", "each month", "every month"]);
    let total = ends(&["in all", "in total", "total", "altogether"]);
    let amount = monthly.or(total).unwrap_or(&lower);
    let (amount, currency) = match CURRENCIES.iter().find(|(sign, _)| amount.contains(sign)) {
        Some((sign, code)) => (amount.replacen(sign, " ", 1), (*code).to_owned()),
        None => {
            let is_code = |word: &&str| word.len() == 3 && word.bytes().all(|b| b.is_ascii_lowercase());
            let code = amount.split_whitespace().find(is_code).unwrap_or("usd").to_owned();
            (amount.replacen(&code, " ", 1), code.to_uppercase())
        }
    };
    let amount = number(amount.trim()).filter(|amount| *amount > Decimal::ZERO).ok_or_else(error)?;
    Ok(Some(DraftBudget { amount: amount.to_string(), currency, monthly: monthly.is_some() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_in_the_words_of_people() {
        let cases = [
            ("3 per week", Some("3 per week")),
            ("3 times a week", Some("3 per week")),
            ("2.5 calls per day", Some("2.5 per day")),
            ("10k/month", Some("10000 per month")),
            ("1,000 requests each day", Some("1000 per day")),
            ("daily", Some("1 per day")),
            ("twice a day", Some("2 per day")),
            ("once every week", Some("1 per week")),
            ("2-4 per week", Some("2..4 per week")),
            ("2..3..5 per week", Some("2..3..5 per week")),
            ("40 users", None),
            ("3 per hour", None),
            ("per week", None),
            ("week", None),
            ("-3 per week", None),
            ("4-2 per week", None),
        ];
        for (text, want) in cases {
            assert_eq!(rate(text).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn people_are_counted_in_any_noun() {
        let draft = Draft::of(WorkKind::Chatbot);
        for (text, want) in
            [("40 users", "40"), ("40", "40"), ("1.2k students", "1200"), ("40-60 people", "40..60"), ("me", "1")]
        {
            assert!(matches!(who(text, &draft), Ok(Traffic::Users { users, .. }) if users == want), "{text}");
        }
        for text in ["many", "40 users 3 per week", "everybody"] {
            assert!(who(text, &draft).is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_and_months_are_read_in_the_words_of_people() {
        // 300 words × 4/3; two pages of 700 tokens.
        let cases = [
            ("300 words", Some("400")),
            ("2 pages", Some("1400")),
            ("100-300", Some("100..300")),
            ("a page", Some("400..700..1000")),
            ("loud", None),
        ];
        for (text, want) in cases {
            assert_eq!(length(text).as_deref(), want, "{text}");
        }
        let cases = [
            ("6", Some("6")),
            ("6 months", Some("6")),
            ("a year", Some("12")),
            ("2 years", Some("24")),
            ("soon", None),
            ("0.5", None),
        ];
        for (text, want) in cases {
            assert_eq!(months(text).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn budgets_are_read_in_any_currency() {
        let read = |text: &str| {
            budget(text).map(|b| {
                b.map(|b| format!("{} {} {}", b.amount, b.currency, if b.monthly { "monthly" } else { "total" }))
            })
        };
        let cases = [
            ("50 EUR", "50 EUR total"),
            ("EUR 50 per month", "50 EUR monthly"),
            ("€50/month", "50 EUR monthly"),
            ("50€", "50 EUR total"),
            ("1,000 USD in all", "1000 USD total"),
            ("$300", "300 USD total"),
            ("20 pounds a month", "20 GBP monthly"),
            ("2.50 chf", "2.5 CHF total"),
            ("100", "100 USD total"),
            ("5k yen", "5000 JPY total"),
        ];
        for (text, want) in cases {
            assert_eq!(read(text), Ok(Some(want.to_owned())), "{text}");
        }
        for none in ["none", "No", "?"] {
            assert_eq!(read(none), Ok(None));
        }
        for bad in ["lots", "-5 EUR", "0 EUR", "1,5 EUR", "50 EUR per fortnight"] {
            assert!(budget(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn kinds_are_found_by_number_name_and_words() {
        let cases = [
            ("1", WorkKind::Chatbot),
            ("agent", WorkKind::Agent),
            ("a thesis chatbot", WorkKind::Chatbot),
            ("coding agent", WorkKind::Agent),
            ("nightly summaries", WorkKind::Batch),
            ("RAG", WorkKind::Documents),
        ];
        for (text, want) in cases {
            assert_eq!(kind(&text.to_lowercase()), Ok(want), "{text}");
        }
        assert!(kind("9").is_err() && kind("0").is_err() && kind("zebra").is_err());
    }
}
