//! What was said in a log of requests, where it holds that: [`long_texts`].

use std::io::Read;

use serde_json::Value;

use super::open::open;
use crate::input::text::Source;

/// Long texts of prompts and answers in the beginnings of sources, a few hundred at most. A log that cannot be read here is
/// reported when it is priced.
pub(crate) fn long_texts(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(of_source).take(MOST_TEXTS).collect()
}

/// Maximum number of texts that are of use, and the bytes that each has at least: short ones say little.
const MOST_TEXTS: usize = 200;
const LEAST_BYTES: usize = 400;
/// How much of each file is looked at for them.
const LOOKED_AT: u64 = 1 << 20;

fn of_source(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    // What can be read once only, standard input or a named pipe, is kept for the records.
    if !matches!(source, Source::File(path) if path.is_file()) {
        return found;
    }
    for part in open(source).into_iter().flatten().filter_map(Result::ok) {
        let mut start = Vec::new();
        if part.reader.take(LOOKED_AT).read_to_end(&mut start).is_err() {
            continue;
        }
        for document in serde_json::Deserializer::from_slice(&start).into_iter::<Value>().map_while(Result::ok) {
            collect(&document, "", &mut found);
        }
    }
    found
}

/// Every long string under a name that holds what was said.
fn collect(value: &Value, name: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if is_said(name) && text.len() >= LEAST_BYTES => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, found)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| collect(value, name, found)),
        _ => {}
    }
}

fn is_said(name: &str) -> bool {
    matches!(
        name,
        "content" | "text" | "input" | "output" | "prompt" | "completion" | "arguments" | "thinking" | "instructions"
    )
}
