//! Markdown for a pull request: the report behind a hidden marker, by which the next run finds and replaces it.

use std::io;

use sha2::{Digest, Sha256};

use super::CheckReport;
use crate::report::{self, Format, Screen};

/// The most characters that GitHub takes in a comment.
const LONGEST: usize = 65_536;

/// The marker of a workload's comment. It names the file by its hash, so that no name can end the hidden part.
fn marker(workload: &str) -> String {
    let hash = Sha256::digest(workload.as_bytes());
    let hex = hash.iter().take(8).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    format!("<!-- farebox-check:{hex} -->")
}

/// The report, shortened until it fits.
///
/// # Errors
/// What `out` answers.
pub fn write(check: &CheckReport, out: &mut dyn io::Write) -> io::Result<()> {
    let mut most = 200;
    loop {
        let text = shown(check, most)?;
        if text.chars().count() <= LONGEST || most == 0 {
            let cut: String = text.chars().take(LONGEST).collect();
            return out.write_all(cut.as_bytes());
        }
        most /= 2;
    }
}

fn shown(check: &CheckReport, most: usize) -> io::Result<String> {
    let mut bytes = Vec::new();
    report::write(&check.report(most), Format::Markdown, Screen::default(), &mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let sign = if check.passed() { "✅" } else { "❌" };
    Ok(format!("{}\n### {sign} farebox\n\n{}", marker(&check.workload), unlinked(&text)))
}

/// Text in which nothing calls a person, refers to an issue or becomes a link by itself.
fn unlinked(text: &str) -> String {
    const GAP: &str = "<!-- -->";
    let mut safe = String::with_capacity(text.len() + 64);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        safe.push(c);
        let next = rest.peek().copied().unwrap_or(' ');
        let joins = match c {
            '@' => next.is_alphanumeric() || next == '-',
            '#' => next.is_ascii_digit(),
            ':' => next == '/',
            'w' | 'W' => next == '.',
            _ => false,
        };
        if joins {
            safe.push_str(GAP);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_calls_or_links() {
        let text = "@everyone fixes #12, see https://x.example or www.x.example; # 1 and a@ b stay";
        let want = "@<!-- -->everyone fixes #<!-- -->12, see https:<!-- -->//x.example or www<!-- -->.x.example; # 1 and a@ b stay";
        assert_eq!(unlinked(text), want);
    }
}
