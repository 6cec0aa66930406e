use std::{collections::HashSet, time::Duration};

use serde_json::json;

use super::*;
use crate::client::tests::fake::Reply;

fn lines(rows: u32) -> String {
    (1..=rows).map(|n| format!("{{\"n\":{n}}}\n")).collect()
}

async fn import(fake: &Fake, file: &str, more: &[&str]) -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut words = vec![
        file,
        "--source",
        "s",
        "--type",
        "t",
        "--id-from",
        "n",
        "--url",
        &fake.url,
        "--key",
        "fl_abcdefgh_x",
    ];
    if !more.contains(&"--batch") {
        words.extend(["--batch", "10"]);
    }
    words.extend(more);
    run(args(&words)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_arrives_once_however_it_is_batched() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = write(folder.path(), "a.ndjson", lines(1003));
    for more in [
        &["--parallel", "1"][..],
        &["--parallel", "8", "--compress", "zstd"],
        &["--batch", "1000", "--compress", "gzip"],
    ] {
        let fake = Fake::start(|_, seen| Reply::accept(seen)).await;
        import(&fake, &file, more).await.expect("accepted");
        let ids = accepted_ids(&fake);
        assert_eq!(ids.len(), 1003);
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 1003);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_requests_are_bounded() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = write(folder.path(), "a.ndjson", lines(2000));
    let fake = Fake::start(|_, seen| Reply::accept(seen)).await;
    import(&fake, &file, &["--parallel", "3"])
        .await
        .expect("accepted");
    assert!(
        (1..=3).contains(&fake.most_at_once()),
        "{}",
        fake.most_at_once()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn outages_are_sat_out() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = write(folder.path(), "a.ndjson", lines(95));
    let fake = Fake::start(|number, seen| match number % 4 {
        0 => Reply::status(503),
        1 => Reply::Close,
        _ => Reply::accept(seen),
    })
    .await;
    import(&fake, &file, &[])
        .await
        .expect("accepted in the end");
    let ids: HashSet<_> = accepted_ids(&fake).into_iter().collect();
    assert_eq!(ids.len(), 95);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_are_written_with_reason_and_event_and_the_status_says_so() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = write(folder.path(), "a.ndjson", format!("{}oops\n", lines(30)));
    let rejects = folder.path().join("rejects.ndjson");
    let rejects = rejects.to_string_lossy();
    let fake = Fake::start(|_, seen| {
        Reply::judge(seen, |event| (event["id"] == "7").then_some("too-deep"))
    })
    .await;
    let outcome = import(&fake, &file, &["--rejects", &rejects]).await;
    assert_eq!(status(&outcome), 3);
    let text = std::fs::read_to_string(&*rejects).expect("the rejects");
    let rejects: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(
        rejects,
        [
            json!({"file":"a.ndjson","row":7,"reason":"too-deep","status":422,"detail":"because","pointer":"/data",
                "event":{"specversion":"1.0","id":"7","source":"s","type":"t","data":{"n":7}}}),
            json!({"file":"a.ndjson","row":31,"reason":"malformed-json","detail":"expected value at line 1 column 1","raw":"oops"}),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_failed_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = write(folder.path(), "a.ndjson", lines(100));
    let note = folder.path().join(".a.ndjson.flumen-import");
    let broken = Fake::start(|number, seen| match number {
        0..4 => Reply::accept(seen),
        _ => Reply::status(401),
    })
    .await;
    let outcome = import(&broken, &file, &["--parallel", "1"]).await;
    assert_eq!(status(&outcome), 1);
    let message = format!("{:#}", outcome.expect_err("refused"));
    assert!(
        message.contains("after 40 rows") && message.contains("same command again"),
        "{message}"
    );
    assert!(note.is_file());

    let fake = Fake::start(|_, seen| Reply::accept(seen)).await;
    import(&fake, &file, &["--parallel", "1"])
        .await
        .expect("goes on");
    let ids = accepted_ids(&fake);
    assert_eq!(ids.len(), 60, "the first 40 rows are not sent again");
    assert!(!ids.contains(&"40".to_owned()) && ids.contains(&"41".to_owned()));
    assert!(!note.exists(), "a complete import leaves nothing behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_mapping_or_a_changed_file_starts_again() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = write(folder.path(), "a.ndjson", lines(50));
    let note = folder.path().join("note");
    let note = note.to_string_lossy();
    let broken = Fake::start(|number, seen| match number {
        0..2 => Reply::accept(seen),
        _ => Reply::status(401),
    })
    .await;
    let resume = ["--parallel", "1", "--resume", &note];
    import(&broken, &file, &resume).await.expect_err("refused");
    let fake = Fake::start(|_, seen| Reply::accept(seen)).await;
    let other = [&resume[..], &["--subject", "x"]].concat();
    let outcome = import(&fake, &file, &other).await;
    assert_eq!(status(&outcome), 2);
    let again = [&other[..], &["--restart"]].concat();
    import(&fake, &file, &again).await.expect("starts again");
    assert_eq!(accepted_ids(&fake).len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_large_is_sent_in_parts() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = write(folder.path(), "a.ndjson", lines(100));
    let fake = Fake::start(|_, seen| {
        let events = seen.events();
        match events.len() {
            1 if events[0]["id"] == "13" => Reply::status(413),
            1..=7 if events.iter().all(|event| event["id"] != "13") => Reply::accept(seen),
            _ => Reply::status(413),
        }
    })
    .await;
    let outcome = import(&fake, &file, &["--batch", "50"]).await;
    assert_eq!(
        status(&outcome),
        3,
        "one event is too large however it is sent"
    );
    let accepted: HashSet<_> = fake
        .seen()
        .iter()
        .map(|seen| seen.events())
        .filter(|events| events.len() <= 7)
        .flatten()
        .map(|event| event["id"].to_string())
        .collect();
    assert!(accepted.len() >= 99);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_counts_rows_and_a_rate_holds_back() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = write(folder.path(), "a.ndjson", lines(100));
    let fake = Fake::start(|_, seen| Reply::accept(seen)).await;
    let started = std::time::Instant::now();
    import(&fake, &file, &["--limit", "25", "--rate", "50"])
        .await
        .expect("accepted");
    assert_eq!(accepted_ids(&fake).len(), 25);
    // The first ten go at once, the last five are due after 20 / 50 s.
    assert!(started.elapsed() >= Duration::from_millis(400));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_rejects_stop_the_import() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = write(folder.path(), "a.ndjson", lines(10_000));
    let fake = Fake::start(|_, seen| Reply::judge(seen, |_| Some("time-out-of-range"))).await;
    let outcome = import(&fake, &file, &["--max-rejects", "20"]).await;
    assert_eq!(status(&outcome), 1);
    assert!(fake.seen().len() < 900, "{} requests", fake.seen().len());
}
