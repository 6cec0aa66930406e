//! Closed partitions as Parquet: archived once, dropped only then, and read back event by event.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{MARK, Place, Server, programs};

impl Server {
    /// Runs `flumen archive`, which must succeed.
    async fn archive(&self, args: &[&str]) -> String {
        let output = self
            .flumen(&[&["archive"], args].concat(), &programs())
            .await;
        assert!(
            output.status.success(),
            "flumen archive {args:?}: {output:?}"
        );
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs it, which must fail with this exit status, and answers with what it said.
    async fn archive_refused(&self, args: &[&str], status: i32) -> String {
        let output = self
            .flumen(&[&["archive"], args].concat(), &programs())
            .await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        said
    }

    /// What `flumen import` would send of the files in a folder, by source and id.
    async fn imported(&self, folder: &std::path::Path) -> BTreeMap<(String, String), Value> {
        let files: Vec<String> = std::fs::read_dir(folder)
            .expect("files")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .path()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        let mut args = vec!["import", "--dry-run", "--limit", "100000"];
        args.extend(files.iter().map(String::as_str));
        let output = self.flumen(&args, &programs()).await;
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|event| {
                let text = |name: &str| event[name].as_str().expect(name).to_owned();
                ((text("source"), text("id")), event)
            })
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_partitions_are_archived_once_dropped_only_then_and_read_back_whole() {
    let (place, server) = (Place::new(), Server::filled().await);
    let to = place.text();
    let create = ["create", "--to", &to, "--older-than", "30d", "--plain"];
    let dry = server
        .archive(&[&create[..], &["--drop", "--dry-run"]].concat())
        .await;
    assert!(
        dry.contains("would archive") && dry.contains("would drop"),
        "{dry}"
    );
    assert_eq!(server.census().await.events(), 300);

    let made = server.archive(&create).await;
    let partitions = made.matches("archived events_").count();
    assert!(partitions > 1, "{made}");
    let again = server.archive(&create).await;
    assert_eq!(
        again.matches("is archived as").count(),
        partitions,
        "{again}"
    );

    // One that comes late makes its partition another one.
    server.store(0, 150, 1).await;
    let late = server.archive(&[&create[..], &["--drop"]].concat()).await;
    assert_eq!(late.matches("archived events_").count(), 1, "{late}");
    assert!(late.contains("dropped events_"), "{late}");
    assert_eq!(server.census().await.events(), 0);

    let list = server.archive(&["list", "--from", &to]).await;
    assert_eq!(list.lines().count(), partitions + 1, "{list}");

    // Without --id the newest of each partition, so every event once.
    let out = place.folder.path().join("out");
    let out_text = out.to_string_lossy();
    server
        .archive(&["fetch", "--from", &to, "--out", &out_text])
        .await;
    let events = server.imported(&out).await;
    assert_eq!(events.len(), 301);
    let json = &events[&("shop-1".to_owned(), "1-3".to_owned())];
    assert_eq!(json["data"]["n"], 3);
    assert_eq!(json["data"]["mark"], MARK);
    assert_eq!(json["time"], "2025-01-16T06:00:00Z");
    assert_eq!(json["specversion"], "1.0");
    assert_eq!(json.get("subject"), None);
    assert_eq!(json.get("kafkaoffset"), None, "the import gives it another");
    let bytes = &events[&("shop-0".to_owned(), "0-4".to_owned())];
    assert_eq!(bytes["data_base64"], "AP9cBA==");
    assert_eq!(bytes["subject"], "a subject");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_archive_opens_with_its_identity_and_an_altered_one_is_refused() {
    let (place, server) = (Place::new(), Server::filled().await);
    let to = place.text();
    let said = server
        .archive_refused(&["create", "--to", &to, "--older-than", "30d"], 2)
        .await;
    assert!(
        said.contains("--recipient") && said.contains("--plain"),
        "{said}"
    );
    let mine = place.identity.to_public().to_string();
    server
        .archive(&[
            "create",
            "--to",
            &to,
            "--older-than",
            "30d",
            "--recipient",
            &mine,
        ])
        .await;
    let out = place.folder.path().join("out");
    let out_text = out.to_string_lossy();
    let fetch = ["fetch", "--from", &to, "--out", &out_text];
    let said = server.archive_refused(&fetch, 2).await;
    assert!(said.contains("is encrypted: give --identity"), "{said}");
    let key = place.key_file();
    let fetch = [&fetch[..], &["--identity", &key]].concat();
    server.archive(&fetch).await;
    assert_eq!(server.imported(&out).await.len(), 300);

    std::fs::remove_dir_all(&out).expect("remove");
    let mut folders = std::fs::read_dir(place.path()).expect("archives");
    let archive = folders.next().expect("one").expect("an entry").path();
    let sealed = std::fs::read_dir(&archive)
        .expect("files")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.to_string_lossy().ends_with(".parquet.age"))
        .expect("the file");
    let mut content = std::fs::read(&sealed).expect("read");
    assert!(content.starts_with(b"age-encryption.org/v1"));
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(&sealed, content).expect("write");
    let id = archive.file_name().expect("a name").to_string_lossy();
    let said = server
        .archive_refused(&[&fetch[..], &["--id", &id]].concat(), 1)
        .await;
    assert!(said.contains("it was altered"), "{said}");
    let left = std::fs::read_dir(&out).expect("the folder").count();
    assert_eq!(left, 0, "nothing appears under its name");
}
