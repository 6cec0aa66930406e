//! Rates per key: requests a second and events a second, as GCRA cells; and how many requests may be under way at a time.
//!
//! The state lives in this process: with N replicas behind a balancer, a key gets up to N times its rate.
//! Only keys that authenticated have a place in the table, so strangers cannot make it grow.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest};
use arc_swap::ArcSwap;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::config::RateLimits;
use crate::keys::Key;
use crate::problem::{ErrorCode, Problem};

type Bucket = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// What is limited; the name stands in the `RateLimit` fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Requests,
    Events,
    Concurrent,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Events => "events",
            Self::Concurrent => "concurrent",
        }
    }
}

/// One key's state for one unit.
#[derive(Debug)]
struct Meter {
    unit: Unit,
    rate: u32,
    burst: NonZeroU32,
    bucket: Bucket,
}

/// What a key has left, for the answer's header fields.
#[derive(Debug, Clone, Copy)]
struct Reading {
    unit: Unit,
    burst: u32,
    window_seconds: u64,
    remaining: u32,
    reset_seconds: u64,
}

/// The readings of one request, kept in its extensions until the answer goes out.
#[derive(Debug, Default)]
struct Readings(Vec<Reading>);

#[derive(Debug)]
struct Meters {
    requests: Option<Meter>,
    events: Option<Meter>,
    /// Requests under way.
    under_way: Arc<AtomicU32>,
}

/// One request's place among those of its key; given up when dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<AtomicU32>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The next try of a client whose requests are all under way may come soon: one of them ends.
const AFTER_CONCURRENT: Duration = Duration::from_secs(1);

/// The rates of all keys. Cloning gives another handle to the same state.
#[derive(Debug, Clone)]
pub struct Limits {
    defaults: Arc<ArcSwap<RateLimits>>,
    meters: Arc<RwLock<MetersByKey>>,
    clock: DefaultClock,
}

/// By the key's id, with what they were made for.
type MetersByKey = HashMap<String, (Rates, Arc<Meters>)>;

/// What a key's meters were made for; another value makes new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rates {
    requests: u32,
    events: u32,
    burst: Duration,
}

impl Limits {
    /// Limits with these defaults, for keys whose entry says nothing else.
    pub fn new(defaults: RateLimits) -> Self {
        Self {
            defaults: Arc::new(ArcSwap::from_pointee(defaults)),
            meters: Arc::default(),
            clock: DefaultClock::default(),
        }
    }

    /// Takes new defaults from now on.
    pub fn set_defaults(&self, defaults: RateLimits) {
        self.defaults.store(Arc::new(defaults));
    }

    /// Takes one request from the key's rate.
    ///
    /// # Errors
    /// 429 with `Retry-After` when it is used up.
    pub fn admit_request(&self, request: &HttpRequest, key: &Key) -> Result<(), Problem> {
        match &self.meters(key).requests {
            Some(meter) => self.take(request, meter, 1),
            None => Ok(()),
        }
    }

    /// Takes `count` events from the key's rate, all or none.
    ///
    /// A batch larger than the burst takes the whole burst, since it could never be admitted otherwise.
    ///
    /// # Errors
    /// 429 with `Retry-After` when it is used up.
    pub fn admit_events(
        &self,
        request: &HttpRequest,
        key: &Key,
        count: usize,
    ) -> Result<(), Problem> {
        match &self.meters(key).events {
            Some(meter) if count > 0 => {
                self.take(request, meter, u32::try_from(count).unwrap_or(u32::MAX))
            }
            _ => Ok(()),
        }
    }

    /// Takes a place among the key's requests, until the answer is sent.
    ///
    /// # Errors
    /// 429 with `Retry-After` when all are taken.
    pub fn enter(&self, request: &HttpRequest, key: &Key) -> Result<(), Problem> {
        let most = self.defaults.load().concurrent_requests;
        if most == 0 {
            return Ok(());
        }
        let under_way = Arc::clone(&self.meters(key).under_way);
        let before = under_way.fetch_add(1, Ordering::Relaxed);
        // Given up again when there are too many.
        let slot = Slot(under_way);
        let reading = Reading {
            unit: Unit::Concurrent,
            burst: most,
            window_seconds: 0,
            remaining: most.saturating_sub(before.saturating_add(1)),
            reset_seconds: 0,
        };
        note(request, reading);
        if before >= most {
            let detail = format!(
                "this key has {before} requests under way, and may have {most}: wait for one of them"
            );
            return Err(Problem::new(ErrorCode::Throttled, detail).retry_after(AFTER_CONCURRENT));
        }
        request.extensions_mut().insert(slot);
        Ok(())
    }

    /// Gives the place up before the answer is sent, for answers that go on for hours and have a limit of their own.
    pub fn leave(request: &HttpRequest) {
        drop(request.extensions_mut().remove::<Slot>());
    }

    fn take(&self, request: &HttpRequest, meter: &Meter, count: u32) -> Result<(), Problem> {
        let count = NonZeroU32::new(count).map_or(NonZeroU32::MIN, |count| count.min(meter.burst));
        let (remaining, wait) = match meter.bucket.check_n(count) {
            Ok(Ok(state)) => (state.remaining_burst_capacity(), None),
            Ok(Err(until)) => (0, Some(until.wait_time_from(self.clock.now()))),
            // Not reached, since `count` is at most the burst.
            Err(_) => (0, Some(Duration::from_secs(1))),
        };
        let missing = meter.burst.get() - remaining.min(meter.burst.get());
        let reading = Reading {
            unit: meter.unit,
            burst: meter.burst.get(),
            window_seconds: u64::from(meter.burst.get().div_ceil(meter.rate)),
            remaining,
            reset_seconds: wait.map_or(u64::from(missing.div_ceil(meter.rate)), |wait| {
                wait.as_secs() + 1
            }),
        };
        note(request, reading);
        match wait {
            None => Ok(()),
            Some(wait) => {
                let detail = format!(
                    "this key may send {} {} a second",
                    meter.rate,
                    meter.unit.name()
                );
                Err(Problem::new(ErrorCode::Throttled, detail).retry_after(wait))
            }
        }
    }

    fn meters(&self, key: &Key) -> Arc<Meters> {
        let defaults = self.defaults.load();
        let rates = Rates {
            requests: key
                .requests_per_second
                .unwrap_or(defaults.requests_per_second),
            events: key.events_per_second.unwrap_or(defaults.events_per_second),
            burst: defaults.burst,
        };
        let known = self
            .meters
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some((_, meters)) = known.get(&key.id).filter(|(known, _)| *known == rates) {
            return Arc::clone(meters);
        }
        drop(known);
        let mut known = self
            .meters
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        // Another thread may have made them in between: two sets would be twice the rate.
        if let Some((_, meters)) = known.get(&key.id).filter(|(known, _)| *known == rates) {
            return Arc::clone(meters);
        }
        let meters = Arc::new(Meters {
            requests: Meter::new(Unit::Requests, rates.requests, rates.burst),
            events: Meter::new(Unit::Events, rates.events, rates.burst),
            under_way: Arc::default(),
        });
        known.insert(key.id.clone(), (rates, Arc::clone(&meters)));
        meters
    }
}

impl Meter {
    fn new(unit: Unit, rate: u32, burst: Duration) -> Option<Self> {
        let per_second = NonZeroU32::new(rate)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the range of u32"
        )]
        let cells = (f64::from(rate) * burst.as_secs_f64()).clamp(1.0, f64::from(u32::MAX)) as u32;
        let burst = NonZeroU32::new(cells.max(rate)).unwrap_or(per_second);
        let bucket = RateLimiter::direct(Quota::per_second(per_second).allow_burst(burst))
            .with_middleware::<StateInformationMiddleware>();
        Some(Self {
            unit,
            rate,
            burst,
            bucket,
        })
    }
}

/// Keeps a reading for the answer.
fn note(request: &HttpRequest, reading: Reading) {
    let mut extensions = request.extensions_mut();
    match extensions.get_mut::<Readings>() {
        Some(readings) => readings.0.push(reading),
        None => drop(extensions.insert(Readings(vec![reading]))),
    }
}

impl Reading {
    fn policy(&self) -> String {
        let (name, burst, window) = (self.unit.name(), self.burst, self.window_seconds);
        match self.unit {
            Unit::Concurrent => format!("\"{name}\";q={burst};qu=\"concurrent-requests\""),
            _ => format!("\"{name}\";q={burst};w={window}"),
        }
    }

    fn state(&self) -> String {
        let (name, remaining, reset) = (self.unit.name(), self.remaining, self.reset_seconds);
        match self.unit {
            Unit::Concurrent => format!("\"{name}\";r={remaining}"),
            _ => format!("\"{name}\";r={remaining};t={reset}"),
        }
    }
}

/// Writes the `RateLimit-Policy` and `RateLimit` fields (IETF draft 10) of a request into its answer.
pub(crate) fn write_fields(request: &HttpRequest, headers: &mut HeaderMap) {
    let extensions = request.extensions();
    let Some(Readings(readings)) = extensions.get::<Readings>() else {
        return;
    };
    let join =
        |field: fn(&Reading) -> String| readings.iter().map(field).collect::<Vec<_>>().join(", ");
    let (policy, state) = (join(Reading::policy), join(Reading::state));
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

#[cfg(test)]
mod tests;
