//! The rules that ARCHITECTURE.md gives the sources: what the library must not know, which way imports go, and that files
//! do not import each other in circles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What belongs to the command line alone, as it looks in the sources.
const ONLY_CLI: &[&str] = &[
    "clap",
    "stderr",
    "eprint",
    "println!",
    "std::env",
    "env::var",
    "env::args",
    "env::current_dir",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "anstream::",
    "terminal_size",
];

/// Where one of them stands with a reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("src/input/git.rs", "stderr", "what the program git says"),
    ("crates/tokenizer/src/files/write.rs", "stderr", "a name that is written to directly"),
    ("src/pricing/update/fetch.rs", "Instant::now", "a stopwatch that ends a download"),
    ("crates/tokenizer/src/bounded.rs", "Instant::now", "a stopwatch that ends a regex"),
];

/// The steps of the library, lower ones first; steps of one number do not know each other.
const STEPS: &[(&str, u32)] =
    &[("pricing", 1), ("calculator", 2), ("input", 3), ("report", 3), ("jobs", 4), ("farebox", 5)];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source of a folder, by its path in the repository, without comments and without test modules.
fn sources(folder: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && path.file_name().is_some_and(|n| n != "tests.rs") {
                found.insert(shown(&path), code(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "{folder}");
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string().replace('\\', "/")
}

/// A source up to its tests, which are at the end, and to what only tests and `--features schema` have.
fn code(text: &str) -> String {
    let ends = ["#[cfg(test)]\nmod ", "#[cfg(feature = \"schema\")]\nmod ", "\n#[test]\n"];
    let inline =
        |at: &usize| text[*at..].lines().nth(1).is_some_and(|line| line.ends_with('{') || line.starts_with("fn "));
    let end = |mark: &str| text.match_indices(mark).map(|(at, _)| at).find(|at| mark.starts_with('\n') || inline(at));
    let text = &text[..ends.into_iter().filter_map(end).min().unwrap_or(text.len())];
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn library() -> BTreeMap<String, String> {
    let mut all = sources("src");
    all.retain(|path, _| !path.starts_with("src/cli/") && path != "src/main.rs");
    for folder in ["crates/prices/src", "crates/tokenizer/src", "data/src"] {
        all.extend(sources(folder));
    }
    all
}

#[test]
fn only_the_command_line_knows_flags_terminal_environment_and_clock() {
    let mut wrong = Vec::new();
    for (path, code) in library() {
        for word in ONLY_CLI.iter().filter(|word| holds(&code, word)) {
            if !EXCEPTIONS.iter().any(|(file, what, _)| *file == path && what == word) {
                wrong.push(format!("{path}: {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_exception_is_still_one() {
    let library = library();
    for (path, word, reason) in EXCEPTIONS {
        assert!(library.get(*path).is_some_and(|code| holds(code, word)), "{path}: {word} ({reason})");
    }
}

/// Whether a code has a word, not as a part of another one.
fn holds(code: &str, word: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back().is_some_and(is_letter);
        let after = word.ends_with(is_letter) && code[at + word.len()..].chars().next().is_some_and(is_letter);
        !(before || after && word == "clap")
    })
}

#[test]
fn imports_go_down_the_steps() {
    let step = |name: &str| STEPS.iter().find(|(step, _)| *step == name).map(|(_, number)| *number);
    let mut wrong = Vec::new();
    for (path, code) in sources("src").into_iter().filter(|(path, _)| !path.starts_with("src/cli/")) {
        let own = path.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default().to_owned();
        let Some(number) = step(&own) else { continue };
        for target in imports(&code) {
            let Some(of) = step(&target[0]).filter(|_| target[0] != own) else { continue };
            if of >= number {
                wrong.push(format!("{path} imports {}", target.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_lower_crates_do_not_know_the_higher_ones() {
    for (folder, above) in [
        ("data", &["farebox_prices", "farebox_tokenizer", "farebox::"][..]),
        ("crates/prices", &["farebox_tokenizer", "farebox::"]),
        ("crates/tokenizer", &["farebox_prices", "farebox::"]),
    ] {
        for (path, code) in sources(&format!("{folder}/src")) {
            assert!(!above.iter().any(|name| code.contains(name)), "{path} names one of {above:?}");
        }
    }
}

/// The paths below `crate` that a file names, braces taken apart.
fn imports(code: &str) -> Vec<Vec<String>> {
    paths_behind(code, "crate::", &[])
}

/// The paths behind a word, each below `base`.
fn paths_behind(code: &str, word: &str, base: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(word) {
        let before = code[..at].chars().next_back();
        if before.is_none_or(|c| !c.is_alphanumeric() && !"_$:".contains(c)) {
            spell(&code[at + word.len()..], &mut base.to_vec(), &mut found);
        }
    }
    found
}

/// Reads a path with its braces; returns how far it went.
fn spell(text: &str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let depth = prefix.len();
    let mut at = name.len();
    if !name.is_empty() {
        prefix.push(name);
    }
    if text[at..].starts_with("::") && depth < prefix.len() {
        at += 2 + spell(&text[at + 2..], prefix, found);
    } else if depth == prefix.len() && text.starts_with('{') {
        at = 1;
        while at < text.len() && !text[at..].starts_with('}') {
            let skipped = text[at..].len() - text[at..].trim_start_matches([' ', '\n', ',']).len();
            at += skipped;
            let read = spell(&text[at..], prefix, found);
            at += read;
            if skipped + read == 0 {
                break;
            }
        }
        at += 1;
    } else {
        found.push(prefix.clone());
    }
    prefix.truncate(depth);
    at
}

/// The file of the module that a path begins with: the longest that is there.
fn file_of(base: &Path, path: &[String], files: &BTreeSet<PathBuf>) -> Option<PathBuf> {
    (1..=path.len()).rev().find_map(|length| {
        let stem = path[..length].iter().fold(base.to_owned(), |folder, name| folder.join(name));
        [stem.with_extension("rs"), stem.join("mod.rs")].into_iter().find(|file| files.contains(file))
    })
}

/// The module that a file is, as the names below `crate`.
fn module_of(base: &Path, file: &Path) -> Vec<String> {
    let path = file.strip_prefix(base).unwrap().with_extension("");
    let mut names: Vec<String> = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|name| ["mod", "lib", "main"].contains(&name.as_str())) {
        names.pop();
    }
    names
}

/// Which files each file of a crate imports, `super` and `self` resolved.
fn graph(folder: &str) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
    let base = root().join(folder);
    let sources = sources(folder);
    let files: BTreeSet<PathBuf> = sources.keys().map(|path| root().join(path)).collect();
    let mut graph = BTreeMap::new();
    for (path, code) in &sources {
        let file = root().join(path);
        let module = module_of(&base, &file);
        let mut paths = imports(code);
        paths.extend(paths_behind(code, "self::", &module));
        for ancestors in 1..=module.len() {
            // `super::super::x` is a path of the second word, and `super::super` none of the first.
            let above = &module[..module.len() - ancestors];
            let behind = paths_behind(code, &"super::".repeat(ancestors), above);
            paths.extend(behind.into_iter().filter(|path| path.get(above.len()).is_none_or(|name| name != "super")));
        }
        let targets = paths.iter().filter_map(|path| file_of(&base, path, &files)).filter(|target| *target != file);
        graph.insert(file.clone(), targets.collect());
    }
    graph
}

/// Files that reach each other, other than a module and its own children.
fn circles(graph: &BTreeMap<PathBuf, BTreeSet<PathBuf>>, base: &Path) -> Vec<(PathBuf, PathBuf)> {
    let is_family = |a: &Path, b: &Path| {
        let (a, b) = (module_of(base, a), module_of(base, b));
        let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
        long.len() > short.len() && long.starts_with(&short)
    };
    let mut found = Vec::new();
    for start in graph.keys() {
        let mut seen = BTreeSet::new();
        let mut open = vec![start.clone()];
        while let Some(file) = open.pop() {
            for next in graph.get(&file).into_iter().flatten().filter(|next| !is_family(&file, next)) {
                if next == start && file > *start {
                    found.push((start.clone(), file.clone()));
                }
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
    }
    found
}

#[test]
fn files_import_each_other_in_no_circle() {
    let mut wrong = Vec::new();
    for folder in ["src", "crates/prices/src", "crates/tokenizer/src", "data/src"] {
        let base = root().join(folder);
        let found = circles(&graph(folder), &base);
        wrong.extend(found.iter().map(|(a, b)| format!("{} and {}", shown(a), shown(b))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_circle_would_be_found() {
    let file = |name: &str| root().join("src").join(name);
    let graph = BTreeMap::from([
        (file("a.rs"), BTreeSet::from([file("b.rs")])),
        (file("b.rs"), BTreeSet::from([file("c/mod.rs")])),
        (file("c/mod.rs"), BTreeSet::from([file("a.rs"), file("c/d.rs")])),
        (file("c/d.rs"), BTreeSet::from([file("c/mod.rs")])),
    ]);
    let base = root().join("src");
    let found = circles(&graph, &base);
    assert_eq!(found, [(file("a.rs"), file("c/mod.rs"))], "a module and its child do not count");
    let code = "use crate::input::{calls::{each, Reading}, text};\nuse crate::money::Usd;";
    let paths: Vec<String> = imports(code).iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["input::calls::each", "input::calls::Reading", "input::text", "money::Usd"]);
}
