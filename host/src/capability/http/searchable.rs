//! Whether an answer can be searched for the credential: not if it is written in other bytes.

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING};

/// Whether what follows these headers is compressed in any way.
pub(super) fn is_compressed(headers: &HeaderMap) -> bool {
    let encodings = headers.get_all(CONTENT_ENCODING).iter().chain(headers.get_all(TRANSFER_ENCODING));
    let mut words = encodings.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    words.any(|word| ![&b""[..], b"identity", b"chunked"].contains(&word.trim_ascii().to_ascii_lowercase().as_slice()))
}

/// Whether what follows these headers has letters that are not those of ASCII.
pub(super) fn is_wide(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
    let charset = kind.as_deref().and_then(|kind| kind.split("charset=").nth(1)).unwrap_or_default();
    let charset = charset.trim_start_matches(['"', '\'', ' ']);
    ["utf-16", "utf16", "utf-32", "utf32", "utf-7", "ucs-2", "ucs-4", "iso-10646", "ebcdic", "ibm0", "cp037"]
        .iter()
        .any(|wide| charset.starts_with(wide))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        headers.iter().map(pair).collect()
    }

    #[test]
    fn what_is_compressed_is_known_by_its_headers() {
        for plain in ["", "identity", "Identity "] {
            assert!(!is_compressed(&headers(&[("content-encoding", plain)])), "{plain}");
        }
        assert!(!is_compressed(&headers(&[])) && !is_compressed(&headers(&[("transfer-encoding", "chunked")])));
        for compressed in ["gzip", "br", "identity, gzip", "x-unheard-of"] {
            assert!(is_compressed(&headers(&[("content-encoding", compressed)])), "{compressed}");
        }
        assert!(is_compressed(&headers(&[("transfer-encoding", "gzip, chunked")])));
        assert!(is_compressed(&headers(&[("content-encoding", "identity"), ("content-encoding", "gzip")])));
    }

    #[test]
    fn what_is_wide_is_known_by_its_charset() {
        for kind in ["text/plain; charset=UTF-16LE", "text/html;charset=\"utf-32\"", "a/b; charset=utf-7"] {
            assert!(is_wide(&headers(&[("content-type", kind)])), "{kind}");
        }
        for kind in ["application/json", "text/plain; charset=utf-8", "text/plain; charset=iso-8859-1"] {
            assert!(!is_wide(&headers(&[("content-type", kind)])), "{kind}");
        }
    }
}
