//! What the demo's data is made of: numbers that are the same at every run, and the days that
//! they fall on.

use std::fmt::Write as _;

// In seconds.
pub(super) const HOUR: u64 = 3_600;
pub(super) const DAY: u64 = 24 * HOUR;

/// SplitMix64: a few lines whose numbers will never change under us, as those of a
/// library may.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, and without, the bound.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One of several.
    pub(super) fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let place = self.below(choices.len() as u64) as usize;
        &choices[place]
    }

    /// A place, as often as its weight says.
    pub(super) fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut throw = self.below(weights.iter().sum());
        let place = weights.iter().position(|weight| {
            let hit = throw < *weight;
            throw = throw.wrapping_sub(*weight);
            hit
        });
        place.unwrap_or_default()
    }

    /// One of the 1,000 customers.
    pub(super) fn customer(&mut self) -> String {
        format!("CUST_{:06}", 1 + self.below(1000))
    }

    /// In the form of a UUID.
    pub(super) fn id(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        let mut id = String::with_capacity(36);
        let _ = write!(id, "{:08x}-{:04x}-{:04x}-", high >> 32, (high >> 16) & 0xffff, high & 0xffff);
        let _ = write!(id, "{:04x}-{:012x}", low >> 48, low & 0xffff_ffff_ffff);
        id
    }
}

/// Seconds since 1970 as ISO 8601 text: `2026-01-31T23:59:59Z`.
pub(super) fn iso8601(seconds: u64) -> String {
    let (days, time) = (seconds / DAY, seconds % DAY);
    // The calendar repeats every 400 years of 146,097 days; its years begin in March here, so
    // that a leap day is the last of its year.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (time / HOUR, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_767_225_600, "2026-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(iso8601(seconds), expected);
        }
    }
}
