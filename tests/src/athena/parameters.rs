//! `ExecutionParameters`: literals that take the places of the `?` of a statement, in their order.

/// The longest literal, in characters.
const LITERAL_MAX: usize = 1_024;

/// The statement with its literals.
pub(super) fn fill(sql: &str, literals: &[String]) -> Result<String, String> {
    if literals.iter().any(|literal| !(1..=LITERAL_MAX).contains(&literal.chars().count())) {
        return Err("ExecutionParameters must have length between 1 and 1024".to_owned());
    }
    let mut left = literals.iter();
    let mut filled = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' | '`' => {
                1 + rest.get(1..).and_then(|inside| inside.find(first)).map_or(rest.len() - 1, |at| at + 1)
            }
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            '?' => {
                filled.push_str(left.next().ok_or("Incorrect number of parameters: too few")?);
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            other => other.len_utf8(),
        };
        let (piece, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        filled.push_str(piece);
        rest = after;
    }
    match left.next() {
        None => Ok(filled),
        Some(_) => Err("Incorrect number of parameters: too many".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn literals_take_the_places_of_placeholders_alone() {
        let literals = ["'it''s ?'".to_owned(), "2".to_owned()];
        let filled = fill("SELECT '?', \"?\", ? /* ? */ -- ?\n, ?", &literals);
        assert_eq!(filled.as_deref(), Ok("SELECT '?', \"?\", 'it''s ?' /* ? */ -- ?\n, 2"));
        assert!(fill("SELECT ?", &[]).is_err() && fill("SELECT 1", &literals).is_err());
        assert!(fill("SELECT ?", &["x".repeat(1_025)]).is_err());
    }
}
