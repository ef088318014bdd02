//! What the marking has to know of a character, as one word of flags.
//!
//! The facts are those of ctok 1.3.0, which measured them; most follow from Unicode properties, the rest are lists.

use std::sync::OnceLock;

use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, is_nfc_quick};
use unicode_properties::{GeneralCategory as Gc, GeneralCategoryGroup as Group, UnicodeGeneralCategory};

/// The kind of run that a character belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum CharKind {
    /// Letters that form words, and the marks on them.
    Word,
    /// Characters that stand by themselves: Han, Hangul, emoji and most symbols.
    Hard,
    /// Digits that form numbers.
    Digit,
    /// Punctuation that forms clusters, such as `});`.
    Punct,
    /// White space.
    Space,
    /// Marks without a letter before them.
    Stray,
}

/// Facts about one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags(u16);

impl Flags {
    const KIND: u16 = 0b111;
    /// A mark that opens a run of [`CharKind::Stray`] where no letter is before it.
    pub(super) const STRAY: Flags = Flags(1 << 3);
    /// A variation selector.
    pub(super) const SELECTOR: Flags = Flags(1 << 4);
    /// Takes border marks as punctuation does.
    pub(super) const LIKE_PUNCT: Flags = Flags(1 << 5);
    /// A number that takes border marks.
    pub(super) const BORDER_NUMBER: Flags = Flags(1 << 6);
    /// A decimal digit of any script.
    pub(super) const DECIMAL: Flags = Flags(1 << 7);
    /// Another number: fractions, superscripts, circled numbers.
    pub(super) const NUMBER: Flags = Flags(1 << 8);
    /// A capital that has a small form.
    pub(super) const UPPER: Flags = Flags(1 << 9);
    /// A small letter.
    pub(super) const LOWER: Flags = Flags(1 << 10);
    /// A letter or mark without case.
    pub(super) const CASELESS: Flags = Flags(1 << 11);
    /// Is stripped or replaced before anything else.
    pub(super) const FOLDED: Flags = Flags(1 << 12);
    /// May change under NFC.
    pub(super) const COMPOSES: Flags = Flags(1 << 13);

    pub(super) const NONE: Flags = Flags(0);
    /// A letter of ASCII, small or capital.
    pub(super) const SMALL_LETTER: Flags = Flags(CharKind::Word as u16).or(Flags::LOWER);
    pub(super) const CAPITAL_LETTER: Flags = Flags(CharKind::Word as u16).or(Flags::UPPER);

    pub(super) const fn has(self, flag: Flags) -> bool {
        self.0 & flag.0 != 0
    }

    pub(super) const fn or(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    pub(super) const fn and(self, other: Flags) -> Flags {
        Flags(self.0 & other.0)
    }

    pub(super) const fn kind(self) -> CharKind {
        match self.0 & Self::KIND {
            0 => CharKind::Word,
            1 => CharKind::Hard,
            2 => CharKind::Digit,
            3 => CharKind::Punct,
            _ => CharKind::Space,
        }
    }

    fn when(self, holds: bool) -> Flags {
        if holds { self } else { Flags::NONE }
    }
}

/// The facts about a character; those of a block of 256 are worked out when the first of them is asked for.
pub(super) fn flags(c: char) -> Flags {
    static BLOCKS: [OnceLock<[Flags; 256]>; 256] = [const { OnceLock::new() }; 256];
    let code = c as usize;
    match BLOCKS.get(code >> 8) {
        Some(block) => block.get_or_init(|| flags_of_block(code & !0xff))[code & 0xff],
        None => Flags(CharKind::Hard as u16).or(Flags::COMPOSES.when(composes(c))),
    }
}

/// The facts about the characters of ASCII.
pub(super) fn ascii() -> &'static [Flags; 128] {
    static ASCII: OnceLock<[Flags; 128]> = OnceLock::new();
    ASCII.get_or_init(|| std::array::from_fn(|code| flags(char::from(code as u8))))
}

fn flags_of_block(start: usize) -> [Flags; 256] {
    std::array::from_fn(|i| char::from_u32((start + i) as u32).map_or(Flags::NONE, work_out))
}

fn composes(c: char) -> bool {
    canonical_combining_class(c) != 0 || is_nfc_quick(std::iter::once(c)) != IsNormalized::Yes
}

fn work_out(c: char) -> Flags {
    let category = category(c);
    let mark = category.is_mark();
    let selector = matches!(c, '\u{fe00}'..='\u{fe0f}');
    let separator = mark && !selector && !c.is_alphabetic();
    let upper = is_upper(c);
    let lower = c.is_lowercase();
    let number = category == Gc::OtherNumber;
    let decimal = category == Gc::DecimalNumber;
    Flags(kind(c, category) as u16)
        .or(Flags::STRAY.when(canonical_combining_class(c) != 0 && !separator && !is_syriac_vowel(c)))
        .or(Flags::SELECTOR.when(selector))
        .or(Flags::LIKE_PUNCT.when(separator || is_like_punct(c, category)))
        .or(Flags::BORDER_NUMBER.when(number || decimal && !c.is_ascii()))
        .or(Flags::DECIMAL.when(decimal))
        .or(Flags::NUMBER.when(number))
        .or(Flags::UPPER.when(upper))
        .or(Flags::LOWER.when(lower))
        .or(Flags::CASELESS.when((mark || category.is_letter()) && !upper && !lower))
        .or(Flags::FOLDED.when(is_folded(c)))
        .or(Flags::COMPOSES.when(composes(c)))
}

trait Groups: Copy {
    fn is_mark(self) -> bool;
    fn is_letter(self) -> bool;
    fn is_punct_or_symbol(self) -> bool;
}

impl Groups for Gc {
    fn is_mark(self) -> bool {
        matches!(self, Gc::NonspacingMark | Gc::SpacingMark | Gc::EnclosingMark)
    }

    fn is_letter(self) -> bool {
        use Gc::{LowercaseLetter, ModifierLetter, OtherLetter, TitlecaseLetter, UppercaseLetter};
        matches!(self, UppercaseLetter | LowercaseLetter | TitlecaseLetter | ModifierLetter | OtherLetter)
    }

    fn is_punct_or_symbol(self) -> bool {
        use Gc::{ClosePunctuation, ConnectorPunctuation, DashPunctuation, FinalPunctuation, InitialPunctuation};
        use Gc::{CurrencySymbol, MathSymbol, ModifierSymbol, OpenPunctuation, OtherPunctuation, OtherSymbol};
        matches!(
            self,
            ConnectorPunctuation
                | DashPunctuation
                | OpenPunctuation
                | ClosePunctuation
                | InitialPunctuation
                | FinalPunctuation
                | OtherPunctuation
                | MathSymbol
                | CurrencySymbol
                | ModifierSymbol
                | OtherSymbol
        )
    }
}

fn category(c: char) -> Gc {
    c.general_category()
}

fn kind(c: char, category: Gc) -> CharKind {
    match c {
        '\t' | '\n' | '\r' | '\x0b' | '\x0c' => CharKind::Space,
        _ if c.general_category_group() == Group::Separator => CharKind::Space,
        // Letters by measurement: runic golden numbers, Roman numerals, circled letters, Bamum number letters
        '\u{16ee}'..='\u{16f0}' | '\u{2160}'..='\u{2188}' | '\u{24b6}'..='\u{24e9}' | '\u{a6e6}'..='\u{a6ef}' => {
            CharKind::Word
        }
        '0'..='9' | '\u{660}'..='\u{669}' | '\u{6f0}'..='\u{6f9}' => CharKind::Digit,
        _ if c.is_ascii_punctuation() => CharKind::Punct,
        '—' | '»' | '«' | '•' | '°' | '„' | '–' | '−' | '£' | '§' | '€' | '…' | '√' | '→' => {
            CharKind::Punct
        }
        '（' | '№' | '†' | '└' | '│' | '├' | '།' | '·' | '─' | '═' | '█' => CharKind::Punct,
        '\u{fe00}'..='\u{fe0f}' => CharKind::Hard,
        _ if category.is_mark() => {
            if c.is_alphabetic() {
                CharKind::Word
            } else {
                CharKind::Hard
            }
        }
        _ if category.is_letter() && !stands_alone(c) => CharKind::Word,
        _ => CharKind::Hard,
    }
}

/// Letters that don't form words: Han, Hangul, and the marks of iteration and closing among Han.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{f900}'..='\u{faff}' | '\u{ac00}'..='\u{d7a3}')
        || matches!(c, '\u{3005}' | '\u{3006}' | '\u{3031}'..='\u{3035}' | '\u{303b}' | '\u{303c}')
}

fn is_like_punct(c: char, category: Gc) -> bool {
    let ideographic = matches!(c, '\u{3001}'..='\u{303f}')
        && (c.general_category_group() == Group::Punctuation
            || matches!(c, '〄' | '〒' | '〓' | '〠' | '〶' | '〷' | '〾' | '〿'));
    (category.is_punct_or_symbol() || matches!(category, Gc::Format | Gc::Unassigned)) && !ideographic
}

/// Vowel points of Syriac, which are letters where no letter carries them.
fn is_syriac_vowel(c: char) -> bool {
    matches!(c, '\u{711}' | '\u{730}'..='\u{73f}')
}

fn is_folded(c: char) -> bool {
    matches!(c, '\0'..='\x08' | '\x0b'..='\x1f' | '\x7f'..='\u{9f}' | '\u{e000}'..='\u{f8ff}' | '\u{e4d}')
        || is_odd_space(c)
        || straight_quote(c).is_some()
}

/// Spaces that count as U+0020.
pub(super) fn is_odd_space(c: char) -> bool {
    matches!(
        c,
        '\0' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}'
    )
}

/// The ASCII form of a curly quotation mark.
pub(super) fn straight_quote(c: char) -> Option<char> {
    match c {
        '\u{2018}' | '\u{2019}' => Some('\''),
        '\u{201c}' | '\u{201d}' => Some('"'),
        _ => None,
    }
}

/// Whether the character is a capital that has a small form; `ϴ` counts as none.
fn is_upper(c: char) -> bool {
    c != 'ϴ' && c.is_uppercase() && !c.to_lowercase().eq(std::iter::once(c))
}

/// Appends the small form of a character; `ϴ` stays as it is.
pub(super) fn push_lower(out: &mut String, c: char) {
    match c {
        'ϴ' => out.push(c),
        'A'..='Z' => out.push(c.to_ascii_lowercase()),
        _ => out.extend(c.to_lowercase()),
    }
}
