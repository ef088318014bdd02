//! Answers inside of recordings of HTTP: which of them are usage, of which model, and who billed.

use std::borrow::Cow;

use super::read::read_text;
use super::{Entry, Event, Item, Naming, State};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::period::Instant;

/// A request as it was recorded.
#[derive(Default)]
pub(super) struct Exchange<'a> {
    pub url: Cow<'a, str>,
    pub method: Cow<'a, str>,
    /// The body of the request.
    pub asked: Option<Cow<'a, str>>,
    /// The status of the answer, where it was recorded.
    pub status: Option<u64>,
    pub at: Option<Instant>,
}

impl Exchange<'_> {
    /// Reads the body of the answer. One of a model that is no usage is reported; that of another service is no error.
    pub(super) fn read(&self, body: &str, out: &mut Vec<Item<'_>>) {
        if self.is_failed() {
            return;
        }
        let before = out.len();
        let why = self.read_part(body, out);
        if out.len() == before && self.asked_a_model() {
            let why = why.map_or_else(|| "it says nothing of what was used".into(), |why| why.to_string());
            let what = format!("{}: what an answer used is not known: {why}", self.host());
            out.push(Item::Bad(RecordError::Usage(what).or("record it again, with its body as plain text")));
        }
    }

    /// Reads a message of a socket, most of which are no usage.
    pub(super) fn read_message(&self, message: &str, out: &mut Vec<Item<'_>>) {
        if !self.is_failed() {
            self.read_part(message, out);
        }
    }

    /// Reads one answer, or a stream of pieces. Hands back why something in it is no usage.
    fn read_part(&self, body: &str, out: &mut Vec<Item<'_>>) -> Option<RecordError> {
        let mut items = Vec::new();
        let start = body.trim_start();
        let is_document = start.starts_with(['{', '[']);
        let document = is_document.then(|| read_text(body.as_bytes(), None, &mut items));
        let mut why = None;
        if !matches!(document, Some(Ok(()))) {
            items.clear();
            why = document.and_then(Result::err).map(RecordError::from);
            for line in body.lines() {
                // A line that is no JSON belongs to another format.
                if let Err(error) = read_text(line.as_bytes(), None, &mut items) {
                    why.get_or_insert_with(|| error.into());
                }
            }
        }
        let is_of_a_model = self.provider().is_some();
        let mut found = Vec::new();
        for item in items {
            match item {
                Item::Bad(error) if error.is_form() => {
                    why.get_or_insert(error);
                }
                Item::Entry(entry) if !is_of_a_model && matches!(entry.state, State::Failed(_)) => {}
                other => found.push(self.complete(other.into_owned())),
            }
        }
        if !found.is_empty() {
            // Streams end with their bodies.
            out.push(Item::Event(Event::End));
            out.extend(found);
            out.push(Item::Event(Event::End));
        }
        why
    }

    /// Whether a model was asked for an answer that is billed, and gave one.
    fn asked_a_model(&self) -> bool {
        let path = self.url.split(['?', '#']).next().unwrap_or_default();
        // A deployment may be called like a free address.
        let is_free = || !path.ends_with("/completions") && path.split(['/', ':']).any(|part| FREE.contains(&part));
        let is_site = match self.provider() {
            Some("openrouter") => !path.contains("/api/v1/"),
            Some("openai" | "anthropic") => !path.contains("/v1/"),
            _ => false,
        };
        let is_success = self.status.is_none_or(|status| (200..300).contains(&status));
        self.method.eq_ignore_ascii_case("post") && is_success && self.provider().is_some() && !is_site && !is_free()
    }

    /// What is wrong where the answer of a model was recorded without its body.
    pub(super) fn without_body(&self) -> Option<RecordError> {
        let is_answer = self.status.is_some() && self.asked_a_model();
        let what = "the answer was recorded without its body, so what it used is not known";
        is_answer.then(|| RecordError::Usage(format!("{}: {what}", self.host())))
    }

    fn is_failed(&self) -> bool {
        self.status.is_some_and(|status| status >= 400)
    }

    fn complete(&self, mut item: Item<'static>) -> Item<'static> {
        match &mut item {
            Item::Entry(entry) | Item::Event(Event::Begin(entry) | Event::Whole(entry)) => self.complete_entry(entry),
            _ => {}
        }
        item
    }

    /// What the answer leaves out and the request says.
    fn complete_entry(&self, entry: &mut Entry<'static>) {
        if let Some(at) = self.at {
            entry.at.get_or_insert(at);
        }
        if entry.model.is_none() {
            entry.model = self.model().map(Cow::Owned);
        }
        if (entry.provider.is_none() || entry.naming != Naming::Stated)
            && let Some(provider) = self.provider()
        {
            entry.provider = Some(provider.into());
            entry.naming = Naming::Stated;
        }
    }

    fn host(&self) -> &str {
        let behind = self.url.split_once("://").map_or(&*self.url, |(_, rest)| rest);
        let host = behind.split(['/', '?']).next().unwrap_or(behind);
        host.rsplit('@').next().unwrap_or(host).split(':').next().unwrap_or(host)
    }

    /// Who answers at the address.
    fn provider(&self) -> Option<&'static str> {
        let host = self.host().to_lowercase();
        HOSTS
            .iter()
            .find(|(known, _)| host == *known || host.ends_with(&format!(".{known}")))
            .map(|(_, provider)| *provider)
            .or_else(|| {
                let is_bedrock = host.starts_with("bedrock-runtime") && host.contains(".amazonaws.com");
                let is_vertex = host.ends_with("aiplatform.googleapis.com");
                if is_bedrock { Some("bedrock") } else { is_vertex.then_some("vertex") }
            })
    }

    /// The model that was asked: in the body of the request, or in its path.
    fn model(&self) -> Option<String> {
        let asked = self.asked.as_deref().and_then(|asked| Object::read(asked.as_bytes()).ok());
        let of_body = asked.and_then(|asked| asked.get("model").and_then(Value::text).map(Cow::into_owned));
        of_body.or_else(|| {
            let path = self.url.split('?').next().unwrap_or_default();
            let mut parts = path.split('/').skip_while(|part| !matches!(*part, "model" | "models"));
            let model = parts.nth(1)?.split(':').next()?;
            // A colon in an id of Bedrock is written as %3A.
            Some(model.replace("%3A", ":").replace("%3a", ":")).filter(|model| !model.is_empty())
        })
    }
}

/// Parts of addresses at which providers answer without a bill, or with one for something else than an answer.
const FREE: &[&str] = &[
    "count_tokens",
    "countTokens",
    "count-tokens",
    "input_tokens",
    "tokenize",
    "tokenizers",
    "files",
    "uploads",
    "batch",
    "batches",
    "batchGenerateContent",
    "message-batches",
    "moderations",
    "vector_stores",
    "agents",
    "assistants",
    "threads",
    "conversations",
    "containers",
    "evals",
    "fine_tuning",
    "fine-tunes",
    "client_secrets",
    "sessions",
    "cachedContents",
    "guardrail",
    "organization",
    "feedback",
];

/// Hosts of APIs, each with all below it.
const HOSTS: &[(&str, &str)] = &[
    ("api.openai.com", "openai"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "google"),
    ("openai.azure.com", "azure"),
    ("cognitiveservices.azure.com", "azure"),
    ("openrouter.ai", "openrouter"),
    ("api.groq.com", "groq"),
    ("api.mistral.ai", "mistral"),
    ("api.deepseek.com", "deepseek"),
    ("api.x.ai", "xai"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("api.perplexity.ai", "perplexity"),
    ("api.together.xyz", "together"),
    ("api.together.ai", "together"),
    ("api.fireworks.ai", "fireworks"),
    ("api.cerebras.ai", "cerebras"),
    ("api.deepinfra.com", "deepinfra"),
    ("api.sambanova.ai", "sambanova"),
    ("api.moonshot.ai", "moonshot"),
    ("api.moonshot.cn", "moonshot"),
    ("dashscope.aliyuncs.com", "alibaba"),
    ("dashscope-intl.aliyuncs.com", "alibaba"),
    ("api.voyageai.com", "voyage"),
    ("ai-gateway.vercel.sh", "vercel"),
];
