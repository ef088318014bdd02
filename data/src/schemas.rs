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
    "break-even"
    "compare"
    "compare-workload"
    "estimate"
    "models"
    "plan"
}
