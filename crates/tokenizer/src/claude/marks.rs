//! Turns text into the marked text that pieces are measured in, and adds up what it costs.
//!
//! The text is normalised, split into runs of one kind, and each run is written with the marks it takes: a word is
//! opened and closed, and a capital at its head becomes a mark too; punctuation takes marks only beside a space. One
//! space between a closing and an opening mark is what the two marks stand for, and is not written.
//!
//! No piece reaches beyond a closing mark, before an opening one, or over the edge of white space (the test
//! `pieces_end_at_marks_and_spaces` reads the vocabularies), so the text is priced stretch by stretch between these.
//!
//! The rules are those of ctok 1.3.0, found by measuring; start reading at [`cost`].

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::chars::{self, CharKind, Flags, flags};
use super::memo::{self, Memo};
use super::vocab::{Vocabulary, VocabularyHead};

/// How one generation writes text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MarkRules {
    /// Whether curly quotation marks become straight ones.
    pub straight_quotes: bool,
    /// Whether a word of four and more capitals is written in small letters behind a mark.
    pub caps: bool,
}

/// What is before a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// A message frame that ends with an opening mark.
    OpenFrame,
    /// A message frame that doesn't.
    Frame,
    /// A part of the same text, which ended at a border (see [`Cuts::Words`](super::super::cut::Cuts)).
    Part,
}

/// The tokens of a text that ends a message, without the constant part of the frame.
pub(super) fn cost(vocabulary: &Vocabulary, rules: MarkRules, before: Before, text: &str) -> u64 {
    let normal = normalise(text, rules);
    let body = normal.trim_end_matches('\n');
    let newlines = normal.len() - body.len();
    // The frame goes on with two newlines, and one token of the run that they end is the frame's own.
    let tail = match newlines {
        0 => 0,
        _ => vocabulary.cost(VocabularyHead::Bare, &"\n".repeat(newlines + 2), false) - 1,
    };
    // The opening mark of the frame stands for one space of the text, if that space was there from the beginning.
    let body = match body.strip_prefix(' ') {
        Some(rest) if before == Before::OpenFrame && text.starts_with(' ') && !rest.starts_with(' ') => rest,
        _ => body,
    };
    memo::with(vocabulary.number(), |memo| {
        let mut writer = MarkWriter { vocabulary, memo, rules, before, stretch: Stretch::new(before), total: tail };
        writer.write(body);
        writer.total
    })
}

/// Writes a text as the pieces are measured in: composed, and without what is stripped or replaced.
///
/// Only stretches that are not plain ASCII are read, each from the character before it, which it may compose with: what
/// follows it composes with nothing before. So a quotation mark costs no more than itself.
fn normalise(text: &str, rules: MarkRules) -> Cow<'_, str> {
    let (mut out, mut done, mut from) = (None, 0, 0);
    while let Some(odd) = next_odd(text.as_bytes(), from) {
        let end = text.as_bytes()[odd..].iter().position(is_plain).map_or(text.len(), |length| odd + length);
        let start = odd.saturating_sub(1).max(done);
        if let Cow::Owned(normal) = normalise_stretch(&text[start..end], rules) {
            let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
            out.push_str(&text[done..start]);
            out.push_str(&normal);
            done = end;
        }
        from = end;
    }
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.push_str(&text[done..]);
            Cow::Owned(out)
        }
    }
}

/// Whether a byte is a character that stays as it is, and composes with nothing before it.
fn is_plain(byte: &u8) -> bool {
    matches!(*byte, b'\t' | b'\n' | b' '..=b'~')
}

/// The first byte from a place on that is not plain.
fn next_odd(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    for chunk in bytes.get(from..)?.chunks(64) {
        // Without an early end, so that many bytes are looked at at once.
        if !chunk.iter().fold(true, |all, byte| all & is_plain(byte)) {
            return chunk.iter().position(|byte| !is_plain(byte)).map(|odd| at + odd);
        }
        at += chunk.len();
    }
    None
}

fn normalise_stretch(text: &str, rules: MarkRules) -> Cow<'_, str> {
    let seen = text.chars().fold(Flags::NONE, |seen, c| seen.or(flags(c)));
    let text = if seen.has(Flags::COMPOSES) && is_nfc_quick(text.chars()) != IsNormalized::Yes {
        Cow::Owned(text.nfc().collect())
    } else {
        Cow::Borrowed(text)
    };
    if seen.has(Flags::FOLDED) || matches!(text, Cow::Owned(_)) { Cow::Owned(fold(&text, rules)) } else { text }
}

/// Strips controls and private characters, and replaces odd spaces, quotation marks and split Thai vowels.
fn fold(text: &str, rules: MarkRules) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().filter(|c| !is_stripped(*c)).peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{e4d}' if chars.next_if_eq(&'\u{e32}').is_some() => out.push('\u{e33}'),
            '\u{e000}'..='\u{f8ff}' => {}
            _ if chars::is_odd_space(c) => out.push(' '),
            _ => out.push(chars::straight_quote(c).filter(|_| rules.straight_quotes).unwrap_or(c)),
        }
    }
    out
}

fn is_stripped(c: char) -> bool {
    matches!(c, '\x01'..='\x08' | '\x0b'..='\x1f' | '\x7f'..='\u{9f}')
}

/// Neighbouring characters of one kind.
#[derive(Clone, Copy, Debug)]
struct Run<'t> {
    kind: CharKind,
    text: &'t str,
    first: Flags,
    last: Flags,
    /// What all its characters have in common.
    all: Flags,
    /// What some of its characters have.
    any: Flags,
}

impl Run<'_> {
    fn is_number(&self) -> bool {
        matches!(self.kind, CharKind::Digit | CharKind::Hard) && self.all.has(Flags::DECIMAL.or(Flags::NUMBER))
    }

    fn begins_like_punct(&self) -> bool {
        self.first.has(HARD_BORDER)
    }

    fn ends_like_punct(&self) -> bool {
        self.last.has(HARD_BORDER)
    }

    fn is_quote(&self) -> bool {
        self.text == "'"
    }

    /// Whether it would take a mark on its right that is not the end of a word.
    fn has_right_border(&self) -> bool {
        self.kind == CharKind::Punct
            || self.ends_like_punct()
            || self.is_number() && self.last.has(Flags::BORDER_NUMBER)
    }

    /// Whether it begins with the opening mark that a frame ends with.
    fn begins_open(&self) -> bool {
        match self.kind {
            CharKind::Word | CharKind::Punct | CharKind::Stray => true,
            CharKind::Space => self.text.starts_with(' '),
            CharKind::Hard | CharKind::Digit => {
                self.begins_like_punct() || self.is_number() && self.first.has(Flags::BORDER_NUMBER)
            }
        }
    }
}

const HARD_BORDER: Flags = Flags::SELECTOR.or(Flags::LIKE_PUNCT);

/// Splits a text into runs.
#[derive(Clone)]
struct Runs<'t>(&'t str);

impl<'t> Iterator for Runs<'t> {
    type Item = Run<'t>;

    fn next(&mut self) -> Option<Run<'t>> {
        let first = flags(self.0.chars().next()?);
        let kind = match first.kind() {
            CharKind::Word if first.has(Flags::STRAY) => CharKind::Stray,
            kind => kind,
        };
        let run = Run { kind, text: "", first, last: first, all: first, any: first };
        // Letters, digits, punctuation and space of ASCII, which is most of most texts, go on by their kind alone.
        let (run, end) = match self.0.as_bytes() {
            [..0x80, ..] if kind == CharKind::Word => ascii_word(run, self.0.as_bytes()),
            [..0x80, ..] if kind != CharKind::Hard => ascii_run(run, self.0.as_bytes()),
            _ => (run, 0),
        };
        if end == self.0.len() || end > 0 && self.0.as_bytes()[end] < 0x80 {
            let (text, rest) = self.0.split_at(end);
            self.0 = rest;
            return Some(Run { text, ..run });
        }
        let (run, end) = long_run(run, self.0, end);
        let (text, rest) = self.0.split_at(end);
        self.0 = rest;
        Some(Run { text, ..run })
    }
}

/// As much of a run as is ASCII, and where that ends.
#[inline]
fn ascii_run<'t>(mut run: Run<'t>, text: &[u8]) -> (Run<'t>, usize) {
    let ascii = chars::ascii();
    let goes_on = |byte: &u8| ascii.get(usize::from(*byte)).copied().filter(|next| next.kind() == run.kind);
    let mut end = 0;
    while let Some(next) = text.get(end).and_then(goes_on) {
        run.last = next;
        run.all = run.all.and(next);
        run.any = run.any.or(next);
        end += 1;
    }
    (run, end)
}

/// [`ascii_run`] of letters, eight at a time: their only facts are that they are letters, and capital or small.
#[inline]
fn ascii_word<'t>(run: Run<'t>, text: &[u8]) -> (Run<'t>, usize) {
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let (mut end, mut capitals) = (0, 0);
    loop {
        let word = eight(text, end);
        // The highest bit of each byte that is a letter, and of each that is a capital.
        let small = word & !HIGH | u64::from_ne_bytes([0x20; 8]);
        let letters = (small + u64::from_ne_bytes([0x80 - b'a'; 8])) & !(small + u64::from_ne_bytes([0x7f - b'z'; 8]));
        let letters = letters & !word & HIGH;
        let found = (!letters & HIGH).trailing_zeros() / 8;
        let is_found = if found == 8 { HIGH } else { HIGH & ((1 << (found * 8)) - 1) };
        capitals += (is_found & !(word << 2)).count_ones() as usize;
        end += found as usize;
        if found < 8 {
            break;
        }
    }
    let last = chars::ascii()[usize::from(text[end - 1] & 0x7f)];
    let (all, any) = match capitals {
        0 => (Flags::SMALL_LETTER, Flags::SMALL_LETTER),
        capitals if capitals == end => (Flags::CAPITAL_LETTER, Flags::CAPITAL_LETTER),
        _ => (Flags::NONE, Flags::SMALL_LETTER.or(Flags::CAPITAL_LETTER)),
    };
    (Run { last, all, any, ..run }, end)
}

/// Eight bytes from a place on, the first lowest, with zeros for what is beyond the end.
#[inline]
fn eight(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    if let Some(bytes) = rest.first_chunk() {
        return u64::from_le_bytes(*bytes);
    }
    rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// A run from where it was read so far to its end.
fn long_run<'t>(mut run: Run<'t>, text: &str, from: usize) -> (Run<'t>, usize) {
    for (at, c) in text[from..].char_indices() {
        let next = flags(c);
        // What is not read so far has its first character in `first` already.
        if from + at > 0 && !goes_on(run.kind, run.first, next) {
            return (run, from + at);
        }
        run.last = next;
        run.all = run.all.and(next);
        run.any = run.any.or(next);
    }
    (run, text.len())
}

/// Whether the next character belongs to a run of this kind that began with `first`.
fn goes_on(kind: CharKind, first: Flags, next: Flags) -> bool {
    match kind {
        CharKind::Stray => next.kind() == CharKind::Word && next.has(Flags::STRAY),
        // Punctuation, numbers and letters among them are runs of their own; a selector belongs to what it selects.
        CharKind::Hard => {
            next.kind() == CharKind::Hard && (next.has(Flags::SELECTOR) || hard_kind(next) == hard_kind(first))
        }
        _ => next.kind() == kind,
    }
}

fn hard_kind(flags: Flags) -> u8 {
    match () {
        () if flags.has(Flags::LIKE_PUNCT) => 0,
        () if flags.has(Flags::BORDER_NUMBER) => 1,
        () => 2,
    }
}

/// What is written since the last place that no piece reaches over.
struct Stretch {
    head: VocabularyHead,
    text: String,
    /// Whether it began right behind a closing mark.
    after_close: bool,
}

impl Stretch {
    fn new(before: Before) -> Self {
        // A part that begins with one space was cut behind a word, which was closed.
        Stretch { head: VocabularyHead::Bare, text: String::new(), after_close: before == Before::Part }
    }
}

/// The runs around the one that is written.
#[derive(Clone, Copy)]
struct Around<'t> {
    before_last: Option<Run<'t>>,
    last: Option<Run<'t>>,
    next: Option<Run<'t>>,
}

struct MarkWriter<'v> {
    vocabulary: &'v Vocabulary,
    memo: &'v mut Memo,
    rules: MarkRules,
    before: Before,
    stretch: Stretch,
    total: u64,
}

impl MarkWriter<'_> {
    fn write(&mut self, text: &str) {
        let mut runs = Runs(text);
        let mut next = runs.next();
        self.write_frame_mark(next, &runs);
        let (mut before_last, mut last) = (None, None);
        while let Some(run) = next {
            next = runs.next();
            self.write_run(run, Around { before_last, last, next });
            (before_last, last) = (last, Some(run));
        }
        self.flush(false);
    }

    /// Writes the opening mark of the frame where the text doesn't begin with one.
    fn write_frame_mark(&mut self, first: Option<Run>, rest: &Runs) {
        if self.before != Before::OpenFrame {
            return;
        }
        match first {
            Some(first) if opens_word(&first, rest.clone().next()) => self.push(" ", CharKind::Space),
            Some(first) if first.begins_open() => {}
            _ => self.stretch.head = VocabularyHead::Open,
        }
    }

    fn write_run(&mut self, run: Run, around: Around) {
        let (left, right) = (self.has_space_before(around), has_space_after(around));
        match run.kind {
            CharKind::Word => self.write_word(run, around),
            CharKind::Stray => {
                self.open(VocabularyHead::Open);
                self.push(run.text, run.kind);
                if around.next.is_none_or(|next| next.kind != CharKind::Word) {
                    self.close();
                }
            }
            kind if kind == CharKind::Punct || run.begins_like_punct() || run.ends_like_punct() => {
                let opens =
                    left && !opens_word(&run, around.next) && (kind == CharKind::Punct || run.begins_like_punct());
                let closes = right && (kind == CharKind::Punct || run.ends_like_punct());
                self.write_bordered(run, opens, closes);
            }
            _ if run.is_number() => {
                let opens = left && run.first.has(Flags::BORDER_NUMBER);
                let closes = right && run.last.has(Flags::BORDER_NUMBER);
                self.write_bordered(run, opens, closes);
            }
            _ => self.push(run.text, run.kind),
        }
    }

    fn write_bordered(&mut self, run: Run, opens: bool, closes: bool) {
        if opens {
            self.open(VocabularyHead::Open);
        }
        self.push(run.text, run.kind);
        if closes {
            self.close();
        }
    }

    fn write_word(&mut self, run: Run, around: Around) {
        // A mark before the word has opened it, and stands where its first letter would.
        if around.last.is_some_and(|last| last.kind == CharKind::Stray) {
            self.push(run.text, run.kind);
            return self.close();
        }
        let head = case_mark(run, self.rules);
        if !is_contraction(run, around) {
            self.open(head);
            if head == VocabularyHead::Open {
                return self.write_opened_word(run.text);
            }
        }
        self.push_small(run.text, head);
        self.close();
    }

    /// A word that was just opened and is closed at its end, written as it stands: nothing else is in its stretch.
    #[inline]
    fn write_opened_word(&mut self, text: &str) {
        self.total += self.vocabulary.cost_with(self.memo, VocabularyHead::Open, text, true);
        self.stretch.head = VocabularyHead::Bare;
        self.stretch.after_close = true;
    }

    /// Whether a space is before the run that is written; an open frame is one.
    fn has_space_before(&self, around: Around) -> bool {
        match around.last {
            None => self.before == Before::OpenFrame,
            Some(last) => last.kind == CharKind::Space && last.text.ends_with(' '),
        }
    }

    fn open(&mut self, head: VocabularyHead) {
        if self.stretch.after_close && self.stretch.text == " " {
            self.stretch.text.clear();
        }
        self.flush(false);
        self.stretch.head = head;
    }

    fn close(&mut self) {
        self.flush(true);
        self.stretch.after_close = true;
    }

    fn push(&mut self, text: &str, kind: CharKind) {
        self.end_other(kind == CharKind::Space);
        self.stretch.text.push_str(text);
    }

    /// Writes a word in the small letters that its mark asks for.
    fn push_small(&mut self, text: &str, head: VocabularyHead) {
        self.end_other(false);
        let out = &mut self.stretch.text;
        match head {
            VocabularyHead::Bare | VocabularyHead::Open => out.push_str(text),
            VocabularyHead::Shift => {
                text.chars().for_each(|c| if c == 'İ' { out.push(c) } else { chars::push_lower(out, c) })
            }
            VocabularyHead::Caps => text.chars().for_each(|c| chars::push_lower(out, c)),
        }
    }

    /// Ends the stretch if it is white space and what follows is not, or the other way round.
    fn end_other(&mut self, space: bool) {
        if !self.stretch.text.is_empty() && self.stretch.text.ends_with([' ', '\t', '\n', '\u{3000}']) != space {
            self.flush(false);
        }
    }

    fn flush(&mut self, close: bool) {
        let stretch = &mut self.stretch;
        if stretch.head != VocabularyHead::Bare || close || !stretch.text.is_empty() {
            self.total += self.vocabulary.cost_with(self.memo, stretch.head, &stretch.text, close);
            stretch.after_close = false;
        }
        stretch.head = VocabularyHead::Bare;
        stretch.text.clear();
    }
}

/// Whether exactly one space follows the run that is written.
fn has_space_after(around: Around) -> bool {
    around
        .next
        .is_some_and(|next| next.kind == CharKind::Space && next.text.starts_with(' ') && !next.text.starts_with("  "))
}

/// Whether an apostrophe belongs to the word that follows.
fn opens_word(run: &Run, next: Option<Run>) -> bool {
    run.is_quote() && next.is_some_and(|next| matches!(next.kind, CharKind::Word | CharKind::Stray))
}

/// Whether the word is the second half of an English contraction, which an apostrophe opens.
fn is_contraction(run: Run, around: Around) -> bool {
    around.last.is_some_and(|last| last.is_quote())
        && matches!(run.text, "s" | "t" | "d" | "m" | "ll" | "re" | "ve")
        && around.before_last.is_none_or(|before_last| !before_last.has_right_border())
}

/// The mark that a word takes for its capitals.
///
/// None where the small letters and the mark would not give the word back: capitals inside, ẞ anywhere, İ in front,
/// and for a word of capitals any letter or mark that has no case.
fn case_mark(run: Run, rules: MarkRules) -> VocabularyHead {
    if !run.any.has(Flags::UPPER) || run.text.contains('ẞ') {
        return VocabularyHead::Open;
    }
    let all_capitals = !run.any.has(Flags::LOWER.or(Flags::CASELESS)) && !run.text.contains('İ');
    if rules.caps && all_capitals && run.text.chars().nth(3).is_some() {
        return VocabularyHead::Caps;
    }
    let is_capital = |c| c != 'İ' && flags(c).has(Flags::UPPER);
    let mut letters = run.text.chars();
    let head_alone = letters.next().is_some_and(is_capital) && !letters.any(is_capital);
    if head_alone { VocabularyHead::Shift } else { VocabularyHead::Open }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The run that a text begins with, read character by character.
    fn read_slowly(text: &str) -> (CharKind, Flags, Flags, Flags, usize) {
        let first = flags(text.chars().next().expect("a character"));
        let kind =
            if first.kind() == CharKind::Word && first.has(Flags::STRAY) { CharKind::Stray } else { first.kind() };
        let (run, end) = long_run(Run { kind, text: "", first, last: first, all: first, any: first }, text, 0);
        (kind, run.last, run.all, run.any, end)
    }

    const RULES: [MarkRules; 2] =
        [MarkRules { straight_quotes: true, caps: true }, MarkRules { straight_quotes: false, caps: false }];

    proptest! {
        #![proptest_config(farebox_testing::laws::cases(256))]
        #[test]
        fn a_text_is_normalised_as_a_whole(
            units in prop::collection::vec(
                "[a-zé ]{1,80}|[\u{301}\u{308}\u{323}]{1,3}|[e\u{e4d}\u{1}\u{e32}]{1,4}|[“”’‘\u{a0}\u{e000}ﬁÅ한각가각]{1,3}|[\r\u{7f}\u{85}]|\\PC",
                0..12,
            )
        ) {
            let text = units.concat();
            for rules in RULES {
                prop_assert_eq!(normalise(&text, rules), normalise_stretch(&text, rules), "{:?}", text);
            }
        }

        #[test]
        fn runs_are_those_of_their_characters(
            units in prop::collection::vec("[a-z]{1,20}|[A-Z]{1,18}|[a-zA-Z]{1,9}|[0-9.,_@`{ \n]{1,3}|[éЖß\u{301}字\u{e4d}\u{1}]", 1..12)
        ) {
            let text = units.concat();
            let mut rest = text.as_str();
            for run in Runs(&text) {
                let slow = read_slowly(rest);
                prop_assert_eq!(slow, (run.kind, run.last, run.all, run.any, run.text.len()), "{:?}", rest);
                rest = &rest[run.text.len()..];
            }
            prop_assert_eq!(rest, "");
        }
    }
}
