//! What goes wrong when talking to Kafka, in the words of what the caller does next.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// A failure of a client, a consumer or an administrative request.
///
/// Records that could not be produced have their own type, [`crate::SendError`], because a request handler answers them one by one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is wrong; nothing was connected.
    #[error("{key}: {problem}")]
    Config {
        /// The setting, as written in the file below `[kafka]`, such as `security.ca_file`.
        key: String,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// No broker answered in time; the same call may succeed later.
    #[error("no broker of {brokers} answered: {problem}")]
    Unreachable {
        /// The addresses tried.
        brokers: String,
        /// What librdkafka said.
        problem: String,
    },
    /// The topic does not exist (or this client may not see it).
    #[error("topic {0} does not exist; create it with `flumen provision`")]
    TopicMissing(String),
    /// Kafka refused the request, and will refuse it again unchanged.
    #[error("kafka refused: {0}")]
    Refused(String),
}

impl Error {
    pub(crate) fn config(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Config {
            key: key.into(),
            problem: problem.into(),
        }
    }

    /// Sorts an error of librdkafka by whether trying again can help.
    pub(crate) fn from_kafka(error: &KafkaError, brokers: &str, topic: &str) -> Self {
        match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition,
            ) => Self::TopicMissing(topic.to_owned()),
            Some(
                RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::WaitingForCoordinator
                | RDKafkaErrorCode::NotController,
            ) => Self::Unreachable {
                brokers: brokers.to_owned(),
                problem: error.to_string(),
            },
            _ => Self::Refused(error.to_string()),
        }
    }

    /// Whether the same call may succeed later without any change.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}
