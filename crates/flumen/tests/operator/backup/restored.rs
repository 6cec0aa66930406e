//! What was backed up is what is restored.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use devstack::testing::eventually;

use super::{MARK, Place, Server, TOPIC};
use store::write::{Advance, Batch, Sink};
use store::{Config, ErrorKind};

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_restores_every_row_and_the_writer_goes_on_at_its_checkpoint() {
    let (place, server) = (Place::new(), Server::filled().await);
    let to = place.text();
    let made = server
        .succeed(&["create", "--to", &to, "--plain", "--jobs", "2"])
        .await;
    assert!(made.contains("300 events"), "{made}");
    let id = place.backup();
    let id = id.file_name().expect("a name").to_string_lossy();

    let list = server.succeed(&["list", "--from", &to]).await;
    assert!(
        list.contains(&*id) && list.contains("300 events") && list.contains("plain"),
        "{list}"
    );

    let verified = server.succeed(&["verify", "--from", &to]).await;
    assert!(verified.contains("good. 300 events"), "{verified}");
    let throw_away = verified
        .split("restoring into ")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .expect("its name");
    assert!(throw_away.starts_with("verify_"), "{verified}");
    let again = store::databases::create(&server.pool, throw_away).await;
    again.expect("the throw-away database is gone: its name is free");
    store::databases::drop(&server.pool, throw_away)
        .await
        .expect("dropped");

    let wanted = server.census().await;
    drop(server);
    let other = Server::empty().await;
    let restored = other.succeed(&["restore", "--from", &to]).await;
    assert!(
        restored.contains("events[0] offset 150") && restored.contains("events[1] offset 151"),
        "{restored}"
    );
    let found = other.census().await;
    assert_eq!(wanted.differences(&found), Vec::<String>::new());
    assert_eq!((found.events(), found.checkpoints.len()), (300, 2));

    // The checkpoint is that of the rows: the next record is taken, one from before is not.
    other.store(0, 150, 5).await;
    let mut old = Batch::new("cluster", TOPIC);
    old.advance(Advance {
        partition: 1,
        expected: 140,
        next: 145,
    });
    let refused = Sink::new(other.pool.clone(), &Config::with_url(other.database.url()))
        .flush(&old)
        .await
        .expect_err("the checkpoint is at 151");
    assert_eq!(refused.kind(), ErrorKind::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_drops_what_a_run_that_was_killed_has_left() {
    let (place, server) = (Place::new(), Server::migrated().await);
    let to = place.text();
    server.succeed(&["create", "--to", &to, "--plain"]).await;
    // Of the first of January 2020.
    let time = uuid::Timestamp::from_unix(uuid::NoContext, 1_577_836_800, 0);
    let left = format!("verify_{}", uuid::Uuid::new_v7(time).simple());
    store::databases::create(&server.pool, &left)
        .await
        .expect("made");
    server.succeed(&["verify", "--from", &to]).await;
    // Another test that verifies just now may have found it first, and be at it.
    eventually(Duration::from_secs(60), || async {
        let found = store::databases::beginning_with(&server.pool, &left).await;
        found.expect("listed").is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_is_as_closed_as_a_migrated_one() {
    let (place, server, other) = (
        Place::new(),
        Server::migrated().await,
        Server::empty().await,
    );
    let to = place.text();
    server.succeed(&["create", "--to", &to, "--plain"]).await;
    other.succeed(&["restore", "--from", &to]).await;
    // Functions: PostgreSQL gives a new one to everybody. Tables, views and schemas: who may what.
    let rights = "SELECT 'function', p.oid::regprocedure::text, p.proacl::text FROM pg_proc p \
        WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'flumen%' \
        UNION ALL SELECT 'table', c.oid::regclass::text, c.relacl::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE nspname IN ('public', 'analytics') AND relkind IN ('r', 'p', 'v') \
        UNION ALL SELECT 'schema', nspname, nspacl::text FROM pg_namespace WHERE nspname = 'analytics' ORDER BY 1, 2";
    let (wanted, found) = (server.sql(rights), other.sql(rights));
    assert!(wanted.contains("flumen_ensure_partition"), "{wanted}");
    assert_eq!(sorted(&wanted), sorted(&found));
}

/// The lines, each with its rights in one order: grants made in another order are the same grants.
fn sorted(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .map(|line| {
            let mut parts: Vec<&str> = line.split(['|', ',', '{', '}']).collect();
            parts.sort_unstable();
            parts
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_backup_shows_nothing_and_opens_with_an_identity_of_its_recipients() {
    let (place, stranger, server) = (Place::new(), Place::new(), Server::filled().await);
    let to = place.text();
    let other = age::x25519::Identity::generate().to_public().to_string();
    let mine = place.identity.to_public().to_string();
    server
        .succeed(&[
            "create",
            "--to",
            &to,
            "--recipient",
            &other,
            "--recipient",
            &mine,
        ])
        .await;
    for entry in std::fs::read_dir(place.backup()).expect("files") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let bytes = std::fs::read(&path).expect("read");
        assert!(
            !bytes
                .windows(MARK.len())
                .any(|part| part == MARK.as_bytes()),
            "{name}"
        );
        if name != "manifest.json" {
            assert!(
                name.ends_with(".age") && bytes.starts_with(b"age-encryption.org/v1"),
                "{name}"
            );
        }
    }

    let empty = Server::empty().await;
    let said = empty.refused(&["restore", "--from", &to], 2).await;
    assert!(said.contains("is encrypted: give --identity"), "{said}");
    let key = stranger.key_file();
    let said = empty
        .refused(&["restore", "--from", &to, "--identity", &key], 1)
        .await;
    assert!(said.contains("this identity does not open it"), "{said}");
    assert!(empty.is_empty().await);

    let key = place.key_file();
    empty
        .succeed(&["restore", "--from", &to, "--identity", &key])
        .await;
    let (wanted, found) = (server.census().await, empty.census().await);
    assert_eq!(wanted.differences(&found), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_one_moment_of_the_database_while_the_writer_goes_on() {
    let (place, server) = (Place::new(), Server::filled().await);
    let to = place.text();
    let made = AtomicBool::new(false);
    let writing = async {
        let mut next = 150;
        while !made.load(Ordering::Relaxed) {
            server.store(0, next, 20).await;
            next += 20;
        }
    };
    let making = async {
        server.succeed(&["create", "--to", &to, "--plain"]).await;
        made.store(true, Ordering::Relaxed);
    };
    tokio::join!(writing, making);

    let other = Server::empty().await;
    other.succeed(&["restore", "--from", &to]).await;
    let found = other.census().await;
    let next: i64 = found.checkpoints.iter().map(|one| one.next_offset).sum();
    // Rows and checkpoint are of the same moment; one record is a dead letter.
    assert_eq!(found.events() as i64, next - 1);
}
