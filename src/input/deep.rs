//! JSON that is nested deeper than anything that is sent to a model: cut, so that the rest of it is read.

/// How deep values are read. What a model is sent is nested less; readers of JSON stop soon behind it.
pub(crate) const DEEPEST: usize = 100;

/// The JSON with `null` for each value that is nested deeper, and those values one after the other; `None` where there is none.
pub(crate) fn cut(json: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut kept, mut taken) = (Vec::with_capacity(json.len()), Vec::new());
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    for byte in json {
        let was = depth;
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        match (was > DEEPEST, depth > DEEPEST) {
            (false, false) => kept.push(*byte),
            (inside, _) => {
                if !inside {
                    kept.extend_from_slice(b"null");
                }
                taken.push(*byte);
            }
        }
    }
    (!taken.is_empty()).then_some((kept, taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_text(json: &str) -> Option<(String, String)> {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        cut(json.as_bytes()).map(|(kept, taken)| (text(kept), text(taken)))
    }

    #[test]
    fn what_is_deeper_is_taken_out_whole() {
        let nested = |levels: usize, inner: &str| format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(cut_text(&nested(DEEPEST, "7")), None);
        let deep = nested(DEEPEST, r#"1,{"a":"]\"}"},[2],3"#);
        let (kept, taken) = cut_text(&deep).unwrap();
        assert_eq!(kept, nested(DEEPEST, "1,null,null,3"));
        assert_eq!(taken, r#"{"a":"]\"}"}[2]"#);
        // Brackets in a text open nothing.
        assert_eq!(cut_text(&format!("\"{}\"", "[".repeat(500))), None);
        // What never ends stays without an end.
        assert_eq!(cut_text(&"[".repeat(500)).unwrap().0, format!("{}null", "[".repeat(DEEPEST)));
    }
}
