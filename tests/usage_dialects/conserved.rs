//! Counts that used to vanish or to count twice: each is billed once, or named as not billed.

use super::*;

fn refused(text: &str) -> Vec<String> {
    let bad = |(_, item): (u64, Item<'static>)| match item {
        Item::Bad(error) => Some(error.to_string()),
        _ => None,
    };
    items(&Source::Text(text.to_owned())).into_iter().filter_map(bad).collect()
}

/// What was left unread, with its value.
fn unread(entry: &Entry) -> Vec<(String, String)> {
    entry.unread.iter().map(|unread| (unread.key.clone(), unread.value.clone())).collect()
}

fn counts(entry: &Entry) -> String {
    let counts = used(entry).into_iter().map(|(meter, count)| format!("{meter} {count}"));
    counts.collect::<Vec<_>>().join(", ")
}

/// All tokens of several records: prompt and answer.
fn tokens(entries: &[Entry]) -> (u64, u64) {
    let prompt = entries.iter().map(|entry| entry.usage.prompt_tokens()).sum();
    (prompt, entries.iter().map(|entry| entry.usage.answer_tokens()).sum())
}

/// What several files hold together, one read after the other.
fn in_files(texts: &[&str]) -> Vec<Entry<'static>> {
    let sources: Vec<Source> = texts.iter().map(|text| Source::Text((*text).to_owned())).collect();
    let mut sequence = farebox::input::calls::sequence::Sequence::of(&sources);
    let mut found = Vec::new();
    let mut take = |_: u64, item: Item<'static>| {
        if let Item::Entry(entry) = item {
            found.push(*entry);
        }
    };
    for text in texts {
        let bytes = text.as_bytes().to_vec();
        let chunk = farebox::input::calls::chunks::Chunk { bytes, first_line: 1, ..Default::default() };
        let mut raw = Vec::new();
        farebox::input::calls::read_chunk(&chunk, &Reading::default(), &mut |line, item| {
            raw.push((line, item.into_owned()));
        });
        raw.into_iter().for_each(|(line, item)| sequence.take(line, item, &mut take));
        sequence.end(&mut take);
    }
    sequence.finish(&mut |_, line, item| take(line, item));
    found
}

// A total explains what stands where.

#[test]
fn the_total_of_the_vercel_sdk_says_where_thoughts_are() {
    let result = |model: &str, usage: &str| one(&format!(r#"{{"modelId":"{model}","usage":{{{usage}}}}}"#));
    let google = "gemini-2.5-pro";
    // Google's thoughts in the total alone: 1500 - 1000 - 100.
    let hidden = result(google, r#""inputTokens":1000,"outputTokens":100,"totalTokens":1500,"cachedInputTokens":400"#);
    assert_eq!(counts(&hidden), "input 600, cache_read 400, output 100, reasoning 400");
    let beside = result(google, r#""inputTokens":1000,"outputTokens":300,"reasoningTokens":200,"totalTokens":1500"#);
    assert_eq!(counts(&beside), "input 1000, output 300, reasoning 200");
    let inside = result(google, r#""inputTokens":1000,"outputTokens":300,"reasoningTokens":200,"totalTokens":1300"#);
    assert_eq!(counts(&inside), "input 1000, output 100, reasoning 200");
    // Of a model that is not known to hide any, the rest is left out and named.
    let other = result("mistral-large", r#""inputTokens":1000,"outputTokens":100,"totalTokens":1500"#);
    assert_eq!(counts(&other), "input 1000, output 100");
    assert_eq!(unread(&other), [("the total of tokens beyond its parts".to_owned(), "400".to_owned())]);
    // Anthropic's caches stand beside the input and outside of the total.
    let claude =
        result("claude-sonnet-4-5", r#""inputTokens":500,"outputTokens":20,"cachedInputTokens":300,"totalTokens":520"#);
    assert_eq!(counts(&claude), "input 500, cache_read 300, output 20");
    assert!(claude.unread.is_empty(), "{claude:?}");
    // The provider says it in words of its own.
    let named = one(
        r#"{"modelId":"gemini-2.5-pro","usage":{"inputTokens":1000,"outputTokens":100,"totalTokens":1350},"providerMetadata":{"google":{"usageMetadata":{"thoughtsTokenCount":200,"toolUsePromptTokenCount":50}}}}"#,
    );
    assert_eq!(counts(&named), "input 1050, output 100, reasoning 200");
}

#[test]
fn a_total_without_its_parts_is_refused() {
    let gemini = |tokens: &str| {
        format!(
            r#"{{"id":"m1","type":"gemini","timestamp":"2026-11-20T10:00:00Z","model":"gemini-2.5-pro","tokens":{{{tokens}}}}}"#
        )
    };
    let pi = |usage: &str| {
        format!(
            r#"{{"type":"message","id":"a1","parentId":"a0","timestamp":"2026-11-20T10:00:00Z","message":{{"role":"assistant","provider":"openai","model":"gpt-5","usage":{{{usage}}}}}}}"#
        )
    };
    let langsmith = r#"{"id":"r1","run_type":"llm","start_time":"2026-11-20T10:00:00","prompt_tokens":0,"completion_tokens":0,"total_tokens":700}"#;
    let chat = r#"{"object":"chat.completion","model":"gpt-5","usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":700}}"#;
    let span = r#"{"name":"llm","span_id":"0a","trace_id":"1b","start_time":"2026-11-20T10:00:00Z","attributes":{"openinference.span.kind":"LLM","llm.model_name":"gpt-5","llm.token_count.total":700}}"#;
    let opencode = r#"{"id":"msg_9","sessionID":"ses_9","role":"assistant","modelID":"gpt-5","providerID":"openai","tokens":{"input":0,"output":0,"total":700,"reasoning":0}}"#;
    let aider = r#"{"event":"message_send","properties":{"main_model":"gpt-5","prompt_tokens":0,"completion_tokens":0,"total_tokens":700},"user_id":"u","time":1795168800}"#;
    let stream = r#"{"type":"result","timestamp":"2026-05-12T09:00:02Z","status":"success","stats":{"total_tokens":700,"input_tokens":0,"output_tokens":0}}"#;
    for text in [
        &gemini(r#""input":0,"output":0,"total":700"#),
        &pi(r#""input":0,"output":0,"totalTokens":700"#),
        langsmith,
        chat,
        span,
        opencode,
        aider,
        stream,
    ] {
        let why = refused(text);
        assert!(why.len() == 1 && why[0].contains("700"), "{text}: {why:?}");
        assert!(billed(text).is_empty(), "{text}");
    }
    // What a total has beyond its parts is named.
    let beyond = one(&gemini(r#""input":100,"output":10,"total":150"#));
    assert_eq!((counts(&beyond), unread(&beyond).len()), ("input 100, output 10".to_owned(), 1));
    let beyond = one(&pi(r#""input":100,"output":10,"cacheRead":5,"cacheWrite":0,"totalTokens":150"#));
    assert_eq!(unread(&beyond), [("totalTokens beyond its parts".to_owned(), "35".to_owned())]);
}

#[test]
fn tokens_of_tools_may_be_the_rest_of_a_total_as_well_as_thoughts() {
    let text = |calls: u32| {
        format!(
            r#"{{"type":"init","timestamp":"2026-05-12T09:00:00Z","session_id":"s","model":"gemini-2.5-pro"}}
{{"type":"result","timestamp":"2026-05-12T09:00:02Z","status":"success","stats":{{"total_tokens":1300,"input_tokens":1000,"output_tokens":100,"cached":600,"input":400,"duration_ms":9,"tool_calls":{calls}}}}}
"#
        )
    };
    assert_eq!(counts(&one(&text(0))), "input 400, cache_read 600, output 100, reasoning 200");
    let with_tools = one(&text(3));
    assert_eq!(counts(&with_tools), "input 400, cache_read 600, output 100");
    assert_eq!(unread(&with_tools)[0].1, "200");
}

#[test]
fn sums_that_gemini_cli_repeats_are_not_unread() {
    let tokens = r#"{"input":300,"prompt":1000,"candidates":100,"total":1150,"cached":700,"thoughts":40,"tool":10}"#;
    let text = format!(
        r#"{{"session_id":"s","response":"ok","stats":{{"models":{{"gemini-2.5-pro":{{"api":{{"totalRequests":3,"totalErrors":1,"totalLatencyMs":900}},"tokens":{tokens},"roles":{{"main":{{"totalRequests":3,"tokens":{tokens}}}}}}}}},"tools":{{"totalCalls":4,"totalSuccess":4,"totalDurationMs":80,"byName":{{"web_search":{{"count":2,"durationMs":7}}}}}},"files":{{"totalLinesAdded":3}}}}}}"#
    );
    let entry = one(&text);
    assert_eq!(counts(&entry), "input 310, cache_read 700, output 100, reasoning 40");
    assert_eq!(unread(&entry), []);
    // The newest versions put the sums of all models next to those of each.
    let text = r#"{"type":"result","timestamp":"2026-05-12T09:00:02Z","status":"success","stats":{"total_tokens":1300,"input_tokens":1000,"output_tokens":100,"cached":600,"input":400,"duration_ms":9,"tool_calls":0,"models":{"gemini-2.5-pro":{"total_tokens":1300,"input_tokens":1000,"output_tokens":100,"cached":600,"input":400}}}}"#;
    let entry = one(text);
    assert_eq!(counts(&entry), "input 400, cache_read 600, output 100, reasoning 200");
    assert_eq!(unread(&entry), []);
}

#[test]
fn results_of_tools_of_qwen_code_count_once() {
    let telemetry = r#"{"type":"system","subtype":"ui_telemetry","uuid":"u1","sessionId":"s","timestamp":"2026-11-20T10:00:00Z","systemPayload":{"uiEvent":{"event.name":"qwen-code.api_response","model":"qwen3-coder-plus","input_token_count":1000,"output_token_count":50,"cached_content_token_count":0,"thoughts_token_count":0,"tool_token_count":70,"total_token_count":1120}}}"#;
    let chat = r#"{"type":"assistant","uuid":"u2","sessionId":"s","timestamp":"2026-11-20T10:00:01Z","model":"qwen3-coder-plus","usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":50,"toolUsePromptTokenCount":70,"totalTokenCount":1120}}"#;
    for text in [format!("{telemetry}\n{chat}\n"), format!("{chat}\n{telemetry}\n"), telemetry.to_owned()] {
        assert_eq!(counts(&one(&text)), "input 1070, output 50", "{text}");
    }
    // Without a total they stand where Gemini puts them.
    assert_eq!(counts(&one(&telemetry.replace("1120", "0"))), "input 1070, output 50");
    assert_eq!(counts(&one(&telemetry.replace("1120", "1050"))), "input 1000, output 50");
}

// Totals that run on, and sums of runs.

fn turn(input: u64, output: u64) -> String {
    format!(
        "{{\"type\":\"turn.completed\",\"usage\":{{\"input_tokens\":{input},\"cached_input_tokens\":0,\"output_tokens\":{output}}}}}\n"
    )
}

fn thread(id: &str) -> String {
    format!("{{\"type\":\"thread.started\",\"thread_id\":\"{id}\"}}\n")
}

#[test]
fn a_total_of_codex_exec_that_fell_began_again() {
    let text = [thread("t"), turn(1000, 100), turn(1500, 160), turn(400, 40), turn(700, 70)].concat();
    assert_eq!(tokens(&billed(&text)), (2200, 230));
    // Each thread has totals of its own, also where one does not say its id.
    let nameless = "{\"type\":\"thread.started\"}\n";
    let text = [&*thread("t"), &turn(1000, 100), nameless, &turn(1200, 110), nameless, &turn(1300, 120)].concat();
    assert_eq!(tokens(&billed(&text)), (3500, 330));
    // A copy repeats it all, and an earlier part of the thread adds nothing, whichever is read first.
    let whole = [thread("t"), turn(1000, 100), turn(1500, 160)].concat();
    let begun = [thread("t"), turn(1000, 100)].concat();
    let resumed = [thread("t"), turn(1500, 160)].concat();
    for files in [[&whole, &whole], [&whole, &begun], [&begun, &whole], [&begun, &resumed], [&resumed, &begun]] {
        assert_eq!(tokens(&in_files(&files.map(String::as_str))), (1500, 160), "{files:?}");
    }
    let again = [whole.clone(), turn(400, 40)].concat();
    assert_eq!(tokens(&in_files(&[&again, &again])), (1900, 200));
}

#[test]
fn the_result_of_a_run_of_claude_repeats_its_own_session_only() {
    let init = |session: &str| {
        format!(
            "{{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"{session}\",\"model\":\"claude-sonnet-4-5\",\"cwd\":\"/w\"}}\n"
        )
    };
    let message = |session: &str, id: &str, input: u64| {
        format!(
            "{{\"type\":\"assistant\",\"session_id\":\"{session}\",\"uuid\":\"{id}\",\"message\":{{\"id\":\"{id}\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\",\"usage\":{{\"input_tokens\":{input},\"output_tokens\":1}}}}}}\n"
        )
    };
    let result = |session: &str, input: u64| {
        format!(
            "{{\"type\":\"result\",\"session_id\":\"{session}\",\"uuid\":\"r{session}\",\"total_cost_usd\":0.1,\"usage\":{{\"input_tokens\":{input},\"output_tokens\":9}},\"modelUsage\":{{\"claude-sonnet-4-5\":{{\"inputTokens\":{input},\"outputTokens\":9}}}}}}\n"
        )
    };
    // Two runs at the same time, of which the second is never summed up.
    let text = [
        init("a"),
        message("a", "m1", 100),
        init("b"),
        message("b", "m2", 3000),
        result("a", 150),
        message("b", "m3", 20),
    ];
    assert_eq!(tokens(&billed(&text.concat())), (3170, 11));
    let both = [text.concat(), result("b", 3500)].concat();
    assert_eq!(tokens(&billed(&both)), (3650, 18));
    // A session that is gone on with after it was cut off.
    let resumed = [init("a"), message("a", "m1", 100), init("a"), message("a", "m2", 30), result("a", 40)];
    assert_eq!(tokens(&billed(&resumed.concat())), (140, 10));
}

#[test]
fn what_a_session_of_copilot_owes_another_does_not_pay() {
    let start = |id: &str| {
        format!(
            "{{\"type\":\"session.start\",\"id\":\"e{id}\",\"timestamp\":\"2026-11-20T10:00:00Z\",\"data\":{{\"sessionId\":\"{id}\"}}}}\n"
        )
    };
    let answer = "{\"type\":\"assistant.message\",\"id\":\"x\",\"timestamp\":\"2026-11-20T10:00:01Z\",\"data\":{\"outputTokens\":640}}\n";
    let shutdown = |metrics: &str| {
        format!(
            "{{\"type\":\"session.shutdown\",\"id\":\"y\",\"timestamp\":\"2026-11-20T10:00:09Z\",\"data\":{{\"modelMetrics\":{{{metrics}}}}}}}\n"
        )
    };
    let used = r#""gpt-5":{"requests":{"count":1},"usage":{"inputTokens":10,"outputTokens":2}}"#;
    let text = [&*start("a"), answer, &start("b"), answer, &shutdown(used)].concat();
    let why = refused(&text);
    assert!(why.len() == 1 && why[0].contains("640"), "{why:?}");
    // A model that was asked and says nothing of what it used, next to one that does.
    let text =
        [&*start("a"), &shutdown(&format!(r#"{used},"claude-sonnet-4.5":{{"requests":{{"count":3,"cost":1}}}}"#))]
            .concat();
    assert!(refused(&text)[0].contains("claude-sonnet-4.5: 3 requests"), "{:?}", refused(&text));
    assert_eq!(tokens(&billed(&text)), (10, 2));
}

// One bad record hides no other.

#[test]
fn a_bad_record_does_not_hide_those_next_to_it() {
    let atif = r#"{"schema_version":"ATIF-v1.5","session_id":"s","agent":{"name":"x","model_name":"openai/gpt-5"},"steps":[{"step_id":1,"metrics":{"prompt_tokens":-5,"completion_tokens":1}},{"step_id":2,"metrics":{"prompt_tokens":100,"completion_tokens":10}}]}"#;
    let openhands = r#"{"instance_id":"i","metrics":{"costs":[],"token_usages":[{"model":"gpt-5","prompt_tokens":-5,"completion_tokens":1,"response_id":"a"},{"model":"gpt-5","prompt_tokens":100,"completion_tokens":10,"response_id":"b"}]}}"#;
    let conversation = r#"{"id":"c","stats":{"usage_to_metrics":{"agent":{"accumulated_token_usage":{"model":"gpt-5","prompt_tokens":-5,"completion_tokens":1}},"condenser":{"accumulated_token_usage":{"model":"gpt-5","prompt_tokens":100,"completion_tokens":10}}}}}"#;
    let zed = r#"{"id":"t","updated_at":"2026-11-20T10:00:00Z","data_type":"json","model":{"provider":"openai","model":"gpt-5"},"request_token_usage":{"u1":{"input_tokens":-5,"output_tokens":1},"u2":{"input_tokens":100,"output_tokens":10}}}"#;
    let gemini = r#"{"session_id":"s","stats":{"models":{"gemini-2.5-pro":{"tokens":{"prompt":-5,"candidates":1,"total":6}},"gemini-2.5-flash":{"tokens":{"prompt":100,"candidates":10,"total":110}}}}}"#;
    let claude = r#"{"type":"result","session_id":"s","uuid":"u","total_cost_usd":0.1,"usage":{"input_tokens":-5,"output_tokens":1},"modelUsage":{"claude-sonnet-4-5":{"inputTokens":-5,"outputTokens":1},"claude-haiku-4-5":{"inputTokens":100,"outputTokens":10}}}"#;
    let copilot = r#"{"type":"session.shutdown","id":"y","timestamp":"2026-11-20T10:00:09Z","data":{"modelMetrics":{"gpt-5":{"usage":{"inputTokens":-5,"outputTokens":2}},"gpt-5-mini":{"usage":{"inputTokens":100,"outputTokens":10}}}}}"#;
    let judged = r#"{"results":{"timestamp":"2026-11-20T10:00:00Z","results":[{"provider":{"id":"openai:gpt-5"},"gradingResult":{"tokensUsed":{"total":9,"prompt":-5,"completion":4}},"response":{"output":"x","tokenUsage":{"total":110,"prompt":100,"completion":10}}}]}}"#;
    for text in [atif, openhands, conversation, zed, gemini, claude, copilot, judged] {
        assert_eq!(tokens(&billed(text)), (100, 10), "{text}");
        assert!(!refused(text).is_empty(), "{text}");
    }
}

#[test]
fn a_run_of_langsmith_that_is_refused_keeps_its_place() {
    // The chain above repeats the request that is counted, through the run that is refused.
    let chain = r#"{"id":"c","trace_id":"c","run_type":"chain","start_time":"2026-11-20T10:00:00","prompt_tokens":100,"completion_tokens":10,"total_tokens":110,"child_runs":[{"id":"m","trace_id":"c","parent_run_id":"c","run_type":"llm","start_time":"2026-11-20T10:00:00","prompt_tokens":5,"completion_tokens":1,"prompt_token_details":{"cache_read":9},"total_tokens":6,"child_runs":[{"id":"n","trace_id":"c","parent_run_id":"m","run_type":"llm","start_time":"2026-11-20T10:00:00","prompt_tokens":90,"completion_tokens":9,"completion_token_details":{"reasoning":-1},"total_tokens":99},{"id":"o","trace_id":"c","parent_run_id":"n","run_type":"llm","start_time":"2026-11-20T10:00:00","prompt_tokens":90,"completion_tokens":9,"total_tokens":99}]}]}"#;
    assert_eq!(tokens(&billed(chain)), (104, 10));
    // Only the cache is told of it.
    let cached =
        r#"{"id":"m","run_type":"llm","start_time":"2026-11-20T10:00:00","prompt_token_details":{"cache_read":900}}"#;
    assert_eq!(counts(&one(cached)), "cache_read 900");
}

// What a sum has beyond its details.

#[test]
fn the_rest_of_a_sum_counts_although_the_details_have_more_of_something() {
    let log = |sum: &str| {
        format!(
            r#"{{"version":2,"status":"success","eval":{{"task":"t","run_id":"r","created":"2026-11-20T10:00:00Z"}},"stats":{{"model_usage":{{"openai/gpt-5":{{{sum}}}}}}},"samples":[{{"id":1,"epoch":1,"model_usage":{{}},"events":[{{"event":"model","model":"openai/gpt-5","output":{{"usage":{{"input_tokens":100,"output_tokens":50,"total_tokens":150}}}}}}]}}]}}"#
        )
    };
    // 100 and 50 are told by the event. The sum has fewer tokens of input outside of the cache, and more in all.
    let all = billed(&log(r#""input_tokens":60,"output_tokens":80,"input_tokens_cache_read":500,"total_tokens":640"#));
    assert_eq!(tokens(&all), (560, 80));
    // The same answer, of which the sum alone says how much was thinking.
    let all = billed(&log(r#""input_tokens":100,"output_tokens":50,"reasoning_tokens":30,"total_tokens":150"#));
    assert_eq!(tokens(&all), (100, 50));
}

// Requests without ids of their own.

#[test]
fn requests_without_an_id_are_not_one_request() {
    let atif = r#"{"schema_version":"ATIF-v1.5","session_id":"s","agent":{"model_name":"openai/gpt-5"},"steps":[{"metrics":{"prompt_tokens":100,"completion_tokens":10}},{"metrics":{"prompt_tokens":200,"completion_tokens":20}}]}"#;
    let twice = r#"{"schema_version":"ATIF-v1.5","session_id":"s","agent":{"model_name":"openai/gpt-5"},"steps":[{"step_id":1,"metrics":{"prompt_tokens":100,"completion_tokens":10}},{"step_id":1,"metrics":{"prompt_tokens":200,"completion_tokens":20}}]}"#;
    let amp = r#"{"id":"T-1","messages":[{"role":"assistant","usage":{"model":"gpt-5","inputTokens":100,"outputTokens":10}},{"role":"assistant","usage":{"model":"gpt-5","inputTokens":200,"outputTokens":20}}]}"#;
    let openhands = r#"{"instance_id":"i","metrics":{"costs":[],"token_usages":[{"model":"gpt-5","prompt_tokens":100,"completion_tokens":10},{"model":"gpt-5","prompt_tokens":200,"completion_tokens":20}]}}"#;
    let reruns = "{\"instance_id\":\"i\",\"metrics\":{\"costs\":[],\"token_usages\":[{\"model\":\"gpt-5\",\"prompt_tokens\":100,\"completion_tokens\":10}]}}\n{\"instance_id\":\"i\",\"metrics\":{\"costs\":[],\"token_usages\":[{\"model\":\"gpt-5\",\"prompt_tokens\":200,\"completion_tokens\":20}]}}\n";
    let step = |part: &str, input: u64, output: u64| {
        format!(
            "{{\"type\":\"step_finish\",\"timestamp\":1795168800000,\"sessionID\":\"ses_1\",\"part\":{{\"id\":\"{part}\",\"messageID\":\"msg_1\",\"type\":\"step-finish\",\"cost\":0,\"tokens\":{{\"input\":{input},\"output\":{output},\"reasoning\":0,\"cache\":{{\"read\":0,\"write\":0}}}}}}}}\n"
        )
    };
    let steps = [step("prt_1", 100, 10), step("prt_2", 200, 20)].concat();
    let send = |input: u64, output: u64| {
        format!(
            "{{\"event\":\"message_send\",\"properties\":{{\"main_model\":\"gpt-5\",\"prompt_tokens\":{input},\"completion_tokens\":{output},\"total_tokens\":{},\"cost\":0,\"total_cost\":0}},\"user_id\":\"u\",\"time\":1795168800}}\n",
            input + output
        )
    };
    let sends = [send(150, 15), send(150, 15)].concat();
    for text in [atif, twice, amp, openhands, reruns, &steps, &sends] {
        assert_eq!(tokens(&billed(text)), (300, 30), "{text}");
        // A copy of the file is the same requests.
        assert_eq!(tokens(&in_files(&[text, text])), (300, 30), "{text}");
    }
    // A step that is printed twice is one.
    assert_eq!(tokens(&billed(&[&*steps, &step("prt_2", 200, 20)].concat())), (300, 30));
    // Two conversations of which nobody knows the names.
    let state = |input: u64| {
        format!(
            r#"{{"metrics":{{"accumulated_token_usage":{{"model":"gpt-5","prompt_tokens":{input},"completion_tokens":10}},"token_usages":[]}},"history":[]}}"#
        )
    };
    assert_eq!(tokens(&in_files(&[&state(100), &state(200)])), (300, 20));
    // Two runs of one session of Gemini CLI, each with its sums.
    let run = |input: u64| {
        format!(
            r#"{{"session_id":"s","stats":{{"models":{{"gemini-2.5-pro":{{"tokens":{{"prompt":{input},"candidates":10,"total":{}}}}}}}}}}}"#,
            input + 10
        )
    };
    assert_eq!(tokens(&in_files(&[&run(100), &run(200), &run(200)])), (300, 20));
}

#[test]
fn the_ledger_of_amp_counts_for_what_no_message_says() {
    let thread = |events: &str| {
        format!(
            r#"{{"id":"T-1","messages":[{{"messageId":1,"usage":{{"model":"gpt-5","inputTokens":100,"outputTokens":10,"totalInputTokens":100}}}}],"usageLedger":{{"events":[{events}]}}}}"#
        )
    };
    let event = |tokens: &str| format!(r#"{{"model":"gpt-5","tokens":{{{tokens}}}}}"#);
    // The message names no role, and the event neither message nor time: by its counts it is the message.
    assert_eq!(tokens(&billed(&thread(&event(r#""input":100,"output":10"#)))), (100, 10));
    assert_eq!(tokens(&billed(&thread(&event(r#""input":70,"output":7"#)))), (170, 17));
    let two = [event(r#""input":100,"output":10"#), event(r#""input":100,"output":10"#)].join(",");
    assert_eq!(tokens(&billed(&thread(&two))), (200, 20));
}

#[test]
fn ids_of_providers_tell_a_request_again_in_another_form() {
    let chat = |id: &str| {
        format!(
            r#"{{"id":"{id}","object":"chat.completion","model":"gpt-5","choices":[],"usage":{{"prompt_tokens":100,"completion_tokens":10,"total_tokens":110}}}}"#
        )
    };
    let openrouter = "generation_id,created_at,model_permaslug,variant,tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,cost_total\ngen-12345678,2026-11-20 10:00:00,openai/gpt-5,standard,100,10,0,0,0.0002\n";
    let openhands = r#"{"instance_id":"i","metrics":{"costs":[],"token_usages":[{"model":"gpt-5","prompt_tokens":100,"completion_tokens":10,"response_id":"gen-12345678"}]}}"#;
    let pydantic = r#"{"kind":"response","parts":[],"model_name":"gpt-5","provider_response_id":"gen-12345678","usage":{"input_tokens":100,"output_tokens":10}}"#;
    let vercel = r#"{"usage":{"inputTokens":100,"outputTokens":10,"totalTokens":110},"finishReason":"stop","response":{"id":"gen-12345678","modelId":"gpt-5"}}"#;
    let agents = r#"{"object":"trace.span","id":"span_1","trace_id":"trace_1","span_data":{"type":"response","response_id":"gen-12345678","usage":{"input_tokens":100,"output_tokens":10}}}"#;
    let langchain = r#"{"type":"ai","content":"","usage_metadata":{"input_tokens":100,"output_tokens":10,"total_tokens":110},"response_metadata":{"id":"gen-12345678","model_name":"gpt-5"}}"#;
    for text in [openhands, pydantic, vercel, agents, langchain] {
        let same = chat("gen-12345678");
        for files in [[text, &same], [&same, text]] {
            assert_eq!(tokens(&in_files(&files)), (100, 10), "{files:?}");
        }
        assert_eq!(tokens(&in_files(&[text, &chat("gen-87654321")])), (200, 20), "{text}");
    }
    assert_eq!(one(openrouter).request, one(&chat("gen-12345678")).request);
    // The same row in two exports that were put into one file.
    let row = openrouter.lines().nth(1).unwrap();
    assert_eq!(tokens(&billed(&format!("{openrouter}{row}\n"))), (100, 10));
}

// Traces and logs.

#[test]
fn spans_of_mlflow_without_ids_count() {
    let span = |usage: u64| {
        format!(
            r#"{{"name":"llm","attributes":{{"mlflow.spanType":"\"CHAT_MODEL\"","mlflow.llm.model":"\"gpt-5\"","mlflow.chat.tokenUsage":"{{\"input_tokens\": {usage}, \"output_tokens\": 10, \"total_tokens\": {}}}"}}}}"#,
            usage + 10
        )
    };
    let trace = |id: &str, spans: &str| {
        format!(
            r#"{{"info":{{{id}"trace_metadata":{{"mlflow.trace.tokenUsage":"{{\"input_tokens\": 300, \"output_tokens\": 20, \"total_tokens\": 320}}"}}}},"data":{{"spans":[{spans}]}}}}"#
        )
    };
    let both = [span(100), span(200)].join(",");
    // The sum of the trace is not added to them.
    for id in [r#""trace_id":"tr-1","#, ""] {
        let text = trace(id, &both);
        assert_eq!(tokens(&billed(&text)), (300, 20), "{text}");
        assert_eq!(tokens(&in_files(&[&text, &text])), (300, 20), "{text}");
    }
    assert_eq!(tokens(&in_files(&[&trace("", &span(100)), &trace("", &span(200))])), (300, 20));
    let agent = span(100).replace("CHAT_MODEL", "AGENT");
    assert_eq!(refused(&trace("", &agent)).len(), 1);
}

#[test]
fn a_count_that_is_no_number_is_refused() {
    let span = |attributes: &str| {
        format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"1b","spanId":"0a","name":"chat","startTimeUnixNano":"1795168800000000000","attributes":[{{"key":"gen_ai.operation.name","value":{{"stringValue":"chat"}}}},{{"key":"gen_ai.request.model","value":{{"stringValue":"gpt-5"}}}},{attributes}]}}]}}]}}]}}"#
        )
    };
    let attribute = |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{value}}}"#);
    let output = attribute("gen_ai.usage.output_tokens", r#"{"intValue":"10"}"#);
    let list = r#"{"arrayValue":{"values":[{"intValue":"60"},{"intValue":"40"}]}}"#;
    for (value, said) in
        [(list, "gen_ai.usage.input_tokens is"), (r#"{"tokenValue":100}"#, "gen_ai.usage.input_tokens is")]
    {
        let text = span(&[attribute("gen_ai.usage.input_tokens", value), output.clone()].join(","));
        let why = refused(&text);
        assert!(why.len() == 1 && why[0].contains(said), "{text}: {why:?}");
        assert!(billed(&text).is_empty());
    }
    // An object of attributes is read as its attributes.
    let nested = r#"{"kvlistValue":{"values":[{"key":"input_tokens","value":{"intValue":"100"}},{"key":"output_tokens","value":{"intValue":"10"}}]}}"#;
    assert_eq!(counts(&one(&span(&attribute("gen_ai.usage", nested)))), "input 100, output 10");
    // A part says that something was used, and a name that nobody knows is told.
    let cached = span(&attribute("gen_ai.usage.cache_read.input_tokens", r#"{"intValue":"900"}"#));
    assert_eq!(counts(&one(&cached)), "cache_read 900");
    let unknown = refused(&span(&attribute("gen_ai.usage.mystery_tokens", r#"{"intValue":"900"}"#)));
    assert!(unknown.len() == 1 && unknown[0].contains("gen_ai.usage.mystery_tokens is 900"), "{unknown:?}");
}

#[test]
fn an_event_with_cached_tokens_alone_is_a_request() {
    let log = |name: &str, attributes: &str| {
        format!(
            r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"timeUnixNano":"1795168800000000000","body":{{"stringValue":"{name}"}},"attributes":[{{"key":"model","value":{{"stringValue":"m"}}}},{attributes}]}}]}}]}}]}}"#
        )
    };
    let count = |key: &str| format!(r#"{{"key":"{key}","value":{{"intValue":"900"}}}}"#);
    let claude = log("claude_code.api_request", &count("cache_read_tokens"));
    assert_eq!(counts(&one(&claude)), "cache_read 900");
    assert_eq!(counts(&one(&log("gemini_cli.api_response", &count("thoughts_token_count")))), "reasoning 900");
    let cost = log("claude_code.api_request", r#"{"key":"cost_usd","value":{"doubleValue":0.5}}"#);
    assert!(refused(&cost)[0].contains("cost_usd 0.5"), "{:?}", refused(&cost));
    // Codex calls the total so: it is not another count.
    let codex = ["input_token_count", "output_token_count", "tool_token_count"];
    let codex = codex.map(count).join(",").replacen("900", "300", 1).replacen("900", "600", 1);
    let kind = r#"{"key":"event.kind","value":{"stringValue":"response.completed"}},"#;
    let entry = one(&log("codex.sse_event", &format!("{kind}{codex}")));
    assert_eq!((counts(&entry), unread(&entry).len()), ("input 300, output 600".to_owned(), 0));
}

// Tables, recordings and names of one thing.

#[test]
fn what_cursor_did_not_charge_for_used_nothing() {
    let event = |kind: &str, input: u64| {
        format!(
            r#"{{"timestamp":"1795168800000","model":"gpt-5","kind":"{kind}","tokenUsage":{{"inputTokens":{input},"outputTokens":10}}}}"#
        )
    };
    let text =
        format!(r#"{{"usageEventsDisplay":[{},{}]}}"#, event("Usage-based", 100), event("Errored, Not Charged", 7));
    assert_eq!(tokens(&billed(&text)), (100, 10));
    let failed = entries_of(&Source::Text(text)).into_iter().filter(|entry| matches!(entry.state, State::Failed(_)));
    assert_eq!(failed.count(), 1);
    // An amount that may be one thing or another is none.
    let row = |cost: &str| {
        one(&format!(
            "Date,Model,Input (w/ Cache Write),Input (w/o Cache Write),Cache Read,Output Tokens,Total Tokens,Cost\n2026-11-20T10:00:00Z,gpt-5,0,5,0,5,10,{cost}\n"
        ))
        .reported
        .map(|reported| reported.amount.to_string())
    };
    assert_eq!((row("\"1,5\""), row("\"$1,234.50\""), row("Included")), (None, Some("1234.50".to_owned()), None));
}

#[test]
fn an_answer_of_a_model_that_cannot_be_read_is_reported() {
    let har = |method: &str, url: &str, body: &str| {
        format!(
            r#"{{"log":{{"entries":[{{"startedDateTime":"2026-11-20T10:00:00Z","request":{{"method":"{method}","url":"{url}"}},"response":{{"status":200,"content":{{"text":{}}}}}}}]}}}}"#,
            serde_json::to_string(body).unwrap()
        )
    };
    let url = "https://api.openai.com/v1/chat/completions";
    for body in [
        r#"{"id":"chatcmpl-1","usage":{"prompt_tok"#,
        r#"{"id":"x","choices":[]}"#,
        "H4sIAAAAbroken",
        "event: done\n\n",
    ] {
        let why = refused(&har("POST", url, body));
        assert!(why.len() == 1 && why[0].contains("api.openai.com"), "{body}: {why:?}");
    }
    // What is no answer of a model is none that could not be read.
    for (method, url) in [
        ("GET", "https://api.openai.com/v1/models"),
        ("POST", "https://api.anthropic.com/v1/messages/count_tokens"),
        ("POST", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:countTokens"),
        ("POST", "https://example.com/v1/chat/completions"),
        ("POST", "https://openrouter.ai/api/frontend/stats"),
    ] {
        assert_eq!(refused(&har(method, url, r#"{"input_tokens":12}"#)), Vec::<String>::new(), "{url}");
    }
    let cassette = "interactions:\n- request:\n    method: POST\n    uri: https://api.anthropic.com/v1/messages\n  response:\n    status: {code: 200}\n    body: {string: 'G1sAAB5rotli'}\n";
    let why = refused(cassette);
    assert!(why.len() == 1 && why[0].contains("api.anthropic.com"), "{why:?}");
}

#[test]
fn what_langchain_hands_on_of_anthropic_is_whole() {
    let message = r#"{"type":"ai","content":"","response_metadata":{"model_name":"claude-sonnet-4-5","usage":{"input_tokens":10,"output_tokens":20,"cache_read_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":40,"ephemeral_1h_input_tokens":50},"server_tool_use":{"web_search_requests":2}}}}"#;
    assert_eq!(
        counts(&one(message)),
        "input 10, cache_read 30, cache_write_5m 40, cache_write_1h 50, output 20, web_search 2"
    );
    let result = r#"{"type":"result","session_id":"s","uuid":"u","total_cost_usd":0.1,"usage":{"input_tokens":10,"output_tokens":20,"cache_creation":{"ephemeral_5m_input_tokens":40,"ephemeral_1h_input_tokens":50},"server_tool_use":{"web_search_requests":2}}}"#;
    assert_eq!(counts(&one(result)), "input 10, cache_write_5m 40, cache_write_1h 50, output 20, web_search 2");
}

#[test]
fn parts_of_a_document_that_cannot_be_read_do_not_hide_the_others() {
    let page = r#"{"object":"page","data":[7,{"start_time":1795219200,"end_time":1795305600,"results":[{"input_tokens":100,"output_tokens":10,"num_model_requests":2,"model":"gpt-5"}]}]}"#;
    let message = r#"{"type":"message","id":"msg_1","model":"claude-sonnet-4-5","usage":{"input_tokens":100,"output_tokens":10,"iterations":[{"type":"compaction","input_tokens":-1,"output_tokens":1},{"type":"message","input_tokens":100,"output_tokens":10}]}}"#;
    // The second step does not say what it used; the sum of all does.
    let steps = r#"{"modelId":"gpt-5","steps":[{"usage":{"inputTokens":60,"outputTokens":6,"totalTokens":66}},{"text":"x"}],"totalUsage":{"inputTokens":100,"outputTokens":10,"totalTokens":110}}"#;
    for (text, bad) in [(page, 1), (message, 1), (steps, 0)] {
        assert_eq!((tokens(&billed(text)), refused(text).len()), ((100, 10), bad), "{text}");
    }
}

#[test]
fn counts_that_are_not_defined_leave_the_sum_to_count() {
    let text = r#"{"steps":[{"usage":{},"response":{"modelId":"gpt-4o"}}],"totalUsage":{"inputTokens":1000,"outputTokens":500,"totalTokens":1500},"response":{"modelId":"gpt-4o"}}"#;
    let all: Vec<String> = billed(text).iter().map(counts).filter(|counts| !counts.is_empty()).collect();
    assert_eq!(all, ["input 1000, output 500"]);
}

#[test]
fn a_sum_beyond_steps_that_all_have_counts_is_said() {
    let text = r#"{"steps":[{"usage":{"inputTokens":1000,"outputTokens":100},"response":{"modelId":"gpt-4o"}}],"totalUsage":{"inputTokens":3000,"outputTokens":400},"response":{"modelId":"gpt-4o"}}"#;
    let entry = one(text);
    assert_eq!(counts(&entry), "input 1000, output 100");
    assert_eq!(unread(&entry), [("totalUsage beyond its parts".to_owned(), "2300".to_owned())]);
}

#[test]
fn the_total_of_googles_own_metadata_holds_results_of_tools() {
    let text = r#"{"usage":{"inputTokens":1000,"outputTokens":900,"reasoningTokens":400,"totalTokens":1900},"response":{"modelId":"gemini-2.5-pro"},"providerMetadata":{"google":{"usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":500,"thoughtsTokenCount":400,"toolUsePromptTokenCount":300,"totalTokenCount":2200}}}}"#;
    let entry = one(text);
    assert_eq!((entry.usage.prompt_tokens(), entry.usage.answer_tokens()), (1300, 900), "{}", counts(&entry));
    assert_eq!(unread(&entry), []);
}

#[test]
fn a_total_is_refused_of_every_span_that_says_it_is_an_answer() {
    for attributes in [
        r#""llm.request.type":"chat","gen_ai.request.model":"gpt-4o","llm.usage.total_tokens":1500"#,
        r#""ai.operationId":"ai.generateText.doGenerate","ai.model.id":"gpt-4o","ai.usage.totalTokens":1500"#,
        r#""langfuse.observation.type":"generation","gen_ai.request.model":"gpt-4o","gen_ai.usage.total_tokens":1500"#,
    ] {
        let text = format!(
            r#"{{"name":"x","span_id":"0a","trace_id":"1b","start_time":"2026-11-20T10:00:00Z","attributes":{{{attributes}}}}}"#
        );
        assert!(billed(&text).is_empty() && refused(&text)[0].contains("1500"), "{text}: {:?}", refused(&text));
    }
}

#[test]
fn what_a_later_copy_adds_does_not_say_how_long_its_prompt_was() {
    let line = |output: u64| {
        format!(
            r#"{{"type":"assistant","sessionId":"s","timestamp":"2026-03-03T10:00:00Z","uuid":"u","requestId":"r","message":{{"id":"msg_1","model":"claude-sonnet-4-5","usage":{{"input_tokens":300000,"output_tokens":{output}}}}}}}"#
        )
    };
    let found = in_files(&[&line(5), &line(1_000)]);
    assert_eq!(found.iter().map(counts).collect::<Vec<_>>(), ["input 300000, output 5", "output 995"]);
    assert_eq!(found.iter().map(|entry| entry.bucket.is_some()).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn counts_of_nothing_leave_the_event_of_the_ledger_to_count() {
    let text = r#"{"id":"T-1","messages":[{"role":"assistant","messageId":1,"usage":{"model":"claude-sonnet-4-5","inputTokens":0,"outputTokens":0,"timestamp":"2026-05-01T00:00:00Z"}}],"usageLedger":{"events":[{"id":"e1","timestamp":"2026-05-01T00:00:00Z","model":"claude-sonnet-4-5","toMessageId":1,"tokens":{"input":1000,"output":100}}]}}"#;
    assert_eq!(tokens(&billed(text)), (1000, 100));
}

#[test]
fn a_count_that_nobody_knows_is_named_at_its_own_span() {
    let span = |id: &str, parent: &str, kind: &str, more: &str| {
        format!(
            r#"{{"traceId":"t1","spanId":"{id}","parentSpanId":"{parent}","startTimeUnixNano":"1764547200000000000","attributes":[{{"key":"gen_ai.operation.name","value":{{"stringValue":"{kind}"}}}},{{"key":"gen_ai.request.model","value":{{"stringValue":"gpt-4o"}}}},{{"key":"gen_ai.usage.input_tokens","value":{{"intValue":"9"}}}}{more}]}}"#
        )
    };
    let odd = r#",{"key":"gen_ai.usage.zorkmid_tokens","value":{"intValue":"777"}}"#;
    // The sum in front repeats the call and is dropped; what was not read of the call stays.
    let spans = [span("a", "", "invoke_agent", ""), span("b", "a", "chat", odd)].join(",");
    let entry = one(&format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#));
    assert_eq!(unread(&entry), [("gen_ai.usage.zorkmid_tokens".to_owned(), "777".to_owned())]);
}

#[test]
fn a_total_alone_is_refused_of_records_of_our_own() {
    let text = r#"{"model":"gpt-4o","usage":{"total_tokens":110}}"#;
    assert!(billed(text).is_empty() && refused(text)[0].contains("total_tokens is 110"), "{:?}", refused(text));
}
