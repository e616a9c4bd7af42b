//! How much of one grant may be under way at once.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::wit::{Error, ErrorKind};

/// How long one more waits for a place.
const WAIT: Duration = Duration::from_secs(1);

/// The places of one grant.
pub(super) struct Places(Semaphore);

impl Places {
    pub(super) fn new(count: usize) -> Self {
        Self(Semaphore::new(count))
    }

    /// A place, which is free again when it is dropped; or an error that says `busy`.
    pub(super) async fn take(&self, busy: &str) -> Result<SemaphorePermit<'_>, Error> {
        match timeout(WAIT, self.0.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => {
                let retry_after_ms = u64::try_from(WAIT.as_millis()).ok();
                Err(Error { retry_after_ms, ..Error::new(ErrorKind::Limited, busy) })
            }
        }
    }
}
