//! SARIF 2.1.0, which most linters and security tools write.
//!
//! The meaning given to a log is SonarQube's: every result is a vulnerability that harms security; its severity is its rule's, not
//! its own (`levels.rs` says where that comes from).

mod format;
mod levels;
mod places;

use std::collections::{HashMap, HashSet};
use std::io::Read;

use self::format::{Message, ReportingDescriptor, SarifLog, SarifResult, SarifRun, ToolComponent};
use self::levels::Levels;
use self::places::Places;
use crate::import_error::ImportError;
use crate::input::{self, Warnings};
use crate::model::{
    CleanCodeAttribute, Impact, ImportedIssue, ImportedIssues, ImportedRule, IssueType, Location, SoftwareQuality,
};

/// The most bytes of a text. One text of a log can stand in each of its results, so what is long in the log would be longer by far
/// in memory. Nobody reads so much, and servers cut it shorter.
const MAX_TEXT_BYTES: usize = 16 * 1024;
/// The most bytes of a tool's name, of a rule's id, and of a path, which stand in each result as well.
const MAX_NAME_BYTES: usize = 4096;

/// Reads a log.
///
/// Left out without a word: results that are suppressed, absent (`baselineState`), or no problem (`kind` is `pass` or
/// `notApplicable`). Left out with a warning: results without a rule, a text, or a file in their first location, and runs of a tool
/// without a name. A result without any location is about the project: its path is none.
///
/// The text of an issue is the result's, followed by that of its first location. Related locations become secondary ones; stacks and
/// code flows become flows. Rules that results name but the log does not declare are added, so that every issue has its rule.
pub fn parse(source: impl Read) -> Result<ImportedIssues, ImportError> {
    let log: SarifLog = serde_json::from_reader(input::open(source)?).map_err(input::json_error)?;
    match log.version.as_deref() {
        Some("2.1.0") => {}
        Some(other) => {
            return Err(ImportError::Invalid(format!(
                "the version of SARIF is {other}, only 2.1.0 is understood"
            )));
        }
        None => {
            return Err(ImportError::Invalid(
                "it has no version, so it is not a SARIF log".to_owned(),
            ));
        }
    }
    let mut import = Import::default();
    for (index, run) in log.runs.unwrap_or_default().iter().enumerate() {
        import.run(index, run);
    }
    Ok(ImportedIssues {
        rules: import.rules,
        issues: import.issues,
        warnings: import.warnings.finish(),
    })
}

#[derive(Default)]
struct Import {
    rules: Vec<ImportedRule>,
    known_rules: HashSet<(String, String)>,
    issues: Vec<ImportedIssue>,
    warnings: Warnings,
}

/// What is known while the results of one run are read.
struct Run<'a> {
    engine: &'a str,
    driver: &'a ToolComponent,
    extensions: &'a [ToolComponent],
    /// Rules by id, for the texts of messages; those of the driver first.
    rules: HashMap<&'a str, &'a ReportingDescriptor>,
    levels: Levels<'a>,
    places: Places<'a>,
}

impl Import {
    fn run(&mut self, index: usize, run: &SarifRun) {
        let driver = run.tool.as_ref().and_then(|tool| tool.driver.as_ref());
        let Some((driver, engine)) = driver.and_then(|driver| Some((driver, name_of(driver.name.as_deref())?))) else {
            self.warnings
                .push(|| format!("runs[{index}] is left out: tool.driver.name is missing"));
            return;
        };
        let extensions = run
            .tool
            .as_ref()
            .and_then(|tool| tool.extensions.as_deref())
            .unwrap_or_default();
        let results = run.results.as_deref().unwrap_or_default();
        let mut context = Run {
            engine,
            driver,
            extensions,
            rules: HashMap::new(),
            levels: Levels::default(),
            places: Places {
                artifacts: run.artifacts.as_deref().unwrap_or_default(),
                bases: run.original_uri_base_ids.as_ref(),
            },
        };
        let ids = results
            .iter()
            .filter_map(|result| Some((context.rule_id(result)?, result.level.as_deref()?)));
        context.levels = Levels::of(ids.collect(), driver, extensions);
        for rule in std::iter::once(driver)
            .chain(extensions)
            .flat_map(|component| component.rules.iter().flatten())
        {
            if let Some(id) = name_of(rule.id.as_deref()) {
                context.rules.entry(id).or_insert(rule);
                self.rule(&context, id);
            }
        }
        for (position, result) in results.iter().enumerate() {
            if let Err(reason) = self.result(&context, result) {
                self.warnings
                    .push(|| format!("runs[{index}].results[{position}] is left out: {reason}"));
            }
        }
    }

    fn rule(&mut self, run: &Run<'_>, id: &str) {
        if !self.known_rules.insert((run.engine.to_owned(), id.to_owned())) {
            return;
        }
        let declared = run.rules.get(id);
        self.rules.push(ImportedRule {
            engine_id: run.engine.to_owned(),
            rule_id: id.to_owned(),
            name: declared.and_then(|rule| text_of(rule.short_description.as_ref(), None)),
            description: declared.and_then(|rule| text_of(rule.full_description.as_ref(), None)),
            severity: Some(run.levels.severity(id)),
            issue_type: Some(IssueType::Vulnerability),
            clean_code_attribute: Some(CleanCodeAttribute::Conventional),
            impacts: vec![run.impact(id)],
        });
    }

    fn result(&mut self, run: &Run<'_>, result: &SarifResult) -> Result<(), &'static str> {
        if is_no_problem(result) {
            return Ok(());
        }
        let rule_id = run.rule_id(result).ok_or("it names no rule")?;
        let rule = run.rules.get(rule_id).copied();
        let mut message = text_of(result.message.as_ref(), rule).ok_or("it has no message")?;
        let mut primary = match result.locations.iter().flatten().next() {
            None => Location::default(),
            Some(first) => run.places.location(first).ok_or("its location names no file")?,
        };
        if let Some(more) = primary.message.take() {
            message.push_str(" - ");
            message.push_str(&more);
        }
        let stacks = result
            .stacks
            .iter()
            .flatten()
            .filter_map(|stack| run.places.stack(stack));
        let code_flows = result
            .code_flows
            .iter()
            .flatten()
            .flat_map(|flow| run.places.code_flow(flow));
        self.rule(run, rule_id);
        self.issues.push(ImportedIssue {
            engine_id: run.engine.to_owned(),
            rule_id: rule_id.to_owned(),
            message,
            severity: Some(run.levels.severity(rule_id)),
            issue_type: Some(IssueType::Vulnerability),
            clean_code_attribute: Some(CleanCodeAttribute::Conventional),
            impacts: vec![run.impact(rule_id)],
            effort_minutes: None,
            primary,
            secondary: result
                .related_locations
                .iter()
                .flatten()
                .filter_map(|place| run.places.location(place))
                .collect(),
            flows: stacks.chain(code_flows).collect(),
        });
        Ok(())
    }
}

impl<'a> Run<'a> {
    fn impact(&self, rule_id: &str) -> Impact {
        Impact {
            quality: SoftwareQuality::Security,
            severity: self.levels.impact(rule_id),
        }
    }

    /// The id of a result's rule: said, or looked up by its index in the driver or the extension the result refers to.
    fn rule_id<'r>(&self, result: &'r SarifResult) -> Option<&'r str>
    where
        'a: 'r,
    {
        let reference = result.rule.as_ref();
        let said = name_of(result.rule_id.as_deref()).or_else(|| name_of(reference?.id.as_deref()));
        said.or_else(|| {
            let index = result.rule_index.or(reference.and_then(|rule| rule.index))?;
            let rules = self.component(result)?.rules.as_deref()?;
            name_of(rules.get(usize::try_from(index).ok()?)?.id.as_deref())
        })
    }

    fn component(&self, result: &SarifResult) -> Option<&'a ToolComponent> {
        let Some(wanted) = result.rule.as_ref().and_then(|rule| rule.tool_component.as_ref()) else {
            return Some(self.driver);
        };
        if let Some(index) = wanted.index {
            return self.extensions.get(usize::try_from(index).ok()?);
        }
        let same = |component: &&ToolComponent| {
            (wanted.guid.is_some() && wanted.guid == component.guid)
                || (wanted.name.is_some() && wanted.name == component.name)
        };
        self.extensions.iter().find(same).or(Some(self.driver))
    }
}

/// Whether a result says that there is nothing to fix, or nothing any more, or that somebody accepted it.
fn is_no_problem(result: &SarifResult) -> bool {
    let suppressions = result.suppressions.as_deref().unwrap_or_default();
    // A suppression without a status is accepted; one that is under review or rejected keeps the result alive.
    let is_accepted = |status: Option<&str>| matches!(status, None | Some("accepted"));
    (!suppressions.is_empty()
        && suppressions
            .iter()
            .all(|suppression| is_accepted(suppression.status.as_deref())))
        || result.baseline_state.as_deref() == Some("absent")
        || matches!(result.kind.as_deref(), Some("pass" | "notApplicable"))
}

/// The name of a tool or a rule; none when it is blank, or too long to be one.
fn name_of(text: Option<&str>) -> Option<&str> {
    filled(text).filter(|text| text.len() <= MAX_NAME_BYTES)
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

/// The text of a message: its own, or the one its rule has under the message's id, with the arguments in their places.
fn text_of(message: Option<&Message>, rule: Option<&ReportingDescriptor>) -> Option<String> {
    let message = message?;
    let own = filled(message.text.as_deref()).or(filled(message.markdown.as_deref()));
    let template = own.or_else(|| {
        let strings = rule?.message_strings.as_ref()?;
        filled(strings.get(message.id.as_deref()?)?.text.as_deref())
    })?;
    let Some(arguments) = message.arguments.as_deref().filter(|arguments| !arguments.is_empty()) else {
        return Some(start_of(template, MAX_TEXT_BYTES).to_owned());
    };
    Some(with_arguments(template, arguments))
}

/// The start of a text, at most so many bytes.
fn start_of(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// Puts arguments into their places, `{0}` and so on, in one pass: what an argument brings is not looked at again. An argument can
/// still stand in many places, so the text ends where it is too long.
fn with_arguments(template: &str, arguments: &[String]) -> String {
    let mut text = String::new();
    let mut rest = start_of(template, MAX_TEXT_BYTES);
    while let Some(start) = rest.find('{') {
        text.push_str(&rest[..start]);
        let inside = &rest[start + 1..];
        let argument = inside
            .split_once('}')
            .and_then(|(number, after)| Some((arguments.get(number.parse::<usize>().ok()?)?, after)));
        if let Some((argument, after)) = argument {
            text.push_str(start_of(argument, MAX_TEXT_BYTES.saturating_sub(text.len())));
            rest = after;
        } else {
            text.push('{');
            rest = inside;
        }
    }
    text.push_str(rest);
    text.truncate(start_of(&text, MAX_TEXT_BYTES).len());
    text
}

#[cfg(test)]
mod tests;
