//! The texts of a zip archive, one after the other as streams: memory does not depend on what they unpack to.
//!
//! An archive of a few megabytes can unpack to terabytes, so what is read of one is bounded by [`ArchiveLimit`]. An archive in an
//! archive is named and not opened.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::CrcReader;
use zip::{CompressionMethod, ZipArchive};

use super::part::{PEEK, Part, Parts, is_packed, is_zip, unpacked};
use crate::input::text::InputError;

/// How much an archive may unpack to. Logs shrink to a fifth or a fiftieth, and text written for the purpose to a
/// thousandth.
#[derive(Clone, Copy, Debug)]
pub(super) struct ArchiveLimit {
    /// Any archive may unpack to this many bytes.
    least: u64,
    /// Others to this many times their own size.
    ratio: u64,
    /// None to more than this.
    most: u64,
}

/// What holds for all archives that are read.
const LIMIT: ArchiveLimit = ArchiveLimit { least: 256 << 20, ratio: 200, most: 64 << 30 };

/// An archive from a pipe has to be kept in memory, because its table of contents is at its end.
const LONGEST_PIPED: u64 = 256 << 20;

/// The bytes of an archive.
#[derive(Clone)]
pub(super) enum ArchiveBytes {
    File(PathBuf),
    Memory(Arc<[u8]>),
}

trait Seekable: Read + Seek + Send {}
impl<T: Read + Seek + Send> Seekable for T {}

impl ArchiveBytes {
    /// Keeps what comes out of a pipe.
    pub(super) fn of_pipe(raw: impl Read, name: &str) -> Result<Self, InputError> {
        let mut bytes = Vec::new();
        raw.take(LONGEST_PIPED + 1).read_to_end(&mut bytes).map_err(|error| InputError::reading(name, error))?;
        if bytes.len() as u64 > LONGEST_PIPED {
            let what = format!("a zip archive of more than {} from a pipe", size(LONGEST_PIPED));
            return Err(unreadable(name, &what, "save it to a file and name the file"));
        }
        Ok(ArchiveBytes::Memory(bytes.into()))
    }

    fn reader(&self) -> io::Result<Box<dyn Seekable>> {
        Ok(match self {
            ArchiveBytes::File(path) => Box::new(File::open(path)?),
            ArchiveBytes::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
        })
    }
}

/// The texts of an archive.
pub(super) struct Members {
    archive: ZipArchive<BufReader<Box<dyn Seekable>>>,
    bytes: ArchiveBytes,
    name: String,
    next: usize,
    budget: Arc<ArchiveBudget>,
    is_spent: bool,
    /// Folders and files that repeat what is in others.
    repeats: &'static [&'static str],
}

impl Members {
    pub(super) fn open(bytes: ArchiveBytes, name: String) -> Result<Self, InputError> {
        Self::within(bytes, name, LIMIT)
    }

    fn within(bytes: ArchiveBytes, name: String, limit: ArchiveLimit) -> Result<Self, InputError> {
        let failed = |error| InputError::reading(&name, error);
        let mut reader = bytes.reader().map_err(failed)?;
        let length = reader.seek(SeekFrom::End(0)).map_err(failed)?;
        let archive = ZipArchive::new(BufReader::new(reader)).map_err(|error| damaged(&name, &error))?;
        let most = length.saturating_mul(limit.ratio).max(limit.least).min(limit.most);
        let budget = Arc::new(ArchiveBudget { most, unpacked: AtomicU64::new(0) });
        let repeats = repeats(archive.file_names().filter_map(Result::ok));
        Ok(Members { archive, bytes, name, next: 0, budget, is_spent: false, repeats })
    }

    fn member(&mut self, index: usize) -> Result<Option<Part<'static>>, InputError> {
        let file = self.archive.by_index_raw(index).map_err(|error| damaged(&self.name, &error))?;
        let is_repeat = file.name().is_ok_and(|name| {
            self.repeats.iter().any(|repeat| {
                // A folder with all that is in it, or one file.
                if repeat.ends_with('/') { name.starts_with(repeat) } else { name == *repeat }
            })
        });
        if file.is_dir() || is_repeat {
            return Ok(None);
        }
        let shown = file.name().map_or_else(|_| self.name.clone(), |inside| format!("{}:{inside}", self.name));
        let failed = |error| InputError::reading(&shown, error);
        if file.encrypted() {
            return Err(unreadable(&shown, "encrypted", "unpack the archive and name its files"));
        }
        let packed = file.compressed_size();
        let mut raw = BufReader::with_capacity(PEEK, self.bytes.reader().map_err(failed)?);
        raw.seek(SeekFrom::Start(file.data_start().unwrap_or_default())).map_err(failed)?;
        let raw = raw.take(packed);
        let bytes: Box<dyn Read + Send> = match file.compression() {
            CompressionMethod::Stored => Box::new(raw),
            CompressionMethod::Deflated => Box::new(flate2::bufread::DeflateDecoder::new(raw)),
            other => {
                let what = format!("compressed by a method that farebox does not read ({other})");
                return Err(unreadable(&shown, &what, "unpack the archive and name its files"));
            }
        };
        let checked = ChecksumReader { bytes: CrcReader::new(bytes), crc: file.crc32() };
        let bounded: Box<dyn Read + Send> = Box::new(Bounded { reader: checked, budget: self.budget.clone() });
        let mut text = BufReader::with_capacity(PEEK, bounded);
        let magic = text.fill_buf().unwrap_or_default();
        if is_zip(magic) {
            return Err(unreadable(&shown, "an archive in an archive", "unpack the outer one and name its files"));
        }
        let is_packed = is_packed(magic);
        let mut text = unpacked(text, &shown)?;
        if is_packed {
            // What is packed twice counts as both of what comes out.
            text = Box::new(Bounded { reader: text, budget: self.budget.clone() });
        }
        Ok(Some(Part::new(shown, text)))
    }
}

impl Iterator for Members {
    type Item = Result<Part<'static>, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_spent {
            if self.budget.is_spent() {
                self.is_spent = true;
                let what = format!("{}; what was read before counts, and the sums are incomplete", self.budget);
                return Some(Err(unreadable(
                    &self.name,
                    &what,
                    "unpack it yourself, look at what is in it, and name its files",
                )));
            }
            if self.next >= self.archive.len() {
                return None;
            }
            self.next += 1;
            match self.member(self.next - 1) {
                Ok(None) => {}
                Ok(Some(part)) => return Some(Ok(part)),
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }
}

impl Members {
    /// As the parts of any source.
    pub(super) fn into_parts<'s>(self) -> Parts<'s> {
        // A part that needs nothing is also one that needs no more than its source.
        fn of_source<'s>(part: Result<Part<'static>, InputError>) -> Result<Part<'s>, InputError> {
            part
        }
        Box::new(self.map(of_source))
    }
}

/// What repeats others in an archive: a log of inspect_ai has its samples once whole, and once more in its journal, its
/// summaries and its header; where it has none, the header alone says what was used. What somebody else put into the archive
/// is read like any file.
fn repeats<'n>(names: impl Iterator<Item = Cow<'n, str>>) -> &'static [&'static str] {
    let (mut header, mut journal, mut samples) = (false, false, false);
    for name in names {
        header |= name == "header.json";
        journal |= name == "_journal/start.json";
        samples |= name.starts_with("samples/");
    }
    match () {
        () if samples && (header || journal) => &["_journal/", "summaries.json", "reductions.json", "header.json"],
        () if header && journal => &["_journal/", "summaries.json", "reductions.json"],
        () => &[],
    }
}

fn damaged(name: &str, error: &dyn std::fmt::Display) -> InputError {
    InputError::reading(name, io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
}

fn unreadable(name: &str, what: &str, help: &str) -> InputError {
    InputError::Archive { path: name.to_owned(), what: what.to_owned(), help: help.to_owned() }
}

fn size(bytes: u64) -> String {
    if bytes >= 10 << 30 { format!("{} GB", bytes >> 30) } else { format!("{} MB", bytes >> 20) }
}

/// What an archive may still unpack to.
struct ArchiveBudget {
    most: u64,
    unpacked: AtomicU64,
}

impl ArchiveBudget {
    fn is_spent(&self) -> bool {
        self.unpacked.load(Ordering::Relaxed) > self.most
    }
}

impl std::fmt::Display for ArchiveBudget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the archive unpacks to more than {}, the limit for one of its size", size(self.most))
    }
}

/// Stops at the limit.
struct Bounded<R> {
    reader: R,
    budget: Arc<ArchiveBudget>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.budget.is_spent() {
            return Err(io::Error::other(self.budget.to_string()));
        }
        let read = self.reader.read(buffer)?;
        self.budget.unpacked.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Compares the checksum at the end.
struct ChecksumReader<R> {
    bytes: CrcReader<R>,
    crc: u32,
}

impl<R: Read> Read for ChecksumReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        if read == 0 && !buffer.is_empty() && self.bytes.crc().sum() != self.crc {
            let what = "its checksum does not fit: the archive is damaged";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::write::SimpleFileOptions;

    const SMALL: ArchiveLimit = ArchiveLimit { least: 1 << 20, ratio: 100, most: 1 << 30 };

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn read(bytes: Vec<u8>, limit: ArchiveLimit) -> Vec<Result<(String, io::Result<u64>), String>> {
        let members = Members::within(ArchiveBytes::Memory(bytes.into()), "a.zip".into(), limit).unwrap();
        let length = |mut part: Part| (part.name.clone(), io::copy(&mut part.reader, &mut io::sink()));
        members
            .map(|part| {
                part.map(length).map_err(|error| format!("{error}\n  help: {}", error.help().unwrap_or_default()))
            })
            .collect()
    }

    #[test]
    fn an_archive_that_unpacks_to_too_much_ends_with_an_error() {
        // 8 MB of zeros pack to 8 kB: a thousandth.
        let bomb = archive(&[("good.jsonl", b"{}\n"), ("zeros", &vec![0; 8 << 20]), ("behind.jsonl", b"{}\n")]);
        assert!(bomb.len() < 20_000, "{}", bomb.len());
        let parts = read(bomb, SMALL);
        assert!(matches!(&parts[0], Ok((name, Ok(3))) if name == "a.zip:good.jsonl"));
        let Ok((_, Err(error))) = &parts[1] else { panic!("{parts:?}") };
        assert!(error.to_string().contains("unpacks to more than 1 MB"), "{error}");
        let Err(error) = &parts[2] else { panic!("{parts:?}") };
        assert!(
            error.contains("a.zip: the archive unpacks to more than 1 MB") && error.contains("\n  help: "),
            "{error}"
        );
        assert_eq!(parts.len(), 3, "nothing is read behind the limit");
    }

    #[test]
    fn what_many_files_unpack_to_is_added_up() {
        let zeros = vec![0; 600 << 10];
        let parts = read(archive(&[("a", &zeros), ("b", &zeros), ("c", &zeros)]), SMALL);
        assert!(matches!(&parts[..], [Ok((_, Ok(_))), Ok((_, Err(_))), Err(_)]), "{parts:?}");
    }

    #[test]
    fn the_limit_grows_with_the_archive() {
        let mut state = 1_u64;
        let mut noise = Vec::new();
        while noise.len() < 20 << 10 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            noise.push((state >> 56) as u8);
        }
        let parts = read(archive(&[("noise", &noise), ("zeros", &vec![0; 1 << 20])]), SMALL);
        assert!(parts.iter().all(|part| matches!(part, Ok((_, Ok(_))))), "{parts:?}");
    }

    #[test]
    fn what_cannot_be_read_is_named_and_the_others_are_read() {
        let inner = archive(&[("x.jsonl", b"{}\n")]);
        let parts = read(archive(&[("inner.zip", &inner), ("b.jsonl", b"{}\n{}\n")]), SMALL);
        let Err(error) = &parts[0] else { panic!("{parts:?}") };
        assert!(error.starts_with("a.zip:inner.zip: an archive in an archive"), "{error}");
        assert!(matches!(&parts[1], Ok((name, Ok(6))) if name == "a.zip:b.jsonl"), "{parts:?}");
        // One byte of the packed text is another.
        let mut damaged = archive(&[("a.jsonl", b"{\"model\":\"gpt-4o\"}\n")]);
        let at = damaged.windows(7).position(|w| w == b"a.jsonl").unwrap() + 12;
        damaged[at] ^= 1;
        assert!(matches!(&read(damaged, SMALL)[..], [Ok((_, Err(_)))]));
    }

    #[test]
    fn a_log_of_an_evaluation_is_read_once() {
        let names = |files: &[&str]| -> Vec<String> {
            let bytes = archive(&files.iter().map(|name| (*name, b"{}\n".as_slice())).collect::<Vec<_>>());
            read(bytes, SMALL).into_iter().map(|part| part.unwrap().0.replace("a.zip:", "")).collect()
        };
        let journal = ["_journal/start.json", "_journal/summaries/1.json", "summaries.json", "header.json"];
        let samples = ["samples/1_epoch_1.json", "samples/2_epoch_1.json"];
        assert_eq!(names(&[&journal[..], &samples].concat()), samples);
        assert_eq!(names(&journal), ["header.json"]);
        assert_eq!(names(&["samples/a.jsonl", "logs/b.jsonl"]), ["samples/a.jsonl", "logs/b.jsonl"]);
        // What is not of the log is not passed over.
        assert_eq!(
            names(&[&journal[..], &samples, &["usage.jsonl", "header.jsonl"]].concat()),
            ["samples/1_epoch_1.json", "samples/2_epoch_1.json", "usage.jsonl", "header.jsonl"]
        );
        assert_eq!(names(&[&journal[..], &["more/usage.jsonl"]].concat()), ["header.json", "more/usage.jsonl"]);
    }

    #[test]
    fn gzip_in_an_archive_is_unpacked_within_the_limit() {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gz.write_all(&vec![0; 8 << 20]).unwrap();
        let gz = gz.finish().unwrap();
        let parts = read(archive(&[("a.gz", &gz)]), SMALL);
        assert!(matches!(&parts[..], [Ok((_, Err(_))), Err(_)]), "{parts:?}");
    }
}
