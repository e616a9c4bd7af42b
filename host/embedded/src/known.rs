//! What is known of the tables' files, until they change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::object_store::ObjectStore;

use crate::folder::Table;
use crate::table::{self, Known};

/// What is known of the tables.
#[derive(Debug)]
pub(crate) struct Tables {
    /// Reads nothing outside of the folder.
    pub(crate) store: Arc<dyn ObjectStore>,
    known: Mutex<HashMap<String, (Table, Arc<Known>)>>,
}

impl Tables {
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Tables { store, known: Mutex::default() }
    }

    /// What is in this table; its files are looked into only if they changed since.
    pub(crate) async fn know(&self, name: &str, table: &Table, state: &dyn Session) -> Result<Arc<Known>> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seen, held)) = known().get(name)
            && seen == table
        {
            return Ok(held.clone());
        }
        let held = Arc::new(table::know(name, table, state, &self.store).await?);
        known().insert(name.to_owned(), (table.clone(), held.clone()));
        Ok(held)
    }
}
