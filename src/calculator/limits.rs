//! What a model can read and write: a request that it would refuse has no price.
//!
//! Begin at [`refuse_impossible`]. What a card does not say is not a limit.

use super::Refusal;
use super::estimate::Span;
use crate::pricing::card::{ModelCard, ProviderHead};

/// Whether the context window of a card holds the prompt alone, rather than prompt and answer together.
///
/// Gemini's cards give the published input limit, which answers do not count against (ai.google.dev/gemini-api/docs/models,
/// "Input token limit" next to "Output token limit"). OpenAI publishes 272,000 tokens of input for models whose window is
/// 400,000 with 128,000 of output (platform.openai.com/docs/models/gpt-5), and the cards give the former.
#[must_use]
pub fn holds_prompt_alone(card: &ModelCard) -> bool {
    card.id.contains("gemini") || card.info.context_window == Some(272_000)
}

/// The longest answer that a model can give to a prompt; `None` where its card does not say.
///
/// * `prompt`: the tokens of the prompt.
#[must_use]
pub fn longest_answer(card: &ModelCard, prompt: u64) -> Option<u64> {
    let left = card.info.context_window.filter(|_| !holds_prompt_alone(card)).map(|window| window.saturating_sub(prompt));
    match (card.info.max_output, left) {
        (Some(longest), Some(left)) => Some(longest.min(left)),
        (longest, _) => longest,
    }
}

/// Refuses a prompt beyond the context window, an answer beyond the longest, and the two together beyond the window.
///
/// * `prompt`: its tokens, at least.
/// * `answer`: the longest answer that is asked for.
///
/// # Errors
/// [`Refusal::TooLong`] that names both numbers.
pub fn refuse_impossible(head: &ProviderHead, card: &ModelCard, prompt: u64, answer: u64) -> Result<(), Refusal> {
    let refusal = |what: String, help: String| Refusal::TooLong { model: format!("{}/{}", head.id, card.id), what, help };
    if let Some(longest) = card.info.max_output.filter(|longest| answer > *longest) {
        let what = format!("an answer of {} tokens is longer than its longest, {}", grouped(answer), grouped(longest));
        let help = format!("ask for at most {longest} tokens; `farebox prices list --need output={answer}` lists models");
        return Err(refusal(what, help));
    }
    let Some(window) = card.info.context_window else { return Ok(()) };
    let wanted = if holds_prompt_alone(card) { prompt } else { prompt.saturating_add(answer) };
    if wanted <= window {
        return Ok(());
    }
    let what = if prompt > window {
        format!("a prompt of {} tokens is longer than its context window, {}", grouped(prompt), grouped(window))
    } else {
        let (prompt, answer, window) = (grouped(prompt), grouped(answer), grouped(window));
        format!("a prompt of {prompt} tokens with an answer of {answer} is longer than its context window, {window}")
    };
    let help = format!("shorten the prompt; `farebox prices list --need context={wanted}` lists models that read it");
    Err(refusal(what, help))
}

/// Whether a request that may be allowed may also be too long: its lower end fits and its upper end does not.
#[must_use]
pub fn may_be_too_long(card: &ModelCard, prompt: Span, answer: u64) -> bool {
    let answer = if holds_prompt_alone(card) { 0 } else { answer };
    card.info.context_window.is_some_and(|window| prompt.high.saturating_add(answer) > window)
}

/// A number with commas between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.char_indices() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
