//! Words as they are compared: lower case, without their endings, without the words that every
//! text has.

use crate::stem::stem;

/// Words that say nothing about what a text is about.
const COMMON: &[&str] = &[
    "a", "about", "after", "again", "all", "already", "also", "am", "an", "and", "another", "any", "are", "as", "at",
    "be", "because", "been", "before", "being", "between", "both", "but", "by", "can", "cannot", "could", "did", "do",
    "does", "done", "due", "during", "each", "every", "few", "first", "for", "from", "further", "get", "got", "had",
    "has", "have", "having", "he", "her", "here", "him", "his", "how", "however", "i", "if", "in", "into", "is", "it",
    "its", "just", "last", "like", "made", "make", "makes", "many", "may", "me", "might", "more", "most", "much",
    "must", "my", "new", "no", "nor", "not", "now", "of", "off", "on", "once", "one", "only", "or", "other", "our",
    "out", "over", "own", "per", "same", "shall", "she", "should", "since", "so", "some", "still", "such", "take",
    "taken", "takes", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those",
    "through", "to", "too", "took", "two", "under", "until", "up", "upon", "us", "very", "via", "was", "we", "were",
    "what", "when", "where", "which", "while", "who", "whom", "why", "will", "with", "within", "without", "would",
    "yet", "you", "your",
];

/// Words with which people ask, rather than what they ask about.
const ASKING: &[&str] = &[
    "analyse",
    "analysis",
    "analyze",
    "answer",
    "case",
    "cause",
    "compare",
    "data",
    "describe",
    "each",
    "explain",
    "find",
    "following",
    "give",
    "identify",
    "kind",
    "list",
    "main",
    "often",
    "please",
    "question",
    "reason",
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
    fn what_every_text_has_tells_nothing() {
        assert_eq!(stems("What is the error of it, 2026-01-31 or 7?"), ["error"]);
        assert_eq!(stems("EC2 S3 us-east-1 Überlast"), ["ec2", "s3", "us-east-1", "überlast"]);
        assert!(asks("summariz") && !asks("throttl"));
    }
}
