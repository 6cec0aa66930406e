//! Fail-over to a standby: rows and checkpoint move together, so the writer goes on from whatever checkpoint the new primary has.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use devstack::{Postgres, PostgresConfig, Progress, Purpose};

use super::{Fault, PATIENCE, SECOND, is_over};
use crate::proxy::{Link, Weather};
use crate::report::say;
use crate::scene::Scene;
use crate::stack::Stack;

pub(super) fn faults() -> Vec<Fault> {
    vec![
        Fault::new(
            "postgres-failover",
            "23",
            "kill -9 of the primary, and its synchronous standby is promoted",
            |scene| Box::pin(failover(scene, true)),
        ),
        Fault::new(
            "postgres-failover-lagging",
            "23",
            "kill -9 of the primary, and a standby is promoted that misses the last three seconds: the writer stores them again",
            |scene| Box::pin(failover(scene, false)),
        ),
    ]
}

async fn failover(scene: &mut Scene, synchronous: bool) -> anyhow::Result<()> {
    let stack = Arc::clone(&scene.stack);
    // The way from the standby to the primary, which can be cut.
    let way = Link::open(1).await?;
    let primary = stack.postgres.lock().await.address();
    way.lead_to(0, vec![primary]);
    let standby = standby_of(&stack, &way).await?;
    let sql = stack.sql("postgres").await?;
    if synchronous {
        sql.batch_execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            .await?;
        sql.batch_execute("SELECT pg_reload_conf()").await?;
    }
    let state = if synchronous { "sync" } else { "async" };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let row = sql
            .query_one(
                "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = $1",
                &[&state],
            )
            .await?;
        if row.get::<_, i64>(0) == 1 {
            break;
        }
        anyhow::ensure!(Instant::now() < deadline, "the standby does not stream");
        scene.pass(SECOND / 10).await;
    }
    scene.pass(2 * SECOND).await;
    if !synchronous {
        way.set(Weather::Cut);
        scene.pass(3 * SECOND).await;
    }
    let before = scene
        .number("SELECT sum(next_offset)::int8 FROM checkpoints")
        .await?;
    scene.inject();
    stack.postgres.lock().await.kill().await;
    standby.promote().await?;
    stack.postgres_moved(&standby.postgres.address());
    // From here on, for the rest of the campaign, this one is the server.
    *stack.postgres.lock().await = standby.postgres;
    let found = scene
        .number("SELECT sum(next_offset)::int8 FROM checkpoints")
        .await?;
    if !synchronous {
        scene.require(
            found < before,
            format!("the standby lagged: its checkpoints say {found}, those of the primary said {before}"),
        );
        scene.notes.push(format!(
            "{} records were stored again after the standby was promoted without them",
            before - found
        ));
    }
    is_over(scene).await
}

/// A standby, whose primary is the campaign's server.
struct Standby {
    postgres: Postgres,
}

impl Standby {
    /// Makes it the primary.
    async fn promote(&self) -> anyhow::Result<()> {
        let (client, connection) =
            tokio_postgres::connect(&self.postgres.url("postgres"), tokio_postgres::NoTls)
                .await
                .context("connect to the standby")?;
        tokio::spawn(async move { drop(connection.await) });
        let row = client
            .query_one("SELECT pg_promote(true, 60)", &[])
            .await
            .context("promote the standby")?;
        anyhow::ensure!(row.get::<_, bool>(0), "the standby was not promoted");
        Ok(())
    }
}

/// Copies the running server's data folder, as the low-level backup of PostgreSQL's manual does, and follows the server from there.
async fn standby_of(stack: &Stack, way: &Link) -> anyhow::Result<Standby> {
    let primary = stack.postgres.lock().await.log();
    let primary = primary.parent().context("a folder")?;
    let folder = stack.path(&stack.unique("standby"));
    fs::create_dir(&folder).context("make a folder")?;
    let sql = stack.sql("postgres").await?;
    sql.batch_execute("SELECT pg_backup_start('standby', true)")
        .await
        .context("begin the copy")?;
    let data = folder.join("data");
    let (from, to) = (primary.join("data"), data.clone());
    tokio::task::spawn_blocking(move || copy(&from, &to)).await??;
    let row = sql
        .query_one("SELECT labelfile FROM pg_backup_stop(false)", &[])
        .await
        .context("end the copy")?;
    let label: String = row.get(0);
    fs::write(data.join("backup_label"), label)?;
    fs::write(data.join("standby.signal"), "")?;
    fs::write(folder.join("initialised"), "")?;
    let _ = fs::remove_file(data.join("postmaster.pid"));
    give_away(primary, &folder)?;
    let port = way.ports()[0];
    let config = PostgresConfig {
        max_connections: 200,
        settings: vec![(
            "primary_conninfo".to_owned(),
            format!("host=127.0.0.1 port={port} user=postgres application_name=standby"),
        )],
        ..PostgresConfig::new(&folder, Purpose::Keep)
    };
    let postgres = Postgres::start(config, &Progress::new(|line| say(line)))
        .await
        .context("start the standby")?;
    Ok(Standby { postgres })
}

/// Files vanish and grow while they are copied; replaying the log mends that.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let copied = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .output()
        .context("run cp")?;
    let complaints = String::from_utf8_lossy(&copied.stderr);
    anyhow::ensure!(
        complaints
            .lines()
            .all(|line| line.contains("No such file or directory")),
        "copy the data: {complaints}"
    );
    Ok(())
}

/// What was written beside the copy belongs to whom the data belong to.
fn give_away(primary: &Path, folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = fs::metadata(primary.join("data")).context("see whose the data are")?;
    for path in [
        folder.to_owned(),
        folder.join("initialised"),
        folder.join("data/backup_label"),
        folder.join("data/standby.signal"),
    ] {
        chown(&path, Some(owner.uid()), Some(owner.gid()))
            .with_context(|| format!("give {} away", path.display()))?;
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    Ok(())
}
