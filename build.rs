//! Reads, checks and packs the bundled price table, so that a program starts with it ready in memory.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process;
use std::{env, fs, io};

use farebox_prices::compile::{PriceFile, Use, compile, render_problems};
use farebox_prices::packed::pack;
use farebox_prices::problem::Severity;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=pricing");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let files = price_files();
    let (providers, problems) = compile(&files, Use::Table, &|_, _| None);
    if problems.iter().any(|p| p.severity == Severity::Error) {
        let text = render_problems(&problems, &files);
        let _ = writeln!(io::stderr(), "the price table has errors:\n\n{text}");
        process::exit(1);
    }
    let version = table_version();
    fs::write(out.join("prices.bin"), pack(&version, &providers)).expect("OUT_DIR can be written");
}

/// Every price file, in one order on every machine.
fn price_files() -> Vec<PriceFile> {
    let mut paths = Vec::new();
    collect(Path::new("pricing"), &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        PriceFile { path: path.display().to_string().replace('\\', "/"), text: text.replace("\r\n", "\n") }
    };
    paths.into_iter().map(read).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("a folder that can be listed").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|e| e == "yaml") && path.file_name().is_some_and(|n| n != "table.yaml") {
            paths.push(path);
        }
    }
}

fn table_version() -> String {
    let text = fs::read_to_string("pricing/table.yaml").expect("pricing/table.yaml holds the version of the table");
    let version = text.lines().find_map(|line| line.strip_prefix("version: ")).expect("a line `version: …`");
    version.trim().to_owned()
}
