//! The pages that Athena answers, as those of the contract: without the row of labels that the
//! first page of a query begins with, typed, and cut by bytes where the service cuts by rows.

use aws_sdk_athena::operation::get_query_results::GetQueryResultsOutput;
use aws_sdk_athena::types::{ColumnInfo, Datum, Row as AthenaRow};

use super::super::page::{Page, Size};
use super::super::values::{from_text, kind};
use crate::wit::Error;
use crate::wit::rows::{Column, ColumnKind, Row, Value};

/// Most rows of one page of the service.
const ROWS_MAX: usize = 1_000;

/// Where a page begins: at a page of the service, after some of its rows.
#[derive(Debug, PartialEq)]
pub(super) struct Place {
    token: Option<String>,
    skip: usize,
}

impl Place {
    /// A place as [`page`] wrote it; the beginning if there is none.
    pub(super) fn read(text: Option<&str>) -> Option<Self> {
        let Some(text) = text else { return Some(Self { token: None, skip: 0 }) };
        let (skip, token) = text.split_once(':')?;
        Some(Self { token: (!token.is_empty()).then(|| token.to_owned()), skip: skip.parse().ok()? })
    }

    fn write(token: Option<&str>, skip: usize) -> String {
        format!("{skip}:{}", token.unwrap_or_default())
    }

    /// The token of the page of the service.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// How many rows to ask for, to get as many as were wanted.
    pub(super) fn rows_to_ask(&self, size: Size, shows: bool) -> i32 {
        let labels = usize::from(self.token.is_none() && !shows);
        i32::try_from((self.skip + size.rows + labels).min(ROWS_MAX)).unwrap_or(i32::MAX)
    }
}

/// One page of an answer. `shows` tells a statement about the catalogue, which is answered in
/// lines of text and without labels.
pub(super) fn page(answer: GetQueryResultsOutput, place: &Place, size: Size, shows: bool) -> Result<Page, Error> {
    let set = answer.result_set.unwrap_or_else(|| aws_sdk_athena::types::ResultSet::builder().build());
    let infos = set.result_set_metadata.and_then(|metadata| metadata.column_info).unwrap_or_default();
    let columns: Vec<Column> = infos.iter().map(|info| column(info, shows)).collect();
    let mut rows = set.rows.unwrap_or_default();
    if place.token.is_none() && !shows && rows.first().is_some_and(|first| holds_labels(first, &columns)) {
        rows.remove(0);
    }
    let convert = |row: AthenaRow| if shows { line(row, &columns) } else { typed(row, &columns) };
    let rows: Vec<Row> = rows.into_iter().skip(place.skip).map(convert).collect();
    let count = size.fit(&rows)?;
    let next = if count < rows.len() {
        Some(Place::write(place.token(), place.skip + count))
    } else {
        answer.next_token.map(|token| Place::write(Some(&token), 0))
    };
    Ok(Page { columns, rows: rows.into_iter().take(count).collect(), next })
}

fn column(info: &ColumnInfo, shows: bool) -> Column {
    let declared = match info.r#type() {
        "decimal" => format!("decimal({},{})", info.precision(), info.scale()),
        other => other.to_owned(),
    };
    let kind = if shows { ColumnKind::Text } else { kind(&declared) };
    Column { name: info.name().to_owned(), kind, declared }
}

/// Whether a row is the one of labels: `EXPLAIN` has none, and every `SELECT` one.
fn holds_labels(row: &AthenaRow, columns: &[Column]) -> bool {
    let texts = row.data().iter().map(Datum::var_char_value);
    row.data().len() == columns.len() && texts.eq(columns.iter().map(|column| Some(column.name.as_str())))
}

fn typed(row: AthenaRow, columns: &[Column]) -> Row {
    let data = row.data.unwrap_or_default().into_iter().map(|datum| datum.var_char_value);
    let value =
        |(column, text): (&Column, Option<String>)| text.map_or(Value::Null, |text| from_text(column.kind, text));
    // A row is as wide as its columns, whatever came.
    columns.iter().zip(data.chain(std::iter::repeat(None))).map(value).collect()
}

/// A line of `DESCRIBE` or `SHOW`: its columns come in one text, tabs between them, filled up with spaces.
fn line(row: AthenaRow, columns: &[Column]) -> Row {
    let texts: Vec<String> =
        row.data.unwrap_or_default().into_iter().filter_map(|datum| datum.var_char_value).collect();
    let text = |text: &str| Value::Text(text.trim_end().to_owned());
    match texts.as_slice() {
        [one] if columns.len() > 1 => {
            let mut pieces = one.splitn(columns.len(), '\t').map(|piece| Value::Text(piece.trim().to_owned()));
            columns.iter().map(|_| pieces.next().unwrap_or(Value::Null)).collect()
        }
        several => {
            let mut values = several.iter().map(|one| text(one));
            columns.iter().map(|_| values.next().unwrap_or(Value::Null)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_athena::types::{ResultSet, ResultSetMetadata};

    use super::*;

    fn info(name: &str, declared: &str) -> ColumnInfo {
        ColumnInfo::builder().name(name).r#type(declared).precision(10).scale(2).build().expect("a column")
    }

    fn answer(infos: Vec<ColumnInfo>, rows: &[&[Option<&str>]], token: Option<&str>) -> GetQueryResultsOutput {
        let datum = |text: &Option<&str>| Datum::builder().set_var_char_value(text.map(str::to_owned)).build();
        let row = |row: &&[Option<&str>]| AthenaRow::builder().set_data(Some(row.iter().map(datum).collect())).build();
        let metadata = ResultSetMetadata::builder().set_column_info(Some(infos)).build();
        let set =
            ResultSet::builder().set_rows(Some(rows.iter().map(row).collect())).result_set_metadata(metadata).build();
        GetQueryResultsOutput::builder().result_set(set).set_next_token(token.map(str::to_owned)).build()
    }

    const BEGIN: Place = Place { token: None, skip: 0 };
    const LARGE: Size = Size { rows: 1_000, bytes: 1 << 20 };

    #[test]
    fn the_labels_are_no_row_and_null_is_no_text() {
        let infos = || vec![info("n", "bigint"), info("c", "varchar"), info("d", "decimal")];
        let rows: &[&[Option<&str>]] =
            &[&[Some("n"), Some("c"), Some("d")], &[Some("7"), None, Some("12.90")], &[None, Some("c"), None]];
        let first = page(answer(infos(), rows, None), &BEGIN, LARGE, false).expect("a page");
        let seven = vec![Value::Integer(7), Value::Null, Value::Decimal("12.90".into())];
        assert_eq!(first.rows, [seven, vec![Value::Null, Value::Text("c".into()), Value::Null]]);
        assert_eq!(first.columns[2].declared, "decimal(10,2)");
        assert_eq!(first.next, None);
        // On a later page the same row is a row.
        let later = Place { token: Some("t".into()), skip: 0 };
        let later = page(answer(vec![info("c", "varchar")], &[&[Some("c")]], None), &later, LARGE, false);
        assert_eq!(later.expect("a page").rows, [[Value::Text("c".into())]]);
    }

    #[test]
    fn a_page_that_is_cut_by_bytes_goes_on_where_it_was_cut() {
        let long = "x".repeat(40);
        let row: &[Option<&str>] = &[Some(&long)];
        let rows = || answer(vec![info("c", "varchar")], &[&[Some("c")], row, row, row], Some("next"));
        let size = Size { rows: 1_000, bytes: 100 };
        let first = page(rows(), &BEGIN, size, false).expect("a page");
        assert_eq!((first.rows.len(), first.next.as_deref()), (2, Some("2:")));
        let place = Place::read(first.next.as_deref()).expect("a place");
        let second = page(rows(), &place, size, false).expect("a page");
        assert_eq!((second.rows.len(), second.next.as_deref()), (1, Some("0:next")));
        assert_eq!(Place::read(second.next.as_deref()), Some(Place { token: Some("next".into()), skip: 0 }));
        assert_eq!(Place::read(Some("nonsense")), None);
        assert_eq!((BEGIN.rows_to_ask(size, false), BEGIN.rows_to_ask(Size { rows: 5, bytes: 1 }, true)), (1_000, 5));
    }

    #[test]
    fn what_describes_a_table_comes_in_lines_with_tabs() {
        let infos = vec![info("col_name", "string"), info("data_type", "string"), info("comment", "string")];
        let rows: &[&[Option<&str>]] = &[&[Some("severity            \tstring              \tof the case         ")]];
        let described = page(answer(infos, rows, None), &BEGIN, LARGE, true).expect("a page");
        assert_eq!(described.rows, [["severity", "string", "of the case"].map(|text| Value::Text(text.into()))]);
        let shown = page(answer(vec![info("tab_name", "string")], &[&[Some("tab_name")]], None), &BEGIN, LARGE, true);
        assert_eq!(shown.expect("a page").rows, [[Value::Text("tab_name".into())]]);
    }
}
