//! Running statements on a connection to SQLite.

use rusqlite::ErrorCode;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::statements::{Kept, Statements};
use crate::error::{EngineError, StoreError, shown};
use crate::tx::{Engine, Fault, Session, Text, Trouble};
use crate::value::{Cell, Row, Value};

/// How many bytes a value may have that stays bound until its statement is used again.
const BOUND: usize = 4096;

/// A connection on which a closure runs.
pub(crate) struct SqliteSession<'s, 'c> {
    statements: &'s mut Statements<'c>,
    wrote: bool,
}

impl<'s, 'c> SqliteSession<'s, 'c> {
    pub(crate) fn new(statements: &'s mut Statements<'c>) -> Self {
        Self {
            statements,
            wrote: false,
        }
    }

    /// Whether a statement was run, or tried, that could have changed something.
    pub(crate) const fn wrote(&self) -> bool {
        self.wrote
    }

    /// The prepared statement of a text, for so many parameters.
    fn prepared(&mut self, sql: Text<'_>, params: usize) -> rusqlite::Result<&mut Kept<'c>> {
        let kept = self.statements.get(sql)?;
        self.wrote |= !kept.is_reading;
        if kept.places.len() != params {
            return Err(rusqlite::Error::InvalidParameterCount(params, kept.places.len()));
        }
        Ok(kept)
    }
}

impl Session for SqliteSession<'_, '_> {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    fn execute(&mut self, sql: Text<'_>, params: &[Value]) -> Result<u64, Fault> {
        let mut run = || {
            let kept = self.prepared(sql, params.len())?;
            kept.with(params.iter(), execute)
        };
        run().map(|rows| rows as u64).map_err(|error| fault(sql, &error))
    }

    fn execute_in_order(&mut self, sql: Text<'_>, params: &[&Value]) -> Result<u64, Fault> {
        let mut run = || {
            let kept = self.prepared(sql, params.len())?;
            kept.with(params.iter().copied(), execute)
        };
        run().map(|rows| rows as u64).map_err(|error| fault(sql, &error))
    }

    fn each(
        &mut self,
        sql: Text<'_>,
        params: &[Value],
        row: &mut dyn FnMut(&mut Row) -> Result<(), StoreError>,
    ) -> Result<Result<(), StoreError>, Fault> {
        let mut run = || {
            let kept = self.prepared(sql, params.len())?;
            kept.with(params.iter(), |statement| {
                let columns = statement.column_count();
                let mut rows = statement.raw_query();
                let mut read = Row::default();
                while let Some(found) = rows.next()? {
                    read.begin(columns);
                    for column in 0..columns {
                        match cell(found.get_ref(column)?) {
                            Some(cell) => read.push(cell),
                            None => {
                                return Ok(Err(StoreError::Corrupt {
                                    what: format!("column {column} is no text"),
                                }));
                            }
                        }
                    }
                    if let Err(error) = row(&mut read) {
                        return Ok(Err(error));
                    }
                }
                Ok(Ok(()))
            })
        };
        run().map_err(|error| fault(sql, &error))
    }
}

impl Kept<'_> {
    /// Binds values and runs the statement.
    fn with<'v, T>(
        &mut self,
        params: impl Iterator<Item = &'v Value>,
        run: impl FnOnce(&mut rusqlite::Statement<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut is_large = false;
        for (place, value) in self.places.iter().zip(params) {
            self.statement.raw_bind_parameter(*place, bound(value))?;
            is_large |= match value {
                Value::Text(text) => text.len() > BOUND,
                Value::Bytes(bytes) => bytes.len() > BOUND,
                _ => false,
            };
        }
        let done = run(&mut self.statement);
        if is_large {
            // SQLite has a copy of what is bound, which is not to stay as long as the statement.
            self.statement.clear_bindings();
        }
        done
    }
}

fn execute(statement: &mut rusqlite::Statement<'_>) -> rusqlite::Result<usize> {
    statement.raw_execute()
}

fn bound(value: &Value) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match value {
        Value::Text(text) => ValueRef::Text(text.as_bytes()),
        Value::Int(number) => ValueRef::Integer(*number),
        Value::Float(number) => ValueRef::Real(*number),
        Value::Bool(yes) => ValueRef::Integer(i64::from(*yes)),
        Value::Bytes(bytes) => ValueRef::Blob(bytes),
        Value::Null(_) => ValueRef::Null,
    })
}

/// Nothing when a text is not UTF-8: SQLite takes any bytes for one.
fn cell(value: ValueRef<'_>) -> Option<Cell<'_>> {
    Some(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Real(number) => Cell::Float(number),
        ValueRef::Text(text) => Cell::Text(std::str::from_utf8(text).ok()?),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes),
    })
}

fn fault(sql: Text<'_>, error: &rusqlite::Error) -> Fault {
    let error = refusal(error).unwrap_or_else(|| StoreError::Database {
        statement: shown(sql.as_str()),
        source: engine_error(error),
    });
    Fault {
        error,
        trouble: Trouble::Failed,
    }
}

/// What an error means that says nothing about the statement: others hold what is needed, or there is no room left.
pub(crate) fn refusal(error: &rusqlite::Error) -> Option<StoreError> {
    let source = engine_error(error);
    match error.sqlite_error_code()? {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Some(StoreError::Busy { source }),
        ErrorCode::DiskFull => Some(StoreError::Full { source }),
        _ => None,
    }
}

pub(crate) fn engine_error(error: &rusqlite::Error) -> EngineError {
    let code = error.sqlite_error().map(|inner| inner.extended_code.to_string());
    EngineError::new(code, error.to_string())
}
