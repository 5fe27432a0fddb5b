//! Statements whose text depends on what is asked.

use std::fmt::Write as _;

use crate::value::{ToValue, Value};

/// A statement put together from pieces of the program's own text; what comes from outside can only be bound.
#[derive(Clone, Debug, Default)]
pub struct Statement {
    text: String,
    params: Vec<Value>,
}

impl Statement {
    /// A statement that starts with `text`. The text must not name parameters itself: [`Statement::bind`] numbers them.
    pub fn new(text: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            params: Vec::new(),
        }
    }

    /// Appends a piece of text.
    pub fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends `$n` and binds it to `value`.
    pub fn bind(&mut self, value: impl ToValue) -> &mut Self {
        self.params.push(value.to_value());
        // Writing into a String cannot fail.
        let _ = write!(self.text, "${}", self.params.len());
        self
    }

    /// Appends `($n, $n+1, …)` for use after `IN`. An empty list is `(NULL)`, which nothing is in.
    pub fn bind_list<T: ToValue>(&mut self, values: impl IntoIterator<Item = T>) -> &mut Self {
        let before = self.params.len();
        self.text.push('(');
        for value in values {
            if self.params.len() > before {
                self.text.push_str(", ");
            }
            self.bind(value);
        }
        if self.params.len() == before {
            self.text.push_str("NULL");
        }
        self.text.push(')');
        self
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn params(&self) -> &[Value] {
        &self.params
    }
}
