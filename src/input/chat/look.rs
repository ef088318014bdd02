//! Tells whether a source holds requests, from as little of it as shows it: [`holds_requests`].
//!
//! JSON is walked through and not built, so a document of any size is looked at in flat memory, and reading ends where the
//! fields of a request have been seen. The same walk answers for a value at hand: [`looks_like_request`].

use std::fmt;
use std::io::{self, BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// How much of a source is looked at. A document that shows no request within it is taken for text.
pub(crate) const LOOKED_AT: u64 = 32 << 20;

/// How many values of JSON Lines are looked at: the first lines of a file may be a header, or broken.
const LINES_LOOKED_AT: usize = 8;

/// How much of the beginning is kept for going on behind a broken line.
const KEPT: usize = 1 << 16;

/// The fields around a request in the lines of batch files.
pub(super) const WRAPPERS: [&str; 5] = ["body", "params", "request", "modelInput", "generateContentRequest"];

/// Whether a value looks like a request at all, for files that may be anything.
///
/// # Examples
/// ```
/// use farebox::input::chat::looks_like_request;
/// let looks = |json: &str| looks_like_request(&serde_json::from_str(json).unwrap());
/// assert!(looks(r#"{"contents":[{"parts":[{"text":"Hi"}]}]}"#));
/// assert!(!looks(r#"{"instruction":"Extract …","receipts":[]}"#));
/// ```
#[must_use]
pub fn looks_like_request(value: &Value) -> bool {
    let mut found = Found::default();
    // An error ends the walk early, where the answer is known.
    drop(Look { found: &mut found, place: LookPlace::Alone }.deserialize(value));
    found.request
}

/// What a source holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// Text, or JSON that is neither of the others.
    Text,
    /// Requests.
    Requests,
    /// Tools without a request, as an MCP server lists them.
    Tools,
}

/// Whether what a reader gives is a request, a list of requests, or lines of which one of the first is a request.
///
/// Text is told by its first character, so no more than a block of it is read.
///
/// # Errors
/// What reading fails with.
///
/// # Examples
/// ```
/// use farebox::input::chat::holds_requests;
/// let batch = "{\"custom_id\":\"1\",\"params\":{\"messages\":[]}}\n{\"custom_id\":\"2\",\"params\":{\"messages\":[]}}";
/// assert!(holds_requests(&mut batch.as_bytes())?);
/// assert!(!holds_requests(&mut "{\"text\":\"a\"}\n{\"text\":\"b\"}".as_bytes())?);
/// assert!(!holds_requests(&mut "Dear {name}, …".as_bytes())?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn holds_requests(reader: &mut dyn Read) -> io::Result<bool> {
    held(reader).map(|held| held == Held::Requests)
}

/// What a reader gives: requests, tools, or neither.
pub(crate) fn held(reader: &mut dyn Read) -> io::Result<Held> {
    let mut reader = BufReader::with_capacity(8 << 10, Keep { reader: reader.take(LOOKED_AT), kept: Vec::new() });
    if !begins_as_json(&mut reader)? {
        return Ok(Held::Text);
    }
    let mut json = serde_json::Deserializer::from_reader(&mut reader);
    let mut found = Found::default();
    for _ in 0..LINES_LOOKED_AT {
        let walked = Look { found: &mut found, place: LookPlace::Alone }.deserialize(&mut json);
        match walked {
            _ if found.request => return Ok(Held::Requests),
            Ok(()) => {}
            Err(error) if error.is_io() => return Err(error.into()),
            Err(error) if error.is_eof() => break,
            Err(_) => {
                let is_one = reader.get_mut().a_line_looks_like_one()?;
                return Ok(if is_one { Held::Requests } else { Held::Text });
            }
        }
    }
    Ok(if found.tools { Held::Tools } else { Held::Text })
}

/// Passes white space and a byte-order mark over, and tells whether an object or a list begins behind them.
fn begins_as_json(reader: &mut BufReader<impl Read>) -> io::Result<bool> {
    use std::io::BufRead as _;
    loop {
        let block = reader.fill_buf()?;
        let Some(at) = block.iter().position(|b| !b.is_ascii_whitespace() && !b"\xef\xbb\xbf".contains(b)) else {
            let passed = block.len();
            if passed == 0 {
                return Ok(false);
            }
            reader.consume(passed);
            continue;
        };
        let begins = matches!(block[at], b'{' | b'[');
        reader.consume(at);
        return Ok(begins);
    }
}

/// Keeps the beginning of what is read.
struct Keep<R> {
    reader: R,
    kept: Vec<u8>,
}

impl<R: Read> Read for Keep<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        let room = KEPT.saturating_sub(self.kept.len()).min(read);
        self.kept.extend_from_slice(&buffer[..room]);
        Ok(read)
    }
}

impl<R: Read> Keep<R> {
    /// Whether one of the first lines is a request by itself, for files of which a line is broken.
    fn a_line_looks_like_one(&mut self) -> io::Result<bool> {
        let mut block = [0; 8 << 10];
        while self.kept.len() < KEPT && self.read(&mut block)? > 0 {}
        let lines = self.kept.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty());
        Ok(lines.take(LINES_LOOKED_AT).any(|line| {
            let mut found = Found::default();
            drop(
                Look { found: &mut found, place: LookPlace::Alone }
                    .deserialize(&mut serde_json::Deserializer::from_slice(line)),
            );
            found.request
        }))
    }
}

/// Walks over a value and ends with an error as soon as it is seen to be a request.
struct Look<'f> {
    found: &'f mut Found,
    place: LookPlace,
}

/// What has been seen so far.
#[derive(Clone, Copy, Default)]
struct Found {
    request: bool,
    tools: bool,
}

/// Where a value stands, which decides what makes it a request.
#[derive(Clone, Copy)]
enum LookPlace {
    /// By itself: an object with the fields of a request, or a list.
    Alone,
    /// First in a list: there, a message is enough.
    InList,
    /// Under `requests`: a list of requests.
    Requests,
    /// Under `messages` or `contents`: a list of messages, or an empty one.
    Messages,
    /// First under `messages` or `contents`.
    Message,
    /// Under `tools`, where a request may have them, or in the answer of an MCP server.
    Tools,
    /// First under `tools`.
    Tool,
    /// Under `result`.
    Result,
}

/// What of a request has been seen in an object.
#[derive(Default)]
struct SeenFields {
    model: bool,
    asks: bool,
    custom_id: bool,
    body: bool,
    role: bool,
    says: bool,
    name: bool,
    schema: bool,
    parameters: bool,
    function: bool,
}

impl SeenFields {
    const fn is_request(&self, place: LookPlace) -> bool {
        match place {
            LookPlace::InList if self.role && self.says => true,
            LookPlace::Message => self.role || self.says,
            LookPlace::Tool | LookPlace::Tools | LookPlace::Result => false,
            _ => self.model && self.asks || self.custom_id && self.body,
        }
    }

    /// Whether it is a tool; in a list by itself only what nothing else looks like.
    const fn is_tool(&self, place: LookPlace) -> bool {
        match place {
            LookPlace::Tool => self.name && (self.schema || self.parameters) || self.function,
            LookPlace::InList => self.name && self.schema,
            _ => false,
        }
    }

    fn see(&mut self, key: &str) {
        match key {
            "name" => self.name = true,
            "inputSchema" | "input_schema" => self.schema = true,
            "parameters" => self.parameters = true,
            "function" | "toolSpec" | "functionDeclarations" => self.function = true,
            "model" | "modelId" => self.model = true,
            "messages" | "contents" | "input" | "prompt" | "chat_history" => self.asks = true,
            "custom_id" => self.custom_id = true,
            "body" => self.body = true,
            "role" => self.role = true,
            "content" | "parts" => self.says = true,
            _ => {}
        }
    }
}

impl Look<'_> {
    /// The walk ends at the first value that is a request.
    fn ended<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.found.request { Err(E::custom("a request")) } else { Ok(()) }
    }

    const fn at(&mut self, place: LookPlace) -> Look<'_> {
        Look { found: self.found, place }
    }
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let is_list = matches!(self.place, LookPlace::Requests | LookPlace::Messages);
        let mut seen = SeenFields::default();
        while let Some(key) = map.next_key::<String>()? {
            if is_list {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            seen.see(&key);
            self.found.request |= seen.is_request(self.place);
            self.found.tools |= seen.is_tool(self.place);
            match key.as_str() {
                _ if self.found.request => return self.ended(),
                _ if matches!(self.place, LookPlace::Tool) => drop(map.next_value::<IgnoredAny>()?),
                "tools" => map.next_value_seed(self.at(LookPlace::Tools))?,
                _ if matches!(self.place, LookPlace::Result) => drop(map.next_value::<IgnoredAny>()?),
                "result" => map.next_value_seed(self.at(LookPlace::Result))?,
                "messages" | "contents" => map.next_value_seed(self.at(LookPlace::Messages))?,
                "requests" => map.next_value_seed(self.at(LookPlace::Requests))?,
                key if WRAPPERS.contains(&key) => map.next_value_seed(self.at(LookPlace::Alone))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let is_messages = matches!(self.place, LookPlace::Messages);
        let place = match self.place {
            LookPlace::Messages => LookPlace::Message,
            LookPlace::Tools => LookPlace::Tool,
            _ => LookPlace::InList,
        };
        let first = items.next_element_seed(self.at(place))?;
        if first.is_none() && is_messages {
            self.found.request = true;
            return self.ended();
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        holds_requests(&mut text.as_bytes()).unwrap()
    }

    #[test]
    fn requests_are_told_by_their_fields() {
        for text in [
            r#"{"messages":[{"role":"user","content":"Hi"}]}"#,
            r#"{"system":"x","messages":[]}"#,
            r#"{"model":"m","input":"Hi"}"#,
            r#"{"contents":[{"parts":[{"text":"Hi"}]}]}"#,
            r#"{"model":"m","contents":["Hi"]}"#,
            r#"{"custom_id":"1","method":"POST","url":"/v1/embeddings","body":{"input":"Hi"}}"#,
            r#"{"recordId":"1","modelInput":{"messages":[{"role":"user","content":"Hi"}]}}"#,
            r#"{"key":"1","request":{"contents":[{"parts":[]}]}}"#,
            r#"{"requests":[{"custom_id":"1","params":{"messages":[{"role":"user","content":"Hi"}]}}]}"#,
            r#"[{"role":"user","content":"Hi"}]"#,
            r#"[{"model":"m","prompt":"Hi"}]"#,
            "\u{feff} \n{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
            // A header, and a broken line, before the requests.
            "{\"version\":1}\n{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
            "{\"messages\":[{\"role\":\"us\n{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
            "{broken}\n{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
        ] {
            assert!(holds(text), "{text}");
        }
    }

    #[test]
    fn tools_of_a_server_are_told_from_requests_and_from_other_json() {
        let held = |text: &str| super::held(&mut text.as_bytes()).unwrap();
        for tools in [
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a","inputSchema":{"type":"object"}}]}}"#,
            r#"{"tools":[{"name":"a","description":"b","inputSchema":{}}]}"#,
            r#"{"tools":[{"type":"function","function":{"name":"a"}}]}"#,
            r#"[{"name":"a","input_schema":{}}]"#,
        ] {
            assert_eq!(held(tools), Held::Tools, "{tools}");
        }
        let request = r#"{"tools":[{"name":"a","input_schema":{}}],"messages":[{"role":"user","content":"Hi"}]}"#;
        assert_eq!(held(request), Held::Requests);
        for text in [
            r#"[{"name":"a","parameters":{}}]"#,
            r#"{"tools":["hammer"]}"#,
            r#"{"tools":[{"name":"hammer"}]}"#,
            r#"{"result":{"messages":[{"role":"user","content":"Hi"}]}}"#,
        ] {
            assert_eq!(held(text), Held::Text, "{text}");
        }
    }

    #[test]
    fn other_json_and_text_are_not_requests() {
        for text in [
            "",
            " \n",
            "Hello",
            "{name}, hello",
            "[1] A footnote",
            "{}",
            "[]",
            "[[]]",
            r#"{"text":"a"}"#,
            r#"{"messages":["unused variable"]}"#,
            r#"{"contents":[{"path":"a.rs"}]}"#,
            r#"{"role":"user","content":"Hi"}"#,
            r#"{"requests":7,"request":"GET /"}"#,
            r#"{"model":"m","choices":[{"message":{"role":"assistant","content":"Hi"}}],"usage":{}}"#,
            r#"{"custom_id":"1","response":{"status_code":200,"body":{"choices":[]}}}"#,
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    /// A beginning, and then one byte for as long as somebody reads.
    struct Endless<'t> {
        beginning: &'t [u8],
        filler: u8,
        read: u64,
    }

    impl Read for Endless<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = if self.beginning.is_empty() {
                buffer.fill(self.filler);
                buffer.len()
            } else {
                self.beginning.read(buffer)?
            };
            self.read += n as u64;
            Ok(n)
        }
    }

    #[test]
    fn no_more_is_read_than_shows_the_answer() {
        for (beginning, filler, answer, most) in [
            ("plain text", b'x', false, 1 << 14),
            (r#"{"model":"m","messages":[{"role":"user","content":""#, b'x', true, 1 << 14),
            (r#"{"system":""#, b'x', false, LOOKED_AT),
            ("", b' ', false, LOOKED_AT),
        ] {
            let mut endless = Endless { beginning: beginning.as_bytes(), filler, read: 0 };
            assert_eq!(holds_requests(&mut endless).unwrap(), answer, "{beginning}");
            assert!(endless.read <= most, "{beginning}: {} bytes were read", endless.read);
        }
    }
}
