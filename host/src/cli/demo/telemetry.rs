//! What customers watched, and how well: the telemetry of the demo, with the keys of its CRM.

use serde_json::{Value, json};

use super::dice::{DAY, Dice, iso8601};

/// How many viewing events there are.
pub(super) const EVENTS: usize = 5_000;

/// From how many days before today they are.
const DAYS: u64 = 60;

const DEVICES: [&str; 5] = ["smart_tv", "phone", "tablet", "browser", "console"];
const TYPES: [&str; 6] = ["play", "pause", "resume", "stop", "buffering", "error"];

/// The events, oldest first; `today` is in days since 1970. Customers and titles are those of
/// the CRM: `CUST_000001` to `CUST_001000` and `TITLE_000001` to `TITLE_000500`.
pub(super) fn rows(today: u64) -> Vec<Value> {
    let mut dice = Dice(0x7465_6c65_6d65_7472);
    let mut events: Vec<_> = (0..EVENTS).map(|_| event(&mut dice, today)).collect();
    events.sort_by_key(|(time, _)| *time);
    events.into_iter().map(|(_, row)| row).collect()
}

fn event(dice: &mut Dice, today: u64) -> (u64, Value) {
    let time = (today - 1 - dice.below(DAYS)) * DAY + dice.below(DAY);
    let device = *dice.of(&DEVICES);
    let kind = TYPES[dice.weighted(&[35, 15, 12, 25, 10, 3])];
    // Televisions wait longest: something to find.
    let slow = if device == "smart_tv" { 9_000 } else { 2_500 };
    let (duration_ms, buffering_ms) = match kind {
        "play" | "resume" => (1_000 * (30 + dice.below(5_400)), dice.below(slow / 4)),
        "buffering" => (0, 500 + dice.below(slow)),
        _ => (0, 0),
    };
    let row = json!({
        "event_id": dice.id(),
        "customer_id": dice.customer(),
        "title_id": format!("TITLE_{:06}", 1 + dice.below(500)),
        "event_time": iso8601(time),
        "event_type": kind,
        "device": device,
        "duration_ms": duration_ms,
        "buffering_ms": buffering_ms,
    });
    (time, row)
}
