//! What `plan`, `compare -w`, `break-even` and `check` share: the workload file ([`WorkloadFile`]), what finds and counts for
//! its plan ([`TableResolver`]), and the plan of what has a price ([`PricedWorkload`]).

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;

use super::JobError;
use super::setup::{Setup, in_currency, rate_source};
use super::tokenizers::TokenizerChoice;
use crate::calculator::attached::{Attached, billed_by};
pub(crate) use crate::calculator::currency::ShownCurrency;
use crate::calculator::projection::{CountingError, Plan, PlanError, Resolver, plan};
use crate::calculator::settled::NoExchange;
use crate::calculator::workload::{Workload, instant_of};
use crate::conversation::{Image, Media, Tool};
use crate::input::chat::tools_in;
use crate::input::text::read_yaml;
use crate::input::workload::{DEFAULT_FILE, from_disk, load_judged};
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::card::ExchangeRate;
use crate::pricing::life::Life;
use crate::pricing::problem::{Place, Problem, Severity, render_all};
use crate::pricing::{Found, PriceTable, UnknownModel};
use crate::report::Cell;
use crate::tokenizer::chat::Wrapping;
use crate::tokenizer::media::Weighed;
use crate::tokenizer::{StreamCounter, TokenCount, Tokenizer, parallel};

/// A workload with the file it came from.
#[derive(Clone, Debug)]
pub struct WorkloadFile {
    /// The file as the user named it.
    pub path: PathBuf,
    /// What it says.
    pub workload: Workload,
    /// What a person should look at, each with its line; `None` where there is nothing.
    pub warnings: Option<String>,
    text: String,
}

impl WorkloadFile {
    /// Reads and checks a workload; `farebox.yaml` where no path is given.
    ///
    /// # Errors
    /// [`JobError`] where there is no such file, or it cannot be used: every objection with its line.
    pub fn open(path: Option<&Path>, setup: &Setup) -> Result<WorkloadFile, JobError> {
        let default = Path::new(DEFAULT_FILE);
        let path = path.unwrap_or(default);
        if path == default && !path.exists() {
            let help = "`farebox init` writes one to edit; -w FILE names another";
            return Err(JobError::asked(format!("there is no {DEFAULT_FILE} here"), help));
        }
        let text = String::from_utf8_lossy(&read_yaml(path)?).replace("\r\n", "\n");
        WorkloadFile::of_text(path, text, setup)
    }

    /// Checks the text of a workload; files that it names are looked for next to `path`.
    ///
    /// # Errors
    /// [`JobError`] where it cannot be used: every objection with its line.
    pub fn of_text(path: &Path, text: String, setup: &Setup) -> Result<WorkloadFile, JobError> {
        let shown = |problems: &[Problem]| render_all(problems, |_| Some(&text)).trim_end().to_owned();
        let judge = |workload: &Workload, is_whole: bool| {
            let mut resolver = TableResolver::new(setup, workload);
            let mut problems = without_rate(path, workload, &resolver);
            // A whole workload may be planned on other models.
            if !is_whole {
                problems.extend(unknown_models(path, &text, workload, &mut resolver));
            }
            problems
        };
        match load_judged(path, &text, setup.at.date(), &mut from_disk, &judge) {
            Ok((_, workload, warnings)) => {
                let warnings = (!warnings.is_empty()).then(|| shown(&warnings));
                Ok(WorkloadFile { path: path.to_owned(), workload, warnings, text })
            }
            Err(problems) => Err(unusable(&shown(&problems))),
        }
    }

    /// An error about a line of the file.
    fn at_line(&self, line: usize, unknown: &UnknownModel) -> JobError {
        unusable(&unknown_at(&self.path, &self.text, line, unknown).render(&self.text))
    }
}

/// Every model that is not known on the first day of the plan, each with its line.
fn unknown_models(path: &Path, text: &str, workload: &Workload, resolver: &mut TableResolver<'_>) -> Vec<Problem> {
    let at = instant_of(workload.start, 0);
    let mut problems: Vec<Problem> = Vec::new();
    for route in workload.features.iter().filter(|f| f.tuning.is_none()).flat_map(|f| &f.routes) {
        if let Err(unknown) = resolver.find(&route.model, at)
            && !problems.iter().any(|p| p.place.line == route.line)
        {
            problems.push(unknown_at(path, text, route.line, &unknown));
        }
    }
    problems
}

fn unknown_at(path: &Path, text: &str, line: usize, unknown: &UnknownModel) -> Problem {
    let source = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
    // The name, or the first value of the line where it stands otherwise in the file, such as by an alias of YAML.
    let at = source.find(&unknown.asked).or_else(|| source.find(": ").map(|at| at + 2)).unwrap_or(0);
    let column = source.get(..at).map_or(1, |before| before.chars().count() + 1);
    Problem {
        code: "unknown-model",
        severity: Severity::Error,
        path: path.display().to_string(),
        place: Place { line, column },
        message: unknown.to_string(),
        help: unknown.help(),
    }
}

fn unusable(problems: &str) -> JobError {
    JobError::Asked { message: format!("the workload cannot be used\n\n{problems}"), help: None }
}

/// Every currency of a workload that has no exchange rate on its first day.
fn without_rate(path: &Path, workload: &Workload, resolver: &TableResolver<'_>) -> Vec<Problem> {
    let missing = workload
        .currencies
        .iter()
        .filter(|(currency, ..)| resolver.per_usd(currency, instant_of(workload.start, 0)).is_none());
    let problem = |(currency, line, column): &(String, usize, usize)| Problem {
        code: "no-rate",
        severity: Severity::Error,
        path: path.display().to_string(),
        place: Place { line: *line, column: *column },
        message: format!("no exchange rate of {currency} holds on {}", workload.start),
        help: Some(format!(
            "add exchange: {{{currency}: [{{from: {}, per_usd: \"…\"}}]}} with how many {currency} one US dollar is",
            workload.start
        )),
    };
    missing.map(problem).collect()
}

/// A feature without a price, and why.
pub(crate) type Unpriced = (String, PlanError);

/// A workload and its plan; features without a price are left out of both.
pub struct PricedWorkload<'s> {
    /// The file, with the features that have a price.
    pub file: WorkloadFile,
    /// The plan of them.
    pub plan: Plan,
    /// What found and counted for it.
    pub resolver: TableResolver<'s>,
    /// The features that were left out.
    pub unpriced: Vec<Unpriced>,
}

impl<'s> PricedWorkload<'s> {
    /// Plans what has a price.
    ///
    /// # Errors
    /// An unknown model; [`JobError::NothingPriced`] where nothing has a price.
    pub fn of(mut file: WorkloadFile, setup: &'s Setup) -> Result<PricedWorkload<'s>, JobError> {
        let mut resolver = TableResolver::new(setup, &file.workload);
        let mut unpriced = Vec::new();
        let unknown = unknown_models(&file.path, &file.text, &file.workload, &mut resolver);
        if unknown.len() > 1 {
            return Err(unusable(render_all(&unknown, |_| Some(&file.text)).trim_end()));
        }
        loop {
            let error = match plan(&file.workload, &mut resolver, None) {
                Ok(plan) => return Ok(PricedWorkload { file, plan, resolver, unpriced }),
                Err(PlanError::Model { line, error }) => return Err(file.at_line(line, &error)),
                Err(error) => error,
            };
            let Some(name) = error.feature().map(str::to_owned) else { return Err(error.into()) };
            let features = &mut file.workload.features;
            let before = features.len();
            features.retain(|f| f.name != name);
            let is_stuck = features.is_empty() || features.len() == before;
            unpriced.push((name, error));
            if is_stuck {
                return Err(JobError::NothingPriced(unpriced.into_iter().map(|(_, error)| error).collect()));
            }
        }
    }
}

/// The table, the exchange rates and the vocabularies, as a plan asks for them; every text is counted once by each
/// tokenizer.
pub struct TableResolver<'s> {
    setup: &'s Setup,
    exchange: PlanExchange,
    tokenizers: HashMap<String, Arc<dyn Tokenizer>>,
    texts: KnownTexts,
    counts: HashMap<(String, bool), HashMap<usize, TokenCount>>,
    wrappings: HashMap<(String, Vec<Arc<str>>), Wrapping>,
    found: HashMap<String, Found>,
}

impl<'s> TableResolver<'s> {
    /// One for a workload, whose exchange rates go before those of the table.
    #[must_use]
    pub fn new(setup: &'s Setup, workload: &Workload) -> Self {
        TableResolver {
            setup,
            exchange: PlanExchange::of(workload, None),
            tokenizers: HashMap::new(),
            texts: KnownTexts::default(),
            counts: HashMap::new(),
            wrappings: HashMap::new(),
            found: HashMap::new(),
        }
    }

    /// One for another thread, which knows what this one has counted.
    #[must_use]
    pub(crate) fn another(&self) -> TableResolver<'s> {
        TableResolver {
            setup: self.setup,
            exchange: self.exchange.clone(),
            tokenizers: self.tokenizers.clone(),
            texts: self.texts.clone(),
            counts: self.counts.clone(),
            wrappings: self.wrappings.clone(),
            found: self.found.clone(),
        }
    }

    /// Does something for each of some things on several threads, each with a resolver of its own; the answers are in the
    /// order of the things.
    pub(crate) fn for_each<T: Send, A: Send>(
        &self,
        things: Vec<T>,
        answer: impl Fn(T, &mut TableResolver<'s>) -> A + Sync,
    ) -> Vec<A> {
        let threads = parallel::available().min(things.len()).max(1);
        let mut groups: Vec<(Vec<(usize, T)>, TableResolver<'s>)> =
            (0..threads).map(|_| (Vec::new(), self.another())).collect();
        for (index, thing) in things.into_iter().enumerate() {
            if let Some((group, _)) = groups.get_mut(index % threads) {
                group.push((index, thing));
            }
        }
        let answers = parallel::each(groups, |(group, mut resolver)| {
            let one = |(index, thing)| (index, answer(thing, &mut resolver));
            group.into_iter().map(one).collect::<Vec<_>>()
        });
        let mut answers: Vec<(usize, A)> = answers.into_iter().flatten().collect();
        answers.sort_by_key(|(index, _)| *index);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    /// Takes the exchange rates of another workload; what was counted stays.
    ///
    /// * `compared`: what it is compared with, whose rates hold on days that it does not plan and has no rate for.
    pub(crate) fn use_exchange_of(&mut self, workload: &Workload, compared: Option<&Workload>) {
        self.exchange = PlanExchange::of(workload, compared);
    }

    fn load(&mut self, name: &str) -> Result<Arc<dyn Tokenizer>, CountingError> {
        if let Some(tokenizer) = self.tokenizers.get(name) {
            return Ok(tokenizer.clone());
        }
        let tokenizer = self.setup.tokenizer(name)?;
        self.tokenizers.insert(name.to_owned(), tokenizer.clone());
        Ok(tokenizer)
    }
}

/// The texts of a plan, each with a number. A text is asked for once for every model, and a long one is slow to compare, so it
/// is known by where it is in memory, too.
#[derive(Clone, Default)]
struct KnownTexts {
    places: HashMap<TextPlace, usize>,
    ids: HashMap<Arc<str>, usize>,
}

impl KnownTexts {
    fn id(&mut self, text: &Arc<str>) -> usize {
        if let Some(id) = self.places.get(&TextPlace(text.clone())) {
            return *id;
        }
        let next = self.ids.len();
        let id = *self.ids.entry(text.clone()).or_insert(next);
        self.places.insert(TextPlace(text.clone()), id);
        id
    }
}

/// Where a text is in memory, which stays its place for as long as this is there.
#[derive(Clone)]
struct TextPlace(Arc<str>);

impl PartialEq for TextPlace {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TextPlace {}

impl Hash for TextPlace {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).cast::<u8>().hash(state);
    }
}

/// The exchange rates that a plan says itself, and those of what it is compared with.
#[derive(Clone)]
struct PlanExchange {
    rates: Vec<ExchangeRate>,
    /// The first day of the plan, and the one after the last.
    days: (Date, Date),
    compared: Option<Vec<ExchangeRate>>,
}

impl PlanExchange {
    fn of(workload: &Workload, compared: Option<&Workload>) -> PlanExchange {
        PlanExchange {
            rates: workload.exchange.clone(),
            days: (workload.start, workload.end),
            compared: compared.map(|workload| workload.exchange.clone()),
        }
    }

    /// The rate of a currency at a moment.
    fn find<'r>(&'r self, table: &'r PriceTable, currency: &str, at: Instant) -> Option<&'r ExchangeRate> {
        let (day, (first, end)) = (at.date(), self.days);
        // On a day of the other plan alone that plan knows what was paid.
        let compared = self.compared.as_ref().filter(|_| day < first || end <= day);
        let own = table.exchange_with(&self.rates, currency, at);
        own.or_else(|| compared.and_then(|rates| table.exchange_with(rates, currency, at)))
    }

    fn all(&self) -> impl Iterator<Item = &ExchangeRate> {
        self.rates.iter().chain(self.compared.iter().flatten())
    }
}

/// The tools that texts define together; none where one of them is no JSON of tools, and so is counted as it stands.
fn tools_of(texts: &[Arc<str>]) -> Vec<Tool> {
    let read = |text: &Arc<str>| {
        let value: Value = serde_json::from_str(text).ok()?;
        Some(tools_in(&value).tools).filter(|tools| !tools.is_empty())
    };
    texts.iter().map(read).collect::<Option<Vec<_>>>().unwrap_or_default().concat()
}

impl Resolver for TableResolver<'_> {
    fn find(&mut self, model: &str, at: Instant) -> Result<Found, UnknownModel> {
        if let Some(found) = self.found.get(model).filter(|found| found.holds.contains(at)) {
            return Ok(found.clone());
        }
        let found = self.setup.table.find(model, at)?;
        self.found.insert(model.to_owned(), found.clone());
        Ok(found)
    }

    fn count(&mut self, found: &Found, text: &Arc<str>) -> Result<TokenCount, CountingError> {
        let TokenizerChoice { name, assumed } = TokenizerChoice::of(found, self.setup);
        let (id, key) = (self.texts.id(text), (name, assumed));
        if let Some(count) = self.counts.get(&key).and_then(|counts| counts.get(&id)) {
            return Ok(*count);
        }
        let tokenizer = self.load(&key.0)?;
        let mut counter = StreamCounter::new(tokenizer);
        counter.push(text);
        let count = counter.finish();
        let count = if assumed { count.assumed() } else { count };
        self.counts.entry(key).or_default().insert(id, count);
        Ok(count)
    }

    fn wrapping(&mut self, found: &Found, tools: &[Arc<str>]) -> Result<Wrapping, CountingError> {
        let key = (found.full_id(), tools.to_vec());
        if let Some(wrapping) = self.wrappings.get(&key) {
            return Ok(*wrapping);
        }
        let tools = tools_of(tools);
        let framing = TokenizerChoice::of(found, self.setup).framing(found, self.setup)?;
        let wrapping = framing.wrapping(&tools)?;
        self.wrappings.insert(key, wrapping);
        Ok(wrapping)
    }

    fn image(&mut self, found: &Found, width: u32, height: u32) -> Result<TokenCount, CountingError> {
        let image = Image { size: Some((width.into(), height.into())), detail: None };
        let tokenizer = self.load(&TokenizerChoice::of(found, self.setup).name)?;
        let weighed = self.setup.media_rules(found).count(&Media::Image(image), None, &*tokenizer);
        let weighed = weighed?;
        if let Some(card) = found.model.rates_at(self.setup.at).or(found.model.rate_cards.last()) {
            for part in weighed.parts.iter().map(Attached::from) {
                billed_by(&found.provider, &found.model, card, &part)?;
            }
        }
        Ok(weighed.count)
    }

    fn weigh(&mut self, found: &Found, media: &Media) -> Result<Weighed, CountingError> {
        let tokenizer = self.load(&TokenizerChoice::of(found, self.setup).name)?;
        Ok(self.setup.media_rules(found).count(media, None, &*tokenizer)?)
    }

    fn tokenizer(&self, found: &Found) -> String {
        TokenizerChoice::of(found, self.setup).name
    }

    fn per_usd(&self, currency: &str, at: Instant) -> Option<Decimal> {
        self.exchange.find(&self.setup.table, currency, at).map(|rate| rate.per_usd.0)
    }

    fn exchange_changes(&self, currency: &str) -> Vec<Date> {
        let own = self.exchange.all().filter(|rate| rate.currency == currency);
        let rates = own.chain(self.setup.table.exchange_rates(currency));
        rates.flat_map(|rate| [rate.period.from, rate.period.to]).flatten().map(Instant::date).collect()
    }

    fn last_listed(&self, found: &Found, at: Instant) -> Option<Instant> {
        match self.setup.table.life_of(found, at) {
            Life::Unlisted(day) => day,
            Life::Live(_) | Life::Retired(_) => None,
        }
    }

    fn refuses_assumed(&self) -> bool {
        self.setup.strict
    }
}

/// The currency that a plan is shown in, as programs read it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ShownRate {
    /// Three capital letters.
    pub currency: String,
    /// Units of it for one US dollar.
    pub per_usd: String,
    /// When the rate holds.
    pub at: Instant,
    /// The rates of later days, where others hold within the plan: each cost is converted at the rate of its day.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<LaterRate>,
}

/// A rate that holds from a day within the plan on.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LaterRate {
    /// The first moment at which it holds.
    pub from: Instant,
    /// Units of the currency for one US dollar.
    pub per_usd: String,
}

/// More later exchange rates than this are counted rather than listed.
const MOST_RATES: usize = 4;

impl ShownCurrency {
    /// The currency that the user asks for, or else the workload, at the rates of the plan's days.
    ///
    /// # Errors
    /// [`JobError`] where it has no exchange rate on the first or a later day.
    pub fn of(asked: Option<&str>, workload: &Workload, resolver: &TableResolver) -> Result<ShownCurrency, JobError> {
        ShownCurrency::over_days(asked, workload, &[(workload.start, workload.end)], resolver)
    }

    /// The same with the rates of the days of what the plan is compared with.
    ///
    /// * `days`: the first day of each, and the one after its last.
    ///
    /// # Errors
    /// [`JobError`] where it has no exchange rate on one of these days.
    pub(crate) fn over_days(
        asked: Option<&str>,
        workload: &Workload,
        days: &[(Date, Date)],
        resolver: &TableResolver,
    ) -> Result<ShownCurrency, JobError> {
        let currency = asked.map_or_else(|| workload.currency.clone(), str::to_uppercase);
        let of_base = |error: NoExchange| match error.day < workload.start || workload.end <= error.day {
            true => NoExchange { what: "the base of the plan".to_owned(), ..error },
            false => error,
        };
        let shown = ShownCurrency::between(&currency, "the plan", workload, days, resolver).map_err(of_base)?;
        let rate = resolver.exchange.find(&resolver.setup.table, &currency, shown.at);
        Ok(ShownCurrency { source: rate.map(rate_source), ..shown })
    }

    /// An amount in dollars for programs, and in the currency for people.
    #[must_use]
    pub(crate) fn cell_of(&self, usd: Usd, amount: Decimal) -> Cell {
        if self.is_usd() { Cell::usd(usd) } else { in_currency(usd, amount, &self.currency) }
    }

    /// Sentences about its rates and who says so; none about the dollar.
    #[must_use]
    pub(crate) fn notes(&self) -> Vec<String> {
        if self.is_usd() {
            return Vec::new();
        }
        let source = self.source.as_ref().map_or_else(String::new, |source| format!(" ({source})"));
        let first = format!("1 USD = {} {} on {}{source}.", self.per_usd.normalize(), self.currency, self.at);
        std::iter::once(first).chain(self.later_rates()).collect()
    }

    /// Sentences about the rates of later days within the plan.
    #[must_use]
    pub(crate) fn later_rates(&self) -> Vec<String> {
        let later: Vec<_> = self.steps.iter().filter(|(from, _)| *from > self.at).collect();
        if later.len() > MOST_RATES {
            return vec![format!("{} rates hold within the plan, each on its day.", later.len() + 1)];
        }
        let sentence = |(from, rate): &&(Instant, Decimal)| {
            format!("From {from} on, 1 USD = {} {}.", rate.normalize(), self.currency)
        };
        later.iter().map(sentence).collect()
    }

    /// The rate, as programs read it.
    #[must_use]
    pub(crate) fn rate(&self) -> ShownRate {
        let per_usd = self.per_usd.normalize().to_string();
        let later = self.steps.iter().filter(|(from, _)| *from > self.at);
        let later = later.map(|(from, rate)| LaterRate { from: *from, per_usd: rate.normalize().to_string() });
        ShownRate { currency: self.currency.clone(), per_usd, at: self.at, later: later.collect() }
    }
}

impl From<NoExchange> for JobError {
    fn from(error: NoExchange) -> Self {
        JobError::asked(error.to_string(), error.help())
    }
}

impl From<PlanError> for JobError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Model { error, .. } => JobError::Model(error),
            other => JobError::Asked { message: other.to_string(), help: other.help() },
        }
    }
}
