//! Tokens of an image: the one place of a plan that knows about pixels.

use crate::pricing::Found;

/// Tokens that a model bills for an image of so many pixels.
///
/// # Source
/// Anthropic: width × height ÷ 750, after scaling to at most 1,568 pixels a side
/// (<https://docs.claude.com/en/docs/build-with-claude/vision>). OpenAI, high detail: 85 plus 170 for each tile of 512
/// pixels, after scaling to 2,048 and then 768 on the short side (<https://platform.openai.com/docs/guides/images-vision>).
/// Google: 258 up to 384 pixels a side, otherwise 258 for each tile of 768 (<https://ai.google.dev/gemini-api/docs/tokens>).
/// Other makers are planned as Anthropic's.
#[must_use]
pub fn tokens(found: &Found, width: u32, height: u32) -> u64 {
    let id = found.model.id.to_lowercase();
    let (width, height) = (u64::from(width), u64::from(height));
    if found.provider.id == "openai" || id.contains("gpt-") {
        tiles(width, height)
    } else if found.provider.id == "google" || id.contains("gemini") {
        if width.max(height) <= 384 { 258 } else { width.div_ceil(768) * height.div_ceil(768) * 258 }
    } else {
        let longest = width.max(height);
        let (w, h) = if longest > 1568 { (width * 1568 / longest, height * 1568 / longest) } else { (width, height) };
        (w * h).div_ceil(750)
    }
}

fn tiles(width: u64, height: u64) -> u64 {
    let within = |(w, h): (u64, u64), longest: u64, limit: u64| {
        if longest > limit { (w * limit / longest, h * limit / longest) } else { (w, h) }
    };
    let size = within((width, height), width.max(height), 2048);
    let (w, h) = within(size, size.0.min(size.1), 768);
    85 + 170 * w.max(1).div_ceil(512) * h.max(1).div_ceil(512)
}
