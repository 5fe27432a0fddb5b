//! One file of the report: its text, its lines, what tools said about it, and who changed it.

use gatehook_report::proto;

use crate::build::Input;
use crate::convert::{Converter, Refs};
use crate::files::SourceFile;
use crate::lines::Lines;
use crate::scm::ScmWorker;
use crate::text;

/// A measure by line that is longer is left out: no reader takes it, and nobody looks at a file of so many lines by line.
const MAX_LINE_DATA_BYTES: usize = 3 * 1024 * 1024;

/// One file, ready to be written.
pub(crate) struct Built {
    pub(crate) component: proto::Component,
    pub(crate) source: String,
    pub(crate) measures: Vec<proto::Measure>,
    pub(crate) ncloc: u64,
    pub(crate) coverage: Vec<proto::LineCoverage>,
    pub(crate) issues: Vec<proto::ExternalIssue>,
    pub(crate) changesets: Option<proto::Changesets>,
    pub(crate) changed: Option<proto::ChangedLines>,
    pub(crate) adjusted_ranges: usize,
    pub(crate) lines_behind_end: usize,
    pub(crate) lossy: bool,
    pub(crate) uncommitted: bool,
    pub(crate) scm_error: Option<String>,
}

pub(crate) fn build(
    input: &Input<'_>,
    index: usize,
    file: &SourceFile,
    bytes: Vec<u8>,
    refs: &Refs,
    converter: &mut Converter<'_>,
    scm: Option<&mut ScmWorker<'_>>,
) -> Built {
    let decoded = text::decode(bytes, input.config.encoding);
    let lengths = text::line_lengths(&decoded.content);
    let line_count = lengths.len();
    let component_ref = refs[index].unwrap_or_default();
    let mut component = proto::Component {
        r#ref: component_ref,
        name: file.path.rsplit('/').next().unwrap_or(&file.path).to_owned(),
        r#type: proto::ComponentType::File as i32,
        is_test: file.is_test,
        language: file.language.unwrap_or_default().to_owned(),
        lines: line_count as i32,
        project_relative_path: file.path.clone(),
        ..proto::Component::default()
    };

    let mut measures = Vec::new();
    let mut ncloc = 0;
    if let (Some(language), false) = (file.language, file.is_test) {
        let lines = Lines::classify(&decoded.content, language);
        ncloc = lines.ncloc() as u64;
        measures.push(proto::Measure::int("ncloc", lines.ncloc() as i32));
        measures.push(proto::Measure::int("comment_lines", lines.comment_lines() as i32));
        let data = lines.ncloc_data();
        if !data.is_empty() && data.len() <= MAX_LINE_DATA_BYTES {
            measures.push(proto::Measure::string("ncloc_data", data));
        }
    }

    let mut coverage = Vec::new();
    let mut lines_behind_end = 0;
    if let Some(covered) = input.imports.coverage.get(&index) {
        for (&line, hit) in &covered.lines {
            if line == 0 || line as usize > line_count {
                lines_behind_end += 1;
                continue;
            }
            coverage.push(proto::LineCoverage {
                line: line as i32,
                conditions: hit.conditions as i32,
                hits: Some(hit.is_covered()),
                covered_conditions: (hit.conditions > 0).then_some(hit.covered_conditions.min(hit.conditions) as i32),
            });
        }
    }

    converter.own_file(index, lengths);
    converter.adjusted = 0;
    let issues = input
        .imports
        .issues
        .get(&index)
        .into_iter()
        .flatten()
        .map(|issue| converter.issue(issue, Some(index)))
        .collect();

    let mut changesets = None;
    let mut changed = None;
    let mut uncommitted = false;
    let mut scm_error = None;
    if let (Some(worker), Some(scm)) = (scm, input.scm) {
        if scm.has_history {
            match worker.blame(&file.path, &decoded.content, input.now.as_millis()) {
                Ok(Some(found)) => changesets = Some(proto::Changesets { component_ref, ..found }),
                Ok(None) => uncommitted = !decoded.content.is_empty(),
                Err(error) => scm_error = Some(error.to_string()),
            }
        }
        match worker.changed_lines(&file.path, &decoded.content) {
            Ok(Some(found)) => {
                component.old_relative_file_path = found.old_path.unwrap_or_default();
                changed = Some(proto::ChangedLines { line: found.lines });
            }
            Ok(None) => {}
            Err(error) => scm_error = Some(error.to_string()),
        }
    }
    Built {
        component,
        source: decoded.content,
        measures,
        ncloc,
        coverage,
        issues,
        changesets,
        changed,
        adjusted_ranges: converter.adjusted,
        lines_behind_end,
        lossy: decoded.lossy,
        uncommitted,
        scm_error,
    }
}
