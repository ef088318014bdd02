//! The price files that a user names, alone or by their folder.

use std::path::PathBuf;

use super::say;
use super::shared::{read_price_file, yaml_files};
use crate::cli::error::Error;
use farebox::pricing::compile::PriceFile;

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
