//! Names of providers as tracers write them: with the endpoint behind.

use std::borrow::Cow;

/// `openai.responses` without the endpoint; `google.generative-ai` is the name of a provider.
pub(super) fn without_endpoint(name: Cow<'_, str>) -> Cow<'_, str> {
    const ENDPOINTS: &[&str] = &[
        "chat",
        "completion",
        "completions",
        "responses",
        "messages",
        "embedding",
        "embeddings",
        "textEmbedding",
        "image",
        "speech",
        "transcription",
        "reranking",
    ];
    let mut short: &str = &name;
    while let Some((provider, endpoint)) = short.rsplit_once('.') {
        if !ENDPOINTS.contains(&endpoint) {
            break;
        }
        short = provider;
    }
    match short {
        // Models of others are billed by the cloud that they run on.
        "google.vertex" | "google.vertex.anthropic" | "vertex.anthropic" => "vertex".into(),
        short if short.len() == name.len() => name,
        short => Cow::Owned(short.to_owned()),
    }
}
