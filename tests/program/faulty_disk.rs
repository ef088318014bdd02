//! Every place that writes files, on a disk that fails at each of its operations, and ended before each of them: afterwards
//! every file is as it was before or as it was to be, the program has said so, and the next run leaves nothing behind.
//!
//! What fails is between the program and the system (`tests/data/faults/faulty_disk.c`, which needs a C compiler, as linking
//! does); the program knows nothing of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

const RECORD: &str = "{\"provider\":\"openai\",\"model\":\"gpt-4o\",\"timestamp\":\"2025-03-03\",\"usage\":{\"input_tokens\":1000000,\"output_tokens\":0}}\n";
const WORKLOAD: &str =
    "version: 1\nmonths: 1\nfeatures:\n  chat: {model: acme/m, prompt: 10, output: 10, calls: 1 per day}\n";
const ACME: &str = "schema: 1\nprovider: acme\nsources:\n  page: {url: 'https://acme.example', checked: 2026-11-01, basis: own}\nmodels:\n  - id: m\n    tokenizer: o200k_base\n    prices:\n      - from: 2026-01-01\n        source: page\n        rates: {input: '2', output: '8'}\n";
const OPENAI: &str = "schema: 1\nprovider: openai\nsources:\n  page: {url: 'https://openai.example', checked: 2026-11-01, basis: own}\nmodels:\n  - id: gpt-4o\n    prices:\n      - from: 2026-01-01\n        source: page\n        rates: {input: '2', output: '8'}\n";

/// What a run does to the file that it writes, where that is not to replace it.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Replaces,
    /// Adds to the end of what others write to as well, where half of a line may be left.
    Appends,
    /// Keeps what can be made again: a run that cannot is as good.
    Caches,
}

/// A place of the program that writes.
struct Writer {
    /// The file whose code opens what is written.
    source: &'static str,
    args: &'static [&'static str],
    /// The file that is replaced, with what is in it before; none where it is made.
    old: Option<(&'static str, &'static str)>,
    way: Way,
    /// Whether each operation fails in each way, or in one of them in turn: where the code is that of another.
    each: bool,
}

const fn report(source: &'static str, args: &'static [&'static str]) -> Writer {
    Writer { source, args, old: Some(("out", "old")), way: Way::Replaces, each: false }
}

const WRITERS: &[Writer] = &[
    Writer { each: true, ..report("src/cli/usage/mod.rs", &["usage", "../in/log.jsonl", "-o", "out"]) },
    report("src/cli/count.rs", &["count", "../in/log.jsonl", "-m", "openai/gpt-4o", "--format", "csv", "-o", "out"]),
    report("src/cli/demo.rs", &["demo", "-o", "out"]),
    report("src/cli/what_if.rs", &["what-if", "../in/log.jsonl", "-m", "openai/gpt-4o-mini", "-o", "out"]),
    report("src/cli/prices_import.rs", &["prices", "import", "../in/one.json", "-o", "out"]),
    report("src/cli/prices.rs", &["prices", "show", "acme/m", "--prices", "../in/acme.yaml", "-o", "out"]),
    report("src/cli/scan.rs", &["scan", "../in", "-o", "out"]),
    report("src/cli/shared.rs", &["models", "--prices", "../in/acme.yaml", "-p", "acme", "-o", "out"]),
    report("src/cli/prices_export.rs", &["prices", "export", "-p", "cohere", "--as", "csv", "-o", "out"]),
    report(
        "src/cli/prices_watch.rs",
        &["prices", "watch", "-w", "../in/w.yaml", "--prices", "../in/acme.yaml", "--ics", "out", "--at", "2026-11-22"],
    ),
    report("src/cli/man.rs", &["man", "--dir", "."]),
    Writer {
        source: "src/cli/check.rs",
        args: &[
            "check",
            "-w",
            "w.yaml",
            "--prices",
            "../in/acme.yaml",
            "--at",
            "2026-11-22",
            "--until",
            "2027-01-31",
            "--accept",
            "chat:max-growth",
            "why",
        ],
        old: Some(("w.yaml", WORKLOAD)),
        way: Way::Replaces,
        each: true,
    },
    Writer {
        source: "src/cli/check_ci.rs",
        args: &["check", "-w", "../in/w.yaml", "--prices", "../in/acme.yaml", "--at", "2026-11-22", "--base", "none"],
        old: Some(("summary", "old")),
        way: Way::Appends,
        each: true,
    },
    Writer {
        source: "src/cli/init.rs",
        args: &["init", "--example", "farebox.yaml", "--at", "2026-11-22"],
        old: None,
        way: Way::Replaces,
        each: true,
    },
    Writer {
        source: "src/cli/prices_review.rs",
        args: &[
            "prices",
            "review",
            "../in/one.json=2026-11-20",
            "--table",
            "table",
            "--accept",
            "openai/gpt-4o",
            "--at",
            "2026-11-22",
        ],
        old: Some(("table/openai.yaml", OPENAI)),
        way: Way::Replaces,
        each: true,
    },
    #[cfg(feature = "update")]
    Writer {
        source: "src/cli/prices_update.rs",
        args: &["prices", "update", "--yes", "--from"],
        old: Some(("prices-update.yaml", OPENAI)),
        way: Way::Replaces,
        each: false,
    },
    Writer {
        source: "crates/tokenizer/src/store.rs",
        args: &["tokenizers", "add", "../in/bytes.tiktoken", "--name", "bytes", "--like", "cl100k_base"],
        old: None,
        way: Way::Replaces,
        each: true,
    },
    Writer {
        source: "crates/tokenizer/src/prepared.rs",
        args: &["count", "--tokenizer", "r50k_base", "--text", "four words of text"],
        old: None,
        way: Way::Caches,
        each: true,
    },
];

/// What each file of a folder holds, by its name.
type Files = BTreeMap<String, Vec<u8>>;

fn files(folder: &Path) -> Files {
    let mut files = Files::new();
    let mut open = vec![folder.to_owned()];
    while let Some(inner) = open.pop() {
        for path in fs::read_dir(&inner).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn is_passing(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.starts_with(".farebox-") && name.ends_with(".tmp")
}

/// What goes wrong, and at which operation.
#[derive(Clone, Copy, Debug)]
struct Fault {
    at: usize,
    kind: &'static str,
}

/// A folder for runs of a writer, `out` inside of it, and the address of a price database.
struct Place {
    dir: tempfile::TempDir,
    url: String,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("in");
        fs::create_dir(&input).unwrap();
        let base64 = |byte: u8| base64::Engine::encode(&base64::prelude::BASE64_STANDARD, [byte]);
        let bytes: String = (0..=255_u8).map(|byte| format!("{} {byte}\n", base64(byte))).collect();
        let one = |id: &str| {
            format!("{{\"id\": \"{id}\", \"vendor\": \"openai\", \"name\": \"G\", \"input\": 3, \"output\": 8}}")
        };
        let all: Vec<String> = (0..12).map(|at| one(&format!("made-up-{at}"))).chain([one("gpt-4o")]).collect();
        let database = format!("{{\"prices\": [{}]}}", all.join(", "));
        let texts = [("log.jsonl", RECORD), ("w.yaml", WORKLOAD), ("acme.yaml", ACME), ("one.json", &database)];
        for (name, text) in texts.into_iter().chain([("bytes.tiktoken", &*bytes)]) {
            fs::write(input.join(name), text).unwrap();
        }
        #[cfg(feature = "update")]
        let url = super::update::server(move |stream, _| super::update::send(stream, "200 OK", "", &database));
        #[cfg(not(feature = "update"))]
        let url = String::new();
        Place { dir, url }
    }

    /// The folder that a writer writes to, as it is before.
    fn prepare(&self, writer: &Writer) -> PathBuf {
        let folder = self.dir.path().join("out");
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir(&folder).unwrap();
        if let Some((name, text)) = writer.old {
            fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
            fs::write(folder.join(name), text).unwrap();
        }
        folder
    }

    fn command(&self, writer: &Writer, folder: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
        command.args(writer.args).current_dir(folder).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
            .env("FAREBOX_NO_CONFIG", "1")
            .env("FAREBOX_DATA_DIR", folder)
            .env("FAREBOX_NOW", "2026-11-22T12:00:00Z");
        let cache = if writer.way == Way::Caches { folder.to_owned() } else { self.dir.path().join("cache") };
        command.env("FAREBOX_CACHE_DIR", cache);
        for name in ["GITHUB_OUTPUT", "GITHUB_BASE_REF", "GITLAB_CI", "FAREBOX_NO_CACHE"] {
            command.env_remove(name);
        }
        command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", folder.join("summary"));
        if writer.way != Way::Appends {
            command.env_remove("GITHUB_ACTIONS");
        }
        if writer.args.last() == Some(&"--from") {
            command.arg(&self.url);
        }
        command
    }

    /// Runs a writer on a disk with a fault or without one; also what operations there were.
    fn run(&self, writer: &Writer, folder: &Path, fault: Option<Fault>) -> (Output, Vec<String>) {
        let log = self.dir.path().join("log");
        let _ = fs::remove_file(&log);
        let mut command = self.command(writer, folder);
        command.env("LD_PRELOAD", disk()).env("FAULT_FOLDER", folder.canonicalize().unwrap()).env("FAULT_LOG", &log);
        if let Some(Fault { at, kind }) = fault {
            command.env("FAULT_AT", at.to_string()).env("FAULT_KIND", kind);
        }
        let output = command.output().unwrap();
        let log = fs::read_to_string(&log).unwrap_or_default();
        (output, log.lines().map(str::to_owned).collect())
    }
}

/// The failing disk, built once.
fn disk() -> &'static Path {
    static DISK: OnceLock<PathBuf> = OnceLock::new();
    DISK.get_or_init(|| {
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faulty_disk-{}.so", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/faults/faulty_disk.c");
        let status = Command::new("cc").args(["-shared", "-fPIC", "-O1", source, "-ldl", "-o"]).arg(&built).status();
        assert!(status.is_ok_and(|status| status.success()), "cc builds {source}");
        built
    })
}

/// Whether every file is as before or as it was to be, with at most what a killed process may leave.
fn whole(writer: &Writer, old: &Files, new: &Files, now: &Files, is_killed: bool) -> Result<(), String> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).chain(now.keys()).collect();
    for name in names {
        let (before, after, found) = (old.get(name), new.get(name), now.get(name));
        // The lock of a folder is empty and stays; a vocabulary without its note counts for nothing.
        let is_harmless = name == ".lock" || name.ends_with(".vocabulary");
        let is_left = is_passing(name) && is_killed;
        let is_begun = writer.way == Way::Appends
            && found.zip(before).is_some_and(|(found, before)| found.starts_with(before))
            && found.zip(after).is_some_and(|(found, after)| after.starts_with(found));
        if !(found == before || found == after || is_harmless || is_left || is_begun) {
            let length = found.map(Vec::len);
            return Err(format!(
                "{name} has {length:?} bytes, neither {:?} nor {:?}",
                before.map(Vec::len),
                after.map(Vec::len)
            ));
        }
    }
    Ok(())
}

/// Tries one fault; what is wrong afterwards.
///
/// * `what`: the operation that fails.
fn try_fault(
    place: &Place,
    writer: &Writer,
    (old, new): (&Files, &Files),
    fault: Fault,
    what: &str,
) -> Result<(), String> {
    let folder = place.prepare(writer);
    let (output, _) = place.run(writer, &folder, Some(fault));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut now = files(&folder);
    let is_killed = output.status.signal() == Some(9);
    if what == "unlink" {
        // What cannot be removed stays until the next run.
        now.retain(|name, _| !is_passing(name));
    }
    whole(writer, old, new, &now, is_killed).map_err(|wrong| format!("{wrong}\n{said}"))?;
    match output.status.code() {
        Some(0) if now == *new || writer.way == Way::Caches => {}
        // The folder cannot be waited for, which is said; or the error came before.
        Some(5) | Some(2) if said.contains("error: ") && matches!(fault.kind, "ENOSPC" | "EIO") => {}
        None if is_killed && fault.kind == "KILL" => {}
        code => return Err(format!("ends with {code:?} and {:?}:\n{said}", now.keys().collect::<Vec<_>>())),
    }
    // The next run finds nothing in its way and leaves nothing behind.
    let (again, _) = place.run(writer, &folder, None);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    let now = files(&folder);
    let litter: Vec<&String> = now.keys().filter(|name| is_passing(name)).collect();
    // What is made only once is there: another run that writes there cleans up.
    let is_done = !again.status.success() && (said.contains("exists already") || said.contains("was added before"));
    if !litter.is_empty() && !is_done {
        return Err(format!("the next run leaves {litter:?}"));
    }
    let is_right = match writer.args[0] {
        // A second exemption or exemption after the first, a second price after the first, is a change of its own.
        "check" => again.status.success() && now.len() == new.len(),
        _ => *new == now.iter().filter(|(name, _)| !is_passing(name)).map(|(n, b)| (n.clone(), b.clone())).collect(),
    };
    if is_right { Ok(()) } else { Err(format!("the next run leaves {:?}, not {:?}:\n{said}", now.keys(), new.keys())) }
}

/// Operations of a run at which it is tried what happens.
const MOST_OPERATIONS: usize = 20;

/// Every fault at every operation of a writer, or one in turn; how many there were, and what went wrong.
fn try_all(place: &Place, writer: &Writer) -> (usize, Vec<String>) {
    const KINDS: [&str; 5] = ["KILL", "ENOSPC", "SHORT", "EINTR", "EIO"];
    let folder = place.prepare(writer);
    let old = files(&folder);
    let (output, operations) = place.run(writer, &folder, None);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", writer.source);
    let new = files(&folder);
    assert!(operations.iter().any(|what| what == "write"), "{}: {operations:?}", writer.source);
    let mut wrong = Vec::new();
    let mut tried = 0;
    // Pages of the manual are written one like the other.
    for (at, what) in operations.iter().enumerate().take(MOST_OPERATIONS) {
        let kinds = if writer.each { &KINDS[..] } else { &KINDS[at % KINDS.len()..=at % KINDS.len()] };
        for kind in kinds.iter().copied().filter(|kind| what == "write" || *kind != "SHORT") {
            tried += 1;
            let fault = Fault { at: at + 1, kind };
            if let Err(why) = try_fault(place, writer, (&old, &new), fault, what) {
                wrong.push(format!("{} {:?}, {fault:?} ({what}): {why}", writer.source, writer.args));
            }
        }
    }
    (tried, wrong)
}

#[test]
#[ignore = "takes a minute: .ci/nightly runs it"]
#[expect(clippy::print_stderr, reason = "how much was tried")]
fn a_disk_that_fails_leaves_every_file_old_or_new() {
    let place = Place::new();
    let mut wrong = Vec::new();
    let mut tried = 0;
    for writer in WRITERS {
        let (faults, failures) = try_all(&place, writer);
        assert!(faults > 1, "{}", writer.source);
        tried += faults;
        wrong.extend(failures);
    }
    eprintln!("{tried} faults over {} writers", WRITERS.len());
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// A number that looks random and is the same in each run.
fn scattered(at: u64) -> u64 {
    let mut x = at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 27)
}

/// `FAREBOX_KILLS` is how many, for a longer look than a test has time for.
#[test]
#[expect(clippy::print_stderr, reason = "how much was tried")]
fn a_program_that_is_killed_at_any_moment_leaves_every_file_old_or_new() {
    let kills = std::env::var("FAREBOX_KILLS").map_or(36, |n| n.parse().expect("FAREBOX_KILLS is a number"));
    let place = Place::new();
    let states: Vec<(Files, Files)> = WRITERS
        .iter()
        .map(|writer| {
            let folder = place.prepare(writer);
            let old = files(&folder);
            let output = place.command(writer, &folder).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            (old, files(&folder))
        })
        .collect();
    let (mut wrong, mut killed) = (Vec::new(), 0);
    for at in 0..kills {
        let which = at as usize % WRITERS.len();
        let (writer, (old, new)) = (&WRITERS[which], &states[which]);
        let folder = place.prepare(writer);
        let mut child = place.command(writer, &folder).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(scattered(at) % 250_000));
        // It may have ended by itself, which is as good.
        let _ = child.kill();
        killed += usize::from(child.wait().unwrap().signal() == Some(9));
        if let Err(why) = whole(writer, old, new, &files(&folder), true) {
            wrong.push(format!("{}: {why}", writer.source));
        }
        let again = place.command(writer, &folder).output().unwrap();
        let said = String::from_utf8_lossy(&again.stderr).into_owned();
        let is_done = said.contains("exists already") || said.contains("was added before");
        let litter = files(&folder).into_keys().filter(|name| is_passing(name)).count();
        if !(again.status.success() && litter == 0 || is_done) {
            wrong.push(format!("{}: {litter} files left, and:\n{said}", writer.source));
        }
    }
    eprintln!("{killed} of {kills} runs were killed before they ended, {} things are wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Lines that open something to be written, outside of the module that does it.
fn opens_to_write(line: &str) -> bool {
    const MARKS: [&str; 6] =
        ["NewFile::replacing(", "NewFile::only_new(", "write_file(", "append_to(", "LockedFile::open(", "Out::open("];
    let is_private = line.contains("NewFile::private(") && !line.contains("probe");
    let is_code = !line.trim_start().starts_with("//") && !line.trim_start().starts_with("pub");
    is_code && !line.contains("Out::open(None)") && (is_private || MARKS.iter().any(|mark| line.contains(mark)))
}

#[test]
fn every_place_that_writes_is_tried() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    let mut folders: Vec<_> = ["src", "crates", "data/src"].map(|folder| root.join(folder)).into();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            // The module that writes, and what the command line puts before it for all commands.
            let is_the_writer = name.starts_with("crates/tokenizer/src/files/") || name == "src/cli/out.rs";
            if path.is_dir() && !name.ends_with("/tests") && !name.ends_with("/examples") {
                folders.push(path);
            } else if name.ends_with(".rs") && !is_the_writer {
                let text = fs::read_to_string(&path).unwrap();
                let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                if product.lines().any(opens_to_write) {
                    found.insert(name);
                }
            }
        }
    }
    let tried: BTreeSet<String> = WRITERS.iter().map(|writer| writer.source.to_owned()).collect();
    let expected: BTreeSet<String> = if cfg!(feature = "update") {
        found
    } else {
        found.into_iter().filter(|name| name != "src/cli/prices_update.rs").collect()
    };
    assert_eq!(tried, expected, "each file that opens something to write has a row in WRITERS");
}
