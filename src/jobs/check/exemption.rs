//! `farebox check --accept`: writes an exemption into the workload file, and nothing else of it changes.

use std::io::Write;
use std::path::Path;

use jiff::civil::Date;

use super::out::Out;
use super::say;
use super::shared::Setup;
use crate::cli::error::Error;
use farebox::input::text::read_bytes;
use farebox::input::workload::rules::read_rules;
use farebox::input::workload::{DEFAULT_FILE, parse};
use farebox::period::Instant;

pub(crate) fn accept(
    path: Option<&Path>,
    feature: &str,
    reason: &str,
    until: &str,
    setup: &Setup,
) -> Result<(), Error> {
    let path = path.unwrap_or(Path::new(DEFAULT_FILE));
    let day = until.parse::<Date>().ok().filter(|_| until.len() == 10);
    let day = day.ok_or_else(|| {
        // A moment is a date elsewhere; an exemption holds for whole days.
        let why = until.parse::<Instant>().err().map_or_else(|| format!("{until:?} is not a day"), |e| e.to_string());
        Error::Usage(format!("--until: {why}\n  help: write the last day on which it holds, such as 2027-01-31"))
    })?;
    if day < setup.at.date() {
        return Err(Error::Usage(format!(
            "--until: {day} is over: today is {}\n  help: name the last day on which it holds",
            setup.at.date()
        )));
    }
    if reason.trim().is_empty() {
        return Err(Error::Usage(
            "an exemption needs a reason\n  help: farebox check --accept FEATURE \"why\" --until DATE".into(),
        ));
    }
    let bytes = read_bytes(path)?;
    let text = String::from_utf8(bytes).map_err(|_| Error::Usage(format!("{} is not UTF-8 text", path.display())))?;
    let shown = path.display().to_string();
    let raw = parse(&shown, &text).map_err(|problem| Error::Usage(problem.render(&text)))?;
    let known = raw.features.0.iter().any(|(name, _)| name.value == feature) || matches!(feature, "plan" | "*");
    if !known {
        let names = raw.features.0.iter().map(|(name, _)| name.value.as_str());
        let near = farebox::similar::did_you_mean(feature, names.chain(["plan"]));
        return Err(Error::Usage(format!("no feature is called {feature:?}\n  help: {near}`plan` is the whole of it")));
    }
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let entry = format!("{{feature: {}, reason: {}, until: {day}}}", quoted(feature), quoted(reason));
    let refuse = || {
        Error::Usage(format!(
            "the exemption cannot be added to {shown} without changing more of it\n  help: add it by hand under check: exemptions:\n    - {entry}"
        ))
    };
    let changed = insert(&text, &entry).ok_or_else(refuse)?;
    let before = raw.check.as_ref().map_or(0, |c| c.exemptions.len());
    let again = parse(&shown, &changed).map_err(|_| refuse())?;
    let rules = read_rules(&shown, &again, "USD");
    let is_there = rules.exemptions.iter().any(|e| e.feature == feature && e.reason == reason && e.until == day);
    if !is_there
        || again.check.map_or(0, |c| c.exemptions.len()) != before + 1
        || again.features.0.len() != raw.features.0.len()
    {
        return Err(refuse());
    }
    Out::open(Some(path))?.write_with(|out| out.write_all(changed.as_bytes()))?;
    say(&format!("{shown}: {feature} is accepted up to the end of {day}"));
    Ok(())
}

/// The text with the entry under `check: exemptions:`; `None` where these are written in a form that lines do not show.
fn insert(text: &str, entry: &str) -> Option<String> {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let lines: Vec<&str> = text.lines().collect();
    let key = |line: &str, name: &str| {
        let rest = line.trim_start().strip_prefix(name)?.trim_start().strip_prefix(':')?;
        Some(rest.split(" #").next().unwrap_or("").trim().to_owned())
    };
    let check = lines.iter().position(|line| !line.starts_with(char::is_whitespace) && key(line, "check").is_some());
    let joined = |at: usize, new: Vec<String>| {
        let mut all: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
        all.splice(at..at, new);
        Some(all.join(end) + end)
    };
    let Some(check) = check else {
        return joined(
            lines.len(),
            vec![String::new(), "check:".into(), "  exemptions:".into(), format!("    - {entry}")],
        );
    };
    if key(lines[check], "check")?.is_empty() {
        let inside = |line: &&&str| line.trim().is_empty() || line.starts_with([' ', '\t', '#']);
        let length = lines[check + 1..].iter().take_while(inside).count();
        let body = &lines[check + 1..=check + length];
        let indent = |line: &str| line.len() - line.trim_start().len();
        let first = body.iter().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
        let depth = first.map_or(2, |line| indent(line));
        let found = body.iter().position(|line| indent(line) == depth && key(line, "exemptions").is_some());
        let spaces = " ".repeat(depth);
        return match found {
            Some(i) if key(body[i], "exemptions")?.is_empty() => {
                let next = body[i + 1..].iter().find(|line| line.trim_start().starts_with("- "));
                let dash = next.map_or(depth + 2, |line| indent(line));
                joined(check + 2 + i, vec![format!("{}- {entry}", " ".repeat(dash))])
            }
            Some(_) => None,
            None => joined(check + 1, vec![format!("{spaces}exemptions:"), format!("{spaces}  - {entry}")]),
        };
    }
    None
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
        ];
        for (text, want) in cases {
            assert_eq!(insert(text, "E").as_deref(), want, "{text}");
        }
    }
}
