//! The digest of a call's arguments, which stands in the trail instead of their values.
//!
//! It is keyed: a plain hash of `{"customer": 17}` is found by trying all customers. Whoever has
//! the trail alone learns which calls had the same arguments, and no more; whoever has the
//! key, too, can say whether a call had arguments that are known.

use std::io::Write as _;
use std::path::Path;
use std::{fs, io};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde_json::Value;
use sha2::Sha256;

use super::link::hex;
use super::{OpenError, segment};
use crate::call::JsonObject;

/// The file of the key, in the directory of the trail.
const FILE: &str = "key";

/// Random bytes of a key.
const KEY_BYTES: usize = 32;

/// The key of a trail.
pub struct Key(Hmac<Sha256>);

/// What is written of arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Digest {
    /// HMAC-SHA-256 of the canonical form, in hexadecimal.
    hmac_sha256: String,
    /// The length of the canonical form.
    bytes: usize,
}

impl Key {
    /// The key of the trail in this directory; a new one if there is none.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let file = dir.join(FILE);
        let failed = |error| OpenError::file(&file, &error);
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(dir, &file).map_err(failed)?;
                fs::read_to_string(&file).map_err(failed)?
            }
            read => read.map_err(failed)?,
        };
        let text = text.trim();
        if text.len() != KEY_BYTES * 2 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let broken = io::Error::other("it is no key: 64 hexadecimal digits; move it away, and a new one is made");
            return Err(failed(broken));
        }
        let key = Hmac::new_from_slice(text.as_bytes()).map_err(|_| failed(io::Error::other("it is no key")))?;
        Ok(Self(key))
    }

    /// The digest of arguments.
    pub fn digest(&self, arguments: &JsonObject) -> Digest {
        let mut canonical = Vec::with_capacity(256);
        write_object(arguments, &mut Members::new(), &mut canonical);
        let mut mac = self.0.clone();
        mac.update(&canonical);
        Digest { hmac_sha256: hex(&mac.finalize().into_bytes()), bytes: canonical.len() }
    }
}

/// Makes a key. Of several hosts that do at the same time, one wins, and all use its.
fn make(dir: &Path, file: &Path) -> io::Result<()> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    let part = dir.join(format!("{FILE}.{}", std::process::id()));
    let mut new = segment::private().write(true).create(true).truncate(true).open(&part)?;
    new.write_all(hex(&key).as_bytes())?;
    new.sync_all()?;
    let linked = fs::hard_link(&part, file);
    fs::remove_file(&part)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The members of an object and of those that it stands in, on top of each other.
type Members<'a> = Vec<(&'a str, &'a Value)>;

/// The canonical form: no space between, the members of objects by name.
fn write<'a>(value: &'a Value, members: &mut Members<'a>, out: &mut Vec<u8>) {
    match value {
        Value::Object(object) => write_object(object, members, out),
        Value::Array(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write(item, members, out);
            }
            out.push(b']');
        }
        plain => write_plain(plain, out),
    }
}

fn write_object<'a>(object: &'a JsonObject, members: &mut Members<'a>, out: &mut Vec<u8>) {
    let first = members.len();
    members.extend(object.iter().map(|(name, value)| (name.as_str(), value)));
    if let Some(own) = members.get_mut(first..) {
        own.sort_unstable_by_key(|(name, _)| *name);
    }
    out.push(b'{');
    for place in first..first + object.len() {
        let Some(&(name, value)) = members.get(place) else { continue };
        if place > first {
            out.push(b',');
        }
        write_plain(name, out);
        out.push(b':');
        write(value, members, out);
    }
    members.truncate(first);
    out.push(b'}');
}

fn write_plain(plain: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    // Text, numbers and the like are always JSON, and memory takes them.
    let _ = serde_json::to_writer(out, plain);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        let mut out = Vec::new();
        write(&serde_json::from_str(text).expect("is JSON"), &mut Members::new(), &mut out);
        String::from_utf8(out).expect("is text")
    }

    #[test]
    fn order_and_spaces_make_no_difference_and_everything_else_does() {
        let one = canonical("{\"b\": [1, {\"z\": null, \"a\": \"é\\n\"}], \"a\": true}");
        assert_eq!(one, "{\"a\":true,\"b\":[1,{\"a\":\"é\\n\",\"z\":null}]}");
        assert_eq!(one, canonical("{\"a\":true,\"b\":[1,{\"a\":\"\\u00e9\\n\",\"z\":null}]}"));
        for other in ["{\"a\":true}", "{\"a\":true,\"b\":[{\"a\":\"é\\n\",\"z\":null},1]}"] {
            assert_ne!(one, canonical(other));
        }
    }

    #[test]
    fn a_key_is_made_once_and_differs_from_trail_to_trail() {
        let (one, other) = (tempdir("one"), tempdir("other"));
        let arguments = JsonObject::from_iter([("customer".to_owned(), Value::from(17))]);
        let digest = Key::open(&one).expect("opens").digest(&arguments);
        assert_eq!(digest, Key::open(&one).expect("opens").digest(&arguments));
        assert_ne!(digest, Key::open(&other).expect("opens").digest(&arguments));
        assert_eq!(digest.bytes, "{\"customer\":17}".len());
        fs::write(one.join(FILE), "short").expect("is written");
        let refusal = Key::open(&one).err().expect("is refused").to_string();
        assert!(refusal.contains("it is no key"), "{refusal}");
        for dir in [one, other] {
            fs::remove_dir_all(dir).expect("is removed");
        }
    }

    fn tempdir(name: &str) -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("toolhost-key-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("is made");
        dir
    }
}
