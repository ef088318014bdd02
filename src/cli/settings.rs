//! What a user has settled for every command, in files and variables of the environment.
//!
//! The weakest first: the file of the system, that of the user, that of the project, variables; a flag goes before all.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::data::config_folder;
use super::say;
use crate::cli::error::Error;
use farebox::jobs::Setup;
use farebox::jobs::config::{Config, Origin, Setting, names, parse};
use farebox::jobs::panel::{panel, panel_note};

/// The file of a project, found in the current folder or the nearest folder above it.
const PROJECT_FILE: &str = ".farebox.yaml";

/// What the files and the environment say, read once.
///
/// # Errors
/// [`Error`] where a file cannot be read or used.
pub(crate) fn config() -> Result<&'static Config, Error> {
    static CONFIG: OnceLock<Config> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config);
    }
    let mut config = Config::default();
    for path in files().iter().filter(|path| path.exists()) {
        let bytes = farebox::input::text::read_yaml(path)?;
        config = config.with(parse(path, &String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))?);
    }
    Ok(CONFIG.get_or_init(|| config.with(environment())))
}

/// The models of a command that names none: what the user settled, or nothing.
///
/// # Errors
/// As [`config`].
pub(crate) fn default_models() -> Result<Vec<String>, Error> {
    Ok(config()?.models.as_ref().map(|models| models.value.clone()).unwrap_or_default())
}

/// The models of a command that names none and needs some: what the user settled, or the newest of the main makers, which a
/// note says.
///
/// # Errors
/// As [`config`].
pub(crate) fn models_instead(setup: &Setup, quiet: bool) -> Result<Vec<String>, Error> {
    let settled = default_models()?;
    if !settled.is_empty() {
        return Ok(settled);
    }
    let models = panel(setup);
    if !quiet && !models.is_empty() {
        say(&format!("note: {}", panel_note(&models)));
    }
    Ok(models)
}

fn environment() -> Config {
    let text = |name: &'static str| {
        let value = std::env::var(name).ok().filter(|value| !value.trim().is_empty())?;
        Some(Setting { value, origin: Origin::Variable(name) })
    };
    let prices = std::env::var_os("FAREBOX_PRICES").filter(|value| !value.is_empty());
    let paths = prices.iter().flat_map(std::env::split_paths).filter(|path| !path.as_os_str().is_empty());
    Config {
        models: text("FAREBOX_MODEL")
            .map(|models| Setting { value: names(&models.value), origin: models.origin })
            .filter(|models| !models.value.is_empty()),
        prices: paths.map(|value| Setting { value, origin: Origin::Variable("FAREBOX_PRICES") }).collect(),
        currency: text("FAREBOX_CURRENCY"),
        rates: Vec::new(),
        timezone: text("FAREBOX_TIMEZONE"),
    }
}

/// Where a configuration file may be, the weakest first.
pub(super) fn files() -> Vec<PathBuf> {
    if std::env::var_os("FAREBOX_NO_CONFIG").is_some_and(|value| !value.is_empty()) {
        return Vec::new();
    }
    let system = cfg!(unix).then(|| PathBuf::from("/etc/farebox/config.yaml"));
    let user = config_folder(|name| std::env::var_os(name)).map(|folder| folder.join("config.yaml"));
    let project = std::env::current_dir().ok().map(|folder| project_file(&folder));
    [system, user, project].into_iter().flatten().collect()
}

/// The project's file: the nearest one, or the place where it would be.
fn project_file(folder: &Path) -> PathBuf {
    let nearest = folder.ancestors().map(|folder| folder.join(PROJECT_FILE)).find(|file| file.is_file());
    nearest.unwrap_or_else(|| folder.join(PROJECT_FILE))
}
