//! `farebox demo`: a tour on prompts that are inside the program, over a dozen providers.

use std::io::Write;

use super::out::Out;
use super::shared::{OutputFlags, PriceFlags};
use crate::cli::error::Error;
use farebox::jobs::demo::{late_2024, month};
use farebox::report::{Format, write};

/// A tour with data inside: what a small student project costs on many providers
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The prompts are in data/prompts of the source; `farebox compare data/prompts/tutor.txt --output-tokens 150..300..600` goes on from here."
)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn run(args: DemoArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let mut month = month(&setup)?;
    if args.output.format != Format::Table {
        return args.output.write(month);
    }
    let mut late_2024 = late_2024(&setup)?;
    let out = Out::open(args.output.output.as_deref())?;
    let screen = out.screen(args.output.color);
    [&mut month, &mut late_2024].into_iter().for_each(|report| args.output.make_ready(report, screen));
    out.write_with(|out| {
        write(&month, Format::Table, screen, out)?;
        writeln!(out)?;
        write(&late_2024, Format::Table, screen, out)
    })?;
    Ok(())
}
