//! `farebox estimate`: what a prompt would cost, before it is sent.

use super::prompts::{Asked, PromptFlags, RequestNotes, price, verdict};
use super::settings::{default_models, models_instead};
use super::shared::{OutputFlags, PriceFlags, Setup};
use crate::cli::error::Error;
use farebox::jobs::estimate::{AskedModels, report};

/// Say what prompts would cost before they are sent
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox estimate prompt.txt -m gpt-4o-mini --output-tokens 500
  farebox estimate 'Why is the sky blue?' --output-tokens 100-300 -n 2M
  farebox estimate --text 'Why is the sky blue?' -m claude-opus-4-6 -m gemini-2.5-pro --output-tokens 200..800
  farebox estimate --input-tokens 10000 --output-tokens 10000 -m gpt-4-turbo --at 2024-12-01
  cat prompt.txt | farebox estimate -m deepseek-chat --output-tokens 1000 --requests 5000 --format json
  farebox estimate request.json -m gpt-4o -m claude-opus-4-6
  farebox estimate task.txt -m claude-opus-4-6 --steps 20 --cache 80% --output-tokens 500
  farebox estimate 'a red fox' -m gpt-image-2 --images 500 --with quality=high --with size=1024x1024
  farebox estimate speech.txt -m tts-1
  farebox estimate talk.mp3 -m whisper-1
  farebox estimate batch.jsonl --output-tokens 200..400
  farebox estimate --text 'What is this?' --image photo.jpg -m gpt-4o

An input that holds requests or a batch, whatever its name, is counted as the provider bills it: messages, tools and
attachments with the frame around them, for the models that it names or those of --model. A note says what an input was
taken for; --chat and --plain decide it.

A prompt that is longer than a model's context window has no price; the exit code is 2 where nothing could be priced. An
answer that is longer than the model gives in one request is priced with a warning.")]
pub(crate) struct EstimateArgs {
    /// Model: provider/model, a model id, or an alias; repeatable, or with commas [default: those that requests name, FAREBOX_MODEL, a configuration file, or the newest of five makers]
    #[arg(long = "model", short = 'm', value_name = "MODEL", value_delimiter = ',')]
    models: Vec<String>,
    /// Exit with 3 when something could not be priced, or only at an assumed price
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    prompts: PromptFlags,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn run(args: EstimateArgs) -> Result<(), Error> {
    let setup = Setup { strict: args.strict, ..args.prices.setup()? };
    let quiet = args.output.quiet;
    let Asked { sources, models, media, spec } = args.prompts.asked(&setup, quiet)?;
    let inputs = args.prompts.open(&sources)?;
    let mut ids: Vec<String> = args.models.iter().cloned().chain(models).collect();
    // Requests name their own models.
    let all_requests = !inputs.is_empty() && inputs.iter().all(|input| input.holds_requests);
    if ids.is_empty() && !all_requests {
        // Not every model can be sent an attachment.
        ids = if media.is_empty() { models_instead(&setup, quiet)? } else { default_models()? };
        if ids.is_empty() {
            let help = "help: give --model gpt-4o, which repeats; `farebox models` lists the models";
            return Err(Error::Usage(format!("no model given, and what an attachment costs depends on it\n  {help}")));
        }
    }
    let models = setup.find_all(&ids)?;
    let priced = price(&args.prompts, inputs, &media, &models, &spec, &setup, RequestNotes::Told.unless(quiet))?;
    let asked = AskedModels { ids: &ids, found: &models, requests: spec.requests };
    args.output.write(report(&priced.quotes, asked, &setup))?;
    match priced.failed {
        0 => verdict(&priced.quotes, args.strict, &args.output),
        failed if args.strict => Err(Error::Strict(failed)),
        _ if priced.quotes.is_empty() => Err(Error::NothingPriced),
        _ => verdict(&priced.quotes, args.strict, &args.output),
    }
}
