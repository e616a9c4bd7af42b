//! English words without their endings, so that the forms of a word compare as one.

/// A word without the ending that number and tense give it: `throttled` and `throttling` are
/// `throttl`, `policies` and `policy` are `polici`.
pub(crate) fn stem(word: &str) -> String {
    let word = word.strip_suffix("'s").or_else(|| word.strip_suffix("\u{2019}s")).unwrap_or(word);
    // The rules are those of English; what is short, or holds anything else, stays as it is.
    if word.len() < 5 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return plural(word).to_owned();
    }
    let singular = plural(word);
    for ending in ["ations", "ation", "ings", "ing", "ed"] {
        if let Some(root) = singular.strip_suffix(ending)
            && root.len() >= 3
        {
            return trimmed(root);
        }
    }
    trimmed(singular)
}

fn plural(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(root) if root.len() >= 3 && !root.ends_with(['s', 'u', 'i']) => root,
        _ => word,
    }
}

/// Without a last `e`, with `i` for a last `y`, and with one of two last letters that are the same.
fn trimmed(root: &str) -> String {
    let root = root.strip_suffix("e").filter(|short| short.len() >= 3).unwrap_or(root);
    let mut root = root.to_owned();
    if root.ends_with('y') {
        root.pop();
        root.push('i');
    }
    let mut last = root.chars().rev();
    if let (Some(a), Some(b)) = (last.next(), last.next())
        && a == b
        && root.len() > 3
    {
        root.pop();
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_word_are_one() {
        for forms in [
            "throttle throttled throttling throttles",
            "policy policies",
            "fail failed failing fails",
            "retry retries retried",
            "limit limits limited limiting",
            "configuration configurations configure configured",
            "customer customers customer's",
        ] {
            let stems: Vec<String> = forms.split(' ').map(stem).collect();
            assert!(stems.iter().all(|stem| *stem == stems[0]), "{stems:?}");
        }
        assert_eq!(["status", "access", "process"].map(stem), ["status", "acces", "proces"]);
    }
}
