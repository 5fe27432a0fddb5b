//! How severe the rules of a run are.

use std::collections::HashMap;

use super::format::ToolComponent;
use crate::model::{ImpactSeverity, Severity};

/// The levels of a run's rules.
///
/// SonarQube's rules: if any result of the run has a level, the standard severity of a rule is that of its last result with one
/// (rules without get the default); else that of the driver's rules, if any of those has a level; else that of the extensions' rules;
/// else the default. The impact's severity is found in the same way, but never looks at results.
#[derive(Debug, Default)]
pub(super) struct Levels<'a> {
    standard: HashMap<&'a str, &'a str>,
    impact: HashMap<&'a str, &'a str>,
}

impl<'a> Levels<'a> {
    /// `results` are the rule ids and levels of those results that have both, in the order of the run.
    pub(super) fn of(
        results: Vec<(&'a str, &'a str)>,
        driver: &'a ToolComponent,
        extensions: &'a [ToolComponent],
    ) -> Self {
        let declared = first_filled([levels_of(std::slice::from_ref(driver)), levels_of(extensions)]);
        let from_results: HashMap<_, _> = results.into_iter().collect();
        let standard = first_filled([from_results, declared.clone()]);
        Self {
            standard,
            impact: declared,
        }
    }

    pub(super) fn severity(&self, rule_id: &str) -> Severity {
        match self.standard.get(rule_id) {
            Some(&"error") => Severity::Critical,
            Some(&"note") => Severity::Minor,
            Some(&"none") => Severity::Info,
            // A warning, or a level nobody knows.
            _ => Severity::Major,
        }
    }

    pub(super) fn impact(&self, rule_id: &str) -> ImpactSeverity {
        match self.impact.get(rule_id) {
            Some(&"error") => ImpactSeverity::High,
            Some(&("note" | "none")) => ImpactSeverity::Low,
            _ => ImpactSeverity::Medium,
        }
    }
}

fn first_filled<'a>(maps: [HashMap<&'a str, &'a str>; 2]) -> HashMap<&'a str, &'a str> {
    let [first, second] = maps;
    if first.is_empty() { second } else { first }
}

/// The default levels of the components' rules; of rules with equal ids the first counts.
fn levels_of(components: &[ToolComponent]) -> HashMap<&str, &str> {
    let mut levels = HashMap::new();
    for rule in components.iter().flat_map(|component| component.rules.iter().flatten()) {
        let level = rule
            .default_configuration
            .as_ref()
            .and_then(|configuration| configuration.level.as_deref());
        if let (Some(id), Some(level)) = (rule.id.as_deref(), level) {
            levels.entry(id).or_insert(level);
        }
    }
    levels
}
