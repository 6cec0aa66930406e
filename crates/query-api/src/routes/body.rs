//! Answers in memory, and who holds how much of it.
//!
//! A client that reads slowly keeps its answer here. So every answer of size is counted until it is sent: all together and those of one key have
//! a limit, and an answer whose client reads nothing at all for a while is thrown away with its connection.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use prometheus_client::metrics::gauge::Gauge;
use service::problem::{ErrorCode, Problem};

/// What is handed to the socket at a time.
const CHUNK_BYTES: usize = 32 * 1024;

/// One key may hold this part of what all may.
const SHARE_OF_ONE_KEY: usize = 4;

/// Long enough for a client to have sent what it was told to wait for.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How much of the memory for answers is in use. Cloning gives another handle to the same account.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    most: usize,
    held: Arc<Mutex<HashMap<String, usize>>>,
    gauge: Gauge,
}

impl Memory {
    pub(crate) fn new(most: usize, gauge: Gauge) -> Self {
        Self {
            most,
            held: Arc::default(),
            gauge,
        }
    }

    /// Counts an answer in, for as long as the permit lives. A key's only answer fits into its part whatever its size.
    pub(crate) fn hold(&self, key: &str, bytes: usize) -> Result<Permit, Problem> {
        let mut held = lock(&self.held);
        let of_all: usize = held.values().sum();
        let of_key = held.get(key).copied().unwrap_or(0);
        if of_key > 0 && of_key + bytes > self.most / SHARE_OF_ONE_KEY {
            let detail = "this key has too many answers that were not read yet: read them before asking for more";
            return Err(Problem::new(ErrorCode::Throttled, detail).retry_after(RETRY_AFTER));
        }
        if of_all > 0 && of_all + bytes > self.most {
            let detail =
                "too many answers are under way: come again, or ask for fewer events at a time";
            return Err(Problem::new(ErrorCode::Overloaded, detail).retry_after(RETRY_AFTER));
        }
        *held.entry(key.to_owned()).or_default() += bytes;
        self.gauge
            .set(i64::try_from(of_all + bytes).unwrap_or(i64::MAX));
        Ok(Permit {
            memory: self.clone(),
            key: key.to_owned(),
            bytes,
        })
    }
}

/// An answer's place in memory.
#[derive(Debug)]
pub(crate) struct Permit {
    memory: Memory,
    key: String,
    bytes: usize,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut held = lock(&self.memory.held);
        if let Some(of_key) = held.get_mut(&self.key) {
            *of_key = of_key.saturating_sub(self.bytes);
            if *of_key == 0 {
                held.remove(&self.key);
            }
        }
        let of_all: usize = held.values().sum();
        self.memory
            .gauge
            .set(i64::try_from(of_all).unwrap_or(i64::MAX));
    }
}

fn lock(held: &Mutex<HashMap<String, usize>>) -> MutexGuard<'_, HashMap<String, usize>> {
    // Sums are whole whenever the lock is free.
    held.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The body of an answer: parts that are sent one after another, in chunks.
#[derive(Debug)]
pub(crate) struct Body {
    size: u64,
    rest: Rc<RefCell<Rest>>,
}

/// What was not sent yet; shared with the timer that throws it away.
#[derive(Debug)]
struct Rest {
    /// Taken from the end.
    parts: Vec<Bytes>,
    permit: Option<Permit>,
    chunks_sent: usize,
}

impl Body {
    /// Must be called on a worker of actix. A client that takes nothing for `patience` loses its connection.
    pub(crate) fn new(
        parts: impl IntoIterator<Item = Vec<u8>>,
        permit: Permit,
        patience: Duration,
    ) -> Self {
        let mut parts: Vec<Bytes> = parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(Bytes::from)
            .collect();
        let size = parts.iter().map(|part| part.len() as u64).sum();
        parts.reverse();
        let rest = Rc::new(RefCell::new(Rest {
            parts,
            permit: Some(permit),
            chunks_sent: 0,
        }));
        // What is smaller than the buffers below is handed over at once.
        if size > 2 * CHUNK_BYTES as u64 {
            actix_web::rt::spawn(give_up_when_stalled(Rc::downgrade(&rest), patience));
        }
        Self { size, rest }
    }
}

async fn give_up_when_stalled(rest: Weak<RefCell<Rest>>, patience: Duration) {
    let mut sent_before = 0;
    loop {
        actix_web::rt::time::sleep(patience).await;
        let Some(rest) = rest.upgrade() else { return };
        let mut rest = rest.borrow_mut();
        if rest.chunks_sent == sent_before {
            rest.parts = Vec::new();
            rest.permit = None;
            return;
        }
        sent_before = rest.chunks_sent;
    }
}

impl MessageBody for Body {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut rest = self.rest.borrow_mut();
        if rest.permit.is_none() {
            return Poll::Ready(Some(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client stopped reading",
            ))));
        }
        let Some(part) = rest.parts.last_mut() else {
            return Poll::Ready(None);
        };
        let chunk = part.split_to(part.len().min(CHUNK_BYTES));
        if part.is_empty() {
            rest.parts.pop();
        }
        rest.chunks_sent += 1;
        Poll::Ready(Some(Ok(chunk)))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    fn memory(most: usize) -> Memory {
        Memory::new(most, Gauge::default())
    }

    #[test]
    fn one_key_may_hold_a_part_and_all_together_no_more_than_there_is() {
        let memory = memory(100);
        let alone = memory
            .hold("a", 1_000)
            .expect("an answer that is alone always fits");
        assert_eq!(
            memory
                .hold("a", 1)
                .expect_err("its key has too much")
                .name(),
            "throttled"
        );
        assert_eq!(
            memory.hold("b", 1).expect_err("all have too much").name(),
            "overloaded"
        );
        drop(alone);
        let held: Vec<_> = ["a", "b", "c", "d"]
            .map(|key| memory.hold(key, 25).expect("room for each"))
            .into();
        assert_eq!(
            memory.hold("e", 1).expect_err("full").status().as_u16(),
            503
        );
        drop(held);
        assert_eq!(memory.gauge.get(), 0);
        assert!(memory.hold("a", 10).is_ok() && lock(&memory.held).is_empty());
    }

    #[actix_web::test]
    async fn parts_are_sent_in_their_order_and_the_permit_ends_with_the_body() {
        let memory = memory(1 << 20);
        let big = vec![b'x'; 3 * CHUNK_BYTES + 7];
        let permit = memory.hold("a", big.len()).expect("room");
        let body = Body::new(
            [b"<".to_vec(), big.clone(), Vec::new(), b">".to_vec()],
            permit,
            Duration::from_secs(60),
        );
        assert_eq!(body.size(), BodySize::Sized(big.len() as u64 + 2));
        let sent = to_bytes(body).await.expect("sent");
        assert_eq!(sent, [b"<".to_vec(), big, b">".to_vec()].concat());
        assert_eq!(memory.gauge.get(), 0);
    }

    #[actix_web::test]
    async fn the_answer_of_a_client_that_stopped_reading_is_thrown_away() {
        let memory = memory(1 << 20);
        let permit = memory.hold("a", 1).expect("room");
        let mut body = Box::pin(Body::new(
            [vec![b'x'; 10 * CHUNK_BYTES]],
            permit,
            Duration::from_millis(5),
        ));
        let chunk = std::future::poll_fn(|context| body.as_mut().poll_next(context)).await;
        assert_eq!(chunk.expect("a chunk").expect("sent").len(), CHUNK_BYTES);
        while memory.gauge.get() > 0 {
            actix_web::rt::time::sleep(Duration::from_millis(1)).await;
        }
        let next = std::future::poll_fn(|context| body.as_mut().poll_next(context)).await;
        assert!(
            next.is_some_and(|chunk| chunk.is_err()),
            "the connection is ended, not the body"
        );
    }
}
