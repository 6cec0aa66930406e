//! Faults of PostgreSQL (case 23): an outage of any kind is waited for, nothing is set aside, and lag drains when it is over.

mod disk;
mod failover;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio_postgres::Client;

use super::Fault;
use crate::audit::Log;
use crate::scene::Scene;

const SECOND: Duration = Duration::from_secs(1);
/// How long each outage lasts, unless it is said otherwise: longer than a member's session, so that losing it would show.
const SPELL: Duration = Duration::from_secs(9);
/// After the end of an outage, until all that piled up is stored: a second or two on a quiet machine.
const DRAINED_WITHIN: Duration = Duration::from_secs(10);
/// Long enough for anything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The writer says after this long that the database is out.
const UNREADY: &str = "readiness.outage=2s";
/// The server ends a statement that waits longer for a lock.
const LOCK_TIMEOUT: &str = "database.lock_timeout=2s";

pub(super) fn faults() -> Vec<Fault> {
    let mut faults = vec![
        Fault::new(
            "postgres-killed",
            "23",
            "kill -9 of the postmaster, three seconds without, and a new one",
            |scene| Box::pin(killed(scene)),
        )
        .reduced(),
        Fault::new(
            "postgres-backend-killed",
            "23",
            "kill -9 of the server's process that works for the writer, five times: the server ends every session and recovers",
            |scene| Box::pin(backend_killed(scene)),
        )
        .soak(),
        Fault::new(
            "postgres-sessions-ended",
            "23",
            "every session of the writer is ended, ten times, at random moments",
            |scene| Box::pin(sessions_ended(scene)),
        )
        .soak(),
        Fault::new(
            "postgres-read-only",
            "23",
            "the whole server is read-only",
            |scene| Box::pin(read_only(scene)),
        )
        .set_writer(UNREADY)
        .reduced(),
        Fault::new(
            "postgres-locked",
            "23",
            "ALTER TABLE events holds its ACCESS EXCLUSIVE lock for a minute",
            |scene| Box::pin(locked(scene)),
        )
        .set_writer(UNREADY)
        .set_writer(LOCK_TIMEOUT),
        Fault::new(
            "postgres-deadlock",
            "23",
            "deadlocks with the writer, ten times",
            |scene| Box::pin(deadlock(scene)),
        )
        .reduced(),
        Fault::new(
            "postgres-out-of-connections",
            "23",
            "others hold every connection that the server takes",
            |scene| Box::pin(out_of_connections(scene)),
        )
        .set_writer(UNREADY),
    ];
    faults.extend(disk::faults());
    faults.extend(failover::faults());
    faults
}

/// The writer says that the database is out, stays a member of its group, and is alive; said when an outage has lasted a while.
async fn is_told(scene: &mut Scene) {
    let writer = &scene.writers[0];
    let outage = writer.metric("flumen_writer_database_outage").await;
    let (ready, runs) = (writer.is_ready().await, writer.runs());
    scene.require(
        outage == Some(1.0),
        format!("the metric flumen_writer_database_outage is 1 in an outage (it is {outage:?})"),
    );
    scene.require(!ready, "the writer is not ready in an outage");
    scene.require(runs, "the writer waits for the database and does not end");
}

/// What piled up is stored soon, without anybody doing anything, and the writer says that all is well.
async fn is_over(scene: &mut Scene) -> anyhow::Result<()> {
    scene.heal();
    let healed = Instant::now();
    // What had been accepted by the end of the outage; more comes all the time.
    let end = Log::end(&scene.stack, &scene.topic, scene.partitions).await?;
    let before = scene.progress.settled();
    let drained = scene
        .wait_for("the lag to drain", PATIENCE, |scene| {
            scene.progress.settled() >= end
        })
        .await;
    let took = healed.elapsed();
    scene.require(
        drained.is_ok() && took <= DRAINED_WITHIN,
        format!(
            "the lag of {} records is drained within {} s (it took {:.1} s)",
            end - before,
            DRAINED_WITHIN.as_secs(),
            took.as_secs_f64()
        ),
    );
    scene.notes.push(format!(
        "{} records of lag drained within {:.1} s",
        end - before,
        took.as_secs_f64()
    ));
    let deadline = Instant::now() + PATIENCE;
    while !scene.writers[0].is_ready().await {
        anyhow::ensure!(Instant::now() < deadline, "the writer is ready again");
        scene.pass(SECOND / 10).await;
    }
    let outage = scene.writers[0]
        .metric("flumen_writer_database_outage")
        .await;
    scene.require(
        outage == Some(0.0),
        "the metric flumen_writer_database_outage is 0 again",
    );
    Ok(())
}

/// Ends every session of the writer.
async fn end_sessions(sql: &Client, database: &str) -> anyhow::Result<()> {
    sql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = $1 AND application_name = 'flumen-writer'",
        &[&database],
    )
    .await
    .context("end the writer's sessions")?;
    Ok(())
}

async fn killed(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    let stack = std::sync::Arc::clone(&scene.stack);
    stack.postgres.lock().await.kill().await;
    scene.pass(3 * SECOND).await;
    stack.postgres.lock().await.start_again().await?;
    is_over(scene).await
}

async fn backend_killed(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    for _ in 0..5 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            anyhow::ensure!(
                Instant::now() < deadline,
                "the writer is never seen at work"
            );
            // The server may be recovering from the last one still.
            let at_work = scene
                .number(
                    "SELECT coalesce(max(pid), 0)::int8 FROM pg_stat_activity \
                     WHERE datname = current_database() AND application_name = 'flumen-writer' AND state <> 'idle'",
                )
                .await
                .unwrap_or_default();
            if at_work > 0 {
                // It may have ended since.
                let _ = Command::new("kill")
                    .args(["-9", &at_work.to_string()])
                    .output();
                break;
            }
        }
        scene.pass_about(SECOND, 2 * SECOND).await;
    }
    is_over(scene).await
}

async fn sessions_ended(scene: &mut Scene) -> anyhow::Result<()> {
    let sql = scene.stack.sql("postgres").await?;
    scene.inject();
    for _ in 0..10 {
        end_sessions(&sql, &scene.database).await?;
        scene.pass_about(SECOND / 20, SECOND).await;
    }
    is_over(scene).await
}

async fn read_only(scene: &mut Scene) -> anyhow::Result<()> {
    let sql = scene.stack.sql("postgres").await?;
    let switch = async |to: &str| -> anyhow::Result<()> {
        // `ALTER SYSTEM` counts as read-only itself.
        let statement = format!("ALTER SYSTEM SET default_transaction_read_only = {to}");
        sql.batch_execute(&statement).await?;
        sql.batch_execute("SELECT pg_reload_conf()").await?;
        Ok(())
    };
    switch("on").await?;
    scene.inject();
    scene.pass(SPELL).await;
    is_told(scene).await;
    switch("off").await?;
    is_over(scene).await
}

async fn locked(scene: &mut Scene) -> anyhow::Result<()> {
    let sql = scene.stack.sql(&scene.database).await?;
    sql.batch_execute("BEGIN; ALTER TABLE events ADD COLUMN held int")
        .await
        .context("lock the table")?;
    scene.inject();
    scene.pass(55 * SECOND).await;
    is_told(scene).await;
    scene.pass(5 * SECOND).await;
    sql.batch_execute("ROLLBACK").await?;
    is_over(scene).await
}

/// The writer moves checkpoints first and adds counts last; this does it the other way round.
async fn deadlock(scene: &mut Scene) -> anyhow::Result<()> {
    let sql = scene.stack.sql(&scene.database).await?;
    let other = scene.stack.sql(&scene.database).await?;
    scene.inject();
    let mut aborted = 0;
    for _ in 0..10 {
        sql.batch_execute("BEGIN; LOCK TABLE event_counts IN ACCESS EXCLUSIVE MODE")
            .await
            .context("lock the counts")?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let row = other
                .query_one(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND application_name = 'flumen-writer' AND cardinality(pg_blocking_pids(pid)) > 0",
                    &[],
                )
                .await?;
            if row.get::<_, i64>(0) > 0 {
                break;
            }
            anyhow::ensure!(
                Instant::now() < deadline,
                "the writer never waits for the lock"
            );
            scene.pass(SECOND / 100).await;
        }
        // Whoever has waited longer finds it out first, and is the one to give way: the writer. The rows are those of one of its lanes, and
        // so of one transaction.
        let rows = "SELECT * FROM checkpoints WHERE kafka_partition % 2 = 0 FOR UPDATE";
        match sql.batch_execute(rows).await {
            Ok(()) => sql.batch_execute("COMMIT").await?,
            Err(_) => {
                aborted += 1;
                sql.batch_execute("ROLLBACK").await?;
            }
        }
    }
    // The statistics come a little later.
    scene.pass(2 * SECOND).await;
    let deadlocks = scene
        .number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        .await?;
    scene.require(
        deadlocks > aborted,
        format!("the writer was the victim of a deadlock ({deadlocks} deadlocks, {aborted} times the other side gave way)"),
    );
    scene.notes.push(format!(
        "{deadlocks} deadlocks, in {} of them the writer gave way",
        deadlocks - aborted
    ));
    is_over(scene).await
}

async fn out_of_connections(scene: &mut Scene) -> anyhow::Result<()> {
    let sql = scene.stack.sql("postgres").await?;
    let mut held = Vec::new();
    scene.inject();
    let until = Instant::now() + SPELL;
    while Instant::now() < until {
        end_sessions(&sql, &scene.database).await?;
        // Every connection there is, also those that are for superusers, and the ones that have just become free.
        while let Ok(another) = scene.stack.sql("postgres").await {
            held.push(another);
        }
        scene.pass(SECOND / 50).await;
    }
    anyhow::ensure!(
        held.len() > 50,
        "only {} connections could be had",
        held.len()
    );
    // Now and then the writer gets a connection before others do, so its readiness wavers; that it was out is counted.
    let outages = scene.writers[0]
        .metric("flumen_writer_database_outages_total")
        .await;
    scene.require(
        outages >= Some(1.0),
        format!("the metric flumen_writer_database_outages_total tells of it ({outages:?})"),
    );
    scene
        .notes
        .push(format!("{} connections were held", held.len()));
    drop(held);
    is_over(scene).await
}
