//! What a check compares with: a commit of git, a file that an earlier check wrote, or nothing.

use std::path::{Path, PathBuf};

use super::baseline::{BaselineFile, RecordedBill};
use super::sides::CheckSide;
use crate::input::git::{GitBase, GitError, Repository};
use crate::input::text::InputError;
use crate::jobs::{JobError, Setup};
use crate::pricing::compile::PriceFile;
use crate::report::check::{BaseKind, BaseStamp};

/// What to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseQuery {
    /// Nothing.
    None,
    /// The point where HEAD left this branch or commit.
    Git(String),
    /// A file that an earlier check wrote.
    Baseline(PathBuf),
}

/// The base of a check.
pub(super) struct CheckBase {
    pub stamp: BaseStamp,
    pub side: Option<CheckSide>,
    /// Price files as they were, where they were other ones.
    pub prices: Option<Vec<PriceFile>>,
    pub recorded: Option<RecordedBill>,
    pub notes: Vec<String>,
    /// The commit, where it is one of git.
    pub commit: Option<GitBase>,
}

impl CheckBase {
    /// Reads the base that was asked for.
    ///
    /// * `price_files`: what the user laid over the table, as it is now.
    pub(crate) fn of(
        query: &BaseQuery,
        head: &CheckSide,
        price_files: &[PriceFile],
        setup: &Setup,
    ) -> Result<CheckBase, JobError> {
        match query {
            BaseQuery::None => Ok(CheckBase::none()),
            BaseQuery::Git(name) => CheckBase::git(name, head, price_files, setup),
            BaseQuery::Baseline(path) => CheckBase::baseline(path, head, setup),
        }
    }

    fn without_side(stamp: BaseStamp) -> CheckBase {
        CheckBase { stamp, side: None, prices: None, recorded: None, notes: Vec::new(), commit: None }
    }

    fn none() -> CheckBase {
        let text = "No base was given, so nothing was compared: --base origin/main, or --baseline farebox.json.";
        let stamp = BaseStamp { kind: BaseKind::None, name: String::new(), commit: None, text: text.to_owned() };
        CheckBase::without_side(stamp)
    }

    /// The merge base with a commit of git.
    fn git(name: &str, head: &CheckSide, price_files: &[PriceFile], setup: &Setup) -> Result<CheckBase, JobError> {
        let mut commit = Repository::of(head.folder())?.base(name)?;
        let short: String = commit.commit.chars().take(12).collect();
        let stamp =
            |text| BaseStamp { kind: BaseKind::Git, name: name.to_owned(), commit: Some(commit.commit.clone()), text };
        let compared = stamp(format!("Compared with {name}, at the merge base {short}."));
        let missing = stamp(format!(
            "{name} (merge base {short}) has no {}: everything is new, and nothing was compared.",
            head.path.display()
        ));
        let Some(earlier) = EarlierFile::find(&mut commit, &head.path)? else {
            return Ok(CheckBase { commit: Some(commit), ..CheckBase::without_side(missing) });
        };
        let mut base = CheckBase::without_side(compared);
        if let Some(old) = &earlier.old_name {
            base.notes.push(format!("The workload file was called {old} at the base."));
        }
        let mut read = |path: &Path| read_earlier(&mut commit, path);
        match CheckSide::read(&earlier.path, &earlier.text, setup.at.date(), &mut read) {
            Ok(side) => base.side = Some(side),
            Err(problems) => {
                let first = problems.first().map(ToString::to_string).unwrap_or_default();
                let first = first.lines().next().unwrap_or("");
                let note = format!("The workload at the base cannot be used, so nothing was compared: {first}");
                base.notes.push(note);
            }
        }
        base.prices = earlier_prices(&mut commit, price_files)?;
        base.commit = Some(commit);
        Ok(base)
    }

    /// A file that an earlier check wrote.
    fn baseline(path: &Path, head: &CheckSide, setup: &Setup) -> Result<CheckBase, JobError> {
        let file = BaselineFile::open(path)?;
        let side = file.side(head, setup.at.date())?;
        let (name, recorded) = (path.display().to_string(), file.recorded()?);
        let text = format!("Compared with {name}, recorded {} with price table {}.", file.at(), recorded.version);
        let stamp = BaseStamp { kind: BaseKind::Baseline, name, commit: None, text };
        Ok(CheckBase { side: Some(side), recorded: Some(recorded), ..CheckBase::without_side(stamp) })
    }
}

/// The workload file as it was.
struct EarlierFile {
    path: PathBuf,
    text: String,
    /// What it was called, where it was renamed since.
    old_name: Option<String>,
}

impl EarlierFile {
    /// `None` where the base has no such file under any name.
    fn find(commit: &mut GitBase, path: &Path) -> Result<Option<EarlierFile>, GitError> {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        if let Some(bytes) = commit.read(path)? {
            return Ok(Some(EarlierFile { path: path.to_owned(), text: text(bytes), old_name: None }));
        }
        let Some(old) = commit.renamed_from(path)? else { return Ok(None) };
        let path = commit.path_of(&old);
        let bytes = commit.read_named(&old)?;
        Ok(bytes.map(|bytes| EarlierFile { path, text: text(bytes), old_name: Some(old) }))
    }
}

/// A file that the workload named at the base.
fn read_earlier(commit: &mut GitBase, path: &Path) -> Result<Vec<u8>, InputError> {
    let shown = || path.display().to_string();
    match commit.read(path) {
        Ok(Some(bytes)) => Ok(bytes),
        Err(GitError::TooLarge { limit, .. }) => Err(InputError::TooLarge { path: shown(), limit }),
        _ => Err(InputError::Missing { path: shown(), similar: None }),
    }
}

/// The price files laid over the table as they were at the base; `None` where they are the same.
fn earlier_prices(commit: &mut GitBase, now: &[PriceFile]) -> Result<Option<Vec<PriceFile>>, GitError> {
    let mut files = Vec::new();
    for file in now {
        // A file that the base does not have, or that is outside of the repository, is the same on both sides.
        let text = match commit.read(Path::new(&file.path))? {
            Some(bytes) => String::from_utf8_lossy(&bytes).replace("\r\n", "\n"),
            None => file.text.clone(),
        };
        files.push(PriceFile { path: file.path.clone(), text });
    }
    let differ = files.iter().zip(now).any(|(then, now)| then.text != now.text);
    Ok(differ.then_some(files))
}

impl From<GitError> for JobError {
    fn from(error: GitError) -> Self {
        match &error {
            GitError::Failed(_) => JobError::Io(std::io::Error::other(error.to_string())),
            other => JobError::Asked { message: other.to_string(), help: other.help() },
        }
    }
}
