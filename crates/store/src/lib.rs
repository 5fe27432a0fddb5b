//! What is kept: every SQL statement, migrations and transactions, on SQLite and PostgreSQL.
