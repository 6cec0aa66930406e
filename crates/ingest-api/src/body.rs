//! Reading a body: within its size, its time and the budget.

use actix_web::web::Payload;
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, timeout_at};

use crate::admission::Reservation;
use crate::config;
use crate::encoding::Encoding;
use crate::error::Refusal;

/// Reads the whole body and unpacks it. What it holds on the way, and returns, has its place in `reservation`.
///
/// Cancel safe: dropping the future gives everything back but the reservation, which is the caller's.
pub(crate) async fn read(
    payload: Payload,
    declared: Option<usize>,
    encoding: Encoding,
    limits: &config::Body,
    reservation: &mut Reservation,
) -> Result<Bytes, Refusal> {
    let limit = limits.max_bytes.as_usize();
    let sent = collect(payload, declared, limits, reservation).await?;
    if encoding == Encoding::Identity {
        return Ok(sent);
    }
    let unpacked = encoding.unpack(&sent, limit, reservation)?;
    drop(sent);
    reservation.shrink_to(unpacked.capacity());
    Ok(unpacked.into())
}

async fn collect(
    mut payload: Payload,
    declared: Option<usize>,
    limits: &config::Body,
    reservation: &mut Reservation,
) -> Result<Bytes, Refusal> {
    let limit = limits.max_bytes.as_usize();
    let mut deadline = None;
    // Nearly every body comes as one piece, which is then never copied.
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    loop {
        // Most bodies are there as soon as their heads are: no clock is started for those.
        let next = match payload.next().now_or_never() {
            Some(next) => next,
            None => {
                let now = Instant::now();
                let end = *deadline.get_or_insert(now + limits.timeout);
                timeout_at(end.min(now + limits.chunk_timeout), payload.next())
                    .await
                    .map_err(|_| Refusal::SlowBody)?
            }
        };
        let chunk = match next {
            Some(Err(_)) => return Err(Refusal::CutOff),
            Some(Ok(chunk)) => chunk,
            None if rest.is_empty() => return Ok(first),
            None => return Ok(rest.into()),
        };
        let total = first.len().max(rest.len()) + chunk.len();
        if total > limit {
            return Err(Refusal::TooLarge {
                limit,
                unpacked: false,
            });
        }
        if first.is_empty() {
            reservation.grow_to(total)?;
            first = chunk;
            continue;
        }
        if rest.capacity() < total {
            // The length that was declared has its place already, and is not believed beyond what came.
            let capacity = total
                .max(2 * rest.capacity())
                .max(declared.unwrap_or_default().min(limit));
            reservation.grow_to(capacity)?;
            rest.reserve_exact(capacity - rest.len());
        }
        if rest.is_empty() {
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&chunk);
    }
}
