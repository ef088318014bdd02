//! JSON as it is written by hand: fields in order, prices digit by digit.

use rust_decimal::Decimal;

/// An object that grows field by field.
#[derive(Clone, Debug, Default)]
pub(super) struct JsonObject(Vec<(String, String)>);

impl JsonObject {
    /// Adds a field whose value is JSON already.
    pub(crate) fn json(&mut self, name: &str, json: impl Into<String>) {
        self.0.push((name.to_owned(), json.into()));
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.json(name, quoted(text));
    }

    /// A price, every digit of it.
    pub(crate) fn price(&mut self, name: &str, price: Decimal) {
        self.json(name, price.normalize().to_string());
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `{"a": 1, "b": 2}`.
    pub(crate) fn done(&self) -> String {
        let fields: Vec<String> = self.0.iter().map(|(name, json)| format!("{}: {json}", quoted(name))).collect();
        format!("{{{}}}", fields.join(", "))
    }
}

/// A text between quotes, with what JSON needs escaped.
pub(super) fn quoted(text: &str) -> String {
    // A text is all that it takes, so this does not fail.
    serde_json::to_string(text).unwrap_or_default()
}

/// `["a", "b"]` of what is JSON already.
pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}
