//! Who signed a plugin file: Ed25519 over its bytes, in a file beside it. It is looked at before
//! anything reads what the bytes mean.

use std::ffi::OsString;
use std::io::{ErrorKind, Read as _, Result as IoResult};
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::{Pins, Signer};

/// The length of a signature, in bytes.
const BYTES: usize = 64;

/// More than a signature takes in any form, in bytes.
const READ_MAX: u64 = 1 << 10;

/// Whose signature is good for one plugin.
#[derive(Debug, Clone)]
pub struct Trust {
    keys: Vec<Signer>,
    /// Whether there must be one.
    required: bool,
    /// Whose it must be.
    by: Option<String>,
}

impl Trust {
    /// What the config says of a plugin; `signed_by` is the key of its own table.
    pub fn of(pins: &Pins, signed_by: Option<&str>) -> Self {
        let required = pins.require_signature || signed_by.is_some();
        Self { keys: pins.keys.clone(), required, by: signed_by.map(str::to_owned) }
    }

    /// Who signed the bytes of this file; none if nobody did, and nobody has to. A signature that is
    /// there must be good, wherever there is a key to hold it against.
    pub fn verify(&self, file: &Path, bytes: &[u8]) -> Result<Option<Signer>, String> {
        if self.keys.is_empty() && !self.required {
            return Ok(None);
        }
        let place = file_of(file);
        let shown = place.display();
        let next = advice(file);
        let signature = match read(&place) {
            Ok(signature) => signature,
            Err(error) if error.kind() == ErrorKind::NotFound && !self.required => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(format!("it is not signed: there is no {shown}; {next}"));
            }
            Err(error) => return Err(format!("its signature {shown} cannot be read: {error}")),
        };
        let length = signature.len();
        let signature = decoded(signature).ok_or_else(|| {
            format!("its signature {shown} is none: {length} bytes, and not {BYTES}, or as many in base64; {next}")
        })?;
        let made_it = |signer: &&Signer| {
            UnparsedPublicKey::new(&ED25519, signer.public.bytes()).verify(bytes, &signature).is_ok()
        };
        let Some(signer) = self.keys.iter().find(made_it) else {
            let names: Vec<&str> = self.keys.iter().map(|signer| signer.name.as_str()).collect();
            let names = names.join(", ");
            return Err(format!(
                "its signature {shown} is of none of the keys in [[pins.keys]] ({names}), or of another file; {next}"
            ));
        };
        match &self.by {
            Some(by) if *by != signer.name => {
                let name = &signer.name;
                Err(format!(
                    "it is signed by `{name}`, and its `signed_by` says `{by}`; {next}, with the key of `{by}`"
                ))
            }
            _ => Ok(Some(signer.clone())),
        }
    }

    /// Whether what was found good before still is, by whoever signed it.
    pub(super) fn holds_for(&self, signer: Option<&Signer>) -> bool {
        let is_good = |signer: &Signer| {
            let known = self.keys.iter().find(|known| known.public == signer.public);
            known.is_some_and(|known| self.by.as_ref().is_none_or(|by| *by == known.name))
        };
        !self.required || signer.is_some_and(is_good)
    }
}

/// Where the signature of a file is.
pub fn file_of(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".sig");
    PathBuf::from(name)
}

/// How a signature is made.
fn advice(file: &Path) -> String {
    let (file, signature) = (file.display(), file_of(file));
    let signature = signature.display();
    format!(
        "whoever answers for it signs it: `openssl pkeyutl -sign -rawin -inkey key.pem -in {file} -out {signature}`"
    )
}

fn read(file: &Path) -> IoResult<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)?.take(READ_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The signature itself, as it is or in base64.
fn decoded(bytes: Vec<u8>) -> Option<Vec<u8>> {
    if bytes.len() == BYTES {
        return Some(bytes);
    }
    STANDARD.decode(bytes.trim_ascii()).ok().filter(|decoded| decoded.len() == BYTES)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;

    fn pair(seed: u8) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("is a key")
    }

    fn signer(name: &str, seed: u8) -> Signer {
        let public = STANDARD.encode(pair(seed).public_key().as_ref());
        toml::from_str(&format!("name = {name:?}\npublic = {public:?}\n")).expect("parses")
    }

    fn trust(required: bool, by: Option<&str>) -> Trust {
        Trust { keys: vec![signer("acme", 1), signer("other", 2)], required, by: by.map(str::to_owned) }
    }

    #[test]
    fn a_signature_is_good_if_a_known_key_made_it_of_this_file() {
        let dir = std::env::temp_dir().join(format!("toolhost-signature-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("is made");
        let (file, bytes) = (dir.join("crm.wasm"), b"component");
        let verify = |trust: &Trust| trust.verify(&file, bytes).map(|signer| signer.map(|signer| signer.name));
        let put = |signature: &[u8]| std::fs::write(file_of(&file), signature).expect("is written");
        assert_eq!(verify(&trust(false, None)), Ok(None));
        let missing = verify(&trust(true, None)).expect_err("there is none");
        assert!(missing.contains("it is not signed") && missing.contains("openssl pkeyutl -sign -rawin"), "{missing}");

        let good = pair(2).sign(bytes);
        put(good.as_ref());
        assert_eq!(verify(&trust(true, None)), Ok(Some("other".to_owned())));
        put(format!("{}\n", STANDARD.encode(good.as_ref())).as_bytes());
        assert_eq!(verify(&trust(true, Some("other"))), Ok(Some("other".to_owned())));
        let by_other = verify(&trust(false, Some("acme"))).expect_err("is of another");
        assert!(by_other.contains("signed by `other`") && by_other.contains("says `acme`"), "{by_other}");

        for (wrong, says) in [
            (&good.as_ref()[..63], "63 bytes, and not 64"),
            (b"".as_slice(), "0 bytes, and not 64"),
            (pair(2).sign(b"another").as_ref(), "is of none of the keys"),
            (pair(3).sign(bytes).as_ref(), "is of none of the keys in [[pins.keys]] (acme, other)"),
        ] {
            put(wrong);
            // One that is there must be good, though none has to be there.
            for required in [true, false] {
                let why = verify(&trust(required, None)).expect_err("is wrong");
                assert!(why.contains(says) && why.contains("crm.wasm.sig"), "{why}");
            }
        }
        std::fs::remove_dir_all(dir).expect("is removed");
    }

    #[test]
    fn what_was_good_before_is_so_as_long_as_its_key_is() {
        let (acme, gone) = (signer("acme", 1), signer("gone", 3));
        assert!(trust(true, None).holds_for(Some(&acme)) && trust(true, Some("acme")).holds_for(Some(&acme)));
        assert!(!trust(true, Some("other")).holds_for(Some(&acme)));
        assert!(!trust(true, None).holds_for(Some(&gone)) && !trust(true, None).holds_for(None));
        assert!(trust(false, None).holds_for(Some(&gone)) && trust(false, None).holds_for(None));
    }
}
