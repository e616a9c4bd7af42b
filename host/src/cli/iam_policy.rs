//! `toolhost iam-policy`: the least that the host's AWS role must be allowed.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::start;
use crate::capability::Grants;

/// Print the least-privilege AWS IAM policy for the grants of the config.
#[derive(Args)]
pub(super) struct IamPolicy {}

impl IamPolicy {
    pub(super) fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        let grants = Grants::open(&start::read(path)?);
        for failure in grants.failures() {
            eprintln!("warning: left out {}: {}", failure.path, failure.message);
        }
        let statements: Vec<_> = grants.iter().flat_map(|(_, grant)| grant.iam()).collect();
        println!("{:#}", json!({ "Version": "2012-10-17", "Statement": statements }));
        Ok(if grants.failures().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
