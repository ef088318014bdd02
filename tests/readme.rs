//! The README and the pages it names show real output: every `$ farebox …` in them is run again and compared, and a block of
//! YAML that begins with the name of a file is that file.
//!
//! `FAREBOX_BLESS=1 cargo test --test readme` writes the current output into the pages, to be read before it is committed.

use std::process::Command;

const PAGES: [&str; 3] = ["README.md", "data/examples/student-project.md", "docs/plan.md"];

/// Words of a command line as a shell would split them, without anything but quotes and escaped line ends.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (String::new(), None);
    for c in line.chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(q), _) if c == q => quote = None,
            (None, ' ') => words.extend(Some(std::mem::take(&mut word)).filter(|w| !w.is_empty())),
            _ => word.push(c),
        }
    }
    words.extend(Some(word).filter(|w| !w.is_empty()));
    words
}

fn output_of(command: &str) -> String {
    let words = words(&command.replace("\\\n", " "));
    let output = Command::new(env!("CARGO_BIN_EXE_farebox"))
        .env("FAREBOX_NO_CONFIG", "1")
        .args(&words[1..])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("FAREBOX_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/tables"))
        .output()
        .expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    let lines = stdout.lines().chain(stderr.lines()).map(str::trim_end);
    lines.collect::<Vec<_>>().join("\n")
}

/// The page with each file in place of the YAML that bears its name.
fn with_files(page: &str) -> String {
    const START: &str = "```yaml\n# docs/";
    let (mut out, mut rest) = (String::new(), page);
    while let Some(start) = rest.find(START) {
        let body = start + "```yaml\n".len();
        let end = body + rest[body..].find("```").expect("a block of YAML ends");
        let name: String = rest[body + 2..].chars().take_while(|c| !c.is_whitespace() && *c != ':').collect();
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&name);
        let file = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        out.push_str(&rest[..body]);
        out.push_str(&file.replace("\r\n", "\n"));
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// The page with the output of each command in place of what it shows.
fn current(page: &str) -> String {
    let page = with_files(page);
    let page = page.as_str();
    let mut out = String::new();
    let mut rest = page;
    while let Some(start) = rest.find("```console\n$ farebox ") {
        let body = start + "```console\n".len();
        let end = body + rest[body..].find("\n```").expect("a console block ends");
        let block = &rest[body..end];
        let mut command_end = block.find('\n').unwrap_or(block.len());
        while block[..command_end].ends_with('\\') {
            let next = block[command_end + 1..].find('\n').map_or(block.len(), |n| command_end + 1 + n);
            command_end = next;
        }
        let command = &block[..command_end];
        out.push_str(&rest[..body]);
        out.push_str(command);
        out.push('\n');
        out.push_str(&output_of(command.trim_start_matches("$ ")));
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

#[test]
#[cfg_attr(
    not(all(feature = "claude", feature = "llama", feature = "open-models")),
    ignore = "the pages show what a build with all vocabularies prints"
)]
fn the_pages_show_what_the_program_prints() {
    for page in PAGES {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
        let text = std::fs::read_to_string(&path).expect("the page").replace("\r\n", "\n");
        let current = current(&text);
        if std::env::var_os("FAREBOX_BLESS").is_some() {
            std::fs::write(&path, &current).expect("the page can be written");
            continue;
        }
        for (shown, printed) in text.lines().zip(current.lines()) {
            assert_eq!(shown, printed, "{page} is stale: FAREBOX_BLESS=1 cargo test --test readme");
        }
        assert_eq!(
            text.lines().count(),
            current.lines().count(),
            "{page} is stale: FAREBOX_BLESS=1 cargo test --test readme"
        );
    }
}

/// A line of a table of rules, by column.
type RuleColumns = std::collections::BTreeMap<String, String>;

/// The rules of a file that the program has them from, as a table: what a line says is in `rule`.
fn table_of_rules(file: &str, rule: impl Fn(&RuleColumns) -> String) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/chat").join(file);
    let mut lines = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).expect("the table is there");
    let mut table = String::from(
        "| model | holds for | rule | basis | requests | left | source |\n| --- | --- | --- | --- | ---: | ---: | --- |\n",
    );
    for line in lines.deserialize::<RuleColumns>() {
        let line = line.expect("the line reads");
        let api = match line.get("api").map(String::as_str) {
            None | Some("") => None,
            Some("responses") => Some("OpenAI's Responses".to_owned()),
            Some(other) => Some(format!("{other} APIs")),
        };
        let since = (!line["from"].is_empty()).then(|| format!("from {}", line["from"]));
        let until = (!line["until"].is_empty()).then(|| format!("until {}", line["until"]));
        let scope: Vec<String> = [api, since, until].into_iter().flatten().collect();
        let left = match (line["least"].as_str(), line["most"].as_str()) {
            ("", _) => String::new(),
            (least, most) if least == most => least.to_owned(),
            (least, most) => format!("{least} to {most}"),
        };
        let (model, rule, basis, requests, source) =
            (&line["model"], rule(&line), &line["basis"], &line["requests"], &line["source"]);
        let scope = scope.join(", ");
        table += &format!("| `{model}` | {scope} | {rule} | {basis} | {requests} | {left} | {source} |\n");
    }
    table
}

/// The rules of framing and those of attachments, as the page shows them.
fn rules_on_the_page() -> String {
    let media = |line: &RuleColumns| {
        let kinds = ["images", "audio", "video", "sound", "page"].into_iter().filter(|kind| !line[*kind].is_empty());
        let mut rules: Vec<String> = kinds.map(|kind| format!("{kind}: {}", line[kind])).collect();
        if line["text"] == "no" {
            rules.push("no text of pages".to_owned());
        }
        rules.join("; ")
    };
    let framing = table_of_rules("rules.csv", |line| line["rule"].clone());
    let attachments = table_of_rules("media.csv", media);
    format!(
        "{framing}\n## Rules of attachments\n\nThe words of these rules are explained at the head of `data/chat/media.csv`. *Requests* are recorded ones whose attachments\nhold their bytes.\n\n{attachments}"
    )
}

#[test]
fn every_rule_of_counting_is_on_its_page() {
    const MARK: &str = "<!-- rules -->\n";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/requests.md");
    let text = std::fs::read_to_string(&path).expect("the page").replace("\r\n", "\n");
    let (words, shown) = text.split_once(MARK).expect("the page has a place for the rules");
    let current = rules_on_the_page();
    if std::env::var_os("FAREBOX_BLESS").is_some() {
        std::fs::write(&path, format!("{words}{MARK}{current}")).expect("the page can be written");
    } else {
        assert_eq!(shown, current, "docs/requests.md is stale: FAREBOX_BLESS=1 cargo test --test readme");
    }
}
