//! Files that the program writes: whole or as they were, also where it is ended meanwhile.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::farebox;

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
    const WRITER: &str = "crates/tokenizer/src/files/write.rs";
    // `tokenizers remove` removes what was added.
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
    assert!(found.iter().any(|(name, _)| name == WRITER), "the search finds nothing");
    let allowed = |(name, line): &&(String, String)| name == WRITER || name == REMOVER && line.contains("remove_file");
    let wrong: Vec<_> = found.iter().filter(|at| !allowed(at)).collect();
    assert!(wrong.is_empty(), "files are written by farebox::files::NewFile alone: {wrong:#?}");
}
