//! What every client of librdkafka reports, turned into tracing, metrics and availability. Callbacks run on the thread that polls the client.

use crate::{
    Event, Outcome, SendError,
    availability::Health,
    aws::Keeper,
    countdown::Countdown,
    metrics::{ConsumerMetrics, ProducerMetrics},
};
use rdkafka::{
    ClientContext, Statistics,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    producer::{DeliveryResult, ProducerContext},
    topic_partition_list::TopicPartitionList,
    types::RDKafkaRespErr,
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Passes a log line of librdkafka on. Its errors are warnings here: it retries for ever, and what a human must know is logged where it is decided.
fn log(level: RDKafkaLogLevel, facility: &str, line: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "librdkafka", facility, "{line}");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            tracing::warn!(target: "librdkafka", facility, "{line}");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "librdkafka", facility, "{line}");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{line}"),
    }
}

/// What librdkafka says of a missing token; its reason was logged by who has it.
const NO_TOKEN: &str = "Failed to acquire SASL OAUTHBEARER token";

/// Reports an error of a client. librdkafka goes on by itself, so most are nobody's business; a login that fails needs somebody's hands.
fn report(error: &KafkaError, reason: &str) {
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Authentication)
        && !reason.starts_with(NO_TOKEN)
    {
        tracing::warn!(reason, "kafka refuses the login; it is tried again");
    } else {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
    }
}

/// Answers librdkafka's question for a token. Called on the thread that polls the client: nothing here waits, but for the first one of a new client.
fn token(keeper: Option<&Arc<Keeper>>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
    let keeper = keeper.ok_or("this client logs in without a token")?;
    let token = keeper.token()?;
    let until = token.rely_until.unix_timestamp_nanos() / 1_000_000;
    Ok(OAuthToken {
        token: token.text,
        // For librdkafka's own log: brokers know the role by the signature.
        principal_name: "flumen".to_owned(),
        lifetime_ms: i64::try_from(until)?,
    })
}

/// Context of clients that neither produce nor consume.
#[derive(Debug, Default)]
pub(crate) struct PlainContext;

impl ClientContext for PlainContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
    }
}

/// What travels with a record through librdkafka and comes back with its delivery report.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) countdown: Countdown,
    pub(crate) index: usize,
}

/// Context of the producer.
#[derive(Debug)]
pub(crate) struct ProduceContext {
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: ProducerMetrics,
    pub(crate) keeper: Option<Arc<Keeper>>,
}

impl ClientContext for ProduceContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(
        &self,
        _: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        token(self.keeper.as_ref()).inspect_err(|_| self.health.login_failed())
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log(level, facility, line);
    }

    fn stats(&self, statistics: Statistics) {
        self.metrics.observe(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                self.metrics.available.set(0);
                self.health.all_brokers_down();
            }
            Some(RDKafkaErrorCode::Fatal) => self.health.fatal(),
            Some(RDKafkaErrorCode::Authentication) => {
                self.health.login_failed();
                report(&error, reason);
            }
            _ => report(&error, reason),
        }
    }
}

impl ProducerContext for ProduceContext {
    type DeliveryOpaque = Box<Delivery>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Box<Delivery>) {
        let outcome = match result {
            Ok(_) => Outcome::Acked,
            Err((error, _)) => {
                let error = SendError::of(error);
                if error == SendError::Unavailable {
                    self.health.probe_now();
                }
                Outcome::Failed(error)
            }
        };
        self.metrics.count(outcome);
        if delivery.countdown.settle(delivery.index, outcome) {
            self.metrics
                .ack_seconds
                .observe(delivery.countdown.elapsed().as_secs_f64());
        }
    }
}

/// Context of the consumer: rebalances become entries of a queue that the loop takes after the poll that ran the callback.
#[derive(Debug, Default)]
pub(crate) struct ConsumeContext {
    pub(crate) metrics: ConsumerMetrics,
    keeper: Option<Arc<Keeper>>,
    rebalances: Mutex<VecDeque<Event>>,
    /// While closing nobody takes from the queue: revocations are agreed to on the spot.
    closing: AtomicBool,
}

impl ConsumeContext {
    pub(crate) fn new(metrics: ConsumerMetrics, keeper: Option<Arc<Keeper>>) -> Self {
        Self {
            metrics,
            keeper,
            ..Self::default()
        }
    }

    pub(crate) fn take_rebalance(&self) -> Option<Event> {
        self.rebalances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    fn push(&self, rebalance: Event) {
        self.rebalances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(rebalance);
    }
}

impl ClientContext for ConsumeContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(
        &self,
        _: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        token(self.keeper.as_ref())
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log(level, facility, line);
    }

    fn stats(&self, statistics: Statistics) {
        self.metrics.observe(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        report(&error, reason);
    }
}

impl ConsumerContext for ConsumeContext {
    /// Replaces rdkafka's own strategy, which would assign from Kafka's committed offsets.
    ///
    /// An assignment is acknowledged with an empty one, so that the group's rebalance ends now and heartbeats go on while the caller looks
    /// its checkpoints up; librdkafka takes the real assignment at any later time. A revocation is only queued: the group waits (up to
    /// `max.poll.interval.ms`) until the caller has flushed and called [`crate::Consumer::release`].
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let partitions = list
            .elements()
            .iter()
            .map(|element| element.partition())
            .collect();
        let done = if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let acknowledged = consumer.assign(&TopicPartitionList::new());
            self.push(Event::Assigned(partitions));
            acknowledged
        } else if self.closing.load(Ordering::Acquire) {
            consumer.unassign()
        } else {
            self.push(Event::Revoked {
                partitions,
                lost: consumer.assignment_lost(),
            });
            Ok(())
        };
        if let Err(error) = done {
            tracing::warn!(%error, "kafka did not take the answer to a rebalance");
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        // Kafka's committed offset is a signal for lag tools only: the next one makes up for this one.
        if let Err(error) = result {
            tracing::debug!(%error, "kafka did not take the lag signal");
        }
    }
}
