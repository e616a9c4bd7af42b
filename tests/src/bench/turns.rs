//! Servers that take turns, and what was measured in each turn.

use std::time::Duration;

use anyhow::Result;

use super::client::{self, Answered, Connection, Load, Question};
use super::servers::Server;
use crate::mcp::Era;
use crate::process;

/// How long all of it takes.
#[derive(Clone, Copy)]
pub struct Plan {
    /// What goes before the first turn and is not measured.
    pub warm_up: Load,
    /// One turn, which ends at whichever limit comes first.
    pub turn: Load,
    /// How often each server has its turn.
    pub rounds: usize,
}

/// All turns of one server.
pub struct Measured {
    /// Its name.
    pub server: &'static str,
    /// Its turns; those of the others have the same places.
    pub rounds: Vec<Round>,
    /// Memory that it held at the end, in KiB.
    pub memory_kib: u64,
    /// How long the JSON of an answer is, in bytes.
    pub answer_bytes: usize,
}

/// One turn.
pub struct Round {
    /// How many calls were answered.
    pub calls: usize,
    /// The median time of a call, in microseconds.
    pub p50_us: f64,
    /// The time that one call in a hundred takes longer than, in microseconds.
    pub p99_us: f64,
    /// Calls answered in a second.
    pub calls_per_s: f64,
    /// Processor time of the server for each call, in microseconds.
    pub cpu_us: f64,
    /// Pages that the server touched for each call and had no memory for yet.
    pub page_faults: f64,
    /// Processor time of the client for each call, in microseconds: what the servers did not have.
    pub client_us: f64,
}

/// What was used up to some moment.
struct Used {
    cpu: Duration,
    page_faults: u64,
    by_client: Duration,
}

impl Used {
    fn until_now(server: &Server) -> Result<Self> {
        let by_client = process::cpu_time(std::process::id())?;
        Ok(Self { cpu: server.cpu_time()?, page_faults: server.page_faults()?, by_client })
    }
}

/// A number of a turn.
pub type Measure = fn(&Round) -> f64;

/// The numbers of a turn that are shown and compared, by name.
pub const MEASURES: [(&str, Measure); 4] = [
    ("p50", |round| round.p50_us),
    ("p99", |round| round.p99_us),
    ("throughput", |round| round.calls_per_s),
    ("cpu", |round| round.cpu_us),
];

impl Measured {
    /// The median of its turns.
    pub fn median(&self, measure: Measure) -> f64 {
        median(self.rounds.iter().map(measure).collect())
    }

    /// The median of the ratios of single rounds to those of another server.
    pub fn ratio(&self, other: &Self, measure: Measure) -> f64 {
        let rounds = self.rounds.iter().zip(&other.rounds);
        median(rounds.map(|(own, other)| measure(own) / measure(other)).collect())
    }

    /// Processor time of a call over all turns, in microseconds. One short turn has few of the
    /// hundredths of a second that the kernel counts.
    pub fn cpu_us(&self) -> f64 {
        self.mean(|round| round.cpu_us)
    }

    /// The mean over all calls.
    pub fn mean(&self, measure: Measure) -> f64 {
        let calls: usize = self.rounds.iter().map(|round| round.calls).sum();
        self.rounds.iter().map(|round| measure(round) * round.calls as f64).sum::<f64>() / calls as f64
    }
}

impl Round {
    /// What calls, and what was used until they began and until they ended, come to.
    fn new(answered: &Answered, before: &Used, after: &Used) -> Self {
        let Answered { times, time } = answered;
        let us = |time: Duration| time.as_secs_f64() * 1e6;
        let at = |part: f64| us(times[((times.len() - 1) as f64 * part).round() as usize]);
        let calls = times.len();
        Self {
            calls,
            p50_us: at(0.5),
            p99_us: at(0.99),
            calls_per_s: calls as f64 / time.as_secs_f64(),
            cpu_us: us(after.cpu - before.cpu) / calls as f64,
            page_faults: (after.page_faults - before.page_faults) as f64 / calls as f64,
            client_us: us(after.by_client - before.by_client) / calls as f64,
        }
    }
}

/// All rounds: each server is asked its question, on connections that are kept throughout. No server
/// is always the first of a round.
pub async fn take_turns(
    contestants: &[(&Server, Question)],
    era: Era,
    connections: usize,
    plan: Plan,
) -> Result<Vec<Measured>> {
    let mut turns = Vec::new();
    for (server, question) in contestants {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(Connection::open(server.url(), era, question).await?);
        }
        client::load(&mut open, plan.warm_up).await?;
        let measured = Measured { server: server.name, rounds: Vec::new(), memory_kib: 0, answer_bytes: 0 };
        turns.push((server, open, measured));
    }
    for round in 0..plan.rounds {
        let (last, first) = turns.split_at_mut(round % contestants.len());
        for (server, open, measured) in first.iter_mut().chain(last) {
            let before = Used::until_now(server)?;
            let answered = client::load(open, plan.turn).await?;
            measured.rounds.push(Round::new(&answered, &before, &Used::until_now(server)?));
            measured.memory_kib = server.memory_kib()?;
            measured.answer_bytes = open.first().map_or(0, Connection::answer_bytes);
        }
    }
    Ok(turns.into_iter().map(|(_, _, measured)| measured).collect())
}

/// The number in the middle; not a number if there is none.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
