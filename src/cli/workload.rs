//! What `plan`, `compare -w`, `break-even` and `init` share: the workload file, and the [`Shop`] that finds and counts for it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::say;
use super::shared::{Setup, in_currency};
use super::work::{Choice, attached};
use crate::cli::error::Error;
use farebox::calculator::attached::billed_by;
use farebox::calculator::outcome::NoExchange;
use farebox::calculator::projection::{Market, Plan, PlanError, plan};
use farebox::calculator::workload::{Amount, Workload};
use farebox::conversation::{Image, Media, Tool};
use farebox::input::chat::requests;
use farebox::input::text::read_bytes;
use farebox::input::workload::{DEFAULT_FILE, load};
use farebox::money::{Exact, Usd, exact_product};
use farebox::period::Instant;
use farebox::pricing::card::ExchangeRate;
use farebox::pricing::problem::{Place, Problem, Severity, render_all};
use farebox::pricing::{Found, UnknownModel};
use farebox::report::Cell;
use farebox::tokenizer::chat::{Framing, Wrapping};
use farebox::tokenizer::media::MediaRules;
use farebox::tokenizer::{StreamCounter, TokenCount, Tokenizer};

/// A workload with the file it came from.
pub(crate) struct Loaded {
    pub path: PathBuf,
    text: String,
    pub workload: Workload,
}

impl Loaded {
    /// Reads and checks a workload; what a person should look at goes to stderr.
    pub fn open(path: Option<&Path>, setup: &Setup, quiet: bool) -> Result<Loaded, Error> {
        let default = Path::new(DEFAULT_FILE);
        let path = path.unwrap_or(default);
        if path == default && !path.exists() {
            let help = "help: `farebox init` writes one to edit; -w FILE names another";
            return Err(Error::Usage(format!("there is no {DEFAULT_FILE} here\n  {help}")));
        }
        let bytes = read_bytes(path)?;
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        let shown = |problems: &[Problem]| render_all(problems, |_| Some(&text)).trim_end().to_owned();
        match load(path, &text, setup.at.date()) {
            Ok((workload, warnings)) => {
                if !warnings.is_empty() && !quiet {
                    say(&shown(&warnings));
                }
                Ok(Loaded { path: path.to_owned(), workload, text })
            }
            Err(problems) => Err(Error::Usage(format!("the workload cannot be used\n\n{}", shown(&problems)))),
        }
    }

    /// An error about a line of the file.
    fn at_line(&self, line: usize, message: String) -> Error {
        let (message, help) = match message.split_once("\n  help: ") {
            Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
            None => (message, None),
        };
        let source = self.text.lines().nth(line.saturating_sub(1)).unwrap_or("");
        let column = source.find(": ").map_or(1, |at| at + 3).min(source.chars().count().max(1));
        let problem = Problem {
            code: "unknown-model",
            severity: Severity::Error,
            path: self.path.display().to_string(),
            place: Place { line, column },
            message,
            help,
        };
        Error::Usage(format!("the workload cannot be used\n\n{}", problem.render(&self.text)))
    }

    /// Plans what has a price; features without one are left out and named, with the reason.
    ///
    /// # Errors
    /// A model that nobody sells; [`Error::NothingPriced`] where nothing has a price.
    pub fn leave_out_unpriced(&mut self, shop: &mut Shop) -> Result<Vec<(String, PlanError)>, Error> {
        let mut refused = Vec::new();
        loop {
            let error = match plan(&self.workload, shop, None) {
                Ok(_) => return Ok(refused),
                Err(PlanError::Model { line, error }) => return Err(self.at_line(line, error.to_string())),
                Err(error) => error,
            };
            say(&format!("warning: {error}"));
            let Some(name) = error.feature().map(str::to_owned) else { return Err(error.into()) };
            let before = self.workload.features.len();
            self.workload.features.retain(|f| f.name != name);
            refused.push((name, error));
            if self.workload.features.is_empty() || self.workload.features.len() == before {
                return Err(Error::NothingPriced);
            }
        }
    }
}

/// Plans a workload that has been planned before.
pub(crate) fn replan<'w>(workload: &'w Workload, shop: &mut Shop) -> Result<Plan<'w>, Error> {
    plan(workload, shop, None).map_err(|error| Error::Usage(error.to_string()))
}

impl From<NoExchange> for Error {
    fn from(error: NoExchange) -> Self {
        Error::Usage(error.to_string())
    }
}

impl From<PlanError> for Error {
    fn from(error: PlanError) -> Self {
        Error::Usage(error.to_string())
    }
}

/// The table, the exchange rates and the vocabularies, as a plan asks for them; every text is counted once by each
/// tokenizer.
pub(crate) struct Shop<'s> {
    setup: &'s Setup,
    exchange: Vec<ExchangeRate>,
    tokenizers: HashMap<String, Arc<dyn Tokenizer>>,
    counts: HashMap<(String, bool), HashMap<Arc<str>, TokenCount>>,
    wrappings: HashMap<(String, Option<Arc<str>>), Wrapping>,
    found: HashMap<String, Found>,
}

impl<'s> Shop<'s> {
    pub fn new(setup: &'s Setup, workload: &Workload) -> Self {
        Shop {
            setup,
            exchange: workload.exchange.clone(),
            tokenizers: HashMap::new(),
            counts: HashMap::new(),
            wrappings: HashMap::new(),
            found: HashMap::new(),
        }
    }

    /// Takes the exchange rates of another workload; what was counted stays.
    pub fn use_exchange_of(&mut self, workload: &Workload) {
        self.exchange = workload.exchange.clone();
    }

    fn load(&mut self, name: &str) -> Result<Arc<dyn Tokenizer>, String> {
        if let Some(tokenizer) = self.tokenizers.get(name) {
            return Ok(tokenizer.clone());
        }
        let tokenizer = super::data::load(name).map_err(|error| error.to_string())?;
        self.tokenizers.insert(name.to_owned(), tokenizer.clone());
        Ok(tokenizer)
    }
}

/// The tools that a text defines; none where it is no JSON of tools, and so is counted as it stands.
fn tools_of(text: &str) -> Vec<Tool> {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    let tools = value.get_mut("tools").map_or(Value::Null, Value::take);
    let tools = if tools.is_null() { value } else { tools };
    let request = json!({"messages": [{"role": "user", "content": ""}], "tools": tools});
    requests(request).into_iter().find_map(Result::ok).map(|request| request.tools).unwrap_or_default()
}

impl Market for Shop<'_> {
    fn find(&mut self, model: &str, at: Instant) -> Result<Found, UnknownModel> {
        if let Some(found) = self.found.get(model).filter(|found| found.holds.contains(at)) {
            return Ok(found.clone());
        }
        let found = self.setup.table.find(model, at)?;
        self.found.insert(model.to_owned(), found.clone());
        Ok(found)
    }

    fn count(&mut self, found: &Found, text: &Arc<str>) -> Result<TokenCount, String> {
        let Choice { name, assumed } = Choice::of(found, self.setup);
        if let Some(count) = self.counts.get(&(name.clone(), assumed)).and_then(|counts| counts.get(text)) {
            return Ok(*count);
        }
        let tokenizer = self.load(&name)?;
        let mut counter = StreamCounter::new(tokenizer);
        counter.push(text);
        let count = counter.finish();
        let count = if assumed { count.assumed() } else { count };
        self.counts.entry((name, assumed)).or_default().insert(text.clone(), count);
        Ok(count)
    }

    fn wrapping(&mut self, found: &Found, tools: Option<&Arc<str>>) -> Result<Wrapping, String> {
        let key = (found.full_id(), tools.cloned());
        if let Some(wrapping) = self.wrappings.get(&key) {
            return Ok(*wrapping);
        }
        let Choice { name, assumed } = Choice::of(found, self.setup);
        let tools = tools.map(|text| tools_of(text)).unwrap_or_default();
        let framing = Framing::of(&key.0, self.load(&name)?, assumed);
        let wrapping = framing.wrapping(&tools).map_err(|refused| refused.to_string())?;
        self.wrappings.insert(key, wrapping);
        Ok(wrapping)
    }

    fn image(&mut self, found: &Found, width: u32, height: u32) -> Result<TokenCount, String> {
        let image = Image { size: Some((width.into(), height.into())), detail: None };
        let tokenizer = self.load(&Choice::of(found, self.setup).name)?;
        let weighed = MediaRules::of(&found.full_id()).count(&Media::Image(image), None, &*tokenizer);
        let weighed = weighed.map_err(|refused| refused.to_string())?;
        if let Some(card) = found.model.rates_at(self.setup.at).or(found.model.rate_cards.last()) {
            for part in weighed.parts.iter().map(attached) {
                billed_by(&found.provider, &found.model, card, &part).map_err(|refusal| refusal.to_string())?;
            }
        }
        Ok(weighed.count)
    }

    fn tokenizer(&self, found: &Found) -> String {
        Choice::of(found, self.setup).name
    }

    fn per_usd(&self, currency: &str, at: Instant) -> Option<Decimal> {
        let own = self.exchange.iter().rev().find(|r| r.currency == currency && r.period.contains(at));
        own.or_else(|| self.setup.table.exchange(currency, at)).map(|rate| rate.per_usd.0)
    }
}

/// The currency that a plan is shown in, at the rate of one day.
#[derive(Clone)]
pub(crate) struct Shown {
    pub currency: String,
    pub per_usd: Decimal,
    pub at: Instant,
}

impl Shown {
    /// The currency that the flag names, or else the workload, at the rate of the plan's first day.
    pub fn of(flag: Option<&str>, workload: &Workload, shop: &Shop) -> Result<Shown, Error> {
        let currency = flag.map_or_else(|| workload.currency.clone(), str::to_uppercase);
        let at = farebox::calculator::workload::instant_of(workload.start, 0);
        if currency == "USD" {
            return Ok(Shown { currency, per_usd: Decimal::ONE, at });
        }
        let amount = Amount { amount: Exact(Decimal::ONE), currency: currency.clone() };
        farebox::calculator::outcome::in_usd(&amount, "the plan", workload.start, shop)?;
        let per_usd = shop.per_usd(&currency, at).unwrap_or(Decimal::ONE);
        Ok(Shown { currency, per_usd, at })
    }

    pub fn is_usd(&self) -> bool {
        self.currency == "USD"
    }

    /// The amount in the currency, exact where its digits suffice.
    pub fn amount(&self, usd: Usd) -> Decimal {
        exact_product(usd.amount(), self.per_usd)
            .unwrap_or_else(|| usd.amount().saturating_mul(self.per_usd))
            .normalize()
    }

    /// For people in the currency, for programs in dollars.
    pub fn cell(&self, usd: Usd) -> Cell {
        if self.is_usd() { Cell::usd(usd) } else { in_currency(usd, self.amount(usd), &self.currency) }
    }

    pub fn text(&self, usd: Usd) -> String {
        self.cell(usd).people
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({"currency": self.currency, "per_usd": self.per_usd.normalize().to_string(), "at": self.at})
    }
}

/// An amount on the command line, such as 60EUR.
pub(crate) fn amount(text: &str) -> Result<Amount, String> {
    let quantity = text.parse::<farebox::input::workload::quantity::Quantity>()?;
    let currency = if quantity.unit.is_empty() { "USD".to_owned() } else { quantity.unit.to_uppercase() };
    if quantity.range.is_range() || currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(format!("{text:?} is no amount: write 60EUR, or 60 for dollars"));
    }
    Ok(Amount { amount: Exact(quantity.range.expected), currency })
}
