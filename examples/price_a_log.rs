//! Says what a log of usage cost, each record at the prices of its day: `cargo run --example price_a_log -- FILE...`.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::time::SystemTime;

use farebox::Farebox;

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<String> = env::args().skip(1).collect();
    let files = if files.is_empty() { vec!["data/examples/usage.jsonl".to_owned()] } else { files };
    // Records without a time are priced as of now.
    let cost = Farebox::bundled().at(SystemTime::now()).usage_of_files(&files)?;
    let mut out = io::stdout().lock();
    for model in &cost.models {
        let total = model.total.map_or_else(|| "no price".to_owned(), |usd| format!("${usd}"));
        writeln!(out, "{}: {} records, {total}", model.model, model.records)?;
    }
    writeln!(out, "{} records, ${} in all", cost.priced, cost.total)?;
    for (why, records) in &cost.unpriced {
        writeln!(out, "not priced: {records} ({why})")?;
    }
    cost.unreadable.iter().chain(&cost.warnings).try_for_each(|warning| writeln!(out, "{warning}"))?;
    Ok(())
}
