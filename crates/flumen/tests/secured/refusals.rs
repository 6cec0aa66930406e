//! What the command says to those who may not, and that it never says a secret.

use devstack::secured::Authority;
use devstack::testing::brokers;

use crate::world::{TOPIC, World, provision_of_kafka, settings, with};

#[tokio::test]
async fn a_refusal_says_why_and_the_way_out() {
    let world = World::start(&[("ann", "ann-secret")]).await;
    let acl = provision_of_kafka(&["--acl", "writer=User:writer", "--dry-run"]);
    let administrator = world.administrator();
    let ann = world.by_password("ann", "ann-secret");
    let foreign = world.file("foreign.pem", Authority::new().pem());
    let inner = world.kafka.inner();
    let cases = [
        (ann, "this user may not: use one with ALTER"),
        (
            with(
                &administrator,
                &[("kafka.security.password", "wrong-secret")],
            ),
            "the broker does not know this user name with this password",
        ),
        (
            with(&administrator, &[("kafka.security.ca_file", &foreign)]),
            "security.ca_file: does not prove who localhost is",
        ),
        (
            with(&administrator, &[("kafka.brokers", &inner)]),
            "security.protocol",
        ),
        (
            with(
                &administrator,
                &[("kafka.brokers", &world.kafka.mutual_tls())],
            ),
            "certificate",
        ),
        (
            settings(&[
                ("kafka.brokers", &world.kafka.scram()),
                ("kafka.topic", TOPIC),
            ]),
            "see `kafka.security",
        ),
    ];
    for (who, expected) in cases {
        let said = world.fail(&who, &acl).await;
        assert!(said.contains(expected), "{expected}\n{said}");
        assert!(!said.contains("secret"), "{said}");
    }

    // Without an ACL to make, the same words explain why the topic cannot be reached.
    let nobody = with(&administrator, &[("kafka.security.username", "nobody")]);
    let said = world.fail(&nobody, &provision_of_kafka(&[])).await;
    assert!(said.contains("does not know this user name"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

#[tokio::test]
async fn acls_without_an_authorizer_are_refused_with_the_setting() {
    let world_less = std::process::Command::new(env!("CARGO_BIN_EXE_flumen"))
        .args(provision_of_kafka(&["--acl", "writer=writer", "--dry-run"]))
        .arg("--set")
        .arg(format!("kafka.brokers={}", brokers()))
        .output()
        .expect("the binary starts");
    assert_eq!(world_less.status.code(), Some(1), "{world_less:?}");
    let said = String::from_utf8_lossy(&world_less.stderr);
    assert!(
        said.contains("no authorizer") && said.contains("authorizer.class.name"),
        "{said}"
    );
}
