//! Cuts a credential out of what an upstream answers: some echo what they were sent.

use memchr::memmem;
use zeroize::Zeroizing;

/// What stands where a credential stood.
const MARK: &[u8] = b"[credential]";

/// The same bytes without any of these spellings; none if they hold none.
pub(super) fn cut(bytes: &[u8], spellings: &[Zeroizing<Vec<u8>>]) -> Option<Vec<u8>> {
    let mut cut: Option<Vec<u8>> = None;
    for spelling in spellings {
        let before = cut.as_deref().unwrap_or(bytes);
        let mut rest = before;
        let mut after = Vec::new();
        while let Some(at) = memmem::find(rest, spelling) {
            after.extend_from_slice(rest.get(..at).unwrap_or_default());
            after.extend_from_slice(MARK);
            rest = rest.get(at + spelling.len()..).unwrap_or_default();
        }
        if rest.len() < before.len() {
            after.extend_from_slice(rest);
            cut = Some(after);
        }
    }
    cut
}

/// Whether bytes under these headers can be searched: they are not compressed, and their
/// letters are those of ASCII.
pub(super) fn can_be_searched(content_encoding: Option<&str>, content_type: Option<&str>) -> bool {
    let plain = content_encoding.is_none_or(|encoding| encoding.trim().is_empty() || encoding.trim() == "identity");
    let wide = |kind: &str| {
        let kind = kind.to_ascii_lowercase();
        ["utf-16", "utf16", "utf-32", "utf32", "utf-7", "ucs-2", "ucs-4", "ebcdic", "ibm0", "cp037"].iter().any(
            |charset| kind.contains(&format!("charset={charset}")) || kind.contains(&format!("charset=\"{charset}")),
        )
    };
    plain && !content_type.is_some_and(wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spellings(words: &[&str]) -> Vec<Zeroizing<Vec<u8>>> {
        words.iter().map(|word| Zeroizing::new(word.as_bytes().to_vec())).collect()
    }

    #[test]
    fn every_spelling_is_cut_wherever_it_stands() {
        let cut = |text: &str| cut(text.as_bytes(), &spellings(&["se%63ret", "secret"])).map(String::from_utf8);
        let cut = |text: &str| cut(text).transpose().expect("is UTF-8");
        assert_eq!(cut("nothing here"), None);
        assert_eq!(cut("secret"), Some("[credential]".to_owned()));
        assert_eq!(cut("a secretsecret se%63ret"), Some("a [credential][credential] [credential]".to_owned()));
    }

    #[test]
    fn bytes_that_are_no_text_are_searched_too() {
        let found = cut(b"\xff\x00secret\xfe", &spellings(&["secret"]));
        assert_eq!(found.as_deref(), Some(&b"\xff\x00[credential]\xfe"[..]));
    }

    #[test]
    fn what_is_compressed_or_wide_cannot_be_searched() {
        assert!(can_be_searched(None, Some("application/json; charset=utf-8")));
        assert!(can_be_searched(Some("identity"), None));
        assert!(!can_be_searched(Some("gzip"), None) && !can_be_searched(Some("br"), None));
        assert!(!can_be_searched(None, Some("text/plain; charset=UTF-16LE")));
        assert!(!can_be_searched(None, Some("text/plain; charset=\"utf-32\"")));
    }
}
