//! Reading a scanner report that is not trusted.

use std::collections::{HashMap, HashSet};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use prost::Message;
use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config};

use crate::limits::Limits;
use crate::messages::Messages;
use crate::proto::{
    ActiveRule, AdHocRule, AnalysisWarning, ChangedLines, Changesets, Component, ComponentType, ContextProperty,
    Duplication, ExternalIssue, Issue, LineCoverage, Measure, Metadata,
};
use crate::report_error::{ReportError, entry_error};
use crate::zip_entry::{EntryReader, Gate, GateState};

/// A scanner report that is being read.
///
/// Whatever the archive claims about itself is checked against what it gives: entries are streamed, counted and cut off at the
/// [`Limits`], and no buffer is made by a declared size. An entry that is not there is no error (`None`, or a stream that is empty)
/// except for `metadata.pb` and the components of the tree.
pub struct ReportReader<R: Read + Seek> {
    archive: ZipArchive<Gate<R>>,
    /// Where each entry is. The archive's own look-up walks over all entries for a name that is not there, and most
    /// components lack most kinds of entries.
    names: HashMap<Box<str>, usize>,
    gate: Arc<GateState>,
    archive_len: u64,
    limits: Limits,
    /// Bytes all reads together expanded to.
    total: u64,
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
            return Err(ReportError::NotAnArchive {
                reason: "it is empty".to_owned(),
            });
        }
        // The directory is read into memory whole, so what may be read for it is what bounds that memory.
        let gate = GateState::new(DIRECTORY_BYTES_BASE + limits.max_entries as u64 * DIRECTORY_BYTES_PER_ENTRY);
        let config = Config {
            archive_offset: ArchiveOffset::Known(0),
        };
        let archive = ZipArchive::with_config(config, Gate::new(source, Arc::clone(&gate))).map_err(|error| {
            if gate.is_exhausted() {
                ReportError::TooManyEntries {
                    limit: limits.max_entries,
                }
            } else if gate.source_failed() {
                ReportError::Source(error.into())
            } else {
                ReportError::NotAnArchive {
                    reason: error.to_string(),
                }
            }
        })?;
        gate.lift();
        if archive.len() > limits.max_entries {
            return Err(ReportError::TooManyEntries {
                limit: limits.max_entries,
            });
        }
        if archive.has_duplicate_names() {
            return Err(ReportError::NotAnArchive {
                reason: "two of its entries have the same name".to_owned(),
            });
        }
        let names = archive
            .file_names()
            .enumerate()
            .filter_map(|(index, name)| Some((name.ok()?.into(), index)))
            .collect();
        Ok(Self {
            archive,
            names,
            gate,
            archive_len,
            limits: *limits,
            total: 0,
        })
    }

    /// Reads `metadata.pb`, which every report has.
    pub fn metadata(&mut self) -> Result<Metadata, ReportError> {
        self.single("metadata.pb", "Metadata")?.ok_or(ReportError::Missing {
            entry: "metadata.pb".to_owned(),
            reason: "every report needs it",
        })
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
                    return Err(ReportError::Tree {
                        reason: format!("component {child} is reached twice"),
                    });
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
        self.stream(
            format!("measures-{component_ref}.pb"),
            "Measure",
            self.limits.max_messages_per_stream,
        )
    }

    /// Streams `coverages-N.pb`.
    pub fn coverages(&mut self, component_ref: i32) -> Result<Messages<'_, R, LineCoverage>, ReportError> {
        self.stream(
            format!("coverages-{component_ref}.pb"),
            "LineCoverage",
            self.limits.max_messages_per_stream,
        )
    }

    /// Streams `duplications-N.pb`.
    pub fn duplications(&mut self, component_ref: i32) -> Result<Messages<'_, R, Duplication>, ReportError> {
        self.stream(
            format!("duplications-{component_ref}.pb"),
            "Duplication",
            self.limits.max_messages_per_stream,
        )
    }

    /// Whether the scanner looked for duplicates at all: then it sent what it found, or the text it compared.
    pub fn has_duplications(&self) -> bool {
        self.names
            .keys()
            .any(|name| name.starts_with("duplications-") || name.starts_with("cpd-text-block-"))
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
        Ok(bytes.map(|bytes| {
            String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
        }))
    }

    /// Streams `adhocrules.pb`.
    pub fn adhoc_rules(&mut self) -> Result<Messages<'_, R, AdHocRule>, ReportError> {
        self.stream(
            "adhocrules.pb".to_owned(),
            "AdHocRule",
            self.limits.max_messages_per_stream,
        )
    }

    /// Streams `activerules.pb`.
    pub fn active_rules(&mut self) -> Result<Messages<'_, R, ActiveRule>, ReportError> {
        self.stream(
            "activerules.pb".to_owned(),
            "ActiveRule",
            self.limits.max_messages_per_stream,
        )
    }

    /// Streams `context-props.pb`.
    pub fn context_properties(&mut self) -> Result<Messages<'_, R, ContextProperty>, ReportError> {
        self.stream(
            "context-props.pb".to_owned(),
            "ContextProperty",
            self.limits.max_messages_per_stream,
        )
    }

    /// Streams `analysis-warnings.pb`.
    pub fn warnings(&mut self) -> Result<Messages<'_, R, AnalysisWarning>, ReportError> {
        self.stream(
            "analysis-warnings.pb".to_owned(),
            "AnalysisWarning",
            self.limits.max_messages_per_stream,
        )
    }

    fn single<M: Message + Default>(&mut self, name: &str, message: &'static str) -> Result<Option<M>, ReportError> {
        let limit = self.limits.max_single_message_bytes;
        let Some(bytes) = self.read_whole(name, limit as u64)? else {
            return Ok(None);
        };
        if bytes.len() > limit {
            return Err(ReportError::MessageTooLarge {
                entry: name.to_owned(),
                limit,
            });
        }
        M::decode(&*bytes).map(Some).map_err(|error| ReportError::NotAMessage {
            entry: name.to_owned(),
            message,
            reason: error.to_string(),
        })
    }

    /// Reads an entry up to one byte more than `limit`, so that the caller sees that there is more.
    fn read_whole(&mut self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, ReportError> {
        let gate = Arc::clone(&self.gate);
        let Some(entry) = self.entry(name)? else {
            return Ok(None);
        };
        // At once as much as it will be: a buffer that grows is there twice while it is moved. What is claimed and not there
        // is never touched, so it costs nothing.
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(entry.claims().min(most).saturating_add(1));
        entry
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| entry_error(name, error, &gate))?;
        Ok(Some(bytes))
    }

    fn stream<M>(
        &mut self,
        name: String,
        message: &'static str,
        limit: usize,
    ) -> Result<Messages<'_, R, M>, ReportError> {
        let (gate, max_bytes) = (Arc::clone(&self.gate), self.limits.max_stream_message_bytes);
        let entry = self.entry(&name)?.map(BufReader::new);
        Ok(Messages::new(entry, name, message, gate, max_bytes, limit))
    }

    fn entry(&mut self, name: &str) -> Result<Option<EntryReader<'_, R>>, ReportError> {
        let Some(&index) = self.names.get(name) else {
            return Ok(None);
        };
        let file = self
            .archive
            .by_index(index)
            .map_err(|error| entry_error(name, error.into(), &self.gate))?;
        Ok(Some(EntryReader::new(
            file,
            self.archive_len,
            &mut self.total,
            &self.limits,
        )))
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
