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

#![warn(missing_docs, unreachable_pub)]
// Documentation of what is not promised leads contributors on, to private items too.
#![allow(rustdoc::private_intra_doc_links)]
// The program calls what the library alone may leave unused.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports))]

#[doc(hidden)]
pub mod calculator;
mod farebox;
#[doc(hidden)]
pub mod input;
#[doc(hidden)]
pub mod jobs;
pub mod pricing;
#[doc(hidden)]
pub mod range;
#[doc(hidden)]
pub mod report;

pub use self::calculator::estimate::Estimate;
pub use self::calculator::{Cost, LineItem, Refusal};
pub use self::farebox::{
    Checked, CheckedFinding, Compared, CountError, Farebox, ModelUsage, Planned, PlannedMonth, PriceError, PricesError,
    RequestCount, Task, UsageCost, Used,
};
pub use self::jobs::JobError;
pub use self::range::Range;
#[doc(hidden)]
pub use farebox_prices::similar;
pub use farebox_prices::{context, meter, money, period, usage};
#[doc(hidden)]
pub use farebox_tokenizer::files;
pub use farebox_tokenizer::{self as tokenizer, conversation};
