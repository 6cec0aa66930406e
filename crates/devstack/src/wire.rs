//! The few requests of the Kafka and PostgreSQL protocols that tell whether a server is ready, written
//! out here so that this crate needs no client library.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One request and its answer; a server that is starting may accept and say nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// No answer to these requests is longer.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// What a broker knows of its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// Brokers that are alive.
    pub(crate) brokers: usize,
    /// True when a controller is elected.
    pub(crate) has_controller: bool,
    /// Partitions with a leader, for every topic asked about.
    pub(crate) led_partitions: Vec<usize>,
}

/// Asks a broker for its cluster (Metadata, version 4).
pub(crate) async fn kafka_metadata(address: &str, topics: &[&str]) -> std::io::Result<Cluster> {
    let mut body = Vec::new();
    put_i32(&mut body, topics.len());
    for topic in topics {
        put_str(&mut body, topic);
    }
    body.push(0); // do not create topics
    let answer = kafka_request(address, 3, 4, &body).await?;
    Reader(&answer)
        .metadata()
        .ok_or_else(|| std::io::Error::other("unexpected answer to Metadata"))
}

/// Asks a broker who leads the quorum of controllers (DescribeQuorum, version 0); none while nobody does.
pub(crate) async fn kafka_quorum_leader(address: &str) -> std::io::Result<Option<i32>> {
    const TOPIC: &[u8] = b"__cluster_metadata";
    // Lengths in this version are one more than they say, and every structure ends with the number of its tags.
    let mut body = vec![0, 2, 19];
    body.extend(TOPIC);
    body.push(2);
    body.extend([0, 0, 0, 0, 0, 0, 0]);
    let answer = kafka_request(address, 55, 0, &body).await?;
    Reader(&answer)
        .quorum_leader()
        .ok_or_else(|| std::io::Error::other("unexpected answer to DescribeQuorum"))
}

/// Creates a topic (CreateTopics, version 4); the cluster's default replication.
#[cfg(feature = "testing")]
pub(crate) async fn kafka_create_topic(
    address: &str,
    topic: &str,
    partitions: usize,
) -> std::io::Result<()> {
    let mut body = Vec::new();
    put_i32(&mut body, 1);
    put_str(&mut body, topic);
    put_i32(&mut body, partitions);
    body.extend((-1_i16).to_be_bytes());
    put_i32(&mut body, 0); // assignments
    put_i32(&mut body, 0); // configs
    put_i32(&mut body, 10_000); // milliseconds
    body.push(0); // not only a rehearsal
    let answer = kafka_request(address, 19, 4, &body).await?;
    let error = Reader(&answer).topic_error();
    match error {
        Some(0) => Ok(()),
        other => Err(std::io::Error::other(format!(
            "kafka refused to create topic {topic}: error {other:?}"
        ))),
    }
}

/// Deletes a topic (DeleteTopics, version 3).
#[cfg(feature = "testing")]
pub(crate) async fn kafka_delete_topic(address: &str, topic: &str) -> std::io::Result<()> {
    let mut body = Vec::new();
    put_i32(&mut body, 1);
    put_str(&mut body, topic);
    put_i32(&mut body, 10_000);
    kafka_request(address, 20, 3, &body).await.map(drop)
}

async fn kafka_request(
    address: &str,
    key: i16,
    version: i16,
    body: &[u8],
) -> std::io::Result<Vec<u8>> {
    let mut request = Vec::new();
    request.extend(key.to_be_bytes());
    request.extend(version.to_be_bytes());
    request.extend(1_i32.to_be_bytes()); // correlation id
    put_str(&mut request, "devstack");
    request.extend(body);
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let mut framed = Vec::new();
        put_i32(&mut framed, request.len());
        framed.extend(&request);
        stream.write_all(&framed).await?;
        let length = usize::try_from(stream.read_i32().await?).unwrap_or(0);
        if !(4..MAX_ANSWER).contains(&length) {
            return Err(std::io::Error::other("not a Kafka broker"));
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer).await?;
        answer.drain(..4); // correlation id
        Ok(answer)
    };
    tokio::time::timeout(PATIENCE, exchange).await?
}

fn put_i32(bytes: &mut Vec<u8>, number: usize) {
    let number = i32::try_from(number).unwrap_or(i32::MAX);
    bytes.extend(number.to_be_bytes());
}

fn put_str(bytes: &mut Vec<u8>, text: &str) {
    let length = i16::try_from(text.len()).unwrap_or(i16::MAX);
    bytes.extend(length.to_be_bytes());
    bytes.extend(text.as_bytes());
}

/// Reads an answer; `None` when it ends early.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn metadata(mut self) -> Option<Cluster> {
        self.i32()?; // throttle
        let brokers = self.count()?;
        for _ in 0..brokers {
            self.i32()?;
            self.string()?;
            self.i32()?;
            self.string()?;
        }
        self.string()?; // cluster id
        let controller = self.i32()?;
        let mut led_partitions = Vec::new();
        for _ in 0..self.count()? {
            self.skip(2)?;
            self.string()?;
            self.skip(1)?;
            let mut led = 0;
            for _ in 0..self.count()? {
                let error = self.i16()?;
                self.i32()?;
                let leader = self.i32()?;
                for _ in 0..2 {
                    let replicas = self.count()?;
                    self.skip(4 * replicas)?;
                }
                led += usize::from(error == 0 && leader >= 0);
            }
            led_partitions.push(led);
        }
        Some(Cluster {
            brokers,
            has_controller: controller >= 0,
            led_partitions,
        })
    }

    fn quorum_leader(mut self) -> Option<Option<i32>> {
        self.skip(1)?; // tags
        let error = self.i16()?;
        self.skip(1)?; // one topic
        let name = usize::from(self.skip(1)?[0]).checked_sub(1)?;
        self.skip(name + 1 + 4)?; // its name, one partition, its number
        let partition_error = self.i16()?;
        let leader = self.i32()?;
        Some((error == 0 && partition_error == 0 && leader >= 0).then_some(leader))
    }

    #[cfg(feature = "testing")]
    fn topic_error(mut self) -> Option<i16> {
        self.i32()?; // throttle
        self.count()?;
        self.string()?;
        self.i16()
    }

    fn skip(&mut self, bytes: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn i16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.skip(2)?.try_into().ok()?))
    }

    fn i32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.skip(4)?.try_into().ok()?))
    }

    fn count(&mut self) -> Option<usize> {
        Some(usize::try_from(self.i32()?).unwrap_or(0))
    }

    fn string(&mut self) -> Option<()> {
        let length = usize::try_from(self.i16()?).unwrap_or(0);
        self.skip(length).map(drop)
    }
}

/// True when a PostgreSQL server takes connections: it gets as far as authentication, or refuses this
/// user or database rather than everybody.
pub(crate) async fn postgres_accepts(address: &str) -> bool {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let parameters = b"user\0postgres\0database\0postgres\0\0";
        let mut packet = Vec::new();
        put_i32(&mut packet, 8 + parameters.len());
        packet.extend(196_608_i32.to_be_bytes()); // protocol 3.0
        packet.extend(parameters);
        stream.write_all(&packet).await?;
        let kind = stream.read_u8().await?;
        // Politely: the server logs a connection that just breaks off.
        let _ = stream.write_all(b"X\0\0\0\x04").await;
        Ok::<_, std::io::Error>(kind == b'R')
    };
    matches!(tokio::time::timeout(PATIENCE, exchange).await, Ok(Ok(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_metadata_of_a_cluster() {
        let mut answer = Vec::new();
        put_i32(&mut answer, 0);
        put_i32(&mut answer, 1);
        put_i32(&mut answer, 7);
        put_str(&mut answer, "127.0.0.1");
        put_i32(&mut answer, 9092);
        answer.extend((-1_i16).to_be_bytes());
        put_str(&mut answer, "cluster");
        put_i32(&mut answer, 7);
        put_i32(&mut answer, 0);
        let cluster = Reader(&answer).metadata().expect("complete");
        assert_eq!(cluster.brokers, 1);
        assert!(cluster.has_controller);
        assert!(cluster.led_partitions.is_empty());
    }

    #[test]
    fn an_answer_that_ends_early_is_no_answer() {
        assert_eq!(Reader(&[0, 0, 0, 0, 0, 0, 0, 9]).metadata(), None);
    }
}
