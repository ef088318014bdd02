//! Who is meant: ids that repeat their provider, the names that other programs have for providers, records that do not say
//! who billed them, and what is suggested where nothing is meant.
//!
//! Prices are of a file of the test's own wherever money is asserted.

use std::path::PathBuf;

use farebox::pricing::PriceTable;
use serde_json::Value;

use crate::support::{Ran, farebox};

/// Made-up providers: a maker, another maker whose cheap model retired, a host, a cloud with regions.
const PRICES: &str = r#"
schema: 1
provider: acme
names: [acme-ai]
role: maker
makes: [zephyr]
models:
  - {id: zephyr-1, prices: [{from: 2025-01-01, rates: {input: "3", output: "3"}}]}
  - {id: zephyr-old, retired: 2026-02-01, prices: [{from: 2025-01-01, rates: {input: "5", output: "5"}}]}
---
schema: 1
provider: basin
models:
  - {id: zephyr-1, prices: [{from: 2025-01-01, rates: {input: "4", output: "4"}}]}
  - {id: zephyr-old, prices: [{from: 2025-01-01, rates: {input: "6", output: "6"}}]}
  - {id: open-70b, prices: [{from: 2025-01-01, rates: {input: "1", output: "1"}}]}
---
schema: 1
provider: stratus
role: cloud
neutral: {region: [xx-east-1]}
models:
  - id: acme.zephyr-1
    aliases: [zephyr-1]
    prices:
      - from: 2025-01-01
        rates: {input: "7", output: "7"}
        variants: [{when: {region: xx-west-2}, rates: {input: "8", output: "8"}}]
"#;

struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("prices.yaml"), PRICES).unwrap();
        Case { folder }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Ran {
        farebox(args).args(["--prices", "prices.yaml"]).dir(self.folder.path()).run()
    }

    /// The rows of `usage` over one file of a million input tokens a record, so that a total is a rate.
    fn usage(&self, text: &str, args: &[&str]) -> Vec<Value> {
        self.write("log.jsonl", text);
        let all = ["usage", "--format", "jsonl", "log.jsonl"].into_iter().chain(args.iter().copied());
        self.run(all).json_lines()
    }

    #[track_caller]
    fn is_priced(&self, text: &str, args: &[&str], card: &str, usd: &str) -> Value {
        let row = self.usage(text, args).remove(0);
        assert_eq!(
            (row["card"].as_str(), row["total_usd"].as_str()),
            (Some(card), Some(usd)),
            "{text} {args:?}\n{row}"
        );
        assert_eq!(row["provider"].as_str(), card.split_once('/').map(|(provider, _)| provider), "{row}");
        row
    }
}

fn record(provider: &str, model: &str) -> String {
    let provider = if provider.is_empty() { String::new() } else { format!(r#""provider":"{provider}","#) };
    format!(r#"{{{provider}"model":"{model}","timestamp":"2026-01-15T00:00:00Z","usage":{{"input_tokens":1000000}}}}"#)
}

/// A chat completion as OpenAI and most hosts answer it; `created` is 2026-03-01, after zephyr-old has retired.
fn body(model: &str) -> String {
    format!(
        r#"{{"id":"c","object":"chat.completion","created":1772323200,"model":"{model}","usage":{{"prompt_tokens":1000000,"completion_tokens":0}}}}"#
    )
}

fn claude_code(model: &str) -> String {
    format!(
        r#"{{"type":"assistant","sessionId":"s","timestamp":"2026-01-15T00:00:00Z","requestId":"r","message":{{"id":"msg_1","type":"message","role":"assistant","model":"{model}","content":[],"usage":{{"input_tokens":1000000,"output_tokens":0}}}}}}"#
    )
}

fn codex(model: &str) -> String {
    let usage = r#"{"input_tokens":1000000,"cached_input_tokens":0,"output_tokens":0,"reasoning_output_tokens":0,"total_tokens":1000000}"#;
    [
        r#"{"timestamp":"2026-01-15T00:00:00Z","type":"session_meta","payload":{"id":"s","cwd":"/w","model_provider":"openai"}}"#.to_owned(),
        format!(r#"{{"timestamp":"2026-01-15T00:00:01Z","type":"turn_context","payload":{{"model":"{model}"}}}}"#),
        format!(r#"{{"timestamp":"2026-01-15T00:00:02Z","type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{usage},"last_token_usage":{usage}}}}}}}"#),
    ]
    .join("\n")
}

fn span(system: &str, model: &str) -> String {
    format!(
        r#"{{"name":"chat","startTimeUnixNano":"1768435200000000000","attributes":{{"gen_ai.operation.name":"chat","gen_ai.system":"{system}","gen_ai.request.model":"{model}","gen_ai.usage.input_tokens":1000000,"gen_ai.usage.output_tokens":0}}}}"#
    )
}

// ---- Ids

#[test]
fn an_id_that_repeats_who_is_asked_means_the_same_card_in_every_command() {
    let case = Case::new();
    let same = [
        ("acme/zephyr-1", "acme/zephyr-1"),
        ("acme/acme/zephyr-1", "acme/zephyr-1"),
        ("acme/acme-ai/acme/zephyr-1", "acme/zephyr-1"),
        ("ACME_AI/zephyr-1", "acme/zephyr-1"),
        ("acme.chat/zephyr-1", "acme/zephyr-1"),
        ("basin/acme/zephyr-1", "basin/zephyr-1"),
        ("stratus/acme/zephyr-1", "stratus/acme.zephyr-1"),
        ("stratus/converse/acme.zephyr-1", "stratus/acme.zephyr-1"),
        ("stratus/stratus/xx-east-1/acme.zephyr-1", "stratus/acme.zephyr-1"),
    ];
    for (asked, card) in same {
        let common =
            ["--at", "2026-06-15", "--format", "json", "--input-tokens", "10", "--output-tokens", "1", "-m", asked];
        for command in ["estimate", "compare"] {
            let rows = case.run([command].into_iter().chain(common)).code(0).json()["rows"].clone();
            let id = format!("{}/{}", rows[0]["provider"].as_str().unwrap(), rows[0]["model"].as_str().unwrap());
            assert_eq!(id, card, "{command} -m {asked}");
        }
        case.run(["prices", "show", asked, "--at", "2026-06-15"]).code(0);
        case.run(["count", "--text", "x", "-m", asked, "--at", "2026-06-15"]).code(0);
        let (provider, model) = asked.split_once('/').unwrap();
        case.is_priced(&record(provider, model), &[], card, &priced(card));
        case.is_priced(&record("", asked), &[], card, &priced(card));
        case.is_priced(
            &record("acme", "nothing"),
            &["--force-provider", provider, "--force-model", model],
            card,
            &priced(card),
        );
    }
}

/// The input rate of each card in [`PRICES`], for a million tokens.
fn priced(card: &str) -> String {
    let rate = match card {
        "acme/zephyr-1" => "3",
        "basin/zephyr-1" => "4",
        "stratus/acme.zephyr-1" => "7",
        other => panic!("{other}"),
    };
    rate.to_owned()
}

#[test]
fn a_region_in_an_id_is_a_region_of_the_request() {
    let case = Case::new();
    case.is_priced(&record("stratus", "xx-west-2/acme.zephyr-1"), &[], "stratus/acme.zephyr-1", "8");
    let row = case.usage(&record("stratus", "xx-north-9/acme.zephyr-1"), &[]).remove(0);
    assert_eq!(row["status"], "no-rate");
}

#[test]
fn another_providers_prefix_is_not_left_out() {
    let case = Case::new();
    for (provider, model) in [("acme", "basin/zephyr-1"), ("acme", "qqq/zephyr-1"), ("acme", "xx-east-1/zephyr-1")] {
        assert_eq!(case.usage(&record(provider, model), &[])[0]["status"], "unknown-model", "{provider} {model}");
    }
}

/// The spellings of other programs for models of the bundled table, which keep their ids.
#[test]
fn litellms_ids_mean_the_bundled_cards() {
    let table = PriceTable::bundled();
    let at = "2026-03-01".parse().unwrap();
    for (asked, card) in [
        ("openai/openai/gpt-4o", "openai/gpt-4o"),
        ("text-completion-openai/gpt-3.5-turbo-instruct", "openai/gpt-3.5-turbo-instruct"),
        ("anthropic/anthropic/claude-opus-4-5", "anthropic/claude-opus-4-5"),
        ("bedrock/us-east-1/anthropic.claude-3-haiku-20240307-v1:0", "bedrock/anthropic.claude-3-haiku-20240307-v1:0"),
        ("bedrock/converse/amazon.nova-pro-v1:0", "bedrock/amazon.nova-pro-v1:0"),
        ("vertex_ai/claude-opus-4-5@20251101", "vertex/claude-opus-4-5"),
        ("vertex_ai/gemini-2.5-pro", "vertex/gemini-2.5-pro"),
        ("gemini/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("azure/azure/gpt-4o", "azure/gpt-4o"),
        ("azure_ai/azure_ai/grok-4", "azure-foundry/grok-4"),
        ("cohere_chat/command-a-03-2025", "cohere/command-a"),
        ("mistral/mistral/mistral-large-latest", "mistral/mistral-large-latest"),
        ("openrouter/openai/gpt-4o", "openrouter/openai/gpt-4o"),
        (
            "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
            "bedrock/anthropic.claude-3-haiku-20240307-v1:0",
        ),
    ] {
        let found = table.find(asked, at).unwrap_or_else(|error| panic!("{asked}: {error}"));
        assert_eq!(found.full_id(), card, "{asked}");
    }
}

// ---- Providers

/// LiteLLM: `LlmProviders` in its types/utils.py. OpenTelemetry: the well-known values of gen_ai.provider.name and of the
/// older gen_ai.system. OpenInference: `LLMProvider` and `LLMSystem`. Vercel: `provider` of the models of each @ai-sdk package.
#[test]
fn the_names_of_other_programs_mean_a_provider() {
    let table = PriceTable::bundled();
    for (id, names) in [
        (
            "openai",
            "openai OpenAI openai.chat openai.responses openai.completion openai.embedding text-completion-openai",
        ),
        ("anthropic", "anthropic anthropic.messages anthropic_text"),
        ("google", "gemini gcp.gemini gcp.gen_ai google google.generative-ai google-gla palm google_genai"),
        (
            "vertex",
            "vertex_ai vertexai gcp.vertex_ai google.vertex.chat google.vertex vertex_ai_beta google-vertex vertex_ai-anthropic_models google.vertex.anthropic.messages vertex.anthropic.messages",
        ),
        (
            "azure",
            "azure azure.chat azure.responses azure-openai.chat azure-openai.responses azure.ai.openai az.ai.openai azure_text",
        ),
        ("azure-foundry", "azure_ai azure.ai.inference az.ai.inference"),
        (
            "bedrock",
            "bedrock aws.bedrock aws_bedrock amazon-bedrock amazon_bedrock aws AWS bedrock_converse bedrock.anthropic.messages",
        ),
        ("mistral", "mistral mistral_ai mistralai mistral.chat mistral.embedding codestral text-completion-codestral"),
        ("xai", "xai x_ai x.ai xai.chat xai.responses"),
        ("cohere", "cohere cohere_chat cohere.chat cohere.textEmbedding"),
        ("moonshot", "moonshot moonshot_ai moonshotai moonshotai.chat"),
        ("deepseek", "deepseek deepseek.chat"),
        ("groq", "groq groq.chat groq.transcription"),
        ("perplexity", "perplexity"),
        ("jina", "jina_ai"),
        ("voyage", "voyage voyageai"),
        ("ai21", "ai21 ai21_chat"),
        ("alibaba", "dashscope"),
        ("together", "together_ai togetherai togetherai.chat"),
        ("fireworks", "fireworks_ai fireworks.chat fireworks_ai-embedding-models"),
        ("deepinfra", "deepinfra deepinfra.chat"),
        ("cerebras", "cerebras cerebras.chat"),
        ("amazon-nova", "amazon_nova"),
        ("meta", "meta_llama"),
        ("zai", "zai z.ai"),
        ("openrouter", "openrouter openrouter.chat"),
        ("huggingface", "huggingface huggingface.responses"),
    ] {
        for name in names.split(' ') {
            assert_eq!(table.provider(name).map(|head| head.id.as_str()), Some(id), "{name}");
        }
    }
    for name in
        ["", ".", "chat", ".chat", "acme", "openai.unheard", "openai.", "gateway", "ollama", "open", "openai.chat.x"]
    {
        assert_eq!(table.provider(name).map(|head| head.id.as_str()), None, "{name:?}");
    }
}

#[test]
fn an_unknown_provider_is_refused_with_the_flag_that_names_another() {
    let case = Case::new();
    let row = case.usage(&record("gateway", "zephyr-1"), &[]).remove(0);
    assert_eq!(row["status"], "unknown-model");
    let reason = row["reason"].as_str().unwrap();
    assert!(reason.contains(r#"no provider is called "gateway""#) && reason.contains("--force-provider"), "{reason}");
    // A span of a library whose name the table does not have may be of any provider, or of none.
    assert_eq!(case.usage(&span("ollama", "zephyr-1"), &[])[0]["status"], "unknown-model");
    case.run(["usage", "log.jsonl", "--provider", "qqq"]).code(2).says("no provider is called \"qqq\"");
    case.run(["what-if", "log.jsonl", "--batch", "--force-provider", "acmi"]).code(2).says("did you mean `acme`?");
}

// ---- Records that do not say who billed them

#[test]
fn a_body_without_a_provider_is_the_makers_retired_or_not_and_says_so() {
    let case = Case::new();
    for (model, usd) in [("zephyr-1", "3"), ("zephyr-old", "5")] {
        let row = case.is_priced(&body(model), &[], &format!("acme/{model}"), usd);
        assert!(row["assumed"].as_str().unwrap().contains("does not name its provider"), "{row}");
        let report = case.run(["usage", "log.jsonl", "--format", "json"]).code(0);
        let note =
            format!("note: 1 record does not name its provider: priced at the maker of the model (acme/{model})");
        report.says(&note).says("--provider names another");
    }
    case.is_priced(&body("zephyr-old"), &["--provider", "basin"], "basin/zephyr-old", "6");
    let row = case.usage(&body("open-70b"), &[]).remove(0);
    assert_eq!(row["status"], "no-rate");
    let reason = row["reason"].as_str().unwrap();
    assert!(reason.contains("runs on many hosts") && reason.contains("--provider basin"), "{reason}");
    case.is_priced(&body("open-70b"), &["--provider", "basin"], "basin/open-70b", "1");
}

#[test]
fn a_makers_card_wins_until_it_ends_and_then_a_living_resellers() {
    let case = Case::new();
    case.is_priced(&record("", "zephyr-old"), &[], "acme/zephyr-old", "5");
    let later = record("", "zephyr-old").replace("2026-01-15", "2026-03-01");
    case.is_priced(&later, &[], "basin/zephyr-old", "6");
    for (day, provider) in [("2026-01-31", "acme"), ("2026-02-01", "basin")] {
        let args = ["estimate", "-m", "zephyr-old", "--input-tokens", "1", "--format", "json", "--at", day];
        let ran = case.run(args).code(0);
        assert_eq!(ran.json()["rows"][0]["provider"], provider, "{day}");
        let note = format!("note: zephyr-old was read as {provider}/zephyr-old; also sold by");
        ran.says(&note);
    }
}

#[test]
fn a_provider_by_habit_gives_way_to_the_model() {
    let case = Case::new();
    for log in [
        claude_code("zephyr-1"),
        codex("zephyr-1"),
        span("openai.chat", "zephyr-1"),
        span("anthropic", "acme/zephyr-1"),
    ] {
        let row = case.is_priced(&log, &[], "acme/zephyr-1", "3");
        assert!(row["assumed"].as_str().unwrap().contains("does not sell the model"), "{row}");
        case.run(["usage", "log.jsonl", "--format", "json"])
            .says("of a model that the usual provider of its form does not sell");
        case.is_priced(&log, &["--provider", "basin"], "basin/zephyr-1", "4");
        case.is_priced(&log, &["--force-provider", "basin"], "basin/zephyr-1", "4");
    }
    // No maker sells it: somebody has to say who does.
    for log in [claude_code("open-70b"), codex("open-70b"), span("openai", "open-70b")] {
        assert_eq!(case.usage(&log, &[])[0]["status"], "unknown-model");
        case.is_priced(&log, &["--provider", "basin"], "basin/open-70b", "1");
    }
    // What a record states is not overridden by its model.
    assert_eq!(case.usage(&record("openai", "zephyr-1"), &[])[0]["status"], "unknown-model");
    assert_eq!(case.usage(&record("openai", "zephyr-1"), &["--provider", "acme"])[0]["status"], "unknown-model");
}

#[test]
fn flags_fill_what_a_file_does_not_say_and_override_it_where_forced() {
    let case = Case::new();
    let bare = r#"{"timestamp":"2026-01-15T00:00:00Z","usage":{"input_tokens":1000000}}"#;
    assert_eq!(case.usage(bare, &[])[0]["status"], "invalid-record");
    assert!(case.usage(bare, &[])[0]["reason"].as_str().unwrap().contains("--model"));
    case.is_priced(bare, &["-m", "zephyr-1"], "acme/zephyr-1", "3");
    case.is_priced(bare, &["-m", "zephyr-1", "--provider", "basin"], "basin/zephyr-1", "4");
    case.is_priced(bare, &["-m", "basin/zephyr-1"], "basin/zephyr-1", "4");
    case.is_priced(&record("acme", "zephyr-1"), &["-m", "open-70b", "--provider", "basin"], "acme/zephyr-1", "3");
    case.is_priced(&record("acme", "zephyr-1"), &["--force-provider", "basin"], "basin/zephyr-1", "4");
    case.is_priced(&record("acme", "zephyr-1"), &["--force-model", "zephyr-old"], "acme/zephyr-old", "5");
    case.is_priced(&record("acme", "zephyr-1"), &["--force-model", "basin/open-70b"], "basin/open-70b", "1");
    // A body says neither who nor, with this flag, what.
    case.is_priced(&body("unheard-of"), &["--force-model", "basin/open-70b"], "basin/open-70b", "1");

    case.write("log.jsonl", &record("acme", "zephyr-1"));
    // The file has no batch price, so that longer answers are the change.
    let what_if = |args: &[&str]| {
        let all =
            ["what-if", "log.jsonl", "--answers", "200", "--format", "json"].into_iter().chain(args.iter().copied());
        case.run(all).code(0).json()["rows"][0]["model"].as_str().unwrap_or("none").to_owned()
    };
    assert_eq!(what_if(&[]), "acme/zephyr-1");
    assert_eq!(what_if(&["--provider", "basin"]), "acme/zephyr-1");
    assert_eq!(what_if(&["--force-provider", "basin"]), "basin/zephyr-1");
    assert_eq!(what_if(&["--force-model", "basin/open-70b"]), "basin/open-70b");
    case.write("log.jsonl", bare);
    assert_eq!(what_if(&["--force-model", "zephyr-1", "--provider", "basin"]), "basin/zephyr-1");
}

#[test]
fn a_table_without_a_model_has_that_of_the_flag() {
    let case = Case::new();
    case.write("log.csv", "timestamp,input_tokens\n2026-01-15,1000000\n2026-01-16,2000000\n");
    let all = ["usage", "log.csv", "--format", "json"];
    let priced = case.run(all.into_iter().chain(["-m", "zephyr-1"])).code(0).json();
    assert_eq!((priced["total_usd"].as_str(), priced["priced"].as_u64()), (Some("9"), Some(2)));
    case.run(all).says("--model");
    case.write("log.csv", "when,what\n2026-01-15,x\n");
    case.run(all).says("the table has no column \"model\"");
}

// ---- What is suggested

#[test]
fn an_id_that_is_like_nothing_suggests_nothing() {
    let case = Case::new();
    for asked in ["zzzz", "acme/zzzz", "qqq/zzzz"] {
        let ran = case.run(["estimate", "-m", asked, "--input-tokens", "1", "--at", "2026-06-15"]).code(2);
        assert!(!ran.stderr.contains("did you mean"), "{}", ran.stderr);
    }
    let ran = case.run(["models", "--provider", "zzzz"]).code(2);
    assert!(!ran.stderr.contains("did you mean"), "{}", ran.stderr);
    ran.says("`farebox prices list` names them all");
}

#[test]
fn a_name_of_a_megabyte_is_answered_in_a_short_message() {
    let case = Case::new();
    let long = "zephyr-".repeat(150_000);
    let row = case.usage(&record("", &long), &[]).remove(0);
    let reason = row["reason"].as_str().unwrap();
    assert!(reason.starts_with("no model is called \"zephyr-zephyr-") && reason.len() < 1_000, "{}", reason.len());
}
