//! Makes text that came from outside harmless to whatever shows it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

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
            c if steers(c) => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// A line in which a build log finds no command: `::error::` where it begins, or `##[error]` anywhere.
#[must_use]
pub fn without_commands(line: &str) -> Cow<'_, str> {
    let line = if line.contains("##[") { Cow::Owned(line.replace("##[", "# # [")) } else { Cow::Borrowed(line) };
    if line.trim_start().starts_with("::") { line.replacen("::", ": :", 1).into() } else { line }
}

/// Takes JSON and hands on the same JSON with every character spelled out that steers: those are in texts alone, but for the
/// line breaks and tabs between values, which stay.
pub(crate) struct InertJson<W>(pub W);

impl<W: io::Write> io::Write for InertJson<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Almost all of it is, and is written in small pieces.
        let is_harmless = bytes.iter().all(|byte| *byte < 0x7f && *byte != b'#');
        let text = if is_harmless { None } else { str::from_utf8(bytes).ok() };
        match text {
            Some(text) => self.0.write_all(inert_json(text).as_bytes())?,
            None => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// JSON that says the same, with every character spelled out that steers a terminal or a build log.
fn inert_json(json: &str) -> Cow<'_, str> {
    let is_spelled = |c: char| c >= '\u{7f}' && steers(c);
    if !json.contains(is_spelled) && !json.contains("##[") {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 8);
    for c in json.replace("##[", "#\\u0023[").chars() {
        if is_spelled(c) {
            let units = &mut [0; 2];
            c.encode_utf16(units).iter().for_each(|unit| {
                let _ = write!(safe, "\\u{unit:04x}");
            });
        } else {
            safe.push(c);
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
    fn json_says_the_same_and_steers_nothing() {
        use std::io::Write;
        let texts = [
            "\u{9b}31m",
            "\u{7f}\u{1b}",
            "##[error]",
            "\u{202e}o4",
            "a\u{e0041}",
            "plain # \u{fc} \u{1f469}\u{200d}\u{1f4bb}",
        ];
        for text in texts {
            let mut out = Vec::new();
            serde_json::to_writer_pretty(InertJson(&mut out), &[text, "\n"]).unwrap();
            InertJson(&mut out).write_all(b"\n").unwrap();
            let json = String::from_utf8(out).unwrap();
            assert_eq!(serde_json::from_str::<[String; 2]>(&json).unwrap(), [text, "\n"]);
            assert!(!json.contains(|c: char| c != '\n' && steers(c)) && !json.contains("##["), "{json:?}");
        }
        assert!(matches!(inert_json("[\"Z\u{fc}rich #1\"]\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_line_is_no_command() {
        let cases = [
            ("::error::x", ": :error::x"),
            ("  ::error file=a::x", "  : :error file=a::x"),
            ("a::error::x", "a::error::x"),
            ("a ##[error]x", "a # # [error]x"),
            ("", ""),
        ];
        for (line, want) in cases {
            assert_eq!(without_commands(line), want);
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
