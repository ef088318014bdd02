//! Requests in every provider's form.

use std::sync::{Arc, LazyLock};

use farebox::input::chat::{holds_requests, requests};
use farebox_tokenizer::chat::{Framing, RequestPart};
use farebox_tokenizer::{Tokenizer, load};

use crate::assert_in_range;

/// One model of each way to frame a request, with what counts its text.
static FRAMINGS: LazyLock<Vec<Framing>> = LazyLock::new(|| {
    let models = [
        ("gpt-4o", "o200k_base"),
        ("gpt-3.5-turbo", "cl100k_base"),
        ("gpt-oss-120b", "o200k_harmony"),
        ("claude-sonnet-4-5", "claude_v3"),
        ("gemini-2.5-pro", "gemini"),
        ("llama-3.1-70b-instruct", "llama3"),
        ("mistral-large-2411", "mistral_tekken"),
        ("qwen3-32b", "qwen2"),
        ("deepseek-v3", "deepseek_v3"),
        ("kimi-k2", "kimi_k2"),
        ("command-r", "command_r"),
        ("grok-4", "grok"),
    ];
    let known =
        |name: &str| -> Arc<dyn Tokenizer> { load(name).or_else(|_| load("o200k_base")).expect("it is built in") };
    models.iter().map(|(model, tokenizer)| Framing::of(model, known(tokenizer), false)).collect()
});

/// A JSON value that may be a request, requests or a batch.
///
/// Laws: a count is in its range, is the same each time, and is not below that of its text alone; its parts add up to it.
pub fn chat_request(bytes: &[u8]) {
    let _ = holds_requests(&mut &*bytes);
    let Ok(value) = serde_json::from_slice(bytes) else { return };
    for (number, conversation) in requests(value).into_iter().flatten().take(8).enumerate() {
        // All of them for the first, then one each: most of the time goes into counting.
        let some = if number == 0 { &FRAMINGS[..] } else { std::slice::from_ref(&FRAMINGS[number % FRAMINGS.len()]) };
        for framing in some {
            let Ok(counted) = framing.count(&conversation) else { continue };
            assert_in_range(counted.count, "the whole");
            assert_in_range(counted.text, "the text");
            assert!(counted.text.tokens <= counted.count.tokens, "{counted:?}");
            // What is long is taken apart many times.
            if conversation.messages.len() + conversation.tools.len() <= 32 {
                let explained = framing.explain(&conversation).expect("what has a count has parts");
                let sum = |of: fn(&RequestPart) -> i64| explained.parts.iter().map(of).sum::<i64>() as u64;
                let sums = (sum(|part| part.tokens), sum(|part| part.low), sum(|part| part.high));
                assert_eq!(sums, (counted.count.tokens, counted.count.low, counted.count.high), "{explained:?}");
            }
            assert_eq!(framing.count(&conversation).ok(), Some(counted));
        }
    }
}
