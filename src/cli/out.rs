//! Where a command writes its data: standard output, or a file that appears only when it is whole.
//!
//! Start reading at [`Out`]. A reader that goes away (`farebox … | head`) is no failure: every write then answers
//! [`io::ErrorKind::BrokenPipe`], so that the work behind it stops early, and [`Out::write_with`] and [`Out::finish`]
//! take that for a quiet end.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anstream::AutoStream;
use clap::ColorChoice;

use farebox::files::{self, NewFile};
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
pub(crate) struct Out {
    sink: Sink,
    is_terminal: bool,
    color_if_auto: bool,
    reader_left: bool,
}

enum Sink {
    Stream(BufWriter<Box<dyn Write>>),
    File { file: BufWriter<NewFile>, path: PathBuf },
}

impl Out {
    /// Opens the file that `--output` names, or standard output where it names none, `-` or `/dev/stdout`.
    ///
    /// A regular file appears when it is whole and a failed run leaves the old one, whatever else has a name (a device, a
    /// named pipe) is written to directly: see [`NewFile`].
    ///
    /// # Errors
    /// The file cannot be made, or may not be replaced; the message names it.
    pub(crate) fn open(output: Option<&Path>) -> io::Result<Out> {
        let is_stdout =
            |path: &Path| ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].map(Path::new).contains(&path);
        match output.filter(|path| !is_stdout(path)) {
            None => Ok(Self::stdout()),
            Some(path) => Self::file(path).map_err(|error| files::cannot_write(path, &error)),
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
        let file = NewFile::replacing(path)?;
        let (is_terminal, color_if_auto) = match file.direct_file() {
            Some(device) => (device.is_terminal(), AutoStream::choice(device) != anstream::ColorChoice::Never),
            None => (false, false),
        };
        let sink = Sink::File { file: BufWriter::new(file), path: path.to_owned() };
        Ok(Out { sink, is_terminal, color_if_auto, reader_left: false })
    }

    fn to(sink: impl Write + 'static) -> Out {
        let sink = Sink::Stream(BufWriter::new(Box::new(sink)));
        Out { sink, is_terminal: false, color_if_auto: false, reader_left: false }
    }

    /// What a report on this output may look like: the terminal's width, and colour as `--color` and the environment say.
    ///
    /// With `auto`, colour needs a terminal that knows it; `NO_COLOR` and `CLICOLOR=0` forbid it, `CLICOLOR_FORCE` asks
    /// for it in a pipe as well. A regular file gets colour with `always` only.
    #[must_use]
    pub(crate) fn screen(&self, color: ColorChoice) -> Screen {
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
    pub(crate) fn write_with<T, E: From<io::Error>>(
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
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if let Err(error) = self.flush() {
            return if self.reader_left { Ok(()) } else { Err(error) };
        }
        match self.sink {
            Sink::Stream(_) => Ok(()),
            Sink::File { file, path } => {
                let finished = file.into_inner().map_err(io::IntoInnerError::into_error).and_then(NewFile::finish);
                finished.map_err(|error| files::cannot_write(&path, &error))
            }
        }
    }

    /// Does something with the sink; remembers that the reader went away, and lets every other error say which file it is about.
    fn noted<T>(&mut self, with: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
        let (result, path) = match &mut self.sink {
            Sink::Stream(stream) => (with(stream), None),
            Sink::File { file, path } => (with(file), Some(path)),
        };
        result.map_err(|error| {
            self.reader_left |= error.kind() == io::ErrorKind::BrokenPipe;
            if let Some(path) = path { files::cannot_write(path, &error) } else { error }
        })
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.noted(|sink| sink.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.noted(|sink| sink.flush())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
