//! What code names: models, prompt files, tool definitions and MCP servers, file by file. [`CodeReader::file`] reads one.
//!
//! Nothing is run and nothing is guessed: a model is a word that the price table knows exactly, a prompt file one whose
//! name or folder says so, a tool definition a JSON file of that form.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Setup;
use crate::input::workload::parse;
use crate::pricing::Matched;

/// A file larger than this is data rather than code.
pub(crate) const LARGEST: u64 = 1 << 20;

/// What a line says that names no model for farebox.
const IGNORE: &str = "farebox: ignore";

/// What a file is to requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeFile {
    /// Its text is sent: a prompt.
    Prompt,
    /// It defines tools, so many.
    Tools(usize),
    /// It is code, or something else.
    Other,
}

/// What one file names.
#[derive(Clone, Debug)]
pub(crate) struct FileNames {
    /// Models by full id, each with its line.
    pub models: Vec<(String, usize)>,
    /// MCP servers.
    pub servers: Vec<String>,
    /// What the file itself is.
    pub is: CodeFile,
}

/// Reads files of code; remembers what a word turned out to be.
pub(crate) struct CodeReader<'s> {
    setup: &'s Setup,
    known: BTreeMap<String, Option<String>>,
}

impl<'s> CodeReader<'s> {
    pub(crate) fn new(setup: &'s Setup) -> Self {
        CodeReader { setup, known: BTreeMap::new() }
    }

    /// What a file names; `path` with slashes.
    pub(crate) fn file(&mut self, path: &str, bytes: &[u8]) -> FileNames {
        let mut names = FileNames { models: Vec::new(), servers: Vec::new(), is: CodeFile::Other };
        if is_prompt(path) {
            names.is = CodeFile::Prompt;
            return names;
        }
        let text = String::from_utf8_lossy(bytes);
        if let Some(document) = json(path, &text) {
            names.servers = servers(path, &document);
            let tools = tools(&document);
            if tools > 0 {
                names.is = CodeFile::Tools(tools);
                return names;
            }
        }
        if is_workload(path, &text) || is_price_file(path, &text) {
            return names;
        }
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !is_passed_over(line)) {
            for word in quoted(line) {
                if let Some(id) = self.model(word) {
                    names.models.push((id, number + 1));
                }
            }
        }
        names
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
}

/// The text files below a folder, ignore rules respected, in the order of their paths.
pub(crate) fn code_files(root: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let walk = ignore::WalkBuilder::new(root)
        .max_filesize(Some(LARGEST))
        .require_git(false)
        .hidden(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .sort_by_file_path(Path::cmp)
        .build();
    walk.filter_map(Result::ok).filter(|e| e.file_type().is_some_and(|t| t.is_file())).map(ignore::DirEntry::into_path)
}

/// A path as seen from a folder, with slashes.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string().replace('\\', "/")
}

fn ending(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?;
    name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase())
}

/// Whether a file's name or folder says that it is a prompt.
pub(crate) fn is_prompt(path: &str) -> bool {
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

/// Whether a text is a workload file.
pub(crate) fn is_workload(path: &str, text: &str) -> bool {
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    is_yaml(path) && has("features:") && (has("version:") || parse(path, text).is_ok())
}

fn is_price_file(path: &str, text: &str) -> bool {
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    is_yaml(path) && has("schema:") && has("provider:")
}

fn is_yaml(path: &str) -> bool {
    ending(path).is_some_and(|ending| matches!(ending.as_str(), "yaml" | "yml"))
}

/// A JSON document that may define tools or name servers.
fn json(path: &str, text: &str) -> Option<Value> {
    let is_asked = ["\"mcpServers\"", "\"servers\"", "\"input_schema\"", "\"inputSchema\"", "\"parameters\""];
    let is_json = ending(path).is_some_and(|ending| ending == "json");
    (is_json && is_asked.iter().any(|key| text.contains(key))).then(|| serde_json::from_str(text).ok()).flatten()
}

/// The MCP servers that a configuration names: `mcpServers` of any, `servers` of an `mcp.json`.
fn servers(path: &str, document: &Value) -> Vec<String> {
    let is_mcp = path.to_lowercase().ends_with("mcp.json");
    let named = document.get("mcpServers").or_else(|| document.get("servers").filter(|_| is_mcp));
    let mut names: Vec<String> =
        named.and_then(Value::as_object).into_iter().flat_map(|map| map.keys().cloned()).collect();
    names.sort();
    names
}

/// How many tools a document defines: a list of them, alone or as `tools`; 0 where anything in it is no tool.
fn tools(document: &Value) -> usize {
    let is_tool = |tool: &Value| {
        let body = tool.get("function").unwrap_or(tool);
        let takes = ["input_schema", "inputSchema", "parameters"].iter().any(|key| body.get(key).is_some());
        body.get("name").is_some_and(Value::is_string) && takes
    };
    let list = document.as_array().or_else(|| document.get("tools")?.as_array());
    list.filter(|list| list.iter().all(is_tool)).map_or(0, Vec::len)
}

/// A comment of its own line, or a line that asks to be passed over.
fn is_passed_over(line: &str) -> bool {
    let start = line.trim_start();
    ["//", "# ", "<!--", "-- ", "* ", "/*", ";; "].iter().any(|mark| start.starts_with(mark)) || line.contains(IGNORE)
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

    #[test]
    fn comments_are_no_code_and_includes_are_no_comments() {
        for (line, want) in [
            ("  // \"gpt-4o\"", true),
            ("# model = \"gpt-4o\"", true),
            ("#define MODEL \"gpt-4o\"", false),
            ("m = \"gpt-4o\"  # farebox: ignore", true),
            ("m = \"gpt-4o\"  # the cheap one", false),
        ] {
            assert_eq!(is_passed_over(line), want, "{line}");
        }
    }

    #[test]
    fn tools_and_servers_are_told_by_their_form() {
        let count = |text: &str| json("a/tools.json", text).map_or(0, |document| tools(&document));
        assert_eq!(
            count(
                r#"[{"name": "a", "input_schema": {}}, {"type": "function", "function": {"name": "b", "parameters": {}}}]"#
            ),
            2
        );
        assert_eq!(count(r#"{"tools": [{"name": "a", "inputSchema": {}}]}"#), 1);
        assert_eq!(count(r#"[{"name": "a", "parameters": {}}, {"name": "b"}]"#), 0);
        assert_eq!(count(r#"{"parameters": 1"#), 0);
        let named =
            |path: &str, text: &str| json(path, text).map(|document| servers(path, &document)).unwrap_or_default();
        assert_eq!(named(".mcp.json", r#"{"mcpServers": {"github": {}, "db": {}}}"#), ["db", "github"]);
        assert_eq!(named(".vscode/mcp.json", r#"{"servers": {"x": {}}}"#), ["x"]);
        assert!(named("hosts.json", r#"{"servers": {"x": {}}}"#).is_empty());
    }
}
