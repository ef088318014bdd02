//! `farebox check` against the code next to the workload, in git repositories made here: models, prompts, tools and MCP
//! servers that one side names and the other does not; and what a pull request is shown.

use serde_json::Value;

use crate::check::{ONE, Repo, rules_of};
use crate::support::farebox;

const CODE: &str =
    "import openai\n\ndef ask(text):\n    return client.responses.create(model=\"gpt-4o\", input=text)\n";

fn repo() -> Repo {
    Repo::new(&[("farebox.yaml", ONE), ("app/chat.py", CODE)])
}

fn finding<'j>(json: &'j Value, rule: &str) -> &'j Value {
    let found = json["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == rule);
    found.unwrap_or_else(|| panic!("{rule} is not in {json:#}"))
}

fn message(finding: &Value) -> &str {
    finding["message"].as_str().unwrap()
}

#[test]
fn another_model_in_the_code_is_a_warning_with_what_it_costs_and_an_error_where_asked() {
    let repo = repo();
    assert!(rules_of(&repo.json(0)).is_empty());
    repo.write("app/chat.py", &CODE.replace("gpt-4o", "gpt-4.1"));
    for commit in [false, true] {
        if commit {
            repo.commit("another model");
        }
        let json = repo.json(0);
        assert_eq!(rules_of(&json), ["model-drift"], "{json:#}");
        let found = finding(&json, "model-drift");
        assert_eq!(found["level"], "warning");
        assert_eq!((found["feature"].as_str(), found["file"].as_str()), (Some("search"), Some("app/chat.py")));
        assert_eq!(found["line"], 4);
        // 3,000 calls × (1,000 × 2 + 200 × 8) ÷ 1,000,000 = 10.80 dollars at the rates of gpt-4.1 that
        // `farebox prices show openai/gpt-4.1` prints; 13.50 at those of gpt-4o.
        let text = message(found);
        assert!(text.contains("the code asks openai/gpt-4.1 in the place of openai/gpt-4o, which search"), "{text}");
        assert!(text.contains("$10.80 a month there, $13.50 in the plan"), "{text}");
        assert_eq!(found["help"], "write `model: openai/gpt-4.1` at farebox.yaml:7");
    }
    repo.write("farebox.yaml", &format!("{ONE}check: {{rules: {{model-drift: error}}}}\n"));
    repo.json(1);
    repo.check(&["--base", "start"]).code(1).says("search:model-drift");
    // The workload follows, and the check passes.
    let follows = ONE.replace("gpt-4o", "gpt-4.1");
    repo.write("farebox.yaml", &format!("{follows}check: {{rules: {{model-drift: error}}}}\n"));
    assert!(rules_of(&repo.json(0)).is_empty());
}

#[test]
fn what_the_base_had_is_at_most_a_note_and_only_where_the_rule_is_written() {
    let drifted = CODE.replace("gpt-4o", "gpt-4.1");
    let repo = Repo::new(&[("farebox.yaml", ONE), ("app/chat.py", &drifted)]);
    assert!(rules_of(&repo.json(0)).is_empty(), "unsaid, and not the change's doing");
    repo.write("farebox.yaml", &format!("{ONE}check: {{rules: {{model-drift: error}}}}\n"));
    let json = repo.json(0);
    let found = finding(&json, "model-drift");
    assert_eq!(found["level"], "note");
    assert!(message(found).starts_with("the base had this already: the code names openai/gpt-4.1, "), "{found:#}");
    // Without a base nobody can tell who brought it: the rule's level holds.
    let alone = repo.check(&["--format", "json"]).code(1).json();
    assert_eq!(finding(&alone, "model-drift")["level"], "error");
}

#[test]
fn models_that_come_or_go_alone_are_found_on_both_sides() {
    let repo = repo();
    // One more model in a new file that git does not know yet.
    repo.write("app/extra.py", "NAME = \"claude-opus-4-5\"\n");
    let json = repo.json(0);
    let found = finding(&json, "model-drift");
    assert_eq!((found["feature"].as_str(), found["file"].as_str()), (None, Some("app/extra.py")), "{found:#}");
    assert!(message(found).contains("which no feature is planned with"), "{found:#}");
    std::fs::remove_file(repo.path().join("app/extra.py")).unwrap();
    // The model comes from the environment now.
    repo.write("app/chat.py", &CODE.replace("\"gpt-4o\"", "os.environ[\"MODEL\"]"));
    let json = repo.json(0);
    let found = finding(&json, "model-drift");
    assert!(message(found).contains("takes openai/gpt-4o out of the code, and search is still planned"), "{found:#}");
    assert_eq!((found["file"].as_str(), found["line"].as_u64()), (Some("farebox.yaml"), Some(7)));
    // The workload alone moves on, and the code stays.
    repo.write("app/chat.py", CODE);
    repo.write("farebox.yaml", &ONE.replace("gpt-4o", "gpt-4.1"));
    let json = repo.json(0);
    let found = finding(&json, "model-drift");
    assert!(message(found).contains("the code still names openai/gpt-4o, which this change"), "{found:#}");
}

#[test]
fn tests_docs_comments_other_workloads_and_marked_lines_are_no_drift() {
    let repo = repo();
    let named = "x = \"claude-opus-4-5\"\n";
    repo.write("tests/test_chat.py", named);
    repo.write("README.md", "Try `gpt-4` or \"gpt-4-turbo\".\n");
    repo.write("app/old.py", &format!("# {named}y = \"gpt-4-turbo\"  # farebox: ignore\n"));
    assert!(rules_of(&repo.json(0)).is_empty());
    repo.write("app/other.py", "x = \"gpt-4.1\"\n");
    assert_eq!(rules_of(&repo.json(0)), ["model-drift"]);
    repo.write("plans/other.yaml", &ONE.replace("gpt-4o", "gpt-4.1"));
    assert!(rules_of(&repo.json(0)).is_empty(), "another workload plans it");
    std::fs::remove_file(repo.path().join("plans/other.yaml")).unwrap();
    for (rule, code) in [("[src]", 0), ("[app]", 0), ("{files: [app/*.py], level: error}", 1), ("off", 0)] {
        repo.write("farebox.yaml", &format!("{ONE}check: {{rules: {{model-drift: {rule}}}}}\n"));
        let found = repo.json(code);
        assert_eq!(rules_of(&found).contains(&"model-drift"), rule.contains("app"), "{rule}: {found:#}");
    }
}

#[test]
fn drift_is_exempted_like_anything_else() {
    let repo = repo();
    repo.write("app/chat.py", &CODE.replace("gpt-4o", "gpt-4.1"));
    repo.write("farebox.yaml", &format!("{ONE}check:\n  rules: {{model-drift: error}}\n"));
    repo.json(1);
    let asked = ["--base", "start", "--until", "2027-01-31", "--accept", "search"];
    repo.check(&asked).code(2).says("--accept search has no reason").says("--accept search \"launch week\"");
    repo.check(&[&asked[..], &["a trial"]].concat()).code(0);
    let json = repo.json(0);
    assert_eq!(finding(&json, "model-drift")["exempted"]["reason"], "a trial");
}

#[test]
fn prompts_and_tools_that_nothing_counts_are_found_when_they_come_or_change() {
    let yaml = ONE.replace("prompt: 1000", "prompt: {file: prompts/ask.txt}");
    let repo = Repo::new(&[
        ("farebox.yaml", &yaml),
        ("prompts/ask.txt", "What is new?\n"),
        ("prompts/old.txt", "Old.\n"),
        ("app/chat.py", CODE),
    ]);
    assert!(rules_of(&repo.json(0)).is_empty(), "prompts/old.txt was there before");
    repo.write("prompts/new.txt", "Be brief and name your sources.\n");
    repo.write("app/tools.json", r#"[{"name": "search", "input_schema": {"type": "object"}}]"#);
    let json = repo.json(0);
    assert_eq!(rules_of(&json), ["prompt-drift", "prompt-drift"], "{json:#}");
    let texts: Vec<&str> = json["findings"].as_array().unwrap().iter().map(message).collect();
    assert!(
        texts.iter().any(|t| t.starts_with("app/tools.json defines a tool (") && t.contains("new here")),
        "{texts:?}"
    );
    assert!(
        texts.iter().any(|t| t.starts_with("prompts/new.txt is a prompt (") && t.contains(" tokens)")),
        "{texts:?}"
    );
    let help = json["findings"][1]["help"].as_str().unwrap();
    assert!(
        help.contains("prompt: {file: prompts/new.txt}") || help.contains("tools: {file: app/tools.json}"),
        "{help}"
    );
    // Counted, they are none.
    let counted = yaml
        .replace("    output", "    system: {file: prompts/new.txt}\n    tools: {file: app/tools.json}\n    output");
    repo.write("farebox.yaml", &counted);
    assert!(rules_of(&repo.json(0)).is_empty());
    repo.write("prompts/old.txt", "Old, but longer.\n");
    let json = repo.json(0);
    assert!(message(finding(&json, "prompt-drift")).contains("prompts/old.txt"), "{json:#}");
    repo.write("farebox.yaml", &format!("{counted}check: {{rules: {{prompt-drift: off}}}}\n"));
    assert!(rules_of(&repo.json(0)).is_empty());
}

#[test]
fn a_new_mcp_server_asks_for_its_tools() {
    let repo = Repo::new(&[("farebox.yaml", ONE), (".mcp.json", r#"{"mcpServers": {"docs": {"command": "x"}}}"#)]);
    repo.write(".mcp.json", r#"{"mcpServers": {"docs": {"command": "x"}, "github": {"command": "y"}}}"#);
    let json = repo.json(0);
    assert_eq!(rules_of(&json), ["prompt-drift"], "{json:#}");
    assert!(message(finding(&json, "prompt-drift")).contains("the MCP server github"), "{json:#}");
    repo.write("tools.json", r#"[{"name": "issues", "input_schema": {"type": "object"}}]"#);
    repo.write("farebox.yaml", &ONE.replace("    output", "    tools: {file: tools.json}\n    output"));
    assert!(rules_of(&repo.json(0)).is_empty());
}

#[test]
fn a_comment_says_the_verdict_and_three_lines_of_why_and_folds_the_rest() {
    let repo = repo();
    let rules = format!("{ONE}check: {{rules: {{max-growth: 1%, max-call: 0.001}}}}\n");
    repo.write("farebox.yaml", &rules.replace("output: 200", "output: 400").replace("100 per day", "200 per day"));
    repo.write("app/chat.py", &CODE.replace("gpt-4o", "gpt-4.1"));
    let text = repo.check(&["--base", "start", "--format", "markdown"]).code(1).stdout;
    let (open, folded) = text.split_once("<details>").unwrap();
    // 6,000 calls × (1,000 × 2.50 + 400 × 10) ÷ 1,000,000 = 39 dollars, and 13.50 before.
    assert!(open.contains("### ❌ One: The monthly bill goes from $13.50 to $39.00 (+$25.50, +188.9%)"), "{open}");
    assert!(open.contains("Check failed: 2 errors, 1 warning, 0 notes."), "{open}");
    let why: Vec<&str> = open.lines().filter(|line| line.starts_with("- ")).collect();
    assert_eq!(why.len(), 3, "{open}");
    assert!(why[1].starts_with("- **error max-growth**: the bill grows by 188.9%"), "{open}");
    assert!(why[2].starts_with("- **warning model-drift**: the code asks openai/gpt-4.1 "), "{open}");
    assert_eq!(open.lines().filter(|line| !line.is_empty()).count(), 6, "{open}");
    assert!(folded.starts_with("\n<summary>Details: 1 feature, 3 findings, 2 parts</summary>\n"), "{folded}");
    assert_eq!(text.matches("<details>").count(), 2);
    assert!(folded.contains(" assumptions</summary>"), "{folded}");
    // Nothing is against it: what moves the bill says why.
    repo.write("app/chat.py", CODE);
    repo.write("farebox.yaml", &ONE.replace("100 per day", "200 per day"));
    let text = repo.check(&["--base", "start", "--format", "markdown"]).code(0).stdout;
    assert!(
        text.contains("\n- +$13.50 a month, calls of search: 100 per day → 200 per day (farebox.yaml:10)\n"),
        "{text}"
    );
}

#[test]
fn help_stands_apart_from_the_text() {
    let repo = repo();
    repo.write("farebox.yaml", &ONE.replace("    calls", "    with: {region: mars}\n    calls"));
    let ran = repo.check(&["--base", "start", "--format", "json"]);
    assert!(!ran.stdout.contains("help:"), "{}", ran.stdout);
    repo.write("farebox.yaml", &format!("{ONE}check: {{rules: {{max-totle: 5}}}}\n"));
    let json = repo.json(2);
    let bad = finding(&json, "bad-rule");
    assert_eq!(message(bad), "no rule is called \"max-totle\"");
    assert!(bad["help"].as_str().unwrap().contains("max-total"), "{bad:#}");
}

#[test]
fn a_scan_drafts_tools_and_names_servers() {
    let repo = Repo::new(&[
        ("app/chat.py", "ask(\"gpt-4o-mini\", tools=load('tools.json'), text=open('ask.prompt'))\n"),
        ("app/tools.json", r#"[{"name": "search", "input_schema": {"type": "object"}}]"#),
        ("app/ask.prompt", "What is new?\n"),
        (".vscode/settings.json", r#"{"mcpServers": {"github": {}}}"#),
        ("app/mcp.json", r#"{"servers": {"docs": {}}}"#),
    ]);
    let text = farebox(["scan", "."]).dir(repo.path()).run().code(0).stdout;
    let wants = [
        "tools: {file: \"app/tools.json\"}   # guess",
        "prompt: {file: \"app/ask.prompt\"}",
        "#   docs (app/mcp.json)",
    ];
    wants.iter().for_each(|want| assert!(text.contains(want), "{want:?} is not in\n{text}"));
}
