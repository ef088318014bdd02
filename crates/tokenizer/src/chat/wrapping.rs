//! What a model's provider adds around texts that are counted alone: [`Framing::wrapping`].

use super::{Framing, Refused};
use crate::TokenCount;
use crate::conversation::{Conversation, Message, Role, Tool};

/// Tokens around the texts of a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wrapping {
    /// Around a request of one question.
    pub request: TokenCount,
    /// Around instructions, beside that.
    pub system: TokenCount,
    /// Around a question and its answer that are sent again, beside that.
    pub turn: TokenCount,
    /// Tools with everything around them; none where there are no tools.
    pub tools: Option<TokenCount>,
    /// The same beside instructions, where some models take less for them.
    pub tools_beside_system: Option<TokenCount>,
}

/// Any text: frames do not depend on what they hold.
const TEXT: &str = "Hello";

impl Framing {
    /// What the provider adds around texts, so that each of them can be counted once and alone.
    ///
    /// # Errors
    /// [`Refused`] where the model cannot be sent such a conversation.
    ///
    /// # Examples
    /// ```
    /// use farebox_tokenizer::{chat::Framing, load};
    /// let wrapping = Framing::of("gpt-4o", load("o200k_base")?, false).wrapping(&[])?;
    /// // OpenAI's cookbook: 3 tokens a message, its role, and 3 for the request.
    /// assert_eq!((wrapping.request.tokens, wrapping.system.tokens, wrapping.turn.tokens), (7, 4, 8));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wrapping(&self, tools: &[Tool]) -> Result<Wrapping, Refused> {
        let of = |roles: &[Role], tools: &[Tool]| {
            let messages = roles.iter().map(|role| Message::text(*role, TEXT)).collect();
            let conversation = Conversation { messages, tools: tools.to_vec(), ..Conversation::default() };
            self.count(&conversation).map(|counted| counted.count)
        };
        let text = self.tokenizer.count(TEXT);
        let alone = of(&[Role::User], &[])?;
        let told = of(&[Role::System, Role::User], &[])?;
        let again = of(&[Role::User, Role::Assistant, Role::User], &[])?;
        let armed = |roles: &[Role]| if tools.is_empty() { Ok(None) } else { of(roles, tools).map(Some) };
        Ok(Wrapping {
            request: beyond(alone, &[text]),
            system: beyond(told, &[alone, text]),
            turn: beyond(again, &[alone, text, text]),
            tools: armed(&[Role::User])?.map(|armed| beyond(armed, &[alone])),
            tools_beside_system: armed(&[Role::System, Role::User])?.map(|armed| beyond(armed, &[told])),
        })
    }
}

/// What is added to every request, in one that asks something, and that request without it.
pub(super) fn around(added: &Conversation) -> (Conversation, Conversation) {
    let asks = Message::text(Role::User, TEXT);
    let mut request = Conversation { is_addition: false, ..added.clone() };
    request.messages.push(asks.clone());
    (request, Conversation { messages: vec![asks], ..Conversation::default() })
}

/// What a count has beyond its parts.
pub(super) fn beyond(whole: TokenCount, parts: &[TokenCount]) -> TokenCount {
    let less = |of: fn(&TokenCount) -> u64| parts.iter().fold(of(&whole), |left, part| left.saturating_sub(of(part)));
    let tokens = less(|count| count.tokens);
    TokenCount { tokens, low: less(|count| count.low).min(tokens), high: less(|count| count.high).max(tokens), ..whole }
}
