//! What is not restored, and what is not backed up: with a message that says why and what to do.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Place, Server};

/// A plain backup of three hundred events.
async fn made() -> (Place, Server) {
    let (place, server) = (Place::new(), Server::filled().await);
    server
        .succeed(&["create", "--to", &place.text(), "--plain"])
        .await;
    (place, server)
}

fn alter(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(file).expect("read");
    change(&mut bytes);
    std::fs::write(file, bytes).expect("write");
}

fn alter_manifest(place: &Place, change: impl FnOnce(&mut Value)) {
    alter(&place.backup().join("manifest.json"), |bytes| {
        let mut manifest = serde_json::from_slice(bytes).expect("JSON");
        change(&mut manifest);
        *bytes = serde_json::to_vec(&manifest).expect("JSON");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_cut_or_altered_is_refused_before_anything_is_restored() {
    let (place, _server) = made().await;
    let from = place.text();
    let empty = Server::empty().await;
    let rows = place.rows();
    let good = std::fs::read(&rows).expect("read");

    alter(&rows, |bytes| {
        bytes.pop();
    });
    let said = empty.refused(&["restore", "--from", &from], 1).await;
    assert!(
        said.contains("is incomplete or was altered; nothing was restored, take another"),
        "{said}"
    );

    std::fs::write(&rows, &good).expect("write");
    alter(&rows, |bytes| bytes[good.len() / 2] ^= 1);
    for action in ["restore", "verify"] {
        let said = empty.refused(&[action, "--from", &from], 1).await;
        assert!(
            said.contains("SHA-256 differs") && said.contains("it was altered"),
            "{said}"
        );
    }

    std::fs::remove_file(&rows).expect("remove");
    let said = empty.refused(&["restore", "--from", &from], 1).await;
    let name = rows.file_name().expect("a name").to_string_lossy();
    assert!(said.contains(&format!("fetch {name} of")), "{said}");

    std::fs::write(&rows, &good).expect("write");
    alter(&place.backup().join("manifest.json"), |bytes| {
        bytes.truncate(bytes.len() / 2);
    });
    let said = empty.refused(&["restore", "--from", &from], 1).await;
    assert!(
        said.contains("the backup was damaged, take another"),
        "{said}"
    );
    assert!(empty.is_empty().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_tells_which_table_is_not_what_was_backed_up() {
    let (place, server) = made().await;
    alter_manifest(&place, |manifest| {
        let tables = manifest["census"]["tables"]
            .as_array_mut()
            .expect("the tables");
        let events = tables
            .iter_mut()
            .find(|table| table["rows"].as_u64() > Some(0))
            .expect("one with rows");
        events["checksum"] = json!("00");
    });
    let said = server
        .refused(&["verify", "--from", &place.text()], 1)
        .await;
    assert!(
        said.contains("is not what was backed up") && said.contains("but other ones"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_empty_is_never_overwritten() {
    let (place, server) = made().await;
    let from = place.text();
    let before = server.census().await;
    let said = server.refused(&["restore", "--from", &from], 1).await;
    assert!(
        said.contains("the database is not empty: a restore never overwrites"),
        "{said}"
    );
    assert_eq!(server.census().await, before);

    // The tables alone are in the way too: they come with the backup.
    let migrated = Server::migrated().await;
    let said = migrated.refused(&["restore", "--from", &from], 1).await;
    assert!(said.contains("is not empty"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_finished_is_no_backup() {
    let (place, server) = made().await;
    std::fs::remove_file(place.backup().join("manifest.json")).expect("remove");
    let from = place.text();
    let list = server.succeed(&["list", "--from", &from]).await;
    assert!(list.contains("no backups in"), "{list}");
    let said = server.refused(&["verify", "--from", &from], 1).await;
    assert!(said.contains("flumen backup create --to"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_not_made_without_a_key_or_with_programs_that_are_missing_or_too_old() {
    let (place, server) = (Place::new(), Server::migrated().await);
    let to = place.text();
    let said = server.refused(&["create", "--to", &to], 2).await;
    assert!(
        said.contains("--recipient") && said.contains("--plain"),
        "{said}"
    );

    let folder = tempfile::tempdir().expect("make a folder");
    let args = ["create", "--to", &to, "--plain"];
    let missing = server.backup_with(&args, folder.path()).await;
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(
        !missing.status.success()
            && said.contains("pg_dump is not there")
            && said.contains("FLUMEN_PG_BIN"),
        "{said}"
    );

    let old = folder.path().join("pg_dump");
    std::fs::write(&old, "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n").expect("write");
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let too_old = server.backup_with(&args, folder.path()).await;
    let said = String::from_utf8_lossy(&too_old.stderr).into_owned();
    assert!(
        !too_old.status.success() && said.contains("is of version 9 and the server of version"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_name_leads_nowhere_else() {
    let (place, _server) = made().await;
    alter_manifest(&place, |manifest| {
        manifest["files"][0]["name"] = json!("../../outside");
    });
    let empty = Server::empty().await;
    let said = empty
        .refused(&["restore", "--from", &place.text()], 1)
        .await;
    assert!(
        said.contains("../../outside") && said.contains("altered"),
        "{said}"
    );
    assert!(empty.is_empty().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_a_writer_waits_for_is_not_restored_under_its_hands() {
    let (place, _server) = made().await;
    let empty = Server::empty().await;
    let mut config = store::Config::with_url(empty.database.url());
    config.application_name = "flumen-writer".to_owned();
    let writer = store::Pool::new(&config).expect("a pool");
    writer.health().await.expect("connected");
    let from = place.text();
    let said = empty.refused(&["restore", "--from", &from], 1).await;
    assert!(
        said.contains("flumen-writer is connected to the database: stop the writers first"),
        "{said}"
    );
    assert!(empty.is_empty().await);
    drop(writer);
}
