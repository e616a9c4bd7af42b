//! `toolhost iam-policy`: the least that the host's AWS role must be allowed.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::start;
use super::terminal::{note, say};
use crate::capability::{Grants, Statement};

/// Print the least-privilege AWS IAM policy for the grants of the config.
#[derive(Args)]
pub(super) struct IamPolicy {}

impl IamPolicy {
    pub(super) fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        let grants = Grants::open(&start::read(path)?);
        for failure in grants.failures() {
            note!("warning: left out {}: {}", failure.path, failure.message);
        }
        // Two databases of one cluster are one statement, with the actions of both.
        let mut statements: Vec<Statement> = Vec::new();
        for statement in grants.iter().flat_map(|(_, grant)| grant.iam()) {
            match statements.iter_mut().find(|known| known.sid == statement.sid && known.resource == statement.resource)
            {
                Some(known) => statement.action.into_iter().for_each(|action| known.allow_too(action)),
                None => statements.push(statement),
            }
        }
        say!("{:#}", json!({ "Version": "2012-10-17", "Statement": statements }));
        Ok(if grants.failures().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
