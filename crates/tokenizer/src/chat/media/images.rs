//! Tokens of pictures by their size: each provider's rule.
//!
//! Sizes are whole numbers throughout; where a vendor's documentation computes with fractions (the shrinking of
//! [`ImageRule::Patches`]) so does this, and rounds down where it does.

use crate::TokenCount;
use crate::conversation::{Image, Media};

/// How a model counts pictures. Lengths are pixels.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageRule {
    /// OpenAI's models of 2024 and 2025: into a box of 2048, the short side to 768, then tiles of 512.
    Tiles {
        /// Tokens of any picture.
        base: u64,
        /// Tokens of a tile.
        tile: u64,
    },
    /// OpenAI's later models: patches of 32, as many as the detail allows, times a factor.
    Patches {
        /// Tokens of a patch.
        factor: f64,
        /// What each detail allows.
        details: Vec<ImageLimit>,
        /// The detail that `auto` means.
        auto: String,
    },
    /// Anthropic's: patches of 28, within limits; where the documentation leaves open which of two limits a model has, both.
    Visual {
        /// The limit that is counted with.
        limit: ImageLimits,
        /// A limit that may hold instead.
        or: Option<ImageLimits>,
    },
    /// Gemini 2: 258 tokens for each tile of 768, or what the resolution says.
    Crops {
        /// What recorded traffic shows beside the documented tiles.
        seen: SeenCrops,
        /// Tokens by resolution.
        resolutions: Vec<(String, u64)>,
    },
    /// Gemini 3: the largest grid of whole rows and columns in the picture's proportions.
    Area {
        /// The most tokens without a resolution.
        tokens: u64,
        /// The most tokens by resolution.
        resolutions: Vec<(String, u64)>,
    },
    /// Together's: up to 2 x 2 tiles of 560.
    Quarters {
        /// Tokens of a tile.
        tile: u64,
    },
    /// The same for every picture, by resolution.
    Fixed {
        /// Tokens without a resolution.
        tokens: u64,
        /// Tokens by resolution.
        resolutions: Vec<(String, u64)>,
    },
    /// Mistral's: rows of patches, each with a token at its end.
    Rows {
        /// Side of a patch.
        patch: u64,
        /// The longest side.
        edge: u64,
    },
    /// Qwen-VL's: patches, within a least and a most.
    Grid {
        /// Side of a patch.
        patch: u64,
        /// The fewest.
        least: u64,
        /// The most.
        most: u64,
    },
    /// Grok's: squares, and the whole picture once more.
    Squares {
        /// Side of a square.
        side: u64,
        /// Tokens of a square.
        tokens: u64,
        /// The most for a picture.
        most: u64,
    },
}

/// What a detail allows: 0 is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageLimit {
    /// Name of the detail.
    pub detail: String,
    /// The longest side.
    pub side: u64,
    /// The most patches.
    pub patches: u64,
}

/// What recorded requests show of pictures that the documentation counts in tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenCrops {
    /// Nothing: the documentation alone.
    Nothing,
    /// One tile more, for the picture as a whole.
    Whole,
    /// One tile, however large the picture is.
    One,
}

/// What Anthropic allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageLimits {
    /// The longest side.
    pub edge: u64,
    /// The most tokens.
    pub tokens: u64,
}

/// Sides are cut off here: no provider takes longer ones, and no rule overflows below.
const LONGEST: u64 = 1 << 32;
/// More patches than this are rejected by OpenAI.
const MOST_PATCHES: u64 = 30_000;

impl ImageRule {
    /// Reads a rule as `data/chat/media.csv` has it.
    #[must_use]
    pub fn read(text: &str) -> Option<ImageRule> {
        let mut words = text.split_whitespace();
        let name = words.next()?;
        let words: Vec<&str> = words.collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
        let named = || words.iter().filter_map(|word| word.split_once('='));
        let resolutions =
            || named().filter_map(|(name, tokens)| Some((name.to_owned(), tokens.parse().ok()?))).collect();
        let limits = |at: usize| Some(ImageLimits { edge: number(at)?, tokens: number(at + 1)? });
        Some(match name {
            "tiles" => ImageRule::Tiles { base: number(0)?, tile: number(1)? },
            "patches" => ImageRule::Patches {
                factor: words.first()?.parse().ok()?,
                details: named().filter_map(|(detail, limit)| ImageLimit::read(detail, limit)).collect(),
                auto: named().find(|(name, _)| *name == "auto")?.1.to_owned(),
            },
            "visual" => ImageRule::Visual { limit: limits(0)?, or: limits(2) },
            "crops" => ImageRule::Crops {
                seen: match words.first() {
                    Some(&"whole") => SeenCrops::Whole,
                    Some(&"one") => SeenCrops::One,
                    _ => SeenCrops::Nothing,
                },
                resolutions: resolutions(),
            },
            "area" => ImageRule::Area { tokens: number(0)?, resolutions: resolutions() },
            "quarters" => ImageRule::Quarters { tile: number(0)? },
            "fixed" => ImageRule::Fixed { tokens: number(0)?, resolutions: resolutions() },
            "rows" => ImageRule::Rows { patch: number(0)?, edge: number(1)? },
            "grid" => ImageRule::Grid { patch: number(0)?, least: number(1)?, most: number(2)? },
            "squares" => ImageRule::Squares { side: number(0)?, tokens: number(1)?, most: number(2)? },
            _ => return None,
        })
    }

    /// The tokens of a picture.
    ///
    /// * `width`, `height`: pixels; a side of 0 counts as 1.
    /// * `detail`: `low`, `high` …; without one, or with one that the rule does not know, the provider's default.
    ///
    /// # Examples
    /// ```
    /// use farebox_tokenizer::media::images::ImageRule;
    /// let gpt_4o = ImageRule::read("tiles 85 170").unwrap();
    /// assert_eq!(gpt_4o.count(1024, 1024, None).tokens, 765); // 85 + 4 tiles
    /// assert_eq!(gpt_4o.count(1024, 1024, Some("low")).tokens, 85);
    /// ```
    #[must_use]
    pub fn count(&self, width: u64, height: u64, detail: Option<&str>) -> TokenCount {
        let (width, height) = (width.clamp(1, LONGEST), height.clamp(1, LONGEST));
        let detail = detail.map(plain_detail);
        let detail = detail.as_deref();
        match self {
            ImageRule::Tiles { base, .. } if detail == Some("low") => TokenCount::exact(*base),
            ImageRule::Tiles { base, tile } => TokenCount::exact(base + tile * tiles(width, height)),
            ImageRule::Patches { factor, details, auto } => {
                TokenCount::exact(times(patches(width, height, limit(details, auto, detail)), *factor))
            }
            ImageRule::Visual { limit, or } => {
                let tokens = visual(width, height, *limit);
                let other = or.map_or(tokens, |or| visual(width, height, or));
                TokenCount::between(other.min(tokens), tokens, other)
            }
            ImageRule::Crops { seen, resolutions } => match named(resolutions, detail) {
                Some(tokens) => TokenCount::exact(tokens),
                None => crops(width, height, *seen),
            },
            ImageRule::Area { tokens, resolutions } => {
                TokenCount::exact(area(width, height, named(resolutions, detail).unwrap_or(*tokens)))
            }
            ImageRule::Quarters { tile } => {
                let along = |side: u64| (side / 560).clamp(1, 2);
                TokenCount::exact(tile.saturating_mul(along(width) * along(height)))
            }
            ImageRule::Fixed { tokens, resolutions } => {
                TokenCount::exact(named(resolutions, detail).unwrap_or(*tokens))
            }
            ImageRule::Rows { patch, edge } => TokenCount::exact(rows(width, height, *patch, *edge)),
            ImageRule::Grid { patch, least, most } => TokenCount::exact(grid(width, height, *patch, *least, *most)),
            ImageRule::Squares { side, tokens, most } => {
                let squares = width.div_ceil(*side).saturating_mul(height.div_ceil(*side));
                let count = squares.saturating_add(1).saturating_mul(*tokens).min(*most);
                // The squares of pictures that do not fit are laid out in a way that is not published.
                TokenCount::between(*tokens, count, *most)
            }
        }
    }

    /// The least and the most that a picture of any size costs; in the middle, one of 1024 x 1024.
    #[must_use]
    pub(crate) fn unknown(&self, detail: Option<&str>) -> TokenCount {
        if let ImageRule::Area { tokens, resolutions } = self {
            let most = named(resolutions, detail.map(plain_detail).as_deref()).unwrap_or(*tokens);
            // A grid of one row and almost two in height loses half.
            return TokenCount::between(most / 2, area(1_024, 1_024, most), most);
        }
        let usual = self.count(1_024, 1_024, detail);
        let least = self.count(1, 1, detail);
        let most = [(1_536, 1_536), (2_048, 2_048), (768, 2_048), (3_000, 3_000), (6_000, 6_000), (LONGEST, LONGEST)];
        let high = most.iter().map(|(w, h)| self.count(*w, *h, detail).high).max().unwrap_or(usual.high);
        let high = high.min(self.most());
        TokenCount::between(least.low.min(usual.low), usual.tokens, high.max(usual.high))
    }

    /// A bound where the rule itself has none.
    fn most(&self) -> u64 {
        match self {
            ImageRule::Patches { factor, .. } => times(MOST_PATCHES, *factor),
            // Pictures of more than 3072 on a side are made smaller first.
            ImageRule::Crops { .. } => 17 * 258,
            _ => u64::MAX,
        }
    }
}

impl ImageLimit {
    /// `high`, `2048/2500`.
    fn read(detail: &str, limit: &str) -> Option<ImageLimit> {
        let (side, patches) = limit.split_once('/')?;
        Some(ImageLimit { detail: detail.to_owned(), side: side.parse().ok()?, patches: patches.parse().ok()? })
    }
}

/// `MEDIA_RESOLUTION_LOW` as `low`.
fn plain_detail(detail: &str) -> String {
    let detail = detail.to_lowercase();
    detail.strip_prefix("media_resolution_").unwrap_or(&detail).to_owned()
}

fn named(resolutions: &[(String, u64)], detail: Option<&str>) -> Option<u64> {
    resolutions.iter().find(|(name, _)| Some(name.as_str()) == detail).map(|(_, tokens)| *tokens)
}

/// Tiles of 512 after the picture was made to fit 2048 on the long side and 768 on the short one, never larger.
fn tiles(width: u64, height: u64) -> u64 {
    let (short, long) = (u128::from(width.min(height)), u128::from(width.max(height)));
    // The scale is a fraction: of 2048 and the long side, of 768 and the short one, or one.
    let (over, under) = [(1, 1), (2_048, long), (768, short)]
        .into_iter()
        .min_by(|(a, b): &(u128, u128), (c, d)| (a * d).cmp(&(c * b)))
        .unwrap_or((1, 1));
    let along = |side: u128| (side * over).div_ceil(under * 512).max(1);
    u64::try_from(along(short) * along(long)).unwrap_or(u64::MAX)
}

fn limit<'d>(details: &'d [ImageLimit], auto: &str, detail: Option<&str>) -> Option<&'d ImageLimit> {
    let find = |wanted: &str| details.iter().find(|limit| limit.detail == wanted);
    detail.and_then(find).or_else(|| find(auto))
}

/// Patches of 32 that cover the picture once it fits.
fn patches(width: u64, height: u64, limit: Option<&ImageLimit>) -> u64 {
    let Some(limit) = limit else { return cover(width, height, 32) };
    let (mut w, mut h) = (width as f64, height as f64);
    let long = w.max(h);
    if limit.side > 0 && long > limit.side as f64 {
        let scale = limit.side as f64 / long;
        (w, h) = ((w * scale).floor().max(1.0), (h * scale).floor().max(1.0));
    }
    if limit.patches == 0 || cover(w as u64, h as u64, 32) <= limit.patches {
        return cover(w as u64, h as u64, 32);
    }
    let mut scale = (1_024.0 * limit.patches as f64 / (w * h)).sqrt();
    let whole = |side: f64| {
        let patches = side * scale / 32.0;
        (patches.floor() / patches).max(f64::MIN_POSITIVE)
    };
    let shrink = whole(w).min(whole(h));
    // A side shorter than a patch cannot be a whole number of them.
    scale *= if shrink > f64::MIN_POSITIVE { shrink } else { 1.0 };
    let fitted = |side: f64| ((side * scale).floor() as u64).max(1);
    cover(fitted(w), fitted(h), 32).min(limit.patches)
}

fn cover(width: u64, height: u64, patch: u64) -> u64 {
    width.div_ceil(patch).saturating_mul(height.div_ceil(patch))
}

/// A product rounded up, but not for what binary fractions add: 5 × 1.2 is 6.
fn times(patches: u64, factor: f64) -> u64 {
    let hundredths = (factor * 100.0).round() as u128;
    u64::try_from((u128::from(patches) * hundredths).div_ceil(100)).unwrap_or(u64::MAX)
}

/// Patches of 28 of the largest picture of the same shape that the limits allow.
fn visual(width: u64, height: u64, limits: ImageLimits) -> u64 {
    let fits = |w: u64, h: u64| {
        let longest = w.max(h).div_ceil(28).saturating_mul(28);
        longest <= limits.edge && cover(w, h, 28) <= limits.tokens
    };
    if fits(width, height) {
        return cover(width, height, 28);
    }
    let (short, long) = (width.min(height), width.max(height));
    let other = |edge: u64| {
        let exact = u128::from(edge) * u128::from(short);
        u64::try_from((exact + u128::from(long) / 2) / u128::from(long)).unwrap_or(1).max(1)
    };
    let (mut low, mut high) = (1, long.min(limits.edge));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle, other(middle)) { low = middle } else { high = middle - 1 }
    }
    cover(low, other(low), 28)
}

/// 258 tokens up to 384 on both sides, and for each tile of 768 of a larger picture; up to what the crops of two thirds of
/// the short side, which an earlier page described, come to.
fn crops(width: u64, height: u64, seen: SeenCrops) -> TokenCount {
    if width <= 384 && height <= 384 {
        return TokenCount::exact(258);
    }
    let unit = (width.min(height).saturating_mul(2) / 3).clamp(256, 768);
    let tokens = |unit: u64| cover(width, height, unit).saturating_mul(258);
    let tiles = tokens(768);
    match seen {
        SeenCrops::Nothing => TokenCount::between(258, tiles, tokens(unit)),
        SeenCrops::Whole => TokenCount::between(tiles, tiles.saturating_add(258), tiles),
        SeenCrops::One => TokenCount::between(258, 258, tiles),
    }
}

/// The largest grid of whole rows and columns in the picture's proportions that holds no more than `most`.
pub(super) fn area(width: u64, height: u64, most: u64) -> u64 {
    // floor(sqrt(most × a / b)) in whole numbers, so that a square is never one short.
    let along = |a: u64, b: u64| (u128::from(most) * u128::from(a) / u128::from(b.max(1))).isqrt().max(1);
    let grid = along(width, height).saturating_mul(along(height, width));
    u64::try_from(grid.min(u128::from(most))).unwrap_or(most)
}

/// Rows of patches, each row with one token at its end, of a picture that fits the edge.
fn rows(width: u64, height: u64, patch: u64, edge: u64) -> u64 {
    let long = width.max(height);
    let fitted = |side: u64| {
        if long <= edge {
            return side;
        }
        // Python rounds halves to even.
        let (product, long) = (u128::from(side) * u128::from(edge), u128::from(long));
        let (whole, rest) = (product / long, product % long);
        let up = rest * 2 > long || rest * 2 == long && whole % 2 == 1;
        u64::try_from(whole + u128::from(up)).unwrap_or(edge).max(1)
    };
    let along = |side: u64| (fitted(side) - 1) / patch + 1;
    along(height) * (along(width) + 1)
}

/// Whole patches of a picture that is made larger or smaller until their number is allowed.
fn grid(width: u64, height: u64, patch: u64, least: u64, most: u64) -> u64 {
    let (w, h, side) = (width as f64, height as f64, patch as f64);
    let around = |length: f64| (length / side).round_ties_even().max(1.0);
    let (across, down) = (around(w), around(h));
    let area = side * side;
    let (across, down) = if across * down > most as f64 {
        let scale = (w * h / (most as f64 * area)).sqrt();
        ((w / scale / side).floor().max(1.0), (h / scale / side).floor().max(1.0))
    } else if across * down < least as f64 {
        let scale = (least as f64 * area / (w * h)).sqrt();
        ((w * scale / side).ceil(), (h * scale / side).ceil())
    } else {
        (across, down)
    };
    // The start and the end of a picture are tokens too.
    ((across * down) as u64).clamp(1, most.max(least)) + 2
}

/// Pixtral's pictures, for templates that hold them.
pub(crate) fn pixtral(media: &Media) -> TokenCount {
    let rule = ImageRule::Rows { patch: 16, edge: 1_024 };
    match media {
        Media::Image(Image { size: Some((width, height)), .. }) => rule.count(*width, *height, None),
        _ => rule.unknown(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn count(rule: &str, size: (u64, u64), detail: &str) -> TokenCount {
        ImageRule::read(rule).unwrap().count(size.0, size.1, Some(detail).filter(|d| !d.is_empty()))
    }

    /// Examples of the vendors' documentation, by their own numbers.
    #[test]
    fn documented_examples_come_out_as_documented() {
        let gpt_5_4 = "patches 1.2 low=2048/6144 high=2048/2500 original=6000/10000 auto=high";
        let mini = "patches 1.62 low=2048/1536 high=2048/1536 auto=high";
        let standard = "visual 1568 1568";
        let high = "visual 2576 4784";
        let gemini3 = "area 1120 low=280 medium=560 high=1120 ultra_high=2240";
        for (rule, size, detail, tokens) in [
            // platform.openai.com, images and vision: tiles.
            ("tiles 85 170", (1_024, 1_024), "high", 765),
            ("tiles 85 170", (2_048, 4_096), "high", 1_105),
            ("tiles 85 170", (4_096, 8_192), "low", 85),
            ("tiles 2833 5667", (1_024, 1_024), "", 2_833 + 4 * 5_667),
            ("tiles 70 140", (1_024, 1_024), "", 70 + 4 * 140),
            ("tiles 75 150", (512, 512), "auto", 75 + 150),
            // The same page: patches. The last two are its worked examples of a budget of 1,536.
            (gpt_5_4, (1_024, 1_024), "high", 1_229),
            (gpt_5_4, (2_048, 2_048), "high", 3_000),
            (mini, (1_024, 1_024), "", 1_659), // 1,024 patches × 1.62
            (mini, (1_800, 2_400), "", 2_353), // 33 × 44 = 1,452 patches × 1.62
            // docs.claude.com, vision.
            (standard, (200, 200), "", 64),
            (standard, (1_000, 1_000), "", 1_296),
            (standard, (1_920, 1_080), "", 1_560),
            (high, (1_920, 1_080), "", 2_691),
            (standard, (3_840, 2_160), "", 1_560),
            (high, (3_840, 2_160), "", 4_784),
            (standard, (1_075, 1_520), "", 33 * 47), // becomes 924 × 1307
            // ai.google.dev, tokens and media resolution.
            ("crops low=64 medium=256", (384, 384), "", 258),
            ("crops low=64 medium=256", (3_000, 2_000), "MEDIA_RESOLUTION_LOW", 64),
            // At most 1,120 a picture (ai.google.dev, media resolution); the grids are recorded: 9 requests.
            (gemini3, (597, 566), "", 1_088),
            (gemini3, (400, 301), "", 1_102),
            (gemini3, (1_024, 1_024), "", 33 * 33),
            (gemini3, (1_920, 1_080), "", 44 * 25),
            (gemini3, (4_000, 4_000), "MEDIA_RESOLUTION_ULTRA_HIGH", 47 * 47),
            (gemini3, (4_000, 4_000), "medium", 23 * 23),
            // Pages of A4 and of letter size, recorded: 8 requests.
            ("area 560", (595, 842), "", 532),
            ("area 560", (612, 792), "", 520),
            // Recorded, and measured by developers: the tiles and one for the whole.
            ("crops whole", (3_008, 2_000), "", 3_354),
            ("crops whole", (1_980, 1_380), "", 1_806),
            ("crops whole", (300, 200), "", 258),
            ("crops one low=64 medium=256", (597, 566), "", 258),
            // docs.together.ai, vision, pricing: min(2, max(H // 560, 1)) × min(2, max(W // 560, 1)) × 1,601.
            ("quarters 1601", (560, 560), "", 1_601),
            ("quarters 1601", (1_200, 700), "", 3_202),
            ("quarters 1601", (2_000, 2_000), "", 6_404),
        ] {
            assert_eq!(count(rule, size, detail).tokens, tokens, "{rule} {size:?} {detail}");
        }
    }

    /// PyPI mistral-common 1.13.1, `ImageEncoder._image_to_num_tokens`, with patches of 16 and sides of 1024, and with 28 and 1540:
    /// rows × (columns + 1).
    #[test]
    fn rows_of_patches_are_those_of_the_reference() {
        for (size, small, large) in ROWS {
            assert_eq!(count("rows 16 1024", *size, "").tokens, *small, "{size:?}");
            assert_eq!(count("rows 28 1540", *size, "").tokens, *large, "{size:?}");
        }
    }

    const ROWS: &[((u64, u64), u64, u64)] = &[
        ((1, 1), 2, 2),
        ((16, 16), 2, 2),
        ((17, 16), 3, 2),
        ((1024, 1024), 4160, 1406),
        ((1025, 1024), 4160, 1406),
        ((4000, 3000), 3120, 2352),
        ((3000, 4000), 3136, 2365),
        ((10000, 3), 65, 56),
        ((640, 480), 1230, 432),
        ((2047, 1365), 2795, 2072),
        ((1540, 28), 130, 56),
        ((5001, 2500), 2080, 1568),
        ((777, 2222), 1536, 1155),
    ];

    proptest! {
        #[test]
        fn no_size_overflows_and_ranges_hold(w in 0_u64.., h in 0_u64.., small in 1_u64..5_000, shift in 0_u32..64) {
            for rule in [
                "tiles 85 170", "patches 1.2 low=512/0 high=2048/2500 original=0/0 auto=original", "visual 1568 1568 2576 4784",
                "crops", "crops whole", "crops one", "area 1120", "quarters 1601", "fixed 258", "rows 16 1024", "grid 28 4 16384", "squares 448 256 1792",
            ] {
                let rule = ImageRule::read(rule).unwrap();
                for (w, h) in [(w >> shift, h >> shift), (small, h >> shift), (w >> shift, small), (small, small), (4_000_000_000, 4_000_000_000)] {
                    let count = rule.count(w, h, None);
                    prop_assert!(0 < count.low && count.low <= count.tokens && count.tokens <= count.high, "{:?} {}x{}", rule, w, h);
                }
                let unknown = rule.unknown(None);
                prop_assert!(unknown.low <= unknown.tokens && unknown.tokens <= unknown.high);
            }
        }

        #[test]
        fn claude_never_goes_over_its_limits(w in 1_u64..20_000, h in 1_u64..20_000) {
            prop_assert!(count("visual 1568 1568", (w, h), "").tokens <= 1_568);
            prop_assert!(count("visual 2576 4784", (w, h), "").tokens <= 4_784);
        }
    }
}
