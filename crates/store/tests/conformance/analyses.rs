use std::collections::BTreeMap;

use gatehook_domain::analysis::{Analysis, NewCodeMode, Period};
use gatehook_domain::issue::{ImpactSeverity, Impacts, IssueType, Severity, SoftwareQuality};
use gatehook_domain::measure::Measures;
use gatehook_domain::new_code::PastAnalysis;
use gatehook_domain::rule::{CleanCodeAttribute, Rule, RuleKey};
use gatehook_store::analysis::AnalysisSearch;
use gatehook_store::rule::RuleSearch;
use gatehook_store::{Tx, analysis, node, rule};

use crate::bench::{Done, at, id, keep_project, new_analysis};

crate::on_both! {
    an_analysis_is_kept_whole_with_its_measures
    the_history_of_a_branch_is_told_oldest_first
    rules_are_kept_by_their_keys
    a_node_gives_signs_of_life
}

pub(crate) fn new_rule(key: &str) -> Rule {
    Rule {
        key: RuleKey::parse(key).unwrap(),
        name: format!("Name of {key}"),
        description: String::new(),
        kind: IssueType::Bug,
        severity: Severity::Critical,
        attribute: CleanCodeAttribute::Logical,
        impacts: Impacts::from([(SoftwareQuality::Reliability, ImpactSeverity::High)]),
    }
}

fn an_analysis_is_kept_whole_with_its_measures(tx: &mut Tx<'_>) -> Done {
    let (_, main) = keep_project(tx, "shop")?;
    let whole = Analysis {
        version: Some("1.2".to_owned()),
        build: Some("77".to_owned()),
        revision: Some("cafe".to_owned()),
        period: Some(Period {
            mode: NewCodeMode::PreviousVersion,
            date: Some(at(-5)),
            parameter: Some("1.1".to_owned()),
        }),
        properties: BTreeMap::from([("sonar.analysis.x".to_owned(), "ü\"\n".to_owned())]),
        ..new_analysis("whole", &main, at(1))
    };
    let bare = new_analysis("bare", &main, at(2));
    let mut measures = Measures::new();
    measures.set_text("alert_status", "OK");
    analysis::insert(tx, &whole, &measures)?;
    analysis::insert(tx, &bare, &Measures::new())?;
    assert_eq!(analysis::by_id(tx, &whole.id)?, Some(whole.clone()));
    assert_eq!(analysis::by_id(tx, &bare.id)?, Some(bare));
    assert_eq!(analysis::measures(tx, &whole.id)?, measures);
    assert!(analysis::measures(tx, &id("gone"))?.is_empty());
    assert_eq!(analysis::by_id(tx, &id("gone"))?, None);
    Ok(())
}

fn the_history_of_a_branch_is_told_oldest_first(tx: &mut Tx<'_>) -> Done {
    let (_, main) = keep_project(tx, "shop")?;
    assert_eq!(analysis::last_of(tx, &main.id)?, None);
    for (name, date) in [("b", 20), ("a", 10), ("c", 30)] {
        let mut measures = Measures::new();
        measures.set_int("ncloc", date);
        analysis::insert(tx, &new_analysis(name, &main, at(date)), &measures)?;
    }
    let past = |name, date| PastAnalysis {
        id: id(name),
        date: at(date),
        version: None,
    };
    assert_eq!(
        analysis::history(tx, &main.id)?,
        [past("a", 10), past("b", 20), past("c", 30)]
    );
    assert_eq!(analysis::last_of(tx, &main.id)?.unwrap().id, id("c"));

    let newest = AnalysisSearch {
        size: 2,
        ..AnalysisSearch::of(main.id.clone())
    };
    let (page, total) = analysis::page(tx, &newest)?;
    let names: Vec<_> = page.iter().map(|analysis| analysis.id.as_str()).collect();
    assert_eq!((names.as_slice(), total), (["c", "b"].as_slice(), 3));
    let between = AnalysisSearch {
        from: Some(at(10)),
        to: Some(at(20)),
        ascending: true,
        ..newest
    };
    let (page, total) = analysis::page_with_measures(tx, &between)?;
    let values: Vec<_> = page.iter().map(|(_, measures)| measures.int("ncloc")).collect();
    assert_eq!((values.as_slice(), total), ([Some(10), Some(20)].as_slice(), 2));
    Ok(())
}

fn rules_are_kept_by_their_keys(tx: &mut Tx<'_>) -> Done {
    let (one, other) = (new_rule("external_ruff:F401"), new_rule("external_clippy:clippy::all"));
    rule::upsert_many(tx, &[one.clone(), other.clone()])?;
    let changed = Rule {
        name: "Changed".to_owned(),
        impacts: Impacts::new(),
        ..one.clone()
    };
    rule::upsert_many(tx, std::slice::from_ref(&changed))?;
    rule::upsert_many(tx, &[])?;
    assert_eq!(rule::by_key(tx, &one.key)?, Some(changed.clone()));
    assert_eq!(
        rule::by_keys(tx, &[other.key.clone(), RuleKey::parse("a:b").unwrap()])?,
        [other.clone()]
    );
    assert_eq!(rule::search(tx, Some("CHANG"), &[], 1, 10)?, (vec![changed.clone()], 1));
    let repositories = ["external_clippy".to_owned(), "external".to_owned()];
    assert_eq!(rule::search(tx, None, &repositories, 1, 10)?, (vec![other.clone()], 1));
    let wanted = RuleSearch {
        kinds: vec![one.kind],
        severities: vec![one.severity],
        ..RuleSearch::default()
    };
    assert_eq!(rule::find(tx, &wanted, 2, 1)?, (vec![changed.clone()], 2));
    let unwanted = RuleSearch {
        kinds: vec![IssueType::SecurityHotspot],
        ..RuleSearch::default()
    };
    assert_eq!(rule::find(tx, &unwanted, 1, 10)?, (Vec::new(), 0));
    assert_eq!(rule::search(tx, None, &[], 1, 10)?, (vec![other, changed], 2));
    Ok(())
}

fn a_node_gives_signs_of_life(tx: &mut Tx<'_>) -> Done {
    node::register(tx, &id("first"), at(0))?;
    node::register(tx, &id("second"), at(1))?;
    node::register(tx, &id("first"), at(5))?;
    assert_eq!(node::seen_since(tx, at(1))?, [id("first"), id("second")]);
    assert_eq!(node::seen_since(tx, at(2))?, [id("first")]);
    node::forget(tx, &id("first"))?;
    assert_eq!(node::seen_since(tx, at(0))?, [id("second")]);
    Ok(())
}
