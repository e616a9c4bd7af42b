//! What a grant may use in a day: tokens, or dollars by the operator's prices.
//!
//! It is counted in memory, from 00:00 UTC on. A turn takes its place beforehand, as large as it
//! may become, so that turns at the same time do not overdraw it together.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use super::OpenError;
use crate::wit::model::Usage;
use crate::wit::{Error, ErrorKind};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A price is per this many tokens.
const PRICED_TOKENS: f64 = 1e6;

/// An amount of US dollars, from 0 to a million.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, JsonSchema)]
pub(super) struct Usd(f64);

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let amount = f64::deserialize(deserializer)?;
        if (0.0..=1e6).contains(&amount) {
            Ok(Self(amount))
        } else {
            Err(de::Error::custom(format_args!("{amount} is out of range: from 0 to 1000000")))
        }
    }
}

/// The budget of one grant.
pub(super) struct Budget {
    tokens_max: Option<u64>,
    cost: Option<Cost>,
    spent: Mutex<Spent>,
}

#[derive(Debug, Clone, Copy)]
struct Cost {
    usd_max: f64,
    input: f64,
    output: f64,
}

/// What a day has used, with what is reserved.
#[derive(Default)]
struct Spent {
    /// Days since 1970-01-01.
    day: u64,
    tokens: u64,
    usd: f64,
}

/// A turn's part of the budget. Dropping it keeps the whole: the turn was cut off, nobody knows how
/// far it had come, and it is paid for all the same.
#[must_use]
pub(super) struct Reserved<'a> {
    budget: &'a Budget,
    day: u64,
    most: Usage,
    used: Usage,
}

impl Budget {
    pub(super) fn new(
        tokens_max: Option<u64>,
        usd_max: Option<Usd>,
        input: Option<Usd>,
        output: Option<Usd>,
    ) -> Result<Self, OpenError> {
        let cost = match (usd_max, input, output) {
            (None, None, None) => None,
            (Some(Usd(usd_max)), Some(Usd(input)), Some(Usd(output))) if usd_max > 0.0 && input + output > 0.0 => {
                Some(Cost { usd_max, input, output })
            }
            _ => {
                let message = "`cost_per_day_max_usd`, `price_input_usd` and `price_output_usd` go together: set all \
                               three or none, the first above 0, and not both prices to 0";
                return Err(OpenError::Invalid(message.to_owned()));
            }
        };
        Ok(Self { tokens_max, cost, spent: Mutex::default() })
    }

    /// Takes a place for a turn as large as it may become.
    pub(super) fn reserve(
        &self,
        input_tokens: u32,
        output_tokens: u32,
        now: SystemTime,
    ) -> Result<Reserved<'_>, Error> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let day = now.as_secs() / DAY.as_secs();
        let most = Usage { input_tokens, output_tokens };
        let mut spent = self.spent();
        if spent.day != day {
            *spent = Spent { day, ..Spent::default() };
        }
        let until_next = DAY.saturating_sub(Duration::from_secs(now.as_secs() % DAY.as_secs()));
        let (tokens, usd) = (tokens_of(most), self.usd_of(most));
        if let Some(max) = self.tokens_max
            && spent.tokens.saturating_add(tokens) > max
        {
            let (max, left) = (format!("{max} tokens"), max.saturating_sub(spent.tokens));
            return Err(refusal("tokens_per_day_max", &max, &left.to_string(), &tokens.to_string(), until_next));
        }
        if let Some(Cost { usd_max, .. }) = self.cost
            && spent.usd + usd > usd_max
        {
            let shown = |usd: f64| format!("${usd:.4}");
            let (max, left) = (shown(usd_max), shown((usd_max - spent.usd).max(0.0)));
            return Err(refusal("cost_per_day_max_usd", &max, &left, &shown(usd), until_next));
        }
        spent.tokens += tokens;
        spent.usd += usd;
        Ok(Reserved { budget: self, day, most, used: most })
    }

    /// The budget in a few words for the operator; nothing if there is none.
    pub(super) fn summary(&self) -> String {
        let tokens = self.tokens_max.map(|max| format!("at most {max} tokens a day"));
        let usd = self.cost.map(|cost| format!("at most ${} a day", cost.usd_max));
        tokens.into_iter().chain(usd).collect::<Vec<_>>().join(", ")
    }

    fn usd_of(&self, usage: Usage) -> f64 {
        self.cost.map_or(0.0, |cost| {
            (f64::from(usage.input_tokens) * cost.input + f64::from(usage.output_tokens) * cost.output) / PRICED_TOKENS
        })
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        // Numbers that were added to one by one are as good as before.
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserved<'_> {
    /// The turn used this much.
    pub(super) fn settle(mut self, used: Usage) {
        self.used = used;
    }

    /// The turn did not take place.
    pub(super) fn release(mut self) {
        self.used = Usage { input_tokens: 0, output_tokens: 0 };
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let (most, used) = (self.most, self.used);
        let mut spent = self.budget.spent();
        if spent.day == self.day {
            spent.tokens = spent.tokens.saturating_sub(tokens_of(most)).saturating_add(tokens_of(used));
            spent.usd = (spent.usd - self.budget.usd_of(most)).max(0.0) + self.budget.usd_of(used);
        }
    }
}

fn tokens_of(usage: Usage) -> u64 {
    u64::from(usage.input_tokens) + u64::from(usage.output_tokens)
}

fn refusal(key: &str, max: &str, left: &str, turn: &str, until_next: Duration) -> Error {
    let minutes = until_next.as_secs().div_ceil(60);
    let message = format!(
        "the grant's budget of {max} a day (`{key}`) has {left} left, and this turn may take {turn}: ask for less, or wait \
         until it starts anew at 00:00 UTC, in {} h {} min",
        minutes / 60,
        minutes % 60
    );
    let wait = u64::try_from(until_next.as_millis()).ok();
    Error { retry_after_ms: wait, ..Error::new(ErrorKind::Limited, message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20:30 on some day.
    fn evening(day: u64) -> SystemTime {
        UNIX_EPOCH + DAY * u32::try_from(day).unwrap_or_default() + Duration::from_secs(20 * 3_600 + 30 * 60)
    }

    fn tokens(max: u64) -> Budget {
        Budget::new(Some(max), None, None, None).expect("a budget")
    }

    fn usage(input_tokens: u32, output_tokens: u32) -> Usage {
        Usage { input_tokens, output_tokens }
    }

    #[test]
    fn a_budget_in_dollars_needs_its_prices_and_each_other() {
        let usd = |amount| Some(Usd(amount));
        assert!(Budget::new(None, usd(1.0), usd(3.0), usd(15.0)).is_ok());
        assert!(Budget::new(None, None, None, None).is_ok_and(|budget| budget.summary().is_empty()));
        for (max, input, output) in [
            (usd(1.0), None, None),
            (usd(1.0), usd(3.0), None),
            (None, usd(3.0), usd(15.0)),
            (usd(0.0), usd(3.0), usd(15.0)),
            (usd(1.0), usd(0.0), usd(0.0)),
        ] {
            let error = Budget::new(None, max, input, output).err().expect("is refused").to_string();
            assert!(error.contains("go together"), "{error}");
        }
    }

    #[test]
    fn a_turn_that_could_overdraw_the_day_is_refused_with_the_time_of_the_next() {
        let budget = tokens(1_000);
        budget.reserve(300, 300, evening(1)).expect("fits").settle(usage(300, 100));
        let error = budget.reserve(400, 201, evening(1)).err().expect("is refused");
        assert_eq!(error.kind, ErrorKind::Limited);
        for words in ["1000 tokens a day (`tokens_per_day_max`)", "has 600 left", "may take 601", "in 3 h 30 min"] {
            assert!(error.message.contains(words), "{}", error.message);
        }
        assert_eq!(error.retry_after_ms, Some((3 * 60 + 30) * 60 * 1_000));
        assert!(budget.reserve(400, 200, evening(1)).is_ok());
        assert!(budget.reserve(500, 500, evening(2)).is_ok(), "a new day starts anew");
    }

    #[test]
    fn turns_at_the_same_time_do_not_overdraw_it_together() {
        let budget = tokens(1_000);
        let first = budget.reserve(100, 500, evening(1)).expect("fits");
        assert!(budget.reserve(100, 500, evening(1)).is_err());
        first.settle(usage(100, 50));
        assert!(budget.reserve(100, 500, evening(1)).is_ok());
    }

    #[test]
    fn what_did_not_take_place_is_free_and_what_was_cut_off_has_cost_what_it_could() {
        let budget = tokens(1_000);
        budget.reserve(500, 500, evening(1)).expect("fits").release();
        drop(budget.reserve(300, 300, evening(1)).expect("fits"));
        assert!(budget.reserve(200, 201, evening(1)).is_err());
        assert!(budget.reserve(200, 200, evening(1)).is_ok());
    }

    #[test]
    fn yesterdays_turns_do_not_count_today() {
        let budget = tokens(1_000);
        let late = budget.reserve(500, 500, evening(1)).expect("fits");
        let today = budget.reserve(100, 100, evening(2)).expect("fits");
        late.settle(usage(500, 500));
        today.settle(usage(100, 100));
        assert!(budget.reserve(400, 400, evening(2)).is_ok());
    }

    #[test]
    fn dollars_are_counted_by_both_prices() {
        let budget = Budget::new(None, Some(Usd(0.01)), Some(Usd(3.0)), Some(Usd(15.0))).expect("a budget");
        budget.reserve(1_000, 400, evening(1)).expect("$0.009 fits").settle(usage(1_000, 100));
        // $0.0045 are spent.
        assert!(budget.reserve(1_000, 166, evening(1)).is_ok());
        let budget = Budget::new(None, Some(Usd(0.01)), Some(Usd(3.0)), Some(Usd(15.0))).expect("a budget");
        let error = budget.reserve(1_000, 500, evening(1)).err().expect("$0.0105 does not");
        assert!(error.message.contains("$0.0100 a day (`cost_per_day_max_usd`)"), "{}", error.message);
        assert!(error.message.contains("may take $0.0105"), "{}", error.message);
    }
}
