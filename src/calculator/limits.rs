//! What a model can read and write: a prompt that it would refuse has no price, and an answer that it cannot give is named.
//!
//! Begin at [`refuse_long_prompt`] and [`impossible_answer`]. What a card does not say is not a limit.

use super::Refusal;
use crate::money::grouped;
use crate::pricing::card::{ModelCard, ProviderHead, WindowHolds};
use crate::range::Range;

/// Whether the context window of a card holds the prompt alone, rather than prompt and answer together.
#[must_use]
pub(crate) fn holds_prompt_alone(card: &ModelCard) -> bool {
    card.info.window_holds == WindowHolds::Prompt
}

/// The longest answer that a model can give to a prompt; `None` where its card does not say.
///
/// * `prompt`: the tokens of the prompt.
#[must_use]
pub(crate) fn longest_answer(card: &ModelCard, prompt: u64) -> Option<u64> {
    let left =
        card.info.context_window.filter(|_| !holds_prompt_alone(card)).map(|window| window.saturating_sub(prompt));
    match (card.info.max_output, left) {
        (Some(longest), Some(left)) => Some(longest.min(left)),
        (longest, _) => longest,
    }
}

/// Refuses a prompt that is longer than the context window.
///
/// * `prompt`: its tokens, at least.
///
/// # Errors
/// [`Refusal::TooLong`] that names both numbers.
pub(crate) fn refuse_long_prompt(head: &ProviderHead, card: &ModelCard, prompt: u64) -> Result<(), Refusal> {
    match card.info.context_window.filter(|window| prompt > *window) {
        None => Ok(()),
        Some(window) => Err(Refusal::TooLong {
            model: format!("{}/{}", head.id, card.id),
            what: format!(
                "a prompt of {} tokens is longer than its context window, {}",
                grouped(prompt),
                grouped(window)
            ),
            help: format!(
                "shorten the prompt; `farebox prices list --need context={prompt}` lists models that read it"
            ),
        }),
    }
}

/// What is wrong with an answer that no single request can get: it is longer than the longest, or than what the prompt
/// leaves of the context window.
///
/// Such an answer has a price all the same, since several requests together can get it.
#[must_use]
pub(crate) fn impossible_answer(card: &ModelCard, prompt: u64, answer: u64) -> Option<String> {
    if let Some(longest) = card.info.max_output.filter(|longest| answer > *longest) {
        let (answer, longest) = (grouped(answer), grouped(longest));
        return Some(format!("an answer of {answer} tokens is longer than the longest of the model, {longest}"));
    }
    let window = card.info.context_window.filter(|_| answer > 0 && !holds_prompt_alone(card))?;
    (prompt.saturating_add(answer) > window).then(|| {
        let (prompt, answer, window) = (grouped(prompt), grouped(answer), grouped(window));
        format!("a prompt of {prompt} tokens with an answer of {answer} is longer than the context window, {window}")
    })
}

/// Whether a request that may be allowed may also be too long: its lower end fits and its upper end does not.
#[must_use]
pub(crate) fn may_be_too_long(card: &ModelCard, prompt: Range<u64>, answer: u64) -> bool {
    let answer = if holds_prompt_alone(card) { 0 } else { answer };
    card.info.context_window.is_some_and(|window| prompt.high.saturating_add(answer) > window)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::card::ModelInfo;

    fn card(id: &str, context_window: Option<u64>, max_output: Option<u64>) -> ModelCard {
        ModelCard {
            id: id.into(),
            info: ModelInfo { context_window, max_output, ..ModelInfo::default() },
            ..crate::pricing::PriceTable::bundled().cards().next().map(|(_, card)| (*card).clone()).expect("a card")
        }
    }

    #[test]
    fn prompt_and_answer_share_the_window_unless_the_provider_says_otherwise() {
        let shared = card("m", Some(1_000), Some(400));
        let mut gemini = card("gemini-9", Some(1_000), Some(400));
        gemini.info.window_holds = WindowHolds::Prompt;
        for (card, prompt, answer, possible, longest) in [
            (&shared, 600, 400, true, 400),
            (&shared, 601, 400, false, 399),
            (&shared, 100, 401, false, 400),
            (&shared, 1_000, 0, true, 0),
            (&gemini, 1_000, 400, true, 400),
            (&gemini, 1_000, 401, false, 400),
        ] {
            assert_eq!(impossible_answer(card, prompt, answer).is_none(), possible, "{} {prompt} {answer}", card.id);
            assert_eq!(longest_answer(card, prompt), Some(longest), "{} {prompt}", card.id);
        }
        assert!(may_be_too_long(&shared, Range { low: 500, expected: 550, high: 601 }, 400));
        assert!(!may_be_too_long(&gemini, Range { low: 500, expected: 550, high: 601 }, 400));
    }

    #[test]
    fn what_a_card_does_not_say_is_not_a_limit() {
        let silent = card("m", None, None);
        assert_eq!(impossible_answer(&silent, u64::MAX, u64::MAX), None);
        assert_eq!(longest_answer(&silent, 5), None);
        let head = crate::pricing::PriceTable::bundled().providers()[0].clone();
        assert_eq!(refuse_long_prompt(&head, &silent, u64::MAX), Ok(()));
        let refusal = refuse_long_prompt(&head, &card("m", Some(1_000), None), 1_001).unwrap_err();
        assert!(refusal.to_string().contains("a prompt of 1,001 tokens is longer than its context window, 1,000"));
        assert_eq!(refusal.status(), "too-long");
    }
}
