//! `GET /v1/export`: all events of a query as a file, streamed in constant memory.
//!
//! # A file that is not whole says so
//!
//! The answer is chunked, and its last chunk is sent only when every event has been: whatever happens before, be it a statement that takes too long,
//! PostgreSQL going away or this server stopping, the connection is cut without it, and every HTTP client reports that. A Parquet file has no footer
//! then. For what reads a pipe, `summary=true` adds to NDJSON one last line, which no event looks like: the number of lines before it, the
//! SHA-256 of their bytes, and with `limit` the cursor of what follows.
//!
//! # Going on
//!
//! `cursor` takes the cursor of a summary, or that of a page of the same query; `after` takes the uid of the last whole event that was received.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT_ENCODING, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, VARY,
};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use event::{Timestamp, Uid};
use futures_util::stream;
use serde_json::json;
use service::keys::Key;
use service::problem::{ErrorCode, Problem};
use sha2::{Digest, Sha256};
use store::read::{Export, Order, PageQuery, Position, Side};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::{Caller, State, known};
use crate::cursor::Binding;
use crate::export::{Coding, Compressor, Encoder, Format, Formulas};
use crate::metrics::Kind;
use crate::params::{Arity, Params, wrong};
use crate::tail::Seat;

pub(crate) const LISTED: [(&str, Arity); 11] = [
    ("format", Arity::One),
    ("fields", Arity::One),
    ("data.*", Arity::Many),
    ("from", Arity::One),
    ("to", Arity::One),
    ("order", Arity::One),
    ("limit", Arity::One),
    ("cursor", Arity::One),
    ("after", Arity::One),
    ("summary", Arity::One),
    ("formulas", Arity::One),
];

/// What is not part of the query that a cursor belongs to. A page of the same query in the same order has the same cursors.
const NO_PART_OF_THE_QUERY: [&str; 7] = [
    "format", "fields", "limit", "cursor", "after", "summary", "formulas",
];

/// What is handed to the socket at a time: large enough that the cost of a hand-over does not count.
const CHUNK_BYTES: usize = 128 * 1024;

pub(super) async fn download(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let caller = Caller::of(&request, &state)?;
    let max_filters = state.config.query.max_filters;
    let params = Params::read(request.query_string(), &known(&LISTED), max_filters)?;
    let format = params.choice("format", &Format::ALL)?;
    let format = format.unwrap_or(Format::NdJson);
    let formulas = params.choice(
        "formulas",
        &[("escape", Formulas::Escape), ("keep", Formulas::Keep)],
    )?;
    let summary = params.choice("summary", &[("true", true), ("false", false)])?;
    let has_summary = summary.unwrap_or(false);
    if has_summary && format != Format::NdJson {
        return Err(wrong("summary", "is for `format=ndjson`"));
    }
    if formulas.is_some() && format != Format::Csv {
        return Err(wrong("formulas", "is for `format=csv`"));
    }
    let (from, to) = params.window()?;
    let order = params.choice(
        "order",
        &[("desc", Order::Descending), ("asc", Order::Ascending)],
    )?;
    let binding = Binding::new(
        "/v1/events",
        caller.id(),
        params.identity(&NO_PART_OF_THE_QUERY),
    );
    let fields = params.fields()?;
    let mut query = PageQuery {
        filter: caller.filter(&params)?,
        from,
        to,
        order: order.unwrap_or(Order::Descending),
        at: None,
        limit: params.limit(usize::MAX, i64::MAX as usize)?,
        max_bytes: usize::MAX,
        fields,
    };
    query.at = position(&caller, &state, &params, &binding, query.order).await?;
    let coding = match format {
        // Its columns are compressed already.
        Format::Parquet => Coding::Identity,
        Format::NdJson | Format::Csv => {
            let accepted = request.headers().get(ACCEPT_ENCODING);
            let accepted = accepted.and_then(|value| value.to_str().ok());
            Coding::of(accepted.unwrap_or_default())
        }
    };
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, format.content_type()))
        .insert_header((CONTENT_DISPOSITION, disposition(format, from, to)))
        .insert_header((VARY, "accept-encoding"))
        // Proxies that collect answers would hold all of it.
        .insert_header(("x-accel-buffering", "no"));
    if let Some(name) = coding.name() {
        response.insert_header((CONTENT_ENCODING, name));
    }
    if request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    let seat = state.exports.take(&caller.key.id)?;
    let broken = |error: io::Error| Problem::new(ErrorCode::Internal, error.to_string());
    let encoder = Encoder::new(format, fields, formulas.unwrap_or_default()).map_err(broken)?;
    let compressor = Compressor::new(coding).map_err(broken)?;
    let export = state
        .export_reader
        .export(&query)
        .await
        .map_err(|failure| state.failed(failure))?;
    let (sender, chunks) = mpsc::channel(2);
    let job = Job {
        state: state.clone(),
        key: caller.key,
        binding,
        limit: query.limit,
        export,
        encoder: Some(encoder),
        compressor: Some(compressor),
        sum: has_summary.then(Sha256::new),
        rows: 0,
        last: None,
        sender,
        _seat: seat,
    };
    actix_web::rt::spawn(job.run());
    // `None` when the last chunk was sent; a channel that closes without it has broken off.
    let body = stream::unfold(Some(chunks), async |chunks| {
        let mut chunks: mpsc::Receiver<Piece> = chunks?;
        match chunks.recv().await {
            Some(Piece::Chunk(chunk)) => Some((Ok(chunk), Some(chunks))),
            Some(Piece::End) => None,
            None => Some((Err(io::Error::other("the export broke off")), None)),
        }
    });
    Ok(response.streaming(body))
}

/// Where to go on.
async fn position(
    caller: &Caller,
    state: &State,
    params: &Params,
    binding: &Binding,
    order: Order,
) -> Result<Option<(Side, Position)>, Problem> {
    let cursor = params
        .one("cursor")
        .map(|text| state.cursors.read_page(binding, text))
        .transpose()?;
    let Some(text) = params.one("after") else {
        return match cursor {
            Some((Side::Before, _)) => Err(wrong("cursor", "leads backwards; take a `next`")),
            at => Ok(at),
        };
    };
    if cursor.is_some() {
        return Err(wrong("after", "and `cursor` exclude each other"));
    }
    let uid = Uid::parse(text).map_err(|_| wrong("after", "is not the uid of an event"))?;
    let times = state
        .reader
        .times(uid, &caller.rights)
        .await
        .map_err(|failure| state.failed(failure))?;
    // Of two events with one uid, the one that comes first: the other may come again, and none is left out.
    let time = match order {
        Order::Ascending => times.iter().min(),
        Order::Descending => times.iter().max(),
    };
    let unknown = || wrong("after", "is not the uid of an event that this key may read");
    let at = Position {
        time: *time.ok_or_else(unknown)?,
        uid,
        inclusive: false,
    };
    Ok(Some((Side::After, at)))
}

/// `attachment; filename="flumen-events-20260131T120000Z-now.csv"`
fn disposition(format: Format, from: Option<Timestamp>, to: Option<Timestamp>) -> String {
    let stamp = |time: Option<Timestamp>, open: &str| match time {
        // Without the marks that some file systems refuse.
        Some(time) => time.to_string().replace([':', '-'], ""),
        None => open.to_owned(),
    };
    format!(
        "attachment; filename=\"flumen-events-{}-{}.{}\"",
        stamp(from, "begin"),
        stamp(to, "now"),
        format.name()
    )
}

/// What goes to the socket.
enum Piece {
    Chunk(Bytes),
    /// All was sent.
    End,
}

/// One export under way. Dropped at any point, its statement is cancelled and its client sees that the file is not whole.
struct Job {
    state: web::Data<State>,
    key: Arc<Key>,
    binding: Binding,
    limit: usize,
    export: Export,
    encoder: Option<Encoder>,
    compressor: Option<Compressor>,
    /// Over the rows as they are before compression; only where it is shown.
    sum: Option<Sha256>,
    rows: u64,
    last: Option<Position>,
    sender: mpsc::Sender<Piece>,
    _seat: Seat,
}

/// The client is gone, or told by the file's breaking off.
struct Broken;

impl Job {
    async fn run(mut self) {
        let (sender, stopping) = (self.sender.clone(), self.state.hub.stopping.clone());
        let lasting = self.state.config.export.timeout;
        let outcome = tokio::select! {
            outcome = self.write() => outcome,
            () = sender.closed() => Err(Broken),
            () = stopping.cancelled() => Err(Broken),
            // PostgreSQL ends the statement by itself, but not while it waits for room to send: a client that reads slowly has the same time.
            () = sleep(lasting) => Err(Broken),
        };
        if outcome.is_ok() {
            // Room for it is a matter of the client's; a failure means that it is gone.
            let _ = sender.send(Piece::End).await;
        }
    }

    async fn write(&mut self) -> Result<(), Broken> {
        let mut out = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8);
        if let Some(encoder) = &mut self.encoder {
            encoder.begin(&mut out);
        }
        loop {
            let has_more = self.fill(&mut out).await?;
            out = self.encode(out, !has_more).await?;
            if !has_more && let Some(mut sum) = self.sum.take() {
                sum.update(&out);
                let line = self.summary(&sum.finalize());
                self.send(out).await?;
                out = line;
            }
            let capacity = out.capacity();
            self.send(out).await?;
            if !has_more {
                break;
            }
            out = Vec::with_capacity(capacity.clamp(CHUNK_BYTES, 2 * CHUNK_BYTES));
        }
        if let Some(compressor) = self.compressor.take() {
            let rest = compressor.finish().map_err(|_| Broken)?;
            self.hand_over(rest).await?;
        }
        Ok(())
    }

    /// Reads rows until there is enough for a chunk; false when there are no more.
    async fn fill(&mut self, out: &mut Vec<u8>) -> Result<bool, Broken> {
        let Some(encoder) = &mut self.encoder else {
            return Err(Broken);
        };
        let (mut rows, mut last) = (0, None);
        let reading = self.export.read(|row| {
            encoder.row(out, row);
            rows += 1;
            last = Some((row.time(), row.uid()));
            if out.len() >= CHUNK_BYTES || encoder.is_full() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let has_more = self
            .state
            .metrics
            .read(Kind::Export, reading)
            .await
            .map_err(|failure| {
                // Logged and counted; the client sees that the file broke off.
                drop(self.state.failed(failure));
                Broken
            })?;
        self.rows += rows;
        self.state.metrics.exported(rows, out.len());
        if let Some((time, uid)) = last {
            self.last = Some(Position {
                time,
                uid,
                inclusive: false,
            });
        }
        Ok(has_more)
    }

    /// Writes out what the format keeps back, on a thread that may take its time.
    async fn encode(&mut self, mut out: Vec<u8>, is_end: bool) -> Result<Vec<u8>, Broken> {
        let Some(mut encoder) = self.encoder.take_if(|encoder| encoder.keeps_rows()) else {
            return Ok(out);
        };
        let encoded = web::block(move || {
            encoder.flush(&mut out, is_end)?;
            io::Result::Ok((encoder, out))
        });
        match encoded.await {
            Ok(Ok((encoder, out))) => {
                self.encoder = Some(encoder);
                Ok(out)
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "cannot write an export");
                Err(Broken)
            }
            Err(_) => Err(Broken),
        }
    }

    /// The last line: what no event looks like.
    fn summary(&self, sum: &[u8]) -> Vec<u8> {
        let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        // Fewer than asked for are all there are.
        let next = self
            .last
            .filter(|_| usize::try_from(self.rows).is_ok_and(|rows| rows >= self.limit))
            .map(|at| self.state.cursors.page(&self.binding, (Side::After, at)));
        let line = json!({ "summary": { "count": self.rows, "sha256": sum, "next": next } });
        format!("{line}\n").into_bytes()
    }

    async fn send(&mut self, chunk: Vec<u8>) -> Result<(), Broken> {
        self.check_key()?;
        if let Some(sum) = &mut self.sum {
            sum.update(&chunk);
        }
        self.state.metrics.export_bytes.inc_by(chunk.len() as u64);
        let compressor = self.compressor.as_mut().ok_or(Broken)?;
        let chunk = compressor.push(chunk).map_err(|_| Broken)?;
        self.hand_over(chunk).await
    }

    /// Waits for room; a client that takes nothing for too long is given up.
    async fn hand_over(&self, chunk: Vec<u8>) -> Result<(), Broken> {
        if chunk.is_empty() {
            return Ok(());
        }
        let patience = self.state.config.query.stalled_after;
        let sent = timeout(patience, self.sender.send(Piece::Chunk(Bytes::from(chunk))));
        match sent.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Broken),
        }
    }

    /// A key that was revoked, ran out or has other rights now does not go on with the old ones.
    fn check_key(&self) -> Result<(), Broken> {
        let now = self.state.keys.get(&self.key.id);
        let is_same = now.is_some_and(|key| {
            *key == *self.key && key.is_valid_at(time::OffsetDateTime::now_utc())
        });
        is_same.then_some(()).ok_or(Broken)
    }
}
