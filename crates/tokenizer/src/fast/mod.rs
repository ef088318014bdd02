//! Counts without building anything first: the build lays out the tables of an encoding, and they are read in place.
//!
//! Only counts come out, no ids. A text goes through four steps, batch by batch, and each is a file:
//! [`split`] finds the pieces without a regex engine, [`probe`] looks them all up in [`tables`], [`cache`] remembers
//! what pieces that are no tokens came to, and [`merge`] merges those that were never seen. [`simd`] holds the few
//! steps that a processor does for many bytes at once; [`make`] lays out the tables, at build time or at first use, with
//! `pairs` for a perfect hash and `find` for vocabularies of which is not known what their tokens are merged from.
//!
//! Start reading at [`Engine`]. Nothing here depends on how a text is cut into batches or who counted before: the
//! caches hold whole pieces, so they only ever save time.

pub(crate) mod cache;
pub(crate) mod class;
pub(crate) mod kept;
pub(crate) mod merge;
pub(crate) mod probe;
pub(crate) mod simd;
pub(crate) mod split;

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use farebox_data::layout::{find, make, tables};

use find::Units;
use kept::{Kept, KeptSource};
use probe::{Count, Scratch};
use split::Pattern;
use tables::Tables;

use super::merges::Merges;
use super::per_thread::{self, Memories};
use super::pretokenize::{self, Step};

#[cfg(feature = "tables")]
mod embedded {
    /// Bytes that begin at a multiple of a cache line.
    #[repr(C, align(64))]
    pub(crate) struct Aligned<T: ?Sized>(pub T);

    macro_rules! embedded {
        ($($(#[$about:meta])* $name:ident $file:literal;)+) => {
            $($(#[$about])* pub(crate) static $name: &Aligned<[u8]> =
                &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/", $file)));)+
        };
    }

    embedded! {
        /// GPT-4o to GPT-5.
        O200K "o200k_base.tables";
        /// GPT-4.
        CL100K "cl100k_base.tables";
    }
}

macro_rules! rules {
    ($($(#[$about:meta])* $name:ident = $steps:ident;)+) => {
        /// How an encoding splits its texts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Rules {
            $($(#[$about])* $name,)+
        }

        impl Rules {
            /// What is merged by these rules.
            const fn units(self) -> Units {
                if matches!(self, Rules::Spaces) { Units::Chars } else { Units::Bytes }
            }

            /// Lays out tables for tokens of which is known what they are merged from.
            ///
            /// * `whole`: as in [`Engine::made`].
            #[must_use]
            pub(crate) fn lay_out(self, merges: &Merges, whole: bool) -> Option<Vec<u64>> {
                make::make_of(merges, whole, self.units())
            }

            /// The rules that split as these regexes do, or `None` where there are none.
            #[must_use]
            pub(crate) fn of(steps: &[Step]) -> Option<Rules> {
                $(if steps == pretokenize::$steps { return Some(Rules::$name); })+
                None
            }

            /// Where the piece ends that begins at a place.
            fn piece_end(self, tables: &Tables, text: &[u8], at: usize) -> usize {
                match self { $(Rules::$name => <split::$name as Pattern>::piece_end(tables, text, at)),+ }
            }

            fn count(self, scratch: &mut Scratch, tables: &Tables, text: &str) -> u64 {
                match self { $(Rules::$name => count(scratch, tables, text, split::$name)),+ }
            }
        }
    };
}

rules! {
    /// GPT-4o, Llama 4, MiniMax.
    O200k = O200K;
    /// GPT-4.
    Cl100k = CL100K;
    /// Llama 3, GLM.
    Llama3 = LLAMA3;
    /// Qwen 1 to 3.
    Qwen2 = QWEN2;
    /// Qwen 3.5.
    Qwen3 = QWEN3_5;
    /// Mistral's Tekken.
    Tekken = TEKKEN;
    /// GPT-2, GPT-3, Claude 1 and 2, GPT-NeoX.
    Gpt2 = GPT2;
    /// Kimi.
    Kimi = KIMI;
    /// DeepSeek.
    DeepSeek = DEEPSEEK;
    /// SentencePiece vocabularies, whose texts are merged as a whole.
    Spaces = WHOLE;
}

/// Counts with one encoding.
///
/// # Examples
/// ```
/// use farebox_tokenizer::fast::Engine;
/// if let Some(o200k) = Engine::embedded("o200k_base") {
///     assert_eq!(o200k.count("hello world"), 2);
/// }
/// ```
pub struct Engine {
    words: Words,
    rules: Rules,
    /// What the memory of a thread for this engine is found by.
    number: usize,
}

enum Words {
    #[cfg(feature = "tables")]
    Embedded(&'static [u64]),
    Made(Vec<u64>),
    Kept(Box<Kept>),
}

impl Engine {
    /// The engine of an encoding whose tables are inside the program; of none without the feature `tables`.
    #[must_use]
    #[cfg(feature = "tables")]
    pub fn embedded(name: &str) -> Option<Engine> {
        let (bytes, rules) = match name {
            "o200k_base" | "o200k_harmony" => (&embedded::O200K.0, Rules::O200k),
            "cl100k_base" => (&embedded::CL100K.0, Rules::Cl100k),
            _ => return None,
        };
        let words = bytemuck::try_cast_slice(bytes).ok()?;
        Tables::view(words)?;
        Some(Engine::new(Words::Embedded(words), rules))
    }

    /// The engine of an encoding whose tables are inside the program; of none without the feature `tables`.
    #[must_use]
    #[cfg(not(feature = "tables"))]
    pub(crate) fn embedded(_: &str) -> Option<Engine> {
        None
    }

    /// Lays out tables for tokens in the order of their ranks, or `None` where they do not fit the layout.
    ///
    /// * `whole`: a piece that is a token is taken so, even where merging its bytes would not make it.
    #[must_use]
    pub(crate) fn made(tokens: &[&[u8]], whole: bool, rules: Rules) -> Option<Engine> {
        Engine::laid_out(make::make(tokens, whole, rules.units())?, rules)
    }

    /// Takes tables that were laid out before, or `None` where the words are something else.
    #[must_use]
    pub(crate) fn laid_out(words: Vec<u64>, rules: Rules) -> Option<Engine> {
        Tables::view(&words)?;
        Some(Engine::new(Words::Made(words), rules))
    }

    /// Takes tables that were laid out before and lie elsewhere, or `None` where they are something else.
    ///
    /// * `words`: how many words the layout has.
    #[must_use]
    pub(crate) fn kept(source: Box<dyn KeptSource>, words: usize, rules: Rules) -> Option<Engine> {
        Some(Engine::new(Words::Kept(Box::new(Kept::new(source, words)?)), rules))
    }

    /// The layout.
    #[must_use]
    pub(crate) fn words(&self) -> &[u64] {
        match &self.words {
            #[cfg(feature = "tables")]
            Words::Embedded(words) => words,
            Words::Made(words) => words,
            Words::Kept(kept) => kept.all(),
        }
    }

    fn new(words: Words, rules: Rules) -> Engine {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Engine { words, rules, number: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    /// Counts the tokens of a text.
    ///
    /// # Panics
    /// Never: an engine exists only where its tables could be found.
    #[must_use]
    pub fn count(&self, text: &str) -> u64 {
        if let Words::Kept(kept) = &self.words
            && let Some(count) = kept.count(text, |tables, text, at| self.rules.piece_end(tables, text, at))
        {
            return count;
        }
        let tables = self.tables();
        with_scratch(self.number, |scratch| self.rules.count(scratch, &tables, text))
    }

    fn tables(&self) -> Tables<'_> {
        Tables::view(self.words()).expect("checked when the engine was made")
    }
}

fn count<P: Pattern>(scratch: &mut Scratch, tables: &Tables, text: &str, pattern: P) -> u64 {
    simd::dispatch(Count { tables, scratch, text, pattern })
}

thread_local! {
    /// What this thread counts with, by the number of the engine.
    static SCRATCHES: Memories<Box<Scratch>> = const { RefCell::new(Vec::new()) };
}

/// Engines that a thread keeps memory for.
const KEPT: usize = 4;

fn with_scratch<T>(number: usize, work: impl FnOnce(&mut Scratch) -> T) -> T {
    per_thread::with(&SCRATCHES, KEPT, number, |scratch| work(scratch))
}

#[cfg(test)]
pub(super) mod tests;
