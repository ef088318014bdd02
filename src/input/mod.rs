//! Reads what people have: text, JSON Lines, usage records. One file for each form; nothing here knows a price.

pub mod calls;
pub mod chat;
pub(crate) mod deep;
pub mod dialect;
pub(crate) mod git;
pub(crate) mod json;
pub(crate) mod left;
pub mod lines;
pub mod media;
pub(crate) mod moment;
pub mod record;
pub mod requests;
pub(crate) mod surrogates;
pub mod text;
#[cfg(feature = "folders")]
pub mod walk;
pub(crate) mod wholes;
pub mod workload;
