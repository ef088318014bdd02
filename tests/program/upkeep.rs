//! What keeps the table true, as a user meets it: its age, its evidence, the faults that `prices lint` finds, and
//! reviews of public databases.

use crate::support::farebox;

/// The day that the bundled table's version names.
fn table_day() -> String {
    let version = farebox(["prices", "list", "--format", "json"]).run().code(0).json()["table"]["version"].clone();
    let numbers: Vec<&str> = version.as_str().expect("a version").split(['.', '+']).take(3).collect();
    numbers.join("-")
}

fn days_after(day: &str, days: i64) -> String {
    let day: jiff::civil::Date = day.parse().expect("a day");
    day.saturating_add(jiff::Span::new().days(days)).to_string()
}

#[test]
fn an_old_table_says_its_age_in_every_command_that_prices_and_a_young_one_does_not() {
    let table = table_day();
    let (young, old) = (days_after(&table, 30), days_after(&table, 31));
    let commands: [&[&str]; 7] = [
        &["prices", "list", "-p", "cohere"],
        &["prices", "show", "openai/gpt-4o"],
        &["prices", "history", "openai/gpt-4o"],
        &["prices", "changes", "-p", "cohere"],
        &["models", "-p", "cohere"],
        &["estimate", "--model", "openai/gpt-4o", "--text", "hello"],
        &["compare", "--model", "openai/gpt-4o", "--text", "hello"],
    ];
    for command in commands {
        let at = |day: &str| farebox(command.iter().copied()).args(["--at", day]).run().code(0).stdout;
        assert!(at(&old).contains("is 31 days old on"), "{command:?}:\n{}", at(&old));
        assert!(!at(&young).contains("days old"), "{command:?}:\n{}", at(&young));
    }
}

#[test]
fn programs_get_the_age_of_an_old_table_as_a_number() {
    let table = table_day();
    let age = |day: String| {
        let ran = farebox(["prices", "list", "-p", "cohere", "--format", "json", "--at", &day]).run().code(0);
        ran.json()["table"]["age_days"].clone()
    };
    assert_eq!(age(days_after(&table, 45)), 45);
    assert!(age(days_after(&table, 30)).is_null() && age(days_after(&table, -400)).is_null());
}

/// A price file with a fault in each of its parts, as a hurried person writes them.
const FAULTY: &str = r#"schema: 1
provider: acme
name: Acme
sources:
  docs: {url: "https://acme.example/pricing", checked: 2027-05-01, basis: documented}
models:
  - id: a1
    released: 2026-05-01
    retired: 2026-01-01
    replacement: nonexistent-model
    prices:
      - to: 2026-06-01
        source: docs
        rates: {input: "2.50", output: "10"}
      - from: 2026-07-01
        source: docs
        rates: {input: "0.0025", output: "10"}
  - id: a2
    prices:
      - source: docs
        rates: {input: "2.5", cache_read: "5", output: "1"}
        variants:
          - {when: {processing: batch}, rates: {input: "5"}, others: refuse}
          - {when: {processing: btach}, rates: {input: "1.25", output: "0.5"}, others: refuse}
          - {when: {service_tier: priority}, rates: {input: "2"}, others: refuse}
  - id: a3
    prices:
      - source: docs
        rates: {input: "2500", output: "10000"}
        tiers:
          - {when: {prompt_tokens: ">200000"}, rates: {input: "1250", output: inherit}}
  - id: a3-2026-01-01
    prices: [{source: docs, rates: {input: "2.5", output: "10"}}]
"#;

/// A folder with one price file.
fn folder_of(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn lint_objects_to_everything_at_once_each_at_its_line() {
    let (_folder, path) = folder_of("acme.yaml", FAULTY);
    let ran = farebox(["prices", "lint", "--at", "2026-11-22", "--format", "json"]).arg(&path).run().code(1);
    let rows = ran.json()["rows"].as_array().unwrap().clone();
    let mut found: Vec<(String, u64)> = rows
        .iter()
        .map(|row| (row["code"].as_str().unwrap().to_owned(), row["line"].as_u64().unwrap()))
        .filter(|(code, _)| code != "omitted")
        .collect();
    found.sort();
    let want = [
        ("cache-read-above-input", 21),
        ("checked-in-future", 5),
        ("discount-above-base", 23),
        ("gap", 15),
        ("jump", 17),
        ("magnitude", 29),
        ("old-key", 5),
        ("output-below-input", 21),
        ("priority-below-base", 25),
        ("retired-before-released", 9),
        ("sibling-jump", 26),
        ("tier-below-base", 31),
        ("unknown-condition", 24),
        ("unknown-replacement", 7),
    ];
    assert_eq!(found, want.map(|(code, line)| (code.to_owned(), line)), "{}", ran.stdout);
    let misspelt = rows.iter().find(|row| row["code"] == "unknown-condition").unwrap();
    assert!(misspelt["help"].as_str().unwrap().starts_with("did you mean `batch`?"), "{misspelt}");
}

#[test]
fn a_question_with_an_answer_in_the_file_is_not_asked_and_warnings_can_be_denied() {
    let file = |extra: &str| {
        format!(
            "schema: 1\nprovider: acme\nmodels:\n  - id: one\n    prices:\n      - {{from: 2026-01-01, {extra}rates: {{input: \"2\", output: \"1\"}}}}\n"
        )
    };
    let (_folder, path) = folder_of("acme.yaml", &file(""));
    let lint = |flags: &[&str]| farebox(["prices", "lint"]).args(flags.iter().copied()).arg(&path).run();
    assert!(lint(&[]).code(0).stdout.contains("warning[output-below-input]"));
    drop(lint(&["--deny", "warnings"]).code(1).says("1 finding in price files"));
    std::fs::write(&path, file("note: it answers with one word, allow: [output-below-input], ")).unwrap();
    drop(lint(&["--deny", "notes"]).code(0));
}

const TABLE: &str = r#"# Acme's prices.
schema: 1
provider: acme
name: Acme
sources:
  page: {url: "https://acme.example/pricing", checked: 2026-11-01, evidence: reported}
  list: {url: "https://models.dev", checked: 2026-11-01, evidence: single, listing: true}
models:
  - id: one   # the first
    aliases: [one-latest]
    listed_by: [list]
    prices:
      # since the launch
      - from: 2026-01-01
        source: page
        rates: {input: "1", output: "2"}   # per million
        variants:
          - {when: {processing: batch}, rates: {input: "0.5", output: "1"}}

  - id: two
    listed_by: [list]
    prices:
      - {source: page, rates: {input: "3", output: "6"}}
  - {id: six, listed_by: [list], prices: [{source: page, rates: {input: "4", output: "8"}}]}
  - id: three
    listed_by: [list]
    prices:
      - source: page
        rates:
          input: "7"
          output: "9"
"#;

/// LiteLLM's form: dollars for a token, here written per million.
fn litellm(models: &[(&str, &str, &str)]) -> String {
    let model = |(id, input, output): &(&str, &str, &str)| {
        format!(
            "\"acme/{id}\": {{\"litellm_provider\": \"acme\", \"mode\": \"chat\", \"input_cost_per_token\": {input}e-06, \"output_cost_per_token\": {output}e-06}}"
        )
    };
    format!("{{{}}}", models.iter().map(model).collect::<Vec<_>>().join(", "))
}

/// The form of models.dev: dollars for a million.
fn models_dev(models: &[(&str, &str, &str)]) -> String {
    let model = |(id, input, output): &(&str, &str, &str)| {
        format!("\"{id}\": {{\"id\": \"{id}\", \"cost\": {{\"input\": {input}, \"output\": {output}}}}}")
    };
    let models: Vec<String> = models.iter().map(model).collect();
    format!("{{\"acme\": {{\"id\": \"acme\", \"name\": \"Acme\", \"models\": {{{}}}}}}}", models.join(", "))
}

/// A folder with a table and two databases; a run of `prices review` over them.
struct ReviewRoom {
    folder: tempfile::TempDir,
}

impl ReviewRoom {
    fn new(first: &str, second: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("pricing")).unwrap();
        for (name, text) in [("pricing/acme.yaml", TABLE), ("a.json", first), ("b.json", second)] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        std::fs::write(folder.path().join("pricing/table.yaml"), "version: 2026.11.22\n").unwrap();
        ReviewRoom { folder }
    }

    fn review(&self, flags: &[&str]) -> crate::support::Ran {
        let run = farebox(["prices", "review", "a.json=2026-11-20", "b.json=2026-11-21", "--table", "pricing"]);
        run.args(["--at", "2026-11-22"]).args(flags.iter().copied()).dir(self.folder.path()).run()
    }

    fn table(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("pricing/acme.yaml")).unwrap()
    }
}

/// `class model` of the rows.
fn classes(ran: &crate::support::Ran) -> Vec<String> {
    let rows = ran.json()["rows"].as_array().unwrap().clone();
    let mut classes: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {}", row["class"].as_str().unwrap(), row["model"].as_str().unwrap()))
        .collect();
    classes.dedup();
    classes
}

#[test]
fn a_review_writes_what_two_databases_agree_on_and_leaves_every_other_byte() {
    let room = ReviewRoom::new(
        &litellm(&[("one-latest", "1.5", "2"), ("two", "4", "6"), ("four", "8", "16"), ("six", "4", "8")]),
        &models_dev(&[("one", "1.5", "2"), ("two", "3", "6"), ("four", "8", "16"), ("six", "4", "8")]),
    );
    let found = room.review(&["--format", "json"]).code(0);
    assert_eq!(classes(&found), ["agreed one", "disputed two", "new four", "gone three"]);
    assert_eq!(room.table(), TABLE, "a review alone writes nothing");
    drop(room.review(&["--accept", "agreed"]).code(0).says("1 model accepted"));
    let changed = "        source: page\n        rates: {input: \"1\", output: \"2\"}   # per million";
    let next = r#"      - from: 2026-11-21
        source: {url: "https://models.dev", checked: 2026-11-21, evidence: agreed}
        note: "changed in a.json and b.json; the day is that of the newest; the change may be older"
        rates: {input: "1.5", output: "2"}   # per million
        variants:
          - {when: {processing: batch}, rates: {input: "0.5", output: "1"}}
"#;
    let batch = "          - {when: {processing: batch}, rates: {input: \"0.5\", output: \"1\"}}\n";
    let want = TABLE.replace(changed, &format!("        to: 2026-11-21\n{changed}")).replacen(
        batch,
        &format!("{batch}{next}"),
        1,
    );
    assert_eq!(room.table(), want);
    drop(farebox(["prices", "lint", "pricing", "--at", "2026-11-22"]).dir(room.folder.path()).run().code(0));
    assert_eq!(classes(&room.review(&["--format", "json"]).code(0)), ["disputed two", "new four", "gone three"]);
}

#[test]
fn new_and_gone_models_and_single_rows_are_accepted_by_name() {
    let room = ReviewRoom::new(
        &litellm(&[("one", "1", "2"), ("two", "4", "6"), ("four", "8", "16"), ("six", "5", "8")]),
        &models_dev(&[("one", "1", "2"), ("two", "3", "6"), ("four", "8", "16"), ("six", "4", "8")]),
    );
    let ran = room.review(&["--accept", "new,gone,acme/two,acme/six"]).code(0).says("3 models accepted, 1 left");
    drop(ran.says("left: pricing/acme.yaml:24: acme/six: its period is written in an unusual way"));
    let table = room.table();
    let two = "      - {to: 2026-11-20, source: page, rates: {input: \"3\", output: \"6\"}}\n      - {from: 2026-11-20, source: {url: ";
    assert!(table.contains(two) && table.contains("rates: {input: \"4\", output: \"6\"}}\n  - {id: six,"), "{table}");
    assert!(table.contains("  - id: three\n    last_listed: 2026-11-01\n    prices:\n"), "{table}");
    assert!(table.contains("  - id: four\n    kind: chat\n    prices:\n      - first_seen: 2026-11-"), "{table}");
    drop(farebox(["prices", "lint", "pricing", "--at", "2026-11-22"]).dir(room.folder.path()).run().code(0));
}

#[test]
fn what_is_left_to_a_person_is_named_with_its_file_and_line() {
    let room = ReviewRoom::new(
        &litellm(&[("one", "1", "2"), ("two", "3", "6"), ("three", "7", "9"), ("six", "5", "8"), ("night", "4", "2")]),
        &models_dev(&[
            ("one", "1", "2"),
            ("two", "3", "6"),
            ("three", "7", "9"),
            ("six", "5", "8"),
            ("night", "4", "2"),
        ]),
    );
    let table = format!(
        "{TABLE}  - id: night\n    prices:\n      - source: page\n        rates: {{input: \"2\", output: \"2\"}}\n        schedule:\n          - {{windows: [\"00:00-06:00\"], zone: UTC, rates: {{input: \"1\", output: \"1\"}}}}\n  - id: loan\n    aliases: [five]\n    prices_of: one\n"
    );
    std::fs::write(room.folder.path().join("pricing/acme.yaml"), &table).unwrap();
    let line = |what: &str| table.lines().position(|line| line.contains(what)).unwrap() + 1;
    let ran = room.review(&["--accept", "agreed", "--format", "json"]).code(0);
    let six = format!("pricing/acme.yaml:{}: acme/six: its period is written in an unusual way", line("id: six"));
    let ran = ran.says(&format!("left: {six}"));
    let left = ran.json()["accepted"]["left"].clone();
    assert_eq!((&left[0]["id"], &left[0]["line"]), (&"acme/six".into(), &line("id: six").into()), "{left}");
    assert_eq!(left[0]["path"], "pricing/acme.yaml");
    // A card with the prices of another has none of its own to change.
    let other = |input: &str| (litellm(&[("loan", input, "2")]), models_dev(&[("loan", input, "2")]));
    let (first, second) = other("3");
    for (name, text) in [("a.json", first), ("b.json", second)] {
        std::fs::write(room.folder.path().join(name), text).unwrap();
    }
    let at = room.table().lines().position(|line| line.contains("id: loan")).unwrap() + 1;
    let loan = format!("left: pricing/acme.yaml:{at}: acme/loan: it has the prices of one: change them there");
    drop(room.review(&["--accept", "agreed"]).code(0).says(&loan));
}

#[test]
fn prices_at_hours_that_the_table_does_not_have_are_named() {
    let text = r#"[{"id": "acme", "name": "Acme", "api_pattern": "acme", "models": [{"id": "one", "match": {"equals": "one"}, "prices": [
        {"constraint": {"type": "time_of_date", "start_time": "16:30:00Z", "end_time": "00:30:00Z"}, "prices": {"input_mtok": 0.5, "output_mtok": 1}},
        {"prices": {"input_mtok": 1, "output_mtok": 2}}]}]}]"#;
    let room = ReviewRoom::new(text, &models_dev(&[("one", "1", "2")]));
    let found = room.review(&["--format", "json"]).code(0).json();
    let line = TABLE.lines().position(|line| line.contains("rates: {input: \"1\"")).unwrap() + 1;
    assert_eq!(
        found["left"],
        serde_json::json!([{"id": "acme/one", "path": "pricing/acme.yaml", "line": line,
            "why": "a.json gives 2 prices at hours that the table does not have"}])
    );
    let shown = room.review(&[]).code(0).stdout;
    assert!(
        shown.contains(&format!("Not compared: pricing/acme.yaml:{line}: acme/one: a.json gives 2 prices")),
        "{shown}"
    );
}

/// `two` and `three` have their prices from the list, `six` is listed and has another source; `one` differs.
#[test]
fn the_day_of_a_source_is_raised_for_what_a_database_says_again() {
    let table = TABLE
        .replace("      - {source: page, rates: {input: \"3\"", "      - {source: list, rates: {input: \"3\"")
        .replace(
            "      - source: page\n        rates:\n          input: \"7\"",
            "      - source: list\n        rates:\n          input: \"7\"",
        )
        .replace("  list: {", "  # what lists models\n  list: {");
    let database = models_dev(&[("one", "9", "2"), ("two", "3", "6"), ("three", "8", "9"), ("six", "4", "8")]);
    let room = ReviewRoom::new(&litellm(&[("two", "3", "6")]), &database);
    std::fs::write(room.folder.path().join("pricing/acme.yaml"), &table).unwrap();
    let line = table.lines().position(|line| line.starts_with("  list:")).unwrap() + 1;
    // Confirmed: the price of `two`, and four listings. The price of `three` is another one.
    let said =
        format!("checked: pricing/acme.yaml:{line}: list: 2026-11-01 → 2026-11-21: 5 confirmed, 1 keep the old day");
    let ran = room.review(&["--accept", "checked", "--format", "json"]).code(0).says(&said);
    let raised = &ran.json()["accepted"]["raised"];
    assert_eq!(
        (&raised[0]["confirmed"], &raised[0]["kept"], &raised[0]["to"]),
        (&5.into(), &1.into(), &"2026-11-21".into())
    );
    let entry = "  list: {url: \"https://models.dev\", checked: 2026-11-01, evidence: single, listing: true}\n";
    let both = format!("{}{}", entry.replace("list:", "list-2026-11-01:"), entry.replace("2026-11-01", "2026-11-21"));
    let want = table.replace(entry, &both).replace(
        "      - source: list\n        rates:\n          input: \"7\"",
        "      - source: list-2026-11-01\n        rates:\n          input: \"7\"",
    );
    assert_eq!(room.table(), want);
    drop(farebox(["prices", "lint", "pricing", "--at", "2026-11-22"]).dir(room.folder.path()).run().code(0));
    // What was raised is not raised again, and a review alone raises nothing.
    drop(room.review(&["--accept", "checked"]).code(0).says("0 models accepted"));
    assert_eq!(room.table(), want);
}

#[test]
fn a_day_is_not_raised_by_a_database_that_keeps_dead_models_or_by_one_alone_where_two_agreed() {
    let table = TABLE
        .replace(
            "https://models.dev\", checked: 2026-11-01, evidence: single",
            "https://github.com/BerriAI/litellm\", checked: 2026-11-01, evidence: single",
        )
        .replace(
            "        source: page",
            "        source: {url: \"https://models.dev\", checked: 2026-11-02, evidence: agreed}",
        );
    let both = [("one", "1", "2"), ("two", "3", "6"), ("three", "7", "9"), ("six", "4", "8")];
    let room = ReviewRoom::new(&litellm(&both[1..]), &models_dev(&both));
    std::fs::write(room.folder.path().join("pricing/acme.yaml"), &table).unwrap();
    let line = table.lines().position(|line| line.starts_with("  list:")).unwrap() + 1;
    let ran = room.review(&["--accept", "checked"]).code(0);
    drop(ran.says(&format!("left: pricing/acme.yaml:{line}: acme: list lists models, and LiteLLM's")));
    assert_eq!(room.table(), table, "models.dev alone gives the price of `one`");
    std::fs::write(room.folder.path().join("a.json"), litellm(&both)).unwrap();
    drop(room.review(&["--accept", "checked"]).code(0));
    assert_eq!(
        room.table(),
        table.replace("checked: 2026-11-02, evidence: agreed", "checked: 2026-11-21, evidence: agreed")
    );
}

#[test]
fn lint_asks_for_the_start_of_a_factor() {
    let file = |factor: &str, sources: &str| {
        format!(
            "schema: 1\nprovider: acme\n{sources}multipliers:\n  - {{when: {{region: eu}}, factor: \"1.1\"{factor}}}\n  - {{when: {{region: us}}, factor: \"1\"}}\nmodels:\n  - {{id: one, prices: [{{from: 2026-01-01, {}rates: {{input: \"1\", output: \"2\"}}}}]}}\n",
            if sources.is_empty() { "" } else { "source: page, " }
        )
    };
    let page = "sources:\n  page: {url: \"https://acme.example\", checked: 2026-11-01, evidence: documented}\n";
    let (_folder, path) = folder_of("acme.yaml", "");
    let lint = |text: &str| {
        std::fs::write(&path, text).unwrap();
        farebox(["prices", "lint", "--at", "2026-11-22"]).arg(&path).run().stdout
    };
    let asked = lint(&file("", page));
    assert!(asked.contains("warning[undated-factor]: acme: the factor 1.1 for region=eu has no start"), "{asked}");
    assert_eq!(
        asked.matches("undated-factor]").count(),
        2,
        "once, and in its help: a factor of 1 changes nothing: {asked}"
    );
    assert!(!lint(&file(", from: 2026-02-05", page)).contains("undated-factor"));
    assert!(!lint(&file(", allow: [undated-factor], note: no source gives it", page)).contains("undated-factor"));
    assert!(lint(&file(", allow: [undated-factor]", page)).contains("error[no-reason]"));
    assert!(lint(&file(", allow: [jump], note: x", page)).contains("error[unknown-code]"));
    // A user's own factor may hold always.
    assert!(lint(&file("", "")).contains("note[undated-factor]"));
}

/// The day of the table decides what is alive, not the day of the command: 2026-09-23 is 60 days before 2026-11-22.
#[test]
fn lint_asks_for_the_age_of_what_is_alive_by_the_rule_of_everything_else() {
    let file = |listed: &str| {
        format!(
            "schema: 1\nprovider: acme\nsources:\n  page: {{url: \"https://acme.example\", checked: 2026-01-01, evidence: reported}}\n  list: {{url: \"https://models.dev\", checked: {listed}, evidence: single, listing: true}}\nmodels:\n  - {{id: one, listed_by: [list], prices: [{{source: page, rates: {{input: \"1\", output: \"2\"}}}}]}}\n"
        )
    };
    let (folder, path) = folder_of("acme.yaml", "");
    std::fs::write(folder.path().join("table.yaml"), "version: 2026.11.22\n").unwrap();
    let lint = |text: String| {
        std::fs::write(&path, text).unwrap();
        farebox(["prices", "lint", "--at", "2026-12-20"]).arg(folder.path()).run().code(0).stdout
    };
    assert!(lint(file("2026-09-23")).contains("[stale]"));
    assert!(!lint(file("2026-09-22")).contains("[stale]"), "it is not listed any longer, and not offered");
}

#[test]
fn an_overlay_that_omits_a_meter_in_a_variant_says_so_and_refuses_it_there() {
    let overlay = "schema: 1\nprovider: acme\nmodels:\n  - id: one\n    prices:\n      - from: 2026-01-01\n        rates: {input: \"1\", output: \"2\"}\n        variants:\n          - {when: {processing: batch}, rates: {input: \"0.5\"}}\n";
    let (folder, path) = folder_of("own.yaml", overlay);
    let record = |context: &str| {
        format!(
            "{{\"provider\": \"acme\", \"model\": \"one\", \"timestamp\": \"2026-10-05T12:00:00Z\", \"usage\": {{\"input_tokens\": 1000000, \"output_tokens\": 1000000}}, \"context\": {context}}}\n"
        )
    };
    let priced = |context: &str, code: i32| {
        std::fs::write(folder.path().join("u.jsonl"), record(context)).unwrap();
        let run = farebox(["usage", "u.jsonl", "--prices", "own.yaml", "--strict"]).dir(folder.path()).run().code(code);
        run.says("own.yaml:9:").says("nothing is said of output for processing=batch: using it there is refused")
    };
    drop(priced("{}", 0));
    drop(priced("{\"processing\": \"batch\"}", 3));
    drop(farebox(["prices", "lint", "--deny", "warnings"]).arg(&path).run().code(1));
}

#[test]
fn a_thousandfold_price_is_never_accepted_with_the_rest() {
    let room = ReviewRoom::new(
        &litellm(&[("one", "1000", "2"), ("two", "3", "6"), ("three", "7", "9"), ("six", "4", "8")]),
        &models_dev(&[("one", "1000", "2"), ("two", "3", "6"), ("three", "7", "9"), ("six", "4", "8")]),
    );
    let ran = room.review(&["--accept", "agreed", "--format", "json"]).code(0).says("0 models accepted");
    assert_eq!(classes(&ran), ["implausible one"]);
    assert_eq!(room.table(), TABLE);
}

#[test]
fn prices_and_ids_that_cannot_be_are_listed_with_their_place_and_not_used() {
    let bad = r#"{"acme/one": {"litellm_provider": "acme", "input_cost_per_token": -1e-06, "output_cost_per_token": 2e-06},
        "acme/../../etc/passwd": {"litellm_provider": "acme", "input_cost_per_token": 1e-06}}"#;
    let room = ReviewRoom::new(
        bad,
        &models_dev(&[("one", "1", "2"), ("two", "3", "6"), ("three", "7", "9"), ("six", "4", "8")]),
    );
    drop(room.review(&["--accept", "agreed,new,gone"]).code(0).says("0 models accepted"));
    assert_eq!(room.table(), TABLE);
    let unread = farebox(["prices", "import", "a.json", "--unread"]).dir(room.folder.path()).run().code(0).stdout;
    for what in ["is negative", "acme/one", "`..` in it", "acme/../../etc/passwd"] {
        assert!(unread.contains(what), "{what}: {unread}");
    }
}

#[test]
fn junk_and_half_a_file_are_errors_with_a_next_step_and_nothing_is_written() {
    let whole = models_dev(&[("one", "9", "2"), ("two", "3", "6"), ("three", "7", "9")]);
    let half = &whole[..whole.len() / 2];
    let junk = "x7Q\u{0}".repeat(50 * 1024 * 256);
    let cases = [("half a file", half, "the file is not whole"), ("50 MB of junk", junk.as_str(), "get it again")];
    for (name, text, help) in cases {
        let room = ReviewRoom::new(text, &whole);
        let ran =
            room.review(&["--accept", "agreed"]).code(2).says("a.json: this is not JSON").says("help: ").says(help);
        assert_eq!((ran.stdout.as_str(), room.table().as_str()), ("", TABLE), "{name}");
    }
}

#[test]
fn a_comparison_names_the_id_of_the_file_and_reads_other_names_and_successors() {
    let (folder, _) = folder_of(
        "a.json",
        r#"{"acme/one": {"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": 1e-06, "successor_model": "acme/two"},
            "acme/one-latest": {"alias_of": "acme/one"},
            "acme/two": {"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": 2e-06}}"#,
    );
    let overlay = "schema: 1\nprovider: acme\nmodels:\n  - {id: one-latest, prices: [{rates: {input: \"1\"}}]}\n";
    std::fs::write(folder.path().join("acme.yaml"), overlay).unwrap();
    let run = |args: &[&str]| farebox(args.iter().copied()).dir(folder.path()).run();
    let compared =
        ["prices", "import", "a.json", "--compare", "--show", "same", "--prices", "acme.yaml", "--format", "json"];
    let json = run(&compared).code(0).json();
    let row = &json["rows"][0];
    assert_eq!((&row["model"], &row["listed_as"]), (&"one-latest".into(), &"acme/one".into()));
    let yaml = run(&["prices", "import", "a.json"]).code(0).stdout;
    assert!(yaml.contains("aliases: [one-latest]") && yaml.contains("replacement: two"), "{yaml}");
    let check = ["prices", "check", "a.json", "--prices", "acme.yaml"];
    drop(run(&check).code(0));
    drop(run(&[&check[..], &["--missing"]].concat()).code(4).says("1 model is not in the table"));
}
