//! Answers of providers whose counts are easily taken for something else.

use farebox::input::dialect::{Entry, Item};
use farebox::input::text::Source;
use farebox::meter::Meter;

use super::{billed, entries_of, items, one, sample, used};

fn all_of(entry: &Entry) -> Vec<(&'static str, u64)> {
    entry.usage.used().map(|(meter, quantity)| (meter.name(), quantity.try_into().unwrap())).collect()
}

fn is_refused(text: &str) -> bool {
    matches!(&items(&Source::Text(text.to_owned()))[..], [(_, Item::Bad(_))])
}

#[test]
fn moonshots_cache_is_a_part_of_the_prompt_and_its_streams_state_it_in_a_choice() {
    let usage = r#""usage":{"prompt_tokens":19,"completion_tokens":13,"total_tokens":32,"cached_tokens":12}"#;
    let want = [("input", 7), ("cache_read", 12), ("output", 13)];
    let body = format!(r#"{{"id":"c","object":"chat.completion","model":"kimi-k3","choices":[],{usage}}}"#);
    assert_eq!(all_of(&one(&body)), want);
    let chunk = |inside: &str| {
        format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"kimi-k3\",\"choices\":[{{\"index\":0{inside}}}]}}\n\n"
        )
    };
    let stream = chunk("") + &chunk(&format!(",{usage}")) + "data: [DONE]\n";
    assert_eq!(all_of(&one(&stream)), want);
}

#[test]
fn explicit_caches_of_alibaba_are_parts_of_the_prompt() {
    let entry = one(
        r#"{"object":"chat.completion","model":"qwen3-max","choices":[],"usage":{"prompt_tokens":2000,"completion_tokens":5,"total_tokens":2005,"prompt_tokens_details":{"cached_tokens":300,"cache_creation_input_tokens":1600,"cache_creation":{"ephemeral_5m_input_tokens":1600},"cache_type":"ephemeral"}}}"#,
    );
    assert_eq!(all_of(&entry), [("input", 100), ("cache_read", 300), ("cache_write_5m", 1_600), ("output", 5)]);
}

#[test]
fn alibabas_own_form_is_read_too() {
    let entry = one(
        r#"{"status_code":200,"request_id":"r","output":{"choices":[]},"usage":{"input_tokens":3019,"output_tokens":104,"total_tokens":3123,"prompt_tokens_details":{"cached_tokens":2048}}}"#,
    );
    assert_eq!(all_of(&entry), [("input", 971), ("cache_read", 2_048), ("output", 104)]);
    assert_eq!((entry.provider.as_deref(), entry.model.as_deref()), (Some("alibaba"), None));
}

#[test]
fn realtime_splits_its_input_under_names_in_the_singular() {
    let all = entries_of(&Source::File(sample("openai/realtime.jsonl")));
    let [entry] = &all[..] else { panic!("{all:?}") };
    let mut found = all_of(entry);
    found.sort_unstable();
    let want = [
        ("cache_read", 256),
        ("cache_read_audio", 64),
        ("input", 194),
        ("input_audio", 296),
        ("output", 30),
        ("output_audio", 96),
    ];
    assert_eq!(found, want);
    // What else such a session says is no usage, and no error either.
    assert_eq!(items(&Source::File(sample("openai/realtime.jsonl"))).len(), 1);
}

#[test]
fn a_transcription_is_billed_by_tokens_or_by_seconds() {
    let tokens = one(&std::fs::read_to_string(sample("openai/transcription.json")).unwrap());
    assert_eq!((tokens.usage.tokens(Meter::Input), tokens.usage.tokens(Meter::InputAudio)), (8, 44));
    let seconds = one(r#"{"text":"hello","usage":{"type":"duration","seconds":7}}"#);
    assert_eq!(all_of(&seconds), [("audio_seconds", 7)]);
    let mistral = one(&std::fs::read_to_string(sample("mistral/transcription.json")).unwrap());
    assert_eq!(all_of(&mistral), [("audio_seconds", 121)]);
    let stream = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"hel\"}\n\ndata: {\"type\":\"transcript.text.done\",\"text\":\"hello\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,\"input_token_details\":{\"audio_tokens\":14},\"output_tokens\":5,\"total_tokens\":19}}\n\n";
    assert_eq!(used(&one(stream)), [("input_audio", "14".into()), ("output", "5".into())]);
    // A chat about audio is billed by both.
    let chat = one(
        r#"{"object":"chat.completion","model":"voxtral-small-2507","choices":[],"usage":{"prompt_audio_seconds":30,"prompt_tokens":9,"completion_tokens":4,"total_tokens":400}}"#,
    );
    assert_eq!(all_of(&chat), [("input", 9), ("output", 4), ("audio_seconds", 30)]);
}

#[test]
fn the_images_api_answers_with_images() {
    let body = |usage: &str| {
        let text = format!(r#"{{"created":1795168800,"data":[{{"b64_json":"AA"}}],"usage":{{{usage}}}}}"#);
        let entry = one(&text);
        [Meter::Input, Meter::InputImage, Meter::Output, Meter::OutputImage].map(|meter| entry.usage.tokens(meter))
    };
    let input = r#""input_tokens":95,"input_tokens_details":{"image_tokens":40,"text_tokens":55}"#;
    assert_eq!(body(&format!(r#"{input},"output_tokens":1056,"total_tokens":1151"#)), [55, 40, 0, 1_056]);
    // Old names that nobody filled.
    let old = r#""completion_tokens":0,"prompt_tokens":0,"prompt_tokens_details":null,"output_tokens_details":null"#;
    assert_eq!(body(&format!(r#"{old},{input},"output_tokens":1056"#)), [55, 40, 0, 1_056]);
    let split = r#""output_tokens":1100,"output_tokens_details":{"image_tokens":1056,"text_tokens":44}"#;
    assert_eq!(body(&format!("{input},{split}")), [55, 40, 44, 1_056]);
}

#[test]
fn a_log_of_bedrock_knows_from_the_body_how_long_the_cache_stays() {
    let line = |body: &str| {
        format!(
            r#"{{"schemaType":"ModelInvocationLog","modelId":"anthropic.claude-haiku-4-5","input":{{"inputTokenCount":3,"cacheWriteInputTokenCount":5424}},"output":{{"outputTokenCount":50,"outputBodyJson":{body}}}}}"#
        )
    };
    let usage = r#""usage":{"input_tokens":3,"cache_creation_input_tokens":5424,"output_tokens":50,"cache_creation":{"ephemeral_5m_input_tokens":424,"ephemeral_1h_input_tokens":5000}}"#;
    let want = [("input", 3), ("cache_write_5m", 424), ("cache_write_1h", 5_000), ("output", 50)];
    assert_eq!(all_of(&one(&line(&format!(r#"{{"type":"message",{usage}}}"#)))), want);
    // The events of a stream: the first one has the lifetimes and not the answer.
    let first = usage.replace("\"output_tokens\":50", "\"output_tokens\":1");
    let events = format!(
        r#"[{{"type":"message_start","message":{{{first}}}}},{{"type":"message_delta","usage":{{"output_tokens":50}}}}]"#
    );
    assert_eq!(all_of(&one(&line(&events))), want);
}

#[test]
fn native_bodies_of_bedrock_count_once_streamed_or_not() {
    let llama = |generated: u32, prompt: &str, reason: &str, more: &str| {
        format!(
            "{{\"generation\":\"a\",\"prompt_token_count\":{prompt},\"generation_token_count\":{generated},\"stop_reason\":{reason}{more}}}\n"
        )
    };
    let found = |text: &str| -> Vec<[u64; 2]> {
        billed(text).iter().map(|e| [Meter::Input, Meter::Output].map(|meter| e.usage.tokens(meter))).collect()
    };
    let whole = llama(350, "800", "\"stop\"", "") + &llama(12, "90", "\"length\"", "");
    assert_eq!(found(&whole), [[800, 350], [90, 12]]);
    let metrics = r#","amazon-bedrock-invocationMetrics":{"inputTokenCount":40,"outputTokenCount":61}"#;
    let chunks = llama(1, "40", "null", "") + &llama(30, "null", "null", "");
    assert_eq!(found(&(chunks.clone() + &llama(61, "null", "\"stop\"", metrics))), [[40, 61]]);
    assert_eq!(found(&(chunks.clone() + &llama(61, "null", "\"stop\"", ""))), [[40, 61]]);
    assert_eq!(found(&llama(61, "null", "\"stop\"", metrics)), [[40, 61]]);
    // Two streams, the second one cut off.
    let two = chunks.clone() + &llama(61, "null", "\"stop\"", metrics) + &chunks;
    assert_eq!(found(&two), [[40, 61], [40, 30]]);
    // Titan, and an embedding.
    assert_eq!(
        found(r#"{"inputTextTokenCount":5,"results":[{"tokenCount":7,"outputText":"x","completionReason":"FINISH"}]}"#),
        [[5, 7]]
    );
    assert_eq!(found(r#"{"embedding":[0.1],"inputTextTokenCount":8}"#), [[8, 0]]);
    let mistral = r#"{"outputs":[{"text":"a","stop_reason":null}]}
{"outputs":[{"text":"b","stop_reason":"stop"}],"amazon-bedrock-invocationMetrics":{"inputTokenCount":40,"outputTokenCount":61}}"#;
    assert_eq!(found(mistral), [[40, 61]]);
    assert!(is_refused(r#"{"outputs":[{"text":"b","stop_reason":"stop"}]}"#));
    let nova = r#"{"messageStart":{"role":"assistant"}}
{"contentBlockDelta":{"delta":{"text":"hi"},"contentBlockIndex":0}}
{"messageStop":{"stopReason":"end_turn"}}
{"metadata":{"usage":{"inputTokens":40,"outputTokens":61}},"amazon-bedrock-invocationMetrics":{"inputTokenCount":40,"outputTokenCount":61}}"#;
    assert_eq!(items(&Source::Text(nova.to_owned())).len(), 1);
    assert_eq!(found(nova), [[40, 61]]);
    // Claude's own events have the counts, and their last one repeats them.
    let claude = concat!(
        "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_bdrk_1\",\"model\":\"claude-haiku-4-5\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n",
        "{\"type\":\"message_delta\",\"usage\":{\"output_tokens\":9}}\n",
        "{\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":3,\"outputTokenCount\":9}}\n"
    );
    assert_eq!(found(claude), [[3, 9]]);
}

#[test]
fn a_delta_may_be_the_first_to_know_what_was_written() {
    let stream = |start: &str, delta: &str| {
        all_of(&one(&format!(
            "{{\"type\":\"message_start\",\"message\":{{\"id\":\"m\",\"model\":\"m\",\"usage\":{{{start}}}}}}}\n{{\"type\":\"message_delta\",\"usage\":{{{delta}}}}}\n{{\"type\":\"message_stop\"}}\n"
        )))
    };
    assert_eq!(
        stream(
            r#""input_tokens":0,"output_tokens":0"#,
            r#""input_tokens":27,"cache_creation_input_tokens":5000,"cache_read_input_tokens":9000,"output_tokens":47"#
        ),
        [("input", 27), ("cache_read", 9_000), ("cache_write_5m", 5_000), ("output", 47)]
    );
    // The sum alone does not undo the lifetimes that the start told.
    let hour = r#""input_tokens":9,"cache_creation_input_tokens":700,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":600},"output_tokens":1"#;
    assert_eq!(
        stream(hour, r#""input_tokens":0,"cache_creation_input_tokens":700,"output_tokens":5"#),
        [("input", 9), ("cache_write_5m", 100), ("cache_write_1h", 600), ("output", 5)]
    );
}

#[test]
fn a_streams_delta_may_tell_of_requests_next_to_the_message() {
    let all = billed(concat!(
        "{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"claude-sonnet-4-6\",\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n",
        "{\"type\":\"message_delta\",\"usage\":{\"output_tokens\":40,\"iterations\":[{\"type\":\"compaction\",\"input_tokens\":700,\"output_tokens\":70},{\"type\":\"message\",\"input_tokens\":9,\"output_tokens\":40}]}}\n",
        "{\"type\":\"message_stop\"}\n"
    ));
    assert_eq!(
        all.iter().map(all_of).collect::<Vec<_>>(),
        [[("input", 700), ("output", 70)], [("input", 9), ("output", 40)]]
    );
}

/// A body of Gemini whose candidates searched for these.
fn grounded(model: &str, id: &str, candidates: &[&[&str]]) -> String {
    let candidates: Vec<String> = candidates
        .iter()
        .map(|queries| format!(r#"{{"groundingMetadata":{{"webSearchQueries":{queries:?}}}}}"#))
        .collect();
    format!(
        "{{\"candidates\":[{}],\"usageMetadata\":{{\"promptTokenCount\":9,\"candidatesTokenCount\":1}},\"modelVersion\":\"{model}\",\"responseId\":\"{id}\"}}\n",
        candidates.join(",")
    )
}

#[test]
fn a_grounded_prompt_is_billed_once_or_by_the_query_that_is_new() {
    let searches = |text: &str| {
        let all = billed(text);
        all.iter().map(|e| u64::try_from(e.usage.quantity(Meter::WebSearches)).unwrap()).collect::<Vec<_>>()
    };
    let [third, second] = ["gemini-3-flash-preview", "gemini-2.5-flash"];
    for (candidates, by_query, by_prompt) in [
        (&[&["a", "b", "a"][..]][..], 2, 1),
        (&[&["a"], &["b", "c"]], 3, 1),
        (&[&["a"], &["a"]], 1, 1),
        (&[&[], &[""]], 0, 0),
    ] {
        assert_eq!(searches(&grounded(third, "r", candidates)), [by_query], "{candidates:?}");
        assert_eq!(searches(&grounded(second, "r", candidates)), [by_prompt], "{candidates:?}");
    }
    // The chunks of a stream tell the searches that each cites, the last one perhaps none.
    let chunks = |model: &str| {
        grounded(model, "s", &[&["a"]]) + &grounded(model, "s", &[&["b", "a"]]) + &grounded(model, "s", &[])
    };
    assert_eq!(searches(&chunks(third)), [2]);
    assert_eq!(searches(&chunks(second)), [1]);
}

#[test]
fn the_cached_part_of_a_prompt_may_be_of_any_modality() {
    let body = |details: &str, cached: u32, more: &str| {
        all_of(&one(&format!(
            r#"{{"modelVersion":"gemini-2.5-flash","usageMetadata":{{"promptTokenCount":737,"candidatesTokenCount":10,"cachedContentTokenCount":{cached},"promptTokensDetails":[{details}]{more}}}}}"#
        )))
    };
    let text = r#"{"modality":"TEXT","tokenCount":479}"#;
    let image = r#"{"modality":"IMAGE","tokenCount":258}"#;
    let audio = r#"{"modality":"AUDIO","tokenCount":258}"#;
    // 37 were not cached, and text and images cost the same.
    let both = format!("{text},{image}");
    let plain: u64 = body(&both, 700, "").iter().filter(|(name, _)| name.starts_with("input")).map(|(_, n)| n).sum();
    assert_eq!(plain, 37);
    // At least 221 of the 258 tokens of audio were cached.
    let heard = body(&format!("{text},{audio}"), 700, "");
    assert!(heard.contains(&("cache_read_audio", 221)) && heard.contains(&("input_audio", 37)), "{heard:?}");
    let told = r#","cacheTokensDetails":[{"modality":"IMAGE","tokenCount":258},{"modality":"TEXT","tokenCount":442}]"#;
    assert!(body(&both, 700, told).contains(&("input", 37)));
}

#[test]
fn pythons_names_of_gemini_say_the_same() {
    let all = entries_of(&Source::File(sample("gemini/python_dump.json")));
    let [entry] = &all[..] else { panic!("{all:?}") };
    assert_eq!((entry.usage.prompt_tokens(), entry.usage.tokens(Meter::Reasoning)), (640, 55));
    let enums = one(
        r#"{"model_version":"gemini-2.5-flash","usage_metadata":{"prompt_token_count":9,"prompt_tokens_details":[{"modality":"MediaModality.AUDIO","token_count":4}],"candidates_token_count":1,"traffic_type":"TrafficType.ON_DEMAND"}}"#,
    );
    assert_eq!((enums.usage.tokens(Meter::InputAudio), enums.provider.as_deref()), (4, Some("vertex")));
}

#[test]
fn pages_are_billed_as_read_or_as_annotated() {
    let body = std::fs::read_to_string(sample("mistral/ocr.json")).unwrap();
    assert_eq!(all_of(&one(&body)), [("pages", 2)]);
    let annotated = body.replace("\"document_annotation\":null", "\"document_annotation\":\"{}\"");
    assert_eq!(all_of(&one(&annotated)), [("annotated_pages", 2)]);
}

#[test]
fn cohere_streams_end_with_what_is_billed_and_nothing_known_is_not_nothing() {
    let stream = concat!(
        "data: {\"type\":\"message-start\",\"id\":\"x\"}\n\n",
        "data: {\"type\":\"content-delta\",\"delta\":{\"message\":{\"content\":{\"text\":\"hi\"}}}}\n\n",
        "data: {\"type\":\"message-end\",\"delta\":{\"usage\":{\"billed_units\":{\"input_tokens\":1200,\"output_tokens\":470},\"tokens\":{\"input_tokens\":1400,\"output_tokens\":480}}}}\n\n"
    );
    assert_eq!(all_of(&one(stream)), [("input", 1_200), ("output", 470)]);
    let first = concat!(
        "{\"event_type\":\"stream-start\",\"generation_id\":\"g\"}\n",
        "{\"event_type\":\"text-generation\",\"text\":\"hi\"}\n",
        "{\"event_type\":\"stream-end\",\"response\":{\"text\":\"hi\",\"meta\":{\"billed_units\":{\"input_tokens\":8,\"output_tokens\":2}}}}\n"
    );
    assert_eq!(all_of(&one(first)), [("input", 8), ("output", 2)]);
    assert!(is_refused(r#"{"results":[],"meta":{"billed_units":{},"tokens":{}}}"#));
}

#[test]
fn all_of_voyages_total_is_input() {
    let entry = one(&std::fs::read_to_string(sample("voyage/embeddings.json")).unwrap());
    assert_eq!(all_of(&entry), [("input", 318)]);
    let rerank = r#"{"object":"list","data":[{"index":0,"relevance_score":0.4}],"model":"rerank-2.5","usage":{"total_tokens":26}}"#;
    assert_eq!(all_of(&one(rerank)), [("input", 26)]);
    let pictures = r#"{"object":"list","data":[],"model":"voyage-multimodal-3","usage":{"text_tokens":4,"image_pixels":200000,"total_tokens":361}}"#;
    assert!(is_refused(pictures));
}

#[test]
fn variants_of_openrouter_are_no_other_models() {
    let body = |model: &str, usage: &str, message: &str| {
        format!(
            r#"{{"id":"gen-1","object":"chat.completion","model":"{model}","provider":"DeepInfra","choices":[{{"message":{{"role":"assistant"{message}}}}}],"usage":{{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100,{usage}}}}}"#
        )
    };
    let read = |model: &str, usage: &str| entries_of(&Source::Text(body(model, usage, ""))).remove(0);
    let table = farebox::pricing::PriceTable::bundled();
    for suffix in ["floor", "nitro", "online"] {
        let entry = read(&format!("openai/gpt-oss-120b:{suffix}"), r#""cost":0.1"#);
        let found = table.find(&format!("openrouter/{}", entry.model.unwrap()), "2026-06-28".parse().unwrap());
        assert_eq!(found.unwrap().model.id, "openai/gpt-oss-120b");
    }
    let cited = r#","annotations":[{"type":"url_citation"}]"#;
    assert!(is_refused(&body("openai/gpt-5:online", r#""cost":0.1"#, cited)));
    let searched = r#""cost":0.1,"server_tool_use":{"web_search_requests":2}"#;
    assert_eq!(one(&body("openai/gpt-5:online", searched, cited)).usage.quantity(Meter::WebSearches), 2.into());
}

#[test]
fn with_a_key_of_ones_own_openrouters_cost_is_a_fee_on_top() {
    let body = |own: bool| {
        format!(
            r#"{{"id":"gen-1","object":"response","model":"openai/gpt-5","status":"completed","output":[],"usage":{{"input_tokens":1000,"output_tokens":100,"total_tokens":1100,"cost":0.0005,"is_byok":{own},"cost_details":{{"upstream_inference_cost":0.01}}}}}}"#
        )
    };
    let reported = |own: bool| one(&body(own)).reported.unwrap().amount.normalize().to_string();
    assert_eq!((reported(true).as_str(), reported(false).as_str()), ("0.0105", "0.0005"));
    assert_eq!(one(&body(true)).provider.as_deref(), Some("openrouter"));
}
