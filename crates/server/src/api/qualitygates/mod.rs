//! Quality gates.

use gatehook_domain::gate::{
    Condition, Gate, cayc_status, has_mqr_conditions, has_standard_conditions, is_cayc_condition,
};
use gatehook_domain::user::GlobalPermission;
use gatehook_store::{Tx, gate};
use serde::Serialize;

use crate::caller::Caller;
use crate::error::ApiError;

pub(crate) mod create;
pub(crate) mod create_condition;
pub(crate) mod delete_condition;
pub(crate) mod deselect;
pub(crate) mod destroy;
pub(crate) mod get_by_project;
pub(crate) mod list;
pub(crate) mod project_status;
pub(crate) mod search;
pub(crate) mod select;
pub(crate) mod set_as_default;
pub(crate) mod show;
pub(crate) mod update_condition;

/// The gate of this name; 404 when there is none.
fn existing(tx: &mut Tx<'_>, name: &str) -> Result<Gate, ApiError> {
    gate::by_name(tx, name)?
        .ok_or_else(|| ApiError::not_found(format!("No quality gate has been found for name {name}")))
}

/// The gate of this name, if the caller may change it.
fn changeable(tx: &mut Tx<'_>, caller: &Caller, name: &str) -> Result<Gate, ApiError> {
    caller.require_global(tx, GlobalPermission::GateAdmin)?;
    let found = existing(tx, name)?;
    refuse_built_in(&found)?;
    Ok(found)
}

/// Refuses changes of the gate that comes with the system.
fn refuse_built_in(gate: &Gate) -> Result<(), ApiError> {
    if gate.built_in {
        return Err(ApiError::bad(format!(
            "Operation forbidden for built-in Quality Gate '{}'",
            gate.name
        )));
    }
    Ok(())
}

/// What is said of a gate in a list and alone.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GateShape {
    name: String,
    is_default: bool,
    is_built_in: bool,
    is_ai_code_supported: bool,
    cayc_status: &'static str,
    has_standard_conditions: bool,
    #[serde(rename = "hasMQRConditions")]
    has_mqr_conditions: bool,
}

impl GateShape {
    fn of(gate: &Gate, is_default: bool) -> Self {
        Self {
            name: gate.name.clone(),
            is_default,
            is_built_in: gate.built_in,
            is_ai_code_supported: false,
            cayc_status: cayc_status(&gate.conditions).as_str(),
            has_standard_conditions: has_standard_conditions(&gate.conditions),
            has_mqr_conditions: has_mqr_conditions(&gate.conditions),
        }
    }
}

/// What the caller may do with a gate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GateActions {
    rename: bool,
    set_as_default: bool,
    copy: bool,
    associate_projects: bool,
    delete: bool,
    manage_conditions: bool,
    delegate: bool,
    manage_ai_code_assurance: bool,
}

impl GateActions {
    fn of(gate: &Gate, is_default: bool, is_gate_admin: bool) -> Self {
        let own = is_gate_admin && !gate.built_in;
        let aside = is_gate_admin && !is_default;
        Self {
            rename: own,
            set_as_default: aside,
            copy: is_gate_admin,
            associate_projects: aside,
            delete: own && !is_default,
            manage_conditions: own,
            delegate: own,
            manage_ai_code_assurance: false,
        }
    }
}

/// A condition of a gate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConditionShape {
    id: String,
    metric: &'static str,
    op: &'static str,
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_cayc_condition: Option<bool>,
}

impl ConditionShape {
    fn of(condition: &Condition) -> Self {
        Self {
            id: condition.id.as_str().to_owned(),
            metric: condition.metric.key,
            op: condition.operator.as_str(),
            error: condition.threshold.clone(),
            is_cayc_condition: None,
        }
    }

    fn in_gate(condition: &Condition) -> Self {
        Self {
            is_cayc_condition: Some(is_cayc_condition(condition)),
            ..Self::of(condition)
        }
    }
}
