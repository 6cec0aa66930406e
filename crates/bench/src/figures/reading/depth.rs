//! What page 10 000 costs beside page 1: both asked for in turn, after a walk there by cursors.

use std::time::Instant;

use anyhow::Context as _;
use memchr::memmem;

use crate::figures::Bench;
use crate::figures::table::Table;
use crate::progress::{say, short};
use crate::results::Figure;
use crate::rounds::Rounds;
use crate::stack::{Client, Program, Service, connect};

const EVENTS: u64 = 100;
/// How deep it goes, where the table is large enough; else half-way down.
const DEPTH: u64 = 10_000;
const FIRST: &str = "/v1/events?limit=100";

pub(super) async fn run(bench: &mut Bench, table: &Table) -> anyhow::Result<()> {
    let depth = DEPTH.min(table.rows / (2 * EVENTS)).max(2);
    let requests = bench.pick(60, 200);
    let stack = &bench.stack;
    // One process all along: a cursor ends with the process that gave it, where no secret is set.
    let service = Service::start(stack, Program::Query, &table.topic, &table.database).await?;
    let mut client = Client::open(&service.address, &stack.reader_key).await?;
    let started = Instant::now();
    let deep = walk(&mut client, depth).await?;
    check(&mut client, &deep, depth, table).await?;
    say(format!(
        "page_depth: walked to page {} in {:.1} s",
        short(depth as f64),
        started.elapsed().as_secs_f64()
    ));
    let (mut first, mut last) = (Rounds::default(), Rounds::default());
    for round in 1..=bench.rounds() {
        let (mut near, mut far) = (Rounds::default(), Rounds::default());
        for _ in 0..requests {
            near.push(milliseconds(&mut client, FIRST).await?);
            far.push(milliseconds(&mut client, &deep).await?);
        }
        say(format!(
            "page_depth {round}: page {} in {:.2} ms, page 1 in {:.2} ms",
            short(depth as f64),
            far.median(),
            near.median()
        ));
        first.push(near.median());
        last.push(far.median());
    }
    drop(client);
    service.stop().await?;
    let figure = Figure::new("page_depth", "ms", &last);
    bench
        .results
        .push(figure.beside("page 1 of the same listing", &first));
    Ok(())
}

/// Goes from page to page and returns the path of the page at that depth.
async fn walk(client: &mut Client, depth: u64) -> anyhow::Result<String> {
    let mut path = FIRST.to_owned();
    for page in 1..depth {
        let body = client.get(&path).await?;
        let next = text_behind(body, b"\"next\":\"")
            .with_context(|| format!("page {page} is the last one"))?;
        path = format!("{FIRST}&cursor={next}");
    }
    Ok(path)
}

/// The walk must have led to where SQL counts to, or what is measured is another page.
async fn check(client: &mut Client, path: &str, depth: u64, table: &Table) -> anyhow::Result<()> {
    let shown = text_behind(client.get(path).await?, b"\"uid\":\"")
        .context("the page shows no event")?
        .to_owned();
    let sql = connect(&table.database.url).await?;
    let row = sql
        .query_one(
            "SELECT uid::text FROM events ORDER BY time DESC, uid DESC OFFSET $1 LIMIT 1",
            &[&i64::try_from(depth * EVENTS - 1)?],
        )
        .await
        .context("count to the page")?;
    let expected: String = row.get(0);
    anyhow::ensure!(
        shown == expected,
        "page {depth} ends with {shown}, where {expected} is its last event"
    );
    Ok(())
}

/// What stands behind the last occurrence of a mark, up to the next quotation mark.
fn text_behind<'a>(body: &'a [u8], mark: &[u8]) -> Option<&'a str> {
    let rest = &body[memmem::rfind(body, mark)? + mark.len()..];
    let end = memchr::memchr(b'"', rest)?;
    std::str::from_utf8(&rest[..end]).ok()
}

async fn milliseconds(client: &mut Client, path: &str) -> anyhow::Result<f64> {
    let started = Instant::now();
    client.get(path).await?;
    Ok(started.elapsed().as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_event_and_the_cursor_of_a_page_are_found() {
        let body = br#"{"events":[{"uid":"a"},{"uid":"b"}],"next":"c1","prev":null}"#;
        assert_eq!(text_behind(body, b"\"uid\":\""), Some("b"));
        assert_eq!(text_behind(body, b"\"next\":\""), Some("c1"));
        assert_eq!(text_behind(br#"{"next":null}"#, b"\"next\":\""), None);
    }
}
