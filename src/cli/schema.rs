//! `farebox schema NAME`: the JSON Schema of what a command writes with `--format json`.

use std::io::Write;

use super::out::Out;
use crate::cli::error::Error;

/// Print the JSON Schema of a command's `--format json`
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  farebox schema models\n  farebox schema")]
pub(crate) struct SchemaArgs {
    /// The command; all that have one are listed when left out
    name: Option<String>,
}

pub(crate) fn run(args: SchemaArgs) -> Result<(), Error> {
    let schemas = farebox_data::schemas();
    let Some(name) = args.name else {
        Out::open(None)?.write_with(|out| schemas.iter().try_for_each(|(name, _)| writeln!(out, "{name}")))?;
        return Ok(());
    };
    let known = schemas.iter().find(|(known, _)| *known == name);
    let (_, text) = known.ok_or_else(|| {
        let near = farebox::similar::did_you_mean(&name, schemas.iter().map(|(known, _)| *known));
        Error::Usage(format!("no command with a schema is called {name:?}\n  help: {near}`farebox schema` lists them"))
    })?;
    Out::open(None)?.write_with(|out| out.write_all(text.as_bytes()))?;
    Ok(())
}
