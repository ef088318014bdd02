//! What the databases call a provider, and what the table calls it: the rows of `providers.csv`.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::DatabaseFormat;

/// A row of the file.
#[derive(Clone)]
struct NamesRow {
    ours: String,
    strip: Vec<String>,
    add: String,
}

/// The format, the database's name, and the rest of a row.
type CsvRow = (String, String, NamesRow);

fn rows() -> &'static HashMap<(String, String), NamesRow> {
    static ROWS: OnceLock<HashMap<(String, String), NamesRow>> = OnceLock::new();
    let key = |(format, theirs, row): &CsvRow| ((format.clone(), theirs.clone()), row.clone());
    ROWS.get_or_init(|| listed().iter().map(key).collect())
}

/// The rows in the order of the file.
fn listed() -> &'static [CsvRow] {
    static LISTED: OnceLock<Vec<CsvRow>> = OnceLock::new();
    LISTED.get_or_init(|| {
        let text = include_str!("providers.csv");
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
        let row = |record: csv::StringRecord| {
            let cell = |i: usize| record.get(i).unwrap_or_default().to_owned();
            let strip = cell(3).split('|').filter(|s| !s.is_empty()).map(str::to_owned).collect();
            (cell(0), cell(1), NamesRow { ours: cell(2), strip, add: cell(4) })
        };
        reader.records().filter_map(Result::ok).map(row).collect()
    })
}

/// The table's id of a provider and of one of its models.
pub(super) fn ours(format: DatabaseFormat, provider: &str, model: &str) -> (String, String) {
    match rows().get(&(format.name().to_owned(), provider.to_owned())) {
        Some(row) => {
            let bare = row.strip.iter().find_map(|start| model.strip_prefix(start.as_str())).unwrap_or(model);
            (row.ours.clone(), format!("{}{bare}", row.add))
        }
        // LiteLLM's ids name the provider before the slash; to the others an id is what the provider calls the model.
        None if format == DatabaseFormat::Litellm => {
            let bare = model.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(model);
            (id_of(provider), bare.to_owned())
        }
        None => (id_of(provider), model.to_owned()),
    }
}

/// Providers whose own name here is a database's name for them too, next to others that it has for a part of their models.
const SAME: [(DatabaseFormat, &str); 5] = [
    (DatabaseFormat::Litellm, "openai"),
    (DatabaseFormat::Litellm, "cohere"),
    (DatabaseFormat::Litellm, "mistral"),
    (DatabaseFormat::Litellm, "azure"),
    (DatabaseFormat::Litellm, "bedrock"),
];

/// A database's name of one of our providers, and what the ids of its models begin with there: what [`ours`] takes off again.
pub(in crate::pricing) fn theirs(format: DatabaseFormat, provider: &str) -> (String, String) {
    let of_litellm = |name: &str| if format == DatabaseFormat::Litellm { format!("{name}/") } else { String::new() };
    let same = || (provider.to_owned(), of_litellm(provider));
    if SAME.contains(&(format, provider)) {
        return same();
    }
    let is_whole = |row: &&CsvRow| row.0 == format.name() && row.2.ours == provider && row.2.add.is_empty();
    listed().iter().find(is_whole).map_or_else(same, |(_, theirs, row)| {
        let begins = row.strip.first().cloned().unwrap_or_default();
        (theirs.clone(), begins)
    })
}

/// A provider's name as an id: lower case, and a hyphen for whatever an id may not have.
fn id_of(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.:".contains(c);
    name.to_lowercase().chars().map(|c| if allowed(c) { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_theirs_becomes_one_of_ours() {
        let cases = [
            (DatabaseFormat::Litellm, "gemini", "gemini/gemini-2.5-pro", "google", "gemini-2.5-pro"),
            (
                DatabaseFormat::Litellm,
                "vertex_ai-anthropic_models",
                "vertex_ai/claude-opus-5",
                "vertex",
                "claude-opus-5",
            ),
            (
                DatabaseFormat::Litellm,
                "fireworks_ai",
                "fireworks_ai/accounts/fireworks/models/kimi-k3",
                "fireworks",
                "kimi-k3",
            ),
            (DatabaseFormat::Litellm, "azure", "azure/eu/gpt-4o-2024-08-06", "azure", "eu/gpt-4o-2024-08-06"),
            (DatabaseFormat::Litellm, "fal_ai", "fal_ai/flux/dev", "fal", "flux/dev"),
            (DatabaseFormat::Litellm, "lambda_ai", "lambda_ai/hermes3", "lambda_ai", "hermes3"),
            (
                DatabaseFormat::GenaiPrices,
                "huggingface_novita",
                "zai-org/GLM-4.5",
                "huggingface",
                "novita/zai-org/GLM-4.5",
            ),
            (DatabaseFormat::GenaiPrices, "x-ai", "grok-4.7", "xai", "grok-4.7"),
            (DatabaseFormat::ModelsDev, "openrouter", "openrouter/auto", "openrouter", "openrouter/auto"),
            (DatabaseFormat::ModelsDev, "302ai", "MiniMax-M1", "302ai", "MiniMax-M1"),
            (DatabaseFormat::LlmPrices, "z.ai", "glm-5", "zai", "glm-5"),
            (DatabaseFormat::LlmPrices, "Some Lab", "m", "some-lab", "m"),
        ];
        for (format, provider, model, our_provider, our_model) in cases {
            assert_eq!(ours(format, provider, model), (our_provider.to_owned(), our_model.to_owned()), "{provider}");
        }
    }

    #[test]
    fn a_name_of_ours_becomes_one_of_theirs_and_comes_back() {
        let bundled = crate::pricing::PriceTable::bundled();
        for format in [DatabaseFormat::Litellm, DatabaseFormat::GenaiPrices] {
            for head in bundled.providers() {
                let (provider, begins) = theirs(format, &head.id);
                let back = ours(format, &provider, &format!("{begins}some/model-1"));
                assert_eq!(back, (head.id.clone(), "some/model-1".to_owned()), "{format} {provider}");
            }
        }
        let cases = [("google", "gemini", "gemini/"), ("openai", "openai", "openai/"), ("xai", "xai", "xai/")];
        for (ours, name, begins) in cases {
            assert_eq!(theirs(DatabaseFormat::Litellm, ours), (name.to_owned(), begins.to_owned()));
        }
        assert_eq!(theirs(DatabaseFormat::GenaiPrices, "xai"), ("x-ai".to_owned(), String::new()));
    }

    #[test]
    fn every_row_is_of_a_format_and_is_read() {
        let lines = include_str!("providers.csv").lines().skip(1).filter(|line| !line.starts_with('#'));
        assert_eq!(rows().len(), lines.count(), "no row twice, none broken");
        assert!(rows().keys().all(|(format, _)| format.parse::<DatabaseFormat>().is_ok()));
        let bundled = crate::pricing::PriceTable::bundled();
        for row in rows().values() {
            assert!(bundled.providers().iter().any(|head| head.id == row.ours), "{} is in the table", row.ours);
        }
    }
}
