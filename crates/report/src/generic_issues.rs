//! SonarQube's generic issue report: JSON with `rules` and `issues`, or, in its older form, with `issues` alone.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use serde::Deserialize;

use crate::import_error::ImportError;
use crate::input;
use crate::model::{
    CleanCodeAttribute, Impact, ImpactSeverity, ImportedIssue, ImportedIssues, ImportedRule, IssueType, Location,
    Severity, SoftwareQuality, TextRange,
};

/// Reads a report of either form.
///
/// The format is strict: the first thing that is missing or wrong is an error that names it, and nothing is imported.
///
/// In the current form severities, types and impacts stand on the rules, and issues have none of their own. In the older form they
/// stand on the issues, no rules come out, and a warning says that the form is deprecated.
///
/// Ranges without a start column stand for their whole first line, as SonarQube reads them.
pub fn parse(source: impl Read) -> Result<ImportedIssues, ImportError> {
    let report: Report = serde_json::from_reader(input::open(source)?).map_err(input::json_error)?;
    match (report.rules, report.issues) {
        (Some(rules), Some(issues)) => current(rules, issues),
        (None, Some(issues)) => deprecated(issues),
        (Some(_), None) => invalid("issues is missing"),
        (None, None) => invalid("rules and issues are missing, so it is not a generic issue report"),
    }
}

#[derive(Deserialize)]
struct Report {
    rules: Option<Vec<Rule>>,
    issues: Option<Vec<Issue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    engine_id: Option<String>,
    clean_code_attribute: Option<String>,
    r#type: Option<String>,
    severity: Option<String>,
    impacts: Option<Vec<RuleImpact>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleImpact {
    software_quality: Option<String>,
    severity: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Issue {
    engine_id: Option<String>,
    rule_id: Option<String>,
    severity: Option<String>,
    r#type: Option<String>,
    effort_minutes: Option<i64>,
    primary_location: Option<Place>,
    secondary_locations: Option<Vec<Place>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    message: Option<String>,
    file_path: Option<String>,
    text_range: Option<Range>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Range {
    start_line: Option<i64>,
    start_column: Option<i64>,
    end_line: Option<i64>,
    end_column: Option<i64>,
}

fn current(rules: Vec<Rule>, issues: Vec<Issue>) -> Result<ImportedIssues, ImportError> {
    let mut imported = ImportedIssues::default();
    let mut engines = HashMap::with_capacity(rules.len());
    for (index, rule) in rules.into_iter().enumerate() {
        let at = format!("rules[{index}]");
        let rule = imported_rule(&at, rule)?;
        if engines.insert(rule.rule_id.clone(), rule.engine_id.clone()).is_some() {
            return invalid(format!("{at}.id: there are two rules \"{}\"", rule.rule_id));
        }
        imported.rules.push(rule);
    }
    for (index, issue) in issues.into_iter().enumerate() {
        let at = format!("issues[{index}]");
        let rule_id = required(&at, "ruleId", issue.rule_id.as_deref())?;
        let Some(engine_id) = engines.get(&rule_id) else {
            return invalid(format!("{at}.ruleId: there is no rule \"{rule_id}\" in rules"));
        };
        for (name, value) in [("severity", &issue.severity), ("type", &issue.r#type)] {
            if value.is_some() {
                return invalid(format!("{at}.{name} is not allowed, since the rule has it"));
            }
        }
        imported
            .issues
            .push(imported_issue(&at, &issue, engine_id.clone(), rule_id, None)?);
    }
    Ok(imported)
}

fn deprecated(issues: Vec<Issue>) -> Result<ImportedIssues, ImportError> {
    let mut imported = ImportedIssues::default();
    for (index, issue) in issues.into_iter().enumerate() {
        let at = format!("issues[{index}]");
        let rule_id = required(&at, "ruleId", issue.rule_id.as_deref())?;
        let engine_id = required(&at, "engineId", issue.engine_id.as_deref())?;
        let severity = value(
            &at,
            "severity",
            &required(&at, "severity", issue.severity.as_deref())?,
            Severity::NAMES,
        )?;
        let issue_type = value(
            &at,
            "type",
            &required(&at, "type", issue.r#type.as_deref())?,
            IssueType::NAMES,
        )?;
        imported.issues.push(imported_issue(
            &at,
            &issue,
            engine_id,
            rule_id,
            Some((severity, issue_type)),
        )?);
    }
    imported.warnings.push(
        "the report has no rules: this form of the generic issue report is deprecated, and its issues count as maintainability issues"
            .to_owned(),
    );
    Ok(imported)
}

fn imported_rule(at: &str, rule: Rule) -> Result<ImportedRule, ImportError> {
    let rule_id = required(at, "id", rule.id.as_deref())?;
    let name = required(at, "name", rule.name.as_deref())?;
    let engine_id = required(at, "engineId", rule.engine_id.as_deref())?;
    let attribute = rule.clean_code_attribute.as_deref();
    let clean_code_attribute = attribute
        .map(|name| value(at, "cleanCodeAttribute", name, CleanCodeAttribute::NAMES))
        .transpose()?;
    let issue_type = rule
        .r#type
        .as_deref()
        .map(|name| value(at, "type", name, IssueType::NAMES))
        .transpose()?;
    let severity = rule
        .severity
        .as_deref()
        .map(|name| value(at, "severity", name, Severity::NAMES))
        .transpose()?;
    if issue_type.is_some() && severity.is_none() {
        return invalid(format!("{at}.severity is missing: type and severity go together"));
    }
    if severity.is_some() && issue_type.is_none() {
        return invalid(format!("{at}.type is missing: type and severity go together"));
    }
    let impacts = impacts(at, rule.impacts.as_deref(), issue_type)?;
    if impacts.is_empty() && issue_type.is_none() {
        return invalid(format!("{at} needs impacts, or type and severity"));
    }
    let name = Some(name);
    Ok(ImportedRule {
        engine_id,
        rule_id,
        name,
        description: rule.description,
        severity,
        issue_type,
        clean_code_attribute,
        impacts,
    })
}

fn impacts(
    at: &str,
    impacts: Option<&[RuleImpact]>,
    issue_type: Option<IssueType>,
) -> Result<Vec<Impact>, ImportError> {
    let Some(impacts) = impacts else { return Ok(Vec::new()) };
    if issue_type == Some(IssueType::SecurityHotspot) {
        return invalid(format!("{at}.impacts is not allowed for a SECURITY_HOTSPOT"));
    }
    if impacts.is_empty() {
        return invalid(format!("{at}.impacts is empty"));
    }
    let mut by_quality = BTreeMap::new();
    for (index, impact) in impacts.iter().enumerate() {
        let at = format!("{at}.impacts[{index}]");
        let quality = required(&at, "softwareQuality", impact.software_quality.as_deref())?;
        let quality = value(&at, "softwareQuality", &quality, SoftwareQuality::NAMES)?;
        let severity = required(&at, "severity", impact.severity.as_deref())?;
        let severity = value(&at, "severity", &severity, ImpactSeverity::NAMES)?;
        if by_quality.insert(quality, severity).is_some() {
            return invalid(format!("{at}.softwareQuality: {quality} stands twice"));
        }
    }
    Ok(by_quality
        .into_iter()
        .map(|(quality, severity)| Impact { quality, severity })
        .collect())
}

fn imported_issue(
    at: &str,
    issue: &Issue,
    engine_id: String,
    rule_id: String,
    own: Option<(Severity, IssueType)>,
) -> Result<ImportedIssue, ImportError> {
    let place = issue
        .primary_location
        .as_ref()
        .ok_or_else(|| ImportError::Invalid(format!("{at}.primaryLocation is missing")))?;
    let at_primary = format!("{at}.primaryLocation");
    let message = required(&at_primary, "message", place.message.as_deref())?;
    let primary = Location {
        message: None,
        ..location(&at_primary, place)?
    };
    let mut secondary = Vec::new();
    for (index, place) in issue.secondary_locations.iter().flatten().enumerate() {
        let at = format!("{at}.secondaryLocations[{index}]");
        let location = location(&at, place)?;
        if location.range.is_none() {
            return invalid(format!("{at}.textRange is missing"));
        }
        secondary.push(location);
    }
    let effort = issue.effort_minutes.map(|minutes| {
        u32::try_from(minutes)
            .map_err(|_| ImportError::Invalid(format!("{at}.effortMinutes: {minutes} is out of range")))
    });
    Ok(ImportedIssue {
        engine_id,
        rule_id,
        message,
        severity: own.map(|(severity, _)| severity),
        issue_type: own.map(|(_, issue_type)| issue_type),
        clean_code_attribute: None,
        impacts: Vec::new(),
        effort_minutes: effort.transpose()?,
        primary,
        secondary,
        flows: Vec::new(),
    })
}

fn location(at: &str, place: &Place) -> Result<Location, ImportError> {
    let path = Some(required(at, "filePath", place.file_path.as_deref())?);
    let range = place
        .text_range
        .as_ref()
        .map(|given| range(&format!("{at}.textRange"), given))
        .transpose()?;
    Ok(Location {
        path,
        range,
        message: place.message.clone().filter(|message| !message.is_empty()),
    })
}

fn range(at: &str, range: &Range) -> Result<TextRange, ImportError> {
    let number = |name: &str, value: Option<i64>, least: u32| {
        let checked = value.map(|n| u32::try_from(n).ok().filter(|n| *n >= least).ok_or(n));
        checked
            .transpose()
            .map_err(|n| ImportError::Invalid(format!("{at}.{name}: {n} is out of range")))
    };
    let Some(start_line) = number("startLine", range.start_line, 1)? else {
        return invalid(format!("{at}.startLine is missing"));
    };
    let end_line = number("endLine", range.end_line, 1)?;
    let start_column = number("startColumn", range.start_column, 0)?;
    let end_column = number("endColumn", range.end_column, 0)?;
    if end_line.is_some_and(|end| end < start_line) {
        return invalid(format!("{at}.endLine is before startLine"));
    }
    if start_column.is_none() {
        return Ok(TextRange {
            start_line,
            start_column: None,
            end_line: None,
            end_column: None,
        });
    }
    Ok(TextRange {
        start_line,
        start_column,
        end_line,
        end_column,
    })
}

fn required(at: &str, name: &str, value: Option<&str>) -> Result<String, ImportError> {
    match value {
        Some(text) if !text.trim().is_empty() => Ok(text.to_owned()),
        Some(_) => invalid(format!("{at}.{name} is empty")),
        None => invalid(format!("{at}.{name} is missing")),
    }
}

fn value<T: Copy>(at: &str, field: &str, name: &str, names: &[(&str, T)]) -> Result<T, ImportError> {
    let found = names.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = names.iter().map(|(known, _)| *known).collect();
        ImportError::Invalid(format!("{at}.{field}: \"{name}\" is not one of {}", known.join(", ")))
    })
}

fn invalid<T>(reason: impl Into<String>) -> Result<T, ImportError> {
    Err(ImportError::Invalid(reason.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rule() -> Value {
        json!({"id": "R", "name": "Rule", "engineId": "tool", "impacts": [{"softwareQuality": "RELIABILITY", "severity": "HIGH"}]})
    }

    fn issue() -> Value {
        json!({"ruleId": "R", "primaryLocation": {"message": "Broken", "filePath": "a.py"}})
    }

    fn old_issue() -> Value {
        json!({"engineId": "tool", "ruleId": "R", "severity": "CRITICAL", "type": "BUG",
               "primaryLocation": {"message": "Broken", "filePath": "a.py"}})
    }

    fn import(report: &Value) -> Result<ImportedIssues, String> {
        parse(report.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    /// `base` with the member at `pointer` replaced, or removed if `value` is none.
    fn with(mut base: Value, pointer: &str, value: Option<Value>) -> Value {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = base.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => parent.insert(name.to_owned(), value),
            None => parent.remove(name),
        };
        base
    }

    #[test]
    fn the_current_form_has_severities_on_its_rules() {
        let mut issue = issue();
        issue["effortMinutes"] = json!(15);
        issue["primaryLocation"]["textRange"] = json!({"startLine": 2, "startColumn": 4, "endLine": 3, "endColumn": 1});
        issue["secondaryLocations"] =
            json!([{"filePath": "b.py", "message": "see", "textRange": {"startLine": 7, "endLine": 9}}]);
        let imported = import(&json!({"rules": [rule()], "issues": [issue]})).unwrap();
        assert_eq!(
            imported.rules[0].impacts,
            [Impact {
                quality: SoftwareQuality::Reliability,
                severity: ImpactSeverity::High
            }]
        );
        assert!(imported.warnings.is_empty());
        let issue = &imported.issues[0];
        assert_eq!((issue.engine_id.as_str(), issue.effort_minutes), ("tool", Some(15)));
        assert_eq!((issue.severity, issue.issue_type), (None, None));
        assert_eq!(
            issue.primary.range,
            Some(TextRange {
                start_line: 2,
                start_column: Some(4),
                end_line: Some(3),
                end_column: Some(1)
            })
        );
        let whole_line = TextRange {
            start_line: 7,
            start_column: None,
            end_line: None,
            end_column: None,
        };
        assert_eq!(issue.secondary[0].range, Some(whole_line));
        assert_eq!(issue.secondary[0].message.as_deref(), Some("see"));
    }

    #[test]
    fn the_older_form_has_severities_on_its_issues_and_warns() {
        let imported = import(&json!({"issues": [old_issue()]})).unwrap();
        assert!(imported.rules.is_empty());
        assert_eq!(imported.issues[0].severity, Some(Severity::Critical));
        assert_eq!(imported.issues[0].issue_type, Some(IssueType::Bug));
        assert!(imported.warnings[0].contains("deprecated"));
    }

    #[rstest::rstest]
    #[case("/id", None, "rules[0].id is missing")]
    #[case("/name", Some(json!(" ")), "rules[0].name is empty")]
    #[case("/engineId", None, "rules[0].engineId is missing")]
    #[case("/impacts", None, "rules[0] needs impacts, or type and severity")]
    #[case("/impacts", Some(json!([])), "rules[0].impacts is empty")]
    #[case("/impacts", Some(json!([{"severity": "HIGH"}])), "rules[0].impacts[0].softwareQuality is missing")]
    #[case("/type", Some(json!("BUG")), "rules[0].severity is missing: type and severity go together")]
    #[case("/severity", Some(json!("MAJOR")), "rules[0].type is missing: type and severity go together")]
    #[case("/severity", Some(json!("BAD")), "rules[0].severity: \"BAD\" is not one of INFO, MINOR, MAJOR, CRITICAL, BLOCKER")]
    fn rules_are_checked(#[case] pointer: &str, #[case] value: Option<Value>, #[case] expected: &str) {
        let report = json!({"rules": [with(rule(), pointer, value)], "issues": [issue()]});
        assert_eq!(import(&report).unwrap_err(), expected);
    }

    #[rstest::rstest]
    #[case("/ruleId", None, "issues[0].ruleId is missing")]
    #[case("/ruleId", Some(json!("X")), "issues[0].ruleId: there is no rule \"X\" in rules")]
    #[case("/severity", Some(json!("MAJOR")), "issues[0].severity is not allowed, since the rule has it")]
    #[case("/type", Some(json!("BUG")), "issues[0].type is not allowed, since the rule has it")]
    #[case("/effortMinutes", Some(json!(-1)), "issues[0].effortMinutes: -1 is out of range")]
    #[case("/primaryLocation", None, "issues[0].primaryLocation is missing")]
    #[case("/primaryLocation/message", None, "issues[0].primaryLocation.message is missing")]
    #[case("/primaryLocation/filePath", None, "issues[0].primaryLocation.filePath is missing")]
    #[case("/primaryLocation/textRange", Some(json!({})), "issues[0].primaryLocation.textRange.startLine is missing")]
    #[case("/primaryLocation/textRange", Some(json!({"startLine": 0})), "issues[0].primaryLocation.textRange.startLine: 0 is out of range")]
    #[case("/primaryLocation/textRange", Some(json!({"startLine": 2, "endLine": 1})), "issues[0].primaryLocation.textRange.endLine is before startLine")]
    #[case("/secondaryLocations", Some(json!([{"filePath": "b"}])), "issues[0].secondaryLocations[0].textRange is missing")]
    fn issues_are_checked(#[case] pointer: &str, #[case] value: Option<Value>, #[case] expected: &str) {
        let report = json!({"rules": [rule()], "issues": [with(issue(), pointer, value)]});
        assert_eq!(import(&report).unwrap_err(), expected);
    }

    #[rstest::rstest]
    #[case("/engineId")]
    #[case("/severity")]
    #[case("/type")]
    fn the_older_form_needs_all_of_an_issue(#[case] pointer: &str) {
        let report = json!({"issues": [old_issue(), with(old_issue(), pointer, None)]});
        assert_eq!(
            import(&report).unwrap_err(),
            format!("issues[1].{} is missing", &pointer[1..])
        );
    }

    #[test]
    fn hotspots_have_no_impacts_and_ids_are_unique() {
        let hotspot =
            json!({"id": "R", "name": "Rule", "engineId": "tool", "type": "SECURITY_HOTSPOT", "severity": "MAJOR"});
        assert!(import(&json!({"rules": [hotspot], "issues": [issue()]})).is_ok());
        let with_impacts = with(hotspot, "/impacts", Some(rule()["impacts"].clone()));
        let error = import(&json!({"rules": [with_impacts], "issues": []})).unwrap_err();
        assert_eq!(error, "rules[0].impacts is not allowed for a SECURITY_HOTSPOT");
        let error = import(&json!({"rules": [rule(), rule()], "issues": []})).unwrap_err();
        assert_eq!(error, "rules[1].id: there are two rules \"R\"");
    }

    #[test]
    fn what_is_no_report_is_said() {
        assert_eq!(
            import(&json!({})).unwrap_err(),
            "rules and issues are missing, so it is not a generic issue report"
        );
        assert_eq!(import(&json!({"rules": []})).unwrap_err(), "issues is missing");
        assert_eq!(
            parse(&b"{"[..]).unwrap_err().to_string(),
            "line 1, column 1: EOF while parsing an object"
        );
    }
}
