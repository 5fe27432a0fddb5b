//! Scanner reports made to order.

use std::io::Cursor;

use gatehook_domain::Timestamp;
use gatehook_report::ReportWriter;
use gatehook_report::proto;

/// The engine of the findings, unless another is said.
pub const ENGINE: &str = "lint";

/// A report that is being put together.
#[derive(Debug, Clone)]
pub struct ReportBuilder {
    metadata: proto::Metadata,
    files: Vec<FileBuilder>,
    rules: Vec<proto::AdHocRule>,
    project_issues: Vec<proto::ExternalIssue>,
    properties: Vec<(String, String)>,
}

/// A file of a report that is being put together.
#[derive(Debug, Clone)]
pub struct FileBuilder {
    path: String,
    is_test: bool,
    lines: Vec<String>,
    issues: Vec<proto::ExternalIssue>,
    coverage: Vec<proto::LineCoverage>,
    dates: Vec<i64>,
    changed: Option<Vec<i32>>,
    old_path: String,
}

impl ReportBuilder {
    /// A report about a project, made at a moment.
    pub fn new(project_key: &str, date: Timestamp) -> Self {
        let metadata = proto::Metadata {
            analysis_date: date.as_millis(),
            project_key: project_key.to_owned(),
            root_component_ref: 1,
            ..proto::Metadata::default()
        };
        Self {
            metadata,
            files: Vec::new(),
            rules: Vec::new(),
            project_issues: Vec::new(),
            properties: Vec::new(),
        }
    }

    /// Makes it a report of another moment.
    #[must_use]
    pub fn at(mut self, date: Timestamp) -> Self {
        self.metadata.analysis_date = date.as_millis();
        self
    }

    /// Sets `sonar.projectVersion`.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.metadata.project_version);
        self
    }

    /// Sets the revision of the version control.
    #[must_use]
    pub fn revision(mut self, revision: &str) -> Self {
        revision.clone_into(&mut self.metadata.scm_revision_id);
        self
    }

    /// Makes it a report about a pull request into a branch.
    #[must_use]
    pub fn pull_request(mut self, key: &str, target: &str) -> Self {
        key.clone_into(&mut self.metadata.pull_request_key);
        target.clone_into(&mut self.metadata.target_branch_name);
        self
    }

    /// Adds a property of the scanner.
    #[must_use]
    pub fn property(mut self, key: &str, value: &str) -> Self {
        self.properties.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, file: FileBuilder) -> Self {
        self.files.push(file);
        self
    }

    /// Describes a rule.
    #[must_use]
    pub fn rule(mut self, rule: proto::AdHocRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Adds a finding about the project as a whole.
    #[must_use]
    pub fn project_issue(mut self, rule: &str, message: &str) -> Self {
        self.project_issues.push(issue(rule, message, None));
        self
    }

    /// The zip archive.
    ///
    /// # Panics
    ///
    /// When the report cannot be written, which in memory does not happen.
    #[expect(
        clippy::unwrap_used,
        reason = "a test that cannot make its report is to fail at once"
    )]
    pub fn zip(&self) -> Vec<u8> {
        let mut writer = ReportWriter::new(Cursor::new(Vec::new()));
        writer.metadata(&self.metadata).unwrap();
        writer.adhoc_rules(self.rules.iter().cloned()).unwrap();
        writer
            .context_props(self.properties.iter().map(|(key, value)| proto::ContextProperty {
                key: key.clone(),
                value: value.clone(),
            }))
            .unwrap();
        writer.component(&self.root()).unwrap();
        writer.external_issues(1, self.project_issues.iter().cloned()).unwrap();
        for (index, file) in self.files.iter().enumerate() {
            file.write(&mut writer, i32::try_from(index).unwrap() + 2);
        }
        writer.finish().unwrap().into_inner()
    }

    fn root(&self) -> proto::Component {
        proto::Component {
            r#ref: 1,
            r#type: proto::ComponentType::Project.into(),
            key: self.metadata.project_key.clone(),
            child_ref: (2..).take(self.files.len()).collect(),
            ..proto::Component::default()
        }
    }
}

impl FileBuilder {
    /// A file with these lines.
    pub fn new(path: &str, lines: &[&str]) -> Self {
        Self {
            path: path.to_owned(),
            is_test: false,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            issues: Vec::new(),
            coverage: Vec::new(),
            dates: Vec::new(),
            changed: None,
            old_path: String::new(),
        }
    }

    /// A file of so many lines, each different.
    pub fn numbered(path: &str, lines: usize) -> Self {
        let lines: Vec<String> = (1..=lines)
            .map(|line| format!("let value_{line} = compute({line});"))
            .collect();
        Self::new(path, &lines.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Makes it a file of the tests.
    #[must_use]
    pub fn test(mut self) -> Self {
        self.is_test = true;
        self
    }

    /// Adds a finding: a major code smell unless the rule says otherwise.
    #[must_use]
    pub fn issue(mut self, rule: &str, line: i32, message: &str) -> Self {
        self.issues.push(issue(rule, message, Some(line)));
        self
    }

    /// Adds a finding of a type and severity.
    #[must_use]
    pub fn typed_issue(mut self, rule: &str, line: i32, kind: proto::IssueType, severity: proto::Severity) -> Self {
        let mut found = issue(rule, &format!("{rule} on line {line}"), Some(line));
        found.r#type = Some(kind.into());
        found.severity = Some(severity.into());
        self.issues.push(found);
        self
    }

    /// Adds a security hotspot.
    #[must_use]
    pub fn hotspot(self, rule: &str, line: i32) -> Self {
        self.typed_issue(rule, line, proto::IssueType::SecurityHotspot, proto::Severity::Major)
    }

    /// Says of lines whether tests run them.
    #[must_use]
    pub fn covered(mut self, lines: impl IntoIterator<Item = (i32, bool)>) -> Self {
        self.coverage
            .extend(lines.into_iter().map(|(line, hit)| proto::LineCoverage {
                line,
                hits: Some(hit),
                ..proto::LineCoverage::default()
            }));
        self
    }

    /// Says when every line was changed last.
    #[must_use]
    pub fn changed_at(mut self, date: Timestamp) -> Self {
        self.dates = vec![date.as_millis(); self.lines.len()];
        self
    }

    /// Says when some lines were changed last; call after [`FileBuilder::changed_at`].
    #[must_use]
    pub fn lines_changed_at(mut self, lines: std::ops::RangeInclusive<usize>, date: Timestamp) -> Self {
        for line in lines {
            self.dates[line - 1] = date.as_millis();
        }
        self
    }

    /// Says where the file was before it was moved.
    #[must_use]
    pub fn moved_from(mut self, path: &str) -> Self {
        path.clone_into(&mut self.old_path);
        self
    }

    /// Says which lines differ from the target branch.
    #[must_use]
    pub fn changed_lines(mut self, lines: &[i32]) -> Self {
        self.changed = Some(lines.to_vec());
        self
    }

    #[expect(
        clippy::unwrap_used,
        reason = "a test that cannot make its report is to fail at once"
    )]
    fn write(&self, writer: &mut ReportWriter<Cursor<Vec<u8>>>, component_ref: i32) {
        let lines = i32::try_from(self.lines.len()).unwrap();
        writer
            .component(&proto::Component {
                r#ref: component_ref,
                r#type: proto::ComponentType::File.into(),
                is_test: self.is_test,
                language: "rust".to_owned(),
                lines,
                project_relative_path: self.path.clone(),
                old_relative_file_path: self.old_path.clone(),
                ..proto::Component::default()
            })
            .unwrap();
        writer.source(component_ref, &self.lines.join("\n")).unwrap();
        let code: Vec<String> = (1..=lines).map(|line| format!("{line}=1")).collect();
        let measures = [
            proto::Measure::int("ncloc", lines),
            proto::Measure::string("ncloc_data", code.join(";")),
        ];
        writer.measures(component_ref, measures).unwrap();
        writer
            .external_issues(component_ref, self.issues.iter().cloned())
            .unwrap();
        writer.coverages(component_ref, self.coverage.iter().copied()).unwrap();
        if let Some(changed) = &self.changed {
            writer
                .changed_lines(component_ref, &proto::ChangedLines { line: changed.clone() })
                .unwrap();
        }
        if !self.dates.is_empty() {
            let mut changesets = proto::Changesets {
                component_ref,
                ..proto::Changesets::default()
            };
            for date in &self.dates {
                let known = changesets.changeset.iter().position(|set| set.date == *date);
                let index = known.unwrap_or_else(|| {
                    changesets.changeset.push(proto::Changeset {
                        revision: format!("r{date}"),
                        author: "ada@example.org".to_owned(),
                        date: *date,
                    });
                    changesets.changeset.len() - 1
                });
                changesets.changeset_index_by_line.push(i32::try_from(index).unwrap());
            }
            writer.changesets(&changesets).unwrap();
        }
    }
}

fn issue(rule: &str, message: &str, line: Option<i32>) -> proto::ExternalIssue {
    proto::ExternalIssue {
        engine_id: ENGINE.to_owned(),
        rule_id: rule.to_owned(),
        msg: message.to_owned(),
        effort: 5,
        text_range: line.map(|line| proto::TextRange {
            start_line: line,
            end_line: line,
            start_offset: 0,
            end_offset: 3,
        }),
        ..proto::ExternalIssue::default()
    }
}
