//! Rules that reports bring along, completed as SonarQube completes those of external tools.

use gatehook_domain::issue::{ImpactSeverity, Impacts, IssueType, Severity, SoftwareQuality};
use gatehook_domain::rule::{CleanCodeAttribute, MAX_RULE_KEY_LENGTH, Rule, RuleKey};
use gatehook_report::proto;

/// The longest name of a rule that is kept, in characters.
const MAX_NAME: usize = 200;
/// The longest description of a rule that is kept, in characters; tools link to their manuals for more.
const MAX_DESCRIPTION: usize = 100_000;

/// A severity of the report's format; `None` when it says nothing.
pub(crate) fn severity(number: i32) -> Option<Severity> {
    match proto::Severity::try_from(number) {
        Ok(proto::Severity::Info) => Some(Severity::Info),
        Ok(proto::Severity::Minor) => Some(Severity::Minor),
        Ok(proto::Severity::Major) => Some(Severity::Major),
        Ok(proto::Severity::Critical) => Some(Severity::Critical),
        Ok(proto::Severity::Blocker) => Some(Severity::Blocker),
        Ok(proto::Severity::Unset) | Err(_) => None,
    }
}

/// A type of issue of the report's format; `None` when it says nothing.
pub(crate) fn kind(number: i32) -> Option<IssueType> {
    match proto::IssueType::try_from(number) {
        Ok(proto::IssueType::CodeSmell) => Some(IssueType::CodeSmell),
        Ok(proto::IssueType::Bug) => Some(IssueType::Bug),
        Ok(proto::IssueType::Vulnerability) => Some(IssueType::Vulnerability),
        Ok(proto::IssueType::SecurityHotspot) => Some(IssueType::SecurityHotspot),
        Ok(proto::IssueType::Unset) | Err(_) => None,
    }
}

/// Impacts of the report's format; unset ones are dropped.
pub(crate) fn impacts(list: &[proto::Impact]) -> Impacts {
    list.iter()
        .filter_map(|impact| Some((quality(impact.software_quality)?, impact_severity(impact.severity)?)))
        .collect()
}

fn quality(number: i32) -> Option<SoftwareQuality> {
    match proto::SoftwareQuality::try_from(number) {
        Ok(proto::SoftwareQuality::Maintainability) => Some(SoftwareQuality::Maintainability),
        Ok(proto::SoftwareQuality::Reliability) => Some(SoftwareQuality::Reliability),
        Ok(proto::SoftwareQuality::Security) => Some(SoftwareQuality::Security),
        Ok(proto::SoftwareQuality::Unset) | Err(_) => None,
    }
}

fn impact_severity(number: i32) -> Option<ImpactSeverity> {
    match proto::ImpactSeverity::try_from(number) {
        Ok(proto::ImpactSeverity::Info) => Some(ImpactSeverity::Info),
        Ok(proto::ImpactSeverity::Low) => Some(ImpactSeverity::Low),
        Ok(proto::ImpactSeverity::Medium) => Some(ImpactSeverity::Medium),
        Ok(proto::ImpactSeverity::High) => Some(ImpactSeverity::High),
        Ok(proto::ImpactSeverity::Blocker) => Some(ImpactSeverity::Blocker),
        Ok(proto::ImpactSeverity::Unset) | Err(_) => None,
    }
}

/// The impact that stands for all of them where one must: security first, then reliability, then maintainability.
fn leading(impacts: &Impacts) -> Option<(SoftwareQuality, ImpactSeverity)> {
    [
        SoftwareQuality::Security,
        SoftwareQuality::Reliability,
        SoftwareQuality::Maintainability,
    ]
    .into_iter()
    .find_map(|quality| Some((quality, *impacts.get(&quality)?)))
}

/// What is known about a rule beyond its key.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) kind: Option<IssueType>,
    pub(crate) severity: Option<Severity>,
    pub(crate) attribute: Option<String>,
    pub(crate) impacts: Impacts,
}

/// Completes a rule: a missing impact follows from type and severity, a missing type and severity follow from the leading
/// impact, and a rule about which nothing is known is a code smell of medium impact.
pub(crate) fn completed(key: RuleKey, known: Known) -> Rule {
    let mut impacts = known.impacts;
    if known.kind == Some(IssueType::SecurityHotspot) {
        impacts.clear();
    } else if impacts.is_empty() {
        let quality = known
            .kind
            .and_then(SoftwareQuality::of)
            .unwrap_or(SoftwareQuality::Maintainability);
        let severity = match (known.kind, known.severity) {
            (Some(_), Some(severity)) => severity.into(),
            _ => ImpactSeverity::Medium,
        };
        impacts.insert(quality, severity);
    }
    let lead = leading(&impacts);
    let kind = known
        .kind
        .or_else(|| lead.map(|(quality, _)| IssueType::of(quality)))
        .unwrap_or(IssueType::CodeSmell);
    let severity = known
        .severity
        .or_else(|| lead.map(|(_, severity)| severity.into()))
        .unwrap_or(Severity::Major);
    let attribute = known
        .attribute
        .and_then(|word| CleanCodeAttribute::parse(&word).ok())
        .unwrap_or(CleanCodeAttribute::Conventional);
    let name = if known.name.trim().is_empty() {
        default_name(&key)
    } else {
        known.name.trim().to_owned()
    };
    Rule {
        name: name.chars().take(MAX_NAME).collect(),
        description: known.description.chars().take(MAX_DESCRIPTION).collect(),
        key,
        kind,
        severity,
        attribute,
        impacts,
    }
}

/// `engine:rule` for external rules, the whole key for others.
fn default_name(key: &RuleKey) -> String {
    key.engine()
        .map_or_else(|| key.to_string(), |engine| format!("{engine}:{}", key.rule()))
}

/// The key of an external tool's rule, as it is kept: without control characters, and cut where it is too long. Tools make
/// up strange ones, and one rule must not cost the whole analysis. None when nothing of it is left.
pub(crate) fn external_key(engine: &str, rule: &str) -> Option<RuleKey> {
    kept_key(&format!("external_{engine}"), rule)
}

/// The same for a rule of a scanner.
pub(crate) fn kept_key(repository: &str, rule: &str) -> Option<RuleKey> {
    let text = format!("{repository}:{rule}");
    if !text.contains(char::is_control)
        && let Ok(key) = RuleKey::parse(&text)
    {
        return Some(key);
    }
    let mut text: String = text.chars().filter(|letter| !letter.is_control()).collect();
    text.truncate(text.floor_char_boundary(MAX_RULE_KEY_LENGTH));
    RuleKey::parse(&text).ok()
}

/// The rule an ad-hoc rule of a report stands for; none when its key cannot be used.
pub(crate) fn of_adhoc(rule: proto::AdHocRule) -> Option<Rule> {
    let key = external_key(&rule.engine_id, &rule.rule_id)?;
    let known = Known {
        name: rule.name,
        description: rule.description,
        kind: rule.r#type.and_then(kind),
        severity: rule.severity.and_then(severity),
        attribute: rule.clean_code_attribute,
        impacts: impacts(&rule.default_impacts),
    };
    Some(completed(key, known))
}

/// The impacts of an issue: the rule's, with the issue's own severity for the qualities that the rule has.
pub(crate) fn issue_impacts(rule: &Rule, own: &Impacts) -> Impacts {
    rule.impacts
        .iter()
        .map(|(quality, severity)| (*quality, *own.get(quality).unwrap_or(severity)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> RuleKey {
        RuleKey::external("ruff", "F401").unwrap()
    }

    #[test]
    fn a_rule_nobody_described_is_a_medium_code_smell() {
        let rule = completed(key(), Known::default());
        assert_eq!(
            (rule.kind, rule.severity, rule.name.as_str()),
            (IssueType::CodeSmell, Severity::Major, "ruff:F401")
        );
        assert_eq!(
            rule.impacts,
            Impacts::from([(SoftwareQuality::Maintainability, ImpactSeverity::Medium)])
        );
    }

    #[test]
    fn type_and_severity_follow_from_the_leading_impact() {
        let impacts = Impacts::from([
            (SoftwareQuality::Maintainability, ImpactSeverity::Blocker),
            (SoftwareQuality::Security, ImpactSeverity::Low),
        ]);
        let rule = completed(
            key(),
            Known {
                impacts,
                ..Known::default()
            },
        );
        assert_eq!((rule.kind, rule.severity), (IssueType::Vulnerability, Severity::Minor));
    }

    #[test]
    fn a_hotspot_has_no_impacts() {
        let known = Known {
            kind: Some(IssueType::SecurityHotspot),
            severity: Some(Severity::Major),
            ..Known::default()
        };
        assert!(completed(key(), known).impacts.is_empty());
    }

    #[test]
    fn an_issue_only_overrides_qualities_its_rule_has() {
        let rule = completed(key(), Known::default());
        let own = Impacts::from([
            (SoftwareQuality::Maintainability, ImpactSeverity::High),
            (SoftwareQuality::Security, ImpactSeverity::High),
        ]);
        let expected = Impacts::from([(SoftwareQuality::Maintainability, ImpactSeverity::High)]);
        assert_eq!(issue_impacts(&rule, &own), expected);
    }
}
