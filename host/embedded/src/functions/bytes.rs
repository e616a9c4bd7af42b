//! Functions on varbinary.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256, Sha512};

use super::function::{Function, Gives, Takes};
use super::row::{Answer, Row, bad, bytes, text};

use Takes::{Bytes, Text};

pub(super) fn all() -> Vec<Function> {
    vec![
        Function::new("to_utf8", &[Text], Gives::Bytes, |args| args.each(|row| bytes(row.text(0).as_bytes().to_vec()))),
        Function::new("from_utf8", &[Bytes], Gives::Text, |args| {
            args.each(|row| text(String::from_utf8_lossy(row.bytes(0))))
        }),
        Function::new("to_hex", &[Bytes], Gives::Text, |args| {
            args.each(|row| text(row.bytes(0).iter().map(|byte| format!("{byte:02X}")).collect::<String>()))
        }),
        Function::new("from_hex", &[Text], Gives::Bytes, |args| args.each(from_hex)),
        Function::new("to_base64", &[Bytes], Gives::Text, |args| args.each(|row| text(STANDARD.encode(row.bytes(0))))),
        Function::new("from_base64", &[Text], Gives::Bytes, |args| {
            args.each(|row| STANDARD.decode(row.text(0)).map_or_else(|_| bad("the text is not base64"), bytes))
        }),
        Function::new("sha256", &[Bytes], Gives::Bytes, |args| {
            args.each(|row| bytes(Sha256::digest(row.bytes(0)).to_vec()))
        }),
        Function::new("sha512", &[Bytes], Gives::Bytes, |args| {
            args.each(|row| bytes(Sha512::digest(row.bytes(0)).to_vec()))
        }),
    ]
}

fn from_hex(row: Row) -> Answer {
    let digits = row.text(0).as_bytes();
    let pairs = digits.chunks(2).map(|pair| match pair {
        [_, _] => std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()),
        _ => None,
    });
    pairs.collect::<Option<Vec<u8>>>().map_or_else(|| bad("the text is not hexadecimal"), bytes)
}
