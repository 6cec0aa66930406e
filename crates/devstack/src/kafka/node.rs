//! One broker and controller, as a process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{KafkaConfig, properties};
use crate::error::IoContext as _;
use crate::{Error, Launch, Process, Purpose, cache};

/// A broker hands over its partitions before it ends; without a quorum it waits in vain.
const STOP_BUDGET: Duration = Duration::from_secs(15);

const LOG_SETTINGS: &str = include_str!("../log4j2.properties");

/// Where one node listens.
#[derive(Debug, Clone)]
pub(super) struct Ports {
    pub(super) client: u16,
    pub(super) controller: u16,
    pub(super) further: Vec<Further>,
}

/// A listener beside the usual one.
#[derive(Debug, Clone)]
pub(super) struct Further {
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) advertised: Option<u16>,
}

/// One node; keeps its folder and ports when its process ends.
#[derive(Debug)]
pub(super) struct Node {
    number: usize,
    folder: PathBuf,
    classpath: OsString,
    users: Vec<(String, String)>,
    purpose: Purpose,
    properties: String,
    port: u16,
    further: Vec<Further>,
    process: Option<Process>,
}

impl Node {
    pub(super) fn new(index: usize, all: &[Ports], config: &KafkaConfig, jars: &Path) -> Self {
        let number = index + 1;
        let folder = config.folder.join(format!("broker-{number}"));
        let data = folder.join("data");
        Self {
            number,
            properties: properties::write(index, all, &data, config),
            folder,
            classpath: classpath(jars, &config.classpath),
            users: config.users.clone(),
            purpose: config.purpose,
            port: all[index].client,
            further: all[index].further.clone(),
            process: None,
        }
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(super) fn further_address(&self, name: &str) -> Option<String> {
        let listener = self.further.iter().find(|further| further.name == name)?;
        Some(format!("127.0.0.1:{}", listener.port))
    }

    pub(super) fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// True when it ended without [`Node::stop`] or [`Node::kill`].
    pub(super) fn has_died(&self) -> bool {
        self.process
            .as_ref()
            .is_some_and(|process| process.exited().is_some())
    }

    /// Writes the configuration and, the first time, formats the data folder.
    pub(super) async fn format(&mut self, cluster_id: &str) -> Result<(), Error> {
        cache::make_folder(&self.folder)?;
        for (name, text) in [
            ("server.properties", self.properties.as_str()),
            ("log4j2.properties", LOG_SETTINGS),
        ] {
            let path = self.folder.join(name);
            std::fs::write(&path, text).during(|| format!("write {}", path.display()))?;
        }
        if self.folder.join("data/meta.properties").exists() {
            return Ok(());
        }
        let format = self
            .java(&format!("the formatting of Kafka broker {}", self.number))
            .arg("kafka.tools.StorageTool")
            .args(["format", "--cluster-id", cluster_id, "--config"])
            .arg(self.folder.join("server.properties"))
            .args(self.users.iter().flat_map(|(name, password)| {
                let user = format!("SCRAM-SHA-512=[name={name},password={password}]");
                ["--add-scram".to_owned(), user]
            }))
            .spawn()?;
        let status = format.wait().await;
        if status.success() {
            Ok(())
        } else {
            Err(format.died(status))
        }
    }

    /// Starts the process; does not wait until it serves.
    pub(super) fn launch(&mut self) -> Result<(), Error> {
        let process = self
            .java(&format!("Kafka broker {}", self.number))
            .arg("kafka.Kafka")
            .arg(self.folder.join("server.properties"))
            .spawn()?;
        self.process = Some(process);
        Ok(())
    }

    pub(super) async fn stop(&mut self, purpose: Purpose) {
        if let Some(mut process) = self.process.take() {
            match purpose {
                Purpose::Keep => process.stop(Signal::SIGTERM, STOP_BUDGET).await,
                Purpose::Test => process.stop(Signal::SIGKILL, STOP_BUDGET).await,
            };
        }
    }

    pub(super) async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await;
        }
    }

    fn java(&self, name: &str) -> Launch {
        let speed: &[&str] = match self.purpose {
            Purpose::Keep => &["-Xms256m", "-Xmx1g"],
            Purpose::Test => &["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
        };
        let file = self.folder.join("kafka.log");
        let settings = self.folder.join("log4j2.properties");
        Launch::new(name, "java")
            .args(speed)
            .args(["-Djava.awt.headless=true", "-XX:+ExitOnOutOfMemoryError"])
            .arg(format!("-Dlog4j2.configurationFile={}", settings.display()))
            .arg(format!("-Ddevstack.log={}", file.display()))
            .arg("-cp")
            .arg(&self.classpath)
            .log(self.folder.join("kafka.out"))
            // A broker that lost its parent has nobody to stop it gently; its log recovers by itself.
            .at_parents_death(Signal::SIGKILL)
    }
}

/// Kafka's own jars, then the further ones; a folder stands for all the jars in it.
fn classpath(jars: &Path, further: &[PathBuf]) -> OsString {
    let mut classpath = jars.join("*").into_os_string();
    for path in further {
        classpath.push(":");
        if path.is_dir() {
            classpath.push(path.join("*"));
        } else {
            classpath.push(path);
        }
    }
    classpath
}
