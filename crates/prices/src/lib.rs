//! What providers of language models bill, under which conditions, and the files that say at which price.
//!
//! The words that every step of farebox shares are here: [`meter`]s, the [`context`] of a request, [`usage`], exact
//! [`money`] and [`period`]s. So is the price file: [`yaml`] reads it as it is written, [`mod@compile`] judges it and turns
//! it into [`card`]s, and [`packed`] keeps cards as bytes that are read in place. Nothing here knows which models there
//! are; the crate `farebox` carries the table.

#![warn(missing_docs, unreachable_pub)]
// Documentation of what is not promised leads contributors on, to private items too.
#![allow(rustdoc::private_intra_doc_links)]

pub mod card;
#[doc(hidden)]
pub mod compile;
pub mod context;
pub mod meter;
pub mod money;
#[doc(hidden)]
pub mod packed;
pub mod period;
pub mod problem;
pub mod usage;
#[doc(hidden)]
pub mod yaml;

#[doc(hidden)]
#[doc(hidden)]
pub use farebox_data::similar;
