//! `GET /metrics`: what is counted, for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::streamable::Endpoint;
use crate::host::{Host, METRICS_TYPE};

/// `GET /metrics`: everything that is counted, as text.
pub(super) async fn metrics(State((host, endpoint)): State<(Arc<Host>, Arc<Endpoint>)>) -> impl IntoResponse {
    ([(CONTENT_TYPE, METRICS_TYPE)], host.metrics(endpoint.sessions()))
}
