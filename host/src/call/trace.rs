//! Where a call stands in a trace of its caller's, in the format of W3C Trace Context.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

use super::Span;

/// The longest list of states that is carried on, in bytes.
const STATE_BYTES_MAX: usize = 512;

/// The most entries of such a list.
const STATES_MAX: usize = 32;

/// The flags that have a meaning: sampled, and made of a random id.
const FLAGS: u8 = 0b11;

/// The flag of a trace that somebody records.
const SAMPLED: u8 = 0b01;

/// Where a call stands in a trace. What a caller says beside it (`baggage`) is for none of our
/// upstreams, and is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    id: String,
    /// The span that this is below: the caller's own.
    parent: String,
    flags: u8,
    state: Option<String>,
    /// The span of this host, where it records one.
    span: Option<Span>,
}

impl Trace {
    /// What `traceparent` and `tracestate` say; none if the first is not well formed. The
    /// second is left out if it is not.
    pub fn read(parent: &str, state: Option<&str>) -> Option<Self> {
        let mut fields = parent.split('-');
        let (version, id) = (hex(fields.next()?, 2)?, hex(fields.next()?, 32)?);
        let (parent_id, flags) = (hex(fields.next()?, 16)?, hex(fields.next()?, 2)?);
        // Only a version that does not exist yet may say more.
        let is_well_formed = version != "ff" && (version != "00" || fields.next().is_none());
        let is_zero = |id: &str| id.bytes().all(|byte| byte == b'0');
        if !is_well_formed || is_zero(id) || is_zero(parent_id) {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()? & FLAGS;
        let state = state.map(str::trim).filter(|state| is_state(state)).map(str::to_owned);
        Some(Self { id: id.to_owned(), parent: parent_id.to_owned(), flags, state, span: None })
    }

    /// The trace as it goes on with a span of this host.
    pub fn within(span: Span, before: Option<Self>) -> Self {
        let (id, parent) = (span.trace_id(), span.id());
        let (flags, state) = before.map_or((0, None), |before| (before.flags, before.state));
        Self { id, parent, flags: flags | SAMPLED, state, span: Some(span) }
    }

    /// Whether its caller says that it is recorded.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The caller's span, as the tracing library has it.
    pub fn parent(&self) -> Option<SpanContext> {
        let (trace, span) = (TraceId::from_hex(&self.id).ok()?, SpanId::from_hex(&self.parent).ok()?);
        let state = self.state().and_then(|state| state.parse::<TraceState>().ok()).unwrap_or_default();
        Some(SpanContext::new(trace, span, TraceFlags::new(self.flags & SAMPLED), true, state))
    }

    /// The span of this host, where it records one.
    pub fn span(&self) -> Option<&Span> {
        self.span.as_ref()
    }

    /// The trace, 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `tracestate`, for whoever the trace goes on with.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// `traceparent` for a request that the call makes: the same trace, and the span that is recorded here,
    /// or a new one of the request's own.
    pub fn child(&self) -> String {
        let span = self.span.as_ref().map_or_else(
            // The half of such an id that is random; its mark makes it never zero.
            || format!("{:016x}", uuid::Uuid::now_v7().as_u64_pair().1),
            Span::id,
        );
        format!("00-{}-{span}-{:02x}", self.id, self.flags)
    }
}

/// A field of so many digits, in lower case.
fn hex(field: &str, digits: usize) -> Option<&str> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (field.len() == digits && field.bytes().all(is_digit)).then_some(field)
}

fn is_state(state: &str) -> bool {
    let is_entry = |entry: &str| {
        let entry = entry.trim();
        entry.is_empty() || entry.split_once('=').is_some_and(|(key, value)| !key.is_empty() && !value.is_empty())
    };
    !state.is_empty()
        && state.len() <= STATE_BYTES_MAX
        && state.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && state.split(',').count() <= STATES_MAX
        && state.split(',').all(is_entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_child_is_in_the_same_trace_and_has_a_span_of_its_own() {
        let trace = Trace::read(PARENT, Some("a=1,b@c=2")).expect("is well formed");
        assert_eq!((trace.id(), trace.state()), ("0af7651916cd43dd8448eb211c80319c", Some("a=1,b@c=2")));
        let (one, other) = (trace.child(), trace.child());
        assert_ne!(one, other);
        for child in [one, other] {
            let read = Trace::read(&child, None).expect("is well formed");
            assert_eq!((read.id(), read.flags), (trace.id(), 1), "{child}");
            assert!(!child.contains("b7ad6b7169203331"), "{child}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_not_carried_on() {
        for parent in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1\r\nx: y",
        ] {
            assert_eq!(Trace::read(parent, None), None, "{parent:?}");
        }
        assert!(Trace::read("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", None).is_some());
        let long = "a=1,".repeat(40);
        for state in ["", "a", "=", "a=1\r\nx: y", "a=é", long.as_str(), &"a=".repeat(300)] {
            assert_eq!(Trace::read(PARENT, Some(state)).expect("is well formed").state(), None, "{state:?}");
        }
    }
}
