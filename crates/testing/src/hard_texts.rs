//! Texts that are hard on a tokenizer: a piece as long as the text, or as many candidates as there are bytes.

/// The text that the others are measured against.
pub const PROSE: &str = "prose";

/// Every hard text by its name, and prose, each of about so many bytes.
pub fn texts(bytes: usize) -> Vec<(&'static str, String)> {
    let repeated = |unit: &str| unit.repeat(bytes / unit.len());
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end as u64) as usize
    };
    let mut drawn = |letters: &[char], bytes: usize| {
        let mut text = String::with_capacity(bytes + 4);
        while text.len() < bytes {
            text.push(letters[random(letters.len())]);
        }
        text
    };
    let base64: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(['+', '/']).collect();
    let digits: Vec<char> = ('0'..='9').collect();
    let marks: Vec<char> = ('\u{300}'..='\u{32f}').collect();
    let han: Vec<char> = ('\u{4e00}'..='\u{9fa5}').collect();
    let capitals: Vec<char> = ('A'..='Z').collect();
    let spaces = [' ', '\t', '\n', '\r', '\u{a0}', '\u{3000}'];
    let declaration = crate::file("tests/data/udhr.jsonl");
    let prose = declaration.lines().find(|line| line.contains("\"English\""));
    let prose: serde_json::Value = serde_json::from_str(prose.expect("English is there")).expect("JSON");
    let prose = prose["text"].as_str().expect("text");
    let zalgo: Vec<String> = "He comes ".chars().map(|c| format!("{c}{}", drawn(&marks, 60))).collect();
    vec![
        (PROSE, repeated(prose)),
        ("one letter", repeated("a")),
        ("one capital", repeated("A")),
        ("ab", repeated("ab")),
        ("spaces", repeated(" ")),
        ("spaces and a letter", format!("{}x", repeated(" "))),
        ("newlines", repeated("\n")),
        ("spaces after lines", repeated(&format!("\n{}", " ".repeat(5_000)))),
        ("drawn whitespace", drawn(&spaces, bytes)),
        ("a space a letter", repeated("a ")),
        ("one ideograph", repeated("\u{4e2d}")),
        ("drawn ideographs", drawn(&han, bytes)),
        ("base64", drawn(&base64, bytes)),
        ("drawn capitals", drawn(&capitals, bytes)),
        ("one digit", repeated("1")),
        ("drawn digits", drawn(&digits, bytes)),
        ("one mark", repeated("\u{301}")),
        ("drawn marks", drawn(&marks, bytes)),
        ("zalgo", repeated(&zalgo.concat())),
        ("tatweel", repeated("\u{640}")),
        ("joined emoji", repeated("\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}")),
        ("exclamation marks", repeated("!")),
        ("apostrophes", repeated("'")),
        ("contractions", repeated("a's'LL")),
        ("one hangul syllable", repeated("\u{ac00}")),
        ("conjoining jamo", repeated("\u{1100}\u{1161}\u{11a8}")),
        ("astral letters", repeated("\u{1d400}")),
        ("marked spaces", repeated("\u{2581}")),
        ("angle brackets", repeated("<")),
        ("nul", repeated("\0")),
    ]
}
