//! The rows of `estimate`, from which table, CSV and JSON are made: [`EstimateRow`].

use serde::Serialize;

use crate::calculator::LineItem;
use crate::calculator::estimate::Estimate;
use crate::calculator::quote::Quote;
use crate::jobs::Setup;
use crate::jobs::assumed::assumed_cell;
use crate::jobs::error::with_help;
use crate::jobs::life::LifeRow;
use crate::jobs::setup::{InCurrency, TableStamp, table_stamp};
use crate::jobs::thinking::ThinkingRow;
use crate::meter::Side;
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::card::Evidence;
use crate::report::{Cell, Row, Tone};
use crate::tokenizer::{Basis, TokenCount};

/// What a prompt, or the requests of a file together, cost on one model.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EstimateRow {
    /// The input; absent for a number of tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The provider's id.
    pub provider: String,
    /// The model's id at the provider.
    pub model: String,
    /// How often each prompt is sent.
    pub requests: u64,
    /// How many requests were added up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_in_file: Option<u64>,
    /// `priced`, or the kind of the refusal.
    pub status: &'static str,
    /// The expected cost; null without a price.
    pub total_usd: Option<Usd>,
    /// The cost at the low end, where it is a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low_usd: Option<Usd>,
    /// The cost at the high end, where it is a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high_usd: Option<Usd>,
    /// The receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<LineItem>>,
    /// Tiers, variants, schedules and factors that moved a rate.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub applied: Vec<String>,
    /// Where the rates were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rates: Option<RatesRead>,
    /// The cost in another currency, where one was asked for.
    #[serde(flatten)]
    pub in_currency: Option<InCurrency>,
    /// That the model ends, has ended, or is no longer listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub life: Option<LifeRow>,
    /// Why there is no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why no single request can get such an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The tokens of prompt and answer.
    pub tokens: TokensRow,
    /// The price table.
    pub table: TableStamp,
    /// What the prompt and the answer cost; none without a price.
    #[serde(skip)]
    sides: Option<[Usd; 2]>,
    #[serde(skip)]
    count: TokenCount,
    #[serde(skip)]
    answer_given: bool,
    /// Lines below the row, for people.
    #[serde(skip)]
    warning_line: Option<String>,
}

/// Where rates were read, and when they hold.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RatesRead {
    /// From when on.
    pub from: Option<Instant>,
    /// Until when, exclusive.
    pub to: Option<Instant>,
    /// The page.
    pub source: String,
    /// The day somebody looked.
    pub checked: Instant,
    /// How well they are known.
    pub evidence: Evidence,
    /// Since when there is evidence of them, where that is later than the moment that they are used for: assumed rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_before: Option<Instant>,
}

/// The tokens of prompt and answer.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TokensRow {
    /// Of the prompt.
    pub input: InputTokensRow,
    /// Of the answer.
    pub output: OutputTokensRow,
    /// Of thinking before the answer; absent for a model that cannot think, and where the answer's length was not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<ThinkingRow>,
    /// Whether the model thinks before every answer and the user said that it does not: the total is then too low.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub thinking_missing: bool,
}

/// The tokens of a prompt.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InputTokensRow {
    /// The best guess.
    pub tokens: u64,
    /// How well it is known.
    #[cfg_attr(test, schemars(with = "String"))]
    pub basis: Basis,
    /// At least this, where it is not exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<u64>,
    /// At most this, where it is not exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<u64>,
}

/// The tokens of an answer.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OutputTokensRow {
    /// The best guess; null where its length was not given.
    pub tokens: Option<u64>,
    /// At least this, where it is a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<u64>,
    /// At most this, where it is a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<u64>,
    /// `given`, `assumed` for a range, `not-given`.
    pub basis: &'static str,
}

impl EstimateRow {
    /// The row of a quote.
    #[must_use]
    pub fn of(quote: &Quote, setup: &Setup) -> EstimateRow {
        let estimate = quote.result.as_ref().ok();
        let range = estimate.filter(|estimate| estimate.is_range());
        let refusal = quote.result.as_ref().err();
        let total_usd = estimate.map(|estimate| estimate.cost.total);
        EstimateRow {
            source: quote.source.clone(),
            provider: quote.found.provider.id.clone(),
            model: quote.found.model.id.clone(),
            requests: quote.work.requests,
            requests_in_file: quote.of_requests,
            status: refusal.map_or("priced", |refusal| refusal.status()),
            total_usd,
            low_usd: range.map(|estimate| estimate.low),
            high_usd: range.map(|estimate| estimate.high),
            lines: estimate.map(|estimate| estimate.cost.lines.clone()),
            applied: estimate.map(|estimate| estimate.cost.applied.clone()).unwrap_or_default(),
            rates: estimate.map(rates_read),
            in_currency: total_usd.and_then(|usd| setup.in_currency(usd, setup.at)),
            reason: refusal.map(|refusal| with_help(refusal, refusal.help())),
            life: LifeRow::of_found(&quote.found, setup.at, setup),
            warning: quote.warning.clone(),
            tokens: tokens_row(quote),
            table: table_stamp(setup),
            sides: estimate.map(|estimate| [Side::Prompt, Side::Answer].map(|side| estimate.cost.of_side(side))),
            count: quote.tokens,
            answer_given: quote.answer_given,
            warning_line: quote.warning_line(),
        }
    }

    /// `provider/model`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }

    /// "1,234" or "1,200 (1,100–1,300)".
    #[must_use]
    pub(crate) fn tokens_cell(&self) -> Cell {
        let count = self.count;
        let cell = Cell::quantity(count.tokens);
        if count.basis == Basis::Exact || count.low == count.high {
            return cell;
        }
        let (low, high) = (Cell::quantity(count.low).people, Cell::quantity(count.high).people);
        Cell::pair(format!("{} ({low}–{high})", cell.people), cell.exact)
    }

    /// How well the tokens are known.
    #[must_use]
    pub(crate) fn basis_cell(&self) -> Cell {
        Cell::text(self.count.basis.to_string())
    }

    /// What it thinks before the answer.
    #[must_use]
    pub(crate) fn thinking_cell(&self) -> Cell {
        ThinkingRow::cell(self.tokens.thinking.as_ref())
    }

    /// The expected cost, or the kind of the refusal.
    #[must_use]
    pub fn total_cell(&self, setup: &Setup) -> Cell {
        match self.total_usd {
            Some(total) if !self.answer_given => setup.money(total).tone(Tone::Warn),
            Some(total) => setup.money(total),
            None => Cell::absent(self.status).tone(Tone::Bad),
        }
    }

    /// A bound of the total, where it is a range.
    #[must_use]
    pub(crate) fn bound_cell(&self, setup: &Setup, bound: Option<Usd>) -> Cell {
        match (self.total_usd, bound) {
            (Some(_), Some(bound)) => setup.money(bound),
            (Some(_), None) => Cell::default(),
            (None, _) => Cell::absent("–"),
        }
    }

    /// What the prompt costs.
    #[must_use]
    pub fn prompt_cell(&self, setup: &Setup) -> Cell {
        self.sides.map_or_else(|| Cell::absent("–"), |[prompt, _]| setup.money(prompt))
    }

    /// What the answer costs.
    #[must_use]
    pub fn answer_cell(&self, setup: &Setup) -> Cell {
        match self.sides {
            Some(_) if !self.answer_given => Cell::absent("not given"),
            Some([_, answer]) => setup.money(answer),
            None => Cell::absent("–"),
        }
    }

    /// Since when there is evidence of the price, where it is assumed.
    #[must_use]
    pub(crate) fn assumed_cell(&self) -> Cell {
        assumed_cell(self.rates.as_ref().and_then(|rates| rates.assumed_before))
    }

    /// That the model ends soon, has ended, or is no longer listed.
    ///
    /// * `is_noted`: whether a note below the rows names the replacement.
    #[must_use]
    pub(crate) fn life_cell(&self, setup: &Setup, is_noted: bool) -> Cell {
        LifeRow::cell(self.life.as_ref(), setup.at, is_noted)
    }

    /// Adds the warning, and why there is no price, below the row.
    pub(crate) fn detail(&self, row: &mut Row) {
        row.detail.extend(self.warning_line.clone());
        row.detail.extend(self.reason.iter().flat_map(|reason| reason.lines()).map(str::to_owned));
    }
}

fn rates_read(estimate: &Estimate) -> RatesRead {
    let cost = &estimate.cost;
    RatesRead {
        from: cost.period.from,
        to: cost.period.to,
        source: cost.source.url.clone(),
        checked: cost.source.checked,
        evidence: cost.source.evidence,
        assumed_before: cost.assumed,
    }
}

fn tokens_row(quote: &Quote) -> TokensRow {
    let count = quote.tokens;
    let bounds = (count.basis != Basis::Exact).then_some((count.low, count.high));
    let input = InputTokensRow {
        tokens: count.tokens,
        basis: count.basis,
        low: bounds.map(|(low, _)| low),
        high: bounds.map(|(_, high)| high),
    };
    let (range, given) = (quote.work.output, quote.answer_given);
    let (tokens, low, high) = (Some(range.expected), Some(range.low), Some(range.high));
    let output = match (given, range.is_range()) {
        (false, _) => OutputTokensRow { tokens: None, low, high, basis: "not-given" },
        (true, is_range) if is_range || quote.assumed_steps.is_some() => {
            OutputTokensRow { tokens, low, high, basis: "assumed" }
        }
        (true, _) => OutputTokensRow { tokens, low: None, high: None, basis: "given" },
    };
    let thinking = quote.work.thinking;
    TokensRow {
        input,
        output,
        thinking: ThinkingRow::of(quote.thinking, thinking).filter(|_| quote.answer_given),
        thinking_missing: quote.lacks_thinking(),
    }
}

/// The fields before the rows of `estimate` and `compare`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct QuotesHead {
    /// Models whose context window is not known, so that it was not checked whether the request fits.
    pub context_window_unknown: Vec<String>,
    /// The price table.
    pub table: TableStamp,
    /// The instant whose prices hold.
    pub at: Instant,
    /// How many rows have a price.
    pub priced: usize,
    /// How many rows have none.
    pub unpriced: usize,
}

/// The fields before the rows of `estimate`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EstimateHead {
    /// The models and the prices.
    #[serde(flatten)]
    pub quotes: QuotesHead,
    /// What each model costs over all prompts.
    pub totals: Vec<ModelTotal>,
}

/// What a model costs over all prompts.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ModelTotal {
    /// `provider/model`.
    pub model: String,
    /// The sum.
    pub total_usd: Usd,
}
