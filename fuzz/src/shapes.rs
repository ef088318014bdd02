//! Inputs with the structure of real ones: a sample of the repository, edited as the bytes decide. Bytes that are changed one by
//! one seldom give a document that is read to its end; these nearly always do.

use std::path::Path;
use std::sync::LazyLock;

use farebox::Farebox;
use farebox::period::Instant;
use serde_json::Value;

use crate::prices::price_yaml;
use crate::seeds;
use crate::usage::{told, usage_json};
use crate::workload::workload_yaml;

/// The bytes as decisions; when they are used up, each is for the first choice.
struct Decisions<'b>(&'b [u8]);

impl Decisions<'_> {
    /// One of so many, by two bytes.
    fn below(&mut self, count: usize) -> usize {
        let (taken, rest) = self.0.split_at(self.0.len().min(2));
        self.0 = rest;
        let number = taken.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        number % count.max(1)
    }

    fn of<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }

    const fn are_used_up(&self) -> bool {
        self.0.is_empty()
    }
}

/// Documents of usage, the names of their fields, and their values.
struct Samples {
    documents: Vec<Value>,
    names: Vec<String>,
    scalars: Vec<Value>,
}

static USAGE: LazyLock<Samples> = LazyLock::new(|| {
    let documents: Vec<Value> = seeds::usage_json()
        .iter()
        .flat_map(|text| serde_json::Deserializer::from_slice(text).into_iter().flatten().collect::<Vec<Value>>())
        .filter(Value::is_object)
        .collect();
    let (mut names, mut scalars) = (Vec::new(), Vec::new());
    documents.iter().for_each(|document| gather(document, &mut names, &mut scalars));
    names.extend(["odd_tokens", "cost_eur", "é"].map(str::to_owned));
    names.sort();
    names.dedup();
    scalars.sort_by_key(Value::to_string);
    scalars.dedup();
    let odd = r#"[0, -1, 1.5, 99999999999999999999, 1e30, null, true, "", "12", "1.000", "é/", [], {}]"#;
    scalars.extend(serde_json::from_str::<Vec<Value>>(odd).expect("this is JSON"));
    Samples { documents, names, scalars }
});

fn gather(value: &Value, names: &mut Vec<String>, scalars: &mut Vec<Value>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| {
            names.push(name.clone());
            gather(value, names, scalars);
        }),
        Value::Array(items) => items.iter().for_each(|item| gather(item, names, scalars)),
        scalar => scalars.push(scalar.clone()),
    }
}

/// Up to four documents of usage, a line each, with fields that are taken out, renamed, repeated and given other values.
///
/// Laws: those of [`usage_json`]; blanks and escapes change nothing.
pub fn usage_shapes(bytes: &[u8]) {
    let mut decisions = Decisions(bytes);
    let count = 1 + decisions.below(4);
    let mut documents: Vec<Value> = (0..count).map(|_| decisions.of(&USAGE.documents).clone()).collect();
    while !decisions.are_used_up() {
        let document = decisions.below(documents.len());
        edit(&mut documents[document], &mut decisions);
    }
    let lines = |form: &dyn Fn(&Value) -> String| documents.iter().map(|d| form(d) + "\n").collect::<String>();
    let plain = lines(&Value::to_string);
    usage_json(plain.as_bytes());
    let spaced = lines(&|document| {
        let mut text = String::new();
        spelled(document, &mut text);
        text
    });
    assert_eq!(told(spaced.as_bytes()), told(plain.as_bytes()), "{plain}{spaced}");
}

/// Changes something in a value: at a place that the decisions choose on the way down.
fn edit(value: &mut Value, decisions: &mut Decisions<'_>) {
    match value {
        Value::Object(map) => {
            let names: Vec<String> = map.keys().cloned().collect();
            let name = || names.first().is_some();
            match decisions.below(8) {
                0 if name() => drop(map.remove(decisions.of(&names))),
                1 if name() => {
                    let old = map.remove(decisions.of(&names)).expect("a name of the map");
                    map.insert(decisions.of(&USAGE.names).clone(), old);
                }
                2 => drop(map.insert(decisions.of(&USAGE.names).clone(), decisions.of(&USAGE.scalars).clone())),
                3 if name() => drop(map.insert(decisions.of(&names).clone(), decisions.of(&USAGE.scalars).clone())),
                _ if name() => edit(map.get_mut(decisions.of(&names)).expect("a name of the map"), decisions),
                _ => {}
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = decisions.below(items.len());
            match decisions.below(6) {
                0 => drop(items.remove(at)),
                1 if items.len() < 20 => items.insert(at, items[at].clone()),
                _ => edit(&mut items[at], decisions),
            }
        }
        other => *other = decisions.of(&USAGE.scalars).clone(),
    }
}

/// A value with blanks wherever JSON allows some, and its texts with the escapes that Python and PHP write.
fn spelled(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            text.push_str("{ ");
            for (place, (name, value)) in map.iter().enumerate() {
                text.push_str(if place == 0 { "" } else { " ,\t" });
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push_str(" : ");
                spelled(value, text);
            }
            text.push_str(" }");
        }
        Value::Array(items) => {
            text.push_str("[ ");
            for (place, item) in items.iter().enumerate() {
                text.push_str(if place == 0 { "" } else { " , " });
                spelled(item, text);
            }
            text.push_str(" ]");
        }
        Value::String(inside) => {
            text.push('"');
            let json = Value::from(inside.as_str()).to_string();
            for unit in json[1..json.len() - 1].chars() {
                match unit {
                    '/' => text.push_str("\\/"),
                    unit if unit.is_ascii() => text.push(unit),
                    unit => unit.encode_utf16(&mut [0; 2]).iter().for_each(|n| text.push_str(&format!("\\u{n:04x}"))),
                }
            }
            text.push('"');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

/// Texts of lines, and the values that stand in them.
struct LineSamples {
    texts: Vec<String>,
    values: Vec<String>,
}

impl LineSamples {
    fn of(texts: impl IntoIterator<Item = String>, more: &[&str]) -> Self {
        let texts: Vec<String> = texts.into_iter().collect();
        let pairs = texts.iter().flat_map(|text| text.lines()).flat_map(|line| line.split([',', '{', '}', '[', ']']));
        let mut values: Vec<String> =
            pairs.filter_map(|pair| Some(pair.split_once(": ")?.1.trim().to_owned())).collect();
        values.extend(more.iter().map(|&value| value.to_owned()));
        values.sort();
        values.dedup();
        LineSamples { texts, values }
    }

    /// One of the texts, with lines that are taken out, repeated, moved and given other values.
    fn edited(&self, decisions: &mut Decisions<'_>) -> String {
        let mut lines: Vec<String> = decisions.of(&self.texts).lines().map(str::to_owned).collect();
        while !decisions.are_used_up() && !lines.is_empty() {
            let at = decisions.below(lines.len());
            match decisions.below(8) {
                0 => drop(lines.remove(at)),
                1 if lines.len() < 200 => lines.insert(at, lines[at].clone()),
                2 => {
                    let other = decisions.below(lines.len());
                    lines.swap(at, other);
                }
                3 if lines.len() < 200 => {
                    let other: Vec<&str> = decisions.of(&self.texts).lines().collect();
                    lines.insert(at, (*decisions.of(&other)).to_owned());
                }
                _ => self.revalue(&mut lines[at], decisions),
            }
        }
        lines.join("\n") + "\n"
    }

    /// Gives one of the keys of a line another value.
    fn revalue(&self, line: &mut String, decisions: &mut Decisions<'_>) {
        let places: Vec<usize> = line.match_indices(": ").map(|(at, _)| at + 2).collect();
        if places.is_empty() {
            return;
        }
        let from = *decisions.of(&places);
        let length = line[from..].find([',', '}', ']', '#']).unwrap_or(line.len() - from);
        let value: &String = decisions.of(&self.values);
        line.replace_range(from..from + length, value);
    }
}

fn of_seeds(seeds: Vec<Vec<u8>>) -> impl Iterator<Item = String> {
    seeds.into_iter().filter_map(|seed| String::from_utf8(seed).ok())
}

static WORKLOADS: LazyLock<LineSamples> = LazyLock::new(|| {
    let guide = include_str!("../../docs/plan.md").split("```yaml\n").skip(1);
    let blocks = guide.filter_map(|block| Some(block.split_once("```")?.0.to_owned()));
    let more = ["0", "-1", "1..2..3", "3..2..1", "50%", "1e9", "12 EUR", "5 per day", "2027-02-29", "true", "{}", "[]"];
    LineSamples::of(of_seeds(seeds::workload_yaml()).chain(blocks), &more)
});

/// A workload of this repository, edited, and its plan.
///
/// Laws: those of [`workload_yaml`]; a plan is the same each time, and its bounds are in order.
pub fn workload_shapes(bytes: &[u8]) {
    static FAREBOX: LazyLock<Farebox> =
        LazyLock::new(|| Farebox::bundled().at("2026-11-22".parse::<Instant>().expect("a date")));
    let text = WORKLOADS.edited(&mut Decisions(bytes));
    workload_yaml(text.as_bytes());
    // A million draws are no mistake, and take minutes.
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("draws"));
    let text = lines.fold("draws: 40\n".to_owned(), |text, line| text + line + "\n");
    let plan = || FAREBOX.plan_text(Path::new("nowhere/farebox.yaml"), &text);
    let Ok(planned) = plan() else { return };
    let total = planned.total;
    assert!(total.low <= total.high, "{total:?}\n{text}");
    assert_eq!(format!("{planned:?}"), format!("{:?}", plan().expect("as before")), "{text}");
}

static PRICES: LazyLock<LineSamples> = LazyLock::new(|| {
    let more = [
        "\"0\"",
        "\"-1\"",
        "\"1e3\"",
        "inherit",
        "2027-02-29",
        "{}",
        "[]",
        "batch",
        "not_sold",
        "\"99999999999999999999999999999\"",
    ];
    LineSamples::of(of_seeds(seeds::price_yaml()), &more)
});

/// A price file of this repository, edited.
///
/// Laws: those of [`price_yaml`].
pub fn price_shapes(bytes: &[u8]) {
    price_yaml(PRICES.edited(&mut Decisions(bytes)).as_bytes());
}
