//! Counters against a naive recount.

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::issue::testing::{any_issue, issue};
use crate::issue::{IssueStatus, Severity, SoftwareQuality};

fn context(development_cost: f64, new_development_cost: f64) -> DebtContext {
    DebtContext {
        development_cost,
        new_development_cost: Some(new_development_cost),
        has_new_code: true,
        grid: RatingGrid::default(),
    }
}

fn total(issues: &[(Issue, bool)]) -> Tally {
    let mut total = Tally::default();
    for (issue, is_new) in issues {
        total.add(&Tally::of(issue, *is_new));
    }
    total
}

/// Counts anew from the issues themselves.
fn recount(issues: &[&Issue], new: bool, cost: f64, expected: &mut Measures) {
    let key = |key: &str| if new { format!("new_{key}") } else { key.to_owned() };
    let plain: Vec<&Issue> = issues
        .iter()
        .copied()
        .filter(|one| one.kind != IssueType::SecurityHotspot)
        .collect();
    let open: Vec<&Issue> = plain.iter().copied().filter(|one| one.resolution.is_none()).collect();
    let of = |kind: IssueType| {
        open.iter()
            .copied()
            .filter(move |one| one.kind == kind)
            .collect::<Vec<_>>()
    };
    let effort = |issues: &[&Issue]| issues.iter().map(|one| one.effort).sum::<i64>();
    let size = |count: usize| i64::try_from(count).unwrap();
    let grade = |density: f64| match density {
        _ if density <= 0.05 => 1,
        _ if density <= 0.1 => 2,
        _ if density <= 0.2 => 3,
        _ if density <= 0.5 => 4,
        _ => 5,
    };

    expected.set_int(&key("violations"), size(open.len()));
    for (severity, name) in [
        (Severity::Blocker, "blocker_violations"),
        (Severity::Critical, "critical_violations"),
        (Severity::Major, "major_violations"),
        (Severity::Minor, "minor_violations"),
        (Severity::Info, "info_violations"),
    ] {
        expected.set_int(
            &key(name),
            size(open.iter().filter(|one| one.severity == severity).count()),
        );
    }
    expected.set_int(&key("bugs"), size(of(IssueType::Bug).len()));
    expected.set_int(&key("vulnerabilities"), size(of(IssueType::Vulnerability).len()));
    expected.set_int(&key("code_smells"), size(of(IssueType::CodeSmell).len()));
    expected.set_int(&key("reliability_remediation_effort"), effort(&of(IssueType::Bug)));
    expected.set_int(
        &key("security_remediation_effort"),
        effort(&of(IssueType::Vulnerability)),
    );
    let debt = effort(&of(IssueType::CodeSmell));
    expected.set_int(if new { "new_technical_debt" } else { "sqale_index" }, debt);
    expected.set_int(
        if new {
            "new_maintainability_rating"
        } else {
            "sqale_rating"
        },
        grade(debt as f64 / cost),
    );
    expected.set_number(&key("sqale_debt_ratio"), 100.0 * (debt as f64 / cost));

    let worst = |kind| of(kind).iter().map(|one| one.severity).max();
    let worst_rating = |worst: Option<Severity>| worst.map_or(1, |severity| (severity as i64).max(0) + 1);
    let worst_level = |worst: Option<Severity>| worst.map_or(0, |severity| (severity as i64 + 1) * 5);
    expected.set_int(&key("reliability_rating"), worst_rating(worst(IssueType::Bug)));
    expected.set_int(&key("security_rating"), worst_rating(worst(IssueType::Vulnerability)));
    if new {
        expected.set_int("new_bugs_severity", worst_level(worst(IssueType::Bug)));
        expected.set_int(
            "new_vulnerabilities_severity",
            worst_level(worst(IssueType::Vulnerability)),
        );
        expected.set_int("new_code_smells_severity", worst_level(worst(IssueType::CodeSmell)));
    }

    let accepted: Vec<_> = plain
        .iter()
        .filter(|one| one.resolution == Some(Resolution::WontFix))
        .collect();
    expected.set_int(&key("accepted_issues"), size(accepted.len()));
    if !new {
        let high = |severity: &ImpactSeverity| matches!(severity, ImpactSeverity::High | ImpactSeverity::Blocker);
        let high = accepted.iter().filter(|one| one.impacts.values().any(high)).count();
        expected.set_int("high_impact_accepted_issues", size(high));
        let with = |status| size(plain.iter().filter(|one| one.status == status).count());
        expected.set_int("open_issues", with(Status::Open));
        expected.set_int("reopened_issues", with(Status::Reopened));
        expected.set_int("confirmed_issues", with(Status::Confirmed));
        let false_positive = plain
            .iter()
            .filter(|one| one.resolution == Some(Resolution::FalsePositive))
            .count();
        expected.set_int("false_positive_issues", size(false_positive));
        expected.set_int("prioritized_rule_issues", 0);
        let to_a = |effort: i64| (effort - (cost * 0.05).trunc() as i64).max(0);
        expected.set_int("effort_to_reach_maintainability_rating_a", to_a(debt));
        let debt = open
            .iter()
            .filter(|one| one.impacts.contains_key(&SoftwareQuality::Maintainability));
        let debt = to_a(debt.map(|one| one.effort).sum());
        expected.set_int("effort_to_reach_software_quality_maintainability_rating_a", debt);
    }

    let shown: Vec<_> = plain
        .iter()
        .filter(|one| {
            matches!(
                IssueStatus::of(one.status, one.resolution),
                Some(IssueStatus::Open | IssueStatus::Confirmed)
            )
        })
        .collect();
    for quality in SoftwareQuality::ALL {
        let name = quality.as_str().to_lowercase();
        let hurting: Vec<_> = shown.iter().filter(|one| one.impacts.contains_key(quality)).collect();
        let efforts = hurting.iter().map(|one| one.effort).sum::<i64>();
        let severities: Vec<_> = hurting.iter().map(|one| one.impacts[quality]).collect();
        expected.set_int(&key(&format!("software_quality_{name}_issues")), size(hurting.len()));
        expected.set_int(&key(&format!("software_quality_{name}_remediation_effort")), efforts);
        let worst = severities.iter().max();
        let level = worst.map_or(0, |severity| (*severity as i64 + 1) * 5);
        expected.set_int(&key(&format!("{name}_issue_severity")), level);
        if *quality == SoftwareQuality::Maintainability {
            expected.set_int(
                &key("software_quality_maintainability_rating"),
                grade(efforts as f64 / cost),
            );
            let ratio = 100.0 * (efforts as f64 / cost);
            expected.set_number(&key("software_quality_maintainability_debt_ratio"), ratio);
        } else {
            let rating = worst.map_or(1, |severity| *severity as i64 + 1);
            expected.set_int(&key(&format!("software_quality_{name}_rating")), rating);
        }
        let with = |severity| severities.iter().filter(|one| **one == severity).count();
        let json = format!(
            r#"{{"LOW":{},"MEDIUM":{},"HIGH":{},"INFO":{},"BLOCKER":{},"total":{}}}"#,
            with(ImpactSeverity::Low),
            with(ImpactSeverity::Medium),
            with(ImpactSeverity::High),
            with(ImpactSeverity::Info),
            with(ImpactSeverity::Blocker),
            hurting.len(),
        );
        expected.set_text(&key(&format!("{name}_issues")), json);
    }
    for severity in ImpactSeverity::ALL {
        let with = shown
            .iter()
            .filter(|one| one.impacts.values().any(|found| found == severity))
            .count();
        let name = severity.as_str().to_lowercase();
        expected.set_int(&key(&format!("software_quality_{name}_issues")), size(with));
    }

    let hotspots = |status| issues.iter().filter(|one| one.status == status).count();
    let (to_review, reviewed) = (hotspots(Status::ToReview), hotspots(Status::Reviewed));
    expected.set_int(&key("security_hotspots"), size(to_review));
    expected.set_int(&key("security_hotspots_to_review_status"), size(to_review));
    expected.set_int(&key("security_hotspots_reviewed_status"), size(reviewed));
    let mut rating = 1;
    if to_review + reviewed > 0 {
        let percent = 100.0 * reviewed as f64 / (to_review + reviewed) as f64;
        expected.set_number(&key("security_hotspots_reviewed"), percent);
        rating = 1 + [80.0, 70.0, 50.0, 30.0]
            .iter()
            .filter(|bound| percent < **bound)
            .count() as i64;
    }
    expected.set_int(&key("security_review_rating"), rating);
}

proptest! {
    #[test]
    fn what_is_added_and_taken_away_leaves_no_trace(
        first in any_issue(), second in any_issue(), one_new in any::<bool>(), other_new in any::<bool>(),
    ) {
        let before = Tally::of(&first, one_new);
        let change = Tally::of(&second, other_new);
        let mut tally = before.clone();
        tally.add(&change);
        prop_assert_eq!(Tally::from_json(&tally.to_json()).unwrap(), tally.clone());
        tally.subtract(&change);
        prop_assert_eq!(&tally, &before);
        tally.subtract(&before);
        prop_assert!(tally.is_empty());
    }

    #[test]
    fn counters_give_the_same_measures_as_counting_anew(
        issues in proptest::collection::vec((any_issue(), any::<bool>()), 0..40),
        cost in 1..5_000_u32, new_cost in 1..5_000_u32,
    ) {
        let (cost, new_cost) = (f64::from(cost), f64::from(new_cost));
        let mut expected = Measures::new();
        recount(&issues.iter().map(|(issue, _)| issue).collect::<Vec<_>>(), false, cost, &mut expected);
        let new: Vec<_> = issues.iter().filter(|(_, is_new)| *is_new).map(|(issue, _)| issue).collect();
        recount(&new, true, new_cost, &mut expected);
        prop_assert_eq!(issue_measures(&total(&issues), &context(cost, new_cost)), expected);
    }
}

proptest! {
    #[test]
    fn renewed_measures_are_those_of_the_counters_and_nothing_of_what_they_were(
        before in proptest::collection::vec((any_issue(), any::<bool>()), 0..8),
        after in proptest::collection::vec((any_issue(), any::<bool>()), 0..8),
        has_new_code in any::<bool>(),
    ) {
        let ctx = DebtContext { has_new_code, ..context(300.0, 30.0) };
        let mut measures = issue_measures(&total(&before), &ctx);
        measures.set_int("ncloc", 10);
        renew(&mut measures, &total(&after), &ctx);
        let mut expected = issue_measures(&total(&after), &ctx);
        expected.set_int("ncloc", 10);
        prop_assert_eq!(measures, expected);
    }
}

#[rstest]
#[case(0.0, 1)]
#[case(0.05, 1)]
#[case(0.051, 2)]
#[case(0.1, 2)]
#[case(0.2, 3)]
#[case(0.5, 4)]
#[case(0.51, 5)]
fn a_bound_of_the_grid_belongs_to_the_better_rating(#[case] density: f64, #[case] expected: i64) {
    assert_eq!(RatingGrid::default().rating(density), expected);
}

#[test]
fn a_grid_is_four_ascending_numbers() {
    assert_eq!(RatingGrid::parse("0.05, 0.1,0.2,0.5"), Ok(RatingGrid::default()));
    for bad in [
        "",
        "1,2,3",
        "1,2,3,4,5",
        "0.1,0.1,0.2,0.5",
        "a,b,c,d",
        "0.1,0.2,0.3,NaN",
        "-1,0.2,0.3,0.4",
    ] {
        assert!(RatingGrid::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn without_new_code_there_are_no_measures_on_it() {
    let ctx = DebtContext {
        has_new_code: false,
        ..context(300.0, 300.0)
    };
    let measures = issue_measures(&Tally::of(&issue(), true), &ctx);
    assert!(measures.iter().all(|(key, _)| !key.starts_with("new_")));
    assert_eq!(measures.int("violations"), Some(1));
}

#[test]
fn without_hotspots_the_reviewed_part_is_absent_and_the_rating_an_a() {
    let measures = issue_measures(&Tally::default(), &context(0.0, 0.0));
    assert_eq!(measures.get("security_hotspots_reviewed"), None);
    assert_eq!(measures.int("new_security_review_rating"), Some(1));
    assert_eq!(measures.int("sqale_rating"), Some(1));
    assert_eq!(measures.number("sqale_debt_ratio"), Some(0.0));
}

#[test]
fn impacts_read_as_in_the_web_api() {
    let measures = issue_measures(&Tally::of(&issue(), false), &context(300.0, 300.0));
    insta::assert_snapshot!(measures.text("maintainability_issues").unwrap(),
        @r#"{"LOW":0,"MEDIUM":1,"HIGH":0,"INFO":0,"BLOCKER":0,"total":1}"#);
}
