//! `farebox check` in git repositories made here: what is explained, what fails and with which code, and that no name
//! steers anything.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Farebox, Ran, farebox};
use rust_decimal::{Decimal, dec};
use serde_json::Value;

const AT: &str = "2026-11-22";

/// A repository with one commit on `main`.
pub(crate) struct Repo {
    dir: tempfile::TempDir,
}

impl Repo {
    pub(crate) fn new(files: &[(&str, &str)]) -> Repo {
        let repo = Repo { dir: tempfile::tempdir().unwrap() };
        repo.git(&["init", "-q", "-b", "main"]);
        for (key, value) in [
            ("user.name", "T"),
            ("user.email", "t@example.org"),
            ("commit.gpgsign", "false"),
            ("core.autocrlf", "false"),
        ] {
            repo.git(&["config", key, value]);
        }
        files.iter().for_each(|(name, text)| repo.write(name, text));
        repo.commit("first");
        repo.git(&["branch", "-q", "start"]);
        repo
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git").args(args).current_dir(self.path()).output().expect("git is installed");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    pub(crate) fn check(&self, args: &[&str]) -> Ran {
        self.run(args, &[])
    }

    pub(crate) fn run(&self, args: &[&str], env: &[(&str, &Path)]) -> Ran {
        let mut run = quiet(farebox(["check", "--at", AT]).pinned().dir(self.path()));
        for (name, value) in env {
            run = run.env(name, value);
        }
        args.iter().fold(run, |run, arg| run.arg(arg)).run()
    }

    /// Against the first commit, as JSON.
    pub(crate) fn json(&self, code: i32) -> Value {
        let json = self.check(&["--base", "start", "--format", "json"]).code(code).json();
        parts_add_up(&json);
        json
    }
}

/// Without what the machine that runs the tests says about itself.
fn quiet(run: Farebox) -> Farebox {
    let names = [
        "GITHUB_ACTIONS",
        "GITHUB_BASE_REF",
        "GITHUB_OUTPUT",
        "GITHUB_STEP_SUMMARY",
        "GITLAB_CI",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA",
    ];
    names.into_iter().fold(run, |run, name| run.env(name, ""))
}

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).parse().unwrap()
}

/// The parts are the change, to the last digit, for each feature and for the whole.
fn parts_add_up(json: &Value) {
    let sum = |parts: &Value| parts.as_array().unwrap().iter().map(|p| decimal(&p["amount"])).sum::<Decimal>();
    if json["delta_monthly"].is_null() {
        return;
    }
    assert_eq!(sum(&json["parts"]), decimal(&json["delta_monthly"]), "{json:#}");
    for row in json["rows"].as_array().unwrap().iter().filter(|r| r["status"] != "unpriced") {
        assert_eq!(sum(&row["parts"]), decimal(&row["delta_monthly"]), "{row:#}");
    }
}

fn part<'j>(json: &'j Value, factor: &str) -> &'j Value {
    json["parts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["factor"] == factor)
        .unwrap_or_else(|| panic!("{factor} is no part of {json:#}"))
}

fn factors(json: &Value) -> Vec<&str> {
    json["parts"].as_array().unwrap().iter().map(|p| p["factor"].as_str().unwrap()).collect()
}

pub(crate) fn rules_of(json: &Value) -> Vec<&str> {
    json["findings"].as_array().unwrap().iter().map(|f| f["rule"].as_str().unwrap()).collect()
}

/// 30 days × 100 calls × (1,000 × 2.50 + 200 × 10) ÷ 1,000,000 = 13.50 dollars in September 2027, at the rates of gpt-4o that
/// `farebox prices show openai/gpt-4o` prints.
pub(crate) const ONE: &str = "version: 1
name: One
start: 2027-09-01
months: 1
features:
  search:
    model: openai/gpt-4o
    prompt: 1000
    output: 200
    calls: 100 per day
";

#[test]
fn nothing_changed_is_nothing_to_explain() {
    let repo = Repo::new(&[("farebox.yaml", ONE)]);
    let json = repo.json(0);
    assert_eq!((json["verdict"].as_str(), json["delta_monthly"].as_str()), (Some("passed"), Some("0")));
    assert_eq!(json["monthly"], "13.5");
    assert!(json["parts"].as_array().unwrap().is_empty());
    assert_eq!(json["base"]["commit"].as_str().unwrap(), repo.git(&["rev-parse", "start"]).trim());
    assert_eq!(json["table"]["sha256"].as_str().unwrap().len(), 64);
    assert!(!json["assumptions"].as_array().unwrap().is_empty());
}

#[test]
fn a_switched_model_and_a_longer_answer_are_split_by_hand() {
    let repo = Repo::new(&[("farebox.yaml", ONE)]);
    // gpt-4o-mini: 0.15 and 0.60 per million.
    repo.write("farebox.yaml", &ONE.replace("gpt-4o", "gpt-4o-mini").replace("output: 200", "output: 400"));
    let json = repo.json(0);
    // 3,000 calls: both old 13.50; new model alone 0.81; longer answer alone 19.50; both 1.17.
    // Model: ((0.81 − 13.50) + (1.17 − 19.50)) ÷ 2 = −15.51. Output: ((19.50 − 13.50) + (1.17 − 0.81)) ÷ 2 = 3.18.
    assert_eq!(decimal(&json["base_monthly"]), dec!(13.5));
    assert_eq!(decimal(&json["monthly"]), dec!(1.17));
    assert_eq!(decimal(&part(&json, "model")["amount"]), dec!(-15.51));
    assert_eq!(decimal(&part(&json, "output")["amount"]), dec!(3.18));
    assert_eq!(part(&json, "model")["basis"], "exact");
    assert_eq!(part(&json, "model")["what"], "openai/gpt-4o → openai/gpt-4o-mini");
    assert_eq!(part(&json, "model")["places"], serde_json::json!([{"file": "farebox.yaml", "line": 7}]));
    assert_eq!(part(&json, "output")["places"], serde_json::json!([{"file": "farebox.yaml", "line": 9}]));
}

#[test]
fn an_edited_prompt_is_named_by_its_line_committed_or_not() {
    let yaml = ONE.replace("prompt: 1000", "prompt: prompts/ask.txt");
    let repo = Repo::new(&[("farebox.yaml", &yaml), ("prompts/ask.txt", "One.\nTwo.\nThree.\n")]);
    repo.write("prompts/ask.txt", "One.\nTwo and a half of a longer second line.\nThree.\n");
    for commit in [false, true] {
        if commit {
            repo.commit("edit");
        }
        let json = repo.json(0);
        assert_eq!(factors(&json), ["prompt"], "committed: {commit}");
        assert_eq!(part(&json, "prompt")["places"], serde_json::json!([{"file": "prompts/ask.txt", "line": 2}]));
        assert!(decimal(&json["delta_monthly"]) > Decimal::ZERO);
    }
}

#[test]
fn every_factor_is_told_apart() {
    let base = ONE.replace(
        "    calls",
        "    system: 2000\n    reasoning: 10\n    cache: {hit_rate: 50%, parts: [system], minimum: 0}\n    calls",
    );
    let repo = Repo::new(&[("farebox.yaml", &base)]);
    let head = base
        .replace("prompt: 1000", "prompt: 1500")
        .replace("openai/gpt-4o", "openai/gpt-4.1")
        .replace("output: 200", "output: 250")
        .replace("reasoning: 10", "reasoning: 70")
        .replace("hit_rate: 50%", "hit_rate: 90%")
        .replace("100 per day", "130 per day");
    repo.write("farebox.yaml", &head);
    assert_eq!(factors(&repo.json(0)), ["prompt", "model", "output", "reasoning", "calls", "cache"]);
}

#[test]
fn the_price_table_and_the_exchange_rate_are_factors() {
    let prices = "schema: 1\nprovider: acme\nname: Acme\nmodels:\n  - id: m\n    prices:\n      - from: 2026-01-01\n        rates: {input: \"2\", output: \"10\"}\n";
    let yaml = ONE
        .replace("openai/gpt-4o", "acme/m")
        .replace("name: One", "name: One\ncurrency: EUR\nexchange: {EUR: [{from: 2026-01-01, per_usd: \"0.5\"}]}");
    let repo = Repo::new(&[("farebox.yaml", &yaml), ("prices.yaml", prices)]);
    repo.write("prices.yaml", &prices.replace("\"2\"", "\"4\""));
    repo.write("farebox.yaml", &yaml.replace("0.5", "0.8"));
    let json = repo.check(&["--base", "start", "--prices", "prices.yaml", "--format", "json"]).code(0).json();
    parts_add_up(&json);
    // 3,000 calls × 1,000 × 2 + 3,000 × 200 × 10 = 12 USD; at 4: 18 USD. In EUR: 6, at the new rate 9.60; at the new price 9 and 14.40.
    // Price table: ((9 − 6) + (14.40 − 9.60)) ÷ 2 = 3.90; exchange rate: ((9.60 − 6) + (14.40 − 9)) ÷ 2 = 4.50.
    assert_eq!(decimal(&part(&json, "price_table")["amount"]), dec!(3.9));
    assert_eq!(decimal(&part(&json, "exchange")["amount"]), dec!(4.5));
    assert_eq!((decimal(&json["base_monthly"]), decimal(&json["monthly"])), (dec!(6), dec!(14.4)));
    assert_eq!(decimal(&json["base_repriced"]), dec!(9));
}

#[test]
fn two_features_at_once_one_new_and_one_gone() {
    let two =
        format!("{ONE}  chat:\n    model: openai/gpt-4o\n    prompt: 100\n    output: 100\n    calls: 10 per day\n");
    let repo = Repo::new(&[("farebox.yaml", &two)]);
    repo.write("farebox.yaml", &two.replace("prompt: 1000", "prompt: 900").replace("output: 100", "output: 120"));
    let json = repo.json(0);
    assert_eq!(
        json["parts"].as_array().unwrap().iter().map(|p| p["feature"].as_str().unwrap()).collect::<Vec<_>>(),
        ["search", "chat"]
    );
    repo.write("farebox.yaml", &two.replace("  search:", "  find:"));
    let json = repo.json(0);
    assert_eq!(decimal(&json["delta_monthly"]), dec!(0));
    let status: Vec<&str> = json["rows"].as_array().unwrap().iter().map(|r| r["status"].as_str().unwrap()).collect();
    assert!(status.contains(&"new") && status.contains(&"removed") && status.contains(&"same"), "{status:?}");
}

#[test]
fn fixed_costs_credits_and_tax_are_lines_of_their_own() {
    let repo = Repo::new(&[("farebox.yaml", ONE)]);
    repo.write(
        "farebox.yaml",
        &format!("{ONE}tax: 10%\nfixed: [{{name: db, cost: 20 USD per month}}]\ncredits: [{{amount: 3 USD}}]\n"),
    );
    let json = repo.json(0);
    // (13.50 − 3 + 20) × 1.1 = 33.55
    assert_eq!(decimal(&json["monthly"]), dec!(33.55));
    assert_eq!(decimal(&part(&json, "fixed")["amount"]), dec!(20));
    assert_eq!(decimal(&part(&json, "credits")["amount"]), dec!(-3));
    assert_eq!(decimal(&part(&json, "tax")["amount"]), dec!(3.05));
}

#[test]
fn ranges_that_bend_the_cost_still_add_up_to_what_plan_says() {
    // How many calls are free in a draw depends on the draw: the cost at the means is not the mean of the cost.
    let free = "output: 100..200..600\n    free: {requests: 60 per day}";
    let bent = ONE.replace("output: 200", free).replace("100 per day", "20..100..150 per day");
    let repo = Repo::new(&[("farebox.yaml", &bent)]);
    repo.write("farebox.yaml", &bent.replace("20..100..150", "20..130..180").replace("..600", "..900"));
    let json = repo.json(0);
    assert!(factors(&json).contains(&"ranges"));
    assert!(json["parts"].as_array().unwrap().iter().all(|p| p["basis"] == "estimated"));
    let plan = farebox(["plan", "--at", AT, "--format", "json"]).pinned().dir(repo.path()).run().code(0).json();
    assert_eq!(json["total_usd"], plan["total"]["expected_usd"]);
}

#[test]
fn a_renamed_prompt_and_a_renamed_workload_are_followed() {
    let yaml = ONE.replace("prompt: 1000", "prompt: a.txt");
    let repo = Repo::new(&[("plans/one.yaml", &yaml), ("plans/a.txt", "What is new?\n")]);
    fs::rename(repo.path().join("plans/a.txt"), repo.path().join("plans/b.txt")).unwrap();
    repo.write("plans/one.yaml", &yaml.replace("a.txt", "b.txt"));
    let json = repo.check(&["-w", "plans/one.yaml", "--base", "start", "--format", "json"]).code(0).json();
    assert_eq!((json["delta_monthly"].as_str(), json["parts"].as_array().unwrap().len()), (Some("0"), 0));
    fs::rename(repo.path().join("plans/one.yaml"), repo.path().join("plans/two.yaml")).unwrap();
    repo.commit("rename");
    let json = repo.check(&["-w", "plans/two.yaml", "--base", "start", "--format", "json"]).code(0).json();
    assert_eq!(json["delta_monthly"], "0");
    assert!(json["notes"].to_string().contains("plans/one.yaml"));
}

#[test]
fn the_base_is_where_the_branch_left_not_where_main_went() {
    let repo = Repo::new(&[("farebox.yaml", ONE)]);
    repo.git(&["checkout", "-q", "-b", "work"]);
    repo.write("farebox.yaml", &ONE.replace("100 per day", "200 per day"));
    repo.commit("more");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("farebox.yaml", &ONE.replace("100 per day", "900 per day"));
    repo.commit("much more");
    repo.git(&["checkout", "-q", "--detach", "work"]);
    let json = repo.check(&["--base", "main", "--format", "json"]).code(0).json();
    assert_eq!((json["base_monthly"].as_str(), json["monthly"].as_str()), (Some("13.5"), Some("27")));
}

#[test]
fn a_shallow_clone_says_how_to_fetch_more() {
    let repo = Repo::new(&[("farebox.yaml", ONE)]);
    repo.commit("second");
    repo.commit("third");
    let clone = tempfile::tempdir().unwrap();
    let url = format!("file://{}", repo.path().display());
    let output = Command::new("git")
        .args(["clone", "-q", "--depth", "1", &url, "c"])
        .current_dir(clone.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let dir = clone.path().join("c");
    for base in ["start", "HEAD~2", "origin/start"] {
        let run = quiet(farebox(["check", "--base", base, "--at", AT]).dir(&dir)).run();
        run.code(2).says("fetch-depth: 0").says("GIT_DEPTH: 0");
    }
}

#[test]
fn bases_that_are_none_are_named() {
    let repo = Repo::new(&[("farebox.yaml", ONE)]);
    repo.check(&["--base", "origin/main"]).code(2).says("git fetch origin main");
    repo.check(&["--base", "nowhere"]).code(2).says("names no commit");
    repo.check(&["--base=--output=x"]).code(2).says("names no commit");
    repo.git(&["checkout", "-q", "--orphan", "island"]);
    repo.commit("island");
    repo.check(&["--base", "main"]).code(2).says("share no history");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("farebox.yaml"), ONE).unwrap();
    let run = |args: [&'static str; 3]| {
        quiet(farebox(args).dir(folder.path())).env("GIT_CEILING_DIRECTORIES", folder.path().parent().unwrap()).run()
    };
    run(["check", "--base", "main"]).code(2).says("is in no git repository");
    let ran = run(["check", "--at", AT]).code(0);
    assert!(ran.stdout.contains("No base was given"), "{}", ran.stdout);
    let empty = tempfile::tempdir().unwrap();
    quiet(farebox(["check", "--base", "main"]).dir(folder.path()))
        .env("PATH", empty.path())
        .run()
        .code(2)
        .says("git is not installed");
}

#[test]
fn files_that_are_not_there_or_not_whole_say_so() {
    let repo = Repo::new(&[("readme", "x")]);
    repo.check(&["--base", "start"]).code(2).says("there is no farebox.yaml here");
    repo.write("farebox.yaml", ONE);
    let json = repo.check(&["--base", "start", "--format", "json"]).code(0).json();
    assert!(json["base_monthly"].is_null());
    repo.write("farebox.yaml", &format!("<<<<<<< HEAD\n{ONE}=======\n{ONE}>>>>>>> other\n"));
    repo.check(&["--base", "start"]).code(2).says("unfinished merge").says("farebox.yaml:1:1");
    repo.commit("broken");
    repo.git(&["branch", "-q", "-f", "start"]);
    repo.write("farebox.yaml", ONE);
    let json = repo.check(&["--base", "start", "--format", "json"]).code(0).json();
    assert!(json["notes"].to_string().contains("cannot be used"), "{json:#}");
}

const GROWN: &str = "100 per day";

fn with_rules(rules: &str) -> String {
    format!("{ONE}check:\n  rules:\n{rules}")
}

#[test]
fn each_rule_fails_on_what_it_forbids_and_passes_what_it_allows() {
    // (rules, calls after, code, findings)
    let cases: [(&str, &str, i32, &[&str]); 24] = [
        ("    max-total: 13.50 USD\n", "100", 0, &[]),
        ("    max-total: 13.49 USD\n", "100", 1, &["max-total"]),
        ("    max-total: 13.49 USD per month\n", "100", 1, &["max-total"]),
        ("    max-total: {limit: 13.49 USD, level: warning, message: too dear}\n", "100", 0, &["max-total"]),
        ("    max-feature: 13 USD\n", "100", 1, &["max-feature"]),
        ("    max-feature: {limit: 13 USD, features: [other*]}\n", "100", 0, &[]),
        ("    max-call: 0.0045\n", "100", 0, &[]),
        ("    max-call: 0.004499\n", "100", 1, &["max-call"]),
        ("    max-growth: 20%\n", "120", 0, &[]),
        ("    max-growth: 20%\n", "121", 1, &["max-growth"]),
        ("    max-growth: 2x\n", "201", 1, &["max-growth"]),
        ("    max-growth: [50%, 1 USD per month]\n", "120", 1, &["max-growth"]),
        ("    max-feature-growth: 1 USD\n", "120", 1, &["max-feature-growth"]),
        ("    max-context: 1%\n", "100", 0, &[]),
        ("    max-context: 0.5%\n", "100", 1, &["max-context"]),
        ("    allow-models: [anthropic/*]\n", "100", 1, &["allow-models"]),
        ("    deny-models: gpt-4o\n", "100", 1, &["deny-models"]),
        ("    deny-models: [gpt-4o-mini]\n", "100", 0, &[]),
        ("    max-table-age: 0 days\n", "100", 0, &[]),
        ("    price-drift: 2026.01.01\n", "100", 4, &["price-drift"]),
        ("    max-range: 10%\n", "100", 0, &[]),
        ("    max-range: 10%\n", "80..100..150", 1, &["max-range", "max-range"]),
        ("    max-totle: 5\n    max-growth: 1%\n", "120", 2, &["bad-rule", "max-growth"]),
        (
            "    max-call: cheap\n    max-growth: {limit: 1%, levle: note}\n    max-total: 1 USD\n",
            "100",
            2,
            &["bad-rule", "bad-rule", "max-total"],
        ),
    ];
    let repo = Repo::new(&[("farebox.yaml", ONE)]);
    for (rules, calls, code, found) in cases {
        repo.write("farebox.yaml", &with_rules(rules).replace(GROWN, &format!("{calls} per day")));
        let json = repo.json(code);
        assert_eq!(rules_of(&json), found, "{rules}{json:#}");
        assert_eq!(json["exit_code"], code, "{rules}");
        assert_eq!(json["verdict"] == "passed", code == 0, "{rules}");
    }
    let tokens = with_rules("    max-prompt-tokens: 3\n").replace("prompt: 1000", "prompt: long.txt");
    repo.write("farebox.yaml", &tokens);
    repo.write("long.txt", "one two three four five");
    let json = repo.json(1);
    assert_eq!((rules_of(&json), json["findings"][0]["file"].as_str()), (vec!["max-prompt-tokens"], Some("long.txt")));
}

/// Tools are counted as they are billed, frame and all: those of an MCP server, in a file as it answers `tools/list`.
#[test]
fn the_tools_of_a_feature_are_limited() {
    let served = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"read_file","description":"Reads a file",
        "inputSchema":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}}]}}"#;
    let repo = Repo::new(&[("farebox.yaml", ONE), ("mcp.json", served)]);
    let with = |limit: u64, tools: &str| {
        let rules = with_rules(&format!("    max-tools-tokens: {limit}\n"));
        repo.write("farebox.yaml", &rules.replace("prompt: 1000", &format!("prompt: 1000\n    tools: {tools}")));
    };
    // As `farebox count mcp.json` counts them for the model of the feature.
    let count = farebox(["count", "mcp.json", "-m", "gpt-4o", "--format", "json"]).pinned().dir(repo.path());
    let counted = count.run().code(0).json();
    let most = counted["rows"][0]["high"].as_u64().expect("a bound");
    with(most, "mcp.json");
    assert!(rules_of(&repo.json(0)).is_empty());
    with(most - 1, "mcp.json");
    let json = repo.json(1);
    let finding = &json["findings"][0];
    assert_eq!((rules_of(&json), finding["file"].as_str()), (vec!["max-tools-tokens"], Some("mcp.json")));
    let message = finding["message"].as_str().expect("a message");
    assert!(
        message.contains(&format!("add up to {most} tokens to each request to openai/gpt-4o, more than {}", most - 1)),
        "{message}"
    );
    // Two files are sent together: what having tools costs is paid once.
    with(1, "[mcp.json, mcp.json]");
    repo.write(
        "both.json",
        &format!(
            "[{0},{0}]",
            r#"{"name":"read_file","description":"Reads a file",
        "inputSchema":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}}"#
        ),
    );
    let message = |json: Value| json["findings"][0]["message"].as_str().expect("a message").to_owned();
    let twice = message(repo.json(1));
    with(1, "both.json");
    assert_eq!(message(repo.json(1)), twice);
    // A number of tokens is what it says, and is found in the workload.
    with(100, "101");
    let json = repo.json(1);
    let finding = &json["findings"][0];
    assert_eq!((finding["file"].as_str(), finding["rule"].as_str()), (Some("farebox.yaml"), Some("max-tools-tokens")));
    assert!(finding["message"].as_str().expect("a message").contains("add 101 tokens"), "{json:#}");
}

#[test]
fn a_budget_is_held_and_its_crossing_told_apart() {
    let budget = format!("{ONE}budget: {{total: 14 USD}}\n");
    let repo = Repo::new(&[("farebox.yaml", &budget)]);
    assert!(rules_of(&repo.json(0)).is_empty());
    repo.write("farebox.yaml", &budget.replace(GROWN, "110 per day"));
    let json = repo.json(1);
    assert!(json["findings"][0]["message"].as_str().unwrap().contains("this change carries the plan over"), "{json:#}");
    assert_eq!(json["findings"][0]["line"], 11);
    repo.commit("over");
    repo.git(&["branch", "-q", "-f", "start"]);
    repo.json(1);
    let crossing = format!("{budget}check: {{rules: {{budget-crossed: true}}}}\n").replace(GROWN, "111 per day");
    repo.write("farebox.yaml", &crossing);
    assert_eq!(repo.json(0)["findings"][0]["level"], "note");
    // Its monthly budget is exceeded in several months, which is one finding.
    let grown = quiet(farebox(["check", "-w", "data/examples/rag-chatbot.yaml", "--at", AT, "--format", "json"])).run();
    let grown = grown.code(1).json();
    assert_eq!(rules_of(&grown), ["budget"]);
    assert!(grown["findings"][0]["message"].as_str().unwrap().contains("months, first in 2027-"), "{grown:#}");
}

#[test]
fn retired_models_alone_end_with_four() {
    let repo = Repo::new(&[("farebox.yaml", ONE)]);
    // Claude Opus 3 was retired on 2026-01-05, Sonnet 4.5 retires on 2026-11-30: the `retired` days of their cards.
    repo.write("farebox.yaml", &ONE.replace("openai/gpt-4o", "anthropic/claude-3-opus-20240229"));
    let json = repo.json(4);
    assert_eq!(rules_of(&json), ["retired"], "{json:#}");
    let off = format!(
        "{}check: {{rules: {{retired: off}}}}\n",
        ONE.replace("openai/gpt-4o", "anthropic/claude-3-opus-20240229")
    );
    repo.write("farebox.yaml", &off);
    repo.json(0);
    for (days, code) in [(7, 0), (8, 4)] {
        let soon =
            with_rules(&format!("    retired: {days} days\n")).replace("openai/gpt-4o", "anthropic/claude-sonnet-4-5");
        repo.write("farebox.yaml", &soon);
        repo.json(code);
    }
    let both = with_rules("    max-total: 1 USD\n").replace("openai/gpt-4o", "anthropic/claude-3-opus-20240229");
    repo.write("farebox.yaml", &both);
    assert_eq!(rules_of(&repo.json(1)), ["max-total", "retired"]);
}

#[test]
fn what_has_no_price_is_said_and_strict_fails() {
    let two = format!(
        "{ONE}  pictures:\n    model: openai/gpt-4o\n    prompt: 10\n    output: 10\n    with: {{region: mars}}\n    calls: 1 per day\n"
    );
    let repo = Repo::new(&[("farebox.yaml", ONE)]);
    repo.write("farebox.yaml", &two);
    let json = repo.json(0);
    assert_eq!(rules_of(&json), ["unpriced"], "{json:#}");
    repo.check(&["--base", "start", "--strict"]).code(3);
    repo.write("farebox.yaml", &format!("{two}check: {{rules: {{unpriced: error}}}}\n"));
    repo.json(1);
    repo.write("farebox.yaml", &two.replace("openai/gpt-4o\n    prompt: 10\n", "openai/gpt-4oo\n    prompt: 10\n"));
    repo.check(&["--base", "start"]).code(2).says("gpt-4oo");
}

#[test]
fn an_accepted_feature_passes_until_its_day() {
    let rules = with_rules("    max-feature: 1 USD   # small\n");
    let repo = Repo::new(&[("farebox.yaml", &rules)]);
    repo.json(1);
    repo.check(&["--accept", "serch", "why", "--until", "2027-01-31"]).code(2).says("search");
    repo.check(&["--accept", "search", "why", "--until", "2026-11-21"]).code(2).says("--until: 2026-11-21 is over");
    repo.check(&["--accept", "search", "why", "--until", "2027-02-29"]).code(2).says("February 2027 has 28 days");
    repo.check(&["--accept", "search:max-feture", "why", "--until", "2027-01-31"]).code(2).says("max-feature");
    repo.check(&["--accept", "plan", "why", "--until", "2027-01-31"])
        .code(2)
        .says("plan breaks no rule")
        .says("plan:max-growth");
    repo.check(&[]).code(1).says("1 rule is broken: search:max-feature").says("--accept search:max-feature");
    repo.check(&["--accept", "search", "a \"launch\" week: # 1", "--until", "2027-01-31"])
        .code(0)
        .says("max-feature of search is accepted");
    let text = fs::read_to_string(repo.path().join("farebox.yaml")).unwrap();
    assert!(text.contains("# small") && text.contains("rule: max-feature") && text.contains("2027-01-31"), "{text}");
    let json = repo.json(0);
    assert_eq!(json["findings"][0]["exempted"]["reason"], "a \"launch\" week: # 1");
    // It holds on its last day, and no longer on the next.
    let at = |day: &str| quiet(farebox(["check", "--at", day, "--format", "json"]).dir(repo.path())).run();
    let exempted = at("2027-01-31").json();
    // Whether the model is still sold by then is a matter of the table, and the exemption is one of this rule alone.
    let found = exempted["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "max-feature").unwrap();
    assert_eq!(found["exempted"]["until"], "2027-01-31");
    let later = at("2027-02-01").code(1).json();
    let mut broken = rules_of(&later);
    broken.retain(|rule| *rule != "retired");
    assert_eq!(broken, ["max-feature", "expired-exemption"]);
}

#[test]
fn a_baseline_says_the_same_as_git_and_foreign_ones_are_refused() {
    let yaml = ONE.replace("prompt: 1000", "prompt: ask.txt");
    let repo = Repo::new(&[("farebox.yaml", &yaml), ("ask.txt", "One two three.\n")]);
    repo.check(&["--write-baseline", "farebox.json"]).code(0);
    repo.write("ask.txt", "One two three, four and five.\n");
    let by_git = repo.json(0);
    let with = |text: &str| {
        repo.write("other.json", text);
        repo.check(&["--baseline", "other.json", "--format", "json"])
    };
    let recorded = fs::read_to_string(repo.path().join("farebox.json")).unwrap();
    let json = with(&recorded).code(0).json();
    assert_eq!((&json["parts"], &json["base_monthly"]), (&by_git["parts"], &by_git["base_monthly"]));
    // Recorded with other prices: the difference is the table's.
    let mut other: Value = serde_json::from_str(&recorded).unwrap();
    other["table"] = serde_json::json!({"version": "2026.01.01", "sha256": "0".repeat(64)});
    let was = decimal(&other["monthly"]) * dec!(2);
    (other["monthly"], other["features"]["search"]) = (was.to_string().into(), was.to_string().into());
    let json = with(&other.to_string()).code(0).json();
    parts_add_up(&json);
    assert_eq!(decimal(&json["base_monthly"]), was);
    assert_eq!(decimal(&part(&json, "price_table")["amount"]), -was / dec!(2));
    // Recorded in euros: the base is priced again, and what it cost then is not compared.
    other["currency"] = "EUR".into();
    let json = with(&other.to_string()).code(0).json();
    parts_add_up(&json);
    assert_eq!((&json["parts"], &json["base_monthly"]), (&by_git["parts"], &by_git["base_monthly"]));
    assert!(json["notes"].to_string().contains("The baseline is in EUR, this check in USD"), "{json:#}");
    other["farebox_baseline"] = 9.into();
    with(&other.to_string()).code(2).says("version 9");
    with("{}").code(2).says("no farebox_baseline");
    with("{").code(2).says("is no baseline");
    repo.check(&["--baseline", "none.json"]).code(5);
}

/// Text that each format takes for a command, a link or markup where it is not made inert.
const HOSTILE: &str = "x\\n::error::owned ##[error]y `id` $(id) <script>alert(1)</script> **b** [a](http://e.example) @everyone #1 \\u001b[31m ]]> --> &amp; |";

#[test]
fn hostile_names_are_inert_in_every_format() {
    let yaml = with_rules("    max-feature: 1 USD\n    max-prompt-tokens: 1\n")
        .replace("  search:", &format!("  \"{HOSTILE}\":"))
        .replace("name: One", &format!("name: \"{HOSTILE}\""))
        .replace("prompt: 1000", "prompt: \"p%0A::error::`$(id)`.txt\"");
    let repo = Repo::new(&[("farebox.yaml", ONE)]);
    repo.write("farebox.yaml", &yaml);
    repo.write("p%0A::error::`$(id)`.txt", "one two three");
    repo.git(&["branch", "-q", "a`x`$(id)<b>@everyone%0A", "start"]);
    for format in
        ["table", "json", "jsonl", "csv", "markdown", "html", "github", "sarif", "junit", "gitlab", "openmetrics"]
    {
        let ran = repo.check(&["--base", "a`x`$(id)<b>@everyone%0A", "--format", format]);
        assert_eq!(ran.code, 1, "{format}: {}", ran.stderr);
        let out = &ran.stdout;
        assert!(!out.contains('\u{1b}'), "{format}: {out}");
        assert!(!out.contains("##["), "{format}: {out}");
        let commands = out.lines().filter(|l| l.trim_start().starts_with("::")).count();
        assert_eq!(commands, if format == "github" { 3 } else { 0 }, "{format}: {out}");
        if format == "markdown" || format == "html" {
            assert!(!out.contains("<script>alert") && !out.contains("<b>"), "{format}: {out}");
        }
        if format == "markdown" {
            assert!(
                !out.contains("[a](http") && !out.contains("@everyone") && out.starts_with("<!-- farebox-check:"),
                "{out}"
            );
            assert_eq!(out.matches("<!-- farebox-check:").count(), 1);
        }
        if ["json", "sarif", "gitlab"].contains(&format) {
            serde_json::from_str::<Value>(out).unwrap_or_else(|e| panic!("{format}: {e}"));
        }
    }
}

#[test]
fn github_is_told_through_its_files_and_can_be_overruled() {
    let repo = Repo::new(&[("farebox.yaml", ONE)]);
    repo.git(&["update-ref", "refs/remotes/origin/main", "start"]);
    repo.write("farebox.yaml", &with_rules("    max-growth: 1%\n").replace(GROWN, "200 per day"));
    let (summary, output) = (repo.path().join("summary.md"), repo.path().join("output.txt"));
    let env: [(&str, &Path); 4] = [
        ("GITHUB_ACTIONS", Path::new("true")),
        ("GITHUB_BASE_REF", Path::new("main")),
        ("GITHUB_STEP_SUMMARY", &summary),
        ("GITHUB_OUTPUT", &output),
    ];
    let ran = repo.run(&["--report", "json=r.json", "--report", "markdown=r.md"], &env).code(1);
    assert!(ran.stderr.contains("::error file=farebox.yaml,line="), "{}", ran.stderr);
    assert!(fs::read_to_string(&summary).unwrap().contains("farebox-check"));
    assert_eq!(
        fs::read_to_string(&output).unwrap(),
        "verdict=failed\ntotal=27\ndelta=13.5\ncurrency=USD\nexit-code=1\nreport=r.json\n\n"
    );
    let stored: Value = serde_json::from_str(&fs::read_to_string(repo.path().join("r.json")).unwrap()).unwrap();
    assert_eq!(stored["verdict"], "failed");
    fs::remove_file(&output).unwrap();
    let ran = repo.run(&["--ci", "none"], &env).code(0);
    assert!(!output.exists() && !ran.stderr.contains("::"));
}

#[test]
fn a_comment_never_outgrows_what_github_takes() {
    let mut yaml = with_rules("    max-feature: 0.01 USD\n");
    let feature = "\n    model: openai/gpt-4o\n    prompt: 100\n    output: 100\n    calls: 9 per day\n";
    let many: String = (0..700).map(|i| format!("  \"feature-{i}-{}\":{feature}", "é".repeat(120))).collect();
    yaml = yaml.replace("features:\n", &format!("features:\n{many}"));
    let repo = Repo::new(&[("farebox.yaml", ONE)]);
    repo.write("farebox.yaml", &yaml);
    let text = repo.check(&["--base", "start", "--format", "markdown"]).code(1).stdout;
    assert!(text.chars().count() <= 65_536, "{}", text.chars().count());
    assert!(text.contains("more findings are in the JSON report"));
    let annotations = repo.check(&["--base", "start", "--format", "github"]).code(1).stdout;
    assert_eq!(annotations.lines().filter(|l| l.starts_with("::error")).count(), 10);
}

#[test]
fn fingerprints_survive_moved_lines_and_other_numbers() {
    let repo = Repo::new(&[("farebox.yaml", ONE)]);
    let prints = |yaml: &str| {
        repo.write("farebox.yaml", yaml);
        repo.json(1)["findings"].as_array().unwrap().iter().map(|f| f["fingerprint"].to_string()).collect::<Vec<_>>()
    };
    let yaml = with_rules("    max-feature: 1 USD\n    max-total: 2 USD\n");
    let moved = format!("# a\n# b\n{}", yaml.replace("100 per day", "150 per day"));
    assert_eq!(prints(&yaml), prints(&moved));
}

#[test]
fn a_file_that_cannot_be_written_ends_with_five() {
    let repo = Repo::new(&[("farebox.yaml", ONE)]);
    repo.check(&["--report", "sarif=no/such/folder/x.sarif"]).code(5).says("does not exist");
    repo.check(&["--report", "sarfi=x"]).code(2).says("is not a format");
}

/// Long names go on below, and the draft still names them.
#[test]
fn a_scan_of_long_names_fits_eighty_columns_and_plans() {
    let deep = "services/a-very-long-name-of-a-directory/with more of them/and-even-more-of-them-below-it";
    let prompt = "prompts/a-rather-long-name-of-a-system-prompt-for-the-support-of-everybody-who-asks.txt";
    let code = format!("PROMPT = \"{prompt}\"\nclient.create(model=\"gpt-5.4-mini\")\n");
    let repo = Repo::new(&[(&format!("{deep}/conversation_handler.py"), &code), (prompt, "You are a bot.")]);
    let text = farebox(["scan", "."]).dir(repo.path()).run().code(0).stdout;
    let too_long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(too_long.is_empty(), "{too_long:?}\n{text}");
    assert!(text.contains("conversation_handler.py:2"), "{text}");
    repo.write("farebox.yaml", &text);
    let json = farebox(["plan", "--format", "json", "--at", "2026-11-22"]).dir(repo.path()).run().code(0).json();
    // The prompt of the file and 500 tokens of the guess: without the file it would be 500 alone.
    assert!(json["features"][0]["models"][0]["first_prompt_tokens"].as_u64().unwrap() > 503, "{json:#}");
}

#[test]
fn a_scan_drafts_a_workload_that_plans_and_marks_its_guesses() {
    let repo = Repo::new(&[
        (
            "app/chat.py",
            "client.responses.create(model=\"gpt-4o-mini\", input=open('prompts/ask.txt'), instructions=open('prompts/system.txt'))\nname = \"not-a-model\"\n",
        ),
        ("app/settings.yaml", "embedding_model: text-embedding-3-small\n"),
        ("prompts/ask.txt", "What is {{topic}}?\n"),
        ("prompts/system.txt", "Be brief.\n"),
        ("prompts/unused.md", "Old.\n"),
        ("ignored/x.py", "model = \"gpt-4\"\n"),
        (".gitignore", "ignored/\n"),
    ]);
    let text = farebox(["scan", "."]).dir(repo.path()).run().code(0).stdout;
    let wants = [
        "openai/gpt-4o-mini\"   # named in app/chat.py:1",
        "openai/text-embedding-3-small",
        "app/settings.yaml:1",
        "prompts/ask.txt\"}   # guess",
        "#   prompts/unused.md",
    ];
    wants.iter().for_each(|want| assert!(text.contains(want), "{want:?} is not in\n{text}"));
    assert!(!text.contains("not-a-model") && !text.contains("gpt-4\""), "{text}");
    let numbers = |line: &&str| line.starts_with("    ") && line.contains(':') && !line.contains("    model:");
    assert!(text.lines().filter(numbers).all(|line| line.contains("# guess")), "{text}");
    repo.write("farebox.yaml", &text.replace("What", "what"));
    repo.write("prompts/ask.txt", "What is new?\n");
    farebox(["plan", "--at", AT, "--quiet", "--format", "json"]).dir(repo.path()).run().code(0);
    farebox(["scan", "nowhere"]).dir(repo.path()).run().code(2).says("does not exist");
    farebox(["scan", "prompts"]).dir(repo.path()).run().code(2).says("farebox init");
}

#[test]
fn prices_are_checked_against_files() {
    let yaml = |input: &str| {
        format!(
            "schema: 1\nprovider: openai\nname: OpenAI\nmodels:\n  - id: gpt-4o\n    prices:\n      - from: 2024-10-02\n        rates: {{input: \"{input}\", cache_read: \"1.25\", output: \"10\"}}\n"
        )
    };
    let repo = Repo::new(&[("same.yaml", &yaml("2.50")), ("other.yaml", &yaml("2.60"))]);
    let check = |args: &[&str]| {
        let run = farebox(["prices", "check", "--at", AT, "--format", "json"]).dir(repo.path());
        args.iter().fold(run, |run, arg| run.arg(arg)).run()
    };
    check(&["same.yaml"]).code(0);
    let json = check(&["other.yaml"]).code(4).json();
    assert_eq!(
        (json["differing"].as_u64(), json["rows"][0]["there"]["usd"].as_str()),
        (Some(1), Some("2.6")),
        "{json:#}"
    );
    check(&["other.yaml", "--tolerance", "4%"]).code(0);
    check(&["none.yaml"]).code(5);
    check(&[]).code(2);
}

/// A configuration that has git run a script wherever it can name one.
#[cfg(unix)]
fn set_traps(repo: &Repo, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let made = |name: &str| {
        repo.write(name, &format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\ncat\n", repo.path().join(".git/ran").display()));
        fs::set_permissions(repo.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
    };
    made(".git/evil");
    for hook in ["post-index-change", "fsmonitor-watchman", "post-checkout", "pre-auto-gc"] {
        made(&format!(".git/evil-hooks/{hook}"));
    }
    let config = fs::read_to_string(repo.path().join(".git/config")).unwrap();
    let traps = format!(
        "[core]\n\tfsmonitor = {script}\n\thooksPath = .git/evil-hooks\n\tpager = {script}\n\tsshCommand = {script}\n\
         [pager]\n\tdiff = {script}\n\tconfig = {script}\n[diff]\n\texternal = {script}\n\
         [diff \"evil\"]\n\tcommand = {script}\n\ttextconv = {script}\n\
         [filter \"evil\"]\n\tclean = {script}\n\tsmudge = {script}\n\trequired = true\n\
         [filter \"evil.process\"]\n\tprocess = {script}\n\trequired = true\n"
    );
    repo.write(".git/config", &format!("{config}{traps}"));
    repo.write(".git/info/attributes", "* filter=evil diff=evil\n*.py filter=evil.process\n");
}

#[cfg(unix)]
#[test]
fn git_runs_nothing_that_a_repository_names() {
    let repo = Repo::new(&[("farebox.yaml", ONE), ("app.py", "MODEL = 'gpt-4o'\n")]);
    repo.git(&["mv", "farebox.yaml", "cost.yaml"]);
    repo.write("app.py", "MODEL = 'gpt-4o' # the same\n");
    repo.write("new.py", "MODEL = 'gpt-4o'\n");
    let script = repo.path().join(".git/evil").display().to_string();
    set_traps(&repo, &script);
    let ran = repo.path().join(".git/ran");
    let env = [("GIT_EXTERNAL_DIFF", Path::new(&script)), ("GIT_PAGER", Path::new(&script))];
    let json = repo.run(&["-w", "cost.yaml", "--base", "start", "--format", "json"], &env).code(0).json();
    assert!(!ran.exists(), "{}", fs::read_to_string(&ran).unwrap_or_default());
    assert_eq!(json["delta_monthly"], "0", "the renamed workload is found at the base: {json:#}");
    // The traps are ones: git by itself falls into them.
    let _ = Command::new("git").args(["diff", "start"]).current_dir(repo.path()).output();
    assert!(ran.exists());
}
