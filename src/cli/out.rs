//! Where a command writes its data: standard output, or a file that appears only when it is whole.
//!
//! Start reading at [`Out`]. A reader that goes away (`farebox … | head`) is no failure: every write then answers
//! [`io::ErrorKind::BrokenPipe`], so that the work behind it stops early, and [`Out::write_with`] and [`Out::finish`]
//! take that for a quiet end.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anstream::AutoStream;
use clap::ColorChoice;

use farebox::report::Screen;

/// The output of a command, buffered; standard output stays locked as long as it lives.
///
/// # Examples
/// ```
/// use farebox::cli::out::Out;
/// use std::io::{self, Write};
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("report.txt");
/// Out::open(Some(&path))?.write_with(|out| writeln!(out, "2 records"))?;
/// assert_eq!(std::fs::read_to_string(&path)?, "2 records\n");
///
/// // A body that fails leaves the file as it was.
/// let failed = Out::open(Some(&path))?.write_with(|out| {
///     writeln!(out, "1 rec")?;
///     Err::<(), _>(io::Error::other("line 2 is no record"))
/// });
/// assert!(failed.is_err());
/// assert_eq!(std::fs::read_to_string(&path)?, "2 records\n");
/// # Ok::<(), io::Error>(())
/// ```
#[must_use = "a file that is not finished is thrown away"]
pub struct Out {
    sink: BufWriter<Box<dyn Write>>,
    /// The file that gets its name in the end, declared after the sink so that it is closed before it is removed.
    unfinished: Option<Unfinished>,
    /// What errors call it; nothing for standard output.
    path: Option<PathBuf>,
    is_terminal: bool,
    color_if_auto: bool,
    reader_left: bool,
}

impl Out {
    /// Opens the file that `--output` names, or standard output where it names none or `-`.
    ///
    /// A regular file is written next to its place and renamed when it is finished, so that no reader ever sees half of
    /// it and a failed run leaves the old one, whose permissions the new one takes over. Anything else that has a name
    /// (a device, a named pipe) is written to directly.
    ///
    /// # Errors
    /// The file cannot be made, or may not be replaced; the message names it.
    pub fn open(output: Option<&Path>) -> io::Result<Out> {
        match output.filter(|path| *path != Path::new("-")) {
            None => Ok(Self::stdout()),
            Some(path) => Self::file(path).map_err(|error| naming(path, &error)),
        }
    }

    fn stdout() -> Out {
        let stdout = io::stdout();
        let color_if_auto = AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
        let is_terminal = stdout.is_terminal();
        // Passes everything through; on Windows it also makes an older console understand escape sequences.
        Out { is_terminal, color_if_auto, ..Self::to(AutoStream::always_ansi(stdout.lock())) }
    }

    fn file(path: &Path) -> io::Result<Out> {
        let named = Some(path.to_owned());
        match fs::metadata(path) {
            Ok(present) if !present.is_file() => {
                let device = File::options().write(true).open(path)?;
                let color_if_auto = AutoStream::choice(&device) != anstream::ColorChoice::Never;
                Ok(Out { path: named, is_terminal: device.is_terminal(), color_if_auto, ..Self::to(device) })
            }
            Ok(present) if present.permissions().readonly() => Err(io::ErrorKind::PermissionDenied.into()),
            present => {
                let (file, unfinished) = Unfinished::create(path)?;
                if let Ok(present) = present {
                    file.set_permissions(present.permissions())?;
                }
                Ok(Out { path: named, unfinished: Some(unfinished), ..Self::to(file) })
            }
        }
    }

    fn to(sink: impl Write + 'static) -> Out {
        Out {
            sink: BufWriter::new(Box::new(sink)),
            unfinished: None,
            path: None,
            is_terminal: false,
            color_if_auto: false,
            reader_left: false,
        }
    }

    /// What a report on this output may look like: the terminal's width, and colour as `--color` and the environment say.
    ///
    /// With `auto`, colour needs a terminal that knows it; `NO_COLOR` and `CLICOLOR=0` forbid it, `CLICOLOR_FORCE` asks
    /// for it in a pipe as well. A regular file gets colour with `always` only.
    #[must_use]
    pub fn screen(&self, color: ColorChoice) -> Screen {
        let color = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => self.color_if_auto,
        };
        let size = self.is_terminal.then(terminal_size::terminal_size).flatten();
        Screen { width: size.map(|(width, _)| width.0), color }
    }

    /// Runs `body` on the output and finishes it: `None` where the reader went away before the body was through.
    ///
    /// # Errors
    /// What `body` or [`Out::finish`] answers; after an error a regular file is as it was before.
    pub fn write_with<T, E: From<io::Error>>(
        mut self,
        body: impl FnOnce(&mut Out) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        match body(&mut self) {
            Ok(value) => {
                self.finish()?;
                Ok(Some(value))
            }
            Err(_) if self.reader_left => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes what is still in the buffer, and gives a file its name.
    ///
    /// # Errors
    /// The rest cannot be written or the file cannot be renamed. A reader that went away is no error.
    pub fn finish(mut self) -> io::Result<()> {
        if let Err(error) = self.flush() {
            return if self.reader_left { Ok(()) } else { Err(error) };
        }
        let Out { sink, unfinished, path, .. } = self;
        drop(sink);
        match (unfinished, path) {
            (Some(unfinished), Some(path)) => unfinished.rename().map_err(|error| naming(&path, &error)),
            _ => Ok(()),
        }
    }

    /// Remembers that the reader went away, and lets every other error say which file it is about.
    fn noted<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            self.reader_left |= error.kind() == io::ErrorKind::BrokenPipe;
            if let Some(path) = &self.path { naming(path, &error) } else { error }
        })
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.sink.write(bytes);
        self.noted(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.sink.flush();
        self.noted(result)
    }
}

/// The same kind of error, with the path and what to do about it.
fn naming(path: &Path, error: &io::Error) -> io::Error {
    let missing = path.parent().filter(|folder| *folder != Path::new("") && !folder.exists());
    let reason = match missing {
        Some(folder) => {
            format!("the folder {0} does not exist\n  help: create it first: mkdir -p {0}", folder.display())
        }
        None if path.is_dir() => "it is a folder\n  help: name a file in it".to_owned(),
        None => error.to_string(),
    };
    io::Error::new(error.kind(), format!("cannot write {}: {reason}", path.display()))
}

/// A file under a passing name next to its place; removed unless it is renamed.
struct Unfinished {
    /// Where it is now; nothing once it has been renamed.
    temporary: Option<PathBuf>,
    place: PathBuf,
}

impl Unfinished {
    fn create(path: &Path) -> io::Result<(File, Unfinished)> {
        // A link stays a link: what it points to is replaced.
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut attempt = 0;
        loop {
            let temporary = place.with_file_name(format!(".farebox-{}-{attempt}.tmp", std::process::id()));
            match File::create_new(&temporary) {
                Ok(file) => return Ok((file, Unfinished { temporary: Some(temporary), place })),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn rename(mut self) -> io::Result<()> {
        let Some(temporary) = self.temporary.as_ref() else { return Ok(()) };
        fs::rename(temporary, &self.place)?;
        self.temporary = None;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Nothing can be done about a failure here, and the error that led here is the one to report.
            let _ = fs::remove_file(temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output whose reader has already gone away.
    fn abandoned() -> Out {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        Out::to(writer)
    }

    fn names_in(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_reader_that_went_away_stops_the_work_and_is_no_error() {
        let mut lines = 0;
        let written = abandoned().write_with::<(), io::Error>(|out| {
            loop {
                writeln!(out, "{}", "x".repeat(100))?;
                lines += 1;
            }
        });
        assert!(matches!(written, Ok(None)), "{written:?}");
        assert!(lines < 1_000, "the work went on for {lines} lines");
    }

    #[test]
    fn a_reader_that_went_away_before_the_last_flush_is_no_error() {
        let mut out = abandoned();
        writeln!(out, "fits the buffer").unwrap();
        out.finish().unwrap();
    }

    #[test]
    fn an_error_of_the_body_is_not_taken_for_a_closed_pipe() {
        let refused = abandoned().write_with(|_| Err::<(), _>(io::Error::from(io::ErrorKind::BrokenPipe)));
        assert!(refused.is_err(), "the broken pipe was another one");
    }

    #[test]
    fn a_file_appears_only_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.csv");
        let mut out = Out::open(Some(&path)).unwrap();
        out.write_all(&vec![b'x'; 100_000]).unwrap();
        assert!(!path.exists());
        out.finish().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 100_000);
        assert_eq!(names_in(dir.path()), ["report.csv"]);
    }

    #[test]
    fn a_failed_run_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.csv");
        for old in [None, Some("old")] {
            if let Some(old) = old {
                fs::write(&path, old).unwrap();
            }
            let failed = Out::open(Some(&path)).unwrap().write_with(|out| {
                out.write_all(&vec![b'x'; 100_000])?;
                Err::<(), _>(io::Error::other("no"))
            });
            assert_eq!(failed.unwrap_err().to_string(), "no");
            assert_eq!(fs::read_to_string(&path).ok().as_deref(), old);
            assert_eq!(names_in(dir.path()).len(), usize::from(old.is_some()));
        }
    }

    #[test]
    fn an_error_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nowhere").join("report.csv");
        let error = Out::open(Some(&path)).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let folder = path.parent().unwrap();
        let starts = format!("cannot write {}: the folder {} does not exist", path.display(), folder.display());
        assert!(error.to_string().starts_with(&starts), "{error}");
        let error = Out::open(Some(dir.path())).err().unwrap().to_string();
        assert!(error.starts_with(&format!("cannot write {}: it is a folder", dir.path().display())), "{error}");
    }

    #[test]
    fn a_read_only_file_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kept.csv");
        fs::write(&path, "kept").unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        assert_eq!(Out::open(Some(&path)).err().unwrap().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(names_in(dir.path()), ["kept.csv"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_permissions_and_devices_survive() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        Out::open(Some(&link)).unwrap().write_with(|out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(link.is_symlink());

        Out::open(Some(Path::new("/dev/null"))).unwrap().write_with(|out| out.write_all(b"new")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn colour_is_for_those_who_want_it() {
        let dir = tempfile::tempdir().unwrap();
        let out = Out::open(Some(&dir.path().join("report.txt"))).unwrap();
        let cases = [(ColorChoice::Always, true), (ColorChoice::Never, false), (ColorChoice::Auto, false)];
        for (choice, color) in cases {
            assert_eq!(out.screen(choice), Screen { width: None, color }, "{choice}");
        }
    }
}
