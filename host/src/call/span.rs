//! A span: what a collector of traces is told of a call, or of one use of a grant.
//!
//! There is one only where calls are recorded: see `gate/traces`. Its attributes are names and
//! kinds, never a value of an argument or of an answer.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue, Value};

/// A span that is recorded. Clones are of the same one, which ends when it is told to, or with the last of them.
#[derive(Clone)]
pub struct Span {
    tracer: Arc<BoxedTracer>,
    context: Context,
}

impl Span {
    /// Begins the span of a call; below a span of its caller's, if there is one.
    pub fn begin(tracer: &Arc<BoxedTracer>, name: &'static str, parent: Option<SpanContext>) -> Self {
        let parent = parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
        Self::of(tracer, name, SpanKind::Server, &parent)
    }

    /// Begins a span below this one.
    #[must_use]
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Self {
        Self::of(&self.tracer, name, SpanKind::Client, &self.context)
    }

    fn of(tracer: &Arc<BoxedTracer>, name: impl Into<Cow<'static, str>>, kind: SpanKind, parent: &Context) -> Self {
        let builder = tracer.span_builder(name).with_kind(kind);
        let span = tracer.build_with_context(builder, parent);
        Self { tracer: Arc::clone(tracer), context: Context::new().with_span(span) }
    }

    /// Says something about it: a name, a kind or a number.
    pub fn say(&self, key: &'static str, value: impl Into<Value>) {
        self.context.span().set_attribute(KeyValue::new(key, value));
    }

    /// Gives it another name, once that is known.
    pub fn rename(&self, name: String) {
        self.context.span().update_name(name);
    }

    /// Says that what it is of failed.
    pub fn fail(&self) {
        self.context.span().set_status(Status::error(""));
    }

    /// Ends it, whoever else has it.
    pub fn end(&self) {
        self.context.span().end();
    }

    /// Its trace, 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        self.context.span().span_context().trace_id().to_string()
    }

    /// Itself, 16 hexadecimal digits.
    pub fn id(&self) -> String {
        self.context.span().span_context().span_id().to_string()
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Span({})", self.id())
    }
}

/// Equal are those of the same trace and with the same id.
impl PartialEq for Span {
    fn eq(&self, other: &Self) -> bool {
        self.context.span().span_context() == other.context.span().span_context()
    }
}

impl Eq for Span {}
