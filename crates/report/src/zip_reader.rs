//! Reading a scanner report that is not trusted.

use std::collections::HashSet;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::marker::PhantomData;
use std::sync::Arc;

use prost::Message;
use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config};

use crate::limits::Limits;
use crate::proto::{
    ActiveRule, AdHocRule, AnalysisWarning, ChangedLines, Changesets, Component, ComponentType, ContextProperty, Duplication,
    ExternalIssue, Issue, LineCoverage, Measure, Metadata,
};
use crate::zip_entry::{EntryReader, Gate, GateState, Passed};

/// A scanner report that is being read.
///
/// Whatever the archive claims about itself is checked against what it gives: entries are streamed, counted and cut off at the
/// [`Limits`], and no buffer is made by a declared size. An entry that is not there is no error (`None`, or a stream that is empty)
/// except for `metadata.pb` and the components of the tree.
pub struct ReportReader<R: Read + Seek> {
    archive: ZipArchive<Gate<R>>,
    gate: Arc<GateState>,
    archive_len: u64,
    limits: Limits,
    /// Bytes all reads together expanded to.
    total: u64,
}

/// Why a report was refused. Except for [`ReportError::Source`] it is the report's fault, and trying again does not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Not an archive at all, or one whose directory is unreadable.
    #[error("the report is not a zip archive: {reason}")]
    NotAnArchive {
        /// Why not.
        reason: String,
    },
    /// The archive has more entries than is sensible.
    #[error("the report has more than {limit} entries, the limit")]
    TooManyEntries {
        /// The limit.
        limit: usize,
    },
    /// An entry that must be there is not.
    #[error("{entry} is missing: {reason}")]
    Missing {
        /// The entry.
        entry: String,
        /// What needs it.
        reason: &'static str,
    },
    /// The compressed data of an entry is broken.
    #[error("{entry} is damaged: {source}")]
    Damaged {
        /// The entry.
        entry: String,
        /// What the decompressor says.
        #[source]
        source: io::Error,
    },
    /// An entry holds something other than what its name says.
    #[error("{entry} is not a valid {message} message: {reason}")]
    NotAMessage {
        /// The entry.
        entry: String,
        /// The kind of message expected.
        message: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A message is larger than is sensible.
    #[error("{entry} has a message of more than {} MiB, the limit for one message", limit / (1024 * 1024))]
    MessageTooLarge {
        /// The entry.
        entry: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// A stream has more messages than is sensible.
    #[error("{entry} has more than {limit} messages, the limit for one entry")]
    TooManyMessages {
        /// The entry.
        entry: String,
        /// The limit.
        limit: usize,
    },
    /// An entry is too large.
    #[error("{entry} expands to more than {} MiB, the limit for one entry", limit / (1024 * 1024))]
    EntryTooLarge {
        /// The entry.
        entry: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The entries are too large together.
    #[error("the report expands to more than {} MiB, the limit; it was stopped at {entry}", limit / (1024 * 1024))]
    ReportTooLarge {
        /// The entry that passed the limit.
        entry: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// An entry expands like a zip bomb.
    #[error("{entry} expands to more than {limit} times its compressed size, the limit")]
    Bomb {
        /// The entry.
        entry: String,
        /// The limit.
        limit: u64,
    },
    /// The components are not a tree.
    #[error("the tree of components is broken: {reason}")]
    Tree {
        /// How.
        reason: String,
    },
    /// The place the report is kept in failed: not the report's fault.
    #[error("the report cannot be read: {0}")]
    Source(#[source] io::Error),
}

impl ReportError {
    /// Whether the report itself is at fault, so that trying again cannot help.
    pub const fn is_permanent(&self) -> bool {
        !matches!(self, Self::Source(_))
    }
}

/// What an entry of the directory takes at least, and a generous allowance for its name.
const DIRECTORY_BYTES_PER_ENTRY: u64 = 46 + 82;
/// What is read of an archive without entries: its end record, a comment, and buffers filled in vain.
const DIRECTORY_BYTES_BASE: u64 = 1024 * 1024;

impl<R: Read + Seek> ReportReader<R> {
    /// Opens a report and reads its directory, nothing more.
    pub fn open(mut source: R, limits: &Limits) -> Result<Self, ReportError> {
        let archive_len = source.seek(SeekFrom::End(0)).map_err(ReportError::Source)?;
        if archive_len == 0 {
            return Err(ReportError::NotAnArchive { reason: "it is empty".to_owned() });
        }
        // The directory is read into memory whole, so what may be read for it is what bounds that memory.
        let gate = GateState::new(DIRECTORY_BYTES_BASE + limits.max_entries as u64 * DIRECTORY_BYTES_PER_ENTRY);
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let archive = ZipArchive::with_config(config, Gate::new(source, Arc::clone(&gate))).map_err(|error| {
            if gate.is_exhausted() {
                ReportError::TooManyEntries { limit: limits.max_entries }
            } else if gate.source_failed() {
                ReportError::Source(error.into())
            } else {
                ReportError::NotAnArchive { reason: error.to_string() }
            }
        })?;
        gate.lift();
        if archive.len() > limits.max_entries {
            return Err(ReportError::TooManyEntries { limit: limits.max_entries });
        }
        if archive.has_duplicate_names() {
            return Err(ReportError::NotAnArchive { reason: "two of its entries have the same name".to_owned() });
        }
        Ok(Self { archive, gate, archive_len, limits: *limits, total: 0 })
    }

    /// Reads `metadata.pb`, which every report has.
    pub fn metadata(&mut self) -> Result<Metadata, ReportError> {
        self.single("metadata.pb", "Metadata")?
            .ok_or(ReportError::Missing { entry: "metadata.pb".to_owned(), reason: "every report needs it" })
    }

    /// Reads `component-N.pb`.
    pub fn component(&mut self, component_ref: i32) -> Result<Option<Component>, ReportError> {
        self.single(&format!("component-{component_ref}.pb"), "Component")
    }

    /// Walks the tree from its root and returns the refs of its files, in the order of the tree.
    ///
    /// Folders and modules of old scanners are walked through. A component that is reached twice (a cycle is that, too) or that is
    /// missing is an error. Every component is read, so read those you need again by [`ReportReader::component`].
    pub fn file_refs(&mut self, root_ref: i32) -> Result<Vec<i32>, ReportError> {
        let mut files = Vec::new();
        let mut seen = HashSet::from([root_ref]);
        let mut open = vec![root_ref];
        while let Some(component_ref) = open.pop() {
            let component = self.component(component_ref)?.ok_or_else(|| ReportError::Missing {
                entry: format!("component-{component_ref}.pb"),
                reason: "the tree of components refers to it",
            })?;
            if component.r#type() == ComponentType::File {
                files.push(component_ref);
                continue;
            }
            for child in component.child_ref.iter().rev() {
                if !seen.insert(*child) {
                    return Err(ReportError::Tree { reason: format!("component {child} is reached twice") });
                }
                if seen.len() > self.limits.max_components {
                    return Err(ReportError::Tree {
                        reason: format!("it has more than {} components, the limit", self.limits.max_components),
                    });
                }
                open.push(*child);
            }
        }
        Ok(files)
    }

    /// Streams `external-issues-N.pb`.
    pub fn external_issues(&mut self, component_ref: i32) -> Result<Messages<'_, R, ExternalIssue>, ReportError> {
        let limit = self.limits.max_issues_per_component;
        self.stream(format!("external-issues-{component_ref}.pb"), "ExternalIssue", limit)
    }

    /// Streams `issues-N.pb`.
    pub fn issues(&mut self, component_ref: i32) -> Result<Messages<'_, R, Issue>, ReportError> {
        let limit = self.limits.max_issues_per_component;
        self.stream(format!("issues-{component_ref}.pb"), "Issue", limit)
    }

    /// Streams `measures-N.pb`.
    pub fn measures(&mut self, component_ref: i32) -> Result<Messages<'_, R, Measure>, ReportError> {
        self.stream(format!("measures-{component_ref}.pb"), "Measure", self.limits.max_messages_per_stream)
    }

    /// Streams `coverages-N.pb`.
    pub fn coverages(&mut self, component_ref: i32) -> Result<Messages<'_, R, LineCoverage>, ReportError> {
        self.stream(format!("coverages-{component_ref}.pb"), "LineCoverage", self.limits.max_messages_per_stream)
    }

    /// Streams `duplications-N.pb`.
    pub fn duplications(&mut self, component_ref: i32) -> Result<Messages<'_, R, Duplication>, ReportError> {
        self.stream(format!("duplications-{component_ref}.pb"), "Duplication", self.limits.max_messages_per_stream)
    }

    /// Reads `changesets-N.pb`.
    pub fn changesets(&mut self, component_ref: i32) -> Result<Option<Changesets>, ReportError> {
        self.single(&format!("changesets-{component_ref}.pb"), "Changesets")
    }

    /// Reads `changed-lines-N.pb`.
    pub fn changed_lines(&mut self, component_ref: i32) -> Result<Option<ChangedLines>, ReportError> {
        self.single(&format!("changed-lines-{component_ref}.pb"), "ChangedLines")
    }

    /// Reads `source-N.txt`; bytes that are not UTF-8 are replaced. See [`split_lines`] for its lines.
    pub fn source(&mut self, component_ref: i32) -> Result<Option<String>, ReportError> {
        let name = format!("source-{component_ref}.txt");
        let bytes = self.read_whole(&name, u64::MAX)?;
        Ok(bytes.map(|bytes| String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())))
    }

    /// Streams `adhocrules.pb`.
    pub fn adhoc_rules(&mut self) -> Result<Messages<'_, R, AdHocRule>, ReportError> {
        self.stream("adhocrules.pb".to_owned(), "AdHocRule", self.limits.max_messages_per_stream)
    }

    /// Streams `activerules.pb`.
    pub fn active_rules(&mut self) -> Result<Messages<'_, R, ActiveRule>, ReportError> {
        self.stream("activerules.pb".to_owned(), "ActiveRule", self.limits.max_messages_per_stream)
    }

    /// Streams `context-props.pb`.
    pub fn context_properties(&mut self) -> Result<Messages<'_, R, ContextProperty>, ReportError> {
        self.stream("context-props.pb".to_owned(), "ContextProperty", self.limits.max_messages_per_stream)
    }

    /// Streams `analysis-warnings.pb`.
    pub fn warnings(&mut self) -> Result<Messages<'_, R, AnalysisWarning>, ReportError> {
        self.stream("analysis-warnings.pb".to_owned(), "AnalysisWarning", self.limits.max_messages_per_stream)
    }

    fn single<M: Message + Default>(&mut self, name: &str, message: &'static str) -> Result<Option<M>, ReportError> {
        let limit = self.limits.max_single_message_bytes;
        let Some(bytes) = self.read_whole(name, limit as u64)? else { return Ok(None) };
        if bytes.len() > limit {
            return Err(ReportError::MessageTooLarge { entry: name.to_owned(), limit });
        }
        M::decode(&*bytes)
            .map(Some)
            .map_err(|error| ReportError::NotAMessage { entry: name.to_owned(), message, reason: error.to_string() })
    }

    /// Reads an entry up to one byte more than `limit`, so that the caller sees that there is more.
    fn read_whole(&mut self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, ReportError> {
        let gate = Arc::clone(&self.gate);
        let Some(entry) = self.entry(name)? else { return Ok(None) };
        let mut bytes = Vec::new();
        entry.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| entry_error(name, error, &gate))?;
        Ok(Some(bytes))
    }

    fn stream<M>(&mut self, name: String, message: &'static str, limit: usize) -> Result<Messages<'_, R, M>, ReportError> {
        let (gate, max_bytes) = (Arc::clone(&self.gate), self.limits.max_stream_message_bytes);
        let entry = self.entry(&name)?.map(BufReader::new);
        Ok(Messages { entry, name, message, gate, max_bytes, left: limit, limit, buffer: Vec::new(), kind: PhantomData })
    }

    fn entry(&mut self, name: &str) -> Result<Option<EntryReader<'_, R>>, ReportError> {
        let Some(index) = self.archive.index_for_name(name) else { return Ok(None) };
        let file = self.archive.by_index(index).map_err(|error| entry_error(name, error.into(), &self.gate))?;
        Ok(Some(EntryReader::new(file, self.archive_len, &mut self.total, &self.limits)))
    }
}

/// The messages of one entry, each decoded when it is asked for. After an error there is nothing more.
pub struct Messages<'a, R: Read + Seek, M> {
    entry: Option<BufReader<EntryReader<'a, R>>>,
    name: String,
    message: &'static str,
    gate: Arc<GateState>,
    max_bytes: usize,
    left: usize,
    limit: usize,
    buffer: Vec<u8>,
    kind: PhantomData<fn() -> M>,
}

impl<R: Read + Seek, M: Message + Default> Iterator for Messages<'_, R, M> {
    type Item = Result<M, ReportError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut entry = self.entry.take()?;
        match self.read_one(&mut entry) {
            Ok(None) => None,
            Ok(Some(message)) => {
                self.entry = Some(entry);
                Some(Ok(message))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

impl<R: Read + Seek, M: Message + Default> Messages<'_, R, M> {
    fn read_one(&mut self, entry: &mut impl Read) -> Result<Option<M>, ReportError> {
        let Some(length) = self.read_length(entry)? else { return Ok(None) };
        if self.left == 0 {
            return Err(ReportError::TooManyMessages { entry: self.name.clone(), limit: self.limit });
        }
        self.left -= 1;
        if length > self.max_bytes as u64 {
            return Err(ReportError::MessageTooLarge { entry: self.name.clone(), limit: self.max_bytes });
        }
        self.buffer.clear();
        let read = entry.take(length).read_to_end(&mut self.buffer).map_err(|e| entry_error(&self.name, e, &self.gate))?;
        if (read as u64) < length {
            return Err(self.not_a_message("it ends in the middle of a message".to_owned()));
        }
        M::decode(&*self.buffer).map(Some).map_err(|error| self.not_a_message(error.to_string()))
    }

    /// Reads the length before a message; none at the end of the entry.
    fn read_length(&self, entry: &mut impl Read) -> Result<Option<u64>, ReportError> {
        let mut length = 0_u64;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            let read = read_some(entry, &mut byte).map_err(|e| entry_error(&self.name, e, &self.gate))?;
            if read == 0 {
                return if shift == 0 {
                    Ok(None)
                } else {
                    Err(self.not_a_message("it ends in the middle of a length".to_owned()))
                };
            }
            length |= u64::from(byte[0] & 0x7F) << shift;
            if byte[0] < 0x80 {
                return Ok(Some(length));
            }
        }
        Err(self.not_a_message("the length of a message is not a number".to_owned()))
    }

    fn not_a_message(&self, reason: String) -> ReportError {
        ReportError::NotAMessage { entry: self.name.clone(), message: self.message, reason }
    }
}

/// The lines of a source as scanners count them: separated by `\n`, `\r\n` or `\r`, and one more (maybe empty) after the last
/// separator, so there is always at least one.
pub fn split_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let Some(end) = current.find(['\n', '\r']) else {
            rest = None;
            return Some(current);
        };
        let separator = if current[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = Some(&current[end + separator..]);
        Some(&current[..end])
    })
}

fn read_some(reader: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buf) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn entry_error(name: &str, error: io::Error, gate: &GateState) -> ReportError {
    let entry = name.to_owned();
    match Passed::of(&error) {
        Some(Passed::Entry(limit)) => ReportError::EntryTooLarge { entry, limit },
        Some(Passed::Total(limit)) => ReportError::ReportTooLarge { entry, limit },
        Some(Passed::Ratio(limit)) => ReportError::Bomb { entry, limit },
        None if gate.source_failed() => ReportError::Source(error),
        None => ReportError::Damaged { entry, source: error },
    }
}
