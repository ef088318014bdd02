//! Names that are like another: what every "did you mean" of farebox goes by.
//!
//! A suggestion that is not like what was written only misleads, so that there is one cut-off, [`CLOSE`], and nothing is
//! suggested below it.

/// How like two names must be, from 0 to 1, for one to be suggested instead of the other.
///
/// A letter left out, doubled or swapped leaves a word of four letters above it; two words that only share a letter
/// or two (`zzzz` and `zai`: 0.58) are below.
pub(crate) const CLOSE: f64 = 0.8;

/// As much of a name is compared as any name that farebox knows is long: comparing takes time by the square of the length.
pub(crate) const COMPARED: usize = 128;

/// How like two names are, from 0 to 1: few edits and a shared beginning both count, and so does one that holds the other
/// as a whole word.
#[must_use]
pub fn likeness(asked: &str, name: &str) -> f64 {
    let (asked, name) = (beginning(asked), beginning(name));
    let holds =
        |long: &str, short: &str| short.len() >= 3 && long.split(['-', '_', '.', ' ']).any(|word| word == short);
    if holds(name, asked) || holds(asked, name) {
        return strsim::jaro_winkler(asked, name).max(CLOSE);
    }
    strsim::jaro_winkler(asked, name)
}

/// The candidate most like a text; `None` where none is like it.
///
/// # Examples
/// ```
/// use farebox_data::similar::nearest;
/// let known = ["anthropic", "openai", "zai"];
/// assert_eq!(nearest("antropic", known), Some("anthropic"));
/// assert_eq!(nearest("zzzz", known), None);
/// ```
#[must_use]
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    let scored = candidates.into_iter().map(|name| (likeness(&text, &name.to_lowercase()), name));
    let close = scored.filter(|(score, _)| *score >= CLOSE);
    close.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

/// How like two names are, from 0 to 1, where few edits and a shared beginning count and nothing else does.
#[must_use]
pub fn alike(asked: &str, name: &str) -> f64 {
    strsim::jaro_winkler(beginning(asked), beginning(name))
}

/// The candidates that are at least so [`alike`] to a text, the most alike first; in any case.
///
/// # Examples
/// ```
/// use farebox_data::similar::near;
/// assert_eq!(near("O200K-base", ["o200k_base", "llama3"], 0.85), ["o200k_base"]);
/// ```
#[must_use]
pub fn near<T: AsRef<str>>(text: &str, candidates: impl IntoIterator<Item = T>, least: f64) -> Vec<T> {
    let text = text.to_lowercase();
    let scored = candidates.into_iter().map(|name| (alike(&text, &name.as_ref().to_lowercase()), name));
    let mut close: Vec<(f64, T)> = scored.filter(|(score, _)| *score >= least).collect();
    close.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    close.into_iter().map(|(_, name)| name).collect()
}

/// `did you mean x? `, where a candidate is like the text, and otherwise nothing: the beginning of a help line.
///
/// # Examples
/// ```
/// use farebox_data::similar::did_you_mean;
/// assert_eq!(did_you_mean("inptu", ["input", "output"]), "did you mean `input`? ");
/// assert_eq!(did_you_mean("zzzz", ["input", "output"]), "");
/// ```
#[must_use]
pub fn did_you_mean<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(text, candidates).map_or_else(String::new, |near| format!("did you mean `{near}`? "))
}

/// The first [`COMPARED`] bytes of a text, cut between characters.
#[must_use]
pub fn beginning(text: &str) -> &str {
    let end = (0..=text.len().min(COMPARED)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_close_and_another_word_is_not() {
        for (typed, meant) in
            [("modle", "model"), ("tier", "service_tier"), ("opnai", "openai"), ("stepz", "steps"), ("INPUT", "input")]
        {
            assert_eq!(nearest(typed, [meant]), Some(meant), "{typed}");
        }
        for (typed, other) in [("zzzz", "zai"), ("qqq", "model"), ("x", "openai"), ("", "a"), ("budget", "features")] {
            assert_eq!(nearest(typed, [other]), None, "{typed}");
        }
    }

    #[test]
    fn only_the_beginning_of_a_long_text_is_compared() {
        let long = "é".repeat(1 << 19);
        assert_eq!(beginning(&long).len(), COMPARED);
        assert_eq!(nearest(&long, ["model"]), None);
    }
}
