//! The secured Kafka really keeps its doors.

use std::time::Duration;

use devstack::secured::{ADMINISTRATOR, ADMINISTRATORS_PASSWORD, SecuredKafka};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::folder;

const PATIENCE: Duration = Duration::from_secs(60);
/// How long a client that must not get in is given: nothing happens however long it waits.
const IN_VAIN: Duration = Duration::from_secs(3);

fn client(brokers: &str, settings: &[(&str, &str)]) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config.create().expect("make a client")
}

fn gets_in(brokers: &str, settings: &[(&str, &str)], patience: Duration) -> bool {
    client(brokers, settings)
        .fetch_metadata(None, patience)
        .is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_door_takes_only_its_own_proof() {
    let folder = folder();
    let kafka = SecuredKafka::start(folder.path(), &[("ann", "ann-secret")], &[])
        .await
        .expect("start");
    let ca = kafka.ca_file().to_str().expect("text").to_owned();
    let scram = |user: &'static str, password: &'static str, ca: String| {
        vec![
            ("security.protocol", "sasl_ssl".to_owned()),
            ("sasl.mechanism", "SCRAM-SHA-512".to_owned()),
            ("sasl.username", user.to_owned()),
            ("sasl.password", password.to_owned()),
            ("ssl.ca.location", ca),
        ]
    };
    let (address, other) = (kafka.scram(), kafka.mutual_tls());
    let (certificate, key) = kafka.authority().client("ann").write(folder.path(), "ann");
    tokio::task::spawn_blocking(move || {
        let tried = |brokers: &str, settings: &[(&str, String)], patience| {
            let settings: Vec<(&str, &str)> = settings
                .iter()
                .map(|(key, value)| (*key, value.as_str()))
                .collect();
            gets_in(brokers, &settings, patience)
        };
        for (user, password) in [
            ("ann", "ann-secret"),
            (ADMINISTRATOR, ADMINISTRATORS_PASSWORD),
        ] {
            assert!(tried(
                &address,
                &scram(user, password, ca.clone()),
                PATIENCE
            ));
        }
        assert!(!tried(
            &address,
            &scram("ann", "wrong", ca.clone()),
            IN_VAIN
        ));
        assert!(!tried(&address, &[], IN_VAIN), "in the clear");
        let tls = vec![
            ("security.protocol", "ssl".to_owned()),
            ("ssl.ca.location", ca),
        ];
        assert!(!tried(&other, &tls, IN_VAIN), "without a certificate");
        let with_certificate = [
            tls,
            vec![
                (
                    "ssl.certificate.location",
                    certificate.display().to_string(),
                ),
                ("ssl.key.location", key.display().to_string()),
            ],
        ]
        .concat();
        assert!(tried(&other, &with_certificate, PATIENCE));
    })
    .await
    .expect("every door");
}
