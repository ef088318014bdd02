//! Files that the program writes: whole or as they were, also where it is ended meanwhile.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Farebox, farebox};

const RECORD: &str = "{\"provider\":\"openai\",\"model\":\"gpt-4o\",\"timestamp\":\"2025-03-03\",\"usage\":{\"input_tokens\":1000000,\"output_tokens\":0}}\n";

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A run whose input does not end, as soon as it has begun to write next to `report.csv`.
fn unfinished(folder: &Path, before: &str) -> Child {
    fs::write(folder.join("report.csv"), "old").unwrap();
    let line = format!("{before} exec \"$0\" usage - --format csv -o report.csv");
    let mut command = Command::new("sh");
    command.args(["-c", &line, env!("CARGO_BIN_EXE_farebox")]).current_dir(folder);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let since = Instant::now();
    while names_in(folder).len() < 2 {
        assert!(since.elapsed() < Duration::from_secs(60), "it never began to write");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Whether this process was started to ignore a signal, which a program that it starts then does too.
fn is_ignored_here(number: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & 1 << (number - 1) != 0
}

#[test]
fn a_signal_leaves_the_old_file_and_nothing_else() {
    for (signal, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        // A shell starts what it runs in the background with SIGINT ignored, and so does everything below it.
        if is_ignored_here(number) {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut child = unfinished(dir.path(), "");
        // Waiting would close its input, and it could end by that before the signal reaches it.
        let input = child.stdin.take();
        send(signal, &child);
        let status = child.wait().unwrap();
        drop(input);
        assert_eq!((status.signal(), status.code()), (Some(number), None), "{signal}: a shell sees 128 + {number}");
        assert_eq!(names_in(dir.path()), ["report.csv"], "{signal}");
        assert_eq!(fs::read_to_string(dir.path().join("report.csv")).unwrap(), "old", "{signal}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_the_program_was_started_to_ignore_stays_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let child = unfinished(dir.path(), "trap '' HUP INT;");
    send("HUP", &child);
    send("INT", &child);
    // The end of its input ends it; nothing was read, which is its own error.
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), None, "{}", String::from_utf8_lossy(&output.stderr));
}

/// A folder in which this process cannot make files: one without the permission, or for root, who needs none, that of the kernel.
fn locked_folder(dir: &Path) -> Option<std::path::PathBuf> {
    let locked = dir.join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    let refuses = |folder: &Path| {
        let probe = folder.join("farebox-probe");
        let made = fs::write(&probe, "");
        let _ = fs::remove_file(&probe);
        made.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
    };
    [locked, "/sys".into(), "/sys/kernel".into()].into_iter().find(|folder| refuses(folder))
}

#[test]
#[expect(clippy::print_stderr, reason = "says why nothing was tested")]
fn a_folder_that_may_not_be_written_to_is_an_error_with_a_next_step() {
    let dir = tempfile::tempdir().unwrap();
    let Some(locked) = locked_folder(dir.path()) else {
        eprintln!("no folder refuses this user: not tested");
        return;
    };
    let (file, locked) = (locked.join("report.csv"), locked.display().to_string());
    let says = format!("error: cannot write {}: ", file.display());
    let help = format!("help: name a file that you may write, or allow writing to {locked}");
    drop(
        farebox(["usage", "-", "--format", "csv", "-o"]).arg(&file).input(RECORD).run().code(5).says(&says).says(&help),
    );
    drop(farebox(["init", "--example"]).arg(&file).run().code(5).says(&says).says(&help));
}

#[test]
fn permissions_and_links_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (file, link, nothing) = (dir.path().join("real.csv"), dir.path().join("link.csv"), dir.path().join("new.csv"));
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    symlink("real.csv", &link).unwrap();
    symlink("made.csv", &nothing).unwrap();
    for output in ["link.csv", "new.csv"] {
        drop(farebox(["usage", "-", "-o", output]).dir(dir.path()).input(RECORD).run().code(0));
    }
    assert!(fs::read_to_string(&file).unwrap().contains("gpt-4o"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(link.is_symlink() && nothing.is_symlink());
    assert_eq!(names_in(dir.path()), ["link.csv", "made.csv", "new.csv", "real.csv"]);
}

/// What `{ echo before; farebox … -o OUTPUT; echo after; } > all` leaves, where `OUTPUT` names the same open file.
#[cfg(target_os = "linux")]
#[test]
fn an_open_file_is_written_to_where_it_stands() {
    for output in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/fd/3"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("log.jsonl"), RECORD).unwrap();
        let line = format!("{{ echo before; \"$0\" usage log.jsonl -o {output}; echo after; }} >> all 3>> all");
        let mut command = Command::new("sh");
        command.args(["-c", &line, env!("CARGO_BIN_EXE_farebox")]).current_dir(dir.path());
        assert!(command.status().unwrap().success());
        let all = fs::read_to_string(dir.path().join("all")).unwrap();
        assert!(all.starts_with("before\n") && all.contains("gpt-4o") && all.ends_with("after\n"), "{output}:\n{all}");
        assert_eq!(names_in(dir.path()), ["all", "log.jsonl"]);
    }
}

#[test]
fn init_overwrites_nothing_also_no_link_to_nothing() {
    let dir = tempfile::tempdir().unwrap();
    symlink("nowhere.yaml", dir.path().join("link.yaml")).unwrap();
    drop(farebox(["init", "--example", "link.yaml"]).dir(dir.path()).run().code(2).says("link.yaml exists already"));
    assert_eq!(names_in(dir.path()), ["link.yaml"]);
}

const WORKLOAD: &str = "# ours\r\nversion: 1\r\nmonths: 1 # short\nfeatures:\n  chat: {model: openai/gpt-4o, prompt: 10, output: 10, calls: 1 per day}\r\n";

fn accept(folder: &Path, reason: &str) -> Farebox {
    let args =
        ["check", "-w", "link.yaml", "--at", "2026-11-22", "--until", "2027-01-31", "--accept", "chat:max-growth"];
    farebox(args).arg(reason).dir(folder)
}

#[test]
fn an_edit_keeps_line_ends_comments_permissions_and_links() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("real.yaml");
    fs::write(&file, WORKLOAD).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real.yaml", dir.path().join("link.yaml")).unwrap();
    drop(accept(dir.path(), "why").run().code(0));
    let text = fs::read_to_string(&file).unwrap();
    let added = text.strip_prefix(WORKLOAD).unwrap_or_else(|| panic!("{text:?}"));
    let entry = "{feature: \"chat\", rule: max-growth, reason: \"why\", until: 2027-01-31}";
    assert_eq!(added, format!("\r\ncheck:\r\n  exemptions:\r\n    - {entry}\r\n"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(dir.path().join("link.yaml").is_symlink());
    // Another name of the file would keep the old text.
    fs::hard_link(&file, dir.path().join("other.yaml")).unwrap();
    drop(accept(dir.path(), "more").run().code(5).says("2 names (hard links)"));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(names_in(dir.path()), ["link.yaml", "other.yaml", "real.yaml"]);
}

#[test]
fn of_many_exemptions_at_once_none_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("link.yaml"), WORKLOAD).unwrap();
    std::thread::scope(|scope| {
        for at in 0..12 {
            let dir = dir.path();
            scope.spawn(move || drop(accept(dir, &format!("reason {at}.")).run().code(0)));
        }
    });
    let text = fs::read_to_string(dir.path().join("link.yaml")).unwrap();
    let lost: Vec<_> = (0..12).filter(|at| !text.contains(&format!("reason {at}."))).collect();
    assert!(lost.is_empty(), "{lost:?} of\n{text}");
    assert_eq!(names_in(dir.path()), ["link.yaml"]);
}

#[test]
fn what_was_accepted_meanwhile_stays_in_price_files() {
    let dir = tempfile::tempdir().unwrap();
    let head = "schema: 1\r\nprovider: openai\r\nsources:\r\n  page: {url: 'https://openai.example', checked: 2026-11-01, basis: own}\r\nmodels:\r\n";
    let model = |id: &str| {
        let rates = "{input: '2', output: '8'}";
        format!(
            "  # about {id}\r\n  - id: {id}\r\n    prices:\r\n      - from: 2026-01-01\r\n        source: page\r\n        rates: {rates}\r\n"
        )
    };
    fs::create_dir(dir.path().join("pricing")).unwrap();
    let file = dir.path().join("pricing/openai.yaml");
    fs::write(&file, format!("{head}{}{}", model("gpt-4o"), model("gpt-4o-mini"))).unwrap();
    let listed = |id: &str| {
        format!("{{\"id\": \"{id}\", \"vendor\": \"openai\", \"name\": \"{id}\", \"input\": 3, \"output\": 8}}")
    };
    let database = format!("{{\"prices\": [{}, {}]}}", listed("gpt-4o"), listed("gpt-4o-mini"));
    fs::write(dir.path().join("one.json"), database).unwrap();
    let review = |model: &str| {
        let args = ["prices", "review", "one.json=2026-11-20", "--table", "pricing", "--accept"];
        drop(farebox(args).arg(format!("openai/{model}")).args(["--at", "2026-11-22"]).dir(dir.path()).run().code(0));
    };
    std::thread::scope(|scope| {
        scope.spawn(|| review("gpt-4o"));
        scope.spawn(|| review("gpt-4o-mini"));
    });
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches("to: ").count(), 2, "each has a new price: {text}");
    assert!(text.contains("# about gpt-4o-mini\r\n"), "{text}");
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text:?}");
    assert_eq!(names_in(&dir.path().join("pricing")), ["openai.yaml"]);
}

#[test]
fn a_killed_run_is_cleaned_up_by_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = unfinished(dir.path(), "");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(names_in(dir.path()).len(), 2, "a killed program cannot clean up");
    let living = unfinished(dir.path(), "");
    drop(farebox(["usage", "-", "-o", "other.csv"]).dir(dir.path()).input(RECORD).run().code(0));
    assert_eq!(names_in(dir.path()).len(), 3, "the file of the living stays: {:?}", names_in(dir.path()));
    drop(living.wait_with_output().unwrap());
    drop(farebox(["usage", "-", "-o", "report.csv"]).dir(dir.path()).input(RECORD).run().code(0));
    assert_eq!(names_in(dir.path()), ["other.csv", "report.csv"]);
}

#[cfg(target_os = "linux")]
#[test]
fn help_on_a_full_disk_is_no_success() {
    for args in [&["--help"][..], &["--version"], &["count", "--help"], &["help", "plan"], &["init", "-h"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
        let output = command.args(args).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{args:?}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: "), "{args:?}");
    }
}

#[test]
fn a_shared_cache_is_ignored_with_a_note() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    fs::create_dir(&cache).unwrap();
    let count = |quiet: &[&'static str]| {
        let run = farebox(["count", "--tokenizer", "r50k_base", "--text", "four words of text"]);
        run.args(quiet.iter().copied()).env("FAREBOX_CACHE_DIR", &cache).run().code(0)
    };
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
    let shared = count(&[]);
    let note = format!("note: the cache folder {} may be written to by others, so it is not used", cache.display());
    let shared = shared.says(&note).says("chmod 700");
    assert_eq!((names_in(&cache), &*count(&["--quiet"]).stderr), (vec![], ""));
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o700)).unwrap();
    let private = count(&[]);
    assert_eq!((private.stdout, &*private.stderr), (shared.stdout, ""));
    assert_eq!(names_in(&cache).len(), 1);
    let file = cache.join(&names_in(&cache)[0]);
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[cfg(target_os = "linux")]
#[test]
fn text_from_outside_steers_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let model = "::error::\u{9b}31m\u{1b}[2J\u{202e}##[error]";
    let line = RECORD.replace("gpt-4o", &serde_json::Value::from(model).to_string().replace('"', ""));
    fs::write(dir.path().join("a.jsonl"), line.replace("\"provider\":\"openai\",", "")).unwrap();
    fs::write(dir.path().join("b\n::error::c.jsonl"), "{bad\n").unwrap();
    let steers = |text: &str| {
        let is_control = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        text.contains(is_control)
            || text.lines().any(|line| line.trim_start().starts_with("::") || line.contains("##["))
    };
    for format in ["table", "json", "markdown", "html"] {
        let ran = farebox(["usage", ".", "--by", "model", "--format", format]).dir(dir.path()).run();
        assert!(!steers(&ran.stderr), "{format}: {}", ran.stderr);
        assert!(!steers(&ran.stdout), "{format}: {}", ran.stdout);
        assert!(ran.stdout.contains("31m") || ran.stderr.contains("31m"), "{format}: {}{}", ran.stdout, ran.stderr);
    }
    let ran = farebox(["usage", ".", "--format", "csv"]).dir(dir.path()).run();
    assert!(!ran.stdout.lines().any(|line| line.trim_start().starts_with("::")), "{}", ran.stdout);
    let lines = farebox(["usage", "a.jsonl", "--format", "jsonl"]).dir(dir.path()).run();
    assert!(!steers(&lines.stdout), "{}", lines.stdout);
    assert_eq!(lines.json_lines()[0]["model"], model, "JSON says the same");
    let screen = crate::support::on_eighty_columns(Some(dir.path()), &["usage", "a.jsonl", "--format", "csv"]);
    assert!(!steers(&screen), "{screen}");
}

/// Where a line of code that is not of a test makes, renames or removes files.
fn making_files(text: &str) -> Vec<&str> {
    const MARKS: &[&str] =
        &["fs::write(", "File::create", "File::options", "OpenOptions", "fs::rename(", "fs::copy(", "fs::remove_file("];
    // What is only for tests is at the end of a file, or is a file of tests.
    let is_test =
        |(at, _): &(usize, &str)| !text[*at..].lines().nth(1).is_some_and(|next| next.trim_end().ends_with(';'));
    let tests = text.match_indices("#[cfg(test)]").find(is_test).into_iter().chain(text.match_indices("#[test]"));
    let end = tests.map(|(at, _)| at).min().unwrap_or(text.len());
    let product = &text[..end];
    let code = product.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.filter(|line| MARKS.iter().any(|mark| line.contains(mark))).collect()
}

#[test]
fn one_module_writes_files() {
    // The tables of a build are written by its scripts; packing vocabularies is not part of any program.
    const WRITER: &str = "crates/tokenizer/src/files/write";
    // `tokenizers` removes what was added, and what a killed process has left of it.
    const REMOVER: &str = "crates/tokenizer/src/store.rs";
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<_> =
        ["src", "crates/prices/src", "crates/tokenizer/src", "data/src"].map(|folder| root.join(folder)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                let text = fs::read_to_string(&path).unwrap();
                let lines = making_files(&text).into_iter().map(|line| (name.clone(), line.trim().to_owned()));
                found.extend(lines);
            }
        }
    }
    assert!(found.iter().any(|(name, _)| name.starts_with(WRITER)), "the search finds nothing");
    let allowed =
        |(name, line): &&(String, String)| name.starts_with(WRITER) || name == REMOVER && line.contains("remove_file");
    let wrong: Vec<_> = found.iter().filter(|at| !allowed(at)).collect();
    assert!(wrong.is_empty(), "files are written by farebox::files::NewFile alone: {wrong:#?}");
}

/// The tests that the page about reliability names are there.
#[test]
fn the_page_about_reliability_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let names: Vec<(&str, &str)> = page
        .split('`')
        .filter_map(|word| word.split_once("::"))
        .filter(|(_, test)| {
            !test.is_empty() && test.chars().all(|c| c.is_ascii_lowercase() || "_0123456789".contains(c))
        })
        .collect();
    assert!(names.len() > 20, "{names:?}");
    for (file, test) in names.into_iter().filter(|name| *name != ("file", "test")) {
        let path = if file.contains('/') { root.join(file) } else { root.join(format!("tests/program/{file}.rs")) };
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(text.contains(&format!("fn {test}(")), "{file} has no test {test}");
    }
}
