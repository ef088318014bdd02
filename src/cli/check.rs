//! `farebox check`: what a change does to the bill, why, and whether a rule of the workload forbids it.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ColorChoice;

use super::check_ci::{BuildMachine, BuildService};
use super::out::Out;
use super::say;
use super::shared::{self, OutputFlags, OutputFormat, PriceFlags, Setup, read_price_file};
use crate::cli::error::Error;
use farebox::files::{self, LockedFile};
use farebox::input::workload::DEFAULT_FILE;
use farebox::jobs::JobError;
use farebox::jobs::check::{
    BaseQuery, CheckEnd, CheckQuery, CheckSide, ExemptionRequest, accept, accepted, check, last_day,
};
use farebox::jobs::error::with_help;
use farebox::report::check::{CheckFormat, CheckReport, write};

/// Check what a change does to the bill, and why; fails when a rule of the workload file says so
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox check --base origin/main
  farebox check -w plans/tutor.yaml --base HEAD~1 --format markdown
  farebox check --write-baseline farebox.json; farebox check --baseline farebox.json
  farebox check --base origin/main --report sarif=farebox.sarif --report junit=farebox.xml
  farebox check --accept search:max-growth \"launch week\" --until 2027-01-31

Rules stand under `check:` in the workload file; docs/check.md lists them. Nothing is uploaded. Exit codes: 0 passed,
1 a budget or rule failed, 2 a file or rule that is not understood, 3 something has no price and --strict was given,
4 only retired models or old prices, 5 I/O.")]
pub(crate) struct CheckArgs {
    /// Workload file; farebox.yaml when left out
    #[arg(long, short = 'w', value_name = "FILE")]
    workload: Option<PathBuf>,
    /// Compare with the point where HEAD left this branch or commit; `none` compares with nothing
    #[arg(long, value_name = "REF", conflicts_with = "baseline")]
    base: Option<String>,
    /// Compare with a file that --write-baseline wrote
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write what a later check compares with; it holds the workload and the text of its prompts
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
    /// Write a report to a file as well, such as sarif=farebox.sarif, or page.html where the ending says the format; repeatable
    #[arg(long = "report", value_name = "[FORMAT=]FILE", value_parser = report_flag)]
    reports: Vec<(CheckFormat, PathBuf)>,
    /// Accept a rule that a feature breaks (FEATURE:RULE, `plan` for the whole), or with FEATURE alone those that it breaks
    /// now, with the reason, up to the end of a day: writes exemptions
    #[arg(long, num_args = 1..=2, value_names = ["FEATURE", "REASON"], requires = "until", allow_hyphen_values = true)]
    accept: Vec<String>,
    /// Last day on which the exemption holds
    #[arg(long, value_name = "DATE", requires = "accept")]
    until: Option<String>,
    /// CI service: where annotations, summaries and outputs go, and the base when none is given
    #[arg(long, value_enum, default_value_t = BuildService::Auto, value_name = "SERVICE")]
    ci: BuildService,
    /// Exit with 3 when something could not be priced, or only at an assumed price
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    out: OutputFlags<CheckFormat>,
}

impl OutputFormat for CheckFormat {
    fn parser() -> clap::builder::ValueParser {
        let known = CheckFormat::ALL.iter().map(|f| clap::builder::PossibleValue::new(f.name()).help(f.about()));
        let names = clap::builder::PossibleValuesParser::new(known);
        clap::builder::TypedValueParser::map(names, |name| format_of_name(&name).unwrap_or_default()).into()
    }

    /// The format that the ending of a file asks for.
    fn of_ending(path: &Path) -> Option<CheckFormat> {
        match path.extension()?.to_str()?.to_lowercase().as_str() {
            "sarif" => Some(CheckFormat::Sarif),
            // JUnit is the only format here that is XML.
            "xml" => Some(CheckFormat::Junit),
            _ => shared::format_of_ending(path).map(CheckFormat::Shared),
        }
    }
}

fn format_of_name(name: &str) -> Option<CheckFormat> {
    CheckFormat::ALL.iter().copied().find(|format| format.name() == name)
}

fn report_flag(text: &str) -> Result<(CheckFormat, PathBuf), String> {
    let names = || CheckFormat::ALL.iter().map(|f| f.name()).collect::<Vec<_>>().join(", ");
    if let Some(format) = CheckFormat::of_ending(Path::new(text)).filter(|_| !text.contains('=')) {
        return Ok((format, text.into()));
    }
    let Some((name, file)) = text.split_once('=').filter(|(_, file)| !file.is_empty()) else {
        return Err(format!("{text:?} is not FORMAT=FILE: write sarif=farebox.sarif; the formats are {}", names()));
    };
    let format = format_of_name(name).ok_or_else(|| format!("{name:?} is not a format: write one of {}", names()))?;
    Ok((format, file.into()))
}

pub(crate) fn run(args: CheckArgs) -> Result<(), Error> {
    let setup = Setup { strict: args.strict, ..args.prices.table.setup()? };
    // clap asks for --until where there is --accept.
    let until = args.until.as_deref().unwrap_or_default();
    if let [asked] = &args.accept[..] {
        let help = format!("say why, for those who read the file: --accept {asked} \"launch week\" --until {until}");
        return Err(JobError::Asked { message: format!("--accept {asked} has no reason"), help: Some(help) }.into());
    }
    let machine = BuildMachine::detect(args.ci, |name| std::env::var(name).ok());
    let head = CheckSide::open(args.workload.as_deref(), &setup)?;
    if let (Some(warnings), false) = (&head.warnings, args.out.quiet) {
        say(warnings);
    }
    let query = args.query(machine.base.as_deref())?;
    if let [asked, reason] = &args.accept[..] {
        last_day(until, setup.at.date())?;
        let (feature, rule) = accepted(asked, &head)?;
        let rules = match rule {
            Some(rule) => vec![rule],
            None => check(&head, &query, &setup)?.broken_by(feature),
        };
        return write_exemption(
            args.workload.as_deref(),
            &ExemptionRequest { feature, rules: &rules, reason, until },
            &setup,
        );
    }
    let checked = check(&head, &query, &setup)?;
    if let CheckEnd::NothingPriced(reasons) = &checked.end {
        reasons.iter().for_each(|reason| say(reason));
    }
    if let Some(path) = &args.write_baseline {
        let text = serde_json::to_string_pretty(&checked.baseline(&head, &setup)).unwrap_or_default();
        Out::open(Some(path))?.write_with(|out| writeln!(out, "{text}"))?;
    }
    for (format, path) in &args.reports {
        write_report(&checked.report, *format, Some(path), args.out.color)?;
    }
    let OutputFlags { format, output, color, .. } = &args.out;
    write_report(&checked.report, *format, output.as_deref(), *color)?;
    let files: Vec<&Path> = args.reports.iter().map(|(_, path)| path.as_path()).collect();
    machine.publish(&checked.report, *format == CheckFormat::Github && output.is_none(), &files)?;
    let (failures, help) = checked.failures();
    ended(checked.end, &failures, help)
}

impl CheckArgs {
    /// What to check; `base` is what the build machine compares with.
    fn query(&self, base: Option<&str>) -> Result<CheckQuery, Error> {
        let base = match (&self.baseline, self.base.as_deref().or(base)) {
            (Some(path), _) => BaseQuery::Baseline(path.clone()),
            (None, None | Some("none")) => BaseQuery::None,
            (None, Some(name)) => BaseQuery::Git(name.to_owned()),
        };
        let price_files = self.prices.table.overlays.iter().map(|path| read_price_file(path));
        Ok(CheckQuery {
            base,
            price_files: price_files.collect::<Result<_, _>>()?,
            currency: self.prices.currency.clone(),
            strict: self.strict,
        })
    }
}

/// The report in one format, to a file or standard output.
fn write_report(
    report: &CheckReport,
    format: CheckFormat,
    path: Option<&Path>,
    color: ColorChoice,
) -> Result<(), Error> {
    let out = Out::open(path)?;
    let screen = out.screen(color);
    out.write_with(|out| write(report, format, screen, out))?;
    Ok(())
}

fn write_exemption(path: Option<&Path>, request: &ExemptionRequest, setup: &Setup) -> Result<(), Error> {
    if request.rules.is_empty() {
        let help = format!("name the rule to accept it before it breaks: --accept {}:max-growth", request.feature);
        return Err(Error::Job(JobError::Asked {
            message: format!("{} breaks no rule", request.feature),
            help: Some(help),
        }));
    }
    let path = path.unwrap_or(Path::new(DEFAULT_FILE));
    // Read again, behind the lock: another process may have accepted something since.
    let file = LockedFile::open(path).map_err(|error| files::cannot_write(path, &error))?;
    let exempted = accept(path, file.bytes(), request, setup.at.date())?;
    file.replace(exempted.text.as_bytes()).map_err(|error| files::cannot_write(path, &error))?;
    let (path, feature, rules) = (path.display(), request.feature, request.rules.join(", "));
    say(&format!("{path}: {rules} of {feature} is accepted up to the end of {}", exempted.until));
    Ok(())
}

/// How many broken rules the last line names.
const MOST_NAMED: usize = 3;

/// How the program ends.
///
/// * `failures`: `FEATURE:RULE` of what fails; `help`: how to accept it.
fn ended(end: CheckEnd, failures: &[String], help: Option<String>) -> Result<(), Error> {
    let counted =
        |n: usize, one: &str, many: &str| format!("{n} {}; the report says which", if n == 1 { one } else { many });
    Err(match end {
        CheckEnd::Passed => return Ok(()),
        CheckEnd::BadRules(n) => Error::Usage(counted(n, "rule is not understood", "rules are not understood")),
        CheckEnd::Broken(n) => {
            let more = if failures.len() > MOST_NAMED {
                format!(" and {} more", failures.len() - MOST_NAMED)
            } else {
                String::new()
            };
            let named: Vec<&str> = failures.iter().take(MOST_NAMED).map(String::as_str).collect();
            let what = if n == 1 { "1 rule is broken" } else { &format!("{n} rules are broken") };
            let text = format!("{what}: {}{more}; the report says why", named.join(", "));
            Error::Failed(with_help(&text, help))
        }
        CheckEnd::Unpriced(n) => Error::Strict(n as u64),
        CheckEnd::NothingPriced(_) => Error::NothingPriced,
        CheckEnd::UnknownModel(why) => Error::Usage(why),
        CheckEnd::Stale(n) => Error::Stale(format!("{n} findings about retired models or old prices")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_ends_with_the_code_that_the_report_states() {
        let why = || "why".to_owned();
        let ends = [
            CheckEnd::Passed,
            CheckEnd::BadRules(1),
            CheckEnd::Broken(1),
            CheckEnd::Unpriced(1),
            CheckEnd::NothingPriced(vec![why()]),
            CheckEnd::UnknownModel(why()),
            CheckEnd::Stale(1),
        ];
        for end in ends {
            let stated = end.exit_code();
            assert_eq!(ended(end, &[], None).err().map_or(0, |error| error.exit_code()), stated);
        }
    }
}
