//! How fast each tokenizer counts 1 MB of prose, and of texts that are hard on it: `cargo bench --bench counting`.
//!
//! Every text takes time linear in its length; the aim is at most three times that of prose, byte by byte, which drawn
//! letters without spaces do not meet: prose is mostly words that are tokens as they stand, and they are merged.
//! One thread; the vocabulary is unpacked before the clock starts.

use std::fmt;
use std::sync::Arc;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use farebox::tokenizer::{Basis, TOKENIZERS, Tokenizer, load};

#[path = "../tests/support/hard_texts.rs"]
mod hard_texts;

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
