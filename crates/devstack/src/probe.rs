//! Whether a Kafka or a PostgreSQL answers, asked in its own protocol.

use crate::wire;

/// How many brokers of a cluster are alive, by the word of the first listed one that answers.
///
/// `brokers` is a list of `host:port`, as clients take it. An answer needs an elected controller.
///
/// # Errors
/// What the last listed broker said, when none of them answers.
pub async fn kafka(brokers: &str) -> std::io::Result<usize> {
    let mut last = std::io::Error::other("no address");
    for address in brokers.split(',') {
        match wire::kafka_metadata(address.trim(), &[]).await {
            Ok(cluster) if cluster.has_controller => return Ok(cluster.brokers),
            Ok(_) => last = std::io::Error::other("no controller is elected"),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// True when a PostgreSQL at `host:port` takes connections.
pub async fn postgres(address: &str) -> bool {
    wire::postgres_accepts(address).await
}
