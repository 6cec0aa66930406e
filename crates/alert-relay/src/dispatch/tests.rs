//! Who is next.

use super::*;

fn index(mails: &[(u64, &str, Option<u64>, u64)]) -> Index {
    let mut index = Index::default();
    for (id, route, lane, next_ms) in mails {
        let head = Head {
            route: (*route).into(),
            lane: *lane,
            created_ms: 0,
            next_ms: *next_ms,
        };
        index.mails.insert(*id, head);
    }
    index
}

fn ready(index: &Index, busy: &[u64], room: usize) -> Vec<u64> {
    ready_mails(index, &busy.iter().copied().collect(), room, 100).0
}

#[test]
fn within_a_lane_one_mail_goes_after_the_other() {
    let index = index(&[
        (1, "a", Some(7), 0),
        (2, "a", Some(7), 0),
        (3, "a", Some(8), 0),
        (4, "b", Some(7), 0),
    ]);
    assert_eq!(ready(&index, &[], 9), [1, 3, 4]);
    assert_eq!(
        ready(&index, &[1], 9),
        [3, 4],
        "one under way keeps its lane"
    );
    assert_eq!(ready(&index, &[], 1), [1]);
}

#[test]
fn a_mail_that_waits_for_another_attempt_keeps_its_lane_and_no_other() {
    let index = index(&[
        (1, "a", Some(7), 500),
        (2, "a", Some(7), 0),
        (3, "a", Some(8), 0),
    ]);
    assert_eq!(ready(&index, &[], 9), [3]);
    assert_eq!(ready_mails(&index, &HashSet::new(), 9, 100).1, 500);
}

#[test]
fn a_digest_goes_after_all_mails_of_its_route_and_before_all_that_came_later() {
    let both = index(&[
        (1, "a", Some(7), 0),
        (2, "a", None, 0),
        (3, "a", Some(8), 0),
        (4, "b", Some(8), 0),
    ]);
    assert_eq!(ready(&both, &[], 9), [1, 4]);
    let alone = index(&[(2, "a", None, 0), (3, "a", Some(8), 0), (5, "a", None, 0)]);
    assert_eq!(ready(&alone, &[], 9), [2]);
}

#[test]
fn the_domain_of_a_message_id_is_that_of_the_sender() {
    assert_eq!(domain("Flumen <alerts@example.com>"), "example.com");
    assert_eq!(domain("nonsense"), "localhost");
}
