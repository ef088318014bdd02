//! Sessions of coding agents: what is copied from one to another counts where it happened, once.

use farebox::context::Dimension;
use farebox::input::calls::{Reading, each};
use farebox::input::dialect::{Entry, Item};
use farebox::input::text::Source;
use farebox::meter::Meter;

use super::{billed, one, used};

/// Input, cached, written, output, thinking.
type Five = [u64; 5];

fn usage([input, cached, written, output, thinking]: Five) -> String {
    format!(
        r#"{{"input_tokens":{input},"cached_input_tokens":{cached},"cache_write_input_tokens":{written},"output_tokens":{output},"reasoning_output_tokens":{thinking},"total_tokens":{}}}"#,
        input + output
    )
}

fn line(at: &str, kind: &str, payload: &str) -> String {
    format!("{{\"timestamp\":\"2026-06-24T{at}Z\",\"type\":\"{kind}\",\"payload\":{payload}}}\n")
}

fn head(at: &str, id: &str, more: &str) -> String {
    let payload = format!(r#"{{"id":"{id}","cwd":"/w","model_provider":"openai"{more}}}"#);
    line(at, "session_meta", &payload) + &line(at, "turn_context", r#"{"model":"gpt-5.2"}"#)
}

fn counts(at: &str, total: Five, last: Five) -> String {
    let info = format!(r#"{{"total_token_usage":{},"last_token_usage":{}}}"#, usage(total), usage(last));
    line(at, "event_msg", &format!(r#"{{"type":"token_count","info":{info}}}"#))
}

fn record(at: &str, thread: &str, response: &str, counts: Five) -> String {
    let payload = format!(r#"{{"thread_id":"{thread}","response_id":"{response}","usage":{}}}"#, usage(counts));
    line(at, "token_usage_record", &payload)
}

/// The prompts of what is billed.
fn prompts(text: &str) -> Vec<u64> {
    billed(text).iter().map(|entry| entry.usage.prompt_tokens()).collect()
}

/// The prompts of what is billed in several files, which are read in turn.
fn prompts_of_files(texts: &[&str]) -> Vec<u64> {
    let dir = tempfile::tempdir().unwrap();
    let mut sequence = farebox::input::calls::sequence::Sequence::default();
    let mut found = Vec::new();
    let mut take = |_: u64, item: Item<'static>| {
        if let Item::Entry(entry) = item {
            found.push(entry.usage.prompt_tokens());
        }
    };
    for (place, text) in texts.iter().enumerate() {
        let path = dir.path().join(format!("{place}.jsonl"));
        std::fs::write(&path, text).unwrap();
        let mut raw = Vec::new();
        let chunk = farebox::input::calls::chunks::Chunk {
            bytes: std::fs::read(&path).unwrap(),
            first_line: 1,
            ..Default::default()
        };
        farebox::input::calls::read_chunk(&chunk, &Reading::default(), &mut |line, item| {
            raw.push((line, item.into_owned()));
        });
        raw.into_iter().for_each(|(line, item)| sequence.take(line, item, &mut take));
        sequence.end(&mut take);
    }
    found
}

const FIRST: Five = [1_000, 0, 0, 100, 0];
const SECOND: Five = [2_500, 900, 0, 250, 50];
const STEP: Five = [1_500, 900, 0, 150, 50];

fn parent() -> String {
    head("10:00:00", "P", "") + &counts("10:01:00", FIRST, FIRST) + &counts("10:02:00", SECOND, STEP)
}

#[test]
fn what_a_fork_copies_counts_in_the_session_it_was_copied_from() {
    let third = counts("12:04:00", [4_500, 2_400, 0, 450, 50], [2_000, 1_500, 0, 200, 0]);
    // The copy has the time of the fork; the head of the parent stands in it, too, or is left out.
    let copied = |more: &str| {
        head("12:00:00", "F", more)
            + &line("12:00:00", "session_meta", r#"{"id":"P","cwd":"/w"}"#)
            + &counts("12:00:00.100", FIRST, FIRST)
            + &counts("12:00:00.100", SECOND, STEP)
            + &third
    };
    for marker in [
        r#","forked_from_id":"P""#,
        r#","parent_thread_id":"P""#,
        r#","source":{"subagent":{"thread_spawn":{"parent_thread_id":"P","depth":1}}}"#,
        r#","thread_source":"subagent""#,
        // Older forks say nothing, but that the head of another session follows their own.
        "",
    ] {
        assert_eq!(prompts(&copied(marker)), [2_000], "{marker}");
        assert_eq!(prompts_of_files(&[&parent(), &copied(marker)]), [1_000, 1_500, 2_000], "{marker}");
        assert_eq!(prompts(&(parent() + &copied(marker))), [1_000, 1_500, 2_000], "{marker}");
    }
    // A copy that kept its times, and one that took longer to write than a second.
    let fork = head("12:00:00", "F", r#","forked_from_id":"P""#);
    let old = fork.clone() + &counts("10:01:00", FIRST, FIRST) + &counts("10:02:00", SECOND, STEP) + &third;
    assert_eq!(prompts(&old), [2_000]);
    let slow = fork + &counts("12:00:00.950", FIRST, FIRST) + &counts("12:00:01.040", SECOND, STEP) + &third;
    assert_eq!(prompts(&slow), [2_000]);
}

#[test]
fn a_child_begins_at_zero_or_where_its_parent_ended() {
    let child = head("12:00:00", "C", r#","parent_thread_id":"P""#);
    // Nothing was copied and the totals are its own.
    let own = child.clone() + &counts("12:00:09", FIRST, FIRST) + &counts("12:00:19", SECOND, STEP);
    assert_eq!(prompts(&own), [1_000, 1_500]);
    // Nothing was copied but the total.
    let heir = child.clone() + &counts("12:00:09", [53_000, 41_000, 0, 2_700, 550], [3_000, 1_000, 0, 200, 50]);
    assert_eq!(prompts(&heir), [3_000]);
    // The lines were copied and the totals begin again, also where the first request is larger than all that was copied.
    let again =
        child + &counts("12:00:00.1", FIRST, FIRST) + &counts("12:00:30", [9_000, 0, 0, 9, 0], [9_000, 0, 0, 9, 0]);
    assert_eq!(prompts(&again), [9_000]);
}

#[test]
fn a_session_in_two_places_is_one() {
    assert_eq!(prompts_of_files(&[&parent(), &parent()]), [1_000, 1_500]);
    // One of them was written to since.
    let longer = parent() + &counts("10:03:00", [2_600, 900, 0, 260, 50], [100, 0, 0, 10, 0]);
    assert_eq!(prompts_of_files(&[&parent(), &longer]), [1_000, 1_500, 100]);
    // Two sessions with the same counts are two.
    let other = parent().replace("\"id\":\"P\"", "\"id\":\"Q\"");
    assert_eq!(prompts_of_files(&[&parent(), &other]), [1_000, 1_500, 1_000, 1_500]);
}

#[test]
fn written_tokens_of_codex_are_a_part_of_its_input() {
    let all = [51_599, 36_339, 15_248, 267, 7];
    let entry = one(&(head("10:00:00", "n", "") + &counts("10:00:09", all, all)));
    assert_eq!(
        used(&entry),
        [
            ("input", "12".into()),
            ("cache_read", "36339".into()),
            ("cache_write_5m", "15248".into()),
            ("output", "260".into()),
            ("reasoning", "7".into())
        ]
    );
}

#[test]
fn a_request_without_a_total_is_one_and_a_total_over_several_is_split() {
    let alone = |at: &str, last: Five| {
        line(at, "event_msg", &format!(r#"{{"type":"token_count","info":{{"last_token_usage":{}}}}}"#, usage(last)))
    };
    let text = head("10:00:00", "a", "") + &alone("10:00:10", FIRST) + &alone("10:00:20", STEP);
    assert_eq!(prompts(&text), [1_000, 1_500]);
    assert_eq!(prompts_of_files(&[&text, &text]), [1_000, 1_500]);
    // A line between is missing: no request had 300,000 tokens, and the last one says how many it had.
    let text = head("10:00:00", "b", "")
        + &counts("10:00:10", FIRST, FIRST)
        + &counts("10:00:20", [301_000, 0, 0, 400, 0], [160_000, 0, 0, 100, 0]);
    let all = billed(&text);
    assert_eq!(all.iter().map(|e| e.usage.prompt_tokens()).collect::<Vec<_>>(), [1_000, 160_000, 140_000]);
    assert_eq!(all.iter().map(|e| e.bucket.is_some()).collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn a_record_of_a_request_and_its_total_are_one_request() {
    let compaction = [50_400, 50_000, 0, 2_000, 0];
    let text = head("10:00:00", "t", "")
        + &record("10:00:05", "t", "resp_a", FIRST)
        + &counts("10:00:05", FIRST, FIRST)
        + &record("10:01:00", "t", "resp_c", compaction)
        + &line("10:01:01", "compacted", r#"{"compaction_response_id":"resp_c"}"#)
        // The total may come first.
        + &counts("10:02:00", SECOND, STEP)
        + &record("10:02:00", "t", "resp_d", STEP);
    assert_eq!(prompts(&text), [1_000, 50_400, 1_500]);
    // In the copy that a fork begins with, a record names the thread that it was made for.
    let fork = head("12:00:00", "F", r#","forked_from_id":"t""#)
        + &record("12:00:05", "t", "resp_a", FIRST)
        + &record("12:00:09", "F", "resp_f", STEP);
    assert_eq!(prompts(&fork), [1_500]);
}

#[test]
fn settings_of_a_thread_hold_for_the_requests_behind_them() {
    let settings = |at: &str, tier: &str| {
        let settings = format!(r#"{{"model":"gpt-5.6-sol","model_provider_id":"openai"{tier}}}"#);
        line(at, "event_msg", &format!(r#"{{"type":"thread_settings_applied","thread_settings":{settings}}}"#))
    };
    let text = line("10:00:00", "session_meta", r#"{"id":"s"}"#)
        + &settings("10:00:01", r#","service_tier":"fast""#)
        + &counts("10:00:09", FIRST, FIRST)
        + &settings("10:00:10", "")
        + &counts("10:00:19", SECOND, STEP);
    let tiers = |entry: &Entry| {
        let tier = entry.context.get(Dimension::ServiceTier).map(str::to_owned);
        (entry.model.as_deref().map(str::to_owned), tier)
    };
    let model = || Some("gpt-5.6-sol".to_owned());
    let found: Vec<_> = billed(&text).iter().map(tiers).collect();
    assert_eq!(found, [(model(), Some("priority".to_owned())), (model(), None)]);
}

fn message(more: &str, id: &str, output: u32) -> String {
    format!(
        "{{\"type\":\"assistant\",\"sessionId\":\"s\",\"timestamp\":\"2026-05-25T10:00:00Z\"{more},\"message\":{{{id}\"model\":\"claude-sonnet-4-6\",\"usage\":{{\"input_tokens\":10,\"cache_creation_input_tokens\":1000,\"cache_read_input_tokens\":20000,\"output_tokens\":{output}}}}}}}\n"
    )
}

#[test]
fn a_message_of_claude_code_is_told_by_its_own_id() {
    let a = r#""id":"msg_A","#;
    let main = message(r#","isSidechain":false,"requestId":"req_1""#, a, 500);
    let side = message(r#","isSidechain":true,"requestId":"req_2","uuid":"u2""#, a, 500);
    let bare = message(r#","isSidechain":false"#, a, 500);
    let other = message(r#","isSidechain":true,"requestId":"req_3""#, r#""id":"msg_B","#, 500);
    let all = billed(&(main.clone() + &side + &bare + &other));
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(prompts_of_files(&[&main, &(side.clone() + &other)]).len(), 2);
    // The copy in the subagent's file is not the subagent's.
    let tags: Vec<usize> = billed(&(main + &side)).iter().map(|entry| entry.labels.tags.len()).collect();
    assert_eq!(tags, [0]);
    // Without an id of its own, a message is told by its request.
    let lines = [1, 7].map(|output| message(r#","requestId":"req_9""#, "", output)).concat();
    assert_eq!(billed(&lines).iter().map(|e| e.usage.tokens(Meter::Output)).collect::<Vec<_>>(), [7]);
}

#[test]
fn an_advisors_request_counts_under_its_own_model_once() {
    let line = concat!(
        r#"{"type":"assistant","sessionId":"s","costUSD":0.3,"message":{"id":"msg_V","model":"claude-sonnet-4-6","usage":{"input_tokens":1200,"output_tokens":300,"iterations":["#,
        r#"{"type":"message","input_tokens":1200,"output_tokens":300},"#,
        r#"{"type":"advisor_message","model":"claude-opus-4-8","input_tokens":51000,"output_tokens":900},"#,
        r#"{"type":"compaction","input_tokens":700,"output_tokens":70}]}}}"#,
        "\n"
    );
    let all = billed(&line.repeat(2));
    let found: Vec<_> = all.iter().map(|e| (e.model.as_deref().unwrap(), e.usage.prompt_tokens())).collect();
    assert_eq!(found, [("claude-opus-4-8", 51_000), ("claude-sonnet-4-6", 700), ("claude-sonnet-4-6", 1_200)]);
    assert_eq!(all.iter().filter(|entry| entry.reported.is_some()).count(), 1);
}

#[test]
fn thinking_of_opencode_stands_where_its_total_says() {
    let message = |total: &str| {
        format!(
            r#"{{"id":"m","sessionID":"s","role":"assistant","modelID":"gpt-5.4","providerID":"openai","tokens":{{{total}"input":100,"output":50,"reasoning":30,"cache":{{"read":7,"write":0}}}}}}"#
        )
    };
    let output = |total: &str| one(&message(total)).usage.tokens(Meter::Output);
    assert_eq!(output(r#""total":157,"#), 20);
    assert_eq!(output(r#""total":187,"#), 50);
    // Nothing says where it stands.
    assert_eq!(output(""), 50);
}

#[test]
fn sources_of_sessions_are_read_to_their_end() {
    // A text that ends in the middle of a session hands out all that it told.
    let mut count = 0;
    each(&Source::Text(parent()), &Reading::default(), &mut |_, item| {
        count += usize::from(matches!(item, Item::Entry(_)));
    })
    .unwrap();
    assert_eq!(count, 2);
}
