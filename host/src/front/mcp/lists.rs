//! Lists, a page at a time: sorted by name, so that a page goes on where the one before
//! ended even if the list has changed meanwhile.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use rmcp::model::{ErrorData, PaginatedRequestParams};

/// How long a list is shown at once. Clients that ask for no second page are common.
const PAGE: usize = 1_000;

/// The items of one page with their names, and the cursor of the next.
pub(super) fn page<T>(
    items: impl Iterator<Item = (String, T)>,
    request: Option<&PaginatedRequestParams>,
) -> Result<(Vec<T>, Option<String>), ErrorData> {
    let after = match request.and_then(|request| request.cursor.as_deref()) {
        None => None,
        Some(cursor) => Some(open(cursor)?),
    };
    let mut items = items.skip_while(|(name, _)| after.as_ref().is_some_and(|after| name <= after));
    let mut page = Vec::new();
    let mut last = String::new();
    for (name, item) in items.by_ref().take(PAGE) {
        last = name;
        page.push(item);
    }
    let next = items.next().map(|_| BASE64.encode(last));
    Ok((page, next))
}

fn open(cursor: &str) -> Result<String, ErrorData> {
    let name = BASE64.decode(cursor).ok().filter(|name| !name.is_empty());
    let name = name.and_then(|name| String::from_utf8(name).ok());
    name.ok_or_else(|| ErrorData::invalid_params("`cursor` is not one that a list gave; list without it", None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> impl Iterator<Item = (String, usize)> {
        (0..count).map(|number| (format!("{number:05}"), number))
    }

    fn after(cursor: Option<String>) -> Option<PaginatedRequestParams> {
        cursor.map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)))
    }

    #[test]
    fn pages_hold_everything_once_and_in_order() {
        let (mut all, mut cursor) = (Vec::new(), None);
        for _ in 0..3 {
            let (page, next) = page(names(2_500), after(cursor).as_ref()).expect("a page");
            all.extend(page);
            cursor = next;
        }
        assert_eq!(all, (0..2_500).collect::<Vec<_>>());
        assert_eq!(cursor, None);
        assert_eq!(page(names(PAGE), None).expect("a page").1, None, "a full page that is the last has no next");
    }

    #[test]
    fn a_cursor_that_no_list_gave_is_refused() {
        for cursor in ["", "!", "_w"] {
            assert!(page(names(3), after(Some(cursor.to_owned())).as_ref()).is_err(), "{cursor}");
        }
    }
}
