//! Has credentials ready before anybody asks.

use super::{
    credentials::{Credentials, Source, Trouble},
    environment::Environment,
    token::Token,
};
use crate::Error;
use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use time::OffsetDateTime;

/// How long after its start the thread that serves a client waits for the first credentials, so that a service is ready without one of librdkafka's pauses
/// of ten seconds. Later nobody waits.
pub(super) const FIRST_ANSWER: Duration = Duration::from_secs(3);

/// New credentials are asked for this long before the old ones end: as long as a token may live.
const AHEAD: Duration = Duration::from_secs(900);

/// Pauses after a failure, doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(15);

/// How often the same trouble is told again.
const REMINDER: Duration = Duration::from_secs(60);

/// Credentials with this little left are as good as none: brokers' clocks differ.
const USELESS: Duration = Duration::from_secs(1);

/// Keeps the credentials of one client, by a thread that ends with it.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    region: String,
}

struct Shared {
    source: Source,
    started: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    credentials: Option<Credentials>,
    /// Why the last attempt gave none.
    trouble: Option<Trouble>,
    /// Whether any attempt has ended.
    answered: bool,
    stopped: bool,
}

impl Keeper {
    /// Starts asking, by what the environment says. Waits for nothing.
    ///
    /// # Errors
    /// [`Error::Config`] when the environment names nobody to ask.
    pub(crate) fn start(environment: &Environment, region: String) -> Result<Arc<Self>, Error> {
        let source = Source::of(environment, &region)?;
        let shared = Arc::new(Shared {
            started: Instant::now(),
            state: Mutex::new(State {
                credentials: None,
                trouble: None,
                answered: false,
                stopped: false,
            }),
            changed: Condvar::new(),
            source,
        });
        let keeping = Arc::clone(&shared);
        // Not joined: it may be waiting for an answer, and ends by itself when that or its timeout comes.
        std::thread::Builder::new()
            .name("aws-credentials".into())
            .spawn(move || keeping.keep())
            .map_err(|error| {
                Error::Refused(format!("this machine starts no more threads: {error}"))
            })?;
        Ok(Arc::new(Self { shared, region }))
    }

    /// A new token; its error says why there is none, in words for the log.
    pub(crate) fn token(&self) -> Result<Token, String> {
        let patience = FIRST_ANSWER.saturating_sub(self.shared.started.elapsed());
        let state = self.shared.lock();
        let (state, _) = self
            .shared
            .changed
            .wait_timeout_while(state, patience, |state| !state.answered && !state.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        let now = OffsetDateTime::now_utc();
        let usable = state
            .credentials
            .as_ref()
            .filter(|credentials| credentials.expires.is_none_or(|end| end > now + USELESS));
        match usable {
            Some(credentials) => Ok(Token::new(credentials, &self.region, now)),
            None => {
                let who = || Trouble::Waiting {
                    who: self.shared.source.who(),
                };
                let trouble = state.trouble.clone().unwrap_or_else(who);
                Err(format!("no AWS credentials: {trouble}"))
            }
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("region", &self.region)
            .field("source", &self.shared.source.who())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: asks, keeps the answer, sleeps until it is time to ask again.
    fn keep(&self) {
        let mut pause = FIRST_PAUSE;
        let mut told: Option<(Trouble, Instant)> = None;
        while !self.lock().stopped {
            let next = match self.ask() {
                Ok(credentials) => {
                    if told.take().is_some() {
                        tracing::info!("AWS gives credentials again");
                    }
                    pause = FIRST_PAUSE;
                    let next = credentials.expires.map(until_next);
                    self.put(Ok(credentials));
                    next
                }
                Err(trouble) => {
                    let news = told
                        .as_ref()
                        .is_none_or(|(last, when)| *last != trouble || when.elapsed() > REMINDER);
                    let urgent = self.put(Err(trouble.clone()));
                    if news && urgent {
                        tracing::error!(%trouble, "no AWS credentials to log in to kafka with; trying again");
                    } else if news {
                        tracing::warn!(%trouble, "no new AWS credentials; those at hand are used until they end, and it is tried again");
                    }
                    if news {
                        told = Some((trouble, Instant::now()));
                    }
                    let this = pause;
                    pause = (pause * 2).min(LAST_PAUSE);
                    Some(this)
                }
            };
            match next {
                Some(next) => self.sleep(next),
                // They do not end.
                None => return,
            }
        }
    }

    /// One attempt. It has a runtime of its own: callers come from threads of all kinds.
    fn ask(&self) -> Result<Credentials, Trouble> {
        if let Source::Keys(credentials) = &self.source {
            return Ok(credentials.clone());
        }
        // Whoever installed one before us, wins.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Trouble::NoAnswer {
                who: self.source.who(),
                problem: error.to_string(),
            })?;
        // A new client each time: attempts are minutes apart, and nothing of a broken one is left.
        let answer = runtime.block_on(async {
            let client = self.source.client()?;
            self.source.fetch(&client).await
        });
        // A name that is being looked up cannot be given up, only left behind.
        runtime.shutdown_background();
        answer
    }

    /// Keeps what an attempt gave; answers whether there are no usable credentials now.
    fn put(&self, answer: Result<Credentials, Trouble>) -> bool {
        let mut state = self.lock();
        state.answered = true;
        match answer {
            Ok(credentials) => {
                state.credentials = Some(credentials);
                state.trouble = None;
            }
            Err(trouble) => state.trouble = Some(trouble),
        }
        self.changed.notify_all();
        let now = OffsetDateTime::now_utc();
        state
            .credentials
            .as_ref()
            .and_then(|credentials| credentials.expires)
            .is_none_or(|end| end <= now + USELESS)
    }

    /// Sleeps, but not beyond the client's end.
    fn sleep(&self, pause: Duration) {
        let state = self.lock();
        drop(
            self.changed
                .wait_timeout_while(state, pause, |state| !state.stopped)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }
}

/// How long new credentials are used before newer ones are asked for: half of their life, or all but [`AHEAD`] of it.
fn until_next(end: OffsetDateTime) -> Duration {
    let left = Duration::try_from(end - OffsetDateTime::now_utc()).unwrap_or_default();
    (left / 2).max(left.saturating_sub(AHEAD)).max(FIRST_PAUSE)
}

#[cfg(test)]
mod tests;
