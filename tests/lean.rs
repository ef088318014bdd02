//! What a program gets that uses the library without the command line.

use std::collections::BTreeSet;
use std::process::Command;

/// The most packages of others that a library user builds.
const MOST: usize = 80;

/// What only the command line, its checks and its downloads need.
const NOT_THERE: &[&str] = &[
    "clap",
    "comfy-table",
    "anstream",
    "terminal_size",
    "signal-hook",
    "rusqlite",
    "libsqlite3-sys",
    "rustls",
    "ureq",
    "tokenizers",
    "tiktoken-rs",
    "zip",
    "globset",
    "ignore",
];

/// Names and versions of everything that is built for Linux with these features.
fn packages(features: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut tree = Command::new(cargo);
    tree.args(["tree", "--package", "farebox", "--no-default-features", "--features", features]);
    tree.args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}", "--offline", "--locked"]);
    tree.args(["--target", "x86_64-unknown-linux-gnu"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = tree.output().expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    // `serde v1.0.228`, with what it is behind that: `(proc-macro)`, `(*)`, or the folder of a member.
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn the_library_alone_is_lean() {
    let all = packages("claude,llama,open-models,tables");
    let theirs: Vec<&String> = all.iter().filter(|package| !package.starts_with("farebox")).collect();
    assert!(all.len() > theirs.len() && theirs.len() > 30, "the tree was not read: {all:?}");
    assert!(theirs.len() <= MOST, "{} packages of others: {theirs:#?}", theirs.len());
    let name = |package: &str| package.split(' ').next().unwrap_or_default().to_owned();
    let heavy: Vec<_> = theirs.iter().filter(|package| NOT_THERE.contains(&name(package).as_str())).collect();
    assert!(heavy.is_empty(), "only the command line needs {heavy:?}");
    // The same search finds them where they belong.
    let with_cli = packages("cli,sqlite,update");
    let found = with_cli.iter().filter(|package| NOT_THERE.contains(&name(package).as_str()));
    assert_eq!(found.count(), NOT_THERE.len());
}
