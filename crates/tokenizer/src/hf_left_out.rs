//! What stands for [`NoHuggingFace`] in a build without the feature `reference`: it refuses every file, and says why.

use std::path::Path;

use serde_json::Value;

use super::cut::Cuts;
use super::{TokenCount, Tokenizer, TokenizerError};

const REASON: &str = "this build reads no tokenizer.json and no GGUF of the kind gpt2\n  help: build with the feature \"reference\", or give a .tiktoken, a tekken.json or a SentencePiece .model";

pub(crate) use NoHuggingFace as HuggingFace;

/// There is none in this build.
pub(crate) enum NoHuggingFace {}

impl NoHuggingFace {
    pub(crate) fn open(path: &Path) -> Result<Self, TokenizerError> {
        Err(TokenizerError::Broken { path: path.to_owned(), reason: REASON.to_owned() })
    }

    pub(super) fn parse(_: &str, _: &[u8]) -> Result<Self, String> {
        Err(REASON.to_owned())
    }

    pub(super) fn of_value(_: &str, _: Value) -> Result<Self, String> {
        Err(REASON.to_owned())
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
