//! What needs no pipeline.

use std::fs;

use serde_json::Value;

use crate::{flumen, stderr, stdout};

#[test]
fn a_key_is_made_listed_and_revoked() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = folder.path().join("keys.toml");
    let file = file.to_str().expect("a path in UTF-8");
    let made = flumen([
        "keys",
        "create",
        "--name",
        "shops",
        "--scope",
        "ingest",
        "--source",
        "shop-*",
        "--expires",
        "90d",
        "--file",
        file,
    ]);
    assert!(made.status.success(), "{}", stderr(&made));
    let token = stdout(&made).trim().to_owned();
    assert!(
        token.starts_with("fl_"),
        "only the key is on standard output"
    );
    assert!(!stderr(&made).contains(&token), "the key is printed once");
    assert!(!fs::read_to_string(file).expect("the file").contains(&token));

    let list = flumen(["keys", "list", "--file", file, "--json"]);
    let keys: Value = serde_json::from_slice(&list.stdout).expect("JSON");
    assert_eq!(keys[0]["state"], "valid");
    assert_eq!(keys[0]["sources"], serde_json::json!(["shop-*"]));
    let id = keys[0]["id"].as_str().expect("an id");

    // The whole key does as well as its id.
    let revoked = flumen(["keys", "revoke", &token, "--file", file]);
    assert!(revoked.status.success(), "{}", stderr(&revoked));
    assert!(!stderr(&revoked).contains(&token));
    let list = flumen(["keys", "list", "--file", file]);
    assert!(stdout(&list).contains(id) && stdout(&list).contains("revoked"));
    let unknown = flumen(["keys", "revoke", "nobody", "--file", file]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_key_without_a_file_comes_with_the_entry_to_add() {
    let made = flumen([
        "keys", "create", "--name", "a", "--scope", "read", "--source", "*",
    ]);
    let text = stdout(&made);
    let mut lines = text.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("fl_")));
    let entry = lines.collect::<Vec<_>>().join("\n");
    let keys = service::keys::parse(&entry, "keys.toml".as_ref()).expect("an entry");
    assert_eq!(keys.len(), 1);
}

#[test]
fn generated_events_are_the_same_for_the_same_seed() {
    let args = [
        "generate",
        "--dry-run",
        "--count",
        "500",
        "--seed",
        "7",
        "--since",
        "2026-01-01T00:00:00Z",
        "--until",
        "2026-02-01T00:00:00Z",
        "--applications",
        "30",
    ];
    let (one, other) = (flumen(args), flumen(args));
    assert!(one.status.success(), "{}", stderr(&one));
    assert_eq!(one.stdout, other.stdout);
    let lines: Vec<Value> = stdout(&one)
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event"))
        .collect();
    assert_eq!(lines.len(), 500);
    assert!(lines.iter().all(|event| {
        event["time"]
            .as_str()
            .is_some_and(|time| time.starts_with("2026-01"))
    }));
}

#[test]
fn a_dry_run_shows_events_and_what_is_wrong_with_rows() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = folder.path().join("trades.csv");
    fs::write(&file, "no,at\n1,2026-01-02T03:04:05Z\n2,soon\n").expect("write");
    let file = file.to_str().expect("a path in UTF-8");
    let shown = flumen([
        "import",
        file,
        "--source",
        "exchange",
        "--type",
        "trade",
        "--id-from",
        "no",
        "--time-from",
        "at",
        "--dry-run",
    ]);
    assert!(shown.status.success(), "{}", stderr(&shown));
    assert_eq!(
        stdout(&shown),
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"exchange\",\"type\":\"trade\",\"time\":\"2026-01-02T03:04:05Z\",\"data\":{\"no\":\"1\",\"at\":\"2026-01-02T03:04:05Z\"}}\n"
    );
    assert!(stderr(&shown).contains("trades.csv row 2: unreadable-time"));
}

#[test]
fn mistakes_have_a_status_and_a_way_out() {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("write");
        path.to_string_lossy().into_owned()
    };
    let csv = path("a.csv", "x\n1\n");
    let odd = path("a.data", "x\n1\n");
    let empty = folder.path().to_string_lossy().into_owned();
    let mapped = ["--source", "s", "--type", "t"];
    let cases: [(Vec<&str>, &str); 6] = [
        (vec!["import", "nowhere.csv"], "nowhere.csv"),
        (vec!["import", &empty], "is a folder"),
        (vec!["import", &odd, "--dry-run"], "--format"),
        (vec!["import", &csv, "--source", "s", "--dry-run"], "--type"),
        (
            vec!["import", &csv, "--id-from", "y", "--dry-run"],
            "the file has: x",
        ),
        (vec!["generate", "--rate", "fast"], "events per second"),
    ];
    for (mut words, part) in cases {
        if part.starts_with("the file has") || part == "--format" {
            words.extend(mapped);
        }
        let output = flumen(&words);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{words:?}: {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains(part),
            "{words:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn sending_without_a_key_says_where_keys_come_from() {
    let folder = tempfile::tempdir().expect("make a folder");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_flumen"))
        .args(["generate", "--count", "1"])
        .env_remove("FLUMEN_PRODUCER_KEY")
        .current_dir(folder.path())
        .output()
        .expect("run flumen");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("FLUMEN_PRODUCER_KEY"));
}

#[test]
fn the_services_judge_their_own_configuration() {
    let folder = tempfile::tempdir().expect("make a folder");
    let keys = folder.path().join("keys.toml");
    fs::write(&keys, "").expect("write");
    let keys = format!("keys.file={}", keys.display());
    let right = flumen(["check-config", "ingest-api", "--set", &keys]);
    assert!(
        right.status.success(),
        "{}{}",
        stdout(&right),
        stderr(&right)
    );
    assert!(stdout(&right).starts_with("ingest-api: ok"));
    let wrong = flumen(["check-config", "ingest-api", "--set", "listen.adress=x"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stdout(&wrong).contains("adress"), "{}", stdout(&wrong));
}
