//! What stands for [`NoHuggingFace`] in a build without the feature `reference`: it refuses every file, and says why.

use std::path::Path;

use serde_json::Value;

use super::cut::Cuts;
use super::vocabulary_error::VocabularyError;
use super::{TokenCount, Tokenizer, TokenizerError};

pub(crate) use NoHuggingFace as HuggingFace;

/// There is none in this build.
pub(crate) enum NoHuggingFace {}

impl NoHuggingFace {
    pub(crate) fn open(path: &Path) -> Result<Self, TokenizerError> {
        Err(TokenizerError::Broken { path: path.to_owned(), reason: VocabularyError::LeftOut })
    }

    pub(super) fn parse(_: &str, _: &[u8]) -> Result<Self, VocabularyError> {
        Err(VocabularyError::LeftOut)
    }

    pub(super) fn of_value(_: &str, _: Value) -> Result<Self, VocabularyError> {
        Err(VocabularyError::LeftOut)
    }
}

impl Tokenizer for NoHuggingFace {
    fn name(&self) -> &str {
        match *self {}
    }

    fn count(&self, _: &str) -> TokenCount {
        match *self {}
    }

    fn cuts(&self) -> Cuts {
        match *self {}
    }
}
