//! The library as a program of a stranger's uses it: what it answers is what the command line answers, what cannot be answered
//! is an error and never a panic, and everything can be shared between threads.

use crate::support::farebox;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use farebox::period::Instant;
use farebox::tokenizer::Basis;
use farebox::{
    Checked, Compared, CountError, Farebox, JobError, Planned, PriceError, PricesError, RequestCount, Task, UsageCost,
    Used,
};
use serde_json::{Value, json};

/// The day of the prices that the tests are about.
const DAY: &str = "2026-11-22";

fn at(day: &str) -> Farebox {
    Farebox::bundled().at(day.parse::<Instant>().unwrap())
}

fn pinned() -> Farebox {
    let file = |name: &str| {
        let path = format!("{}/tests/data/prices/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        (path.clone(), std::fs::read_to_string(path).unwrap())
    };
    at(DAY).with_price_texts(&[file("openai"), file("anthropic"), file("cohere")]).unwrap()
}

#[test]
fn everything_can_be_owned_and_shared_between_threads() {
    fn is_shareable<T: Send + Sync + 'static>() {}
    is_shareable::<Farebox>();
    is_shareable::<(Task, Used, RequestCount, Compared, UsageCost, Planned, Checked)>();
    is_shareable::<(CountError, PriceError, PricesError, JobError)>();
    let fb = pinned();
    let counts: Vec<u64> = std::thread::scope(|scope| {
        let count = || fb.count("gpt-4o", "Why is the sky blue?").unwrap().tokens;
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(count)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(counts, [6; 4]);
}

#[test]
fn a_task_costs_what_the_command_line_says() {
    let fb = pinned();
    let text = "Explain photosynthesis to a child of nine.";
    for model in ["openai/gpt-4o", "openai/gpt-4o-mini", "anthropic/claude-opus-4-6"] {
        for (output, batch) in [(Some(100..=600), false), (Some(300..=300), true), (None, false)] {
            let mut task = Task::text(text).requests(250);
            let mut args = vec!["estimate", "--text", text, "--model", model, "--requests", "250", "--format", "json"];
            let range = output.clone().map(|range| format!("{}..{}", range.start(), range.end()));
            if let (Some(output), Some(range)) = (output, &range) {
                task = task.output(output);
                args.extend(["--output-tokens", range]);
            }
            if batch {
                task = task.batch();
                args.push("--batch");
            }
            let said = farebox(args).args(["--at", DAY]).pinned().run().code(0).json()["rows"][0].clone();
            match fb.estimate(model, &task) {
                Ok(ours) => assert_eq!(said["total_usd"], ours.cost.total.to_string(), "{model} {said}"),
                Err(error) => assert!(said["total_usd"].is_null(), "{model}: {error}, and {said}"),
            }
        }
    }
}

#[test]
fn a_request_counts_as_on_the_command_line() {
    let tools = json!([{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]);
    let request = json!({
        "model": "gpt-4o", "tools": tools, "max_completion_tokens": 400,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Rain in Oslo?"}],
    });
    let count = pinned().count_request(&request).unwrap();
    assert_eq!((count.model.as_str(), count.max_output), ("openai/gpt-4o", Some(400)));
    let args = ["count", "--format", "json", "--at", DAY, "-m", "gpt-4o", "--chat", "-"];
    let said = farebox(args).pinned().input(request.to_string()).run().code(0).json();
    assert_eq!(said["rows"][0]["tokens"], json!(count.prompt.tokens), "{said}");
}

#[test]
fn a_log_costs_what_the_command_line_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/examples/usage.jsonl");
    let args = ["usage", path, "--by", "model", "--format", "json", "--at", DAY];
    let said: Value = farebox(args).pinned().run().code(0).json();
    let cost = pinned().usage_of_files([path]).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(pinned().usage(text.lines()).unwrap().total, cost.total, "the same from memory");
    assert_eq!(said["total_usd"], cost.total.to_string());
    assert_eq!((&said["priced"], &said["reasons"]), (&json!(cost.priced), &json!(cost.unpriced)));
    let models: Vec<&str> = cost.models.iter().map(|model| model.model.as_str()).collect();
    let rows: Vec<&str> = said["rows"].as_array().unwrap().iter().map(|row| row["model"].as_str().unwrap()).collect();
    assert_eq!(models, rows);
}

#[test]
fn a_plan_costs_what_the_command_line_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/examples/tutor.yaml");
    let said = farebox(["plan", "-w", path, "--format", "json", "--at", DAY]).run().code(0).json();
    let plan = at(DAY).plan(path).unwrap();
    assert_eq!(said["total"]["expected_usd"], plan.total.expected.to_string());
    assert_eq!(said["total"]["high_usd"], plan.total.high.to_string());
    assert_eq!(said["rows"].as_array().unwrap().len(), plan.months.len());
}

#[test]
fn what_cannot_be_answered_is_an_error() {
    let fb = pinned();
    assert!(matches!(fb.count("gpt-4oo", "x"), Err(CountError::Model(_))));
    assert!(matches!(fb.price("gpt-4oo", Used::new().input(1)), Err(PriceError::Model(_))));
    let unsold = Used::new().meter(farebox::meter::Meter::VideoSeconds, 1);
    assert!(matches!(fb.price("openai/gpt-4o", unsold), Err(PriceError::Refused(_))));
    let before = fb.at("2019-01-01".parse::<Instant>().unwrap());
    assert!(matches!(before.price("openai/gpt-4o", Used::new().input(1)), Err(PriceError::Refused(_))));
    for body in [json!(null), json!([]), json!({"messages": []}), json!({"model": "gpt-4o", "messages": null})] {
        let error = fb.count_request(&body).unwrap_err();
        assert!(matches!(error, CountError::Request { .. } | CountError::Model(_)), "{body}: {error}");
    }
    let files = [("bad.yaml".to_owned(), "provider: acme\nmodels: {".to_owned())];
    let Err(PricesError::Problems { text, problems }) = fb.with_price_texts(&files) else { panic!("it was taken") };
    assert!(text.contains("bad.yaml:2") && !problems.is_empty(), "{text}");
    assert!(matches!(fb.with_prices("/nowhere/prices.yaml"), Err(PricesError::Unreadable { .. })));
    assert!(fb.plan("/nowhere/farebox.yaml").is_err());
    assert!(fb.plan_text("farebox.yaml", "features: 3").unwrap_err().to_string().contains("farebox.yaml:1"));
    assert!(fb.check("/nowhere/farebox.yaml", None).is_err());
}

#[test]
fn a_damaged_vocabulary_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("house.tiktoken");
    // Every byte, and one merge: `!"`.
    let tokens = (0..=255_u8).map(|byte| vec![byte]).chain([b"!\"".to_vec()]);
    let lines = tokens.enumerate().map(|(rank, token)| format!("{} {rank}\n", BASE64_STANDARD.encode(token)));
    std::fs::write(&file, lines.collect::<String>()).unwrap();
    let store = farebox::tokenizer::store::Store::in_folder(folder.path().join("kept"));
    store.add(&file, Some("house"), Some("cl100k_base")).unwrap();
    let card = "schema: 1\nprovider: acme\nmodels: [{id: house, tokenizer: house, prices: [{from: 2026-01-01, rates: {input: \"1\"}}]}]\n";
    let fb = at(DAY).with_price_texts(&[("acme.yaml".to_owned(), card.to_owned())]).unwrap();
    assert_eq!(fb.count("acme/house", "!\"").unwrap().basis, Basis::Estimated, "without its folder");
    let fb = fb.with_tokenizers(folder.path().join("kept"));
    assert_eq!(fb.count("acme/house", "!\"").unwrap().tokens, 1);
    for entry in std::fs::read_dir(folder.path().join("kept")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "json") {
            std::fs::write(path, "damaged").unwrap();
        }
    }
    assert!(matches!(fb.count("acme/house", "!\""), Err(CountError::Tokenizer(_))));
}

#[test]
fn every_record_is_in_the_answer_once() {
    let log = [
        r#"{"model":"openai/gpt-4o","input_tokens":1000,"output_tokens":10}"#,
        r#"{"model":"acme/unheard-of","input_tokens":7,"output_tokens":1}"#,
        r#"{"object":"chat.completion","model":"gpt-4o","error":{"message":"too many requests"}}"#,
        "a line that is prose",
    ];
    let cost = pinned().usage(log).unwrap();
    let unpriced: u64 = cost.unpriced.values().sum();
    let free: u64 = cost.free.values().sum();
    assert_eq!((cost.priced, unpriced, free, cost.without_time), (1, 2, 1, 1), "{cost:#?}");
    assert_eq!(cost.priced + unpriced + free + cost.charges.0, log.len() as u64);
    let nowhere: Vec<String> = (0..150).map(|n| format!("/nowhere/{n}.jsonl")).collect();
    let cost = pinned().usage_of_files(&nowhere).unwrap();
    assert_eq!(cost.unreadable.len(), 150, "no file is lost behind a limit");
}
