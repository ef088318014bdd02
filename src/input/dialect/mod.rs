//! What providers, gateways, tracers and coding agents write, each turned into the same disjoint record.
//!
//! One form is one file here, with a `DIALECT` that says what it is called, what it looks like and what reads it, and one
//! line in `dialects!`. It takes a JSON object (or a row of a table) and yields [`Item`]s, mostly one [`Entry`]. Each token
//! of an entry stands in exactly one bucket, whatever the form counts inside of what. The signs of the dialects say which
//! form an object is; nothing else in a line decides. Lines that are no usage (a user's message, a chunk of a stream) yield
//! nothing; forms that only make sense in their order (running totals, streams) yield an [`Event`], which the reader behind
//! resolves.
//!
//! A total that a form states is never trusted: the parts are added.

pub mod agent;
mod anthropic_reports;
mod attributes;
mod counts;
mod detect;
mod endpoints;
mod entry;
mod openai_reports;
mod outcomes;
mod parts;
mod read;
mod recording;
mod report_rows;
mod reports;
mod rows;
mod spec;
pub mod table;
mod tasks;
mod unread;

pub use entry::{Bucket, Counts, Entry, Event, Item, Labels, Naming, Reported, Span, SpanRole, State, Unread};
pub(crate) use entry::{NAMELESS, id_of};
pub use entry::{Running, SessionCounts, SessionHead, SessionSettings};
pub use read::read;
pub(crate) use read::{no_json, read_text, unreadable};
pub(crate) use unread::{OTHER_NAMES, join_unread};

use spec::DialectSpec;

use crate::similar::did_you_mean;

macro_rules! dialects {
    ($($variant:ident $module:ident;)+) => {
        $(mod $module;)+

        /// A form that usage is written in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Dialect {
            $(#[doc = concat!("The form of `", stringify!($module), "`; see [`Dialect::about`].")] $variant,)+
        }

        impl Dialect {
            /// Every form.
            pub const ALL: &[Dialect] = &[$(Dialect::$variant),+];

            /// Every form with what its file says.
            const REGISTERED: &[(Dialect, &DialectSpec)] = &[$((Dialect::$variant, &$module::DIALECT)),+];

            const fn spec(self) -> &'static DialectSpec {
                match self { $(Dialect::$variant => &$module::DIALECT),+ }
            }
        }
    };
}

// In the order that lists show them; nothing else depends on it.
dialects! {
    Own own;
    OpenAiChat openai_chat;
    OpenAiResponses openai_responses;
    OpenAiImages openai_images;
    Transcription transcription;
    OpenAiBatch openai_batch;
    OpenAiBatchObject openai_batch_object;
    OpenAiUsage openai_usage;
    OpenAiCosts openai_costs;
    Anthropic anthropic;
    AnthropicBatch anthropic_batch;
    AnthropicUsage anthropic_usage;
    AnthropicCosts anthropic_costs;
    Gemini gemini;
    GeminiBatch gemini_batch;
    Bedrock bedrock;
    BedrockNative bedrock_native;
    Cohere cohere;
    MistralOcr mistral_ocr;
    Voyage voyage;
    DeepSeekExport deepseek;
    Ollama ollama;
    LiteLlm litellm;
    Langfuse langfuse;
    Helicone helicone;
    Spans spans;
    OtlpLogs otlp_logs;
    Jaeger jaeger;
    Phoenix phoenix;
    MlFlow mlflow;
    LangSmith langsmith;
    LangChain langchain;
    VercelAi vercel_ai;
    OpenAiAgents openai_agents;
    PydanticAi pydantic_ai;
    InspectAi inspect_ai;
    Promptfoo promptfoo;
    Har har;
    Vcr vcr;
    OpenRouterActivity openrouter_activity;
    AnthropicCostExport anthropic_cost_export;
    ClaudeCode claude_code;
    Codex codex;
    OpenCode opencode;
    GeminiCli gemini_cli;
    QwenCode qwen_code;
    Pi pi;
    Cline cline;
    Roo roo;
    Kilo kilo;
    ClaudeResult claude_result;
    CodexExec codex_exec;
    OpenCodeRun opencode_run;
    CopilotCli copilot_cli;
    Cursor cursor;
    Aider aider;
    Amp amp;
    Droid droid;
    Kimi kimi;
    KimiCode kimi_code;
    Goose goose;
    Crush crush;
    Hermes hermes;
    Zed zed;
    OpenHands openhands;
    SweAgent swe_agent;
    Atif atif;
    Table columns;
}

impl Dialect {
    /// The name in flags and machine forms.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// One line about it for people.
    #[must_use]
    pub const fn about(self) -> &'static str {
        self.spec().about
    }

    /// Whether it exists as a table only.
    pub(crate) const fn is_table(self) -> bool {
        self.spec().read.is_none()
    }

    /// Whether a request can return in another file: a session that is resumed is copied.
    pub(crate) const fn returns(self) -> bool {
        self.spec().returns
    }

    /// Whether a program that works for its user keeps its sessions in this form.
    pub(crate) const fn is_agent(self) -> bool {
        self.spec().is_agent
    }

    /// Whether many hosts answer in this form, so that it says nothing of who billed.
    pub(crate) const fn is_common(self) -> bool {
        self.spec().is_common
    }
}

impl std::str::FromStr for Dialect {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        let found = Dialect::ALL.iter().copied().find(|dialect| dialect.name() == name);
        found.ok_or_else(|| {
            let names = || Dialect::ALL.iter().map(|dialect| dialect.name());
            let near = did_you_mean(name, names());
            format!("no dialect is called {name:?}: {near}it is one of {}", names().collect::<Vec<_>>().join(", "))
        })
    }
}
