//! A call on its way through the gate: what it is held to, counted by and recorded as.

use std::sync::Arc;

use super::metrics::{Metrics, OfTool, Running};
use super::places::Place;
use super::rates::{Rates, Refused};
use super::{Aim, Ending};
use crate::call::{Call, Caller, Span, Trace};
use crate::fault::{Error, Fault, Kind};
use crate::policy::Action;

/// A call on its way through the gate. What it holds is given back as this is dropped.
pub(super) struct Passing {
    method: &'static str,
    caller: Arc<Caller>,
    span: Option<Span>,
    rates: Arc<Rates>,
    metrics: Arc<Metrics>,
    of_tool: Arc<OfTool>,
    of_caller: Option<Place>,
    of_plugin: Option<Place>,
    running: Option<Running>,
    /// Whether it was one too many.
    refused: bool,
}

impl Passing {
    pub(super) fn begin<R>(call: &Call<R>, method: &'static str, rates: Arc<Rates>, metrics: Arc<Metrics>) -> Self {
        let span = call.trace.as_ref().and_then(Trace::span).cloned();
        if let Some(span) = &span {
            span.say("call.id", call.id.to_string());
            span.say("call.method", method);
            span.say("caller.name", call.caller.name.clone());
        }
        Self {
            method,
            caller: Arc::clone(&call.caller),
            span,
            rates,
            of_tool: Arc::clone(metrics.of_unknown()),
            metrics,
            of_caller: None,
            of_plugin: None,
            running: None,
            refused: false,
        }
    }

    /// Counts the call as one of its caller's, before anything is looked up for it.
    pub(super) async fn enter(&mut self) -> Result<(), Error> {
        let passed = self.rates.pass_caller(&self.caller).await;
        self.of_caller = passed.map_err(|refused| self.refuse(refused))?;
        Ok(())
    }

    /// Notes what it is for.
    pub(super) fn aim(&mut self, aim: Aim<'_>) {
        self.of_tool = self.metrics.of_tool(aim.plugin, tool(aim.action).unwrap_or(self.method));
        let Some(span) = &self.span else { return };
        span.say("plugin.name", aim.plugin.to_owned());
        span.say("plugin.digest", aim.digest.to_owned());
        // An address may hold what somebody asks for.
        if let Action::Call(name) | Action::Prompt(name) = aim.action {
            span.rename(format!("{} {name}", self.method));
            span.say("call.name", name.to_owned());
        }
    }

    /// Counts the call as one of that tool and plugin.
    pub(super) async fn pass(&mut self, aim: Aim<'_>) -> Result<(), Error> {
        let passed = self.rates.pass_plugin(&self.caller, aim.plugin, tool(aim.action)).await;
        self.of_plugin = Some(passed.map_err(|refused| self.refuse(refused))?);
        self.running = Some(self.of_tool.run());
        Ok(())
    }

    /// Counts the call as one of a tool of the host's own.
    pub(super) fn pass_own(&mut self, tool: &str) -> Result<(), Error> {
        self.of_tool = self.metrics.of_tool("toolhost", tool);
        let passed = self.rates.pass_tool(&self.caller, tool);
        passed.map_err(|refused| self.refuse(refused))
    }

    /// Counts how it ended, and what it did.
    pub(super) fn end(&self, ending: &Ending) {
        self.metrics.count_call(&self.of_tool, &self.caller.name, ending);
        // Every place of `[serve] calls` was taken.
        if ending.outcome == Kind::Busy.as_str() && !self.refused {
            self.metrics.count_limited("calls");
        }
        let Some(span) = &self.span else { return };
        span.say("call.outcome", ending.outcome);
        if let Some(fault) = ending.fault {
            span.say("error.kind", ending.outcome);
            span.say("error.fault", fault.as_str());
            if fault != Fault::Caller {
                span.fail();
            }
        }
        span.end();
    }

    /// Counts its line in the audit trail, or that there is none.
    pub(super) fn count_line(&self, is_written: bool) {
        self.metrics.count_line(is_written);
    }

    fn refuse(&mut self, refused: Refused) -> Error {
        self.refused = true;
        self.metrics.count_limited(refused.limit);
        refused.error
    }
}

/// The tool that is called, if one is.
fn tool(action: Action<'_>) -> Option<&str> {
    match action {
        Action::Call(tool) => Some(tool),
        Action::Read(_) | Action::Prompt(_) => None,
    }
}
