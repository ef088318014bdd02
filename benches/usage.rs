//! Reading usage: bytes a second of bodies with text in them, and records a second of farebox's own form.
//!
//! `cargo bench --bench usage`. `cargo bench --bench usage -- --write FILE MEGABYTES` writes a file of bodies instead, for
//! runs of the whole program over more than memory holds.

use std::io::Write;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use farebox::calculator::price;
use farebox::input::calls::chunks::Chunk;
use farebox::input::calls::{Reading, read_chunk};
use farebox::input::dialect::Item;
use farebox::money::Usd;
use farebox::pricing::PriceTable;
use farebox::pricing::lookup::Lookup;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "--write")
        && let (Some(path), Some(Ok(megabytes))) =
            (args.get(at + 1), args.get(at + 2).map(|text| text.parse::<usize>()))
    {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path).expect("the file can be made"));
        let block = bodies(4_000);
        (0..(megabytes << 20).div_ceil(block.len())).for_each(|_| file.write_all(&block).expect("the disk has room"));
        return;
    }
    divan::main();
}

/// Numbers without a pattern, the same in every run (Knuth's MMIX generator).
fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

const WORDS: &[&str] = &["the", "price", "of", "a\\n", "token", "\\\"is\\\"", "what", "it", "costs,", "naïve"];
const MODELS: &[&str] = &["gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", "gpt-5-2025-08-07", "gpt-5-mini-2025-08-07"];

/// Chat completions of one to two kilobytes, as OpenAI answers them.
fn bodies(count: usize) -> Vec<u8> {
    let (mut text, mut state) = (Vec::new(), 1);
    for _ in 0..count {
        let words: Vec<&str> =
            (0..60 + random(&mut state, 200)).map(|_| WORDS[random(&mut state, WORDS.len() as u64) as usize]).collect();
        let (prompt, answer) = (100 + random(&mut state, 6_000), 20 + random(&mut state, 900));
        let (cached, thought) = (random(&mut state, prompt), random(&mut state, answer));
        writeln!(
            text,
            r#"{{"id":"chatcmpl-{:x}","object":"chat.completion","created":{},"model":"{}","choices":[{{"index":0,"message":{{"role":"assistant","content":"{}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":{prompt},"completion_tokens":{answer},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{cached},"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":{thought},"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}},"service_tier":"default","system_fingerprint":"fp_sample"}}"#,
            random(&mut state, u64::MAX >> 34),
            1_795_000_000 + random(&mut state, 300_000),
            MODELS[random(&mut state, MODELS.len() as u64) as usize],
            words.join(" "),
            prompt + answer,
        )
        .expect("memory is enough");
    }
    text
}

fn own(count: usize) -> Vec<u8> {
    let (mut text, mut state) = (Vec::new(), 1);
    for _ in 0..count {
        let cached = random(&mut state, 48_000);
        writeln!(
            text,
            r#"{{"provider":"openai","model":"gpt-4o","timestamp":"2025-{:02}-15T12:00:00Z","usage":{{"input_tokens":50000,"output_tokens":1200,"cache_read_tokens":{cached}}},"context":{{}}}}"#,
            1 + random(&mut state, 9),
        )
        .expect("memory is enough");
    }
    text
}

fn chunk(bytes: Vec<u8>) -> Chunk {
    Chunk { bytes, first_line: 1, ..Chunk::default() }
}

#[divan::bench]
fn bodies_read(bencher: Bencher) {
    let chunk = chunk(bodies(700));
    bencher.counter(BytesCount::new(chunk.bytes.len())).bench(|| {
        let mut tokens = 0;
        read_chunk(&chunk, &Reading::default(), &mut |_, item| {
            if let Item::Entry(entry) = item {
                tokens += entry.usage.prompt_tokens();
            }
        });
        tokens
    });
}

fn priced(chunk: &Chunk, table: &PriceTable) -> Usd {
    let mut lookup = Lookup::new(table);
    let at = "2026-11-22".parse().expect("a date");
    let mut total = Usd::ZERO;
    read_chunk(chunk, &Reading::default(), &mut |_, item| {
        let Item::Entry(entry) = item else { return };
        let at = entry.at.unwrap_or(at);
        let found = lookup.find(entry.provider.as_deref(), entry.model.as_deref().unwrap_or(""), &entry.context, at);
        let found = found.expect("the model is known");
        total += price(&found.provider, &found.model, &entry.usage, &entry.context, at).expect("it has a price").total;
    });
    total
}

#[divan::bench]
fn bodies_read_and_priced(bencher: Bencher) {
    let (chunk, table) = (chunk(bodies(700)), PriceTable::bundled());
    bencher.counter(BytesCount::new(chunk.bytes.len())).bench(|| priced(&chunk, &table));
}

#[divan::bench]
fn own_records_read_and_priced(bencher: Bencher) {
    let (chunk, table) = (chunk(own(5_000)), PriceTable::bundled());
    bencher.counter(ItemsCount::new(5_000_usize)).bench(|| priced(&chunk, &table));
}
