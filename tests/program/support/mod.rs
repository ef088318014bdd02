//! Runs of the binary as a user makes them, for the tests that need folders and servers beside it.
#![allow(dead_code, reason = "each file of tests uses its own part")]

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// One run of the binary, read as a sentence: `farebox(["prices", …]).env("…", "…").run().code(0)`.
pub struct Farebox {
    command: Command,
    input: Option<Vec<u8>>,
}

pub fn farebox<'a>(args: impl IntoIterator<Item = &'a str>) -> Farebox {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("FAREBOX_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/tables"));
    // A configuration of whoever runs the tests must not change them.
    command.env("FAREBOX_NO_CONFIG", "1");
    for variable in ["FAREBOX_MODEL", "FAREBOX_PRICES", "FAREBOX_CURRENCY", "FAREBOX_TIMEZONE"] {
        command.env_remove(variable);
    }
    for variable in
        ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "COLUMNS", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
    {
        command.env_remove(variable);
    }
    Farebox { command, input: Some(Vec::new()) }
}

impl Farebox {
    pub fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.command.args(args);
        self
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// With the prices of `tests/data/prices`, which no later table changes.
    pub fn pinned(mut self) -> Self {
        for provider in ["openai", "anthropic", "cohere"] {
            self.command
                .arg("--prices")
                .arg(format!("{}/tests/data/prices/{provider}.yaml", env!("CARGO_MANIFEST_DIR")));
        }
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn dir(mut self, path: &std::path::Path) -> Self {
        self.command.current_dir(path);
        self
    }

    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// Runs without standard input, as cron and CI services start a program: it is /dev/null.
    pub fn without_input(mut self) -> Self {
        self.input = None;
        self
    }

    /// Runs it, leaving out the line that says that `FAREBOX_NOW` sets the clock: the suite passes under any clock.
    pub fn run(self) -> Ran {
        let mut ran = self.run_as_is();
        if let Some((note, rest)) = ran.stderr.split_once('\n')
            && note.starts_with("note: FAREBOX_NOW sets the clock to ")
        {
            ran.stderr = rest.to_owned();
        }
        ran
    }

    pub fn run_as_is(mut self) -> Ran {
        let stdin = if self.input.is_some() { Stdio::piped() } else { Stdio::null() };
        let pipes = self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the binary starts");
        let (stdin, input) = (child.stdin.take(), self.input.unwrap_or_default());
        // A program that fails early closes its stdin; that is its right.
        let writer = std::thread::spawn(move || stdin.map(|mut stdin| drop(stdin.write_all(&input))));
        let Output { status, stdout, stderr } = child.wait_with_output().expect("the binary ends");
        writer.join().expect("the writer ends");
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        let ran = Ran { code: status.code().expect("an exit code"), stdout: text(stdout), stderr: text(stderr) };
        assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("RUST_BACKTRACE"), "{}", ran.stderr);
        ran
    }
}

/// The program on a terminal of 80 columns, by util-linux' `script`: what it says on standard output and error.
#[cfg(target_os = "linux")]
pub fn on_eighty_columns(dir: Option<&std::path::Path>, arguments: &[&str]) -> String {
    let quoted: Vec<String> = arguments.iter().map(|a| format!("'{a}'")).collect();
    let command = format!("stty cols 80 rows 50; exec '{}' {}", env!("CARGO_BIN_EXE_farebox"), quoted.join(" "));
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).current_dir(dir.unwrap_or(env!("CARGO_MANIFEST_DIR").as_ref()));
    script.env("NO_COLOR", "1").env("FAREBOX_NO_CONFIG", "1").env("TERM", "xterm");
    script.env("FAREBOX_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/tables"));
    for variable in
        ["FAREBOX_NOW", "FAREBOX_MODEL", "FAREBOX_PRICES", "FAREBOX_CURRENCY", "FAREBOX_TIMEZONE", "COLUMNS"]
    {
        script.env_remove(variable);
    }
    let run = script.stdin(Stdio::null()).output().expect("util-linux has `script`");
    let text = String::from_utf8(run.stdout).unwrap().replace('\r', "");
    // Progress is written over until it is taken away.
    let last = |line: &str| line.rsplit("\x1b[K").next().unwrap_or_default().to_owned() + "\n";
    text.lines().map(last).collect()
}

pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

#[allow(dead_code, reason = "not every test that shares this file needs all of it")]
impl Ran {
    #[track_caller]
    pub fn code(self, want: i32) -> Self {
        assert_eq!(self.code, want, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, want: &str) -> Self {
        assert!(self.stderr.contains(want), "{want:?} is not in\n{}", self.stderr);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }

    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }
}
