//! Sending records so that an acknowledgement means: on all in-sync replicas (P1).
//!
//! Two threads serve a producer. The *poll* thread runs librdkafka's callbacks: one atomic slot per delivery report, and a wake-up for the last one of a
//! request. The *probe* thread decides [`Availability`] and replaces the inner client after a fatal error of the idempotent producer: records in flight in
//! the old one get a failed outcome, callers see `Unavailable` for a moment and then a new client, without a restart.

use crate::{
    Availability, Config, Countdown, Error, Headers, Outcome, ProducerMetrics, SendError,
    availability::Health,
    aws::Keeper,
    context::{Delivery, ProduceContext},
    spread::Spread,
};
use arc_swap::ArcSwap;
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, Producer as _, PurgeConfig},
};
use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How often the probe asks while something is wrong: recovery is noticed within this time.
const ANXIOUS_INTERVAL: Duration = Duration::from_millis(300);

/// How long the poll thread waits at a time. At the end of each wait rdkafka spins for up to a millisecond, so that short waits are what an idle service
/// costs (at 50 ms more than 1 % of a core); and dropping the producer takes up to one.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// How long a replaced client may take to hand back its records.
const PURGE_TIMEOUT: Duration = Duration::from_secs(5);

type Client = BaseProducer<ProduceContext>;

/// A record to send to the configured topic.
#[derive(Debug, Default)]
pub struct Record<'a> {
    /// Records with equal keys go to the same partition and keep their order; without one, those of a moment go to one partition, of the next to another.
    pub key: Option<&'a [u8]>,
    /// The value; none for a null value.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: Headers,
    /// Milliseconds since the Unix epoch; none: now.
    pub timestamp_millis: Option<i64>,
    /// A partition of the caller's choice; none: chosen by key.
    pub partition: Option<i32>,
}

/// Sends records to one topic. Share it by [`Arc`]; dropping the last handle gives up what is still queued (see [`Producer::flush`]).
#[derive(Debug)]
pub struct Producer {
    shared: Arc<Shared>,
    poll: Option<JoinHandle<()>>,
}

struct Shared {
    topic: String,
    client: ArcSwap<Client>,
    settings: ClientConfig,
    keeper: Option<Arc<Keeper>>,
    health: Arc<Health>,
    spread: Spread,
    metrics: ProducerMetrics,
    probe_interval: Duration,
    probe_timeout: Duration,
    queue_bytes: i64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl Producer {
    /// Makes a producer and starts its two threads. Returns at once, connected or not: [`Producer::availability`] starts as `NoBroker` and the first
    /// probe corrects it.
    ///
    /// # Errors
    /// [`Error::Config`] for a wrong setting, or what librdkafka refuses at creation (such as a certificate it cannot parse).
    pub fn new(config: &Config, metrics: ProducerMetrics) -> Result<Self, Error> {
        let mut settings = config.client()?;
        config.producer.apply(&mut settings);
        let health = Arc::new(Health::default());
        let keeper = config.security.keeper()?;
        let client = create(&settings, &health, &metrics, keeper.clone())?;
        let shared = Arc::new(Shared {
            topic: config.topic.clone(),
            client: ArcSwap::from_pointee(client),
            settings,
            keeper,
            health,
            spread: Spread::new(config.producer.linger),
            metrics,
            probe_interval: config.producer.probe_interval,
            probe_timeout: config.producer.probe_timeout,
            queue_bytes: i64::try_from(config.producer.queue_bytes).unwrap_or(i64::MAX),
        });
        let poll = spawn("kafka-poll", &shared, Shared::poll)?;
        // Not joined: it may be waiting for a broker, and ends by itself when the answer or its timeout comes.
        drop(spawn("kafka-probe", &shared, Shared::probe)?);
        Ok(Self {
            shared,
            poll: Some(poll),
        })
    }

    /// Hands one record over for sending; its outcome arrives in slot `index` of the countdown.
    ///
    /// Never blocks. Call it for all records of a request in order, then wait for the countdown once. On error the slot is settled with the same error,
    /// so the countdown still reaches zero.
    ///
    /// # Errors
    /// At once, when the queue is full, no broker is up, the topic is missing or the record is too large.
    pub fn send(
        &self,
        record: Record<'_>,
        countdown: &Countdown,
        index: usize,
    ) -> Result<(), SendError> {
        self.shared
            .send(record, countdown, index)
            .inspect_err(|&error| {
                let outcome = Outcome::Failed(error);
                self.shared.metrics.count(outcome);
                countdown.settle(index, outcome);
            })
    }

    /// Whether sending is worth trying: one atomic load.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.availability() == Availability::Up
    }

    /// What, if anything, stands between a record and the log: one atomic load.
    #[must_use]
    pub fn availability(&self) -> Availability {
        self.shared.health.availability()
    }

    /// How full the queue is, by bytes, from 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    pub fn saturation(&self) -> f64 {
        self.shared.metrics.queue_bytes.get() as f64 / self.shared.queue_bytes as f64
    }

    /// Records not settled yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        usize::try_from(self.shared.client.load().in_flight_count()).unwrap_or_default()
    }

    /// Waits until everything sent so far is settled; returns how many records are not when the time is over. Blocks: call it where blocking is allowed.
    #[must_use]
    pub fn flush(&self, timeout: Duration) -> usize {
        let client = self.shared.client.load_full();
        if let Err(error) = client.flush(timeout) {
            tracing::warn!(%error, records = client.in_flight_count(), "records are still unacknowledged after the flush");
        }
        self.in_flight()
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.shared.health.stop();
        if self
            .poll
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("the poll thread of the producer panicked");
        }
    }
}

fn create(
    settings: &ClientConfig,
    health: &Arc<Health>,
    metrics: &ProducerMetrics,
    keeper: Option<Arc<Keeper>>,
) -> Result<Client, Error> {
    let context = ProduceContext {
        health: Arc::clone(health),
        metrics: metrics.clone(),
        keeper,
    };
    settings
        .create_with_context(context)
        .map_err(|error| Error::config("producer", error.to_string()))
}

fn spawn(name: &str, shared: &Arc<Shared>, run: fn(&Shared)) -> Result<JoinHandle<()>, Error> {
    let shared = Arc::clone(shared);
    std::thread::Builder::new()
        .name(name.into())
        .spawn(move || run(&shared))
        .map_err(|error| Error::Refused(format!("this machine starts no more threads: {error}")))
}

impl Shared {
    fn send(
        &self,
        record: Record<'_>,
        countdown: &Countdown,
        index: usize,
    ) -> Result<(), SendError> {
        if self.health.availability() != Availability::Up {
            return Err(SendError::Unavailable);
        }
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let mut message = BaseRecord::<[u8], [u8], Box<Delivery>>::with_opaque_to(
            &self.topic,
            Box::new(Delivery {
                countdown: countdown.clone(),
                index,
            }),
        )
        .headers(record.headers.into_inner());
        message.key = record.key;
        message.payload = record.value;
        message.timestamp = record.timestamp_millis;
        // Counted before: the report may come before `send` returns. What is refused counts until the rest of its request is settled.
        let spread = countdown.enter(index, bytes, &self.spread, &self.metrics);
        let chosen = record.key.map_or(spread, |_| None);
        message.partition = record.partition.or(chosen);
        self.client
            .load()
            .send(message)
            .map_err(|(error, _message)| {
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
                    self.health.fatal();
                }
                SendError::of(&error)
            })
    }

    /// The poll thread: runs the callbacks until the producer is dropped.
    fn poll(&self) {
        while !self.health.is_stopped() {
            // Not held across the loop: a replaced client must be able to go.
            let client = self.client.load_full();
            client.poll(POLL_INTERVAL);
        }
    }

    /// The probe thread: decides availability and replaces a client that reached its fatal state.
    fn probe(&self) {
        let mut announced = None;
        while !self.health.is_stopped() {
            if self.health.take_fatal() {
                self.rebuild();
            }
            let outages = self.health.outages();
            let availability = self.ask();
            // An answer that was overtaken by the report that all brokers are down says nothing: ask again before believing it.
            let interval = if availability == Availability::Up && self.health.outages() != outages {
                Duration::ZERO
            } else {
                self.health.set(availability);
                self.metrics
                    .available
                    .set(i64::from(availability == Availability::Up));
                if announced.replace(availability) != Some(availability) {
                    self.announce(availability);
                }
                match availability {
                    Availability::Up => self.probe_interval,
                    _ => ANXIOUS_INTERVAL,
                }
            };
            self.health.sleep(interval);
        }
    }

    fn ask(&self) -> Availability {
        let acked = self.metrics.acked_records();
        let started = Instant::now();
        let answer = self
            .client
            .load()
            .client()
            .fetch_metadata(Some(&self.topic), self.probe_timeout);
        match answer {
            Ok(metadata) => {
                self.health.answered();
                let topic = metadata
                    .topics()
                    .iter()
                    .find(|topic| topic.name() == self.topic);
                match topic {
                    Some(topic) if topic.error().is_none() && !topic.partitions().is_empty() => {
                        let led = topic.partitions().iter().filter(|part| part.leader() >= 0);
                        let mut led: Vec<_> = led.map(|part| part.id()).collect();
                        led.sort_unstable();
                        self.spread.know(&led);
                        Availability::Up
                    }
                    _ => Availability::TopicMissing,
                }
            }
            Err(error) if is_missing_topic(&error) => Availability::TopicMissing,
            Err(_) if self.metrics.acked_records() > acked => self.health.availability(),
            Err(error) => {
                tracing::debug!(%error, elapsed = ?started.elapsed(), "the probe of the brokers failed");
                self.health.unreachable()
            }
        }
    }

    fn announce(&self, availability: Availability) {
        match availability {
            Availability::Up => tracing::info!(kafka.topic = self.topic, "kafka is available"),
            Availability::NoBroker => {
                tracing::error!("no kafka broker answers; records are refused until one does")
            }
            Availability::LoginFailed => {
                tracing::error!("the login at kafka fails; records are refused until it succeeds");
            }
            Availability::TopicMissing => {
                tracing::error!(
                    kafka.topic = self.topic,
                    "the topic does not exist, or this client may not see it; `flumen provision` makes the topic, and with --acl the right"
                );
            }
        }
    }

    fn rebuild(&self) {
        let reason = self.client.load().client().fatal_error();
        let Some((code, reason)) = reason else {
            return;
        };
        tracing::error!(%code, reason, "the idempotent producer reached its fatal state and is replaced");
        let keeper = self.keeper.clone();
        match create(&self.settings, &self.health, &self.metrics, keeper) {
            Ok(client) => {
                let old = self.client.swap(Arc::new(client));
                self.metrics.rebuilds.inc();
                old.purge(PurgeConfig::default().queue().inflight());
                if let Err(error) = old.flush(PURGE_TIMEOUT) {
                    tracing::error!(%error, "the replaced producer kept records; their requests end by their deadline");
                }
            }
            Err(error) => {
                tracing::error!(%error, "no new producer could be made; trying again");
                self.health.fatal();
                std::thread::sleep(ANXIOUS_INTERVAL);
            }
        }
    }
}

fn is_missing_topic(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)
    )
}
