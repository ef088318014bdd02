//! A workload file drafted from the model names and prompt files of a code base, every guess marked: [`scan`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{JobError, Setup};
use crate::input::text::read_bytes;
use crate::pricing::Matched;
use crate::report::inert;

/// A file larger than this is data rather than code.
const LARGEST: u64 = 1 << 20;
/// How many places of a model are named.
const PLACES: usize = 5;

/// A drafted workload file, and what it was drafted from.
#[derive(Clone, Debug)]
pub struct ScanDraft {
    /// The text of the file.
    pub text: String,
    /// How many models were found.
    pub models: u64,
    /// How many prompt files were found.
    pub prompts: u64,
}

/// Reads the text files below a folder, ignore rules respected, and drafts a workload of what they name.
///
/// # Errors
/// [`JobError`] where there is no such folder, or no model that the price table knows is named in it.
pub fn scan(root: &Path, setup: &Setup) -> Result<ScanDraft, JobError> {
    if !root.exists() {
        return Err(JobError::asked(format!("{} does not exist", root.display()), "name a folder"));
    }
    let mut scan = CodeScan { root, setup, known: BTreeMap::new(), found: CodeNames::default() };
    let files = scan.files();
    files.iter().for_each(|path| scan.file(path));
    scan.named_prompts(&files);
    let found = scan.found;
    if found.models.is_empty() {
        let help =
            "models are looked for as quoted names, such as \"gpt-4o\"; `farebox init` writes an example to edit";
        let message = format!("no model that the price table knows is named in {}", root.display());
        return Err(JobError::asked(message, help));
    }
    let (models, prompts) = (found.models.len() as u64, found.prompts.len() as u64);
    Ok(ScanDraft { text: found.draft(root), models, prompts })
}

/// What code names.
#[derive(Default)]
struct CodeNames {
    /// Places by model: file and line.
    models: BTreeMap<String, Vec<(String, usize)>>,
    /// Files that look like prompts.
    prompts: BTreeSet<String>,
    /// Prompt files by the source file that names them.
    named: BTreeMap<String, BTreeSet<String>>,
}

struct CodeScan<'s> {
    root: &'s Path,
    setup: &'s Setup,
    /// What a quoted name turned out to be.
    known: BTreeMap<String, Option<String>>,
    found: CodeNames,
}

impl CodeScan<'_> {
    fn files(&self) -> Vec<PathBuf> {
        let walk = ignore::WalkBuilder::new(self.root)
            .max_filesize(Some(LARGEST))
            .require_git(false)
            .sort_by_file_path(Path::cmp)
            .build();
        walk.filter_map(Result::ok)
            .filter(|e| e.file_type().is_some_and(|t| t.is_file()))
            .map(ignore::DirEntry::into_path)
            .collect()
    }

    fn file(&mut self, path: &Path) {
        let Ok(bytes) = read_bytes(path) else { return };
        let shown = relative(self.root, path);
        if is_prompt(&shown) {
            self.found.prompts.insert(shown);
            return;
        }
        let text = String::from_utf8_lossy(&bytes);
        for (number, line) in text.lines().enumerate() {
            for word in quoted(line) {
                if let Some(id) = self.model(word) {
                    self.found.models.entry(id).or_default().push((shown.clone(), number + 1));
                }
            }
        }
    }

    /// The model that a word names: exactly, never by similarity, and never a plain word.
    fn model(&mut self, word: &str) -> Option<String> {
        let looks = word.len() >= 4
            && word.len() <= 100
            && word.contains(['-', '.', '/'])
            && word.bytes().any(|b| b.is_ascii_alphabetic())
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._/:@".contains(&b));
        if !looks {
            return None;
        }
        if let Some(known) = self.known.get(word) {
            return known.clone();
        }
        let found = self.setup.table.get(word, self.setup.at);
        let id = found.filter(|f| !matches!(f.matched, Matched::Without(_))).map(|f| f.full_id());
        self.known.insert(word.to_owned(), id.clone());
        id
    }

    /// Which source file names which prompt file.
    fn named_prompts(&mut self, files: &[PathBuf]) {
        let names: Vec<(String, String)> = self
            .found
            .prompts
            .iter()
            .filter_map(|p| Some((Path::new(p).file_name()?.to_str()?.to_owned(), p.clone())))
            .collect();
        let users: BTreeSet<String> = self.found.models.values().flatten().map(|(file, _)| file.clone()).collect();
        for path in files {
            let shown = relative(self.root, path);
            if !users.contains(&shown) {
                continue;
            }
            let Ok(bytes) = read_bytes(path) else { continue };
            let text = String::from_utf8_lossy(&bytes);
            for (_, prompt) in names.iter().filter(|(name, _)| text.contains(name.as_str())) {
                self.found.named.entry(shown.clone()).or_default().insert(prompt.clone());
            }
        }
    }
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string().replace('\\', "/")
}

/// Whether a file's name or folder says that it is a prompt.
fn is_prompt(path: &str) -> bool {
    let lower = path.to_lowercase();
    let Some((stem, extension)) = lower.rsplit_once('.') else { return false };
    if matches!(extension, "prompt" | "prompty") {
        return true;
    }
    let is_text = matches!(extension, "txt" | "md" | "j2" | "jinja" | "jinja2" | "mustache" | "hbs");
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let in_folder = folder.split('/').any(|part| matches!(part, "prompts" | "prompt"));
    is_text && (in_folder || name.contains("prompt") || name.starts_with("system"))
}

/// What stands between quotes on a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    ['"', '\'', '`'].into_iter().flat_map(move |quote| line.split(quote).skip(1).step_by(2)).chain(after_colon(line))
}

/// A YAML or TOML value without quotes: `model: gpt-4o`.
fn after_colon(line: &str) -> Option<&str> {
    let (key, value) = line.split_once(':').or_else(|| line.split_once('='))?;
    let is_model = key.trim().to_lowercase().ends_with("model");
    is_model.then(|| value.trim().trim_end_matches(','))
}

/// Text as YAML reads it back.
fn yaml(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl CodeNames {
    fn draft(&self, root: &Path) -> String {
        let mut text = format!(
            "# Drafted by `farebox scan` from {}: every line with \"guess\" is one. Nothing here was measured; edit it, then run\n# `farebox plan`. Prompt files are named as seen from there: keep this file beside them.\nversion: 1\nname: draft\nmonths: 12\nfeatures:\n",
            inert(&root.display().to_string())
        );
        for (index, (model, places)) in self.models.iter().enumerate() {
            text += &self.feature(index, model, places);
        }
        let used: BTreeSet<&String> = self.named.values().flatten().collect();
        let unused: Vec<&String> = self.prompts.iter().filter(|p| !used.contains(p)).collect();
        if !unused.is_empty() {
            text += "\n# Prompt files that no file with a model names:\n";
            unused.iter().for_each(|file| text += &format!("#   {}\n", inert(file)));
        }
        text
    }

    fn feature(&self, index: usize, model: &str, places: &[(String, usize)]) -> String {
        let shown = places.iter().take(PLACES).map(|(file, line)| inert(&format!("{file}:{line}")).into_owned());
        let more = (places.len() > PLACES).then(|| format!("and {} more", places.len() - PLACES));
        let shown: Vec<String> = shown.chain(more).collect();
        let files: BTreeSet<&String> = places.iter().filter_map(|(file, _)| self.named.get(file)).flatten().collect();
        let is_system = |file: &&&String| file.rsplit('/').next().is_some_and(|n| n.to_lowercase().contains("system"));
        let mut text = format!("  {}:   # guess: one feature for each model\n", yaml(&format!("use-{}", index + 1)));
        text += &format!("    model: {}   # named in {}\n", yaml(model), shown.join(", "));
        if let Some(file) = files.iter().find(is_system) {
            text += &format!("    system: {{file: {}}}   # guess: named in the same file\n", yaml(file));
        }
        match files.iter().find(|file| !is_system(file)) {
            Some(file) => text += &format!("    prompt: {{file: {}}}   # guess: named in the same file\n", yaml(file)),
            None => text += "    prompt: 500   # guess: tokens\n",
        }
        text + "    output: 100..300..900   # guess: tokens; measure yours\n    calls: 100 per day   # guess\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_told_by_name_and_folder() {
        let cases = [
            ("prompts/ask.txt", true),
            ("src/prompts/deep/ask.md", true),
            ("system_message.txt", true),
            ("a/chat.prompt", true),
            ("readme.md", false),
            ("src/prompt.rs", false),
            ("data/rows.txt", false),
        ];
        for (path, want) in cases {
            assert_eq!(is_prompt(path), want, "{path}");
        }
    }

    #[test]
    fn names_stand_in_quotes_or_behind_a_key() {
        let words: Vec<&str> = quoted("call(\"gpt-4o\", 'claude-3', `x`)").collect();
        assert_eq!(words, ["gpt-4o", "claude-3", "x"]);
        assert_eq!(after_colon("  model: gpt-4o-mini"), Some("gpt-4o-mini"));
        assert_eq!(after_colon("temperature: 1.0"), None);
    }
}
