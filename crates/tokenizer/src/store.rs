//! Keeps vocabularies that a user added: one file each, and beside it one of JSON that says what it is and its sha256.
//!
//! A tokenizer is there when its JSON is, which gets its name last and at once, so nobody ever finds half of one. Each
//! time that it is opened, the file is hashed again: a damaged one is refused and never counts. One process at a time changes
//! the folder, and takes away what one that was killed has left. The folder is the caller's to choose; nothing here reads the
//! environment.
//!
//! A name that is built in cannot be taken, but one whose count is only an estimate here (`command_r`, `bloom` …) can:
//! the file then counts in its place.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::own::{self, Form};
use super::vocab::LARGEST;
use super::vocabulary_error::VocabularyError;
use super::{Known, TOKENIZERS, Tokenizer, TokenizerError, UNKNOWN, load};
use crate::files::{self, FolderLock};

/// The most that is read of a file: a GGUF, which may have any size, is needed up to its tensors.
const LIMIT: u64 = 256 << 20;

/// What is known of a stored vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The name it is asked for by.
    pub name: String,
    /// The form of its file.
    pub form: Form,
    /// The encoding that a `.tiktoken` splits like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// Bytes of the stored file.
    pub bytes: u64,
    /// Hash of the stored file, in hexadecimal digits.
    pub sha256: String,
    /// The name of the file that it was added from.
    pub source: String,
}

/// Why a stored vocabulary cannot be had or added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The name cannot be given to a tokenizer.
    #[error("{name:?} {reason}")]
    Name {
        /// What was asked for.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A tokenizer of this name was added before.
    #[error("a tokenizer called {0} was added before")]
    Taken(String),
    /// What was named is no file.
    #[error("{path}: is {kind}, not a file", path = path.display())]
    NoFile {
        /// What was named.
        path: PathBuf,
        /// What it is instead.
        kind: &'static str,
    },
    /// The file is larger than any vocabulary.
    #[error("{path}: is larger than {} MiB, which no vocabulary is", LARGEST >> 20, path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be counted with exactly.
    #[error("{path}: {reason}", path = path.display())]
    Vocabulary {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: VocabularyError,
    },
    /// The stored file is what was added, and this build cannot count with it.
    #[error("{name}: the stored file is damaged: {reason}")]
    Unusable {
        /// The name of the tokenizer.
        name: String,
        /// Why not.
        reason: VocabularyError,
    },
    /// The stored file is not what was added.
    #[error("{name}: the stored file is damaged: {reason}")]
    Damaged {
        /// The name of the tokenizer.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The system refuses.
    #[error("{path}: {error}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl StoreError {
    /// The next step, where it stands apart from the text.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let remove = |name| format!("`farebox tokenizers remove {name}`, then add it again");
        Some(match self {
            StoreError::Name { .. } => "give another --name".to_owned(),
            StoreError::Taken(_) => "remove it first, or give another --name".to_owned(),
            StoreError::NoFile { .. } => "give the path of the vocabulary's file".to_owned(),
            StoreError::TooLarge { .. } => "give the file of the vocabulary alone, such as tokenizer.json".to_owned(),
            StoreError::Vocabulary { reason, .. } => return reason.help(),
            StoreError::Unusable { name, reason } => reason.help().unwrap_or_else(|| remove(name)),
            StoreError::Damaged { name, .. } => remove(name),
            StoreError::Io { .. } => return None,
        })
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    |error| StoreError::Io { path: path.to_owned(), error }
}

/// A folder of vocabularies.
///
/// # Examples
/// ```
/// use farebox_tokenizer::store::Store;
/// let folder = tempfile::tempdir()?;
/// let store = Store::in_folder(folder.path());
/// let file = folder.path().join("bytes.tiktoken");
/// let bytes = (0..=255_u8).map(|byte| format!("{} {byte}\n", base64::Engine::encode(&base64::prelude::BASE64_STANDARD, [byte])));
/// std::fs::write(&file, bytes.collect::<String>())?;
/// store.add(&file, Some("bytes"), Some("cl100k_base"))?;
/// assert_eq!(store.load("bytes")?.count("four").tokens, 4);
/// store.remove("bytes")?;
/// assert!(store.load("bytes").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in a folder, which need not be there yet.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Store { folder: folder.into() }
    }

    /// Adds a file, whole or not at all.
    ///
    /// * `name`: what it is asked for by; the file's own name up to its first dot where none is given.
    /// * `like`: the encoding that a `.tiktoken` splits like.
    ///
    /// # Errors
    /// [`StoreError`] where the name is taken or not one, or the file cannot be counted with exactly.
    pub fn add(&self, file: &Path, name: Option<&str>, like: Option<&str>) -> Result<Entry, StoreError> {
        let source = file.file_name().map_or_else(|| "-".to_owned(), |name| name.to_string_lossy().into_owned());
        let name = name.map_or_else(|| of_file(&source), str::to_owned);
        check_name(&name)?;
        if self.entry(&name)?.is_some() {
            return Err(StoreError::Taken(name));
        }
        let refused = |reason| StoreError::Vocabulary { path: file.to_owned(), reason };
        if let Some(kind) = files::not_a_file(file).filter(|_| !files::is_inherited_pipe(file)) {
            return Err(StoreError::NoFile { path: file.to_owned(), kind });
        }
        let mut bytes = Vec::new();
        let open = File::open(file).map_err(at(file))?;
        open.take(LIMIT).read_to_end(&mut bytes).map_err(at(file))?;
        bytes.truncate(own::needed(&bytes).map_err(refused)?);
        if bytes.len() as u64 > LARGEST {
            return Err(StoreError::TooLarge { path: file.to_owned() });
        }
        let (form, _) = own::read(&name, &bytes, like).map_err(refused)?;
        let entry = Entry {
            form,
            like: like.map(str::to_owned),
            bytes: bytes.len() as u64,
            sha256: format!("{:x}", Sha256::digest(&bytes)),
            source,
            name,
        };
        fs::create_dir_all(&self.folder).map_err(at(&self.folder))?;
        let _lock = FolderLock::of(&self.folder).map_err(at(&self.folder))?;
        // Somebody may have added one of the name while this one was read.
        if self.entry(&entry.name)?.is_some() {
            return Err(StoreError::Taken(entry.name));
        }
        self.remove_orphans();
        let json = serde_json::to_vec_pretty(&entry).unwrap_or_default();
        for (path, bytes) in [(self.vocabulary(&entry.name), &bytes), (self.note(&entry.name), &json)] {
            files::write_file(&path, bytes).map_err(at(&path))?;
        }
        Ok(entry)
    }

    /// Removes vocabularies without a note: those of a process that was killed before it wrote one, or after it removed it.
    fn remove_orphans(&self) {
        for path in fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(VOCABULARY));
            if name.is_some_and(|name| is_name(name) && !self.note(name).exists()) {
                // Whoever is reading it goes on: what is open stays.
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Everything that was added, by name.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the folder is there and cannot be read, [`StoreError::Damaged`] for a note that is none.
    pub fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        let files = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            files => files.map_err(at(&self.folder))?,
        };
        let mut entries = Vec::new();
        for file in files {
            let path = file.map_err(at(&self.folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(NOTE));
            if let Some(name) = name {
                entries.extend(self.entry(name)?);
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// What is known of one, `None` where none of that name was added.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for a note that is none.
    pub fn entry(&self, name: &str) -> Result<Option<Entry>, StoreError> {
        if !is_name(name) {
            return Ok(None);
        }
        let path = self.note(name);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::Io { path, error }),
            Ok(bytes) => match serde_json::from_slice::<Entry>(&bytes) {
                Ok(entry) if entry.name == name => Ok(Some(entry)),
                Ok(entry) => Err(damaged(name, format!("its note is that of {}", entry.name))),
                Err(error) => Err(damaged(name, format!("its note cannot be read: {error}"))),
            },
        }
    }

    /// Hashes and reads a stored file again.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where it is not what was added, [`StoreError::Unusable`] where this build cannot use it.
    pub fn open(&self, entry: &Entry) -> Result<Arc<dyn Tokenizer>, StoreError> {
        let path = self.vocabulary(&entry.name);
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => damaged(&entry.name, "it is gone".to_owned()),
            _ => StoreError::Io { path, error },
        })?;
        let sha256 = format!("{:x}", Sha256::digest(&bytes));
        if sha256 != entry.sha256 {
            return Err(damaged(
                &entry.name,
                format!("its sha256 is {sha256:.12}… and was {:.12}… when it was added", entry.sha256),
            ));
        }
        let read = own::read(&entry.name, &bytes, entry.like.as_deref());
        read.map(|(_, tokenizer)| tokenizer).map_err(|reason| StoreError::Unusable { name: entry.name.clone(), reason })
    }

    /// The tokenizer of a name: an added one, else one that is built in.
    ///
    /// # Errors
    /// [`TokenizerError::Unknown`] where there is neither, [`TokenizerError::Stored`] for a damaged one.
    pub fn load(&self, name: &str) -> Result<Arc<dyn Tokenizer>, TokenizerError> {
        if is_built_in(name) {
            return load(name);
        }
        let mut last = None;
        loop {
            let Some(entry) = self.entry(name)? else { return load(name) };
            match self.open(&entry) {
                // Another process may have replaced it between the two files, and then its note is another one.
                Err(StoreError::Damaged { .. }) if last.as_ref() != Some(&entry) => last = Some(entry),
                opened => return Ok(opened?),
            }
        }
    }

    /// Removes one; whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the system refuses.
    pub fn remove(&self, name: &str) -> Result<bool, StoreError> {
        if !is_name(name) {
            return Ok(false);
        }
        let _lock = match FolderLock::of(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            lock => lock.map_err(at(&self.folder))?,
        };
        let mut was_there = false;
        // The note first: without it nothing is there.
        for path in [self.note(name), self.vocabulary(name)] {
            match fs::remove_file(&path) {
                Ok(()) => was_there = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::Io { path, error }),
            }
        }
        Ok(was_there)
    }

    fn note(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{NOTE}"))
    }

    fn vocabulary(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{VOCABULARY}"))
    }
}

/// What the name of a note ends in.
const NOTE: &str = ".json";
/// What the name of a vocabulary ends in.
const VOCABULARY: &str = ".vocabulary";

fn damaged(name: &str, reason: String) -> StoreError {
    StoreError::Damaged { name: name.to_owned(), reason }
}

/// A name out of that of a file: `tokenizer.json` says nothing, so its folder would have to.
fn of_file(source: &str) -> String {
    source.split('.').next().unwrap_or_default().to_lowercase().replace(['-', ' '], "_")
}

/// Lower-case letters, digits, `_`, `-` and `.`, the first a letter or a digit: what is a file name everywhere.
fn is_name(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
    name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(letters)
}

fn is_built_in(name: &str) -> bool {
    TOKENIZERS.iter().any(|known| known.name == name && (known.is_built_in() || name == UNKNOWN))
}

fn check_name(name: &str) -> Result<(), StoreError> {
    let refused = |reason| Err(StoreError::Name { name: name.to_owned(), reason });
    match TOKENIZERS.iter().find(|known| known.name == name) {
        _ if !is_name(name) => refused("is no name for a tokenizer: it takes a-z, 0-9, _, - and ."),
        Some(Known { name, .. }) if is_built_in(name) => refused("is the name of a tokenizer that is built in"),
        None if name == "tokenizer" || name == "tekken" => refused("says nothing of the model"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    use super::super::{Basis, TokenCount};
    use super::*;

    /// A store, and a file with nothing but the 256 bytes.
    fn store() -> (tempfile::TempDir, Store, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("Some-Bytes.v1.tiktoken");
        let lines = (0..=255_u8).map(|byte| format!("{} {byte}\n", BASE64_STANDARD.encode([byte])));
        fs::write(&file, lines.collect::<String>()).unwrap();
        let store = Store::in_folder(folder.path().join("not/yet"));
        (folder, store, file)
    }

    #[test]
    fn an_added_file_counts_until_it_is_removed() {
        let (_folder, store, file) = store();
        assert_eq!(store.entries().unwrap(), []);
        let entry = store.add(&file, None, Some("cl100k_base")).unwrap();
        assert_eq!(
            (entry.name.as_str(), entry.form, entry.source.as_str()),
            ("some_bytes", Form::Tiktoken, "Some-Bytes.v1.tiktoken")
        );
        assert_eq!(store.entries().unwrap(), [entry]);
        assert_eq!(store.load("some_bytes").unwrap().count("d\u{e9}"), TokenCount::exact(3));
        assert!(store.add(&file, None, Some("cl100k_base")).unwrap_err().to_string().contains("added before"));
        assert!(store.remove("some_bytes").unwrap());
        assert!(!store.remove("some_bytes").unwrap());
        assert!(matches!(store.load("some_bytes"), Err(TokenizerError::Unknown { .. })));
    }

    #[test]
    fn an_estimate_is_replaced_and_what_is_built_in_is_not() {
        let (_folder, store, file) = store();
        assert_eq!(store.load("command_r").unwrap().count("four").basis, Basis::Estimated);
        store.add(&file, Some("command_r"), Some("cl100k_base")).unwrap();
        assert_eq!(store.load("command_r").unwrap().count("four"), TokenCount::exact(4));
        let claude = if cfg!(feature = "claude") { "claude_v3" } else { "cl100k_base" };
        for name in ["o200k_base", claude, "unknown", "", "../x", "A", "tokenizer", ".x", "a/b", "x\0"] {
            assert!(
                matches!(store.add(&file, Some(name), Some("cl100k_base")), Err(StoreError::Name { .. })),
                "{name:?}"
            );
        }
        assert_eq!(store.entries().unwrap().len(), 1);
    }

    #[test]
    fn of_many_that_add_one_name_one_wins_and_it_counts() {
        let (folder, store, file) = store();
        // Two vocabularies: the second has one token more.
        let longer = folder.path().join("longer.tiktoken");
        let more = format!("{}{} 256\n", fs::read_to_string(&file).unwrap(), BASE64_STANDARD.encode("ab"));
        fs::write(&longer, more).unwrap();
        for round in 0..4 {
            let name = format!("mine{round}");
            let add = |file: &Path| store.add(file, Some(&name), Some("cl100k_base"));
            let added: Vec<_> = std::thread::scope(|scope| {
                let files = [&file, &longer].into_iter().cycle().take(8);
                let threads: Vec<_> = files.map(|file| scope.spawn(move || add(file))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(added.iter().filter(|added| added.is_ok()).count(), 1, "{added:?}");
            let others = added.iter().filter_map(|added| added.as_ref().err());
            assert!(others.into_iter().all(|error| matches!(error, StoreError::Taken(_))), "{added:?}");
            let entry = added.into_iter().find_map(Result::ok).unwrap();
            assert_eq!(
                store.load(&name).unwrap().count("ab").tokens,
                if entry.source.starts_with("longer") { 1 } else { 2 }
            );
        }
    }

    #[test]
    fn what_a_killed_process_left_goes_with_the_next_change() {
        let (folder, store, file) = store();
        store.add(&file, Some("one"), Some("cl100k_base")).unwrap();
        let at = |name: &str| folder.path().join("not/yet").join(name);
        fs::write(at("half.vocabulary"), "half").unwrap();
        fs::write(at("Notes.vocabulary"), "the user's").unwrap();
        store.add(&file, Some("two"), Some("cl100k_base")).unwrap();
        assert!(!at("half.vocabulary").exists() && at("Notes.vocabulary").exists());
        assert_eq!(store.load("one").unwrap().count("ab").tokens, 2);
    }

    #[test]
    fn a_refused_file_leaves_nothing_behind() {
        let (folder, store, file) = store();
        assert!(store.add(&file, None, None).unwrap_err().help().unwrap().contains("--like"));
        assert!(matches!(store.add(&folder.path().join("none"), None, None), Err(StoreError::Io { .. })));
        assert!(!folder.path().join("not/yet").exists());
    }

    #[test]
    fn a_damaged_file_is_refused_and_never_counts() {
        let (folder, store, file) = store();
        let entry = store.add(&file, Some("mine"), Some("cl100k_base")).unwrap();
        let stored = folder.path().join("not/yet/mine.vocabulary");
        let mut bytes = fs::read(&stored).unwrap();
        bytes[0] ^= 1;
        fs::write(&stored, bytes).unwrap();
        assert!(matches!(store.open(&entry), Err(StoreError::Damaged { .. })));
        assert!(store.load("mine").err().unwrap().help().unwrap().contains("farebox tokenizers remove mine"));
        fs::remove_file(&stored).unwrap();
        assert!(store.open(&entry).err().unwrap().to_string().contains("gone"));
        fs::write(folder.path().join("not/yet/mine.json"), "{").unwrap();
        assert!(matches!(store.entry("mine"), Err(StoreError::Damaged { .. })));
        assert!(store.remove("mine").unwrap());
    }
}
