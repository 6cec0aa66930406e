//! What is kept, in which order it leaves, and what stays when there is no room.

use prometheus_client::registry::Registry;
use service::config::ByteSize;
use tempfile::TempDir;

use super::*;
use crate::alert::{Links, Status};

fn settings(folder: &TempDir) -> config::Outbox {
    config::Outbox {
        path: folder.path().join("outbox.redb"),
        max_bytes: ByteSize(1 << 20),
        cache_bytes: ByteSize(1 << 20),
        dedup_window: Duration::from_secs(60),
        dedup_alerts: 1000,
        max_dead_letters: 2,
    }
}

fn open(settings: &config::Outbox) -> (Outbox, JoinHandle<()>) {
    Outbox::open(settings, Metrics::register(&mut Registry::default())).expect("opened")
}

fn close((outbox, thread): (Outbox, JoinHandle<()>)) {
    drop(outbox);
    thread.join().expect("ended");
}

fn alert(fingerprint: &str, status: Status, began: &str) -> Alert {
    Alert {
        status,
        name: "Down".to_owned(),
        severity: "critical".to_owned(),
        fingerprint: fingerprint.to_owned(),
        starts_at: began.to_owned(),
        ends_at: String::new(),
        summary: String::new(),
        description: String::new(),
        labels: Default::default(),
        annotations: Default::default(),
        values: Default::default(),
        links: Links::default(),
    }
}

fn drafts(lane: u64, alerts: &[(&str, Status, &str)]) -> Vec<Draft> {
    let route: Arc<str> = "r".into();
    alerts
        .iter()
        .map(|(fingerprint, status, began)| {
            Draft::new(&route, lane, &alert(fingerprint, *status, began), 1)
        })
        .collect()
}

fn what(lanes: &[u64], is_digest: bool) -> Compose {
    Compose {
        route: "r".into(),
        lanes: lanes.to_vec(),
        is_digest,
        to: vec!["a@example.com".to_owned()],
        max_alerts: 3,
        domain: "example.com".to_owned(),
        now_ms: 5,
    }
}

async fn compose(outbox: &Outbox, lanes: &[u64], is_digest: bool) -> Mail {
    let id = outbox
        .compose(what(lanes, is_digest))
        .await
        .expect("composed")
        .expect("a mail");
    outbox.load(id).await.expect("read").expect("there")
}

#[tokio::test]
async fn the_same_alert_in_the_same_state_is_taken_once_within_the_window() {
    let folder = TempDir::new().expect("a folder");
    let settings = settings(&folder);
    let open_one = open(&settings);
    let outbox = &open_one.0;
    let twice = [
        ("a", Status::Firing, "t1"),
        ("a", Status::Firing, "t1"),
        ("a", Status::Resolved, "t1"),
        ("a", Status::Firing, "t2"),
    ];
    assert_eq!(
        outbox.accept(drafts(1, &twice), 1000).await.expect("taken"),
        Accepted {
            new: 3,
            duplicates: 1
        }
    );
    assert_eq!(
        outbox
            .accept(drafts(1, &twice), 60_999)
            .await
            .expect("taken"),
        Accepted {
            new: 0,
            duplicates: 4
        }
    );
    close(open_one);
    let open_again = open(&settings);
    let outbox = &open_again.0;
    assert_eq!(
        outbox
            .accept(drafts(1, &twice[..1]), 60_999)
            .await
            .expect("taken")
            .duplicates,
        1,
        "a restart forgets nothing"
    );
    assert_eq!(
        outbox
            .accept(drafts(1, &twice[..1]), 61_000)
            .await
            .expect("taken")
            .new,
        1,
        "a reminder after the window"
    );
    outbox.forget(200_000).await.expect("forgotten");
    assert_eq!(
        outbox
            .accept(drafts(1, &twice[1..3]), 200_000)
            .await
            .expect("taken")
            .new,
        2
    );
    close(open_again);
}

#[tokio::test]
async fn every_state_of_an_alert_is_told_in_its_order() {
    let folder = TempDir::new().expect("a folder");
    let open_one = open(&settings(&folder));
    let outbox = &open_one.0;
    let flapping = [
        ("a", Status::Firing, "t1"),
        ("b", Status::Resolved, "t0"),
        ("a", Status::Resolved, "t1"),
        ("a", Status::Firing, "t2"),
    ];
    outbox.accept(drafts(1, &flapping), 1).await.expect("taken");
    let told = |mail: &Mail| {
        mail.alerts
            .iter()
            .map(|alert| (alert.fingerprint.clone(), alert.status))
            .collect::<Vec<_>>()
    };
    let of = |fingerprint: &str, status| (fingerprint.to_owned(), status);
    assert_eq!(
        told(&compose(outbox, &[1], false).await),
        [of("a", Status::Firing), of("b", Status::Resolved)]
    );
    assert_eq!(outbox.index().alerts, 2);
    assert_eq!(
        told(&compose(outbox, &[1], false).await),
        [of("a", Status::Resolved)]
    );
    assert_eq!(
        told(&compose(outbox, &[1], false).await),
        [of("a", Status::Firing)]
    );
    assert_eq!(
        outbox.compose(what(&[1], false)).await.expect("composed"),
        None
    );
    assert!(outbox.index().groups.is_empty());
    close(open_one);
}

#[tokio::test]
async fn a_digest_tells_the_last_state_of_each_and_counts_what_it_does_not_show() {
    let folder = TempDir::new().expect("a folder");
    let open_one = open(&settings(&folder));
    let outbox = &open_one.0;
    for number in 0..10 {
        let fingerprint = number.to_string();
        outbox
            .accept(drafts(number, &[(&fingerprint, Status::Firing, "t1")]), 1)
            .await
            .expect("taken");
    }
    outbox
        .accept(drafts(0, &[("0", Status::Resolved, "t1")]), 1)
        .await
        .expect("taken");
    let mail = compose(outbox, &(0..10).collect::<Vec<_>>(), true).await;
    assert_eq!((mail.firing, mail.resolved, mail.alerts.len()), (9, 1, 3));
    assert!(
        mail.alerts
            .iter()
            .all(|alert| alert.status == Status::Firing)
    );
    assert_eq!(
        mail.more
            .iter()
            .map(|count| (count.status, count.count))
            .collect::<Vec<_>>(),
        [(Status::Firing, 6), (Status::Resolved, 1)]
    );
    assert!(mail.is_digest() && outbox.index().groups.is_empty());
    close(open_one);
}

#[tokio::test]
async fn a_mail_is_the_same_after_a_restart() {
    let folder = TempDir::new().expect("a folder");
    let settings = settings(&folder);
    let first = open(&settings);
    first
        .0
        .accept(drafts(1, &[("a", Status::Firing, "t1")]), 1)
        .await
        .expect("taken");
    first
        .0
        .accept(drafts(2, &[("b", Status::Firing, "t1")]), 1)
        .await
        .expect("taken");
    let mail = compose(&first.0, &[1], false).await;
    let bytes = first.0.index().bytes;
    close(first);
    let second = open(&settings);
    assert_eq!(
        second.0.load(mail.id).await.expect("read"),
        Some(mail.clone())
    );
    {
        let index = second.0.index();
        assert_eq!(
            (index.bytes, index.alerts, index.mails.len()),
            (bytes, 1, 1)
        );
    }
    let other = compose(&second.0, &[2], false).await;
    assert!(other.id > mail.id && other.message_id != mail.message_id);
    second.0.finish(mail.id).await.expect("finished");
    second.0.finish(other.id).await.expect("finished");
    assert_eq!(second.0.index().bytes, 0, "what left takes no room");
    close(second);
}

#[tokio::test]
async fn a_full_outbox_takes_nothing_and_goes_on_when_there_is_room() {
    let folder = TempDir::new().expect("a folder");
    let open_one = open(&settings(&folder));
    let outbox = &open_one.0;
    let mut taken = 0;
    let error = loop {
        let many: Vec<_> = (0..100).map(|number| format!("{taken}-{number}")).collect();
        let many: Vec<_> = many
            .iter()
            .map(|fingerprint| (fingerprint.as_str(), Status::Firing, "t1"))
            .collect();
        match outbox.accept(drafts(1, &many), 1).await {
            Ok(accepted) => taken += accepted.new,
            Err(error) => break error,
        }
        assert!(taken < 100_000, "a megabyte has an end");
    };
    assert!(matches!(error, OutboxError::Full), "{error}");
    assert_eq!(outbox.index().alerts, taken);
    let mail = compose(outbox, &[1], false).await;
    assert_eq!(mail.firing, taken);
    assert_eq!(
        outbox
            .accept(drafts(1, &[("new", Status::Firing, "t1")]), 1)
            .await
            .expect("room again")
            .new,
        1
    );
    close(open_one);
}

/// Dead letters and mails.
fn counts(outbox: &Outbox) -> (u64, usize) {
    let index = outbox.index();
    (index.dead, index.mails.len())
}

#[tokio::test]
async fn dead_letters_are_kept_up_to_a_number_and_can_be_tried_again() {
    let folder = TempDir::new().expect("a folder");
    let open_one = open(&settings(&folder));
    let outbox = &open_one.0;
    for lane in 0..3 {
        let fingerprint = lane.to_string();
        outbox
            .accept(drafts(lane, &[(&fingerprint, Status::Firing, "t1")]), 1)
            .await
            .expect("taken");
        let mut mail = compose(outbox, &[lane], false).await;
        (mail.attempts, mail.last_error) = (9, "refused".to_owned());
        outbox.bury(mail).await.expect("buried");
    }
    assert_eq!(counts(outbox), (2, 0));
    let letters = outbox.dead_letters(10).await.expect("read");
    assert_eq!(
        letters
            .iter()
            .map(|mail| mail.alerts[0].fingerprint.as_str())
            .collect::<Vec<_>>(),
        ["2", "1"],
        "the oldest is gone"
    );
    assert_eq!(outbox.revive(77).await.expect("revived"), 2);
    assert_eq!(counts(outbox), (0, 2));
    let again = outbox
        .load(letters[0].id)
        .await
        .expect("read")
        .expect("there");
    assert_eq!(
        (again.attempts, again.next_ms, &again.message_id),
        (0, 77, &letters[0].message_id)
    );
    close(open_one);
}

#[tokio::test]
async fn a_file_has_one_owner() {
    let folder = TempDir::new().expect("a folder");
    let settings = settings(&folder);
    let first = open(&settings);
    let error = Outbox::open(&settings, Metrics::register(&mut Registry::default()))
        .map(drop)
        .expect_err("taken")
        .to_string();
    assert!(
        error.contains("outbox.redb") && error.contains("one process"),
        "{error}"
    );
    close(first);
}
