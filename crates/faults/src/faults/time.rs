//! Clocks that are wrong, and moments at which calendars break.

use std::time::Duration;

use event::Timestamp;

use super::Fault;
use crate::client::Sent;
use crate::scene::Scene;

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn faults() -> Vec<Fault> {
    vec![
        Fault::new(
            "clock-wrong-by-years",
            "11, 27",
            "producers whose clocks are wrong by minutes, months and years",
            |scene| Box::pin(clocks(scene)),
        ),
        Fault::new(
            "day-and-month-ends",
            "27",
            "the last microsecond and the first of each of the last thirteen months and fourteen days",
            |scene| Box::pin(ends(scene)),
        ),
        Fault::new(
            "leap-second",
            "11",
            "times with second 60, among good neighbours",
            |scene| Box::pin(leap_second(scene)),
        ),
    ]
}

async fn clocks(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    let now = Timestamp::now();
    // Within what is accepted, months without a partition among them.
    let fine = [0, 40, 100, 200, 300, 399].map(|days| now.saturating_sub(days * DAY));
    let ahead = now.saturating_add(Duration::from_secs(9 * 60));
    for time in fine.into_iter().chain([ahead]) {
        let events = [scene.client.event_at(Some(time))];
        let accepted = scene.client.deliver(&events).await;
        scene.require(accepted, format!("an event of {time} is accepted"));
    }
    for (time, what) in [
        (now.saturating_sub(402 * DAY), "more than 400 days ago"),
        (now.saturating_sub(20 * 365 * DAY), "twenty years ago"),
        (now.saturating_add(Duration::from_secs(3600)), "in an hour"),
        (now.saturating_add(10 * 365 * DAY), "in ten years"),
    ] {
        let wrong = Sent::new("clock", "wrong", Some(time));
        let (status, body) = scene.client.send_wrong(&[wrong]).await?;
        scene.require(
            status == 422 && body.contains("time-out-of-range"),
            format!("an event of {what} is refused with time-out-of-range, not {status} {body}"),
        );
    }
    scene.heal();
    Ok(())
}

async fn ends(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    let mut times = Vec::new();
    let sql = scene.stack.sql(&scene.database).await?;
    let rows = sql
        .query(
            "SELECT (extract(epoch FROM moment) * 1000000)::bigint FROM (
                SELECT date_trunc('month', now()) - months * interval '1 month' FROM generate_series(0, 12) months
                UNION
                SELECT date_trunc('day', now()) - days * interval '1 day' FROM generate_series(0, 13) days
             ) AS moments (moment)",
            &[],
        )
        .await?;
    for row in rows {
        let start = Timestamp::from_micros(row.get(0));
        times.push(start);
        times.push(start.saturating_sub(Duration::from_micros(1)));
    }
    let count = times.len();
    let events: Vec<Sent> = times
        .into_iter()
        .map(|time| scene.client.event_at(Some(time)))
        .collect();
    let accepted = scene.client.deliver(&events).await;
    scene.heal();
    scene.require(accepted, format!("all {count} events are accepted"));
    Ok(())
}

async fn leap_second(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    let now = Timestamp::now().to_string();
    let (day, _) = now.split_once('T').unwrap_or((&now, ""));
    for time in [
        format!("{day}T23:59:60Z"),
        "2016-12-31T23:59:60Z".to_owned(),
    ] {
        // A neighbour that is fine, and remembered by its own delivery.
        let good = scene.client.event();
        let mut wrong = Sent::new("clock", "leap", None);
        wrong.json = wrong
            .json
            .replace("\"subject\"", &format!("\"time\":\"{time}\",\"subject\""));
        let (status, body) = scene.client.send_wrong(&[wrong, good.clone()]).await?;
        scene.require(
            status == 207 && body.contains("time-invalid") && body.contains("\"accepted\":1"),
            format!("{time} is refused and its neighbour is not: {status} {body}"),
        );
        let accepted = scene.client.deliver(&[good]).await;
        scene.require(accepted, "the neighbour is accepted once more");
    }
    scene.heal();
    Ok(())
}
