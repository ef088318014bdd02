//! Recordings of HTTP that are kept as YAML (VCR cassettes), as one line of JSON for each interaction, at the line where it
//! begins.

use std::io::{self, Read};

use serde::Deserialize;
use serde_saphyr::Spanned;

/// The longest cassette that is read, in bytes.
const LONGEST: u64 = 64 << 20;

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

#[derive(Deserialize)]
struct Cassette {
    #[serde(alias = "http_interactions")]
    interactions: Vec<Spanned<serde_json::Value>>,
}

/// A cassette as lines of JSON.
pub(super) struct Interactions<R> {
    yaml: Option<R>,
    text: io::Cursor<Vec<u8>>,
}

impl<R: Read> Interactions<R> {
    pub(super) fn new(yaml: R) -> Self {
        Interactions { yaml: Some(yaml), text: io::Cursor::default() }
    }
}

impl<R: Read> Read for Interactions<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(yaml) = self.yaml.take() {
            self.text = io::Cursor::new(lines(yaml)?);
        }
        self.text.read(buffer)
    }
}

fn lines(yaml: impl Read) -> io::Result<Vec<u8>> {
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut text = String::new();
    yaml.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(invalid(format!("a cassette of more than {} MB", LONGEST >> 20)));
    }
    let cassette: Cassette =
        serde_saphyr::from_str_with_options(&text, options()).map_err(|error| invalid(error.to_string()))?;
    let (mut out, mut line) = (Vec::new(), 1);
    for one in cassette.interactions {
        while line < one.referenced.line() {
            out.push(b'\n');
            line += 1;
        }
        serde_json::to_writer(&mut out, &one.value)?;
        out.push(b'\n');
        line += 1;
    }
    Ok(out)
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

    #[test]
    fn an_interaction_stands_at_the_line_where_it_begins() {
        let yaml =
            "version: 1\ninteractions:\n- request: {uri: a}\n  response:\n    body: |\n      x\n- request: {uri: b}\n";
        let text = String::from_utf8(lines(yaml.as_bytes()).unwrap()).unwrap();
        let found: Vec<_> =
            text.lines().enumerate().filter(|(_, line)| !line.is_empty()).map(|(at, _)| at + 1).collect();
        assert_eq!(found, [3, 7]);
        assert!(lines("interactions: {".as_bytes()).is_err());
    }
}
