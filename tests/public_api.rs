//! The documented surface of the published crates, held against `docs/public-api.txt`: what is in that file is promised,
//! and a change of it shows in review.
//!
//! `FAREBOX_BLESS=1 cargo test --test public_api` writes the file. The list comes from rustdoc's JSON, which stable Rust only
//! writes under `RUSTC_BOOTSTRAP=1`; nothing else of this repository uses that.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The crates that are published, and the features that docs.rs shows them with.
const CRATES: &[(&str, &str)] =
    &[("farebox-data", ""), ("farebox-prices", ""), ("farebox-tokenizer", ""), ("farebox", "claude,llama,open-models")];

/// At most this many functions, structs, enums, traits, types and constants in all crates together: what is promised has to
/// be kept.
const MOST: usize = 450;

/// Builds apart from everything else, as it uses other flags.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("public-api")
}

fn rustdoc(name: &str, features: &str) -> Value {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", target()).env_remove("RUSTDOCFLAGS");
    command.args(["rustdoc", "--quiet", "--locked", "--lib", "--package", name, "--no-default-features"]);
    command.args(["--features", features, "--", "-Z", "unstable-options", "--output-format", "json"]);
    command.args(["--cap-lints", "allow"]);
    let output = command.output().expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let path = target().join("doc").join(name.replace('-', "_")).with_extension("json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("rustdoc writes JSON")
}

/// The items that a reader of the documentation sees, each by its first path.
struct Listing<'d> {
    index: &'d Value,
    seen: BTreeSet<String>,
    lines: Vec<String>,
    undocumented: Vec<String>,
}

impl<'d> Listing<'d> {
    fn of(document: &'d Value) -> Self {
        let (seen, lines, undocumented) = Default::default();
        let mut listing = Listing { index: &document["index"], seen, lines, undocumented };
        listing.walk(&document["root"], "");
        listing.lines.sort();
        listing
    }

    fn walk(&mut self, id: &Value, path: &str) {
        let Some(item) = item(self.index, id) else { return };
        let (kind, inner) = kind_of(item);
        let name = item["name"].as_str().unwrap_or_default();
        match kind {
            "module" => {
                let path = join(path, name);
                if self.seen.insert(format!("{path} {id}")) {
                    each(&inner["items"]).for_each(|child| self.walk(child, &path));
                }
            }
            "use" => self.reexported(inner, path),
            _ if item["visibility"] == "public" => self.add(item, path, name),
            _ => {}
        }
    }

    fn reexported(&mut self, inner: &Value, path: &str) {
        let name = inner["name"].as_str().unwrap_or_default();
        // What another crate defines is in the list of that crate.
        let Some(target) = item(self.index, &inner["id"]) else { return };
        let (kind, of) = kind_of(target);
        match kind {
            "module" if inner["is_glob"] == true => each(&of["items"]).for_each(|child| self.walk(child, path)),
            "module" => self.walk(&inner["id"], path),
            _ => self.add(target, path, name),
        }
    }

    fn add(&mut self, of: &'d Value, path: &str, name: &str) {
        if !self.seen.insert(of["id"].to_string()) {
            return;
        }
        let (kind, inner) = kind_of(of);
        let path = join(path, name);
        self.line(kind, &path, of);
        let index = self.index;
        for block in each(&inner["impls"]).filter_map(|id| item(index, id)) {
            let block = &block["inner"]["impl"];
            if block["trait"].is_null() && block["is_synthetic"] == false && block["blanket_impl"].is_null() {
                self.members(&block["items"], &path);
            }
        }
        if kind == "trait" {
            self.members(&inner["items"], &path);
        }
    }

    fn members(&mut self, ids: &Value, path: &str) {
        let index = self.index;
        for member in each(ids).filter_map(|id| item(index, id)) {
            if member["visibility"] == "public" || member["visibility"] == "default" {
                self.line(kind_of(member).0, &join(path, member["name"].as_str().unwrap_or_default()), member);
            }
        }
    }

    fn line(&mut self, kind: &str, path: &str, item: &Value) {
        if item["docs"].as_str().is_none_or(|docs| docs.trim().is_empty()) {
            self.undocumented.push(path.to_owned());
        }
        self.lines.push(format!("{path} ({})", kind.replace('_', " ")));
    }
}

fn kind_of(item: &Value) -> (&str, &Value) {
    item["inner"].as_object().and_then(|inner| inner.iter().next()).map_or(("", &Value::Null), |(k, v)| (k.as_str(), v))
}

fn item<'d>(index: &'d Value, id: &Value) -> Option<&'d Value> {
    index.get(id.as_str().map_or_else(|| id.to_string(), str::to_owned))
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}::{name}") }
}

#[test]
fn the_documented_surface_is_the_one_that_is_promised() {
    let mut lines = Vec::new();
    let mut undocumented = Vec::new();
    for (name, features) in CRATES {
        let document = rustdoc(name, features);
        let listing = Listing::of(&document);
        lines.extend(listing.lines);
        undocumented.extend(listing.undocumented);
    }
    assert!(undocumented.is_empty(), "without documentation:\n{}", undocumented.join("\n"));
    let text = format!("{} items\n\n{}\n", lines.len(), lines.join("\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/public-api.txt");
    if std::env::var_os("FAREBOX_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    let (stored, now): (BTreeSet<&str>, BTreeSet<&str>) = (stored.lines().collect(), text.lines().collect());
    let gone: Vec<_> = stored.difference(&now).collect();
    let new: Vec<_> = now.difference(&stored).collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "the public API changed\n  gone: {gone:#?}\n  new: {new:#?}\nhelp: if that is meant, run FAREBOX_BLESS=1 cargo test --test public_api, and say it in CHANGELOG.md"
    );
    assert!(lines.len() <= MOST, "{} items are promised, at most {MOST} are allowed", lines.len());
}
