use gatehook_domain::component::Component;
use gatehook_domain::issue::{
    ImpactSeverity, Impacts, Issue, IssueStatus, IssueType, Resolution, Severity, SoftwareQuality, Status, TextRange,
};
use gatehook_domain::new_code::NewCode;
use gatehook_domain::rule::{CleanCodeAttribute, RuleKey};
use gatehook_store::issue::{Facet, IssueSearch, IssueSort};
use gatehook_store::permission::Viewer;
use gatehook_store::{StoreError, Tx, branch, component, issue, permission};

use crate::bench::{Done, at, id, keep_file, keep_project, keep_user, new_branch, new_file, new_issue};

crate::on_both! {
    every_condition_narrows_the_search
    a_search_without_a_branch_is_one_of_main_branches
    only_issues_of_projects_that_may_be_seen_are_found
    issues_are_ordered_and_paged
    totals_are_those_of_all_pages
    a_facet_does_not_heed_its_own_condition
    every_facet_counts
}

/// Issues `a` to `f` of the main branch of `shop`; `f` is a hotspot.
fn keep_issues(tx: &mut Tx<'_>) -> Done {
    let (_, main) = keep_project(tx, "shop")?;
    let file = keep_file(tx, &main.id, "src/core/a.py")?;
    let other = Component {
        language: Some("js".to_owned()),
        ..new_file(&main.id, "src/b.js")
    };
    let plain = Component {
        language: None,
        ..new_file(&main.id, "README")
    };
    component::upsert_many(tx, &[other.clone(), plain.clone()])?;
    let line = |line| {
        Some(TextRange {
            start_line: line,
            end_line: line,
            start_offset: 0,
            end_offset: 1,
        })
    };
    let issues = [
        Issue {
            tags: vec!["cwe".to_owned(), "unused_1".to_owned()],
            created_at: at(1_000),
            updated_at: at(60_000),
            effort: 10,
            ..new_issue("a", &main.id, &file.id)
        },
        Issue {
            kind: IssueType::Bug,
            severity: Severity::Blocker,
            status: Status::Confirmed,
            impacts: Impacts::from([
                (SoftwareQuality::Reliability, ImpactSeverity::High),
                (SoftwareQuality::Security, ImpactSeverity::Low),
            ]),
            attribute: CleanCodeAttribute::Logical,
            assignee: Some("ann".to_owned()),
            author: Some("ann@example.org".to_owned()),
            range: line(1),
            created_at: at(2_000),
            updated_at: at(50_000),
            effort: 20,
            ..new_issue("b", &main.id, &file.id)
        },
        Issue {
            rule: RuleKey::parse("external_eslint:eqeqeq").unwrap(),
            severity: Severity::Minor,
            status: Status::Resolved,
            resolution: Some(Resolution::FalsePositive),
            tags: vec!["cwe".to_owned()],
            created_at: at(3_000),
            updated_at: at(40_000),
            on_changed_lines: true,
            ..new_issue("c", &main.id, &other.id)
        },
        Issue {
            kind: IssueType::Vulnerability,
            severity: Severity::Info,
            status: Status::Resolved,
            resolution: Some(Resolution::WontFix),
            impacts: Impacts::from([(SoftwareQuality::Security, ImpactSeverity::Blocker)]),
            created_at: at(4_000),
            updated_at: at(30_000),
            ..new_issue("d", &main.id, &other.id)
        },
        Issue {
            status: Status::Closed,
            resolution: Some(Resolution::Fixed),
            closed_at: Some(at(9_000)),
            range: None,
            impacts: Impacts::new(),
            created_at: at(5_000),
            updated_at: at(20_000),
            ..new_issue("e", &main.id, &plain.id)
        },
        Issue {
            kind: IssueType::SecurityHotspot,
            status: Status::ToReview,
            impacts: Impacts::new(),
            created_at: at(6_000),
            updated_at: at(10_000),
            ..new_issue("f", &main.id, &file.id)
        },
    ];
    issue::insert_many(tx, &issues)
}

fn all() -> IssueSearch {
    IssueSearch {
        branch: Some(id("project-shop-main")),
        ..IssueSearch::default()
    }
}

/// The ids that are found, one after the other.
fn found(tx: &mut Tx<'_>, search: &IssueSearch) -> Result<String, StoreError> {
    let page = issue::search(tx, search)?;
    Ok(page.issues.iter().map(|issue| issue.id.as_str()).collect())
}

fn every_condition_narrows_the_search(tx: &mut Tx<'_>) -> Done {
    keep_issues(tx)?;
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let cases = vec![
        ("nothing", all(), "abcde"),
        (
            "hotspots",
            IssueSearch {
                hotspots: true,
                ..all()
            },
            "abcdef",
        ),
        (
            "project",
            IssueSearch {
                project: Some(id("project-shop")),
                ..all()
            },
            "abcde",
        ),
        (
            "another project",
            IssueSearch {
                project: Some(id("gone")),
                ..all()
            },
            "",
        ),
        (
            "ids",
            IssueSearch {
                ids: vec![id("b"), id("c"), id("gone")],
                ..all()
            },
            "bc",
        ),
        (
            "components",
            IssueSearch {
                component_ids: vec![id("project-shop-main-src-b-js")],
                ..all()
            },
            "cd",
        ),
        (
            "rules",
            IssueSearch {
                rules: vec![RuleKey::parse("external_eslint:eqeqeq").unwrap()],
                ..all()
            },
            "c",
        ),
        (
            "types",
            IssueSearch {
                kinds: vec![IssueType::Bug, IssueType::Vulnerability],
                ..all()
            },
            "bd",
        ),
        (
            "severities",
            IssueSearch {
                severities: vec![Severity::Info, Severity::Major, Severity::Minor],
                ..all()
            },
            "acde",
        ),
        (
            "statuses",
            IssueSearch {
                statuses: vec![Status::Open, Status::Closed],
                ..all()
            },
            "ae",
        ),
        (
            "open",
            IssueSearch {
                issue_statuses: vec![IssueStatus::Open],
                ..all()
            },
            "a",
        ),
        (
            "confirmed",
            IssueSearch {
                issue_statuses: vec![IssueStatus::Confirmed],
                ..all()
            },
            "b",
        ),
        (
            "false positive",
            IssueSearch {
                issue_statuses: vec![IssueStatus::FalsePositive],
                ..all()
            },
            "c",
        ),
        (
            "accepted or fixed",
            IssueSearch {
                issue_statuses: vec![IssueStatus::Accepted, IssueStatus::Fixed],
                ..all()
            },
            "de",
        ),
        (
            "resolutions",
            IssueSearch {
                resolutions: vec![Resolution::Fixed],
                ..all()
            },
            "e",
        ),
        (
            "resolved",
            IssueSearch {
                resolved: Some(true),
                ..all()
            },
            "cde",
        ),
        (
            "unresolved",
            IssueSearch {
                resolved: Some(false),
                ..all()
            },
            "ab",
        ),
        (
            "tags",
            IssueSearch {
                tags: texts(&["cwe", "none"]),
                ..all()
            },
            "ac",
        ),
        (
            "part of a tag",
            IssueSearch {
                tags: texts(&["unused", "cw"]),
                ..all()
            },
            "",
        ),
        (
            "a tag with a sign",
            IssueSearch {
                tags: texts(&["unused_1"]),
                ..all()
            },
            "a",
        ),
        (
            "assignees",
            IssueSearch {
                assignees: texts(&["ann", "bob"]),
                ..all()
            },
            "b",
        ),
        (
            "assigned",
            IssueSearch {
                assigned: Some(true),
                ..all()
            },
            "b",
        ),
        (
            "unassigned",
            IssueSearch {
                assigned: Some(false),
                ..all()
            },
            "acde",
        ),
        (
            "author",
            IssueSearch {
                author: Some("ann@example.org".to_owned()),
                ..all()
            },
            "b",
        ),
        (
            "created after",
            IssueSearch {
                created_after: Some(at(3_000)),
                ..all()
            },
            "cde",
        ),
        (
            "created before",
            IssueSearch {
                created_before: Some(at(3_000)),
                ..all()
            },
            "ab",
        ),
        (
            "nothing is new",
            IssueSearch {
                in_new_code: Some(NewCode::Nothing),
                ..all()
            },
            "",
        ),
        (
            "everything is new",
            IssueSearch {
                in_new_code: Some(NewCode::Everything),
                ..all()
            },
            "abcde",
        ),
        (
            "new since a moment",
            IssueSearch {
                in_new_code: Some(NewCode::Since(at(3_700))),
                ..all()
            },
            "de",
        ),
        (
            "on changed lines",
            IssueSearch {
                in_new_code: Some(NewCode::ChangedLines),
                ..all()
            },
            "c",
        ),
        (
            "languages",
            IssueSearch {
                languages: texts(&["js"]),
                ..all()
            },
            "cd",
        ),
        (
            "qualities",
            IssueSearch {
                impact_qualities: vec![SoftwareQuality::Security],
                ..all()
            },
            "bd",
        ),
        (
            "impacts",
            IssueSearch {
                impact_severities: vec![ImpactSeverity::High, ImpactSeverity::Blocker],
                ..all()
            },
            "bd",
        ),
        (
            "a quality and how much",
            IssueSearch {
                impact_qualities: vec![SoftwareQuality::Security],
                impact_severities: vec![ImpactSeverity::High, ImpactSeverity::Low],
                ..all()
            },
            "b",
        ),
        (
            "directories",
            IssueSearch {
                directories: texts(&["src/core", "none"]),
                ..all()
            },
            "ab",
        ),
        (
            "directories at any depth",
            IssueSearch {
                directories: texts(&["src"]),
                ..all()
            },
            "abcd",
        ),
        (
            "files",
            IssueSearch {
                files: texts(&["README", "src/b.js"]),
                ..all()
            },
            "cde",
        ),
    ];
    for (name, search, wanted) in cases {
        assert_eq!(found(tx, &search)?, wanted, "{name}");
        assert_eq!(issue::search(tx, &search)?.total, wanted.len() as i64, "{name}");
    }
    Ok(())
}

fn a_search_without_a_branch_is_one_of_main_branches(tx: &mut Tx<'_>) -> Done {
    keep_issues(tx)?;
    let feature = new_branch(&id("project-shop"), "feature", false);
    branch::insert(tx, &feature)?;
    let file = keep_file(tx, &feature.id, "a.py")?;
    issue::insert_many(tx, &[new_issue("x", &feature.id, &file.id)])?;
    let (_, main) = keep_project(tx, "other")?;
    let root = gatehook_domain::id::ComponentId::root_of(&main.id);
    issue::insert_many(
        tx,
        &[Issue {
            created_at: at(10_000),
            ..new_issue("z", &main.id, &root)
        }],
    )?;
    assert_eq!(found(tx, &IssueSearch::default())?, "abcdez");
    let of_project = IssueSearch {
        project: Some(id("project-shop")),
        ..IssueSearch::default()
    };
    assert_eq!(found(tx, &of_project)?, "abcde");
    assert_eq!(
        found(
            tx,
            &IssueSearch {
                branch: Some(feature.id),
                ..IssueSearch::default()
            }
        )?,
        "x"
    );
    assert_eq!(
        found(
            tx,
            &IssueSearch {
                ids: vec![id("x"), id("z")],
                ..IssueSearch::default()
            }
        )?,
        "xz"
    );
    assert_eq!(
        found(
            tx,
            &IssueSearch {
                component_ids: vec![file.id],
                ..IssueSearch::default()
            }
        )?,
        "x"
    );
    Ok(())
}

fn only_issues_of_projects_that_may_be_seen_are_found(tx: &mut Tx<'_>) -> Done {
    keep_issues(tx)?;
    let (ann, bob) = (keep_user(tx, "ann")?, keep_user(tx, "bob")?);
    permission::grant_user(tx, &ann.id, "user", Some(&id("project-shop")))?;
    let seen_by = |user| IssueSearch {
        visible_to: Some(Viewer(user)),
        ..IssueSearch::default()
    };
    assert_eq!(found(tx, &seen_by(Some(ann.id)))?, "abcde");
    assert_eq!(found(tx, &seen_by(Some(bob.id)))?, "");
    assert_eq!(
        found(
            tx,
            &IssueSearch {
                ids: vec![id("a")],
                ..seen_by(None)
            }
        )?,
        ""
    );
    Ok(())
}

fn issues_are_ordered_and_paged(tx: &mut Tx<'_>) -> Done {
    keep_issues(tx)?;
    for (sort, wanted) in [
        (IssueSort::CreationDate, "abcde"),
        (IssueSort::UpdateDate, "edcba"),
        (IssueSort::CloseDate, "abcde"),
        (IssueSort::Severity, "dcaeb"),
        (IssueSort::ImpactSeverity, "eacbd"),
        (IssueSort::TypeSeverity, "bcaed"),
        (IssueSort::Status, "ebacd"),
        (IssueSort::FileLine, "ecdba"),
    ] {
        assert_eq!(found(tx, &IssueSearch { sort, ..all() })?, wanted, "{sort:?}");
        let backwards: String = wanted.chars().rev().collect();
        assert_eq!(
            found(
                tx,
                &IssueSearch {
                    sort,
                    ascending: false,
                    ..all()
                }
            )?,
            backwards,
            "{sort:?}"
        );
    }
    assert_eq!(
        found(
            tx,
            &IssueSearch {
                page: 2,
                size: 2,
                ..all()
            }
        )?,
        "cd"
    );
    assert_eq!(
        found(
            tx,
            &IssueSearch {
                page: 3,
                size: 2,
                ..all()
            }
        )?,
        "e"
    );
    assert_eq!(
        found(
            tx,
            &IssueSearch {
                page: 4,
                size: 2,
                ..all()
            }
        )?,
        ""
    );
    Ok(())
}

fn totals_are_those_of_all_pages(tx: &mut Tx<'_>) -> Done {
    keep_issues(tx)?;
    let page = issue::search(tx, &IssueSearch { size: 1, ..all() })?;
    assert_eq!((page.issues.len(), page.total, page.effort_total), (1, 5, 45));
    let none = issue::search(
        tx,
        &IssueSearch {
            size: 0,
            ids: vec![id("gone")],
            ..all()
        },
    )?;
    assert_eq!((none.issues.len(), none.total, none.effort_total), (0, 0, 0));
    Ok(())
}

fn counted(tx: &mut Tx<'_>, search: &IssueSearch, facet: Facet) -> Result<String, StoreError> {
    let page = issue::search(
        tx,
        &IssueSearch {
            facets: vec![facet],
            size: 0,
            ..search.clone()
        },
    )?;
    assert_eq!(page.facets[0].facet, facet);
    let values: Vec<String> = page.facets[0]
        .values
        .iter()
        .map(|(value, count)| format!("{value}={count}"))
        .collect();
    Ok(values.join(" "))
}

fn a_facet_does_not_heed_its_own_condition(tx: &mut Tx<'_>) -> Done {
    keep_issues(tx)?;
    let bugs = IssueSearch {
        kinds: vec![IssueType::Bug],
        ..all()
    };
    assert_eq!(counted(tx, &bugs, Facet::Types)?, "CODE_SMELL=3 BUG=1 VULNERABILITY=1");
    assert_eq!(counted(tx, &bugs, Facet::Severities)?, "BLOCKER=1");
    let secure = IssueSearch {
        impact_qualities: vec![SoftwareQuality::Security],
        impact_severities: vec![ImpactSeverity::Blocker],
        ..all()
    };
    assert_eq!(counted(tx, &secure, Facet::ImpactSoftwareQualities)?, "SECURITY=1");
    assert_eq!(counted(tx, &secure, Facet::ImpactSeverities)?, "BLOCKER=1 LOW=1");
    let unresolved = IssueSearch {
        resolved: Some(false),
        ..all()
    };
    assert_eq!(
        counted(tx, &unresolved, Facet::Resolutions)?,
        "=2 FALSE-POSITIVE=1 FIXED=1 WONTFIX=1"
    );
    Ok(())
}

fn every_facet_counts(tx: &mut Tx<'_>) -> Done {
    keep_issues(tx)?;
    for (facet, wanted) in [
        (Facet::Severities, "MAJOR=2 BLOCKER=1 INFO=1 MINOR=1"),
        (Facet::Types, "CODE_SMELL=3 BUG=1 VULNERABILITY=1"),
        (Facet::Statuses, "RESOLVED=2 CLOSED=1 CONFIRMED=1 OPEN=1"),
        (
            Facet::IssueStatuses,
            "ACCEPTED=1 CONFIRMED=1 FALSE_POSITIVE=1 FIXED=1 OPEN=1",
        ),
        (Facet::Resolutions, "=2 FALSE-POSITIVE=1 FIXED=1 WONTFIX=1"),
        (Facet::Rules, "external_ruff:F401=4 external_eslint:eqeqeq=1"),
        (Facet::Files, "src/b.js=2 src/core/a.py=2 README=1"),
        (Facet::Directories, "src=2 src/core=2 /=1"),
        (Facet::Tags, "cwe=2 unused_1=1"),
        (
            Facet::ImpactSoftwareQualities,
            "MAINTAINABILITY=2 SECURITY=2 RELIABILITY=1",
        ),
        (Facet::ImpactSeverities, "MEDIUM=2 BLOCKER=1 HIGH=1 LOW=1"),
        (Facet::Languages, "js=2 py=2"),
        (Facet::Assignees, "=4 ann=1"),
        (Facet::Authors, "ann@example.org=1"),
        (Facet::Projects, "shop=5"),
        (Facet::CleanCodeAttributeCategories, "CONSISTENT=4 INTENTIONAL=1"),
    ] {
        assert_eq!(counted(tx, &all(), facet)?, wanted, "{facet:?}");
    }
    let hotspots = IssueSearch {
        hotspots: true,
        kinds: vec![IssueType::SecurityHotspot],
        ..all()
    };
    assert_eq!(counted(tx, &hotspots, Facet::IssueStatuses)?, "");
    Ok(())
}
