//! Lines in and out, each on a thread of its own: what blocks them blocks nobody else, and
//! no line is ever half read.

use std::io::{self, BufRead, ErrorKind, Write};
use std::thread;

use memchr::memchr;
use tokio::sync::{mpsc, oneshot};

/// How many lines may wait to be looked at: each may be as large as a message.
const LINES_AHEAD: usize = 4;

/// How many messages may wait to be written.
const MESSAGES_AHEAD: usize = 64;

/// One line that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Without its end.
    Whole(Vec<u8>),
    /// It was larger than a message may be, and is not kept.
    TooLong,
}

/// Reads lines until there are no more, or nobody wants them.
pub(super) fn read(mut input: impl BufRead + Send + 'static, bytes_max: usize) -> io::Result<mpsc::Receiver<Line>> {
    let (lines, read) = mpsc::channel(LINES_AHEAD);
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        while let Some(line) = next(&mut input, bytes_max) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    })?;
    Ok(read)
}

/// The next line; the last one may lack its end.
fn next(input: &mut impl BufRead, bytes_max: usize) -> Option<Line> {
    let (mut line, mut began, mut too_long) = (Vec::new(), false, false);
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // Broken off: as if it had ended.
            Err(_) => &[],
        };
        let end = memchr(b'\n', available);
        let is_over = available.is_empty();
        let (piece, _) = available.split_at(end.unwrap_or(available.len()));
        if too_long || line.len() + piece.len() > bytes_max {
            (line, too_long) = (Vec::new(), true);
        } else {
            line.extend_from_slice(piece);
        }
        began |= !is_over;
        let taken = piece.len() + usize::from(end.is_some());
        input.consume(taken);
        if end.is_some() || is_over {
            return began.then_some(if too_long { Line::TooLong } else { Line::Whole(line) });
        }
    }
}

/// Writes messages, each as a line, until no more can come; then the other end is told.
pub(super) fn write(
    mut output: impl Write + Send + 'static,
) -> io::Result<(mpsc::Sender<Vec<u8>>, oneshot::Receiver<()>)> {
    let (out, mut messages) = mpsc::channel::<Vec<u8>>(MESSAGES_AHEAD);
    let (written, done) = oneshot::channel();
    thread::Builder::new().name("stdout".to_owned()).spawn(move || {
        while let Some(mut message) = messages.blocking_recv() {
            message.push(b'\n');
            if output.write_all(&message).and_then(|()| output.flush()).is_err() {
                break;
            }
        }
        // An error means that nobody waits for it.
        let _ = written.send(());
    })?;
    Ok((out, done))
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    /// Gives its text away a few bytes at a time.
    struct Slowly(&'static [u8], usize);

    impl Read for Slowly {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn lines(text: &'static [u8], at_once: usize) -> Vec<Line> {
        let mut input = BufReader::new(Slowly(text, at_once));
        std::iter::from_fn(|| next(&mut input, 8)).collect()
    }

    fn whole(text: &str) -> Line {
        Line::Whole(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_are_whole_however_they_come() {
        for at_once in 1..30 {
            let read = lines(b"one\n\ntwo\r\nmuch too long\n12345678\n123456789\nlast", at_once);
            let fits = |text: &str| text.len() <= 8;
            let texts = ["one", "", "two\r", "much too long", "12345678", "123456789", "last"];
            let expected = texts.map(|text| if fits(text) { whole(text) } else { Line::TooLong });
            assert_eq!(read, expected, "{at_once} bytes at once");
            assert_eq!(lines(b"", at_once), []);
            assert_eq!(lines(b"one\n", at_once), [whole("one")]);
        }
    }

    #[tokio::test]
    async fn what_is_written_is_there_when_the_writer_is_done() {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let (out, done) = write(writer).expect("a thread");
        for message in ["one", "two"] {
            out.send(message.as_bytes().to_vec()).await.expect("is taken");
        }
        drop(out);
        done.await.expect("ends");
        let mut read = read(BufReader::new(reader), 100).expect("a thread");
        assert_eq!(read.recv().await, Some(whole("one")));
        assert_eq!(read.recv().await, Some(whole("two")));
        assert_eq!(read.recv().await, None);
    }
}
