//! Topics as they should be, as they are, and how the two differ.

use std::collections::BTreeMap;

/// What a topic should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions; a topic is grown to this, never shrunk.
    pub partitions: i32,
    /// How many brokers hold each partition. Only a new topic is given it.
    pub replication: i32,
    /// Topic settings by Kafka's names, such as `min.insync.replicas`, `retention.ms` and `max.message.bytes`.
    pub settings: BTreeMap<String, String>,
}

/// What a topic is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many brokers hold each partition (the least of all partitions).
    pub replication: i32,
    /// How many of these are in sync now (the least of all partitions).
    pub in_sync: i32,
    /// All its settings, defaults included.
    pub settings: BTreeMap<String, String>,
    /// The names of the settings that were set on the topic itself.
    pub overridden: Vec<String>,
}

/// One way in which a topic is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicDifference {
    /// There is no such topic.
    Missing,
    /// It has too few partitions; [`crate::Admin::apply`] adds them.
    Partitions {
        /// How many it has.
        actual: i32,
        /// How many it should have.
        wanted: i32,
    },
    /// It has more partitions than asked for, which cannot be undone and does no harm.
    MorePartitions {
        /// How many it has.
        actual: i32,
        /// How many were asked for.
        wanted: i32,
    },
    /// It has another replication factor; changing it is a reassignment, which is left to Kafka's own tools.
    Replication {
        /// What it has.
        actual: i32,
        /// What it should have.
        wanted: i32,
    },
    /// A setting differs; [`crate::Admin::apply`] changes it.
    Setting {
        /// Kafka's name of the setting.
        name: String,
        /// Its value now, if it has one.
        actual: Option<String>,
        /// The value it should have.
        wanted: String,
    },
}

impl TopicDifference {
    /// Whether [`crate::Admin::apply`] removes this difference.
    #[must_use]
    pub fn is_applicable(&self) -> bool {
        !matches!(self, Self::MorePartitions { .. } | Self::Replication { .. })
    }
}

impl std::fmt::Display for TopicDifference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Partitions { actual, wanted } => {
                write!(f, "partitions: {actual}, should be {wanted}")
            }
            Self::MorePartitions { actual, wanted } => {
                write!(
                    f,
                    "partitions: {actual}, more than the {wanted} asked for (kept: a topic cannot shrink)"
                )
            }
            Self::Replication { actual, wanted } => write!(
                f,
                "replication: {actual}, should be {wanted} (change it with kafka-reassign-partitions)"
            ),
            Self::Setting {
                name,
                actual,
                wanted,
            } => {
                write!(
                    f,
                    "{name}: {}, should be {wanted}",
                    actual.as_deref().unwrap_or("not set")
                )
            }
        }
    }
}

impl TopicDescription {
    /// Lists how this topic differs from what is wanted.
    #[must_use]
    pub fn differences(&self, spec: &TopicSpec) -> Vec<TopicDifference> {
        let mut differences = Vec::new();
        let (actual, wanted) = (self.partitions, spec.partitions);
        if actual < wanted {
            differences.push(TopicDifference::Partitions { actual, wanted });
        } else if actual > wanted {
            differences.push(TopicDifference::MorePartitions { actual, wanted });
        }
        if self.replication != spec.replication {
            differences.push(TopicDifference::Replication {
                actual: self.replication,
                wanted: spec.replication,
            });
        }
        for (name, wanted) in &spec.settings {
            let actual = self.settings.get(name);
            if actual != Some(wanted) {
                differences.push(TopicDifference::Setting {
                    name: name.clone(),
                    actual: actual.cloned(),
                    wanted: wanted.clone(),
                });
            }
        }
        differences
    }
}
