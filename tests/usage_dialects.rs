//! Every dialect against records worked out by hand (`tests/data/usage/expected_normalised.json`), and every trap of
//! theirs as a test of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use farebox::context::Dimension;
use farebox::input::calls::{Reading, each};
use farebox::input::dialect::{Dialect, Entry, Item, State};
use farebox::input::text::Source;
use farebox::meter::Meter;
use farebox::period::Instant;
use farebox::pricing::PriceTable;
use serde_json::Value;

#[path = "usage_dialects/agents.rs"]
mod agents;
#[path = "usage_dialects/bodies.rs"]
mod bodies;
#[path = "usage_dialects/conserved.rs"]
mod conserved;
#[path = "usage_dialects/sessions.rs"]
mod sessions;
#[path = "usage_dialects/traces.rs"]
mod traces;

fn sample(name: &str) -> PathBuf {
    Path::new("tests/data/usage").join(name)
}

fn items(source: &Source) -> Vec<(u64, Item<'static>)> {
    let mut items = Vec::new();
    each(source, &Reading::default(), &mut |line, item| items.push((line, item))).unwrap();
    items
}

fn entries_of(source: &Source) -> Vec<Entry<'static>> {
    let entry = |(_, item): (u64, Item<'static>)| match item {
        Item::Entry(entry) => Some(*entry),
        _ => None,
    };
    items(source).into_iter().filter_map(entry).collect()
}

/// What is billed or would be: neither failed nor cancelled.
fn billed(text: &str) -> Vec<Entry<'static>> {
    let entries = entries_of(&Source::Text(text.to_owned()));
    entries.into_iter().filter(|e| matches!(e.state, State::Done | State::Local)).collect()
}

fn one(text: &str) -> Entry<'static> {
    let mut all = billed(text);
    assert_eq!(all.len(), 1, "{text}: {all:?}");
    all.remove(0)
}

fn used(entry: &Entry) -> Vec<(&'static str, String)> {
    entry.usage.used().map(|(meter, quantity)| (meter.name(), quantity.normalize().to_string())).collect()
}

fn check_row(row: &Value, entry: &Entry, table: &PriceTable) {
    let name = format!("{} record {}", row["file"], row["record"]);
    let tokens = |meter| entry.usage.tokens(meter);
    let count = |key: &str| row[key].as_u64().unwrap_or(0);
    let written_model = row["model"].as_str().unwrap();
    match &entry.model {
        Some(model) => assert_eq!(model, written_model, "{name}"),
        None => assert!(written_model.starts_with("(not in body"), "{name}"),
    }
    let provider = match &entry.provider {
        // In the words of the form, which the table knows.
        Some(name) => table.provider(name).map_or_else(|| name.to_string(), |head| head.id.clone()),
        // Many hosts answer in this form, and the model is named elsewhere.
        None if entry.model.is_none() => row["provider"].as_str().unwrap().to_owned(),
        None => {
            let at: Instant = "2026-11-22".parse().unwrap();
            table.find(entry.model.as_ref().unwrap(), at).unwrap().provider.id.clone()
        }
    };
    let wanted = match row["provider"].as_str().unwrap() {
        "google-vertex" => "vertex",
        "aws-bedrock" => "bedrock",
        other => other,
    };
    assert_eq!(provider, wanted, "{name}");
    let tier = entry.context.get(Dimension::Processing).or(entry.context.get(Dimension::ServiceTier));
    assert_eq!(tier.unwrap_or("standard"), row["service_tier"].as_str().unwrap(), "{name}");
    if let Some(at) = row["timestamp"].as_str() {
        assert_eq!(entry.at.unwrap(), at.parse().unwrap(), "{name}");
    }
    let plain = tokens(Meter::Input) + tokens(Meter::InputImage) + tokens(Meter::InputVideo);
    assert_eq!(plain, count("input_uncached"), "{name}");
    for (key, meter) in [
        ("cache_read", Meter::CacheRead),
        ("cache_write_5m", Meter::CacheWrite5m),
        ("cache_write_1h", Meter::CacheWrite1h),
        ("output_reasoning", Meter::Reasoning),
        ("input_audio", Meter::InputAudio),
        ("output_audio", Meter::OutputAudio),
        ("output_image", Meter::OutputImage),
        ("input_image", Meter::InputImage),
    ] {
        assert_eq!(tokens(meter), count(key), "{name}: {key}");
    }
    assert_eq!(tokens(Meter::Output) + tokens(Meter::Reasoning), count("output_total"), "{name}");
    assert_eq!(entry.usage.quantity(Meter::WebSearches), count("web_search_calls").into(), "{name}");
    if let Some(requests) = row["requests"].as_u64() {
        assert_eq!(entry.bucket.unwrap().requests, Some(requests), "{name}");
    }
    if !row["reported_cost_usd"].is_null() {
        let reported = entry.reported.as_ref().unwrap();
        assert_eq!(
            (reported.amount.normalize().to_string(), reported.currency.as_str()),
            (row["reported_cost_usd"].to_string(), "USD"),
            "{name}"
        );
    }
    for (key, dimension) in [("inference_geo", Dimension::InferenceGeo), ("speed", Dimension::Speed)] {
        assert_eq!(entry.context.get(dimension), row[key].as_str(), "{name}: {key}");
    }
    if row["context_window"] == ">200k" {
        assert!(entry.bucket.unwrap().prompt_tokens.unwrap().0 > 200_000, "{name}");
    }
}

#[test]
fn every_record_of_the_oracle_comes_out_exactly() {
    let oracle: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string(sample("expected_normalised.json")).unwrap()).unwrap();
    assert!(oracle.len() >= 48, "{}", oracle.len());
    let table = PriceTable::bundled();
    let mut files: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for row in &oracle {
        files.entry(row["file"].as_str().unwrap()).or_default().push(row);
    }
    for (file, rows) in files {
        let all = entries_of(&Source::File(sample(file)));
        let billed: Vec<Entry> = all.into_iter().filter(|e| matches!(e.state, State::Done | State::Local)).collect();
        assert_eq!(billed.len(), rows.len(), "{file}: {billed:?}");
        for (row, entry) in rows.iter().zip(&billed) {
            check_row(row, entry, &table);
        }
    }
}

// The traps of the samples' definitions, each with the counts that fall out when it is walked into.

#[test]
fn cached_tokens_are_not_added_to_the_input_they_are_a_part_of() {
    // openai-python, completion_usage.py: cached_tokens is a part of prompt_tokens. 2018 - 1536 = 482.
    let entry = one(
        r#"{"object":"chat.completion","model":"gpt-5","choices":[],"usage":{"prompt_tokens":2018,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":1536}}}"#,
    );
    assert_eq!(used(&entry), [("input", "482".into()), ("cache_read", "1536".into()), ("output", "7".into())]);
    // LiteLLM adds Anthropic's caches to prompt_tokens (BerriAI/litellm#31282). 2100 - 1800 - 200 = 100.
    let litellm = &entries_of(&Source::File(sample("litellm/spend_logs.jsonl")))[0];
    assert_eq!(litellm.usage.tokens(Meter::Input), 100);
}

#[test]
fn anthropic_and_bedrock_caches_are_not_taken_out_of_an_input_without_them() {
    let entry = one(
        r#"{"type":"message","model":"claude-sonnet-4-5","usage":{"input_tokens":5,"cache_read_input_tokens":900,"cache_creation_input_tokens":40,"output_tokens":3}}"#,
    );
    assert_eq!(
        used(&entry),
        [("input", "5".into()), ("cache_read", "900".into()), ("cache_write_5m", "40".into()), ("output", "3".into())]
    );
    let entry = one(
        r#"{"modelId":"anthropic.claude-3-haiku-20240307-v1:0","usage":{"inputTokens":5,"outputTokens":3,"cacheReadInputTokens":900,"cacheWriteInputTokens":40}}"#,
    );
    assert_eq!(
        used(&entry),
        [("input", "5".into()), ("cache_read", "900".into()), ("cache_write_5m", "40".into()), ("output", "3".into())]
    );
}

#[test]
fn written_cache_is_split_by_its_lifetime_and_never_counted_twice() {
    let entry = one(
        r#"{"type":"message","model":"m","usage":{"input_tokens":1,"cache_creation_input_tokens":2500,"cache_creation":{"ephemeral_5m_input_tokens":500,"ephemeral_1h_input_tokens":2000},"output_tokens":1}}"#,
    );
    assert_eq!((entry.usage.tokens(Meter::CacheWrite5m), entry.usage.tokens(Meter::CacheWrite1h)), (500, 2000));
}

#[test]
fn thinking_is_counted_once_wherever_it_stands() {
    // Gemini: next to candidatesTokenCount; both are output. Lost, it would be 210; in the whole, it would be negative.
    let gemini = &entries_of(&Source::File(sample("gemini/generate_content.json")))[0];
    assert_eq!((gemini.usage.tokens(Meter::Output), gemini.usage.tokens(Meter::Reasoning)), (210, 980));
    // xAI: next to completion_tokens (616 + 9 + 94 = 719).
    let xai = &entries_of(&Source::File(sample("xai/chat_completion.json")))[0];
    assert_eq!((xai.usage.tokens(Meter::Output), xai.usage.tokens(Meter::Reasoning)), (9, 94));
    // A grok model behind a host that counts it inside says so by its total.
    let inside = one(
        r#"{"object":"chat.completion","model":"grok-4","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":50,"total_tokens":60,"completion_tokens_details":{"reasoning_tokens":40}}}"#,
    );
    assert_eq!((inside.usage.tokens(Meter::Output), inside.usage.tokens(Meter::Reasoning)), (10, 40));
    // OpenAI: inside of completion_tokens. 612 - 384 = 228.
    let openai = &entries_of(&Source::File(sample("openai/chat_completion.json")))[0];
    assert_eq!((openai.usage.tokens(Meter::Output), openai.usage.tokens(Meter::Reasoning)), (228, 384));
    // Codex: inside, though some programs add it on top. 400 - 250 = 150.
    let codex = &entries_of(&Source::File(sample("codex/rollout-2026-11-20T10-00-00-sample.jsonl")))[0];
    assert_eq!((codex.usage.tokens(Meter::Output), codex.usage.tokens(Meter::Reasoning)), (150, 250));
}

#[test]
fn results_of_tools_stand_beside_geminis_prompt() {
    // 5200 - 4096 + 150 = 1254.
    let gemini = &entries_of(&Source::File(sample("gemini/generate_content.json")))[0];
    assert_eq!(gemini.usage.tokens(Meter::Input), 1254);
}

#[test]
fn running_totals_are_not_added_up_and_a_repeated_total_is_nothing() {
    let codex = entries_of(&Source::File(sample("codex/rollout-2026-11-20T10-00-00-sample.jsonl")));
    let prompts: Vec<u64> = codex.iter().map(|e| e.usage.prompt_tokens()).collect();
    // Totals 9000, 9000, 19000, 31000.
    assert_eq!(prompts, [9000, 10_000, 12_000]);
}

#[test]
fn a_streams_delta_replaces_what_was_said_before() {
    // 1 + 15 would be 16.
    let streamed = &entries_of(&Source::File(sample("anthropic/messages_stream.sse")))[0];
    assert_eq!(streamed.usage.tokens(Meter::Output), 15);
    // A delta that repeats every count of the start, as newer ones do, adds nothing.
    let all = billed(
        "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"model\":\"m\",\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":100,\"output_tokens\":1}}}\ndata: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":100,\"output_tokens\":15,\"server_tool_use\":{\"web_search_requests\":2}}}\n",
    );
    assert_eq!(
        used(&all[0]),
        [("input", "25".into()), ("cache_read", "100".into()), ("output", "15".into()), ("web_search", "2".into())]
    );
    // Servers that state the running usage in every chunk: the last one counts.
    let chunk = |n: u32| {
        format!(
            "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[],\"usage\":{{\"prompt_tokens\":9,\"completion_tokens\":{n}}}}}\n\n"
        )
    };
    assert_eq!(one(&format!("{}{}{}data: [DONE]\n", chunk(1), chunk(2), chunk(3))).usage.tokens(Meter::Output), 3);
    // Gemini's chunks too.
    let chunk = |n: u32| {
        format!(
            "{{\"responseId\":\"r\",\"modelVersion\":\"gemini-2.5-flash\",\"usageMetadata\":{{\"promptTokenCount\":9,\"candidatesTokenCount\":{n}}}}}"
        )
    };
    assert_eq!(one(&format!("[{}\n,\n{}]", chunk(1), chunk(5))).usage.tokens(Meter::Output), 5);
}

#[test]
fn a_request_on_several_lines_counts_as_its_last() {
    let line = |output: u32, request: &str| {
        format!(
            "{{\"type\":\"assistant\",\"sessionId\":\"s\",\"requestId\":\"{request}\",\"message\":{{\"id\":\"m\",\"model\":\"claude-sonnet-5\",\"usage\":{{\"input_tokens\":4,\"output_tokens\":{output}}}}}}}\n"
        )
    };
    let other = |output: u32| line(output, "b").replace("\"id\":\"m\"", "\"id\":\"n\"");
    let all = billed(&[line(1, "a"), other(7), line(310, "a"), other(9)].concat());
    assert_eq!(all.iter().map(|e| e.usage.tokens(Meter::Output)).collect::<Vec<_>>(), [310, 9]);
    // A resumed session copies the lines of the one before into a file of its own.
    let dir = tempfile::tempdir().unwrap();
    let mut sequence = farebox::input::calls::sequence::Sequence::default();
    let mut outputs = Vec::new();
    for name in ["one.jsonl", "two.jsonl"] {
        let path = dir.path().join(name);
        std::fs::write(&path, line(5, "a")).unwrap();
        let mut take = |_: u64, item: Item<'static>| {
            if let Item::Entry(entry) = item {
                outputs.push(entry.usage.tokens(Meter::Output));
            }
        };
        let mut raw = Vec::new();
        let chunk = farebox::input::calls::chunks::Chunk {
            bytes: std::fs::read(&path).unwrap(),
            first_line: 1,
            ..Default::default()
        };
        farebox::input::calls::read_chunk(&chunk, &Reading::default(), &mut |line, item| {
            raw.push((line, item.into_owned()))
        });
        raw.into_iter().for_each(|(line, item)| sequence.take(line, item, &mut take));
        sequence.end(&mut take);
    }
    assert_eq!(outputs, [5]);
}

#[test]
fn errors_and_what_was_taken_back_are_counted_apart_and_used_nothing() {
    let states = |file: &str| {
        let entries = entries_of(&Source::File(sample(file)));
        let of = |wanted: fn(&State) -> bool| entries.iter().filter(|e| wanted(&e.state)).count();
        (of(|s| *s == State::Done), of(|s| matches!(s, State::Failed(_))), of(|s| matches!(s, State::Cancelled(_))))
    };
    assert_eq!(states("openai/batch_output_chat.jsonl"), (2, 1, 0));
    assert_eq!(states("openai/batch_error_file.jsonl"), (0, 0, 1));
    assert_eq!(states("anthropic/batch_results.jsonl"), (2, 1, 2));
    assert_eq!(states("gemini/batch_output.jsonl"), (1, 1, 0));
    assert_eq!(states("vertex/batch_output.jsonl"), (1, 1, 0));
}

#[test]
fn a_batch_bills_as_batch_whatever_its_body_says() {
    for entry in entries_of(&Source::File(sample("openai/batch_output_chat.jsonl"))).iter().take(2) {
        assert_eq!(entry.context.iter().collect::<Vec<_>>(), [(Dimension::Processing, "batch")]);
    }
}

#[test]
fn an_empty_bucket_is_no_record() {
    assert_eq!(entries_of(&Source::File(sample("openai/completions_usage_2026-11-21_2026-11-22.csv"))).len(), 3);
    assert_eq!(entries_of(&Source::File(sample("openai/cost_2026-11-21_2026-11-22.csv"))).len(), 1);
}

#[test]
fn the_two_splits_of_openais_report_are_not_added() {
    let page = &entries_of(&Source::File(sample("openai/usage_completions_api.json")))[0];
    assert_eq!(page.usage.prompt_tokens(), 59_200);
    // Audio inside of what was not cached: 100 = 60 text + 40 audio.
    let row = r#"{"object":"page","data":[{"start_time":1795219200,"end_time":1795305600,"results":[{"input_tokens":100,"input_uncached_tokens":100,"input_text_tokens":60,"input_audio_tokens":40,"output_tokens":5,"model":"m"}]}]}"#;
    assert_eq!(used(&one(row)), [("input", "60".into()), ("input_audio", "40".into()), ("output", "5".into())]);
}

#[test]
fn amounts_of_cost_reports_are_in_their_own_unit() {
    // Anthropic: cents (14.0943 is $0.140943); OpenAI: dollars.
    let of = |file: &str| {
        entries_of(&Source::File(sample(file)))[0].reported.clone().unwrap().amount.normalize().to_string()
    };
    assert_eq!(of("anthropic/admin_cost_report.json"), "0.140943");
    assert_eq!(of("openai/costs_api.json"), "0.1336");
    assert_eq!(of("openai/cost_2026-11-21_2026-11-22.csv"), "0.24726");
}

#[test]
fn cohere_bills_units_not_tokens() {
    let chat = &entries_of(&Source::File(sample("cohere/chat_v2.json")))[0];
    assert_eq!(used(chat), [("input", "5".into()), ("output", "418".into())]);
    let rerank = &entries_of(&Source::File(sample("cohere/rerank_v2.json")))[0];
    assert_eq!(used(rerank), [("search_units", "1".into())]);
}

#[test]
fn spans_of_agents_repeat_their_calls_and_do_not_count() {
    let span = |operation: &str, tokens: u32| {
        format!(
            r#"{{"name":"x","spanId":"{tokens}","startTimeUnixNano":"1795168800000000000","attributes":[{{"key":"gen_ai.operation.name","value":{{"stringValue":"{operation}"}}}},{{"key":"gen_ai.request.model","value":{{"stringValue":"gpt-5-mini"}}}},{{"key":"gen_ai.usage.input_tokens","value":{{"intValue":"{tokens}"}}}}]}}"#
        )
    };
    let document = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{},{},{}]}}]}}]}}"#,
        span("invoke_agent", 30),
        span("chat", 10),
        span("chat", 20)
    );
    let prompts: Vec<u64> = billed(&document).iter().map(|e| e.usage.prompt_tokens()).collect();
    assert_eq!(prompts, [10, 20]);
}

#[test]
fn langfuse_counts_are_disjoint_unless_their_total_says_otherwise() {
    let observation = |usage: &str| {
        one(&format!(
            r#"{{"id":"o","type":"GENERATION","traceId":"t","startTime":"2026-11-20T10:00:00Z","model":"m","usageDetails":{usage}}}"#
        ))
    };
    assert_eq!(
        observation(r#"{"input":100,"input_cached_tokens":900,"output":5,"total":1005}"#).usage.prompt_tokens(),
        1000
    );
    assert_eq!(
        observation(r#"{"input":1000,"input_cached_tokens":900,"output":5,"total":1005}"#).usage.prompt_tokens(),
        1000
    );
    let odd = Source::Text(r#"{"id":"o","type":"GENERATION","traceId":"t","startTime":"x","model":"m","usageDetails":{"input":1,"widgets":3}}"#.into());
    assert!(matches!(&items(&odd)[..], [(1, Item::Bad(error))] if error.to_string().contains("widgets")));
}

#[test]
fn a_cost_of_zero_in_opencode_is_not_a_price() {
    let message = &entries_of(&Source::File(sample("opencode/msg_sample.json")))[0];
    assert_eq!(message.reported, None);
}

#[test]
fn server_tools_are_billed_by_the_call() {
    let response = one(
        r#"{"object":"response","model":"gpt-5","status":"completed","output":[{"type":"web_search_call","action":{"type":"search"}},{"type":"web_search_call","action":{"type":"open_page"}},{"type":"file_search_call"},{"type":"code_interpreter_call","container_id":"c1"},{"type":"code_interpreter_call","container_id":"c1"}],"usage":{"input_tokens":1,"output_tokens":1}}"#,
    );
    let calls: Vec<_> = used(&response).into_iter().filter(|(name, _)| !matches!(*name, "input" | "output")).collect();
    assert_eq!(calls, [("web_search", "1".into()), ("file_search", "1".into()), ("code_session", "1".into())]);
}

#[test]
fn a_body_is_told_from_its_look_alikes() {
    // All three name input_tokens; in two of them it includes the cache, in one it does not.
    let own = one(r#"{"model":"gpt-4o","usage":{"input_tokens":10,"cache_read_tokens":4,"output_tokens":1}}"#);
    let claude = one(r#"{"model":"claude","usage":{"input_tokens":10,"cache_read_input_tokens":4,"output_tokens":1}}"#);
    let response = one(
        r#"{"model":"gpt-4o","usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4},"output_tokens":1}}"#,
    );
    assert_eq!(
        [own.dialect, claude.dialect, response.dialect],
        [Dialect::Own, Dialect::Anthropic, Dialect::OpenAiResponses]
    );
    assert_eq!([own, claude, response].map(|e| e.usage.prompt_tokens()), [10, 14, 10]);
}

#[test]
fn a_session_in_one_document_is_no_request() {
    let said = |text: &str| match &items(&Source::Text(text.into()))[..] {
        [(1, Item::Bad(error))] => error.to_string(),
        other => panic!("{text}: {other:?}"),
    };
    let user = r#"{"role":"user","content":"hello"}"#;
    for counts in [r#""tokens":{"input":5,"output":1}"#, r#""usage":{"model":"m","inputTokens":5}"#] {
        let session =
            format!(r#"{{"sessionId":"s","messages":[{user},{{"role":"assistant","content":"",{counts}}}]}}"#);
        assert!(said(&session).contains("a session in one document"), "{}", said(&session));
    }
    let request = format!(r#"{{"model":"m","messages":[{user}],"max_tokens":5}}"#);
    assert!(said(&request).contains("a request, not an answer"), "{}", said(&request));
}

// What is broken costs only itself.

fn kinds(source: &Source) -> Vec<(u64, bool)> {
    items(source).iter().map(|(line, item)| (*line, matches!(item, Item::Entry(_)))).collect()
}

const GOOD: &str = "{\"model\":\"gpt-4o\",\"input_tokens\":5,\"output_tokens\":1}\n";

#[test]
fn a_broken_line_costs_only_itself() {
    assert_eq!(
        kinds(&Source::File(sample("inputs/malformed.jsonl"))),
        [(1, true), (2, false), (3, true), (4, false), (5, false)]
    );
    let text = format!("{GOOD}{{\"model\":\"gpt\0-4o\",\"input_tokens\":5}}\n\n{{\n{GOOD}\0\0\0\0\n{GOOD}[1,2\n{GOOD}");
    assert_eq!(
        kinds(&Source::Text(text)),
        [(1, true), (2, false), (4, false), (5, true), (6, false), (7, true), (8, false), (9, true)]
    );
    let cut = format!("{GOOD}{GOOD}{{\"object\":\"chat.completion\",\"usage\":{{\"prompt_tok");
    assert_eq!(kinds(&Source::Text(cut)), [(1, true), (2, true), (3, false)]);
}

#[test]
fn dialects_mix_in_one_file() {
    let read = |name: &str| std::fs::read_to_string(sample(name)).unwrap();
    let text = [
        read("openai/chat_completion.json"),
        GOOD.to_owned(),
        read("codex/rollout-2026-11-20T10-00-00-sample.jsonl"),
        read("anthropic/message.json"),
        read("anthropic/messages_stream.sse"),
        read("claude-code/session.jsonl"),
        read("otel/genai_spans_otlp.json"),
    ]
    .join("\n");
    let mut dialects: BTreeMap<&str, usize> = BTreeMap::new();
    for (line, item) in items(&Source::Text(text)) {
        match item {
            Item::Entry(entry) => *dialects.entry(entry.dialect.name()).or_default() += 1,
            other => panic!("line {line}: {other:?}"),
        }
    }
    let wanted = [("anthropic", 2), ("claude-code", 3), ("codex", 3), ("farebox", 1), ("openai-chat", 1), ("otel", 2)];
    assert_eq!(dialects.into_iter().collect::<Vec<_>>(), wanted);
}

#[test]
fn a_line_longer_than_any_record_is_said_and_skipped() {
    let long =
        format!("{GOOD}{{\"model\":\"{}\"}}\n{GOOD}", "x".repeat(farebox::input::calls::chunks::LONGEST + 3_000_000));
    let all = items(&Source::Text(long));
    assert_eq!(all.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(matches!(&all[1].1, Item::Bad(error) if error.to_string().contains("32 MB")));
}

#[test]
fn packed_and_otherwise_saved_files_are_read_by_what_they_are() {
    use std::io::Write;
    let dir = tempfile::tempdir().unwrap();
    let text = GOOD.repeat(3);
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Source::File(path)
    };
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(text.as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    // Two members, as `cat a.gz b.gz` makes them; the name says nothing.
    assert_eq!(kinds(&file("packed.log", &[gz.clone(), gz.clone()].concat())).len(), 6);
    let zst = ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    assert_eq!(kinds(&file("two.zst", &[zst.clone(), zst].concat())).len(), 6);
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(kinds(&file("utf16.jsonl", &utf16)), [(1, true), (2, true), (3, true)]);
    assert_eq!(kinds(&file("bom.jsonl", format!("\u{feff}{text}").as_bytes())), [(1, true), (2, true), (3, true)]);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("amount-2026-11.csv", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&std::fs::read(sample("deepseek/amount-2026-11.csv")).unwrap()).unwrap();
    assert_eq!(kinds(&file("export.zip", &zip.finish().unwrap().into_inner())), [(2, true)]);
    // Cut in the middle: what was whole counts, and the break is said once.
    let many: String =
        (0..5000).map(|i| format!("{{\"model\":\"m{i}\",\"input_tokens\":{i},\"output_tokens\":1}}\n")).collect();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(many.as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    let cut = kinds(&file("cut.gz", &gz[..gz.len() / 2]));
    assert!(cut.iter().filter(|(_, good)| *good).count() > 1000);
    assert_eq!(cut.iter().filter(|(_, good)| !good).count(), 1);
}

#[test]
fn tables_hold_quoted_line_ends_and_foreign_names() {
    let table = "date,model,note,Prompt Tokens,completion tokens\n2026-11-20,gpt-4o,\"two\nlines, and a comma\",10.0,3\n2026-11-21,gpt-4o,x,7\n2026-11-22,gpt-4o,x,-1,2\n2026-11-22,gpt-4o,x,8,2\n";
    let all = items(&Source::Text(table.into()));
    let lines: Vec<_> = all.iter().map(|(line, item)| (*line, matches!(item, Item::Entry(_)))).collect();
    assert_eq!(lines, [(2, true), (4, false), (5, false), (6, true)]);
    let Item::Entry(first) = &all[0].1 else { panic!() };
    assert_eq!(
        (used(first), first.at.unwrap().to_string().as_str()),
        (vec![("input", "10".into()), ("output", "3".into())], "2026-11-20")
    );
    let reading = Reading {
        columns: vec![("model".into(), "LLM".into()), ("input_tokens".into(), "In".into())],
        ..Reading::default()
    };
    let mut models = Vec::new();
    each(&Source::Text("LLM;In;Out\nm1;5;6\n".into()), &reading, &mut |_, item| {
        if let Item::Entry(entry) = item {
            models.push((entry.model.unwrap().into_owned(), entry.usage.prompt_tokens()));
        }
    })
    .unwrap();
    assert_eq!(models, [("m1".to_owned(), 5)]);
}

#[test]
fn chunks_end_between_records_wherever_they_are_cut() {
    let body = std::fs::read_to_string(sample("openai/chat_completion.json")).unwrap();
    let long = format!(
        "{{\"object\":\"chat.completion\",\"model\":\"gpt-4o\",\"choices\":[\"{}\"],\"usage\":{{\"prompt_tokens\":1,\"completion_tokens\":1}}}}\n",
        "y".repeat(300_000)
    );
    let text = format!("{body}\n{long}{GOOD}").repeat(12);
    let all = kinds(&Source::Text(text.clone()));
    assert_eq!((all.len(), all.iter().all(|(_, good)| *good)), (36, true));
    let last = text.lines().count() as u64;
    assert_eq!(all.last().unwrap().0, last);
    // A list of the same, on one line and on many.
    let list = |between: &str| format!("[{}]", vec![long.trim_end(); 20].join(between));
    for between in [",", ",\n  ", "\n,"] {
        assert_eq!(kinds(&Source::Text(list(between))).len(), 20, "{between:?}");
    }
}

// Forms whose samples are next to the oracle: an address of each in tests/data/usage/README.md.

#[test]
fn a_log_of_bedrock_counts_its_caches_and_its_errors() {
    let all = entries_of(&Source::File(sample("bedrock/invocation_log.jsonl")));
    assert_eq!(used(&all[0]), [("input", "1000".into()), ("output", "80".into())]);
    assert_eq!(used(&all[1]), [("input", "12".into()), ("cache_read", "2048".into()), ("output", "4".into())]);
    // The profile behind an ARN, the region that ran it, and what the caller marked it with.
    assert_eq!(all[1].model.as_deref(), Some("us.amazon.nova-micro-v1:0"));
    assert_eq!(all[1].context.get(Dimension::Region), Some("us-east-1"));
    assert_eq!(all[1].labels.tags, ["team:search"]);
    assert_eq!(all[2].state, State::Failed("ThrottlingException".into()));
}

#[test]
fn thinking_of_deep_research_stands_beside_its_answer() {
    // 92431 thinking tokens are more than the 4240 of the answer, and the answer's own cost has both.
    let entry = &entries_of(&Source::File(sample("perplexity/chat_completion.json")))[0];
    let mut found = used(entry);
    found.sort();
    let others = [("citation_tokens", "8014"), ("input", "1188"), ("output", "4240"), ("reasoning", "92431")];
    let calls = [("requests", "1"), ("web_search", "54")];
    assert_eq!(found, [&others[..], &calls].concat().into_iter().map(|(m, n)| (m, n.to_owned())).collect::<Vec<_>>());
    assert_eq!(entry.reported.as_ref().unwrap().amount.to_string(), "0.59962");
}

#[test]
fn llama_cpp_is_nobodys_bill_in_either_of_its_forms() {
    for (file, expected) in [
        ("llama-cpp/completion.json", vec![("input", "13".to_owned()), ("output", "128".into())]),
        (
            "llama-cpp/chat_completion.json",
            vec![("input", "1".to_owned()), ("cache_read", "236".into()), ("output", "35".into())],
        ),
    ] {
        let entry = &entries_of(&Source::File(sample(file)))[0];
        assert_eq!((used(entry), &entry.state), (expected, &State::Local), "{file}");
        assert_eq!((entry.provider.as_deref(), entry.model.as_deref()), (Some("llama.cpp"), Some("qwen3-8b")));
    }
}

#[test]
fn requests_of_helicone_have_caches_inside_and_cost_nothing_from_its_memory() {
    let all = entries_of(&Source::File(sample("helicone/requests.jsonl")));
    assert_eq!(used(&all[0]), [("input", "500".into()), ("cache_read", "1500".into()), ("output", "100".into())]);
    assert_eq!(all[0].provider.as_deref(), Some("openai"));
    assert_eq!((all[0].labels.session.as_deref(), all[0].labels.key.as_deref()), (Some("s1"), Some("anna")));
    // 500 x 2.50 + 1500 x 1.25 + 100 x 10 dollars per million (pricing/openai/gpt.yaml).
    assert_eq!(all[0].reported.as_ref().unwrap().amount.to_string(), "0.004125");
    assert_eq!((&all[1].state, &all[2].state), (&State::Failed("status 429".into()), &State::Remembered));
}

/// The tables as versions 1.14 and 2.0 of opencode make them, with the columns that are read.
#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "needs the feature sqlite")]
fn messages_in_opencodes_database_count_once_in_both_of_its_tables() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("opencode.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database
        .execute_batch(
            r#"PRAGMA journal_mode = WAL;
            CREATE TABLE message (id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL,
                time_updated integer NOT NULL, data text NOT NULL);
            CREATE TABLE session_message (id text PRIMARY KEY, session_id text NOT NULL, type text NOT NULL,
                seq integer NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
            INSERT INTO message VALUES ('msg_1', 'ses_1', 0, 0, '{"role":"user","time":{"created":1763640000000}}');
            INSERT INTO message VALUES ('msg_2', 'ses_1', 0, 0, '{"role":"assistant","modelID":"claude-sonnet-4-5",
                "providerID":"anthropic","cost":0,"time":{"created":1763640000000},"path":{"cwd":"/p","root":"/"},
                "tokens":{"total":11540,"input":11387,"output":153,"reasoning":0,"cache":{"read":0,"write":0}}}');
            INSERT INTO session_message VALUES ('msg_2', 'ses_1', 'assistant', 1, 0, 0, '{"model":{"id":"claude-sonnet-4-5",
                "providerID":"anthropic"},"time":{"created":1763640000000},"content":[{"type":"text","text":"a
b"}],
                "tokens":{"input":11387,"output":160,"reasoning":0,"cache":{"read":0,"write":0}}}');
            INSERT INTO session_message VALUES ('msg_3', 'ses_1', 'assistant', 2, 0, 0, '{"model":{"id":"claude-sonnet-4-5",
                "providerID":"anthropic"},"time":{"created":1763640000000},
                "tokens":{"input":10,"output":20,"reasoning":5,"cache":{"read":300,"write":40}}}');"#,
        )
        .unwrap();
    let all = entries_of(&Source::File(path));
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(used(&all[0]), [("input", "11387".into()), ("output", "160".into())]);
    let of_third =
        [("input", "10"), ("cache_read", "300"), ("cache_write_5m", "40"), ("output", "20"), ("reasoning", "5")];
    assert_eq!(used(&all[1]), of_third.map(|(name, count)| (name, count.to_owned())));
    for entry in &all {
        assert_eq!((entry.provider.as_deref(), entry.model.as_deref()), (Some("anthropic"), Some("claude-sonnet-4-5")));
        assert_eq!(entry.labels.session.as_deref(), Some("ses_1"));
        assert_eq!(entry.at.unwrap().unix(), 1_763_640_000);
    }
    drop(database);
    // A database of something else is not a log.
    let other = dir.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    let error = each(&Source::File(other), &Reading::default(), &mut |_, _| ()).unwrap_err().to_string();
    assert!(error.contains("opencode"), "{error}");
}

/// A row that is none costs itself alone, and says which it is.
#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "needs the feature sqlite")]
fn a_broken_row_of_a_database_costs_itself_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("opencode.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    let message = |input: u32| {
        format!(
            r#"{{"role":"assistant","modelID":"gpt-4o","providerID":"openai","time":{{"created":1763640000000}},"tokens":{{"input":{input},"output":1,"reasoning":0,"cache":{{"read":0,"write":0}}}}}}"#
        )
    };
    database.execute_batch("CREATE TABLE message (id, session_id, time_created, data)").unwrap();
    let add = |id: &dyn rusqlite::ToSql, data: &dyn rusqlite::ToSql| {
        database.execute("INSERT INTO message VALUES (?1, 's', 0, ?2)", [id, data]).unwrap();
    };
    add(&"a", &message(5));
    add(&7, &message(6).into_bytes());
    add(&"c", &rusqlite::types::Null);
    add(&"d", &12.5);
    add(&"e", &"{\"role\":\"assistant\",\"tokens\":{");
    add(&"f", &b"\xff\xfe".to_vec());
    add(&b"\xffg".to_vec(), &message(7));
    let all = items(&Source::File(path.clone()));
    let bad: Vec<String> = all
        .iter()
        .filter_map(|(_, item)| match item {
            Item::Bad(error) => Some(error.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(bad.len(), 4, "{bad:?}");
    for (row, said) in (3..).zip(&bad) {
        assert!(said.contains(&format!("row {row} of the table message: ")), "{said}");
    }
    let prompts =
        || entries_of(&Source::File(path.clone())).iter().map(|e| e.usage.prompt_tokens()).collect::<Vec<_>>();
    assert_eq!(prompts(), [5, 6, 7]);
}

#[test]
fn counts_of_a_stream_without_its_beginning_are_named() {
    let delta = r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":90}}"#;
    let stop = r#"data: {"type":"message_stop"}"#;
    let start = r#"data: {"type":"message_start","message":{"id":"msg_1","type":"message","model":"claude-sonnet-4-5","usage":{"input_tokens":5,"output_tokens":1}}}"#;
    let bad = |lines: &[&str]| -> Vec<u64> {
        let all = items(&Source::Text(lines.join("\n")));
        all.iter().filter(|(_, item)| matches!(item, Item::Bad(_))).map(|(line, _)| *line).collect()
    };
    assert_eq!(bad(&[delta, delta, stop]), [1]);
    assert_eq!(bad(&[delta]), [1]);
    assert_eq!(bad(&[delta, start, delta, stop, delta, stop]), [1, 5]);
    assert_eq!(bad(&[start, delta, stop]), [0_u64; 0]);
    // Nothing was used by it.
    assert_eq!(bad(&[r#"data: {"type":"message_delta","delta":{},"usage":{"output_tokens":0}}"#, stop]), [0_u64; 0]);
}

#[test]
fn streams_that_never_say_what_they_used_are_all_named() {
    let streams = 20_000;
    let chunk = |id: u32| {
        format!(
            "data: {{\"id\":\"chatcmpl-{id}\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o\",\"choices\":[{{\"delta\":{{}}}}]}}\n"
        )
    };
    // Each has two chunks.
    let text: String = (0..streams).map(|id| chunk(id) + &chunk(id)).collect();
    let all = items(&Source::Text(text));
    assert!(all.iter().all(|(_, item)| matches!(item, Item::Bad(_))));
    let mut lines: Vec<u64> = all.iter().map(|(line, _)| *line).collect();
    lines.sort_unstable();
    assert_eq!(lines, (0..u64::from(streams)).map(|id| 2 * id + 1).collect::<Vec<_>>());
}

#[test]
fn what_was_used_next_to_a_streamed_message_is_handed_out_with_it() {
    // An advisor's answer in the last delta, behind which a gateway says what the whole was.
    let lines = [
        r#"data: {"type":"message_start","message":{"id":"msg_1","type":"message","model":"claude-sonnet-4-5","usage":{"input_tokens":5,"output_tokens":1}}}"#,
        r#"data: {"type":"message_delta","delta":{},"usage":{"output_tokens":9,"iterations":[{"type":"message","input_tokens":5,"output_tokens":9},{"type":"advisor_message","model":"claude-opus-4-5","input_tokens":700,"output_tokens":70}]}}"#,
        r#"data: {"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":5,"outputTokenCount":9}}"#,
    ];
    let mut prompts: Vec<u64> = billed(&lines.join("\n")).iter().map(|e| e.usage.prompt_tokens()).collect();
    prompts.sort_unstable();
    assert_eq!(prompts, [5, 700]);
}

#[test]
fn what_is_not_read_is_noted_at_its_own_record() {
    let step = |more: &str| {
        format!(
            r#"{{"metrics":{{"prompt_tokens":5,"completion_tokens":1,"cached_tokens":0{more}}},"model_name":"gpt-4o","step_id":1}}"#
        )
    };
    let unknown = |value: u32| format!(r#","zorkmid_tokens":{value}"#);
    let steps = [step(""), step(&unknown(7)), step(&unknown(8)), step("")].join(",");
    let of_steps = format!(r#"{{"schema_version":"ATIF-v1.4","agent":{{"name":"a"}},"steps":[{steps}]}}"#);
    let row =
        |more: &str| format!(r#"{{"uncached_input_tokens":5,"output_tokens":1,"model":"claude-sonnet-4-5"{more}}}"#);
    let rows = [row(""), row(&unknown(7)), row(&unknown(8)), row("")].join(",");
    let of_rows = format!(
        r#"{{"data":[{{"starting_at":"2025-11-01T00:00:00Z","ending_at":"2025-11-02T00:00:00Z","results":[{rows}]}}]}}"#
    );
    for text in [of_steps, of_rows] {
        let values: Vec<Option<String>> =
            billed(&text).iter().map(|entry| entry.unread.first().map(|unread| unread.value.clone())).collect();
        let wanted = [None, Some("7"), Some("8"), None].map(|value| value.map(str::to_owned));
        assert_eq!(values, wanted, "{text}");
    }
}

/// A name that no form has.
const UNKNOWN: &str = "zorkmid_tokens";

/// Every sample that holds usage, whatever form it is in.
fn every_sample() -> Vec<PathBuf> {
    let (mut open, mut found) = (vec![sample("")], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                open.push(path);
            } else if !matches!(name.as_str(), "README.md" | "expected_normalised.json" | "malformed.jsonl") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Whether the unknown count is reported: as unread, or as why a record is refused.
fn is_reported(source: &Source) -> bool {
    items(source).iter().any(|(_, item)| match item {
        Item::Entry(entry) => entry.unread.iter().any(|unread| unread.key.contains(UNKNOWN)),
        Item::Bad(error) => error.to_string().contains(UNKNOWN),
        Item::Event(_) => false,
    })
}

fn is_billed(source: &Source) -> bool {
    items(source).iter().any(|(_, item)| match item {
        Item::Entry(entry) => entry.usage.used().next().is_some(),
        _ => false,
    })
}

/// The places of the objects that hold counts of tokens: the unknown count is put next to those.
fn places_of_counts(value: &Value, path: &str, found: &mut Vec<String>) {
    // What a bill is made up of is not a count.
    let is_cost = path.to_lowercase().contains("cost");
    match value {
        Value::Object(fields) => {
            let holds = |(name, value): (&String, &Value)| name.to_lowercase().contains("token") && value.is_number();
            if !is_cost && fields.iter().any(holds) {
                found.push(path.to_owned());
            }
            fields.iter().for_each(|(name, value)| {
                let name = name.replace('~', "~0").replace('/', "~1");
                places_of_counts(value, &format!("{path}/{name}"), found);
            });
        }
        Value::Array(items) => {
            let each = items.iter().enumerate();
            each.for_each(|(at, value)| places_of_counts(value, &format!("{path}/{at}"), found));
        }
        _ => {}
    }
}

/// A document, or every line of one, with the unknown count in one place more than before.
fn with_unknown_counts(text: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut add = |before: &str, value: &Value, after: &str| {
        let mut places = Vec::new();
        places_of_counts(value, "", &mut places);
        for place in places {
            let mut changed = value.clone();
            let fields = changed.pointer_mut(&place).and_then(Value::as_object_mut).unwrap();
            fields.insert(UNKNOWN.to_owned(), 777.into());
            all.push((place, format!("{before}{changed}{after}")));
        }
    };
    if let Ok(whole) = serde_json::from_str::<Value>(text) {
        add("", &whole, "\n");
        return all;
    }
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let body = line.trim_start_matches("data:").trim();
        let Ok(value) = serde_json::from_str::<Value>(body) else { continue };
        let start = &line[..line.len() - line.trim_start_matches("data:").len()];
        let before: String = lines[..at].iter().map(|line| format!("{line}\n")).collect();
        let after: String = lines[at + 1..].iter().map(|line| format!("{line}\n")).collect();
        add(&format!("{before}{start}"), &value, &format!("\n{after}"));
    }
    all
}

fn with_unknown_column(text: &str) -> String {
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let rows: String = lines.filter(|line| !line.is_empty()).map(|line| format!("{line},777\n")).collect();
    format!("{head},{UNKNOWN}\n{rows}")
}

/// Objects with counts in the samples that are billed nowhere, so that a count beside them is not either: what they say is
/// said, and billed, in another place.
const REPEATED: &[(&str, &str)] = &[
    // The program's own message about an error, with zeros.
    ("claude-code/session.jsonl", "/message/usage"),
    ("claude-code/session.jsonl", "/message/usage/cache_creation"),
    // Unfinished counts of requests that the result sums up.
    ("claude-result/stream.jsonl", "/message/usage"),
    // Output of a message, which the end of the session counts.
    ("copilot-cli/events.jsonl", "/data"),
    // The raw answer inside of the event that was made from it.
    ("inspect-ai/log.json", "/samples/0/events/0/call/response/usage"),
    // What the request allowed.
    ("langfuse/observations.jsonl", "/modelParameters"),
    ("vertex/batch_output.jsonl", "/request/generationConfig"),
    // Chains and agents with the sums of the calls below them.
    ("langsmith/runs.jsonl", ""),
    ("openai-agents/trace.jsonl", "/span_data/data/usage"),
    ("otel/agent_spans.jsonl", "/attributes"),
    // How fast the answer came.
    ("llama-cpp/chat_completion.json", "/timings"),
    ("llama-cpp/completion.json", "/timings"),
    // How long the context was.
    ("pi/session.jsonl", ""),
    // One request on two lines, of which one counts.
    ("qwen-code/chat.jsonl", "/usageMetadata"),
    ("qwen-code/chat.jsonl", "/systemPayload/uiEvent"),
];

/// Conservation: a count that no reader knows is never left out in silence, wherever in a record it is.
#[test]
fn a_count_with_an_unknown_name_is_reported_in_every_form() {
    let (mut silent, mut repeated) = (Vec::new(), std::collections::BTreeSet::new());
    let (mut forms, mut tried) = (std::collections::BTreeSet::new(), 0);
    for path in every_sample() {
        let source = Source::File(path.clone());
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if !is_billed(&source) {
            continue;
        }
        forms.extend(entries_of(&source).iter().map(|entry| entry.dialect.name()));
        let shown = path.display().to_string();
        let is_table = path.extension().is_some_and(|ending| ending == "csv");
        let changed =
            if is_table { vec![("column".to_owned(), with_unknown_column(&text))] } else { with_unknown_counts(&text) };
        for (place, text) in changed {
            tried += 1;
            let source = Source::Text(text);
            if is_reported(&source) {
                continue;
            }
            match REPEATED.iter().find(|(file, of)| shown.ends_with(file) && place == *of) {
                Some(known) => drop(repeated.insert(known)),
                None => silent.push(format!("{shown} {place}")),
            }
        }
    }
    assert!(silent.is_empty(), "not reported:\n{}", silent.join("\n"));
    let stale: Vec<_> = REPEATED.iter().filter(|known| !repeated.contains(known)).collect();
    assert!(stale.is_empty(), "reported, and listed as repeated: {stale:?}");
    assert!(tried > 60 && forms.len() > 15, "{tried} places of {forms:?}");
}

/// The samples themselves are read whole.
#[test]
fn nothing_of_a_sample_is_unread() {
    for path in every_sample() {
        for entry in entries_of(&Source::File(path.clone())) {
            assert_eq!(entry.unread, [], "{}", path.display());
        }
    }
}

/// A chunk of a chat completion that states its usage so far.
fn chunk_of(id: &str, prompt: u32, answer: u32) -> String {
    format!(
        "data: {{\"id\":\"{id}\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[],\"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{answer}}}}}\n\n"
    )
}

fn answers(text: &str) -> Vec<(u64, u64)> {
    let sides = |entry: &Entry| (entry.usage.prompt_tokens(), entry.usage.answer_tokens());
    billed(text).iter().map(sides).collect()
}

#[test]
fn streams_without_an_id_are_one_request_each_and_ids_return_behind_their_end() {
    let run =
        |id: &str, prompt: u32| [chunk_of(id, prompt, 1), chunk_of(id, prompt, 5), chunk_of(id, prompt, 9)].concat();
    let done = "data: [DONE]\n\n";
    for id in ["", "1"] {
        assert_eq!(answers(&run(id, 7)), [(7, 9)], "{id:?}");
        assert_eq!(answers(&[run(id, 7).as_str(), done, &run(id, 7), done].concat()), [(7, 9), (7, 9)], "{id:?}");
        // Without an end, another prompt or a shorter answer is another request.
        assert_eq!(answers(&[run(id, 7), run(id, 8)].concat()), [(7, 9), (8, 9)], "{id:?}");
        assert_eq!(answers(&[run(id, 7), run(id, 7)].concat()), [(7, 9), (7, 9)], "{id:?}");
    }
    let gemini = |answer: u32| {
        format!(
            "data: {{\"modelVersion\":\"gemini-2.5-flash\",\"candidates\":[{{}}],\"usageMetadata\":{{\"promptTokenCount\":9,\"candidatesTokenCount\":{answer}}}}}\n\n"
        )
    };
    assert_eq!(answers(&[gemini(1), gemini(5), gemini(8)].concat()), [(9, 8)]);
}

#[test]
fn a_stream_that_was_recorded_without_its_usage_is_refused_and_its_chunks_are_not() {
    let chunk = |id: &str| {
        format!(
            "data: {{\"id\":\"{id}\",\"object\":\"text_completion\",\"model\":\"m\",\"choices\":[{{\"text\":\"a\"}}]}}\n\n"
        )
    };
    let bad = |text: &str| {
        let lines = items(&Source::Text(text.to_owned())).into_iter().filter(|(_, item)| matches!(item, Item::Bad(_)));
        lines.map(|(line, _)| line).collect::<Vec<_>>()
    };
    let done = "data: [DONE]\n\n";
    let told = [chunk("a"), chunk("a"), chunk_of("a", 7, 3), done.to_owned()].concat();
    assert_eq!((bad(&told), answers(&told)), (vec![], vec![(7, 3)]));
    let silent = [chunk("a"), chunk("a"), done.to_owned(), chunk("b"), chunk_of("b", 7, 3), done.to_owned()].concat();
    assert_eq!((bad(&silent), answers(&silent)), (vec![1], vec![(7, 3)]));
    assert_eq!(bad(&[chunk("a"), chunk("a")].concat()), [1], "cut off before its end");
}

/// What several files say, as (file, prompt) of each record that counts.
fn once_of(files: &[&str]) -> Vec<u64> {
    let dir = tempfile::tempdir().unwrap();
    let mut sequence =
        farebox::input::calls::sequence::Sequence::of(&[Source::Text(String::new()), Source::Text(String::new())]);
    let mut prompts = Vec::new();
    for (at, text) in files.iter().enumerate() {
        std::fs::write(dir.path().join(at.to_string()), text).unwrap();
        let mut take = |_: u64, item: Item<'static>| {
            if let Item::Entry(entry) = item {
                prompts.push(entry.usage.prompt_tokens());
            }
        };
        let chunk = farebox::input::calls::chunks::Chunk {
            bytes: text.as_bytes().to_vec(),
            first_line: 1,
            ..Default::default()
        };
        let mut raw = Vec::new();
        farebox::input::calls::read_chunk(&chunk, &Reading::default(), &mut |line, item| {
            raw.push((line, item.into_owned()))
        });
        raw.into_iter().for_each(|(line, item)| sequence.take(line, item, &mut take));
        sequence.end(&mut take);
    }
    prompts
}

#[test]
fn a_request_counts_once_across_files_and_forms_by_the_id_of_its_provider() {
    let chat = |id: &str, prompt: u32| {
        format!(
            "{{\"id\":\"{id}\",\"object\":\"chat.completion\",\"model\":\"gpt-4o\",\"choices\":[],\"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":3}}}}\n"
        )
    };
    let gateway = |id: &str, prompt: u32| {
        format!(
            "{{\"request_id\":\"{id}\",\"call_type\":\"acompletion\",\"model\":\"gpt-4o\",\"spend\":0.1,\"startTime\":\"2026-01-01T00:00:00Z\",\"prompt_tokens\":{prompt},\"completion_tokens\":3}}\n"
        )
    };
    let one = "chatcmpl-5f21aa";
    assert_eq!(once_of(&[&chat(one, 7), &chat(one, 7)]), [7], "a copy");
    assert_eq!(once_of(&[&chat(one, 7), &gateway(one, 7)]), [7], "the gateway's log of it");
    assert_eq!(once_of(&[&chat(one, 7), &chat(one, 8)]), [7, 8], "another request under the same id");
    assert_eq!(once_of(&[&chat(one, 7).repeat(2), &chat(one, 7).repeat(3)]), [7, 7, 7], "told apart by their order");
    assert_eq!(once_of(&[&chat("1", 7), &chat("1", 7)]), [7, 7], "a counter that begins again");
}

#[test]
fn zeros_under_an_old_name_hide_nothing_and_contradictions_are_said() {
    let body = |usage: &str| {
        one(&format!("{{\"object\":\"chat.completion\",\"model\":\"gpt-5\",\"choices\":[],\"usage\":{usage}}}"))
    };
    let new = body(
        r#"{"prompt_tokens":0,"completion_tokens":0,"input_tokens":1000,"output_tokens":100,"total_tokens":1100}"#,
    );
    assert_eq!(used(&new), [("input", "1000".into()), ("output", "100".into())]);
    assert_eq!(new.unread, []);
    let both = body(r#"{"prompt_tokens":1000,"completion_tokens":100,"input_tokens":900,"output_tokens":100}"#);
    assert_eq!(used(&both)[0], ("input", "1000".into()));
    assert_eq!(both.unread[0].key, "usage.input_tokens");
    let nulls = r#"{"object":"chat.completion","model":"gpt-5","choices":[],"usage":{"prompt_tokens":null,"completion_tokens":null}}"#;
    assert!(matches!(items(&Source::Text(nulls.to_owned()))[0].1, Item::Bad(_)), "nobody knows what was used");
}

#[test]
fn tables_are_read_as_they_are_exported() {
    let table = "Usage of the team,,,,\nDate,Model,API Requests,Prompt Tokens,Spend\n2026-06-20,gpt-4o,2,\"1,234,567\",\"$1,003.50\"\nDate,Model,API Requests,Prompt Tokens,Spend\n06/21/2026,gpt-4o,1,12,€2\n";
    let rows = billed(table);
    let read = |entry: &Entry| {
        let reported = entry.reported.as_ref().map(|r| format!("{} {}", r.amount, r.currency)).unwrap_or_default();
        (entry.usage.prompt_tokens(), entry.bucket.and_then(|bucket| bucket.requests), reported)
    };
    assert_eq!(
        rows.iter().map(read).collect::<Vec<_>>(),
        [(1_234_567, Some(2), "1003.50 USD".to_owned()), (12, None, "2 EUR".to_owned())]
    );
    // The total says that the caches are parts of the prompt, or that they are not.
    let cached = |total: u32| {
        let head =
            "model,prompt_tokens,completion_tokens,total_tokens,cache_read_input_tokens,cache_creation_input_tokens";
        one(&format!("{head}\nm,20000,100,{total},9000,10000\n")).usage.tokens(Meter::Input)
    };
    assert_eq!((cached(20_100), cached(39_100)), (1_000, 20_000));
    let unknown = one("model,input_tokens,output_tokens,warm_prefix_tokens\nm,10,1,800\n");
    assert_eq!((unknown.unread[0].key.as_str(), unknown.unread[0].value.as_str()), ("warm_prefix_tokens", "800"));
}
