//! The prepared statements of a connection to SQLite.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::{Connection, PrepFlags, Statement};

use crate::tx::Text;

/// How many statements are kept of those that are written in the program, and how many of those that were put together.
/// When there are more, all of the kind are forgotten and prepared anew as they are needed.
const KEPT: usize = 256;

/// A connection with the statements that were prepared on it.
///
/// Texts that are written in the program are told apart by where they stand: that is cheaper than to hash and to compare
/// hundreds of bytes for every run of a statement.
pub(crate) struct Statements<'c> {
    pub(crate) connection: &'c Connection,
    fixed: HashMap<(usize, usize), Kept<'c>>,
    made: HashMap<Box<str>, Kept<'c>>,
}

/// A prepared statement.
pub(crate) struct Kept<'c> {
    pub(crate) statement: Statement<'c>,
    /// Where each parameter is bound: `$2` is a name to SQLite, numbered by where it stands first; PostgreSQL counts.
    pub(crate) places: Box<[usize]>,
    /// Whether it can change nothing.
    pub(crate) is_reading: bool,
}

impl<'c> Statements<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            fixed: HashMap::new(),
            made: HashMap::new(),
        }
    }

    pub(crate) fn get(&mut self, sql: Text<'_>) -> rusqlite::Result<&mut Kept<'c>> {
        match sql {
            Text::Fixed(text) => {
                let key = (text.as_ptr().addr(), text.len());
                make_room(&mut self.fixed, |fixed| fixed.contains_key(&key));
                match self.fixed.entry(key) {
                    Entry::Occupied(known) => Ok(known.into_mut()),
                    Entry::Vacant(place) => Ok(place.insert(Kept::prepare(self.connection, text)?)),
                }
            }
            Text::Made(text) => {
                make_room(&mut self.made, |made| made.contains_key(text));
                if !self.made.contains_key(text) {
                    self.made.insert(text.into(), Kept::prepare(self.connection, text)?);
                }
                // It is there now.
                self.made.get_mut(text).ok_or(rusqlite::Error::InvalidQuery)
            }
        }
    }

    /// Runs a statement without parameters and without rows.
    pub(crate) fn run(&mut self, sql: &'static str) -> rusqlite::Result<()> {
        self.get(Text::Fixed(sql))?.statement.raw_execute().map(drop)
    }

    /// The number that a statement without parameters gives.
    pub(crate) fn number(&mut self, sql: &'static str) -> rusqlite::Result<i64> {
        let mut rows = self.get(Text::Fixed(sql))?.statement.raw_query();
        let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        row.get(0)
    }
}

fn make_room<K, V>(kept: &mut HashMap<K, V>, is_known: impl FnOnce(&HashMap<K, V>) -> bool) {
    if kept.len() >= KEPT && !is_known(kept) {
        kept.clear();
    }
}

impl<'c> Kept<'c> {
    fn prepare(connection: &'c Connection, sql: &str) -> rusqlite::Result<Self> {
        let statement = connection.prepare_with_flags(sql, PrepFlags::SQLITE_PREPARE_PERSISTENT)?;
        let count = statement.parameter_count();
        let mut places = Vec::with_capacity(count);
        for number in 1..=count {
            // A `?` has no name; a text has either those or names.
            let place = if statement.parameter_name(number).is_none() {
                number
            } else {
                let name = format!("${number}");
                statement
                    .parameter_index(&name)?
                    .ok_or(rusqlite::Error::InvalidParameterName(name))?
            };
            places.push(place);
        }
        let is_reading = statement.readonly();
        Ok(Self {
            statement,
            places: places.into(),
            is_reading,
        })
    }
}
