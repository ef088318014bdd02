//! Where records are: the files that a user named, or the folders in which coding agents keep their sessions.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::input::dialect::Dialect;
use crate::input::text::{InputError, Source, walk};

/// What files of usage are called; a folder may hold anything else.
const ENDINGS: &[&str] = &["json", "jsonl", "ndjson", "csv", "tsv", "sse", "log", "gz", "zst", "zip", "db"];

/// The sources to read, and what could not be found.
pub(super) fn sources(files: &[PathBuf], from: Option<Dialect>) -> Result<(Vec<Source>, Vec<InputError>), Error> {
    let kept;
    let files = match (files, from) {
        ([], Some(dialect @ (Dialect::ClaudeCode | Dialect::Codex | Dialect::OpenCode))) => {
            kept = default_folders(dialect)?;
            &kept
        }
        ([], _) => return Ok((vec![Source::Stdin], Vec::new())),
        _ => files,
    };
    let (mut sources, mut missing) = (Vec::new(), Vec::new());
    for path in files {
        if path.as_os_str() == "-" {
            sources.push(Source::Stdin);
            continue;
        }
        match walk(path) {
            Ok(found) if path.is_dir() => {
                let before = sources.len();
                sources.extend(found.into_iter().filter(|file| is_usage(file)).map(Source::File));
                if sources.len() == before {
                    missing.push(nothing(path));
                }
            }
            Ok(found) => sources.extend(found.into_iter().map(Source::File)),
            Err(error) => missing.push(error),
        }
    }
    Ok((sources, missing))
}

fn nothing(folder: &Path) -> InputError {
    let wanted = ENDINGS.iter().map(|ending| format!("*.{ending}")).collect::<Vec<_>>().join(", ");
    InputError::Nothing { path: folder.display().to_string(), wanted }
}

fn is_usage(file: &Path) -> bool {
    file.extension().is_some_and(|end| ENDINGS.iter().any(|ending| end.eq_ignore_ascii_case(ending)))
}

/// Where an agent keeps its sessions, as it finds them itself.
fn default_folders(dialect: Dialect) -> Result<Vec<PathBuf>, Error> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = std::env::home_dir().unwrap_or_default();
    let config = || set("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
    let data = || set("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
    let folders: Vec<PathBuf> = match dialect {
        Dialect::ClaudeCode => match set("CLAUDE_CONFIG_DIR") {
            Some(list) => list.to_string_lossy().split(',').map(|dir| Path::new(dir.trim()).join("projects")).collect(),
            None => vec![config().join("claude/projects"), home.join(".claude/projects")],
        },
        Dialect::Codex => {
            let root = set("CODEX_HOME").unwrap_or_else(|| home.join(".codex"));
            vec![root.join("sessions"), root.join("archived_sessions")]
        }
        _ => opencode(&data().join("opencode")),
    };
    let present: Vec<PathBuf> = folders.iter().filter(|folder| folder.exists()).cloned().collect();
    if present.is_empty() {
        let looked: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        let what = format!(
            "no sessions of {} were found; looked in {}\n  help: name the files or their folder",
            dialect.name(),
            looked.join(" and ")
        );
        return Err(Error::Usage(what));
    }
    Ok(present)
}

/// Files before version 1.2 and a database since, one for each channel of releases. A message that stands in both counts once.
fn opencode(home: &Path) -> Vec<PathBuf> {
    let mut places = vec![home.join("storage/message")];
    let files = std::fs::read_dir(home).into_iter().flatten().filter_map(Result::ok);
    let is_ours = |name: &str| name.starts_with("opencode") && name.ends_with(".db");
    places.extend(files.filter(|file| is_ours(&file.file_name().to_string_lossy())).map(|file| file.path()));
    places.sort_by_key(|place| place.extension().is_none());
    if places.len() == 1 {
        places.push(home.join("opencode.db"));
    }
    places
}
