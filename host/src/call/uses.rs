//! What a call did with its grants and gave out, for the record of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many different uses of grants are told apart in the record of one call.
const KINDS_MAX: usize = 64;

/// What one use is of, as far as a capability can tell before it happens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// What kind of thing is to be done, such as `read`.
    pub class: Option<&'static str>,
    /// Which tables it touches, in lower case and with their schema if it was named.
    pub tables: Vec<String>,
}

impl Facts {
    /// Of what class it is; no table is touched, or none is known.
    pub fn of_class(class: &'static str) -> Self {
        Self { class: Some(class), tables: Vec::new() }
    }
}

/// One use of a grant, or an attempt at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The capability's name.
    pub capability: &'static str,
    /// The grant's name, without that of the capability.
    pub grant: String,
    /// What was to be done, such as `query`.
    pub action: &'static str,
    /// What it was of.
    pub facts: Facts,
    /// Whether the plugin has such a grant at all; if not, its name is no more than what was asked for.
    pub granted: bool,
    /// Whether it was allowed.
    pub allowed: bool,
    /// The policies that decided.
    pub policies: Vec<String>,
}

/// What a call did with its grants so far. Clones share one record.
#[derive(Debug, Clone, Default)]
pub struct Uses(Arc<Mutex<Noted>>);

/// What was noted.
#[derive(Debug, Default, Clone)]
pub struct Noted {
    /// Each use that differs from the others, and how often there was it.
    pub uses: Vec<(Use, u64)>,
    /// Uses beyond those that are told apart.
    pub others: u64,
    /// Rows that came out of grants.
    pub rows: u64,
    /// What the plugin answered: text, bytes and JSON together, in bytes.
    pub bytes_out: u64,
}

impl Uses {
    /// Notes a use.
    pub fn note(&self, one: Use) {
        let mut noted = self.noted();
        if let Some((_, times)) = noted.uses.iter_mut().find(|(known, _)| *known == one) {
            *times += 1;
        } else if noted.uses.len() < KINDS_MAX {
            noted.uses.push((one, 1));
        } else {
            noted.others += 1;
        }
    }

    /// Notes rows that a grant gave.
    pub fn note_rows(&self, rows: usize) {
        let mut noted = self.noted();
        noted.rows = noted.rows.saturating_add(rows as u64);
    }

    /// Notes an answer of that size.
    pub fn note_bytes(&self, bytes: usize) {
        let mut noted = self.noted();
        noted.bytes_out = noted.bytes_out.saturating_add(bytes as u64);
    }

    /// What was noted so far, which is forgotten.
    pub fn take(&self) -> Noted {
        std::mem::take(&mut *self.noted())
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
