//! How an issue is shown, and what it names beside itself.

use std::collections::BTreeMap;

use gatehook_domain::branch::Branch;
use gatehook_domain::component::{Component, Qualifier};
use gatehook_domain::id::{BranchId, ComponentId, ProjectId};
use gatehook_domain::issue::{Issue, IssueStatus, IssueType, TextRange};
use gatehook_domain::project::Project;
use gatehook_domain::rule::Rule;
use gatehook_store::issue::PlacedIssue;
use gatehook_store::{StoreError, Tx, branch, component, project, user};
use serde::Serialize;

use crate::lookup::{branch_words, file_key};
use crate::shapes::Date;

/// The components, branches and projects that a page of issues names.
#[derive(Debug, Default)]
pub(crate) struct Context {
    components: BTreeMap<ComponentId, Component>,
    branches: BTreeMap<BranchId, Branch>,
    projects: BTreeMap<ProjectId, Project>,
}

impl Context {
    pub(crate) fn of(tx: &mut Tx<'_>, issues: &[Issue]) -> Result<Self, StoreError> {
        let mut branches: Vec<BranchId> = issues.iter().map(|issue| issue.branch.clone()).collect();
        branches.sort();
        branches.dedup();
        let mut context = Self::default();
        context.add_components(tx, issues)?;
        for found in branch::by_ids(tx, &branches)? {
            context.branches.insert(found.id.clone(), found);
        }
        let mut projects: Vec<ProjectId> = context.branches.values().map(|branch| branch.project.clone()).collect();
        projects.sort();
        projects.dedup();
        for found in project::by_ids(tx, &projects)? {
            context.projects.insert(found.id.clone(), found);
        }
        Ok(context)
    }

    /// What one issue names whose branch and project are at hand.
    pub(super) fn of_placed(tx: &mut Tx<'_>, found: PlacedIssue) -> Result<Self, StoreError> {
        let mut context = Self::default();
        context.add_components(tx, std::slice::from_ref(&found.issue))?;
        context.branches.insert(found.branch.id.clone(), found.branch);
        context.projects.insert(found.project.id.clone(), found.project);
        Ok(context)
    }

    fn add_components(&mut self, tx: &mut Tx<'_>, issues: &[Issue]) -> Result<(), StoreError> {
        let mut ids: Vec<ComponentId> = issues.iter().map(|issue| issue.component.clone()).collect();
        ids.extend(issues.iter().map(|issue| ComponentId::root_of(&issue.branch)));
        for flow in issues.iter().flat_map(|issue| &issue.flows) {
            ids.extend(flow.locations.iter().map(|location| location.component.clone()));
        }
        ids.sort();
        ids.dedup();
        for found in component::by_ids(tx, &ids)? {
            self.components.insert(found.id.clone(), found);
        }
        Ok(())
    }

    fn of_branch(&self, id: &BranchId) -> Option<(&Branch, &Project)> {
        let branch = self.branches.get(id)?;
        Some((branch, self.projects.get(&branch.project)?))
    }

    pub(crate) fn project(&self, issue: &Issue) -> Option<&Project> {
        self.of_branch(&issue.branch).map(|(_, project)| project)
    }

    /// The key of a file, or of the project when the file is not known any more.
    pub(crate) fn place(&self, project: &Project, id: &ComponentId) -> String {
        match self.components.get(id) {
            Some(component) => file_key(project, component),
            None => project.key.as_str().to_owned(),
        }
    }

    /// The ways that lead to an issue.
    pub(crate) fn flows(&self, project: &Project, issue: &Issue) -> Vec<FlowShape> {
        issue
            .flows
            .iter()
            .map(|flow| FlowShape {
                locations: flow
                    .locations
                    .iter()
                    .map(|location| LocationShape {
                        component: self.place(project, &location.component),
                        text_range: location.range.map(RangeShape::of),
                        msg: location.message.clone(),
                        msg_formattings: [],
                    })
                    .collect(),
            })
            .collect()
    }

    /// All components, as answers list them.
    pub(crate) fn components(&self) -> Vec<ComponentShape> {
        self.components.keys().filter_map(|id| self.component(id)).collect()
    }

    /// A component, as answers show it.
    pub(crate) fn component(&self, id: &ComponentId) -> Option<ComponentShape> {
        let component = self.components.get(id)?;
        let (branch, project) = self.of_branch(&component.branch)?;
        let (branch_name, pull_request) = branch_words(branch);
        let is_root = component.qualifier == Qualifier::Project;
        let (name, long_name) = if is_root {
            (project.name.as_str(), project.name.as_str())
        } else {
            (component.file_name(), component.path.as_str())
        };
        Some(ComponentShape {
            key: file_key(project, component),
            enabled: component.enabled,
            qualifier: component.qualifier.as_str(),
            name: name.to_owned(),
            long_name: long_name.to_owned(),
            path: (!is_root).then(|| component.path.clone()),
            branch: branch_name,
            pull_request,
        })
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IssueShape {
    key: String,
    rule: String,
    component: String,
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    #[serde(rename = "type")]
    kind: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issue_status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_range: Option<RangeShape>,
    flows: Vec<FlowShape>,
    message: String,
    message_formattings: [&'static str; 0],
    effort: String,
    debt: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    assignee: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    tags: Vec<String>,
    internal_tags: [&'static str; 0],
    creation_date: Date,
    update_date: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    close_date: Option<Date>,
    clean_code_attribute: &'static str,
    clean_code_attribute_category: &'static str,
    impacts: Vec<ImpactShape>,
    scope: &'static str,
    quick_fix_available: bool,
    prioritized_rule: bool,
    code_variants: [&'static str; 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    external_rule_engine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transitions: Option<Vec<&'static str>>,
}

impl IssueShape {
    /// An issue as it is shown; who wrote the line is told to those who are logged in only.
    pub(super) fn of(context: &Context, issue: &Issue, is_logged_in: bool) -> Result<Self, StoreError> {
        let lost = || StoreError::Corrupt {
            what: "an issue without its branch or component".to_owned(),
        };
        let (branch, project) = context.of_branch(&issue.branch).ok_or_else(lost)?;
        let component = context.components.get(&issue.component).ok_or_else(lost)?;
        let (branch_name, pull_request) = branch_words(branch);
        let effort = duration(issue.effort);
        let flows = context.flows(project, issue);
        let is_hotspot = issue.kind == IssueType::SecurityHotspot;
        Ok(Self {
            key: issue.id.as_str().to_owned(),
            rule: issue.rule.as_str().to_owned(),
            component: file_key(project, component),
            project: project.key.as_str().to_owned(),
            branch: branch_name,
            pull_request,
            severity: (!is_hotspot).then(|| issue.severity.as_str()),
            kind: issue.kind.as_str(),
            status: issue.status.as_str(),
            resolution: issue.resolution.map(gatehook_domain::issue::Resolution::as_str),
            issue_status: IssueStatus::of(issue.status, issue.resolution).map(IssueStatus::as_str),
            line: issue.line(),
            hash: Some(issue.line_hash.clone()).filter(|hash| !hash.is_empty()),
            text_range: issue.range.map(RangeShape::of),
            flows,
            message: issue.message.clone(),
            message_formattings: [],
            debt: effort.clone(),
            effort,
            assignee: issue.assignee.clone(),
            author: issue.author.clone().filter(|_| is_logged_in),
            tags: issue.tags.clone(),
            internal_tags: [],
            creation_date: Date(issue.created_at),
            update_date: Date(issue.updated_at),
            close_date: issue.closed_at.map(Date),
            clean_code_attribute: issue.attribute.as_str(),
            clean_code_attribute_category: issue.attribute.category(),
            impacts: issue
                .impacts
                .iter()
                .map(|(quality, severity)| ImpactShape {
                    software_quality: quality.as_str(),
                    severity: severity.as_str(),
                })
                .collect(),
            scope: if component.qualifier == Qualifier::TestFile {
                "TEST"
            } else {
                "MAIN"
            },
            quick_fix_available: false,
            prioritized_rule: false,
            code_variants: [],
            external_rule_engine: issue.rule.engine().map(str::to_owned),
            transitions: None,
        })
    }

    pub(super) fn with_transitions(self, transitions: Vec<&'static str>) -> Self {
        Self {
            transitions: Some(transitions),
            ..self
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RangeShape {
    start_line: u32,
    end_line: u32,
    start_offset: u32,
    end_offset: u32,
}

impl RangeShape {
    pub(crate) const fn of(range: TextRange) -> Self {
        Self {
            start_line: range.start_line,
            end_line: range.end_line,
            start_offset: range.start_offset,
            end_offset: range.end_offset,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct FlowShape {
    locations: Vec<LocationShape>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LocationShape {
    component: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_range: Option<RangeShape>,
    msg: String,
    msg_formattings: [&'static str; 0],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImpactShape {
    software_quality: &'static str,
    severity: &'static str,
}

/// A component that issues name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ComponentShape {
    key: String,
    enabled: bool,
    qualifier: &'static str,
    name: String,
    long_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_request: Option<String>,
}

/// A rule that issues name.
#[derive(Debug, Serialize)]
pub(super) struct RuleShape {
    key: String,
    name: String,
    status: &'static str,
}

impl RuleShape {
    pub(super) fn of(rule: &Rule) -> Self {
        Self {
            key: rule.key.as_str().to_owned(),
            name: rule.name.clone(),
            status: "READY",
        }
    }
}

/// A user that issues name.
#[derive(Debug, Serialize)]
pub(crate) struct UserShape {
    login: String,
    name: String,
    active: bool,
}

/// The users of these logins.
pub(crate) fn users(tx: &mut Tx<'_>, logins: &[String]) -> Result<Vec<UserShape>, StoreError> {
    let mut wanted = logins.to_vec();
    wanted.sort();
    wanted.dedup();
    let found = user::by_logins(tx, &wanted)?;
    Ok(found
        .into_iter()
        .map(|user| UserShape {
            login: user.login,
            name: user.name,
            active: user.active,
        })
        .collect())
}

/// Minutes as the Web API writes them: days of eight hours, hours, minutes.
fn duration(minutes: i64) -> String {
    const HOUR: i64 = 60;
    const DAY: i64 = 8 * HOUR;
    if minutes <= 0 {
        return "0min".to_owned();
    }
    let (days, hours, rest) = (minutes / DAY, minutes % DAY / HOUR, minutes % HOUR);
    let mut text = String::new();
    for (count, unit) in [(days, "d"), (hours, "h"), (rest, "min")] {
        if count > 0 {
            text.push_str(&count.to_string());
            text.push_str(unit);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn effort_is_written_in_working_days() {
        let shown = [0, 10, 90, 480, 545].map(super::duration);
        assert_eq!(shown, ["0min", "10min", "1h30min", "1d", "1d1h5min"]);
    }
}
