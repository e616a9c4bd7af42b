//! `[pins]`: which plugin files may be loaded, and who signed them.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, de};

use super::check_name;

/// What comes before the 32 bytes of an Ed25519 key in the form that `openssl pkey -pubout` writes (RFC 8410).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The table `[pins]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pins {
    /// What was approved of the plugins, relative to this file; `toolhost approve` writes it. Where it
    /// is there, nothing is served that differs from it.
    pub file: PathBuf,
    /// Whether nothing is served before it was approved, though there be no such file.
    pub required: bool,
    /// Whether each plugin file needs a signature beside it: `crm.wasm.sig` for `crm.wasm`.
    pub require_signature: bool,
    /// `[[pins.keys]]`: whose signatures are good.
    pub keys: Vec<Signer>,
}

/// `[[pins.keys]]`: somebody who signs plugin files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// What the operator calls them.
    pub name: String,
    /// Their Ed25519 public key: the PEM text that `openssl pkey -in key.pem -pubout` prints, or base64.
    pub public: PublicKey,
}

/// An Ed25519 public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl Pins {
    /// What is wrong with the keys, or with who is to have signed a plugin: by the plugins' names.
    pub(super) fn check<'a>(&self, signed_by: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for Signer { name, .. } in &self.keys {
            check_name(name).map_err(|why| format!("[[pins.keys]]: {why}"))?;
            if !names.insert(name.as_str()) {
                return Err(format!("[[pins.keys]]: two keys have the name `{name}`"));
            }
        }
        if self.require_signature && names.is_empty() {
            let line = "[[pins.keys]] name = \"…\", public = \"…\"";
            return Err(format!("[pins] require_signature = true needs somebody to sign: write {line}"));
        }
        for (plugin, signer) in signed_by {
            if !names.contains(signer) {
                let line = format!("write [[pins.keys]] name = \"{signer}\", public = \"…\"");
                return Err(format!("[plugins.{plugin}] signed_by: there is no key `{signer}`; {line}"));
            }
        }
        Ok(())
    }
}

impl Default for Pins {
    fn default() -> Self {
        Self { file: PathBuf::from("toolhost.lock"), required: false, require_signature: false, keys: Vec::new() }
    }
}

impl PublicKey {
    /// The key's 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads a key; the error never repeats the text, which might be the wrong half of a pair.
    fn read(text: &str) -> Result<Self, &'static str> {
        if text.contains("PRIVATE KEY") {
            return Err("this is a private key: whoever has it can sign; write the public one, \
                 `openssl pkey -in key.pem -pubout`, and keep the private one elsewhere");
        }
        let body: String = text.lines().filter(|line| !line.trim_start().starts_with("-----")).collect();
        let body: String = body.split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(body).unwrap_or_default();
        let key = bytes.strip_prefix(&SPKI).unwrap_or(&bytes);
        key.try_into().map(Self).map_err(|_| {
            "this is no Ed25519 public key: write what `openssl pkey -in key.pem -pubout` prints, or its 32 bytes in base64"
        })
    }
}

/// In base64, as a key may be written.
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410, section 10.1.
    const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn a_key_is_read_in_each_form_that_it_is_written_in() {
        let key = PublicKey::read(PEM).expect("is a key");
        let raw = STANDARD.encode(key.bytes());
        for text in
            [raw.as_str(), "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=", &PEM.replace('\n', "\r\n")]
        {
            assert_eq!(PublicKey::read(text), Ok(key.clone()), "{text}");
        }
    }

    #[test]
    fn what_is_no_public_key_is_refused_and_not_repeated() {
        let private =
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp\n-----END PRIVATE KEY-----";
        assert!(PublicKey::read(private).is_err_and(|why| why.contains("private")));
        for text in ["", "acme", "AAAA", &STANDARD.encode([0; 33]), &STANDARD.encode([0; 44])] {
            assert!(PublicKey::read(text).is_err_and(|why| why.contains("-pubout") && !why.contains("AAAA")), "{text}");
        }
    }

    #[test]
    fn keys_have_one_name_each_and_who_signs_has_a_key() {
        let raw = STANDARD.encode([7; 32]);
        let pins = |text: &str| toml::from_str::<Pins>(text).expect("parses");
        let key = format!("[[keys]]\nname = \"acme\"\npublic = \"{raw}\"\n");
        let check = |pins: &Pins, signed_by: &[(&str, &str)]| pins.check(signed_by.iter().copied());
        assert_eq!(check(&pins(&key), &[("crm", "acme")]), Ok(()));
        assert!(check(&pins(&key), &[("crm", "other")]).is_err_and(|why| why.contains("[plugins.crm] signed_by")));
        assert!(check(&pins(&(key.clone() + &key)), &[]).is_err_and(|why| why.contains("two keys")));
        assert!(check(&pins("require_signature = true\n"), &[]).is_err_and(|why| why.contains("[[pins.keys]]")));
    }
}
