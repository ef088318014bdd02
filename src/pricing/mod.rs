//! The price table: which rates of which model hold at a moment, and where they were read.
//!
//! Turns price files into [`card::ModelCard`]s and finds the card that an id means. Nothing here knows what was used;
//! turning usage into money is [`crate::calculator`]. Begin with [`PriceTable`].
//!
//! The bundled table is packed by the build and read in place ([`packed`]); overlays are read from files at run time
//! by the same code ([`yaml`], then [`mod@compile`]).

pub(crate) mod candidates;
#[doc(hidden)]
pub mod diff;
#[doc(hidden)]
pub mod export;
#[doc(hidden)]
pub mod import;
#[doc(hidden)]
pub mod lint;
#[doc(hidden)]
pub mod lookup;
#[doc(hidden)]
pub mod need;
#[doc(hidden)]
pub mod review;
#[doc(hidden)]
pub mod update;

pub(crate) mod exchange;
mod find;
pub(crate) mod life;
mod suggest;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use rust_decimal::Decimal;
use rustc_hash::FxHashMap;
use serde::Serialize;
use sha2::{Digest, Sha256};

use self::card::{ExchangeRate, ModelCard, ProviderHead};
use self::compile::{PriceFile, Provider, Use, compile, compile_over};
use self::packed::{Packed, hex};
use self::problem::{Place, Problem, Severity};
use self::suggest::Names;
use crate::meter::Meter;
use crate::money::Exact;
use crate::period::{Instant, Period};

pub use farebox_prices::{card, problem};
#[doc(hidden)]
pub use farebox_prices::{compile, packed, yaml};

pub(crate) use self::find::AliasMeaning;
pub use self::find::{Found, Matched, UnknownModel, Whose};

static BUNDLED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/prices.bin"));

/// Which table a price came from: printed with every result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TableId {
    /// Calendar version, with `+overlay` where files of the user's were laid over it.
    pub version: String,
    /// SHA-256 of the content, in hexadecimal.
    pub sha256: String,
}

/// The bundled prices with the user's overlays on top.
///
/// # Examples
/// ```
/// use farebox::pricing::PriceTable;
/// let table = PriceTable::bundled();
/// let found = table.find("openai/gpt-4o", "2024-11-15".parse().unwrap())?;
/// let rates = found.model.rates_at("2024-11-15".parse().unwrap()).unwrap();
/// assert_eq!(rates.period.from.unwrap().to_string(), "2024-10-02");
/// # Ok::<(), farebox::pricing::UnknownModel>(())
/// ```
#[derive(Clone, Debug)]
pub struct PriceTable {
    packed: Packed,
    overlays: Vec<Overlay>,
    /// Exchange rates that hold at any time, before those of every file.
    fixed: Vec<ExchangeRate>,
    id: TableId,
    /// The day that the version names.
    day: Option<Instant>,
    heads: OnceLock<Vec<Arc<ProviderHead>>>,
    /// Those of the packed table, each decoded when it is first asked for: a short command asks for few.
    packed_heads: Box<[OnceLock<Arc<ProviderHead>>]>,
    /// Whether names of a user's own may stand for models.
    has_deployments: bool,
    /// For similar ids; made when the first unknown id asks for them.
    names: OnceLock<Arc<Names>>,
    /// How often similar ids were searched for.
    #[cfg(test)]
    searches: Arc<std::sync::atomic::AtomicU64>,
}

#[derive(Clone, Debug)]
struct Overlay {
    head: ProviderHead,
    models: Vec<Arc<ModelCard>>,
    exchange: Vec<ExchangeRate>,
    /// The models that each id and alias may mean, in lower case.
    names: FxHashMap<String, Vec<usize>>,
}

impl Overlay {
    fn new(head: ProviderHead, models: Vec<Arc<ModelCard>>, exchange: Vec<ExchangeRate>) -> Self {
        let mut names: FxHashMap<String, Vec<usize>> = FxHashMap::default();
        for (i, model) in models.iter().enumerate() {
            for id in std::iter::once(&model.id).chain(model.aliases.iter().map(|alias| &alias.id)) {
                let cards = names.entry(id.to_lowercase()).or_default();
                if cards.last() != Some(&i) {
                    cards.push(i);
                }
            }
        }
        Overlay { head, models, exchange, names }
    }

    /// The cards that a name may mean. The name must be in lower case.
    fn named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Arc<ModelCard>> + use<'a> {
        self.names.get(name).into_iter().flatten().filter_map(|i| self.models.get(*i))
    }
}

impl PriceTable {
    /// The table inside of this program. Costs nothing until a card is asked for.
    ///
    /// # Panics
    /// Never in a program that was built whole: the build makes the block that this opens.
    #[must_use]
    pub fn bundled() -> Self {
        Self::of_packed(BUNDLED, "the bundled table").expect("the build embeds a packed table")
    }

    /// A table of its own out of price files, such as an older checkout's `pricing/`.
    ///
    /// # Errors
    /// Every problem of the files when one of them is an error.
    pub fn of_files(files: &[PriceFile], version: &str) -> Result<Self, Vec<Problem>> {
        let prices: Vec<PriceFile> = files.iter().filter(|f| !f.path.ends_with("table.yaml")).cloned().collect();
        let (providers, problems) = compile(&prices, Use::Table, &|_, _| None);
        if problems.iter().any(|p| p.severity == Severity::Error) {
            return Err(problems);
        }
        let stated = files.iter().find(|f| f.path.ends_with("table.yaml"));
        let stated = stated.and_then(|f| stated_version(&f.text));
        let has_deployments = providers.iter().any(|provider| !provider.head.deployments.is_empty());
        let table = Self::of_packed(packed::pack(stated.unwrap_or(version), &providers), version)?;
        Ok(PriceTable { has_deployments, ..table })
    }

    /// A table out of a packed block; a block that does not open is an error, never another table.
    fn of_packed(bytes: impl Into<Cow<'static, [u8]>>, named: &str) -> Result<Self, Vec<Problem>> {
        let packed = Packed::open(bytes).ok_or_else(|| {
            vec![Problem {
                code: "unreadable-table",
                severity: Severity::Error,
                path: named.to_owned(),
                place: Place::default(),
                message: "the packed price table cannot be read back".into(),
                help: Some("check the files with `farebox prices lint FOLDER`".into()),
            }]
        })?;
        let id = TableId { version: packed.version().to_owned(), sha256: packed.sha256() };
        Ok(PriceTable {
            packed_heads: (0..packed.provider_count()).map(|_| OnceLock::new()).collect(),
            has_deployments: false,
            packed,
            overlays: Vec::new(),
            fixed: Vec::new(),
            day: day_of(&id.version),
            id,
            heads: OnceLock::new(),
            names: OnceLock::new(),
            #[cfg(test)]
            searches: Arc::default(),
        })
    }

    /// Lays price files over the table: a card in a file replaces the bundled card of the same provider and id as a
    /// whole. Later files win over earlier ones.
    ///
    /// Returns the warnings.
    ///
    /// # Errors
    /// Every problem of the files when one of them is an error; the table is then unchanged.
    pub fn lay_over(&mut self, files: &[PriceFile]) -> Result<Vec<Problem>, Vec<Problem>> {
        let mut warnings = Vec::new();
        let mut overlays = Vec::new();
        let at_any_time = |provider: &str, id: &str| self.card_by_id(provider, id);
        for file in files {
            let (providers, problems) =
                compile_over(std::slice::from_ref(file), &at_any_time, &|id| self.fallbacks(id));
            if problems.iter().any(|p| p.severity == Severity::Error) {
                return Err(problems);
            }
            warnings.extend(problems);
            let sound = providers.into_iter().filter(|(_, sound)| *sound);
            overlays.extend(sound.map(|(provider, _)| self.overlay(provider)));
        }
        self.overlays.extend(overlays);
        self.has_deployments |= self.overlays.iter().any(|o| !o.head.deployments.is_empty());
        if !files.is_empty() {
            let mut hash = Sha256::new();
            hash.update(self.id.sha256.as_bytes());
            files.iter().for_each(|file| hash.update(Sha256::digest(file.text.as_bytes())));
            self.id.sha256 = hex(&hash.finalize());
            if !self.id.version.ends_with("+overlay") {
                self.id.version.push_str("+overlay");
            }
        }
        self.heads = OnceLock::new();
        self.names = OnceLock::new();
        Ok(warnings)
    }

    /// An overlay keeps what the bundled table knows beside prices, where it says nothing itself.
    fn overlay(&self, provider: Provider) -> Overlay {
        let enrich = |mut card: ModelCard| {
            if let Some(known) = self.card_by_id(&provider.head.id, &card.id) {
                if card.tokenizers.is_empty() {
                    card.tokenizers = known.tokenizers;
                }
                if card.info == card::ModelInfo::default() {
                    card.info = known.info;
                }
                let is_new = |alias: &card::Alias| !card.aliases.iter().any(|own| own.id == alias.id);
                let new: Vec<_> = known.aliases.into_iter().filter(is_new).collect();
                card.aliases.extend(new);
            }
            Arc::new(card)
        };
        let models = provider.models.into_iter().map(enrich).collect();
        Overlay::new(provider.head, models, provider.exchange)
    }

    /// Version and hash.
    #[must_use]
    pub fn id(&self) -> &TableId {
        &self.id
    }

    /// The day that the version names, as `2026.11.22`, `2026.11.22.1` and `2026.11.22+overlay` do.
    pub(crate) fn day(&self) -> Option<Instant> {
        self.day
    }

    /// How many models the table holds, overlays included.
    #[must_use]
    pub fn model_count(&self) -> usize {
        self.packed.model_count() + self.overlays.iter().map(|o| o.models.len()).sum::<usize>()
    }

    /// Every card: overlays first, then the bundled cards that no overlay replaces.
    pub fn cards(&self) -> impl Iterator<Item = (Arc<ProviderHead>, Arc<ModelCard>)> + '_ {
        let own = self
            .overlays
            .iter()
            .rev()
            .flat_map(|o| o.models.iter().filter_map(|m| Some((self.head(&o.head.id)?, m.clone()))));
        let bundled = (0..self.packed.model_count()).filter_map(|i| self.bundled_card(i));
        own.chain(bundled.filter(|(head, card)| !self.is_replaced(&head.id, &card.id)))
    }

    /// Every provider: what the overlays say about one is added to what is bundled.
    #[must_use]
    pub fn providers(&self) -> &[Arc<ProviderHead>] {
        self.heads.get_or_init(|| {
            let packed = (0..self.packed.provider_count()).filter_map(|index| self.packed_head(index));
            if self.overlays.is_empty() {
                return packed.collect();
            }
            let mut heads: Vec<ProviderHead> = packed.map(|head| ProviderHead::clone(&head)).collect();
            for own in self.overlays.iter().map(|o| &o.head).filter(|head| !head.id.is_empty()) {
                match heads.iter_mut().find(|h| h.id == own.id) {
                    Some(head) => {
                        head.names.extend(own.names.iter().cloned());
                        head.neutral.extend(own.neutral.iter().cloned());
                        let kept =
                            head.fallbacks.iter().filter(|(meter, _)| own.fallbacks.iter().all(|(m, _)| m != meter));
                        head.fallbacks = own.fallbacks.iter().chain(kept).copied().collect();
                        head.multipliers.extend(own.multipliers.iter().cloned());
                        head.deployments.extend(own.deployments.iter().cloned());
                    }
                    None => heads.push(own.clone()),
                }
            }
            heads.into_iter().map(Arc::new).collect()
        })
    }

    /// The meters of a provider that bill as another where a card has no rate of their own.
    pub(crate) fn fallbacks(&self, provider: &str) -> Vec<(Meter, Meter)> {
        self.head(provider).map(|head| head.fallbacks.clone()).unwrap_or_default()
    }

    fn head(&self, id: &str) -> Option<Arc<ProviderHead>> {
        self.providers().iter().find(|head| head.id == id).cloned()
    }

    /// Gives a currency a rate that holds at any time, whatever a file says.
    ///
    /// * `per_usd`: units of the currency for one US dollar.
    /// * `source`: who says so, as reports show it.
    pub fn fix_exchange(&mut self, currency: &str, per_usd: Decimal, source: &str) {
        self.fixed.retain(|rate| rate.currency != currency);
        let (currency, period) = (currency.to_owned(), Period::default());
        self.fixed.push(ExchangeRate { currency, period, per_usd: Exact(per_usd), source: Some(source.to_owned()) });
    }

    /// Gives a currency a rate below those of price files that are laid over later, and below those of a workload.
    pub fn settle_exchange(&mut self, currency: &str, per_usd: Decimal, source: &str) {
        let (currency, period) = (currency.to_owned(), Period::default());
        let rate = ExchangeRate { currency, period, per_usd: Exact(per_usd), source: Some(source.to_owned()) };
        self.overlays.push(Overlay::new(ProviderHead::default(), Vec::new(), vec![rate]));
    }

    /// The rate that [`PriceTable::fix_exchange`] gave a currency.
    #[must_use]
    pub(crate) fn fixed_exchange(&self, currency: &str) -> Option<&ExchangeRate> {
        self.fixed.iter().find(|rate| rate.currency == currency)
    }

    /// What one US dollar is in another currency at a moment: as it was fixed, from the overlays, of which the last wins, or
    /// as the European Central Bank published it. A currency that an overlay has rates for takes none from elsewhere.
    #[must_use]
    pub fn exchange(&self, currency: &str, at: Instant) -> Option<&ExchangeRate> {
        if let Some(fixed) = self.fixed_exchange(currency) {
            return Some(fixed);
        }
        let mut own =
            self.overlays.iter().rev().flat_map(|o| &o.exchange).filter(|rate| rate.currency == currency).peekable();
        if own.peek().is_some() {
            return own.find(|rate| rate.period.contains(at));
        }
        exchange::bundled_at(currency, at)
    }

    /// The same for a plan that may have rates of its own: a currency that it names takes none from the bundled ones.
    #[must_use]
    pub(crate) fn exchange_with<'r>(
        &'r self,
        own: &'r [ExchangeRate],
        currency: &str,
        at: Instant,
    ) -> Option<&'r ExchangeRate> {
        if let Some(fixed) = self.fixed_exchange(currency) {
            return Some(fixed);
        }
        let is_of = |rate: &&ExchangeRate| rate.currency == currency;
        let named = own.iter().rev().find(|rate| is_of(rate) && rate.period.contains(at));
        let of_files = || self.overlays.iter().any(|o| o.exchange.iter().any(|rate| is_of(&rate)));
        let asks_table = |_: &()| !own.iter().any(|rate| is_of(&rate)) || of_files();
        named.or_else(|| Some(()).filter(asks_table).and_then(|()| self.exchange(currency, at)))
    }

    /// Every rate of a currency that may hold, whenever it does.
    pub(crate) fn exchange_rates<'t>(&'t self, currency: &'t str) -> impl Iterator<Item = &'t ExchangeRate> {
        let fixed = self.fixed_exchange(currency);
        let own = self.overlays.iter().flat_map(|o| &o.exchange).filter(move |rate| rate.currency == currency);
        let is_own = fixed.is_some() || own.clone().next().is_some();
        let bundled: &[ExchangeRate] = if is_own { &[] } else { exchange::bundled(currency) };
        fixed.into_iter().chain(own.filter(move |_| fixed.is_none())).chain(bundled)
    }

    /// The currencies that have a rate at some moment.
    #[must_use]
    pub(crate) fn currencies(&self) -> Vec<&str> {
        let mut currencies: Vec<&str> = Vec::new();
        currencies.extend(self.overlays.iter().flat_map(|o| &o.exchange).map(|rate| rate.currency.as_str()));
        currencies.extend(self.fixed.iter().map(|rate| rate.currency.as_str()));
        exchange::currencies().for_each(|code| currencies.push(code));
        currencies.sort_unstable();
        currencies.dedup();
        currencies
    }

    /// A provider as the packed table says it, without what overlays add.
    fn packed_head(&self, index: usize) -> Option<Arc<ProviderHead>> {
        let head = self.packed_heads.get(index)?;
        if head.get().is_none() {
            let decoded = Arc::new(self.packed.provider(index)?);
            // Another thread may have been faster, with the same.
            drop(head.set(decoded));
        }
        head.get().cloned()
    }

    fn bundled_card(&self, index: usize) -> Option<(Arc<ProviderHead>, Arc<ModelCard>)> {
        let (provider, card) = self.packed.model(index)?;
        let head = match self.overlays.is_empty() {
            true => self.packed_head(provider)?,
            false => self.providers().get(provider)?.clone(),
        };
        Some((head, Arc::new(card)))
    }

    fn is_replaced(&self, provider: &str, id: &str) -> bool {
        let mut overlays = self.overlays.iter().filter(|o| o.head.id == provider).peekable();
        if overlays.peek().is_none() {
            return false;
        }
        let name = id.to_lowercase();
        overlays.any(|o| o.named(&name).any(|m| m.id == id))
    }

    fn card_by_id(&self, provider: &str, id: &str) -> Option<ModelCard> {
        let name = id.to_lowercase();
        let mut candidates = self.packed.find(&name).filter_map(|i| self.packed.model(i));
        candidates
            .find(|(p, card)| card.id == id && self.packed.provider(*p).is_some_and(|head| head.id == provider))
            .map(|(_, card)| card)
    }
}

/// The version that the text of a `table.yaml` states.
fn stated_version(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("version: ")).map(str::trim)
}

/// The day of the version that the text of a `table.yaml` states.
pub(crate) fn stated_day(text: &str) -> Option<Instant> {
    day_of(stated_version(text)?)
}

fn day_of(version: &str) -> Option<Instant> {
    let numbers: Vec<&str> = version.split(['.', '+']).take(3).collect();
    numbers.join("-").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of a user's own are looked for only where a file gives some.
    #[test]
    fn the_bundled_table_names_no_deployments() {
        assert!(PriceTable::bundled().providers().iter().all(|head| head.deployments.is_empty()));
    }

    #[test]
    fn a_block_that_does_not_open_is_an_error_and_not_another_table() {
        let whole = packed::pack("2030.01.01", &[]);
        assert_eq!(PriceTable::of_packed(whole.clone(), "x").unwrap().id().version, "2030.01.01");
        for broken in [Vec::new(), b"fbx3".to_vec(), whole[..whole.len() - 1].to_vec(), vec![0xff; 200]] {
            let problems = PriceTable::of_packed(broken, "older/pricing").unwrap_err();
            assert_eq!((problems[0].code, problems[0].path.as_str()), ("unreadable-table", "older/pricing"));
        }
    }

    #[test]
    fn the_version_of_a_table_names_its_day() {
        let day = |version: &str| PriceTable::of_packed(packed::pack(version, &[]), "x").unwrap().day();
        let some = Some("2030-01-31".parse().unwrap());
        assert_eq!([day("2030.01.31"), day("2030.01.31.2"), day("2030.01.31+overlay")], [some; 3]);
        assert_eq!(day("older"), None);
        assert!(PriceTable::bundled().day().is_some(), "Farebox answers as of that day");
    }

    #[test]
    fn a_table_of_files_is_of_those_files_alone() {
        let text = "schema: 1\nprovider: acme\nsources: {docs: {url: \"https://acme.example\", checked: 2026-01-01, evidence: documented}}\nmodels:\n  - {id: one, prices: [{from: 2026-01-01, source: docs, rates: {input: \"1\"}}]}\n";
        let file = PriceFile { path: "acme.yaml".into(), text: text.into() };
        let table = PriceTable::of_files(&[file], "older").unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert_eq!((table.id().version.as_str(), table.model_count()), ("older", 1));
    }

    /// `prices check` looks every model of a file up, and most may be unknown.
    #[test]
    fn a_look_up_that_needs_no_explanation_searches_nothing() {
        let models: String = (0..3_000)
            .map(|n| format!("  - {{id: m-{n}, prices: [{{from: 2026-01-01, rates: {{input: \"1\"}}}}]}}\n"))
            .collect();
        let mut table = PriceTable::bundled();
        let text = format!("schema: 1\nprovider: acme\nmodels:\n{models}");
        table.lay_over(&[PriceFile { path: "acme.yaml".into(), text }]).unwrap();
        let at = "2026-06-15".parse().unwrap();
        for n in 0..6_000 {
            assert_eq!(table.get(&format!("acme/m-{n}"), at).is_some(), n < 3_000, "{n}");
        }
        assert_eq!(table.searches.load(std::sync::atomic::Ordering::Relaxed), 0);
    }
}
