//! Running statements on a connection to SQLite.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode};

use crate::error::{EngineError, StoreError, shown};
use crate::tx::{Engine, Fault, Session, Trouble};
use crate::value::{Kind, Row, Value};

/// A connection on which a transaction runs.
pub(crate) struct SqliteSession<'c>(pub(crate) &'c Connection);

impl SqliteSession<'_> {
    fn prepare(&self, sql: &str, params: &[Value]) -> rusqlite::Result<CachedStatement<'_>> {
        let mut statement = self.0.prepare_cached(sql)?;
        if statement.parameter_count() != params.len() {
            return Err(rusqlite::Error::InvalidParameterCount(
                params.len(),
                statement.parameter_count(),
            ));
        }
        let mut name = String::with_capacity(8);
        for (at, value) in params.iter().enumerate() {
            // `$2` is a name to SQLite, numbered by where it stands first; PostgreSQL counts.
            name.clear();
            name.push('$');
            name.push_str(&(at + 1).to_string());
            let index = statement
                .parameter_index(&name)?
                .ok_or_else(|| rusqlite::Error::InvalidParameterName(name.clone()))?;
            statement.raw_bind_parameter(index, bound(value))?;
        }
        Ok(statement)
    }
}

impl Session for SqliteSession<'_> {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, Fault> {
        let changed = self
            .prepare(sql, params)
            .and_then(|mut statement| statement.raw_execute());
        changed.map(|rows| rows as u64).map_err(|error| fault(sql, &error))
    }

    fn execute_in_order(&mut self, sql: &str, params: &[Value]) -> Result<u64, Fault> {
        let run = || {
            let mut statement = self.0.prepare_cached(sql)?;
            for (at, value) in params.iter().enumerate() {
                statement.raw_bind_parameter(at + 1, bound(value))?;
            }
            statement.raw_execute()
        };
        run().map(|rows| rows as u64).map_err(|error| fault(sql, &error))
    }

    fn each(
        &mut self,
        sql: &str,
        params: &[Value],
        row: &mut dyn FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<Result<(), StoreError>, Fault> {
        let mut run = || {
            let mut statement = self.prepare(sql, params)?;
            let columns = statement.column_count();
            let mut rows = statement.raw_query();
            while let Some(found) = rows.next()? {
                let mut values = Vec::with_capacity(columns);
                for column in 0..columns {
                    match read_value(found.get_ref(column)?) {
                        Some(value) => values.push(value),
                        None => {
                            return Ok(Err(StoreError::Corrupt {
                                what: format!("column {column} is no text"),
                            }));
                        }
                    }
                }
                if let Err(error) = row(Row::new(values)) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        };
        run().map_err(|error| fault(sql, &error))
    }
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
fn read_value(value: ValueRef<'_>) -> Option<Value> {
    Some(match value {
        ValueRef::Null => Value::Null(Kind::Text),
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(number) => Value::Float(number),
        ValueRef::Text(text) => Value::Text(std::str::from_utf8(text).ok()?.to_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    })
}

fn fault(sql: &str, error: &rusqlite::Error) -> Fault {
    let source = engine_error(error);
    let error = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { source },
        Some(ErrorCode::DiskFull) => StoreError::Full { source },
        _ => StoreError::Database {
            statement: shown(sql),
            source,
        },
    };
    Fault {
        error,
        trouble: Trouble::Failed,
    }
}

pub(crate) fn engine_error(error: &rusqlite::Error) -> EngineError {
    let code = error.sqlite_error().map(|inner| inner.extended_code.to_string());
    EngineError::new(code, error.to_string())
}
