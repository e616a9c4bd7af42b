//! A plugin that tries every door, and answers with all that it saw behind them.
//!
//! Each tool answers with one line a door: `what: what it saw`.

mod databases;

use std::fmt::Debug;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::{env, fs, io};

use toolhost_sdk::{plugin, settings, tool};

/// Looks for what the process was given: environment, arguments, directory, input, settings.
#[tool]
#[allow(clippy::disallowed_methods, reason = "to look is the point")]
fn look_around() -> String {
    let mut input = String::new();
    let read = io::stdin().read_to_string(&mut input);
    lines([
        ("environment", seen(env::vars_os().collect::<Vec<_>>())),
        ("arguments", seen(env::args_os().collect::<Vec<_>>())),
        ("current directory", seen(env::current_dir())),
        ("home", seen(env::var("HOME"))),
        ("stdin", seen((read, input))),
        ("stdout", seen(io::stdout().write_all(b"curious was here\n"))),
        ("stderr", seen(io::stderr().write_all(b"curious was here\n"))),
        ("settings", seen(settings::list())),
    ])
}

/// Looks for files, and tries to leave one behind.
#[tool]
fn touch_files() -> String {
    let mut seen_files = Vec::new();
    for path in ["/", ".", "..", "/tmp", "/etc", "/proc/self", "/root/.aws"] {
        let names = fs::read_dir(path).map(|entries| entries.flatten().map(|entry| entry.path()).collect::<Vec<_>>());
        seen_files.push((path, seen(names)));
    }
    for path in ["/etc/passwd", "toolhost.toml", "/proc/self/environ", "../toolhost.toml"] {
        seen_files.push((path, seen(fs::read_to_string(path))));
    }
    for path in ["/tmp/curious-was-here", "curious-was-here"] {
        seen_files.push((path, seen(fs::write(path, "curious was here"))));
    }
    lines(seen_files)
}

/// Tries to reach the network.
#[tool]
fn reach_out(
    /// A port on which something listens on this machine.
    port: u16,
) -> String {
    let metadata = "169.254.169.254:80";
    lines([
        ("connect to 127.0.0.1", seen(TcpStream::connect(("127.0.0.1", port)))),
        ("connect to ::1", seen(TcpStream::connect(("::1", port)))),
        ("connect to the cloud's metadata", seen(TcpStream::connect(metadata))),
        ("look up localhost", seen(("localhost", port).to_socket_addrs().map(Iterator::collect::<Vec<_>>))),
        ("look up example.com", seen(("example.com", port).to_socket_addrs().map(Iterator::collect::<Vec<_>>))),
        ("listen", seen(TcpListener::bind("127.0.0.1:0"))),
        ("udp", seen(UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", ("127.0.0.1", port))))),
    ])
}

/// Calls every function of the database interface wrongly on purpose.
#[tool]
fn misuse_sql() -> String {
    lines(databases::misuse())
}

plugin! { tools: [look_around, touch_files, reach_out, misuse_sql] }

fn seen(what: impl Debug) -> String {
    format!("{what:?}")
}

fn lines(doors: impl IntoIterator<Item = (impl AsRef<str>, String)>) -> String {
    let line = |(door, seen): (_, String)| format!("{}: {seen}\n", AsRef::<str>::as_ref(&door));
    doors.into_iter().map(line).collect()
}
