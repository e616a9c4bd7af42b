//! The engines that all plugins share: the pool of instances, the ticker that lets no
//! guest hold a thread, and the cache of compiled code.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::Cache;
use super::lane::Lane;
use crate::capability::CallState;
use crate::fault::{Error, Kind};
use crate::seal::Seal;
use crate::wit;

/// How often every running guest is made to give way.
const TICK: Duration = Duration::from_millis(10);

/// How far the next timer is away at most.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// The stack of a guest, in bytes.
const GUEST_STACK_BYTES: usize = 512 << 10;

/// The most memory that any guest may ever have, in bytes; each plugin has its own limit below it.
const MEMORY_BYTES_MAX: usize = 256 << 20;

/// How much of a guest's memory stays in its place for the next call, in bytes. What stays is cleaned after
/// each call, whether that touched it or not: the more there is, the dearer one large call makes all small
/// ones after it. What is beyond is given back and faulted in again: with 128 KiB, small calls did that where
/// a large one had been before.
const KEPT_BYTES: usize = 192 << 10;

/// How long a call waits for a place among the running ones.
const PLACE_WAIT: Duration = Duration::from_secs(1);

/// What every plugin is compiled and run with.
#[derive(Clone)]
pub struct Runtime {
    pub(super) cache: Arc<Cache>,
    pub(super) lane: Arc<Lane>,
    linkers: Arc<Linkers>,
    /// Marks what is to come back: one for all plugins.
    pub seal: Seal,
    places: Places,
    /// Ends with the last clone of this.
    _heartbeat: Arc<AbortOnDropHandle<()>>,
}

/// What every plugin may import, on each of two engines. Without wasmtime's `concurrency_support` a call takes
/// a tenth less; the engine that has it is made for the first component that needs it.
struct Linkers {
    plain: Linker<CallState>,
    concurrent: OnceLock<Linker<CallState>>,
}

/// The places for calls that run at once.
#[derive(Debug, Clone)]
pub struct Places {
    free: Arc<Semaphore>,
    max: usize,
}

impl Places {
    fn new(max: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(max)), max }
    }

    /// How many are taken, and how many there are.
    pub fn used_and_max(&self) -> (usize, usize) {
        (self.max.saturating_sub(self.free.available_permits()), self.max)
    }
}

/// The engine cannot run on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine cannot start: {0}; with fewer [serve] calls it needs less address space")]
pub struct EngineError(String);

impl Runtime {
    /// An engine with places for `calls` calls at once, which keeps compiled code in `cache`.
    /// Must be called on a tokio runtime, which is the one that calls begin on.
    pub fn new(calls: usize, cache: Cache) -> Result<Self, EngineError> {
        let linkers = Arc::new(Linkers { plain: linker(calls, false)?, concurrent: OnceLock::new() });
        let lane = Lane::new().map_err(|error| EngineError(error.to_string()))?;
        let (cache, lane) = (Arc::new(cache), Arc::new(lane));
        let seal = Seal::new().map_err(|error| EngineError(error.to_string()))?;
        let _heartbeat = Arc::new(AbortOnDropHandle::new(tokio::spawn(heartbeat())));
        Ok(Self { cache, lane, linkers, seal, places: Places::new(calls), _heartbeat })
    }

    /// For components that do one thing at a time, as nearly all do; its engine compiles no others.
    pub(super) fn linker(&self) -> &Linker<CallState> {
        &self.linkers.plain
    }

    /// For components that use the async part of the component model.
    pub(super) fn concurrent_linker(&self) -> Result<&Linker<CallState>, EngineError> {
        let concurrent = &self.linkers.concurrent;
        if let Some(linker) = concurrent.get() {
            return Ok(linker);
        }
        let linker = linker(self.places.max, true)?;
        Ok(concurrent.get_or_init(|| linker))
    }

    /// The places for calls, all of them.
    pub fn places(&self) -> Places {
        self.places.clone()
    }

    /// A place among the running calls; given back when it is dropped.
    pub(super) async fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(place) = Arc::clone(&self.places.free).try_acquire_owned() {
            return Ok(place);
        }
        match tokio::time::timeout(PLACE_WAIT, Arc::clone(&self.places.free).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Error::new(Kind::Busy, "Every place for a call is taken.")
                .next("Wait a second and call again.")
                .retry_after(PLACE_WAIT)),
        }
    }
}

/// The linker of a new engine.
fn linker(calls: usize, concurrent: bool) -> Result<Linker<CallState>, EngineError> {
    let linker = Engine::new(&engine_config(calls, concurrent)).and_then(|engine| {
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wit::types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
        tick(engine.weak());
        Ok(linker)
    });
    linker.map_err(|error| EngineError(format!("{error:#}")))
}

fn engine_config(calls: usize, concurrent: bool) -> Config {
    let calls = u32::try_from(calls).unwrap_or(u32::MAX);
    // With PAGEMAP_SCAN the kernel tells which pages a guest touched, so that a large
    // memory can be kept and only those are cleaned; without it, all kept pages are.
    let pagemap = PoolingAllocationConfig::is_pagemap_scan_available();
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_stacks(calls)
        // The next three are shared counters: a Rust guest needs 4 core instances and
        // 1 memory, a Python guest 38 core instances, a JavaScript guest 3 memories.
        .total_core_instances(calls.saturating_mul(40))
        .total_memories(calls.saturating_mul(3))
        .total_tables(calls.saturating_mul(3))
        .max_memories_per_component(4)
        .max_tables_per_component(8)
        .max_core_instances_per_component(64)
        .table_elements(20_000)
        .max_memory_size(MEMORY_BYTES_MAX)
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(if pagemap { KEPT_BYTES } else { 64 << 10 })
        .table_keep_resident(if pagemap { 1 << 20 } else { 16 << 10 })
        .max_unused_warm_slots(calls);
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(concurrent)
        .memory_init_cow(true)
        // Only a debugger would read it; a trap's trace comes of frame pointers.
        .native_unwind_info(false)
        .max_wasm_stack(GUEST_STACK_BYTES)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Keeps a timer pending at all times. A call's deadline that is later than that need not
/// wake the thread that waits for timers; without it every call would, for some 20 µs.
async fn heartbeat() {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
    }
}

/// Advances the engine's epoch for as long as the engine lives.
fn tick(engine: EngineWeak) {
    std::thread::spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    });
}
