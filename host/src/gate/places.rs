//! Places for calls that run at once, so many for each key; a key that nobody uses costs nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many keys are kept before those that nobody uses are forgotten.
const KEYS_KEPT: usize = 1_024;

/// Places by key.
#[derive(Debug)]
pub(super) struct Places {
    of_each: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    places: HashMap<u64, Arc<Semaphore>>,
    /// With so many keys, it is looked for those that nobody uses.
    full: usize,
}

/// A place, given back when it is dropped.
pub(super) type Place = OwnedSemaphorePermit;

impl Places {
    /// So many for each key.
    pub(super) fn new(of_each: usize) -> Self {
        Self { of_each, kept: Mutex::new(Kept { places: HashMap::new(), full: KEYS_KEPT }) }
    }

    /// A place of a key, which is waited for so long; none if there is none by then.
    pub(super) async fn take(&self, key: u64, wait: Duration) -> Option<Place> {
        let places = self.of(key);
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            return Some(place);
        }
        tokio::time::timeout(wait, places.acquire_owned()).await.ok()?.ok()
    }

    fn of(&self, key: u64) -> Arc<Semaphore> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = kept.places.get(&key) {
            return Arc::clone(places);
        }
        if kept.places.len() >= kept.full {
            // A place that is taken, and a call that waits for one, each hold their own.
            kept.places.retain(|_, places| Arc::strong_count(places) > 1);
            kept.full = KEYS_KEPT.max(kept.places.len() * 2);
        }
        let places = Arc::new(Semaphore::new(self.of_each));
        kept.places.insert(key, Arc::clone(&places));
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(5);
    const LATE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn each_key_has_its_own_places_and_gets_them_back() {
        let places = Places::new(2);
        let held = [places.take(1, SOON).await, places.take(1, SOON).await];
        assert!(held.iter().all(Option::is_some));
        assert!(places.take(1, SOON).await.is_none());
        assert!(places.take(2, SOON).await.is_some());
        let waiting = async { places.take(1, LATE).await };
        let giving_back = async { drop(held) };
        assert!(tokio::join!(waiting, giving_back).0.is_some());
    }

    #[tokio::test]
    async fn keys_that_nobody_uses_are_forgotten_and_no_others() {
        let places = Places::new(1);
        let held = places.take(0, SOON).await;
        for key in 1..10_000 {
            drop(places.take(key, SOON).await);
        }
        assert!(places.kept.lock().expect("is whole").places.len() <= KEYS_KEPT);
        assert!(places.take(0, SOON).await.is_none());
        drop(held);
        assert!(places.take(0, SOON).await.is_some());
    }
}
