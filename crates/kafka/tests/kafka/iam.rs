//! Logging in as an IAM role, at a real broker that checks the token as Amazon MSK does (`TokenValidator.java`, compiled here), with credentials from a
//! stand-in for AWS's endpoints.

use super::*;
use crate::stub::{Behaviour, Stub};
use devstack::{KafkaConfig, Listener, Progress, Purpose, secured::Authority};
use kafka::{
    Authentication, Availability, AwsEnvironment, Protocol, Security, SendError, TopicDifference,
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

const REGION: &str = "eu-central-1";

/// Machines under load get this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a connection may live without logging in again, so that a test sees it happen.
const SESSION: Duration = Duration::from_secs(5);

/// A broker that lets in who shows a good token.
struct Msk {
    kafka: devstack::Kafka,
    folder: TempDir,
}

impl Msk {
    async fn start() -> Self {
        devstack::with_parent::set_helper(guard());
        let folder = TempDir::new().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("keys")).expect("a folder for keys");
        let validator = compile_validator(folder.path()).await;

        let authority = Authority::new();
        std::fs::write(path("ca.pem"), authority.pem()).expect("the authority");
        let server = authority.server();
        std::fs::write(path("server.pem"), server.key + &server.certificate).expect("a key store");
        let login = format!(
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\" region=\"{REGION}\" keys=\"{}\" seen=\"{}\";",
            path("keys").display(),
            path("seen").display(),
        );
        let properties = [
            (
                "listener.security.protocol.map",
                "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,IAM:SASL_SSL",
            ),
            ("ssl.keystore.type", "PEM"),
            (
                "ssl.keystore.location",
                &path("server.pem").display().to_string(),
            ),
            ("listener.name.iam.sasl.enabled.mechanisms", "OAUTHBEARER"),
            ("listener.name.iam.oauthbearer.sasl.jaas.config", &login),
            (
                "listener.name.iam.oauthbearer.sasl.server.callback.handler.class",
                "TokenValidator",
            ),
            (
                "listener.name.iam.oauthbearer.connections.max.reauth.ms",
                &SESSION.as_millis().to_string(),
            ),
            ("connection.failed.authentication.delay.ms", "0"),
        ];
        let config = KafkaConfig {
            listeners: vec![Listener {
                name: "IAM".to_owned(),
                advertised: Vec::new(),
            }],
            properties: properties
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            classpath: vec![validator],
            ..KafkaConfig::new(path("kafka"), Purpose::Test)
        };
        let kafka = devstack::Kafka::start(config, &Progress::silent())
            .await
            .unwrap_or_else(|error| {
                let log = std::fs::read_to_string(path("kafka/broker-1/kafka.log"));
                panic!("{error}\n{}", log.unwrap_or_default())
            });
        Self { kafka, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An endpoint of credentials whose keys the broker knows.
    fn stub(&self, behaviour: Behaviour) -> Stub {
        Stub::start(behaviour, Some(self.path("keys")))
    }

    /// The settings of a client that logs in as the environment says, for this topic.
    fn config(&self, topic: &str, aws: Vec<(String, String)>) -> Config {
        let brokers = self.kafka.listener("IAM").join(",");
        let mut config = Config {
            brokers: brokers.replace("127.0.0.1", "localhost"),
            topic: topic.to_owned(),
            security: Security {
                protocol: Protocol::Tls,
                authentication: Authentication::AwsIam,
                ca_file: Some(self.path("ca.pem")),
                aws: AwsEnvironment::from_iter(aws),
                ..Security::default()
            },
            ..Config::default()
        };
        config.consumer.group = unique("group");
        config.producer.probe_interval = Duration::from_millis(200);
        config.producer.delivery_timeout = PATIENCE;
        config
    }

    /// A topic, made by the door that is open to the test.
    async fn topic(&self) -> String {
        let config = Config {
            brokers: self.kafka.bootstrap(),
            ..Config::default()
        };
        let admin = Admin::new(&config, PATIENCE).expect("a client");
        let name = unique("iam");
        admin.create(&spec(&name, 1)).await.expect("a topic");
        name
    }

    /// What the broker said of the tokens shown so far: `accepted KEY` or `refused WHY`.
    fn seen(&self) -> Vec<String> {
        let seen = std::fs::read_to_string(self.path("seen")).unwrap_or_default();
        seen.lines().map(str::to_owned).collect()
    }

    /// The keys whose tokens were accepted.
    fn accepted(&self) -> BTreeSet<String> {
        let seen = self.seen();
        let keys = seen
            .iter()
            .filter_map(|line| line.strip_prefix("accepted "));
        keys.map(str::to_owned).collect()
    }
}

/// The program that ends the broker with this process: the one that runs the tests' stack.
fn guard() -> PathBuf {
    let test = std::env::current_exe().expect("this program");
    let built = test
        .parent()
        .and_then(Path::parent)
        .expect("the build's folder");
    let guard = built.join("devstack");
    assert!(
        guard.is_file(),
        "{} is missing: run `make test`, or `cargo build -p devstack`",
        guard.display()
    );
    guard
}

/// Compiles the validator against Kafka's jars, into one that becomes part of the broker's class path.
async fn compile_validator(folder: &Path) -> PathBuf {
    let jars = devstack::kafka_jars(&Progress::silent())
        .await
        .expect("Kafka's jars");
    let source = folder.join("TokenValidator.java");
    std::fs::write(&source, include_str!("TokenValidator.java")).expect("the source");
    let (classes, jar) = (folder.join("classes"), folder.join("validator.jar"));
    run(Command::new("javac")
        .args(["-Xlint:all", "-Werror", "-d"])
        .arg(&classes)
        .arg("-cp")
        .arg(jars.join("*"))
        .arg(&source));
    run(Command::new("jar")
        .args(["--create", "--file"])
        .arg(&jar)
        .arg("-C")
        .arg(&classes)
        .arg("."));
    jar
}

/// Runs one of Java's tools.
fn run(command: &mut Command) {
    let done = command.output().unwrap_or_else(|error| {
        panic!(
            "{:?} does not run ({error}): `scripts/setup test` installs it, as does apt-get install openjdk-17-jdk-headless",
            command.get_program()
        )
    });
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Waits without holding up the runtime, which the clients of the test need too.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn producer(config: &Config) -> Producer {
    Producer::new(config, kafka::ProducerMetrics::default()).expect("a producer")
}

/// Sends one record and waits for it; tries again as long as none is taken.
async fn deliver(producer: &Producer, value: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let countdown = Countdown::new(1);
        let record = Record {
            value: Some(value.as_bytes()),
            ..Record::default()
        };
        match producer.send(record, &countdown, 0) {
            Ok(()) => {
                countdown.wait().await;
                assert_eq!(countdown.outcome(0), Outcome::Acked, "{value}");
                return;
            }
            Err(SendError::Unavailable) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => panic!("{value}: {error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_flow_while_roles_credentials_are_replaced_again_and_again() {
    let msk = Msk::start().await;
    let topic = msk.topic().await;
    // Tokens are renewed after 80 % of this at the latest, connections log in again after 90 % of `SESSION`.
    let stub = msk.stub(Behaviour::Give(Duration::from_secs(12)));
    let config = msk.config(&topic, stub.pod_identity(&msk.path("proof")));

    let producer = producer(&config);
    until("the producer is let in", || producer.is_available()).await;
    let consumer = Consumer::new(&config, kafka::ConsumerMetrics::default()).expect("a consumer");
    let log = consumer.log();
    assert_eq!(assigned(&consumer), [0]);
    consumer.assign(&[(0, 0)]).expect("assigned");

    let mut read = Vec::new();
    let look = |read: &mut Vec<String>| {
        if let Polled::Record(record) = consumer.poll(Duration::from_millis(20)) {
            let value = record.value().expect("a value");
            read.push(String::from_utf8(value.to_vec()).expect("text"));
        }
    };
    let mut sent = 0;
    let deadline = Instant::now() + PATIENCE * 2;
    // The producer's, the consumer's and the probe's connections show keys of both clients; each has a keeper of its own.
    while msk.accepted().len() < 6 {
        assert!(Instant::now() < deadline, "{:?}", msk.seen());
        deliver(&producer, &sent.to_string()).await;
        sent += 1;
        look(&mut read);
    }
    until("everything is read", || {
        look(&mut read);
        read.len() >= sent
    })
    .await;
    let expected: Vec<_> = (0..sent).map(|number| number.to_string()).collect();
    assert_eq!(read, expected, "each record once, in order");
    assert_eq!(
        log.range(0, PATIENCE).expect("a range"),
        0..i64::try_from(sent).expect("few")
    );

    let given: BTreeSet<String> = stub.given().into_iter().collect();
    assert!(msk.accepted().is_subset(&given));
    // Live connections logged in again with the same key before it was replaced: there are more logins than keys.
    assert!(msk.seen().len() > msk.accepted().len(), "{:?}", msk.seen());
    drop(log);
    assert!(consumer.close(Duration::from_secs(30)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_administers_topics() {
    let msk = Msk::start().await;
    let stub = msk.stub(Behaviour::Give(Duration::from_secs(3600)));
    let config = msk.config("unused", stub.pod_identity(&msk.path("proof")));
    let admin = Admin::new(&config, PATIENCE).expect("a client");
    assert!(!admin.cluster_id().await.expect("an identity").is_empty());

    let mut spec = spec(&unique("iam"), 2);
    let setting = |value: &str| ("retention.ms".to_owned(), value.to_owned());
    spec.settings.extend([setting("60000")]);
    spec.settings
        .extend([("cleanup.policy".to_owned(), "delete".to_owned())]);
    assert_eq!(
        admin.apply(&spec).await.expect("made"),
        [TopicDifference::Missing]
    );
    admin.create(&spec).await.expect("left as it is");
    until_described(&admin, &spec).await;
    assert_eq!(admin.topics().await.expect("names"), [spec.name.clone()]);

    spec.partitions = 3;
    spec.settings.extend([setting("120000")]);
    assert_eq!(admin.apply(&spec).await.expect("changed").len(), 2);
    until_described(&admin, &spec).await;
    let topic = admin
        .describe(&spec.name)
        .await
        .expect("told")
        .expect("there");
    assert_eq!((topic.replication, topic.in_sync), (1, 1));
    assert_eq!(topic.overridden, ["cleanup.policy", "retention.ms"]);

    admin.delete(&spec.name).await.expect("gone");
    let deadline = Instant::now() + PATIENCE;
    while admin.describe(&spec.name).await.expect("told").is_some() {
        assert!(Instant::now() < deadline, "the topic stays");
    }
    admin.delete(&spec.name).await.expect("nothing to do");

    let mut stranger = config.clone();
    stranger.security.region = Some("us-east-1".to_owned());
    let admin = Admin::new(&stranger, PATIENCE).expect("a client");
    let refused = admin.topics().await.expect_err("not let in").to_string();
    assert!(
        refused.contains("logging in by a token of AWS: "),
        "{refused}"
    );
    stub.behave(Behaviour::Say(403, ""));
    let admin = Admin::new(&config, PATIENCE).expect("a client");
    let missing = admin.topics().await.expect_err("no credentials");
    assert!(
        missing.is_transient() && missing.to_string().contains("403 Forbidden"),
        "{missing}"
    );
}

/// Waits until the brokers, who learn of changes one by one, show the topic as wanted.
async fn until_described(admin: &Admin, spec: &TopicSpec) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let differences = admin.differences(spec).await.expect("told");
        if differences.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{differences:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_credentials_is_told_apart_and_let_in_when_it_has_them() {
    let msk = Msk::start().await;
    let topic = msk.topic().await;
    let stub = msk.stub(Behaviour::HangUp);
    let config = msk.config(&topic, stub.web_identity(&msk.path("proof")));

    let producer = producer(&config);
    until("the missing credentials are told", || {
        producer.availability() == Availability::LoginFailed
    })
    .await;
    let countdown = Countdown::new(1);
    let refused = producer.send(Record::default(), &countdown, 0);
    assert_eq!(refused, Err(SendError::Unavailable), "at once");
    assert!(msk.seen().is_empty(), "nothing was shown to the broker");

    stub.behave(Behaviour::Say(
        403,
        "<Error><Code>AccessDenied</Code></Error>",
    ));
    let asked = stub.requests();
    until("it is asked again", || stub.requests() > asked).await;
    assert_eq!(producer.availability(), Availability::LoginFailed);

    stub.behave(Behaviour::Give(Duration::from_secs(3600)));
    until("the producer is let in by itself", || {
        producer.is_available()
    })
    .await;
    deliver(&producer, "late").await;
    assert_eq!(msk.accepted().len(), 1, "{:?}", msk.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_broker_does_not_take_is_a_failed_login() {
    let msk = Msk::start().await;
    let topic = msk.topic().await;
    // A key that the broker knows, for another region; and the same key with another secret.
    let stub = msk.stub(Behaviour::Give(Duration::from_secs(3600)));
    let mut elsewhere = msk.config(&topic, stub.pod_identity(&msk.path("proof")));
    elsewhere.security.region = Some("us-east-1".to_owned());
    let forgers = Stub::start(Behaviour::Give(Duration::from_secs(3600)), None);
    std::fs::create_dir(msk.path("forgers")).expect("a folder");
    let forger = msk.config(&topic, forgers.pod_identity(&msk.path("forgers/proof")));
    for (config, why) in [
        (elsewhere, "refused host kafka.us-east-1.amazonaws.com"),
        (forger, "refused signature"),
    ] {
        let producer = producer(&config);
        until("the refusal is told", || {
            producer.availability() == Availability::LoginFailed
        })
        .await;
        assert!(
            msk.seen().iter().any(|line| line == why),
            "{:?}",
            msk.seen()
        );
        std::fs::write(msk.path("seen"), "").expect("forgotten");
    }
}
