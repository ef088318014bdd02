//! `farebox config`: what a user has settled, and where.

use super::settings::{config, files};
use super::shared::{OutputFlags, PriceFlags};
use crate::cli::error::Error;
use farebox::jobs::config::{Config, ConfigFileRow, Origin, Setting, report};

/// Show the settings of every command, and where each is from: a flag, a variable, a line of a file
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Files, of which the last wins: /etc/farebox/config.yaml, the user's (~/.config/farebox/config.yaml, or
below XDG_CONFIG_HOME), and .farebox.yaml in this folder or the nearest one above. Variables go before files: FAREBOX_MODEL,
FAREBOX_PRICES, FAREBOX_CURRENCY, FAREBOX_TIMEZONE. Flags go before variables. FAREBOX_NO_CONFIG=1 reads no file.

  models: [gpt-4o, claude-haiku-4-5]     # where -m is left out
  prices: [prices/contract.yaml]         # laid over the table, as --prices does
  currency: EUR
  rates: {EUR: 0.86}                     # for one US dollar; the European Central Bank's when left out
  timezone: Europe/Berlin                # of usage by day and month

Examples:
  farebox config
  FAREBOX_MODEL=gpt-4o,claude-haiku-4-5 farebox config --currency EUR"
)]
pub(crate) struct ConfigArgs {
    /// Models, as other commands take them; comma-separated
    #[arg(long = "model", short = 'm', value_name = "MODEL", value_delimiter = ',')]
    models: Vec<String>,
    /// Time zone, as other commands take it
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn run(args: ConfigArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let flag = |name| Origin::Flag(name);
    let table = &args.prices.table;
    let typed = Config {
        models: (!args.models.is_empty()).then(|| Setting { value: args.models.clone(), origin: flag("--model") }),
        prices: table.overlays.iter().map(|file| Setting { value: file.clone(), origin: flag("--prices") }).collect(),
        currency: args.prices.currency.clone().map(|value| Setting { value, origin: flag("--currency") }),
        rates: table.rates.iter().map(|rate| Setting { value: rate.clone(), origin: flag("--rate") }).collect(),
        timezone: args.timezone.clone().map(|value| Setting { value, origin: flag("--timezone") }),
    };
    super::usage::zone_of(args.timezone.as_deref())?;
    let files =
        files().into_iter().map(|path| ConfigFileRow { found: path.is_file(), path: path.display().to_string() });
    args.output.write(report(&config()?.clone().with(typed), files.collect(), &setup))
}
