//! Reads what people have: text, JSON Lines, usage records. One file for each form; nothing here knows a price.

pub mod chat;
pub mod lines;
pub mod media;
pub mod record;
pub mod text;
