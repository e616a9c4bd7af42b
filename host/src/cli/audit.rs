//! `toolhost audit`: what is in the trail of all calls, and whether it is as it was written.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

use super::start;
use super::terminal::{Mark, bold, is_heard, mark, say};
use crate::call::JsonObject;
use crate::gate::audit::{self, Entry, Follow, Key, Verified};

/// How often `tail -f` looks.
const LOOK_TIME: Duration = Duration::from_millis(200);

/// Show the audit trail of all calls, search it, or verify that nobody changed it.
#[derive(Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the last lines.
    Tail(Tail),
    /// Show the calls that fit.
    Query(Query),
    /// Verify that no line was changed, removed or put elsewhere. The hosts may go on meanwhile.
    Verify(Verify),
    /// Print the digest that the trail has of a call with these arguments.
    Digest(Digest),
}

#[derive(Args)]
struct Tail {
    /// How many lines.
    #[arg(short = 'n', long, default_value_t = 20)]
    lines: usize,
    /// Show new lines as they come, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// Show the lines as they stand, in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Query {
    /// Calls of this caller.
    #[arg(long)]
    caller: Option<String>,
    /// Calls of this tool, or of this prompt or resource.
    #[arg(long)]
    tool: Option<String>,
    /// Calls of this plugin.
    #[arg(long)]
    plugin: Option<String>,
    /// Calls that used this grant, such as `sql.crm`, or tried to.
    #[arg(long)]
    grant: Option<String>,
    /// Calls that ended so: `answered`, `asked`, or an error's kind such as `denied`.
    #[arg(long)]
    outcome: Option<String>,
    /// Calls since then: as long ago as `90s`, `30m`, `2h` or `7d`, or a time such as `2026-01-31T12:00:00Z`.
    #[arg(long, value_parser = since)]
    since: Option<String>,
    /// The first so many.
    #[arg(long)]
    limit: Option<usize>,
    /// Show the lines as they stand, in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Verify {
    /// A hash that was noted from a line before, such as from the last line that an earlier `verify` named: a trail
    /// without it fails.
    #[arg(long, value_name = "HASH")]
    with: Vec<String>,
}

#[derive(Args)]
struct Digest {
    /// The arguments, a JSON object.
    arguments: String,
}

impl Audit {
    pub(super) async fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        let config = start::read(path)?;
        let dir = config.resolve(&config.audit.dir);
        if !dir.is_dir() {
            bail!("there is no audit trail in {}: no call was made yet, or [audit] dir is another", dir.display());
        }
        match self.command {
            Command::Tail(tail) => tail.run(&dir).await?,
            Command::Query(query) => query.run(&dir)?,
            Command::Verify(verify) => return verify.run(&dir),
            Command::Digest(digest) => digest.run(&dir)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Tail {
    async fn run(self, dir: &Path) -> anyhow::Result<()> {
        // First where it ends, then what is before it: so nothing is left out between.
        let mut follow = self.follow.then(|| Follow::end(dir)).transpose()?;
        let last = audit::last(dir, self.lines)?;
        last.iter().for_each(|entry| print(entry, self.json));
        let mut shown: HashSet<String> = last.into_iter().map(|entry| entry.text).collect();
        while let Some(follow) = &mut follow
            && is_heard()
        {
            let news = follow.news()?;
            news.iter().filter(|entry| !shown.contains(&entry.text)).for_each(|entry| print(entry, self.json));
            if !news.is_empty() {
                shown.clear();
            }
            tokio::time::sleep(LOOK_TIME).await;
        }
        Ok(())
    }
}

impl Query {
    fn run(self, dir: &Path) -> anyhow::Result<()> {
        let fitting = audit::entries(dir)?.filter(|entry| self.fits(entry)).take(self.limit.unwrap_or(usize::MAX));
        // A trail may be long, and its reader have had enough.
        fitting.take_while(|_| is_heard()).for_each(|entry| print(&entry, self.json));
        Ok(())
    }

    fn fits(&self, entry: &Entry) -> bool {
        let is = |wanted: &Option<String>, has: &str| wanted.as_deref().is_none_or(|wanted| wanted == has);
        let used = |grant: &str| {
            let used = |one: &audit::Use| {
                one.grant.is_some()
                    && grant.strip_prefix(&one.capability).and_then(|rest| rest.strip_prefix('.'))
                        == one.grant.as_deref()
            };
            entry.uses.iter().any(used)
        };
        entry.mark.is_none()
            && is(&self.caller, &entry.caller)
            && is(&self.tool, &entry.name)
            && is(&self.plugin, entry.plugin.as_deref().unwrap_or_default())
            && is(&self.outcome, &entry.outcome)
            && self.grant.as_deref().is_none_or(used)
            // Times of one form are in the order of text.
            && self.since.as_ref().is_none_or(|since| entry.time >= *since)
    }
}

/// A time, as lines have it: so long ago, or as it is given.
fn since(text: &str) -> Result<String, String> {
    let unit = |unit: char| match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3_600),
        'd' => Some(86_400),
        _ => None,
    };
    let ago = text.chars().next_back().and_then(|last| {
        let count: u64 = text.strip_suffix(last)?.parse().ok()?;
        SystemTime::now().checked_sub(Duration::from_secs(count.checked_mul(unit(last)?)?))
    });
    let time = match ago {
        Some(ago) => Some(DateTime::<Utc>::from(ago)),
        None => DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()),
    };
    time.map(audit::time).ok_or_else(|| "write `90s`, `30m`, `2h`, `7d` or `2026-01-31T12:00:00Z`".to_owned())
}

impl Verify {
    fn run(self, dir: &Path) -> anyhow::Result<ExitCode> {
        let verified = audit::verify(dir, &self.with)?;
        let mut good = true;
        for chain in &verified.chains {
            good &= chain.problem.is_none();
            show(chain);
        }
        for hash in &verified.absent {
            good = false;
            say!("{} no line has the hash {}: it was changed or removed", mark(Mark::Bad), printable(hash));
        }
        if verified.chains.is_empty() {
            say!("{} no call was made yet", mark(Mark::Warning));
        }
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn show(chain: &Verified) {
    let Verified { dir, segments, begins, lines, first, last, end, incomplete_bytes, problem } = chain;
    let how = if problem.is_some() { Mark::Bad } else { Mark::Good };
    let holds = if problem.is_some() { "lines hold before the first that does not" } else { "lines" };
    say!("{} {}: {lines} {holds}, in {segments} segments", mark(how), bold(&shown(dir)));
    if let Some(problem) = problem {
        say!("  {}:{}: {}", shown(&problem.at.path), problem.at.line, problem.what);
    }
    if *begins > 1 {
        say!("  it begins with segment {begins}: those before were removed, as [audit] keep_segments says");
    }
    for (which, call) in [("first", first), ("last", last)] {
        if let Some(call) = call {
            say!("  {which} call  {}  {}", printable(&call.time), printable(&call.id));
        }
    }
    if let Some((at, hash)) = end {
        say!("  last line   {}:{}  hash {hash}", shown(&at.path), at.line);
    }
    if *incomplete_bytes > 0 {
        say!("  after it    {incomplete_bytes} bytes of a line that is not whole: its host was killed, or writes it");
    }
}

impl Digest {
    fn run(self, dir: &Path) -> anyhow::Result<()> {
        let arguments: JsonObject = serde_json::from_str(&self.arguments)
            .context("the arguments must be a JSON object, such as '{\"limit\": 5}'")?;
        say!("{}", serde_json::to_string(&Key::open(dir)?.digest(&arguments))?);
        Ok(())
    }
}

fn print(entry: &Entry, as_json: bool) {
    let line = if as_json { entry.text.clone() } else { in_words(entry) };
    say!("{}", printable(&line));
}

/// A line to read: when, who, what, how it ended, how long it took, what came out, with which grants.
fn in_words(entry: &Entry) -> String {
    let mut line = entry.time.clone();
    // Writing to a string does not fail.
    let mut add = |text: std::fmt::Arguments<'_>| {
        let _ = write!(line, "  {text}");
    };
    if let Some(mark) = &entry.mark {
        add(format_args!("the trail {mark}"));
        for (count, what) in [
            (entry.recovered_bytes, "bytes of an incomplete line were cut off"),
            (entry.missing, "lines were missing"),
            (entry.refused, "calls were refused, as nothing could be written"),
            (entry.lost, "lines were lost, as nothing could be written"),
        ] {
            if count > 0 {
                add(format_args!("{count} {what}"));
            }
        }
        return line;
    }
    add(format_args!("{}", entry.caller));
    add(format_args!("{} {}", entry.method, entry.name));
    match &entry.fault {
        Some(fault) => add(format_args!("{} ({fault})", entry.outcome)),
        None => add(format_args!("{}", entry.outcome)),
    }
    let thousandth = entry.us % 1_000 / 100;
    add(format_args!("{}.{thousandth} ms", entry.us / 1_000));
    add(format_args!("{} bytes", entry.bytes_out));
    if entry.rows > 0 {
        add(format_args!("{} rows", entry.rows));
    }
    for audit::Use { capability, grant, action, allowed, times } in &entry.uses {
        let grant = grant.as_deref().unwrap_or("?");
        let refused = if *allowed { "" } else { " refused" };
        add(format_args!("{capability}.{grant} {action} ×{times}{refused}"));
    }
    add(format_args!("{}", entry.id));
    line
}

/// A path to show.
fn shown(path: &Path) -> String {
    printable(&PathBuf::from(path).display().to_string())
}

/// Text with nothing in it that a terminal obeys, or that turns its direction. In JSON, such
/// characters stand within strings alone, and mean the same when written like this.
fn printable(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if obeyed(c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        let text = printable("a\u{1b}[2J\nb\u{9b}31m\u{202e}é✓");
        assert_eq!(text, "a\\u001b[2J\\u000ab\\u009b31m\\u202eé✓");
        let json = printable("{\"name\":\"\u{9b}\u{7f}\"}");
        let read: serde_json::Value = serde_json::from_str(&json).expect("is JSON still");
        assert_eq!(read["name"], "\u{9b}\u{7f}");
    }

    #[test]
    fn times_are_read_as_they_are_said() {
        assert_eq!(since("2026-01-31T13:00:00+01:00").as_deref(), Ok("2026-01-31T12:00:00.000Z"));
        let (hours, days) = (since("2h").expect("is a time"), since("3d").expect("is a time"));
        assert!(days < hours, "{days} {hours}");
        for wrong in ["", "h", "2", "-2h", "2w", "yesterday", "99999999999999999999d", "é"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_line_in_words_says_who_did_what_and_how_it_ended() {
        let entry = Entry {
            time: "2026-01-31T12:00:00.000Z".to_owned(),
            id: "0123".to_owned(),
            caller: "ann".to_owned(),
            method: "tools/call".to_owned(),
            name: "crm__run_query".to_owned(),
            outcome: "denied".to_owned(),
            fault: Some("caller".to_owned()),
            us: 1_234,
            rows: 3,
            uses: vec![audit::Use {
                capability: "sql".to_owned(),
                grant: Some("crm".to_owned()),
                action: "query".to_owned(),
                allowed: false,
                times: 2,
            }],
            ..Entry::default()
        };
        let expected = "2026-01-31T12:00:00.000Z  ann  tools/call crm__run_query  denied (caller)  1.2 ms  0 bytes  3 rows  \
                        sql.crm query ×2 refused  0123";
        assert_eq!(in_words(&entry), expected);
        let started = Entry { mark: Some("started".to_owned()), missing: 2, ..Entry::default() };
        assert_eq!(in_words(&started), "  the trail started  2 lines were missing");
    }
}
