//! Prices a model of your own, and one under a contract of your own: `cargo run --example own_prices`.

use std::error::Error;
use std::io::{self, Write};

use farebox::{Farebox, Used};

/// A card in an overlay replaces the bundled card of the same provider and id.
const CONTRACT: &str = r#"
schema: 1
provider: openai
models:
  - {id: gpt-4o, prices: [{from: 2026-01-01, rates: {input: "2.00", cache_read: "1.00", output: "8.00"}}]}
"#;

const OWN: &str = r#"
schema: 1
provider: house
models:
  - {id: assistant, prices: [{from: 2026-01-01, rates: {input: "0.20", output: "0.20"}}]}
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let bundled = Farebox::bundled();
    let files = [("contract.yaml".to_owned(), CONTRACT.to_owned()), ("own.yaml".to_owned(), OWN.to_owned())];
    let ours = bundled.with_price_texts(&files)?;
    let used = Used::new().input(2_000).cache_read(48_000).output(1_200);
    let mut out = io::stdout().lock();
    writeln!(out, "gpt-4o by the table: ${}", bundled.price("gpt-4o", used.clone())?.total)?;
    writeln!(out, "gpt-4o by contract:  ${}", ours.price("openai/gpt-4o", used)?.total)?;
    let own = ours.price("house/assistant", Used::new().input(50_000).output(1_200))?;
    writeln!(out, "house/assistant:     ${}", own.total)?;
    if let Err(error) = ours.price("house/assistent", Used::new().input(1)) {
        writeln!(out, "{error}")?;
    }
    Ok(())
}
