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
    /// Reads a body: one answer, or a stream of pieces. What is no usage is the answer of another service, and no error.
    pub(super) fn read<'o>(&self, body: &str, out: &mut Vec<Item<'o>>) {
        if self.is_failed() {
            return;
        }
        let mut items = Vec::new();
        let start = body.trim_start();
        let is_document = start.starts_with(['{', '[']);
        if !is_document || read_text(body.as_bytes(), None, &mut items).is_err() {
            items.clear();
            for line in body.lines() {
                // A line that is no JSON belongs to another format.
                let _ = read_text(line.as_bytes(), None, &mut items);
            }
        }
        let is_of_a_model = self.provider().is_some();
        let is_usage = |item: &Item| match item {
            Item::Bad(error) => !error.is_form(),
            Item::Entry(entry) => is_of_a_model || !matches!(entry.state, State::Failed(_)),
            Item::Event(_) => true,
        };
        let found: Vec<Item> = items.into_iter().filter(is_usage).collect();
        if !found.is_empty() {
            // Streams end with their bodies.
            out.push(Item::Event(Event::End));
            out.extend(found.into_iter().map(|item| self.complete(item.into_owned())));
            out.push(Item::Event(Event::End));
        }
    }

    /// What is wrong where the answer of a model was recorded without its body.
    pub(super) fn without_body(&self) -> Option<RecordError> {
        let is_answer =
            self.method.eq_ignore_ascii_case("post") && self.status == Some(200) && self.provider().is_some();
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
