//! What all importers of text share: a bound on what they read, the byte order mark, a bound on what they complain about.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use crate::import_error::ImportError;

/// Most bytes of one report of another tool. Coverage of a large code base is some tens of MiB; more is a mistake or an attack.
pub(crate) const MAX_IMPORT_BYTES: u64 = 256 * 1024 * 1024;

/// Most warnings one report leaves; a person reads the first few, and the rest is counted.
const MAX_WARNINGS: usize = 20;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads at most a number of bytes, then fails (a plain `take` would look like the end of the file, and half a report would pass).
pub(crate) struct Capped<R> {
    inner: R,
    left: u64,
    limit: u64,
}

/// Marks the error of [`Capped`] inside an `io::Error`.
#[derive(Debug)]
struct CapReached(u64);

impl fmt::Display for CapReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {} bytes", self.0)
    }
}

impl std::error::Error for CapReached {}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other(CapReached(self.limit)))?;
        Ok(read)
    }
}

/// A buffered, bounded reader behind the byte order mark, if there is one.
pub(crate) fn open<R: Read>(input: R) -> Result<BufReader<Capped<R>>, ImportError> {
    open_with_limit(input, MAX_IMPORT_BYTES)
}

pub(crate) fn open_with_limit<R: Read>(input: R, limit: u64) -> Result<BufReader<Capped<R>>, ImportError> {
    let mut reader = BufReader::with_capacity(
        64 * 1024,
        Capped {
            inner: input,
            left: limit,
            limit,
        },
    );
    // The first fill of a buffer may be short of three bytes only when the source hands out single bytes; then the mark stays and
    // the parser names it.
    let start = reader.fill_buf().map_err(read_error)?;
    if start.starts_with(BYTE_ORDER_MARK) {
        reader.consume(BYTE_ORDER_MARK.len());
    }
    Ok(reader)
}

/// The error of a read through [`Capped`].
pub(crate) fn read_error(error: io::Error) -> ImportError {
    read_error_ref(&error).unwrap_or(ImportError::Read(error))
}

/// The error of [`Capped`] itself, if it is that.
pub(crate) fn read_error_ref(error: &io::Error) -> Option<ImportError> {
    let CapReached(limit) = error.get_ref()?.downcast_ref::<CapReached>()?;
    Some(ImportError::TooLarge { limit: *limit })
}

/// The error of a JSON parser that reads through [`Capped`].
pub(crate) fn json_error(error: serde_json::Error) -> ImportError {
    if error.is_io() {
        return read_error(error.into());
    }
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    // The parser ends its text with the position, which we say ourselves.
    let suffix = format!(" at line {line} column {column}");
    let reason = text.strip_suffix(&suffix).unwrap_or(&text).to_owned();
    ImportError::Json { line, column, reason }
}

/// Collects warnings up to a bound.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    texts: Vec<String>,
    more: usize,
}

impl Warnings {
    /// Adds a warning; the text is only made if there is room for it.
    pub(crate) fn push(&mut self, text: impl FnOnce() -> String) {
        if self.texts.len() < MAX_WARNINGS {
            self.texts.push(text());
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn finish(mut self) -> Vec<String> {
        if self.more > 0 {
            self.texts
                .push(format!("{} more warnings about this report are not shown", self.more));
        }
        self.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_limit_is_an_error_and_not_a_silent_end() {
        let mut reader = open_with_limit(&b"0123456789"[..], 10).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "0123456789");

        let error = open_with_limit(&b"0123456789X"[..], 10).err().unwrap();
        assert!(matches!(error, ImportError::TooLarge { limit: 10 }), "{error:?}");
    }

    #[test]
    fn warnings_have_an_end() {
        let mut warnings = Warnings::default();
        for index in 0..100 {
            warnings.push(|| format!("warning {index}"));
        }
        let texts = warnings.finish();
        assert_eq!(texts.len(), MAX_WARNINGS + 1);
        assert_eq!(
            texts.last().unwrap(),
            "80 more warnings about this report are not shown"
        );
    }
}
