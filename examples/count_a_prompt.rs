//! Counts a prompt for a model, and the same prompt as a request: `cargo run --example count_a_prompt`.

use std::error::Error;
use std::io::{self, Write};

use farebox::Farebox;
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let fb = Farebox::bundled();
    let prompt = "Explain in two sentences why the sky is blue.";
    let mut out = io::stdout().lock();
    for model in ["gpt-4o", "claude-haiku-5-5", "gemini-2.5-flash"] {
        let text = fb.count(model, prompt)?;
        writeln!(out, "{model}: {} tokens ({}), between {} and {}", text.tokens, text.basis, text.low, text.high)?;
        // What a provider bills is the request: the text, and what frames it.
        let request = json!({"model": model, "messages": [{"role": "user", "content": prompt}]});
        writeln!(out, "  as a request: {}", fb.count_request(&request)?.prompt.tokens)?;
    }
    Ok(())
}
