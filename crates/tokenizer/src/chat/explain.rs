//! Where the tokens of a request go: [`Framing::explain`].
//!
//! A request is taken apart, never put together: each part costs what the whole loses without it. So what a part does to
//! the others is in its number, whatever the rule of the model, and the parts add up to the whole. They leave in an order
//! that disturbs what stays as little as possible: what is beside the messages first, then tools from the last to the
//! first, then messages from the first to the last, since what the current turn costs depends on its end. What is left is
//! the frame.
//!
//! No rule is asked what it does; a rule that is added is explained like the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::wrapping::around;
use super::{Counted, Framing, Refused, Template};
use crate::conversation::{Conversation, Media, Part, Role, Tool, ToolChoice};
use crate::cut::Cuts;
use crate::{Basis, TokenCount, Tokenizer};

/// A request, and what each of its parts costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The whole.
    pub counted: Counted,
    /// Its parts, in the order of the request: tokens and both bounds add up to those of the whole.
    pub parts: Vec<RequestPart>,
}

/// A part of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPart {
    /// What it is.
    pub kind: PartKind,
    /// Which message it is or belongs to, from 1.
    pub message: Option<usize>,
    /// Who says that message.
    pub role: Option<Role>,
    /// The name of a tool, the kind of an attachment, the functions that a message calls, what is not counted.
    pub name: Option<String>,
    /// Tokens. A part that spares more than it costs has fewer than none.
    pub tokens: i64,
    /// The least they may be.
    pub low: i64,
    /// The most they may be.
    pub high: i64,
}

/// What a part of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartKind {
    /// Instructions.
    System,
    /// A message with its calls and results.
    Message,
    /// What the model thought before it said a message.
    Thoughts,
    /// An attachment.
    Media,
    /// What having tools costs, whichever they are.
    Tools,
    /// A tool.
    Tool,
    /// That a tool must be called, or none.
    ToolChoice,
    /// The schema of the answer.
    AnswerSchema,
    /// That the model is to think.
    Thinking,
    /// Tokens that the request has as ids.
    TokenIds,
    /// What is not understood.
    NotUnderstood,
    /// What is not counted, and what it may cost.
    NotCounted,
    /// What is around all of it: its begin, its end, and what primes the answer.
    Frame,
}

impl PartKind {
    /// The name in machine-readable output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            PartKind::System => "system",
            PartKind::Message => "message",
            PartKind::Thoughts => "thoughts",
            PartKind::Media => "media",
            PartKind::Tools => "tools",
            PartKind::Tool => "tool",
            PartKind::ToolChoice => "tool_choice",
            PartKind::AnswerSchema => "answer_schema",
            PartKind::Thinking => "thinking",
            PartKind::TokenIds => "token_ids",
            PartKind::NotUnderstood => "not_understood",
            PartKind::NotCounted => "not_counted",
            PartKind::Frame => "frame",
        }
    }
}

impl Framing {
    /// What the provider would bill for a request, and for each part of it.
    ///
    /// # Errors
    /// [`Refused`] where the model cannot be sent something in the conversation.
    ///
    /// # Examples
    /// ```
    /// use farebox_tokenizer::chat::{Framing, PartKind};
    /// use farebox_tokenizer::conversation::{Conversation, Message, Role};
    /// let messages = vec![Message::text(Role::System, "Be brief."), Message::text(Role::User, "Hi there")];
    /// let request = Conversation { messages, ..Conversation::default() };
    /// let explained = Framing::of("gpt-4o", farebox_tokenizer::load("o200k_base")?, false).explain(&request)?;
    /// // 4 for each message and its text; 3 for the request.
    /// let parts: Vec<(PartKind, i64)> = explained.parts.iter().map(|part| (part.kind, part.tokens)).collect();
    /// assert_eq!(parts, [(PartKind::System, 7), (PartKind::Message, 6), (PartKind::Frame, 3)]);
    /// assert_eq!(explained.counted.count.tokens, 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn explain(&self, conversation: &Conversation) -> Result<Explained, Refused> {
        let tokenizer: Arc<dyn Tokenizer> = Arc::new(Remembered { of: self.tokenizer.clone(), seen: Mutex::default() });
        let framing = Framing { tokenizer, ..self.clone() };
        let counted = framing.count(conversation)?;
        let parts = parts(conversation, &mut |conversation| Ok(framing.count(conversation)?.count))?;
        Ok(Explained { counted, parts })
    }
}

impl Template {
    /// The length of the prompt that this template writes, and of each part of it.
    ///
    /// # Errors
    /// [`Refused`] where the template has no place for something in the conversation.
    pub fn explain(self, conversation: &Conversation) -> Result<Explained, Refused> {
        let tokenizer = Remembered { of: super::load(self.tokenizer())?, seen: Mutex::default() };
        let counted = self.counted_with(conversation, &tokenizer)?;
        let parts = parts(conversation, &mut |conversation| Ok(self.counted_with(conversation, &tokenizer)?.count))?;
        Ok(Explained { counted, parts })
    }
}

/// Counts a request.
type Count<'c> = &'c mut dyn FnMut(&Conversation) -> Result<TokenCount, Refused>;

/// The parts of a request by whatever counts it.
fn parts(conversation: &Conversation, count: Count<'_>) -> Result<Vec<RequestPart>, Refused> {
    let (request, alone) =
        if conversation.is_addition { around(conversation) } else { (conversation.clone(), Conversation::default()) };
    let whole = Tokens::of(count(&request)?);
    let mut apart = Apart { count, now: whole, left: request, parts: Vec::new() };
    apart.unread()?;
    apart.beside()?;
    apart.tools(false)?;
    apart.tools(true)?;
    apart.messages(alone.messages.len())?;
    if apart.left.token_ids > 0 {
        apart.take(RequestPart::of(PartKind::TokenIds), |left| left.token_ids = 0)?;
    }
    // An addition is less than the request around it, and its bounds are in order, which differences need not be.
    let mut rest = if conversation.is_addition { Tokens::of((apart.count)(conversation)?) } else { whole };
    let mut parts = apart.parts;
    parts.iter().for_each(|part| rest = rest.less(Tokens { tokens: part.tokens, low: part.low, high: part.high }));
    if !conversation.is_addition || rest != Tokens::default() {
        parts.push(RequestPart::of(PartKind::Frame).costing(rest));
    }
    parts.sort_by_key(RequestPart::order);
    Ok(parts)
}

/// Numbers of tokens whose differences may be below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tokens {
    tokens: i64,
    low: i64,
    high: i64,
}

impl Tokens {
    fn of(count: TokenCount) -> Tokens {
        let signed = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
        Tokens { tokens: signed(count.tokens), low: signed(count.low), high: signed(count.high) }
    }

    const fn less(self, other: Tokens) -> Tokens {
        Tokens {
            tokens: self.tokens.saturating_sub(other.tokens),
            low: self.low.saturating_sub(other.low),
            high: self.high.saturating_sub(other.high),
        }
    }

    /// The same, not below nothing and between its bounds: what a part spares elsewhere is left to the frame.
    fn ordered(self) -> Tokens {
        let tokens = self.tokens.max(0);
        Tokens { tokens, low: self.low.clamp(0, tokens), high: self.high.max(tokens) }
    }
}

impl RequestPart {
    const fn of(kind: PartKind) -> RequestPart {
        RequestPart { kind, message: None, role: None, name: None, tokens: 0, low: 0, high: 0 }
    }

    fn named(kind: PartKind, name: impl Into<String>) -> RequestPart {
        RequestPart { name: Some(name.into()), ..RequestPart::of(kind) }
    }

    fn costing(self, Tokens { tokens, low, high }: Tokens) -> RequestPart {
        RequestPart { tokens, low, high, ..self }
    }

    /// Where it is shown: as requests are written, with what is around them at the end.
    const fn order(&self) -> (u8, usize, u8) {
        let (group, within) = match self.kind {
            PartKind::System => (0, 0),
            PartKind::Message => (1, 0),
            PartKind::Thoughts => (1, 1),
            PartKind::Media => (1, 2),
            PartKind::TokenIds => (2, 0),
            PartKind::Tools => (3, 0),
            PartKind::Tool => (4, 0),
            PartKind::ToolChoice => (5, 0),
            PartKind::AnswerSchema => (6, 0),
            PartKind::Thinking => (7, 0),
            PartKind::Frame => (8, 0),
            PartKind::NotUnderstood => (9, 0),
            PartKind::NotCounted => (10, 0),
        };
        let at = match self.message {
            Some(at) => at,
            None => 0,
        };
        (group, at, within)
    }
}

/// A request that is taken apart.
struct Apart<'c> {
    count: Count<'c>,
    /// What is left of it, and its count.
    left: Conversation,
    now: Tokens,
    parts: Vec<RequestPart>,
}

impl Apart<'_> {
    /// Changes what is left, and returns what that takes from the count.
    fn without(&mut self, change: impl FnOnce(&mut Conversation)) -> Result<Tokens, Refused> {
        change(&mut self.left);
        let now = Tokens::of((self.count)(&self.left)?);
        let cost = self.now.less(now);
        self.now = now;
        Ok(cost)
    }

    /// Takes a part out.
    fn take(&mut self, part: RequestPart, change: impl FnOnce(&mut Conversation)) -> Result<(), Refused> {
        let cost = self.without(change)?.ordered();
        self.parts.push(part.costing(cost));
        Ok(())
    }

    fn unread(&mut self) -> Result<(), Refused> {
        if !self.left.unread.is_empty() {
            let name = self.left.unread.join(", ");
            self.take(RequestPart::named(PartKind::NotCounted, name), |left| {
                left.unread.clear();
                left.unread_json.clear();
            })?;
        }
        if self.left.guess_margin > 0 {
            // Its bounds are around nothing: what was guessed is counted where it is.
            let name = self.left.guessed.join(", ");
            let cost = self.without(|left| left.guess_margin = 0)?;
            self.parts.push(RequestPart::named(PartKind::NotUnderstood, name).costing(cost));
        }
        Ok(())
    }

    /// What stands beside messages and tools.
    fn beside(&mut self) -> Result<(), Refused> {
        if self.left.answer_schema.is_some() {
            self.take(RequestPart::of(PartKind::AnswerSchema), |left| left.answer_schema = None)?;
        }
        if self.left.thinks.is_some() {
            self.take(RequestPart::of(PartKind::Thinking), |left| left.thinks = None)?;
        }
        if self.left.tool_choice != ToolChoice::Auto || self.left.named_tool.is_some() {
            let name = self.left.named_tool.clone();
            let (chosen, now) = (self.left.clone(), self.now);
            let cost = self.without(|left| (left.tool_choice, left.named_tool) = (ToolChoice::Auto, None))?;
            if cost.ordered() == cost {
                self.parts.push(RequestPart { name, ..RequestPart::of(PartKind::ToolChoice) }.costing(cost));
            } else {
                // It spares what tools cost, which is in their numbers.
                (self.left, self.now) = (chosen, now);
            }
        }
        Ok(())
    }

    /// The tools of the request, or those of the provider's own kinds. What having any costs is told from what the last to
    /// leave costs by a second one of it.
    fn tools(&mut self, builtin: bool) -> Result<(), Refused> {
        let is_one = move |tool: &Tool| tool.builtin.is_some() == builtin;
        let mut own: Vec<RequestPart> = Vec::new();
        while let Some(at) = self.left.tools.iter().rposition(is_one) {
            let part = RequestPart::named(PartKind::Tool, self.left.tools[at].name.clone());
            let is_last = !self.left.tools[..at].iter().any(is_one);
            if !is_last {
                let cost = self.without(|left| drop(left.tools.remove(at)))?.ordered();
                own.push(part.costing(cost));
                continue;
            }
            let alone = self.now;
            let again = self.left.tools[at].clone();
            self.left.tools.insert(at, again);
            let further = Tokens::of((self.count)(&self.left)?).less(alone);
            self.left.tools.remove(at);
            let cost = self.without(|left| drop(left.tools.remove(at)))?;
            let having = cost.less(further).ordered();
            if having != Tokens::default() {
                self.having(having);
            }
            own.push(part.costing(cost.less(having).ordered()));
        }
        self.parts.extend(own.into_iter().rev());
        Ok(())
    }

    /// What having tools costs: one row, whichever kinds there are.
    fn having(&mut self, more: Tokens) {
        match self.parts.iter_mut().find(|part| part.kind == PartKind::Tools) {
            Some(part) => {
                part.tokens += more.tokens;
                part.low += more.low;
                part.high += more.high;
            }
            None => self.parts.push(RequestPart::of(PartKind::Tools).costing(more)),
        }
    }

    /// The messages, but for so many at the end.
    fn messages(&mut self, kept: usize) -> Result<(), Refused> {
        let all = self.left.messages.len().saturating_sub(kept);
        for number in 1..=all {
            let Some(message) = self.left.messages.first() else { return Ok(()) };
            let role = message.role;
            let calls: Vec<&str> = message.calls.iter().map(|call| call.name.as_str()).collect();
            let name = if calls.is_empty() { message.name.clone() } else { Some(calls.join(", ")) };
            let part = |kind| RequestPart { message: Some(number), role: Some(role), ..RequestPart::of(kind) };
            // Thoughts that are a message of their own are that message.
            let is_thoughts = message.calls.is_empty() && message.parts().is_empty();
            let thinks = message.thinking.is_some() || !message.signatures.is_empty();
            while let Some(medium) = self.left.messages.first().and_then(|first| last_medium(first.parts())) {
                let name = Some(medium.to_owned());
                self.take(RequestPart { name, ..part(PartKind::Media) }, |left| {
                    if let Some(parts) = left.messages.first_mut().and_then(|first| first.parts.as_mut()) {
                        remove_last_medium(parts);
                    }
                })?;
            }
            if thinks && !is_thoughts {
                self.take(part(PartKind::Thoughts), |left| {
                    if let Some(first) = left.messages.first_mut() {
                        (first.thinking, first.signatures) = (None, Vec::new());
                    }
                })?;
            }
            let kind = match (role.is_system(), thinks && is_thoughts) {
                (true, _) => PartKind::System,
                (_, true) => PartKind::Thoughts,
                _ => PartKind::Message,
            };
            self.take(RequestPart { name, ..part(kind) }, |left| drop(left.messages.remove(0)))?;
        }
        Ok(())
    }
}

/// What the last attachment is.
fn last_medium(parts: &[Part]) -> Option<&'static str> {
    parts.iter().rev().find_map(|part| match part {
        Part::Text(_) => None,
        Part::Result(answer) => last_medium(&answer.parts),
        Part::Media(Media::Image(_)) => Some("image"),
        Part::Media(Media::Audio(_)) => Some("audio"),
        Part::Media(Media::Video(_)) => Some("video"),
        Part::Media(Media::Document(_)) => Some("document"),
    })
}

/// Takes the last attachment out; whether there was one.
fn remove_last_medium(parts: &mut Vec<Part>) -> bool {
    for at in (0..parts.len()).rev() {
        let is_gone = match parts.get_mut(at) {
            Some(Part::Media(_)) => {
                parts.remove(at);
                true
            }
            Some(Part::Result(answer)) => remove_last_medium(&mut answer.parts),
            Some(Part::Text(_)) | None => false,
        };
        if is_gone {
            return true;
        }
    }
    false
}

/// Remembers what it has counted: the same texts are counted for every part.
struct Remembered {
    of: Arc<dyn Tokenizer>,
    seen: Mutex<HashMap<String, TokenCount>>,
}

/// Shorter texts are counted as fast as they are looked up.
const SHORT: usize = 64;

impl Tokenizer for Remembered {
    fn name(&self) -> &str {
        self.of.name()
    }

    fn count(&self, text: &str) -> TokenCount {
        if text.len() < SHORT {
            return self.of.count(text);
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = seen.get(text) {
            return *count;
        }
        let count = self.of.count(text);
        seen.insert(text.to_owned(), count);
        count
    }

    fn count_rest(&self, part: &str) -> TokenCount {
        self.of.count_rest(part)
    }

    fn cuts(&self) -> Cuts {
        self.of.cuts()
    }

    fn basis(&self) -> Basis {
        self.of.basis()
    }
}
