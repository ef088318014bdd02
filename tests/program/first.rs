//! The first five minutes and the first budget: what people type first works or says what to type, settings have an origin,
//! and `init` ends with a plan.
//!
//! Prices are those of a table of the tests' own, so that no price update changes a number here.

use std::path::{Path, PathBuf};

use crate::support::{Farebox, Ran, farebox};
use serde_json::Value;

/// Two chat models and what bills by something else than tokens. The names of the makers are those of a panel.
const PRICES: &str = r#"schema: 1
provider: acme
role: maker
makes: [small, large]
models:
  - id: small
    kind: chat
    context_window: 100000
    max_output: 4000
    tokenizer: o200k_base
    capabilities: [tools, vision]
    released: 2026-01-01
    prices:
      - from: 2026-01-01
        rates: {input: "1", output: "2", cache_read: "0.1"}
        variants: [{when: {processing: batch}, rates: {input: "0.5", output: "1"}, others: inherit}]
  - id: large
    kind: chat
    context_window: 200000
    tokenizer: o200k_base
    capabilities: [tools]
    prices: [{from: 2026-01-01, rates: {input: "10", output: "20"}}]
  - id: voice
    kind: speech
    prices: [{from: 2026-01-01, rates: {characters: {price: "15", per: 1000000}}}]
  - id: film
    kind: video
    prices: [{from: 2026-01-01, rates: {video_seconds: {price: "0.5", per: 1}}}]
  - id: ranker
    kind: rerank
    prices: [{from: 2026-01-01, rates: {search_units: {price: "2", per: 1000}}}]
  - id: painter
    kind: image
    prices: [{from: 2026-01-01, rates: {images: {price: "0.04", per: 1}}}]
  - id: ear
    kind: transcription
    prices: [{from: 2026-01-01, rates: {audio_seconds: {price: "0.006", per: 60}}}]
  - id: vectors
    kind: embedding
    tokenizer: cl100k_base
    prices: [{from: 2026-01-01, rates: {input: "0.02"}}]
"#;

struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        let desk = Desk { dir: tempfile::tempdir().expect("a folder") };
        desk.file("acme.yaml", PRICES);
        desk.file("hello.txt", "hello world");
        desk
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, text).expect("written");
        path
    }

    /// A run in the folder, on a day when the prices of the tests hold.
    fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Farebox {
        farebox(args).dir(self.dir.path()).args(["--at", "2026-06-15"]).arg("--prices").arg("acme.yaml")
    }

    /// A run that reads the configuration of a home of its own.
    fn configured<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Farebox {
        let home = self.dir.path().join("home");
        farebox(args)
            .dir(self.dir.path())
            .env("FAREBOX_NO_CONFIG", "")
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("FAREBOX_NOW", "2026-06-15T12:00:00Z")
    }

    fn json<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Value {
        self.run(args).args(["--format", "json"]).run().code(0).json()
    }
}

fn models(ran: &Ran) -> Vec<String> {
    let rows = ran.json();
    let rows = rows["rows"].as_array().expect("rows").iter();
    rows.map(|row| format!("{}/{}", row["provider"].as_str().unwrap(), row["model"].as_str().unwrap())).collect()
}

#[test]
fn a_bare_argument_is_a_file_a_model_or_a_text() {
    let desk = Desk::new();
    // `hello world` is two tokens in o200k_base.
    let counted = desk.run(["count", "hello.txt", "acme/small", "--format", "json"]).run().code(0);
    assert_eq!(
        (models(&counted), &counted.json()["rows"][0]["tokens"]),
        (vec!["acme/small".to_owned()], &Value::from(2))
    );
    let text = desk.run(["count", "hello world", "-m", "acme/small", "--format", "json"]).run().code(0);
    assert_eq!(text.json()["rows"][0]["tokens"], 2);
    drop(text.says("no file is called \"hello world\": taken as the text itself"));
    let both = desk.run(["estimate", "hello.txt", "acme/small", "--format", "json", "-m", "acme/large"]).run().code(0);
    assert_eq!(models(&both), ["acme/large", "acme/small"]);

    desk.run(["count", "helo.txt", "-m", "acme/small"]).run().code(5).says("did you mean hello.txt?");
    desk.run(["count", "smal", "-m", "acme/large"])
        .run()
        .code(2)
        .says("is not a file, and no model is called so")
        .says("--text \"smal\"");
    desk.run(["estimate", "hello.txt", "-t", "x", "-m", "acme/small"]).run().code(2).says("both --text");
    desk.run(["estimate", "hello.txt", "--input-tokens", "5", "-m", "acme/small"])
        .run()
        .code(2)
        .says("both --input-tokens");
    desk.run(["compare", "hello.txt", "-w", "farebox.yaml"]).run().code(2).says("both -w");
}

#[test]
fn models_alone_are_compared_on_work_that_is_said_to_be_assumed() {
    let desk = Desk::new();
    let ran = desk.run(["compare", "acme/small", "acme/large", "--format", "json"]).run().code(0);
    // 1,000 × 1 + 500 × 2 and 1,000 × 10 + 500 × 20, per million.
    let totals: Vec<_> = ran.json()["rows"].as_array().unwrap().iter().map(|row| row["total_usd"].clone()).collect();
    assert_eq!(totals, ["0.002", "0.02"]);
    drop(ran.says("1,000 prompt tokens and 500 answer tokens are assumed"));
    // What is piped in is read instead.
    let piped =
        desk.run(["compare", "acme/small", "acme/large", "--format", "json"]).input("hello world").run().code(0);
    assert!(!piped.stderr.contains("assumed"), "{}", piped.stderr);
    assert_eq!(piped.json()["rows"][0]["tokens"]["input"]["tokens"], 2);
}

#[test]
fn numbers_and_lists_are_read_as_they_are_typed() {
    let desk = Desk::new();
    let args = ["estimate", "hello.txt", "-m", "acme/small,acme/large", "--output-tokens", "1k", "-n", "2M"];
    let json = desk.json(args);
    // (2 × 1 + 1,000 × 2) ÷ 1M × 2M; ten times that.
    assert_eq!(
        (&json["rows"][0]["total_usd"], &json["rows"][1]["total_usd"]),
        (&Value::from("4004"), &Value::from("40040"))
    );
    let range = desk.json(["estimate", "--input-tokens", "1,000", "-m", "acme/small", "--output-tokens", "100-300"]);
    let row = &range["rows"][0];
    // 1,000 + 100 × 2, 200 × 2 and 300 × 2, per million.
    assert_eq!(
        (&row["low_usd"], &row["total_usd"], &row["high_usd"]),
        (&"0.0012".into(), &"0.0014".into(), &"0.0016".into())
    );
    desk.run(["estimate", "hello.txt", "-m", "acme/small", "-n", "1.5"]).run().code(2).says("5000, 5k or 2M");
}

#[test]
fn what_is_no_command_says_what_to_type() {
    let desk = Desk::new();
    let typed = |args: &[&str]| farebox(args.iter().copied()).dir(desk.dir.path()).run();
    typed(&["hello.txt"]).code(2).says("`farebox count hello.txt`");
    typed(&["why is the sky blue?"]).code(2).says("farebox count \"why is the sky blue?\"");
    typed(&["openai/gpt-4o"]).code(2).says("`farebox prices openai/gpt-4o`");
    typed(&["cuont"]).code(2).says("'count'");
    let shown = typed(&["prices", "openai/gpt-4o", "--format", "json"]).code(0).json();
    assert_eq!(shown, typed(&["prices", "show", "openai/gpt-4o", "--format", "json"]).code(0).json());
    typed(&["prices", "lsit"]).code(2).says("'list'");
    typed(&["prices", "no-such-model"]).code(2).says("no model is called");
}

/// The file of a workload may stand alone.
#[test]
fn a_workload_needs_no_flag() {
    let desk = Desk::new();
    desk.file(
        "work.yaml",
        "version: 1\nstart: 2027-01-01\nmonths: 1\nfeatures: {f: {model: acme/small, prompt: 10, output: 10, calls: 9 per day, choose: {}}}\n",
    );
    for command in ["plan", "check", "optimise"] {
        let flagged = desk.run([command, "-w", "work.yaml", "--format", "json"]).run().code(0).json();
        let bare = desk.run([command, "work.yaml", "--format", "json"]).run().code(0).json();
        assert_eq!(flagged, bare, "{command}");
    }
    desk.run(["plan", "not-there.yaml"]).run().code(5).says("not-there.yaml");
}

#[test]
fn without_a_model_a_panel_is_used_and_said() {
    let desk = Desk::new();
    for args in [&["count", "hello.txt"][..], &["estimate", "hello.txt"], &["estimate", "--input-tokens", "5"]] {
        let ran = farebox(args.iter().copied())
            .dir(desk.dir.path())
            .args(["--at", "2026-11-22", "--format", "json"])
            .run()
            .code(0);
        let rows = models(&ran);
        let makers: Vec<&str> = rows.iter().filter_map(|id| id.split('/').next()).collect();
        assert_eq!(makers, ["openai", "anthropic", "google", "mistral", "deepseek"], "{args:?}");
        for id in &rows {
            assert!(ran.stderr.contains(id.as_str()), "{id} is not in {}", ran.stderr);
        }
        assert!(ran.stderr.contains("no model given"), "{}", ran.stderr);
    }
    // Requests name their own.
    desk.file("request.json", r#"{"model": "acme/small", "messages": [{"role": "user", "content": "hello world"}]}"#);
    for command in ["count", "estimate"] {
        let ran = desk.run([command, "request.json", "--format", "json"]).run().code(0);
        assert_eq!(models(&ran), ["acme/small"], "{command}");
        assert!(!ran.stderr.contains("no model given"), "{}", ran.stderr);
    }
}

#[test]
fn models_are_searched_by_what_they_can_do_and_cost() {
    let desk = Desk::new();
    let found = |args: &[&str]| {
        let mut all = vec!["models", "-p", "acme", "--format", "json"];
        all.extend_from_slice(args);
        models(&desk.run(all).run().code(0))
    };
    assert_eq!(found(&["--need", "vision"]), ["acme/small"]);
    assert_eq!(found(&["--need", "tools", "--max-input", "10"]), ["acme/large", "acme/small"]);
    assert_eq!(found(&["--max-input", "$1", "--max-output", "2"]), ["acme/small"]);
    assert_eq!(found(&["--need", "context=150k", "--max-input", "1"]), Vec::<String>::new());
    desk.run(["models", "--need", "levitation"]).run().code(2).says("levitation");
    desk.run(["models", "--max-input", "cheap"]).run().code(2).says("2.50");
}

#[test]
fn what_makes_something_is_estimated_in_its_own_unit() {
    let desk = Desk::new();
    let total = |args: &[&str]| {
        let mut all = vec!["estimate"];
        all.extend_from_slice(args);
        desk.json(all)["rows"][0]["total_usd"].as_str().map(str::to_owned)
    };
    // 11 characters × 15 ÷ 1M; "Grüße" has five characters, not seven bytes.
    assert_eq!(total(&["hello.txt", "-m", "acme/voice"]).as_deref(), Some("0.000165"));
    assert_eq!(total(&["-t", "Grüße", "-m", "acme/voice", "-n", "1M"]).as_deref(), Some("75"));
    // 8 s × 0.5
    assert_eq!(total(&["-t", "a fox", "-m", "acme/film", "--seconds", "8"]).as_deref(), Some("4"));
    // 250 documents are three units of 100: 3 × 2 ÷ 1,000
    assert_eq!(total(&["-t", "which?", "-m", "acme/ranker", "--documents", "250"]).as_deref(), Some("0.006"));
    assert_eq!(total(&["-t", "which?", "-m", "acme/ranker"]).as_deref(), Some("0.002"));
    // 500 × 0.04
    assert_eq!(total(&["-t", "a fox", "-m", "acme/painter", "--images", "500"]).as_deref(), Some("20"));
    assert_eq!(total(&["-m", "acme/ear", "--audio", "90s"]).as_deref(), Some("0.009"));
    // 2 tokens × 0.02 ÷ 1M
    assert_eq!(total(&["hello.txt", "-m", "acme/vectors"]).as_deref(), Some("0.00000004"));

    let film = desk.run(["estimate", "-t", "a fox", "-m", "acme/film"]).run().code(2);
    assert!(film.stdout.contains("--seconds 8"), "{}", film.stdout);
    let voice = desk.run(["estimate", "--input-tokens", "5", "-m", "acme/voice"]).run().code(2);
    assert!(voice.stdout.contains("--text TEXT or a file"), "{}", voice.stdout);
}

#[test]
fn an_agent_sends_what_was_there_before_with_every_step() {
    let desk = Desk::new();
    let args = ["estimate", "--input-tokens", "1000", "-m", "acme/small", "--output-tokens", "500", "--steps", "3"];
    let row = desk.json(args)["rows"][0].clone();
    // Prompts of 1,000, 1,700 and 2,400 tokens; answers of 100, 100 and 500: 5,100 × 1 + 700 × 2, per million.
    assert_eq!(row["total_usd"], "0.0065");
    // How long a step is was assumed, so nothing about the prompts is exact; where both lengths are said, they are.
    assert_eq!(row["tokens"]["input"]["basis"], "assumed");
    assert_eq!(
        desk.json([&args[..], &["--step-call", "100"]].concat())["rows"][0]["tokens"]["input"]["basis"],
        "assumed"
    );
    let said = desk.json([&args[..], &["--step-call", "100", "--step-result", "600"]].concat())["rows"][0].clone();
    assert_eq!(said["tokens"]["input"]["basis"], "exact");
    assert_eq!(said["tokens"]["output"]["basis"], "given");
    assert_eq!(said["total_usd"], "0.0065");
    let single = [&args[..args.len() - 1], &["1"]].concat();
    assert_eq!(desk.json(single)["rows"][0]["tokens"]["input"]["basis"], "exact");
    let shown = desk.run(args).run().code(0);
    assert!(shown.stdout.contains("is taken to write 100 tokens and to get 600 tokens back"), "{}", shown.stdout);
    let cached = [&args[..], &["--cache", "80%"]].concat();
    // 80% of the prompts, 4,080 tokens, at a tenth: 1,020 × 1 + 4,080 × 0.1 + 700 × 2.
    assert_eq!(desk.json(cached)["rows"][0]["total_usd"], "0.002828");
    let once = ["estimate", "--input-tokens", "1000", "-m", "acme/small", "--output-tokens", "500", "--cache", "50%"];
    assert_eq!(desk.json(once)["rows"][0]["total_usd"], "0.00155"); // 500 × 1 + 500 × 0.1 + 500 × 2
    desk.run(["estimate", "hello.txt", "-m", "acme/small", "--cache", "120%"]).run().code(2).says("0 to 100");
    desk.run(["estimate", "hello.txt", "-m", "acme/small", "--steps", "0"]).run().code(2);
}

/// The bank's reference rates: one euro is 1.1172 dollars on 2026-10-30, a Friday, and 1.113 the day before.
#[test]
fn currencies_have_the_rates_of_the_central_bank_or_the_users() {
    let desk = Desk::new();
    let euros = |day: &str, flags: &[&str]| {
        let record = format!(
            "{{\"provider\":\"acme\",\"model\":\"small\",\"timestamp\":\"{day}T12:00:00Z\",\"usage\":{{\"input_tokens\":1000000,\"output_tokens\":0}}}}\n"
        );
        let run = farebox(["usage", "--currency", "eur", "--format", "jsonl"]).dir(desk.dir.path()).input(record);
        let run = run.args(["--prices", "acme.yaml"]).args(flags.iter().copied());
        run.run().code(0).json_lines()[0].clone()
    };
    let row = euros("2026-10-30", &[]);
    // 1 USD ÷ 1.1172 and ÷ 1.113, at eight digits.
    assert_eq!((&row["total"], &row["exchange"]["source"]), (&"0.89509488".into(), &"European Central Bank".into()));
    assert_eq!(row["exchange"]["from"], "2026-10-30");
    assert_eq!(euros("2026-10-29", &[])["total"], "0.8984726");
    assert_eq!(euros("2026-11-15", &[])["total"], "0.89509488");
    assert_eq!(euros("2026-10-30", &["--rate", "EUR=0.86"])["total"], "0.86");
    desk.file("eur.yaml", "schema: 1\nexchange: {EUR: [{from: 2026-01-01, per_usd: \"0.9\"}]}\n");
    assert_eq!(euros("2026-10-30", &["--prices", "eur.yaml"])["total"], "0.9");
    assert_eq!(euros("2026-10-30", &["--prices", "eur.yaml", "--rate", "EUR=0.86"])["total"], "0.86");
    for bad in ["EUR", "EUR=0", "EURO=1", "USD=1", "EUR=-1", "EUR=1,1"] {
        desk.run(["estimate", "-t", "x", "-m", "acme/small", "--rate", bad]).run().code(2).says("dollar");
    }
}

#[test]
fn settings_have_an_origin_and_flags_go_before_variables_before_files() {
    let desk = Desk::new();
    let user = desk.file(
        "home/.config/farebox/config.yaml",
        "models: acme/large\nprices: [../../../acme.yaml]\ncurrency: EUR\ntimezone: Europe/Berlin\n",
    );
    let project = desk.file(".farebox.yaml", "# the project's\nmodels: [acme/small, acme/large]\nrates: {EUR: 0.5}\n");
    let below = desk.dir.path().join("src/deep");
    std::fs::create_dir_all(&below).unwrap();
    let at = |path: &Path, line: u32| format!("{}:{line}", std::fs::canonicalize(path).unwrap().display());
    let show = |run: Farebox| {
        let json = run.dir(&std::fs::canonicalize(&below).unwrap()).args(["--format", "json"]).run().code(0).json();
        let row = |name: &str| {
            let rows = json["rows"].as_array().unwrap();
            let row = rows.iter().rfind(|row| row["setting"] == name).unwrap_or_else(|| panic!("no {name}"));
            (row["value"].as_str().unwrap().to_owned(), row["origin"].as_str().unwrap().to_owned())
        };
        ["models", "currency", "rates", "timezone"].map(row)
    };
    let [models, currency, rates, zone] = show(desk.configured(["config"]));
    assert_eq!(models, ("acme/small, acme/large".into(), at(&project, 2)));
    assert!(currency.0 == "EUR" && currency.1.ends_with("config.yaml:3"), "{currency:?}");
    assert_eq!(rates, ("1 USD = 0.5 EUR".into(), at(&project, 3)));
    assert!(zone.1.ends_with("config.yaml:4") && Path::new(&user).exists(), "{zone:?}");
    let [models, currency, ..] =
        show(desk.configured(["config"]).env("FAREBOX_MODEL", "acme/large").env("FAREBOX_CURRENCY", "CHF"));
    assert_eq!(
        (models, currency),
        (("acme/large".into(), "FAREBOX_MODEL".into()), ("CHF".into(), "FAREBOX_CURRENCY".into()))
    );
    let [models, currency, rates, _] = show(
        desk.configured(["config", "-m", "acme/small", "--currency", "JPY", "--rate", "EUR=0.7"])
            .env("FAREBOX_MODEL", "acme/large"),
    );
    assert_eq!((models.1.as_str(), currency.1.as_str(), rates.1.as_str()), ("--model", "--currency", "--rate"));

    // They are used: models and prices of the files, shown in euros at the project's rate: (99,000 × 1 + 1,000 × 2) × 0.5, per million.
    let used = desk.configured(["estimate", "--input-tokens", "99k", "--output-tokens", "1k"]).run().code(0);
    for part in ["acme/small", "acme/large", "0.0505 EUR", "1 USD = 0.5 EUR"] {
        assert!(used.stdout.contains(part), "{part} is not in {}", used.stdout);
    }
    // Nothing of it where it is turned off.
    let off = desk.configured(["config", "--format", "json"]).env("FAREBOX_NO_CONFIG", "1").run().code(0).json();
    assert!(off["rows"].as_array().unwrap().iter().all(|row| row["origin"] == "default"), "{off}");
}

#[test]
fn a_mistake_in_a_configuration_file_is_told_with_its_line() {
    let desk = Desk::new();
    for (text, place, what) in [
        ("models: acme/small\ncurency: EUR\n", ".farebox.yaml:2", "did you mean `currency`?"),
        ("currency: euros\n", ".farebox.yaml:1", "is not a currency"),
        ("prices: [nowhere.yaml]\n", "nowhere.yaml", "no such file"),
    ] {
        desk.file(".farebox.yaml", text);
        let ran = desk.configured(["estimate", "hello.txt", "-m", "gpt-4o"]).run();
        assert!(ran.code != 0 && ran.stderr.contains(place) && ran.stderr.contains(what), "{text}: {}", ran.stderr);
    }
}

/// Every kind of work with every form of traffic, model, length and budget gives a file that `plan` takes.
#[test]
fn init_writes_what_plan_accepts_in_every_combination() {
    let desk = Desk::new();
    let who = ["40 students", "100 per day", "2-4 people", "10k a month"];
    let often = ["twice a day", "3 per week", "daily"];
    let length = ["", "a paragraph", "200 words", "100-500"];
    let model = ["acme/small", "acme/large"];
    let budget = ["", "50 EUR", "20 CHF a month", "$300 in all", "none"];
    let months = ["6", "a year", "1"];
    let mut run = 0;
    for kind in ["chatbot", "documents", "agent", "batch", "embeddings", "images", "speech", "other"] {
        for i in 0..who.len().max(budget.len()) * 2 {
            let pick = |list: &[&'static str], by: usize| list[by % list.len()];
            let mut lines = vec![kind, pick(&who, i)];
            if pick(&who, i).contains(['s', 'p']) && !pick(&who, i).contains("per") {
                lines.push(pick(&often, i));
            }
            let own = match kind {
                "embeddings" => Some("acme/vectors"),
                "images" => Some("acme/painter"),
                "speech" => Some("acme/voice"),
                _ => None,
            };
            if own.is_none() {
                lines.push(pick(&length, i / 2));
            }
            lines.extend([own.unwrap_or_else(|| pick(&model, i)), pick(&months, i), pick(&budget, i)]);
            let file = format!("{kind}-{i}.yaml");
            let answers = lines.join("\n") + "\n";
            let ran = desk.run(["init", &file, "--ask"]).input(answers.clone()).run().code(0);
            let said = &ran.stderr;
            assert!(!said.contains("help:") && !said.contains("warning"), "{answers}: {said}");
            assert!(ran.stdout.contains("expected"), "{answers}: {}", ran.stdout);
            let text = std::fs::read_to_string(desk.dir.path().join(&file)).unwrap();
            assert!(!text.contains('"'), "{text}");
            // 1 is a budget that is not enough.
            let planned = desk.run(["plan", "-w", &file, "--format", "csv"]).run();
            assert!(planned.code <= 1, "{answers}: {}", planned.stderr);
            assert!(planned.stdout.lines().count() > 1, "{answers}: {}", planned.stdout);
            run += 1;
        }
    }
    assert_eq!(run, 80);
}

/// 40 people × 3 a week: 26 weeks and a day from 2026-07-01 to 2026-12-31 are 184 days, 184 ÷ 7 × 120 calls.
#[test]
fn a_plan_needs_no_file() {
    let desk = Desk::new();
    let args = [
        "plan",
        "--users",
        "40",
        "--per-week",
        "3",
        "--turns",
        "1",
        "--model",
        "acme/small",
        "--months",
        "6",
        "--system-tokens",
        "0",
        "--input-tokens",
        "1000",
        "--output-tokens",
        "500",
    ];
    let json = desk.json(args);
    let feature = &json["features"][0];
    let per_call: f64 = feature["per_call_usd"].as_str().unwrap().parse().unwrap();
    // 1,000 × 1 + 500 × 2, and the few tokens of the frame.
    assert!((0.002..0.00203).contains(&per_call), "{feature}");
    desk.run(["plan", "--users", "many", "--model", "acme/small"])
        .run()
        .code(2)
        .says("--users: \"many\" is not a number");
    desk.run(["plan", "--kind", "batch", "--users", "4", "--model", "acme/small"]).run().code(2).says("--per-week");
    desk.run(["plan", "-w", "x.yaml", "--users", "4"]).run().code(2).says("leave out -w");
    desk.run(["plan", "--steps", "5..10", "--cache", "80%", "--per-day", "20", "-m", "acme/small"]).run().code(0);
    // The same flags write the file.
    let ran = desk.run(["init", "made.yaml", "--kind", "agent", "--per-day", "20", "-m", "acme/small"]).run().code(0);
    assert!(ran.stdout.contains("agent"), "{}", ran.stdout);
    assert!(std::fs::read_to_string(desk.dir.path().join("made.yaml")).unwrap().contains("calls: 20 per day"));
}

#[test]
fn init_from_logs_ends_with_a_plan() {
    let desk = Desk::new();
    let line = |model: &str, day: u32| {
        format!(
            "{{\"provider\":\"acme\",\"model\":\"{model}\",\"timestamp\":\"2026-05-{day:02}T12:00:00Z\",\"usage\":{{\"input_tokens\":1000,\"output_tokens\":100}}}}\n"
        )
    };
    desk.file("logs/a.jsonl", line("small", 1) + &line("small", 2));
    desk.file("logs/b.jsonl", line("large", 1));
    let ran = desk.run(["init", "--from", "logs"]).run().code(0);
    assert!(ran.stdout.contains("large") && ran.stdout.contains("total"), "{}", ran.stdout);
    let text = std::fs::read_to_string(desk.dir.path().join("farebox.yaml")).unwrap();
    for part in ["  small:\n    model: acme/small\n", "  large:\n", "# 2 calls in 2 days", "    prompt: 1000 "] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(!text.contains('"'), "{text}");
    desk.run(["init", "x.yaml", "--from", "logs", "--users", "4", "--per-week", "1"]).run().code(2).says("not both");
}

/// What is typed in the recording: with the command itself eight lines.
const TYPED: [&str; 7] = ["a thesis chatbot", "40 students", "3 times a week", "a paragraph", "", "6 months", "10 EUR"];

/// `docs/first-budget.md` records a terminal. What drives the range and the levers are left out there, and the line about the
/// table changes with each table. `FAREBOX_BLESS=1` writes what is printed now into the page, to be read before it is committed.
#[test]
fn the_recording_is_what_the_program_prints() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/first-budget.md");
    let page = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
    let (before, rest) = page.split_once("```text\n").expect("a recording");
    let (recorded, after) = rest.split_once("```").expect("its end");
    let dir = tempfile::tempdir().unwrap();
    let init = farebox(["init", "--ask"]).dir(dir.path()).env("FAREBOX_NOW", "2026-11-22T12:00:00Z");
    let ran = init.input(TYPED.join("\n") + "\n").run().code(0);
    // A terminal shows what is typed behind each question.
    let mut shown = "$ farebox init\n".to_owned();
    let mut answers = TYPED.iter();
    for (index, part) in ran.stderr.split("] ").enumerate() {
        if index > 0 {
            shown += &format!("] {}\n", answers.next().expect("an answer to every question"));
        }
        shown += part;
    }
    assert_eq!(answers.next(), None, "every line is an answer:\n{shown}");
    shown += &ran.stdout;
    let lines: Vec<&str> =
        shown.lines().map(str::trim_end).filter(|line| !line.starts_with("Largest saving")).collect();
    let at = |start: &str| {
        lines.iter().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {shown}"))
    };
    let (head, tail) = (&lines[..at("What drives the range")], &lines[at("Low and high")..]);
    let printed = [head, &["…", ""], tail].concat().join("\n") + "\n";
    if std::env::var_os("FAREBOX_BLESS").is_some() {
        std::fs::write(path, format!("{before}```text\n{printed}```{after}")).unwrap();
        return;
    }
    let without_table = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with("Prices as of"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(without_table(recorded), without_table(&printed));
}
