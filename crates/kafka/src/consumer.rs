//! Reading a topic as a member of a group, from positions that are kept outside Kafka.
//!
//! [`Consumer::poll`] gives one [`Polled`] at a time, and everything that happens arrives that way, on the caller's thread: records, assignments,
//! revocations, errors. The life of a partition:
//!
//! 1. [`Event::Assigned`]: the group has given it to this member. Kafka does not wait for anything now.
//! 2. The caller finds out where to read from and calls [`Consumer::assign`]. Records follow.
//! 3. [`Event::Revoked`]: the group waits (up to `consumer.max_poll_interval`) while the caller finishes what it holds; [`Consumer::release`] lets go.

use crate::{Config, ConsumerMetrics, Error, RecordView, context::ConsumeContext};
use rdkafka::{
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    topic_partition_list::{Offset, TopicPartitionList},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

type Client = BaseConsumer<ConsumeContext>;

/// What one call of [`Consumer::poll`] found.
#[derive(Debug)]
pub enum Polled<'a> {
    /// Nothing within the timeout, or something that concerns librdkafka alone.
    Idle,
    /// One record.
    Record(RecordView<'a>),
    /// Something happened to the member or its partitions.
    Event(Event),
}

/// What happens to a member of a group besides records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The group gave these partitions to this member, in place of all earlier ones. Nothing is fetched until [`Consumer::assign`].
    Assigned(Vec<i32>),
    /// The group takes these partitions back and waits for [`Consumer::release`].
    Revoked {
        /// The partitions.
        partitions: Vec<i32>,
        /// True when they are gone already (this member was thought dead): another member may be writing.
        lost: bool,
    },
    /// A partition was read at an offset that its log does not hold: [`Log::range`] of the owned partitions tells which.
    OffsetOutOfRange,
    /// The topic does not exist (any more).
    TopicMissing,
    /// A passing fault: librdkafka tries again by itself.
    Disturbed(String),
    /// The client can not go on, and neither can this process.
    Fatal(String),
}

/// A member of a consumer group. It is polled, and closed, by one thread.
pub struct Consumer {
    client: Arc<Client>,
    topic: String,
    brokers: String,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl Consumer {
    /// Makes a consumer and subscribes it; connecting and joining happen while it is polled.
    ///
    /// # Errors
    /// [`Error::Config`] for a wrong setting, or what librdkafka refuses at creation.
    pub fn new(config: &Config, metrics: ConsumerMetrics) -> Result<Self, Error> {
        let mut settings = config.client()?;
        config.consumer.apply(&mut settings);
        settings.set("statistics.interval.ms", "5000");
        let client: Client = settings
            .create_with_context(ConsumeContext::new(metrics, config.security.keeper()?))
            .map_err(|error| Error::config("consumer", error.to_string()))?;
        let consumer = Self {
            client: Arc::new(client),
            topic: config.topic.clone(),
            brokers: config.brokers.clone(),
        };
        consumer.subscribe()?;
        Ok(consumer)
    }

    fn subscribe(&self) -> Result<(), Error> {
        self.client
            .subscribe(&[&self.topic])
            .map_err(|error| self.error(&error))
    }

    /// Takes the next event or record, waiting up to `timeout` for one. Poll at least every `consumer.max_poll_interval`, records wanted or not.
    pub fn poll(&self, timeout: Duration) -> Polled<'_> {
        let polled = self.client.poll(timeout);
        // First: what a callback of this poll has queued came before the record, if there is one.
        if polled.is_none()
            && let Some(rebalance) = self.client.context().take_rebalance()
        {
            return Polled::Event(rebalance);
        }
        match polled {
            None => Polled::Idle,
            Some(Ok(message)) => Polled::Record(RecordView::new(message)),
            Some(Err(error)) => Polled::Event(disturbed(&error)),
        }
    }

    /// Reads the given partitions, and no others, from the given offsets on.
    ///
    /// # Errors
    /// When librdkafka refuses, which it does only in states that end by themselves (such as a rebalance that has just begun).
    pub fn assign(&self, positions: &[(i32, i64)]) -> Result<(), Error> {
        self.client
            .assign(&self.list(positions)?)
            .map_err(|error| self.error(&error))
    }

    /// Answers a revocation: everything read is settled, others may have the partitions.
    ///
    /// # Errors
    /// As [`Consumer::assign`].
    pub fn release(&self) -> Result<(), Error> {
        self.client.unassign().map_err(|error| self.error(&error))
    }

    /// Leaves the group and joins it again: for a member whose view of what it owns turned out to be old.
    ///
    /// # Errors
    /// When librdkafka refuses to subscribe.
    pub fn rejoin(&self) -> Result<(), Error> {
        self.client.unsubscribe();
        self.subscribe()
    }

    /// Stops fetching these partitions; membership is kept as long as polling goes on. What was prefetched of them is dropped and fetched again later.
    ///
    /// # Errors
    /// When librdkafka refuses.
    pub fn pause(&self, partitions: &[i32]) -> Result<(), Error> {
        self.client
            .pause(&self.partitions(partitions))
            .map_err(|error| self.error(&error))
    }

    /// Fetches paused partitions again, from where they were.
    ///
    /// # Errors
    /// When librdkafka refuses.
    pub fn resume(&self, partitions: &[i32]) -> Result<(), Error> {
        self.client
            .resume(&self.partitions(partitions))
            .map_err(|error| self.error(&error))
    }

    /// Tells Kafka, without waiting, how far this group is. Only lag tools read it; positions come from the checkpoints.
    pub fn signal_lag(&self, positions: &[(i32, i64)]) {
        let sent = self.list(positions).and_then(|list| {
            self.client
                .commit(&list, CommitMode::Async)
                .map_err(|error| self.error(&error))
        });
        if let Err(error) = sent {
            tracing::debug!(%error, "kafka did not take the lag signal");
        }
    }

    /// A handle for questions about the log that other threads may ask.
    #[must_use]
    pub fn log(&self) -> Log {
        Log {
            client: Arc::clone(&self.client),
            topic: self.topic.clone(),
            brokers: self.brokers.clone(),
        }
    }

    /// Leaves the group, so that others take over now and not after the session timeout. Settle what was read before: nothing is given back after this.
    ///
    /// Returns false when the group did not answer in time; this member then ends by its session timeout. Every [`Log`] handle should be dropped by now.
    #[must_use]
    pub fn close(self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        self.agree_to_everything();
        if let Err(error) = self.client.close_queue() {
            tracing::warn!(%error, "kafka did not take the request to leave the group");
        }
        while !self.client.closed() && Instant::now() < deadline {
            drop(self.client.poll(Duration::from_millis(20)));
        }
        let closed = self.client.closed();
        if !closed {
            // Dropping it would wait without bound. The process is about to end, and the group will notice.
            std::mem::forget(Arc::clone(&self.client));
        }
        closed
    }

    /// From now on nobody takes events: revocations, queued and to come, are agreed to on the spot.
    fn agree_to_everything(&self) {
        self.client.context().close();
        while self.client.context().take_rebalance().is_some() {
            if let Err(error) = self.client.unassign() {
                tracing::debug!(%error, "the partitions could not be given back");
            }
        }
    }

    fn list(&self, positions: &[(i32, i64)]) -> Result<TopicPartitionList, Error> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for &(partition, offset) in positions {
            list.add_partition_offset(&self.topic, partition, Offset::Offset(offset))
                .map_err(|error| self.error(&error))?;
        }
        Ok(list)
    }

    fn partitions(&self, partitions: &[i32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for &partition in partitions {
            list.add_partition(&self.topic, partition);
        }
        list
    }

    fn error(&self, error: &KafkaError) -> Error {
        Error::from_kafka(error, &self.brokers, &self.topic)
    }
}

impl Drop for Consumer {
    /// Leaving the group waits for the answer to a revocation, so there has to be one.
    fn drop(&mut self) {
        self.agree_to_everything();
    }
}

fn disturbed(error: &KafkaError) -> Event {
    if let KafkaError::MessageConsumptionFatal(_) = error {
        return Event::Fatal(error.to_string());
    }
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
            Event::OffsetOutOfRange
        }
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            Event::TopicMissing
        }
        Some(RDKafkaErrorCode::Fatal) => Event::Fatal(error.to_string()),
        _ => Event::Disturbed(error.to_string()),
    }
}

/// Questions about the log behind a [`Consumer`], for any thread. Every call blocks up to its timeout.
#[derive(Clone)]
pub struct Log {
    client: Arc<Client>,
    topic: String,
    brokers: String,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl Log {
    /// The identity of the cluster, which names the log together with the topic.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when no broker answers in time.
    pub fn cluster_id(&self, timeout: Duration) -> Result<String, Error> {
        self.client
            .client()
            .fetch_cluster_id(timeout)
            .ok_or_else(|| Error::Unreachable {
                brokers: self.brokers.clone(),
                problem: "the identity of the cluster was not told in time".into(),
            })
    }

    /// The oldest offset still in the log of a partition, and the one the next record will get.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when the leader does not answer in time, [`Error::TopicMissing`] when there is no such partition.
    pub fn range(&self, partition: i32, timeout: Duration) -> Result<std::ops::Range<i64>, Error> {
        self.client
            .fetch_watermarks(&self.topic, partition, timeout)
            .map(|(low, high)| low..high)
            .map_err(|error| Error::from_kafka(&error, &self.brokers, &self.topic))
    }
}
