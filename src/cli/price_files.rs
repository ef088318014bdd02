//! The price files that a user names, alone or by their folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::say;
use super::shared::{TableFlags, read_price_file, yaml_files};
use crate::cli::error::Error;
use farebox::jobs::JobError;
use farebox::pricing::PriceTable;
use farebox::pricing::compile::PriceFile;

/// The table that a path means: a folder of price files is one of its own, a file is laid over the table.
pub(crate) fn table_at(text: &str, flags: &TableFlags) -> Result<Option<Arc<PriceTable>>, Error> {
    let path = Path::new(text);
    if path.is_dir() {
        let files = price_files(&[path.to_owned()])?;
        let table =
            PriceTable::of_files(&files, text).map_err(|problems| JobError::of_price_files(&problems, &files))?;
        return Ok(Some(table.into()));
    }
    if path.is_file() {
        let mut flags = flags.clone();
        flags.overlays.push(path.to_owned());
        return Ok(Some(flags.setup()?.table));
    }
    Ok(None)
}

/// The YAML files named, and those inside of folders named.
pub(crate) fn price_files(paths: &[PathBuf]) -> Result<Vec<PriceFile>, Error> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut inside = yaml_files(path)?;
            inside.sort();
            files.extend(inside);
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() && !paths.is_empty() {
        say("note: no price files there: a folder's files end in .yaml");
    }
    files.iter().map(|path| read_price_file(path)).collect()
}
