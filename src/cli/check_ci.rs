//! What a build machine says about itself in its environment, and where it wants to be told: GitHub and GitLab.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::cli::error::Error;
use farebox::files;
use farebox::report::check::{CheckReport, comment, github};

/// Whose build machine this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BuildService {
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
pub(crate) struct BuildMachine {
    service: BuildService,
    /// What a change is compared with where no flag says.
    pub base: Option<String>,
    summary: Option<PathBuf>,
    output: Option<PathBuf>,
}

impl BuildMachine {
    /// Reads the environment.
    pub(crate) fn detect(asked: BuildService, variable: impl Fn(&str) -> Option<String>) -> BuildMachine {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is = |name: &str| set(name).is_some_and(|value| value == "true");
        let service = match asked {
            BuildService::Auto if is("GITHUB_ACTIONS") => BuildService::Github,
            BuildService::Auto if is("GITLAB_CI") => BuildService::Gitlab,
            BuildService::Auto => BuildService::None,
            other => other,
        };
        let on_github = |name: &str| set(name).filter(|_| service == BuildService::Github);
        let base = match service {
            BuildService::Github => set("GITHUB_BASE_REF").map(|branch| format!("origin/{branch}")),
            BuildService::Gitlab => set("CI_MERGE_REQUEST_DIFF_BASE_SHA"),
            BuildService::Auto | BuildService::None => None,
        };
        BuildMachine {
            service,
            base,
            summary: on_github("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            output: on_github("GITHUB_OUTPUT").map(PathBuf::from),
        }
    }

    /// Tells the machine what was found.
    ///
    /// * `annotated`: whether the annotations are on standard output already; else they go to stderr, which the runner
    ///   reads as well.
    /// * `files`: the reports that were written.
    pub(crate) fn publish(&self, report: &CheckReport, annotated: bool, files: &[&Path]) -> Result<(), Error> {
        if self.service != BuildService::Github {
            return Ok(());
        }
        if !annotated {
            // A closed stderr does not make the check fail.
            let _ = github::write(report, &mut io::stderr().lock());
        }
        if let Some(path) = &self.summary {
            append(path, |out| comment::write(report, out))?;
        }
        if let Some(path) = &self.output {
            append(path, |out| github::outputs(report, files, out))?;
        }
        Ok(())
    }
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
            let machine =
                BuildMachine::detect(asked, |name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()));
            (machine.service, machine.base, machine.output.is_some())
        };
        let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_BASE_REF", "main"), ("GITHUB_OUTPUT", "out")];
        let gitlab = [("GITLAB_CI", "true"), ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "abc")];
        assert_eq!(detect(BuildService::Auto, &github), (BuildService::Github, Some("origin/main".into()), true));
        assert_eq!(detect(BuildService::Auto, &gitlab), (BuildService::Gitlab, Some("abc".into()), false));
        assert_eq!(detect(BuildService::Auto, &[]), (BuildService::None, None, false));
        assert_eq!(detect(BuildService::None, &github), (BuildService::None, None, false));
        assert_eq!(detect(BuildService::Github, &[]), (BuildService::Github, None, false));
    }
}
