//! Marks what the host hands to an agent to bring back later, so that nobody can make one up
//! or use one that was made for somebody else.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Stands between a text and its mark, and in neither.
const SEPARATOR: char = '~';

/// A key that lives as long as the host's process: what it sealed opens until then.
#[derive(Clone)]
pub struct Seal(Arc<Hmac<Sha256>>);

impl Seal {
    /// A seal that no other process has.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub fn new() -> Result<Self, getrandom::Error> {
        let mut key = [0; 64];
        getrandom::fill(&mut key)?;
        Ok(Self(Arc::new(Hmac::new(&key.into()))))
    }

    /// The text with its mark. `context` is what it is good for: it opens in the same alone.
    pub fn close(&self, context: &[&str], text: &str) -> String {
        let mark = self.over(context, text).finalize().into_bytes();
        format!("{text}{SEPARATOR}{}", BASE64.encode(mark))
    }

    /// The text, if it was sealed here for this context.
    pub fn open<'a>(&self, context: &[&str], sealed: &'a str) -> Option<&'a str> {
        let (text, mark) = sealed.rsplit_once(SEPARATOR)?;
        let mark = BASE64.decode(mark).ok()?;
        // In constant time: the mark cannot be guessed byte by byte.
        self.over(context, text).verify_slice(&mark).ok()?;
        Some(text)
    }

    fn over(&self, context: &[&str], text: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::clone(&self.0);
        for part in context.iter().chain([&text]) {
            // With its length, so that no other parts run together to the same bytes.
            mac.update(&part.len().to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_in_its_own_context_alone() {
        let seal = Seal::new().expect("random numbers");
        let sealed = seal.close(&["ann", "orders"], "a~b");
        assert_eq!(seal.open(&["ann", "orders"], &sealed), Some("a~b"));
        for other in [&["bob", "orders"][..], &["annorders"], &["ann", "orders", ""], &["anno", "rders"], &[]] {
            assert_eq!(seal.open(other, &sealed), None, "{other:?}");
        }
        let another = Seal::new().expect("random numbers");
        assert_eq!(another.open(&["ann", "orders"], &sealed), None);
    }

    #[test]
    fn nothing_that_was_changed_opens() {
        let seal = Seal::new().expect("random numbers");
        let sealed = seal.close(&["ann"], "page-2");
        for wrong in ["page-2", "page-2~", "page-2~AAAA", "", "~", &sealed.replace('2', "3"), &format!("{sealed}A")] {
            assert_eq!(seal.open(&["ann"], wrong), None, "{wrong}");
        }
    }
}
