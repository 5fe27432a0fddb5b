//! Reading one entry of an archive that is not trusted: what it really expands to is counted, and nothing it declares is believed.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use zip::read::ZipFile;

use crate::limits::Limits;

/// The source of an archive, which can be told how many bytes may still be read, and which remembers whether the source itself
/// failed (a disk, a database) so that this is not taken for a damaged report.
pub(crate) struct Gate<R> {
    inner: R,
    state: Arc<GateState>,
}

/// What a [`Gate`] shares with the reader of the report.
#[derive(Debug)]
pub(crate) struct GateState {
    budget: AtomicU64,
    exhausted: AtomicBool,
    failed: AtomicBool,
}

impl GateState {
    pub(crate) fn new(budget: u64) -> Arc<Self> {
        Arc::new(Self {
            budget: AtomicU64::new(budget),
            exhausted: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        })
    }

    pub(crate) fn lift(&self) {
        self.budget.store(u64::MAX, Ordering::Relaxed);
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }

    pub(crate) fn source_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

impl<R> Gate<R> {
    pub(crate) fn new(inner: R, state: Arc<GateState>) -> Self {
        Self { inner, state }
    }

    fn noted<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.state.failed.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl<R: Read> Read for Gate<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let budget = self.state.budget.load(Ordering::Relaxed);
        if budget == 0 {
            self.state.exhausted.store(true, Ordering::Relaxed);
            return Err(io::Error::other("the directory of the archive is too large"));
        }
        let result = self.inner.read(buf);
        let read = self.noted(result)?;
        if budget != u64::MAX {
            self.state
                .budget
                .store(budget.saturating_sub(read as u64), Ordering::Relaxed);
        }
        Ok(read)
    }
}

impl<R: Seek> Seek for Gate<R> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        let result = self.inner.seek(position);
        // A seek before the start is asked for by numbers in the archive, so it is the archive's fault.
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::InvalidInput) {
            return result;
        }
        self.noted(result)
    }
}

/// A limit that was passed while an entry was read; travels inside an `io::Error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    Entry(u64),
    Total(u64),
    Ratio(u64),
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "limit passed: {self:?}")
    }
}

impl std::error::Error for Passed {}

impl Passed {
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()).copied()
    }
}

/// The content of one entry.
pub(crate) struct EntryReader<'a, R: Read + Seek> {
    file: ZipFile<'a, Gate<R>>,
    produced: u64,
    total: &'a mut u64,
    compressed: u64,
    limits: &'a Limits,
}

impl<'a, R: Read + Seek> EntryReader<'a, R> {
    /// `archive_len` bounds the compressed size an entry may claim, so that a lie cannot soften the ratio.
    pub(crate) fn new(file: ZipFile<'a, Gate<R>>, archive_len: u64, total: &'a mut u64, limits: &'a Limits) -> Self {
        let compressed = file.compressed_size().min(archive_len).max(1);
        Self {
            file,
            produced: 0,
            total,
            compressed,
            limits,
        }
    }

    /// How many bytes the entry says that it has, as far as so many may be read. It may lie.
    pub(crate) fn claims(&self) -> usize {
        usize::try_from(self.file.size().min(self.limits.max_entry_bytes)).unwrap_or(0)
    }
}

impl<R: Read + Seek> Read for EntryReader<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buf)?;
        self.produced += read as u64;
        *self.total += read as u64;
        let limits = self.limits;
        let passed = if self.produced > limits.max_entry_bytes {
            Passed::Entry(limits.max_entry_bytes)
        } else if self.produced > limits.ratio_floor_bytes && self.produced / limits.max_ratio > self.compressed {
            Passed::Ratio(limits.max_ratio)
        } else if *self.total > limits.max_total_bytes {
            Passed::Total(limits.max_total_bytes)
        } else {
            return Ok(read);
        };
        Err(io::Error::other(passed))
    }
}
