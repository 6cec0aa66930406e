//! `smoke`, `import` and `generate` against a pipeline that is really there.

use std::{fs, path::Path, process::Output, time::Duration};

use devstack::testing::eventually;
use serde_json::{Value, json};

use crate::{flumen, stderr, stdout};

/// How long a machine under load may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A pipeline of this test's own; it ends with the test.
struct Pipeline {
    folder: tempfile::TempDir,
}

impl Pipeline {
    fn start() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .expect("make a folder");
        let pipeline = Self { folder };
        let up = pipeline.flumen(&["up", "--detach", "--ports", "auto"]);
        assert!(
            up.status.success(),
            "flumen up failed (were all binaries built, with `cargo build --bins`?):\n{}",
            stderr(&up)
        );
        pipeline
    }

    fn flumen(&self, words: &[&str]) -> Output {
        let state = self.folder.path().to_str().expect("a path in UTF-8");
        flumen([words, &["--state", state]].concat())
    }

    /// Runs a command that prints JSON.
    fn json(&self, words: &[&str], status: i32) -> Value {
        let output = self.flumen(words);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{words:?}: {}",
            stderr(&output)
        );
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// All events of a source, as query-api pages them.
    async fn events(&self, source: &str) -> Vec<Value> {
        let stack: Value = serde_json::from_slice(
            &fs::read(self.folder.path().join("stack.json")).expect("stack.json"),
        )
        .expect("JSON");
        let text = |pointer: &str| {
            stack
                .pointer(pointer)
                .and_then(Value::as_str)
                .expect("a text")
                .to_owned()
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let (mut events, mut cursor) = (Vec::new(), String::new());
        loop {
            let url = format!(
                "{}/v1/events?source={source}&limit=500{cursor}",
                text("/query_api/url")
            );
            let answer = http
                .get(&url)
                .bearer_auth(text("/keys/reader"))
                .send()
                .await
                .expect("reach query-api");
            let status = answer.status();
            let mut page: Value = answer.json().await.expect("JSON");
            assert_eq!(status, 200, "{page}");
            events.append(page["events"].as_array_mut().expect("events"));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return events,
            }
        }
    }

    async fn count(&self, source: &str, want: usize) {
        eventually(PATIENCE, || async {
            let events = self.events(source).await.len();
            if events == want {
                Ok(())
            } else {
                Err(format!("{events} of {want}"))
            }
        })
        .await;
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.flumen(&["down", "--timeout", "20s"]);
    }
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("write a file");
    path.to_string_lossy().into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_sent_imported_generated_and_served() {
    let pipeline = Pipeline::start();
    let folder = tempfile::tempdir().expect("make a folder");

    let smoke = pipeline.json(&["smoke", "--json"], 0);
    assert_eq!(smoke["ok"], true);

    // Imported twice, stored once.
    let now = jiff::Timestamp::now().as_millisecond();
    let rows: String = (0..1500)
        .map(|row| format!("{}\n", json!({"at": now - row * 1000, "n": row})))
        .collect();
    let file = write(folder.path(), "rows.ndjson", &rows);
    let import = [
        "import",
        &file,
        "--source",
        "imported",
        "--type",
        "row",
        "--time-from",
        "at",
        "--time-format",
        "unix-ms",
        "--batch",
        "100",
        "--compress",
        "zstd",
        "--json",
    ];
    for _ in 0..2 {
        let summary = pipeline.json(&import, 0);
        assert_eq!(
            (&summary["accepted"], &summary["rejected"]),
            (&json!(1500), &json!(0))
        );
    }
    pipeline.count("imported", 1500).await;

    // What is served is what goes in again: an export is an import.
    let served = pipeline.events("imported").await;
    assert_eq!(served[0]["data"], json!({"at": now, "n": 0}));
    let export: String = served.iter().map(|event| format!("{event}\n")).collect();
    let export = write(folder.path(), "export.ndjson", &export);
    assert_eq!(
        pipeline.json(&["import", &export, "--json"], 0)["accepted"],
        1500
    );

    // History that ingest-api does not take is told row by row.
    let old = write(
        folder.path(),
        "old.csv",
        "id,at\n1,2001-01-01T00:01:00Z\n2,2001-01-01T00:02:00Z\n",
    );
    let rejects = folder.path().join("rejects.ndjson");
    let rejected = pipeline.flumen(&[
        "import",
        &old,
        "--source",
        "old",
        "--type",
        "row",
        "--id-from",
        "id",
        "--time-from",
        "at",
        "--rejects",
        rejects.to_str().expect("a path in UTF-8"),
    ]);
    assert_eq!(rejected.status.code(), Some(3), "{}", stderr(&rejected));
    assert!(
        stdout(&rejected).contains("time-out-of-range")
            && stdout(&rejected).contains("accept.max_age")
    );
    let rejects = fs::read_to_string(rejects).expect("the rejects");
    let first: Value = serde_json::from_str(rejects.lines().next().expect("a line")).expect("JSON");
    assert_eq!(
        (&first["row"], &first["event"]["id"]),
        (&json!(1), &json!("1"))
    );

    // Every mode sends the same kind of events.
    for (seed, mode) in ["batched", "ndjson", "single", "structured", "binary"]
        .iter()
        .enumerate()
    {
        let seed = seed.to_string();
        let figures = pipeline.json(
            &[
                "generate",
                "--mode",
                mode,
                "--rate",
                "max",
                "--count",
                "120",
                "--seed",
                &seed,
                "--applications",
                "1",
                "--json",
            ],
            0,
        );
        assert_eq!(
            (&figures["accepted"], &figures["unsent"]),
            (&json!(120), &json!(0)),
            "{mode}"
        );
    }
    pipeline.count("shop", 5 * 120).await;

    // The export was known already.
    assert_eq!(pipeline.events("imported").await.len(), 1500);
}

/// The events without what the pipeline gives anew each time.
fn own(events: &[Value]) -> Vec<Value> {
    let mut own = events.to_vec();
    for event in &mut own {
        for name in ["recordedtime", "kafkapartition", "kafkaoffset"] {
            event.as_object_mut().expect("an object").remove(name);
        }
    }
    own
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_archived_and_dropped_is_imported_again_as_it_was() {
    let pipeline = Pipeline::start();
    let folder = tempfile::tempdir().expect("make a folder");
    let long_ago = jiff::Timestamp::now().as_millisecond() - 200 * 86_400_000;
    let rows: String = (0..300)
        .map(|row| {
            format!(
                "{}\n",
                json!({"at": long_ago - row * 7_200_000, "n": row, "text": "\"ü\""})
            )
        })
        .collect();
    let file = write(folder.path(), "rows.ndjson", &rows);
    let import = [
        "import",
        &file,
        "--source",
        "old",
        "--type",
        "row",
        "--time-from",
        "at",
        "--time-format",
        "unix-ms",
        "--json",
    ];
    assert_eq!(pipeline.json(&import, 0)["accepted"], 300);
    pipeline.count("old", 300).await;
    let before = pipeline.events("old").await;

    let place = folder.path().join("archive");
    let place = place.to_str().expect("a path in UTF-8");
    // What somebody is reading just then is left to the next run.
    eventually(PATIENCE, || async {
        let made = pipeline.flumen(&[
            "archive",
            "create",
            "--to",
            place,
            "--older-than",
            "60d",
            "--plain",
            "--drop",
        ]);
        assert!(made.status.success(), "{}", stderr(&made));
        pipeline.events("old").await.is_empty()
    })
    .await;

    let out = folder.path().join("out");
    let out_text = out.to_str().expect("a path in UTF-8");
    let fetched = flumen(["archive", "fetch", "--from", place, "--out", out_text]);
    assert!(fetched.status.success(), "{}", stderr(&fetched));
    let files: Vec<String> = fs::read_dir(&out)
        .expect("files")
        .map(|entry| {
            entry
                .expect("an entry")
                .path()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let mut import = vec!["import", "--json"];
    import.extend(files.iter().map(String::as_str));
    assert_eq!(pipeline.json(&import, 0)["accepted"], 300);
    pipeline.count("old", 300).await;
    assert_eq!(own(&pipeline.events("old").await), own(&before));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smoke_test_of_nothing_fails_and_says_where() {
    let folder = tempfile::tempdir().expect("make a folder");
    let state = folder.path().to_str().expect("a path in UTF-8");
    let output = flumen(["smoke", "--state", state]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("flumen up --detach"));
    let output = flumen([
        "smoke",
        "--ingest-url",
        "http://127.0.0.1:1",
        "--query-url",
        "http://127.0.0.1:1",
        "--producer-key",
        "fl_a",
        "--reader-key",
        "fl_b",
        "--timeout",
        "1s",
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["ok"], false);
}
