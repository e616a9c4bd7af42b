//! Which tables a folder holds. Nothing outside of it is looked at: a link that leads out is passed over.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::Error;

/// How a table's files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Json,
    /// Parquet.
    Parquet,
}

/// One file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// From the folder on, in its parts.
    pub(crate) parts: Vec<String>,
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
}

/// One table: a file, or a folder of files of one format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) format: Format,
    pub(crate) files: Vec<File>,
}

impl Format {
    fn of(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Format::Csv),
            "json" | "jsonl" | "ndjson" => Some(Format::Json),
            "parquet" => Some(Format::Parquet),
            _ => None,
        }
    }
}

/// The tables of this folder, whose path has no links in it.
pub(crate) fn scan(folder: &Path) -> Result<BTreeMap<String, Table>, Error> {
    let mut tables = BTreeMap::new();
    for path in entries(folder, folder)? {
        let Some(name) = path.named.file_stem().and_then(|stem| stem.to_str()).map(str::to_lowercase) else { continue };
        let table = if path.real.is_dir() {
            let name = path.named.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_lowercase();
            (name, of_folder(folder, &path.real)?)
        } else {
            let file = file(folder, &path.real).zip(Format::of(&path.named));
            (name, file.map(|(file, format)| Table { format, files: vec![file] }))
        };
        if let (name, Some(table)) = table
            && tables.insert(name.clone(), table).is_some()
        {
            return Err(Error::Folder(format!("two files or folders are named {name}")));
        }
    }
    Ok(tables)
}

/// What stands in the folder under this name, and where it really is.
struct Entry {
    named: PathBuf,
    real: PathBuf,
}

fn entries(folder: &Path, at: &Path) -> Result<Vec<Entry>, Error> {
    let unreadable = |error: std::io::Error| Error::Folder(format!("it cannot be read ({})", error.kind()));
    let mut entries = Vec::new();
    for entry in fs::read_dir(at).map_err(unreadable)? {
        let named = entry.map_err(unreadable)?.path();
        let hidden = named.file_name().and_then(|name| name.to_str()).is_none_or(|name| name.starts_with(['.', '_']));
        match fs::canonicalize(&named) {
            Ok(real) if !hidden && real.starts_with(folder) => entries.push(Entry { named, real }),
            _ => {}
        }
    }
    entries.sort_by(|left, right| left.named.cmp(&right.named));
    Ok(entries)
}

fn of_folder(folder: &Path, at: &Path) -> Result<Option<Table>, Error> {
    let mut table: Option<Table> = None;
    for entry in entries(folder, at)?.into_iter().filter(|entry| entry.real.is_file()) {
        let Some((file, format)) = file(folder, &entry.real).zip(Format::of(&entry.named)) else { continue };
        let table = table.get_or_insert(Table { format, files: Vec::new() });
        if table.format != format {
            let name = at.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            return Err(Error::Folder(format!("the folder {name} holds files of two formats")));
        }
        table.files.push(file);
    }
    Ok(table)
}

fn file(folder: &Path, real: &Path) -> Option<File> {
    let about = fs::metadata(real).ok().filter(fs::Metadata::is_file)?;
    let parts = real.strip_prefix(folder).ok()?.iter().map(|part| part.to_str().map(str::to_owned));
    Some(File { parts: parts.collect::<Option<_>>()?, size: about.len(), modified: about.modified().ok()? })
}
