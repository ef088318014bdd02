//! What a user has settled for every command: default models, price overlays, currency, exchange rates, time zone.
//!
//! [`parse`] reads one configuration file; [`Config::with`] lays one source over another, each value with its [`Origin`], and
//! [`report`] shows them. The caller finds the files and the variables of the environment: nothing here knows where they are.

use std::fmt;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{JobError, Setup};
use crate::input::workload::quantity::QuantityError;
use crate::input::workload::raw::Text;
use crate::input::workload::short::Words;
use crate::jobs::plural;
use crate::money::parse_decimal;
use crate::pricing::problem::{Place, Problem, Severity};
use crate::pricing::yaml::{At, Explained, Pairs, explain_shape, problem_of};
use crate::report::{Cell, Report, TypedTable};
use crate::similar::did_you_mean;

/// Where a setting is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line.
    Flag(&'static str),
    /// A variable of the environment.
    Variable(&'static str),
    /// A line of a configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(flag) => write!(f, "{flag}"),
            Origin::Variable(name) => write!(f, "{name}"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

/// A value, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it is from.
    pub origin: Origin,
}

/// Everything that was settled; what was not is left to the command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The models of a command that names none.
    pub models: Option<Setting<Vec<String>>>,
    /// Price files laid over the table; later ones win.
    pub prices: Vec<Setting<PathBuf>>,
    /// The currency to show money in.
    pub currency: Option<Setting<String>>,
    /// Units of a currency for one US dollar.
    pub rates: Vec<Setting<(String, Decimal)>>,
    /// The time zone of days and months.
    pub timezone: Option<Setting<String>>,
}

impl Config {
    /// Lays what goes before over this: a value replaces one of the same name, price files are added behind.
    #[must_use]
    pub fn with(mut self, over: Config) -> Config {
        self.models = over.models.or(self.models);
        self.currency = over.currency.or(self.currency);
        self.timezone = over.timezone.or(self.timezone);
        self.prices.extend(over.prices);
        self.rates.retain(|rate| over.rates.iter().all(|other| other.value.0 != rate.value.0));
        self.rates.extend(over.rates);
        self
    }
}

/// A configuration file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawConfig {
    models: Option<At<Words>>,
    prices: Vec<At<String>>,
    currency: Option<At<String>>,
    rates: Pairs<At<Text>>,
    timezone: Option<At<String>>,
}

/// Names with commas between them.
#[must_use]
pub fn names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// An exchange rate as `EUR=0.86`: units of the currency for one US dollar.
///
/// # Errors
/// What is wrong with it, and how it is written.
pub fn exchange_rate(text: &str) -> Result<(String, Decimal), String> {
    let help = "write CODE=N, units of the currency for one US dollar, such as EUR=0.86";
    let (code, number) = text.split_once('=').ok_or_else(|| format!("{text:?} is not an exchange rate: {help}"))?;
    let code = currency_code(code).ok_or_else(|| format!("{code:?} is not a currency: {help}"))?;
    let number = positive(number).ok_or_else(|| format!("{number:?} is not a rate: {help}"))?;
    match code.as_str() {
        "USD" => Err("one US dollar is one US dollar: give the rate of another currency".to_owned()),
        _ => Ok((code, number)),
    }
}

fn currency_code(text: &str) -> Option<String> {
    let code = text.trim().to_uppercase();
    (code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())).then_some(code)
}

fn positive(text: &str) -> Option<Decimal> {
    parse_decimal(text.trim()).ok().filter(|number| *number > Decimal::ZERO)
}

/// Reads a configuration file. Price files are looked for next to it.
///
/// # Errors
/// [`JobError::Asked`] with every objection and its line.
pub fn parse(path: &Path, text: &str) -> Result<Config, JobError> {
    let shown = path.display().to_string();
    let unusable = |problems: &[Problem]| {
        let problems = crate::pricing::problem::render_all(problems, |_| Some(text));
        JobError::Asked { message: format!("the configuration cannot be used\n\n{}", problems.trim_end()), help: None }
    };
    // A file with nothing but comments settles nothing.
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Config::default());
    }
    let mut options = serde_saphyr::Options::default();
    options.strict_booleans = true;
    options.reject_unsupported_tags = true;
    let raw: RawConfig = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| unusable(&[problem_of(&shown, &error, explain)]))?;
    let mut problems = Vec::new();
    let mut object = |place: Place, message: String, help: &str| {
        let (path, help) = (shown.clone(), Some(help.to_owned()));
        problems.push(Problem { code: "invalid-value", severity: Severity::Error, path, place, message, help });
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let origin = |place: Place| Origin::File { path: path.to_owned(), line: place.line };
    if let Some(currency) = raw.currency.as_ref().filter(|word| currency_code(&word.value).is_none()) {
        object(currency.place, format!("{:?} is not a currency", currency.value), "write three letters, such as EUR");
    }
    if let Some(zone) = &raw.timezone
        && !zone.value.eq_ignore_ascii_case("local")
        && let Err(error) = super::usage::grouping::time_zone(&zone.value)
    {
        object(
            zone.place,
            error.to_string(),
            "write a name such as Europe/Berlin, an offset such as +02:00, UTC or local",
        );
    }
    let models = raw.models.as_ref().map(|models| Setting {
        value: models.value.iter().flat_map(|word| names(&word.value)).collect::<Vec<String>>(),
        origin: origin(models.place),
    });
    if let Some(models) = raw.models.as_ref().filter(|_| models.as_ref().is_some_and(|named| named.value.is_empty())) {
        object(models.place, "no model is named".into(), "write models: [gpt-4o, claude-haiku-4-5]");
    }
    let mut rates = Vec::new();
    for (code, number) in &raw.rates.0 {
        match exchange_rate(&format!("{}={}", code.value, number.value.0)) {
            Ok(value) => rates.push(Setting { value, origin: origin(code.place) }),
            Err(message) => object(code.place, message, "write rates: {EUR: 0.86}"),
        }
    }
    if !problems.is_empty() {
        return Err(unusable(&problems));
    }
    let text = |word: At<String>| Setting { origin: origin(word.place), value: word.value };
    Ok(Config {
        models,
        prices: raw
            .prices
            .into_iter()
            .map(|file| Setting { origin: origin(file.place), value: folder.join(file.value) })
            .collect(),
        currency: raw.currency.map(text),
        rates,
        timezone: raw.timezone.map(text),
    })
}

/// The words of configuration files.
fn explain(error: &serde_saphyr::Error) -> Explained {
    use serde_saphyr::Error;
    match error {
        Error::AliasError { error, .. } => explain(error),
        Error::SerdeUnknownField { field, expected, .. } => {
            let near = did_you_mean(field, expected.iter().copied());
            let help = format!("{near}The keys here are {}", expected.join(", "));
            ("unknown-key", format!("no key is called {field:?} here"), Some(help))
        }
        Error::Message { msg, .. } => {
            let help = QuantityError::handed_on(msg).and_then(|error| error.help());
            ("invalid-value", msg.clone(), help)
        }
        other => explain_shape(other),
    }
}

/// A setting, its value and where it is from.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ConfigRow {
    /// Its name in a configuration file.
    pub setting: &'static str,
    /// Its value; null where nothing is set.
    pub value: Option<String>,
    /// A flag, a variable, a line of a file, or `default`.
    pub origin: String,
}

/// What is stated before the settings.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ConfigHead {
    /// The files that were looked for, the last of which wins.
    pub files: Vec<ConfigFileRow>,
}

/// A place where a configuration file is looked for.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConfigFileRow {
    /// The path.
    pub path: String,
    /// Whether a file is there.
    pub found: bool,
}

/// What is settled, each value with its origin.
///
/// * `files`: where files were looked for, the weakest first.
#[must_use]
pub fn report(config: &Config, files: Vec<ConfigFileRow>, setup: &Setup) -> Report {
    let default = |setting, value: &str| ConfigRow { setting, value: Some(value.to_owned()), origin: "default".into() };
    let row = |setting, value: &dyn fmt::Display, origin: &Origin| ConfigRow {
        setting,
        value: Some(value.to_string()),
        origin: origin.to_string(),
    };
    let mut rows = Vec::new();
    rows.push(match &config.models {
        Some(models) => row("models", &models.value.join(", "), &models.origin),
        None => default("models", &super::panel::panel(setup).join(", ")),
    });
    rows.extend(config.prices.iter().map(|file| row("prices", &file.value.display(), &file.origin)));
    if config.prices.is_empty() {
        rows.push(default("prices", &format!("the bundled table, {}", setup.table.id().version)));
    }
    rows.push(match &config.currency {
        Some(currency) => row("currency", &currency.value.to_uppercase(), &currency.origin),
        None => default("currency", "USD"),
    });
    rows.extend(
        config
            .rates
            .iter()
            .map(|rate| row("rates", &format!("1 USD = {} {}", rate.value.1.normalize(), rate.value.0), &rate.origin)),
    );
    rows.push(match &config.timezone {
        Some(zone) => row("timezone", &zone.value, &zone.origin),
        None => default("timezone", "UTC"),
    });
    let table = TypedTable::new()
        .text("setting", "setting", |row: &ConfigRow| Cell::text(row.setting))
        .text("value", "value", |row| row.value.as_deref().map_or_else(|| Cell::absent("none"), Cell::text))
        .text("origin", "origin", |row| Cell::text(&row.origin));
    let mut report = table.report(rows);
    report.entitle("Settings", plural(report.rows.len() as u64, "setting"));
    let shown = |file: &ConfigFileRow| format!("{} ({})", file.path, if file.found { "read" } else { "not there" });
    report.notes.push(match files.is_empty() {
        true => "No configuration file is read.".to_owned(),
        false => format!("Files, the last wins: {}.", files.iter().map(shown).collect::<Vec<_>>().join(", ")),
    });
    report.state_all(&ConfigHead { files });
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        parse(Path::new("/home/me/farebox/config.yaml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_setting_carries_its_line() {
        let config = read("# mine\nmodels: [gpt-4o, claude-haiku-4-5]\nprices: [own.yaml]\ncurrency: eur\nrates: {EUR: 0.86, JPY: \"150\"}\ntimezone: Europe/Berlin\n").unwrap();
        let line = |origin: &Origin| origin.to_string();
        assert_eq!(line(&config.models.as_ref().unwrap().origin), "/home/me/farebox/config.yaml:2");
        assert_eq!(config.models.unwrap().value, ["gpt-4o", "claude-haiku-4-5"]);
        assert_eq!(config.prices[0].value, Path::new("/home/me/farebox/own.yaml"));
        assert_eq!(config.currency.unwrap().value, "eur");
        assert_eq!(config.rates[0].value, ("EUR".to_owned(), "0.86".parse().unwrap()));
        assert_eq!(line(&config.timezone.unwrap().origin), "/home/me/farebox/config.yaml:6");
        assert_eq!(read("models: gpt-4o, claude-haiku-4-5\n").unwrap().models.unwrap().value.len(), 2);
        for nothing in ["", "# nothing\n\n"] {
            assert_eq!(read(nothing), Ok(Config::default()));
        }
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let cases = [
            ("currency: euros\n", "config.yaml:1:", "\"euros\" is not a currency"),
            ("\nmodel: gpt-4o\n", "config.yaml:2:", "no key is called \"model\""),
            ("timezone: Berlin\n", "config.yaml:1:", "no time zone is called"),
            ("rates: {EUR: -1}\n", "config.yaml:1:", "rate"),
            ("rates: {EUR: 0.12345678901234567}\n", "config.yaml:1:", "put it in quotes"),
            ("rates: {EUR: [1]}\n", "config.yaml:1:", ""),
            ("models: 3\n", "config.yaml:1:", "a list of words"),
            ("rates: {USD: 1}\n", "config.yaml:1:", "one US dollar is one US dollar"),
            ("models: []\n", "config.yaml:1:", "no model is named"),
            ("models: {a: b}\n", "config.yaml:1:", ""),
            ("[1\n", "config.yaml", ""),
        ];
        for (text, place, what) in cases {
            let error = read(text).unwrap_err();
            assert!(error.contains(place) && error.contains(what), "{text}: {error}");
        }
    }

    #[test]
    fn what_goes_before_replaces_and_price_files_add_up() {
        let below = read("models: a\nprices: [one.yaml]\nrates: {EUR: 0.8, JPY: 150}\n").unwrap();
        let over = read("models: b\nprices: [two.yaml]\nrates: {EUR: 0.9}\n").unwrap();
        let config = below.with(over);
        assert_eq!(config.models.unwrap().value, ["b"]);
        assert_eq!(config.prices.len(), 2);
        let shown: Vec<String> = config.rates.iter().map(|rate| format!("{} {}", rate.value.0, rate.value.1)).collect();
        assert_eq!(shown, ["JPY 150", "EUR 0.9"]);
    }
}
