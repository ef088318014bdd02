//! Where a text may be cut so that the counts of the parts add up to the count of the whole.
//!
//! A GPT tokenizer first splits the text into pieces with a regex and then counts each piece by itself. A place is a
//! *border* when the regex ends a piece there whatever stands farther to the left and right. Two kinds of place are
//! borders for all of r50k, p50k, cl100k and o200k; `a` is the character before the place and `b` the one after it:
//!
//! 1. `a` is not whitespace and `b` is a space or a tab;
//! 2. `a` is a letter or a digit, and `b` is of another kind: a digit after a letter, a letter after a digit, or a
//!    character that is no letter, digit, mark or apostrophe.
//!
//! Proof. No alternative of the three regexes matches a text that has `a` directly before `b`:
//! * a letter is followed, inside a match, only by letters (all three), marks (o200k) or the apostrophe of a
//!   contraction (o200k); so neither a digit nor any other character follows it, which is kind 2. Upper and lower case
//!   do not matter: the cut is never between two letters;
//! * a digit is followed only by digits, which is kind 2;
//! * other characters are followed by letters (as their one-character prefix, or after the apostrophe), by characters
//!   that are neither whitespace, letter nor digit, and by `\r`, `\n` or `/`; so never by a space or a tab, and only
//!   whitespace is, which is kind 1.
//!
//! So no match crosses the place, and one ends there. The parts are then matched as the whole was: to the right
//! because the regexes never look back, and to the left because `a` is not whitespace, while all that looks at what
//! follows a match (`\s+(?!\S)` and `\s+$`) stands after whitespace, whose next character is still there. The test
//! `parts_add_up_to_the_whole` compares both sides on random text.
//!
//! The letters that count here are ranges that hold nothing but letters in every Unicode version; any other character
//! is of unknown kind and gives no border of kind 2, which costs nothing but a later cut.
//!
//! Claude's tokenizers ([`Cuts::Words`]) have other borders. Their text is written with marks that no piece reaches
//! over: one closes each word, and none mixes white space or ASCII digits with other text, or an ideograph with
//! anything. So these are borders, where a word is one of letters and not of Han or Hangul:
//!
//! 1. `b` is a line feed and `a` a letter of the ranges below, an ASCII character that is seen, an ideograph or `、。〃`;
//! 2. `a` is a letter of a word and `b` a space, a tab, an ASCII digit or punctuation, an ideograph or `、。〃`;
//! 3. `a` is an ASCII digit and `b` a tab or ASCII punctuation;
//! 4. `a` is an ideograph and `b` one of `、。〃`.
//!
//! Nor do the marks depend on what is beyond: in 1 and 3 neither side takes one for the other, in 4 neither takes any,
//! and in 2 the word is closed, and a space that follows is a part that begins with a space and is known to follow
//! ([`count_rest`](super::Tokenizer::count_rest)). The apostrophe of a contraction looks back farther, so it is no
//! border. All of `b` begin a character that nothing before composes with, and none of `a` or `b` is stripped.

use super::TokenCount;

/// Bytes of text that are counted at a time, where the text allows it.
pub const CHUNK: usize = 64 << 10;

/// Bytes without a border after which the text is cut where it should not be.
pub(crate) const STRETCH: usize = 4 << 20;

/// How many tokens a cut inside a piece may make a count wrong by.
///
/// A cut at any other place splits one piece in two, and may shift the pieces up to the next border. Over 32 000 cuts
/// of the worst texts we know (runs of one character, of digits, spaces, newlines, marks and emoji, random letters of
/// one and of several scripts), counted with the four GPT vocabularies, the counts of the parts differed from the count
/// of the whole by 3 tokens at most; this is ten times that.
pub(crate) const FORCED_MARGIN: u64 = 32;

/// Which places of a text a tokenizer always ends a piece at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cuts {
    /// The borders that the module's documentation proves for the GPT encodings and for all that split as they do.
    Borders,
    /// Only before a space that follows a letter or a digit.
    Spaces,
    /// The ends of words, numbers and lines that the module's documentation proves for Claude.
    Words,
    /// No place is known: the text is counted as one, up to [`STRETCH`].
    Nowhere,
}

/// The end of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Byte offset.
    pub at: usize,
    /// Whether it is not a border.
    pub forced: bool,
}

/// Where the first part of `text` ends, or `None` while the text is one part or more of it has to be seen.
///
/// The answer depends on the text alone, not on how much of what follows is there: the last border within [`CHUNK`]
/// bytes, else the first border after them, else [`STRETCH`].
#[must_use]
pub(crate) fn next_cut(text: &str, cuts: Cuts) -> Option<Cut> {
    next_cut_beyond(text, cuts, 0)
}

/// [`next_cut`] of a text whose beginning had none.
///
/// * `seen`: length of that beginning, for which the answer was `None`.
#[must_use]
pub(crate) fn next_cut_beyond(text: &str, cuts: Cuts, seen: usize) -> Option<Cut> {
    if text.len() <= CHUNK {
        return None;
    }
    let last = || last_border(&text[..floor_char_boundary(text, CHUNK + 4)], cuts).filter(|_| seen < CHUNK + 4);
    if cuts != Cuts::Nowhere
        && let Some(at) = last().or_else(|| first_border(text, cuts, seen))
    {
        return Some(Cut { at, forced: false });
    }
    (text.len() > STRETCH).then(|| Cut { at: floor_char_boundary(text, STRETCH), forced: true })
}

fn last_border(head: &str, cuts: Cuts) -> Option<usize> {
    if cuts == Cuts::Spaces {
        return memchr::memrchr_iter(b' ', head.as_bytes()).find(|place| *place <= CHUNK && follows_word(head, *place));
    }
    let mut after = None;
    for (at, before) in head.char_indices().rev() {
        match after {
            Some((place, after)) if place <= CHUNK && is_border(before, after, cuts) => return Some(place),
            _ => after = Some((at, before)),
        }
    }
    None
}

fn first_border(text: &str, cuts: Cuts, seen: usize) -> Option<usize> {
    // From the last character that was seen on, which nothing was behind yet.
    let start = floor_char_boundary(text, seen.saturating_sub(1).max(CHUNK));
    let end = floor_char_boundary(text, STRETCH + 4);
    if cuts == Cuts::Spaces {
        let mut spaces = memchr::memchr_iter(b' ', &text.as_bytes()[start..end]).map(|space| start + space);
        return spaces.find(|place| (CHUNK + 1..=STRETCH).contains(place) && follows_word(text, *place));
    }
    let mut before = None;
    let mut chars = text[start..end].char_indices();
    let mut from = start;
    while let Some((at, after)) = chars.next() {
        let place = from + at;
        if before.is_some_and(|before| is_border(before, after, cuts)) && (CHUNK + 1..=STRETCH).contains(&place) {
            return Some(place);
        }
        before = Some(after);
        // No rule has a border between two digits: a number without an end is stepped over.
        if after.is_ascii_digit() {
            from = place + 1 + chars.as_str().bytes().take_while(u8::is_ascii_digit).count();
            chars = text[from..end].char_indices();
        }
    }
    None
}

/// Whether a letter or a digit stands before a space.
fn follows_word(text: &str, space: usize) -> bool {
    text[..space].chars().next_back().is_some_and(|before| is_border(before, ' ', Cuts::Spaces))
}

/// Counts a text part by part; the parts end as in [`next_cut`].
pub(crate) fn count_parts(text: &str, cuts: Cuts, mut count: impl FnMut(&str) -> TokenCount) -> TokenCount {
    let mut total = TokenCount::default();
    let mut rest = text;
    while let Some(Cut { at, forced }) = next_cut(rest, cuts) {
        let (head, tail) = rest.split_at(at);
        total += part(head, forced, &mut count);
        rest = tail;
    }
    total += count(rest);
    total
}

/// Counts one part, and allows for its end if that was forced.
pub(crate) fn part(text: &str, forced: bool, mut count: impl FnMut(&str) -> TokenCount) -> TokenCount {
    let counted = count(text);
    if forced { counted.widened(FORCED_MARGIN) } else { counted }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CutKind {
    Letter,
    Digit,
    /// No letter, digit, mark or apostrophe: whitespace, punctuation, controls.
    Other,
    Unknown,
}

const ASCII: [CutKind; 128] = {
    let mut kinds = [CutKind::Other; 128];
    kinds[b'\'' as usize] = CutKind::Unknown;
    let mut c = 0;
    while c < 128 {
        if (c as u8).is_ascii_alphabetic() {
            kinds[c] = CutKind::Letter;
        } else if (c as u8).is_ascii_digit() {
            kinds[c] = CutKind::Digit;
        }
        c += 1;
    }
    kinds
};

fn kind(c: char) -> CutKind {
    if let Some(kind) = ASCII.get(c as usize) {
        return *kind;
    }
    match c {
        // Latin with accents, Greek, Cyrillic, Hebrew, Arabic, Devanagari, Thai
        '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2b8}' | '\u{391}'..='\u{3a1}' => CutKind::Letter,
        '\u{3a3}'..='\u{3e1}' | '\u{400}'..='\u{481}' | '\u{48a}'..='\u{52f}' | '\u{5d0}'..='\u{5ea}' => {
            CutKind::Letter
        }
        '\u{620}'..='\u{64a}' | '\u{904}'..='\u{939}' | '\u{e01}'..='\u{e30}' => CutKind::Letter,
        // kana, Han, Hangul
        '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fa5}' | '\u{ac00}'..='\u{d7a3}' => {
            CutKind::Letter
        }
        // dashes, quotation marks, ellipsis; ideographic space, comma, full stop, brackets; their full-width forms
        '\u{2010}'..='\u{2027}' | '\u{3000}'..='\u{3003}' | '\u{3008}'..='\u{3011}' => CutKind::Other,
        '\u{ff01}'..='\u{ff06}' | '\u{ff08}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' => CutKind::Other,
        _ => CutKind::Unknown,
    }
}

/// Whether a piece always ends between two neighbouring characters; the module's documentation proves it.
#[must_use]
pub(crate) fn is_border(before: char, after: char, cuts: Cuts) -> bool {
    // The most of a long run.
    if before == after {
        return false;
    }
    match cuts {
        Cuts::Borders => {}
        Cuts::Spaces => return after == ' ' && before.is_alphanumeric(),
        Cuts::Words => return ends_stretch(before, after),
        Cuts::Nowhere => return false,
    }
    if matches!(after, ' ' | '\t') && !before.is_whitespace() {
        return true;
    }
    match (kind(before), kind(after)) {
        (CutKind::Letter, after) => matches!(after, CutKind::Digit | CutKind::Other),
        (CutKind::Digit, after) => matches!(after, CutKind::Letter | CutKind::Other),
        _ => false,
    }
}

/// Whether a stretch of Claude's marked text always ends between two neighbouring characters.
fn ends_stretch(before: char, after: char) -> bool {
    let alone = |c| matches!(c, '\u{4e00}'..='\u{9fa5}' | '\u{3001}'..='\u{3003}');
    let punct = |c: char| c.is_ascii_punctuation() && c != '\'';
    match kind(before) {
        _ if after == '\n' => before.is_ascii_graphic() || alone(before) || kind(before) == CutKind::Letter,
        CutKind::Letter if alone(before) => matches!(after, '\u{3001}'..='\u{3003}'),
        CutKind::Letter if matches!(before, '\u{ac00}'..='\u{d7a3}') => false,
        CutKind::Letter => matches!(after, ' ' | '\t' | '0'..='9') || punct(after) || alone(after),
        CutKind::Digit => after == '\t' || punct(after),
        CutKind::Other | CutKind::Unknown => false,
    }
}

/// The largest character boundary at or before `at`.
#[must_use]
pub fn floor_char_boundary(text: &str, at: usize) -> usize {
    if at >= text.len() {
        return text.len();
    }
    (0..=at).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpe::{ByteLevel, CL100K, O200K, P50K, R50K};
    use crate::{Basis, StreamCounter, Tokenizer, load};
    use proptest::prelude::*;

    #[test]
    fn the_first_border_is_the_first_whatever_was_stepped_over_and_seen() {
        let run: String = (0..CHUNK + 40).map(|i| char::from(b'0' + (i % 7) as u8)).collect();
        for (tail, cuts) in
            [("a", Cuts::Borders), (" b", Cuts::Spaces), (",", Cuts::Words), ("\u{e9} x", Cuts::Borders)]
        {
            let text = format!("{run}{tail}{run}");
            for seen in [0, CHUNK + 4, CHUNK + 39, CHUNK + 40] {
                let slow = text.char_indices().zip(text.chars().skip(1)).find(|((_, a), b)| is_border(*a, *b, cuts));
                let want = slow.map(|((at, a), _)| Cut { at: at + a.len_utf8(), forced: false });
                assert_eq!(next_cut_beyond(&text, cuts, seen), want, "{tail:?} {cuts:?} {seen}");
            }
        }
        assert_eq!(next_cut(&run, Cuts::Borders), None);
    }

    /// Text of everything that the regexes treat apart, in all neighbourhoods.
    pub(crate) fn mixed_text(pieces: std::ops::Range<usize>) -> impl Strategy<Value = String> {
        let words = [
            "a",
            "B",
            "word",
            "HTTPServer",
            "\u{e9}",
            "\u{1c5}",
            "\u{2b0}",
            "\u{aa}",
            "\u{4f60}\u{597d}",
            "\u{304b}",
            "\u{30a2}",
            "\u{d55c}",
            "\u{434}\u{410}",
            "\u{5e2}",
            "\u{639}",
            "\u{939}\u{93f}",
            "\u{e01}\u{e4c}",
            "e\u{301}",
            "\u{301}",
            "\u{24b6}",
            "1",
            "12345",
            "\u{b2}",
            "\u{2167}",
            "\u{663}",
            " ",
            "  ",
            "   ",
            "\t",
            "\n",
            "\n\n",
            "\r\n",
            "\u{a0}",
            "\u{3000}",
            "\u{2028}",
            "\u{85}",
            "\0",
            "'",
            "'s",
            "'LL",
            "'\u{17f}",
            "\u{2019}",
            "\"",
            ".",
            ",",
            "/",
            "!",
            "-",
            "_",
            "\u{2014}",
            "\u{3002}",
            "\u{ff0c}",
            "\u{1f600}",
            "\u{200d}",
            "\u{fe0f}",
            "\u{2500}",
            "<|endoftext|>",
            "{\"k\":",
            "://",
            "\u{212a}",
        ];
        prop::collection::vec(prop::sample::select(words.to_vec()), pieces).prop_map(|words| words.concat())
    }

    fn engines() -> [ByteLevel; 4] {
        [&R50K, &P50K, &CL100K, &O200K].map(ByteLevel::new)
    }

    proptest! {
        #![proptest_config(farebox_testing::laws::cases(400))]

        #[test]
        fn parts_add_up_to_the_whole(text in mixed_text(0..60)) {
            let mut parts = vec![];
            let mut start = 0;
            let places = text.char_indices().zip(text.chars().skip(1));
            for ((at, before), after) in places {
                if is_border(before, after, Cuts::Borders) {
                    let end = at + before.len_utf8();
                    parts.push(&text[start..end]);
                    start = end;
                }
            }
            parts.push(&text[start..]);
            for engine in engines() {
                let sum: u64 = parts.iter().map(|part| engine.count(part).tokens).sum();
                prop_assert_eq!(sum, engine.count(&text).tokens, "{} {:?}", engine.name(), parts);
            }
        }
    }

    proptest! {
        #![proptest_config(farebox_testing::laws::cases(4))]

        #[test]
        fn streaming_counts_what_the_whole_counts(text in mixed_text(60_000..70_000), sizes in prop::collection::vec(1usize..100_000, 1..9)) {
            prop_assert!(text.len() > 2 * CHUNK);
            for name in ["cl100k_base", "o200k_base", "claude_v3"] {
                let mut counter = StreamCounter::new(load(name).unwrap());
                let mut rest = text.as_str();
                for size in sizes.iter().cycle() {
                    let (block, after) = rest.split_at(floor_char_boundary(rest, *size));
                    counter.push(block);
                    rest = after;
                    if rest.is_empty() { break; }
                }
                prop_assert_eq!(counter.finish(), load(name).unwrap().count(&text));
            }
        }
    }

    #[test]
    fn a_whole_text_is_counted_as_one_piece_list() {
        // The reference does not cut at all: it is the crate's own count of the whole.
        let text =
            "The quick brown fox didn't jump; 1234567 over\n\n  the LAZY dog\u{2014}\u{4f60}\u{597d}\u{3002}\t\tEnd.\n"
                .repeat(2_000);
        assert!(text.len() > 2 * CHUNK);
        assert_eq!(
            ByteLevel::new(&O200K).count(&text).tokens,
            tiktoken_rs::o200k_base_singleton().count_ordinary(&text) as u64
        );
        assert_eq!(
            ByteLevel::new(&R50K).count(&text).tokens,
            tiktoken_rs::r50k_base_singleton().count_ordinary(&text) as u64
        );
    }

    #[test]
    fn letters_are_letters_and_others_are_none() {
        let letter = regex::Regex::new(r"^\p{L}$").unwrap();
        let other = regex::Regex::new(r"^[^\p{L}\p{N}\p{M}']$").unwrap();
        let mut buffer = [0; 4];
        for c in '\0'..=char::MAX {
            let text = c.encode_utf8(&mut buffer);
            match kind(c) {
                CutKind::Letter => assert!(letter.is_match(text), "{c:?}"),
                CutKind::Other => assert!(other.is_match(text), "{c:?}"),
                CutKind::Digit => assert!(c.is_ascii_digit()),
                CutKind::Unknown => {}
            }
        }
    }

    #[test]
    fn where_nothing_can_be_cut_the_count_becomes_an_estimate() {
        let text = "\u{4f60}".repeat(STRETCH / 3 + 10);
        let whole = next_cut(&text, Cuts::Borders).unwrap();
        assert_eq!(whole, Cut { at: STRETCH / 3 * 3, forced: true });
        let count = count_parts(&text, Cuts::Borders, |part| TokenCount::exact(part.chars().count() as u64));
        let tokens = text.chars().count() as u64;
        assert_eq!((count.tokens, count.low, count.high), (tokens, tokens - FORCED_MARGIN, tokens + FORCED_MARGIN));
        assert_eq!(count.basis, Basis::Estimated);
        assert_eq!(next_cut(&text[..STRETCH / 3 * 3], Cuts::Borders), None);
    }

    #[test]
    fn a_forced_cut_changes_the_count_by_less_than_its_margin() {
        let words =
            ["a", "A", "Aa", " ", "\n", " \n", "7", "!", "!\n/", "\u{4f60}", "a\u{301}", "\u{1f600}", "\u{e01}\u{e34}"];
        for (word, engine) in words.iter().flat_map(|word| engines().map(|engine| (word, engine))) {
            let text = format!("x{}y", word.repeat(700));
            let whole = engine.count(&text).tokens;
            for at in [333, 500, 601, 640] {
                let (head, tail) = text.split_at(floor_char_boundary(&text, at));
                let sum = engine.count(head).tokens + engine.count(tail).tokens;
                assert!(sum.abs_diff(whole) <= FORCED_MARGIN, "{word:?} {} {sum} {whole}", engine.name());
            }
        }
    }
}
