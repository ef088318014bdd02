//! What one request used and stated: [`Used`].

use rust_decimal::Decimal;

use crate::context::{Context, Dimension};
use crate::meter::Meter;
use crate::usage::Usage;

/// What one request used, and what it stated that its price may depend on.
///
/// The counts are disjoint: a token that was read from the cache is in [`cache_read`](Used::cache_read) and not in
/// [`input`](Used::input). Anything that has no method of its own goes through [`meter`](Used::meter) and
/// [`state`](Used::state).
///
/// # Examples
/// ```
/// use farebox::{Used, context::Dimension, meter::Meter};
/// let used = Used::new().input(2_000).cache_read(48_000).output(1_200).batch();
/// assert_eq!(used.usage.prompt_tokens(), 50_000);
/// let searched = Used::new().input(500).output(100).meter(Meter::WebSearches, 2).state(Dimension::Region, "eu");
/// assert_eq!(searched.context.get(Dimension::Region), Some("eu"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// The quantities.
    pub usage: Usage,
    /// What the request stated.
    pub context: Context,
}

impl Used {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Used::default()
    }

    /// Tokens of the prompt that were not cached.
    #[must_use]
    pub fn input(self, tokens: u64) -> Self {
        self.meter(Meter::Input, tokens)
    }

    /// Tokens of the prompt that were read from the cache.
    #[must_use]
    pub fn cache_read(self, tokens: u64) -> Self {
        self.meter(Meter::CacheRead, tokens)
    }

    /// Tokens of the answer, thinking included.
    #[must_use]
    pub fn output(self, tokens: u64) -> Self {
        self.meter(Meter::Output, tokens)
    }

    /// Any other quantity, in the units of its meter.
    #[must_use]
    pub fn meter(mut self, meter: Meter, quantity: impl Into<Decimal>) -> Self {
        self.usage.set(meter, quantity.into());
        self
    }

    /// The request was processed in a batch.
    #[must_use]
    pub fn batch(self) -> Self {
        self.state(Dimension::Processing, "batch")
    }

    /// Something else that the request stated, such as its service tier or region.
    #[must_use]
    pub fn state(mut self, dimension: Dimension, value: &str) -> Self {
        self.context.set(dimension, value);
        self
    }
}

impl From<Usage> for Used {
    fn from(usage: Usage) -> Self {
        Used { usage, context: Context::default() }
    }
}
