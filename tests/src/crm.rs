//! The database `acme_crm`, so that a question about open tickets has an answer that a
//! test can work out by itself.
//!
//! The rows are made from a fixed seed: the same in every run, and of nobody.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use mysql_async::prelude::Queryable;
use mysql_async::{Params, Value};

use crate::mariadb::Database;

/// How many rows one INSERT carries.
const BATCH_ROWS: usize = 50;

/// Seconds since 1970 of 2024-01-01, the first day a subscription starts.
const YEAR_2024: i64 = 1_704_067_200;
/// Seconds since 1970 of 2025-06-01, the first day of the ratings.
const JUNE_2025: i64 = 1_748_736_000;
/// Seconds since 1970 of 2026-01-01, the first day of the tickets.
const YEAR_2026: i64 = 1_767_225_600;

const SCHEMA: &str = "
CREATE TABLE support_tickets (
    ticket_id VARCHAR(36) NOT NULL PRIMARY KEY,
    customer_id VARCHAR(50) NOT NULL,
    subject VARCHAR(255) NOT NULL,
    description TEXT,
    status ENUM('open', 'in_progress', 'resolved', 'closed') NOT NULL,
    priority ENUM('low', 'medium', 'high', 'critical') NOT NULL,
    category VARCHAR(100),
    agent_name VARCHAR(100),
    created_at TIMESTAMP NOT NULL,
    resolved_at TIMESTAMP NULL,
    INDEX idx_customer (customer_id),
    INDEX idx_status (status),
    INDEX idx_created (created_at)
);
CREATE TABLE subscriptions (
    subscription_id VARCHAR(36) NOT NULL PRIMARY KEY,
    customer_id VARCHAR(50) NOT NULL,
    plan ENUM('free_with_ads', 'basic', 'standard', 'premium') NOT NULL,
    status ENUM('active', 'cancelled', 'expired', 'paused') NOT NULL,
    start_date DATE NOT NULL,
    end_date DATE NULL,
    monthly_amount DECIMAL(10,2) NOT NULL,
    payment_method VARCHAR(50),
    auto_renew BOOLEAN NOT NULL
);
CREATE TABLE content_ratings (
    rating_id VARCHAR(36) NOT NULL PRIMARY KEY,
    customer_id VARCHAR(50) NOT NULL,
    title_id VARCHAR(50) NOT NULL,
    rating INT NOT NULL,
    review_text TEXT NULL,
    created_at TIMESTAMP NOT NULL
);
";

const CATEGORIES: [&str; 4] = ["billing", "technical", "content", "account"];
const PLANS: [(&str, &str); 4] =
    [("free_with_ads", "0.00"), ("basic", "6.99"), ("standard", "12.99"), ("premium", "19.99")];
/// `active` three times as likely as each of the others.
const SUBSCRIPTION_STATUSES: [&str; 6] = ["active", "active", "active", "cancelled", "expired", "paused"];
/// How likely the ratings 1 to 5 are, in parts of a hundred.
const RATING_WEIGHTS: [u64; 5] = [5, 10, 25, 35, 25];

/// Creates the three tables and fills them: `tickets` tickets, and for every two of them
/// three subscriptions and five ratings, as in the demo with its 200, 300 and 500.
///
/// Any four consecutive tickets have one of each status, so of `tickets` a quarter are
/// open, rounded up.
pub async fn seed(database: &Database, tickets: usize) -> Result<()> {
    create(database).await?;
    for (table, rows) in rows(tickets) {
        insert(database, table, &rows).await?;
    }
    Ok(())
}

/// The same tables with the same rows as a SQLite file, which must not be there yet.
pub fn seed_sqlite(path: &Path, tickets: usize) -> Result<()> {
    let mut file = rusqlite::Connection::open(path)?;
    file.execute_batch(&sqlite_schema()?)?;
    let transaction = file.transaction()?;
    for (table, rows) in rows(tickets) {
        for row in rows {
            let places = vec!["?"; row.len()].join(", ");
            let values = row.into_iter().map(sqlite_value).collect::<Result<Vec<_>>>()?;
            let insert = format!("INSERT INTO {table} VALUES ({places})");
            transaction.execute(&insert, rusqlite::params_from_iter(values))?;
        }
    }
    Ok(transaction.commit()?)
}

/// What each table holds, in the order in which they are filled.
fn rows(tickets: usize) -> [(&'static str, Vec<Vec<Value>>); 3] {
    let mut dice = Dice(2_026);
    [
        ("support_tickets", (0..tickets).map(|index| ticket(&mut dice, index)).collect()),
        ("subscriptions", (0..tickets * 3 / 2).map(|_| subscription(&mut dice)).collect()),
        ("content_ratings", (0..tickets * 5 / 2).map(|_| rating(&mut dice)).collect()),
    ]
}

/// Creates the three tables, empty.
pub async fn create(database: &Database) -> Result<()> {
    database.execute(SCHEMA).await
}

/// Inserts rows made elsewhere: one value for each column, in the order of the table.
/// A row whose key is there already is left alone.
pub async fn insert(database: &Database, table: &str, rows: &[Vec<Value>]) -> Result<()> {
    let mut connection = database.connect().await?;
    for batch in rows.chunks(BATCH_ROWS) {
        let width = batch.first().map_or(0, Vec::len);
        if width == 0 || batch.iter().any(|row| row.len() != width) {
            bail!("rows of {table} are empty or differ in length");
        }
        let row = format!("({})", vec!["?"; width].join(", "));
        let statement = format!("INSERT IGNORE INTO {table} VALUES {}", vec![row; batch.len()].join(", "));
        connection.exec_drop(statement, Params::Positional(batch.concat())).await?;
    }
    Ok(connection.disconnect().await?)
}

/// The schema for SQLite, which knows no ENUM and creates indexes by themselves.
fn sqlite_schema() -> Result<String> {
    let mut schema = String::new();
    for table in SCHEMA.split_inclusive(");\n").filter(|table| !table.trim().is_empty()) {
        let (head, body) = table.split_once("(\n").context("a table has columns")?;
        let name = head.split_whitespace().next_back().context("a table has a name")?;
        let lines = body.trim_end_matches(");\n").lines().map(|line| line.trim().trim_end_matches(','));
        let (indexes, columns): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("INDEX "));
        let column = |line: &str| match line.split_once("ENUM(").zip(line.rsplit_once(')')) {
            Some(((before, _), (_, after))) => format!("{before}TEXT{after}"),
            None => line.to_owned(),
        };
        let columns: Vec<_> = columns.into_iter().map(column).collect();
        schema += &format!("{head}({});\n", columns.join(", "));
        for index in indexes {
            schema += &format!("CREATE {};\n", index.replacen(" (", &format!(" ON {name} ("), 1));
        }
    }
    Ok(schema)
}

fn sqlite_value(value: Value) -> Result<rusqlite::types::Value> {
    Ok(match value {
        Value::NULL => rusqlite::types::Value::Null,
        Value::Int(number) => number.into(),
        Value::Bytes(text) => String::from_utf8(text)?.into(),
        other => bail!("no value of the demo is a {other:?}"),
    })
}

fn ticket(dice: &mut Dice, index: usize) -> Vec<Value> {
    let status = pick(&["open", "in_progress", "resolved", "closed"], index as u64);
    let category = pick(&CATEGORIES, dice.below(4));
    let created = YEAR_2026 + dice.seconds(42 * 24);
    let resolved = matches!(status, "resolved" | "closed").then(|| created + 3_600 + dice.seconds(71));
    vec![
        dice.id().into(),
        dice.customer().into(),
        format!("A question about {category}").into(),
        format!("Ticket {index} is about {category}.").into(),
        status.into(),
        pick(&["low", "medium", "high", "critical"], dice.below(4)).into(),
        category.into(),
        format!("Agent {:02}", dice.below(12) + 1).into(),
        timestamp(created).into(),
        resolved.map(timestamp).into(),
    ]
}

fn subscription(dice: &mut Dice) -> Vec<Value> {
    let (plan, amount) = pick(&PLANS, dice.below(4));
    let status = pick(&SUBSCRIPTION_STATUSES, dice.below(6));
    let start = YEAR_2024 + dice.seconds(730 * 24);
    let end = matches!(status, "cancelled" | "expired").then(|| start + 86_400 + dice.seconds(365 * 24));
    vec![
        dice.id().into(),
        dice.customer().into(),
        plan.into(),
        status.into(),
        date(start).into(),
        end.map(date).into(),
        amount.into(),
        pick(&["credit_card", "paypal", "bank_transfer"], dice.below(3)).into(),
        (dice.below(2) == 1).into(),
    ]
}

fn rating(dice: &mut Dice) -> Vec<Value> {
    let mut left = dice.below(100);
    let mut stars = 1_i64;
    for weight in RATING_WEIGHTS {
        if left < weight {
            break;
        }
        left -= weight;
        stars += 1;
    }
    let review = (dice.below(3) == 0).then(|| format!("I give it {stars} of 5."));
    vec![
        dice.id().into(),
        dice.customer().into(),
        format!("TITLE_{:06}", dice.below(500) + 1).into(),
        stars.into(),
        review.into(),
        timestamp(JUNE_2025 + dice.seconds(250 * 24)).into(),
    ]
}

/// `2026-01-31 23:59:59`, in UTC.
fn timestamp(seconds: i64) -> String {
    let text = DateTime::from_secs(seconds).fmt(Format::DateTime).unwrap_or_default();
    text.trim_end_matches('Z').replace('T', " ")
}

/// `2026-01-31`, in UTC.
fn date(seconds: i64) -> String {
    timestamp(seconds).chars().take(10).collect()
}

fn pick<T: Copy + Default>(choices: &[T], index: u64) -> T {
    choices.get(index as usize % choices.len().max(1)).copied().unwrap_or_default()
}

/// Random numbers that are the same every time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Up to so many hours, in seconds.
    fn seconds(&mut self, hours: u64) -> i64 {
        self.below(hours * 3_600) as i64
    }

    fn customer(&mut self) -> String {
        format!("CUST_{:06}", self.below(1_000) + 1)
    }

    /// 36 characters in the shape of a UUID.
    fn id(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mariadb::MariaDb;

    #[tokio::test]
    async fn the_rows_are_as_many_as_promised_and_within_their_bounds() {
        let database = MariaDb::shared().await.unwrap().database().await.unwrap();
        seed(&database, 200).await.unwrap();
        for (table, condition, rows) in [
            ("support_tickets", "TRUE", 200),
            ("support_tickets", "status = 'open'", 50),
            ("support_tickets", "(resolved_at IS NULL) = (status IN ('resolved', 'closed'))", 0),
            ("support_tickets", "created_at NOT BETWEEN '2026-01-01' AND '2026-02-12'", 0),
            ("support_tickets", "TIMESTAMPDIFF(SECOND, created_at, resolved_at) NOT BETWEEN 3600 AND 259200", 0),
            ("subscriptions", "TRUE", 300),
            ("subscriptions", "(end_date IS NULL) = (status IN ('cancelled', 'expired'))", 0),
            ("content_ratings", "TRUE", 500),
            ("content_ratings", "rating NOT BETWEEN 1 AND 5 OR customer_id NOT LIKE 'CUST\\_______'", 0),
        ] {
            let count = format!("SELECT COUNT(*) FROM {table} WHERE {condition}");
            assert_eq!(database.value::<u64>(&count).await.unwrap(), rows, "{count}");
        }
    }
}
