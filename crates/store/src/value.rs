//! Values on their way into a statement and out of a row.

use gatehook_domain::Timestamp;
use gatehook_domain::id;

use crate::error::StoreError;

/// The type of a parameter or a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `TEXT`
    Text,
    /// `BIGINT`
    Int,
    /// `DOUBLE PRECISION`
    Float,
    /// `BOOLEAN`
    Bool,
    /// `BYTEA` or `BLOB`
    Bytes,
}

/// One parameter of a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// An integer; also a moment, in milliseconds.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Nothing, with the type it would have: PostgreSQL must know it to understand the statement.
    Null(Kind),
}

impl Value {
    /// The type of this value.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Int(_) => Kind::Int,
            Self::Float(_) => Kind::Float,
            Self::Bool(_) => Kind::Bool,
            Self::Bytes(_) => Kind::Bytes,
            Self::Null(kind) => *kind,
        }
    }

    /// A text from anything that is written as one.
    pub fn text(value: &(impl ToString + ?Sized)) -> Self {
        Self::Text(kept_text(&value.to_string()))
    }
}

/// The parameters of a statement as an array: `&params![id, name, 5_i64]`. Each is anything that is [`ToValue`].
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        [$($crate::ToValue::to_value(&$value)),*]
    };
}

/// Something that can be a parameter of a statement.
pub trait ToValue {
    /// The parameter.
    fn to_value(&self) -> Value;
}

/// Something whose type in the database is known even when it is absent; what an `Option` needs to be a parameter.
pub trait HasKind {
    /// The type.
    const KIND: Kind;
}

/// Something that can be read from a row.
pub trait FromValue: Sized {
    /// Reads it; the error says what was expected ("a text").
    fn from_value(value: Cell<'_>) -> Result<Self, &'static str>;
}

/// One cell of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// A text.
    Text(&'a str),
    /// An integer; also a moment, in milliseconds.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Nothing.
    Null,
}

impl Cell<'_> {
    /// What this is, for a message; never the value itself, it may be a secret.
    const fn shape(self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Bool(_) => "a boolean",
            Self::Bytes(_) => "bytes",
            Self::Null => "NULL",
        }
    }
}

/// One row of an answer. Cells are counted from 0, in the order of the statement's columns.
///
/// The texts of a row stand one after the other in one piece of memory, and so do its bytes: most of them are read into
/// a type of their own right away, so that a piece for each would be made only to be thrown away.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    kept: Vec<Kept>,
    texts: String,
    bytes: Vec<u8>,
}

/// A cell as a row keeps it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kept {
    /// Where its text begins and ends.
    Text(usize, usize),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// Where its bytes begin and end.
    Bytes(usize, usize),
    Null,
}

impl Row {
    /// Forgets its cells and has room for so many. A row that is still there uses its memory again.
    pub(crate) fn begin(&mut self, columns: usize) {
        self.kept.clear();
        self.texts.clear();
        self.bytes.clear();
        self.kept.reserve(columns);
        // Ids have 36 characters, words fewer.
        self.texts.reserve(columns * 16);
    }

    /// Appends a cell.
    pub(crate) fn push(&mut self, cell: Cell<'_>) {
        self.kept.push(match cell {
            Cell::Text(text) => {
                let begin = self.texts.len();
                self.texts.push_str(text);
                Kept::Text(begin, self.texts.len())
            }
            Cell::Bytes(bytes) => {
                let begin = self.bytes.len();
                self.bytes.extend_from_slice(bytes);
                Kept::Bytes(begin, self.bytes.len())
            }
            Cell::Int(number) => Kept::Int(number),
            Cell::Float(number) => Kept::Float(number),
            Cell::Bool(yes) => Kept::Bool(yes),
            Cell::Null => Kept::Null,
        });
    }

    /// Reads the cell at `index`.
    pub fn get<T: FromValue>(&self, index: usize) -> Result<T, StoreError> {
        let cell = self.cell(index)?;
        T::from_value(cell).map_err(|expected| StoreError::Corrupt {
            what: format!("column {index}: expected {expected}, found {}", cell.shape()),
        })
    }

    /// Reads the text at `index` with a parser of the domain: `row.parse(3, TaskStatus::parse)`.
    pub fn parse<T, E: std::fmt::Display>(
        &self,
        index: usize,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        match self.cell(index)? {
            Cell::Text(text) => parse(text).map_err(|error| StoreError::Corrupt {
                what: format!("column {index}: {error}"),
            }),
            other => Err(StoreError::Corrupt {
                what: format!("column {index}: expected a text, found {}", other.shape()),
            }),
        }
    }

    /// Like [`Row::parse`] for a column that may be NULL.
    pub fn parse_opt<T, E: std::fmt::Display>(
        &self,
        index: usize,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, StoreError> {
        if self.cell(index)? == Cell::Null {
            Ok(None)
        } else {
            self.parse(index, parse).map(Some)
        }
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is no cell at all.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn cell(&self, index: usize) -> Result<Cell<'_>, StoreError> {
        let kept = self.kept.get(index).ok_or_else(|| StoreError::Corrupt {
            what: format!("column {index} of a row of {}", self.kept.len()),
        })?;
        Ok(match *kept {
            Kept::Text(begin, end) => Cell::Text(&self.texts[begin..end]),
            Kept::Bytes(begin, end) => Cell::Bytes(&self.bytes[begin..end]),
            Kept::Int(number) => Cell::Int(number),
            Kept::Float(number) => Cell::Float(number),
            Kept::Bool(yes) => Cell::Bool(yes),
            Kept::Null => Cell::Null,
        })
    }
}

impl ToValue for Value {
    fn to_value(&self) -> Value {
        self.clone()
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value {
        (**self).to_value()
    }
}

impl<T: HasKind + ?Sized> HasKind for &T {
    const KIND: Kind = T::KIND;
}

impl<T: ToValue + HasKind> ToValue for Option<T> {
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null(T::KIND), ToValue::to_value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Cell<'_>) -> Result<Self, &'static str> {
        if value == Cell::Null {
            Ok(None)
        } else {
            T::from_value(value).map(Some)
        }
    }
}

macro_rules! to_value {
    ($($kind:ident: $type:ty, $this:ident => $value:expr;)+) => {$(
        impl HasKind for $type {
            const KIND: Kind = Kind::$kind;
        }
        impl ToValue for $type {
            fn to_value(&self) -> Value {
                let $this = self;
                Value::$kind($value)
            }
        }
    )+};
}

to_value! {
    Text: str, this => kept_text(this);
    Text: String, this => kept_text(this);
    Text: Box<str>, this => kept_text(this);
    Int: i64, this => *this;
    Int: i32, this => i64::from(*this);
    Int: u32, this => i64::from(*this);
    Int: u16, this => i64::from(*this);
    Float: f64, this => *this;
    Bool: bool, this => *this;
    Bytes: [u8], this => this.to_vec();
    Bytes: Vec<u8>, this => this.clone();
    Int: Timestamp, this => this.as_millis();
}

/// A text as both engines keep it: PostgreSQL has no zero character in texts, and what comes from outside may hold one.
fn kept_text(text: &str) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{FFFD}")
    } else {
        text.to_owned()
    }
}

macro_rules! from_value {
    ($($type:ty, $expected:literal: $pattern:pat => $value:expr;)+) => {$(
        impl FromValue for $type {
            fn from_value(value: Cell<'_>) -> Result<Self, &'static str> {
                match value {
                    $pattern => $value,
                    _ => Err($expected),
                }
            }
        }
    )+};
}

from_value! {
    String, "a text": Cell::Text(text) => Ok(text.to_owned());
    Box<str>, "a text": Cell::Text(text) => Ok(text.into());
    i64, "an integer": Cell::Int(number) => Ok(number);
    i32, "a 32-bit integer": Cell::Int(number) => i32::try_from(number).map_err(|_| "a 32-bit integer");
    u32, "an integer of 0 or more": Cell::Int(number) => u32::try_from(number).map_err(|_| "an integer of 0 or more");
    u16, "an integer of 0 to 65535": Cell::Int(number) => u16::try_from(number).map_err(|_| "an integer of 0 to 65535");
    u64, "an integer of 0 or more": Cell::Int(number) => u64::try_from(number).map_err(|_| "an integer of 0 or more");
    usize, "an integer of 0 or more": Cell::Int(number) => usize::try_from(number).map_err(|_| "an integer of 0 or more");
    Vec<u8>, "bytes": Cell::Bytes(bytes) => Ok(bytes.to_vec());
    Timestamp, "a moment in milliseconds": Cell::Int(millis) => Ok(Timestamp::from_millis(millis));
}

/// SQLite has no booleans of its own and no numbers with a fraction in expressions of integers, so both come as
/// integers there.
impl FromValue for bool {
    fn from_value(value: Cell<'_>) -> Result<Self, &'static str> {
        match value {
            Cell::Bool(yes) => Ok(yes),
            Cell::Int(0) => Ok(false),
            Cell::Int(1) => Ok(true),
            _ => Err("a boolean"),
        }
    }
}

impl FromValue for f64 {
    fn from_value(value: Cell<'_>) -> Result<Self, &'static str> {
        match value {
            Cell::Float(number) => Ok(number),
            Cell::Int(number) => Ok(number as f64),
            _ => Err("a number"),
        }
    }
}

macro_rules! ids {
    ($($name:ident)+) => {$(
        impl HasKind for id::$name {
            const KIND: Kind = Kind::Text;
        }
        impl ToValue for id::$name {
            fn to_value(&self) -> Value {
                Value::Text(self.as_str().to_owned())
            }
        }
        impl FromValue for id::$name {
            fn from_value(value: Cell<'_>) -> Result<Self, &'static str> {
                match value {
                    Cell::Text(text) => Self::parse(text).map_err(|_| "an id"),
                    _ => Err("an id"),
                }
            }
        }
    )+};
}

ids! {
    ProjectId BranchId ComponentId AnalysisId TaskId IssueId GateId ConditionId WebhookId EventId DeliveryId UserId
    TokenId GroupId NodeId
}
