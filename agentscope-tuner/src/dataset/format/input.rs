//! Bytes of a file, decompressed if its first bytes say so, without a byte order mark.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;

use super::fault;
use crate::error::Result;

pub(super) type Input = Box<dyn BufRead + Send>;

const BUFFER: usize = 64 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// First bytes of compressed files.
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
const OTHERS: [(&[u8], &str); 4] =
    [(b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"PK\x03\x04", "zip"), (b"\x04\x22\x4d\x18", "lz4")];

/// Opens the text file at `path`, which errors call `shown`.
pub(super) fn open(path: &Path, shown: &Path) -> Result<Input> {
    decompressed(path).and_then(without_mark).map_err(|error| cannot_open(shown, error))
}

pub(super) fn cannot_open(shown: &Path, error: io::Error) -> crate::error::Error {
    fault(shown, "cannot be opened; check that it exists, is readable and complete").with_source(error)
}

/// The contents of a file; the compression is told by the first bytes, not by the name.
pub(super) fn decompressed(path: &Path) -> io::Result<Input> {
    let (head, rest) = peek(BufReader::with_capacity(BUFFER, File::open(path)?), 6)?;
    if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        let problem = format!("it is compressed with {name}; decompress it, or compress it as .gz or .zst");
        return Err(io::Error::new(io::ErrorKind::Unsupported, problem));
    }
    let is_gzip = head.starts_with(GZIP);
    let is_zstd = head.starts_with(ZSTD);
    let input = Cursor::new(head).chain(rest);
    Ok(if is_gzip {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(input)))
    } else if is_zstd {
        Box::new(BufReader::with_capacity(BUFFER, zstd::stream::read::Decoder::with_buffer(input)?))
    } else {
        Box::new(input)
    })
}

pub(super) fn without_mark(input: Input) -> io::Result<Input> {
    let (head, rest) = peek(input, BYTE_ORDER_MARK.len())?;
    Ok(if head == BYTE_ORDER_MARK { rest } else { Box::new(Cursor::new(head).chain(rest)) })
}

/// The first `count` bytes, or fewer at the end, and the reader behind them.
fn peek<R: Read>(mut input: R, count: usize) -> io::Result<(Vec<u8>, R)> {
    let mut head = Vec::with_capacity(count);
    input.by_ref().take(count as u64).read_to_end(&mut head)?;
    Ok((head, input))
}
