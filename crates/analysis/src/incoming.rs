//! One file of a report, read and checked.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use gatehook_domain::Timestamp;
use gatehook_domain::issue::TextRange;
use gatehook_domain::measure::Measures;
use gatehook_domain::metric::{Metric, ValueType};
use gatehook_domain::size::{FROM_SCANNER, LineCover};
use gatehook_domain::tracking;
use gatehook_report::{ReportReader, proto, zip_reader};

use crate::error::AnalysisError;
use crate::findings::RawIssue;

/// The most lines of a file that are told apart; no reader shows more.
const MAX_LINES: i32 = 5_000_000;

/// Who changed a line last, and when.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) author: Option<String>,
    pub(crate) date: Timestamp,
}

/// What a report says about the inside of one file.
#[derive(Debug, Default)]
pub(crate) struct IncomingFile {
    /// Number of lines.
    pub(crate) lines: u32,
    /// For each line its hash (see `tracking::line_hash`); empty when the report has no source.
    pub(crate) hashes: Vec<String>,
    /// The same, shortened, as they are kept.
    pub(crate) short_hashes: Vec<u8>,
    pub(crate) issues: Vec<RawIssue>,
    /// For each line its last change; empty without version control.
    pub(crate) changes: Vec<Option<Change>>,
    /// The lines that differ from the target or reference branch, when the scanner could tell.
    pub(crate) changed_lines: Option<Vec<u32>>,
    pub(crate) coverage: Vec<LineCover>,
    pub(crate) measures: Measures,
    pub(crate) code_lines: Option<BTreeSet<u32>>,
    pub(crate) duplicated_lines: BTreeSet<u32>,
    pub(crate) duplicated_blocks: u32,
}

/// Reads everything about one file except its findings, which need its lines.
pub(crate) fn read_file<R: Read + Seek>(
    report: &mut ReportReader<R>,
    component: &proto::Component,
) -> Result<IncomingFile, AnalysisError> {
    let at = component.r#ref;
    let mut file = IncomingFile {
        lines: line_count(component)?,
        ..IncomingFile::default()
    };
    if let Some(source) = report.source(at)? {
        for line in zip_reader::split_lines(&source) {
            file.hashes.push(tracking::line_hash(line));
            file.short_hashes.extend_from_slice(&tracking::short_hash(line));
        }
        file.lines = u32::try_from(file.hashes.len()).unwrap_or(u32::MAX);
    }
    if let Some(changesets) = report.changesets(at)? {
        file.changes = line_changes(&changesets, file.lines);
    }
    if let Some(changed) = report.changed_lines(at)? {
        file.changed_lines = Some(
            changed
                .line
                .iter()
                .filter_map(|line| u32::try_from(*line).ok())
                .collect(),
        );
    }
    for line in report.coverages(at)? {
        let line = line?;
        if let Some(cover) = line_cover(&line, file.lines) {
            file.coverage.push(cover);
        }
    }
    for measure in report.measures(at)? {
        take_measure(&mut file, &measure?);
    }
    for block in report.duplications(at)? {
        let block = block?;
        file.duplicated_blocks += 1;
        let own = block.duplicate.iter().filter(|copy| copy.other_file_ref == 0);
        file.duplicated_blocks += u32::try_from(own.clone().count()).unwrap_or(0);
        let ranges = block
            .origin_position
            .iter()
            .chain(own.filter_map(|copy| copy.range.as_ref()));
        for range in ranges.filter_map(|range| text_range(Some(range), file.lines)) {
            file.duplicated_lines.extend(range.start_line..=range.end_line);
        }
    }
    Ok(file)
}

fn line_count(component: &proto::Component) -> Result<u32, AnalysisError> {
    if component.lines > MAX_LINES {
        let path = &component.project_relative_path;
        return Err(AnalysisError::Invalid(format!(
            "'{path}' has more than {MAX_LINES} lines, the limit for a file"
        )));
    }
    Ok(u32::try_from(component.lines).unwrap_or(0))
}

fn line_changes(changesets: &proto::Changesets, lines: u32) -> Vec<Option<Change>> {
    let at = |index: &i32| {
        let set = usize::try_from(*index)
            .ok()
            .and_then(|index| changesets.changeset.get(index))?;
        // A line without a date is one that is not committed yet.
        (set.date > 0).then(|| Change {
            author: Some(set.author.trim().to_owned()).filter(|author| !author.is_empty()),
            date: Timestamp::from_millis(set.date),
        })
    };
    changesets
        .changeset_index_by_line
        .iter()
        .take(lines as usize)
        .map(at)
        .collect()
}

/// A line's coverage; lines outside the file and lines that are not to cover are dropped.
fn line_cover(line: &proto::LineCoverage, lines: u32) -> Option<LineCover> {
    let number = u32::try_from(line.line)
        .ok()
        .filter(|number| (1..=lines.max(1)).contains(number))?;
    let conditions = u32::try_from(line.conditions).unwrap_or(0);
    Some(LineCover {
        line: number,
        covered: line.hits,
        conditions,
        covered_conditions: u32::try_from(line.covered_conditions.unwrap_or(0))
            .unwrap_or(0)
            .min(conditions),
    })
}

/// Takes the measures that scanners count themselves; those that the server computes are not believed.
fn take_measure(file: &mut IncomingFile, measure: &proto::Measure) {
    let Some(value) = &measure.value else { return };
    if measure.metric_key == "ncloc_data" {
        if let proto::MeasureValue::String(text) = value {
            file.code_lines = Some(code_lines(&text.value, file.lines));
        }
        return;
    }
    let Some(metric) = Metric::find(&measure.metric_key) else {
        return;
    };
    if !FROM_SCANNER.contains(&metric.key)
        || !matches!(metric.kind, ValueType::Int | ValueType::Millisec | ValueType::WorkDur)
    {
        return;
    }
    let number = match value {
        proto::MeasureValue::Int(int) => i64::from(int.value),
        proto::MeasureValue::Long(long) => long.value,
        _ => return,
    };
    file.measures.set_int(metric.key, number.max(0));
}

/// The lines that are code, from `1=1;2=0;3=1`.
fn code_lines(text: &str, lines: u32) -> BTreeSet<u32> {
    text.split(';')
        .filter_map(|entry| entry.split_once('='))
        .filter(|(_, flag)| *flag == "1")
        .filter_map(|(line, _)| line.parse().ok())
        .filter(|line| (1..=lines).contains(line))
        .collect()
}

/// A range of the report, kept inside the file. A range whose lines make no sense is none.
pub(crate) fn text_range(range: Option<&proto::TextRange>, lines: u32) -> Option<TextRange> {
    let range = range?;
    let start_line = u32::try_from(range.start_line).ok().filter(|line| *line > 0)?;
    let end_line = u32::try_from(range.end_line)
        .ok()
        .filter(|line| *line >= start_line)
        .unwrap_or(start_line);
    if lines > 0 && start_line > lines {
        return None;
    }
    let end_line = if lines > 0 { end_line.min(lines) } else { end_line };
    let offset = |offset: i32| u32::try_from(offset).unwrap_or(0);
    Some(TextRange {
        start_line,
        end_line,
        start_offset: offset(range.start_offset),
        end_offset: offset(range.end_offset),
    })
}

/// The text without control characters that no page or log should show, cut at a number of characters.
pub(crate) fn cut(text: &str, most: usize) -> String {
    text.chars()
        .filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'))
        .take(most)
        .collect()
}
