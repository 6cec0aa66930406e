//! Rights on Kafka: what each of Flumen's parts needs, and no more.
//!
//! | part | topic | group of the writers |
//! |---|---|---|
//! | ingest-api | WRITE | |
//! | writer | READ | READ |
//! | scaler (KEDA, lag exporters) | DESCRIBE | DESCRIBE |
//! | operator (`flumen provision` of the topic, `dead-letters replay`) | CREATE, ALTER, DESCRIBE_CONFIGS, ALTER_CONFIGS, WRITE | |
//!
//! READ, WRITE and ALTER include DESCRIBE; WRITE on a topic is all that an idempotent producer needs (Kafka 3.0). query-api does not speak to Kafka.

use anyhow::Context as _;
use kafka::{AccessAdmin, Acl, Effect, Operation, Resource};

use super::plan::{Report, Sign, Step};

/// A part of Flumen that speaks to Kafka, and who it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grantee {
    part: Part,
    principal: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    IngestApi,
    Writer,
    Scaler,
    Operator,
}

const PARTS: [(&str, Part); 4] = [
    ("ingest-api", Part::IngestApi),
    ("writer", Part::Writer),
    ("scaler", Part::Scaler),
    ("operator", Part::Operator),
];

impl Grantee {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let known = || PARTS.map(|(name, _)| name).join(", ");
        let (name, principal) = text
            .split_once('=')
            .filter(|(_, principal)| !principal.is_empty())
            .ok_or("write PART=PRINCIPAL, such as writer=User:writer or writer=User:CN=writer")?;
        if name == "query-api" {
            return Err("query-api does not speak to Kafka: it needs no right".to_owned());
        }
        let part = PARTS
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| format!("`{name}` is not one of {}", known()))?
            .1;
        let principal = if principal.contains(':') {
            principal.to_owned()
        } else {
            format!("User:{principal}")
        };
        Ok(Self { part, principal })
    }

    /// Every right it needs.
    fn acls(&self, topic: &str, group: &str) -> Vec<Acl> {
        use Operation::{Alter, AlterConfigs, Create, Describe, DescribeConfigs, Read, Write};
        let (on_topic, on_group): (&[Operation], &[Operation]) = match self.part {
            Part::IngestApi => (&[Write], &[]),
            Part::Writer => (&[Read], &[Read]),
            Part::Scaler => (&[Describe], &[Describe]),
            Part::Operator => (&[Create, Alter, DescribeConfigs, AlterConfigs, Write], &[]),
        };
        let acl = |operation: &Operation, resource: Resource| Acl {
            principal: self.principal.clone(),
            operation: *operation,
            resource,
        };
        let topics = on_topic
            .iter()
            .map(|operation| acl(operation, Resource::Topic(topic.to_owned())));
        let groups = on_group
            .iter()
            .map(|operation| acl(operation, Resource::Group(group.to_owned())));
        topics.chain(groups).collect()
    }
}

pub(super) async fn run(
    grantees: &[Grantee],
    config: &kafka::Config,
    admin: &mut AccessAdmin,
    report: &mut Report,
) -> anyhow::Result<()> {
    let wanted = grantees
        .iter()
        .flat_map(|grantee| grantee.acls(&config.topic, &config.consumer.group));
    let mut steps = Vec::new();
    for acl in wanted {
        let (sign, what) = match admin.effect(&acl).await.context("compare ACLs")? {
            Effect::Allowed => continue,
            Effect::Missing => (Sign::Make, format!("acl: {acl}")),
            Effect::Denied => (
                Sign::Leave,
                format!(
                    "acl: {acl}: an ACL denies it, which is not taken away here (kafka-acls --list, --remove)"
                ),
            ),
        };
        steps.push(Step {
            sign,
            what,
            change: acl,
        });
    }
    if steps.is_empty() {
        report.nothing("acls are as they should be");
    }
    report
        .make(steps, async |acl| {
            admin.allow(acl).await.context("add an ACL")
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(text: &str) -> Vec<String> {
        let grantee = Grantee::parse(text).expect(text);
        let acls = grantee.acls("events", "flumen-writer");
        acls.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_part_gets_the_least_it_needs() {
        assert_eq!(
            rights("ingest-api=User:ingest"),
            ["allow User:ingest WRITE on topic events"]
        );
        assert_eq!(
            rights("writer=User:CN=writer,O=Flumen"),
            [
                "allow User:CN=writer,O=Flumen READ on topic events",
                "allow User:CN=writer,O=Flumen READ on group flumen-writer",
            ]
        );
        assert_eq!(rights("scaler=keda").len(), 2);
        assert_eq!(rights("operator=User:jobs").len(), 5);
    }

    #[test]
    fn a_name_alone_is_a_user() {
        assert_eq!(
            rights("ingest-api=CN=ingest"),
            ["allow User:CN=ingest WRITE on topic events"]
        );
    }

    #[test]
    fn an_unknown_part_is_refused_with_those_there_are() {
        let error = Grantee::parse("reader=User:x").expect_err("unknown");
        assert!(
            error.contains("ingest-api, writer, scaler, operator"),
            "{error}"
        );
        let error = Grantee::parse("query-api=User:x").expect_err("needs none");
        assert!(error.contains("needs no right"), "{error}");
        Grantee::parse("writer").expect_err("nobody");
    }
}
