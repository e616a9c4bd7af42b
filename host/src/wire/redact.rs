//! Cuts a credential out of what an upstream answers: some echo what they were sent.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use memchr::memmem;
use zeroize::Zeroizing;

/// What stands where a credential stood.
const MARK: &[u8] = b"[credential]";

/// What stays as it is in a URL: by the standard, in the paths of some libraries, and in JavaScript.
const KEPT_IN_URLS: [&[u8]; 3] = [b"-._~", b"-._~/", b"-._~!*'()"];

/// Every spelling of what is secret, the longest first: one may hold another one.
#[derive(Default)]
pub struct Spellings(Vec<Zeroizing<Vec<u8>>>);

impl Spellings {
    /// A secret as it is, and as URLs, JSON, HTML and base64 write it.
    pub fn of(secret: &str) -> Self {
        let mut spellings = Self::default();
        spellings.add(secret.to_owned());
        for kept in KEPT_IN_URLS {
            for digits in [b"0123456789ABCDEF", b"0123456789abcdef"] {
                let percent = percent_encoded_with(secret, kept, digits);
                spellings.add(percent.replace("%20", "+"));
                spellings.add(percent);
            }
        }
        let quoted = serde_json::Value::from(secret).to_string();
        let json = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
        spellings.add(json.replace('/', "\\/"));
        spellings.add(json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e"));
        spellings.add(ascii(json));
        spellings.add(json.to_owned());
        let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        spellings.add(html.replace('"', "&#34;").replace('\'', "&#39;"));
        spellings.add(html.replace('"', "&quot;").replace('\'', "&#x27;"));
        spellings.add_base64(secret);
        spellings
    }

    /// One more spelling.
    pub fn add(&mut self, spelling: String) {
        let spelling = Zeroizing::new(spelling.into_bytes());
        if !spelling.is_empty() && !self.0.contains(&spelling) {
            self.0.push(spelling);
            self.0.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
        }
    }

    /// A text as base64 writes it; padding may be lost on the way back.
    pub fn add_base64(&mut self, text: &str) {
        self.add(BASE64_STANDARD_NO_PAD.encode(text));
        self.add(BASE64_URL_SAFE_NO_PAD.encode(text));
    }

    /// Whether there is nothing to cut.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same bytes without any of these spellings; none if they hold none.
    pub fn cut(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut cut: Option<Vec<u8>> = None;
        for spelling in &self.0 {
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
}

/// A text as a URL writes it, in a name or a value of its query.
pub fn percent_encoded(text: &str) -> String {
    let [strict, ..] = KEPT_IN_URLS;
    percent_encoded_with(text, strict, b"0123456789ABCDEF")
}

fn percent_encoded_with(text: &str, kept: &[u8], digits: &[u8; 16]) -> String {
    let mut encoded = String::with_capacity(text.len());
    let digit = |value: u8| char::from(digits.get(usize::from(value & 0xf)).copied().unwrap_or_default());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', digit(byte >> 4), digit(byte)]);
        }
    }
    encoded
}

/// JSON as it is written in ASCII alone.
fn ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            ascii.extend(character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spellings(words: &[&str]) -> Spellings {
        let mut spellings = Spellings::default();
        words.iter().for_each(|word| spellings.add((*word).to_owned()));
        spellings
    }

    #[test]
    fn a_secret_is_known_in_every_dress() {
        let known = Spellings::of("A b\"<&>'/+x");
        for spelling in [
            "A b\"<&>'/+x",
            "A%20b%22%3C%26%3E%27%2F%2Bx",
            "A%20b%22%3c%26%3e%27%2f%2bx",
            "A%20b%22%3C%26%3E%27/%2Bx",
            "A%20b%22%3C%26%3E'%2F%2Bx",
            "A+b%22%3C%26%3E%27%2F%2Bx",
            "A b\\\"<&>'\\/+x",
            "A b\\\"\\u003c\\u0026\\u003e'/+x",
            "A b&quot;&lt;&amp;&gt;&#x27;/+x",
            "A b&#34;&lt;&amp;&gt;&#39;/+x",
            "QSBiIjwmPicvK3g",
        ] {
            assert_eq!(known.cut(spelling.as_bytes()).as_deref(), Some(MARK), "{spelling}");
        }
        let lengths: Vec<usize> = known.0.iter().map(|spelling| spelling.len()).collect();
        assert!(lengths.is_sorted_by(|a, b| a >= b), "{lengths:?}");
    }

    #[test]
    fn what_is_no_ascii_and_what_ends_with_a_quote_is_known_too() {
        for (secret, spelling) in [("pässwörd", "p\\u00e4ssw\\u00f6rd"), ("word\"", "word\\\""), ("a??>b", "YT8_PmI")]
        {
            assert_eq!(Spellings::of(secret).cut(spelling.as_bytes()).as_deref(), Some(MARK), "{spelling}");
        }
    }

    #[test]
    fn a_plain_secret_has_two_spellings() {
        assert_eq!(Spellings::of("0123456789abcdef").0.len(), 2);
    }

    #[test]
    fn every_spelling_is_cut_wherever_it_stands() {
        let cut = |text: &str| spellings(&["se%63ret", "secret"]).cut(text.as_bytes()).map(String::from_utf8);
        let cut = |text: &str| cut(text).transpose().expect("is UTF-8");
        assert_eq!(cut("nothing here"), None);
        assert_eq!(cut("secret"), Some("[credential]".to_owned()));
        assert_eq!(cut("a secretsecret se%63ret"), Some("a [credential][credential] [credential]".to_owned()));
    }

    #[test]
    fn bytes_that_are_no_text_are_searched_too() {
        let found = spellings(&["secret"]).cut(b"\xff\x00secret\xfe");
        assert_eq!(found.as_deref(), Some(&b"\xff\x00[credential]\xfe"[..]));
    }
}
