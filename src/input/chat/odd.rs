//! What a request has that is not understood: named, and never a reason to refuse the rest.

use serde_json::Value;

use crate::conversation::Conversation;

/// How far a count may be off for one thing that was guessed: about what a message costs around its text, twice.
const MARGIN: u64 = 8;

/// How many are named; more are summed up.
const NAMED: usize = 8;

/// The most that a file in an unknown part is taken to cost, in tokens: more than any image of a model with a published rule.
const FILE: usize = 6_000;

/// A text without a space that is longer is a file in base64.
const LONGEST_WORD: usize = 4_096;

/// What was not understood, and what is not counted.
#[derive(Default)]
pub(super) struct Odd {
    guessed: Vec<Guess>,
    unread: Vec<String>,
    unread_json: Vec<String>,
    margin: u64,
}

struct Guess {
    place: String,
    what: String,
    times: u64,
}

impl Odd {
    /// Something that is counted as what it most likely is.
    pub(crate) fn guess(&mut self, place: &str, what: impl Into<String>) {
        self.note(place, what);
        self.margin = self.margin.saturating_add(MARGIN);
    }

    /// Something to know about what is a range anyway.
    pub(crate) fn note(&mut self, place: &str, what: impl Into<String>) {
        let what = what.into();
        match self.guessed.iter_mut().find(|guess| guess.what == what) {
            Some(guess) => guess.times += 1,
            None => self.guessed.push(Guess { place: place.to_owned(), what, times: 1 }),
        }
    }

    /// Something that is not counted, whose JSON bounds what it may cost.
    pub(crate) fn unread(&mut self, name: impl Into<String>, json: &Value) {
        self.name(name);
        let mut json = json.clone();
        let files = without_files(&mut json);
        self.unread_json.push(json.to_string());
        // As many tokens as so many words of one letter.
        self.unread_json.extend((0..files).map(|_| "a ".repeat(FILE)));
    }

    /// Something that is not counted, and that the request does not hold.
    pub(crate) fn name(&mut self, name: impl Into<String>) {
        let name = name.into();
        if !self.unread.contains(&name) {
            self.unread.push(name);
        }
    }

    /// A part or an item of an unknown kind, by what it calls itself.
    pub(crate) fn unknown(&mut self, value: &Value) {
        let kind = value["type"].as_str().map(str::to_owned);
        let kind = kind.or_else(|| value.as_object()?.keys().next().cloned());
        let name = kind.map_or_else(|| "an empty part".to_owned(), |kind| format!("a part of the kind {kind:?}"));
        self.unread(name, value);
    }

    /// The conversation with what is odd about it.
    pub(crate) fn told(self, mut conversation: Conversation) -> Conversation {
        let more = self.guessed.len().saturating_sub(NAMED);
        let text = |Guess { place, what, times }: &Guess| match times {
            1 => format!("{place}: {what}"),
            _ => format!("{place}: {what} ({times} of them)"),
        };
        conversation.guessed.extend(self.guessed.iter().take(NAMED).map(text));
        conversation.guessed.extend((more > 0).then(|| format!("{more} more")));
        conversation.guess_margin = conversation.guess_margin.saturating_add(self.margin);
        conversation.unread.extend(self.unread);
        conversation.unread_json.extend(self.unread_json);
        conversation
    }
}

/// Takes files in base64 out of a value, which are billed as what they show, and says how many there were.
fn without_files(value: &mut Value) -> u64 {
    match value {
        Value::String(text) if text.len() > LONGEST_WORD && !text.contains(char::is_whitespace) => {
            text.clear();
            1
        }
        Value::Array(items) => items.iter_mut().map(without_files).sum(),
        Value::Object(map) => map.values_mut().map(without_files).sum(),
        _ => 0,
    }
}
