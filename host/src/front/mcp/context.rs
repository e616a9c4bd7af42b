//! What a request says beside what it asks for: the same, whether rmcp read the request or
//! `streamable/direct.rs` did.

use std::sync::Arc;

use axum::http::request::Parts;
use rmcp::RoleServer;
use rmcp::model::{ClientCapabilities, ProtocolVersion, RequestMetaObject};
use rmcp::service::{Peer, RequestContext};
use tokio_util::sync::CancellationToken;

use super::Door;
use super::brief::GoesOn;
use crate::call::{Caller, Trace};
use crate::front::streamable::JsonAlone;
use crate::front::{identify, trace};

/// What a request says beside what it asks for.
pub(in crate::front) struct Context<'a> {
    /// Whether its revision has no sessions, and no requests of the server's.
    pub(super) is_modern: bool,
    pub(super) meta: &'a RequestMetaObject,
    /// Whether its client reads its answer and nothing before it.
    pub(super) reads_json_alone: bool,
    /// What its client can do.
    pub(super) client: Option<ClientCapabilities>,
    pub(super) caller: Arc<Caller>,
    pub(super) trace: Option<Trace>,
    /// Where its client is told and asked; none if it hears nothing but the answer.
    pub(super) peer: Option<&'a Peer<RoleServer>>,
    /// Done when the client takes it back; one that is dropped with its connection may do without.
    pub(super) taken_back: Option<&'a CancellationToken>,
    /// The call that it asks for, if that has begun.
    pub(super) goes_on: Option<&'a GoesOn>,
}

impl<'a> Context<'a> {
    /// That of a request which rmcp read.
    pub(super) fn of(request: &'a RequestContext<RoleServer>) -> Self {
        let head = request.extensions.get::<Parts>();
        Self {
            is_modern: request.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28),
            meta: &request.meta,
            reads_json_alone: head.is_some_and(|head| head.extensions.get::<JsonAlone>().is_some()),
            client: request.client_capabilities(),
            caller: identify::caller(head),
            trace: trace::of(&request.meta, head),
            peer: Some(&request.peer),
            taken_back: Some(&request.ct),
            goes_on: head.and_then(|head| head.extensions.get()),
        }
    }

    /// That of a request of the newest revision whose client hears nothing but the answer.
    pub(in crate::front) fn direct(meta: &'a RequestMetaObject, head: &Parts) -> Self {
        Self {
            is_modern: true,
            meta,
            reads_json_alone: true,
            client: meta.client_capabilities(),
            caller: identify::caller(Some(head)),
            trace: trace::of(meta, Some(head)),
            peer: None,
            taken_back: None,
            goes_on: None,
        }
    }

    /// That of a request in the session of this door, before anything has to be told.
    pub(in crate::front) fn in_session(door: &Door, meta: &'a RequestMetaObject, head: &Parts) -> Self {
        Self {
            is_modern: false,
            reads_json_alone: head.extensions.get::<JsonAlone>().is_some(),
            client: meta.client_capabilities().or_else(|| door.session.client().cloned()),
            ..Self::direct(meta, head)
        }
    }

    /// Done when the client takes the request back.
    pub(super) async fn taken_back(&self) {
        match self.taken_back {
            Some(taken_back) => taken_back.cancelled().await,
            None => std::future::pending().await,
        }
    }
}
