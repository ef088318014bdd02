//! Workloads as people write them.

use std::path::Path;

use farebox::input::text::InputError;
use farebox::input::workload::{load_from, parse, rules::read_rules};

/// A workload file; the files that it names hold a prompt, rows or nothing.
///
/// Laws: what is wrong with it is the same each time, and what can be planned names its features apart.
pub fn workload_yaml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(raw) = parse("farebox.yaml", text) else { return };
    drop(read_rules("farebox.yaml", &raw, "USD"));
    let today = jiff::civil::date(2026, 12, 1);
    let read = || load_from(Path::new("farebox.yaml"), &raw, today, &mut file);
    let (first, second) = (read(), read());
    let said = |read: &Result<(farebox::calculator::workload::Workload, Vec<_>), Vec<_>>| match read {
        Ok((workload, warnings)) => format!("{workload:?} {warnings:?}"),
        Err(problems) => format!("{problems:?}"),
    };
    assert_eq!(said(&first), said(&second));
    if let Ok((workload, _)) = first {
        let mut names: Vec<&String> = workload.features.iter().map(|feature| &feature.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), workload.features.len(), "two features have one name");
    }
}

fn file(path: &Path) -> Result<Vec<u8>, InputError> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => Ok(b"model,input_tokens,output_tokens,question\ngpt-4o,10,20,Why?\n".to_vec()),
        Some("jsonl") => Ok(br#"{"model":"gpt-4o","input_tokens":5,"output_tokens":1}"#.to_vec()),
        Some("json") => Ok(br#"{"messages":[{"role":"user","content":"Hi"}]}"#.to_vec()),
        Some(_) => Ok(b"You answer briefly.\n".to_vec()),
        None => Err(InputError::reading(&path.display().to_string(), std::io::ErrorKind::NotFound.into())),
    }
}
