use gatehook_domain::analysis::{NewCodeDefinition, NewCodeMode};
use gatehook_domain::branch::{Branch, BranchKind, BranchName};
use gatehook_domain::component::{Component, Qualifier};
use gatehook_domain::id::ComponentId;
use gatehook_domain::measure::Measures;
use gatehook_domain::tally::Tally;
use gatehook_store::component::{ComponentSearch, ComponentSort};
use gatehook_store::{StoreError, Tx, branch, component, issue_count, measure, new_code};

use crate::bench::{Done, id, keep_file, keep_project, new_branch, new_file, new_issue};

crate::on_both! {
    a_branch_has_a_root_component_and_is_found_by_its_names
    a_revision_is_taken_once
    another_branch_becomes_the_main_one
    deleting_a_branch_leaves_the_others
    new_code_is_defined_by_the_narrowest_scope
    components_are_kept_by_id_and_disabled
    components_are_searched_by_text_folder_and_kind
    measures_replace_those_before
    measures_of_a_page_of_files
    counters_replace_those_before
}

fn a_branch_has_a_root_component_and_is_found_by_its_names(tx: &mut Tx<'_>) -> Done {
    let (project, main) = keep_project(tx, "shop")?;
    let request = Branch {
        kind: BranchKind::PullRequest,
        source: Some("feature".to_owned()),
        target: Some("main".to_owned()),
        title: Some("Add".to_owned()),
        ..new_branch(&project.id, "7", false)
    };
    branch::insert(tx, &request)?;
    let feature = new_branch(&project.id, "feature", false);
    branch::insert(tx, &feature)?;

    let root = component::by_id(tx, &ComponentId::root_of(&main.id))?.unwrap();
    assert_eq!(
        (root.qualifier, root.path.as_str(), root.enabled),
        (Qualifier::Project, "", true)
    );
    assert_eq!(branch::main(tx, &project.id)?.as_ref(), Some(&main));
    for (name, found) in [
        (BranchName::Main, Some(&main)),
        (BranchName::Branch("main".to_owned()), Some(&main)),
        (BranchName::Branch("7".to_owned()), None),
        (BranchName::PullRequest("7".to_owned()), Some(&request)),
    ] {
        assert_eq!(branch::by_name(tx, &project.id, &name)?.as_ref(), found, "{name:?}");
    }
    assert_eq!(
        branch::all(tx, &project.id)?,
        [main.clone(), feature.clone(), request.clone()]
    );
    assert_eq!(
        branch::by_ids(tx, &[request.id.clone(), id("gone")])?,
        [request.clone()]
    );

    branch::set_pull_request(tx, &request.id, Some("feature-2"), None, Some("Change"))?;
    let changed = branch::by_id(tx, &request.id)?.unwrap();
    assert_eq!(
        (changed.source.as_deref(), changed.target, changed.title.as_deref()),
        (Some("feature-2"), None, Some("Change"))
    );
    assert!(branch::rename(tx, &main.id, "trunk")?);
    branch::set_last_analysis(tx, &main.id, &id("analysis"))?;
    let main = branch::main(tx, &project.id)?.unwrap();
    assert_eq!(
        (main.name.as_str(), main.last_analysis),
        ("trunk", Some(id("analysis")))
    );
    Ok(())
}

fn a_revision_is_taken_once(tx: &mut Tx<'_>) -> Done {
    let (_, main) = keep_project(tx, "shop")?;
    assert!(branch::bump_revision(tx, &main.id)?);
    assert!(!branch::set_revision_if(tx, &main.id, 0)?);
    assert!(branch::set_revision_if(tx, &main.id, 1)?);
    assert!(!branch::set_revision_if(tx, &main.id, 1)?);
    assert_eq!(branch::by_id(tx, &main.id)?.unwrap().revision, 2);
    assert!(!branch::bump_revision(tx, &id("gone"))?);
    Ok(())
}

fn another_branch_becomes_the_main_one(tx: &mut Tx<'_>) -> Done {
    let (project, main) = keep_project(tx, "shop")?;
    let next = new_branch(&project.id, "next", false);
    branch::insert(tx, &next)?;
    assert!(branch::set_main(tx, &project.id, &next.id)?);
    assert_eq!(branch::main(tx, &project.id)?.unwrap().id, next.id);
    assert!(!branch::by_id(tx, &main.id)?.unwrap().is_main);
    assert!(!branch::set_main(tx, &project.id, &id("gone"))?);
    Ok(())
}

fn deleting_a_branch_leaves_the_others(tx: &mut Tx<'_>) -> Done {
    let (project, main) = keep_project(tx, "shop")?;
    let other = new_branch(&project.id, "other", false);
    branch::insert(tx, &other)?;
    let kept = keep_file(tx, &main.id, "a.py")?;
    let gone = keep_file(tx, &other.id, "a.py")?;
    assert!(branch::delete(tx, &other.id)?);
    assert!(!branch::delete(tx, &other.id)?);
    assert!(component::by_id(tx, &gone.id)?.is_none());
    assert!(component::by_id(tx, &kept.id)?.is_some());
    Ok(())
}

fn new_code_is_defined_by_the_narrowest_scope(tx: &mut Tx<'_>) -> Done {
    let (project, main) = keep_project(tx, "shop")?;
    let days = |value: &str| NewCodeDefinition {
        mode: NewCodeMode::NumberOfDays,
        value: Some(value.to_owned()),
    };
    assert_eq!(
        new_code::effective(tx, &project.id, &main.id)?,
        NewCodeDefinition::DEFAULT
    );
    new_code::set(tx, None, None, &days("1"))?;
    new_code::set(tx, None, None, &days("2"))?;
    assert_eq!(new_code::effective(tx, &project.id, &main.id)?, days("2"));
    new_code::set(tx, Some(&project.id), None, &days("3"))?;
    assert_eq!(new_code::effective(tx, &project.id, &main.id)?, days("3"));
    new_code::set(tx, Some(&project.id), Some(&main.id), &days("4"))?;
    new_code::set(tx, Some(&project.id), Some(&main.id), &days("5"))?;
    assert_eq!(new_code::effective(tx, &project.id, &main.id)?, days("5"));
    assert_eq!(new_code::effective_of_project(tx, &project.id)?, days("3"));
    assert_eq!(new_code::get(tx, None, None)?, Some(days("2")));
    assert_eq!(new_code::get(tx, Some(&project.id), None)?, Some(days("3")));
    assert!(new_code::unset(tx, Some(&project.id), Some(&main.id))?);
    assert!(!new_code::unset(tx, Some(&project.id), Some(&main.id))?);
    assert!(new_code::unset(tx, Some(&project.id), None)?);
    assert!(new_code::unset(tx, None, None)?);
    assert_eq!(
        new_code::effective(tx, &project.id, &main.id)?,
        NewCodeDefinition::DEFAULT
    );
    Ok(())
}

fn components_are_kept_by_id_and_disabled(tx: &mut Tx<'_>) -> Done {
    let (_, main) = keep_project(tx, "shop")?;
    let file = keep_file(tx, &main.id, "src/a.py")?;
    assert_eq!(component::by_path(tx, &main.id, "src/a.py")?.as_ref(), Some(&file));
    assert_eq!(component::line_hashes(tx, &file.id)?, file.line_hashes);
    let moved = Component {
        path: "lib/a.py".to_owned(),
        line_hashes: vec![9; 16],
        language: None,
        ..file.clone()
    };
    let other = new_file(&main.id, "b.py");
    component::upsert_many(tx, &[moved.clone(), other.clone()])?;
    assert_eq!(component::by_path(tx, &main.id, "src/a.py")?, None);
    assert_eq!(component::by_id(tx, &file.id)?.as_ref(), Some(&moved));
    let without_lines = |component: &Component| Component {
        line_hashes: Vec::new(),
        ..component.clone()
    };
    let paths: Vec<String> = component::of_branch(tx, &main.id)?
        .into_iter()
        .map(|found| found.path)
        .collect();
    assert_eq!(paths, ["", "b.py", "lib/a.py"]);
    assert_eq!(
        component::by_ids(tx, &[other.id.clone(), id("gone")])?,
        [without_lines(&other)]
    );
    assert_eq!(component::disable(tx, &[file.id.clone(), id("gone")])?, 1);
    let disabled = component::by_id(tx, &file.id)?.unwrap();
    assert_eq!((disabled.enabled, disabled.line_hashes), (false, Vec::new()));
    assert!(component::line_hashes(tx, &id("gone"))?.is_empty());
    Ok(())
}

fn components_are_searched_by_text_folder_and_kind(tx: &mut Tx<'_>) -> Done {
    let (_, main) = keep_project(tx, "shop")?;
    for path in ["src/B.py", "src/deep/a.py", "Src/other.py", "src_x/c.py", "100%.py"] {
        keep_file(tx, &main.id, path)?;
    }
    let test = Component {
        qualifier: Qualifier::TestFile,
        ..new_file(&main.id, "test/a_test.py")
    };
    component::upsert_many(tx, std::slice::from_ref(&test))?;
    let gone = keep_file(tx, &main.id, "src/gone.py")?;
    component::disable(tx, &[gone.id])?;

    let all = ComponentSearch {
        sort: ComponentSort::Path,
        ..ComponentSearch::of(main.id.clone())
    };
    let mut paths = |search: &ComponentSearch| -> Result<Vec<String>, StoreError> {
        let (found, total) = component::search(tx, search)?;
        assert!(found.len() as i64 <= total);
        Ok(found.into_iter().map(|found| found.path).collect())
    };
    let everything = [
        "100%.py",
        "Src/other.py",
        "src/B.py",
        "src/deep/a.py",
        "src_x/c.py",
        "test/a_test.py",
    ];
    assert_eq!(paths(&all)?, everything);
    assert_eq!(
        paths(&ComponentSearch {
            under: Some("src".to_owned()),
            ..all.clone()
        })?,
        ["src/B.py", "src/deep/a.py"]
    );
    assert_eq!(
        paths(&ComponentSearch {
            query: Some("0%".to_owned()),
            ..all.clone()
        })?,
        ["100%.py"]
    );
    assert_eq!(
        paths(&ComponentSearch {
            query: Some("b.PY".to_owned()),
            ..all.clone()
        })?,
        ["src/B.py"]
    );
    assert_eq!(
        paths(&ComponentSearch {
            query: Some("_".to_owned()),
            ..all.clone()
        })?,
        ["src_x/c.py", "test/a_test.py"]
    );
    let tests = ComponentSearch {
        qualifiers: vec![Qualifier::TestFile],
        ..all.clone()
    };
    assert_eq!(paths(&tests)?, ["test/a_test.py"]);
    let root = ComponentSearch {
        qualifiers: vec![Qualifier::Project],
        ..all.clone()
    };
    assert_eq!(paths(&root)?, [""]);
    let by_name = ComponentSearch {
        sort: ComponentSort::Name,
        size: 3,
        ..all.clone()
    };
    assert_eq!(paths(&by_name)?, ["100%.py", "src/deep/a.py", "test/a_test.py"]);
    assert_eq!(
        paths(&ComponentSearch { page: 2, ..by_name })?,
        ["src/B.py", "src_x/c.py", "Src/other.py"]
    );
    let last = ComponentSearch {
        sort: ComponentSort::Qualifier,
        ascending: false,
        size: 1,
        ..all.clone()
    };
    assert_eq!(paths(&last)?, ["test/a_test.py"]);
    assert_eq!(
        paths(&ComponentSearch {
            ascending: false,
            size: 1,
            ..all
        })?,
        ["test/a_test.py"]
    );
    Ok(())
}

fn some(ncloc: i64) -> Measures {
    let mut measures = Measures::new();
    measures.set_int("ncloc", ncloc);
    measures.set_number("coverage", 81.5);
    measures
}

fn measures_replace_those_before(tx: &mut Tx<'_>) -> Done {
    let (_, main) = keep_project(tx, "shop")?;
    let file = keep_file(tx, &main.id, "a.py")?;
    let root = ComponentId::root_of(&main.id);
    assert!(measure::get(tx, &root)?.is_empty());
    measure::put_many(
        tx,
        &[
            (main.id.clone(), root.clone(), some(1)),
            (main.id.clone(), file.id.clone(), some(2)),
        ],
    )?;
    measure::put_many(tx, &[(main.id.clone(), root.clone(), some(3))])?;
    assert_eq!(measure::get(tx, &root)?, some(3));
    let found = measure::get_many(tx, &[root.clone(), file.id.clone(), id("gone")])?;
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        [(root.clone(), some(3)), (file.id.clone(), some(2))]
    );
    assert_eq!(measure::delete_for(tx, &[file.id.clone(), id("gone")])?, 1);
    assert!(measure::get(tx, &file.id)?.is_empty());
    Ok(())
}

fn measures_of_a_page_of_files(tx: &mut Tx<'_>) -> Done {
    let (_, main) = keep_project(tx, "shop")?;
    let (first, second) = (keep_file(tx, &main.id, "a.py")?, keep_file(tx, &main.id, "b.py")?);
    measure::put_many(
        tx,
        &[
            (main.id.clone(), second.id.clone(), some(2)),
            (main.id.clone(), ComponentId::root_of(&main.id), some(2)),
        ],
    )?;
    let search = ComponentSearch {
        size: 2,
        ..ComponentSearch::of(main.id.clone())
    };
    let (page, total) = measure::of_branch_page(tx, &search)?;
    let page: Vec<_> = page
        .into_iter()
        .map(|(component, measures)| (component.id, measures))
        .collect();
    assert_eq!(
        (page, total),
        (vec![(first.id, Measures::new()), (second.id.clone(), some(2))], 2)
    );
    let mut each = Vec::new();
    measure::each_of_branch(tx, &main.id, &mut |component, measures| {
        each.push((component, measures));
        Ok(())
    })?;
    assert_eq!(each, [(second.id, some(2))]);
    Ok(())
}

fn counters_replace_those_before(tx: &mut Tx<'_>) -> Done {
    let (_, main) = keep_project(tx, "shop")?;
    let file = keep_file(tx, &main.id, "a.py")?;
    let one = Tally::of(&new_issue("issue", &main.id, &file.id), true);
    let mut two = one.clone();
    two.add(&one);
    let root = ComponentId::root_of(&main.id);
    assert!(issue_count::get(tx, &root)?.is_empty());
    issue_count::put(tx, &main.id, &root, &one)?;
    issue_count::put_many(
        tx,
        &[
            (main.id.clone(), root.clone(), two.clone()),
            (main.id.clone(), file.id.clone(), one.clone()),
        ],
    )?;
    assert_eq!(issue_count::get(tx, &root)?, two);
    issue_count::put(tx, &main.id, &root, &one)?;
    let found = issue_count::get_many(tx, &[root.clone(), file.id.clone(), id("gone")])?;
    assert_eq!(found.into_values().collect::<Vec<_>>(), [one.clone(), one]);
    measure::put_many(tx, &[(main.id.clone(), root.clone(), some(3))])?;
    assert_eq!(issue_count::delete_for(tx, &[file.id.clone()])?, 1);
    let both = measure::with_counters(tx, [&file.id, &root])?;
    let empty = (Tally::default(), Measures::new());
    assert_eq!(both.get(&file.id), Some(&empty), "a file that has neither");
    assert_eq!(both.get(&root), Some(&(issue_count::get(tx, &root)?, some(3))));
    assert_eq!(measure::with_counters(tx, [&root, &root])?.len(), 1);
    assert_eq!(issue_count::delete_for(tx, &[root.clone()])?, 1);
    assert!(issue_count::get(tx, &root)?.is_empty());
    Ok(())
}
