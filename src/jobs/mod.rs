//! What farebox is asked for: each job strings the steps together, input → tokenizer → pricing → calculator → report.
//!
//! A job takes values and returns values: results, warnings, errors with their next step. It knows no flags, no terminal,
//! no environment and no clock, so that the command line, the façade and other languages all call the same.
//!
//! Start reading at [`Setup`], which every job works with, and at [`models`], the shortest job.

pub(crate) mod assumed;
pub mod breakeven;
pub mod check;
#[cfg(feature = "folders")]
pub(crate) mod code;
pub mod compare;
pub mod config;
pub mod count;
pub mod demo;
pub mod error;
pub mod estimate;
pub mod init;
pub(crate) mod life;
pub mod models;
pub mod optimise;
pub mod panel;
pub mod plan;
pub mod prices;
#[cfg(feature = "folders")]
pub mod scan;
#[cfg(test)]
mod schemas;
pub mod setup;
pub(crate) mod thinking;
pub mod tokenizers;
pub mod usage;
pub mod what_if;
pub mod workload;

pub use error::JobError;
pub use setup::{AsOf, Setup};
pub(crate) use tokenizers::TokenizerChoice;

/// A number of things: `1 error`, `2 errors`.
#[must_use]
pub fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", crate::money::grouped(number), if number == 1 { "" } else { "s" })
}
