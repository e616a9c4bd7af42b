//! The HTTP server: every route, what stands before them, and how it ends.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::{any, get, post};
use axum::serve::ListenerExt;
use axum::{Router, ServiceExt, middleware};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower_layer::Layer;

use super::origin::Allowed;
use super::streamable::{self, Endpoint};
use super::{card, cors, identify, metrics, refused, resource, rest};
use crate::config::Serve;
use crate::host::Host;

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    host: Arc<Host>,
    config: Serve,
}

/// Why a server does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("cannot listen on {0}: {1}; set another address: [serve] listen = \"127.0.0.1:8001\"")]
    Listen(SocketAddr, std::io::Error),
    /// Callers are not identified, so only this machine may call.
    #[error(
        "{0} can be reached from other machines, and callers are not identified; say how they prove who they are: \
         [callers] keys = \"keys.toml\", or listen on 127.0.0.1, or pass --insecure"
    )]
    Public(SocketAddr),
    /// The URL of the config is none.
    #[error("[serve] url is where clients reach this host, and begins with https:// or http://")]
    Url,
}

impl Server {
    /// Listens on the address of the config; on one that other machines reach only if callers are identified, or
    /// if `insecure`.
    pub async fn bind(host: Arc<Host>, config: Serve, insecure: bool) -> Result<Self, ServeError> {
        if !config.listen.ip().is_loopback() && !host.identifies() && !insecure {
            return Err(ServeError::Public(config.listen));
        }
        let is_url = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        if !config.url.as_ref().is_none_or(is_url) {
            return Err(ServeError::Url);
        }
        let refused = |error| ServeError::Listen(config.listen, error);
        let listener = TcpListener::bind(config.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address, host, config })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done; then calls under way may finish within `stop_ms` of
    /// the config, and are cut off after it.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let (streams, answers) = (CancellationToken::new(), TaskTracker::new());
        let router = router(Arc::clone(&self.host), &self.config, streams.clone());
        let entrance = Arc::new(Entrance { allowed: Allowed::by(&self.config), answers: answers.clone() });
        // Around the routes as a whole; as a layer of each, it would be copied with its route at each request.
        let service = middleware::from_fn_with_state(entrance, enter).layer(router);
        // Without it, the second packet of an answer waits 40 ms for the first one's receipt.
        let listener = self.listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY could not be set");
            }
        });
        let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = axum::serve(listener, service.into_make_service()).with_graceful_shutdown(async move {
            stop.await;
            let _ = stopping.send(());
        });
        // Tasks are calls under way, too, though no connection waits for them.
        let tasks = self.host.tasks();
        let serving = async {
            let served = serving.await;
            tasks.ended().await;
            served
        };
        let grace = Duration::from_millis(self.config.stop_ms.get());
        let cut_off = async {
            // An error means that the server ended by itself.
            if stopped.await.is_err() {
                return std::future::pending().await;
            }
            tracing::info!("stopping: calls under way may finish");
            answers.close();
            let in_time = async { tokio::join!(answers.wait(), tasks.ended()) };
            if tokio::time::timeout(grace, in_time).await.is_err() {
                tracing::warn!(stop.ms = grace.as_millis(), "calls that did not finish in time were cut off");
            }
            tasks.cut_off().await;
            // Streams that wait for news would keep their connections open for ever.
            streams.cancel();
            tokio::time::sleep(Duration::from_millis(500).min(grace)).await;
        };
        tokio::select! {
            served = serving => served,
            () = cut_off => Ok(()),
            never = tasks.sweep() => match never {},
        }
    }
}

/// What every request comes by, whatever its route.
struct Entrance {
    allowed: Allowed,
    answers: TaskTracker,
}

/// Lets a request in that may come in here. A `POST` counts as under way until the last byte of its answer is handed
/// on; a `GET` may be a stream that waits for news, which nobody waits for.
async fn enter(State(entrance): State<Arc<Entrance>>, request: Request, next: Next) -> Response {
    let under_way = (request.method() == Method::POST).then(|| entrance.answers.token());
    let response = match entrance.allowed.check(request.headers(), request.uri()) {
        Ok(()) => cors::answer(request, next).await,
        Err(error) => refused::at(request.uri(), rest::status(&error), error),
    };
    match under_way {
        Some(token) => response.map(|body| Body::new(Counted { body, _under_way: token })),
        None => response,
    }
}

/// The body of an answer that is under way for as long as this is there.
struct Counted {
    body: Body,
    _under_way: TaskTrackerToken,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    /// An answer whose length is known goes out in one piece.
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Every route there is.
fn router(host: Arc<Host>, config: &Serve, streams: CancellationToken) -> Router {
    let body_bytes = config.request_kib.get_usize() << 10;
    let checkpoint = identify::Checkpoint { host: Arc::clone(&host), body_bytes };
    let endpoint = Endpoint::new(Arc::clone(&host), config, streams);
    let metrics = Router::new().route("/metrics", get(metrics::metrics));
    let metrics = metrics.with_state((Arc::clone(&host), Arc::clone(&endpoint)));
    let (metrics_identified, metrics_open) =
        if config.open_metrics { (Router::new(), metrics) } else { (metrics, Router::new()) };
    // Whoever comes here says who they are.
    let identified = Router::new()
        .route("/", get(rest::about))
        .route("/tools", get(rest::tools))
        .with_state(Arc::clone(&host))
        .route("/tools/{name}", post(rest::call).with_state((Arc::clone(&host), body_bytes)))
        .route("/mcp", any(streamable::serve).with_state(endpoint))
        .merge(metrics_identified)
        .method_not_allowed_fallback(rest::no_such_method)
        .layer(middleware::from_fn_with_state(Arc::new(checkpoint), identify::check));
    // Anybody may come here.
    let open = Router::new()
        .route("/health", get(rest::health))
        .route("/ready", get(rest::ready))
        .route("/.well-known/oauth-protected-resource", get(resource::metadata))
        .route("/.well-known/oauth-protected-resource/mcp", get(resource::metadata))
        .with_state(host)
        .route("/mcp/server-card", get(card::card).with_state(config.url.clone()))
        .route("/.well-known/ai-catalog.json", get(card::catalog).with_state(config.url.clone()))
        .merge(metrics_open)
        .method_not_allowed_fallback(rest::no_such_method);
    identified.merge(open).fallback(rest::nowhere)
}
