//! Plans a workload over its months: `cargo run --example plan_from_yaml -- [FILE]`.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::time::SystemTime;

use farebox::Farebox;

fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args().nth(1).unwrap_or_else(|| "data/examples/tutor.yaml".to_owned());
    let plan = Farebox::bundled().at(SystemTime::now()).plan(file)?;
    let mut out = io::stdout().lock();
    for month in &plan.months {
        let cost = month.cost;
        writeln!(out, "{}: ${}, between ${} and ${}", month.month, cost.expected, cost.low, cost.high)?;
    }
    writeln!(out, "in all: ${}", plan.total.expected)?;
    for (feature, why) in &plan.unpriced {
        writeln!(out, "{feature} has no price: {why}")?;
    }
    Ok(())
}
