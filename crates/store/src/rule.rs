//! Rules, shared by all projects.

use gatehook_domain::issue::{IssueType, Severity};
use gatehook_domain::rule::{CleanCodeAttribute, Rule, RuleKey};

use crate::error::StoreError;
use crate::params;
use crate::sql::{LIST, Sql, containing, from_json, json};
use crate::tx::Tx;
use crate::value::{Kind, Row, ToValue, Value};

/// Keeps rules, new ones and those that are known by their key. No key may be given twice.
pub fn upsert_many(tx: &mut Tx<'_>, rules: &[Rule]) -> Result<(), StoreError> {
    let rows = rules
        .iter()
        .map(|rule| {
            Ok(vec![
                rule.key.as_str().to_value(),
                rule.name.to_value(),
                rule.description.to_value(),
                rule.kind.as_str().to_value(),
                rule.severity.as_str().to_value(),
                rule.attribute.as_str().to_value(),
                json(&rule.impacts)?.to_value(),
            ])
        })
        .collect::<Result<Vec<Vec<Value>>, StoreError>>()?;
    tx.insert_many_with(
        "rule (rule_key, name, description, kind, severity, attribute, impacts)",
        "ON CONFLICT (rule_key) DO UPDATE SET name = excluded.name, description = excluded.description,
            kind = excluded.kind, severity = excluded.severity, attribute = excluded.attribute,
            impacts = excluded.impacts",
        &[Kind::Text; 7],
        &rows,
    )?;
    Ok(())
}

/// The rule of this key.
pub fn by_key(tx: &mut Tx<'_>, key: &RuleKey) -> Result<Option<Rule>, StoreError> {
    let row = tx.query_opt(
        "SELECT rule_key, name, description, kind, severity, attribute, impacts FROM rule WHERE rule_key = $1",
        &params![key.as_str()],
    )?;
    row.map(|row| read(&row)).transpose()
}

/// The rules of these keys, those that there are, in no order.
pub fn by_keys(tx: &mut Tx<'_>, keys: &[RuleKey]) -> Result<Vec<Rule>, StoreError> {
    let mut found = Vec::new();
    for chunk in keys.chunks(LIST) {
        let rows = Sql::new(
            "SELECT rule_key, name, description, kind, severity, attribute, impacts FROM rule WHERE rule_key IN ",
        )
        .list(chunk.iter().map(RuleKey::as_str))
        .query(tx)?;
        for row in rows {
            found.push(read(&row)?);
        }
    }
    Ok(found)
}

/// Which rules are looked for; what is empty or absent does not narrow the search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleSearch {
    /// Text that the key or the name holds, whatever the case of its letters.
    pub query: Option<String>,
    /// Their repositories.
    pub repositories: Vec<String>,
    /// Their types.
    pub kinds: Vec<IssueType>,
    /// Their severities.
    pub severities: Vec<Severity>,
}

/// Rules whose key or name holds `query` and whose repository is one of `repositories` (if any are given), ordered by
/// key, and how many there are.
pub fn search(
    tx: &mut Tx<'_>,
    query: Option<&str>,
    repositories: &[String],
    page: u32,
    size: u32,
) -> Result<(Vec<Rule>, i64), StoreError> {
    let wanted = RuleSearch {
        query: query.map(str::to_owned),
        repositories: repositories.to_vec(),
        ..RuleSearch::default()
    };
    find(tx, &wanted, page, size)
}

/// One page of the rules that are looked for, ordered by key, and how many there are.
pub fn find(tx: &mut Tx<'_>, search: &RuleSearch, page: u32, size: u32) -> Result<(Vec<Rule>, i64), StoreError> {
    let narrowed = |mut sql: Sql| {
        if let Some(text) = &search.query {
            let pattern = containing(text);
            sql.and("(lower(rule_key) LIKE lower(")
                .bind(&pattern)
                .push(") ESCAPE '\\' OR lower(name) LIKE lower(");
            sql.bind(&pattern).push(") ESCAPE '\\')");
        }
        for (at, repository) in search.repositories.iter().enumerate() {
            let prefix = format!("{repository}:");
            if at == 0 {
                sql.and("(");
            } else {
                sql.push(" OR ");
            }
            sql.push("substr(rule_key, 1, length(")
                .bind(&prefix)
                .push(")) = ")
                .bind(&prefix);
            if at + 1 == search.repositories.len() {
                sql.push(")");
            }
        }
        if !search.kinds.is_empty() {
            sql.and("kind IN ").list(search.kinds.iter().map(|kind| kind.as_str()));
        }
        if !search.severities.is_empty() {
            sql.and("severity IN ")
                .list(search.severities.iter().map(|severity| severity.as_str()));
        }
        sql
    };
    let total = narrowed(Sql::new("SELECT COUNT(*) FROM rule")).count(tx)?;
    let rows = narrowed(Sql::new(
        "SELECT rule_key, name, description, kind, severity, attribute, impacts FROM rule",
    ))
    .push(" ORDER BY rule_key")
    .page(page, size)
    .query(tx)?;
    Ok((rows.iter().map(read).collect::<Result<_, _>>()?, total))
}

fn read(row: &Row) -> Result<Rule, StoreError> {
    Ok(Rule {
        key: row.parse(0, RuleKey::parse)?,
        name: row.get(1)?,
        description: row.get(2)?,
        kind: row.parse(3, IssueType::parse)?,
        severity: row.parse(4, Severity::parse)?,
        attribute: row.parse(5, CleanCodeAttribute::parse)?,
        impacts: from_json(row, 6)?,
    })
}
