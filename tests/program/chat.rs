//! Requests: their counts against references, their forms, their attachments, and what is wrong with bad ones.
//! `tests/data/chat/README.md` says where each file is from.

use farebox_testing::laws;

use crate::support::{Ran, farebox};
use farebox::conversation::{Conversation, Media};
use farebox::input::chat::requests;
use farebox::input::media::{Kind, named, read};
use farebox::tokenizer::chat::{Framing, PartKind, RequestPart, Template};
use farebox::tokenizer::{Basis, TokenCount, load};
use serde_json::{Value, json};

const DATA: &str = "tests/data/chat";

fn lines(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(format!("{DATA}/{file}")).expect("a file of this test");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn request(value: Value) -> Conversation {
    requests(value).remove(0).expect("a request")
}

/// Counts a request as a model of this tokenizer is billed.
fn billed(model: &str, tokenizer: &str, value: Value) -> TokenCount {
    let framing = Framing::of(model, load(tokenizer).expect("known"), false);
    framing.count(&request(value)).expect("a count").count
}

#[test]
#[cfg_attr(not(feature = "open-models"), ignore = "needs the feature open-models")]
fn every_answer_of_a_reference_is_met() {
    let rows = lines("references.jsonl");
    assert_eq!(rows.len(), 93);
    for row in rows {
        let want = row["count"].as_u64().expect("count");
        let got = match (row["template"].as_str(), row["model"].as_str()) {
            #[cfg(not(feature = "llama"))]
            (Some("llama3" | "llama4"), _) => continue,
            (Some(name), _) => {
                let count = Template::named(name).expect("a template").count(&request(row["request"].clone()));
                let count = count.expect("a count");
                assert_eq!(count, TokenCount::exact(count.tokens), "{row}");
                count.tokens
            }
            (_, Some(model)) => {
                let tokenizer = if model.contains("gpt-4o") { "o200k_base" } else { "cl100k_base" };
                let count = billed(model, tokenizer, row["request"].clone());
                let has_tools = !row["request"]["tools"].is_null();
                assert!(has_tools || count.basis == Basis::Exact, "{row}");
                match has_tools {
                    false => count.tokens,
                    // What the API returned for the cookbook's example (105 and 101) is inside of the range.
                    true if [105, 101].contains(&want) => want.clamp(count.low, count.high),
                    // The cookbook's function for tools is a formula near what the API counts, which is what is counted here.
                    true => want.clamp(count.tokens.saturating_sub(5), count.tokens + 5),
                }
            }
            _ => panic!("{row}"),
        };
        assert_eq!(got, want, "{row}");
    }
}

/// Single facts about what providers bill: documented by them, measured by developers, or recorded; each has its source.
#[test]
#[cfg_attr(not(all(feature = "open-models", feature = "claude")), ignore = "needs the vocabularies")]
fn every_fact_about_a_request_holds() {
    use base64::Engine as _;
    let mut wrong = Vec::new();
    let facts = lines("facts.jsonl");
    assert_eq!(facts.len(), 123);
    for fact in facts {
        let folder = tempfile::tempdir().expect("a folder");
        for file in fact["files"].as_array().into_iter().flatten() {
            let path = folder.path().join(file["path"].as_str().expect("a path"));
            let bytes = match file["base64"].as_str() {
                Some(text) => base64::engine::general_purpose::STANDARD.decode(text).expect("base64"),
                None => file["text"].as_str().expect("a text").as_bytes().to_vec(),
            };
            std::fs::write(path, bytes).expect("a file");
        }
        let args: Vec<&str> = fact["args"].as_array().expect("arguments").iter().filter_map(Value::as_str).collect();
        let ran = farebox(args).args(["--at", "2026-11-22"]).dir(folder.path()).run();
        let row = serde_json::from_str::<Value>(&ran.stdout).map(|json| json["rows"][0].clone()).unwrap_or_default();
        let tokens = row["tokens"].as_u64();
        let bound = |key: &str| row[key].as_u64().or(tokens).unwrap_or_default();
        let expect = &fact["expect"];
        let holds = match () {
            () if expect["tokens"].is_u64() => tokens == expect["tokens"].as_u64(),
            () if expect["inside"].is_u64() => {
                let inside = expect["inside"].as_u64().unwrap_or_default();
                tokens.is_some() && (bound("low")..=bound("high")).contains(&inside)
            }
            () if expect["not_exact"] == true => row["basis"].is_string() && row["basis"] != "exact",
            () => {
                let said: String = ran.stdout.split_whitespace().collect();
                expect["mentions"]
                    .as_array()
                    .is_some_and(|all| all.iter().all(|part| said.contains(part.as_str().unwrap())))
            }
        };
        if !holds {
            wrong.push(format!("{} {expect}: {row} {}", fact["id"], ran.stderr));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_form_of_a_request_says_the_same() {
    let rows = lines("forms.jsonl");
    assert_eq!(rows.len(), 14);
    for row in rows {
        let form = &row["form"];
        let conversation = request(row["request"].clone());
        let said: Vec<String> = conversation.messages.iter().map(|message| message.content()).collect();
        assert_eq!(said, ["Be brief.", "Why is the sky blue?"], "{form}");
        assert!(conversation.messages[0].role.is_system(), "{form}");
        assert_eq!(conversation.max_output, Some(50), "{form}");
        assert_eq!(conversation.is_batch, form.as_str().is_some_and(|form| form.contains("batch")), "{form}");
    }
}

/// OpenAI: 3 for the answer, 3 and the role for each message (cookbook); gpt-5: 2, and 3 and the role (recorded). Gemini: the
/// text alone on Vertex AI (google-genai 3.4.0), one more for each content on the Developer API (recorded).
#[test]
#[cfg_attr(not(feature = "open-models"), ignore = "needs the feature open-models")]
fn a_frame_is_the_models_own() {
    let row = |form: &str| {
        lines("forms.jsonl").into_iter().find(|row| row["form"] == form).expect("a form")["request"].clone()
    };
    let text: u64 =
        ["Be brief.", "Why is the sky blue?"].iter().map(|t| load("o200k_base").unwrap().count(t).tokens).sum();
    let openai = billed("openai/gpt-4o", "o200k_base", row("openai chat"));
    assert_eq!(openai, TokenCount::exact(3 + 2 * (3 + 1) + text));
    let later = billed("openai/gpt-5.4", "o200k_base", row("openai chat"));
    assert_eq!(later, TokenCount::exact(2 + 2 * (3 + 1) + text));
    let unknown = billed("openai/o1", "o200k_base", row("openai chat"));
    assert!(unknown.basis == Basis::Estimated && unknown.low <= later.tokens, "{unknown:?}");
    let texts: u64 =
        ["Be brief.", "Why is the sky blue?"].iter().map(|t| load("gemma3").unwrap().count(t).tokens).sum();
    let gemini = |model: &str| billed(model, "gemma3", row("gemini"));
    assert_eq!(gemini("vertex/gemini-2.5-flash"), TokenCount::exact(texts));
    assert_eq!(gemini("google/gemini-2.5-flash"), TokenCount::exact(texts + 2));
    let either = gemini("openrouter/google/gemini-2.5-flash");
    assert_eq!((either.low, either.high, either.basis), (texts, texts + 2, Basis::Estimated));
}

#[cfg(feature = "claude")]
#[test]
fn one_message_to_claude_is_its_measured_frame() {
    use farebox::tokenizer::claude::{Frame, message_tokens};
    // ctok 1.3.0: the message `a` costs 8, 12 and 7 tokens.
    for (model, tokenizer, frame, tokens) in [
        ("anthropic/claude-haiku-4-5", "claude_v3", Frame::V3, 8),
        ("anthropic/claude-opus-4-7", "claude_v4_7", Frame::Opus47, 12),
        ("anthropic/claude-opus-5", "claude_v4_7", Frame::V48, 7),
    ] {
        let of = |text: &str| billed(model, tokenizer, json!({"messages": [{"role": "user", "content": text}]}));
        assert_eq!((of("a").tokens, of("a").basis), (tokens, Basis::Reconstructed), "{model}");
        let text = "The quick brown fox, 42 times.\n\n";
        assert_eq!(of(text), message_tokens(text, frame), "{model}");
    }
    let turns = json!({"system": "Be brief.", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
                       {"role": "user", "content": "c"}]});
    let count = billed("claude-haiku-4-5", "claude_v3", turns);
    // Recorded: 7, 3 for each further message, nothing beside the text of the system prompt; one more in 2 of 17 requests.
    let text: u64 = ["Be brief.", "a", "b", "c"].iter().map(|t| load("claude_v3").unwrap().count(t).tokens).sum();
    assert_eq!((count.tokens, count.basis), (7 + 2 * 3 + text, Basis::Estimated));
}

#[test]
fn tools_cost_their_text_and_the_providers_instruction() {
    let tool = json!({"name": "get_weather", "description": "Get the current weather in a given location",
        "input_schema": {"type": "object", "properties": {"location": {"type": "string",
            "description": "The city and state, e.g. San Francisco, CA"}}, "required": ["location"]}});
    let ask = json!([{"role": "user", "content": "What's the weather like in San Francisco?"}]);
    let plain = billed("claude-opus-4-8", "claude_v4_7", json!({"messages": ask}));
    let auto = billed("claude-opus-4-8", "claude_v4_7", json!({"messages": ask, "tools": [tool]}));
    let any = billed(
        "claude-opus-4-8",
        "claude_v4_7",
        json!({"messages": ask, "tools": [tool], "tool_choice": {"type": "any"}}),
    );
    // docs.claude.com, tool use: 290 tokens with auto and 410 with any.
    assert_eq!(any.tokens - auto.tokens, 410 - 290);
    assert!(auto.tokens > plain.tokens + 290 && auto.high > auto.low, "{auto:?}");
    // Nested arguments are written out like others.
    let nested = |inner: Value| {
        let tool = json!({"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object",
            "properties": {"a": inner}}}});
        billed("gpt-4o", "o200k_base", json!({"messages": [{"role": "user", "content": "Hi"}], "tools": [tool]}))
    };
    let flat = nested(json!({"type": "object", "description": "x"}));
    let deep = nested(
        json!({"type": "object", "description": "x", "properties": {"b": {"type": "string", "description": "y"}}}),
    );
    assert!(deep.tokens > flat.tokens && flat.low < flat.high, "{flat:?} {deep:?}");
}

#[test]
#[cfg_attr(not(feature = "media"), ignore = "needs the feature media")]
fn attachments_are_read_from_files_flags_and_requests() {
    let base64 = |file: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(std::fs::read(format!("{DATA}/{file}")).expect("a file"))
    };
    // 640 x 480: two tiles for GPT-4o; 23 x 18 patches of 28 for Claude.
    let url = format!("data:image/png;base64,{}", base64("square.png"));
    let openai = json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]});
    // And 3 to 6 around an image, recorded in 9 requests.
    let (openai, rule) = (billed("gpt-4o", "o200k_base", openai), 3 + 3 + 1 + 85 + 2 * 170);
    assert_eq!((openai.low, openai.tokens, openai.high), (rule, rule + 4, rule + 6));
    let claude = json!({"messages": [{"role": "user", "content": [{"type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": base64("square.png")}}]}]});
    assert_eq!(billed("claude-haiku-4-5", "claude_v3", claude).tokens, 7 + 23 * 18);
    let gemini =
        json!({"contents": [{"parts": [{"inlineData": {"mimeType": "audio/wav", "data": base64("tone.wav")}}]}]});
    assert_eq!(billed("gemini-2.5-flash", "gemma3", gemini).tokens, 2 * 32);
    // One as anybody may read it, one that only its owner may change.
    for name in ["two-pages.pdf", "two-pages-protected.pdf"] {
        match named(Kind::Document, &format!("{DATA}/{name}")).expect(name) {
            Media::Document(document) => {
                assert_eq!(document.pages, Some(2), "{name}");
                let text = document.text.expect("text");
                assert!(text.contains("hello world") && text.contains("page two"), "{name}: {text:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    let locked = named(Kind::Document, &format!("{DATA}/two-pages-locked.pdf")).unwrap_err().to_string();
    assert!(locked.contains("with a password"), "{locked}");
}

#[test]
fn an_image_behind_an_address_is_a_range_and_says_so() {
    let request = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]});
    let count = billed("gpt-4o", "o200k_base", request.clone());
    // 85 + 170 for one tile, 85 + 8 × 170 for 768 x 2048; with the frame of 7, and up to 6 around an image.
    assert_eq!((count.low, count.high), (7 + 255, 7 + 1_445 + 6));
    let args = ["count", "--chat", "--format", "jsonl", "-t"];
    let ran = farebox(args).arg(request.to_string()).run().code(0).says("an image of unknown size");
    assert_eq!(ran.json()["basis"], "estimated");
}

#[test]
fn bad_requests_cost_only_themselves_and_say_where() {
    let input = [
        r#"{"messages":[{"role":"user","content":"Hi"}]}"#,
        r#"{"prompts":["Hi"]}"#,
        r#"{"messages":[]}"#,
        r#"[1, 2]"#,
        r#"{"messages":"#,
        r#"{"messages":[{"role":"user","content":"Hi"}]}"#,
    ];
    let ran =
        farebox(["count", "--chat", "-m", "gpt-4o", "--format", "jsonl", "-"]).input(input.join("\n")).run().code(0);
    let counted: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(counted.iter().map(|row| row["line"].clone()).collect::<Vec<_>>(), [json!(1), json!(6)]);
    for says in [
        "-:2: no request: it has neither messages, contents, input nor prompt, but prompts",
        "-:3: the request is empty: it has no message and no tool",
        "-:4: request 1: 1 is no request",
        "-:5: not JSON",
    ] {
        assert!(ran.stderr.contains(says), "{says:?} is not in\n{}", ran.stderr);
    }
    farebox(["count", "--chat", "-m", "gpt-4o", "--strict", "-"]).input(input.join("\n")).run().code(3);
}

/// A part, a message or a tool that nobody knows costs the rest nothing: what is known is counted, the rest is named and
/// widens the range.
#[test]
fn what_is_odd_is_named_and_the_rest_is_counted() {
    for row in lines("odd.jsonl") {
        let (request, says) = (&row["request"], row["says"].as_str().expect("a text"));
        for model in ["gpt-4o", "gpt-5", "claude-opus-4-6", "gemini-2.5-pro"] {
            let ran =
                farebox(["count", "--chat", "--format", "jsonl", "-m", model, "-"]).input(request.to_string()).run();
            let ran = ran.code(0).says(says);
            let row = ran.json();
            let number = |key: &str| row[key].as_u64().unwrap_or_else(|| panic!("{key}: {row} of {request}"));
            assert!(number("low") <= number("tokens") && number("tokens") <= number("high"), "{row}");
            assert!(number("low") < number("high") && row["basis"] == "estimated", "{row} of {request}");
        }
    }
}

/// The forms that nothing is wrong with, though one field is not what it usually is.
#[test]
fn what_is_only_unusual_is_counted_exactly() {
    for (request, tokens) in [
        (json!({"instructions": "", "input": "Hi"}), 12),
        (json!({"messages": {"role": "user", "content": "Hi"}}), 8),
        (json!({"contents": "Hi"}), 8),
        // Embeddings: the text, or as many tokens as there are ids.
        (json!({"input": "Hi", "encoding_format": "float"}), 1),
        (json!({"input": ["Hi", "Hi"]}), 2),
        (json!({"input": [9906, 11, 1917]}), 3),
        (json!({"input": [[9906, 11], [1917]]}), 3),
    ] {
        let count = billed("gpt-4o", "o200k_base", request.clone());
        assert_eq!(count, TokenCount::exact(tokens), "{request}");
    }
}

/// What a provider searches for, or keeps, is in no request.
#[test]
fn a_request_for_more_than_it_holds_is_never_exact() {
    let with = |field: &str, value: Value| {
        let mut request = json!({"messages": [{"role": "user", "content": "Hi"}]});
        request[field] = value;
        farebox(["count", "--chat", "--format", "jsonl", "-m", "gpt-4o", "-"]).input(request.to_string()).run().code(0)
    };
    for (field, value) in [
        ("web_search_options", json!({})),
        ("plugins", json!([{"id": "web"}])),
        ("enable_search", json!(true)),
        ("search_parameters", json!({"mode": "on"})),
        ("previous_response_id", json!("resp_1")),
    ] {
        let ran = with(field, value).says(&format!("not counted: what {field} brings along"));
        assert_eq!(ran.json()["basis"], "estimated", "{field}");
    }
    for (field, value) in [("enable_search", json!(false)), ("plugins", json!([])), ("web_search_options", Value::Null)]
    {
        assert_eq!(with(field, value).json()["basis"], "exact", "{field}");
    }
    // A published template has no place for what is not understood either.
    let template = farebox(["count", "--chat", "--format", "jsonl", "--chat-template", "qwen3", "-"]);
    let request =
        json!({"messages": [{"role": "user", "content": "Hi"}], "mcp_servers": [{"url": "https://a.example"}]});
    let row = template.input(request.to_string()).run().code(0).says("not counted: mcp_servers").json();
    assert!(row["basis"] == "estimated" && row["high"].as_u64() > row["tokens"].as_u64(), "{row}");
}

#[test]
fn what_is_too_deep_or_too_large_to_be_real_is_bounded() {
    let deep = |levels: usize| {
        format!("{}{{}}{}", r#"{"type":"object","properties":{"a":"#.repeat(levels), "}}".repeat(levels))
    };
    let file = "eHh4".repeat(250_000);
    for (request, says) in [
        (
            format!(
                r#"{{"messages":[{{"role":"user","content":"Hi"}}],"tools":[{{"name":"t","input_schema":{}}}]}}"#,
                deep(5_000)
            ),
            "nested deeper than 100 levels",
        ),
        (
            format!(
                r#"{{"messages":[{{"role":"user","content":"Hi"}},{{"role":"user","content":{}{}}}]}}"#,
                "[".repeat(500),
                "]".repeat(500)
            ),
            "nested deeper than 100 levels",
        ),
        (
            format!(r#"{{"messages":[{{"role":"user","content":[{{"type":"hologram","data":"{file}"}}]}}]}}"#),
            "the kind \"hologram\"",
        ),
        (
            format!(r#"{{"contents":[{{"parts":[{{"inlineData":{{"mimeType":"image/png","data":"{file}"}}}}]}}]}}"#),
            "not an image",
        ),
    ] {
        let ran = farebox(["count", "--chat", "--format", "jsonl", "-m", "gpt-4o", "-"])
            .input(request)
            .run()
            .code(0)
            .says(says);
        assert!(ran.json()["high"].as_u64().expect("a bound") < 1_000_000, "{}", ran.stdout);
    }
    let cyclic = json!({"messages": [{"role": "user", "content": "Hi"}], "tools": [{"name": "t", "input_schema":
        {"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"a": {"$ref": "#/$defs/a"}}}}}}]});
    for model in ["gpt-4o", "gpt-5", "claude-opus-4-6", "gemini-3-pro-preview"] {
        farebox(["count", "--chat", "--explain", "-m", model, "-"]).input(cyclic.to_string()).run().code(0);
    }
}

/// What stands for each kind of part: every kind that there is.
fn request_with_everything() -> Value {
    json!({"model": "gpt-4o", "messages": [
        {"role": "system", "content": "Be brief, and answer in French."},
        {"role": "user", "content": [{"type": "text", "text": "What is the weather in Paris?"},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]},
        {"role": "assistant", "content": null, "reasoning_content": "They want the weather.", "tool_calls": [{"id": "1",
            "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Paris\"}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "18 degrees, sunny"},
        {"role": "robot", "content": "Go on"}],
        "tools": [
            {"type": "function", "function": {"name": "get_weather", "description": "The weather of a city", "parameters":
                {"type": "object", "properties": {"city": {"type": "string", "description": "City"}}, "required": ["city"]}}},
            {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}},
            {"type": "web_search_preview"}],
        "tool_choice": "required", "reasoning_effort": "high", "documents": [{"text": "A document of Cohere."}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object",
            "properties": {"degrees": {"type": "number"}}}}}})
}

/// The models of as many rules as there are, each with what counts its text.
const RULES: [(&str, &str); 12] = [
    ("gpt-4o", "o200k_base"),
    ("gpt-5", "o200k_base"),
    ("gpt-3.5-turbo", "cl100k_base"),
    ("claude-opus-4-6", "claude_v3"),
    ("claude-opus-4-8", "claude_v4_7"),
    ("google/gemini-2.5-pro", "gemma3"),
    ("google/gemini-3-pro-preview", "gemma3"),
    ("vertex/gemini-2.5-pro", "gemma3"),
    ("groq/llama-4-scout-17b-16e-instruct", "llama4"),
    ("mistral-small-2503", "mistral_tekken"),
    ("qwen2.5-72b-instruct", "qwen2"),
    ("command-r", "command_r"),
];

#[test]
fn the_parts_of_a_request_add_up_to_the_whole() {
    let everything = request_with_everything();
    let without = |key: &str| {
        let mut request = everything.clone();
        request.as_object_mut().expect("an object").remove(key);
        request
    };
    let of_references = lines("references.jsonl").into_iter().map(|row| row["request"].clone());
    let tools = json!({"tools": everything["tools"]});
    let requests = [everything.clone(), without("tools"), without("tool_choice"), tools].into_iter();
    for (request, (model, tokenizer)) in requests.chain(of_references).flat_map(|r| RULES.map(|rule| (r.clone(), rule)))
    {
        let Ok(tokenizer) = load(tokenizer) else { continue };
        let framing = Framing::of(model, tokenizer, false);
        let read = self::request(request.clone());
        let Ok(counted) = framing.count(&read) else { continue };
        let explained = framing.explain(&read).expect("what has a count has parts");
        let sum = |of: fn(&RequestPart) -> i64| explained.parts.iter().map(of).sum::<i64>() as u64;
        let count = counted.count;
        assert_eq!(
            (sum(|part| part.tokens), sum(|part| part.low), sum(|part| part.high)),
            (count.tokens, count.low, count.high),
            "{model}: {request}: {:#?}",
            explained.parts
        );
        assert_eq!(explained.counted, counted, "{model}: {request}");
        for part in
            explained.parts.iter().filter(|part| !matches!(part.kind, PartKind::Frame | PartKind::NotUnderstood))
        {
            assert!(0 <= part.low && part.low <= part.tokens && part.tokens <= part.high, "{model}: {part:?}");
        }
    }
}

/// What each kind of part costs with GPT-4o, by its rule: 4 for a message beside its text, 3 for the request.
#[test]
fn every_part_of_a_request_has_its_row() {
    let framing = Framing::of("gpt-4o", load("o200k_base").expect("known"), false);
    let parts = framing.explain(&request(request_with_everything())).expect("parts").parts;
    let kinds: Vec<(&str, Option<usize>, Option<&str>)> =
        parts.iter().map(|part| (part.kind.name(), part.message, part.name.as_deref())).collect();
    assert_eq!(
        kinds,
        [
            ("system", Some(1), None),
            ("message", Some(2), None),
            ("media", Some(2), Some("image")),
            ("message", Some(3), Some("get_weather")),
            ("thoughts", Some(3), None),
            ("message", Some(4), None),
            ("message", Some(5), None),
            ("tools", None, None),
            ("tool", None, Some("get_weather")),
            ("tool", None, Some("get_time")),
            ("tool", None, Some("web_search_preview")),
            ("tool_choice", None, None),
            ("answer_schema", None, None),
            ("thinking", None, None),
            ("frame", None, None),
            ("not_understood", None, Some("messages[4].role: the role \"robot\", counted as user")),
            ("not_counted", None, Some("documents")),
        ]
    );
    let tokens = |kind: &str| parts.iter().find(|part| part.kind.name() == kind).expect("a part").tokens;
    let text = |text: &str| load("o200k_base").expect("known").count(text).tokens as i64;
    assert_eq!(tokens("system"), 4 + text("Be brief, and answer in French."));
    assert_eq!(tokens("frame"), 3);
    // Claude's instruction before tools, by its documentation, is not in the number of any tool.
    let framing = Framing::of("claude-opus-4-6", load("claude_v3").expect("known"), false);
    let parts = framing.explain(&request(request_with_everything())).expect("parts").parts;
    let having = parts.iter().find(|part| part.kind == PartKind::Tools).expect("a row");
    assert_eq!(having.tokens, 497);
}

#[test]
fn explain_shows_parts_in_every_format() {
    let request = request_with_everything().to_string();
    let args = ["count", "--chat", "--explain", "-m", "gpt-4o", "-m", "claude-opus-4-6", "-"];
    let ran = |format: &str| farebox(args).args(["--format", format]).pinned().input(request.clone()).run().code(0);
    let table = ran("table").stdout;
    for says in
        ["system (message 1)", "image of message 2", "message 3, assistant: get_weather", "having tools", "total"]
    {
        assert!(table.contains(says), "{table}");
    }
    // Each request's parts add up to its total, for each model and for both bounds.
    let json = ran("json").json();
    let rows = json["rows"].as_array().expect("rows");
    for model in 0..2 {
        for field in ["tokens", "low", "high"] {
            let of = |row: &Value| row["counts"][model][field].as_i64().expect("a number");
            let (total, parts): (Vec<&Value>, Vec<&Value>) = rows.iter().partition(|row| row["part"] == "total");
            assert_eq!(parts.into_iter().map(of).sum::<i64>(), of(total[0]), "{field}: {json}");
        }
    }
    // What each rule rests on stands with the whole, and under the table.
    let total = rows.iter().find(|row| row["part"] == "total").expect("a total");
    for (model, name, basis) in [(0, "openai/gpt-4o", "published"), (1, "anthropic/claude-opus-4-6", "measured")] {
        let rule = &total["counts"][model]["rule"];
        assert_eq!(rule["basis"], basis, "{rule}");
        assert!(rule["source"].as_str().is_some_and(|source| !source.is_empty()), "{rule}");
        assert!(table.contains(&format!("{name}: the rule is {basis}")), "{table}");
    }
    let csv = ran("csv").stdout;
    let mut lines = csv::Reader::from_reader(csv.as_bytes());
    let head = lines.headers().expect("a head").clone();
    let rows: Vec<csv::StringRecord> = lines.records().map(|row| row.expect("a row")).collect();
    for key in ["tokens openai/gpt-4o", "low openai/gpt-4o", "high anthropic/claude-opus-4-6"] {
        let at = head.iter().position(|name| name == key).unwrap_or_else(|| panic!("{key}: {head:?}"));
        let numbers: Vec<i64> = rows.iter().map(|row| row[at].parse().expect("a number")).collect();
        let (total, parts) = numbers.split_last().expect("rows");
        assert_eq!(parts.iter().sum::<i64>(), *total, "{key}");
    }
    assert_eq!(ran("jsonl").stdout.lines().count(), rows.len());
}

/// What an MCP server answers to `tools/list`, bare, as a list, and in other providers' forms: the same tools.
#[test]
fn the_tools_of_a_server_are_what_they_add_to_a_request() {
    let schema = json!({"type": "object", "properties": {"path": {"type": "string", "description": "Where"}}, "required": ["path"]});
    let served = json!([{"name": "read_file", "title": "Read", "description": "Reads a file", "inputSchema": schema,
        "annotations": {"readOnlyHint": true}}]);
    let openai = json!([{"type": "function", "function": {"name": "read_file", "description": "Reads a file", "parameters": schema}}]);
    let asks = json!([{"role": "user", "content": "Hello"}]);
    let folder = tempfile::tempdir().expect("a folder");
    for (model, tokenizer) in RULES {
        let Ok(tokenizer) = load(tokenizer) else { continue };
        let framing = Framing::of(model, tokenizer, false);
        let count = |value: Value| framing.count(&request(value)).expect("a count").count;
        let (with, without) = (count(json!({"messages": asks, "tools": openai})), count(json!({"messages": asks})));
        for form in [
            json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": served, "nextCursor": null}}),
            json!({"tools": served}),
            served.clone(),
            openai.clone(),
        ] {
            assert_eq!(count(form.clone()).tokens, with.tokens - without.tokens, "{model}: {form}");
        }
    }
    let file = folder.path().join("mcp.json");
    std::fs::write(&file, json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": served}}).to_string())
        .expect("written");
    let ran = farebox(["count", "-m", "gpt-4o", "--format", "json"]).arg(&file).run().code(0).says("read as 1 tool");
    let alone = ran.json()["rows"][0]["tokens"].as_u64().expect("a count");
    // With every request of an input, with a prompt, and with instructions from a file.
    let agents = folder.path().join("AGENTS.md");
    std::fs::write(&agents, "Be kind.").expect("written");
    let count = |args: &[&str], flags: &[(&str, &std::path::Path)]| {
        let mut run = farebox(["count", "-m", "gpt-4o", "--format", "json"]).args(args.iter().copied());
        for (flag, path) in flags {
            run = run.arg(flag).arg(path);
        }
        run.run().code(0).json()["rows"][0]["tokens"].as_u64().expect("a count")
    };
    let hello = json!({"messages": asks}).to_string();
    assert_eq!(count(&["--chat", "-t", &hello], &[("--tools", &file)]), 8 + alone);
    assert_eq!(count(&["-t", "Hello"], &[("--tools", &file)]), 8 + alone);
    assert_eq!(count(&[], &[("--tools", &file)]), alone);
    assert_eq!(count(&[], &[("--system", &agents)]), 4 + 3);
    assert_eq!(count(&["-t", "Hello"], &[("--system", &agents)]), 8 + 4 + 3);
    std::fs::write(&agents, "[]").expect("written");
    farebox(["count", "-m", "gpt-4o", "--tools"]).arg(&agents).run().code(2).says("it defines no tools");
}

#[test]
fn an_api_is_named_where_the_form_does_not_say_it() {
    let count = |api: &str, request: &Value| {
        farebox(["count", "--chat", "-m", "gpt-5", "--format", "json", "--api", api, "-t"])
            .arg(request.to_string())
            .run()
    };
    let tokens = |api: &str, request: &Value| count(api, request).code(0).json()["rows"][0]["tokens"].clone();
    // Functions cost 90 beside their text by Chat Completions and 8 by Responses, for the gpt-5 family.
    let tools = json!([{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]);
    let messages = json!({"messages": [{"role": "user", "content": "Hi"}], "tools": tools});
    let input = json!({"input": [{"role": "user", "content": "Hi"}], "tools": tools});
    let (chat, responses) = (tokens("chat-completions", &messages), tokens("responses", &input));
    assert_eq!(chat.as_u64().expect("a count") - responses.as_u64().expect("a count"), 82);
    // A text alone may be asked, or embedded.
    let text = json!({"input": "Hi"});
    assert_eq!((tokens("responses", &text), tokens("embeddings", &text)), (json!(7), json!(1)));
    count("responses", &messages)
        .says("the field \"messages\", which responses does not have")
        .says("chat-completions or messages");
    count("generate-content", &input).says("give --api responses or embeddings");
    count("respones", &input).code(2).says("a similar value exists: 'responses'");
}

#[test]
fn what_the_api_rejects_is_said() {
    let ask = |field: Value| {
        let mut request = json!({"messages": [{"role": "user", "content": "Hi"}]});
        request.as_object_mut().expect("an object").extend(field.as_object().expect("an object").clone());
        farebox(["count", "--chat", "-m", "gpt-4o", "--format", "json", "-t"]).arg(request.to_string()).pinned().run()
    };
    for (field, fits) in [
        (json!({"max_tokens": 16_384}), true),
        (json!({"max_tokens": 16_385}), false),
        (json!({"max_completion_tokens": 16_385}), false),
        (json!({"max_output_tokens": 16_385}), false),
        (json!({"inferenceConfig": {"maxTokens": 16_385}}), false),
    ] {
        let ran = ask(field.clone()).code(0);
        let says =
            "asks for an answer of up to 16,385 tokens, and openai/gpt-4o writes at most 16,384: the API rejects it";
        assert_eq!(ran.json()["rows"][0]["fits"], fits, "{field}");
        assert_eq!(ran.stderr.contains(says), !fits, "{field}: {}", ran.stderr);
    }
    let google = json!({"contents": "Hi", "generationConfig": {"maxOutputTokens": 10_000_000}});
    let ran =
        farebox(["count", "--chat", "-m", "gemini-2.5-pro", "--format", "json", "-t"]).arg(google.to_string()).run();
    assert_eq!(ran.json()["rows"][0]["fits"], false);
    ask(json!({"max_tokens": 127_995})).says("8 tokens with an answer of 127,995 do not fit the context window");
}

#[test]
fn one_document_over_many_lines_is_one_request() {
    let messages = json!([{"role": "user", "content": "Hi"}]);
    for (value, rows) in [
        (json!({"messages": messages}), 1),
        (messages.clone(), 1),
        (json!([{"messages": messages}, {"messages": messages}]), 2),
        (json!({"requests": [{"custom_id": "1", "params": {"messages": messages}}]}), 1),
    ] {
        let text = serde_json::to_string_pretty(&value).expect("JSON");
        let ran = farebox(["count", "--chat", "-m", "gpt-4o", "--format", "jsonl", "-"]).input(text).run().code(0);
        let tokens: Vec<Value> =
            ran.stdout.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["tokens"].clone()).collect();
        assert_eq!(tokens, vec![json!(8); rows], "{value}"); // 3 + 3 + role + Hi
    }
    let cut = "{\"messages\": [\n{\"role\": \"user\",\n";
    farebox(["count", "--chat", "-m", "gpt-4o", "-"]).input(cut).run().says("-:2: not JSON: EOF while parsing");
}

#[test]
#[cfg_attr(not(feature = "media"), ignore = "needs the feature media")]
fn broken_attachments_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path.display().to_string()
    };
    let count = |flag: &str, value: &str| farebox(["count", "-m", "gpt-4o"]).arg(flag).arg(value).run();
    count("--image", &file("a.png", b"no image")).code(2).says("not an image: PNG, JPEG, WebP and GIF can be read");
    count("--image", "0x10").code(2).says("0x10 is not the size of an image");
    count("--image", "4000000000x4000000000").code(0);
    count("--image", "1x4000000000:high").code(0);
    count("--image", "none.png").code(5).says("none.png: no such file");
    count("--pdf", &file("b.pdf", b"%PDF-1.4\nbroken")).code(2).says("a PDF that cannot be read");
    count("--pdf", &file("c.pdf", b"\xff\xfe")).code(2).says("neither PDF nor text");
    count("--audio", &file("d.wav", b"RIFF")).code(2).says("the length of this recording cannot be read");
    count("--video", "soon").code(5).says("soon: no such file");
    farebox(["count", "--tokenizer", "o200k_base", "--image", "10x10"]).run().code(2).says("depends on the model");
    assert!(read(Kind::Image, &[]).is_err() && read(Kind::Document, b"%PDF").is_err());
}

proptest::proptest! {
    #![proptest_config(laws::cases(300))]
    #[test]
    fn damaged_attachments_are_errors_or_sizes(
        damage in proptest::collection::vec((proptest::prelude::any::<proptest::sample::Index>(), 0_u8..), 1..12),
        cut in proptest::prelude::any::<proptest::sample::Index>(),
        cuts in proptest::prelude::any::<bool>(),
    ) {
        for (file, kind) in [("square.png", Kind::Image), ("tone.wav", Kind::Audio), ("two-pages.pdf", Kind::Document)] {
            let mut bytes = std::fs::read(format!("{DATA}/{file}")).expect("a file");
            for (at, byte) in &damage {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if cuts {
                bytes.truncate(cut.index(bytes.len()));
            }
            for kind in [kind, Kind::Video] {
                let _ = read(kind, &bytes);
            }
        }
    }
}

#[test]
fn attachments_count_beside_text_and_alone() {
    let args = ["count", "-m", "gpt-4o", "--image", "1024x1024", "--image", "1024x1024:low", "--format", "jsonl"];
    let tokens = |ran: Ran| -> Vec<u64> {
        ran.stdout.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["tokens"].as_u64().unwrap()).collect()
    };
    // platform.openai.com, images and vision: 765 and 85.
    assert_eq!(tokens(farebox(args).run().code(0)), [765, 85]);
    assert_eq!(tokens(farebox(args).arg("--text").arg("hello world").run().code(0)), [2, 765, 85]);
    let estimate =
        ["estimate", "-m", "gpt-4o", "--image", "1024x1024", "--text", "hello world", "--output-tokens", "0"];
    let ran = farebox(estimate).arg("--format").arg("json").run().code(0).json();
    assert_eq!(ran["rows"][0]["tokens"]["input"]["tokens"], 767);
}

#[test]
fn a_batch_file_is_estimated_at_batch_prices_with_its_caps() {
    let line = |id: u32, model: &str| {
        json!({"custom_id": id.to_string(), "method": "POST", "url": "/v1/chat/completions", "body": {"model": model,
            "max_tokens": 300, "messages": [{"role": "user", "content": "hello world"}]}})
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("batch.jsonl");
    let text = [line(1, "gpt-4o-mini"), line(2, "gpt-4o-mini"), line(3, "gpt-4o")].map(|l| l.to_string()).join("\n");
    std::fs::write(&path, text).expect("written");
    let run = |more: &[&str]| {
        let args = ["estimate", "--at", "2025-06-01", "--format", "json"];
        farebox(args.into_iter().chain(more.iter().copied())).arg(&path).run()
    };
    let own = run(&[]).code(0).says("batch.jsonl: read as 3 batch requests, priced at batch rates").json();
    let rows = own["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["model"], &rows[0]["requests_in_file"]), (&json!("gpt-4o-mini"), &json!(2)));
    // 3 + 3 + role + 2 of text, each; half of $0.15 for a million.
    assert_eq!(rows[0]["tokens"]["input"]["tokens"], 18);
    assert_eq!(rows[0]["total_usd"], "0.00000135");
    // An answer has up to 300 tokens, at half of $0.60 for a million.
    assert_eq!(rows[0]["high_usd"], "0.00018135");
    let given = run(&["-m", "gpt-4o", "--output-tokens", "1000"]).code(0).json();
    assert_eq!(given["rows"][0]["tokens"]["output"]["tokens"], 900);
    let no_name = json!({"messages": [{"role": "user", "content": "Hi"}]}).to_string();
    std::fs::write(&path, no_name).expect("written");
    run(&[]).code(2).says("the request names no model");
    run(&["--strict"]).code(3);
}
