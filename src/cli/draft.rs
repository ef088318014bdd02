//! A workload without a file: the flags that `plan` and `init` draft one from.

use clap::Args;

use super::choice::choice;
use super::settings::default_models;
use crate::cli::error::Error;
use farebox::jobs::init::{Draft, Traffic, WorkKind};

/// What a workload without a file is made of.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Without a file")]
pub(crate) struct DraftFlags {
    /// What kind of work it is, which says what is not given
    #[arg(long, value_parser = choice(WorkKind::ALL, WorkKind::name, WorkKind::about), value_name = "KIND")]
    kind: Option<WorkKind>,
    /// The model: provider/model, a model id, or an alias
    #[arg(long, short = 'm', value_name = "MODEL")]
    model: Option<String>,
    /// How many people use it: 40, or a range LOW..HIGH
    #[arg(long, value_name = "N")]
    users: Option<String>,
    /// How often each of them uses it a day; how often it runs where no --users are given
    #[arg(long, value_name = "N")]
    per_day: Option<String>,
    /// The same a week
    #[arg(long, value_name = "N", conflicts_with = "per_day")]
    per_week: Option<String>,
    /// The same a month
    #[arg(long, value_name = "N", conflicts_with_all = ["per_day", "per_week"])]
    per_month: Option<String>,
    /// Questions of a conversation
    #[arg(long, value_name = "N")]
    turns: Option<String>,
    /// Requests of a task, for an agent
    #[arg(long, value_name = "N")]
    steps: Option<String>,
    /// How often the provider's cache has the beginning of a prompt, such as 80%
    #[arg(long, value_name = "PERCENT")]
    cache: Option<String>,
    /// Tokens of the instructions
    #[arg(long, value_name = "N")]
    system_tokens: Option<String>,
    /// Tokens of what is asked
    #[arg(long, value_name = "N")]
    input_tokens: Option<String>,
    /// Tokens of an answer
    #[arg(long, value_name = "N")]
    output_tokens: Option<String>,
    /// How many months
    #[arg(long, value_name = "N")]
    months: Option<String>,
}

impl DraftFlags {
    /// The draft that the flags describe; nothing where none is given.
    ///
    /// # Errors
    /// [`Error::Usage`] where a flag is not a number, or people are given without how often.
    pub(crate) fn draft(&self) -> Result<Option<Draft>, Error> {
        let numbers = [
            &self.users,
            &self.per_day,
            &self.per_week,
            &self.per_month,
            &self.turns,
            &self.steps,
            &self.cache,
            &self.system_tokens,
            &self.input_tokens,
            &self.output_tokens,
            &self.months,
        ];
        if self.kind.is_none() && self.model.is_none() && numbers.iter().all(|number| number.is_none()) {
            return Ok(None);
        }
        let kind = self.kind.unwrap_or(if self.steps.is_some() { WorkKind::Agent } else { WorkKind::Chatbot });
        let mut draft = Draft::of(kind);
        draft.model = self.model.clone().or(default_models()?.into_iter().next());
        draft.traffic = self.traffic(draft.traffic)?;
        let set = |to: &mut String, flag: &str, typed: &Option<String>| -> Result<(), Error> {
            typed.as_ref().map_or(Ok(()), |typed| quantity(flag, typed).map(|read| *to = read))
        };
        let set_some = |to: &mut Option<String>, flag: &str, typed: &Option<String>| -> Result<(), Error> {
            typed.as_ref().map_or(Ok(()), |typed| quantity(flag, typed).map(|read| *to = Some(read)))
        };
        set_some(&mut draft.turns, "--turns", &self.turns)?;
        set_some(&mut draft.steps, "--steps", &self.steps)?;
        set_some(&mut draft.system, "--system-tokens", &self.system_tokens)?;
        set(&mut draft.prompt, "--input-tokens", &self.input_tokens)?;
        set(&mut draft.output, "--output-tokens", &self.output_tokens)?;
        set(&mut draft.months, "--months", &self.months)?;
        if let Some(cache) = &self.cache {
            let share = share("--cache", cache)?;
            draft.cache = Some(format!("{share}%"));
        }
        Ok(Some(draft))
    }

    fn traffic(&self, usual: Traffic) -> Result<Traffic, Error> {
        let periods = [("day", &self.per_day), ("week", &self.per_week), ("month", &self.per_month)];
        let given = periods.iter().find_map(|(period, number)| Some((period, number.as_ref()?)));
        let rate = given
            .map(|(period, number)| {
                Ok::<_, Error>(format!("{} per {period}", quantity(&format!("--per-{period}"), number)?))
            })
            .transpose()?;
        let users = self.users.as_ref().map(|users| quantity("--users", users)).transpose()?;
        Ok(match (users, rate, usual) {
            (Some(users), Some(sessions), _) => Traffic::Users { users, sessions },
            (Some(users), None, Traffic::Users { sessions, .. }) => Traffic::Users { users, sessions },
            (Some(users), None, Traffic::Runs(_)) => {
                return Err(Error::Usage(format!(
                    "--users {users} does not say how often each of them uses it\n  help: add --per-day, --per-week or --per-month"
                )));
            }
            (None, Some(runs), _) => Traffic::Runs(runs),
            (None, None, usual) => usual,
        })
    }
}

/// A number or a range, as a workload file has it.
fn quantity(flag: &str, text: &str) -> Result<String, Error> {
    farebox::jobs::init::range(text).ok_or_else(|| {
        Error::Usage(format!("{flag}: {text:?} is not a number\n  help: write 40, 1.5, 10k, or a range such as 20..60"))
    })
}

/// Percent, with or without its sign.
pub(crate) fn share(flag: &str, text: &str) -> Result<rust_decimal::Decimal, Error> {
    let number = farebox::money::parse_decimal(text.trim().trim_end_matches('%').trim_end()).ok();
    number.filter(|number| *number <= rust_decimal::Decimal::ONE_HUNDRED).ok_or_else(|| {
        Error::Usage(format!("{flag}: {text:?} is not a share\n  help: write percent from 0 to 100, such as 80%"))
    })
}
