//! `farebox models [QUERY]`: which models are known, and what is known of them.

use super::shared::{OutputFlags, TableFlags};
use crate::cli::error::Error;
use farebox::jobs::models::{ModelsQuery, list};
use farebox::jobs::prices::known_provider;

/// List the models that are known, with what is known of each
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  farebox models gpt-4o\n  farebox models --provider anthropic\n  farebox models haiku --format json"
)]
pub(crate) struct ModelsArgs {
    /// Words that the id, an alias or the provider must contain
    query: Vec<String>,
    /// Only this provider
    #[arg(long, short = 'p', value_name = "PROVIDER")]
    provider: Option<String>,
    /// Also list models that are retired or no longer listed
    #[arg(long, alias = "retired")]
    include_retired: bool,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn run(args: ModelsArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let provider = args.provider.as_deref().map(|name| known_provider(&setup, name)).transpose()?;
    let query = ModelsQuery { words: args.query, provider, include_retired: args.include_retired };
    args.output.write(list(&query, &setup))
}
