//! A node's `server.properties`.

use std::fmt::Write as _;
use std::path::Path;

use super::KafkaConfig;
use super::node::{Further, Ports};
use crate::Purpose;

/// One event may be 1 MiB; its attributes and the batch around it come on top.
const MAX_MESSAGE_BYTES: usize = 2 * 1024 * 1024;

/// Writes the configuration of node `index` of a cluster.
pub(super) fn write(index: usize, nodes: &[Ports], data: &Path, config: &KafkaConfig) -> String {
    let Ports {
        client,
        controller,
        further,
    } = &nodes[index];
    let list = |item: fn(&Further) -> String| further.iter().map(item).collect::<String>();
    let protocols = list(|further| format!(",{}:PLAINTEXT", further.name));
    let listeners = list(|further| format!(",{}://127.0.0.1:{}", further.name, further.port));
    let advertised = list(|further| match further.advertised {
        Some(port) => format!(",{}://127.0.0.1:{port}", further.name),
        None => format!(",{}://localhost:{}", further.name, further.port),
    });
    let voters: Vec<String> = nodes
        .iter()
        .enumerate()
        .map(|(index, ports)| format!("{}@127.0.0.1:{}", index + 1, ports.controller))
        .collect();
    let replicas = nodes.len();
    let in_sync = if replicas > 1 { 2 } else { 1 };

    let mut text = format!(
        "\
process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
listeners=PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{client}{advertised}
log.dirs={data}
auto.create.topics.enable=false
message.max.bytes={MAX_MESSAGE_BYTES}
replica.fetch.max.bytes={MAX_MESSAGE_BYTES}
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
log.cleaner.dedupe.buffer.size=16777216
",
        id = index + 1,
        voters = voters.join(","),
        data = data.display(),
    );
    let rest: &[(&str, &str)] = match config.purpose {
        Purpose::Keep => &[
            ("offsets.topic.num.partitions", "8"),
            ("transaction.state.log.num.partitions", "4"),
            ("share.coordinator.state.topic.num.partitions", "4"),
            // A writer reads at once; a second one that joins costs a rebalance.
            ("group.initial.rebalance.delay.ms", "0"),
            ("num.recovery.threads.per.data.dir", "2"),
            // A broker that crashed is let in again when its old session is over.
            ("broker.session.timeout.ms", "5000"),
            ("broker.heartbeat.interval.ms", "1000"),
        ],
        Purpose::Test => &[
            ("offsets.topic.num.partitions", "2"),
            ("transaction.state.log.num.partitions", "2"),
            ("share.coordinator.state.topic.num.partitions", "2"),
            ("group.initial.rebalance.delay.ms", "0"),
            ("group.min.session.timeout.ms", "1000"),
            ("broker.session.timeout.ms", "3000"),
            ("broker.heartbeat.interval.ms", "500"),
            ("log.segment.bytes", "67108864"),
            ("log.index.size.max.bytes", "1048576"),
            ("file.delete.delay.ms", "1000"),
            ("num.network.threads", "2"),
            ("num.io.threads", "4"),
        ],
    };
    let further = config
        .properties
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    // Of two lines with the same key, Kafka takes the later.
    for (key, value) in rest.iter().copied().chain(further) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key}={value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(purpose: Purpose) -> KafkaConfig {
        KafkaConfig::new("/d", purpose)
    }

    fn three() -> Vec<Ports> {
        (0..3)
            .map(|index| Ports {
                client: 9092 + index,
                controller: 9192 + index,
                further: vec![Further {
                    name: "PROXIED".to_owned(),
                    port: 9292 + index,
                    advertised: Some(9392 + index),
                }],
            })
            .collect()
    }

    #[test]
    fn three_brokers_keep_three_replicas_and_need_two() {
        let text = write(1, &three(), Path::new("/d"), &config(Purpose::Keep));
        assert!(text.contains("node.id=2\n"));
        assert!(text.contains("default.replication.factor=3\n"));
        assert!(text.contains("min.insync.replicas=2\n"));
        assert!(text.contains("@127.0.0.1:9192,2@127.0.0.1:9193,3@127.0.0.1:9194\n"));
    }

    #[test]
    fn a_further_listener_is_told_under_another_port() {
        let text = write(2, &three(), Path::new("/d"), &config(Purpose::Test));
        assert!(text.contains(",PROXIED:PLAINTEXT\n"));
        assert!(text.contains(",CONTROLLER://127.0.0.1:9194,PROXIED://127.0.0.1:9294\n"));
        assert!(text.contains(
            "advertised.listeners=PLAINTEXT://127.0.0.1:9094,PROXIED://127.0.0.1:9394\n"
        ));
    }

    #[test]
    fn topics_are_never_made_by_accident() {
        for purpose in [Purpose::Keep, Purpose::Test] {
            let text = write(0, &three()[..1], Path::new("/d"), &config(purpose));
            assert!(text.contains("auto.create.topics.enable=false\n"));
        }
    }

    #[test]
    fn a_further_listener_is_told_as_it_is_when_nothing_is_in_between() {
        let mut nodes = three();
        nodes[0].further[0].advertised = None;
        let text = write(0, &nodes, Path::new("/d"), &config(Purpose::Test));
        assert!(text.contains("9092,PROXIED://localhost:9292\n"), "{text}");
    }

    #[test]
    fn further_settings_come_last() {
        let config = KafkaConfig {
            properties: vec![("num.io.threads".to_owned(), "9".to_owned())],
            ..config(Purpose::Test)
        };
        let text = write(0, &three(), Path::new("/d"), &config);
        assert!(text.ends_with("\nnum.io.threads=9\n"), "{text}");
    }
}
