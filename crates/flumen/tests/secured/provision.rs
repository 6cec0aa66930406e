//! Users, rights and quotas: shown, made once, completed after a stop, changed.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use devstack::testing::eventually;
use kafka::{
    AccessAdmin, Availability, Config, Countdown, Headers, Outcome, Producer, ProducerMetrics,
    Record,
};

use crate::others;
use crate::world::{PATIENCE, Settings, World, provision_of_kafka};

const QUOTAS: [&str; 4] = [
    "--quota",
    "ingest:producer_byte_rate=20MiB",
    "--quota",
    "<default>:request_percentage=150",
];
const RIGHTS: [&str; 8] = [
    "--acl",
    "ingest-api=User:ingest",
    "--acl",
    "writer=User:writer",
    "--acl",
    "writer=User:CN=writer,O=Example",
    "--acl",
    "scaler=keda",
];

/// What a library takes of the settings of the command line.
fn config(settings: &Settings) -> Config {
    let mut json = serde_json::json!({});
    for (key, value) in settings {
        let path = key.strip_prefix("kafka.").expect("only of Kafka");
        let (place, name) = match path.split_once('.') {
            Some((section, name)) => (&mut json[section], name),
            None => (&mut json, path),
        };
        place[name] = value.clone().into();
    }
    serde_json::from_value(json).expect("settings of Kafka")
}

/// Sends one record; true when the broker has it.
async fn send(producer: &Producer) -> bool {
    let countdown = Countdown::new(1);
    let record = Record {
        key: None,
        value: Some(b"{}"),
        headers: Headers::default(),
        timestamp_millis: None,
        partition: None,
    };
    if producer.send(record, &countdown, 0).is_err() {
        return false;
    }
    countdown.wait().await;
    countdown
        .outcomes()
        .all(|outcome| outcome == Outcome::Acked)
}

async fn quotas(world: &World, user: Option<&str>) -> Vec<(String, f64)> {
    let mut admin = AccessAdmin::connect(&config(&world.administrator()), PATIENCE)
        .await
        .expect("the administrator comes in");
    let quotas = admin.quotas(user).await.expect("quotas are told");
    quotas.into_iter().collect()
}

#[tokio::test]
async fn a_dry_run_shows_what_a_run_makes_and_the_next_finds_nothing() {
    let world = World::start(&[]).await;
    let (ingest, writer) = (
        format!("ingest={}", world.file("ingest-password", "one-secret\n")),
        format!("writer={}", world.file("writer-password", "two-secret\n")),
    );
    let users = ["--user", ingest.as_str(), "--user", writer.as_str()];
    let all = [&users[..], &RIGHTS, &QUOTAS].concat();
    let dry = [&all[..], &["--dry-run"]].concat();

    let shown = world.provision(&dry).await;
    for line in [
        "+ topic events: missing",
        "+ user ingest: missing",
        "+ user writer: missing",
        "+ acl: allow User:ingest WRITE on topic events",
        "+ acl: allow User:writer READ on topic events",
        "+ acl: allow User:writer READ on group flumen-writer",
        "+ acl: allow User:CN=writer,O=Example READ on group flumen-writer",
        "+ acl: allow User:keda DESCRIBE on topic events",
        "+ quota: ingest: producer_byte_rate: not set, should be 20MiB",
        "+ quota: <default>: request_percentage: not set, should be 150",
        "differences: 12; nothing was changed",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
    assert!(!shown.contains("secret"), "{shown}");
    assert_eq!(
        world.provision(&dry).await,
        shown,
        "the dry run changed nothing"
    );

    // Stopped in the middle, at whatever it was doing after its first step.
    let administrator = world.administrator();
    let mut child = world
        .command(&administrator, &provision_of_kafka(&all))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let first = tokio::task::spawn_blocking(move || {
        let mut lines = output.lines().map_while(Result::ok);
        lines.find(|line| line.starts_with("done:"))
    })
    .await
    .expect("read");
    assert_eq!(first.as_deref(), Some("done: topic events: missing"));
    child.kill().expect("killed");
    child.wait().expect("reaped");

    let completed = world.provision(&all).await;
    assert!(!completed.contains("done: topic"), "{completed}");
    assert!(
        completed.ends_with("everything is as it should be\n"),
        "{completed}"
    );
    // A broker that was told a moment ago may not have noticed itself.
    eventually(PATIENCE, || async {
        let again = world.provision(&dry).await;
        let settled = again.ends_with("everything is as it should be\n");
        if settled { Ok(()) } else { Err(again) }
    })
    .await;

    assert_eq!(
        quotas(&world, Some("ingest")).await,
        [("producer_byte_rate".to_owned(), 20_971_520.0)]
    );
    assert_eq!(
        quotas(&world, None).await,
        [("request_percentage".to_owned(), 150.0)]
    );
    assert_eq!(quotas(&world, Some("writer")).await, []);

    // What changes in the files and arguments changes there, and only that.
    world.file("writer-password", "three-secret");
    let quota = ["--quota", "ingest:producer_byte_rate=10MiB"];
    let changed = [&users[..], &RIGHTS, &quota].concat();
    let shown = world
        .provision(&[&changed[..], &["--dry-run"]].concat())
        .await;
    for line in [
        "~ user writer: another password",
        "~ quota: ingest: producer_byte_rate: 20971520, should be 10MiB",
        "differences: 2; nothing was changed",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    let done = world.provision(&changed).await;
    assert_eq!(done.matches("done:").count(), 2, "{done}");
    eventually(PATIENCE, || async {
        let again = world
            .provision(&[&changed[..], &["--dry-run"]].concat())
            .await;
        let settled = again.ends_with("everything is as it should be\n");
        if settled { Ok(()) } else { Err(again) }
    })
    .await;
}

#[tokio::test]
async fn who_was_given_nothing_is_refused_and_who_was_given_a_right_may_use_it() {
    let world = World::start(&[("ingest", "ingest-secret"), ("jobs", "jobs-secret")]).await;
    world.provision(&[]).await;
    let config = config(&world.by_password("ingest", "ingest-secret"));
    let producer = Producer::new(&config, ProducerMetrics::default()).expect("a producer");
    // It is let in, and sees nothing.
    eventually(PATIENCE, || async {
        producer.availability() == Availability::TopicMissing
    })
    .await;

    world.provision(&["--acl", "ingest-api=User:ingest"]).await;
    eventually(PATIENCE, || async { producer.is_available() }).await;
    // A broker that was told of a right a moment ago may still refuse, and the producer with it.
    eventually(PATIENCE, || async { send(&producer).await }).await;

    // The jobs of a deployment: they see the topic and change it, and no more than that.
    let jobs = world.by_password("jobs", "jobs-secret");
    world.provision(&["--acl", "operator=User:jobs"]).await;
    let retention = provision_of_kafka(&["--retention", "2d"]);
    eventually(PATIENCE, || async {
        let output = world.run(&jobs, &retention).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let settled = output.status.success() && text.contains("as it should be");
        if settled { Ok(()) } else { Err(output) }
    })
    .await;
    let dry = world.provision(&["--retention", "2d", "--dry-run"]).await;
    assert!(dry.contains("everything is as it should be"), "{dry}");
    let rights = provision_of_kafka(&["--retention", "2d", "--acl", "writer=User:jobs"]);
    let said = world.fail(&jobs, &rights).await;
    assert!(said.contains("this user may not"), "{said}");
}

#[tokio::test]
async fn rights_that_others_gave_count_and_those_that_others_deny_are_left() {
    let world = World::start(&[]).await;
    world.provision(&[]).await;
    let inner = world.kafka.inner();
    // By a prefix of the group's name, and by every topic.
    others::acl(
        &inner,
        others::group("flumen-", others::PREFIXED).allow("User:wide"),
    )
    .await;
    others::acl(
        &inner,
        others::topic("*", others::LITERAL).allow("User:wide"),
    )
    .await;
    others::acl(
        &inner,
        others::topic("events", others::LITERAL).allow("User:barred"),
    )
    .await;
    others::acl(
        &inner,
        others::topic("ev", others::PREFIXED).deny("User:barred"),
    )
    .await;
    // Of another group, topic and user.
    others::acl(
        &inner,
        others::group("other", others::LITERAL).allow("User:narrow"),
    )
    .await;
    others::acl(
        &inner,
        others::topic("event", others::LITERAL).allow("User:narrow"),
    )
    .await;
    others::acl(
        &inner,
        others::topic("events", others::LITERAL).allow("User:nobody"),
    )
    .await;

    let wide = ["--acl", "writer=User:wide"];
    let dry = [&wide[..], &["--dry-run"]].concat();
    eventually(PATIENCE, || async {
        let shown = world.provision(&dry).await;
        let settled = shown.ends_with("everything is as it should be\n");
        if settled { Ok(()) } else { Err(shown) }
    })
    .await;

    let barred = ["--acl", "ingest-api=User:barred"];
    let expected = "left: acl: allow User:barred WRITE on topic events: an ACL denies it";
    eventually(PATIENCE, || async {
        let said = world.provision(&barred).await;
        let settled = said.contains(expected) && said.ends_with("differences left: 1, see above\n");
        if settled { Ok(()) } else { Err(said) }
    })
    .await;

    let narrow = ["--acl", "writer=User:narrow", "--dry-run"];
    let shown = world.provision(&narrow).await;
    assert!(shown.contains("differences: 2"), "{shown}");
}
