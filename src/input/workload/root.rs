//! The folder that the files of a workload may be in: the repository around it, or else its own folder.
//!
//! A workload of somebody else is read on build machines; it has no business in their other files.

use std::path::{Component, Path, PathBuf};

/// A folder that files have to be in.
#[derive(Debug)]
pub(super) struct Root {
    folder: PathBuf,
    /// Whether it is a repository.
    is_repository: bool,
}

impl Root {
    /// The repository around a folder, or the folder itself.
    pub(super) fn around(folder: &Path) -> Root {
        let folder = real(folder);
        let repository = folder.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned);
        let is_repository = repository.is_some();
        Root { folder: repository.unwrap_or(folder), is_repository }
    }

    /// Whether a file is outside, links followed; one that does not exist is judged by its name.
    pub(super) fn excludes(&self, file: &Path) -> bool {
        !real(file).starts_with(&self.folder)
    }

    /// What it is, for people.
    pub(super) const fn name(&self) -> &'static str {
        if self.is_repository { "the repository" } else { "the folder of the workload" }
    }
}

/// The path without links and `..`.
fn real(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let mut plain = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // What exists of it may be a link.
    if let (Some(parent), Some(name)) = (path.parent(), path.file_name())
        && let Ok(parent) = if parent.as_os_str().is_empty() { Path::new(".") } else { parent }.canonicalize()
    {
        plain = parent.join(name);
    }
    let mut out = PathBuf::new();
    for part in plain.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}
