//! What the operator wrote for this plugin under `[plugins.<name>.settings]`.
//!
//! Words such as a page size or a title; never credentials, which stay with the host.

use std::str::FromStr;

pub use crate::wit::toolhost::settings::settings::{Setting, list, lookup as get};
use crate::{Error, Result};

/// The value of one key as a number, a boolean or anything else that can be read from
/// text; none if the operator did not set it. `failed`, naming the key, if it cannot be
/// read as a `T`.
///
/// ```no_run
/// # fn page() -> toolhost_sdk::Result<u32> {
/// let size: u32 = toolhost_sdk::settings::parse("page_size")?.unwrap_or(20);
/// # Ok(size)
/// # }
/// ```
pub fn parse<T: FromStr>(key: &str) -> Result<Option<T>> {
    get(key).map(|text| read(key, &text)).transpose()
}

fn read<T: FromStr>(key: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| {
        let kind = std::any::type_name::<T>();
        let message = format!("The operator's setting `{key}` of this plugin is not a valid {kind}: it must be corrected in the host's configuration.");
        Error::failed(message)
    })
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_setting_that_cannot_be_read_is_named() {
        assert_eq!(read::<u16>("page_size", "20").ok(), Some(20));
        let message = read::<u16>("page_size", "many").unwrap_err().message;
        assert!(message.contains("`page_size`") && message.contains("u16"), "{message}");
        assert!(!message.contains("many"), "{message}");
    }
}
