//! # The map
//!
//! toolhost runs tools that nobody has to trust. A tool is a WebAssembly component, a
//! *plugin*; it computes, and reaches the world through host functions alone. The host
//! holds the credentials, and uses them on a plugin's behalf where the operator said so.
//!
//! ## A call, from the door to the database and back
//!
//! Begin with [`host::Host::call`]; the whole walk fits on a screen. A resource that is read,
//! a prompt that is written and an argument that is completed walk the same way beside it.
//!
//! 1. [`front`]: bytes become a [`call::Call`]. MCP over HTTP, MCP over standard input, and
//!    REST end at the same type. Whose request it is, the gate has proved before.
//! 2. [`registry`]: the snapshot of plugins that are there now. A call keeps the one that it
//!    began with, whatever is reloaded meanwhile.
//! 3. [`gate`]: may this caller do that, and is it not too much? Its [`gate::Ticket`] goes with
//!    the call, and writes down how it ended.
//! 4. [`runtime`]: holds the arguments against the tool's schema, makes a new instance with
//!    a deadline and a memory limit, calls it, holds its answer against the schema.
//! 5. The plugin runs: pure code. Its imports are all that it can do.
//! 6. [`capability`]: `permit` yields the backend, if this plugin was granted it and the
//!    [`policy`] lets this caller use it so; the capability's own guard looks at what is asked,
//!    and leaves of a filtered table the rows that this caller may see.
//! 7. A backend, such as `capability/sql/mysql.rs`, attaches the credential and speaks
//!    the wire.
//!
//! The way out is the same stack. A plugin that asks its client asks in one linear call
//! (`capability/asking.rs`): the front carries the question out, in place where the protocol
//! lets a server ask, else by ending the call, which the client makes again with its replies
//! (`front/mcp/asking.rs`).
//!
//! ## The rooms, and whom each may know
//!
//! ```text
//! cli          one command, one file       -> front, host, gate, policy, registry, config, call, fault, capability, runtime
//! front        how a request comes in      -> host, registry, tasks, config, call, fault, seal
//! host         the walk of a call          -> gate, policy, registry, runtime, tasks, config, call, fault, seal, instructions
//! gate         who, may they, how fast, and what was done -> policy, wire, config, call, fault
//! tasks        calls that outlast a request -> wire, config, call, fault
//! instructions what agents are told first  -> registry, capability, call
//! registry     which plugins there are     -> runtime, capability, search, policy, config, call, fault, near
//! runtime      how a plugin runs           -> capability, policy, config, wit, call, fault, schema, seal
//! capability   what a plugin may be granted -> guard, policy, wire, config, wit, call, fault, schema, seal, stem
//! policy       who may do what             -> config, call, near
//! search       which tools fit a question  -> call, fault, stem
//! guard        what a SQL statement does   -> nothing of ours
//! wire         what two backends speak     -> config
//! call         the shared nouns            -> fault
//! schema       what values are held against -> call
//! config, wit, fault, seal, stem, near     -> nothing of ours
//! ```
//!
//! `tests/tests/tidy.rs` reads this table and fails on an import that is not in it. A
//! capability never knows another one, nor who runs the plugin. Each large vendor has one
//! door: axum and rmcp `front`; wasmtime `runtime`, `capability` and `wit`; a database
//! driver its one backend; the environment `config/secret.rs`.
//!
//! ## The words
//!
//! A **call** is one request to a plugin, mostly for a tool; a **caller** is who makes it, a **ticket**
//! what it has of the gate on its way, an **outcome** how it ended. A
//! **plugin** is a component under a name, and offers **tools**, and resources, prompts and
//! skills. A **capability** is a kind of thing that a plugin may be granted, a **grant** one of
//! them under a name (`sql.crm`), a **backend** the system behind a grant. A **fault** says who
//! can mend an error: the caller, the plugin's author, the operator or the system upstream
//! ([`fault::Fault`]). A **task** is a call that goes on after its request ([`tasks::Task`]).
//!
//! ## What is not here
//!
//! - No plugin gets a credential, an address, a file, a socket or an environment variable.
//! - No tool loads plugins or changes grants: that is the operator's plane, the config and
//!   the command line.
//! - No state outlives a call but the snapshot of config, grants and plugins, which a reload swaps
//!   as a whole (`registry/reload.rs`), what the gate counts (`gate/rates.rs`, `gate/metrics`) and has
//!   yet to send (`gate/traces`), the backends' idle connections, what each model's budget
//!   has used today, the sessions of MCP's older revisions with what their clients may
//!   have missed (`front/streamable`), the statements that a call detached
//!   (`capability/query/detached.rs`), what plugins keep in a `kv` grant, the tasks (`tasks/`), the
//!   trail of all calls (`gate/audit`), what each caller sees of that snapshot, what the guards said of the
//!   statements that came last (`capability/statement_guard.rs`), and what sources said of themselves
//!   for `instructions`, kept for five minutes.
//! - No native code is loaded but what this host compiled itself (`runtime/cache.rs`, the
//!   one `unsafe` block).
//! - No token and no key is made for anybody but by `toolhost key`, and none is passed on: the host
//!   checks those of others ([`gate`]).
//!
//! ## Where the code differs from what one might expect
//!
//! - `fault` stands beside `call`: the table of error kinds is read on its own.
//! - Every call begins on the threads that serve requests, and moves to threads of its
//!   own after one tick of the engine (`runtime/lane.rs`). With one set of threads, a few
//!   guests that loop made everybody else wait for half a second.
//! - A backend is named by its own sub-table (`[sql.crm.mysql]`), not by a key: so every
//!   key of every backend is checked where it stands, with line and column.

pub mod call;
pub mod capability;
pub mod cli;
pub mod config;
pub mod fault;
pub mod front;
pub mod gate;
mod guard;
pub mod host;
mod instructions;
mod near;
pub mod policy;
pub mod registry;
pub mod runtime;
pub mod schema;
pub mod seal;
pub mod search;
mod stem;
pub mod tasks;
pub mod wire;
pub mod wit;
