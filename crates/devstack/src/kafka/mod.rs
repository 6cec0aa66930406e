//! Apache Kafka in KRaft mode: one or three nodes, each broker and controller.

mod node;
mod properties;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::Rng as _;
use rand::distr::Alphanumeric;

use crate::error::IoContext as _;
use crate::{Error, Process, Progress, Purpose, cache, ports, wire};
use node::Node;

/// Starting a broker takes three seconds; a machine under load gets this long.
const START_BUDGET: Duration = Duration::from_secs(240);
/// How often a starting broker is asked.
const LOOK: Duration = Duration::from_millis(100);
/// Free ports may be taken by others before the broker binds them.
const ATTEMPTS: usize = 4;

/// What a Kafka is to be like.
#[derive(Debug, Clone)]
pub struct KafkaConfig {
    /// Holds the logs of the cluster and its log files; created when missing. An existing one is
    /// continued.
    pub folder: PathBuf,
    /// 1, or 3: then topics have three replicas and need two in sync.
    pub brokers: usize,
    /// The port of the first broker, the others follow; free ones when absent.
    pub port: Option<u16>,
    /// Safe or fast.
    pub purpose: Purpose,
    /// Listeners beside the usual one.
    pub listeners: Vec<Listener>,
    /// Further settings of every broker, as in `server.properties`; they win over those of the purpose.
    pub properties: Vec<(String, String)>,
    /// Folders of jars, or jars, that the brokers load beside Kafka's own.
    pub classpath: Vec<PathBuf>,
    /// Users with passwords that are there from the first start (SCRAM-SHA-512).
    pub users: Vec<(String, String)>,
}

/// A listener that every broker has beside the usual one: for clients that come through something in between, such as a
/// proxy that breaks connections (clients are told its ports), or in another way, such as over TLS. It is in the clear unless
/// `listener.security.protocol.map` among [`KafkaConfig::properties`] says otherwise.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its name in the brokers' configuration: capital letters.
    pub name: String,
    /// The port of 127.0.0.1 that clients are told, for each broker. Empty: the listener's own, at `localhost`.
    pub advertised: Vec<u16>,
}

impl KafkaConfig {
    /// One broker on a free port.
    pub fn new(folder: impl Into<PathBuf>, purpose: Purpose) -> Self {
        Self {
            folder: folder.into(),
            brokers: 1,
            port: None,
            purpose,
            listeners: Vec::new(),
            properties: Vec::new(),
            classpath: Vec::new(),
            users: Vec::new(),
        }
    }
}

/// A running cluster. Dropping it kills its brokers.
#[derive(Debug)]
pub struct Kafka {
    config: KafkaConfig,
    nodes: Vec<Node>,
}

impl Kafka {
    /// Fetches (once), formats (once) and starts a cluster; returns when every broker serves.
    pub async fn start(config: KafkaConfig, progress: &Progress) -> Result<Self, Error> {
        let jars = cache::kafka(progress).await?;
        let started = Instant::now();
        progress.say(match config.brokers {
            1 => "starting Kafka".to_owned(),
            count => format!("starting Kafka, {count} brokers"),
        });
        cache::make_private_folder(&config.folder)?;
        let cluster_id = cluster_id(&config)?;
        let mut attempt = 1;
        let kafka = loop {
            match Self::attempt(&config, &jars, &cluster_id).await {
                Err(Error::Died { tail, .. })
                    if config.port.is_none()
                        && attempt < ATTEMPTS
                        && tail.contains("already in use") =>
                {
                    attempt += 1;
                }
                other => break other?,
            }
        };
        progress.say(format!(
            "Kafka is ready at {} after {:.1} s",
            kafka.bootstrap(),
            started.elapsed().as_secs_f64()
        ));
        Ok(kafka)
    }

    async fn attempt(
        config: &KafkaConfig,
        jars: &std::path::Path,
        cluster_id: &str,
    ) -> Result<Self, Error> {
        let count = config.brokers;
        let mut ports = ports::free((2 + config.listeners.len()) * count);
        if let Some(first) = config.port {
            let given = (0..).take(count).map(|index: u16| first + index);
            ports.splice(..count, given);
        }
        let listeners: Vec<node::Ports> = (0..count)
            .map(|index| node::Ports {
                client: ports[index],
                controller: ports[count + index],
                further: config
                    .listeners
                    .iter()
                    .enumerate()
                    .map(|(number, listener)| node::Further {
                        name: listener.name.clone(),
                        port: ports[(2 + number) * count + index],
                        advertised: listener.advertised.get(index).copied(),
                    })
                    .collect(),
            })
            .collect();
        let mut nodes: Vec<Node> = (0..count)
            .map(|index| Node::new(index, &listeners, config, jars))
            .collect();
        for node in &mut nodes {
            node.format(cluster_id).await?;
        }
        for node in &mut nodes {
            node.launch()?;
        }
        let kafka = Self {
            config: config.clone(),
            nodes,
        };
        kafka.wait_until_ready().await?;
        Ok(kafka)
    }

    /// The addresses of the brokers, comma-separated, as clients take them.
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<String> = self.nodes.iter().map(Node::address).collect();
        addresses.join(",")
    }

    /// Where the brokers listen under a further [`Listener`], in their order; empty when there is none of that name.
    pub fn listener(&self, name: &str) -> Vec<String> {
        self.nodes
            .iter()
            .filter_map(|node| node.further_address(name))
            .collect()
    }

    /// The index of the broker that leads the quorum of controllers now; none while none is elected.
    pub async fn controller(&self) -> Option<usize> {
        for node in self.nodes.iter().filter(|node| node.process().is_some()) {
            if let Ok(Some(id)) = wire::kafka_quorum_leader(&node.address()).await {
                return usize::try_from(id).ok()?.checked_sub(1);
            }
        }
        None
    }

    /// The process of a broker, while it runs.
    pub fn broker(&self, index: usize) -> Option<&Process> {
        self.nodes.get(index).and_then(Node::process)
    }

    /// How many brokers there are, running or not.
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// The process ids of the brokers that run.
    pub fn pids(&self) -> Vec<u32> {
        self.processes().map(Process::pid).collect()
    }

    fn processes(&self) -> impl Iterator<Item = &Process> {
        self.nodes.iter().filter_map(Node::process)
    }

    /// Waits until brokers end that were not asked to; returns their indices. Cancel safe.
    pub async fn died(&self) -> Vec<usize> {
        loop {
            let dead: Vec<usize> = (0..self.nodes.len())
                .filter(|&index| self.nodes[index].has_died())
                .collect();
            if !dead.is_empty() {
                return dead;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Starts the brokers that died, at their old addresses, and waits until all that run serve.
    ///
    /// # Errors
    /// When one ends again; it counts as dead then, and the next call starts it.
    pub async fn start_dead(&mut self) -> Result<(), Error> {
        for node in self.nodes.iter_mut().filter(|node| node.has_died()) {
            node.launch()?;
        }
        self.wait_until_ready().await
    }

    /// Stops one broker as an operator would; it hands over its partitions first.
    pub async fn stop_broker(&mut self, index: usize) {
        self.nodes[index].stop(self.config.purpose).await;
    }

    /// Ends one broker as a crash would.
    pub async fn kill_broker(&mut self, index: usize) {
        self.nodes[index].kill().await;
    }

    /// Starts a broker that was stopped or killed, at its old address, and waits until all that run
    /// serve.
    pub async fn start_broker(&mut self, index: usize) -> Result<(), Error> {
        self.nodes[index].launch()?;
        self.wait_until_ready().await
    }

    /// Starts all brokers that were stopped or killed, at their old addresses, and waits until all serve.
    pub async fn start_stopped(&mut self) -> Result<(), Error> {
        for node in &mut self.nodes {
            if node.process().is_none() || node.has_died() {
                node.launch()?;
            }
        }
        self.wait_until_ready().await
    }

    /// Stops all brokers, to be started again. Without ceremony when the data is thrown away anyway.
    pub async fn stop_all(&mut self) {
        let purpose = self.config.purpose;
        let stops = self.nodes.iter_mut().map(|node| node.stop(purpose));
        // All at once: a lone controller could not hand over anything.
        join_all(stops).await;
    }

    /// Stops all brokers. Without ceremony when the data is thrown away anyway.
    pub async fn stop(mut self) {
        self.stop_all().await;
    }

    async fn wait_until_ready(&self) -> Result<(), Error> {
        let deadline = Instant::now() + START_BUDGET;
        let running = self.processes().count();
        for node in &self.nodes {
            let Some(process) = node.process() else {
                continue;
            };
            loop {
                if let Some(status) = process.exited() {
                    return Err(process.died(status));
                }
                match wire::kafka_metadata(&node.address(), &[]).await {
                    Ok(cluster) if cluster.brokers >= running && cluster.has_controller => break,
                    _ if Instant::now() > deadline => {
                        return Err(process.not_ready(START_BUDGET));
                    }
                    _ => tokio::time::sleep(LOOK).await,
                }
            }
        }
        Ok(())
    }
}

async fn join_all<F: Future>(futures: impl Iterator<Item = F>) {
    let mut pending: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        pending.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if pending.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

/// The id the folder was first formatted with.
fn cluster_id(config: &KafkaConfig) -> Result<String, Error> {
    let path = config.folder.join("cluster-id");
    if let Ok(id) = std::fs::read_to_string(&path) {
        return Ok(id);
    }
    // 16 bytes in base64: the last of 22 digits has two bits. Letters and digits only, since a
    // leading dash would look like an option.
    let mut rng = rand::rng();
    let mut id: String = (0..21)
        .map(|_| char::from(rng.sample(Alphanumeric)))
        .collect();
    id.push('A');
    std::fs::write(&path, &id).during(|| format!("write {}", path.display()))?;
    Ok(id)
}
