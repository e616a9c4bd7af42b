//! Patience with a service that is too busy: it is asked again, after pauses that grow.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::wire::patience;
use crate::wit::Error;

/// The first pause, and the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(8);

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(super) enum Setback {
    /// Asking again would not help.
    Final(Error),
    /// It may help, after so long if the service said so.
    Busy(Error, Option<Duration>),
}

/// Attempts something until it comes to an end, or until the next attempt would be too late;
/// then the error says how long to wait.
pub(super) async fn patiently<T, F>(until: Instant, mut attempt: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Setback>>,
{
    let mut pause = PAUSE_FIRST;
    loop {
        let (error, asked) = match attempt().await {
            Ok(done) => return Ok(done),
            Err(Setback::Final(error)) => return Err(error),
            Err(Setback::Busy(error, asked)) => (error, asked),
        };
        let wait = asked.unwrap_or_default().max(patience::uneven(pause));
        if Instant::now() + wait >= until {
            let wait = u64::try_from(asked.unwrap_or(pause).as_millis()).ok();
            return Err(Error { retry_after_ms: wait, ..error });
        }
        sleep(wait).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::ErrorKind;

    fn busy(asked: Option<Duration>) -> Setback {
        Setback::Busy(Error::new(ErrorKind::Limited, "busy"), asked)
    }

    #[tokio::test]
    async fn a_service_that_recovers_in_time_is_asked_until_it_answers() {
        let mut attempts = 0;
        let until = Instant::now() + Duration::from_secs(60);
        let done = patiently(until, || {
            attempts += 1;
            std::future::ready(if attempts < 3 { Err(busy(None)) } else { Ok(attempts) })
        });
        assert_eq!(done.await.ok(), Some(3));
    }

    #[tokio::test]
    async fn one_that_does_not_is_given_up_in_time_with_the_wait_it_asked_for() {
        let began = Instant::now();
        let asked = Duration::from_secs(30);
        let gone = patiently(began + Duration::from_secs(5), async || Err::<(), _>(busy(Some(asked)))).await;
        assert_eq!(gone.expect_err("busy").retry_after_ms, Some(30_000));
        assert!(began.elapsed() < Duration::from_secs(2), "it waited for nothing");
        let end = Duration::from_millis(700);
        let gone = patiently(Instant::now() + end, async || Err::<(), _>(busy(None))).await.expect_err("busy");
        assert!(gone.retry_after_ms.is_some_and(|wait| wait >= 400), "{gone:?}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn what_asking_again_cannot_help_is_not_asked_again() {
        let mut attempts = 0;
        let done = patiently(Instant::now() + Duration::from_secs(60), || {
            attempts += 1;
            std::future::ready(Err::<(), _>(Setback::Final(Error::new(ErrorKind::Failed, "no"))))
        });
        assert!(done.await.is_err());
        assert_eq!(attempts, 1);
    }
}
