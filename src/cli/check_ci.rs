//! What a build machine says about itself, and what it wants to be told: GitHub and GitLab.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::cli::error::Error;
use farebox::files;
use farebox::report::gate::Gate;
use farebox::report::{comment, github};

/// Whose build machine this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Service {
    /// As the environment says
    Auto,
    /// GitHub Actions
    Github,
    /// GitLab
    Gitlab,
    /// None
    None,
}

/// A build machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ci {
    service: Service,
    /// What a change is compared with where nobody said.
    pub base: Option<String>,
    summary: Option<PathBuf>,
    output: Option<PathBuf>,
}

impl Ci {
    /// Reads the environment.
    pub fn detect(asked: Service, variable: impl Fn(&str) -> Option<String>) -> Ci {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is = |name: &str| set(name).is_some_and(|value| value == "true");
        let service = match asked {
            Service::Auto if is("GITHUB_ACTIONS") => Service::Github,
            Service::Auto if is("GITLAB_CI") => Service::Gitlab,
            Service::Auto => Service::None,
            other => other,
        };
        let on_github = |name: &str| set(name).filter(|_| service == Service::Github);
        let base = match service {
            Service::Github => set("GITHUB_BASE_REF").map(|branch| format!("origin/{branch}")),
            Service::Gitlab => set("CI_MERGE_REQUEST_DIFF_BASE_SHA"),
            Service::Auto | Service::None => None,
        };
        Ci {
            service,
            base,
            summary: on_github("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            output: on_github("GITHUB_OUTPUT").map(PathBuf::from),
        }
    }

    /// Tells the machine what was found.
    ///
    /// * `annotated`: whether the annotations stand on standard output already; else they go to stderr, which the runner
    ///   reads as well.
    pub fn publish(&self, gate: &Gate, annotated: bool, reports: &[&Path]) -> Result<(), Error> {
        if self.service != Service::Github {
            return Ok(());
        }
        if !annotated {
            // A stderr that is gone is no reason to fail.
            let _ = github::write(gate, &mut io::stderr().lock());
        }
        if let Some(path) = &self.summary {
            append(path, |out| comment::write(gate, out))?;
        }
        if let Some(path) = &self.output {
            append(path, |out| outputs(gate, reports, out))?;
        }
        Ok(())
    }
}

/// The outputs of a step. None of the values can hold a line break.
fn outputs(gate: &Gate, reports: &[&Path], out: &mut dyn Write) -> io::Result<()> {
    let line = |text: &str| farebox::report::inert(text).into_owned();
    let delta = gate.money.delta().unwrap_or_default();
    writeln!(out, "verdict={}", gate.verdict())?;
    writeln!(out, "total={}", gate.money.head.normalize())?;
    writeln!(out, "delta={delta}")?;
    writeln!(out, "currency={}", line(&gate.currency))?;
    writeln!(out, "exit-code={}", gate.exit_code)?;
    let report = reports.first().map(|path| line(&path.display().to_string())).unwrap_or_default();
    writeln!(out, "report={report}")
}

fn append(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    let mut bytes = Vec::new();
    write(&mut bytes)?;
    bytes.push(b'\n');
    Ok(files::append_to(path, &bytes).map_err(|error| files::cannot_write(path, &error))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_whose_machine_it_is() {
        let detect = |asked, set: &[(&str, &str)]| {
            let ci = Ci::detect(asked, |name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()));
            (ci.service, ci.base, ci.output.is_some())
        };
        let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_BASE_REF", "main"), ("GITHUB_OUTPUT", "out")];
        let gitlab = [("GITLAB_CI", "true"), ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "abc")];
        assert_eq!(detect(Service::Auto, &github), (Service::Github, Some("origin/main".into()), true));
        assert_eq!(detect(Service::Auto, &gitlab), (Service::Gitlab, Some("abc".into()), false));
        assert_eq!(detect(Service::Auto, &[]), (Service::None, None, false));
        assert_eq!(detect(Service::None, &github), (Service::None, None, false));
        assert_eq!(detect(Service::Github, &[]), (Service::Github, None, false));
    }
}
