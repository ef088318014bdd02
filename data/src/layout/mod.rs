//! How a vocabulary is laid out so that texts are counted in place: [`make`] writes [`tables`].
//!
//! [`pairs`] makes their perfect hash, and [`find`] works out what tokens are merged from where a file does not say.

pub mod find;
pub mod make;
pub mod pairs;
pub mod tables;
