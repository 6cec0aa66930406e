use super::*;
use kafka::TopicDifference;

#[tokio::test]
async fn brings_a_topic_to_what_is_wanted_and_can_be_repeated() {
    let admin = admin();
    let mut wanted = spec(&unique("provisioned"), 2);
    wanted
        .settings
        .insert("retention.ms".into(), "3600000".into());
    wanted
        .settings
        .insert("max.message.bytes".into(), "2097152".into());
    assert_eq!(
        admin.differences(&wanted).await.expect("compared"),
        [TopicDifference::Missing]
    );
    assert_eq!(
        admin.apply(&wanted).await.expect("created"),
        [TopicDifference::Missing]
    );
    eventually_same(&admin, &wanted).await;
    assert_eq!(admin.apply(&wanted).await.expect("nothing to do"), []);

    wanted.partitions = 3;
    wanted.settings.remove("max.message.bytes");
    wanted
        .settings
        .insert("retention.ms".into(), "7200000".into());
    let differences = admin.apply(&wanted).await.expect("grown");
    assert_eq!(
        differences
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        [
            "partitions: 2, should be 3",
            "retention.ms: 3600000, should be 7200000"
        ]
    );
    assert!(differences.iter().all(TopicDifference::is_applicable));
    eventually_same(&admin, &wanted).await;
    let topic = admin
        .describe(&wanted.name)
        .await
        .expect("described")
        .expect("exists");
    assert_eq!(
        (topic.partitions, topic.replication, topic.in_sync),
        (3, 1, 1)
    );
    assert_eq!(
        topic.settings.get("max.message.bytes").map(String::as_str),
        Some("2097152"),
        "a setting that was not mentioned keeps its value"
    );
    assert!(admin.topics().await.expect("listed").contains(&wanted.name));

    admin.delete(&wanted.name).await.expect("deleted");
    admin.delete(&wanted.name).await.expect("gone already");
}

/// The broker takes a moment to tell everybody about a change.
async fn eventually_same(admin: &Admin, wanted: &TopicSpec) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let differences = admin.differences(wanted).await.expect("compared");
        if differences.is_empty() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "still different: {differences:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn reports_what_it_cannot_change() {
    let admin = admin();
    let mut wanted = spec(&unique("larger"), 2);
    admin.create(&wanted).await.expect("created");
    eventually_same(&admin, &wanted).await;
    wanted.partitions = 1;
    wanted.replication = 3;
    let differences = admin.apply(&wanted).await.expect("nothing to do");
    assert_eq!(
        differences,
        [
            TopicDifference::MorePartitions {
                actual: 2,
                wanted: 1
            },
            TopicDifference::Replication {
                actual: 1,
                wanted: 3
            }
        ]
    );
    assert!(!differences.iter().any(TopicDifference::is_applicable));
}

#[tokio::test]
async fn says_which_setting_kafka_refused() {
    let mut wanted = spec(&unique("refused"), 1);
    wanted.settings.insert("retention.ms".into(), "soon".into());
    let error = admin().create(&wanted).await.expect_err("not a number");
    assert!(error.to_string().contains(&wanted.name), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn an_unreachable_cluster_is_a_transient_error() {
    let config = Config {
        brokers: "127.0.0.1:1".into(),
        ..Config::default()
    };
    let admin = Admin::new(&config, Duration::from_millis(500)).expect("a client");
    let error = admin.cluster_id().await.expect_err("nobody there");
    assert!(error.is_transient(), "{error}");
}
