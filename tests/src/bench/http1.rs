//! HTTP/1.1 as the load client needs it: one request at a time on a kept connection, and
//! no work that is not the server's.

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection, and the last answer on it.
pub(super) struct Http1 {
    stream: TcpStream,
    received: Vec<u8>,
    body: Vec<u8>,
}

/// The head of an answer, as far as anybody asks.
#[derive(Default)]
struct Head {
    status: u16,
    bytes: usize,
    content_length: Option<usize>,
    chunked: bool,
}

impl Http1 {
    /// Connects to an authority such as `127.0.0.1:4711`.
    pub(super) async fn open(authority: &str) -> Result<Self> {
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(16 << 10), body: Vec::new() })
    }

    /// Sends a whole request and reads the whole answer: status and body.
    pub(super) async fn send(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let mut head = None;
        loop {
            let read = self.stream.read_buf(&mut self.received).await?;
            ensure!(read > 0, "the server closed the connection");
            if head.is_none() {
                head = Head::read(&self.received)?;
            }
            if let Some(head) = &head
                && self.read_body(head)?
            {
                return Ok((head.status, &self.body));
            }
        }
    }

    /// A header of the last answer; the name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let end = end_of_head(&self.received)?;
        let head = std::str::from_utf8(self.received.get(..end)?).ok()?;
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// True when the whole body is there.
    fn read_body(&mut self, head: &Head) -> Result<bool> {
        self.body.clear();
        let mut rest = self.received.get(head.bytes..).unwrap_or_default();
        if !head.chunked {
            let length = head.content_length.context("the answer does not say how long it is")?;
            let is_whole = rest.len() >= length;
            if is_whole {
                self.body.extend_from_slice(rest);
            }
            return Ok(is_whole);
        }
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let size = std::str::from_utf8(&rest[..end])?.trim();
            let size = usize::from_str_radix(size, 16).with_context(|| format!("`{size}` is no size of a chunk"))?;
            let Some(chunk) = rest.get(end + 1..end + 1 + size + 2) else { return Ok(false) };
            if size == 0 {
                return Ok(true);
            }
            self.body.extend_from_slice(&chunk[..size]);
            rest = &rest[end + 1 + size + 2..];
        }
        Ok(false)
    }
}

impl Head {
    /// The head, once all of it is there.
    fn read(received: &[u8]) -> Result<Option<Self>> {
        let Some(end) = end_of_head(received) else { return Ok(None) };
        let mut lines = std::str::from_utf8(&received[..end])?.lines();
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
        let Some(status) = status else { bail!("this is no HTTP/1.1") };
        let mut head = Self { status, bytes: end, ..Self::default() };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                head.content_length = Some(value.trim().parse()?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                head.chunked = value.trim().eq_ignore_ascii_case("chunked");
            }
        }
        Ok(Some(head))
    }
}

/// Where the body begins.
fn end_of_head(received: &[u8]) -> Option<usize> {
    received.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|at| at + 4)
}
