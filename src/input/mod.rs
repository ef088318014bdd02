//! Reads what people have.

pub mod lines;
pub mod text;
