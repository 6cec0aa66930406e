//! The services on nothing but what `flumen provision` gave them, and what they say when something is missing.

use devstack::secured::Authority;
use devstack::testing::eventually;

use crate::doors;
use crate::logs;
use crate::world::{Database, PATIENCE, Settings, World, settings, with};

const WRITERS_LOGIN: &str = "pipeline_writer";
const READERS_LOGIN: &str = "pipeline_reader";

/// The schema, two logins and their memberships, all over a verified connection.
async fn prepare(world: &World, database: &Database) {
    let sql = database.sql().await;
    for login in [WRITERS_LOGIN, READERS_LOGIN] {
        let statement = format!("CREATE ROLE {login} LOGIN PASSWORD '{login}-secret'");
        sql.batch_execute(&statement).await.expect("a login");
    }
    let owner = settings(&[("database.url", &database.superusers_url(&world.ca_file()))]);
    world.succeed(&owner, &["migrate"]).await;
    let (writer, reader) = (
        format!("writer={WRITERS_LOGIN}"),
        format!("reader={READERS_LOGIN}"),
    );
    let args = [
        "provision",
        "--only",
        "database",
        "--member",
        &writer,
        "--member",
        &reader,
    ];
    world.succeed(&owner, &args).await;
}

/// These settings, and the database as this login.
fn and_database(settings: &Settings, world: &World, database: &Database, login: &str) -> Settings {
    let url = database.url(login, &format!("{login}-secret"), &world.ca_file());
    with(settings, &[("database.url", &url)])
}

async fn until_read(api: &doors::Running, ids: &[&str]) {
    eventually(PATIENCE, || async {
        let mut seen = api.ids().await;
        seen.sort();
        if seen == ids { Ok(()) } else { Err(seen) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_goes_through_over_scram_and_over_mutual_tls_with_just_the_rights_it_needs() {
    let world = World::start(&[]).await;
    let database = world.database().await;
    prepare(&world, &database).await;
    let (ingest, writer) = (
        format!("ingest={}", world.file("ingest-password", "ingest-secret")),
        format!("writer={}", world.file("writer-password", "writer-secret")),
    );
    world
        .provision(&[
            "--user",
            &ingest,
            "--user",
            &writer,
            "--acl",
            "ingest-api=User:ingest",
            "--acl",
            "writer=User:writer",
            "--acl",
            "ingest-api=User:CN=ingest-by-certificate",
            "--acl",
            "writer=User:CN=writer-by-certificate",
        ])
        .await;
    let query = doors::query_api(&and_database(
        &Settings::new(),
        &world,
        &database,
        READERS_LOGIN,
    ));
    query.until_ready().await;

    let writer = world.by_password("writer", "writer-secret");
    let writer = doors::writer(&and_database(&writer, &world, &database, WRITERS_LOGIN));
    let ingest = doors::ingest_api(&world.by_password("ingest", "ingest-secret")).await;
    ingest.until_ready().await;
    ingest.accept("by-password").await;
    until_read(&query, &["by-password"]).await;
    writer.until_ready().await;

    // All of it over TLS, as PostgreSQL sees it.
    let sql = database.sql().await;
    eventually(PATIENCE, || async {
        let row = sql
            .query_one(
                "SELECT coalesce(bool_and(s.ssl), true), count(DISTINCT a.usename) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.usename LIKE 'pipeline%'",
                &[],
            )
            .await
            .expect("asked");
        assert!(row.get::<_, bool>(0), "somebody is connected in the clear");
        row.get::<_, i64>(1) == 2
    })
    .await;

    writer.stop().await;
    ingest.stop().await;
    let writer = world.by_certificate("writer-by-certificate");
    let writer = doors::writer(&and_database(&writer, &world, &database, WRITERS_LOGIN));
    let ingest = doors::ingest_api(&world.by_certificate("ingest-by-certificate")).await;
    ingest.until_ready().await;
    ingest.accept("with-certificate").await;
    until_read(&query, &["by-password", "with-certificate"]).await;
    writer.stop().await;
    ingest.stop().await;
    query.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_a_service_out_is_said_without_a_secret_and_mended_without_a_restart() {
    logs::keep();
    let world = World::start(&[("late", "late-secret")]).await;
    world.provision(&[]).await;

    // A password that the broker does not know (yet).
    let ingest = doors::ingest_api(&world.by_password("early", "early-secret")).await;
    ingest.until_unready("the login at kafka fails").await;
    said("Authentication failed").await;
    let user = format!("early={}", world.file("early-password", "early-secret"));
    world
        .provision(&["--user", &user, "--acl", "ingest-api=User:early"])
        .await;
    ingest.until_ready().await;
    ingest.accept("mended").await;
    ingest.stop().await;

    // A right that is missing.
    let ingest = doors::ingest_api(&world.by_password("late", "late-secret")).await;
    ingest.until_unready("may not see it").await;
    said("or this client may not see it").await;
    world.provision(&["--acl", "ingest-api=User:late"]).await;
    ingest.until_ready().await;
    ingest.stop().await;

    // A broker whose certificate somebody unknown signed.
    let foreign = world.file("foreign.pem", Authority::new().pem());
    let who = with(
        &world.by_password("late", "late-secret"),
        &[("kafka.security.ca_file", &foreign)],
    );
    let ingest = doors::ingest_api(&who).await;
    ingest.until_unready("kafka").await;
    said("certificate verify failed").await;
    ingest.stop().await;

    assert!(!logs::text().contains("-secret"), "{}", logs::text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_waits_for_its_rights_and_nobody_talks_to_a_database_that_cannot_prove_itself() {
    logs::keep();
    let world = World::start(&[("writer", "writer-secret")]).await;
    let database = world.database().await;
    prepare(&world, &database).await;
    world.provision(&[]).await;

    // A password that the broker does not know: it waits, and nothing is lost.
    let who = world.by_password("stranger", "strange-secret");
    let writer = doors::writer(&and_database(&who, &world, &database, WRITERS_LOGIN));
    said("Authentication failed").await;
    assert_eq!(writer.readiness().await.0, 503);
    let user = format!("stranger={}", world.file("password", "strange-secret"));
    world
        .provision(&["--user", &user, "--acl", "writer=User:stranger"])
        .await;
    writer.until_ready().await;
    writer.stop().await;

    // The right to read the topic alone does not let it into its group: that is two rights.
    let who = world.by_password("writer", "writer-secret");
    let writer = doors::writer(&and_database(&who, &world, &database, WRITERS_LOGIN));
    said("authorization failed").await;
    world.provision(&["--acl", "writer=User:writer"]).await;
    writer.until_ready().await;
    writer.stop().await;

    let foreign = world.file("foreign.pem", Authority::new().pem());
    let url = database.url(READERS_LOGIN, &format!("{READERS_LOGIN}-secret"), &foreign);
    let query = doors::query_api(&settings(&[("database.url", &url)]));
    query.until_unready("certificate").await;
    query.stop().await;

    let url = database.url(READERS_LOGIN, "wrong-secret", &world.ca_file());
    let query = doors::query_api(&settings(&[("database.url", &url)]));
    query.until_unready("password authentication failed").await;
    query.stop().await;

    assert!(!logs::text().contains("-secret"), "{}", logs::text());
}

/// Waits until something with these words was logged.
async fn said(words: &str) {
    eventually(PATIENCE, || async {
        let text = logs::text();
        if text.contains(words) {
            Ok(())
        } else {
            Err(text)
        }
    })
    .await;
}
