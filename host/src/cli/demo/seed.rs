//! The demo's CRM: the same rows at every run, on every machine.

use super::dice::{DAY, Dice, HOUR};

/// How many rows one statement inserts.
const BATCH: usize = 50;

/// The statements that make the tables and insert the rows that are not there yet.
pub(super) fn statements() -> Vec<String> {
    let mut dice = Dice(0x746f_6f6c_686f_7374);
    let mut statements = vec![TABLES.to_owned()];
    for (table, rows) in [
        ("support_tickets", (0..200).map(|_| ticket(&mut dice)).collect::<Vec<_>>()),
        ("subscriptions", (0..300).map(|_| subscription(&mut dice)).collect()),
        ("content_ratings", (0..500).map(|_| rating(&mut dice)).collect()),
    ] {
        let batches = rows.chunks(BATCH);
        statements.extend(batches.map(|rows| format!("INSERT OR IGNORE INTO {table} VALUES {};", rows.join(", "))));
    }
    statements
}

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS support_tickets (
  ticket_id VARCHAR(36) NOT NULL PRIMARY KEY,
  customer_id VARCHAR(50) NOT NULL,
  subject VARCHAR(255) NOT NULL,
  description TEXT NOT NULL,
  status VARCHAR(11) NOT NULL CHECK (status IN ('open', 'in_progress', 'resolved', 'closed')),
  priority VARCHAR(8) NOT NULL CHECK (priority IN ('low', 'medium', 'high', 'critical')),
  category VARCHAR(100) NOT NULL,
  agent_name VARCHAR(100) NOT NULL,
  created_at TIMESTAMP NOT NULL,
  resolved_at TIMESTAMP NULL
);
CREATE INDEX IF NOT EXISTS tickets_by_customer ON support_tickets (customer_id);
CREATE INDEX IF NOT EXISTS tickets_by_status ON support_tickets (status);
CREATE INDEX IF NOT EXISTS tickets_by_creation ON support_tickets (created_at);
CREATE TABLE IF NOT EXISTS subscriptions (
  subscription_id VARCHAR(36) NOT NULL PRIMARY KEY,
  customer_id VARCHAR(50) NOT NULL,
  plan VARCHAR(13) NOT NULL CHECK (plan IN ('free_with_ads', 'basic', 'standard', 'premium')),
  status VARCHAR(9) NOT NULL CHECK (status IN ('active', 'cancelled', 'expired', 'paused')),
  start_date DATE NOT NULL,
  end_date DATE NULL,
  monthly_amount DECIMAL(10,2) NOT NULL,
  payment_method VARCHAR(50) NOT NULL,
  auto_renew BOOLEAN NOT NULL
);
CREATE TABLE IF NOT EXISTS content_ratings (
  rating_id VARCHAR(36) NOT NULL PRIMARY KEY,
  customer_id VARCHAR(50) NOT NULL,
  title_id VARCHAR(50) NOT NULL,
  rating INT NOT NULL CHECK (rating BETWEEN 1 AND 5),
  review_text TEXT NULL,
  created_at TIMESTAMP NOT NULL
);";

const SUBJECTS: [(&str, &str, &str); 8] = [
    ("billing", "Charged twice this month", "Two charges for one month are on my statement."),
    ("billing", "Refund has not arrived", "The refund that was promised is not on my account yet."),
    ("technical", "Video stops every few minutes", "Playback stops and loads again, on every title."),
    ("technical", "App closes on my television", "The app closes as soon as I choose a profile."),
    ("content", "Subtitles are out of step", "The subtitles come two seconds after the words."),
    ("content", "A season is missing", "The third season is not in the list."),
    ("account", "Cannot sign in", "My password is right, and I am told that it is not."),
    ("account", "Change of e-mail address", "Please move my account to another address."),
];

const REVIEWS: [&str; 4] = ["Watched it twice.", "Too long by half.", "The ending was a surprise.", "Not for me."];

fn ticket(dice: &mut Dice) -> String {
    let id = dice.id();
    let customer = dice.customer();
    let (category, subject, description) = *dice.of(&SUBJECTS);
    let status = *dice.of(&["open", "in_progress", "resolved", "closed"]);
    let priority = *dice.of(&["low", "medium", "high", "critical"]);
    let agent = *dice.of(&["Amara", "Bruno", "Chen", "Dana", "Elif"]);
    let created = NEW_YEAR_2026 + dice.below(42 * DAY);
    let resolved = match status {
        "resolved" | "closed" => time(created + (1 + dice.below(72)) * HOUR),
        _ => "NULL".to_owned(),
    };
    let created = time(created);
    format!(
        "('{id}', '{customer}', '{subject}', '{description}', '{status}', '{priority}', '{category}', '{agent}', \
         {created}, {resolved})"
    )
}

fn subscription(dice: &mut Dice) -> String {
    let id = dice.id();
    let customer = dice.customer();
    let (plan, amount) =
        *dice.of(&[("free_with_ads", "0.00"), ("basic", "6.99"), ("standard", "12.99"), ("premium", "19.99")]);
    let status = *dice.of(&["active", "active", "active", "cancelled", "expired", "paused"]);
    let start = NEW_YEAR_2024 + dice.below(731) * DAY;
    let end = match status {
        "cancelled" | "expired" => day(start + (30 + dice.below(300)) * DAY),
        _ => "NULL".to_owned(),
    };
    let payment = *dice.of(&["credit_card", "debit_card", "paypal", "gift_card"]);
    let renew = u64::from(status == "active");
    let start = day(start);
    format!("('{id}', '{customer}', '{plan}', '{status}', {start}, {end}, {amount}, '{payment}', {renew})")
}

fn rating(dice: &mut Dice) -> String {
    let id = dice.id();
    let customer = dice.customer();
    let title = 1 + dice.below(500);
    let rating = dice.weighted(&[5, 10, 25, 35, 25]) + 1;
    let review = match dice.below(10) {
        0..6 => "NULL".to_owned(),
        _ => format!("'{}'", dice.of(&REVIEWS)),
    };
    let created = time(JUNE_2025 + dice.below(250 * DAY));
    format!("('{id}', '{customer}', 'TITLE_{title:06}', {rating}, {review}, {created})")
}

// Seconds since 1970.
const NEW_YEAR_2024: u64 = 1_704_067_200;
const JUNE_2025: u64 = 1_748_736_000;
const NEW_YEAR_2026: u64 = 1_767_225_600;

/// A time, which SQLite writes out.
fn time(seconds: u64) -> String {
    format!("datetime({seconds}, 'unixepoch')")
}

/// A day, which SQLite writes out.
fn day(seconds: u64) -> String {
    format!("date({seconds}, 'unixepoch')")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_are_the_same_at_every_run() {
        assert_eq!(statements(), statements());
        assert_eq!(statements().len(), 1 + 4 + 6 + 10);
    }
}
