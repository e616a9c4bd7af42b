//! Callers with keys, for tests that need more of them than anybody writes by hand.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest as _, Sha256};

/// The key of one caller: 32 bytes that differ.
pub fn key(caller: usize) -> String {
    format!("thk_{}", BASE64.encode(Sha256::digest(format!("soak {caller}"))))
}

/// A key file of so many callers, `caller0` and so on, all in the group `team`.
pub fn file(callers: usize) -> String {
    let key = |caller: usize| {
        let digest: String = Sha256::digest(key(caller)).iter().map(|byte| format!("{byte:02x}")).collect();
        format!(
            "[[key]]\nid = \"k{caller}\"\nsha256 = \"{digest}\"\ncaller = \"caller{caller}\"\ngroups = [\"team\"]\n\n"
        )
    };
    (0..callers).map(key).collect()
}
