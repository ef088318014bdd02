//! Texts of a check's report: none of them can steer a terminal, a page or a build log.

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::calculator::rules::Finding;
use crate::money::digits_for_people;
use crate::report::inert;

/// The longest name that people see.
const LONGEST_NAME: usize = 160;
/// The longest sentence that a line of a comment is.
const LONGEST_SENTENCE: usize = 480;

/// Text that people see: nothing in it steers a terminal or a build log, and no name fills a page.
pub(super) fn people(text: &str) -> String {
    at_most(text, LONGEST_NAME)
}

/// The same of a sentence.
pub(super) fn sentence(text: &str) -> String {
    at_most(text, LONGEST_SENTENCE)
}

fn at_most(text: &str, most: usize) -> String {
    let safe = inert(text);
    let cut: Cow<str> = match safe.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &safe[..at]).into(),
        None => safe,
    };
    without_commands(&cut)
}

/// Text of any length that people see.
pub(super) fn quiet(text: &str) -> String {
    without_commands(&inert(text))
}

/// Takes the meaning out of what build logs read as commands: `::error::` at the start of a line, `##[…]` anywhere.
fn without_commands(text: &str) -> String {
    text.replace("::", ": :").replace("##[", "# # [")
}

/// An amount for people, with its sign.
pub(super) fn signed(amount: Decimal, currency: &str) -> String {
    let sign = if amount.is_sign_negative() && !amount.is_zero() { "−" } else { "+" };
    format!("{sign}{}", plain(amount.abs(), currency))
}

/// An amount for people.
pub(super) fn plain(amount: Decimal, currency: &str) -> String {
    let digits = digits_for_people(amount.normalize());
    if currency == "USD" { format!("${digits}") } else { format!("{digits} {currency}") }
}

/// What stays the same of a finding when lines and numbers change.
pub(super) fn fingerprint(finding: &Finding) -> String {
    let feature = finding.feature.as_deref().unwrap_or("");
    fingerprint_of([finding.rule.name(), feature, &finding.file, &finding.subject])
}

/// The same, of the rule, the feature, the file and the subject.
pub(super) fn fingerprint_of(fields: [&str; 4]) -> String {
    let mut hash = Sha256::new();
    for field in fields {
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field.as_bytes());
    }
    hash.finalize().iter().take(16).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// `file:line`, or the file alone where no line is known.
pub(super) fn place(file: &str, line: usize) -> String {
    if line == 0 { file.to_owned() } else { format!("{file}:{line}") }
}

/// JSON in which nothing is a command to a build log: `##[` occurs in texts alone, where a hash may be spelled out.
pub(super) fn spelled_out(json: &str) -> Cow<'_, str> {
    if json.contains("##[") { json.replace("##[", "#\\u0023[").into() } else { json.into() }
}

/// The text of a JSON document.
pub(super) fn json_text(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    format!("{}\n", spelled_out(&text))
}
