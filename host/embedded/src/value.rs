//! One value, going in as a parameter or coming out in a row.

/// One value, going in as a parameter or coming out in a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// True or false.
    Boolean(bool),
    /// tinyint, smallint, integer and bigint.
    Integer(i64),
    /// real and double.
    Float(f64),
    /// An exact number with the digits of its scale: `12.90`.
    Decimal(String),
    /// varchar; json; and arrays, maps and rows, as JSON text.
    Text(String),
    /// varbinary.
    Bytes(Vec<u8>),
    /// `2026-01-31`.
    Date(String),
    /// `23:59:59.000`; an interval comes as Athena prints it, `2 00:00:00.000` or `1-2`.
    Time(String),
    /// `2026-01-31 23:59:59.000`, and `2026-01-31 23:59:59.000 UTC` for a timestamp with time zone.
    /// As a parameter, `T` may stand for the blank.
    Timestamp(String),
}

/// Which kind of [`Value`] a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `Value::Boolean`.
    Boolean,
    /// `Value::Integer`.
    Integer,
    /// `Value::Float`.
    Float,
    /// `Value::Decimal`.
    Decimal,
    /// `Value::Text`.
    Text,
    /// `Value::Bytes`.
    Bytes,
    /// `Value::Date`.
    Date,
    /// `Value::Time`.
    Time,
    /// `Value::Timestamp`.
    Timestamp,
    /// Only `Value::Null`, from an untyped NULL.
    Unknown,
}

/// One column of an answer or of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its label, in lower case as Athena's are; `_col0` if the statement gave it none. Labels may repeat.
    pub name: String,
    /// What its values are; any of them may be null.
    pub kind: Kind,
    /// The type as Athena names it: `varchar`, `bigint`, `decimal(10,2)`, `timestamp(3)`, `array(varchar)`.
    pub declared: String,
}
