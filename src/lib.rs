//! Counts LLM tokens and says what they cost, before and after they are spent.
//!
//! Begin with [`Farebox`]: it holds prices, vocabularies and a moment, and counts, prices, compares, plans and checks. The
//! modules have the words that its answers are made of, [`tokenizer`] counts without prices, and [`pricing`] has the table.
//!
//! Nothing here reads the clock or the environment, prints, or opens a file that was not named.
//!
//! # Examples
//!
//! ```
//! use farebox::{Farebox, Used, period::Instant};
//!
//! let fb = Farebox::bundled().at("2024-12-01".parse::<Instant>()?);
//! let tokens = fb.count("gpt-4o", "Why is the sky blue?")?.tokens;
//! assert_eq!(tokens, 6);
//! let cost = fb.price("gpt-4o", Used::new().input(tokens).output(100))?;
//! assert_eq!(cost.total.to_string(), "0.001015"); // 6 × 2.50 ÷ 1M + 100 × 10 ÷ 1M
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `claude`, `llama` and `open-models` bring vocabularies, `tables` lays out those of OpenAI at build time, `media` reads
//! recordings and PDFs, `sqlite` opencode's database, `archives` zip files, `folders` folders, `reference` holds the
//! cross-check of counts, and `cli` the program. A library needs `default-features = false` and the vocabularies that it counts with.

#![warn(missing_docs, unreachable_pub)]
// Documentation of what is not promised leads contributors on, to private items too.
#![allow(rustdoc::private_intra_doc_links)]

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
