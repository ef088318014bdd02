//! stub
use std::io::{self, Read};
use std::path::{Path, PathBuf};
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InputError(String, bool);
impl InputError {
    pub const fn is_misuse(&self) -> bool {
        self.1
    }
    pub fn reading(name: &str, e: io::Error) -> Self {
        InputError(format!("{name}: {e}"), false)
    }
}
#[derive(Clone, Debug)]
pub enum Source {
    File(PathBuf),
    Stdin,
    Text(String),
}
impl Source {
    pub fn name(&self) -> String {
        match self {
            Source::File(p) => p.display().to_string(),
            Source::Stdin => "-".into(),
            Source::Text(_) => "text".into(),
        }
    }
    pub fn open(&self) -> Result<Box<dyn Read>, InputError> {
        Ok(match self {
            Source::File(p) => Box::new(std::fs::File::open(p).map_err(|e| InputError::reading(&self.name(), e))?),
            Source::Stdin => Box::new(io::stdin()),
            Source::Text(t) => Box::new(io::Cursor::new(t.clone().into_bytes())),
        })
    }
}
pub struct ReadReport;
impl ReadReport {
    pub fn note(&self) -> Option<String> {
        None
    }
}
pub fn read_bytes(p: &Path) -> Result<Vec<u8>, InputError> {
    std::fs::read(p).map_err(|e| InputError::reading(&p.display().to_string(), e))
}
pub fn read_blocks(s: &Source, _binary: bool, f: &mut dyn FnMut(&str)) -> Result<ReadReport, InputError> {
    let mut t = String::new();
    s.open()?.read_to_string(&mut t).map_err(|e| InputError::reading(&s.name(), e))?;
    f(&t);
    Ok(ReadReport)
}
pub fn walk(p: &Path) -> Result<Vec<PathBuf>, InputError> {
    Ok(vec![p.to_owned()])
}
