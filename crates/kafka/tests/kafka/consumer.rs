use super::*;
use kafka::ConsumerMetrics;

fn consumer(config: &Config) -> Consumer {
    Consumer::new(config, ConsumerMetrics::default()).expect("a consumer")
}

/// Polls until so many records have come, and returns their positions.
fn take(consumer: &Consumer, records: usize) -> Vec<(i32, i64)> {
    let mut positions = Vec::new();
    eventually("records", Duration::from_secs(30), || {
        if let Polled::Record(record) = consumer.poll(Duration::from_millis(50)) {
            positions.push((record.partition(), record.offset()));
        }
        positions.len() == records
    });
    positions
}

#[tokio::test]
async fn reads_from_the_given_offset_on_and_shows_the_record_as_it_was_sent() {
    let config = topic(1).await;
    fill(&available(&config), 0, 5).await;
    let consumer = consumer(&config);
    assert_eq!(assigned(&consumer), [0]);
    consumer.assign(&[(0, 3)]).expect("assigned");
    let mut seen = 0;
    eventually("the record at offset 3", Duration::from_secs(20), || {
        if let Polled::Record(record) = consumer.poll(Duration::from_millis(50)) {
            assert_eq!((record.partition(), record.offset()), (0, 3));
            assert_eq!(record.topic(), config.topic);
            assert_eq!(record.key(), Some(&b"key"[..]));
            assert_eq!(record.value(), Some(&b"value-3"[..]));
            assert_eq!(record.timestamp_millis(), Some(1_700_000_000_000));
            assert_eq!(record.headers(), [("index", Some(&b"3"[..]))]);
            assert_eq!(record.bytes(), 10);
            seen += 1;
        }
        seen == 1
    });
    assert!(consumer.close(Duration::from_secs(10)));
}

#[tokio::test]
async fn nothing_is_read_before_the_positions_are_known_and_membership_is_kept_meanwhile() {
    let config = topic(2).await;
    fill(&available(&config), 0, 3).await;
    let consumer = consumer(&config);
    assert_eq!(assigned(&consumer), [0, 1]);
    // Longer than the session timeout of 6 s: a database that is slow to answer.
    let until = Instant::now() + Duration::from_secs(8);
    while Instant::now() < until {
        assert!(matches!(
            consumer.poll(Duration::from_millis(100)),
            Polled::Idle
        ));
    }
    consumer.assign(&[(0, 0), (1, 0)]).expect("assigned late");
    assert_eq!(take(&consumer, 3), [(0, 0), (0, 1), (0, 2)]);
}

#[tokio::test]
async fn partitions_move_to_a_new_member_and_back_at_once_when_it_leaves() {
    let config = topic(2).await;
    let first = consumer(&config);
    assert_eq!(assigned(&first), [0, 1]);
    first.assign(&[(0, 0), (1, 0)]).expect("assigned");
    let second = consumer(&config);
    let (mut of_first, mut of_second) = (Vec::new(), Vec::new());
    let mut revoked = Vec::new();
    eventually("each has one partition", Duration::from_secs(30), || {
        match first.poll(Duration::from_millis(10)) {
            Polled::Event(Event::Assigned(partitions)) => of_first = partitions,
            Polled::Event(Event::Revoked { partitions, lost }) => {
                assert!(!lost, "an orderly rebalance");
                revoked = partitions;
                first.release().expect("released");
            }
            _ => {}
        }
        if let Polled::Event(Event::Assigned(partitions)) = second.poll(Duration::from_millis(10)) {
            of_second = partitions;
        }
        of_first.len() == 1 && of_second.len() == 1
    });
    assert_eq!(revoked, [0, 1]);
    assert_ne!(of_first, of_second);
    let left = Instant::now();
    assert!(second.close(Duration::from_secs(10)));
    assert_eq!(assigned(&first), [0, 1]);
    // Well below the session timeout of 6 s: the member said that it leaves.
    assert!(
        left.elapsed() < Duration::from_secs(5),
        "took {:?}",
        left.elapsed()
    );
}

#[tokio::test]
async fn an_offset_outside_the_log_is_reported_and_never_reset() {
    let config = topic(1).await;
    fill(&available(&config), 0, 3).await;
    let consumer = consumer(&config);
    assert_eq!(assigned(&consumer), [0]);
    consumer.assign(&[(0, 1_000)]).expect("assigned");
    let mut reported = false;
    eventually("the fault is reported", Duration::from_secs(20), || {
        match consumer.poll(Duration::from_millis(50)) {
            Polled::Event(Event::OffsetOutOfRange) => reported = true,
            Polled::Record(record) => panic!("jumped to offset {}", record.offset()),
            _ => {}
        }
        reported
    });
}

#[tokio::test]
async fn resumes_where_it_was_paused() {
    let config = topic(1).await;
    let producer = available(&config);
    fill(&producer, 0, 2_000).await;
    let consumer = consumer(&config);
    assigned(&consumer);
    consumer.assign(&[(0, 0)]).expect("assigned");
    let mut positions = take(&consumer, 700);
    consumer.pause(&[0]).expect("paused");
    let until = Instant::now() + Duration::from_secs(1);
    while Instant::now() < until {
        assert!(matches!(
            consumer.poll(Duration::from_millis(20)),
            Polled::Idle
        ));
    }
    consumer.resume(&[0]).expect("resumed");
    positions.extend(take(&consumer, 1_300));
    let expected: Vec<_> = (0..2_000).map(|offset| (0, offset)).collect();
    assert_eq!(positions, expected, "no gap and no double");
}

#[tokio::test]
async fn a_member_that_rejoins_is_given_its_partitions_again() {
    let config = topic(1).await;
    let consumer = consumer(&config);
    assert_eq!(assigned(&consumer), [0]);
    consumer.assign(&[(0, 0)]).expect("assigned");
    consumer.rejoin().expect("rejoined");
    assert_eq!(assigned(&consumer), [0]);
}

#[tokio::test]
async fn knows_the_cluster_and_the_range_of_the_log() {
    let config = topic(1).await;
    fill(&available(&config), 0, 4).await;
    let consumer = consumer(&config);
    let log = consumer.log();
    let wait = Duration::from_secs(10);
    assert_eq!(
        log.cluster_id(wait).expect("told"),
        admin().cluster_id().await.expect("told")
    );
    assert_eq!(log.range(0, wait).expect("told"), 0..4);
    assert!(log.range(7, wait).is_err(), "there is no partition 7");
}
