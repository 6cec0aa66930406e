//! `GET /v1/tail`: the feed as Server-Sent Events, without loss, for as long as the client reads.
//!
//! Every event has an `id`, the cursor behind it; a client that comes again with it goes on there. First comes what is stored already, then what
//! is being stored. A client that does not keep up is told so and cut off: what it missed it gets from where it comes again.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CONTENT_TYPE, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use service::keys::Key;
use service::limits::Limits;
use service::problem::{ErrorCode, Problem};
use store::read::{FeedPosition, FeedQuery, Fields, Filter, ReadError};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::{Caller, State, known};
use crate::cursor::Binding;
use crate::metrics::Kind;
use crate::params::{Arity, Params};
use crate::tail::{News, Part, Pieces, Seat};

pub(crate) const LISTED: [(&str, Arity); 1] = [("after", Arity::One)];

/// What is handed to the socket at a time, or one event.
const CHUNK_BYTES: usize = 32 * 1024;

/// What is read from the store at a time.
const CATCH_UP_EVENTS: usize = 1_000;
const CATCH_UP_BYTES: usize = 256 * 1024;

/// Long enough to find out where the log is.
const PATIENCE: Duration = Duration::from_secs(5);

const LAST_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(super) async fn follow(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let caller = Caller::of(&request, &state)?;
    let feed = &state.config.feed;
    let params = Params::read(
        request.query_string(),
        &known(&LISTED),
        state.config.query.max_filters,
    )?;
    // That of the feed, so that one can go on where the other stopped.
    let binding = Binding::new("/v1/feed", caller.owner(), params.identity(&["after"]));
    // A browser repeats the address when it comes again, so the header is the newer one.
    let header = request.headers().get(LAST_ID);
    let header = header.map(|value| value.to_str().unwrap_or("?"));
    let after = header
        .filter(|id| !id.is_empty())
        .or(params.one("after"))
        .map(|text| state.cursors.read_feed(&binding, text))
        .transpose()?;
    let query = FeedQuery {
        filter: caller.filter(&params)?,
        limit: feed.max_limit.min(CATCH_UP_EVENTS),
        max_bytes: CATCH_UP_BYTES,
        fields: Fields::ALL,
    };
    let seat = state.seats.take(&caller.key.id)?;
    // From here on it counts as a tail.
    Limits::leave(&request);
    let Some((news, now)) = state.hub.listen(PATIENCE).await else {
        let detail = "the store of events is not available at the moment; nothing is lost";
        return Err(Problem::new(ErrorCode::Unavailable, detail).retry_after(PATIENCE));
    };
    let (sender, chunks) = mpsc::channel(2);
    let tail = Tail {
        state: state.clone(),
        key: caller.key,
        binding,
        at: after.unwrap_or_else(|| now.clone()),
        query,
        sender,
        _seat: seat,
    };
    actix_web::rt::spawn(tail.run(news, now));
    let body = stream::unfold(chunks, async |mut chunks| {
        let chunk: Bytes = chunks.recv().await?;
        Some((Ok::<_, std::io::Error>(chunk), chunks))
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        // Proxies that collect answers would hold events back.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(body))
}

/// Why a tail ends, as its last event says.
#[derive(Debug, Clone, Copy)]
enum End {
    Slow,
    Unavailable,
    Stopping,
    Key,
}

impl End {
    fn message(self) -> &'static str {
        match self {
            Self::Slow => {
                "event: end\ndata: {\"reason\":\"slow\",\"detail\":\"this client did not keep up; come again with the last id\"}\n\n"
            }
            Self::Unavailable => {
                "event: end\ndata: {\"reason\":\"unavailable\",\"detail\":\"the store of events is not available; come again with the last id\"}\n\n"
            }
            Self::Stopping => {
                "event: end\ndata: {\"reason\":\"stopping\",\"detail\":\"this server stops; come again with the last id\"}\n\n"
            }
            Self::Key => {
                "event: end\ndata: {\"reason\":\"key\",\"detail\":\"the key was changed or is no longer valid\"}\n\n"
            }
        }
    }
}

const GAP: &str = "event: gap\ndata: {\"reason\":\"log-replaced\",\"detail\":\"the log was replaced by another one; this goes on with what is new there\"}\n\n";

/// Why nothing more is sent.
enum Stop {
    /// The client is told.
    Told(End),
    /// There is no client any more.
    Gone,
}

/// One client's place in the feed.
struct Tail {
    state: web::Data<State>,
    key: Arc<Key>,
    binding: Binding,
    at: FeedPosition,
    query: FeedQuery,
    sender: mpsc::Sender<Bytes>,
    _seat: Seat,
}

impl Tail {
    async fn run(mut self, news: Receiver<News>, now: FeedPosition) {
        // Kept free, so that the last word can be said whatever the client reads.
        let Ok(last_word) = self.sender.clone().reserve_owned().await else {
            return;
        };
        let (sender, hub) = (self.sender.clone(), self.state.hub.clone());
        let stop = tokio::select! {
            stop = self.serve(news, now) => stop,
            () = sender.closed() => Stop::Gone,
            () = hub.stopping.cancelled() => Stop::Told(End::Stopping),
        };
        if let Stop::Told(end) = stop {
            last_word.send(Bytes::from_static(end.message().as_bytes()));
        }
    }

    async fn serve(&mut self, mut news: Receiver<News>, now: FeedPosition) -> Stop {
        let outcome = async {
            let hello = format!("retry: 2000\nid: {}\n\n", self.id());
            self.send(hello.into_bytes()).await?;
            self.catch_up(&now).await?;
            self.live(&mut news).await
        };
        match outcome.await {
            Ok(never) => match never {},
            Err(stop) => stop,
        }
    }

    /// Reads what is stored already, up to where the news begin.
    async fn catch_up(&mut self, now: &FeedPosition) -> Result<(), Stop> {
        loop {
            let is_there = now
                .next
                .iter()
                .all(|(partition, next)| self.next_of(*partition) >= *next);
            if is_there && (self.at.log == now.log || self.at.log == 0 || now.log == 0) {
                return Ok(());
            }
            let topic = &self.state.config.feed.topic;
            let read = self.state.reader.follow(topic, &self.at, &self.query);
            let (page, heads) = match self.state.metrics.read(Kind::Tail, read).await {
                Ok(found) => found,
                Err(ReadError::LogReplaced) => {
                    self.at = now.clone();
                    return self.gap().await;
                }
                Err(failure) => {
                    self.state.metrics.failed(&failure);
                    return Err(Stop::Told(End::Unavailable));
                }
            };
            self.state.metrics.served(&page.events);
            let mut chunk = Vec::new();
            for (head, json) in heads.iter().zip(page.events.iter()) {
                self.at.next.insert(head.partition, head.offset + 1);
                write(&mut chunk, &self.id(), json);
            }
            self.at = page.next;
            self.flush(&mut chunk).await?;
        }
    }

    /// Hands on what is being stored, for ever.
    async fn live(&mut self, news: &mut Receiver<News>) -> Result<std::convert::Infallible, Stop> {
        let heartbeat = self.state.config.tail.heartbeat;
        let mut quiet_until = Instant::now() + heartbeat;
        loop {
            let Ok(told) = tokio::time::timeout_at(quiet_until, news.recv()).await else {
                self.check_key()?;
                let beat = format!(": still here\nid: {}\n\n", self.id());
                self.send(beat.into_bytes()).await?;
                quiet_until = Instant::now() + heartbeat;
                continue;
            };
            match told {
                Ok(News::Part(part)) => {
                    let has_sent = match self.shared(&part) {
                        Some(pieces) => {
                            self.at = part.next.clone();
                            // Not to be held by a client that is slow.
                            drop(part);
                            for piece in pieces.iter() {
                                self.check_key()?;
                                self.send(piece.clone()).await?;
                            }
                            !pieces.is_empty()
                        }
                        None => self.write_alone(&part).await?,
                    };
                    if has_sent {
                        quiet_until = Instant::now() + heartbeat;
                    }
                }
                Ok(News::Replaced(now)) => {
                    self.at = now;
                    self.gap().await?;
                }
                Err(RecvError::Lagged(_)) => return Err(Stop::Told(End::Slow)),
                Err(RecvError::Closed) => return Err(Stop::Told(End::Stopping)),
            }
        }
    }

    /// What all tails of this key that ask for the same are sent of a part, for one that is where the part begins.
    fn shared(&self, part: &Part) -> Option<Pieces> {
        if self.at != part.from {
            return None;
        }
        part.written.of(&self.binding, &self.query.filter, || {
            let mut at = part.from.clone();
            let (mut pieces, mut chunk) = (Vec::new(), Vec::new());
            for (head, json) in &part.events {
                at.next.insert(head.partition, head.offset + 1);
                if is_meant(&self.query.filter, head) {
                    let id = self.state.cursors.feed(&self.binding, &at);
                    write(&mut chunk, &id, json);
                    if chunk.len() >= CHUNK_BYTES {
                        pieces.push(Bytes::from(std::mem::take(&mut chunk)));
                    }
                }
            }
            if !chunk.is_empty() {
                pieces.push(Bytes::from(chunk));
            }
            pieces
        })
    }

    /// Hands on a part from another place than where it begins, or of which nothing is kept; tells whether there was anything to send.
    async fn write_alone(&mut self, part: &Part) -> Result<bool, Stop> {
        let (mut chunk, mut has_sent) = (Vec::new(), false);
        for (head, json) in &part.events {
            if head.offset < self.next_of(head.partition) {
                continue;
            }
            self.at.next.insert(head.partition, head.offset + 1);
            if !is_meant(&self.query.filter, head) {
                continue;
            }
            write(&mut chunk, &self.id(), json);
            has_sent = true;
            if chunk.len() >= CHUNK_BYTES {
                self.flush(&mut chunk).await?;
            }
        }
        for (partition, next) in &part.next.next {
            let known = self.at.next.entry(*partition).or_default();
            *known = (*known).max(*next);
        }
        self.at.log = part.next.log;
        self.at.turn = part.next.turn;
        self.flush(&mut chunk).await?;
        Ok(has_sent)
    }

    fn next_of(&self, partition: i32) -> i64 {
        self.at.next.get(&partition).copied().unwrap_or(0)
    }

    fn id(&self) -> String {
        self.state.cursors.feed(&self.binding, &self.at)
    }

    async fn gap(&self) -> Result<(), Stop> {
        let message = format!("id: {}\n{GAP}", self.id());
        self.send(message.into_bytes()).await
    }

    async fn flush(&self, chunk: &mut Vec<u8>) -> Result<(), Stop> {
        self.check_key()?;
        if chunk.is_empty() {
            return Ok(());
        }
        self.send(std::mem::take(chunk)).await
    }

    /// Waits for room; a client that takes nothing for too long is given up.
    async fn send(&self, chunk: impl Into<Bytes>) -> Result<(), Stop> {
        let patience = self.state.config.query.stalled_after;
        match timeout(patience, self.sender.send(chunk.into())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Stop::Gone),
            Err(_) => Err(Stop::Told(End::Slow)),
        }
    }

    /// A key that was revoked, ran out or has other rights now does not go on with the old ones.
    fn check_key(&self) -> Result<(), Stop> {
        let now = self.state.keys.get(&self.key.id);
        let is_same = now.is_some_and(|key| {
            *key == *self.key && key.is_valid_at(time::OffsetDateTime::now_utc())
        });
        if is_same {
            Ok(())
        } else {
            Err(Stop::Told(End::Key))
        }
    }
}

/// Adds an event; JSON as it is shown holds no line breaks.
fn write(chunk: &mut Vec<u8>, id: &str, json: &[u8]) {
    chunk.extend_from_slice(b"id: ");
    chunk.extend_from_slice(id.as_bytes());
    chunk.extend_from_slice(b"\ndata: ");
    chunk.extend_from_slice(json);
    chunk.extend_from_slice(b"\n\n");
}

fn is_meant(filter: &Filter, head: &store::read::FeedHead) -> bool {
    let subject = head.subject.as_deref();
    filter.sources.contains(&head.source)
        && filter.types.contains(&head.kind)
        && (filter.subjects.is_any() || subject.is_some_and(|text| filter.subjects.contains(text)))
}
