use gatehook_domain::gate::{Condition, Gate, Operator, SONAR_WAY, SONAR_WAY_NAME};
use gatehook_domain::metric::Metric;
use gatehook_domain::project::{Project, Visibility};
use gatehook_store::gate::GateProjects;
use gatehook_store::permission::Viewer;
use gatehook_store::{StoreError, Tx, gate, project};

use crate::bench::{Done, id, keep_project};

crate::on_both! {
    the_built_in_gate_is_made_mended_and_the_default
    a_gate_is_kept_with_its_conditions_in_order
    conditions_are_added_changed_and_deleted
    a_project_is_judged_by_its_own_gate_or_the_default_one
}

fn condition(name: &str, metric: &str) -> Condition {
    Condition {
        id: id(name),
        metric: Metric::find(metric).unwrap(),
        operator: Operator::GreaterThan,
        threshold: "0".to_owned(),
    }
}

fn new_gate(name: &str, conditions: Vec<Condition>) -> Gate {
    Gate {
        id: id(&format!("gate-{name}")),
        name: name.to_owned(),
        built_in: false,
        conditions,
    }
}

fn the_built_in_gate_is_made_mended_and_the_default(tx: &mut Tx<'_>) -> Done {
    let made = gate::sync_built_in(tx)?;
    let built_in = gate::default_gate(tx)?;
    assert_eq!(
        (&built_in.id, built_in.name.as_str(), built_in.built_in),
        (&made, SONAR_WAY_NAME, true)
    );
    let demands = |gate: &Gate| -> Vec<(String, Operator, String)> {
        gate.conditions
            .iter()
            .map(|condition| {
                (
                    condition.metric.key.to_owned(),
                    condition.operator,
                    condition.threshold.clone(),
                )
            })
            .collect()
    };
    let wanted: Vec<_> = SONAR_WAY
        .iter()
        .map(|&(metric, operator, threshold)| (metric.to_owned(), operator, threshold.to_owned()))
        .collect();
    assert_eq!(demands(&built_in), wanted);

    gate::delete_condition(tx, &built_in.conditions[0].id)?;
    let own = new_gate("own", Vec::new());
    gate::insert(tx, &own)?;
    assert!(gate::set_default(tx, &own.id)?);
    assert_eq!(gate::sync_built_in(tx)?, made);
    assert_eq!(demands(&gate::by_id(tx, &made)?.unwrap()), wanted);
    assert_eq!(gate::default_gate(tx)?, own, "a choice that was made stays");
    Ok(())
}

fn a_gate_is_kept_with_its_conditions_in_order(tx: &mut Tx<'_>) -> Done {
    gate::sync_built_in(tx)?;
    let strict = new_gate("strict", vec![condition("z", "new_violations"), condition("a", "bugs")]);
    gate::insert(tx, &strict)?;
    gate::insert(tx, &new_gate("Alpha", Vec::new()))?;
    assert_eq!(gate::by_name(tx, "strict")?.as_ref(), Some(&strict));
    assert_eq!(gate::by_id(tx, &strict.id)?.as_ref(), Some(&strict));
    let names: Vec<String> = gate::all(tx)?.into_iter().map(|gate| gate.name).collect();
    assert_eq!(names, ["Alpha", "Sonar way", "strict"]);
    assert_eq!(gate::all(tx)?[2], strict);
    assert!(gate::rename(tx, &strict.id, "lenient")?);
    assert_eq!(gate::by_name(tx, "strict")?, None);
    assert!(gate::delete(tx, &strict.id)?);
    assert_eq!(gate::by_id(tx, &strict.id)?, None);
    assert_eq!(gate::condition(tx, &id("z"))?, None);
    let default = gate::default_gate(tx)?;
    assert!(!gate::delete(tx, &default.id)?, "there is always a default gate");
    Ok(())
}

fn conditions_are_added_changed_and_deleted(tx: &mut Tx<'_>) -> Done {
    let own = new_gate("own", Vec::new());
    gate::insert(tx, &own)?;
    let (first, second) = (condition("first", "bugs"), condition("second", "coverage"));
    gate::add_condition(tx, &own.id, &first)?;
    gate::add_condition(tx, &own.id, &second)?;
    assert_eq!(gate::condition(tx, &second.id)?, Some((own.id.clone(), second.clone())));
    let changed = Condition {
        operator: Operator::LessThan,
        threshold: "80".to_owned(),
        ..second
    };
    assert!(gate::update_condition(tx, &changed)?);
    assert_eq!(
        gate::by_id(tx, &own.id)?.unwrap().conditions,
        [first.clone(), changed.clone()]
    );
    assert!(gate::delete_condition(tx, &first.id)?);
    assert!(!gate::delete_condition(tx, &first.id)?);
    assert!(!gate::update_condition(tx, &first)?);
    assert_eq!(gate::by_id(tx, &own.id)?.unwrap().conditions, [changed]);
    Ok(())
}

fn a_project_is_judged_by_its_own_gate_or_the_default_one(tx: &mut Tx<'_>) -> Done {
    gate::sync_built_in(tx)?;
    let ((shop, _), (other, _)) = (keep_project(tx, "shop")?, keep_project(tx, "other")?);
    let own = new_gate("own", vec![condition("c", "bugs")]);
    gate::insert(tx, &own)?;
    let default = gate::default_gate(tx)?;
    assert_eq!(gate::of_project(tx, &shop.id)?, (default.clone(), true));
    gate::select(tx, &shop.id, &default.id)?;
    gate::select(tx, &shop.id, &own.id)?;
    assert_eq!(gate::of_project(tx, &shop.id)?, (own.clone(), false));

    let mut found = |selected, query: Option<&str>| -> Result<Vec<(String, bool)>, StoreError> {
        let search = GateProjects {
            visible_to: None,
            gate: own.id.clone(),
            selected,
            query: query.map(str::to_owned),
            page: 1,
            size: 10,
        };
        let (found, total) = gate::projects(tx, &search)?;
        assert_eq!(found.len() as i64, total);
        Ok(found
            .into_iter()
            .map(|(project, selected)| (project.key.to_string(), selected))
            .collect())
    };
    let (chose, did_not) = (("shop".to_owned(), true), ("other".to_owned(), false));
    assert_eq!(found(None, None)?, [did_not.clone(), chose.clone()]);
    assert_eq!(found(Some(true), None)?, [chose.clone()]);
    assert_eq!(found(Some(false), None)?, [did_not]);
    assert_eq!(found(None, Some("SHO"))?, [chose.clone()]);
    let open = Project {
        visibility: Visibility::Public,
        ..shop.clone()
    };
    assert!(project::update(tx, &open)?);
    let seen = GateProjects {
        gate: own.id.clone(),
        selected: None,
        query: None,
        visible_to: Some(Viewer(None)),
        page: 1,
        size: 10,
    };
    let (page, total) = gate::projects(tx, &seen)?;
    assert_eq!((page.len(), total), (1, 1));
    assert_eq!((page[0].0.key.to_string(), page[0].1), chose);

    assert!(gate::deselect(tx, &shop.id)?);
    assert!(!gate::deselect(tx, &shop.id)?);
    gate::select(tx, &other.id, &own.id)?;
    assert!(gate::delete(tx, &own.id)?);
    assert_eq!(gate::of_project(tx, &other.id)?, (default, true));
    assert!(!gate::set_default(tx, &own.id)?);
    Ok(())
}
