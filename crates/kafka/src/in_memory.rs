//! librdkafka's own broker, in this process's memory: for a look at Flumen where there is no Java.
//!
//! It keeps a few megabytes per partition, forgets everything with the process, and knows neither
//! replication nor an administrator. Nothing it has acknowledged is safe.

use std::sync::mpsc;

use rdkafka::mocking::MockCluster;

use crate::Error;

/// A running broker in memory. Dropping it ends it.
#[derive(Debug)]
pub struct InMemoryBroker {
    brokers: String,
    /// The thread that owns the cluster waits for its end.
    _alive: mpsc::Sender<()>,
}

impl InMemoryBroker {
    /// Starts a broker on a free port of the loopback address, with one topic.
    ///
    /// # Errors
    /// [`Error::Refused`] with librdkafka's reason.
    pub fn start(topic: &str, partitions: i32) -> Result<Self, Error> {
        let (alive, end) = mpsc::channel();
        let (started, start) = mpsc::sync_channel(1);
        let topic = topic.to_owned();
        std::thread::Builder::new()
            .name("in-memory broker".to_owned())
            .spawn(move || {
                let cluster = MockCluster::new(1).and_then(|cluster| {
                    cluster.create_topic(&topic, partitions, 1)?;
                    Ok(cluster)
                });
                match cluster {
                    Ok(cluster) => {
                        let _ = started.send(Ok(cluster.bootstrap_servers()));
                        // Ends when the other side is dropped; nothing is ever sent.
                        let _ = end.recv();
                    }
                    Err(error) => drop(started.send(Err(error.to_string()))),
                }
            })
            .map_err(|error| Error::Refused(format!("starting a thread: {error}")))?;
        let brokers = start
            .recv()
            .unwrap_or_else(|_| Err("its thread ended".to_owned()))
            .map_err(|error| Error::Refused(format!("starting a broker in memory: {error}")))?;
        Ok(Self {
            brokers,
            _alive: alive,
        })
    }

    /// Its address, as clients take it.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }
}
