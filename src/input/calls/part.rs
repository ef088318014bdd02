//! One text of a source: unpacked (gzip, zstd), and as UTF-8, whatever it was saved as.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use encoding_rs_io::DecodeReaderBytesBuilder;

use super::cassette::{Interactions, begins_cassette, may_begin_cassette};
use crate::input::text::{Failure, InputError, beginning};

/// How much is looked at to tell what something is.
pub(super) const PEEK: usize = 1 << 16;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// One text of a source: the whole, or a file of an archive.
pub struct Part<'s> {
    /// What reports call it.
    pub name: String,
    /// How its text begins: the first line, or as much of it as tells what it is.
    pub start: Vec<u8>,
    /// Its text, `start` included.
    pub reader: Box<dyn Read + Send + 's>,
}

impl<'s> Part<'s> {
    pub(super) fn new(name: String, raw: Box<dyn Read + Send + 's>) -> Self {
        let mut reader = as_utf8(raw);
        let mut start = Vec::new();
        let mut block = [0; 4096];
        let mut failure = Failure(None);
        while start.len() < 2 * block.len() && !start.contains(&b'\n') {
            match reader.read(&mut block) {
                Ok(0) => break,
                Ok(read) => start.extend_from_slice(block.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    failure = Failure(Some(error));
                    break;
                }
            }
        }
        if failure.0.is_none() && may_begin_cassette(&start) {
            failure.0 = reader.by_ref().take(block.len() as u64).read_to_end(&mut start).err();
        }
        let whole = Cursor::new(start.clone()).chain(failure).chain(reader);
        if begins_cassette(&start) {
            return Part { name, start: vec![b'{'], reader: Box::new(Interactions::new(whole)) };
        }
        Part { name, start, reader: Box::new(whole) }
    }
}

/// The parts of a source, one after the other.
pub(crate) type Parts<'s> = Box<dyn Iterator<Item = Result<Part<'s>, InputError>> + Send + 's>;

/// Whether bytes begin a file that is compressed by itself.
#[cfg(feature = "archives")]
pub(super) fn is_packed(magic: &[u8]) -> bool {
    magic.starts_with(GZIP) || magic.starts_with(ZSTD)
}

/// Whether bytes begin a zip archive.
pub(super) fn is_zip(magic: &[u8]) -> bool {
    magic.starts_with(b"PK\x03\x04") || magic.starts_with(b"PK\x05\x06")
}

/// The text of a file that may be compressed.
pub(super) fn unpacked<'s>(
    mut raw: BufReader<Box<dyn Read + Send + 's>>,
    name: &str,
) -> Result<Box<dyn Read + Send + 's>, InputError> {
    let magic = raw.fill_buf().map_err(|error| InputError::reading(name, error))?;
    if magic.starts_with(GZIP) {
        return Ok(Box::new(flate2::bufread::MultiGzDecoder::new(raw)));
    }
    if magic.starts_with(ZSTD) {
        return Ok(Box::new(Frames { raw, frame: None }));
    }
    Ok(Box::new(raw))
}

/// Zstandard: one frame after the other, as `cat a.zst b.zst` makes them.
struct Frames<R: BufRead> {
    raw: R,
    frame: Option<Box<ruzstd::decoding::FrameDecoder>>,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
        let broken = |error: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
        loop {
            if self.frame.is_none() {
                if self.raw.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                let mut frame = Box::new(FrameDecoder::new());
                frame.init(&mut self.raw).map_err(|error| broken(&error))?;
                self.frame = Some(frame);
            }
            let Some(frame) = &mut self.frame else { return Ok(0) };
            if frame.can_collect() == 0 && !frame.is_finished() {
                let some = BlockDecodingStrategy::UptoBytes(buffer.len().max(1));
                frame.decode_blocks(&mut self.raw, some).map_err(|error| broken(&error))?;
            }
            let read = frame.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if frame.is_finished() {
                self.frame = None;
            }
        }
    }
}

/// UTF-8 without a mark, from that with one or from UTF-16.
fn as_utf8<'s>(mut reader: Box<dyn Read + Send + 's>) -> Box<dyn Read + Send + 's> {
    let (mut start, is_utf16, failure) = beginning(&mut reader);
    let start = if start.starts_with(b"\xef\xbb\xbf") { start.split_off(3) } else { start };
    let whole = Cursor::new(start).chain(Failure(failure)).chain(reader);
    if is_utf16 { Box::new(DecodeReaderBytesBuilder::new().build(whole)) } else { Box::new(whole) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that fails once behind its text, and ends then, as some do.
    struct FailsOnce(Cursor<Vec<u8>>, bool);

    impl Read for FailsOnce {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 if !std::mem::replace(&mut self.1, true) => Err(io::Error::other("the disk is gone")),
                read => Ok(read),
            }
        }
    }

    #[test]
    fn a_text_that_breaks_off_is_never_a_whole_one() {
        for text in ["", "{", "{\"model\":\"m\"}", "{}\n{\"a\":1", "---\ninteractions:\n", "\u{feff}{}", "version: 1\n"]
        {
            let part = Part::new("a".into(), Box::new(FailsOnce(Cursor::new(text.into()), false)));
            let (mut reader, mut read) = (part.reader, Vec::new());
            let error = reader.read_to_end(&mut read).expect_err(text);
            assert!(error.to_string().contains("the disk is gone"), "{text}: {error}");
        }
    }
}
