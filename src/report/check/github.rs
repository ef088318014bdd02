//! GitHub's workflow commands: each finding becomes an annotation at its line.

use std::io;
use std::path::Path;

use super::CheckReport;
use crate::calculator::rules::{Finding, FindingLevel};
use crate::report::inert;

/// How many annotations of each kind GitHub keeps for a step.
const MOST: usize = 10;

/// Errors and warnings, the gravest ten of each, then the verdict as a notice.
///
/// # Errors
/// What `out` answers.
pub fn write(check: &CheckReport, out: &mut dyn io::Write) -> io::Result<()> {
    let levels = [FindingLevel::Error, FindingLevel::Warning];
    for level in levels {
        check.counting().filter(|f| f.level == level).take(MOST).try_for_each(|f| annotation(f, out))?;
    }
    let shown: usize = levels.map(|level| check.count(level)).iter().sum();
    let left: usize = levels.map(|level| check.count(level).saturating_sub(MOST)).iter().sum();
    let more = if left > 0 {
        format!(" {left} of {shown} findings are not annotated; the report has them all.")
    } else {
        String::new()
    };
    let text = format!(
        "{}. {}.{more} {} Prices: table {} (sha256 {:.12}). {} assumptions.",
        check.summary(),
        check.headline(),
        check.base.text,
        check.table.version,
        check.table.sha256,
        check.assumptions.len()
    );
    writeln!(out, "::notice title=farebox::{}", data(&text))
}

/// The outputs of a step, of which none can hold a line break; `files` are the reports that were written.
///
/// # Errors
/// What `out` answers.
pub fn outputs(check: &CheckReport, files: &[&Path], out: &mut dyn io::Write) -> io::Result<()> {
    let line = |text: &str| inert(text).into_owned();
    writeln!(out, "verdict={}", check.verdict())?;
    writeln!(out, "total={}", check.money.head.normalize())?;
    writeln!(out, "delta={}", check.money.delta().unwrap_or_default())?;
    writeln!(out, "currency={}", line(&check.currency))?;
    writeln!(out, "exit-code={}", check.exit_code)?;
    let file = files.first().map(|path| line(&path.display().to_string())).unwrap_or_default();
    writeln!(out, "report={file}")
}

fn annotation(finding: &Finding, out: &mut dyn io::Write) -> io::Result<()> {
    let command = if finding.level == FindingLevel::Error { "error" } else { "warning" };
    let title = format!("farebox {}", finding.rule.name());
    let line = finding.line.max(1);
    writeln!(
        out,
        "::{command} file={},line={line},title={}::{}",
        property(&finding.file),
        property(&title),
        data(&finding.in_full())
    )
}

/// The text behind the colons: the runner turns exactly these back.
fn data(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => safe.push_str("%25"),
            '\r' => safe.push_str("%0D"),
            '\n' => safe.push_str("%0A"),
            c => safe.push(c),
        }
    }
    // Remaining control characters are spelled out, and the older form of a command loses its meaning.
    inert(&safe).replace("##[", "# # [")
}

/// A value between the commas, where colons and commas have a meaning too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_ends_a_command_or_begins_one() {
        let hostile = "a\n::error::owned\r\n%0A##[error]x,line=9::y\u{1b}[31m";
        assert_eq!(data(hostile), "a%0A::error::owned%0D%0A%250A# # [error]x,line=9::y\\u{1b}[31m");
        assert_eq!(property("a:b,c%"), "a%3Ab%2Cc%25");
    }
}
