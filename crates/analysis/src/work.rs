//! The components of one analysis: files one by one, what is gone, and the project as a whole.

use std::collections::{HashMap, HashSet};

use gatehook_domain::Timestamp;
use gatehook_domain::branch::BranchKind;
use gatehook_domain::component::{Component, Qualifier};
use gatehook_domain::id::ComponentId;
use gatehook_domain::issue::{Issue, Resolution, Status};
use gatehook_domain::measure::Measures;
use gatehook_domain::size::{self, Duplication, FileFacts, Sum};
use gatehook_domain::tally::{self, Tally};
use gatehook_report::proto;
use gatehook_store::{component, issue};

use crate::error::AnalysisError;
use crate::findings::{self, RuleBook};
use crate::incoming::{self, IncomingFile};
use crate::issues::{self, After, Before, Setting};
use crate::pipeline::{Bench, Report, Totals};
use crate::plan::Plan;
use crate::spill::{Outcome, SpillWriter};

/// How long an issue that was closed can still be taken up again; SonarQube's default as well.
const CLOSED_ISSUES_MAX_AGE: std::time::Duration = std::time::Duration::from_hours(30 * 24);
/// The longest path of a file, in bytes: PostgreSQL's indexes hold no longer entries than about 2,700.
const MAX_PATH: usize = 2_000;

/// The files of a report.
pub(crate) struct Files {
    pub(crate) order: Vec<(i32, ComponentId)>,
    pub(crate) ids: HashMap<i32, ComponentId>,
    pub(crate) paths: HashSet<String>,
}

/// The work on one analysis: component by component, each outcome spilled as soon as it is known.
pub(crate) struct Work<'a> {
    bench: &'a Bench<'a>,
    plan: &'a Plan,
    date: Timestamp,
    spill: SpillWriter,
    book: RuleBook,
    sum: Sum,
    tally: Tally,
    gone: Vec<ComponentId>,
    has_duplications: bool,
    /// Whether the report says of any file which lines changed; none when it does not matter or there is no file.
    knows_changed_lines: Option<bool>,
}

impl<'a> Work<'a> {
    pub(crate) fn begin(
        bench: &'a Bench<'a>,
        plan: &'a Plan,
        date: Timestamp,
        spill: SpillWriter,
        report: &mut Report,
    ) -> Result<Self, AnalysisError> {
        let book = RuleBook::read(report)?;
        let has_duplications = report.has_duplications();
        Ok(Self {
            bench,
            plan,
            date,
            spill,
            book,
            sum: Sum::default(),
            tally: Tally::default(),
            gone: Vec::new(),
            has_duplications,
            knows_changed_lines: None,
        })
    }

    fn setting(&self) -> Setting<'a> {
        Setting {
            branch: &self.plan.branch.id,
            date: self.date,
            first: self.plan.is_first(),
            ambient: self.bench.store.ambient(),
        }
    }

    /// Reads the tree once, so that every file has its id before findings point at other files.
    pub(crate) fn file_table(&self, report: &mut Report, root_ref: i32) -> Result<Files, AnalysisError> {
        let mut files = Files {
            order: Vec::new(),
            ids: HashMap::new(),
            paths: HashSet::new(),
        };
        files.ids.insert(root_ref, ComponentId::root_of(&self.plan.branch.id));
        for component_ref in report.file_refs(root_ref)? {
            let component = component_of(report, component_ref)?;
            let path = checked_path(&component.project_relative_path)?;
            let id = match self.plan.known.get(path) {
                Some(known) => known.id.clone(),
                None => self.bench.store.ambient().new_id(),
            };
            if !files.paths.insert(path.to_owned()) {
                return Err(AnalysisError::Invalid(format!("it has the file '{path}' twice")));
            }
            files.ids.insert(component_ref, id.clone());
            files.order.push((component_ref, id));
        }
        Ok(files)
    }

    pub(crate) fn file(
        &mut self,
        report: &mut Report,
        component_ref: i32,
        id: &ComponentId,
        ids: &HashMap<i32, ComponentId>,
    ) -> Result<(), AnalysisError> {
        let described = component_of(report, component_ref)?;
        let path = described.project_relative_path.clone();
        // On the branch it came from the file may have another path.
        let origin = match described.old_relative_file_path.as_str() {
            "" => path.clone(),
            old => old.to_owned(),
        };
        let mut file = incoming::read_file(report, &described)?;
        findings::read_issues(report, component_ref, &mut file, &mut self.book, ids)?;
        let raw = std::mem::take(&mut file.issues);
        let dates: Vec<Option<Timestamp>> = file
            .changes
            .iter()
            .map(|change| Some(change.as_ref().map_or(self.date, |change| change.date)))
            .collect();
        let new_lines = self
            .plan
            .new_code
            .new_lines(&dates, file.changed_lines.as_deref(), self.date);
        let changed = new_lines.as_ref().filter(|_| self.plan.asks_for_changed_lines());
        if self.plan.asks_for_changed_lines() {
            *self.knows_changed_lines.get_or_insert(false) |= file.changed_lines.is_some();
        }

        let raw = match &self.plan.target {
            Some(target) if self.plan.branch.kind == BranchKind::PullRequest => {
                let (resolved, hashes) = self.resolved_on(target.id.clone(), &origin)?;
                issues::own_of_pull_request(raw, id, &file, changed, &resolved, &hashes)
            }
            _ => raw,
        };
        let before = self.before(&path, &origin)?;
        let after = issues::follow(&self.setting(), id, &file, raw, &before, changed);

        let measures = size::file_measures(
            &FileFacts {
                is_test: described.is_test,
                lines: file.lines,
                raw: &file.measures,
                code_lines: file.code_lines.as_ref(),
                coverage: &file.coverage,
                duplication: self.has_duplications.then_some(Duplication {
                    lines: &file.duplicated_lines,
                    blocks: file.duplicated_blocks,
                }),
                new_lines: new_lines.as_ref(),
            },
            self.plan.rulings.development_cost,
        );
        self.sum.add(&measures);
        let component = Component {
            id: id.clone(),
            branch: self.plan.branch.id.clone(),
            qualifier: if described.is_test {
                Qualifier::TestFile
            } else {
                Qualifier::File
            },
            path,
            language: Some(described.language).filter(|language| !language.is_empty()),
            enabled: true,
            line_hashes: std::mem::take(&mut file.short_hashes),
        };
        self.push(component, measures, after)
    }

    /// Closes the issues of files the branch no longer has.
    pub(crate) fn gone(&mut self, present: &HashSet<String>) -> Result<(), AnalysisError> {
        let mut gone: Vec<&Component> = self
            .plan
            .known
            .values()
            .filter(|known| known.enabled && !present.contains(&known.path))
            .collect();
        gone.sort_by(|one, other| one.path.cmp(&other.path));
        for known in gone {
            let id = known.id.clone();
            let open = self
                .bench
                .store
                .read_blocking(move |tx| issue::open_of_component(tx, &id).map_err(AnalysisError::from))?;
            let mut after = After::default();
            issues::close_all(&self.setting(), &mut after, &open);
            let component = Component {
                enabled: false,
                line_hashes: Vec::new(),
                ..known.clone()
            };
            self.gone.push(known.id.clone());
            self.push(component, Measures::new(), after)?;
        }
        Ok(())
    }

    /// The findings about the project as a whole, and the end of the work.
    pub(crate) fn root(
        mut self,
        report: &mut Report,
        root_ref: i32,
        ids: &HashMap<i32, ComponentId>,
    ) -> Result<Totals, AnalysisError> {
        let mut file = IncomingFile::default();
        findings::read_issues(report, root_ref, &mut file, &mut self.book, ids)?;
        let raw = match self.plan.branch.kind {
            // Findings about the whole project lie on no line, so on none that the pull request changed.
            BranchKind::PullRequest => Vec::new(),
            BranchKind::Branch => std::mem::take(&mut file.issues),
        };
        let root = ComponentId::root_of(&self.plan.branch.id);
        let before = self.before("", "")?;
        let after = issues::follow(&self.setting(), &root, &file, raw, &before, None);
        let component = Component {
            id: root,
            branch: self.plan.branch.id.clone(),
            qualifier: Qualifier::Project,
            path: String::new(),
            language: None,
            enabled: true,
            line_hashes: Vec::new(),
        };
        // The root's measures and counters are those of the whole branch, which the commit writes.
        self.push(component, Measures::new(), after)?;
        self.spill.finish()?;
        let mut warnings: Vec<String> = self.book.warning().into_iter().collect();
        if self.knows_changed_lines == Some(false) {
            warnings.push(self.plan.without_changed_lines());
        }
        Ok(Totals {
            measures: self.sum.finish(),
            tally: self.tally,
            warnings,
            rules: self.book.into_rules(),
            gone: self.gone,
        })
    }

    fn push(&mut self, component: Component, mut measures: Measures, after: After) -> Result<(), AnalysisError> {
        let mut tally = Tally::default();
        for issue in &after.current {
            tally.add(&Tally::of(issue, self.plan.new_code.contains(issue)));
        }
        self.tally.add(&tally);
        let debt = self.plan.rulings.debt(&measures, self.plan.new_code.has_measures());
        measures.extend(tally::issue_measures(&tally, &debt));
        self.spill.push(&Outcome {
            component,
            measures: measures.to_json(),
            tally: tally.to_json(),
            inserted: after.inserted,
            updated: after.updated,
            changes: after.changes,
        })
    }

    /// The issues a component had: in this branch, or, on the first analysis of a branch, in the main one.
    fn before(&self, path: &str, origin: &str) -> Result<Before, AnalysisError> {
        let root = ComponentId::root_of(&self.plan.branch.id);
        let own = if path.is_empty() {
            Some(root)
        } else {
            self.plan.known.get(path).map(|known| known.id.clone())
        };
        let since = self.date.minus(CLOSED_ISSUES_MAX_AGE);
        if let Some(main) = &self.plan.borrowed {
            let (main, path) = (main.id.clone(), origin.to_owned());
            return self.bench.store.read_blocking(move |tx| {
                let Some(component) = component::by_path(tx, &main, &path)? else {
                    return Ok(Before::default());
                };
                Ok::<_, AnalysisError>(Before {
                    open: issue::open_of_component(tx, &component.id)?,
                    closed: Vec::new(),
                    line_hashes: component::line_hashes(tx, &component.id)?,
                    borrowed: true,
                })
            });
        }
        let Some(own) = own.filter(|_| !self.plan.is_first()) else {
            return Ok(Before::default());
        };
        self.bench.store.read_blocking(move |tx| {
            Ok::<_, AnalysisError>(Before {
                open: issue::open_of_component(tx, &own)?,
                closed: issue::recently_closed_of_component(tx, &own, since)?,
                line_hashes: component::line_hashes(tx, &own)?,
                borrowed: false,
            })
        })
    }

    /// The issues of a file that a person resolved for good on the branch a pull request goes to.
    fn resolved_on(
        &self,
        target: gatehook_domain::id::BranchId,
        path: &str,
    ) -> Result<(Vec<Issue>, Vec<u8>), AnalysisError> {
        let path = path.to_owned();
        self.bench.store.read_blocking(move |tx| {
            let Some(component) = component::by_path(tx, &target, &path)? else {
                return Ok((Vec::new(), Vec::new()));
            };
            let mut issues = issue::open_of_component(tx, &component.id)?;
            issues.retain(|issue| issue.status == Status::Resolved && issue.resolution != Some(Resolution::Fixed));
            let hashes = component::line_hashes(tx, &component.id)?;
            Ok::<_, AnalysisError>((issues, hashes))
        })
    }
}

fn component_of(report: &mut Report, component_ref: i32) -> Result<proto::Component, AnalysisError> {
    report
        .component(component_ref)?
        .ok_or_else(|| AnalysisError::Invalid(format!("component-{component_ref}.pb is missing")))
}

/// A path from the project's root: with `/`, without `.` and `..`, and no absolute one.
fn checked_path(path: &str) -> Result<&str, AnalysisError> {
    let sound = !path.is_empty()
        && path.len() <= MAX_PATH
        && !path.chars().any(char::is_control)
        && path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..");
    if sound {
        Ok(path)
    } else {
        Err(AnalysisError::Invalid(format!(
            "{path:?} is no path of a file in a project"
        )))
    }
}
