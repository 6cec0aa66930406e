//! The requests of [`crate::Admin`] for roles: rdkafka's administrative client never asks its context for a token, so these go over our own connection.

use std::{collections::BTreeMap, time::Duration};

use kafka_protocol::{
    ResponseError,
    messages::{
        CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest,
        IncrementalAlterConfigsRequest, MetadataRequest, MetadataResponse,
        create_partitions_request::CreatePartitionsTopic,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
        delete_topics_request::DeleteTopicState,
        describe_configs_request::DescribeConfigsResource,
        incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
    },
};

use crate::{
    Config, Error, TopicDescription, TopicSpec,
    wire::{Connection, Failure, text},
};

/// Kafka's number for a topic among the kinds of resources that have settings.
const TOPIC: i8 = 2;
/// Where a setting comes from that was set on the topic itself.
const OF_THE_TOPIC: i8 = 1;
/// Of the ways to change a setting: give it a value.
const SET: i8 = 0;

/// Asks and changes, over a new connection for each question: administration is rare.
#[derive(Debug, Clone)]
pub(crate) struct Topics {
    config: Config,
    timeout: Duration,
}

impl Topics {
    pub(crate) fn new(config: &Config, timeout: Duration) -> Self {
        Self {
            config: config.clone(),
            timeout,
        }
    }

    async fn connect(&self) -> Result<Connection, Error> {
        Connection::open(&self.config, self.timeout).await
    }

    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX)
    }

    pub(crate) async fn cluster_id(&self) -> Result<String, Error> {
        let nothing = MetadataRequest::default()
            .with_topics(Some(Vec::new()))
            .with_allow_auto_topic_creation(false);
        let answer = self.connect().await?.call(&nothing).await?;
        let id = answer.cluster_id.map(|id| id.to_string());
        id.ok_or_else(|| Error::Refused("the brokers have no identity of their cluster".into()))
    }

    pub(crate) async fn names(&self) -> Result<Vec<String>, Error> {
        let answer = all(&mut self.connect().await?).await?;
        let names = answer.topics.into_iter().filter_map(|topic| topic.name);
        Ok(names
            .map(|name| name.to_string())
            .filter(|name| !name.starts_with("__"))
            .collect())
    }

    pub(crate) async fn describe(&self, name: &str) -> Result<Option<TopicDescription>, Error> {
        let mut connection = self.connect().await?;
        // All topics: asking for one by name would make a broker with auto-creation create it.
        let answer = all(&mut connection).await?;
        let named = |topic: &&_| is_named(topic, name);
        let Some(topic) = answer.topics.iter().find(named) else {
            return Ok(None);
        };
        let least = |counts: &mut dyn Iterator<Item = usize>| {
            let least = counts.min().unwrap_or(0);
            i32::try_from(least).unwrap_or(i32::MAX)
        };
        let partitions = &topic.partitions;
        let request = DescribeConfigsRequest::default().with_resources(vec![
            DescribeConfigsResource::default()
                .with_resource_type(TOPIC)
                .with_resource_name(text(name))
                .with_configuration_keys(None),
        ]);
        let mut settings = BTreeMap::new();
        let mut overridden = Vec::new();
        for result in connection.call(&request).await?.results {
            if is(result.error_code, ResponseError::UnknownTopicOrPartition) {
                return Ok(None);
            }
            let doing = format!("describing topic {name}");
            Failure::check(&doing, result.error_code, result.error_message.as_ref())?;
            for setting in result.configs {
                let key = setting.name.to_string();
                if setting.config_source == OF_THE_TOPIC {
                    overridden.push(key.clone());
                }
                if let Some(value) = setting.value {
                    settings.insert(key, value.to_string());
                }
            }
        }
        Ok(Some(TopicDescription {
            name: name.to_owned(),
            partitions: i32::try_from(partitions.len()).unwrap_or(i32::MAX),
            replication: least(&mut partitions.iter().map(|part| part.replica_nodes.len())),
            in_sync: least(&mut partitions.iter().map(|part| part.isr_nodes.len())),
            settings,
            overridden,
        }))
    }

    /// Makes a topic; one that exists is left as it is.
    pub(crate) async fn create(&self, spec: &TopicSpec) -> Result<(), Error> {
        let doing = format!("creating topic {}", spec.name);
        let replication = i16::try_from(spec.replication)
            .map_err(|_| Error::Refused(format!("{doing}: too many replicas")))?;
        let settings = spec.settings.iter().map(|(key, value)| {
            CreatableTopicConfig::default()
                .with_name(text(key))
                .with_value(Some(text(value)))
        });
        let request = CreateTopicsRequest::default()
            .with_timeout_ms(self.timeout_ms())
            .with_topics(vec![
                CreatableTopic::default()
                    .with_name(text(&spec.name).into())
                    .with_num_partitions(spec.partitions)
                    .with_replication_factor(replication)
                    .with_configs(settings.collect()),
            ]);
        for result in self.connect().await?.call(&request).await?.topics {
            if !is(result.error_code, ResponseError::TopicAlreadyExists) {
                Failure::check(&doing, result.error_code, result.error_message.as_ref())?;
            }
        }
        Ok(())
    }

    /// Deletes a topic; one that does not exist is fine.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), Error> {
        let request = DeleteTopicsRequest::default()
            .with_timeout_ms(self.timeout_ms())
            .with_topics(vec![
                DeleteTopicState::default().with_name(Some(text(name).into())),
            ]);
        for result in self.connect().await?.call(&request).await?.responses {
            if !is(result.error_code, ResponseError::UnknownTopicOrPartition) {
                let doing = format!("deleting topic {name}");
                Failure::check(&doing, result.error_code, result.error_message.as_ref())?;
            }
        }
        Ok(())
    }

    pub(crate) async fn grow(&self, name: &str, partitions: i32) -> Result<(), Error> {
        let request = CreatePartitionsRequest::default()
            .with_timeout_ms(self.timeout_ms())
            .with_topics(vec![
                CreatePartitionsTopic::default()
                    .with_name(text(name).into())
                    .with_count(partitions)
                    .with_assignments(None),
            ]);
        for result in self.connect().await?.call(&request).await?.results {
            let doing = format!("adding partitions to topic {name}");
            Failure::check(&doing, result.error_code, result.error_message.as_ref())?;
        }
        Ok(())
    }

    /// Gives settings of a topic these values; the others stay.
    pub(crate) async fn alter(
        &self,
        name: &str,
        settings: &BTreeMap<&str, &str>,
    ) -> Result<(), Error> {
        let settings = settings.iter().map(|(key, value)| {
            AlterableConfig::default()
                .with_name(text(key))
                .with_config_operation(SET)
                .with_value(Some(text(value)))
        });
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![
            AlterConfigsResource::default()
                .with_resource_type(TOPIC)
                .with_resource_name(text(name))
                .with_configs(settings.collect()),
        ]);
        for result in self.connect().await?.call(&request).await?.responses {
            let doing = format!("changing settings of topic {name}");
            Failure::check(&doing, result.error_code, result.error_message.as_ref())?;
        }
        Ok(())
    }
}

async fn all(connection: &mut Connection) -> Result<MetadataResponse, Error> {
    let request = MetadataRequest::default()
        .with_topics(None)
        .with_allow_auto_topic_creation(false);
    connection.call(&request).await
}

fn is_named(
    topic: &kafka_protocol::messages::metadata_response::MetadataResponseTopic,
    name: &str,
) -> bool {
    topic
        .name
        .as_ref()
        .is_some_and(|found| found.as_str() == name)
}

fn is(code: i16, error: ResponseError) -> bool {
    code == error.code()
}
