//! What is sent with every request: instructions and tools in files of their own, such as `AGENTS.md`, a skill, or the tools
//! of an MCP server.

use serde_json::Value;

use crate::conversation::{Conversation, Message, Role};
use crate::input::chat::tools_in;
use crate::input::surrogates;
use crate::input::text::{InputError, Source, read_blocks};
use crate::jobs::JobError;

/// Files with what is sent with every request.
#[derive(Clone, Debug, Default)]
pub struct CountAdded {
    /// Texts that are instructions.
    pub system: Vec<Source>,
    /// JSON with tools: a list of them, a request, or what an MCP server answers to `tools/list`.
    pub tools: Vec<Source>,
}

impl CountAdded {
    /// Whether nothing is sent with requests.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.system.is_empty() && self.tools.is_empty()
    }

    /// Reads the files: an addition, to be counted as it is or put into requests.
    ///
    /// # Errors
    /// [`JobError`] where a file cannot be read, or one of tools holds none.
    pub(super) fn read(&self) -> Result<Conversation, JobError> {
        let mut added = Conversation { is_addition: true, ..Conversation::default() };
        for source in &self.system {
            added.messages.push(Message::text(Role::System, whole(source)?));
        }
        for source in &self.tools {
            let wrong = |what: String| {
                let help = "give a list of tools, a request that has some, or what an MCP server answers to tools/list";
                JobError::asked(format!("{}: {what}", source.name()), help)
            };
            let value: Value =
                surrogates::read(whole(source)?.as_bytes()).map_err(|error| wrong(format!("not JSON: {error}")))?;
            let read = tools_in(&value);
            if read.tools.is_empty() {
                return Err(wrong("it defines no tools".to_owned()));
            }
            added.add_tools_of(&read);
        }
        Ok(added)
    }
}

/// A request with what is sent with every request: instructions before the request's own, tools behind them.
pub(super) fn with_added(added: &Conversation, mut request: Conversation) -> Conversation {
    request.messages.splice(0..0, added.messages.iter().cloned());
    request.add_tools_of(added);
    request
}

/// The whole text of a source.
pub(super) fn whole(source: &Source) -> Result<String, InputError> {
    let mut text = String::new();
    read_blocks(source, false, &mut |block| text.push_str(block))?;
    Ok(text)
}
