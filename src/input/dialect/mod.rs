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

mod anthropic_reports;
mod attributes;
mod counts;
mod detect;
mod entry;
mod openai_reports;
mod outcomes;
mod parts;
mod read;
mod recording;
mod reports;
mod rows;
mod spec;
pub mod table;
mod traced;

pub(crate) use entry::id_of;
pub use entry::{Bucket, Counts, Entry, Event, Item, Labels, Naming, Reported, State};
pub use entry::{Running, SessionCounts, SessionHead, SessionSettings};
pub use read::read;
pub(crate) use read::{no_json, read_text};
pub use traced::{Span, SpanRole};

use spec::DialectSpec;

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
            let names: Vec<&str> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
            format!("no dialect is called {name:?}: it is one of {}", names.join(", "))
        })
    }
}
