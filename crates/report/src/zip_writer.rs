//! Writing a scanner report: what the scanner sends.

use std::borrow::Borrow;
use std::io::{self, Seek, Write};

use prost::Message;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::proto::{
    ActiveRule, AdHocRule, AnalysisWarning, ChangedLines, Changesets, Component, ContextProperty, Duplication,
    ExternalIssue, Issue, LineCoverage, Measure, Metadata,
};

/// A scanner report that is being written.
///
/// Every call adds one entry and streams it, so only one message is held at a time. Each entry may be written once; a stream
/// without messages leaves no entry. Nothing is readable before [`ReportWriter::finish`]. Equal calls give equal bytes: entries
/// carry no time.
pub struct ReportWriter<W: Write + Seek> {
    zip: ZipWriter<W>,
    /// Reused for the encoding of each message.
    buffer: Vec<u8>,
}

/// A report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {entry} of the report: {source}")]
pub struct ReportWriteError {
    /// The entry that was being written.
    pub entry: String,
    /// Why not.
    #[source]
    pub source: io::Error,
}

impl<W: Write + Seek> ReportWriter<W> {
    /// Starts a report.
    pub fn new(out: W) -> Self {
        Self {
            zip: ZipWriter::new(out),
            buffer: Vec::new(),
        }
    }

    /// Writes `metadata.pb`, which every report needs.
    pub fn metadata(&mut self, metadata: &Metadata) -> Result<(), ReportWriteError> {
        self.single("metadata.pb", metadata)
    }

    /// Writes `component-N.pb`, where N is the component's own `ref`.
    pub fn component(&mut self, component: &Component) -> Result<(), ReportWriteError> {
        self.single(&format!("component-{}.pb", component.r#ref), component)
    }

    /// Writes `external-issues-N.pb`: issues other tools found in a component.
    pub fn external_issues<I>(&mut self, component_ref: i32, issues: I) -> Result<(), ReportWriteError>
    where
        I: IntoIterator<Item: Borrow<ExternalIssue>>,
    {
        self.stream(&format!("external-issues-{component_ref}.pb"), issues)
    }

    /// Writes `issues-N.pb`: issues of active rules in a component.
    pub fn issues<I>(&mut self, component_ref: i32, issues: I) -> Result<(), ReportWriteError>
    where
        I: IntoIterator<Item: Borrow<Issue>>,
    {
        self.stream(&format!("issues-{component_ref}.pb"), issues)
    }

    /// Writes `measures-N.pb`: what was measured in a component.
    pub fn measures<I>(&mut self, component_ref: i32, measures: I) -> Result<(), ReportWriteError>
    where
        I: IntoIterator<Item: Borrow<Measure>>,
    {
        self.stream(&format!("measures-{component_ref}.pb"), measures)
    }

    /// Writes `coverages-N.pb`: the covered lines of a file, by rising line.
    pub fn coverages<I>(&mut self, component_ref: i32, lines: I) -> Result<(), ReportWriteError>
    where
        I: IntoIterator<Item: Borrow<LineCoverage>>,
    {
        self.stream(&format!("coverages-{component_ref}.pb"), lines)
    }

    /// Writes `duplications-N.pb`: the blocks of a file that exist more than once.
    pub fn duplications<I>(&mut self, component_ref: i32, duplications: I) -> Result<(), ReportWriteError>
    where
        I: IntoIterator<Item: Borrow<Duplication>>,
    {
        self.stream(&format!("duplications-{component_ref}.pb"), duplications)
    }

    /// Writes `changesets-N.pb`, where N is the `component_ref` of the message.
    pub fn changesets(&mut self, changesets: &Changesets) -> Result<(), ReportWriteError> {
        self.single(&format!("changesets-{}.pb", changesets.component_ref), changesets)
    }

    /// Writes `changed-lines-N.pb`: the lines of a file that a pull request or branch changed.
    pub fn changed_lines(&mut self, component_ref: i32, lines: &ChangedLines) -> Result<(), ReportWriteError> {
        self.single(&format!("changed-lines-{component_ref}.pb"), lines)
    }

    /// Writes `source-N.txt`: the text of a file.
    pub fn source(&mut self, component_ref: i32, text: &str) -> Result<(), ReportWriteError> {
        let name = format!("source-{component_ref}.txt");
        self.start(&name)?;
        self.zip
            .write_all(text.as_bytes())
            .map_err(|source| ReportWriteError { entry: name, source })
    }

    /// Writes `adhocrules.pb`: the rules of other tools.
    pub fn adhoc_rules<I>(&mut self, rules: I) -> Result<(), ReportWriteError>
    where
        I: IntoIterator<Item: Borrow<AdHocRule>>,
    {
        self.stream("adhocrules.pb", rules)
    }

    /// Writes `activerules.pb`: the rules that were applied.
    pub fn active_rules<I>(&mut self, rules: I) -> Result<(), ReportWriteError>
    where
        I: IntoIterator<Item: Borrow<ActiveRule>>,
    {
        self.stream("activerules.pb", rules)
    }

    /// Writes `context-props.pb`: the properties that go on to webhooks.
    pub fn context_props<I>(&mut self, properties: I) -> Result<(), ReportWriteError>
    where
        I: IntoIterator<Item: Borrow<ContextProperty>>,
    {
        self.stream("context-props.pb", properties)
    }

    /// Writes `analysis-warnings.pb`: what the person who ran the scan should know.
    pub fn warnings<I>(&mut self, warnings: I) -> Result<(), ReportWriteError>
    where
        I: IntoIterator<Item: Borrow<AnalysisWarning>>,
    {
        self.stream("analysis-warnings.pb", warnings)
    }

    /// Ends the report and gives back what it was written to.
    pub fn finish(self) -> Result<W, ReportWriteError> {
        self.zip.finish().map_err(|error| ReportWriteError {
            entry: "the directory".to_owned(),
            source: error.into(),
        })
    }

    fn single<M: Message>(&mut self, name: &str, message: &M) -> Result<(), ReportWriteError> {
        self.start(name)?;
        self.buffer.clear();
        message.encode(&mut self.buffer).map_err(|error| ReportWriteError {
            entry: name.to_owned(),
            source: error.into(),
        })?;
        self.flush_buffer(name)
    }

    fn stream<M, I>(&mut self, name: &str, messages: I) -> Result<(), ReportWriteError>
    where
        M: Message,
        I: IntoIterator<Item: Borrow<M>>,
    {
        let mut started = false;
        for message in messages {
            if !started {
                self.start(name)?;
                started = true;
            }
            let message: &M = message.borrow();
            self.buffer.clear();
            message
                .encode_length_delimited(&mut self.buffer)
                .map_err(|error| ReportWriteError {
                    entry: name.to_owned(),
                    source: error.into(),
                })?;
            self.flush_buffer(name)?;
        }
        Ok(())
    }

    fn start(&mut self, name: &str) -> Result<(), ReportWriteError> {
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        self.zip.start_file(name, options).map_err(|error| ReportWriteError {
            entry: name.to_owned(),
            source: error.into(),
        })
    }

    fn flush_buffer(&mut self, name: &str) -> Result<(), ReportWriteError> {
        self.zip.write_all(&self.buffer).map_err(|source| ReportWriteError {
            entry: name.to_owned(),
            source,
        })
    }
}
