//! The time that a call may take. It stands still while the call waits for its client: a
//! person may think for longer than any database.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// The clock of one call.
#[derive(Clone)]
pub struct Clock(Arc<Face>);

struct Face {
    time: Duration,
    began: Instant,
    still: Mutex<Still>,
    goes_on: Notify,
}

/// How long it stood still, and since when it does.
#[derive(Default)]
struct Still {
    before: Duration,
    since: Option<Instant>,
}

/// The clock goes on when this is dropped.
pub(super) struct StandsStill(Clock);

impl Clock {
    /// A clock that runs for so long.
    pub fn start(time: Duration) -> Self {
        Self(Arc::new(Face { time, began: Instant::now(), still: Mutex::default(), goes_on: Notify::new() }))
    }

    /// The work's end, or none if it takes longer than there is time. What ends with the time is late too: a limit of
    /// the same length that begins within the work never ends it first.
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            let left = self.left();
            let time_is_up =
                async { if self.stands_still() { self.0.goes_on.notified().await } else { sleep(left).await } };
            tokio::select! {
                biased;
                done = &mut work => return (!self.is_over()).then_some(done),
                () = time_is_up => {}
            }
            if self.is_over() {
                return None;
            }
        }
    }

    /// The time that is left.
    pub(super) fn left(&self) -> Duration {
        let still = self.0.still.lock().unwrap_or_else(PoisonError::into_inner);
        let stood = still.before + still.since.map_or(Duration::ZERO, |since| since.elapsed());
        (self.0.time + stood).saturating_sub(self.0.began.elapsed())
    }

    /// Stops the clock for as long as what is returned lives.
    pub(super) fn stop(&self) -> StandsStill {
        self.0.still.lock().unwrap_or_else(PoisonError::into_inner).since = Some(Instant::now());
        StandsStill(self.clone())
    }

    fn is_over(&self) -> bool {
        self.left().is_zero() && !self.stands_still()
    }

    fn stands_still(&self) -> bool {
        self.0.still.lock().unwrap_or_else(PoisonError::into_inner).since.is_some()
    }
}

impl Drop for StandsStill {
    fn drop(&mut self) {
        let Self(clock) = self;
        let mut still = clock.0.still.lock().unwrap_or_else(PoisonError::into_inner);
        let stood = still.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        still.before += stood;
        drop(still);
        clock.0.goes_on.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const TIME: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn what_ends_in_time_ends_well_and_what_does_not_is_given_up() {
        assert_eq!(Clock::start(TIME).within(async { 7 }).await, Some(7));
        assert_eq!(Clock::start(TIME).within(pending::<()>()).await, None);
    }

    #[tokio::test]
    async fn of_two_limits_of_one_length_the_calls_is_the_one_that_is_told() {
        let clock = Clock::start(TIME);
        assert_eq!(clock.within(sleep(TIME)).await, None);
    }

    #[tokio::test]
    async fn time_stands_still_while_the_client_is_asked() {
        let clock = Clock::start(TIME);
        let asks = async {
            let still = clock.stop();
            sleep(2 * TIME).await;
            drop(still);
        };
        assert_eq!(clock.within(asks).await, Some(()), "a client may think for longer than a call may take");
        assert!(!clock.left().is_zero());
        assert_eq!(clock.within(pending::<()>()).await, None);
    }
}
