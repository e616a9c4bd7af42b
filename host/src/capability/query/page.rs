//! One page of an answer: as many rows as the limits let through, and where the next one begins.

use super::Limits;
use crate::wit::rows::{Column, Row};
use crate::wit::{Error, ErrorKind, row_bytes};

/// One page, as a backend hands it over.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Page {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
    /// Where the next page begins, in the backend's own words; none after the last.
    pub(super) next: Option<String>,
}

/// What one page may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

impl Size {
    /// As many rows as were asked for, within the limits; at least one, or no page would follow.
    pub(super) fn asked(rows: u32, limits: &Limits) -> Self {
        let rows = usize::try_from(rows).unwrap_or(usize::MAX).clamp(1, limits.rows_max);
        Self { rows, bytes: limits.bytes_max }
    }

    /// How many of the rows fit. A first row that is larger than a whole page is an error.
    pub(super) fn fit<'a>(self, rows: impl IntoIterator<Item = &'a Row>) -> Result<usize, Error> {
        let (mut count, mut bytes) = (0, 0);
        for row in rows.into_iter().take(self.rows) {
            bytes += row_bytes(row);
            if bytes > self.bytes {
                break;
            }
            count += 1;
        }
        if count == 0 && bytes > 0 {
            let message = format!(
                "one row is larger than the grant's `bytes_max` of {}; select fewer or shorter columns",
                self.bytes
            );
            return Err(Error::new(ErrorKind::Limited, message));
        }
        Ok(count)
    }
}

/// The error for a cursor that no page of this answer came with.
pub(super) fn no_such_page() -> Error {
    Error::new(
        ErrorKind::Invalid,
        "the cursor is not one of this statement: use one as it came with a page, or none for the first page",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::rows::Value;

    #[test]
    fn a_page_ends_by_rows_or_by_bytes_and_a_row_that_can_never_fit_is_told() {
        let rows = vec![vec![Value::Text("x".repeat(40))]; 3];
        let fit = |rows_max, bytes| Size { rows: rows_max, bytes }.fit(&rows);
        assert_eq!(fit(2, 1_000).ok(), Some(2));
        assert_eq!(fit(9, 1_000).ok(), Some(3));
        assert_eq!(fit(9, 100).ok(), Some(2));
        assert!(fit(9, 40).is_err_and(|error| error.kind == ErrorKind::Limited));
        assert_eq!(Size { rows: 9, bytes: 1 }.fit(&Vec::new()).ok(), Some(0));
    }
}
