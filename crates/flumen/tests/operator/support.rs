//! A database and a topic of its own, and the binary on them.

use std::process::{Command, Output};

use devstack::testing::{TestDatabase, TestTopic, brokers, unique};

pub(crate) struct Operator {
    pub(crate) database: TestDatabase,
    pub(crate) topic: String,
    /// A folder without a pipeline in it.
    folder: std::path::PathBuf,
}

impl Operator {
    /// An empty database; a topic of this name.
    pub(crate) async fn on(topic: &TestTopic) -> Self {
        Self::with_topic(topic.name().to_owned()).await
    }

    /// An empty database, and the name of a topic that is not there.
    pub(crate) async fn create() -> Self {
        Self::with_topic(unique("operator")).await
    }

    async fn with_topic(topic: String) -> Self {
        Self {
            database: TestDatabase::create().await,
            topic,
            folder: std::env::temp_dir(),
        }
    }

    /// Runs `flumen` with these arguments and answers with what it printed.
    pub(crate) async fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flumen"));
        command
            .args(args)
            .current_dir(&self.folder)
            .env("FLUMEN__DATABASE__URL", self.database.url())
            .env("FLUMEN__KAFKA__BROKERS", brokers())
            .env("FLUMEN__KAFKA__TOPIC", &self.topic);
        tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("the task")
            .expect("the binary starts")
    }

    /// Runs `flumen`, which must succeed, and answers with its standard output.
    pub(crate) async fn succeed(&self, args: &[&str]) -> String {
        let output = self.run(args).await;
        assert!(output.status.success(), "flumen {args:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }
}
