//! The price table as one block of bytes that is read in place: nothing is parsed or allocated until a card is asked for.
//!
//! Layout, all numbers little-endian `u32`:
//!
//! ```text
//! magic(4) sha256(32) providers models names version_length version…
//! providers × { offset, length }                    a ProviderHead each
//! models    × { offset, length, provider }          a ModelCard each
//! names     × { offset, length, model }             lower-case ids and aliases, sorted
//! heap
//! ```
//!
//! Offsets count from the start of the heap. Heads and cards are `postcard`. [`pack`] runs in the build, the rest at run time.

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest, Sha256};

use super::card::{ModelCard, ProviderHead};
use super::compile::Provider;

const MAGIC: &[u8; 4] = b"fbx3";
const HASH_END: usize = 36;
/// Where the version begins: behind the hash and four numbers.
const VERSION: usize = HASH_END + 16;

/// Packs providers into the embedded form.
#[must_use]
pub fn pack(version: &str, providers: &[Provider]) -> Vec<u8> {
    let mut heap = Vec::new();
    let mut put = |bytes: &[u8]| {
        let entry = (word(heap.len()), word(bytes.len()));
        heap.extend_from_slice(bytes);
        entry
    };
    let (mut heads, mut models, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (p, provider) in providers.iter().enumerate() {
        heads.push(put(&encode(&provider.head)));
        for model in &provider.models {
            let at = word(models.len());
            let ids = std::iter::once(&model.id).chain(model.aliases.iter().map(|a| &a.id));
            names.extend(ids.map(|id| (id.to_lowercase(), at)));
            let (offset, length) = put(&encode(model));
            models.push((offset, length, word(p)));
        }
    }
    names.sort();
    names.dedup();
    let names: Vec<(u32, u32, u32)> = names
        .into_iter()
        .map(|(name, model)| {
            let (offset, length) = put(name.as_bytes());
            (offset, length, model)
        })
        .collect();

    let mut body: Vec<u32> = vec![word(heads.len()), word(models.len()), word(names.len()), word(version.len())];
    let mut tables: Vec<u32> = Vec::new();
    heads.iter().for_each(|(a, b)| tables.extend([*a, *b]));
    models.iter().chain(&names).for_each(|(a, b, c)| tables.extend([*a, *b, *c]));
    let mut bytes: Vec<u8> = body.drain(..).flat_map(u32::to_le_bytes).collect();
    bytes.extend_from_slice(version.as_bytes());
    bytes.extend(tables.into_iter().flat_map(u32::to_le_bytes));
    bytes.extend_from_slice(&heap);
    let hash = Sha256::digest(&bytes);
    [MAGIC.as_slice(), hash.as_slice(), &bytes].concat()
}

fn word(n: usize) -> u32 {
    u32::try_from(n).expect("a price table is far below 4 GiB")
}

fn encode<T: serde::Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("cards hold nothing that postcard cannot write")
}

/// A packed table, read in place: the one inside of the program, or one that was packed at run time.
#[derive(Clone)]
pub struct Packed {
    bytes: Cow<'static, [u8]>,
    providers: usize,
    models: usize,
    names: usize,
    /// Where the version ends, which begins at [`VERSION`]; the tables follow.
    tables: usize,
    heap: usize,
}

impl fmt::Debug for Packed {
    /// Without its bytes, which are millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packed").field("version", &self.version()).field("models", &self.models).finish_non_exhaustive()
    }
}

impl Packed {
    /// Opens a block made by [`pack`]; `None` where the bytes are something else.
    #[must_use]
    pub fn open(bytes: impl Into<Cow<'static, [u8]>>) -> Option<Self> {
        let bytes = bytes.into();
        if bytes.get(..4)? != MAGIC {
            return None;
        }
        let count = |i: usize| read_word(&bytes, HASH_END + 4 * i);
        let (providers, models, names, length) = (count(0)?, count(1)?, count(2)?, count(3)?);
        let tables = VERSION.checked_add(length)?;
        std::str::from_utf8(bytes.get(VERSION..tables)?).ok()?;
        let rows = models.checked_add(names)?.checked_mul(12)?.checked_add(providers.checked_mul(8)?)?;
        let heap = tables.checked_add(rows).filter(|heap| *heap <= bytes.len())?;
        Some(Packed { bytes, providers, models, names, tables, heap })
    }

    /// The calendar version of the table.
    #[must_use]
    pub fn version(&self) -> &str {
        self.bytes.get(VERSION..self.tables).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }

    /// SHA-256 of the content, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex(self.bytes.get(4..HASH_END).unwrap_or_default())
    }

    /// How many providers there are.
    #[must_use]
    pub fn provider_count(&self) -> usize {
        self.providers
    }

    /// How many models there are.
    #[must_use]
    pub fn model_count(&self) -> usize {
        self.models
    }

    /// The head of a provider.
    #[must_use]
    pub fn provider(&self, index: usize) -> Option<ProviderHead> {
        let at = self.tables + 8 * index;
        self.decode(read_word(&self.bytes, at)?, read_word(&self.bytes, at + 4)?)
    }

    /// A model, with the index of its provider.
    #[must_use]
    pub fn model(&self, index: usize) -> Option<(usize, ModelCard)> {
        let [offset, length, provider] = self.triple(8 * self.providers, index)?;
        Some((provider, self.decode(offset, length)?))
    }

    /// The index of the provider of a model.
    #[must_use]
    pub fn provider_of(&self, model: usize) -> Option<usize> {
        self.triple(8 * self.providers, model).map(|t| t[2])
    }

    /// A name and the model that it may mean; sorted, and one name may appear several times.
    #[must_use]
    pub fn name(&self, index: usize) -> Option<(&str, usize)> {
        let [offset, length, model] = self.triple(8 * self.providers + 12 * self.models, index)?;
        let start = self.heap + offset;
        let name = std::str::from_utf8(self.bytes.get(start..start + length)?).ok()?;
        Some((name, model))
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        (0..self.names).filter_map(|i| self.name(i))
    }

    /// The models that a name may mean. The name must be in lower case.
    pub fn find<'a>(&'a self, name: &'a str) -> impl Iterator<Item = usize> + 'a {
        let (mut low, mut high) = (0, self.names);
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.name(middle).is_some_and(|(n, _)| n < name) { low = middle + 1 } else { high = middle }
        }
        (low..self.names).map_while(move |i| self.name(i).filter(|(n, _)| *n == name)).map(|(_, model)| model)
    }

    fn triple(&self, table: usize, index: usize) -> Option<[usize; 3]> {
        let at = self.tables + table + 12 * index;
        Some([read_word(&self.bytes, at)?, read_word(&self.bytes, at + 4)?, read_word(&self.bytes, at + 8)?])
    }

    fn decode<T: serde::de::DeserializeOwned>(&self, offset: usize, length: usize) -> Option<T> {
        let start = self.heap + offset;
        postcard::from_bytes(self.bytes.get(start..start + length)?).ok()
    }
}

fn read_word(bytes: &[u8], at: usize) -> Option<usize> {
    let word: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(word)).ok()
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
