//! A transaction, as the repositories see it: the same on both engines.

use std::hash::Hash;

use gatehook_domain::id::Id;
use gatehook_domain::{Ambient, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::StoreError;
use crate::insert::{self, InsertTexts};
use crate::remembered::{Kept, Remembered};
use crate::secret::SecretKey;
use crate::statement::Statement;
use crate::value::{Kind, Row, Value};
use crate::vault::Vault;

/// Which database is behind the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// SQLite, in this process.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// What a closure does its work with. Statements name their parameters `$1`, `$2`, … on both engines and are prepared
/// once per connection.
///
/// A failed statement ends the transaction: statements after it answer [`StoreError::Aborted`], and nothing is
/// committed even when the closure returns success.
pub struct Tx<'a> {
    session: &'a mut dyn Session,
    texts: &'a mut InsertTexts,
    ambient: &'a Ambient,
    vault: &'a Vault,
    remembered: Option<&'a mut Remembered>,
    trouble: Option<Trouble>,
    statements: usize,
}

/// How a connection runs statements.
pub(crate) trait Session {
    fn engine(&self) -> Engine;
    /// Runs a statement that gives no rows; answers how many rows it changed.
    fn execute(&mut self, sql: Text<'_>, params: &[Value]) -> Result<u64, Fault>;
    /// Like `execute`, for a statement whose placeholders stand in the order of `params`, each once (`?` on SQLite).
    fn execute_in_order(&mut self, sql: Text<'_>, params: &[&Value]) -> Result<u64, Fault>;
    /// Runs a statement and hands over its rows one by one. The callback's own error comes back as the inner one.
    fn each(
        &mut self,
        sql: Text<'_>,
        params: &[Value],
        row: &mut dyn FnMut(&mut Row) -> Result<(), StoreError>,
    ) -> Result<Result<(), StoreError>, Fault>;
}

/// The text of a statement.
#[derive(Clone, Copy)]
pub(crate) enum Text<'a> {
    /// Written in the program: its place in memory tells it from every other one.
    Fixed(&'static str),
    /// Put together.
    Made(&'a str),
}

impl<'a> Text<'a> {
    #[expect(clippy::match_same_arms, reason = "the texts live for different times")]
    pub(crate) const fn as_str(self) -> &'a str {
        match self {
            Self::Fixed(text) => text,
            Self::Made(text) => text,
        }
    }
}

/// A failed statement.
pub(crate) struct Fault {
    pub(crate) error: StoreError,
    pub(crate) trouble: Trouble,
}

/// What a failed statement means for the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It got in the way of another transaction; running the closure again is likely to help.
    Conflict,
    /// The connection is gone.
    Lost,
    /// Running it again would fail again.
    Failed,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(
        session: &'a mut dyn Session,
        texts: &'a mut InsertTexts,
        ambient: &'a Ambient,
        vault: &'a Vault,
        remembered: Option<&'a mut Remembered>,
    ) -> Self {
        Self {
            session,
            texts,
            ambient,
            vault,
            remembered,
            trouble: None,
            statements: 0,
        }
    }

    /// What the first failed statement of this transaction means, whatever the closure made of its error.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }
}

impl Tx<'_> {
    /// Runs a statement that gives no rows; answers how many rows it changed. A statement with `RETURNING` is a
    /// query.
    pub fn execute(&mut self, sql: &'static str, params: &[Value]) -> Result<u64, StoreError> {
        self.run(|session| session.execute(Text::Fixed(sql), params))
    }

    /// All rows of a statement. For answers that can be long use [`Tx::for_each`] or a `LIMIT`.
    pub fn query(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.collect(Text::Fixed(sql), params)
    }

    /// The only row of a statement, if there is one. More than one is [`StoreError::Corrupt`].
    pub fn query_opt(&mut self, sql: &'static str, params: &[Value]) -> Result<Option<Row>, StoreError> {
        self.at_most_one(Text::Fixed(sql), params)
    }

    /// Hands over the rows of a statement one by one, without holding them all; the first error ends it.
    pub fn for_each(
        &mut self,
        sql: &'static str,
        params: &[Value],
        row: &mut dyn FnMut(&Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.run(|session| session.each(Text::Fixed(sql), params, &mut |found| row(found)))?
    }

    /// [`Tx::execute`] of a statement that was put together.
    pub fn execute_built(&mut self, statement: &Statement) -> Result<u64, StoreError> {
        self.run(|session| session.execute(Text::Made(statement.text()), statement.params()))
    }

    /// [`Tx::query`] of a statement that was put together.
    pub fn query_built(&mut self, statement: &Statement) -> Result<Vec<Row>, StoreError> {
        self.collect(Text::Made(statement.text()), statement.params())
    }

    /// [`Tx::query_opt`] of a statement that was put together.
    pub fn query_opt_built(&mut self, statement: &Statement) -> Result<Option<Row>, StoreError> {
        self.at_most_one(Text::Made(statement.text()), statement.params())
    }

    /// [`Tx::for_each`] of a statement that was put together.
    pub fn for_each_built(
        &mut self,
        statement: &Statement,
        row: &mut dyn FnMut(&Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.run(|session| {
            session.each(Text::Made(statement.text()), statement.params(), &mut |found| {
                row(found)
            })
        })?
    }

    /// Inserts many rows with few statements. `target` is the table and its columns, `"issue (id, branch)"`; `kinds`
    /// are the columns' types and every row has a value for each. Answers how many rows were inserted.
    pub fn insert_many(
        &mut self,
        target: &'static str,
        kinds: &[Kind],
        rows: &[Vec<Value>],
    ) -> Result<u64, StoreError> {
        self.insert_many_with(target, "", kinds, rows)
    }

    /// [`Tx::insert_many`] with something after the values: `"ON CONFLICT (id) DO UPDATE SET name = excluded.name"`.
    /// No two of the rows may have the same key then: PostgreSQL refuses to update a row twice in one statement.
    pub fn insert_many_with(
        &mut self,
        target: &'static str,
        suffix: &'static str,
        kinds: &[Kind],
        rows: &[Vec<Value>],
    ) -> Result<u64, StoreError> {
        insert::check(target, kinds, rows)?;
        let engine = self.engine();
        let mut inserted = 0;
        let mut rest = rows;
        while !rest.is_empty() {
            let (chunk, remaining) = rest.split_at(insert::chunk(rest.len(), kinds.len()));
            let text = self.texts.text(engine, target, suffix, kinds.len(), chunk.len());
            let params: Vec<&Value> = chunk.iter().flatten().collect();
            inserted += self.run(|session| session.execute_in_order(Text::Made(&text), &params))?;
            rest = remaining;
        }
        Ok(inserted)
    }

    /// Which database this is, for the few statements that must differ.
    pub fn engine(&self) -> Engine {
        self.session.engine()
    }

    /// How many statements were run so far. What many do at once has a bound of them, which its tests watch.
    pub const fn statements(&self) -> usize {
        self.statements
    }

    /// The clock and the source of randomness.
    pub fn ambient(&self) -> &Ambient {
        self.ambient
    }

    /// The moment it is now.
    pub fn now(&self) -> Timestamp {
        self.ambient.now()
    }

    /// A new id.
    pub fn new_id<T: Id>(&self) -> T {
        self.ambient.new_id()
    }

    /// Seals a secret for storing it; it can be opened for the same purpose only.
    pub fn seal(&mut self, purpose: &str, secret: &str) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0_u8; 24];
        self.ambient.fill(&mut nonce);
        Ok(self.vault.key.seal(nonce, purpose, secret)?)
    }

    /// Seals a secret with another key than the store's.
    pub(crate) fn seal_with(
        &self,
        key: &SecretKey,
        purpose: &str,
        secret: &SecretString,
    ) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0_u8; 24];
        self.ambient.fill(&mut nonce);
        Ok(key.seal(nonce, purpose, secret.expose_secret())?)
    }

    /// Opens a sealed secret.
    pub fn open_sealed(&self, purpose: &str, sealed: &[u8]) -> Result<SecretString, StoreError> {
        Ok(self.vault.key.open(purpose, sealed)?)
    }

    /// The key, and what was opened with it.
    pub(crate) fn vault(&self) -> &Vault {
        self.vault
    }

    /// Whether there is a memory of what seldom changes, which may be used now.
    pub(crate) fn remembers(&self) -> bool {
        self.remembered.as_deref().is_some_and(Remembered::is_usable)
    }

    /// What was found before, if it is remembered still, or what `find` finds now. It must find it in the tables whose
    /// changes make it be forgotten.
    pub(crate) fn remembering<K: Clone + Eq + Hash, V: Clone>(
        &mut self,
        place: fn(&mut Remembered) -> &mut Kept<K, V>,
        key: &K,
        find: impl FnOnce(&mut Self) -> Result<V, StoreError>,
    ) -> Result<V, StoreError> {
        if let Some(known) = self.recall(place, key) {
            return Ok(known);
        }
        let found = find(self)?;
        self.remember(place, key, &found);
        Ok(found)
    }

    /// What was found before, if it is remembered still.
    pub(crate) fn recall<K: Eq + Hash, V: Clone>(
        &mut self,
        place: fn(&mut Remembered) -> &mut Kept<K, V>,
        key: &K,
    ) -> Option<V> {
        self.known(place)?.get(key)
    }

    /// What was found before of many, if it is remembered still, and what of them has to be looked up.
    pub(crate) fn recall_many<'k, K: Eq + Hash, V: Clone>(
        &mut self,
        place: fn(&mut Remembered) -> &mut Kept<K, V>,
        keys: impl IntoIterator<Item = &'k K>,
    ) -> (Vec<V>, Vec<&'k K>) {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for key in keys {
            match self.recall(place, key) {
                Some(known) => found.push(known),
                None => missing.push(key),
            }
        }
        (found, missing)
    }

    /// Remembers what was found, where and as long as that is possible.
    pub(crate) fn remember<K: Clone + Eq + Hash, V: Clone>(
        &mut self,
        place: fn(&mut Remembered) -> &mut Kept<K, V>,
        key: &K,
        found: &V,
    ) {
        if let Some(known) = self.known(place) {
            known.put(key.clone(), found.clone());
        }
    }

    fn known<K, V>(&mut self, place: fn(&mut Remembered) -> &mut Kept<K, V>) -> Option<&mut Kept<K, V>> {
        let remembered = self.remembered.as_deref_mut()?;
        remembered.is_usable().then(|| place(remembered))
    }

    fn collect(&mut self, sql: Text<'_>, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        self.run(|session| {
            session.each(sql, params, &mut |row| {
                rows.push(std::mem::take(row));
                Ok(())
            })
        })??;
        Ok(rows)
    }

    fn at_most_one(&mut self, sql: Text<'_>, params: &[Value]) -> Result<Option<Row>, StoreError> {
        let mut found = None;
        self.run(|session| {
            session.each(sql, params, &mut |row| match found.replace(std::mem::take(row)) {
                None => Ok(()),
                Some(_) => Err(StoreError::Corrupt {
                    what: format!("more than one row: {}", crate::error::shown(sql.as_str())),
                }),
            })
        })??;
        Ok(found)
    }

    fn run<T>(&mut self, statement: impl FnOnce(&mut dyn Session) -> Result<T, Fault>) -> Result<T, StoreError> {
        if self.trouble.is_some() {
            return Err(StoreError::Aborted);
        }
        self.statements += 1;
        statement(self.session).map_err(|fault| {
            self.trouble = Some(fault.trouble);
            fault.error
        })
    }
}
