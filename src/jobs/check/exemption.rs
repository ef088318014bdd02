//! `check --accept`: an exemption in the workload file, and nothing else of it changes.

use std::path::Path;

use jiff::civil::Date;

use super::sides::CheckSide;
use crate::calculator::rules::{Exemption, RuleCode};
use crate::input::workload::parse;
use crate::input::workload::raw::RawWorkload;
use crate::input::workload::rules::read_rules;
use crate::jobs::JobError;
use crate::period::Instant;
use crate::similar::did_you_mean;

/// Something that is to be accepted for a while.
#[derive(Clone, Copy, Debug)]
pub struct ExemptionRequest<'r> {
    /// The feature; `plan` for the whole.
    pub feature: &'r str,
    /// The rules that it may break, by name: an exemption for each.
    pub rules: &'r [&'static str],
    /// Why.
    pub reason: &'r str,
    /// The last day on which it holds, as it was typed.
    pub until: &'r str,
}

/// A workload file with more exemptions, to replace the old file.
#[derive(Clone, Debug)]
pub struct ExemptedWorkload {
    /// Its new text.
    pub text: String,
    /// The last day on which the exemptions hold.
    pub until: Date,
}

/// Adds an exemption for each rule to the text of a workload file.
///
/// * `path`: what the file is called in messages; `bytes`: what is in it.
///
/// # Errors
/// [`JobError`] where the request or the file cannot be used, or the exemption cannot be added without changing more.
pub fn accept(
    path: &Path,
    bytes: &[u8],
    request: &ExemptionRequest,
    today: Date,
) -> Result<ExemptedWorkload, JobError> {
    let until = last_day(request.until, today)?;
    if request.reason.trim().is_empty() {
        let help = "farebox check --accept FEATURE \"why\" --until DATE";
        return Err(JobError::asked("an exemption needs a reason", help));
    }
    let without_help = |message| JobError::Asked { message, help: None };
    let text =
        String::from_utf8(bytes.to_vec()).map_err(|_| without_help(format!("{} is not UTF-8 text", path.display())))?;
    let shown = path.display().to_string();
    let raw = parse(&shown, &text).map_err(|problem| without_help(problem.render(&text)))?;
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let (feature, reason) = (quoted(request.feature), quoted(request.reason));
    let entry = |rule: &&str| format!("{{feature: {feature}, rule: {rule}, reason: {reason}, until: {until}}}");
    let entries: Vec<String> = request.rules.iter().map(entry).collect();
    let changed = entries.iter().rev().try_fold(text, |text, entry| insert(&text, entry));
    match changed.filter(|changed| adds_only(&shown, &raw, changed, request, until)) {
        Some(text) => Ok(ExemptedWorkload { text, until }),
        None => Err(JobError::asked(
            format!("the exemption cannot be added to {shown} without changing more of it"),
            format!("add it by hand under check: exemptions:\n    - {}", entries.join("\n    - ")),
        )),
    }
}

/// What `--accept` names: a feature, or `FEATURE:RULE`. A feature whose own name has such an end is that feature.
///
/// # Errors
/// [`JobError`] where no feature or rule is called so.
pub fn accepted<'a>(asked: &'a str, side: &CheckSide) -> Result<(&'a str, Option<&'static str>), JobError> {
    let is_known = |name: &str| side.feature(name).is_some() || matches!(name, "plan" | "*");
    match asked.rsplit_once(':') {
        Some((feature, rule)) if !is_known(asked) && is_known(feature) => {
            let codes = || RuleCode::ALL.iter().filter(|code| code.is_rule()).map(|code| code.name());
            let Some(name) = codes().find(|name| *name == rule) else {
                let near = did_you_mean(rule, codes());
                return Err(JobError::asked(
                    format!("no rule is called {rule:?}"),
                    format!("{near}`farebox check` says which rules fail"),
                ));
            };
            Ok((feature, Some(name)))
        }
        _ => known_feature(asked, &side.raw).map(|()| (asked, None)),
    }
}

/// The last day on which an exemption holds, as it is typed.
///
/// # Errors
/// [`JobError`] where it is no day, or over.
pub fn last_day(text: &str, today: Date) -> Result<Date, JobError> {
    let Some(day) = text.parse::<Date>().ok().filter(|_| text.len() == 10) else {
        // A moment is a date elsewhere; an exemption holds for whole days.
        let why = text.parse::<Instant>().err().map_or_else(|| format!("{text:?} is not a day"), |e| e.to_string());
        let help = "write the last day on which it holds, such as 2027-01-31";
        return Err(JobError::asked(format!("--until: {why}"), help));
    };
    if day < today {
        let message = format!("--until: {day} is over: today is {today}");
        return Err(JobError::asked(message, "name the last day on which it holds"));
    }
    Ok(day)
}

fn known_feature(feature: &str, raw: &RawWorkload) -> Result<(), JobError> {
    let names = || raw.features.0.iter().map(|(name, _)| name.value.as_str());
    if names().any(|name| name == feature) || matches!(feature, "plan" | "*") {
        return Ok(());
    }
    let near = did_you_mean(feature, names().chain(["plan"]));
    Err(JobError::asked(format!("no feature is called {feature:?}"), format!("{near}`plan` is the whole of it")))
}

/// Whether a changed text says what the old one did, and the exemption.
fn adds_only(path: &str, old: &RawWorkload, changed: &str, request: &ExemptionRequest, until: Date) -> bool {
    let Ok(new) = parse(path, changed) else { return false };
    let rules = read_rules(path, &new, "USD");
    let is_it = |e: &Exemption, rule: &str| {
        let is_said = e.feature == request.feature && e.reason == request.reason && e.until == until;
        is_said && e.rule.as_deref() == Some(rule)
    };
    let count = |raw: &RawWorkload| raw.check.as_ref().map_or(0, |check| check.exemptions.len());
    let has = |rule: &&str| rules.exemptions.iter().any(|e| is_it(e, rule));
    let added = count(&new) == count(old) + request.rules.len();
    request.rules.iter().all(has) && added && new.features.0.len() == old.features.0.len()
}

/// The text with the entry under `check: exemptions:`; `None` where these are written in a form that lines do not show. Every
/// other byte stays as it is, so lines that end in another way do too.
fn insert(text: &str, entry: &str) -> Option<String> {
    let mut whole: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let is_check = |line: &String| !line.starts_with(char::is_whitespace) && value_of(line, "check").is_some();
    let (at, new) = match lines.iter().position(is_check) {
        Some(check) => place_in(&lines, check, entry)?,
        None => {
            let new = ["", "check:", "  exemptions:"].map(str::to_owned).into_iter();
            (lines.len(), new.chain([format!("    - {entry}")]).collect())
        }
    };
    // As the line before ends, or the first where that one has no end.
    let before = whole.get(at.checked_sub(1)?).filter(|line| line.ends_with('\n')).or(whole.first());
    let end = if before.is_some_and(|line| line.ends_with("\r\n")) { "\r\n" } else { "\n" };
    if let Some(last) = whole.get_mut(at - 1).filter(|last| !last.ends_with('\n')) {
        last.push_str(end);
    }
    whole.splice(at..at, new.into_iter().map(|line| line + end));
    Some(whole.concat())
}

/// Where below `check:` the entry goes, and the lines that bring it there.
fn place_in(lines: &[String], check: usize, entry: &str) -> Option<(usize, Vec<String>)> {
    if !value_of(&lines[check], "check")?.is_empty() {
        return None;
    }
    let inside = |line: &&String| line.trim().is_empty() || line.starts_with([' ', '\t', '#']);
    let body: Vec<&String> = lines[check + 1..].iter().take_while(inside).collect();
    let first = body.iter().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let depth = first.map_or(2, |line| indent(line));
    let is_exemptions = |line: &&String| indent(line) == depth && value_of(line, "exemptions").is_some();
    match body.iter().position(is_exemptions) {
        Some(i) if value_of(body[i], "exemptions")?.is_empty() => {
            let next = body[i + 1..].iter().find(|line| line.trim_start().starts_with("- "));
            let dash = " ".repeat(next.map_or(depth + 2, |line| indent(line)));
            Some((check + 2 + i, vec![format!("{dash}- {entry}")]))
        }
        Some(_) => None,
        None => {
            let spaces = " ".repeat(depth);
            Some((check + 1, vec![format!("{spaces}exemptions:"), format!("{spaces}  - {entry}")]))
        }
    }
}

/// The text after a key on its line; `None` where the line has another key or none.
fn value_of(line: &str, key: &str) -> Option<String> {
    let rest = line.trim_start().strip_prefix(key)?.trim_start().strip_prefix(':')?;
    Some(rest.split(" #").next().unwrap_or("").trim().to_owned())
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exemption_goes_where_the_others_are_and_comments_stay() {
        let cases = [
            ("a: 1\n", Some("a: 1\n\ncheck:\n  exemptions:\n    - E\n")),
            (
                "check:  # why\n    rules: {}\n# end\nb: 1\n",
                Some("check:  # why\n    exemptions:\n      - E\n    rules: {}\n# end\nb: 1\n"),
            ),
            ("check:\n  exemptions:\n  - X\n  rules: {}\n", Some("check:\n  exemptions:\n  - E\n  - X\n  rules: {}\n")),
            ("check:\n  exemptions: [X]\n", None),
            ("check: {rules: {}}\n", None),
            ("a: 1\r\n", Some("a: 1\r\n\r\ncheck:\r\n  exemptions:\r\n    - E\r\n")),
            // Lines that end in two ways, and a last one that does not end.
            ("a: 1\r\ncheck:\nb: 1", Some("a: 1\r\ncheck:\n  exemptions:\n    - E\nb: 1")),
            ("a: 1\r\nb: 1", Some("a: 1\r\nb: 1\r\n\r\ncheck:\r\n  exemptions:\r\n    - E\r\n")),
            ("check:", Some("check:\n  exemptions:\n    - E\n")),
        ];
        for (text, want) in cases {
            assert_eq!(insert(text, "E").as_deref(), want, "{text}");
        }
    }
}
