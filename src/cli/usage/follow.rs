//! `farebox usage --follow`: looks at files again and again, and folders for new ones.

use std::io::Write;
use std::time::{Duration, Instant as Clock};

use super::places::{places, say_passed_over};
use super::screen::WARNINGS;
use super::{Setup, UsageArgs, UsageQuery};
use crate::cli::clock;
use crate::cli::error::Error;
use crate::cli::out::Out;
use crate::cli::progress::Progress;
use crate::cli::say;
use farebox::input::calls::places::Places;
use farebox::input::text::Source;
use farebox::jobs::error::with_help;
use farebox::jobs::usage::follow::{FollowNews, Follower};
use farebox::report::{Format, inert};

/// How often files are looked at.
const EVERY: Duration = Duration::from_millis(500);

/// How often folders are looked through for new files.
const LOOK: Duration = Duration::from_secs(2);

/// Reads on until it is interrupted.
pub(super) fn follow(args: &UsageArgs, begun_with: Places, query: &UsageQuery, setup: &Setup) -> Result<(), Error> {
    let sources = refuse(args, begun_with)?;
    let mut follower = Follower::new(query, setup);
    let begun = Clock::now();
    let mut looked = begun;
    let mut shown = Shown {
        warned: 0,
        progress: Progress::on_terminal(args.output.quiet)
            .map(|shown| shown.of(sources.iter().map(Source::size).sum())),
    };
    sources.into_iter().for_each(|source| follower.add(source, begun.elapsed()));
    loop {
        let changed = follower.read(begun.elapsed(), &mut |news| shown.take(news));
        if let Some(mut progress) = shown.progress.take() {
            progress.clear();
        }
        let settled = follower.settle(begun.elapsed(), &mut |news| shown.take(news));
        if (changed || settled) && !print(&mut follower, query)? {
            return Ok(());
        }
        if args.strict && follower.unpriced() > 0 {
            return Err(Error::Strict(follower.unpriced()));
        }
        if args.strict && follower.unread_records() > 0 {
            return Err(Error::Unread(follower.unread_records()));
        }
        std::thread::sleep(EVERY);
        if looked.elapsed() >= LOOK {
            looked = Clock::now();
            // What is missing was said at the beginning.
            if let Ok(found) = places(&args.files, args.from, false) {
                found.sources.into_iter().for_each(|source| follower.add(source, begun.elapsed()));
            }
        }
    }
}

/// The files to follow, with what was passed over said.
fn refuse(args: &UsageArgs, places: Places) -> Result<Vec<Source>, Error> {
    if places.sources.contains(&Source::Stdin) {
        let help = "help: name the file, or pipe it into --format jsonl without --follow";
        return Err(Error::Usage(format!("standard input cannot be followed: it has no size\n  {help}")));
    }
    if !matches!(args.output.format, Format::Table | Format::Jsonl) || args.output.output.is_some() {
        let help = "help: leave out --format and --output, or write --format jsonl > FILE";
        return Err(Error::Usage(format!(
            "--follow says sums, or with --format jsonl records, as they come\n  {help}"
        )));
    }
    say_passed_over(&places, args.output.quiet);
    places.failed.iter().for_each(|error| say(&format!("warning: {}", with_help(error, error.help()))));
    Ok(places.sources)
}

/// What was said so far; progress is shown until everything was read once.
struct Shown {
    warned: u64,
    progress: Option<Progress>,
}

impl Shown {
    fn take(&mut self, news: FollowNews) {
        match news {
            FollowNews::Note(note) => say(&format!("note: {note}")),
            FollowNews::Warning(warning) => say(&format!("warning: {warning}")),
            FollowNews::Read(bytes) => self.progress.iter_mut().for_each(|progress| progress.add(bytes)),
            FollowNews::Unpriced(file, line, what) => {
                self.warned += 1;
                match self.warned {
                    ..=WARNINGS => say(&format!("warning: {file}:{line}: {what}")),
                    n if n == WARNINGS + 1 => say("warning: more refusals are not listed; the sums count them"),
                    _ => {}
                }
            }
        }
    }
}

/// Prints what is new. Says whether the output is still read.
fn print(follower: &mut Follower, query: &UsageQuery) -> Result<bool, Error> {
    let mut out = Out::open(None)?;
    let written = if query.rows {
        out.write_all(&follower.take_rows())
    } else {
        let now = clock::now()?.moment();
        writeln!(out, "{now} {}", inert(&follower.sentence()))
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        other => Ok(other.map(|()| true)?),
    }
}
