//! Why a vocabulary cannot be counted with: [`VocabularyError`].

/// Why a file holds no vocabulary that is counted with exactly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VocabularyError {
    /// Its first bytes are those of no form that is read here.
    #[error("it is no tokenizer.json, .tiktoken, tekken.json, SentencePiece .model or GGUF")]
    NoForm,
    /// An encoding to split like was named, and the file says itself how it splits.
    #[error("its form says itself how text is split")]
    SplitsByItself,
    /// A `.tiktoken` without the encoding that splits alike.
    #[error("a .tiktoken file does not say how text is split")]
    NoSplit,
    /// The encoding to split like is none that a `.tiktoken` can have.
    #[error("--like {0:?} is no encoding of ranks")]
    NoRanks(String),
    /// It needs what is not counted exactly here, which its `tokenizer.json` would be; the text says what.
    #[error("{0}")]
    Inexact(String),
    /// A GGUF that ends before its metadata does.
    #[error("it ends in the middle of its metadata")]
    CutOff,
    /// It contradicts its own form; the text says where.
    #[error("{0}")]
    Broken(String),
    /// This build reads no such file.
    #[error("this build reads no tokenizer.json and no GGUF of the kind gpt2")]
    LeftOut,
}

/// The encodings that a `.tiktoken` may split like.
const RANKS: &str = "r50k_base, cl100k_base, o200k_base, llama3, qwen2, qwen3_5, kimi_k2 or mistral_tekken";

impl VocabularyError {
    /// The next step, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let help = match self {
            VocabularyError::NoForm => "give the file that the model was published with",
            VocabularyError::SplitsByItself => "leave --like out",
            VocabularyError::NoSplit => {
                return Some(format!("name an encoding that splits alike with --like: {RANKS}"));
            }
            VocabularyError::NoRanks(_) => return Some(format!("give {RANKS}")),
            VocabularyError::Inexact(_) => "add the model's tokenizer.json instead",
            VocabularyError::CutOff => "download the file again",
            VocabularyError::LeftOut => {
                "build with the feature \"reference\", or give a .tiktoken, a tekken.json or a SentencePiece .model"
            }
            VocabularyError::Broken(_) => return None,
        };
        Some(help.to_owned())
    }

    pub(crate) fn broken(what: impl Into<String>) -> Self {
        VocabularyError::Broken(what.into())
    }

    pub(crate) fn inexact(what: impl Into<String>) -> Self {
        VocabularyError::Inexact(what.into())
    }
}
