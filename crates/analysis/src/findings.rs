//! The findings of a report, and the rules that raised them.

use std::collections::HashMap;
use std::io::{Read, Seek};

use gatehook_domain::id::ComponentId;
use gatehook_domain::issue::{Flow, Impacts, IssueType, Location, Severity, TextRange};
use gatehook_domain::rule::{CleanCodeAttribute, Rule, RuleKey};
use gatehook_report::{ReportReader, proto};

use crate::error::AnalysisError;
use crate::incoming::{IncomingFile, cut, text_range};
use crate::rules;

/// The longest message of an issue that is kept, in characters, as SonarQube cuts them.
const MAX_MESSAGE: usize = 4000;
/// The most places of an issue that are kept beside the primary one.
const MAX_LOCATIONS: usize = 500;

/// A finding of a report that is not tracked yet.
#[derive(Debug)]
pub(crate) struct RawIssue {
    pub(crate) rule: RuleKey,
    pub(crate) kind: IssueType,
    pub(crate) severity: Severity,
    pub(crate) impacts: Impacts,
    pub(crate) attribute: CleanCodeAttribute,
    pub(crate) message: String,
    pub(crate) range: Option<TextRange>,
    pub(crate) line_hash: String,
    pub(crate) effort: i64,
    pub(crate) flows: Vec<Flow>,
}

/// The rules of a report: those it describes, and those that were met without a description.
#[derive(Debug, Default)]
pub(crate) struct RuleBook {
    rules: HashMap<RuleKey, Rule>,
    active: HashMap<RuleKey, Rule>,
    /// How many findings were left out because nothing usable is left of their rule's key.
    without_rule: u64,
}

impl RuleBook {
    /// Reads the rules that the report describes.
    pub(crate) fn read<R: Read + Seek>(report: &mut ReportReader<R>) -> Result<Self, AnalysisError> {
        let mut book = Self::default();
        for rule in report.adhoc_rules()? {
            // What is not usable shows when a finding names it.
            if let Some(rule) = rules::of_adhoc(rule?) {
                book.rules.insert(rule.key.clone(), rule);
            }
        }
        for rule in report.active_rules()? {
            let rule = rule?;
            let Some(key) = rules::kept_key(&rule.rule_repository, &rule.rule_key) else {
                continue;
            };
            let known = rules::Known {
                severity: rules::severity(rule.severity),
                impacts: rules::impacts(&rule.impacts),
                ..rules::Known::default()
            };
            book.active.insert(key.clone(), rules::completed(key, known));
        }
        Ok(book)
    }

    /// What people are to be told.
    pub(crate) fn warning(&self) -> Option<String> {
        (self.without_rule > 0).then(|| {
            format!(
                "{} findings were left out, because the report does not say usably of which rule they are.",
                self.without_rule
            )
        })
    }

    /// All rules that findings use or that the report describes.
    pub(crate) fn into_rules(self) -> Vec<Rule> {
        let mut all: Vec<Rule> = self.rules.into_values().collect();
        all.sort_by(|one, other| one.key.cmp(&other.key));
        all
    }

    /// The external rule of this key, described or not.
    fn external(&mut self, key: &RuleKey) -> &Rule {
        self.rules
            .entry(key.clone())
            .or_insert_with(|| rules::completed(key.clone(), rules::Known::default()))
    }

    /// The active rule of this key; findings of rules that are not active are dropped.
    fn active(&mut self, key: &RuleKey) -> Option<&Rule> {
        let rule = self.active.get(key)?.clone();
        Some(self.rules.entry(key.clone()).or_insert(rule))
    }
}

/// Reads the findings of one component.
pub(crate) fn read_issues<R: Read + Seek>(
    report: &mut ReportReader<R>,
    component_ref: i32,
    file: &mut IncomingFile,
    book: &mut RuleBook,
    ids: &HashMap<i32, ComponentId>,
) -> Result<(), AnalysisError> {
    let own = ids.get(&component_ref);
    for found in report.external_issues(component_ref)? {
        let found = found?;
        let Some(key) = rules::external_key(&found.engine_id, &found.rule_id) else {
            book.without_rule += 1;
            continue;
        };
        let rule = book.external(&key);
        let kind = found.r#type.and_then(rules::kind).unwrap_or(rule.kind);
        let impacts = if kind == IssueType::SecurityHotspot {
            Impacts::new()
        } else {
            rules::issue_impacts(rule, &rules::impacts(&found.impacts))
        };
        let attribute = found
            .clean_code_attribute
            .and_then(|word| CleanCodeAttribute::parse(&word).ok())
            .unwrap_or(rule.attribute);
        let range = text_range(found.text_range.as_ref(), file.lines);
        file.issues.push(RawIssue {
            kind,
            severity: found.severity.and_then(rules::severity).unwrap_or(rule.severity),
            impacts,
            attribute,
            message: cut(&found.msg, MAX_MESSAGE),
            line_hash: line_hash(file, range),
            range,
            effort: found.effort.max(0),
            flows: flows(&found.flow, own, ids),
            rule: key,
        });
    }
    for found in report.issues(component_ref)? {
        let found = found?;
        let Some(key) = rules::kept_key(&found.rule_repository, &found.rule_key) else {
            book.without_rule += 1;
            continue;
        };
        let Some(rule) = book.active(&key) else { continue };
        let range = text_range(found.text_range.as_ref(), file.lines);
        file.issues.push(RawIssue {
            kind: rule.kind,
            severity: found
                .overridden_severity
                .and_then(rules::severity)
                .unwrap_or(rule.severity),
            impacts: rules::issue_impacts(rule, &rules::impacts(&found.overridden_impacts)),
            attribute: rule.attribute,
            message: cut(&found.msg, MAX_MESSAGE),
            line_hash: line_hash(file, range),
            range,
            effort: 0,
            flows: flows(&found.flow, own, ids),
            rule: key,
        });
    }
    Ok(())
}

fn line_hash(file: &IncomingFile, range: Option<TextRange>) -> String {
    range
        .and_then(|range| file.hashes.get(range.start_line as usize - 1))
        .cloned()
        .unwrap_or_default()
}

fn flows(list: &[proto::Flow], own: Option<&ComponentId>, ids: &HashMap<i32, ComponentId>) -> Vec<Flow> {
    let mut left = MAX_LOCATIONS;
    let mut flows = Vec::new();
    for flow in list {
        let mut locations = Vec::new();
        for location in flow.location.iter().take(left) {
            let component = if location.component_ref == 0 {
                own
            } else {
                ids.get(&location.component_ref)
            };
            let Some(component) = component else { continue };
            locations.push(Location {
                component: component.clone(),
                range: text_range(location.text_range.as_ref(), 0),
                message: cut(&location.msg, MAX_MESSAGE),
            });
        }
        left -= locations.len();
        if !locations.is_empty() {
            flows.push(Flow { locations });
        }
    }
    flows
}
