//! Case 24 with a generator: hundreds of records that no ingest-api wrote, each with the fate it must have. The campaign (`make faults`) plays the same
//! records under load.

use super::*;

#[path = "../../../faults/src/faults/hostile/records.rs"]
mod records;

use records::{Fate, Hostile};

/// The time of the records that are otherwise good.
const TIME: &str = "2026-03-01T00:00:00Z";

fn raw(hostile: &Hostile) -> RawRecord {
    RawRecord {
        partition: Some(0),
        key: None,
        headers: hostile.headers.clone(),
        value: hostile.value.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_hundreds_of_hostile_records_ends_where_it_must_and_its_neighbours_are_stored() {
    let world = World::new(1).await;
    let hostile = records::records(24, 320, TIME);
    assert!(hostile.len() >= 200);
    // Every second record is good.
    let count = hostile.len();
    world
        .send_with(0..2 * count, |number| match number % 2 {
            0 => RawRecord::of(&event(number)).at(0),
            _ => raw(&hostile[number / 2]),
        })
        .await;
    let writer = world.writer(&[("dead_letters.burst", "100000")]);
    let all = i64::try_from(2 * count).expect("small");
    eventually(2 * PATIENCE, || async {
        match world.settled().await {
            settled if settled == all => Ok(()),
            settled => Err(settled),
        }
    })
    .await;
    let letters = world
        .sql
        .query(
            "SELECT kafka_offset, reason, detail FROM dead_letters ORDER BY kafka_offset",
            &[],
        )
        .await
        .expect("dead letters");
    let mut letters: std::collections::BTreeMap<i64, (String, String)> = letters
        .iter()
        .map(|row| (row.get(0), (row.get(1), row.get(2))))
        .collect();
    let mut wrong = Vec::new();
    let mut stored = i64::try_from(count).expect("small");
    for (index, hostile) in hostile.iter().enumerate() {
        let offset = i64::try_from(2 * index + 1).expect("small");
        let found = letters.remove(&offset);
        match (hostile.fate, &found) {
            (Fate::Stored, None) => stored += 1,
            (Fate::DeadLetter(expected), Some((reason, _))) if expected == reason => {}
            (expected, found) => wrong.push(format!(
                "{}: {found:?}, where {expected:?} was to be expected",
                hostile.about
            )),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(letters.is_empty(), "good ones were set aside: {letters:?}");
    assert_eq!(world.number("SELECT count(*) FROM events").await, stored);
    assert_eq!(
        world
            .number("SELECT sum(count)::bigint FROM event_counts")
            .await,
        stored
    );
    // The writer goes on.
    let more = 10_000;
    world
        .send_with(0..10, |number| RawRecord::of(&event(more + number)).at(0))
        .await;
    world.stored(stored + 10).await;
    writer.stop().await.expect("no fault");
}
