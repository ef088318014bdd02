//! The JSON Schemas of the program's `json` outputs, by the name of the command.

macro_rules! schemas {
    ($($name:literal)+) => {
        /// Every schema: the name of the command, and the text.
        #[must_use]
        pub const fn schemas() -> &'static [(&'static str, &'static str)] {
            &[$(($name, include_str!(concat!("../schema/", $name, ".json")))),+]
        }
    };
}

schemas! {
    "count"
    "check"
    "break-even"
    "compare"
    "config"
    "demo"
    "estimate"
    "check"
    "models"
    "optimise"
    "plan"
    "usage"
    "what-if"
    "prices-changes"
    "prices-check"
    "prices-diff"
    "prices-export"
    "prices-history"
    "prices-import"
    "prices-lint"
    "prices-list"
    "prices-meters"
    "prices-review"
    "prices-show"
    "prices-stale"
    "prices-update"
    "prices-watch"
    "tokenizers"
    "tokenizers-show"
}
