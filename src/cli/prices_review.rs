//! `farebox prices review`: what public databases say against the table, and price files with what was accepted.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

use super::price_files::price_files;
use super::prices_import::{read_text, unreadable};
use super::shared::{OutputFlags, Setup, TableFlags, price_file_of};
use super::{plural, say};
use crate::cli::choice::choice;
use crate::cli::error::Error;
use farebox::files::{LockedFile, cannot_write};
use farebox::jobs::JobError;
use farebox::jobs::prices::review::{AcceptedPart, ReviewQuery, accepted, review, state_accepted};
use farebox::period::Instant;
use farebox::pricing::PriceTable;
use farebox::pricing::compile::PriceFile;
use farebox::pricing::import::read;
use farebox::pricing::review::edit::Accepted;
use farebox::pricing::review::{ReviewClass, ReviewSource};

/// Review public price databases against the table, and write what is accepted into price files
///
/// Lists first what two databases agree on against the table, then what is for a person to decide, models that are new,
/// and models that are no longer listed. --accept writes into the price files of --table: a changed price ends its
/// period and begins the next, dated and with its source; `checked` raises the day of sources whose prices and listings
/// a database gives again. All files are written, or none.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox prices review litellm.json=2026-11-20 data.json api.json
  farebox prices review litellm.json data.json --table pricing --accept agreed,checked
  farebox prices review litellm.json --table pricing --accept openai/gpt-6-astra --show single")]
pub(crate) struct ReviewArgs {
    /// Files of databases, as `prices import` reads them; FILE=DAY says when one was made [default: the day of --at]
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// The folder of price files to review; the bundled table when left out
    #[arg(long, value_name = "FOLDER")]
    table: Option<PathBuf>,
    /// Write this into the files of --table: agreed, new, gone, checked, or the provider/model of a row; repeatable
    #[arg(long, value_name = "WHAT", requires = "table", value_delimiter = ',')]
    accept: Vec<AcceptedPart>,
    /// Only this provider; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER")]
    provider: Vec<String>,
    /// The rows to show; all when left out; repeatable
    #[arg(long, value_parser = choice(ReviewClass::ALL, ReviewClass::name, ReviewClass::about), value_name = "CLASS")]
    show: Vec<ReviewClass>,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn run(args: &ReviewArgs) -> Result<(), Error> {
    let mut setup = args.prices.setup()?;
    let sources = args.files.iter().map(|file| source(file, &setup)).collect::<Result<Vec<_>, _>>()?;
    let mut files = match &args.table {
        Some(folder) => price_files(std::slice::from_ref(folder))?,
        None => Vec::new(),
    };
    let mut locked = Vec::new();
    if !args.accept.is_empty() {
        locked = lock_all(&files)?;
        // Another process may have accepted something before they were locked.
        for (file, locked) in files.iter_mut().zip(&locked) {
            *file = price_file_of(&file.path, locked.bytes())?;
        }
    }
    if args.table.is_some() {
        let table =
            PriceTable::of_files(&files, "files").map_err(|problems| JobError::of_price_files(&problems, &files))?;
        setup.table = table.into();
    }
    let prices: Vec<PriceFile> = files.iter().filter(|file| !file.path.ends_with("table.yaml")).cloned().collect();
    let query = ReviewQuery { providers: args.provider.clone(), show: args.show.clone() };
    let (mut report, found) = review(&sources, &prices, &query, &setup)?;
    if args.accept.is_empty() {
        return args.output.write(report);
    }
    let done = accepted(&found, &args.accept, &sources, &prices)
        .map_err(|problems| JobError::of_price_files(&problems, &prices))?;
    write_all(&done.files, &files, &mut locked)?;
    state_accepted(&mut report, &done);
    args.output.write(report)?;
    told(&done);
    Ok(())
}

/// A database and its day, out of `FILE` or `FILE=DAY`.
fn source(named: &str, setup: &Setup) -> Result<ReviewSource, Error> {
    let dated = named.rsplit_once('=').and_then(|(file, day)| Some((file, day.parse::<Instant>().ok()?)));
    let (file, day) = dated.unwrap_or((named, setup.at));
    let path = Path::new(file);
    let text = read_text(path)?;
    let database = read(&text, None).map_err(|error| unreadable(file, &error))?;
    let name = path.file_name().map_or_else(|| file.to_owned(), |name| name.to_string_lossy().into_owned());
    let day = day.date().to_string().parse().unwrap_or(day);
    Ok(ReviewSource { name, database, day })
}

/// Locks all files in the order of their paths, so that two processes never wait for each other.
fn lock_all(files: &[PriceFile]) -> Result<Vec<LockedFile>, Error> {
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|at| files.get(*at).map(|file| &file.path));
    let mut locked = Vec::new();
    for at in order {
        let Some(file) = files.get(at) else { continue };
        let path = Path::new(&file.path);
        locked.push((at, LockedFile::open(path).map_err(|error| cannot_write(path, &error))?));
    }
    locked.sort_by_key(|(at, _)| *at);
    Ok(locked.into_iter().map(|(_, locked)| locked).collect())
}

/// Writes all files, or none: each gets its name only when all are on the disk.
///
/// * `all`, `locked`: every file of the table, and its lock.
fn write_all(files: &[PriceFile], all: &[PriceFile], locked: &mut [LockedFile]) -> Result<(), Error> {
    let mut whole = Vec::new();
    for (old, locked) in all.iter().zip(locked) {
        let Some(file) = files.iter().find(|file| file.path == old.path) else { continue };
        let path = Path::new(&file.path);
        let text = with_line_ends_of(&String::from_utf8_lossy(locked.bytes()), &file.text);
        let new = locked.replacement(text.as_bytes()).map_err(|error| cannot_write(path, &error))?;
        whole.push((path, new));
    }
    for (path, new) in whole {
        new.finish().map_err(|error| cannot_write(path, &error))?;
    }
    Ok(())
}

/// A text whose lines end as they did: a line that was there before as there, in their order, a new one as most do.
fn with_line_ends_of(old: &str, new: &str) -> String {
    const CRLF: &str = "\r\n";
    let mut ends: HashMap<&str, VecDeque<&str>> = HashMap::new();
    let (mut with_return, mut all) = (0, 0_usize);
    for line in old.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let end = if line.ends_with(CRLF) { CRLF } else { "\n" };
        ends.entry(line.trim_end_matches(['\r', '\n'])).or_default().push_back(end);
        with_return += usize::from(end == CRLF);
        all += 1;
    }
    let most = if with_return * 2 > all { CRLF } else { "\n" };
    let lines = new.split_inclusive('\n').map(|line| match line.strip_suffix('\n') {
        Some(text) => {
            let known = ends.get_mut(text.trim_end_matches('\r')).and_then(VecDeque::pop_front);
            format!("{text}{}", known.unwrap_or(most))
        }
        None => line.to_owned(),
    });
    lines.collect()
}

/// What was written and what was not, on stderr.
fn told(done: &Accepted) {
    for file in &done.files {
        say(&format!("wrote {}", file.path));
    }
    say(&format!(
        "{} accepted, {} left to be written by hand",
        plural(done.written.len() as u64, "model"),
        done.left.len()
    ));
    for raised in &done.raised {
        let kept = match raised.kept {
            0 => String::new(),
            kept => format!(", {kept} keep the old day"),
        };
        say(&format!(
            "checked: {}:{}: {}: {} → {}: {} confirmed{kept}",
            raised.path, raised.line, raised.name, raised.from, raised.to, raised.confirmed
        ));
    }
    for left in &done.left {
        say(&format!("left: {left}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_they_did() {
        let cases = [
            ("a\r\nb\r\n", "a\nnew\nb\n", "a\r\nnew\r\nb\r\n"),
            ("a\nb\n", "new\na\nb\n", "new\na\nb\n"),
            ("a\r\nb\na\r\nc", "a\nb\nnew\na\nc", "a\r\nb\nnew\r\na\r\nc"),
            ("a\r\nb", "b\nc", "b\r\nc"),
            ("", "a\n", "a\n"),
        ];
        for (old, new, want) in cases {
            assert_eq!(with_line_ends_of(old, new), want, "{old:?} {new:?}");
        }
    }
}
