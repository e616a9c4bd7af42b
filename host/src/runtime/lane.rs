//! Two lanes: every call begins on the threads that serve requests, and one that has
//! kept a thread for a whole tick goes on in the slow lane, on threads of its own.
//!
//! A short call pays nothing for it; and guests that loop, however many, leave the
//! threads that accept, answer and read to everybody else.

use std::future::{pending, poll_fn};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;

/// The slow lane's threads. They end when it is dropped.
pub(super) struct Lane {
    handle: Handle,
    /// Some until it is dropped.
    threads: Option<Runtime>,
}

/// Set when a call has used up a tick.
#[derive(Clone, Default)]
pub(super) struct TickUsed(Arc<AtomicBool>);

impl TickUsed {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Lane {
    /// As many threads as there are processors.
    pub(super) fn new() -> std::io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        // It looks for events after every turn, as a turn here may last a whole tick.
        let threads = builder.enable_all().thread_name("slow-lane").event_interval(1).build()?;
        Ok(Self { handle: threads.handle().clone(), threads: Some(threads) })
    }

    /// Runs a call: here for its first tick, in the slow lane from then on. Dropping the
    /// future drops the call within one tick.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        tick_used: TickUsed,
        call: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let mut call: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(call);
        let first_tick = poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if tick_used.is_set() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        if let Some(done) = first_tick.await {
            return done;
        }
        match AbortOnDropHandle::new(self.handle.spawn(call)).await {
            Ok(done) => done,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            // The lane is gone, and with it whoever waits here.
            Err(_) => pending().await,
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // A plain drop would wait for the threads, which a thread of another runtime may not.
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}
