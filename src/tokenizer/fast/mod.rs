//! Counts without building anything first: the build lays out the tables of an encoding, and they are read in place.
//!
//! Only counts come out, no ids. A text goes through four steps, batch by batch, and each is a file:
//! [`split`] finds the pieces without a regex engine, [`probe`] looks them all up in [`tables`], [`cache`] remembers
//! what pieces that are no tokens came to, and [`merge`] merges those that were never seen. [`simd`] holds the few
//! steps that a processor does for many bytes at once; [`make`] lays out the tables, at build time or at first use.
//!
//! Start reading at [`Encoding`]. Nothing here depends on how a text is cut into batches or who counted before: the
//! caches hold whole pieces, so they only ever save time.

pub mod cache;
pub mod class;
pub mod make;
pub mod merge;
pub mod probe;
pub mod simd;
pub mod split;
pub mod tables;

use std::cell::RefCell;

use probe::{Count, Scratch};
use split::Pattern;
use tables::Tables;

/// Bytes that begin at a multiple of a cache line.
#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

macro_rules! embedded {
    ($($(#[$about:meta])* $name:ident $file:literal;)+) => {
        $($(#[$about])* static $name: &Aligned<[u8]> =
            &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/", $file)));)+
    };
}

embedded! {
    /// GPT-4o to GPT-5.
    O200K_TABLES "o200k_base.tables";
    /// GPT-4.
    CL100K_TABLES "cl100k_base.tables";
}

/// An encoding whose tables are inside the program.
///
/// # Examples
/// ```
/// use farebox::tokenizer::fast::Encoding;
/// assert_eq!(Encoding::O200k.count("hello world"), 2);
/// assert_eq!(Encoding::Cl100k.count("tokenization"), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `o200k_base`
    O200k,
    /// `cl100k_base`
    Cl100k,
}

impl Encoding {
    /// Counts the tokens of a text.
    ///
    /// # Panics
    /// When the program holds no tables, which a test rules out.
    #[must_use]
    pub fn count(self, text: &str) -> u64 {
        match self {
            Encoding::O200k => count(self as usize, &self.tables(), text, split::O200k),
            Encoding::Cl100k => count(self as usize, &self.tables(), text, split::Cl100k),
        }
    }

    fn tables(self) -> Tables<'static> {
        let bytes = match self {
            Encoding::O200k => &O200K_TABLES.0,
            Encoding::Cl100k => &CL100K_TABLES.0,
        };
        let words = bytemuck::try_cast_slice(bytes).ok();
        words.and_then(Tables::view).expect("the build lays out the tables for this machine")
    }
}

thread_local! {
    /// What this thread counts with, by encoding.
    static SCRATCHES: RefCell<Vec<(usize, Box<Scratch>)>> = const { RefCell::new(Vec::new()) };
}

/// Counts a text with the memory that this thread has for the encoding of this number.
fn count<P: Pattern>(encoding: usize, tables: &Tables, text: &str, pattern: P) -> u64 {
    let held = SCRATCHES.with_borrow_mut(|all| {
        let at = all.iter().position(|(held, _)| *held == encoding)?;
        Some(all.swap_remove(at).1)
    });
    let mut scratch = held.unwrap_or_default();
    let count = simd::dispatch(Count { tables, scratch: &mut scratch, text, pattern });
    SCRATCHES.with_borrow_mut(|all| all.push((encoding, scratch)));
    count
}
