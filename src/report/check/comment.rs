//! Markdown for a pull request, behind a hidden marker by which the next run finds and replaces it: the verdict and at most
//! three lines of why; the tables and what was assumed are folded.

use std::io;

use sha2::{Digest, Sha256};

use super::text::{people, place, sentence, signed};
use super::{ChangePart, CheckReport};
use crate::calculator::rules::Finding;
use crate::report::markdown::escaped;
use crate::report::{self, Format, Report, Screen};

/// The most characters that GitHub takes in a comment.
const LONGEST: usize = 65_536;

/// The marker of a workload's comment. It names the file by its hash, so that no name can end the hidden part.
fn marker(workload: &str) -> String {
    let hash = Sha256::digest(workload.as_bytes());
    let hex = hash.iter().take(8).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    format!("<!-- farebox-check:{hex} -->")
}

/// How many lines say why.
const WHY: usize = 3;

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
    let mut report = check.report(most);
    report.head.clear();
    let is_assumed = |(title, _): &(String, Report)| title == super::ASSUMPTIONS;
    let assumptions = report.sections.iter().position(is_assumed).map(|at| report.sections.remove(at).1);
    let sign = if check.passed() { "✅" } else { "❌" };
    let mut text = format!("### {sign} {}: {}\n\n", escaped(&people(&check.title)), check.headline());
    text += &format!("{}.\n\n", check.summary());
    check.reasons().iter().for_each(|line| text += &format!("- {line}\n"));
    let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let details = [
        counted(check.features.len(), "feature"),
        counted(check.findings.len(), "finding"),
        counted(check.parts.len(), "part"),
    ];
    text += &folded(&format!("Details: {}", details.join(", ")), &markdown(&report)?);
    if let Some(assumptions) = assumptions.filter(|_| !check.assumptions.is_empty()) {
        text += &folded(&counted(check.assumptions.len(), "assumption"), &markdown(&assumptions)?);
    }
    Ok(format!("{}\n{}", marker(&check.workload), unlinked(&text)))
}

fn markdown(report: &Report) -> io::Result<String> {
    let mut bytes = Vec::new();
    report::write(report, Format::Markdown, Screen::default(), &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a reader opens with a click; the empty lines make GitHub read Markdown inside.
fn folded(title: &str, text: &str) -> String {
    format!("\n<details>\n<summary>{title}</summary>\n\n{}\n\n</details>\n", text.trim_end())
}

impl CheckReport {
    /// At most three lines: the gravest findings, then what moves the bill most.
    fn reasons(&self) -> Vec<String> {
        let finding = |f: &Finding| {
            let at = people(&place(&f.file, f.line));
            format!("**{} {}**: {} ({})", f.level.name(), f.rule.name(), escaped(&sentence(&f.message)), escaped(&at))
        };
        let findings = self.counting().map(finding);
        let mut parts: Vec<&ChangePart> = self.parts.iter().filter(|part| !part.amount.is_zero()).collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.amount.abs()));
        let part = |part: &ChangePart| {
            let feature = part.feature.as_deref().map_or_else(|| "the whole plan".to_owned(), people);
            let what = if part.what.is_empty() { String::new() } else { format!(": {}", people(&part.what)) };
            let at = part.places.first().map(|at| format!(" ({})", people(&place(&at.file, at.line))));
            let amount = signed(part.amount, &self.currency);
            escaped(&format!("{amount} a month, {} of {feature}{what}{}", part.factor.label(), at.unwrap_or_default()))
        };
        findings.chain(parts.into_iter().map(part)).take(WHY).collect()
    }
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
