//! The traps of coding agents' sessions, each with the counts that fall out when it is walked into.

use super::*;

/// What is billed of a sample, by name.
fn sampled(name: &str) -> Vec<Entry<'static>> {
    let all = entries_of(&Source::File(sample(name)));
    all.into_iter().filter(|entry| entry.state == State::Done).collect()
}

/// What all entries used of a meter.
fn sum(entries: &[Entry], meter: Meter) -> u64 {
    entries.iter().map(|entry| entry.usage.tokens(meter)).sum()
}

/// Why lines are no records.
fn refused(text: &str) -> Vec<String> {
    let bad = |(_, item): (u64, Item<'static>)| match item {
        Item::Bad(error) => Some(error.to_string()),
        _ => None,
    };
    items(&Source::Text(text.to_owned())).into_iter().filter_map(bad).collect()
}

#[test]
fn a_message_of_gemini_cli_counts_once_however_often_it_is_written_again() {
    let line = |session: &str, tokens: &str| {
        format!(
            "{{\"sessionId\":\"{session}\",\"projectHash\":\"p\"}}\n{{\"id\":\"m\",\"timestamp\":\"2026-05-12T09:00:04Z\",\"type\":\"gemini\",\"model\":\"gemini-2.5-pro\",\"content\":\"\"{tokens}}}\n"
        )
    };
    let first = line("s", "");
    let last = line("s", r#","tokens":{"input":90,"output":7,"cached":40,"thoughts":3,"tool":5,"total":105}"#);
    let entry = one(&format!("{first}{last}{last}"));
    let want = [("input", "55"), ("cache_read", "40"), ("output", "7"), ("reasoning", "3")];
    assert_eq!(used(&entry), want.map(|(meter, count)| (meter, count.to_owned())));
    // Another session has a message of the same name.
    assert_eq!(billed(&format!("{last}{}", last.replace("\"s\"", "\"t\""))).len(), 2);
    // The total says where thoughts are.
    let inside = last.replace("105", "102");
    assert_eq!(used(&one(&inside))[2..], [("output", "4".to_owned()), ("reasoning", "3".to_owned())]);
}

#[test]
fn the_stream_of_gemini_cli_says_its_thoughts_in_the_total_alone() {
    let text = r#"{"type":"init","timestamp":"2026-05-12T09:00:00Z","session_id":"s","model":"gemini-2.5-pro"}
{"type":"message","timestamp":"2026-05-12T09:00:01Z","role":"assistant","content":"ok","delta":true}
{"type":"result","timestamp":"2026-05-12T09:00:02Z","status":"success","stats":{"total_tokens":1300,"input_tokens":1000,"output_tokens":100,"cached":600,"input":400,"duration_ms":9,"tool_calls":0}}
"#;
    let entry = one(text);
    assert_eq!(entry.model.as_deref(), Some("gemini-2.5-pro"));
    let want = [("input", "400"), ("cache_read", "600"), ("output", "100"), ("reasoning", "200")];
    assert_eq!(used(&entry), want.map(|(meter, count)| (meter, count.to_owned())));
}

#[test]
fn telemetry_and_the_line_of_the_assistant_are_one_request_of_qwen_code() {
    let all = sampled("qwen-code/chat.jsonl");
    assert_eq!((all.len(), sum(&all, Meter::CacheRead)), (3, 5000));
    // Two requests that used the same are two, each with both of its lines.
    let text = std::fs::read_to_string(sample("qwen-code/chat.jsonl")).unwrap();
    let pair: String = text.lines().take(2).map(|line| format!("{line}\n")).collect();
    assert_eq!(billed(&pair.repeat(2)).len(), 2);
}

#[test]
fn a_branch_of_a_session_of_pi_is_the_same_requests() {
    let text = std::fs::read_to_string(sample("pi/session.jsonl")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sources = ["one.jsonl", "two.jsonl"].map(|name| {
        let path = folder.path().join(name);
        std::fs::write(&path, &text).unwrap();
        path
    });
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_farebox"))
        .args(["usage", "--at", "2026-11-20", "--format", "json"])
        .args(&sources)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(report["priced"], 1, "{report}");
}

#[test]
fn a_cache_count_that_may_be_inside_or_beside_is_refused() {
    let text = |protocol: &str, input: u64| {
        format!(
            r#"[{{"ts":1768507200900,"type":"say","say":"api_req_started","text":"{{\"apiProtocol\":\"{protocol}\",\"tokensIn\":{input},\"tokensOut\":2,\"cacheReads\":500,\"cacheWrites\":0}}"}}]"#
        )
    };
    assert!(refused(&text("anthropic", 4100))[0].contains("cacheReads 500"));
    assert_eq!(used(&one(&text("openai", 4100)))[0], ("input", "3600".to_owned()));
}

#[test]
fn requests_that_cline_took_back_were_billed() {
    let text = r#"[{"ts":1,"type":"say","say":"deleted_api_reqs","text":"{\"tokensIn\":10,\"tokensOut\":4,\"cacheWrites\":0,\"cacheReads\":0,\"cost\":0.1}","modelInfo":{"providerId":"anthropic","modelId":"claude-sonnet-4-5"}}]"#;
    assert!(one(text).bucket.is_some());
}

#[test]
fn a_run_of_claude_without_a_result_counts_its_messages() {
    let text = std::fs::read_to_string(sample("claude-result/stream.jsonl")).unwrap();
    assert_eq!(sum(&billed(&text), Meter::Output), 233);
    let cut: String = text.lines().take(3).map(|line| format!("{line}\n")).collect();
    assert_eq!(sum(&billed(&cut), Meter::Output), 2);
    // It was cut off, and another run was appended.
    assert_eq!(
        sum(&billed(&format!("{cut}{}", text.replace("msg_a", "msg_b").replace("\"s3\"", "\"s4\""))), Meter::Output),
        235
    );
}

#[test]
fn the_second_result_of_a_session_that_goes_on_contains_the_first() {
    let result = |uuid: &str, all: [u64; 2], latest: [u64; 2]| {
        format!(
            "{{\"type\":\"result\",\"session_id\":\"s\",\"uuid\":\"{uuid}\",\"total_cost_usd\":0.1,\"usage\":{{\"input_tokens\":{},\"output_tokens\":{}}},\"modelUsage\":{{\"claude-sonnet-4-5\":{{\"inputTokens\":{},\"outputTokens\":{}}}}}}}\n",
            latest[0], latest[1], all[0], all[1]
        )
    };
    let first = result("1", [10, 100], [10, 100]);
    let on = billed(&format!("{first}{}", result("2", [25, 130], [15, 30])));
    assert_eq!((sum(&on, Meter::Input), sum(&on, Meter::Output)), (25, 130));
    let anew = billed(&format!("{first}{}", result("2", [15, 130], [15, 130])));
    assert_eq!((sum(&anew, Meter::Input), sum(&anew, Meter::Output)), (25, 230));
    assert_eq!(billed(&first.repeat(2)).len(), 1, "the same result twice");
}

#[test]
fn a_session_of_copilot_without_its_sums_is_reported() {
    let text = std::fs::read_to_string(sample("copilot-cli/events.jsonl")).unwrap();
    assert!(refused(&text).is_empty());
    let cut: String = text.lines().take(2).map(|line| format!("{line}\n")).collect();
    assert!(refused(&cut)[0].contains("640 output tokens"), "{:?}", refused(&cut));
    // Sums without any model are none.
    let empty = format!(
        "{cut}{{\"type\":\"session.shutdown\",\"id\":\"e\",\"timestamp\":\"2026-11-20T10:00:09Z\",\"parentId\":null,\"data\":{{\"modelMetrics\":{{}}}}}}\n"
    );
    assert_eq!(refused(&empty).len(), 1);
}

#[test]
fn a_thread_of_codex_exec_counts_what_each_turn_adds() {
    let all = sampled("codex-exec/run.jsonl");
    let output = sum(&all, Meter::Output) + sum(&all, Meter::Reasoning);
    assert_eq!((sum(&all, Meter::CacheRead), output), (25_000, 400));
}

#[test]
fn models_of_cursor_have_the_names_of_their_makers() {
    let named = |name: &str| {
        let text = format!(
            "Date,Model,Input (w/ Cache Write),Input (w/o Cache Write),Cache Read,Output Tokens,Total Tokens,Cost,Cost to you\n2026-11-20T10:00:00Z,{name},0,5,0,5,10,$0.01,$0.01\n"
        );
        one(&text)
    };
    for (written, public) in [
        ("claude-4.5-sonnet-thinking", "claude-sonnet-4-5"),
        ("claude-4.6-opus-high-thinking", "claude-opus-4-6"),
        ("claude-4-sonnet-1m-thinking", "claude-sonnet-4"),
        ("claude-3.7-sonnet-thinking", "claude-3-7-sonnet"),
        ("claude-opus-4-7-thinking-high", "claude-opus-4-7"),
        ("gpt-5.1-codex-max-xhigh", "gpt-5.1-codex-max"),
        ("gpt-5-codex", "gpt-5-codex"),
        ("gemini-2.5-pro", "gemini-2.5-pro"),
        ("gemini-3-pro", "gemini-3-pro-preview"),
        ("grok-code-fast-1", "grok-code-fast-1"),
        ("auto", "auto"),
        ("composer-1.5", "composer-1.5"),
    ] {
        assert_eq!(named(written).model.as_deref(), Some(public), "{written}");
    }
    assert_eq!(named("composer-1.5").provider.as_deref(), Some("cursor"));
    assert_eq!(named("gpt-5-high-fast").context.get(Dimension::ServiceTier), Some("priority"));
    assert_eq!(named("claude-4.6-opus-fast").context.get(Dimension::Speed), Some("fast"));
}

#[test]
fn the_total_of_a_row_of_cursor_says_what_is_inside() {
    let row = |with: u64, without: u64, total: u64| {
        format!(
            "Date,Kind,Model,Max Mode,Input (w/ Cache Write),Input (w/o Cache Write),Cache Read,Output Tokens,Total Tokens,Cost\n2026-11-20T10:00:00Z,Included,gpt-5,No,{with},{without},100,10,{total},Included\n"
        )
    };
    let of = |text: &str| (one(text).usage.tokens(Meter::Input), one(text).usage.tokens(Meter::CacheWrite5m));
    assert_eq!(of(&row(50, 20, 180)), (20, 50));
    assert_eq!(of(&row(50, 20, 160)), (20, 30), "w/ contains w/o");
    assert!(refused(&row(50, 20, 500))[0].contains("Total Tokens is 500"));
}

#[test]
fn a_run_is_counted_by_its_sum_where_it_names_no_requests() {
    let all = sampled("swe-agent/repo-1.traj");
    assert_eq!(all.len(), 1);
    assert_eq!(used(&all[0]), [("input", "90000".to_owned()), ("output", "1500".to_owned())]);
    assert_eq!(all[0].bucket.unwrap().requests, Some(8));
    // total_cost runs on over runs.
    assert_eq!(all[0].reported.as_ref().unwrap().amount.to_string(), "0.31");
    let with = |config: &str| {
        let text = std::fs::read_to_string(sample("swe-agent/repo-1.traj")).unwrap();
        one(&text.replacen('{', &format!("{{\"replay_config\": {config},"), 1))
    };
    let named = with(r#""{\"agent\":{\"model\":{\"name\":\"anthropic/claude-sonnet-4-5\"}}}""#);
    assert_eq!((named.provider.as_deref(), named.model.as_deref()), (Some("anthropic"), Some("claude-sonnet-4-5")));
}

#[test]
fn events_of_openhands_repeat_the_metrics_so_far() {
    let event = |id: u64, usages: &str| {
        format!(
            "{{\"id\":{id},\"action\":\"run\",\"llm_metrics\":{{\"accumulated_cost\":0.1,\"costs\":[],\"token_usages\":[{usages}]}}}}\n"
        )
    };
    let one_of =
        |id: &str| format!(r#"{{"model":"gpt-5","prompt_tokens":100,"completion_tokens":5,"response_id":"{id}"}}"#);
    let all = billed(&format!("{}{}", event(1, &one_of("a")), event(2, &format!("{},{}", one_of("a"), one_of("b")))));
    assert_eq!((all.len(), sum(&all, Meter::Input)), (2, 200));
}

#[test]
fn steps_copied_from_an_earlier_trajectory_happened_there() {
    let text = std::fs::read_to_string(sample("atif/trajectory.json")).unwrap();
    assert_eq!(sum(&billed(&text), Meter::Input), 1800);
    let copied = text.replace("\"step_id\": 2,", "\"step_id\": 2, \"is_copied_context\": true,");
    assert_eq!(sum(&billed(&copied), Meter::Input), 800);
}

#[test]
fn a_step_of_opencode_run_is_the_message_that_opencode_keeps() {
    let run = std::fs::read_to_string(sample("opencode-run/run.jsonl")).unwrap();
    let kept = r#"{"id":"msg_1","sessionID":"ses_1","role":"assistant","modelID":"claude-sonnet-4-5","providerID":"anthropic","tokens":{"input":671,"output":8,"reasoning":5,"cache":{"read":8594,"write":160}}}"#;
    assert_eq!(billed(&format!("{run}{kept}\n")).len(), 1);
}

#[test]
fn roo_and_kilo_name_no_model() {
    for (name, dialect, input) in [("roo", Dialect::Roo, 4100), ("kilo", Dialect::Kilo, 1100)] {
        let all = sampled(&format!("{name}/ui_messages.json"));
        assert_eq!((all.len(), all[0].dialect, all[0].model.as_deref()), (1, dialect, None));
        assert_eq!(all[0].usage.tokens(Meter::Input), input);
    }
}

/// A database as an agent keeps it, with what a statement puts into it.
#[cfg(feature = "sqlite")]
fn database(statements: &str) -> (tempfile::TempDir, Source) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch(statements).unwrap();
    (folder, Source::File(path))
}

#[test]
#[cfg(feature = "sqlite")]
fn a_session_of_goose_is_what_accumulated_and_not_its_last_request() {
    let (_folder, source) = database(
        r#"CREATE TABLE sessions (id TEXT PRIMARY KEY, name TEXT, working_dir TEXT, created_at TIMESTAMP, updated_at TIMESTAMP,
            total_tokens INTEGER, input_tokens INTEGER, output_tokens INTEGER, accumulated_total_tokens INTEGER,
            accumulated_input_tokens INTEGER, accumulated_output_tokens INTEGER, provider_name TEXT, model_config_json TEXT);
        INSERT INTO sessions VALUES ('1', 'x', '/w', '2026-11-20 10:00:00', '2026-11-20 10:05:00', 5200, 5000, 200, 20200,
            20000, 200, 'anthropic', '{"model_name":"claude-sonnet-4-5"}');
        INSERT INTO sessions VALUES ('2', 'x', '/w', '2026-11-20 10:00:00', '2026-11-20 10:05:00', 90, 80, 10, NULL, NULL, NULL,
            'anthropic', NULL);"#,
    );
    let all = entries_of(&source);
    assert_eq!(all.len(), 1);
    assert_eq!(used(&all[0]), [("input", "20000".to_owned()), ("output", "200".to_owned())]);
    assert_eq!((all[0].model.as_deref(), all[0].at.unwrap().unix()), (Some("claude-sonnet-4-5"), 1_795_168_800));
    let bad = |(_, item): &(u64, Item)| matches!(item, Item::Bad(_));
    assert_eq!(items(&source).iter().filter(|item| bad(item)).count(), 1, "the last request alone");
}

#[test]
#[cfg(feature = "sqlite")]
fn a_session_of_crush_has_the_sessions_in_it_that_it_began() {
    let (_folder, source) = database(
        "CREATE TABLE sessions (id TEXT PRIMARY KEY, parent_session_id TEXT, title TEXT, message_count INTEGER, prompt_tokens INTEGER,
            completion_tokens INTEGER, cost REAL, updated_at INTEGER, created_at INTEGER);
        CREATE TABLE messages (id TEXT PRIMARY KEY, session_id TEXT, role TEXT, parts TEXT, model TEXT, provider TEXT);
        INSERT INTO sessions VALUES ('a', NULL, 't', 2, 1000, 100, 0.0045, 1795168900, 1795168800),
            ('b', 'a', 't', 2, 400, 40, 0.001, 1795168900, 1795168800), ('c', NULL, 't', 2, 7, 7, 0, 1795168900, 1795168800);
        INSERT INTO messages VALUES ('1', 'a', 'user', '[]', NULL, NULL), ('2', 'a', 'assistant', '[]', 'claude-sonnet-4-5', 'anthropic'),
            ('3', 'c', 'assistant', '[]', 'm1', 'p'), ('4', 'c', 'assistant', '[]', 'm2', 'p');",
    );
    let all = entries_of(&source);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(used(&all[0]), [("input", "1000".to_owned()), ("output", "100".to_owned())]);
    assert_eq!((all[0].provider.as_deref(), all[0].model.as_deref()), (Some("anthropic"), Some("claude-sonnet-4-5")));
    let text = items(&source).iter().map(|(_, item)| format!("{item:?}")).collect::<String>();
    assert!(text.contains("the session used m1, m2"), "{text}");
}

#[test]
#[cfg(feature = "sqlite")]
fn hermes_says_what_each_model_used_or_the_sum_of_the_session() {
    let columns = "input_tokens INTEGER, output_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER, reasoning_tokens INTEGER, actual_cost_usd REAL";
    let (_folder, source) = database(&format!(
        "CREATE TABLE sessions (id TEXT PRIMARY KEY, model TEXT, billing_provider TEXT, started_at REAL, {columns});
        CREATE TABLE session_model_usage (session_id TEXT, model TEXT, billing_provider TEXT, {columns});
        INSERT INTO sessions VALUES ('a', 'gpt-5', 'openai', 1795168800.5, 50, 30, 500, 0, 20, 0.1),
            ('b', 'gpt-5', 'openai', 1795168800.5, 1, 2, 3, 4, 0, NULL);
        INSERT INTO session_model_usage VALUES ('a', 'gpt-5', 'openai', 40, 25, 500, 0, 20, NULL),
            ('a', 'gpt-5-mini', 'openai', 10, 5, 0, 0, 0, NULL);"
    ));
    let all = entries_of(&source);
    assert_eq!((all.len(), sum(&all, Meter::Input), sum(&all, Meter::CacheRead)), (3, 51, 503));
    let output = [("output", "5".to_owned()), ("reasoning", "20".to_owned())];
    assert!(all.iter().any(|entry| used(entry).ends_with(&output)), "{all:?}");
}

#[test]
#[cfg(feature = "sqlite")]
fn the_sum_of_a_thread_of_zed_counts_for_what_its_requests_leave_out() {
    let thread = r#"{"version":"0.3.0","messages":[],"model":{"provider":"anthropic","model":"claude-sonnet-4-5"},
        "request_token_usage":{"u1":{"input_tokens":100,"output_tokens":20}},
        "cumulative_token_usage":{"input_tokens":400,"output_tokens":60,"cache_read_input_tokens":10}}"#;
    let (_folder, source) = database(&format!(
        "CREATE TABLE threads (id TEXT PRIMARY KEY, summary TEXT, updated_at TEXT, data_type TEXT, data BLOB);
        INSERT INTO threads VALUES ('t', 's', '2026-11-20T10:00:00Z', 'json', CAST('{thread}' AS BLOB)),
            ('u', 's', '2026-11-20T10:00:00Z', 'zstd', x'28b52ffd00');"
    ));
    let all = entries_of(&source);
    assert_eq!((all.len(), sum(&all, Meter::Input), sum(&all, Meter::Output)), (2, 400, 60));
    let text = items(&source).iter().map(|(_, item)| format!("{item:?}")).collect::<String>();
    assert!(text.contains("thread u cannot be unpacked"), "{text}");
}

/// What `farebox usage` says of some texts, each a file of its own.
fn priced(files: &[(&str, &str)]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let paths = files.iter().map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    });
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_farebox"))
        .args(["usage", "--at", "2026-03-01", "--format", "json"])
        .args(paths)
        .output()
        .unwrap();
    serde_json::from_slice(&ran.stdout).unwrap()
}

#[test]
fn a_session_and_the_result_of_its_run_count_once_in_either_order() {
    let session = r#"{"type":"assistant","sessionId":"s","timestamp":"2026-03-01T10:00:00Z","uuid":"u","message":{"id":"msg_1","model":"claude-sonnet-4-5","usage":{"input_tokens":10,"output_tokens":100,"cache_read_input_tokens":50}}}"#;
    let result = r#"{"type":"result","session_id":"s","uuid":"r","total_cost_usd":0.1,"modelUsage":{"claude-sonnet-4-5":{"inputTokens":10,"outputTokens":100,"cacheReadInputTokens":50},"claude-haiku-4-5":{"inputTokens":1000,"outputTokens":0}}}"#;
    let (session, result) = (("session.jsonl", session), ("result.json", result));
    // 10 · 3 + 100 · 15 + 50 · 0.3 = 1,545 of a million, and 1,000 · 1 of the other model.
    for files in [[session, result], [result, session]] {
        assert_eq!(priced(&files)["total_usd"], "0.002545");
    }
    assert_eq!(priced(&[session])["total_usd"], "0.001545");
}

#[test]
fn a_sum_without_a_model_leaves_its_requests_their_price() {
    let line = |kind: &str, payload: &str| {
        format!("{{\"timestamp\":\"2026-02-24T10:00:00Z\",\"type\":\"{kind}\",\"payload\":{payload}}}\n")
    };
    let counts = r#"{"input_tokens":1000,"cached_input_tokens":400,"output_tokens":100,"reasoning_output_tokens":0,"total_tokens":1100}"#;
    let session = line("session_meta", r#"{"id":"t","cwd":"/w","model_provider":"openai"}"#)
        + &line("turn_context", r#"{"model":"gpt-5"}"#)
        + &line(
            "event_msg",
            &format!(r#"{{"type":"token_count","info":{{"total_token_usage":{counts},"last_token_usage":{counts}}}}}"#),
        );
    let exec = format!(
        "{{\"type\":\"thread.started\",\"thread_id\":\"t\"}}\n{{\"type\":\"turn.completed\",\"usage\":{counts}}}\n"
    );
    let (session, exec) = (("session.jsonl", &*session), ("exec.jsonl", &*exec));
    let alone = priced(&[session]);
    assert_ne!(alone["total_usd"], "0");
    for files in [[session, exec], [exec, session]] {
        let both = priced(&files);
        assert_eq!(
            (&both["total_usd"], both["unpriced"].as_array().map(Vec::len)),
            (&alone["total_usd"], alone["unpriced"].as_array().map(Vec::len)),
            "{both:#}"
        );
    }
}

#[test]
fn a_cache_that_cline_may_count_twice_is_said() {
    let text = |provider: &str| {
        format!(
            r#"[{{"ts":1768507200900,"type":"say","say":"api_req_started","text":"{{\"tokensIn\":40,\"tokensOut\":2,\"cacheReads\":500,\"cacheWrites\":0}}","modelInfo":{{"providerId":"{provider}","modelId":"claude-sonnet-4-5"}}}}]"#
        )
    };
    assert!(one(&text("anthropic")).unread.is_empty());
    assert_eq!(one(&text("openrouter")).unread[0].value, "500");
}
