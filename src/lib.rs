//! Counts LLM tokens and says what they cost, before and after they are spent.
//!
//! Data flows one way: input → tokenizer → pricing → calculator → report. Each step is a module that can be used alone.
//!
//! # Examples
//!
//! One example through all the steps: count a prompt, find the rates that held on a day, price it, print it.
//!
//! ```
//! use farebox::calculator::price;
//! use farebox::context::Context;
//! use farebox::pricing::PriceTable;
//! use farebox::usage::Usage;
//!
//! let tokens = farebox::tokenizer::load("o200k_base")?.count("Why is the sky blue?").tokens;
//! assert_eq!(tokens, 6);
//!
//! let at = "2024-12-01".parse()?;
//! let table = PriceTable::bundled();
//! let found = table.find("gpt-4o", at)?;
//! let cost = price(&found.provider, &found.model, &Usage::tokens_in_out(tokens, 100), &Context::default(), at)?;
//! assert_eq!(cost.total.to_string(), "0.001015"); // 6 × 2.50 ÷ 1M + 100 × 10 ÷ 1M
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod calculator;
mod farebox;
pub mod input;
pub mod jobs;
pub mod pricing;
pub mod range;
pub mod report;

pub use self::farebox::{
    Checked, CheckedFinding, Compared, CountError, Farebox, ModelUsage, Planned, PlannedMonth, PriceError, PricesError,
    RequestCount, Task, UsageCost, Used,
};
pub use self::jobs::JobError;
pub use farebox_prices::{context, meter, money, period, similar, usage};
#[doc(hidden)]
pub use farebox_tokenizer::files;
pub use farebox_tokenizer::{self as tokenizer, conversation};
