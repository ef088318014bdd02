//! No reader is quadratic: twice the input takes twice the work.
//!
//! Work is instructions, as `valgrind --tool=callgrind` counts them: they hardly differ from run to run, whatever else the
//! machine does. Each input is written in three sizes, n, 2n and 4n units. What the last 2n take is held against twice what the n
//! before them take, so that the start of the program and of its tables does not matter; a fifth more is left for tables that
//! grow and for sorting.
//!
//! These take minutes, and mean something for a release build alone, so `.ci/nightly` calls them. `FAREBOX_PROGRAM` names a
//! program of another build.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

/// How much more the second doubling may take for each unit than the first.
const LIMIT: f64 = 1.2;
/// How large the smallest input of a repeated sample is.
const BYTES: usize = 100_000;

/// An input of a number of units, which a command reads.
struct Input {
    name: String,
    /// Of the smallest of the three inputs.
    units: usize,
    ending: &'static str,
    /// The command, with `FILE` where the input goes.
    command: Vec<String>,
    write: Box<WriteInput>,
}

/// Writes an input of a number of units to a path.
type WriteInput = dyn Fn(&Path, usize) + Send + Sync;

impl Input {
    fn of(
        name: impl Into<String>,
        (units, ending): (usize, &'static str),
        command: &[&str],
        text: impl Fn(usize) -> String + Send + Sync + 'static,
    ) -> Input {
        let write = move |path: &Path, units: usize| std::fs::write(path, text(units)).unwrap();
        let command = command.iter().map(|&word| word.to_owned()).collect();
        Input { name: name.into(), units, ending, command, write: Box::new(write) }
    }

    /// The instructions that an input of a number of units takes.
    fn cost(&self, folder: &Path, units: usize) -> u64 {
        let path = folder.join(format!("{units}.{}", self.ending));
        (self.write)(&path, units);
        let log = folder.join(format!("{units}.log"));
        let mut run = Command::new("valgrind");
        run.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(format!("--log-file={}", log.display()));
        run.arg(std::env::var("FAREBOX_PROGRAM").unwrap_or(env!("CARGO_BIN_EXE_farebox").to_owned()));
        run.args(self.command.iter().map(|word| word.replace("FILE", path.to_str().unwrap())));
        run.env_clear().env("PATH", "/usr/bin:/bin").env("FAREBOX_NO_CONFIG", "1");
        run.env("FAREBOX_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/tables"));
        run.env("FAREBOX_DATA_DIR", folder.join(format!("{units}.data")));
        let ran = run.output().unwrap_or_else(|error| panic!("valgrind is needed: {error}"));
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(!said.contains("panicked"), "{}: {said}", self.name);
        let log = std::fs::read_to_string(&log).unwrap();
        let counted = log.lines().find_map(|line| line.split_once("Collected : "));
        counted.unwrap_or_else(|| panic!("{}: {log}\n{said}", self.name)).1.trim().parse().unwrap()
    }

    /// How much more each unit takes in the second doubling than in the first, and what the first takes.
    fn ratio(&self) -> (f64, u64) {
        let folder = tempfile::tempdir().unwrap();
        let [single, double, fourfold] = [1, 2, 4].map(|times| self.cost(folder.path(), times * self.units));
        (ratio(single, double, fourfold), double - single)
    }
}

fn ratio(single: u64, double: u64, fourfold: u64) -> f64 {
    (fourfold as f64 - double as f64) / 2.0 / (double as f64 - single as f64)
}

#[test]
fn the_limit_tells_linear_from_quadratic() {
    let of = |work: &dyn Fn(f64) -> f64| {
        let [single, double, fourfold] = [1_000.0, 2_000.0, 4_000.0].map(|n| (2e6 + work(n)) as u64);
        ratio(single, double, fourfold)
    };
    assert!(of(&|n| 9_000.0 * n) < 1.01);
    assert!(of(&|n| 600.0 * n * n.log2()) < LIMIT);
    // Also where comparing each pair takes little compared with what a record takes anyway.
    assert!(of(&|n| 9_000.0 * n + n * n) > LIMIT);
}

/// Measures all, and prints what each takes, on as many processors as there are.
#[expect(
    clippy::print_stdout,
    reason = "the table is what a person looks at who looks for the next reader to make faster"
)]
fn check(inputs: &[Input]) {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(input) = inputs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (ratio, cost) = input.ratio();
                    found.lock().unwrap().push((ratio, format!("{ratio:.2} {:>9} k {}", cost / 1000, input.name)));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    assert_eq!(found.len(), inputs.len());
    let lines: Vec<&str> = found.iter().map(|(_, line)| line.as_str()).collect();
    println!("{}", lines.join("\n"));
    let grown: Vec<&str> = found.iter().filter(|(ratio, _)| *ratio > LIMIT).map(|(_, line)| line.as_str()).collect();
    assert!(grown.is_empty(), "twice the input takes more than twice the work:\n{}", grown.join("\n"));
}

fn usage_samples() -> Vec<PathBuf> {
    let (mut files, mut open) = (Vec::new(), vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/usage")]);
    while let Some(path) = open.pop() {
        match path.is_dir() {
            true => open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path())),
            false => files.push(path),
        }
    }
    files.sort();
    files
}

/// A value with ids of its own: each text under a key that names an id has a number behind it.
fn renamed(value: &Value, number: usize) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| renamed(item, number)).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                let is_id = ["id", "Id", "ID"].iter().any(|end| key.ends_with(end));
                let new = match value {
                    Value::String(text) if is_id => format!("{text}{number:x}").into(),
                    value => renamed(value, number),
                };
                (key.clone(), new)
            })
            .collect(),
        other => other.clone(),
    }
}

/// The longest list of objects in a document, by its path.
fn longest_list(value: &Value, path: &str) -> Option<(usize, String)> {
    let inner: Vec<(usize, String)> = match value {
        Value::Array(items) => {
            items.iter().enumerate().filter_map(|(i, item)| longest_list(item, &format!("{path}/{i}"))).collect()
        }
        Value::Object(map) => {
            let inside = |(key, value): (&String, &Value)| {
                longest_list(value, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")))
            };
            map.iter().filter_map(inside).collect()
        }
        _ => Vec::new(),
    };
    let own = value.as_array().filter(|items| items.iter().any(Value::is_object));
    own.map(|items| (items.len(), path.to_owned())).into_iter().chain(inner).max_by_key(|(length, _)| *length)
}

/// Copies of the objects of a text, a line each.
fn repeated(objects: &[Value], copies: usize, has_own_ids: bool) -> String {
    let mut text = String::new();
    for copy in 0..copies {
        for object in objects {
            let object = if has_own_ids { renamed(object, copy) } else { object.clone() };
            writeln!(text, "{object}").unwrap();
        }
    }
    text
}

/// Every form of usage, repeated: the same requests again and again, others each time, and more of them in one document.
#[test]
#[ignore = "takes minutes, and needs valgrind and a release build: .ci/nightly calls it"]
fn each_form_of_usage() {
    let command = ["usage", "--threads", "1", "--quiet", "FILE"];
    let mut inputs = Vec::new();
    for path in usage_samples() {
        let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        let copies = (BYTES / text.len()).max(2);
        let objects: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&text).into_iter().collect();
        let Ok(objects) = objects else {
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap();
            let ending = ["csv", "sse", "yaml", "md", "jsonl"].into_iter().find(|known| *known == ending).unwrap();
            let (head, body) = match ending {
                "csv" => text.split_once('\n').map(|(head, body)| (format!("{head}\n"), body.to_owned())).unwrap(),
                "yaml" => text
                    .split_once("interactions:\n")
                    .map(|(head, body)| (format!("{head}interactions:\n"), body.to_owned()))
                    .unwrap(),
                _ => (String::new(), text),
            };
            inputs.push(Input::of(name, (copies, ending), &command, move |n| format!("{head}{}", body.repeat(n))));
            continue;
        };
        if let ([document], Some((length, list))) = (&objects[..], objects.first().and_then(|o| longest_list(o, ""))) {
            let (document, copies) = (document.clone(), copies.max(2 * length));
            inputs.push(Input::of(format!("{name}, a longer list"), (copies, "json"), &command, move |n| {
                let mut document = document.clone();
                let items = document.pointer_mut(&list).unwrap().as_array_mut().unwrap();
                *items = (0..n).flat_map(|copy| items.iter().map(move |item| renamed(item, copy))).collect();
                document.to_string()
            }));
        }
        for (what, has_own_ids) in [("copies", false), ("others", true)] {
            let objects = objects.clone();
            let text = move |n| repeated(&objects, n, has_own_ids);
            inputs.push(Input::of(format!("{name}, {what}"), (copies, "jsonl"), &command, text));
        }
    }
    assert!(inputs.len() > 150, "{}", inputs.len());
    check(&inputs);
}

/// A record of farebox's own form.
fn record(model: &str, id: usize) -> String {
    format!(
        "{{\"id\":\"r{id}\",\"provider\":\"openai\",\"model\":\"{model}\",\"timestamp\":\"2026-11-01T00:00:00Z\",\"input_tokens\":5,\"output_tokens\":{}}}",
        1 + id % 9
    )
}

/// What no sample has: chains of spans, one stream, sums of a session, many names, broken lines, wide tables.
#[test]
#[ignore = "takes minutes, and needs valgrind and a release build: .ci/nightly calls it"]
fn usage_in_shapes_that_invite_it() {
    let command = ["usage", "--threads", "1", "--quiet", "FILE"];
    let lines = |line: fn(usize) -> String| move |n: usize| (0..n).map(|i| line(i) + "\n").collect::<String>();
    let list = |n: usize| (0..n).map(|i| record("gpt-4o", i)).collect::<Vec<_>>().join(",");
    let span = |i: usize, parent: usize| {
        json!({"traceId": "t1", "spanId": format!("s{i}"), "parentSpanId": format!("s{parent}"), "name": "chat",
            "startTimeUnixNano": "1793491200000000000", "attributes": [
                {"key": "gen_ai.system", "value": {"stringValue": "openai"}},
                {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o"}},
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "5"}},
                {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "1"}}]})
    };
    let spans = |spans: Vec<Value>| json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string();
    let sum = |i: usize| {
        json!({"timestamp": "2026-11-01T00:00:00Z", "type": "event_msg", "payload": {"type": "token_count", "info": {
            "total_token_usage": {"input_tokens": 10 * (i + 1), "cached_input_tokens": 0, "output_tokens": i + 1, "reasoning_output_tokens": 0, "total_tokens": 11 * (i + 1)},
            "last_token_usage": {"input_tokens": 10, "cached_input_tokens": 0, "output_tokens": 1, "reasoning_output_tokens": 0, "total_tokens": 11}}}})
        .to_string()
    };
    let message = |i: usize, id: usize| {
        json!({"type": "assistant", "sessionId": "s", "uuid": format!("u{i}"), "parentUuid": format!("u{}", i.saturating_sub(1)),
            "requestId": format!("q{id}"), "timestamp": "2026-11-01T00:00:00Z", "message": {"id": format!("msg_{id}"), "type": "message",
            "role": "assistant", "model": "claude-sonnet-4-5-20250929", "content": [], "usage": {"input_tokens": 3, "output_tokens": i + 1}}})
        .to_string()
    };
    let inputs = [
        Input::of("lines", (2_000, "jsonl"), &command, lines(|i| record("gpt-4o", i))),
        Input::of("lines of other models", (1_000, "jsonl"), &command, lines(|i| record(&format!("gpt-9-{i}"), i))),
        Input::of(
            "lines that are broken",
            (2_000, "jsonl"),
            &command,
            lines(|i| format!("{}{{\"a\":", record("gpt-4o", i))),
        ),
        Input::of("one list", (2_000, "json"), &command, move |n| format!("[{}]", list(n))),
        Input::of("one list in a document", (2_000, "json"), &command, move |n| format!("{{\"data\":[{}]}}", list(n))),
        Input::of("a list with broken elements", (1_000, "json"), &command, move |n| {
            format!("{{\"data\":[{}]}}", vec![format!("{},{{\"x\":01}}", record("gpt-4o", 1)); n].join(","))
        }),
        Input::of("a document without an end", (2_000, "json"), &command, |n| "{\"a\":\n".repeat(n)),
        Input::of("brackets that open", (10_000, "jsonl"), &command, |n| "[".repeat(n)),
        Input::of("spans side by side", (750, "json"), &command, move |n| {
            spans((0..n).map(|i| span(i + 1, 0)).collect())
        }),
        Input::of("spans within each other", (750, "json"), &command, move |n| {
            spans((0..n).map(|i| span(i + 1, i)).collect())
        }),
        Input::of("spans within each other, the inner first", (750, "json"), &command, move |n| {
            spans((0..n).rev().map(|i| span(i + 1, i)).collect())
        }),
        Input::of("sums of a session", (1_000, "jsonl"), &command, move |n| {
            let head = json!({"timestamp": "2026-11-01T00:00:00Z", "type": "session_meta", "payload": {"id": "s1"}});
            let turn = json!({"timestamp": "2026-11-01T00:00:00Z", "type": "turn_context", "payload": {"model": "gpt-5-codex"}});
            (0..n).fold(format!("{head}\n{turn}\n"), |text, i| text + &sum(i) + "\n")
        }),
        Input::of("a session that is written again and again", (1_000, "jsonl"), &command, move |n| {
            (0..n).fold(String::new(), |text, i| text + &message(i, i % 500) + "\n")
        }),
        Input::of("one message in many lines", (1_000, "jsonl"), &command, move |n| {
            (0..n).fold(String::new(), |text, i| text + &message(i, 0) + "\n")
        }),
        Input::of("one stream", (2_000, "sse"), &command, |n| {
            let chunk = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
            let last = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1}}\n\ndata: [DONE]\n";
            chunk.repeat(n) + last
        }),
        Input::of("rows", (2_000, "csv"), &command, |n| {
            "model,timestamp,input_tokens,output_tokens\n".to_owned() + &"gpt-4o,2026-11-01,5,1\n".repeat(n)
        }),
        Input::of("columns", (1_000, "csv"), &command, |n| {
            let names: String = (0..n).map(|i| format!(",c{i}")).collect();
            format!("model,timestamp,input_tokens,output_tokens{names}\ngpt-4o,2026-11-01,5,1{}\n", ",1".repeat(n))
        }),
        Input::of("keys", (2_000, "jsonl"), &command, |n| {
            let keys: String = (0..n).map(|i| format!(",\"k{i}\":{i}")).collect();
            format!("{{\"model\":\"gpt-4o\",\"input_tokens\":5,\"output_tokens\":1{keys}}}\n")
        }),
        Input::of("unknown counts", (500, "jsonl"), &command, |n| {
            let keys: String = (0..n).map(|i| format!(",\"odd_{i}_tokens\":7")).collect();
            format!("{{\"model\":\"gpt-4o\",\"input_tokens\":5,\"output_tokens\":1{keys}}}\n")
        }),
    ];
    check(&inputs);
}

/// Prompts, requests, workloads, price files, vocabularies and sources.
#[test]
#[ignore = "takes minutes, and needs valgrind and a release build: .ci/nightly calls it"]
fn everything_else_that_is_read() {
    let count = |tokenizer: &'static str| ["count", "--threads", "1", "--tokenizer", tokenizer, "FILE"];
    let chat = ["count", "--threads", "1", "--chat", "FILE", "-m", "gpt-4o"];
    let plan = ["plan", "-w", "FILE", "--at", "2026-11-22", "--quiet"];
    let lint = ["prices", "lint", "FILE"];
    let mut inputs = Vec::new();
    for tokenizer in ["o200k_base", "claude_v4_7", "llama2", "gemma3"] {
        for (what, unit) in [
            ("words", "The price of a token is what it is. "),
            ("one letter", "aaaaaaaaaaaaaaaa"),
            ("blanks", "                "),
            ("line breaks", "\n\n\n\n\n\n\n\n"),
            ("digits", "0123456789"),
            ("one emoji", "👩‍👩‍👧‍👦"),
            ("no spaces", "donaudampfschifffahrtsgesellschaft"),
            ("Thai", "ภาษาไทยไม่มีช่องว่าง"),
        ] {
            let units = 150_000 / unit.len();
            inputs.push(Input::of(format!("{tokenizer}, {what}"), (units, "txt"), &count(tokenizer), move |n| {
                unit.repeat(n)
            }));
        }
    }
    let model = |i: usize| {
        format!("  - {{id: m{i}, prices: [{{from: 2026-01-01, rates: {{input: \"1\", output: \"2\"}}}}]}}\n")
    };
    let models = move |n: usize| (0..n).map(model).collect::<String>();
    let feature = |i: usize| {
        format!(
            "  f{i}: {{model: openai/gpt-4o, prompt: 100..300..900, output: 50..80..200, calls: 10..20..40 per day}}\n"
        )
    };
    let features = move |n: usize| (0..n).map(feature).collect::<String>();
    let messages = |n: usize| {
        let messages: Vec<Value> = (0..n)
            .map(|i| json!({"role": if i % 2 == 0 { "user" } else { "assistant" }, "content": format!("Message {i} of a talk.")}))
            .collect();
        json!({"model": "gpt-4o", "messages": messages}).to_string()
    };
    let tools = |n: usize| {
        let tool = |i: usize| {
            json!({"type": "function", "function": {"name": format!("t{i}"), "description": "Says it.",
            "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}})
        };
        let tools: Vec<Value> = (0..n).map(tool).collect();
        json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "tools": tools}).to_string()
    };
    let schema = |n: usize| {
        let properties: serde_json::Map<String, Value> =
            (0..n).map(|i| (format!("p{i}"), json!({"type": "string", "description": "What it is."}))).collect();
        let parameters = json!({"type": "object", "properties": properties});
        json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}],
            "tools": [{"type": "function", "function": {"name": "t", "parameters": parameters}}]})
        .to_string()
    };
    let vocabulary = |n: usize| {
        let token = |bytes: &[u8]| base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes);
        let bytes = (0..=255_u8).map(|byte| vec![byte]);
        let pairs = (0..n).map(|i| vec![b'a' + (i % 26) as u8, b'a' + (i / 26 % 26) as u8, (i / 676 % 256) as u8]);
        let tokens: std::collections::BTreeSet<Vec<u8>> = pairs.collect();
        bytes.chain(tokens).enumerate().map(|(rank, bytes)| format!("{} {rank}\n", token(&bytes))).collect::<String>()
    };
    inputs.extend([
        Input::of("models of a price file", (500, "yaml"), &lint, move |n| {
            format!("schema: 1\nprovider: acme\nmodels:\n{}", models(n))
        }),
        Input::of("models that are wrong", (100, "yaml"), &lint, |n| {
            let model = |i| format!("  - id: m{i}\n    prices: [{{rates: {{input: 2.5}}}}]\n");
            format!("schema: 1\nprovider: acme\nmodels:\n{}", (0..n).map(model).collect::<String>())
        }),
        Input::of("periods of a model", (250, "yaml"), &lint, |n| {
            let day = |i: usize| format!("{:04}-{:02}-{:02}", 2000 + i / 336, 1 + i / 28 % 12, 1 + i % 28);
            let period =
                |i: usize| format!("      - {{from: {}, to: {}, rates: {{input: \"1\"}}}}\n", day(i), day(i + 1));
            format!(
                "schema: 1\nprovider: acme\nmodels:\n  - id: m\n    prices:\n{}",
                (0..n).map(period).collect::<String>()
            )
        }),
        Input::of("features", (50, "yaml"), &plan, move |n| {
            format!("version: 1\nstart: 2027-01-01\nmonths: 2\nfeatures:\n{}", features(n))
        }),
        Input::of("features that are wrong", (12, "yaml"), &plan, |n| {
            let feature = |i| format!("  f{i}: {{model: gpt-4o, prompt: many, output: 1, calls: 1 per day}}\n");
            format!("version: 1\nstart: 2027-01-01\nfeatures:\n{}", (0..n).map(feature).collect::<String>())
        }),
        Input::of("messages", (500, "json"), &chat, messages),
        Input::of("tools", (250, "json"), &chat, tools),
        Input::of("a schema in a tool", (250, "json"), &chat, schema),
        Input::of(
            "a vocabulary",
            (2_000, "tiktoken"),
            &["tokenizers", "add", "FILE", "--name", "mine", "--like", "cl100k_base"],
            vocabulary,
        ),
    ]);
    // A folder of sources, and one of usage.
    for (command, ending, text) in [
        (&["scan", "FILE"][..], "py", "client.chat(model=\"gpt-4o\", text='it')  # ask\n".to_owned()),
        (&["usage", "--threads", "1", "--quiet", "FILE"], "jsonl", record("gpt-4o", 1)),
    ] {
        let write = move |path: &Path, units: usize| {
            std::fs::create_dir(path).unwrap();
            (0..units).for_each(|i| std::fs::write(path.join(format!("{i}.{ending}")), &text).unwrap());
        };
        let command = command.iter().map(|&word| word.to_owned()).collect::<Vec<String>>();
        let name = format!("a folder of .{ending}");
        inputs.push(Input { name, units: 500, ending: "folder", command, write: Box::new(write) });
    }
    check(&inputs);
}
