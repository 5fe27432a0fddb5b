//! `api/rules/show`: a rule.

use gatehook_domain::rule::RuleKey;
use gatehook_store::{Tx, rule};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::rules::RuleShape;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::get("api/rules/show", "4.2", "A rule.", Run::Read(run))
    .params(&[Param::text("key", "The rule's key, for example external_ruff:F841").required()]);

#[derive(Serialize)]
struct Found {
    rule: RuleShape,
    actives: [&'static str; 0],
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let key = call.params.required("key")?;
    let found = match RuleKey::parse(key) {
        Ok(key) => rule::by_key(tx, &key)?,
        Err(_) => None,
    };
    let found = found.ok_or_else(|| ApiError::not_found(format!("Rule not found: {key}")))?;
    Answer::json(&Found {
        rule: RuleShape::of(&found),
        actives: [],
    })
}
