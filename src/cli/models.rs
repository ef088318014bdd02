//! `farebox models [QUERY]`: which models are known, and what is known of them.

use rust_decimal::Decimal;

use super::shared::{OutputFlags, TableFlags};
use crate::cli::error::Error;
use farebox::jobs::models::{ModelsQuery, list};
use farebox::jobs::prices::known_provider;
use farebox::money::parse_decimal;
use farebox::pricing::need::Need;

/// List the models that are known, with what is known of each
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  farebox models gpt-4o\n  farebox models --provider anthropic\n  farebox models haiku --format json\n  farebox models --need vision,context=200k --max-input 1"
)]
pub(crate) struct ModelsArgs {
    /// Words that the id, an alias or the provider must contain
    query: Vec<String>,
    /// Only this provider
    #[arg(long, short = 'p', value_name = "PROVIDER")]
    provider: Option<String>,
    /// Only models that meet needs: context=128k, output=8k, tools, vision, reasoning, open …; comma-separated
    #[arg(long, value_name = "NEEDS", value_delimiter = ',')]
    need: Vec<Need>,
    /// Only models whose prompt tokens cost at most this, in US dollars for a million
    #[arg(long, value_name = "USD", value_parser = dollars)]
    max_input: Option<Decimal>,
    /// Only models whose answer tokens cost at most this, in US dollars for a million
    #[arg(long, value_name = "USD", value_parser = dollars)]
    max_output: Option<Decimal>,
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
    let query = ModelsQuery {
        words: args.query,
        provider,
        needs: args.need,
        max_input: args.max_input,
        max_output: args.max_output,
        include_retired: args.include_retired,
    };
    args.output.write(list(&query, &setup)?)
}

/// A price, with or without the sign of the dollar.
fn dollars(text: &str) -> Result<Decimal, String> {
    parse_decimal(text.trim_start_matches('$')).map_err(|error| format!("{error}: write US dollars such as 2.50"))
}
