//! Running statements on a connection to PostgreSQL.

use std::collections::HashMap;
use std::error::Error;

use bytes::BytesMut;
use postgres::error::SqlState;
use postgres::fallible_iterator::FallibleIterator as _;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Statement};

use crate::error::{EngineError, StoreError, shown};
use crate::migrate::postgres_error;
use crate::tx::{Engine, Fault, Session, Text, Trouble};
use crate::value::{Cell, Kind, Row, Value};

/// How many prepared statements a connection keeps before it forgets them all.
const STATEMENTS: usize = 512;

/// A connection with the statements prepared on it.
pub(crate) struct PostgresSession {
    pub(crate) client: Client,
    /// By text; a text is prepared once for each list of types it is used with.
    statements: HashMap<Box<str>, Vec<Prepared>>,
}

struct Prepared {
    kinds: Box<[Kind]>,
    statement: Statement,
}

impl PostgresSession {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            statements: HashMap::new(),
        }
    }

    /// The types of parameters are ours, not guessed by the server: it cannot guess in `$1 IS NULL` or in `VALUES`.
    fn prepared(
        &mut self,
        sql: &str,
        wanted: impl Iterator<Item = Kind> + Clone,
    ) -> Result<Statement, postgres::Error> {
        let fits = |kinds: &[Kind]| wanted.clone().eq(kinds.iter().copied());
        if let Some(known) = self
            .statements
            .get(sql)
            .and_then(|all| all.iter().find(|known| fits(&known.kinds)))
        {
            return Ok(known.statement.clone());
        }
        let kinds: Box<[Kind]> = wanted.collect();
        let types: Vec<Type> = kinds.iter().copied().map(type_of).collect();
        let statement = self.client.prepare_typed(sql, &types)?;
        if self.statements.len() >= STATEMENTS {
            self.statements.clear();
        }
        self.statements.entry(sql.into()).or_default().push(Prepared {
            kinds,
            statement: statement.clone(),
        });
        Ok(statement)
    }
}

impl Session for PostgresSession {
    fn engine(&self) -> Engine {
        Engine::Postgres
    }

    fn execute(&mut self, sql: Text<'_>, params: &[Value]) -> Result<u64, Fault> {
        let params: Vec<&Value> = params.iter().collect();
        self.execute_in_order(sql, &params)
    }

    fn execute_in_order(&mut self, sql: Text<'_>, params: &[&Value]) -> Result<u64, Fault> {
        let sql = sql.as_str();
        let mut run = || {
            let statement = self.prepared(sql, params.iter().map(|value| value.kind()))?;
            let mut rows = self
                .client
                .query_raw(&statement, params.iter().map(|value| Param(value)))?;
            let surplus = rows.next()?.is_some();
            Ok((surplus, rows.rows_affected().unwrap_or(0)))
        };
        match run() {
            Ok((false, changed)) => Ok(changed),
            // SQLite refuses this too.
            Ok((true, _)) => Err(Fault {
                error: StoreError::Database {
                    statement: shown(sql),
                    source: EngineError::new(None, "the statement gives rows; it is a query".to_owned()),
                },
                trouble: Trouble::Failed,
            }),
            Err(error) => Err(fault(sql, &error)),
        }
    }

    fn each(
        &mut self,
        sql: Text<'_>,
        params: &[Value],
        row: &mut dyn FnMut(&mut Row) -> Result<(), StoreError>,
    ) -> Result<Result<(), StoreError>, Fault> {
        let sql = sql.as_str();
        let mut run = || {
            let statement = self.prepared(sql, params.iter().map(Value::kind))?;
            let mut rows = self.client.query_raw(&statement, params.iter().map(Param))?;
            let mut read = Row::default();
            while let Some(found) = rows.next()? {
                if let Err(error) = read_row(&found, &mut read).and_then(|()| row(&mut read)) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        };
        run().map_err(|error| fault(sql, &error))
    }
}

/// Whether a closure that met this error is worth running again.
pub(crate) fn is_conflict(error: &postgres::Error) -> bool {
    matches!(
        error.code(),
        Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED)
    )
}

/// Whether the connection is gone: the server said so (classes 08 and 57P), or nothing more can be read from it.
pub(crate) fn is_lost(error: &postgres::Error) -> bool {
    match error.code() {
        Some(code) => code.code().starts_with("08") || code.code().starts_with("57P") || code.code() == "25P03",
        None => error.is_closed() || error.source().is_some_and(<dyn Error>::is::<std::io::Error>),
    }
}

/// Whether something took too long: the wait for a lock, or the statement.
pub(crate) fn is_busy(error: &postgres::Error) -> bool {
    matches!(
        error.code(),
        Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::QUERY_CANCELED)
    )
}

fn fault(sql: &str, error: &postgres::Error) -> Fault {
    let source = postgres_error(error);
    let trouble = if is_conflict(error) {
        Trouble::Conflict
    } else if is_lost(error) {
        Trouble::Lost
    } else {
        Trouble::Failed
    };
    let error = match (trouble, error.code().map(SqlState::code)) {
        (Trouble::Lost, _) => StoreError::Unavailable { source },
        (Trouble::Conflict, _) => StoreError::Busy { source },
        _ if is_busy(error) => StoreError::Busy { source },
        (_, Some("53100")) => StoreError::Full { source },
        _ => StoreError::Database {
            statement: shown(sql),
            source,
        },
    };
    Fault { error, trouble }
}

fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Text => Type::TEXT,
        Kind::Int => Type::INT8,
        Kind::Float => Type::FLOAT8,
        Kind::Bool => Type::BOOL,
        Kind::Bytes => Type::BYTEA,
    }
}

#[derive(Debug)]
struct Param<'v>(&'v Value);

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Value::Text(text) => text.to_sql_checked(ty, out),
            Value::Int(number) => number.to_sql_checked(ty, out),
            Value::Float(number) => number.to_sql_checked(ty, out),
            Value::Bool(yes) => yes.to_sql_checked(ty, out),
            Value::Bytes(bytes) => bytes.to_sql_checked(ty, out),
            Value::Null(_) => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn read_row(row: &postgres::Row, read: &mut Row) -> Result<(), StoreError> {
    read.begin(row.len());
    for index in 0..row.len() {
        read.push(cell(row, index)?);
    }
    Ok(())
}

fn cell(row: &postgres::Row, index: usize) -> Result<Cell<'_>, StoreError> {
    let ty = row.columns()[index].type_();
    match *ty {
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME => read(row, index, Cell::Text),
        Type::INT8 => read(row, index, Cell::Int),
        Type::INT4 => read(row, index, |number: i32| Cell::Int(number.into())),
        Type::INT2 => read(row, index, |number: i16| Cell::Int(number.into())),
        Type::FLOAT8 => read(row, index, Cell::Float),
        Type::BOOL => read(row, index, Cell::Bool),
        Type::BYTEA => read(row, index, Cell::Bytes),
        _ => Err(StoreError::Corrupt {
            what: format!("column {index} is {ty}; cast it to a type of the store"),
        }),
    }
}

fn read<'r, T: FromSql<'r>>(
    row: &'r postgres::Row,
    index: usize,
    value: impl FnOnce(T) -> Cell<'r>,
) -> Result<Cell<'r>, StoreError> {
    match row.try_get::<_, Option<T>>(index) {
        Ok(found) => Ok(found.map_or(Cell::Null, value)),
        Err(_) => Err(StoreError::Corrupt {
            what: format!("column {index} cannot be read"),
        }),
    }
}
