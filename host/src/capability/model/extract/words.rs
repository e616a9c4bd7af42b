//! Words as they are compared: lower case, without their endings, without the words that every
//! text has.

/// Words that say nothing about what a text is about.
const COMMON: &[&str] = &[
    "a",
    "about",
    "after",
    "again",
    "all",
    "already",
    "also",
    "am",
    "an",
    "and",
    "another",
    "any",
    "are",
    "as",
    "at",
    "be",
    "because",
    "been",
    "before",
    "being",
    "between",
    "both",
    "but",
    "by",
    "can",
    "cannot",
    "could",
    "did",
    "do",
    "does",
    "due",
    "during",
    "each",
    "every",
    "few",
    "first",
    "for",
    "from",
    "further",
    "get",
    "got",
    "had",
    "has",
    "have",
    "having",
    "he",
    "her",
    "here",
    "him",
    "his",
    "how",
    "however",
    "i",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "just",
    "last",
    "like",
    "made",
    "make",
    "makes",
    "many",
    "may",
    "me",
    "might",
    "more",
    "most",
    "much",
    "must",
    "my",
    "new",
    "no",
    "nor",
    "not",
    "now",
    "of",
    "off",
    "on",
    "once",
    "one",
    "only",
    "or",
    "other",
    "our",
    "out",
    "over",
    "own",
    "per",
    "same",
    "shall",
    "she",
    "should",
    "since",
    "so",
    "some",
    "still",
    "such",
    "take",
    "taken",
    "takes",
    "than",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "therefore",
    "these",
    "they",
    "this",
    "those",
    "through",
    "to",
    "too",
    "took",
    "two",
    "under",
    "until",
    "up",
    "upon",
    "us",
    "very",
    "via",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "while",
    "who",
    "whom",
    "why",
    "will",
    "with",
    "within",
    "without",
    "would",
    "yet",
    "you",
    "your",
];

/// Words with which people ask, rather than what they ask about.
const ASKING: &[&str] = &[
    "analyse",
    "analysis",
    "analyze",
    "answer",
    "compare",
    "data",
    "describe",
    "each",
    "explain",
    "find",
    "following",
    "give",
    "identify",
    "list",
    "main",
    "please",
    "question",
    "record",
    "report",
    "show",
    "summarise",
    "summarize",
    "summary",
    "tell",
    "top",
];

/// The telling words of a text, in order: the form to compare, and the form as written.
pub(super) fn telling(text: &str) -> impl Iterator<Item = (String, &str)> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '\u{2019}' && c != '-' && c != '_');
    words.map(|word| word.trim_matches(|c: char| !c.is_alphanumeric())).filter_map(|word| {
        let lower = word.to_lowercase();
        let tells = lower.chars().count() > 1
            && lower.chars().any(char::is_alphabetic)
            && COMMON.binary_search(&lower.as_str()).is_err();
        tells.then(|| (stem(&lower), word))
    })
}

/// Whether a word, in its form to compare, only says that something is asked.
pub(super) fn asks(stemmed: &str) -> bool {
    ASKING.iter().any(|word| stem(word) == stemmed)
}

/// A word without the ending that number and tense give it: `throttled` and `throttling` are
/// `throttl`, `policies` and `policy` are `polici`.
fn stem(word: &str) -> String {
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

    fn stems(text: &str) -> Vec<String> {
        telling(text).map(|(stem, _)| stem).collect()
    }

    #[test]
    fn the_common_words_are_in_order_for_the_search() {
        assert!(COMMON.is_sorted(), "binary search needs it");
    }

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
            let stems = stems(forms);
            assert!(stems.iter().all(|stem| *stem == stems[0]), "{stems:?}");
        }
        assert_eq!(stems("status access process"), ["status", "acces", "proces"]);
    }

    #[test]
    fn what_every_text_has_tells_nothing() {
        assert_eq!(stems("What is the error of it, 2026-01-31 or 7?"), ["error"]);
        assert_eq!(stems("EC2 S3 us-east-1 Überlast"), ["ec2", "s3", "us-east-1", "überlast"]);
        assert!(asks("summariz") && !asks("throttl"));
    }
}
