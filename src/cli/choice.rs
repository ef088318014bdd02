//! Values of the library's that a flag takes by name: the library knows no clap.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

/// Takes one of `all`, by its name; help and messages list them with what `about` says.
pub(crate) fn choice<T>(
    all: &'static [T],
    name: fn(T) -> &'static str,
    about: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let value = move |value: &T| PossibleValue::new(name(*value)).help(about(*value));
    PossibleValuesParser::new(all.iter().map(value)).try_map(move |chosen| {
        // The parser before it lets nothing else through.
        all.iter().copied().find(|value| name(*value) == chosen).ok_or_else(|| format!("{chosen:?} is not one of them"))
    })
}
