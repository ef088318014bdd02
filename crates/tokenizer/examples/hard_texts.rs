//! How much more time than prose each tokenizer takes for texts that are hard on it, byte by byte:
//!
//! ```text
//! cargo run --release -p farebox-tokenizer --all-features --example hard_texts -- NAME|all|tiktoken-rs [FILE OF PROSE] [MOST] [TEXT]
//! ```
//!
//! Every text has 1 MB (the file as much as it has), and is counted by a thread that has counted a few words before, so
//! that the vocabulary is ready and no piece is remembered; of three threads the one in the middle is taken. Time is
//! that of the processor where the system tells it. One line of CSV a text: the tokenizer, the text, nanoseconds a byte
//! and how many times that of prose, which is UDHR's first articles again and again where no file is given. With
//! `MOST`, a text that takes more than so many times that of prose is a failure; with `TEXT` there is none but that.

use std::error::Error;
use std::io::{self, Write};
use std::time::Instant;
use std::{env, fs, thread};

use farebox_tokenizer::{Basis, TOKENIZERS, load};

use farebox_testing::hard_texts;

/// Bytes of each text.
const LENGTH: usize = 1 << 20;

/// Nanoseconds that this thread has been running, where the system tells.
fn on_processor() -> Option<u64> {
    // The system adds up what has been running when it is asked to run something else.
    thread::yield_now();
    fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// Nanoseconds of a count by a thread that has counted nothing but a few words.
fn time(counted: &(dyn Fn(&str) -> u64 + Sync), text: &str) -> u64 {
    let count = || {
        counted("ready by now");
        let (clock, before) = (Instant::now(), on_processor());
        std::hint::black_box(counted(text));
        let running = on_processor().zip(before).map(|(after, before)| after - before);
        running.unwrap_or_else(|| clock.elapsed().as_nanos() as u64)
    };
    let mut times: Vec<u64> =
        (0..3).map(|_| thread::scope(|scope| scope.spawn(count).join().expect("counting does not panic"))).collect();
    times.sort_unstable();
    times[1]
}

/// Something that counts, and its name.
type Counter = (&'static str, Box<dyn Fn(&str) -> u64 + Sync>);

/// What was asked for; the crate `tiktoken-rs` counts as o200k_base does, and is not one of all.
fn counters(asked: &str) -> Result<Vec<Counter>, Box<dyn Error>> {
    if asked == "tiktoken-rs" {
        return Ok(vec![(
            "tiktoken-rs",
            Box::new(|text| tiktoken_rs::o200k_base_singleton().count_ordinary(text) as u64),
        )]);
    }
    let mut counters: Vec<Counter> = Vec::new();
    for known in TOKENIZERS.iter().filter(|known| known.basis() != Basis::Estimated) {
        if asked == "all" || asked == known.name {
            let tokenizer = load(known.name)?;
            counters.push((known.name, Box::new(move |text| tokenizer.count(text).tokens)));
        }
    }
    Ok(counters)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let asked = arguments.first().ok_or("usage: hard_texts NAME|all [FILE OF PROSE] [MOST] [TEXT]")?;
    let prose = arguments.get(1).filter(|path| !path.is_empty()).map(fs::read_to_string).transpose()?;
    let most: Option<f64> = arguments.get(2).map(|most| most.parse()).transpose()?;
    let mut texts = hard_texts::texts(LENGTH);
    if let (Some(prose), Some(first)) = (prose, texts.first_mut()) {
        first.1 = prose.chars().take(LENGTH).collect();
    }
    if let Some(only) = arguments.get(3) {
        texts.retain(|(about, _)| about == only);
    }
    let mut out = io::stdout().lock();
    let mut slow = Vec::new();
    writeln!(out, "tokenizer,text,ns_per_byte,times_prose")?;
    for (name, count) in counters(asked)? {
        let mut prose = None;
        for (about, text) in &texts {
            let per_byte = time(&*count, text) as f64 / text.len() as f64;
            let times = per_byte / *prose.get_or_insert(per_byte);
            writeln!(out, "{name},{about},{per_byte:.2},{times:.1}")?;
            if most.is_some_and(|most| times > most) {
                slow.push(format!("{name}: {about}: {times:.1} times the time of prose"));
            }
        }
    }
    if slow.is_empty() { Ok(()) } else { Err(slow.join("\n").into()) }
}
