//! What may be chosen to make a feature cheaper: [`Choice`].

use rust_decimal::Decimal;

use crate::pricing::need::Need;

/// How long an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Latency {
    /// Somebody waits: no queue.
    Interactive,
    /// Minutes: queues such as flex.
    Minutes,
    /// A day: batches too.
    Day,
}

/// What may be chosen for a feature.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Patterns of the models allowed; every live one at its maker where there are none.
    pub models: Vec<String>,
    /// What a model must be able to do.
    pub needs: Vec<Need>,
    /// The least score of the user's own.
    pub score: Option<Decimal>,
    /// How long an answer may take; as the feature says where it is not given.
    pub latency: Option<Latency>,
    /// Whether prompts may be cached, or cached for another time.
    pub cache: bool,
    /// Tokens at which an answer may be cut off.
    pub cap: Option<u64>,
    /// Line of the file.
    pub line: usize,
}
