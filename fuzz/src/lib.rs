//! What the fuzz targets do with their bytes, and the laws that hold whatever the bytes are.
//!
//! A law is broken by a panic. Start reading at [`TARGETS`].

mod chat;
mod prices;
pub mod seeds;
mod shapes;
mod texts;
mod tokenizers;
mod usage;
mod workload;

pub use chat::chat_request;
pub use prices::{packed_table, price_review, price_yaml};
pub use shapes::{price_shapes, usage_shapes, workload_shapes};
pub use texts::text_count;
pub use tokenizers::tokenizer_file;
pub use usage::{usage_csv, usage_json};
pub use workload::workload_yaml;

/// A target, and the seeds that it begins with.
pub struct Target {
    /// What `fuzz/run` calls it.
    pub name: &'static str,
    /// Takes any bytes, and panics where a law is broken.
    pub run: fn(&[u8]),
    /// Small inputs made from the files of this repository.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words of its form that the seeds may not have.
    pub words: &'static str,
}

impl Target {
    /// A dictionary in libFuzzer's form: the words of the form and of the seeds. None for forms that have no words.
    pub fn dictionary(&self) -> String {
        let seeds = (self.seeds)();
        let texts = seeds.iter().filter_map(|seed| std::str::from_utf8(seed).ok()).chain([self.words]);
        let is_end = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-';
        let words = texts.flat_map(|text| text.split(is_end)).filter(|word| (3..=32).contains(&word.len()));
        let words: std::collections::BTreeSet<&str> =
            words.filter(|word| word.contains(|c: char| c.is_ascii_alphabetic())).collect();
        words.into_iter().map(|word| format!("\"{word}\"\n")).take(2_000).collect()
    }
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "usage_json", run: usage_json, seeds: seeds::usage_json, words: "" },
    Target { name: "usage_csv", run: usage_csv, seeds: seeds::usage_csv, words: "" },
    Target { name: "chat_request", run: chat_request, seeds: seeds::chat_request, words: "" },
    Target {
        name: "workload_yaml",
        run: workload_yaml,
        seeds: seeds::workload_yaml,
        words: include_str!("../../data/workload.schema.json"),
    },
    Target {
        name: "price_yaml",
        run: price_yaml,
        seeds: seeds::price_yaml,
        words: include_str!("../../pricing/schema.json"),
    },
    Target {
        name: "price_review",
        run: price_review,
        seeds: seeds::price_review,
        words: include_str!("../../pricing/schema.json"),
    },
    Target { name: "tokenizer_file", run: tokenizer_file, seeds: seeds::tokenizer_file, words: "" },
    Target { name: "packed_table", run: packed_table, seeds: seeds::packed_table, words: "" },
    Target { name: "usage_shapes", run: usage_shapes, seeds: seeds::decisions, words: "" },
    Target { name: "workload_shapes", run: workload_shapes, seeds: seeds::decisions, words: "" },
    Target { name: "price_shapes", run: price_shapes, seeds: seeds::decisions, words: "" },
    Target { name: "text_count", run: text_count, seeds: seeds::text_count, words: "" },
];

/// Takes the first seed of a target: what it needs once is there then.
pub fn warm(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of that name");
    (target.seeds)().iter().take(1).for_each(|seed| (target.run)(seed));
}

/// Asserts what every count promises.
fn assert_in_range(count: farebox_tokenizer::TokenCount, of: &str) {
    assert!(count.low <= count.tokens && count.tokens <= count.high, "{of}: {count:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laws_hold_for_the_seeds_and_for_their_halves() {
        for target in TARGETS {
            let seeds = (target.seeds)();
            assert!(seeds.len() > 1, "{} has no seeds", target.name);
            for seed in seeds {
                (target.run)(&seed);
                (target.run)(&seed[..seed.len() / 2]);
            }
        }
    }
}
