//! `api/rules/search`: the rules that are known.

use gatehook_domain::issue::{IssueType, Severity};
use gatehook_domain::rule::RuleKey;
use gatehook_store::Tx;
use gatehook_store::rule::{self, RuleSearch};
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::api::rules::RuleShape;
use crate::error::ApiError;
use crate::params::Param;
use crate::shapes::Paging;

pub(crate) const ACTION: Action = Action::get(
    "api/rules/search",
    "4.4",
    "The rules that are known. All of them came with the findings of tools, so all are shown unless they are narrowed.",
    Run::Read(run),
)
.params(&[
    Param::page(),
    Param::page_size("100", 500),
    Param::text("q", "Part of a name or of a key, in any case"),
    Param::list("repositories", "Their repositories, for example external_ruff").max_values(100),
    Param::text("rule_key", "Only this rule"),
    Param::list("severities", "Their severities").possible(&["INFO", "MINOR", "MAJOR", "CRITICAL", "BLOCKER"]),
    Param::list("types", "Their types").possible(&["CODE_SMELL", "BUG", "VULNERABILITY", "SECURITY_HOTSPOT"]),
]);

#[derive(Serialize)]
struct Found {
    total: i64,
    p: u32,
    ps: u32,
    rules: Vec<RuleShape>,
    paging: Paging,
}

fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    let (page, size) = params.paging()?;
    let (found, total) = match params.text("rule_key") {
        Some(key) => {
            let found = match RuleKey::parse(key) {
                Ok(key) => rule::by_key(tx, &key)?,
                Err(_) => None,
            };
            let total = i64::from(found.is_some());
            (found.into_iter().filter(|_| page == 1).collect(), total)
        }
        None => rule::find(
            tx,
            &RuleSearch {
                query: params.text("q").map(str::to_owned),
                repositories: params.list("repositories").unwrap_or_default(),
                kinds: params.words("types", IssueType::parse),
                severities: params.words("severities", Severity::parse),
            },
            page,
            size,
        )?,
    };
    Answer::json(&Found {
        total,
        p: page,
        ps: size,
        rules: found.iter().map(RuleShape::of).collect(),
        paging: Paging {
            page_index: page,
            page_size: size,
            total,
        },
    })
}
