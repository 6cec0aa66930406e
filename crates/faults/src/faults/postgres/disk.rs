//! A full disk: the partition that is written, and its indexes, on a small file system that somebody else fills.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::{Fault, SPELL, UNREADY, is_over, is_told};
use crate::scene::Scene;

/// Room for the rows of a few minutes.
const DISK: &str = "size=96m";

pub(super) fn faults() -> Vec<Fault> {
    vec![
        Fault::new(
            "postgres-disk-full",
            "23",
            "the disk of the tables is full, and then it has room again",
            |scene| Box::pin(full(scene)),
        )
        .set_writer(UNREADY)
        .reduced(),
    ]
}

/// A small file system, taken away when it is dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf, owner: &Path) -> anyhow::Result<Self> {
        fs::create_dir(&at).context("make a folder")?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", DISK, "tmpfs"])
            .arg(&at)
            .output()
            .context("run mount")?;
        anyhow::ensure!(
            mounted.status.success(),
            "{}",
            String::from_utf8_lossy(&mounted.stderr).trim()
        );
        let disk = Self(at);
        let owner = fs::metadata(owner).context("see whose the data are")?;
        chown(&disk.0, Some(owner.uid()), Some(owner.gid())).context("give the disk away")?;
        fs::set_permissions(&disk.0, fs::Permissions::from_mode(0o700))?;
        Ok(disk)
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Leaves no room, not for a single page.
    fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::create(self.filler()).context("fill the disk")?;
        let block = vec![1; 1 << 16];
        let mut size = block.len();
        while size > 0 {
            match file.write(&block[..size]) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => size /= 2,
                Err(error) => return Err(error).context("fill the disk"),
            }
        }
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

async fn full(scene: &mut Scene) -> anyhow::Result<()> {
    let data = scene.stack.postgres.lock().await.log();
    let owner = data.parent().context("a folder")?.join("data");
    let folder = scene.stack.path(&scene.stack.unique("disk"));
    let disk = match Disk::mount(folder, &owner) {
        Ok(disk) => disk,
        Err(error) => {
            scene.notes.push(format!(
                "NOT PLAYED: a small file system takes the right to mount one (root): {error:#}"
            ));
            return Ok(());
        }
    };
    let space = scene.stack.unique("space");
    let server = scene.stack.sql("postgres").await?;
    server
        .batch_execute(&format!(
            "CREATE TABLESPACE {space} LOCATION '{}'",
            disk.0.display()
        ))
        .await
        .context("make a tablespace")?;
    let outcome = play(scene, &disk, &space).await;
    // Whatever happened: the tables go back, so that the disk can go.
    let _ = fs::remove_file(disk.filler());
    move_tables(scene, "pg_default").await?;
    server
        .batch_execute(&format!("DROP TABLESPACE {space}"))
        .await
        .context("remove the tablespace")?;
    outcome
}

async fn play(scene: &mut Scene, disk: &Disk, space: &str) -> anyhow::Result<()> {
    move_tables(scene, space).await?;
    let before = scene.progress.settled();
    scene
        .wait_for(
            "rows to be stored on the small disk",
            super::PATIENCE,
            |scene| scene.progress.settled() > before,
        )
        .await?;
    scene.inject();
    disk.fill()?;
    // Free room within pages that exist is used up first.
    let deadline = std::time::Instant::now() + super::PATIENCE;
    while scene.writers[0]
        .metric("flumen_writer_database_outage")
        .await
        != Some(1.0)
    {
        anyhow::ensure!(
            std::time::Instant::now() < deadline,
            "the writer does not notice a full disk"
        );
        disk.fill()?;
        scene.pass(super::SECOND / 10).await;
    }
    scene.pass(SPELL).await;
    is_told(scene).await;
    fs::remove_file(disk.filler()).context("make room")?;
    is_over(scene).await
}

/// Moves every partition of the two tables that grow, with their indexes.
async fn move_tables(scene: &Scene, space: &str) -> anyhow::Result<()> {
    let sql = scene.stack.sql(&scene.database).await?;
    let rows = sql
        .query(
            "SELECT c.relkind = 'i', c.oid::regclass::text FROM pg_class c \
             LEFT JOIN pg_index i ON i.indexrelid = c.oid \
             JOIN pg_inherits h ON h.inhrelid = coalesce(i.indrelid, c.oid) \
             WHERE h.inhparent IN ('events'::regclass, 'event_counts'::regclass) AND c.relkind IN ('r', 'i')",
            &[],
        )
        .await
        .context("list the partitions")?;
    for row in rows {
        let kind = if row.get(0) { "INDEX" } else { "TABLE" };
        let name: &str = row.get(1);
        sql.batch_execute(&format!("ALTER {kind} {name} SET TABLESPACE {space}"))
            .await
            .with_context(|| format!("move {name}"))?;
    }
    Ok(())
}
