//! Recordings of HTTP that are kept as YAML (VCR cassettes), as one line of JSON for each interaction, at the line where it
//! begins.
//!
//! A cassette that was cut off, or has an interaction that is broken, is read one interaction at a time: the others count.

use std::fmt::{self, Formatter};
use std::io::{self, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::input::dialect::unreadable;

/// The longest cassette that is read, in bytes.
const LONGEST: u64 = 64 << 20;

/// How much longer a cassette may become as JSON: what is repeated by its aliases is written out.
const GROWTH: usize = 16 << 20;

/// Whether a text begins like a cassette: the first names in it say so.
pub(super) fn begins_cassette(start: &[u8]) -> bool {
    let lines = start.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let mut names = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#") && *line != b"---");
    let is_head = |line: &&[u8]| line.starts_with(b"version:") || line.starts_with(b"recorded_with:");
    let first = names.find(|line| !is_head(line));
    matches!(first, Some(b"interactions:" | b"http_interactions:"))
}

/// Whether more of a text has to be seen to tell.
pub(super) fn may_begin_cassette(start: &[u8]) -> bool {
    [b"---".as_slice(), b"#", b"version:"].iter().any(|begin| start.starts_with(begin))
}

/// A cassette as lines of JSON.
pub(super) struct Interactions<R> {
    yaml: Option<R>,
    text: io::Cursor<Vec<u8>>,
    /// Why it was not read to its end.
    failed: Option<io::Error>,
}

impl<R: Read> Interactions<R> {
    pub(super) fn new(yaml: R) -> Self {
        Interactions { yaml: Some(yaml), text: io::Cursor::default(), failed: None }
    }
}

impl<R: Read> Read for Interactions<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(yaml) = self.yaml.take() {
            let mut bytes = Vec::new();
            let failed = yaml.take(LONGEST + 1).read_to_end(&mut bytes).err();
            let is_too_long = bytes.len() as u64 > LONGEST;
            let too_long = || invalid(format!("a cassette of more than {} MB: the rest was not read", LONGEST >> 20));
            self.failed = failed.or_else(|| is_too_long.then(too_long));
            let text = String::from_utf8_lossy(&bytes);
            let (lines, failed) = lines(&text, self.failed.is_some());
            self.text = io::Cursor::new(lines);
            self.failed = self.failed.take().or(failed);
        }
        match self.text.read(buffer)? {
            0 if !buffer.is_empty() => self.failed.take().map_or(Ok(0), Err),
            read => Ok(read),
        }
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The interactions of a cassette as lines, and why it is none. One that breaks off is taken for what comes before its last
/// interaction.
fn lines(yaml: &str, breaks_off: bool) -> (Vec<u8>, Option<io::Error>) {
    let mut out = Lines::default();
    let items = items(yaml);
    let last = items.last().filter(|_| breaks_off).map_or(yaml.len(), |(_, at)| *at);
    let Err(error) = out.add(1, yaml.get(..last).unwrap_or(yaml)) else { return (out.text, None) };
    let Some((line, at)) = items.last() else { return (out.text, Some(invalid(error))) };
    if !breaks_off && out.add(1, yaml.get(..*at).unwrap_or_default()).is_ok() {
        out.broken(*line, &error);
        return (out.text, None);
    }
    let ends = items.iter().skip(1).map(|(_, at)| *at).chain([last]);
    for ((line, at), end) in items.iter().zip(ends) {
        let text = yaml.get(*at..end).unwrap_or_default();
        if text.is_empty() {
            continue;
        }
        if let Err(error) = out.add(*line, &format!("interactions:\n{text}")) {
            out.broken(*line, &error);
        }
    }
    (out.text, None)
}

/// Where the interactions of a cassette begin, with the numbers of their lines: at the dashes that are as far in as the first.
fn items(yaml: &str) -> Vec<(u64, usize)> {
    let (mut items, mut dash, mut is_inside, mut at) = (Vec::new(), None, false, 0);
    for (number, line) in (1..).zip(yaml.split_inclusive('\n')) {
        let plain = line.trim_start_matches(' ');
        let indent = line.len() - plain.len();
        if is_inside {
            let is_item = plain.starts_with("- ") || plain.trim_end() == "-";
            if is_item && *dash.get_or_insert(indent) == indent {
                items.push((number, at));
            } else if indent == 0 && !plain.trim().is_empty() && !plain.starts_with(['#', '-']) {
                // Another name of the cassette: the one before ended.
                is_inside = false;
            }
        } else {
            is_inside = dash.is_none() && matches!(plain.trim_end(), "interactions:" | "http_interactions:");
        }
        at += line.len();
    }
    items
}

/// Lines of JSON, each at the number of the line that it was read from.
struct Lines {
    text: Vec<u8>,
    /// The number of the line that comes next.
    next: u64,
}

impl Default for Lines {
    fn default() -> Self {
        Lines { text: Vec::new(), next: 1 }
    }
}

impl Lines {
    /// Adds the interactions of a cassette that begins at a line; nothing where one of them is broken.
    fn add(&mut self, first: u64, yaml: &str) -> Result<(), String> {
        let cassette: Cassette =
            serde_saphyr::from_str_with_options(yaml, options()).map_err(|error| error.to_string())?;
        // The head of an interaction that is read by itself is a line of its own.
        let before = first.saturating_sub(if first > 1 { 2 } else { 1 });
        for one in cassette.interactions.0 {
            self.push(before + one.referenced.line(), &one.value.0);
        }
        Ok(())
    }

    /// Says why an interaction cannot be read.
    fn broken(&mut self, line: u64, error: &str) {
        let first = error.lines().next().unwrap_or_default();
        self.push(line, unreadable(&format!("an interaction of the cassette that cannot be read: {first}")).as_bytes());
    }

    fn push(&mut self, line: u64, json: &[u8]) {
        while self.next < line {
            self.text.push(b'\n');
            self.next += 1;
        }
        self.text.extend_from_slice(json);
        self.text.push(b'\n');
        self.next += 1;
    }
}

#[derive(serde::Deserialize)]
struct Cassette {
    #[serde(alias = "http_interactions")]
    interactions: Recorded,
}

/// All interactions as JSON, which is not much longer than the cassettes that are read.
struct Recorded(Vec<Spanned<Json>>);

impl<'de> Deserialize<'de> for Recorded {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Recorded;
            fn expecting(&self, f: &mut Formatter) -> fmt::Result {
                f.write_str("a list of interactions")
            }
            fn visit_unit<E: Error>(self) -> Result<Recorded, E> {
                Ok(Recorded(Vec::new()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Recorded, A::Error> {
                let (mut all, mut length) = (Vec::new(), 0);
                while let Some(one) = list.next_element::<Spanned<Json>>()? {
                    length += one.value.0.len();
                    if length > LONGEST as usize + GROWTH {
                        return Err(A::Error::custom(TOO_LONG));
                    }
                    all.push(one);
                }
                Ok(Recorded(all))
            }
        }
        from.deserialize_any(All)
    }
}

const TOO_LONG: &str = "its aliases repeat too much";

/// A value as JSON.
struct Json(Vec<u8>);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut text = Vec::new();
        AsJson(&mut text).deserialize(from)?;
        Ok(Json(text))
    }
}

/// Writes a value as JSON, which stops where it becomes too long.
struct AsJson<'o>(&'o mut Vec<u8>);

impl AsJson<'_> {
    fn put<E: Error>(self, value: &(impl serde::Serialize + ?Sized)) -> Result<(), E> {
        serde_json::to_writer(&mut *self.0, value).map_err(E::custom)?;
        if self.0.len() > GROWTH.max(LONGEST as usize) { Err(E::custom(TOO_LONG)) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for AsJson<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AsJson<'_> {
    type Value = ();
    fn expecting(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.put(&())
    }
    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.put(&())
    }
    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.put(&value)
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.put(&value)
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.put(&value)
    }
    fn visit_i128<E: Error>(self, value: i128) -> Result<(), E> {
        self.put(&value.to_string())
    }
    fn visit_u128<E: Error>(self, value: u128) -> Result<(), E> {
        self.put(&value.to_string())
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.put(&value)
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.put(value)
    }
    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<(), E> {
        self.put(&STANDARD.encode(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut begin = b'[';
        loop {
            let end = self.0.len();
            self.0.push(begin);
            if list.next_element_seed(AsJson(self.0))?.is_none() {
                self.0.truncate(end);
                break;
            }
            begin = b',';
        }
        self.0.extend_from_slice(if begin == b'[' { b"[]" } else { b"]" });
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut begin = b'{';
        while let Some(name) = map.next_key::<serde_json::Value>()? {
            self.0.push(begin);
            match name.as_str() {
                Some(name) => AsJson(self.0).put(name)?,
                None => AsJson(self.0).put(&name.to_string())?,
            }
            self.0.push(b':');
            map.next_value_seed(AsJson(self.0))?;
            begin = b',';
        }
        self.0.extend_from_slice(if begin == b'{' { b"{}" } else { b"}" });
        Ok(())
    }
}

fn options() -> serde_saphyr::Options {
    let mut options = serde_saphyr::Options::default();
    options.ignore_binary_tag_for_string = true;
    options.with_snippet = false;
    if let Some(budget) = &mut options.budget {
        budget.max_nodes = 4_000_000;
        budget.max_events = 16_000_000;
        budget.max_total_scalar_bytes = LONGEST as usize;
    }
    // What a recorder writes once, because it was the same, is a head of a message: a few values.
    options.alias_limits.max_total_replayed_events = 200_000;
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cassette_is_told_by_its_first_names() {
        for text in [
            "interactions:\n- request:\n",
            "---\nhttp_interactions:\n- request:\n",
            "---\nversion: 2\ninteractions:\n    - id: 0\n",
            "# recorded\r\ninteractions:\r\n",
        ] {
            assert!(begins_cassette(text.as_bytes()), "{text}");
        }
        for text in ["interactions,tokens\n1,2\n", "version: 1\nfeatures:\n", "{\"interactions\":[]}", ""] {
            assert!(!begins_cassette(text.as_bytes()), "{text}");
        }
    }

    /// The lines that are not empty, with their numbers.
    fn read(yaml: &str) -> Vec<(usize, String)> {
        let mut text = String::new();
        Interactions::new(yaml.as_bytes()).read_to_string(&mut text).unwrap();
        let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
        lines.map(|(at, line)| (at + 1, line.to_owned())).collect()
    }

    #[test]
    fn an_interaction_stands_at_the_line_where_it_begins() {
        let yaml =
            "version: 1\ninteractions:\n- request: {uri: a}\n  response:\n    body: |\n      x\n- request: {uri: b}\n";
        let found = read(yaml);
        assert_eq!(found.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [3, 7]);
        assert_eq!(found[0].1, r#"{"request":{"uri":"a"},"response":{"body":"x\n"}}"#);
        let values = "interactions:\n- {a: [], b: {}, c: [1, -2, 0.5, true, null, ~], \"d\\n\": 'x', 5: z}\n";
        assert_eq!(read(values)[0].1, r#"{"a":[],"b":{},"c":[1,-2,0.5,true,null,null],"d\n":"x","5":"z"}"#);
        assert!(Interactions::new("interactions: {".as_bytes()).read_to_string(&mut String::new()).is_err());
    }

    #[test]
    fn what_stands_before_or_behind_a_broken_interaction_counts() {
        for indent in ["", "  "] {
            let good = |name: &str| format!("{indent}- request:\n{indent}    uri: {name}\n");
            let head = format!("---\ninteractions:\n{}", good("a"));
            // Cut off, with and without aliases before it.
            for yaml in [
                format!("{head}{indent}- request: {{method: POST, uri: \"https"),
                format!("{head}{indent}- request: &id001\n{indent}    uri: b\n{indent}- *id001\n{indent}- 'x"),
            ] {
                let found = read(&yaml);
                let (broken, whole) = found.split_last().unwrap();
                assert!(broken.1.starts_with("{\"unreadable\":"), "{found:?}");
                assert_eq!(whole.first(), Some(&(3, r#"{"request":{"uri":"a"}}"#.to_owned())));
                assert_eq!(found.len(), yaml.matches("\n- ").count().max(yaml.matches("\n  - ").count()), "{found:?}");
            }
            // Broken in the middle.
            let yaml = format!("{head}{indent}- request: {{uri: \"b}}\n{}version: 1\n", good("c"));
            let found = read(&yaml);
            assert_eq!(found.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [3, 5, 6], "{found:?}");
            assert!(found[1].1.starts_with("{\"unreadable\":") && found[2].1.contains("\"c\""), "{found:?}");
        }
    }

    #[test]
    fn aliases_that_repeat_without_end_are_an_error_and_soon() {
        let long = "x".repeat(1 << 20);
        let many = "*a, ".repeat(3_000);
        let of_texts = format!("interactions:\n- request: {{body: &a \"{long}\"}}\n- [{many}]\n");
        let mut of_lists = "interactions:\n- &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..9 {
            let all = vec![format!("*a{}", level - 1); 10].join(",");
            of_lists.push_str(&format!("- &a{level} [{all}]\n"));
        }
        for yaml in [of_texts, of_lists] {
            let mut text = String::new();
            let result = Interactions::new(yaml.as_bytes()).read_to_string(&mut text);
            assert!(result.is_err() || text.contains("{\"unreadable\":"));
            assert!(text.len() < 128 << 20);
        }
    }
}
