//! What was used: token counts by [`Meter`], each token in exactly one bucket.

use rust_decimal::Decimal;

use crate::meter::{Meter, Side};

/// Quantities by meter. Buckets are disjoint: a cached token is in `cache_read` and nowhere else, so that adding the
/// buckets gives the whole and no token can be billed twice.
///
/// # Examples
/// ```
/// use farebox_prices::{meter::Meter, usage::Usage};
/// let mut usage = Usage::default();
/// usage.set_tokens(Meter::Input, 2_000);
/// usage.set_tokens(Meter::CacheRead, 48_000);
/// assert_eq!(usage.prompt_tokens(), 50_000);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    tokens: [u64; Meter::TOKEN_METERS],
    beside: Vec<(Meter, Decimal)>,
}

impl Usage {
    /// Input and output tokens, nothing cached.
    #[must_use]
    pub fn tokens_in_out(input: u64, output: u64) -> Self {
        let mut usage = Usage::default();
        usage.set_tokens(Meter::Input, input);
        usage.set_tokens(Meter::Output, output);
        usage
    }

    /// The tokens of a token meter; 0 for every other meter.
    #[must_use]
    pub fn tokens(&self, meter: Meter) -> u64 {
        self.tokens.get(meter.index()).copied().unwrap_or(0)
    }

    /// Sets the tokens of a meter; a meter that does not count tokens takes the number as its quantity.
    pub fn set_tokens(&mut self, meter: Meter, tokens: u64) {
        match self.tokens.get_mut(meter.index()) {
            Some(slot) => *slot = tokens,
            None => self.set(meter, Decimal::from(tokens)),
        }
    }

    /// Sets the quantity of a meter that does not count tokens; fractions of a token do not exist, so for a token
    /// meter the whole part counts.
    pub fn set(&mut self, meter: Meter, quantity: Decimal) {
        if meter.is_tokens() {
            return self.set_tokens(meter, quantity.trunc().try_into().unwrap_or(u64::MAX));
        }
        match self.beside.binary_search_by_key(&meter, |(m, _)| *m) {
            Ok(at) => self.beside[at].1 = quantity,
            Err(at) => self.beside.insert(at, (meter, quantity)),
        }
    }

    /// The quantity of any meter.
    #[must_use]
    pub fn quantity(&self, meter: Meter) -> Decimal {
        if meter.is_tokens() {
            return Decimal::from(self.tokens(meter));
        }
        self.beside.iter().find(|(m, _)| *m == meter).map_or(Decimal::ZERO, |(_, q)| *q)
    }

    /// Every meter with more than zero, in the order of [`Meter::ALL`].
    pub fn used(&self) -> impl Iterator<Item = (Meter, Decimal)> + '_ {
        let tokens = Meter::ALL.iter().zip(&self.tokens).filter(|(_, n)| **n > 0).map(|(m, n)| (*m, Decimal::from(*n)));
        tokens.chain(self.beside.iter().copied().filter(|(_, q)| !q.is_zero()))
    }

    /// All tokens of the prompt, cached ones included: what a context tier and a context window are measured by.
    #[must_use]
    pub fn prompt_tokens(&self) -> u64 {
        self.side_tokens(Side::Prompt)
    }

    /// All tokens of the answer, thinking included.
    #[must_use]
    pub fn answer_tokens(&self) -> u64 {
        self.side_tokens(Side::Answer)
    }

    fn side_tokens(&self, side: Side) -> u64 {
        let parts = Meter::ALL.iter().zip(&self.tokens).filter(|(m, _)| m.side() == side);
        parts.fold(0, |sum, (_, n)| sum.saturating_add(*n))
    }
}

impl std::ops::AddAssign<&Usage> for Usage {
    fn add_assign(&mut self, other: &Usage) {
        for (mine, theirs) in self.tokens.iter_mut().zip(&other.tokens) {
            *mine = mine.saturating_add(*theirs);
        }
        for (meter, quantity) in &other.beside {
            let sum = self.quantity(*meter).saturating_add(*quantity);
            self.set(*meter, sum);
        }
    }
}
