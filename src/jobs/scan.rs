//! A workload file drafted from the model names and prompt files of a code base, every guess marked: [`scan`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::code::{CodeFile, CodeReader, code_files, relative};
use super::{JobError, Setup};
use crate::input::text::read_bytes;
use crate::report::inert;

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
    let mut scan = CodeScan { root, reader: CodeReader::new(setup), found: CodeNames::default() };
    let files: Vec<PathBuf> = code_files(root).collect();
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
    /// Files that define tools.
    tools: BTreeSet<String>,
    /// MCP servers, each with the file that names it.
    servers: BTreeSet<(String, String)>,
    /// Prompt files and tool definitions by the source file that names them.
    named: BTreeMap<String, BTreeSet<String>>,
}

struct CodeScan<'s> {
    root: &'s Path,
    reader: CodeReader<'s>,
    found: CodeNames,
}

impl CodeScan<'_> {
    fn file(&mut self, path: &Path) {
        let Ok(bytes) = read_bytes(path) else { return };
        let shown = relative(self.root, path);
        let names = self.reader.file(&shown, &bytes);
        match names.is {
            CodeFile::Prompt => drop(self.found.prompts.insert(shown.clone())),
            CodeFile::Tools(_) => drop(self.found.tools.insert(shown.clone())),
            CodeFile::Other => {}
        }
        for (id, line) in names.models {
            self.found.models.entry(id).or_default().push((shown.clone(), line));
        }
        self.found.servers.extend(names.servers.into_iter().map(|server| (server, shown.clone())));
    }

    /// Which source file names which prompt file or tool definitions.
    fn named_prompts(&mut self, files: &[PathBuf]) {
        let names: Vec<(String, String)> = self
            .found
            .prompts
            .iter()
            .chain(&self.found.tools)
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

/// Text as YAML reads it back.
fn yaml(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl CodeNames {
    fn draft(&self, root: &Path) -> String {
        let mut text = format!(
            "# Drafted by `farebox scan` from {}: every line with \"guess\" is one.\n# Nothing here was measured; edit it, then run `farebox plan`. Prompt files are\n# named as seen from there: keep this file next to them.\nversion: 1\nname: draft\nmonths: 12\nfeatures:\n",
            inert(&root.display().to_string())
        );
        for (index, (model, places)) in self.models.iter().enumerate() {
            text += &self.feature(index, model, places);
        }
        let used: BTreeSet<&String> = self.named.values().flatten().collect();
        let unused =
            |all: &BTreeSet<String>| all.iter().filter(|p| !used.contains(p)).map(|p| inert(p).into_owned()).collect();
        let servers =
            self.servers.iter().map(|(server, file)| inert(&format!("{server} ({file})")).into_owned()).collect();
        let lists: [(&str, Vec<String>); 3] = [
            ("Prompt files that no file with a model names:", unused(&self.prompts)),
            ("Tool definitions that no file with a model names:", unused(&self.tools)),
            (
                "MCP servers: their tools go with every request; export them to a file, and name it under tools:",
                servers,
            ),
        ];
        for (title, list) in lists.iter().filter(|(_, list)| !list.is_empty()) {
            text += &format!("\n{}", comment("# ", title));
            list.iter().for_each(|line| text += &comment("#   ", line));
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
        text += &named_in(&format!("    model: {}", yaml(model)), &shown);
        if let Some(file) = files.iter().find(|file| is_system(file) && !self.tools.contains(**file)) {
            text += &guessed_file("system", file);
        }
        let is_tools = |file: &&&String| self.tools.contains(**file);
        if let Some(file) = files.iter().find(is_tools) {
            text += &guessed_file("tools", file);
        }
        match files.iter().find(|file| !is_system(file) && !is_tools(file)) {
            Some(file) => text += &guessed_file("prompt", file),
            None => text += "    prompt: 500   # guess: tokens\n",
        }
        text + "    output: 100..300..900   # guess: tokens; measure yours\n    calls: 100 per day   # guess\n"
    }
}

/// How wide a draft is at most.
const WIDTH: usize = 80;

/// A line with the places where it is from: behind it, or above it where that is too long; one place a line.
fn named_in(line: &str, places: &[String]) -> String {
    let behind = format!("{line}   # named in {}\n", places.join("\n      # "));
    if behind.lines().all(|line| line.chars().count() <= WIDTH) {
        return behind;
    }
    let above: String = places.iter().map(|place| comment("    # ", &format!("named in {place}"))).collect();
    format!("{above}{line}\n")
}

/// A comment over as many lines as it needs.
fn comment(before: &str, text: &str) -> String {
    let lines = in_pieces(text.split_inclusive([' ', '/', '-', '_']), WIDTH.saturating_sub(before.len() + 2));
    let line = |(i, line): (usize, &String)| format!("{before}{}{}\n", if i == 0 { "" } else { "  " }, line.trim_end());
    lines.iter().enumerate().map(line).collect()
}

/// A key whose text is in a file, of which it is a guess; a long name goes on in the next lines.
fn guessed_file(key: &str, file: &str) -> String {
    const WHY: &str = "# guess: named in the same file";
    let on_one_line = format!("    {key}: {{file: {}}}", yaml(file));
    if on_one_line.chars().count() + 3 + WHY.len() <= WIDTH {
        return format!("{on_one_line}   {WHY}\n");
    }
    format!("    {key}:   {WHY}\n      file: {}\n", folded(file, WIDTH - 12).join("\\\n        "))
}

/// A text in double quotes in pieces of at most so many columns, which YAML puts together again behind a backslash.
fn folded(text: &str, width: usize) -> Vec<String> {
    // Spaces that begin a line would be lost.
    let escaped = |part: &str| {
        let quoted = yaml(part);
        quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().replace(' ', "\\x20")
    };
    let parts: Vec<String> = text.split_inclusive(['/', '-', '_']).map(escaped).collect();
    let mut pieces = in_pieces(parts.iter().map(String::as_str), width);
    if let Some(first) = pieces.first_mut() {
        first.insert(0, '"');
    }
    if let Some(last) = pieces.last_mut() {
        last.push('"');
    }
    pieces
}

/// Parts put together up to a width.
fn in_pieces<'p>(parts: impl Iterator<Item = &'p str>, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for part in parts {
        let length = |text: &str| text.chars().count();
        match pieces.last_mut() {
            Some(last) if last.is_empty() || length(last) + length(part) <= width => last.push_str(part),
            _ => pieces.push(part.to_owned()),
        }
    }
    pieces
}
