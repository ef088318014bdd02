//! How fast a check is: `cargo bench --bench check`. 100 features with 500 prompt files against a base in git, the whole
//! program from its start to its end.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use divan::Bencher;

fn main() {
    divan::main();
}

fn git(dir: &Path, args: &[&str]) {
    let done =
        Command::new("git").args(args).current_dir(dir).stdout(Stdio::null()).status().expect("git is installed");
    assert!(done.success(), "git {args:?}");
}

/// 100 features, each with instructions of four files and a prompt of one, two thousand characters a file.
fn repository() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path();
    git(path, &["init", "-q", "-b", "main"]);
    fs::create_dir(path.join("prompts")).expect("a folder");
    let mut yaml = String::from("version: 1\nstart: 2027-01-01\nmonths: 12\nfeatures:\n");
    for feature in 0..100 {
        let name = |file: usize| format!("prompts/{feature}-{file}.txt");
        for file in 0..5 {
            let line =
                format!("Rule {feature} of part {file}: answer the question in the language that it was asked in.\n");
            fs::write(path.join(name(file)), line.repeat(24)).expect("a file");
        }
        let system: Vec<String> = (0..4).map(name).collect();
        yaml += &format!(
            "  f{feature}: {{model: openai/gpt-4o, system: [{}], prompt: {}, output: 100..300..700, calls: 400 per day}}\n",
            system.join(", "),
            name(4)
        );
    }
    yaml += "check:\n  rules:\n    max-growth: 50%\n    max-context: 80%\n    max-prompt-tokens: 4000\n";
    fs::write(path.join("farebox.yaml"), &yaml).expect("a file");
    git(path, &["add", "-A"]);
    git(
        path,
        &[
            "-c",
            "user.name=B",
            "-c",
            "user.email=b@example.org",
            "-c",
            "commit.gpgsign=false",
            "commit",
            "-q",
            "-m",
            "base",
        ],
    );
    for feature in 0..10 {
        fs::write(path.join(format!("prompts/{feature}-4.txt")), "A much shorter question.\n").expect("a file");
    }
    fs::write(path.join("farebox.yaml"), yaml.replace("f99: {model: openai/gpt-4o", "f99: {model: openai/gpt-4o-mini"))
        .expect("a file");
    dir
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn hundred_features_and_five_hundred_prompt_files(bencher: Bencher) {
    let dir = repository();
    bencher.bench_local(|| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
        let output = command
            .args(["check", "--base", "HEAD", "--format", "json", "--ci", "none"])
            .current_dir(dir.path())
            .output();
        assert!(output.expect("the binary starts").status.success());
    });
}
