//! The folder where farebox keeps what the user gave it, price overlays and vocabularies, and the one for what it has
//! made itself and can make again.

use std::ffi::OsString;
use std::path::PathBuf;

use super::say;
use crate::cli::error::Error;
use farebox::tokenizer::store::Store;

/// The vocabularies that the user added.
///
/// # Errors
/// [`Error::Usage`] where no data folder is known.
pub(crate) fn tokenizers() -> Result<Store, Error> {
    Ok(Store::in_folder(data_folder(|name| std::env::var_os(name))?.join("tokenizers")))
}

/// Lets tokenizers keep their tables in the cache folder, where there is one and the user did not turn it off.
pub(crate) fn keep_tables() {
    if let Some(folder) = cache_folder(|name| std::env::var_os(name)) {
        farebox::tokenizer::prepared::keep_in(folder);
    }
}

/// Says that the cache folder was not used, where it was needed and others could have written what is in it.
pub(crate) fn say_distrust() {
    let is_quiet = || std::env::args_os().any(|word| word == "--quiet" || word == "-q");
    if let Some(distrust) = farebox::tokenizer::prepared::distrust().filter(|_| !is_quiet()) {
        say(&format!("note: {distrust}\n  help: {}", distrust.help()));
    }
}

/// Where systems keep one kind of a program's files.
struct SystemFolder {
    /// The variable that names the place on Windows, and what is below the program's name there.
    windows: (&'static str, &'static str),
    /// Below the home folder on macOS.
    macos: &'static str,
    /// The variable that names the place elsewhere, and the place below the home folder where it is not set.
    unix: (&'static str, &'static str),
}

const CACHE: SystemFolder =
    SystemFolder { windows: ("LOCALAPPDATA", "cache"), macos: "Library/Caches", unix: ("XDG_CACHE_HOME", ".cache") };

const DATA: SystemFolder = SystemFolder {
    windows: ("APPDATA", ""),
    macos: "Library/Application Support",
    unix: ("XDG_DATA_HOME", ".local/share"),
};

const CONFIG: SystemFolder = SystemFolder {
    windows: ("APPDATA", ""),
    macos: "Library/Application Support",
    unix: ("XDG_CONFIG_HOME", ".config"),
};

/// The folder of the user's configuration file; `None` where no home is known.
pub(crate) fn config_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    system_folder(&folder, &CONFIG)
}

/// The program's folder of a kind, by the environment and the customs of the system.
fn system_folder(folder: &dyn Fn(&str) -> Option<PathBuf>, kind: &SystemFolder) -> Option<PathBuf> {
    let home = |below: &str| folder("HOME").map(|home| home.join(below));
    if cfg!(windows) {
        let own = folder(kind.windows.0)?.join("farebox");
        return Some(if kind.windows.1.is_empty() { own } else { own.join(kind.windows.1) });
    }
    let place = if cfg!(target_os = "macos") {
        home(kind.macos)
    } else {
        // A relative path there is to be ignored, as the specification of the base folders says.
        folder(kind.unix.0).filter(|path| path.is_absolute()).or_else(|| home(kind.unix.1))
    };
    Some(place?.join("farebox"))
}

/// The folder for what can be made again at any time, by the environment and the customs of the system; `None` where
/// nothing is to be kept.
fn cache_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if folder("FAREBOX_NO_CACHE").is_some() {
        return None;
    }
    if let Some(own) = folder("FAREBOX_CACHE_DIR") {
        return Some(own);
    }
    system_folder(&folder, &CACHE).map(|folder| folder.join("tables"))
}

/// The folder for farebox's files, by the environment and the customs of the system.
pub(crate) fn data_folder(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Error> {
    let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(own) = folder("FAREBOX_DATA_DIR") {
        return Ok(own);
    }
    system_folder(&folder, &DATA).ok_or_else(|| {
        Error::Usage("no data folder is known: HOME is not set\n  help: FAREBOX_DATA_DIR names a folder".into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn the_cache_folder_follows_the_environment() {
        let folder = |set: &[(&str, &str)]| {
            let variable = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
            cache_folder(variable).map(|path| path.display().to_string())
        };
        assert_eq!(folder(&[("FAREBOX_CACHE_DIR", "/own"), ("HOME", "/home/me")]).as_deref(), Some("/own"));
        assert_eq!(folder(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/home/me")]).as_deref(), Some("/c/farebox/tables"));
        assert_eq!(folder(&[("XDG_CACHE_HOME", "c"), ("HOME", "/me")]).as_deref(), Some("/me/.cache/farebox/tables"));
        assert_eq!(folder(&[("FAREBOX_NO_CACHE", "1"), ("FAREBOX_CACHE_DIR", "/own")]), None);
        assert_eq!(folder(&[]), None);
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn the_data_folder_follows_the_environment() {
        let folder = |set: &[(&str, &str)]| {
            let variable = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
            data_folder(variable).ok().map(|path| path.display().to_string())
        };
        type Case = (&'static [(&'static str, &'static str)], Option<&'static str>);
        let cases: [Case; 6] = [
            (&[("FAREBOX_DATA_DIR", "/own"), ("HOME", "/home/me")], Some("/own")),
            (&[("XDG_DATA_HOME", "/data"), ("HOME", "/home/me")], Some("/data/farebox")),
            (&[("XDG_DATA_HOME", "data"), ("HOME", "/home/me")], Some("/home/me/.local/share/farebox")),
            (&[("XDG_DATA_HOME", ""), ("HOME", "/home/me")], Some("/home/me/.local/share/farebox")),
            (&[("HOME", "/home/me")], Some("/home/me/.local/share/farebox")),
            (&[], None),
        ];
        for (set, want) in cases {
            assert_eq!(folder(set).as_deref(), want, "{set:?}");
        }
    }
}
