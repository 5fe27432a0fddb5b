//! Which events a webhook is told: pure, so that what a hook does not get can be explained without a server.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::gate::GateStatus;
use crate::webhook::EventKind;
use crate::words::words;

/// The most patterns for branches, and, separately, for projects.
pub const MAX_PATTERNS: usize = 20;
/// The longest pattern, in characters: as long as the longest key of a project.
pub const MAX_PATTERN_LENGTH: usize = 400;

words! {
    /// How the task behind an event ended, in the words of the payload's `status`.
    TaskEnd {
        /// It became an analysis, or there was no task.
        Success = "SUCCESS",
        /// It did not.
        Failed = "FAILED",
    }
}

words! {
    /// What an event says about the gate.
    GateSays {
        /// Code may pass.
        Ok = "OK",
        /// It may not.
        Error = "ERROR",
        /// Nothing: no gate was judged, as when a task failed.
        Nothing = "NONE",
    }
}

impl From<Option<GateStatus>> for GateSays {
    fn from(status: Option<GateStatus>) -> Self {
        match status {
            Some(GateStatus::Ok) => Self::Ok,
            Some(GateStatus::Error) => Self::Error,
            None => Self::Nothing,
        }
    }
}

/// Which events a webhook is told. The default is what SonarQube's webhooks are told: every analysis that ended and every
/// gate that changed, of every project and branch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// The kinds of event; none named: those that are told unasked ([`EventKind::is_told_unasked`]).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub events: BTreeSet<EventKind>,
    /// How the task ended; none named: either way.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub task_statuses: BTreeSet<TaskEnd>,
    /// What is said about the gate; none named: whatever it is.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub gate_statuses: BTreeSet<GateSays>,
    /// Only when the gate's status is another one than before. The first status of a branch is a change; an event without
    /// a status is none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub only_gate_changes: bool,
    /// Patterns of which one must fit the branch's name, or the key of a pull request; none: every branch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<Pattern>,
    /// Patterns of which one must fit the project's key; none: every project. For global webhooks: those of a project
    /// are told about that one only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<Pattern>,
}

/// What a filter looks at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What happened.
    pub event: EventKind,
    /// How the task behind it ended.
    pub task: TaskEnd,
    /// The status of the gate, if one was judged.
    pub gate: Option<GateStatus>,
    /// The status the branch's gate had before, if it had one.
    pub gate_before: Option<GateStatus>,
    /// The branch's name, or the key of a pull request; none when it is not known.
    pub branch: Option<&'a str>,
    /// The project's key; none for an event that is about the system.
    pub project: Option<&'a str>,
}

impl Filter {
    /// Whether everything is told that SonarQube's webhooks are told.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an event is told. What is operational (it is about calls, not about code) is only ever asked for by its
    /// kind and, in global webhooks, its project; statuses and branches say nothing about it.
    pub fn admits(&self, facts: &Facts<'_>) -> bool {
        let kind = if self.events.is_empty() {
            facts.event.is_told_unasked()
        } else {
            self.events.contains(&facts.event)
        };
        kind && fits(&self.projects, facts.project) && (!facts.event.is_about_code() || self.admits_code(facts))
    }

    fn admits_code(&self, facts: &Facts<'_>) -> bool {
        let named_or_any = self.task_statuses.is_empty() || self.task_statuses.contains(&facts.task);
        let says = GateSays::from(facts.gate);
        let gate = self.gate_statuses.is_empty() || self.gate_statuses.contains(&says);
        let changed = facts.gate.is_some() && facts.gate != facts.gate_before;
        named_or_any && gate && (changed || !self.only_gate_changes) && fits(&self.branches, facts.branch)
    }
}

/// Whether one of the patterns fits; all names fit none. A name that is not known is as an empty one: only what fits every
/// name fits it.
fn fits(patterns: &[Pattern], name: Option<&str>) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| pattern.fits(name.unwrap_or("")))
}

/// A pattern for names: `*` stands for any characters or none, `/` included, `?` for any one; all others for themselves.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Box<str>);

/// A text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a pattern has 1 to {MAX_PATTERN_LENGTH} characters, none of them a comma or a line break")]
pub struct BadPattern;

impl Pattern {
    /// Takes a pattern as it is written. Several stars in a row are one.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let length = text.chars().count();
        // Patterns are listed with commas between them.
        if length == 0 || length > MAX_PATTERN_LENGTH || text.chars().any(|letter| letter == ',' || letter.is_control())
        {
            return Err(BadPattern);
        }
        let mut kept = String::with_capacity(text.len());
        for letter in text.chars() {
            if letter != '*' || !kept.ends_with('*') {
                kept.push(letter);
            }
        }
        Ok(Self(kept.into()))
    }

    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a name fits, letter by letter. Takes at most as many steps as the lengths multiplied.
    pub fn fits(&self, name: &str) -> bool {
        let (mut pattern, mut rest) = (self.0.chars(), name.chars());
        // Where to go on when the last star takes one character more.
        let mut back: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
        loop {
            let wanted = pattern.next();
            if wanted == Some('*') {
                back = Some((pattern.clone(), rest.clone()));
                continue;
            }
            match (wanted, rest.next()) {
                (None, None) => return true,
                // Nothing is left that a star could take.
                (Some(_), None) => return false,
                (Some('?'), Some(_)) => {}
                (Some(wanted), Some(found)) if wanted == found => {}
                (_, Some(_)) => {
                    let Some((after_star, left)) = &mut back else {
                        return false;
                    };
                    left.next();
                    (pattern, rest) = (after_star.clone(), left.clone());
                }
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.0)
    }
}

impl TryFrom<String> for Pattern {
    type Error = BadPattern;
    fn try_from(text: String) -> Result<Self, BadPattern> {
        Self::parse(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        pattern.0.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts() -> Facts<'static> {
        Facts {
            event: EventKind::AnalysisCompleted,
            task: TaskEnd::Success,
            gate: Some(GateStatus::Error),
            gate_before: Some(GateStatus::Ok),
            branch: Some("release/2.1"),
            project: Some("org.acme:shop"),
        }
    }

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
    }

    #[test]
    fn patterns_fit_as_shells_fit_them() {
        for (pattern, name, fits) in [
            ("main", "main", true),
            ("main", "mainly", false),
            ("main", "Main", false),
            ("release/*", "release/2.1/hot", true),
            ("release/*", "release", false),
            ("*-fix", "a-fix-fix", true),
            ("*-fix", "a-fixed", false),
            ("v?.?", "v1.2", true),
            ("v?.?", "v1.", false),
            ("*a*b*", "xxaxxb", true),
            ("*a*b*", "xxbxxa", false),
            ("*", "", true),
            ("?", "", false),
            ("**", "x", true),
            ("Grün*", "Grün/ö", true),
            ("?", "ö", true),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().fits(name), fits, "{pattern} {name}");
        }
        for bad in ["", "a,b", "a\nb", &"x".repeat(MAX_PATTERN_LENGTH + 1)] {
            assert_eq!(Pattern::parse(bad), Err(BadPattern));
        }
    }

    #[test]
    fn every_condition_is_asked() {
        let everything = Filter::default();
        assert!(everything.admits(&facts()));
        let refusing = [
            Filter {
                events: BTreeSet::from([EventKind::GateChanged]),
                ..Filter::default()
            },
            Filter {
                task_statuses: BTreeSet::from([TaskEnd::Failed]),
                ..Filter::default()
            },
            Filter {
                gate_statuses: BTreeSet::from([GateSays::Ok, GateSays::Nothing]),
                ..Filter::default()
            },
            Filter {
                branches: patterns(&["main", "feature/*"]),
                ..Filter::default()
            },
            Filter {
                projects: patterns(&["com.*"]),
                ..Filter::default()
            },
        ];
        for filter in refusing {
            assert!(!filter.admits(&facts()), "{filter:?}");
        }
        let admitting = Filter {
            events: BTreeSet::from([EventKind::AnalysisCompleted]),
            task_statuses: BTreeSet::from([TaskEnd::Success]),
            gate_statuses: BTreeSet::from([GateSays::Error]),
            only_gate_changes: true,
            branches: patterns(&["main", "release/*"]),
            projects: patterns(&["org.acme:*"]),
        };
        assert!(admitting.admits(&facts()));
    }

    #[test]
    fn only_another_status_than_before_is_a_change() {
        let filter = Filter {
            only_gate_changes: true,
            ..Filter::default()
        };
        let (ok, error) = (Some(GateStatus::Ok), Some(GateStatus::Error));
        for (before, now, told) in [
            (ok, error, true),
            (error, ok, true),
            (None, ok, true),
            (None, error, true),
            (ok, ok, false),
            (error, error, false),
            (ok, None, false),
            (None, None, false),
        ] {
            let facts = Facts {
                gate: now,
                gate_before: before,
                ..facts()
            };
            assert_eq!(filter.admits(&facts), told, "{before:?} -> {now:?}");
        }
    }

    #[test]
    fn a_branch_that_is_not_known_fits_only_what_fits_all() {
        let unknown = Facts {
            branch: None,
            ..facts()
        };
        let of = |pattern| Filter {
            branches: patterns(&[pattern]),
            ..Filter::default()
        };
        assert!(of("*").admits(&unknown));
        assert!(!of("main").admits(&unknown));
        assert!(Filter::default().admits(&unknown));
    }

    fn filter() -> impl Strategy<Value = Filter> {
        let words = |all: &'static [EventKind]| prop::sample::subsequence(all, 0..=all.len());
        let patterns = || {
            prop::collection::vec("[ab*?/]{1,4}", 0..3).prop_map(|texts| {
                texts
                    .iter()
                    .map(|text| Pattern::parse(text).unwrap())
                    .collect::<Vec<_>>()
            })
        };
        (
            words(EventKind::ALL),
            prop::sample::subsequence(TaskEnd::ALL, 0..=2),
            prop::sample::subsequence(GateSays::ALL, 0..=3),
            any::<bool>(),
            patterns(),
            patterns(),
        )
            .prop_map(|(events, tasks, gates, only_gate_changes, branches, projects)| Filter {
                events: events.into_iter().collect(),
                task_statuses: tasks.into_iter().collect(),
                gate_statuses: gates.into_iter().collect(),
                only_gate_changes,
                branches,
                projects,
            })
    }

    /// A pattern as a plain recursion decides it.
    fn fits_plainly(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', after)), _) => {
                fits_plainly(after, name) || (!name.is_empty() && fits_plainly(pattern, &name[1..]))
            }
            (Some(('?', after)), Some((_, rest))) => fits_plainly(after, rest),
            (Some((wanted, after)), Some((found, rest))) => wanted == found && fits_plainly(after, rest),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_fits_what_its_meaning_says(pattern in "[ab*?]{1,7}", name in "[ab]{0,8}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(
                Pattern::parse(&pattern).unwrap().fits(&name),
                fits_plainly(&letters(&pattern), &letters(&name))
            );
        }

        #[test]
        fn a_filter_is_kept_as_it_is(filter in filter()) {
            let kept = serde_json::to_string(&filter).unwrap();
            prop_assert_eq!(serde_json::from_str::<Filter>(&kept).unwrap(), filter);
        }

        #[test]
        fn asking_for_more_never_tells_less(filter in filter(), branch in "[ab/]{0,4}", project in "[ab]{1,3}",
                                            gate in 0..3_usize, before in 0..3_usize, failed in any::<bool>(),
                                            kind in prop::sample::select(EventKind::ALL)) {
            let statuses = [None, Some(GateStatus::Ok), Some(GateStatus::Error)];
            let facts = Facts {
                event: kind,
                task: if failed { TaskEnd::Failed } else { TaskEnd::Success },
                gate: statuses[gate],
                gate_before: statuses[before],
                branch: Some(&branch),
                project: Some(&project),
            };
            let told = filter.admits(&facts);
            let wider = [
                Filter { task_statuses: BTreeSet::new(), ..filter.clone() },
                Filter { gate_statuses: BTreeSet::new(), ..filter.clone() },
                Filter { only_gate_changes: false, ..filter.clone() },
                Filter { branches: Vec::new(), ..filter.clone() },
                Filter { projects: Vec::new(), ..filter.clone() },
                Filter { events: EventKind::ALL.iter().copied().collect(), ..filter.clone() },
            ];
            for wider in wider {
                prop_assert!(!told || wider.admits(&facts), "{:?}", wider);
            }
        }
    }
}
