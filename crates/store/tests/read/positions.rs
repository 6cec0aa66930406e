//! The feed's positions, and statistics, as the writer's own path leaves them.

use event::Timestamp;
use store::read::{FeedPosition, FeedQuery, GroupBy, ReadError, StatsQuery};

use crate::support::{NOON, Store, TOPIC, event, ids, sources};

fn all(limit: usize) -> FeedQuery {
    FeedQuery {
        filter: sources(&["*"]),
        limit,
        max_bytes: 1 << 20,
        fields: store::read::Fields::ALL,
    }
}

#[tokio::test]
async fn a_position_advances_to_the_checkpoint_and_no_further() {
    let store = Store::start().await;
    store
        .write(0, 0, &[event("a", "1", NOON), event("a", "2", NOON)])
        .await;
    // A repeat is no row, and yet below the checkpoint.
    store.write(0, 2, &[event("a", "1", NOON)]).await;
    let page = store
        .reader
        .feed(TOPIC, &FeedPosition::default(), &all(10))
        .await
        .expect("a page");
    assert_eq!(ids(&page.events), ["1", "2"]);
    assert_eq!(page.next.next.get(&0), Some(&3));
    assert!(page.is_caught_up);
    let again = store
        .reader
        .feed(TOPIC, &page.next, &all(10))
        .await
        .expect("a page");
    assert!(again.events.is_empty() && again.next == page.next);
    store
        .write(1, 0, &[event("a", "3", NOON - 1_000_000)])
        .await;
    let more = store
        .reader
        .feed(TOPIC, &again.next, &all(10))
        .await
        .expect("a page");
    assert_eq!(
        ids(&more.events),
        ["3"],
        "a partition that is new is read from its beginning"
    );
}

#[tokio::test]
async fn a_position_ahead_of_a_lagging_replica_stays_where_it_is() {
    let store = Store::start().await;
    store.write(0, 0, &[event("a", "1", NOON)]).await;
    let reached = store.reader.checkpoints(TOPIC).await.expect("checkpoints");
    let ahead = FeedPosition {
        next: [(0, 5)].into(),
        ..FeedPosition::from(reached)
    };
    let page = store
        .reader
        .feed(TOPIC, &ahead, &all(10))
        .await
        .expect("a page");
    assert!(page.events.is_empty() && page.is_caught_up);
    assert_eq!(page.next, ahead);
    let foreign = FeedPosition {
        log: ahead.log ^ 1,
        ..ahead
    };
    assert!(matches!(
        store.reader.feed(TOPIC, &foreign, &all(10)).await,
        Err(ReadError::LogReplaced)
    ));
}

#[tokio::test]
async fn counts_are_those_of_the_rows_that_are_there() {
    let store = Store::start().await;
    let events: Vec<_> = (0..90)
        .map(|n| {
            event(
                ["a", "b", "b"][n % 3],
                format!("{n}"),
                NOON + n as i64 * 2_000_000,
            )
        })
        .collect();
    store.write(0, 0, &events).await;
    // All of it again: repeats are not counted.
    store.write(0, 90, &events).await;
    let at = |minute: i64| Timestamp::from_micros(NOON + minute * 60_000_000);
    let query = StatsQuery {
        filter: sources(&["*"]),
        from: at(0),
        to: at(4),
        bucket_seconds: 60,
        by: GroupBy::Source,
        max_series: 10,
    };
    let stats = store.reader.stats(&query).await.expect("counts");
    let shown: Vec<_> = stats
        .series
        .iter()
        .map(|series| {
            (
                series.key.as_deref(),
                series.total,
                series.counts.as_slice(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            (Some("b"), 60, &[20, 20, 20, 0][..]),
            (Some("a"), 30, &[10, 10, 10, 0][..])
        ]
    );
}
