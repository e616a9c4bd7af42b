//! Words as they are compared: lower case, parted where names are, without their endings and
//! without those that only make a sentence of a question.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::stem::stem;

/// Longer words are cut, in bytes: nobody asks for them.
const WORD_BYTES_MAX: usize = 64;

/// Shorter parts of a word say nothing by themselves, in bytes: `PromQL` is not about `ql`.
const PART_BYTES_MIN: usize = 3;

/// Words that a question has whatever it is about. Those of time and order (`last`, `new`,
/// `first`) are not among them: tools differ by them.
const COMMON: &[&str] = &[
    "a", "about", "all", "also", "am", "an", "and", "any", "anything", "are", "as", "at", "be", "because", "been",
    "being", "but", "by", "can", "cannot", "could", "did", "do", "does", "doing", "done", "either", "for", "from",
    "give", "had", "has", "have", "having", "he", "her", "here", "hers", "him", "his", "how", "i", "if", "in", "into",
    "is", "it", "its", "just", "let", "like", "many", "may", "me", "might", "mine", "much", "must", "my", "need", "of",
    "on", "one", "ones", "only", "or", "our", "ours", "out", "please", "s", "shall", "she", "should", "show", "so",
    "some", "such", "t", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those",
    "to", "too", "us", "very", "want", "was", "we", "were", "what", "when", "where", "which", "who", "whom", "whose",
    "why", "will", "with", "would", "you", "your", "yours",
];

/// Words that people use for one another when they speak of work and of systems. They stand in
/// for the keywords that an author did not give: without those, they find one question in
/// fourteen of the held-out ones (`measured.rs`).
const SYNONYMS: &[&[&str]] = &[
    &["abort", "cancel", "end", "kill", "stop", "terminate"],
    &["account", "client", "customer"],
    &["add", "create", "make", "open", "write"],
    &["address", "location", "place"],
    &["agenda", "calendar", "schedule"],
    &["alarm", "alert", "warning"],
    &["alter", "change", "edit", "modify", "update"],
    &["answer", "reply", "respond"],
    &["appointment", "event", "meeting"],
    &["begin", "launch", "run", "start", "trigger"],
    &["bill", "invoice"],
    &["boss", "lead", "manager"],
    &["bug", "defect", "issue"],
    &["build", "pipeline"],
    &["business", "company", "firm", "organisation", "organization"],
    &["chart", "graph", "plot"],
    &["colleague", "employee", "staff"],
    &["config", "configuration", "setting"],
    &["container", "pod"],
    &["cost", "expense", "price", "spend", "spent"],
    &["database", "db"],
    &["delete", "drop", "erase", "remove"],
    &["deploy", "release", "rollout", "ship"],
    &["directory", "folder"],
    &["document", "file"],
    &["earnings", "income", "revenue", "turnover"],
    &["email", "mail", "message"],
    &["error", "exception", "failure"],
    &["find", "look", "search"],
    &["hire", "recruit"],
    &["history", "past", "previous"],
    &["holiday", "leave", "vacation"],
    &["host", "machine", "node", "server"],
    &["image", "photo", "picture", "screenshot"],
    &["incident", "outage"],
    &["latency", "performance", "slow"],
    &["order", "purchase"],
    &["pay", "salary", "wage"],
    &["repo", "repository"],
];

/// The telling words of a text, in order. One that was run together (`createIssue`, `oauth2`) is
/// there as a whole, and then in its parts.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> {
    let whole = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let cut = whole.filter_map(|word| word.get(..word.floor_char_boundary(WORD_BYTES_MAX)));
    let forms = cut.flat_map(|word| {
        let telling = |part: &&str| part.len() >= PART_BYTES_MIN && part.chars().all(char::is_alphabetic);
        std::iter::once(word).chain(parts(word).into_iter().filter(telling))
    });
    let lower = forms.map(str::to_lowercase);
    lower.filter(|word| COMMON.binary_search(&word.as_str()).is_err()).map(|word| stem(&word))
}

/// The parts of a word that was run together: `HTTPServer2` has `HTTP`, `Server` and `2`. A plain
/// word has none.
fn parts(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut before: Option<char> = None;
    let mut letters = word.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let lower_follows = letters.peek().is_some_and(|(_, next)| next.is_lowercase());
        let begins = before.is_some_and(|before| {
            before.is_numeric() != c.is_numeric()
                || (c.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && lower_follows)))
        });
        if begins {
            parts.extend(word.get(start..at));
            start = at;
        }
        before = Some(c);
    }
    if start > 0 {
        parts.extend(word.get(start..));
    }
    parts
}

/// The words that are used for one of [`words`].
pub(super) fn synonyms(word: &str) -> impl Iterator<Item = &'static str> {
    SAME.get(word).into_iter().flatten().map(String::as_str)
}

/// [`SYNONYMS`] as they are compared: by each word, the others.
static SAME: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(|| {
    let mut same: HashMap<String, Vec<String>> = HashMap::new();
    for group in SYNONYMS {
        for word in *group {
            let others = group.iter().filter(|other| *other != word);
            same.entry(stem(word)).or_default().extend(others.map(|other| stem(other)));
        }
    }
    same
});

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        words(text).collect()
    }

    #[test]
    fn the_common_words_are_in_order_for_the_search() {
        assert!(COMMON.is_sorted(), "binary search needs it");
    }

    #[test]
    fn names_are_parted_where_they_were_joined() {
        assert_eq!(read("crm__list_contacts"), ["crm", "list", "contact"]);
        assert_eq!(read("createIssue"), ["createissu", "creat", "issu"]);
        assert_eq!(read("HTTPServer2"), ["httpserver2", "http", "server"]);
        assert_eq!(read("PromQL k8s p99 s3 oauth2"), ["promql", "prom", "k8s", "p99", "s3", "oauth2", "oauth"]);
    }

    #[test]
    fn a_question_is_what_is_left_without_its_grammar() {
        assert_eq!(read("How many of Anna's invoices are there, please?"), ["anna", "invoic"]);
        assert_eq!(read("can you show me what it is"), [""; 0]);
    }

    #[test]
    fn any_text_is_cut_between_its_letters() {
        for word in ["ü", "\u{130}", "aß", "天気", "👩‍🚀x", "aB", "1a"] {
            assert!(read(&word.repeat(50)).iter().all(|word| word.len() <= 2 * WORD_BYTES_MAX), "{word}");
        }
    }

    #[test]
    fn synonyms_stand_for_one_another() {
        assert!(SYNONYMS.is_sorted());
        for group in SYNONYMS {
            assert!(group.len() > 1 && group.is_sorted(), "{group:?}");
            for word in *group {
                let read = read(word);
                let [stem] = read.as_slice() else { panic!("{word} is not one word") };
                assert!(synonyms(stem).count() > 0, "{word}");
            }
        }
        assert!(synonyms("invoic").any(|other| other == "bill"));
        assert_eq!(synonyms("zebra").count(), 0);
    }
}
