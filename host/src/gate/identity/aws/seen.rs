//! The requests that one access key has signed of late, so that none of them is served twice.

use std::collections::{BTreeMap, HashSet};

/// What is remembered of one key. A signature is of a date, so that it is looked for among those
/// of its own second alone, and a second that is too old for any request is dropped as a whole.
///
/// It never forgets a request that would still be served: when it is full it refuses.
#[derive(Debug)]
pub(super) struct Seen {
    /// In seconds since 1970. A request that is dated before it may have been served and
    /// forgotten: by a process before this one, or before the clock was set back.
    begin: i64,
    seconds: BTreeMap<i64, HashSet<u128>>,
    held: usize,
}

/// Why a request is not taken for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It was served before.
    Again,
    /// It is older than what is remembered.
    Forgotten,
    /// No more can be remembered just now.
    Full,
}

impl Seen {
    /// A memory that reaches back to its own beginning.
    pub(super) fn new(begin: i64) -> Self {
        Self { begin, seconds: BTreeMap::new(), held: 0 }
    }

    /// Takes a request in that is of this date and signature. What is dated before `oldest` is stale for
    /// whoever asks, and is dropped; of the rest there may be `max`.
    pub(super) fn take(&mut self, date: i64, signature: u128, oldest: i64, max: usize) -> Result<(), Unfit> {
        self.begin = self.begin.max(oldest);
        while let Some(second) = self.seconds.first_entry().filter(|second| *second.key() < self.begin) {
            self.held -= second.remove().len();
        }
        if date < self.begin {
            return Err(Unfit::Forgotten);
        }
        if self.seconds.get(&date).is_some_and(|second| second.contains(&signature)) {
            return Err(Unfit::Again);
        }
        if self.held >= max {
            return Err(Unfit::Full);
        }
        self.seconds.entry(date).or_default().insert(signature);
        self.held += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_twice_while_it_could_be_served() {
        let mut seen = Seen::new(1_000);
        assert_eq!(seen.take(1_000, 7, 900, 10), Ok(()));
        assert_eq!(seen.take(1_000, 7, 900, 10), Err(Unfit::Again));
        assert_eq!(seen.take(1_000, 8, 900, 10), Ok(()));
        assert_eq!(seen.take(1_001, 7, 900, 10), Ok(()));
        assert_eq!(seen.take(1_000, 7, 1_000, 10), Err(Unfit::Again));
    }

    #[test]
    fn what_is_older_than_the_memory_is_refused_also_when_the_clock_is_set_back() {
        let mut seen = Seen::new(1_000);
        assert_eq!(seen.take(999, 1, 900, 10), Err(Unfit::Forgotten));
        assert_eq!(seen.take(1_100, 1, 1_100, 10), Ok(()));
        assert_eq!(seen.take(2_000, 2, 1_900, 10), Ok(()));
        assert_eq!(seen.held, 1, "what is stale is dropped");
        assert_eq!(seen.take(1_100, 1, 1_000, 10), Err(Unfit::Forgotten));
    }

    #[test]
    fn a_full_memory_refuses_until_something_is_stale() {
        let mut seen = Seen::new(0);
        assert_eq!((seen.take(5, 1, 0, 2), seen.take(6, 2, 0, 2)), (Ok(()), Ok(())));
        assert_eq!(seen.take(6, 3, 0, 2), Err(Unfit::Full));
        assert_eq!(seen.take(5, 1, 0, 2), Err(Unfit::Again));
        assert_eq!(seen.take(6, 3, 6, 2), Ok(()));
    }
}
