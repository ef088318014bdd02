//! The protocol buffer of SentencePiece: pieces with scores, and what is done to a text before.
//!
//! Only models of the byte-pair kind that leave the text as it is are counted; a unigram model, or one with a table of
//! replacements, is refused, because its counts could not be compared with SentencePiece here.

use super::super::spm::OwnPieces;
use super::super::vocab::Vocabulary;
use super::super::vocabulary_error::VocabularyError;

/// A piece: its text, its score and its type.
pub(super) struct Piece {
    pub text: Vec<u8>,
    pub score: f32,
    pub kind: u64,
}

const NORMAL: u64 = 1;
const USER_DEFINED: u64 = 4;
const UNUSED: u64 = 5;
const BYTE: u64 = 6;

/// Fields of a message, of which each piece is one: the largest known model has a million.
const MOST_FIELDS: usize = 4_000_000;

pub(super) fn read(name: &str, bytes: &[u8]) -> Result<OwnPieces, VocabularyError> {
    let mut pieces = Vec::new();
    // The defaults of the format.
    let (mut kind, mut suffix) = (1, 0);
    let (mut mark_first, mut squeezes, mut escapes, mut replaces) = (1, 1, 1, false);
    for field in fields(bytes)? {
        match field {
            (1, Wire::Bytes(inner)) => pieces.push(piece(inner)?),
            (2, Wire::Bytes(trainer)) => {
                for field in fields(trainer)? {
                    match field {
                        (3, Wire::Number(number)) => kind = number,
                        (24, Wire::Number(number)) => suffix = number,
                        _ => {}
                    }
                }
            }
            (3, Wire::Bytes(normalizer)) => {
                for field in fields(normalizer)? {
                    match field {
                        (2, Wire::Bytes(table)) => replaces = !table.is_empty(),
                        (3, Wire::Number(number)) => mark_first = number,
                        (4, Wire::Number(number)) => squeezes = number,
                        (5, Wire::Number(number)) => escapes = number,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    match () {
        () if kind != 2 => Err(VocabularyError::Inexact(format!(
            "it is a {} model, and only byte-pair ones are exact here",
            kind_name(kind)
        ))),
        () if replaces => {
            Err(VocabularyError::inexact("it replaces characters by a table of its own before it counts"))
        }
        () if squeezes != 0 => Err(VocabularyError::inexact("it drops spaces before it counts")),
        () if escapes == 0 || suffix != 0 => {
            Err(VocabularyError::inexact("it marks spaces in a way that is not known here"))
        }
        () => of_pieces(name, pieces, mark_first != 0),
    }
}

fn kind_name(kind: u64) -> &'static str {
    match kind {
        1 => "unigram",
        3 => "word",
        _ => "character",
    }
}

/// A tokenizer of pieces that are merged by score.
pub(super) fn of_pieces(name: &str, mut pieces: Vec<Piece>, mark_first: bool) -> Result<OwnPieces, VocabularyError> {
    let of_kind = |kind| pieces.iter().filter(move |piece| piece.kind == kind);
    if of_kind(BYTE).count() != 256 {
        return Err(VocabularyError::inexact(
            "it has no tokens for bytes, so unknown characters count in a way of its own",
        ));
    }
    if of_kind(UNUSED).next().is_some() {
        return Err(VocabularyError::inexact("it has pieces that are not used"));
    }
    let symbols: Vec<Vec<u8>> = of_kind(USER_DEFINED).map(|piece| piece.text.clone()).collect();
    pieces.retain(|piece| piece.kind == NORMAL);
    if pieces.iter().any(|piece| std::str::from_utf8(&piece.text).is_err() || !piece.score.is_finite()) {
        return Err(VocabularyError::broken("one of its pieces is no text or has no score"));
    }
    pieces.sort_by(|a, b| b.score.total_cmp(&a.score));
    let merges = |piece: &Piece| String::from_utf8_lossy(&piece.text).chars().nth(1).is_some();
    if pieces.windows(2).any(|two| two[0].score == two[1].score && merges(&two[0]) && merges(&two[1])) {
        return Err(VocabularyError::inexact("two of its pieces have the same score, so their order is not known"));
    }
    let tokens: Vec<Vec<u8>> = pieces.into_iter().map(|piece| piece.text).collect();
    OwnPieces::new(name, Vocabulary::of(&tokens)?, &symbols, mark_first)
}

fn piece(bytes: &[u8]) -> Result<Piece, VocabularyError> {
    let mut piece = Piece { text: Vec::new(), score: 0.0, kind: NORMAL };
    for field in fields(bytes)? {
        match field {
            (1, Wire::Bytes(text)) => piece.text = text.to_vec(),
            (2, Wire::Fixed(bits)) => piece.score = f32::from_bits(bits),
            (3, Wire::Number(kind)) => piece.kind = kind,
            _ => {}
        }
    }
    Ok(piece)
}

enum Wire<'a> {
    Number(u64),
    Fixed(u32),
    Bytes(&'a [u8]),
}

/// The fields of a protocol buffer: their numbers and values.
fn fields(bytes: &[u8]) -> Result<Vec<(u64, Wire<'_>)>, VocabularyError> {
    let cut_off = || VocabularyError::broken("it is damaged: a field ends early");
    let mut rest = bytes;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let key = varint(&mut rest).ok_or_else(cut_off)?;
        let value = match key & 7 {
            0 => Wire::Number(varint(&mut rest).ok_or_else(cut_off)?),
            1 => {
                rest = rest.get(8..).ok_or_else(cut_off)?;
                continue;
            }
            2 => {
                let length = varint(&mut rest).and_then(|length| usize::try_from(length).ok()).ok_or_else(cut_off)?;
                let (value, after) = rest.split_at_checked(length).ok_or_else(cut_off)?;
                rest = after;
                Wire::Bytes(value)
            }
            5 => {
                let (value, after) = rest.split_first_chunk::<4>().ok_or_else(cut_off)?;
                rest = after;
                Wire::Fixed(u32::from_le_bytes(*value))
            }
            _ => return Err(VocabularyError::broken("it is no protocol buffer of SentencePiece")),
        };
        found.push((key >> 3, value));
        if found.len() > MOST_FIELDS {
            return Err(VocabularyError::Broken(format!("it has more than {MOST_FIELDS} fields")));
        }
    }
    Ok(found)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::super::vocab::{Tokens, frames};
    use super::super::super::{Tokenizer, load};
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = bytes.len();
        while length >= 0x80 {
            out.push(length as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend_from_slice(bytes);
        out
    }

    /// Mistral's first model as a `.model`, of some kind and with some treatment of spaces.
    fn model(kind: u8, squeezes: u8) -> Vec<u8> {
        let tokens = Tokens::unpack(frames::MISTRAL_SPM).unwrap();
        let bytes = (0..=255).map(|byte: u8| (format!("<0x{byte:02X}>").into_bytes(), 0.0_f32, 6));
        let pieces = (0_i16..).zip(tokens.iter()).map(|(rank, token)| (token.to_vec(), f32::from(-rank), 1));
        let mut out = Vec::new();
        for (text, score, kind) in bytes.chain(pieces) {
            let mut piece = field(1, &text);
            piece.push(2 << 3 | 5);
            piece.extend(score.to_le_bytes());
            piece.extend([3 << 3, kind]);
            out.extend(field(1, &piece));
        }
        out.extend(field(2, &[3 << 3, kind]));
        out.extend(field(3, &[4 << 3, squeezes]));
        out
    }

    #[test]
    #[cfg_attr(not(feature = "open-models"), ignore = "needs the feature open-models")]
    fn a_byte_pair_model_counts_as_it_was_published() {
        let own = read("mine", &model(2, 0)).unwrap();
        let text = "Bonjour  \u{e0} tous,\n\u{1f600} <s> \u{2581}x ".repeat(9_000);
        assert_eq!(own.count(&text), load("mistral_v1_spm").unwrap().count(&text));
        assert_eq!(own.count("").tokens, 0);
    }

    #[test]
    #[cfg_attr(not(feature = "open-models"), ignore = "needs the feature open-models")]
    fn what_is_not_exact_here_is_refused_with_the_way_out() {
        let refused = |bytes: &[u8]| read("mine", bytes).err().unwrap();
        let error = |bytes: &[u8]| refused(bytes).to_string();
        assert!(error(&model(1, 0)).contains("unigram"));
        assert!(refused(&model(1, 0)).help().unwrap().contains("tokenizer.json"));
        assert!(error(&model(2, 1)).contains("drops spaces"));
        let whole = model(2, 0);
        assert!(error(&whole[..whole.len() / 2]).contains("damaged"));
    }
}
