//! Reads the files of llm-prices: `current-v1.json` and `historical-v1.json` (an object with a list of `prices`), and
//! the files of one vendor that they are made from (`vendor` and `models` with a `price_history`).
//!
//! Prices are dollars for a million tokens. A known trap: a tier is a model of its own there, with the boundary in its
//! name: `gemini-2.5-pro-200k` is "Gemini 2.5 Pro >200k". It becomes a tier of the model before it.

use super::draft::{Draft, Quote};
use super::json::{Fields, Node};
use super::{Boundary, Condition};
use crate::meter::Meter;
use crate::period::Period;

pub(super) fn fits(root: Node) -> bool {
    let Some(fields) = root.fields() else { return false };
    let first = fields.get("prices").and_then(Node::items).and_then(|all| all.first().copied()).and_then(Node::fields);
    first.is_some_and(|price| price.get("vendor").is_some())
        || (fields.text("vendor").is_some() && fields.get("models").is_some_and(|m| m.items().is_some()))
}

pub(super) fn read(root: Node, draft: &mut Draft) {
    let Some(fields) = root.fields() else { return };
    for price in fields.get("prices").and_then(Node::items).unwrap_or_default() {
        let price = price.fields();
        match price.as_ref().and_then(|p| Some((p.text("vendor")?, p.text("id")?))) {
            Some((vendor, id)) => {
                read_model(draft, &vendor, &id, price.as_ref().and_then(|p| p.text("name")).as_deref(), price.iter())
            }
            None => draft.unread("a price without a vendor or an id", "prices"),
        }
    }
    let vendor = fields.text("vendor").unwrap_or_default();
    for model in fields.get("models").and_then(Node::items).unwrap_or_default().into_iter().filter_map(Node::fields) {
        let history = model.get("price_history").and_then(Node::items).unwrap_or_default();
        let history: Vec<Fields> = history.into_iter().filter_map(Node::fields).collect();
        match model.text("id") {
            Some(id) => read_model(draft, &vendor, &id, model.text("name").as_deref(), history.iter()),
            None => draft.unread("a model without an id", vendor.as_ref()),
        }
    }
}

fn read_model<'p, 'j: 'p>(
    draft: &mut Draft,
    vendor: &str,
    id: &str,
    name: Option<&str>,
    prices: impl Iterator<Item = &'p Fields<'j>>,
) {
    let (id, condition) = tier_of(id, name.unwrap_or_default());
    let mut reading = draft.model(&format!("{vendor}/{id}"), vendor, id);
    for price in prices {
        let moment = |key: &str| price.text(key).and_then(|day| day.parse().ok());
        let period = Period { from: moment("from_date"), to: moment("to_date") };
        for (field, meter) in [("input", Meter::Input), ("output", Meter::Output), ("input_cached", Meter::CacheRead)] {
            if let Some(value) = price.get(field) {
                reading.dated_price(field, value, meter, Quote::per(1_000_000), &condition, period);
            }
        }
    }
    reading.done();
}

/// The model and the condition that an id and a name such as "Gemini 2.5 Pro >200k" mean together.
fn tier_of<'i>(id: &'i str, name: &str) -> (&'i str, Condition) {
    let split = || {
        let (model, thousands) = id.rsplit_once('-')?;
        let tokens = thousands.strip_suffix('k')?.parse::<u64>().ok()?;
        let said = name.contains(&format!(">{thousands}")) || name.contains(&format!("> {thousands}"));
        said.then_some((model, Condition::default().beyond(Boundary::over(tokens.checked_mul(1000)?))))
    };
    split().unwrap_or((id, Condition::default()))
}
