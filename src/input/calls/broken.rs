//! What a broken text can still be read for: where a damaged value ends, and where the next element of its list begins.
//!
//! Nothing here decides that a text is good. It finds the places at which reading may go on after an error that was
//! reported, so that one bad element costs one record and not the list.

use crate::input::json::{CUT_OFF, JsonError, Walk};

/// How deep brackets may be nested before a text is given up.
const DEPTH: usize = 127;

/// Fields whose lists hold records, as APIs, exports and tracers call them.
const RECORD_LISTS: [&[u8]; 5] = [b"data", b"results", b"observations", b"spans", b"resourceSpans"];

/// What is written before a list of records may be this long: it is repeated for every element.
const LONGEST_HEAD: usize = 4 << 10;

/// Where a value ends by its brackets alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Behind this byte.
    At(usize),
    /// Behind the end of the text.
    Later,
    /// Nowhere: the brackets or quotation marks are wrong too.
    Nowhere,
}

/// Follows brackets and quotation marks through a text that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Brackets {
    /// Closing brackets that are awaited, the next one last.
    awaited: Vec<u8>,
    in_text: bool,
    escaped: bool,
    /// The last byte outside of texts that was not white space, and whether a line break came behind it.
    last: u8,
    new_line: bool,
}

impl Brackets {
    /// Where the value ends that began with the first piece.
    pub(super) fn follow(&mut self, piece: &[u8]) -> End {
        self.follow_to(piece).0
    }

    /// The same, with how many bytes it took to know.
    fn follow_to(&mut self, piece: &[u8]) -> (End, usize) {
        for (at, byte) in piece.iter().enumerate() {
            let goes_on = if self.in_text { self.text(*byte) } else { self.outside(*byte) };
            if !goes_on {
                return (End::Nowhere, at + 1);
            }
            if self.awaited.is_empty() && !self.in_text && matches!(self.last, b'}' | b']') {
                return (End::At(at + 1), at + 1);
            }
        }
        (End::Later, piece.len())
    }

    fn text(&mut self, byte: u8) -> bool {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_text = false,
            // A text does not go over a line break: its quotation mark is missing.
            b'\n' => return false,
            _ => {}
        }
        true
    }

    fn outside(&mut self, byte: u8) -> bool {
        let (last, new_line) = (self.last, self.new_line);
        match byte {
            b'\n' => self.new_line = true,
            b' ' | b'\t' | b'\r' => {}
            _ => (self.last, self.new_line) = (byte, false),
        }
        match byte {
            // Behind a value follows a comma; a text that begins there shows that quotation marks are out of step.
            b'"' if !matches!(last, b'{' | b'[' | b',' | b':') => return false,
            b'"' => self.in_text = true,
            b'{' | b'[' => {
                // In an object every value has a name, and a line that begins a record does not belong to the one before.
                let in_object = self.awaited.last() == Some(&b'}');
                let misplaced = in_object && last != b':' || new_line && matches!(last, b'}' | b']');
                if misplaced || self.awaited.len() >= DEPTH {
                    return false;
                }
                self.awaited.push(if byte == b'{' { b'}' } else { b']' });
            }
            b'}' | b']' => return self.awaited.pop() == Some(byte),
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => {}
            // Something right behind a text: the quotation mark before it opened rather than closed.
            _ => return last != b'"' && !self.awaited.is_empty(),
        }
        true
    }
}

/// Where the value that begins a text ends by its brackets, and how many bytes it took to know.
pub(super) fn end_by_brackets(text: &[u8]) -> (End, usize) {
    Brackets::default().follow_to(text)
}

/// An element of a list.
pub(super) enum Element<'c> {
    /// A value.
    Good(&'c [u8]),
    /// Something else, which was stepped over, or what is missing between two elements.
    Bad(JsonError),
}

/// How far the elements of a piece of a list go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The list ends: behind its closing bracket.
    Closed(usize),
    /// The piece ends behind a whole element and its comma, if it has one.
    Between(usize),
    /// The piece ends inside of an element that begins here.
    Inside(usize, JsonError),
}

/// Goes through the elements of a list, from behind its opening bracket or from behind a comma.
pub(super) fn each_element<'c>(text: &'c [u8], take: &mut dyn FnMut(usize, Element<'c>)) -> Stop {
    let mut walk = Walk::new(text);
    let mut behind_comma = false;
    loop {
        walk.space();
        let start = walk.at;
        match walk.peek() {
            None => return Stop::Between(start),
            Some(b']') => {
                if behind_comma {
                    take(start, Element::Bad(JsonError { what: "a value is missing between a comma and ]", at: 0 }));
                }
                return Stop::Closed(start + 1);
            }
            Some(_) => {}
        }
        let error = match walk.value() {
            Ok(value) => {
                walk.space();
                behind_comma = walk.take(b',');
                if behind_comma || matches!(walk.peek(), None | Some(b']')) {
                    take(start, Element::Good(value.raw()));
                    continue;
                }
                if matches!((value.raw().first(), walk.peek()), (Some(b'{'), Some(b'{'))) {
                    take(start, Element::Good(value.raw()));
                    take(walk.at, Element::Bad(JsonError { what: "a comma is missing", at: 0 }));
                    continue;
                }
                JsonError { what: "a comma or ] is missing", at: walk.at }
            }
            Err(error) if error.what == CUT_OFF => return Stop::Inside(start, error),
            Err(error) => error,
        };
        let Some(next) = next_element(text, start, error.at) else { return Stop::Inside(start, error) };
        take(start, Element::Bad(JsonError { at: error.at - start, ..error }));
        behind_comma = text.get(next) != Some(&b']');
        walk = Walk::new(text);
        walk.at = next;
    }
}

/// Where the element after a broken one begins, or the bracket that closes the list is; `None` where the text shows
/// neither.
fn next_element(text: &[u8], start: usize, error: usize) -> Option<usize> {
    let rest = text.get(start..)?;
    if let End::At(length) = end_by_brackets(rest).0 {
        let behind = start + length;
        let space = text.get(behind..)?.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        match text.get(behind + space) {
            Some(b',') => return Some(behind + space + 1),
            Some(b']') => return Some(behind + space),
            _ => {}
        }
    }
    // The brackets are wrong as well: the next record begins at the next `{` behind a comma. What precedes the error in its
    // line may hold it, since a missing quotation mark is noticed late.
    let line = memchr::memrchr(b'\n', text.get(start..error)?).map_or(start, |at| start + at + 1);
    let from = line.max(start + 1);
    let follows_comma = |at: &usize| text.get(start..*at).unwrap_or_default().trim_ascii_end().last() == Some(&b',');
    memchr::memchr_iter(b'{', text.get(from..)?).map(|at| from + at).find(follows_comma)
}

/// Where the list of records begins in an object that is broken or longer than the text: behind its opening bracket.
pub(super) fn open_list(text: &[u8]) -> Option<usize> {
    let mut walk = Walk::new(text);
    walk.space();
    walk.take(b'{').then_some(())?;
    loop {
        walk.space();
        let name = walk.value().ok()?.raw();
        walk.space();
        walk.take(b':').then_some(())?;
        walk.space();
        let start = walk.at;
        let is_list = walk.peek() == Some(b'[');
        let is_known = RECORD_LISTS
            .iter()
            .any(|list| name.strip_prefix(b"\"").is_some_and(|n| n.strip_suffix(b"\"") == Some(list)));
        match walk.value() {
            Ok(_) => {}
            Err(_) if is_list && is_known => return Some(start + 1).filter(|at| *at <= LONGEST_HEAD),
            Err(_) => return None,
        }
        walk.space();
        walk.take(b',').then_some(())?;
    }
}

/// What follows a list in its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BrokenTail {
    /// Fields and the closing bracket, up to here; `true` where one of them may say something about the records.
    Whole(usize, bool),
    /// It does not end in the text.
    Unfinished,
    Broken(JsonError),
}

/// Reads what follows the list of an object: the marks of paging, mostly.
pub(super) fn tail(text: &[u8]) -> BrokenTail {
    let mut walk = Walk::new(text);
    let mut says_more = false;
    loop {
        walk.space();
        if walk.take(b'}') {
            return BrokenTail::Whole(walk.at, says_more);
        }
        match field(&mut walk) {
            Ok(more) => says_more |= more,
            Err(error) if error.what == CUT_OFF => return BrokenTail::Unfinished,
            Err(error) => return BrokenTail::Broken(error),
        }
    }
}

/// Steps over a comma and a field; says whether it may matter to the records before it.
fn field(walk: &mut Walk) -> Result<bool, JsonError> {
    let expect = |walk: &mut Walk, byte: u8, what: &'static str| {
        let what = if walk.peek().is_none() { CUT_OFF } else { what };
        if walk.take(byte) { Ok(()) } else { Err(JsonError { what, at: walk.at }) }
    };
    expect(walk, b',', "a comma or } is missing")?;
    walk.space();
    let name = walk.value()?.text().unwrap_or_default();
    walk.space();
    expect(walk, b':', "a colon is missing")?;
    walk.space();
    let value = walk.value()?;
    let of_paging =
        ["has_more", "first_id", "last_id", "next_page", "object", "total", "count", "url", "page", "limit"];
    let is_empty = value.is_null() || matches!(value.raw(), b"[]" | b"{}");
    Ok(!is_empty && !of_paging.contains(&&*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_say_where_a_value_ends() {
        let cases: &[(&str, End)] = &[
            ("{\"a\":[1,{\"b\":\"}\\\"]\"}]} x", End::At(22)),
            ("{\"a\":01,\"b\":NaN,'c':tru}", End::At(24)),
            ("[{},\n{}\n]", End::At(9)),
            ("{\"a\":[1,2", End::Later),
            ("{\"a\":\"x", End::Later),
            // Wrong brackets, a text over a line, quotation marks out of step, a record that begins a line.
            ("{\"a\":[1}", End::Nowhere),
            ("{\"a\":\"x\n\"}", End::Nowhere),
            ("{\"a\":\"x,\"b\":1}", End::Nowhere),
            ("{\"a\":{\"b\":1},{\"c\":2}", End::Nowhere),
            ("{\"a\":[{}\n{\"b\":1}", End::Nowhere),
            ("x", End::Nowhere),
        ];
        for (text, want) in cases {
            assert_eq!(end_by_brackets(text.as_bytes()).0, *want, "{text:?}");
            // The same in two pieces.
            for at in 0..text.len() {
                let (first, second) = text.as_bytes().split_at(at);
                let mut brackets = Brackets::default();
                let found = match brackets.follow(first) {
                    End::Later => match brackets.follow(second) {
                        End::At(end) => End::At(at + end),
                        other => other,
                    },
                    found => found,
                };
                assert_eq!(found, *want, "{text:?} cut at {at}");
            }
        }
        assert_eq!(end_by_brackets("[".repeat(1_000_000).as_bytes()).0, End::Nowhere);
    }

    /// The elements with their places: the text of a good one, or nothing.
    fn elements(text: &str) -> (Vec<(usize, Option<&str>)>, Stop) {
        let mut all = Vec::new();
        let stop = each_element(text.as_bytes(), &mut |at, element| {
            all.push((
                at,
                match element {
                    Element::Good(value) => std::str::from_utf8(value).ok(),
                    Element::Bad(_) => None,
                },
            ));
        });
        (all, stop)
    }

    #[test]
    fn reading_goes_on_at_the_element_behind_a_broken_one() {
        assert_eq!(elements("{} ,\n1]"), (vec![(0, Some("{}")), (5, Some("1"))], Stop::Closed(7)));
        assert_eq!(elements("{\"a\":01},{}]"), (vec![(0, None), (9, Some("{}"))], Stop::Closed(12)));
        assert_eq!(elements("{\"a\":1,{}]"), (vec![(0, None), (7, Some("{}"))], Stop::Closed(10)));
        assert_eq!(elements("{\"a\":\"x},\n{}]"), (vec![(0, None), (10, Some("{}"))], Stop::Closed(13)));
        assert_eq!(elements("{},]"), (vec![(0, Some("{}")), (3, None)], Stop::Closed(4)));
        assert_eq!(elements("{} {},"), (vec![(0, Some("{}")), (3, None), (3, Some("{}"))], Stop::Between(6)));
        assert!(matches!(elements("{},{\"a\":"), (all, Stop::Inside(3, _)) if all == [(0, Some("{}"))]));
    }

    #[test]
    fn a_list_of_records_is_found_in_its_object() {
        let found = |text: &str| open_list(text.as_bytes());
        assert_eq!(found("{\"object\":\"list\",\"data\":[{\"a\":1},"), Some(25));
        assert_eq!(found("{\"data\": [01]}"), Some(10));
        assert_eq!(found("{\"data\":[{}],\"results\":[{\"a\":"), Some(24));
        for text in [
            "{\"data\":[{}],\"x\":01}",
            "{\"messages\":[{\"a\":",
            "{\"x\":01,\"data\":[{",
            "[{",
            "{\"data\":{\"a\":",
            "",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
        let long = format!("{{\"x\":\"{}\",\"data\":[", "x".repeat(LONGEST_HEAD));
        assert_eq!(found(&long), None, "the head would be repeated for every element");
    }

    #[test]
    fn what_follows_a_list_may_matter() {
        assert_eq!(tail(b",\"has_more\":false}"), BrokenTail::Whole(18, false));
        assert_eq!(tail(b"}"), BrokenTail::Whole(1, false));
        assert_eq!(tail(b" , \"timestamp\":\"2024-01-01\" } "), BrokenTail::Whole(29, true));
        assert_eq!(tail(b",\"data\":[],\"error\":null}"), BrokenTail::Whole(24, false));
        assert_eq!(tail(b",\"a\":"), BrokenTail::Unfinished);
        assert!(matches!(tail(b"]"), BrokenTail::Broken(_)));
    }
}
