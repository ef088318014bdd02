//! Files that are being written when somebody ends the program: removed, and then the program ends as it would have.

use farebox::files;

/// Has the program clean up on signals from its first file on; a command that writes none pays nothing.
pub(crate) fn clean_up() {
    files::before_first_file(watch);
}

#[cfg(unix)]
fn watch() {
    use signal_hook::iterator::Signals;

    let Ok(mut signals) = Signals::new(watched()) else { return };
    let waiting = move || {
        if let Some(signal) = signals.forever().next() {
            files::remove_unfinished(|| end_by(signal));
        }
    };
    // Without the thread a signal would be swallowed, so a failure to start it is one to end with.
    if std::thread::Builder::new().name("signals".to_owned()).spawn(waiting).is_err() {
        super::say(
            "error: the system gives no thread to wait for signals\n  help: end other programs, or raise `ulimit -u`",
        );
        std::process::exit(5);
    }
}

/// Ctrl-C, `kill` and a closed terminal, but for those that the program was started to ignore, as `nohup` does.
#[cfg(unix)]
fn watched() -> Vec<i32> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    let ignored = std::fs::read_to_string("/proc/self/status").ok().and_then(|status| ignored_in(&status));
    match ignored {
        Some(ignored) => {
            [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0).collect()
        }
        // Who ignores what cannot be asked here, and `nohup` is commoner than a terminal closed while a file is written.
        None => vec![SIGINT, SIGTERM],
    }
}

/// The set of ignored signals in Linux' description of a process.
#[cfg(unix)]
fn ignored_in(status: &str) -> Option<u64> {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(set.trim(), 16).ok()
}

/// Ends as without a handler, so that a shell sees by what: its code is 128 and the signal's number.
#[cfg(unix)]
fn end_by(signal: i32) {
    // The first process of a container does not die of a signal that it raises itself.
    if std::process::id() != 1 {
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
    signal_hook::low_level::exit(128 + signal)
}

/// Elsewhere the system ends the program at once, and a temporary file may stay.
#[cfg(not(unix))]
fn watch() {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_nohup_ignores_is_read_from_the_status() {
        assert_eq!(ignored_in("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"), Some(0x1001));
        assert_eq!(ignored_in("Name:\tx\n"), None);
    }
}
