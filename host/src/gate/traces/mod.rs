//! Spans of calls, for a collector that speaks OTLP. Off, and free, unless the config names one.
//!
//! Whether a call is recorded is decided once, as it begins: its uses of grants and its
//! upstreams follow it. A collector that is slow or gone costs spans, never a call.

mod collector;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota};
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};

use self::collector::Collector;
use super::rates::number;
use crate::call::{Span, Trace};
use crate::config;
use crate::config::SecretError;

/// How many spans are sent at once.
const BATCH_SPANS: usize = 512;

/// How long a span waits for others to be sent with.
const BATCH_WAIT: Duration = Duration::from_secs(2);

/// How long the last spans may take when the host ends.
const FLUSH_MAX: Duration = Duration::from_secs(3);

/// Where spans of calls go.
pub(super) struct Traces {
    tracer: Arc<BoxedTracer>,
    provider: SdkTracerProvider,
    sample: f64,
    /// Those that are recorded because their callers say so.
    of_callers: DefaultDirectRateLimiter,
    /// Together they make one number that looks random out of each call.
    random: RandomState,
    calls: AtomicU64,
}

/// Why no spans can be sent. The message says what to write instead, and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TracesError {
    /// The collector's address is none.
    #[error(
        "[traces] endpoint is where a collector takes OTLP over HTTP: write \"http://127.0.0.1:4318\" or \"https://…\""
    )]
    Endpoint,
    /// Whoever listens on the way would read the headers.
    #[error(
        "[traces] headers hold secrets, and endpoint begins with http:// and is not on this machine: write https://"
    )]
    Plaintext,
    /// A header cannot be sent.
    #[error("[traces.headers] {0}: it is no header, or its value is none")]
    Header(String),
    /// A header's value is missing.
    #[error("[traces.headers] {0}: {1}")]
    Secret(String, SecretError),
    /// The library refuses.
    #[error("[traces]: no exporter of spans can be made: {0}")]
    Exporter(String),
}

impl Traces {
    /// What the config says; none if it names no collector. Contacts nobody. Must be called on a
    /// tokio runtime, which is the one that spans are sent on.
    pub(super) fn open(config: &config::Traces) -> Result<Option<Self>, TracesError> {
        let Some(endpoint) = &config.endpoint else { return Ok(None) };
        let collector = Collector::open(endpoint, &config.headers, config.time_max())?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(collector.url())
            .with_timeout(config.time_max())
            .with_retry_policy(RetryPolicy::disabled())
            .with_headers(HashMap::new())
            .with_http_client(collector)
            .build()
            .map_err(|error| TracesError::Exporter(error.to_string()))?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(config.queue_max.get_usize())
            .with_max_export_batch_size(BATCH_SPANS.min(config.queue_max.get_usize()))
            .with_scheduled_delay(BATCH_WAIT)
            .build();
        let service = Resource::builder_empty().with_service_name(config.service_name.clone());
        let provider = SdkTracerProvider::builder()
            // Decided here before: a call that is not recorded has no span.
            .with_sampler(Sampler::AlwaysOn)
            .with_resource(service.build())
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .build();
        let tracer = Arc::new(BoxedTracer::new(Box::new(provider.tracer("toolhost"))));
        let of_callers = Quota::per_second(number(config.caller_calls_per_s.get()));
        Ok(Some(Self {
            tracer,
            provider,
            sample: config.sample,
            of_callers: DefaultDirectRateLimiter::direct(of_callers),
            random: RandomState::new(),
            calls: AtomicU64::new(0),
        }))
    }

    /// The trace of a call with a span of its own, if it is to be recorded; else as it came.
    pub(super) fn begin(&self, method: &'static str, trace: Option<Trace>) -> Option<Trace> {
        if !self.records(trace.as_ref()) {
            return trace;
        }
        let span = Span::begin(&self.tracer, method, trace.as_ref().and_then(Trace::parent));
        Some(Trace::within(span, trace))
    }

    fn records(&self, trace: Option<&Trace>) -> bool {
        match trace {
            Some(trace) => trace.is_sampled() && self.of_callers.check().is_ok(),
            None => {
                let number = self.random.hash_one(self.calls.fetch_add(1, Ordering::Relaxed));
                // Of 53 bits, as many as the fraction of a number has: it is below one.
                #[allow(clippy::cast_precision_loss, reason = "53 bits are exact")]
                let part = (number >> 11) as f64 / (1_u64 << 53) as f64;
                part < self.sample
            }
        }
    }

    /// Sends what waits, for a limited time. Blocks until then.
    pub(super) fn flush(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FLUSH_MAX) {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretRef;

    fn config(text: &str) -> config::Traces {
        let text = format!("[traces]\nendpoint = \"http://127.0.0.1:1\"\n{text}");
        config::Config::parse(&text, "toolhost.toml".as_ref(), &[]).expect("parses").traces
    }

    fn open(text: &str) -> Traces {
        Traces::open(&config(text)).expect("opens").expect("is on")
    }

    fn came(flags: &str) -> Option<Trace> {
        Trace::read(&format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"), Some("a=1"))
    }

    #[tokio::test]
    async fn without_a_collector_nothing_is_recorded() {
        assert!(Traces::open(&config::Traces::default()).expect("is right").is_none());
    }

    #[tokio::test]
    async fn a_call_goes_on_in_the_trace_that_it_came_with() {
        let traces = open("");
        let trace = traces.begin("tools/call", came("01")).expect("there is one");
        assert_eq!((trace.id(), trace.state()), ("0af7651916cd43dd8448eb211c80319c", Some("a=1")));
        let span = trace.span().expect("is recorded").id();
        assert_eq!(trace.child(), format!("00-0af7651916cd43dd8448eb211c80319c-{span}-01"));
        assert_ne!(span, "b7ad6b7169203331");
        let below = trace.span().expect("is recorded").child("sql.query");
        assert_eq!(below.trace_id(), trace.id());
        assert_ne!(below.id(), span);
    }

    #[tokio::test]
    async fn a_caller_that_records_nothing_is_not_recorded_and_is_carried_on() {
        let trace = open("").begin("tools/call", came("00")).expect("there is one");
        assert_eq!((trace.span(), trace.is_sampled()), (None, false));
        assert!(trace.child().starts_with("00-0af7651916cd43dd8448eb211c80319c-") && trace.child().ends_with("-00"));
    }

    #[tokio::test]
    async fn callers_make_no_more_be_recorded_than_the_operator_lets_them() {
        let traces = open("caller_calls_per_s = 3\nsample = 0\n");
        let recorded = (0..100).filter_map(|_| traces.begin("tools/call", came("01"))?.span().cloned()).count();
        assert!((3..10).contains(&recorded), "{recorded}");
        assert!((0..100).all(|_| traces.begin("tools/call", None).is_none()));
    }

    #[tokio::test]
    async fn of_calls_without_a_trace_the_part_is_recorded_that_the_operator_wants() {
        let traces = open("sample = 0.25\n");
        let recorded = (0..10_000).filter(|_| traces.records(None)).count();
        assert!((2_000..3_000).contains(&recorded), "{recorded}");
        let all = open("");
        assert!((0..1_000).all(|_| all.records(None)));
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_and_no_secret() {
        let refused = |endpoint: &str, header: Option<(&str, SecretRef)>| {
            let mut config = config("");
            config.endpoint = Some(endpoint.to_owned());
            config.headers = header.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
            Traces::open(&config).err().map(|error| error.to_string())
        };
        for endpoint in ["", "collector:4318", "ftp://127.0.0.1", "http://user:hunter2@127.0.0.1:4318", "http://"] {
            let error = refused(endpoint, None).expect("is refused");
            assert!(error.contains("[traces] endpoint") && !error.contains("hunter2"), "{endpoint}: {error}");
        }
        let nowhere = || SecretRef::Env("TOOLHOST_NO_SUCH_VARIABLE".to_owned());
        let error = refused("http://collector.example:4318", Some(("x-token", nowhere()))).expect("is refused");
        assert!(error.contains("https://"), "{error}");
        let error = refused("https://collector.example:4318", Some(("x-token", nowhere()))).expect("is refused");
        assert!(error.contains("x-token") && error.contains("env:TOOLHOST_NO_SUCH_VARIABLE"), "{error}");
        assert_eq!(refused("http://collector.example:4318", None), None);
        assert_eq!(refused("https://collector.example/otlp/", None), None);
    }
}
