//! Maps of a price file as text: where the keys of a period or a model are, in both of the styles that YAML has.
//!
//! Only what the price files use is known: maps in braces and maps by indentation. Anything else is `None`, and is left to
//! a person.

use std::ops::Range;

/// An item of a list: the map that begins behind a dash.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Its lines in the text, from the dash to the end of its last line.
    pub lines: Range<usize>,
    /// The column of its keys.
    pub indent: usize,
    /// Whether it is in braces.
    pub is_flow: bool,
    /// Its keys, each with where it is and its value, up to the next key.
    pub keys: Vec<(String, Range<usize>)>,
}

impl Block {
    /// The item of a list around a key of its that begins with `key:`, given a place inside of the key's value.
    pub(super) fn around(text: &str, key: &str, value_at: usize) -> Option<Block> {
        let key_at = text[..value_at].rfind(&format!("{key}:"))?;
        let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |i| i + 1);
        let column = key_at - line_start(key_at);
        let is_flow = text[line_start(key_at)..key_at].contains('{');
        let mut start = line_start(key_at);
        loop {
            let line = text[start..].lines().next()?;
            let dash = line.len() - line.trim_start().len();
            if line[dash..].starts_with("- ") && dash < column && (!is_flow || line[dash + 2..].starts_with('{')) {
                // A key of a map inside of the item is not one of its own.
                return Block::of(text, start, dash, is_flow)
                    .filter(|block| block.key(key).is_some_and(|own| own.start == key_at));
            }
            start = line_start(start.checked_sub(1)?);
        }
    }

    /// The item whose dash is in the line that begins at a place.
    fn of(text: &str, start: usize, dash: usize, is_flow: bool) -> Option<Block> {
        let mut end = start + line_len(&text[start..]);
        let mut last = end;
        while end < text.len() {
            let line = &text[end..end + line_len(&text[end..])];
            let indent = line.len() - line.trim_start().len();
            let is_blank = line.trim().is_empty();
            if !is_blank && indent <= dash {
                break;
            }
            end += line.len();
            // Blank lines behind an item part it from the next one.
            last = if is_blank { last } else { end };
        }
        let indent = dash + 2;
        let keys = if is_flow { flow_keys(text, start + indent)? } else { block_keys(text, start, last, indent) };
        Some(Block { lines: start..last, indent, is_flow, keys })
    }

    pub(super) fn key(&self, name: &str) -> Option<&Range<usize>> {
        self.keys.iter().find(|(key, _)| key == name).map(|(_, range)| range)
    }
}

fn line_len(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |i| i + 1)
}

/// Keys at a column, each up to the next one.
fn block_keys(text: &str, start: usize, end: usize, indent: usize) -> Vec<(String, Range<usize>)> {
    let mut keys: Vec<(String, Range<usize>)> = Vec::new();
    let mut at = start;
    while at < end {
        let len = line_len(&text[at..]);
        let line = &text[at..at + len];
        let is_first = at == start;
        let own = line.len() - line.trim_start().len() == indent || is_first;
        let name = line.get(indent..).filter(|_| own).and_then(key_name);
        if let Some(name) = name {
            if let Some((_, last)) = keys.last_mut() {
                last.end = at;
            }
            keys.push((name, at + indent..end));
        }
        at += len;
    }
    keys
}

fn key_name(text: &str) -> Option<String> {
    let (name, _) = text.split_once(':')?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    is_name.then(|| name.to_owned())
}

/// Keys of a map in braces that begins at a place; each range ends behind its comma and the spaces after it.
fn flow_keys(text: &str, brace: usize) -> Option<Vec<(String, Range<usize>)>> {
    let mut keys = Vec::new();
    let mut at = brace + 1;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        if text[at..].starts_with('}') {
            return Some(keys);
        }
        let name = key_name(&text[at..])?;
        let (end, is_last) = flow_value_end(&text[at..])?;
        keys.push((name, at..at + end));
        if is_last {
            return Some(keys);
        }
        at += end;
    }
}

/// Where a pair in braces ends: behind its comma and spaces, or before the brace that closes the map.
fn flow_value_end(text: &str) -> Option<(usize, bool)> {
    let (mut depth, mut quote) = (0_usize, None);
    let mut escaped = false;
    for (i, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('"'), '\\') => escaped = true,
            (Some(open), _) => quote = if c == open { None } else { quote },
            (None, '"' | '\'') => quote = Some(c),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') if depth == 0 => return Some((i, true)),
            (None, '}' | ']') => depth -= 1,
            (None, ',') if depth == 0 => {
                let rest = &text[i + 1..];
                return Some((i + 1 + rest.len() - rest.trim_start_matches(' ').len(), false));
            }
            _ => {}
        }
    }
    None
}
