//! Statements whose length depends on the question: put together from fixed fragments only, every value a parameter.

use crate::error::StoreError;
use crate::statement::Statement;
use crate::tx::Tx;
use crate::value::{Row, ToValue, Value};

/// The most values of one list in one statement; longer lists are asked for piece by piece.
pub(crate) const LIST: usize = 512;

/// A statement in the making: a [`Statement`] with conditions, lists and pages.
#[derive(Default)]
pub(crate) struct Sql {
    statement: Statement,
    conditions: usize,
}

impl Sql {
    /// A statement that begins with `text`.
    pub(crate) fn new(text: &'static str) -> Self {
        Self {
            statement: Statement::new(text),
            conditions: 0,
        }
    }

    /// Adds a fragment.
    pub(crate) fn push(&mut self, fragment: &'static str) -> &mut Self {
        self.statement.push(fragment);
        self
    }

    /// Adds a parameter.
    pub(crate) fn bind(&mut self, value: impl ToValue) -> &mut Self {
        self.statement.bind(value);
        self
    }

    /// Begins another condition of the WHERE clause.
    pub(crate) fn and(&mut self, fragment: &'static str) -> &mut Self {
        self.push(if self.conditions == 0 { " WHERE " } else { " AND " });
        self.conditions += 1;
        self.push(fragment)
    }

    /// Adds `(a, b, …)`. The last value is repeated up to a power of two, so that few different statements need to be
    /// prepared; an empty list becomes `(NULL)`, which nothing is in.
    pub(crate) fn list<T: ToValue>(&mut self, values: impl IntoIterator<Item = T>) -> &mut Self {
        let mut values: Vec<Value> = values.into_iter().map(|value| value.to_value()).collect();
        if let Some(last) = values.last().cloned() {
            values.resize(values.len().next_power_of_two(), last);
        }
        self.statement.bind_list(values);
        self
    }

    /// Adds ` LIMIT … OFFSET …` for a page counted from 1.
    pub(crate) fn page(&mut self, page: u32, size: u32) -> &mut Self {
        let offset = i64::from(page.saturating_sub(1)) * i64::from(size);
        self.push(" LIMIT ").bind(i64::from(size)).push(" OFFSET ").bind(offset)
    }

    /// Runs the statement and gives its rows.
    pub(crate) fn query(&self, tx: &mut Tx<'_>) -> Result<Vec<Row>, StoreError> {
        tx.query_built(&self.statement)
    }

    /// Runs the statement and gives how many rows it changed.
    pub(crate) fn execute(&self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        tx.execute_built(&self.statement)
    }

    /// Runs the statement, which answers one number.
    pub(crate) fn count(&self, tx: &mut Tx<'_>) -> Result<i64, StoreError> {
        number(tx.query_opt_built(&self.statement)?)
    }
}

/// The pattern for `LIKE … ESCAPE '\'` that finds `text` anywhere.
pub(crate) fn containing(text: &str) -> String {
    format!("%{}%", escaped(text))
}

/// The pattern for `LIKE … ESCAPE '\'` that finds what begins with `text`.
pub(crate) fn beginning(text: &str) -> String {
    format!("{}%", escaped(text))
}

fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

/// Writes a value as the JSON that a column keeps.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt {
        what: error.to_string(),
    })
}

/// Reads the JSON that a column keeps.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(row: &Row, index: usize) -> Result<T, StoreError> {
    row.parse(index, |text| serde_json::from_str(text))
}

/// The one row of a question whose answer is a number.
pub(crate) fn number(rows: Option<Row>) -> Result<i64, StoreError> {
    rows.map_or(Ok(0), |row| row.get(0))
}
