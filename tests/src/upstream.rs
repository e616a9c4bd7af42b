//! An HTTP upstream that misbehaves on request: the path says how.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::aws::held;

/// A server on 127.0.0.1. It ends when it is dropped.
///
/// | path | answer |
/// | --- | --- |
/// | `/echo` | the whole request, in the body and in the header `x-echo` |
/// | `/status/500` | that status, with a page of HTML |
/// | `/flaky/2` | 503 twice, then 200; `?after=1` asks to wait so many seconds |
/// | `/redirect?URL` | 302 to that URL |
/// | `/private` | every header that a plugin must not see |
/// | `/half`, `/half-chunked` | the beginning of a body, and then the connection ends |
/// | `/close` | the connection ends without an answer |
/// | `/huge`, `/endless` | a body of 1 GB, with its length and without |
/// | `/drip` | a byte now and then, for ever |
/// | `/slow` | nothing, for ever |
/// | `/pause` | 200, after 300 ms |
/// | `/gzip` | a body that says it is compressed |
/// | `/bytes/1000` | that many bytes |
/// | `/binary` | bytes that are no text, and the request's `authorization` among them |
/// | anything else | 200 and `{"ok":true}` |
pub struct Upstream {
    url: String,
    state: Arc<State>,
    _serving: AbortOnDropHandle<()>,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// The first line, without the version: `GET /ok?x=1`.
    pub line: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    hung_up: AtomicUsize,
    written: AtomicUsize,
    under_way: AtomicUsize,
    under_way_max: AtomicUsize,
}

impl Upstream {
    /// Starts one on a free port.
    pub async fn start() -> Result<Self> {
        Self::start_at("127.0.0.1:0").await
    }

    /// Starts one at an address.
    pub async fn start_at(address: &str) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::<State>::default();
        let serving = tokio::spawn(serve(listener, Arc::clone(&state)));
        Ok(Self { url, state, _serving: AbortOnDropHandle::new(serving) })
    }

    /// Where it is, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All that was asked so far.
    pub fn received(&self) -> Vec<Received> {
        held(&self.state.received).clone()
    }

    /// The last request.
    pub fn last(&self) -> Result<Received> {
        self.received().pop().context("nothing was asked")
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How many clients went away before they were answered.
    pub fn hung_up(&self) -> usize {
        self.state.hung_up.load(Ordering::SeqCst)
    }

    /// How many bytes of bodies without end were taken.
    pub fn written(&self) -> usize {
        self.state.written.load(Ordering::SeqCst)
    }

    /// The most requests that were ever under way at once.
    pub fn under_way_max(&self) -> usize {
        self.state.under_way_max.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        state.connections.fetch_add(1, Ordering::SeqCst);
        let state = Arc::clone(&state);
        // What a broken client does to its connection is its own affair.
        connections.spawn(async move { drop(connection(BufReader::new(stream), &state).await) });
    }
}

async fn connection(mut stream: BufReader<TcpStream>, state: &State) -> Result<()> {
    while let Some(request) = read(&mut stream).await? {
        held(&state.received).push(request.clone());
        let now = state.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        state.under_way_max.fetch_max(now, Ordering::SeqCst);
        let answered = answer(&mut stream, &request, state).await;
        state.under_way.fetch_sub(1, Ordering::SeqCst);
        if !answered? {
            break;
        }
    }
    Ok(())
}

/// One request; none if the client is done.
async fn read(stream: &mut BufReader<TcpStream>) -> Result<Option<Received>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let first = lines.first().context("no request line")?;
    let line = first.rsplit_once(' ').context("no version")?.0.to_owned();
    let pair = |line: &String| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    let headers: BTreeMap<String, String> = lines.iter().skip(1).filter_map(pair).collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(Received { line, headers, body }))
}

/// Answers one request. False if the connection ends with it.
async fn answer(stream: &mut BufReader<TcpStream>, request: &Received, state: &State) -> Result<bool> {
    let target = request.line.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut words = path.trim_start_matches('/').split('/');
    let (word, number) = (words.next().unwrap_or_default(), words.next().and_then(|word| word.parse().ok()));
    match (word, number) {
        ("echo", _) => echo(stream, request).await?,
        ("status", Some(status)) => {
            whole(stream, status, "content-type: text/html\r\n", b"<html><h1>Oh dear</h1></html>").await?;
        }
        ("flaky", Some(failures)) => {
            let before = held(&state.received).iter().filter(|other| other.line == request.line).count();
            let after = query.strip_prefix("after=").map(|wait| format!("retry-after: {wait}\r\n")).unwrap_or_default();
            let status = if before > usize::from(failures) { 200 } else { 503 };
            whole(stream, status, &after, b"{\"ok\":true}").await?;
        }
        ("redirect", _) => whole(stream, 302, &format!("location: {query}\r\n"), b"elsewhere").await?,
        ("private", _) => private(stream, request).await?,
        ("half", _) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"ok\":").await?;
            return Ok(false);
        }
        ("half-chunked", _) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n{\"ok\":\r\n").await?;
            return Ok(false);
        }
        ("close", _) => return Ok(false),
        ("huge", _) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await?;
            pour(stream, b"", b"", Duration::ZERO, state).await?;
        }
        ("endless", _) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            pour(stream, b"400\r\n", b"\r\n", Duration::ZERO, state).await?;
        }
        ("drip", _) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            pour(stream, b"400\r\n", b"\r\n", Duration::from_millis(50), state).await?;
        }
        ("slow", _) => {
            // A client that goes away closes its side.
            let gone = stream.fill_buf().await.is_ok_and(<[u8]>::is_empty);
            state.hung_up.fetch_add(usize::from(gone), Ordering::SeqCst);
            return Ok(false);
        }
        ("pause", _) => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            whole(stream, 200, "", b"{\"ok\":true}").await?;
        }
        ("gzip", _) => whole(stream, 200, "content-encoding: gzip\r\n", b"\x1f\x8bnot really").await?,
        ("bytes", Some(count)) => whole(stream, 200, "", &vec![b'x'; usize::from(count)]).await?,
        ("binary", _) => {
            let sent = request.headers.get("authorization").cloned().unwrap_or_default();
            let body = [b"\xff\xfe\x00", sent.as_bytes(), b"\x00\xff"].concat();
            whole(stream, 200, "content-type: application/octet-stream\r\n", &body).await?;
        }
        _ => whole(stream, 200, "content-type: application/json\r\n", b"{\"ok\":true}").await?,
    }
    Ok(true)
}

async fn whole(stream: &mut BufReader<TcpStream>, status: u16, headers: &str, body: &[u8]) -> Result<()> {
    let head = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    Ok(stream.flush().await?)
}

async fn echo(stream: &mut BufReader<TcpStream>, request: &Received) -> Result<()> {
    let headers: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let text = format!("{}\n{}\n\n{}", request.line, headers.join("\n"), String::from_utf8_lossy(&request.body));
    let one_line = format!("{} {}", request.line, headers.join(" "));
    let header = format!("content-type: text/plain\r\nx-echo: {one_line}\r\n");
    whole(stream, 200, &header, text.as_bytes()).await
}

async fn private(stream: &mut BufReader<TcpStream>, request: &Received) -> Result<()> {
    let sent = request.headers.get("authorization").cloned().unwrap_or_default();
    let headers = format!(
        "set-cookie: session=abc\r\nset-cookie2: a=b\r\nwww-authenticate: Basic realm=\"inside\"\r\n\
         proxy-authenticate: Basic\r\nauthentication-info: x\r\nproxy-authentication-info: x\r\n\
         location: http://inside.example/\r\ncontent-location: http://inside.example/x\r\n\
         link: <http://inside.example/2>; rel=\"next\"\r\nrefresh: 1; url=http://inside.example\r\nvia: 1.1 inside\r\n\
         alt-svc: h2=\"inside:443\"\r\nkeep-alive: timeout=5\r\nx-token: {sent}\r\nx-harmless: yes\r\n"
    );
    whole(stream, 200, &headers, b"{}").await
}

/// Writes for as long as it is taken, a kilobyte at a time.
async fn pour(
    stream: &mut BufReader<TcpStream>,
    before: &[u8],
    after: &[u8],
    pause: Duration,
    state: &State,
) -> Result<()> {
    let piece = [before, &[b'x'; 1024], after].concat();
    loop {
        if let Err(gone) = stream.write_all(&piece).await {
            state.hung_up.fetch_add(1, Ordering::SeqCst);
            return Err(gone.into());
        }
        stream.flush().await?;
        state.written.fetch_add(1024, Ordering::SeqCst);
        tokio::time::sleep(pause).await;
    }
}
