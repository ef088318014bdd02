//! `farebox break-even`: hosting a model oneself against the API, for the calls of a workload.

use std::path::PathBuf;

use rust_decimal::Decimal;

use super::shared::{OutputFlags, PriceFlags};
use super::workload::{amount_argument, priced};
use crate::cli::error::Error;
use farebox::calculator::workload::Amount;
use farebox::jobs::breakeven::{BreakEvenQuery, MachineCost, break_even, report};
use farebox::money::parse_decimal;

/// Find out from how many calls on hosting a model yourself is cheaper than the API
#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("machine").required(true).args(["gpu_hour", "buy", "endpoint"]),
    override_usage = "farebox break-even [OPTIONS] --tokens-per-second <N>\n                   <--gpu-hour <AMOUNT>|--buy <AMOUNT>|--endpoint <MODEL>>",
    after_help = "Examples:
  farebox break-even -w farebox.yaml --gpu-hour 2.50USD --tokens-per-second 1500
  farebox break-even --buy 32000EUR --years 3 --watts 900 --kwh 0.30EUR \\
                     --tokens-per-second 2000
  farebox break-even --endpoint huggingface/endpoint/aws/nvidia-a100/x1 \\
                     --tokens-per-second 1500"
)]
pub(crate) struct BreakEvenArgs {
    /// Workload file; farebox.yaml when left out
    #[arg(long, short = 'w', value_name = "FILE")]
    workload: Option<PathBuf>,
    /// Price of a machine by the hour, such as 2.50USD; it runs all the time
    #[arg(long, value_name = "AMOUNT", value_parser = amount_argument)]
    gpu_hour: Option<Amount>,
    /// Price of a machine that is bought
    #[arg(long, value_name = "AMOUNT", value_parser = amount_argument, requires_all = ["years", "watts", "kwh"])]
    buy: Option<Amount>,
    /// Years that it lasts
    #[arg(long, value_name = "N", value_parser = number)]
    years: Option<Decimal>,
    /// Power that it draws, cooling included
    #[arg(long, value_name = "N", value_parser = number)]
    watts: Option<Decimal>,
    /// Price of a kilowatt-hour
    #[arg(long, value_name = "AMOUNT", value_parser = amount_argument)]
    kwh: Option<Amount>,
    /// Dedicated endpoint of the price table: farebox models endpoint
    #[arg(long, value_name = "MODEL")]
    endpoint: Option<String>,
    /// Answer tokens that one machine makes in a second, over all requests that it works on at once
    #[arg(long, value_name = "N", value_parser = number)]
    tokens_per_second: Decimal,
    /// Prompt tokens that it reads in a second; ten times the answer tokens when left out
    #[arg(long, value_name = "N", value_parser = number)]
    prompt_tokens_per_second: Option<Decimal>,
    /// Share of the time that it can be kept busy, in percent
    #[arg(long, value_name = "PERCENT", default_value = "50", value_parser = percent)]
    utilisation: Decimal,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

fn number(text: &str) -> Result<Decimal, String> {
    let number = parse_decimal(text).map_err(|error| format!("{text:?} {error}"))?;
    if number.is_zero() { Err("it is more than zero".into()) } else { Ok(number) }
}

fn percent(text: &str) -> Result<Decimal, String> {
    let percent = number(text.trim_end_matches('%'))?;
    if percent > Decimal::ONE_HUNDRED {
        Err(format!("{text} is more than 100%"))
    } else {
        Ok(percent / Decimal::ONE_HUNDRED)
    }
}

pub(crate) fn run(args: BreakEvenArgs) -> Result<(), Error> {
    let setup = args.prices.table.setup()?;
    let query = BreakEvenQuery {
        answer_tokens: args.tokens_per_second,
        prompt_tokens: args.prompt_tokens_per_second,
        utilisation: args.utilisation,
        currency: args.prices.currency.clone(),
        cost: args.machine_cost(),
    };
    let priced = priced(args.workload.as_deref(), &setup, args.output.quiet, |workload| query.change(workload))?;
    let result = break_even(priced, &query, &setup)?;
    args.output.write(report(&result, &setup))
}

impl BreakEvenArgs {
    /// What the machine costs, by the one of three flags that clap saw.
    fn machine_cost(&self) -> MachineCost {
        let bought = (&self.buy, self.years, self.watts, &self.kwh);
        match (&self.gpu_hour, bought) {
            (Some(hour), _) => MachineCost::Hour(hour.clone()),
            (None, (Some(price), Some(years), Some(watts), Some(kwh))) => {
                MachineCost::Bought { price: price.clone(), years, watts, kwh: kwh.clone() }
            }
            _ => MachineCost::Endpoint(self.endpoint.clone().unwrap_or_default()),
        }
    }
}
