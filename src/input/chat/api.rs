//! Which API a request is for, where its form does not say so: [`Api`].

use serde_json::{Map, Value};

farebox_data::names! {
    /// The API that a request is for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Api "is not an API" {
        ChatCompletions "chat-completions" "OpenAI's Chat Completions, and everybody's in its form";
        Responses "responses" "OpenAI's Responses";
        Messages "messages" "Anthropic's Messages";
        GenerateContent "generate-content" "Google's generateContent";
        Converse "converse" "Amazon Bedrock's Converse";
        Ollama "ollama" "Ollama's chat";
        Cohere "cohere" "Cohere's Chat";
        Completions "completions" "A prompt to complete, without messages";
        Embeddings "embeddings" "Texts to embed";
    }
}

/// Fields that only some APIs have.
const FIELDS: &[(&str, &[Api])] = {
    use Api::{
        ChatCompletions, Cohere, Completions, Converse, Embeddings, GenerateContent, Messages, Ollama, Responses,
    };
    &[
        ("contents", &[GenerateContent, Embeddings]),
        ("generationConfig", &[GenerateContent]),
        ("systemInstruction", &[GenerateContent]),
        ("system_instruction", &[GenerateContent]),
        ("input", &[Responses, Embeddings]),
        ("instructions", &[Responses]),
        ("max_output_tokens", &[Responses]),
        ("previous_response_id", &[Responses]),
        ("messages", &[ChatCompletions, Messages, Converse, Ollama, Cohere]),
        ("anthropic_version", &[Messages]),
        ("max_completion_tokens", &[ChatCompletions]),
        ("functions", &[ChatCompletions]),
        ("inferenceConfig", &[Converse]),
        ("additionalModelRequestFields", &[Converse]),
        ("system", &[Messages, Converse, Ollama]),
        ("options", &[Ollama]),
        ("keep_alive", &[Ollama]),
        ("message", &[Cohere]),
        ("chat_history", &[Cohere]),
        ("preamble", &[Cohere]),
        ("prompt", &[Completions, Ollama, Responses]),
        ("texts", &[Embeddings]),
    ]
};

/// A field that the named API does not have, and the APIs that do.
pub(super) fn contradiction(map: &Map<String, Value>, api: Api) -> Option<(&'static str, &'static [Api])> {
    let has = |field: &str| map.get(field).is_some_and(|value| !value.is_null());
    FIELDS.iter().find(|(field, apis)| has(field) && !apis.contains(&api)).copied()
}
