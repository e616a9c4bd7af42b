//! Support cases as a folder of tables: the same ones for every test.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

/// The database that they are in.
pub const DATABASE: &str = "support";

/// Writes the table `case_summary` with so many cases into a folder.
pub fn write(folder: &Path, count: usize) -> Result<()> {
    let pick = |list: &[&'static str], number: usize| list.get(number % list.len()).copied().unwrap_or_default();
    let mut csv = String::from("casenumber,account,servicecode,severity,rca_category,timecreated,summary\n");
    for n in 0..count {
        let severity = pick(&["low", "normal", "high", "urgent", "critical"], n * 7 / 3);
        let category = pick(&["config", "code", "capacity", ""], n / 2);
        let (month, day) = (1 + n % 9, 1 + n % 28);
        // Commas, quotes and other scripts must survive.
        writeln!(
            csv,
            "CASE-{n:05},{:012},{},{severity},{category},2026-0{month}-{day:02}T10:00:00Z,\"Größe \"\"{n}\"\", it's late\"",
            100_000_000_000 + n % 5,
            pick(&["ec2", "s3", "rds"], n),
        )?;
    }
    Ok(std::fs::write(folder.join("case_summary.csv"), csv)?)
}
