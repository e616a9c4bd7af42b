//! Names that stand in a list once.

/// Stops the compiler if two of a list have one name, which would hide the second.
pub const fn assert_unique(mut names: &[&str], message: &str) {
    while let [first, others @ ..] = names {
        let mut rest = others;
        while let [other, others @ ..] = rest {
            assert!(!bytes_equal(first.as_bytes(), other.as_bytes()), "{}", message);
            rest = others;
        }
        names = others;
    }
}

/// `==` for bytes, which a `const fn` cannot call yet.
const fn bytes_equal(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([first_a, rest_a @ ..], [first_b, rest_b @ ..]) = (a, b) {
        if *first_a != *first_b {
            return false;
        }
        (a, b) = (rest_a, rest_b);
    }
    a.is_empty() && b.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_names_are_unique() {
        assert_unique(&[], "twice");
        assert_unique(&["add", "ad", "adds", "sum"], "twice");
    }

    #[test]
    #[should_panic(expected = "two of one name")]
    fn one_name_twice_is_not() {
        assert_unique(&["add", "sum", "add"], "two of one name");
    }
}
