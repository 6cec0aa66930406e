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
            Some(code) if passes(code) => Self::Unreachable {
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

/// Whether an error ends by itself: a broker that went or comes, an election, a coordinator that moves. All of librdkafka's that say so, since one that is
/// missing here stops a writer for good in the middle of an outage.
fn passes(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        // Of the client: connections, names, its picture of the cluster.
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::BrokerDestroy
            | Code::DestroyBroker
            | Code::UnknownBroker
            | Code::NodeUpdate
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::MessageTimedOut
            | Code::TimedOutQueue
            | Code::WaitCache
            | Code::WaitingForCoordinator
            | Code::InProgress
            | Code::PreviousInProgress
            | Code::Interrupted
            | Code::Outdated
            | Code::Retry
            // Of the brokers.
            | Code::RequestTimedOut
            | Code::NetworkException
            | Code::BrokerNotAvailable
            | Code::ReplicaNotAvailable
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::PreferredLeaderNotAvailable
            | Code::EligibleLeadersNotAvailable
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::UnstableOffsetCommit
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::KafkaStorageError
            | Code::ListenerNotFound
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::NotCoordinator
            | Code::RebalanceInProgress
            | Code::NotController
            | Code::StaleControllerEpoch
            | Code::ThrottlingQuotaExceeded
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: RDKafkaErrorCode) -> Error {
        Error::from_kafka(&KafkaError::MetadataFetch(code), "kafka:9092", "events")
    }

    #[test]
    fn what_ends_by_itself_is_tried_again_and_what_does_not_is_told() {
        use RDKafkaErrorCode as Code;
        for code in [
            Code::DestroyBroker,
            Code::BrokerDestroy,
            Code::BrokerTransportFailure,
            Code::LeaderNotAvailable,
            Code::NetworkException,
            Code::NotController,
        ] {
            assert!(of(code).is_transient(), "{code:?}");
        }
        for code in [
            Code::TopicAuthorizationFailed,
            Code::GroupAuthorizationFailed,
            Code::SaslAuthenticationFailed,
            Code::Authentication,
            Code::SSL,
            Code::InvalidTopic,
            Code::UnsupportedVersion,
        ] {
            assert!(matches!(of(code), Error::Refused(_)), "{code:?}");
        }
        assert!(matches!(of(Code::UnknownTopic), Error::TopicMissing(_)));
    }
}
