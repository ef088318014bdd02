//! Splits a text into the pieces that are merged apart from each other, by the regexes that each vocabulary came with.
//!
//! The regexes are data, see [`Step`]; they run on `regex-automata`, which needs time linear in the text and no stack.
//! It has no lookahead, so the `\s+(?!\S)` that stands in nearly all of them is done by hand: [`Blank`] says how.
//!
//! Start reading at [`Splitter::split`].

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};

/// What becomes of whitespace that ends before something else.
///
/// In all these regexes the last alternatives are `\s+(?!\S)|\s+`: of two and more whitespace characters before
/// another character, the last one is left for the piece to come, such as a word with its space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blank {
    /// The rule holds for any whitespace, as in GPT-2.
    GivesBack,
    /// `\s*[\r\n]+` comes before the rule, so it holds for whitespace that does not end in a line break.
    GivesBackAfterBreaks,
}

/// One regex that splits all pieces of the step before it. What it does not match is a piece as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Matches nearly everywhere: words, numbers, punctuation and whitespace.
    Words(&'static str, Blank),
    /// Sets apart what it matches here and there.
    Apart(&'static str),
}

macro_rules! breaks_then_spaces {
    () => {
        r"|\s*[\r\n]+|\s+"
    };
}

macro_rules! cased_words {
    ($suffix:literal) => {
        concat!(
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
            $suffix,
            r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
            $suffix
        )
    };
}

/// GPT-2, GPT-3, Claude 1 and 2, GPT-NeoX.
pub(crate) const GPT2: &[Step] =
    &[Step::Words(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+", Blank::GivesBack)];

/// GPT-4: whitespace at the end of the text is one piece, whatever it is of.
pub(crate) const CL100K: &[Step] = &[Step::Words(
    concat!(
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+$",
        breaks_then_spaces!()
    ),
    Blank::GivesBackAfterBreaks,
)];

/// Llama 3 and GLM: as GPT-4, but for whitespace at the end.
pub(crate) const LLAMA3: &[Step] = &[Step::Words(
    concat!(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*",
        breaks_then_spaces!()
    ),
    Blank::GivesBackAfterBreaks,
)];

/// Qwen 1 to 3: digits one by one.
pub(crate) const QWEN2: &[Step] = &[Step::Words(
    concat!(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*",
        breaks_then_spaces!()
    ),
    Blank::GivesBackAfterBreaks,
)];

/// Qwen 3.5: marks belong to words.
pub(crate) const QWEN3_5: &[Step] = &[Step::Words(
    concat!(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*",
        breaks_then_spaces!()
    ),
    Blank::GivesBackAfterBreaks,
)];

/// GPT-4o, Llama 4, MiniMax M2: a capital letter after a small one begins a word.
pub(crate) const O200K: &[Step] = &[Step::Words(
    concat!(
        cased_words!(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"),
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*",
        breaks_then_spaces!()
    ),
    Blank::GivesBackAfterBreaks,
)];

/// Mistral's Tekken: as GPT-4o without contractions, digits one by one.
pub(crate) const TEKKEN: &[Step] = &[Step::Words(
    concat!(cased_words!(""), r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*", breaks_then_spaces!()),
    Blank::GivesBackAfterBreaks,
)];

/// Kimi: as GPT-4o, but Han characters stay among themselves.
pub(crate) const KIMI: &[Step] = &[Step::Words(
    concat!(
        r"\p{Han}+",
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*",
        breaks_then_spaces!()
    ),
    Blank::GivesBackAfterBreaks,
)];

/// DeepSeek: numbers, then Han and kana are set apart, and what is left is split into words.
pub(crate) const DEEPSEEK: &[Step] = &[
    Step::Apart(r"\p{N}{1,3}"),
    Step::Apart("[\u{4e00}-\u{9fa5}\u{3040}-\u{309f}\u{30a0}-\u{30ff}]+"),
    Step::Words(
        concat!(
            r"[!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*",
            breaks_then_spaces!()
        ),
        Blank::GivesBackAfterBreaks,
    ),
];

/// SentencePiece: the text is one piece.
pub(crate) const WHOLE: &[Step] = &[];

/// Steps that are ready to run.
pub(crate) struct Splitter {
    steps: Vec<(Regex, Option<Blank>)>,
}

impl Splitter {
    /// Compiles the regexes.
    ///
    /// # Panics
    /// When one is not a regex, which a test rules out for all that are here.
    #[must_use]
    pub(crate) fn new(steps: &[Step]) -> Self {
        let compile = |regex: &str| Regex::new(regex).expect("the regexes of this file compile");
        let ready = |step: &Step| match *step {
            Step::Words(regex, blank) => (compile(regex), Some(blank)),
            Step::Apart(regex) => (compile(regex), None),
        };
        Splitter { steps: steps.iter().map(ready).collect() }
    }

    /// Calls `each` with every piece, in order; the pieces make up the text.
    pub(crate) fn split(&self, text: &str, mut each: impl FnMut(&str)) {
        split(&self.steps, text, &mut each);
    }
}

fn split(steps: &[(Regex, Option<Blank>)], text: &str, each: &mut dyn FnMut(&str)) {
    match steps.split_first() {
        None => each(text),
        Some(((regex, Some(blank)), later)) => split_words(regex, *blank, text, &mut |piece| split(later, piece, each)),
        Some(((regex, None), later)) => split_apart(regex, text, &mut |piece| split(later, piece, each)),
    }
}

fn split_apart(regex: &Regex, text: &str, each: &mut dyn FnMut(&str)) {
    let mut done = 0;
    for found in regex.find_iter(text) {
        if done < found.start() {
            each(&text[done..found.start()]);
        }
        each(&text[found.range()]);
        done = found.end();
    }
    if done < text.len() {
        each(&text[done..]);
    }
}

fn split_words(regex: &Regex, blank: Blank, text: &str, each: &mut dyn FnMut(&str)) {
    let mut done = 0;
    let mut at = 0;
    while at < text.len() {
        let input = Input::new(text).span(at..text.len()).anchored(Anchored::Yes);
        let Some(found) = regex.search_half(&input) else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
            continue;
        };
        if done < at {
            each(&text[done..at]);
        }
        let end = at + kept(&text[at..found.offset()], &text[found.offset()..], blank);
        each(&text[at..end]);
        (done, at) = (end, end);
    }
    if done < text.len() {
        each(&text[done..]);
    }
}

/// How many bytes of a match stay in it: all, unless it is whitespace that gives its last character back.
fn kept(found: &str, after: &str, blank: Blank) -> usize {
    let Some(last) = found.chars().next_back() else { return 0 };
    let rule_holds = match blank {
        Blank::GivesBack => last.is_whitespace(),
        Blank::GivesBackAfterBreaks => last.is_whitespace() && !matches!(last, '\r' | '\n'),
    };
    // Whitespace is matched by the rule only, and greedily, so what comes after it is something else.
    if rule_holds && !after.is_empty() && found.len() > last.len_utf8() {
        found.len() - last.len_utf8()
    } else {
        found.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(steps: &[Step], text: &str) -> Vec<String> {
        let mut pieces = Vec::new();
        Splitter::new(steps).split(text, |piece| pieces.push(piece.to_owned()));
        pieces
    }

    #[test]
    fn whitespace_leaves_its_last_character_to_the_next_word() {
        assert_eq!(pieces(GPT2, "a   b \n c"), ["a", "  ", " b", " \n", " c"]);
        assert_eq!(pieces(LLAMA3, "a   b \n\n  c\n "), ["a", "  ", " b", " \n\n", " ", " c", "\n", " "]);
        assert_eq!(pieces(CL100K, "a \n c\n "), ["a", " \n", " c", "\n "]);
    }

    #[test]
    fn what_no_alternative_matches_is_a_piece() {
        assert_eq!(
            pieces(DEEPSEEK, "a\0\0 1234漢字カナ。b  12"),
            ["a", "\0\0", " ", "123", "4", "漢字カナ", "。", "b", "  ", "12"]
        );
    }

    #[test]
    fn every_set_of_steps_compiles_and_loses_nothing() {
        let text = "Hello WORLD it's 12345 \t\r\n  x/// \u{300}é漢字\u{200d}\0 \u{3000} ..\n/";
        for steps in [GPT2, CL100K, LLAMA3, QWEN2, QWEN3_5, O200K, TEKKEN, KIMI, DEEPSEEK] {
            assert_eq!(pieces(steps, text).concat(), text);
            assert!(pieces(steps, "").is_empty());
        }
    }
}
