//! Packs the piece lists of ctok into `data/vocab/claude/`.
//!
//! ```sh
//! pip download --no-deps --only-binary=:all: --python-version 3.12 ctok==1.3.0
//! unzip ctok-1.3.0-py3-none-any.whl -d ctok
//! cargo run -p farebox-tokenizer --all-features --example pack_claude -- ctok/ctok/data data/vocab/claude
//! ```
//!
//! The format is described in `src/tokenizer/claude/vocab.rs`. What the engine relies on is checked here: pieces end at
//! marks, and none mixes white space or ASCII digits with anything else.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::Value;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let folders: Vec<_> = std::env::args_os().skip(1).collect();
    let [from, to] = folders.as_slice() else {
        return Err("usage: pack_claude <ctok/data> <data/vocab/claude>".into());
    };
    for (source, packed) in [("pieces_v3.json", "claude_v3.zz"), ("pieces_v4_7.json", "claude_v4_7.zz")] {
        let json = std::fs::read_to_string(Path::new(from).join(source))?;
        std::fs::write(Path::new(to).join(packed), PieceList::read(&json)?.pack()?)?;
    }
    Ok(())
}

#[derive(Default)]
struct PieceList {
    /// The forms that each text comes in, as bits.
    forms: BTreeMap<Vec<u8>, u8>,
    byte_prefixes: BTreeSet<Vec<u8>>,
}

impl PieceList {
    fn read(json: &str) -> Result<Self> {
        let document: Value = serde_json::from_str(json)?;
        let mut pieces = PieceList::default();
        for (group, tokens) in document["tokens"].as_object().ok_or("no tokens")? {
            for notation in tokens.as_object().ok_or("a group is not a map")?.keys() {
                match group.as_str() {
                    "bytes_fallback" => {
                        pieces.byte_prefixes.insert(hex(notation)?);
                    }
                    // A mark that no piece covers costs one token by the engine's rules.
                    "markers" => {}
                    _ => pieces.add(notation)?,
                }
                if group == "contractions" {
                    pieces.add(&format!("{notation}⟨eow⟩"))?;
                }
            }
        }
        Ok(pieces)
    }

    fn add(&mut self, notation: &str) -> Result<()> {
        let (case, rest) = match (notation.strip_prefix("⟨shift⟩"), notation.strip_prefix("⟨caps⟩")) {
            (Some(rest), _) => (4, rest),
            (_, Some(rest)) => (6, rest),
            _ => (0, notation),
        };
        let (open, rest) = rest.strip_prefix("⟨bow⟩").map_or((0, rest), |rest| (2, rest));
        let (closed, rest) = rest.strip_suffix("⟨eow⟩").map_or((0, rest), |rest| (1, rest));
        let text = unescape(rest)?;
        let form = match (case, open) {
            (0, open) => open,
            (case, 2) => case,
            _ => return Err(format!("{notation}: a capital outside a word").into()),
        };
        check(notation, &text)?;
        *self.forms.entry(text.into_bytes()).or_default() |= 1 << (form + closed);
        Ok(())
    }

    fn pack(&self) -> Result<Vec<u8>> {
        let mut columns: [Vec<u8>; 4] = Default::default();
        let [shared, added, forms, text] = &mut columns;
        let mut last: &[u8] = &[];
        for (piece, form) in &self.forms {
            let same = piece.iter().zip(last).take_while(|(a, b)| a == b).count();
            shared.push(u8::try_from(same)?);
            added.push(u8::try_from(piece.len() - same)?);
            forms.push(*form);
            text.extend(&piece[same..]);
            last = piece;
        }
        let mut file = Vec::new();
        file.extend(u32::try_from(self.forms.len())?.to_le_bytes());
        file.extend(u32::try_from(self.byte_prefixes.len())?.to_le_bytes());
        columns.iter().for_each(|column| file.extend(column));
        for prefix in &self.byte_prefixes {
            file.push(u8::try_from(prefix.len())?);
            file.extend(prefix);
        }
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(&file)?;
        Ok(zlib.finish()?)
    }
}

/// Reads `⟨0xE2⟩⟨0x9F⟩⟨0xA8⟩`, the notation of what would look like a mark.
fn unescape(notation: &str) -> Result<String> {
    let mut bytes = Vec::new();
    let mut rest = notation;
    while let Some((before, escape)) = rest.split_once("⟨0x") {
        let (digits, after) = escape.split_once('⟩').ok_or("an escape without an end")?;
        bytes.extend(before.as_bytes());
        bytes.extend(hex(digits)?);
        rest = after;
    }
    bytes.extend(rest.as_bytes());
    Ok(String::from_utf8(bytes)?)
}

fn hex(digits: &str) -> Result<Vec<u8>> {
    let pairs = (0..digits.len()).step_by(2).map(|at| digits.get(at..at + 2).ok_or("half a byte"));
    pairs.map(|pair| Ok(u8::from_str_radix(pair?, 16)?)).collect()
}

fn check(notation: &str, text: &str) -> Result<()> {
    let mixes = |of: fn(char) -> bool| text.chars().any(of) && !text.chars().all(of);
    let is_han = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    match () {
        () if text.is_empty() || text.contains(['⟨', '⟩']) => {
            Err(format!("{notation}: a mark where none is known").into())
        }
        () if mixes(|c| c.is_whitespace()) => Err(format!("{notation}: mixes white space with other text").into()),
        () if mixes(|c| c.is_ascii_digit()) => Err(format!("{notation}: mixes digits with other text").into()),
        () if text.chars().count() > 1 && text.contains(is_han) => {
            Err(format!("{notation}: more than one ideograph").into())
        }
        () => Ok(()),
    }
}
