//! Asks brokers about topics, and brings topics to what is wanted.

use crate::{
    Authentication, Config, Error, TopicDescription, TopicDifference, TopicSpec, aws::Topics,
    context::PlainContext,
};
use rdkafka::{
    admin::{
        AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
        TopicReplication,
    },
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// An administrative client. Cloning shares it. Futures are driven by a thread of its own, so any runtime will do.
#[derive(Clone)]
pub struct Admin {
    client: Arc<AdminClient<PlainContext>>,
    /// Makes the requests instead of `client`, for roles of AWS.
    role: Option<Topics>,
    brokers: String,
    timeout: Duration,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin")
            .field("brokers", &self.brokers)
            .finish_non_exhaustive()
    }
}

impl Admin {
    /// Makes a client whose every request ends within `timeout`; connects when first used.
    ///
    /// # Errors
    /// [`Error::Config`] for a wrong setting, or what librdkafka refuses at creation.
    pub fn new(config: &Config, timeout: Duration) -> Result<Self, Error> {
        let client = config
            .client()?
            .create_with_context(PlainContext)
            .map_err(|error| Error::config("brokers", error.to_string()))?;
        Ok(Self {
            client: Arc::new(client),
            role: (config.security.authentication == Authentication::AwsIam)
                .then(|| Topics::new(config, timeout)),
            brokers: config.brokers.clone(),
            timeout,
        })
    }

    /// The identity of the cluster.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when no broker answers in time.
    pub async fn cluster_id(&self) -> Result<String, Error> {
        if let Some(role) = &self.role {
            return role.cluster_id().await;
        }
        let (client, timeout) = (Arc::clone(&self.client), self.timeout);
        let id = self
            .blocking(move || client.inner().fetch_cluster_id(timeout))
            .await?;
        id.ok_or_else(|| self.unreachable("the identity of the cluster was not told in time"))
    }

    /// The names of all topics except Kafka's own.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when no broker answers in time.
    pub async fn topics(&self) -> Result<Vec<String>, Error> {
        if let Some(role) = &self.role {
            return role.names().await;
        }
        let (client, timeout) = (Arc::clone(&self.client), self.timeout);
        let metadata = self
            .blocking(move || {
                client
                    .inner()
                    .fetch_metadata(None, timeout)
                    .map(|metadata| {
                        let names = metadata
                            .topics()
                            .iter()
                            .map(|topic| topic.name().to_owned());
                        names.filter(|name| !name.starts_with("__")).collect()
                    })
            })
            .await?;
        metadata.map_err(|error| self.error(&error, ""))
    }

    /// Describes a topic; none when it does not exist.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when no broker answers in time, [`Error::Refused`] without the right to describe it.
    pub async fn describe(&self, topic: &str) -> Result<Option<TopicDescription>, Error> {
        if let Some(role) = &self.role {
            return role.describe(topic).await;
        }
        let (client, timeout, name) = (Arc::clone(&self.client), self.timeout, topic.to_owned());
        // All topics: asking for one by name would make a broker with auto-creation create it.
        let layout = self
            .blocking(move || {
                client
                    .inner()
                    .fetch_metadata(None, timeout)
                    .map(|metadata| {
                        let topic = metadata
                            .topics()
                            .iter()
                            .find(|topic| topic.name() == name)?;
                        let partitions = topic.partitions();
                        let least = |count: fn(&rdkafka::metadata::MetadataPartition) -> usize| {
                            partitions
                                .iter()
                                .map(count)
                                .min()
                                .and_then(|count| i32::try_from(count).ok())
                                .unwrap_or(0)
                        };
                        Some((
                            i32::try_from(partitions.len()).unwrap_or(i32::MAX),
                            least(|partition| partition.replicas().len()),
                            least(|partition| partition.isr().len()),
                        ))
                    })
            })
            .await?
            .map_err(|error| self.error(&error, topic))?;
        let Some((partitions, replication, in_sync)) = layout else {
            return Ok(None);
        };
        let resources = self
            .client
            .describe_configs([&ResourceSpecifier::Topic(topic)], &self.options())
            .await
            .map_err(|error| self.error(&error, topic))?;
        let mut settings = BTreeMap::new();
        let mut overridden = Vec::new();
        for resource in resources {
            let resource = match resource {
                Ok(resource) => resource,
                Err(RDKafkaErrorCode::UnknownTopicOrPartition) => return Ok(None),
                Err(code) => {
                    return Err(Error::Refused(format!("describing topic {topic}: {code}")));
                }
            };
            for entry in resource.entries {
                if entry.source == rdkafka::admin::ConfigSource::DynamicTopic {
                    overridden.push(entry.name.clone());
                }
                if let Some(value) = entry.value {
                    settings.insert(entry.name, value);
                }
            }
        }
        Ok(Some(TopicDescription {
            name: topic.to_owned(),
            partitions,
            replication,
            in_sync,
            settings,
            overridden,
        }))
    }

    /// Lists how a topic differs from what is wanted; changes nothing.
    ///
    /// # Errors
    /// As [`Admin::describe`].
    pub async fn differences(&self, spec: &TopicSpec) -> Result<Vec<TopicDifference>, Error> {
        Ok(match self.describe(&spec.name).await? {
            None => vec![TopicDifference::Missing],
            Some(topic) => topic.differences(spec),
        })
    }

    /// Brings a topic to what is wanted, as far as that is possible without moving data, and returns the differences found before. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::Refused`] with Kafka's reason, [`Error::Unreachable`] when no broker answers in time.
    pub async fn apply(&self, spec: &TopicSpec) -> Result<Vec<TopicDifference>, Error> {
        let Some(topic) = self.describe(&spec.name).await? else {
            self.create(spec).await?;
            return Ok(vec![TopicDifference::Missing]);
        };
        let differences = topic.differences(spec);
        if topic.partitions < spec.partitions {
            self.grow(&spec.name, spec.partitions).await?;
        }
        if differences
            .iter()
            .any(|difference| matches!(difference, TopicDifference::Setting { .. }))
        {
            // This request replaces all of a topic's own settings: repeat those that stay.
            let mut settings: BTreeMap<&str, &str> = topic
                .overridden
                .iter()
                .filter_map(|name| Some((name.as_str(), topic.settings.get(name)?.as_str())))
                .collect();
            settings.extend(
                spec.settings
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str())),
            );
            self.alter(&spec.name, &settings).await?;
        }
        Ok(differences)
    }

    /// Creates a topic. One that exists already is left as it is.
    ///
    /// # Errors
    /// [`Error::Refused`] with Kafka's reason, [`Error::Unreachable`] when no broker answers in time.
    pub async fn create(&self, spec: &TopicSpec) -> Result<(), Error> {
        if let Some(role) = &self.role {
            return role.create(spec).await;
        }
        let mut topic = NewTopic::new(
            &spec.name,
            spec.partitions,
            TopicReplication::Fixed(spec.replication),
        );
        for (name, value) in &spec.settings {
            topic = topic.set(name, value);
        }
        let results = self
            .client
            .create_topics([&topic], &self.options())
            .await
            .map_err(|error| self.error(&error, &spec.name))?;
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => {
                    return Err(Error::Refused(format!("creating topic {name}: {code}")));
                }
            }
        }
        Ok(())
    }

    /// Deletes a topic with all its records. One that does not exist is fine.
    ///
    /// # Errors
    /// [`Error::Refused`] with Kafka's reason, [`Error::Unreachable`] when no broker answers in time.
    pub async fn delete(&self, topic: &str) -> Result<(), Error> {
        if let Some(role) = &self.role {
            return role.delete(topic).await;
        }
        let results = self
            .client
            .delete_topics(&[topic], &self.options())
            .await
            .map_err(|error| self.error(&error, topic))?;
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
                Err((name, code)) => {
                    return Err(Error::Refused(format!("deleting topic {name}: {code}")));
                }
            }
        }
        Ok(())
    }

    async fn grow(&self, topic: &str, partitions: i32) -> Result<(), Error> {
        if let Some(role) = &self.role {
            return role.grow(topic, partitions).await;
        }
        let count = usize::try_from(partitions).unwrap_or_default();
        let results = self
            .client
            .create_partitions([&NewPartitions::new(topic, count)], &self.options())
            .await
            .map_err(|error| self.error(&error, topic))?;
        for result in results {
            if let Err((name, code)) = result {
                return Err(Error::Refused(format!(
                    "adding partitions to topic {name}: {code}"
                )));
            }
        }
        Ok(())
    }

    async fn alter(&self, topic: &str, settings: &BTreeMap<&str, &str>) -> Result<(), Error> {
        if let Some(role) = &self.role {
            return role.alter(topic, settings).await;
        }
        let mut change = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for (name, value) in settings {
            change = change.set(name, value);
        }
        let results = self
            .client
            .alter_configs([&change], &self.options())
            .await
            .map_err(|error| self.error(&error, topic))?;
        for result in results {
            if let Err((_, code)) = result {
                return Err(Error::Refused(format!(
                    "changing settings of topic {topic}: {code}"
                )));
            }
        }
        Ok(())
    }

    fn options(&self) -> AdminOptions {
        AdminOptions::new()
            .request_timeout(Some(self.timeout))
            .operation_timeout(Some(self.timeout))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        run: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        tokio::task::spawn_blocking(run)
            .await
            .map_err(|error| Error::Refused(format!("the request was abandoned: {error}")))
    }

    fn unreachable(&self, problem: &str) -> Error {
        Error::Unreachable {
            brokers: self.brokers.clone(),
            problem: problem.to_owned(),
        }
    }

    fn error(&self, error: &KafkaError, topic: &str) -> Error {
        Error::from_kafka(error, &self.brokers, topic)
    }
}
