//! Reading a body: within its size, its time and what all bodies may have.

use std::sync::Arc;

use actix_web::web::Payload;
use futures_util::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::config;
use crate::error::Refusal;

/// The bytes that all bodies may have at a time.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

/// A body and its place in the budget, which is given back with it.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(crate) fn new(config: &config::Body) -> Self {
        Self(Arc::new(Semaphore::new(
            config
                .max_in_flight_bytes
                .as_usize()
                .min(Semaphore::MAX_PERMITS),
        )))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let bytes = u32::try_from(bytes).map_err(|_| Refusal::Saturated)?;
        Arc::clone(&self.0)
            .try_acquire_many_owned(bytes)
            .map_err(|_| Refusal::Saturated)
    }
}

/// Reads the whole body. What was declared is not believed: room is taken for what has come.
pub(crate) async fn read(
    mut payload: Payload,
    limits: &config::Body,
    budget: &Budget,
) -> Result<Body, Refusal> {
    let limit = limits.max_bytes.as_usize();
    let deadline = Instant::now() + limits.timeout;
    let mut bytes = Vec::new();
    let mut place: Option<OwnedSemaphorePermit> = None;
    loop {
        let chunk = match timeout_at(deadline, payload.next()).await {
            Err(_) => return Err(Refusal::SlowBody),
            Ok(None) => {
                return Ok(Body {
                    bytes,
                    _place: place,
                });
            }
            Ok(Some(Err(_))) => return Err(Refusal::CutOff),
            Ok(Some(Ok(chunk))) => chunk,
        };
        let total = bytes.len() + chunk.len();
        if total > limit {
            return Err(Refusal::TooLarge { limit });
        }
        if total > bytes.capacity() {
            let capacity = total.max(2 * bytes.capacity()).min(limit);
            let more = budget.take(capacity - bytes.capacity())?;
            match &mut place {
                Some(place) => place.merge(more),
                None => place = Some(more),
            }
            bytes.reserve_exact(capacity - bytes.len());
        }
        bytes.extend_from_slice(&chunk);
    }
}
