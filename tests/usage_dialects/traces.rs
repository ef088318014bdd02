//! Traces, gateways, frameworks, evaluations and recordings: each request once, whatever repeats it.

use super::*;

/// A span with an operation and, where there are counts, a prompt and an answer.
fn span(id: &str, parent: &str, operation: &str, counts: Option<(u64, u64)>) -> String {
    let counts = counts.map_or(String::new(), |(input, output)| {
        format!(r#","gen_ai.usage.input_tokens":{input},"gen_ai.usage.output_tokens":{output}"#)
    });
    format!(
        r#"{{"traceId":"t","spanId":"{id}","parentSpanId":"{parent}","startTime":[1795168800,5],"attributes":{{"gen_ai.operation.name":"{operation}","gen_ai.request.model":"gpt-4o"{counts}}}}}"#
    )
}

/// The prompts that count, and how many records are bad.
fn prompts(text: &str) -> (Vec<u64>, usize) {
    let all = items(&Source::Text(text.to_owned()));
    let bad = all.iter().filter(|(_, item)| matches!(item, Item::Bad(_))).count();
    (billed(text).iter().map(|entry| entry.usage.prompt_tokens()).collect(), bad)
}

#[test]
fn an_agent_counts_only_where_no_call_below_it_does() {
    let agent = span("a", "", "invoke_agent", Some((113, 11)));
    let step = span("s", "a", "execute_tool", None);
    let calls = [span("b", "s", "chat", Some((56, 5))), span("c", "a", "chat", Some((57, 6)))];
    for text in [[&agent, &step, &calls[0], &calls[1]], [&calls[1], &calls[0], &step, &agent]] {
        let text = text.map(|line| format!("{line}\n")).concat();
        let mut found = prompts(&text);
        found.0.sort_unstable();
        assert_eq!(found, (vec![56, 57], 0), "{text}");
    }
    assert_eq!(prompts(&format!("{agent}\n{step}\n")), (vec![113], 0));
    // The same export twice.
    assert_eq!(prompts(&format!("{0}\n{1}\n{0}\n{1}\n", calls[0], calls[1])), (vec![56, 57], 0));
}

#[test]
fn a_sum_without_an_id_is_refused_rather_than_added_or_lost() {
    let text = r#"{"traceId":"t","start_time":"2026-11-20T10:00:00Z","attributes":{"gen_ai.operation.name":"invoke_agent","gen_ai.usage.input_tokens":5,"gen_ai.usage.output_tokens":1}}"#;
    assert_eq!(prompts(text), (vec![], 1));
}

#[test]
fn counts_of_a_span_have_many_names_and_one_meaning() {
    let spans = |attributes: &str| {
        one(&format!(
            r#"{{"traceId":"t","spanId":"s","start_time":"2026-11-20T10:00:00Z","attributes":{{"gen_ai.request.model":"m",{attributes}}}}}"#
        ))
    };
    let wanted = [
        ("input", "5".to_owned()),
        ("cache_read", "90".into()),
        ("cache_write_5m", "5".into()),
        ("output", "7".into()),
    ];
    for attributes in [
        r#""gen_ai.usage.input_tokens":100,"gen_ai.usage.output_tokens":7,"gen_ai.usage.cache_read.input_tokens":90,"gen_ai.usage.cache_write.input_tokens":5"#,
        r#""gen_ai.usage.input_tokens":100,"gen_ai.usage.output_tokens":7,"gen_ai.usage.details.cache_read_input_tokens":90,"gen_ai.usage.details.cache_creation_input_tokens":5,"gen_ai.usage.details.input_tokens":5"#,
        r#""gen_ai":{"usage":{"prompt_tokens":100,"completion_tokens":7,"input_tokens":0,"cache_read_tokens":90,"cache_write_tokens":5}}"#,
        // What cannot be a part of 5 stands next to it.
        r#""gen_ai.usage.prompt_tokens":5,"gen_ai.usage.completion_tokens":7,"gen_ai.usage.cache_read_input_tokens":90,"gen_ai.usage.cache_creation_input_tokens":5"#,
        // Two conventions, of which one leaves the caches out.
        r#""gen_ai.usage.input_tokens":100,"llm.token_count.prompt":5,"gen_ai.usage.output_tokens":7,"gen_ai.usage.cache_read_tokens":90,"gen_ai.usage.cache_write_tokens":5"#,
    ] {
        assert_eq!(used(&spans(attributes)), wanted, "{attributes}");
    }
    let odd = r#"{"traceId":"t","spanId":"s","start_time":"x","attributes":{"gen_ai.usage.input_tokens":100,"gen_ai.usage.prompt_tokens":70}}"#;
    assert!(
        matches!(&items(&Source::Text(odd.into()))[..], [(1, Item::Bad(error))] if error.to_string().contains("100"))
    );
    let hour = spans(
        r#""gen_ai.usage.input_tokens":100,"gen_ai.usage.output_tokens":7,"gen_ai.usage.cache_write_tokens":50,"gen_ai.usage.details.ephemeral_1h_input_tokens":30"#,
    );
    assert_eq!((hour.usage.tokens(Meter::CacheWrite5m), hour.usage.tokens(Meter::CacheWrite1h)), (20, 30));
}

#[test]
fn the_provider_of_a_span_is_named_without_its_endpoint() {
    for (written, provider) in [
        ("openai.responses", "openai"),
        ("anthropic.messages", "anthropic"),
        ("google.generative-ai", "google.generative-ai"),
        ("google.vertex.chat", "vertex"),
        ("azure-openai.chat", "azure-openai"),
        ("xai.chat", "xai"),
        ("aws.bedrock", "aws.bedrock"),
    ] {
        let text = format!(
            r#"{{"traceId":"t","spanId":"s","start_time":"2026-11-20T10:00:00Z","attributes":{{"gen_ai.system":"{written}","gen_ai.usage.input_tokens":1,"gen_ai.usage.output_tokens":1}}}}"#
        );
        assert_eq!(one(&text).provider.as_deref(), Some(provider), "{written}");
    }
}

#[test]
fn runs_and_observations_that_repeat_others_are_known_by_their_kind() {
    let observation = |id: &str, parent: &str, kind: &str, input: u64| {
        format!(
            r#"{{"id":"{id}","traceId":"t","parentObservationId":"{parent}","type":"{kind}","startTime":"2026-11-20T10:00:00Z","model":"gpt-4o","usageDetails":{{"input":{input},"output":1}}}}"#
        )
    };
    let agent = observation("a", "", "AGENT", 30);
    let call = observation("g", "a", "GENERATION", 20);
    assert_eq!(prompts(&format!("{agent}\n{call}\n")).0, [20]);
    assert_eq!(prompts(&agent).0, [30]);
    let run = |id: &str, parent: &str, kind: &str, input: u64| {
        format!(
            r#"{{"id":"{id}","trace_id":"t","parent_run_id":{parent},"run_type":"{kind}","start_time":"2026-11-20T10:00:00","prompt_tokens":{input},"completion_tokens":1,"total_tokens":{}}}"#,
            input + 1
        )
    };
    let (chain, call) = (run("c", "null", "chain", 20), run("l", "\"c\"", "llm", 20));
    assert_eq!(prompts(&format!("{call}\n{chain}\n")).0, [20]);
}

#[test]
fn what_a_payload_of_litellm_says_about_its_request() {
    let payload = |fields: &str| {
        format!(
            r#"{{"call_type":"acompletion","status":"success","custom_llm_provider":"openai","startTime":1795168800.5,"model":"gpt-5-mini","response_cost":0.1,"prompt_tokens":100,"completion_tokens":10,"total_tokens":110{fields}}}"#
        )
    };
    let tier = |fields: &str| one(&payload(fields)).context.get(Dimension::ServiceTier).map(str::to_owned);
    assert_eq!(tier(r#","cost_breakdown":{"service_tier":"flex"}"#).as_deref(), Some("flex"));
    assert_eq!(tier(r#","metadata":"{\"usage_object\":{\"prompt_tokens\":100,\"completion_tokens\":10,\"service_tier\":\"priority\"}}""#).as_deref(), Some("priority"));
    assert_eq!(tier(r#","response":{"service_tier":"default"}"#), None);
    let tags = |written: &str| one(&payload(&format!(r#","request_tags":{written}"#))).labels.tags;
    for written in [r#"["a","b c"]"#, r#""[\"a\", \"b c\"]""#, r#""{a,\"b c\"}""#] {
        assert_eq!(tags(written), ["a", "b c"], "{written}");
    }
    for hit in ["true", "\"True\""] {
        let all = entries_of(&Source::Text(payload(&format!(r#","cache_hit":{hit}"#))));
        assert_eq!(all[0].state, State::Remembered, "{hit}");
    }
    // An answer with its details, and one that was cut out of the log.
    let cached = |response: &str| one(&payload(&format!(r#","response":{response}"#))).usage.tokens(Meter::CacheRead);
    assert_eq!(
        cached(
            r#"{"usage":{"prompt_tokens":100,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":64}}}"#
        ),
        64
    );
    assert_eq!(cached("\"redacted\""), 0);
}

#[test]
fn a_summary_of_an_evaluation_counts_for_what_its_details_leave_out() {
    let log = std::fs::read_to_string(sample("inspect-ai/log.json")).unwrap();
    let mut log: Value = serde_json::from_str(&log).unwrap();
    let sum = |log: &Value| -> u64 { billed(&log.to_string()).iter().map(|entry| entry.usage.prompt_tokens()).sum() };
    // 2 × (40 + 1800 + 300) and 500, whatever is left of the details.
    assert_eq!(sum(&log), 4_780);
    log["samples"][0].as_object_mut().unwrap().remove("events");
    assert_eq!(sum(&log), 4_780);
    log["samples"][1].as_object_mut().unwrap().remove("model_usage");
    assert_eq!(sum(&log), 4_780);
    log.as_object_mut().unwrap().remove("samples");
    assert_eq!(sum(&log), 4_780);
}

#[test]
fn a_recording_has_only_the_usage_of_models() {
    let all = items(&Source::File(sample("har/recording.har")));
    assert!(all.iter().all(|(_, item)| matches!(item, Item::Entry(_))), "{all:?}");
    let without_body = r#"{"log":{"entries":[{"request":{"method":"POST","url":"https://api.openai.com/v1/responses"},"response":{"status":200,"content":{"size":9}}}]}}"#;
    assert!(
        matches!(&items(&Source::Text(without_body.into()))[..], [(1, Item::Bad(error))] if error.to_string().contains("api.openai.com"))
    );
    let lines: Vec<u64> = items(&Source::File(sample("vcr/cassette.yaml"))).iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 18], "each interaction is named by its line");
    let broken = items(&Source::Text("interactions:\n- request: [\n".into()));
    assert!(matches!(&broken[..], [(_, Item::Bad(_))]), "{broken:?}");
}

#[test]
fn amounts_of_the_console_are_charges() {
    let all = entries_of(&Source::File(sample("anthropic/console_cost_export.csv")));
    let amounts: Vec<String> = all.iter().map(|entry| entry.reported.as_ref().unwrap().amount.to_string()).collect();
    assert_eq!(amounts, ["1.50", "0.04"]);
    assert!(all.iter().all(|entry| matches!(entry.state, State::Charge(_))));
}

#[test]
fn a_free_variant_of_openrouter_is_named() {
    let head = std::fs::read_to_string(sample("openrouter/activity.csv")).unwrap();
    let free = head.replace(",standard,", ",free,");
    assert_eq!(one(&free).model.as_deref(), Some("openai/gpt-4o-mini:free"));
}
