//! Inserting many rows with few statements.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::error::StoreError;
use crate::tx::Engine;
use crate::value::{Kind, Value};

/// Parameters of one statement: SQLite takes 32,766 of them, PostgreSQL 65,535.
const MAX_PARAMS: usize = 30_000;

/// Rows of one statement; more gain nothing and cost memory for the statement's text.
const MAX_ROWS: usize = 500;

/// The texts made so far, by target, suffix and number of rows. There are few: see [`chunk`].
#[derive(Debug, Default)]
pub(crate) struct InsertTexts(HashMap<(&'static str, &'static str, usize), Arc<str>>);

impl InsertTexts {
    pub(crate) fn text(
        &mut self,
        engine: Engine,
        target: &'static str,
        suffix: &'static str,
        columns: usize,
        rows: usize,
    ) -> Arc<str> {
        self.0
            .entry((target, suffix, rows))
            .or_insert_with(|| text(engine, target, suffix, columns, rows).into())
            .clone()
    }
}

/// How many of the next `rows` rows go into one statement: as many as fit, else a power of two. So a table has about ten
/// different statements, and their prepared forms are used again.
pub(crate) fn chunk(rows: usize, columns: usize) -> usize {
    let most = (MAX_PARAMS / columns.max(1)).clamp(1, MAX_ROWS);
    if rows >= most { most } else { 1 << rows.max(1).ilog2() }
}

/// Checks that every row has the kinds of value that the columns take.
pub(crate) fn check(target: &str, kinds: &[Kind], rows: &[Vec<Value>]) -> Result<(), StoreError> {
    let fits = |row: &Vec<Value>| row.len() == kinds.len() && row.iter().map(Value::kind).eq(kinds.iter().copied());
    match rows.iter().position(|row| !fits(row)) {
        None => Ok(()),
        Some(at) => Err(StoreError::Corrupt {
            what: format!("row {at} for {target} does not have the columns' types"),
        }),
    }
}

fn text(engine: Engine, target: &str, suffix: &str, columns: usize, rows: usize) -> String {
    let mut text = format!("INSERT INTO {target} VALUES ");
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            if column > 0 {
                text.push(',');
            }
            match engine {
                // A plain `?` is found by its position; finding thousands of names would take quadratic time.
                Engine::Sqlite => text.push('?'),
                // Writing into a String cannot fail.
                Engine::Postgres => drop(write!(text, "${}", row * columns + column + 1)),
            }
        }
        text.push(')');
    }
    text.push(' ');
    text.push_str(suffix);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_stays_within_the_engines_limits() {
        for (rows, columns) in [
            (1, 1),
            (499, 3),
            (500, 3),
            (100_000, 20),
            (100_000, 100),
            (100_000, 40_000),
        ] {
            let rows = chunk(rows, columns);
            assert!((1..=MAX_ROWS).contains(&rows));
            assert!(rows == 1 || rows * columns <= MAX_PARAMS);
        }
    }

    #[test]
    fn a_table_has_few_different_statements() {
        let sizes: std::collections::BTreeSet<_> = (1..5000).map(|rows| chunk(rows, 20)).collect();
        assert!(sizes.len() <= 10, "{sizes:?}");
    }

    #[test]
    fn a_row_of_other_types_is_refused() {
        let kinds = [Kind::Text, Kind::Int];
        assert!(check("t", &kinds, &[vec![Value::text("a"), Value::Null(Kind::Int)]]).is_ok());
        assert!(check("t", &kinds, &[vec![Value::text("a"), Value::Null(Kind::Text)]]).is_err());
        assert!(check("t", &kinds, &[vec![Value::text("a")]]).is_err());
    }
}
