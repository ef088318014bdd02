//! Compares what a month of questions costs on three models: `cargo run --example compare_three_models`.

use std::error::Error;
use std::io::{self, Write};

use farebox::{Farebox, Task};

fn main() -> Result<(), Box<dyn Error>> {
    let fb = Farebox::bundled();
    let question = "A train leaves at 14:05 and arrives at 16:50. How long does it travel? Show each step.";
    let month = Task::text(question).output(100..=600).requests(10_000);
    let mut out = io::stdout().lock();
    for compared in fb.compare(["gpt-4o-mini", "claude-haiku-5-5", "gemini-2.5-flash"], &month) {
        match compared.result {
            Ok(estimate) => {
                let (low, high) = (estimate.low, estimate.high);
                writeln!(out, "{}: ${}, between ${low} and ${high}", compared.model, estimate.cost.total)?;
            }
            Err(error) => writeln!(out, "{}: {error}", compared.model)?,
        }
    }
    Ok(())
}
