//! What `compare` shows of which models, with the made-up models of `tests/data/compare/prices.yaml` next to the real ones.

#[cfg(target_os = "linux")]
use crate::support::on_eighty_columns;
use crate::support::{Farebox, farebox};
use serde_json::{Value, json};

const PRICES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/compare/prices.yaml");

fn at(command: &str) -> Farebox {
    farebox(command.split(' ')).args(["--prices", PRICES, "--at", "2026-11-22"])
}

fn rows(json: &Value) -> &Vec<Value> {
    json["rows"].as_array().expect("rows")
}

fn row<'j>(json: &'j Value, model: &str) -> &'j Value {
    rows(json).iter().find(|row| row["model"] == model).unwrap_or_else(|| panic!("{model} in {json}"))
}

/// The models of the made-up provider, in the order of a table or of JSON.
fn zeta_of_table(table: &str) -> Vec<&str> {
    let ids = table.lines().take_while(|line| !line.starts_with("Shown") && !line.starts_with("In the rows"));
    ids.filter_map(|line| line.strip_prefix("zeta/")?.split_whitespace().next()).collect()
}

fn zeta(json: &Value) -> Vec<&str> {
    rows(json).iter().filter(|row| row["provider"] == "zeta").map(|row| row["model"].as_str().unwrap()).collect()
}

fn workload(dir: &std::path::Path, more: &str) -> String {
    let path = dir.join("farebox.yaml");
    let text = format!(
        "version: 1\nname: bot\nstart: 2026-12-01\nmonths: 1\nfeatures:\n  f: {{model: zeta/zeta-small-2, prompt: 1000 tokens, output: 100, calls: 1000 per month{more}}}\n"
    );
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn people_see_the_newest_of_each_maker_and_class_and_programs_everything() {
    let short = ["zeta-small-2", "zeta-mid-with-a-rather-long-name-1", "zeta-large-1"];
    let all = [
        "zeta-tiny-1",
        "zeta-small-1",
        "zeta-small-2",
        "zeta-small-code-3",
        "zeta-mid-with-a-rather-long-name-1",
        "zeta-large-1",
    ];
    let work = "compare --input-tokens 1000 --output-tokens 100 --thinking-tokens 0";
    let table = at(work).run().code(0).stdout;
    assert_eq!(zeta_of_table(&table), short, "{table}");
    assert!(table.contains("--top 0 shows those at their makers, --all also hosts"), "{table}");
    for format in ["json", "jsonl", "csv"] {
        let out = at(work).args(["--format", format]).run().code(0).stdout;
        assert!(all.iter().all(|id| out.contains(id)), "{format}");
    }
    let json = at(work).args(["--format", "json"]).run().code(0).json();
    assert_eq!(zeta(&json), all);
    assert_eq!(
        (&json["left_out"], &row(&json, "zeta-small-2")["twins"]),
        (&json!(0), &json!(["zeta/zeta-small-2-latest"]))
    );
    assert_eq!(rows(&at(work).args(["--format", "json", "--top", "2"]).run().code(0).json()).len(), 2);
    let everything = at(work).args(["--top", "0"]).run().code(0).stdout;
    assert_eq!(zeta_of_table(&everything), all);
    assert!(everything.lines().count() > table.lines().count() + 50);
    // The cheapest of all is on top, whoever made it.
    let top = at(work).args(["--top", "1", "--format", "json"]).run().code(0).json();
    let first = format!("{}/{}", rows(&top)[0]["provider"].as_str().unwrap(), rows(&top)[0]["model"].as_str().unwrap());
    assert!(table.contains(&format!("Cheapest: {first} at ")), "{first}: {table}");

    let dir = tempfile::tempdir().unwrap();
    let path = workload(dir.path(), ", reasoning: 0");
    let plan = at("compare").args(["-w", &path]).run().code(0).stdout;
    assert_eq!(zeta_of_table(&plan), short, "{plan}");
    let plan = at("compare --format json").args(["-w", &path]).run().code(0).json();
    assert_eq!(zeta(&plan), all);
}

#[test]
fn only_what_can_do_the_work_is_compared() {
    let of =
        |more: &str| zeta_ids(&at(&format!("compare --output-tokens 100 --format json {more}")).run().code(0).json());
    // An image, a prompt of 100,000 tokens, an answer of 5,000.
    let with_image = of("--text hi --image 1024x768");
    assert_eq!(with_image, ["zeta-small-1", "zeta-small-2", "zeta-large-1"]);
    assert!(!of("--input-tokens 100000").contains(&"zeta-tiny-1".to_owned()));
    let long = at("compare --input-tokens 1000 --output-tokens 5000 --format json").run().code(0).json();
    assert!(!zeta(&long).contains(&"zeta-small-1"));
    let left_out = long["not_compared"].as_array().unwrap();
    assert!(
        left_out.contains(&json!({"model": "zeta/zeta-small-1", "reason": "cannot write an answer of that length"}))
    );

    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]});
    let run = at("compare - --chat --output-tokens 100 --format json").input(body.to_string()).run().code(0).json();
    assert_eq!(run["needs"], json!(["tools"]));
    assert!(!zeta(&run).contains(&"zeta-tiny-1") && zeta(&run).contains(&"zeta-small-2"));

    let dir = tempfile::tempdir().unwrap();
    for (more, needs, left) in [
        (", attachments: [{image: 1024x768}]", json!(["vision"]), vec!["zeta-small-1", "zeta-small-2", "zeta-large-1"]),
        (
            ", steps: {count: 3, call: 50, result: 100}, reasoning: 0",
            json!(["tools"]),
            vec![
                "zeta-small-1",
                "zeta-small-2",
                "zeta-small-code-3",
                "zeta-mid-with-a-rather-long-name-1",
                "zeta-large-1",
            ],
        ),
    ] {
        let path = workload(dir.path(), more);
        let plan = at("compare --format json").args(["-w", &path]).run().code(0).json();
        assert_eq!((&plan["needs"], zeta(&plan)), (&needs, left), "{more}");
    }
    // Whoever names a model knows what it can do.
    at("compare --text hi --image 1024x768 --output-tokens 100 -m zeta/zeta-small-1 -m openai/gpt-4o").run().code(0);
}

fn zeta_ids(json: &Value) -> Vec<String> {
    zeta(json).into_iter().map(str::to_owned).collect()
}

/// 1,000 × input + 100 × output per million: small-2 $0.00048, large-1 $0.01, mid $0.0026 and 1,000 tokens of thinking at 6.
#[test]
fn a_row_says_what_a_decision_needs() {
    let models = ["zeta/zeta-small-2", "zeta/zeta-mid-with-a-rather-long-name-1", "zeta/zeta-large-1"];
    let named = models.iter().flat_map(|model| ["-m", *model]);
    let work = "compare --input-tokens 1000 --output-tokens 100 -n 10";
    let json = at(work).args(named.clone()).args(["--format", "json"]).run().code(0).json();
    let mid = row(&json, "zeta-mid-with-a-rather-long-name-1");
    assert_eq!(mid["total_usd"], "0.086");
    assert_eq!(mid["per_1000_requests_usd"], "8.6");
    // 0.086 ÷ 0.0048
    assert_eq!(mid["times_cheapest"], "17.9167");
    assert_eq!(
        (&mid["price_class"], &mid["context_window"], &mid["released"]),
        (&json!("standard"), &json!(1000000), &json!("2026-02-01"))
    );
    // Ten times 1,000 × (2 − 0.4), 100 × (6 − 0.8) and 1,000 × 6, per million.
    let difference =
        json!({"input_rate": "0.016", "tokenizer": "0", "output_rate": "0.0052", "thinking": "0.06", "fees": "0"});
    assert_eq!(mid["difference"], difference);
    let table = at(work).args(named.clone()).run().code(0).stdout;
    assert!(table.contains("thinking costs more (+$0.06), prompt tokens cost more (+$0.016)"), "{table}");

    let dir = tempfile::tempdir().unwrap();
    let path = workload(dir.path(), "");
    let plan = at("compare --format json").args(["-w", &path]).args(named.clone()).run().code(0).json();
    let mid = row(&plan, "zeta-mid-with-a-rather-long-name-1");
    // A hundred times what ten requests cost.
    assert_eq!((&mid["total_usd"], &mid["per_1000_requests_usd"]), (&json!("8.6"), &json!("8.6")));
    assert_eq!(mid["difference"], json!({"prompts": "1.6", "answers": "0.52", "thinking": "6"}));
    let table = at("compare").args(["-w", &path]).args(named).run().code(0).stdout;
    assert!(table.contains("thinking costs more (+$6.00), prompts cost more (+$1.60)"), "{table}");
    assert!(!table.contains("ranking holds") && !table.contains("while output"), "{table}");
}

#[test]
fn scores_show_what_is_the_best_for_its_price() {
    let dir = tempfile::tempdir().unwrap();
    let scores = dir.path().join("scores.csv");
    std::fs::write(
        &scores,
        "model,score\nzeta/zeta-small-1,50\nzeta/zeta-small-2,60\nzeta/zeta-small-code-3,40\nzeta/zeta-large-1,90\n",
    )
    .unwrap();
    let scores = scores.display().to_string();
    let path = workload(dir.path(), "");
    for work in [vec!["--input-tokens", "1000", "--output-tokens", "100"], vec!["-w", &path]] {
        let run = |more: &[&str]| {
            at("compare -p zeta")
                .args(["--scores", &scores])
                .args(work.clone())
                .args(more.iter().copied())
                .run()
                .code(0)
        };
        let json = run(&["--format", "json"]).json();
        let best = |model: &str| row(&json, model).get("best_for_its_price").cloned();
        // small-1, small-2 and the one for code cost the same.
        assert_eq!(best("zeta-small-2"), Some(json!(true)));
        assert_eq!(best("zeta-large-1"), Some(json!(true)));
        assert_eq!(
            (best("zeta-small-1"), best("zeta-small-code-3"), best("zeta-tiny-1")),
            (Some(json!(false)), Some(json!(false)), None)
        );
        let table = run(&[]).stdout;
        assert!(
            table.contains("nothing is both cheaper and better than each of: zeta/zeta-small-2, zeta/zeta-large-1."),
            "{table}"
        );
        let page = run(&["--format", "html"]).stdout;
        assert!(page.contains("Score against cost") && page.contains("zeta/zeta-small-code-3: 40 at $"), "{page}");
        assert!(page.contains("<polyline class=\"line\""));
    }
}

/// Tables of other commands leave columns out rather than break an id or run over the edge.
#[cfg(target_os = "linux")]
#[test]
fn tables_of_other_commands_fit_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let path = workload(dir.path(), "");
    let plan = ["plan", "-w", &path, "--prices", PRICES, "--at", "2026-11-22"];
    let ids = ["zeta/zeta-small-2", "zeta/zeta-mid-with-a-rather-long-name-1"];
    let models = ["-m", ids[0], "-m", ids[1], "--prices", PRICES, "--at", "2026-11-22"];
    let count: Vec<&str> = ["count", "--text", "hello world"].into_iter().chain(models).collect();
    let estimate = ["estimate", "--text", "hello world", "--output-tokens", "100..300", "-n", "100"];
    let estimate: Vec<&str> = estimate.into_iter().chain(models).collect();
    // Amounts so wide that a name has to go on below.
    let million: Vec<&str> = estimate.iter().map(|word| if *word == "100" { "1000000" } else { word }).collect();
    let cases = [(&count, &ids[..]), (&estimate, &ids[..]), (&million, &[]), (&plan.to_vec(), &[])];
    for (arguments, ids) in cases {
        let shown = on_eighty_columns(None, arguments);
        let rows = shown.lines().filter(|line| !line.starts_with("note: "));
        assert!(shown.contains("────") && rows.clone().all(|line| line.chars().count() <= 80), "{shown}");
        for id in ids {
            assert!(rows.clone().any(|line| line.contains(id)), "{id} is broken:\n{shown}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn eighty_columns_break_no_row_and_no_id() {
    let dir = tempfile::tempdir().unwrap();
    let path = workload(dir.path(), "");
    let models =
        ["-m", "zeta/zeta-small-2", "-m", "zeta/zeta-mid-with-a-rather-long-name-1", "-m", "zeta/zeta-large-1"];
    let prices = ["--prices", PRICES, "--at", "2026-11-22"];
    let given: Vec<&str> = ["compare", "--input-tokens", "1000", "--output-tokens", "100..300"]
        .iter()
        .chain(&models)
        .chain(&prices)
        .copied()
        .collect();
    let table_of = |text: &str| {
        text.lines().filter(|line| !line.starts_with("Prices as of")).map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!("compare_80", table_of(&on_eighty_columns(None, &given)));
    let text: Vec<&str> =
        ["compare", "--text", "The quick brown fox jumps over the lazy dog.", "--output-tokens", "100"]
            .iter()
            .chain(&models)
            .chain(&prices)
            .copied()
            .collect();
    insta::assert_snapshot!("compare_text_80", table_of(&on_eighty_columns(None, &text)));
    let plan: Vec<&str> = ["compare", "-w", &path].iter().chain(&models).chain(&prices).copied().collect();
    insta::assert_snapshot!("compare_plan_80", table_of(&on_eighty_columns(None, &plan)));
    let short: Vec<&str> =
        ["compare", "--input-tokens", "1000", "--output-tokens", "100"].iter().chain(&prices).copied().collect();
    for arguments in [given, text, plan, short] {
        let shown = on_eighty_columns(None, &arguments);
        let wide = shown.lines().filter(|line| line.chars().count() > 80).collect::<Vec<_>>();
        assert!(wide.is_empty(), "{wide:?}\n{shown}");
        assert!(shown.contains("zeta/zeta-mid-with-a-rather-long-name-1 "), "{shown}");
    }
}
