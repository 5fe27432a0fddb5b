//! The schema's versions and how a database gets from one to the next.
//!
//! A migration is written once, in the types of the portable subset; [`for_engine`] replaces the words that the engines
//! disagree on. Each table ends in `) STRICT`, so that SQLite checks types too. A migration that was released is never
//! changed: its checksum is kept in the database and compared.

use gatehook_domain::Timestamp;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use crate::config::error_chain;
use crate::error::{EngineError, OpenError};
use crate::sqlite::engine_error;
use crate::tx::Engine;

struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
}

/// All migrations, oldest first.
const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "init",
    sql: include_str!("schema/0001_init.sql"),
}];

/// The names and checksums of what was applied are kept beside the data.
const SCHEMA_VERSION: &str = "CREATE TABLE IF NOT EXISTS schema_version (
    version BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at BIGINT NOT NULL,
    checksum TEXT NOT NULL
) STRICT;";

/// An arbitrary number that names our lock among the advisory locks of a PostgreSQL database.
const ADVISORY_LOCK: i64 = 0x6761_7465_686f_6f6b;

/// A row of `schema_version`.
struct Applied {
    version: i64,
    checksum: String,
}

pub(crate) fn sqlite(connection: &mut Connection, now: Timestamp) -> Result<(), OpenError> {
    let refused = |error: rusqlite::Error| OpenError::Database {
        source: engine_error(&error),
    };
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive)
        .map_err(refused)?;
    transaction
        .execute_batch(&for_engine(SCHEMA_VERSION, Engine::Sqlite))
        .map_err(refused)?;
    let applied = {
        let mut statement = transaction
            .prepare("SELECT version, checksum FROM schema_version ORDER BY version")
            .map_err(refused)?;
        let rows = statement
            .query_map([], |row| {
                Ok(Applied {
                    version: row.get(0)?,
                    checksum: row.get(1)?,
                })
            })
            .map_err(refused)?;
        rows.collect::<Result<Vec<_>, _>>().map_err(refused)?
    };
    for migration in pending(&applied)? {
        let failed = |error: rusqlite::Error| OpenError::Migration {
            version: migration.version,
            name: migration.name,
            source: engine_error(&error),
        };
        transaction
            .execute_batch(&for_engine(migration.sql, Engine::Sqlite))
            .map_err(failed)?;
        transaction
            .execute(
                "INSERT INTO schema_version (version, name, applied_at, checksum) VALUES (?, ?, ?, ?)",
                (migration.version, migration.name, now.as_millis(), checksum(migration)),
            )
            .map_err(failed)?;
        tracing::info!(
            version = migration.version,
            name = migration.name,
            "applied a migration of the database"
        );
    }
    transaction.commit().map_err(refused)
}

pub(crate) fn postgres(client: &mut postgres::Client, now: Timestamp) -> Result<(), OpenError> {
    let refused = |error: postgres::Error| OpenError::Database {
        source: postgres_error(&error),
    };
    let mut transaction = client.transaction().map_err(refused)?;
    // Another node may be at it already; it is waited for as long as it takes.
    transaction
        .batch_execute(&format!(
            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"
        ))
        .map_err(refused)?;
    transaction
        .batch_execute(&for_engine(SCHEMA_VERSION, Engine::Postgres))
        .map_err(refused)?;
    let applied: Vec<Applied> = transaction
        .query("SELECT version, checksum FROM schema_version ORDER BY version", &[])
        .map_err(refused)?
        .into_iter()
        .map(|row| {
            Ok(Applied {
                version: row.try_get(0)?,
                checksum: row.try_get(1)?,
            })
        })
        .collect::<Result<_, _>>()
        .map_err(refused)?;
    for migration in pending(&applied)? {
        let failed = |error: postgres::Error| OpenError::Migration {
            version: migration.version,
            name: migration.name,
            source: postgres_error(&error),
        };
        transaction
            .batch_execute(&for_engine(migration.sql, Engine::Postgres))
            .map_err(failed)?;
        transaction
            .execute(
                "INSERT INTO schema_version (version, name, applied_at, checksum) VALUES ($1, $2, $3, $4)",
                &[
                    &migration.version,
                    &migration.name,
                    &now.as_millis(),
                    &checksum(migration),
                ],
            )
            .map_err(failed)?;
        tracing::info!(
            version = migration.version,
            name = migration.name,
            "applied a migration of the database"
        );
    }
    transaction.commit().map_err(refused)
}

/// The migrations that are still to be applied, if the database is one we understand.
fn pending(applied: &[Applied]) -> Result<Vec<&'static Migration>, OpenError> {
    let known = MIGRATIONS.last().map_or(0, |migration| migration.version);
    if let Some(newer) = applied
        .iter()
        .map(|row| row.version)
        .max()
        .filter(|version| *version > known)
    {
        return Err(OpenError::NewerSchema { found: newer, known });
    }
    let mut pending = Vec::new();
    for migration in MIGRATIONS {
        match applied.iter().find(|row| row.version == migration.version) {
            None => pending.push(migration),
            Some(row) if row.checksum == checksum(migration) => {}
            Some(_) => {
                return Err(OpenError::ChangedMigration {
                    version: migration.version,
                    name: migration.name.to_owned(),
                });
            }
        }
    }
    Ok(pending)
}

fn checksum(migration: &Migration) -> String {
    hex::encode(Sha256::digest(migration.sql))
}

/// A migration's text in the words of an engine.
///
/// | written | SQLite | PostgreSQL |
/// |---|---|---|
/// | `BIGINT`, `BOOLEAN` | `INTEGER` | as it is |
/// | `DOUBLE PRECISION` | `REAL` | as it is |
/// | `BLOB` | as it is | `BYTEA` |
/// | `TEXT` (not after `AS`) | as it is | `TEXT COLLATE "C"`: compares bytewise, as SQLite does |
/// | `STRICT`, `WITHOUT ROWID` (rows are kept in their primary key, without one of their own) | as they are | nothing |
fn for_engine(sql: &str, engine: Engine) -> String {
    let mut text = String::with_capacity(sql.len() + 256);
    for line in sql.lines() {
        // A comment explains; it has no types.
        let (code, comment) = line.split_at(line.find("--").unwrap_or(line.len()));
        let mut before = "";
        for word in code.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let name = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let replaced = match (engine, name) {
                (Engine::Sqlite, "BIGINT" | "BOOLEAN") => "INTEGER",
                (Engine::Sqlite, "DOUBLE") => "REAL",
                (Engine::Sqlite, "PRECISION") | (Engine::Postgres, "STRICT" | "WITHOUT" | "ROWID") => "",
                (Engine::Postgres, "BLOB") => "BYTEA",
                (Engine::Postgres, "TEXT") if before != "AS" => "TEXT COLLATE \"C\"",
                _ => name,
            };
            text.push_str(replaced);
            // What stands behind a table is a list, which goes as a whole.
            let is_comma = engine == Engine::Postgres && name == "STRICT" && word.ends_with(',');
            text.push_str(if is_comma { "" } else { &word[name.len()..] });
            if !name.is_empty() {
                before = name;
            }
        }
        text.push_str(comment);
        text.push('\n');
    }
    text
}

pub(crate) fn postgres_error(error: &postgres::Error) -> EngineError {
    match error.as_db_error() {
        Some(said) => EngineError::new(Some(said.code().code().to_owned()), said.message().to_owned()),
        None => EngineError::new(None, error_chain(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_migration_serves_both_engines() {
        let written = "CREATE TABLE x (a BIGINT, b DOUBLE PRECISION, c BLOB, d TEXT) STRICT, WITHOUT ROWID; -- TEXT";
        assert_eq!(
            for_engine(written, Engine::Sqlite),
            "CREATE TABLE x (a INTEGER, b REAL , c BLOB, d TEXT) STRICT, WITHOUT ROWID; -- TEXT\n"
        );
        assert_eq!(
            for_engine(written, Engine::Postgres),
            "CREATE TABLE x (a BIGINT, b DOUBLE PRECISION, c BYTEA, d TEXT COLLATE \"C\")   ; -- TEXT\n"
        );
    }
}
