//! What a turn sends and an answer makes besides text, in its own unit.

use rust_decimal::Decimal;

use super::FeatureReader;
use crate::calculator::workload::{Medium, MediumKind};
use crate::input::workload::quantity::Quantity;
use crate::input::workload::raw::RawFeature;
use crate::pricing::yaml::At;
use crate::range::Range;
use crate::similar::did_you_mean;

/// The keys of `sends`.
const SENT: [(&str, MediumKind); 5] = [
    ("audio", MediumKind::HeardAudio),
    ("video", MediumKind::SeenVideo),
    ("images", MediumKind::SentImages),
    ("pages", MediumKind::Pages),
    ("characters", MediumKind::Characters),
];
/// The keys of `makes`.
const MADE: [(&str, MediumKind); 3] =
    [("audio", MediumKind::MadeAudio), ("images", MediumKind::MadeImages), ("video", MediumKind::MadeVideo)];

impl MediumKind {
    /// Whether an answer makes it, rather than a turn sends it.
    pub(super) const fn is_made(self) -> bool {
        matches!(self, MediumKind::MadeAudio | MediumKind::MadeImages | MediumKind::MadeVideo)
    }

    /// Whether it is given as a time.
    const fn lasts(self) -> bool {
        use MediumKind::{HeardAudio, MadeAudio, MadeVideo, SeenVideo};
        matches!(self, HeardAudio | MadeAudio | SeenVideo | MadeVideo)
    }
}

impl FeatureReader<'_, '_> {
    /// What is sent and made, each kind once.
    pub(super) fn media(&mut self, raw: &RawFeature) -> Vec<Medium> {
        let mut media = Vec::new();
        for (key, pairs, kinds) in [("sends", &raw.sends.0, &SENT[..]), ("makes", &raw.makes.0, &MADE[..])] {
            for (name, quantity) in pairs {
                let Some((_, kind)) = kinds.iter().find(|(known, _)| *known == name.value) else {
                    let known: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
                    let near = did_you_mean(&name.value, known.iter().copied());
                    let help = format!(
                        "{near}The keys of `{key}` are {}; text is said by prompt and output",
                        known.join(", ")
                    );
                    self.reader.object(key, name.place, format!("no key is called {:?} here", name.value), help);
                    continue;
                };
                let amount = if kind.lasts() { self.seconds(quantity) } else { self.pieces(*kind, quantity) };
                media.extend(amount.map(|amount| Medium { kind: *kind, amount }));
            }
        }
        media
    }

    fn seconds(&mut self, quantity: &At<Quantity>) -> Option<Range<Decimal>> {
        let by = match quantity.value.unit.as_str() {
            "s" | "sec" | "second" | "seconds" => 1,
            "m" | "min" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3600,
            other => {
                let message = format!("{other:?} is not a unit of time");
                self.reader.object("unit", quantity.place, message, "write 40 seconds, 3 minutes or 1 hour");
                return None;
            }
        };
        Some(quantity.value.range.map(|n| n.saturating_mul(Decimal::from(by))))
    }

    fn pieces(&mut self, kind: MediumKind, quantity: &At<Quantity>) -> Option<Range<Decimal>> {
        let (one, many, example) = match kind {
            MediumKind::Pages => ("page", "pages", "12"),
            MediumKind::Characters => ("character", "characters", "900"),
            _ => ("image", "images", "2"),
        };
        let unit = quantity.value.unit.as_str();
        if unit.is_empty() || unit == one || unit == many {
            return Some(quantity.value.range);
        }
        let message = format!("the unit {unit:?} does not belong here");
        self.reader.object("unit", quantity.place, message, format!("write {many}: {example}"));
        None
    }
}
