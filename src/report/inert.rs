//! Makes text that came from outside harmless to whatever shows it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text with every character spelled out that would steer a terminal or deceive a reader instead of being seen.
///
/// Line breaks and tabs become `\n`, `\r` and `\t`; other control characters (escape sequences, bells), characters that
/// turn the writing direction (a model name that reads backwards) and invisible ones become `\u{1b}`. What joins
/// letters or emoji stays, as scripts need it, and so does the backslash: the result is for eyes, not to be read back.
///
/// # Examples
/// ```
/// use farebox::report::inert;
/// assert_eq!(inert("gpt-4o"), "gpt-4o");
/// assert_eq!(inert("\u{1b}[2Jgone\n"), r"\u{1b}[2Jgone\n");
/// ```
#[must_use]
pub fn inert(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(steers) else { return Cow::Borrowed(text) };
    let mut safe = String::with_capacity(text.len() + 8);
    safe.push_str(&text[..first]);
    for c in text[first..].chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if steers(c) => write!(safe, "\\u{{{:x}}}", u32::from(c)).expect("a String takes every write"),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Controls, separators of lines, and format characters that are not part of a visible letter.
fn steers(c: char) -> bool {
    // Most text is ASCII, where a single comparison settles it.
    if c < '\u{7f}' {
        return c < ' ';
    }
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'       // soft hyphen, Arabic letter mark, Mongolian vowel separator
            | '\u{200b}' | '\u{200e}' | '\u{200f}'  // zero-width space and direction marks; joiners 200c and 200d stay
            | '\u{2028}'..='\u{202e}'               // line and paragraph separators, bidi embeddings and overrides
            | '\u{2060}'..='\u{206f}'               // word joiner, invisible operators, bidi isolates
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'  // byte order mark, annotations
            | '\u{e0000}'..='\u{e007f}') // tags: invisible copies of ASCII
}

/// Text in which nothing is markup, inside of elements and of quoted attributes alike.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for c in inert(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_spelled_out() {
        let cases = [
            ("colour", "\u{1b}[31mred\u{1b}[0m", r"\u{1b}[31mred\u{1b}[0m"),
            ("window title", "\u{1b}]0;owned\u{7}", r"\u{1b}]0;owned\u{7}"),
            ("C1 introducer", "\u{9b}31m", r"\u{9b}31m"),
            ("delete, nul", "\u{7f}\0", r"\u{7f}\u{0}"),
            ("lines and tabs", "a\r\n\tb", r"a\r\n\tb"),
            ("Unicode lines", "a\u{2028}b\u{2029}\u{85}", r"a\u{2028}b\u{2029}\u{85}"),
            ("bidi override", "\u{202e}o4-tpg", r"\u{202e}o4-tpg"),
            ("bidi isolates", "\u{2066}a\u{2069}", r"\u{2066}a\u{2069}"),
            ("zero width", "gpt\u{200b}-4\u{feff}", r"gpt\u{200b}-4\u{feff}"),
            ("tags", "a\u{e0041}", r"a\u{e0041}"),
        ];
        for (name, text, safe) in cases {
            assert_eq!(inert(text), safe, "{name}");
            assert!(!inert(text).contains(steers), "{name}");
        }
    }

    #[test]
    fn what_is_seen_stays_as_it_is() {
        for text in ["", "plain", r"C:\new\u", "Zürich", "漢字", "עברית", "می‌خواهم", "👩‍💻", "❤️", "\u{a0}"]
        {
            assert!(matches!(inert(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
