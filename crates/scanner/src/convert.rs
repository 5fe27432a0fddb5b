//! From the neutral model of imported issues to the messages of the report: ranges completed from the text, paths looked up.

use std::collections::HashMap;
use std::sync::Arc;

use encoding_rs::Encoding;
use gatehook_report::{model, proto};

use crate::files::FileSet;
use crate::paths::{Completeness, Resolved, Resolver};
use crate::text;

/// How many other files' line lengths one thread remembers; secondary locations mostly stay in a few files.
const REMEMBERED_FILES: usize = 32;
/// The longest message the server keeps.
const MAX_MESSAGE_CHARS: usize = 4000;

/// The numbers files have in the report, by index in the [`FileSet`]; none for a file that is not in it.
pub(crate) type Refs = Vec<Option<i32>>;

/// Converts the issues of one thread.
pub(crate) struct Converter<'a> {
    files: &'a FileSet,
    resolver: &'a Resolver<'a>,
    refs: &'a Refs,
    encoding: &'static Encoding,
    lengths: HashMap<usize, Arc<Vec<u32>>>,
    /// Ranges that did not fit their file.
    pub(crate) adjusted: usize,
}

impl<'a> Converter<'a> {
    pub(crate) fn new(
        files: &'a FileSet,
        resolver: &'a Resolver<'a>,
        refs: &'a Refs,
        encoding: &'static Encoding,
    ) -> Self {
        Self {
            files,
            resolver,
            refs,
            encoding,
            lengths: HashMap::new(),
            adjusted: 0,
        }
    }

    /// Remembers the line lengths of the file whose issues come next.
    pub(crate) fn own_file(&mut self, index: usize, lengths: Vec<u32>) {
        if self.lengths.len() >= REMEMBERED_FILES {
            self.lengths.clear();
        }
        self.lengths.insert(index, Arc::new(lengths));
    }

    /// An issue of a file, or of the project.
    pub(crate) fn issue(&mut self, issue: &model::ImportedIssue, own: Option<usize>) -> proto::ExternalIssue {
        let text_range = match (own, issue.primary.range) {
            (Some(index), Some(range)) => self.range(index, range),
            _ => None,
        };
        let mut flow = Vec::new();
        for location in &issue.secondary {
            let location = self.location(location, own);
            flow.extend(location.map(|location| proto::Flow {
                location: vec![location],
                ..proto::Flow::default()
            }));
        }
        for steps in &issue.flows {
            let location: Vec<_> = steps
                .locations
                .iter()
                .filter_map(|step| self.location(step, own))
                .collect();
            if !location.is_empty() {
                let description = steps.description.clone().unwrap_or_default();
                flow.push(proto::Flow {
                    location,
                    description,
                    r#type: proto::FlowType::Execution as i32,
                });
            }
        }
        proto::ExternalIssue {
            engine_id: issue.engine_id.clone(),
            rule_id: issue.rule_id.clone(),
            msg: shortened(&issue.message),
            severity: issue.severity.map(|severity| wire_severity(severity) as i32),
            effort: i64::from(issue.effort_minutes.unwrap_or(0)),
            text_range,
            flow,
            r#type: issue.issue_type.map(|issue_type| wire_type(issue_type) as i32),
            msg_formatting: Vec::new(),
            impacts: issue.impacts.iter().copied().map(wire_impact).collect(),
            clean_code_attribute: issue
                .clean_code_attribute
                .map(|attribute| attribute.as_str().to_owned()),
        }
    }

    fn location(&mut self, location: &model::Location, own: Option<usize>) -> Option<proto::IssueLocation> {
        let index = match &location.path {
            None => own,
            Some(path) => match self.resolver.resolve(path, &[], None, Completeness::Whole) {
                Resolved::File(index) => Some(index),
                Resolved::LeftOut | Resolved::Unknown => return None,
            },
        }?;
        let component_ref = self.refs.get(index).copied().flatten()?;
        let text_range = location.range.and_then(|range| self.range(index, range));
        let msg = location.message.as_deref().map(shortened).unwrap_or_default();
        Some(proto::IssueLocation {
            component_ref,
            text_range,
            msg,
            msg_formatting: Vec::new(),
        })
    }

    fn range(&mut self, index: usize, range: model::TextRange) -> Option<proto::TextRange> {
        let lengths = self.line_lengths(index)?;
        let (range, fits) = complete(range, &lengths);
        self.adjusted += usize::from(!fits);
        Some(range)
    }

    fn line_lengths(&mut self, index: usize) -> Option<Arc<Vec<u32>>> {
        if let Some(known) = self.lengths.get(&index) {
            return Some(Arc::clone(known));
        }
        let bytes = std::fs::read(&self.files.all().get(index)?.absolute).ok()?;
        self.own_file(index, text::line_lengths(&text::decode(bytes, self.encoding).content));
        self.lengths.get(&index).cloned()
    }
}

/// A message of a length that servers keep.
fn shortened(message: &str) -> String {
    if message.len() <= MAX_MESSAGE_CHARS || message.chars().count() <= MAX_MESSAGE_CHARS {
        return message.to_owned();
    }
    message.chars().take(MAX_MESSAGE_CHARS - 1).chain(['…']).collect()
}

/// A rule of another tool.
pub(crate) fn rule(rule: &model::ImportedRule) -> proto::AdHocRule {
    proto::AdHocRule {
        engine_id: rule.engine_id.clone(),
        rule_id: rule.rule_id.clone(),
        name: rule
            .name
            .clone()
            .unwrap_or_else(|| format!("{}:{}", rule.engine_id, rule.rule_id)),
        description: rule.description.clone().unwrap_or_default(),
        severity: rule.severity.map(|severity| wire_severity(severity) as i32),
        r#type: rule.issue_type.map(|issue_type| wire_type(issue_type) as i32),
        clean_code_attribute: rule.clean_code_attribute.map(|attribute| attribute.as_str().to_owned()),
        default_impacts: rule.impacts.iter().copied().map(wire_impact).collect(),
    }
}

/// Completes a range from the lengths of the lines, and says whether it fitted. One that starts behind the end of the file becomes
/// the last line; a column behind the end of its line becomes the line.
fn complete(range: model::TextRange, lengths: &[u32]) -> (proto::TextRange, bool) {
    let last = u32::try_from(lengths.len()).unwrap_or(u32::MAX).max(1);
    let length = |line: u32| lengths.get(line as usize - 1).copied().unwrap_or(0);
    let whole = |start: u32, end: u32| proto::TextRange {
        start_line: start as i32,
        end_line: end as i32,
        start_offset: 0,
        end_offset: length(end) as i32,
    };
    let start_line = range.start_line.max(1);
    if start_line > last {
        return (whole(last, last), false);
    }
    let wanted_end = range.end_line.unwrap_or(start_line).max(start_line);
    let end_line = wanted_end.min(last);
    let start_offset = range.start_column.unwrap_or(0);
    let end_offset = match range.end_column {
        Some(column) if wanted_end == end_line => column,
        _ => length(end_line),
    };
    let fits = wanted_end == end_line && start_offset <= length(start_line) && end_offset <= length(end_line);
    let is_empty = start_line == end_line && start_offset >= end_offset.min(length(end_line));
    if start_offset > length(start_line) || is_empty {
        return (whole(start_line, end_line), fits);
    }
    let range = proto::TextRange {
        start_line: start_line as i32,
        end_line: end_line as i32,
        start_offset: start_offset as i32,
        end_offset: end_offset.min(length(end_line)) as i32,
    };
    (range, fits)
}

fn wire_severity(severity: model::Severity) -> proto::Severity {
    match severity {
        model::Severity::Info => proto::Severity::Info,
        model::Severity::Minor => proto::Severity::Minor,
        model::Severity::Major => proto::Severity::Major,
        model::Severity::Critical => proto::Severity::Critical,
        model::Severity::Blocker => proto::Severity::Blocker,
    }
}

fn wire_type(issue_type: model::IssueType) -> proto::IssueType {
    match issue_type {
        model::IssueType::CodeSmell => proto::IssueType::CodeSmell,
        model::IssueType::Bug => proto::IssueType::Bug,
        model::IssueType::Vulnerability => proto::IssueType::Vulnerability,
        model::IssueType::SecurityHotspot => proto::IssueType::SecurityHotspot,
    }
}

fn wire_impact(impact: model::Impact) -> proto::Impact {
    let quality = match impact.quality {
        model::SoftwareQuality::Maintainability => proto::SoftwareQuality::Maintainability,
        model::SoftwareQuality::Reliability => proto::SoftwareQuality::Reliability,
        model::SoftwareQuality::Security => proto::SoftwareQuality::Security,
    };
    let severity = match impact.severity {
        model::ImpactSeverity::Info => proto::ImpactSeverity::Info,
        model::ImpactSeverity::Low => proto::ImpactSeverity::Low,
        model::ImpactSeverity::Medium => proto::ImpactSeverity::Medium,
        model::ImpactSeverity::High => proto::ImpactSeverity::High,
        model::ImpactSeverity::Blocker => proto::ImpactSeverity::Blocker,
    };
    proto::Impact {
        software_quality: quality as i32,
        severity: severity as i32,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::whole_line((2, None, None, None), (2, 0, 2, 5), true)]
    #[case::given((1, Some(2), Some(2), Some(3)), (1, 2, 2, 3), true)]
    #[case::to_the_end((1, Some(2), None, None), (1, 2, 1, 10), true)]
    #[case::end_only((1, None, None, Some(4)), (1, 0, 1, 4), true)]
    #[case::end_line_without_column((1, Some(3), Some(2), None), (1, 3, 2, 5), true)]
    #[case::start_behind_the_file((9, Some(1), Some(10), Some(2)), (3, 0, 3, 0), false)]
    #[case::end_behind_the_file((2, Some(1), Some(10), Some(2)), (2, 1, 3, 0), false)]
    #[case::column_behind_the_line((2, Some(7), None, Some(9)), (2, 0, 2, 5), false)]
    #[case::end_column_behind_the_line((2, Some(1), None, Some(9)), (2, 1, 2, 5), false)]
    #[case::nothing((2, Some(1), Some(2), Some(1)), (2, 0, 2, 5), true)]
    fn ranges_are_completed_and_kept_inside_of_the_file(
        #[case] given: (u32, Option<u32>, Option<u32>, Option<u32>),
        #[case] expected: (i32, i32, i32, i32),
        #[case] fits: bool,
    ) {
        let (start_line, start_column, end_line, end_column) = given;
        let (range, fitted) = complete(
            model::TextRange {
                start_line,
                start_column,
                end_line,
                end_column,
            },
            &[10, 5, 0],
        );
        assert_eq!(
            (range.start_line, range.start_offset, range.end_line, range.end_offset),
            expected
        );
        assert_eq!(fitted, fits);
    }
}
