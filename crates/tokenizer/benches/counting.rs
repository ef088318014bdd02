//! How fast each tokenizer counts 1 MB of prose, and of texts that are hard on it: `cargo bench --bench counting`.
//!
//! Every text takes time linear in its length; the aim is at most three times that of prose, byte by byte, which drawn
//! letters without spaces do not meet: prose is mostly words that are tokens as they stand, and they are merged.
//! One thread; the vocabulary is unpacked before the clock starts.
//!
//! `beside_others` counts the same texts as o200k_base with the crates `tiktoken-rs`, `bpe-openai` and `tiktoken`, and
//! `small_prompts` counts pieces of prose of 200 bytes one by one. Read the ratios: `docs/performance.md` has ours.

use std::fmt;
use std::sync::{Arc, LazyLock};

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use farebox_tokenizer::{Basis, TOKENIZERS, Tokenizer, load};

use farebox_testing::hard_texts;

/// Bytes of each text.
const LENGTH: usize = 1 << 20;

fn main() {
    divan::main();
}

struct Case {
    tokenizer: Arc<dyn Tokenizer>,
    about: &'static str,
    text: Arc<str>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.tokenizer.name(), self.about)
    }
}

fn cases() -> Vec<Case> {
    let texts = hard_texts::texts(LENGTH).into_iter().map(|(about, text)| (about, Arc::from(text)));
    let texts: Vec<(&str, Arc<str>)> = texts.collect();
    let counted = TOKENIZERS.iter().filter(|known| known.basis() != Basis::Estimated);
    counted
        .flat_map(|known| {
            let tokenizer = load(known.name).expect("it is in the list");
            texts.iter().map(move |(about, text)| Case { tokenizer: tokenizer.clone(), about, text: text.clone() })
        })
        .collect()
}

#[divan::bench(args = cases(), sample_count = 3, sample_size = 1)]
fn count(bencher: Bencher, case: &Case) {
    case.tokenizer.count("unpacked by now");
    let bencher = bencher.counter(BytesCount::of_str(&*case.text));
    bencher.bench_local(|| case.tokenizer.count(black_box(&case.text)));
}

/// Something that counts as o200k_base does.
#[derive(Clone, Copy)]
struct PeerEngine {
    name: &'static str,
    count: fn(&str) -> u64,
}

fn ours(text: &str) -> u64 {
    static O200K: LazyLock<Arc<dyn Tokenizer>> = LazyLock::new(|| load("o200k_base").expect("it is in the list"));
    O200K.count(text).tokens
}

const ENGINES: [PeerEngine; 4] = [
    PeerEngine { name: "farebox", count: ours },
    PeerEngine { name: "tiktoken-rs", count: |text| tiktoken_rs::o200k_base_singleton().count_ordinary(text) as u64 },
    PeerEngine { name: "bpe-openai", count: |text| bpe_openai::o200k_base().count(text) as u64 },
    PeerEngine {
        name: "tiktoken",
        count: |text| tiktoken::get_encoding("o200k_base").expect("the crate has it").count(text) as u64,
    },
];

struct Beside {
    engine: PeerEngine,
    about: &'static str,
    text: Arc<str>,
}

impl fmt::Display for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.engine.name)
    }
}

fn beside() -> Vec<Beside> {
    let texts = hard_texts::texts(LENGTH / 4).into_iter().map(|(about, text)| (about, Arc::from(text)));
    let texts: Vec<(&'static str, Arc<str>)> = texts.collect();
    let each = |(about, text): &(&'static str, Arc<str>)| {
        let (about, text) = (*about, text.clone());
        ENGINES.map(|engine| Beside { engine, about, text: text.clone() })
    };
    texts.iter().flat_map(each).collect()
}

#[divan::bench(args = beside(), sample_count = 3, sample_size = 1)]
fn beside_others(bencher: Bencher, case: &Beside) {
    (case.engine.count)("unpacked by now");
    bencher.counter(BytesCount::of_str(&*case.text)).bench_local(|| (case.engine.count)(black_box(&case.text)));
}

#[divan::bench(args = ENGINES.map(|engine| engine.name))]
fn small_prompts(bencher: Bencher, name: &str) {
    let engine = ENGINES.into_iter().find(|engine| engine.name == name).expect("the argument is one of them");
    let prose = hard_texts::texts(LENGTH).into_iter().find(|(about, _)| *about == hard_texts::PROSE);
    let (_, prose) = prose.expect("prose is there");
    let letters: Vec<char> = prose.chars().collect();
    let prompts: Vec<String> = letters.chunks(200).map(|letters| letters.iter().collect()).collect();
    let bytes: usize = prompts.iter().map(String::len).sum();
    bencher
        .counter(BytesCount::new(bytes))
        .bench_local(|| black_box(&prompts).iter().map(|prompt| (engine.count)(prompt)).sum::<u64>());
}
