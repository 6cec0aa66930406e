use super::*;

#[test]
fn an_event_that_came_back_with_more_is_the_same() {
    let sent = event("a");
    let mut shown = sent.clone();
    shown["uid"] = json!("0190");
    shown["kafkaoffset"] = json!(3);
    compare::same(&sent, &shown).expect("the same event");
}

#[test]
fn times_may_be_written_differently() {
    let sent = json!({"time": "2026-11-21T08:00:00.5Z"});
    let shown = json!({"time": "2026-11-21T09:00:00.500000+01:00"});
    compare::same(&sent, &shown).expect("the same instant");
}

#[test]
fn what_changed_is_named() {
    for (sent, shown) in [
        (json!({"data": {"a": 1}}), json!({"data": {"a": 2}})),
        (json!({"data": 1}), json!({})),
        (
            json!({"data": 9_007_199_254_740_993_i64}),
            json!({"data": 9_007_199_254_740_992_i64}),
        ),
    ] {
        let error = compare::same(&sent, &shown).expect_err("it differs");
        assert!(error.to_string().contains("`data`"));
    }
}
