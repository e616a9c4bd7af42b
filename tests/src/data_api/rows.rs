//! Rows of the database as the Data API answers them: fields, column metadata, and the
//! limits on how much of them comes back.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mysql_async::consts::{ColumnFlags, ColumnType};
use mysql_async::{Column, Row, Value};
use serde_json::{Map, Value as Json, json};

use super::wire::ResultSetOptions;
use crate::aws::Refusal;

/// What the rows of one result may amount to.
const RESULT_BYTES_MAX: usize = 1 << 20;
/// What one row may amount to.
const ROW_BYTES_MAX: usize = 64 << 10;

/// The character set number of what is bytes and not text.
const BINARY: u16 = 63;

/// Which member of the API's field union the values of a column come in.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Blob,
    Boolean,
    Decimal,
    Double,
    Long,
    Text,
}

/// What a column is called: the database's name, the number in `java.sql.Types`, how many
/// digits or characters, and how its values come.
struct Kind {
    name: &'static str,
    number: i32,
    precision: u32,
    shape: Shape,
}

/// The rows of one answer, collected up to the limits.
pub(super) struct Records<'a> {
    columns: &'a [Column],
    options: &'a ResultSetOptions,
    bytes: usize,
    rows: Vec<Vec<Json>>,
}

impl<'a> Records<'a> {
    pub(super) fn new(columns: &'a [Column], options: &'a ResultSetOptions) -> Self {
        Self { columns, options, bytes: 0, rows: Vec::new() }
    }

    /// Takes one row more; errors if it is too large, or one too many.
    pub(super) fn push(&mut self, row: Row) -> Result<(), Refusal> {
        let values = self.columns.iter().zip(row.unwrap_raw().into_iter().flatten());
        let (fields, sizes): (Vec<_>, Vec<_>) =
            values.map(|(column, value)| field(column, &value, self.options)).unzip();
        let bytes = sizes.iter().sum::<usize>();
        if bytes > ROW_BYTES_MAX {
            return Err(Refusal::bad_request(format!(
                "Packet for query is too large ({bytes} > {ROW_BYTES_MAX}). You can change this value on the server \
                 by setting the 'max_allowed_packet' variable."
            )));
        }
        self.bytes += bytes;
        if self.bytes > RESULT_BYTES_MAX {
            return Err(Refusal::bad_request("Database returned more than the allowed response size limit"));
        }
        self.rows.push(fields);
        Ok(())
    }

    /// The rows as lists of fields.
    pub(super) fn records(self) -> Json {
        json!(self.rows)
    }

    /// The rows as text: a JSON array of objects, for `formatRecordsAs`.
    pub(super) fn formatted(self) -> String {
        let object = |fields: Vec<Json>| -> Map<String, Json> {
            let plain = |field: Json| match field {
                Json::Object(members) if !members.contains_key("isNull") => {
                    members.into_iter().next().map_or(Json::Null, |(_, value)| value)
                }
                _ => Json::Null,
            };
            let labels = self.columns.iter().map(|column| column.name_str().into_owned());
            labels.zip(fields.into_iter().map(plain)).collect()
        };
        json!(self.rows.into_iter().map(object).collect::<Vec<_>>()).to_string()
    }
}

/// All that the API tells of the columns.
pub(super) fn metadata(columns: &[Column]) -> Json {
    let describe = |column: &Column| {
        let flags = column.flags();
        let Kind { name, number, precision, shape } = kind(column);
        let number_like = matches!(shape, Shape::Long | Shape::Double | Shape::Decimal);
        let unsigned = flags.contains(ColumnFlags::UNSIGNED_FLAG);
        let label = column.name_str();
        let origin = column.org_name_str();
        json!({
            "arrayBaseColumnType": 0,
            "isAutoIncrement": flags.contains(ColumnFlags::AUTO_INCREMENT_FLAG),
            "isCaseSensitive": shape == Shape::Text && flags.contains(ColumnFlags::BINARY_FLAG),
            "isCurrency": false,
            "isSigned": number_like && !unsigned,
            "label": label,
            "name": if origin.is_empty() { label } else { origin },
            "nullable": i32::from(!flags.contains(ColumnFlags::NOT_NULL_FLAG)),
            "precision": precision,
            "scale": if shape == Shape::Decimal { column.decimals() } else { 0 },
            "schemaName": "",
            "tableName": column.table_str(),
            "type": number,
            "typeName": if number_like && unsigned { format!("{name} UNSIGNED") } else { name.to_owned() },
        })
    };
    columns.iter().map(describe).collect()
}

fn kind(column: &Column) -> Kind {
    use ColumnType::*;
    let length = column.column_length();
    let unsigned = column.flags().contains(ColumnFlags::UNSIGNED_FLAG);
    let (name, number, precision, shape) = match column.column_type() {
        MYSQL_TYPE_TINY if length == 1 && !unsigned => ("BIT", -7, 1, Shape::Boolean),
        MYSQL_TYPE_BIT => ("BIT", -7, length, Shape::Boolean),
        MYSQL_TYPE_TINY => ("TINYINT", -6, 3, Shape::Long),
        MYSQL_TYPE_SHORT => ("SMALLINT", 5, 5, Shape::Long),
        MYSQL_TYPE_INT24 => ("MEDIUMINT", 4, 7, Shape::Long),
        MYSQL_TYPE_LONG => ("INT", 4, 10, Shape::Long),
        MYSQL_TYPE_LONGLONG => ("BIGINT", -5, if unsigned { 20 } else { 19 }, Shape::Long),
        MYSQL_TYPE_YEAR => ("YEAR", 91, 4, Shape::Long),
        MYSQL_TYPE_FLOAT => ("FLOAT", 7, 12, Shape::Double),
        MYSQL_TYPE_DOUBLE => ("DOUBLE", 8, 22, Shape::Double),
        MYSQL_TYPE_DECIMAL | MYSQL_TYPE_NEWDECIMAL => {
            // The length is that of the widest text, with its sign and its point.
            let marks = u32::from(!unsigned) + u32::from(column.decimals() > 0);
            ("DECIMAL", 3, length.saturating_sub(marks), Shape::Decimal)
        }
        MYSQL_TYPE_DATE | MYSQL_TYPE_NEWDATE => ("DATE", 91, 10, Shape::Text),
        MYSQL_TYPE_TIME | MYSQL_TYPE_TIME2 => ("TIME", 92, length, Shape::Text),
        MYSQL_TYPE_DATETIME | MYSQL_TYPE_DATETIME2 => ("DATETIME", 93, length, Shape::Text),
        MYSQL_TYPE_TIMESTAMP | MYSQL_TYPE_TIMESTAMP2 => ("TIMESTAMP", 93, length, Shape::Text),
        MYSQL_TYPE_NULL => ("NULL", 0, 0, Shape::Text),
        MYSQL_TYPE_JSON => ("JSON", -1, length, Shape::Text),
        MYSQL_TYPE_GEOMETRY => ("GEOMETRY", -2, length, Shape::Blob),
        string => text_kind(string, length, column.character_set() == BINARY),
    };
    Kind { name, number, precision, shape }
}

/// The kinds that are text, or bytes where the character set says so.
fn text_kind(string: ColumnType, length: u32, binary: bool) -> (&'static str, i32, u32, Shape) {
    use ColumnType::*;
    // The connection speaks utf8mb4, and the length counts four bytes a character.
    let (shape, length) = if binary { (Shape::Blob, length) } else { (Shape::Text, length / 4) };
    let (name, number) = match (string, binary) {
        (MYSQL_TYPE_STRING | MYSQL_TYPE_ENUM | MYSQL_TYPE_SET, false) => ("CHAR", 1),
        (MYSQL_TYPE_STRING, true) => ("BINARY", -2),
        (MYSQL_TYPE_VAR_STRING | MYSQL_TYPE_VARCHAR, false) => ("VARCHAR", 12),
        (MYSQL_TYPE_VAR_STRING | MYSQL_TYPE_VARCHAR, true) => ("VARBINARY", -3),
        (_, false) => match length {
            0..=255 => ("TINYTEXT", -1),
            256..=0xffff => ("TEXT", -1),
            0x1_0000..=0xff_ffff => ("MEDIUMTEXT", -1),
            _ => ("LONGTEXT", -1),
        },
        (_, true) => match length {
            0..=255 => ("TINYBLOB", -4),
            256..=0xffff => ("BLOB", -4),
            0x1_0000..=0xff_ffff => ("MEDIUMBLOB", -4),
            _ => ("LONGBLOB", -4),
        },
    };
    (name, number, length, shape)
}

/// A value as a field, and how many bytes it came in.
fn field(column: &Column, value: &Value, options: &ResultSetOptions) -> (Json, usize) {
    let Some(text) = text(column, value) else {
        return (json!({ "isNull": true }), 0);
    };
    let size = text.len();
    let shape = kind(column).shape;
    let string = String::from_utf8_lossy(&text).into_owned();
    let asked = |option: &Option<String>, word: &str| option.as_deref() == Some(word);
    let field = match shape {
        Shape::Blob => json!({ "blobValue": BASE64_STANDARD.encode(&text) }),
        Shape::Boolean => {
            let set = if let Value::Bytes(bits) = value { bits.iter().any(|byte| *byte != 0) } else { string != "0" };
            json!({ "booleanValue": set })
        }
        Shape::Decimal if asked(&options.decimal_return_type, "DOUBLE_OR_LONG") => match string.parse::<i64>() {
            Ok(number) => json!({ "longValue": number }),
            Err(_) => json!({ "doubleValue": string.parse::<f64>().unwrap_or_default() }),
        },
        Shape::Double => json!({ "doubleValue": string.parse::<f64>().unwrap_or_default() }),
        Shape::Long if !asked(&options.long_return_type, "STRING") => match string.parse::<i64>() {
            Ok(number) => json!({ "longValue": number }),
            // An unsigned one beyond what a long holds.
            Err(_) => json!({ "stringValue": string }),
        },
        Shape::Decimal | Shape::Long | Shape::Text => json!({ "stringValue": string }),
    };
    (field, size)
}

/// A value as the text protocol of the database would have sent it; none for NULL.
fn text(column: &Column, value: &Value) -> Option<Vec<u8>> {
    let text = match value {
        Value::NULL => return None,
        Value::Bytes(bytes) => return Some(bytes.clone()),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let date = format!("{year:04}-{month:02}-{day:02}");
            match column.column_type() {
                ColumnType::MYSQL_TYPE_DATE | ColumnType::MYSQL_TYPE_NEWDATE => date,
                _ => format!("{date} {hour:02}:{minute:02}:{second:02}{}", fraction(column, *micros)),
            }
        }
        Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let sign = if *negative { "-" } else { "" };
            let hours = days * 24 + u32::from(*hours);
            format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{}", fraction(column, *micros))
        }
    };
    Some(text.into_bytes())
}

/// The fraction of a second with as many digits as the column has.
fn fraction(column: &Column, micros: u32) -> String {
    match usize::from(column.decimals()) {
        0 => String::new(),
        digits => format!(".{micros:06}").chars().take(1 + digits).collect(),
    }
}
