//! What code is new.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use crate::analysis::{NewCodeDefinition, NewCodeMode, Period};
use crate::branch::BranchKind;
use crate::id::AnalysisId;
use crate::issue::Issue;
use crate::time::Timestamp;

/// An analysis of the branch before the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastAnalysis {
    /// Its id.
    pub id: AnalysisId,
    /// Its date.
    pub date: Timestamp,
    /// The version of the code base it saw.
    pub version: Option<String>,
}

/// The period an analysis gets. `past` are the branch's analyses before it, oldest first. A first analysis has no
/// period, unless new code is what differs from another branch.
pub fn period(
    def: &NewCodeDefinition,
    past: &[PastAnalysis],
    version: Option<&str>,
    date: Timestamp,
) -> Option<Period> {
    let since = |analysis: &PastAnalysis, parameter: Option<String>| Period {
        mode: def.mode,
        date: Some(analysis.date),
        parameter,
    };
    match def.mode {
        NewCodeMode::ReferenceBranch => Some(Period {
            mode: def.mode,
            date: None,
            parameter: def.value.clone(),
        }),
        NewCodeMode::PreviousVersion => match previous_version(past, version) {
            Some(analysis) => Some(since(analysis, analysis.version.clone())),
            None => past.first().map(|oldest| since(oldest, None)),
        },
        NewCodeMode::NumberOfDays => {
            let days = def.value.as_deref()?.parse::<u64>().ok()?;
            let wanted = date.minus(Duration::from_secs(days.saturating_mul(24 * 60 * 60)));
            // The last of the nearest is the later one.
            let distance = |analysis: &&PastAnalysis| wanted.since(analysis.date).max(analysis.date.since(wanted));
            past.iter()
                .rev()
                .min_by_key(distance)
                .map(|nearest| since(nearest, def.value.clone()))
        }
        NewCodeMode::SpecificAnalysis => {
            let wanted = def.value.as_deref()?;
            let found = past.iter().find(|analysis| analysis.id.as_str() == wanted)?;
            Some(since(found, def.value.clone()))
        }
    }
}

/// The analysis that ended the version before the current one. A version ends with its latest analysis, so that a
/// version that comes back counts where it was seen last.
fn previous_version<'a>(past: &'a [PastAnalysis], version: Option<&str>) -> Option<&'a PastAnalysis> {
    let mut seen = HashSet::new();
    past.iter()
        .rev()
        .filter(|analysis| analysis.version.as_deref().is_some_and(|version| seen.insert(version)))
        .find(|analysis| analysis.version.as_deref() != version)
}

/// The most days new code can go back.
pub const MAX_DAYS: u32 = 90;

/// Why a text is no definition of new code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDefinition {
    /// None of the four modes.
    #[error("Invalid type: {0}")]
    UnknownMode(String),
    /// The mode takes no value.
    #[error("Unexpected value for type '{0}'")]
    UnexpectedValue(NewCodeMode),
    /// The mode wants a value.
    #[error("New code definition type '{0}' requires a value")]
    MissingValue(NewCodeMode),
    /// Not a number of days from 1 to 90.
    #[error("Invalid value '{0}': the number of days must be a whole number from 1 to 90")]
    Days(String),
    /// Not an analysis.
    #[error("Analysis '{0}' is not found")]
    Analysis(String),
}

/// Checks a definition as it is written; the mode in any case.
pub fn check_definition(mode: &str, value: Option<&str>) -> Result<NewCodeDefinition, BadDefinition> {
    let unknown = || BadDefinition::UnknownMode(mode.chars().take(100).collect());
    let mode = NewCodeMode::parse(&mode.to_ascii_uppercase()).map_err(|_| unknown())?;
    let value = value.map(str::trim).filter(|value| !value.is_empty());
    let value = match (mode, value) {
        (NewCodeMode::PreviousVersion, None) => None,
        (NewCodeMode::PreviousVersion, Some(_)) => return Err(BadDefinition::UnexpectedValue(mode)),
        (_, None) => return Err(BadDefinition::MissingValue(mode)),
        (NewCodeMode::NumberOfDays, Some(days)) => match days.parse::<u32>() {
            Ok(number @ 1..=MAX_DAYS) => Some(number.to_string()),
            _ => return Err(BadDefinition::Days(days.chars().take(100).collect())),
        },
        (NewCodeMode::SpecificAnalysis, Some(id)) => match AnalysisId::parse(id) {
            Ok(id) => Some(id.to_string()),
            Err(_) => return Err(BadDefinition::Analysis(id.chars().take(100).collect())),
        },
        (NewCodeMode::ReferenceBranch, Some(branch)) => Some(branch.to_owned()),
    };
    Ok(NewCodeDefinition { mode, value })
}

/// What counts as new on a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewCode {
    /// Nothing: it is not known since when code is new.
    Nothing,
    /// Every issue: a pull request, which keeps only the issues on its changed lines.
    Everything,
    /// What came after this moment.
    Since(Timestamp),
    /// What lies on lines that differ from a reference branch.
    ChangedLines,
}

impl NewCode {
    /// What counts as new on a branch whose last analysis had this period. The period's date is taken in whole
    /// seconds, as the dates of version control are.
    pub fn of(kind: BranchKind, period: Option<&Period>) -> Self {
        match (kind, period) {
            (BranchKind::PullRequest, _) => Self::Everything,
            (
                BranchKind::Branch,
                Some(Period {
                    mode: NewCodeMode::ReferenceBranch,
                    ..
                }),
            ) => Self::ChangedLines,
            (BranchKind::Branch, Some(Period { date: Some(date), .. })) => Self::Since(date.truncated_to_seconds()),
            (BranchKind::Branch, _) => Self::Nothing,
        }
    }

    /// True when the issue is new.
    pub fn contains(&self, issue: &Issue) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Since(moment) => issue.created_at > *moment,
            Self::ChangedLines => issue.on_changed_lines,
        }
    }

    /// True when there are measures on new code.
    pub const fn has_measures(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// The new lines of a file, from 1; none when it is not known which are. `line_dates` are the dates at which each
    /// line changed last, `changed` the lines the scanner found changed against the branch it compares with.
    pub fn new_lines(
        &self,
        line_dates: &[Option<Timestamp>],
        changed: Option<&[u32]>,
        analysis_date: Timestamp,
    ) -> Option<BTreeSet<u32>> {
        let dated = |is_new: &dyn Fn(Timestamp) -> bool| {
            let known = line_dates.iter().any(Option::is_some);
            let new = (1..)
                .zip(line_dates)
                .filter(|(_, date)| date.is_some_and(is_new))
                .map(|(line, _)| line);
            known.then(|| new.collect())
        };
        match self {
            Self::Nothing => None,
            Self::Since(moment) => dated(&|date| date > *moment),
            Self::ChangedLines => Some(changed?.iter().copied().collect()),
            // Lines that changed in the very moment of the analysis are those nobody committed yet.
            Self::Everything => match changed {
                Some(changed) => Some(changed.iter().copied().collect()),
                None => dated(&|date| date >= analysis_date),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::issue::testing::issue;

    const DAY: i64 = 24 * 60 * 60 * 1000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// Analyses on the given days.
    fn past(days: &[(i64, Option<&str>)]) -> Vec<PastAnalysis> {
        let analysis = |(day, version): &(i64, Option<&str>)| PastAnalysis {
            id: AnalysisId::parse(&format!("a{day}")).unwrap(),
            date: at(day * DAY),
            version: version.map(str::to_owned),
        };
        days.iter().map(analysis).collect()
    }

    fn defined(mode: &str, value: Option<&str>) -> NewCodeDefinition {
        check_definition(mode, value).unwrap()
    }

    fn found(
        def: &NewCodeDefinition,
        past: &[PastAnalysis],
        version: Option<&str>,
        today: i64,
    ) -> (i64, Option<String>) {
        let period = period(def, past, version, at(today * DAY)).unwrap();
        (period.date.unwrap().as_millis() / DAY, period.parameter)
    }

    #[rstest]
    #[case::no_versions_at_all(&[(1, None), (2, None)], Some("1.0"), 1, None)]
    #[case::only_this_version(&[(1, Some("1.0")), (2, Some("1.0"))], Some("1.0"), 1, None)]
    #[case::the_version_ended_before(&[(1, Some("1.0")), (2, Some("1.0")), (3, Some("2.0"))], Some("2.0"), 2, Some("1.0"))]
    #[case::a_version_begins(&[(1, Some("1.0")), (2, Some("2.0"))], Some("3.0"), 2, Some("2.0"))]
    #[case::the_second_version(&[(1, Some("1.0"))], Some("2.0"), 1, Some("1.0"))]
    #[case::the_version_is_gone(&[(1, Some("1.0")), (2, None)], None, 1, Some("1.0"))]
    fn new_code_begins_where_the_previous_version_ended(
        #[case] days: &[(i64, Option<&str>)],
        #[case] version: Option<&str>,
        #[case] since: i64,
        #[case] parameter: Option<&str>,
    ) {
        let found = found(&NewCodeDefinition::DEFAULT, &past(days), version, 9);
        assert_eq!(found, (since, parameter.map(str::to_owned)));
    }

    #[rstest]
    #[case::nearest_before(&[10, 21, 40], 20, 21)]
    #[case::nearest_after(&[10, 19, 40], 20, 19)]
    #[case::the_later_of_two(&[18, 22], 20, 22)]
    #[case::all_too_young(&[45, 48], 20, 45)]
    fn a_number_of_days_finds_the_nearest_analysis(#[case] days: &[i64], #[case] wanted: i64, #[case] since: i64) {
        let days: Vec<_> = days.iter().map(|day| (*day, None)).collect();
        let def = defined("NUMBER_OF_DAYS", Some("30"));
        assert_eq!(
            found(&def, &past(&days), None, wanted + 30),
            (since, Some("30".to_owned()))
        );
    }

    #[test]
    fn a_specific_analysis_must_be_there() {
        let def = defined("specific_analysis", Some("a2"));
        assert_eq!(
            found(&def, &past(&[(1, None), (2, None)]), None, 9),
            (2, Some("a2".to_owned()))
        );
        assert_eq!(period(&def, &past(&[(1, None)]), None, at(0)), None);
    }

    #[test]
    fn a_first_analysis_has_a_period_only_against_a_branch() {
        for def in [
            NewCodeDefinition::DEFAULT,
            defined("NUMBER_OF_DAYS", Some("1")),
            defined("SPECIFIC_ANALYSIS", Some("a")),
        ] {
            assert_eq!(period(&def, &[], Some("1.0"), at(0)), None);
        }
        let against = period(&defined("REFERENCE_BRANCH", Some("main")), &[], None, at(0)).unwrap();
        assert_eq!((against.date, against.parameter.as_deref()), (None, Some("main")));
        assert_eq!(NewCode::of(BranchKind::Branch, Some(&against)), NewCode::ChangedLines);
    }

    #[rstest]
    #[case("WEEKLY", None, "Invalid type: WEEKLY")]
    #[case("PREVIOUS_VERSION", Some("1.0"), "Unexpected value for type 'PREVIOUS_VERSION'")]
    #[case(
        "REFERENCE_BRANCH",
        None,
        "New code definition type 'REFERENCE_BRANCH' requires a value"
    )]
    #[case(
        "NUMBER_OF_DAYS",
        Some("91"),
        "Invalid value '91': the number of days must be a whole number from 1 to 90"
    )]
    #[case(
        "NUMBER_OF_DAYS",
        Some("0"),
        "Invalid value '0': the number of days must be a whole number from 1 to 90"
    )]
    fn a_definition_that_cannot_be_is_refused(#[case] mode: &str, #[case] value: Option<&str>, #[case] text: &str) {
        assert_eq!(check_definition(mode, value).unwrap_err().to_string(), text);
    }

    #[test]
    fn an_issue_is_new_strictly_after_the_second_of_the_period() {
        let period = Period {
            mode: NewCodeMode::PreviousVersion,
            date: Some(at(10_900)),
            parameter: None,
        };
        let new = NewCode::of(BranchKind::Branch, Some(&period));
        let created = |millis| {
            new.contains(&Issue {
                created_at: at(millis),
                ..issue()
            })
        };
        assert_eq!([created(9_999), created(10_000), created(10_001)], [false, false, true]);
        assert!(!NewCode::of(BranchKind::Branch, None).contains(&issue()));
        assert!(!NewCode::of(BranchKind::Branch, None).has_measures());
        assert!(NewCode::of(BranchKind::PullRequest, None).contains(&issue()));
        assert!(NewCode::ChangedLines.contains(&Issue {
            on_changed_lines: true,
            ..issue()
        }));
        assert!(!NewCode::ChangedLines.contains(&issue()));
    }

    #[test]
    fn new_lines_are_those_that_changed() {
        let dates = [Some(at(5_000)), None, Some(at(10_000)), Some(at(11_000))];
        let lines = |new: NewCode, changed| new.new_lines(&dates, changed, at(11_000)).map(Vec::from_iter);
        assert_eq!(lines(NewCode::Nothing, Some(&[1][..])), None);
        assert_eq!(lines(NewCode::Since(at(10_000)), None), Some(vec![4]));
        assert_eq!(lines(NewCode::Everything, None), Some(vec![4]));
        assert_eq!(lines(NewCode::Everything, Some(&[1, 2])), Some(vec![1, 2]));
        assert_eq!(lines(NewCode::ChangedLines, Some(&[2])), Some(vec![2]));
        assert_eq!(lines(NewCode::ChangedLines, None), None);
        assert_eq!(NewCode::Since(at(0)).new_lines(&[None, None], None, at(1)), None);
    }

    proptest! {
        #[test]
        fn a_period_begins_with_one_of_the_past_analyses(
            days in proptest::collection::btree_set(0..60_i64, 1..8), versions in proptest::collection::vec(0..4_u8, 8),
            current in 0..4_u8, span in 1..=90_u8,
        ) {
            let versions: Vec<_> = versions.iter().map(|version| format!("{version}.0")).collect();
            let days: Vec<_> = days.into_iter().zip(&versions).map(|(day, version)| (day, Some(version.as_str()))).collect();
            let past = past(&days);
            for def in [NewCodeDefinition::DEFAULT, defined("NUMBER_OF_DAYS", Some(&span.to_string()))] {
                let current = format!("{current}.0");
                let period = period(&def, &past, Some(&current), at(60 * DAY)).unwrap();
                let begins = past.iter().find(|analysis| Some(analysis.date) == period.date).unwrap();
                if def.mode == NewCodeMode::PreviousVersion && period.parameter.is_some() {
                    prop_assert_eq!(&period.parameter, &begins.version);
                    prop_assert_ne!(period.parameter.as_deref(), Some(current.as_str()));
                }
            }
        }
    }
}
