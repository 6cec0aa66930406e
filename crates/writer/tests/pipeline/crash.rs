//! P2 and P5 through a crash of PostgreSQL itself, also where commits do not wait for the disk (`database.synchronous_commit = false`): what such a
//! crash takes back it takes back whole, rows with the checkpoint, and Kafka gives it again at the same positions.

use super::*;
use devstack::{Postgres, PostgresConfig, Progress, Purpose};
use std::{collections::BTreeMap, os::unix::fs::PermissionsExt as _, path::PathBuf};
use tempfile::TempDir;

const ROUNDS: usize = 4;
const EACH: usize = 1_500;

/// What is stored, by position.
type Stored = BTreeMap<(i32, i64), String>;

/// A database on a server of its own, which keeps commits in memory as long as it may unless they wait for the disk.
struct Crashing {
    server: Postgres,
    url: String,
    _folder: TempDir,
}

impl Crashing {
    async fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("flumen-crash-")
            // PostgreSQL may run as another user, who must get through.
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()
            .expect("a folder");
        let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let config = PostgresConfig {
            settings: vec![
                setting("wal_writer_delay", "10s"),
                setting("wal_writer_flush_after", "1GB"),
                setting("wal_buffers", "64MB"),
                setting("bgwriter_lru_maxpages", "0"),
            ],
            ..PostgresConfig::new(folder.path().join("postgres"), Purpose::Keep)
        };
        let helper = PathBuf::from(env!("CARGO_BIN_EXE_writer")).with_file_name("devstack");
        assert!(
            helper.is_file(),
            "{} is missing: cargo build -p devstack",
            helper.display()
        );
        devstack::with_parent::set_helper(helper);
        let server = Postgres::start(config, &Progress::silent())
            .await
            .expect("a server");
        let url = server.url("postgres");
        let pool = store::Pool::new(&store::Config::with_url(&url)).expect("a pool");
        store::migrate::migrate(&pool).await.expect("the schema");
        pool.close();
        Self {
            server,
            url,
            _folder: folder,
        }
    }

    async fn connect(&self) -> tokio_postgres::Client {
        let (sql, connection) = tokio_postgres::connect(&self.url, tokio_postgres::NoTls)
            .await
            .expect("a connection");
        tokio::spawn(async move { drop(connection.await) });
        sql
    }

    /// Positions and uids, with what the checkpoints and the counts say, all of one moment.
    async fn look(&self) -> (Stored, i64, i64) {
        let sql = self.connect().await;
        let row = sql
            .query_one(
                "SELECT (SELECT coalesce(sum(next_offset), 0)::bigint FROM checkpoints), \
                 (SELECT coalesce(sum(count), 0)::bigint FROM event_counts), \
                 (SELECT coalesce(array_agg(kafka_partition || ' ' || kafka_offset || ' ' || uid), '{}') FROM events)",
                &[],
            )
            .await
            .expect("a look");
        let stored = row.get::<_, Vec<String>>(2).into_iter().map(|text| {
            let mut parts = text.split(' ');
            let mut part = || parts.next().expect("three parts").to_owned();
            let position = (part().parse(), part().parse());
            (
                (
                    position.0.expect("a partition"),
                    position.1.expect("an offset"),
                ),
                part(),
            )
        });
        (stored.collect(), row.get(0), row.get(1))
    }

    async fn holds(&self, events: usize) -> Stored {
        eventually(PATIENCE, || async {
            let (stored, settled, counted) = self.look().await;
            let events = i64::try_from(events).expect("few");
            let all = stored.len() as i64 == events && settled == events && counted == events;
            all.then_some(stored).ok_or((settled, counted))
        })
        .await
    }

    async fn crash_and_recover(&mut self) {
        self.server.kill().await;
        self.server.start_again().await.expect("it recovers");
    }
}

async fn crashes(synchronous_commit: bool) -> usize {
    let world = World::new(3).await;
    let mut database = Crashing::start().await;
    let writer = world.writer(&[
        ("database.url", &database.url),
        (
            "database.synchronous_commit",
            &synchronous_commit.to_string(),
        ),
        ("database.connect_timeout", "1s"),
    ]);
    let (mut seen, mut lost) = (Stored::new(), 0);
    for round in 0..ROUNDS {
        let sent = round * EACH;
        world.send(sent..sent + EACH / 2).await;
        // Seen by a reader, and whatever becomes of it: not to be seen otherwise.
        for (position, uid) in database.holds(sent + EACH / 2).await {
            assert_eq!(seen.entry(position).or_insert_with(|| uid.clone()), &uid);
        }
        // The rest is on its way when the server dies.
        tokio::join!(
            world.send(sent + EACH / 2..sent + EACH),
            database.crash_and_recover()
        );
        let (stored, settled, counted) = database.look().await;
        assert_eq!(
            (stored.len() as i64, counted),
            (settled, settled),
            "rows, counts and checkpoints are of one moment"
        );
        lost += seen
            .keys()
            .filter(|position| !stored.contains_key(position))
            .count();
        let stored = database.holds(sent + EACH).await;
        for (position, uid) in &seen {
            assert_eq!(stored.get(position), Some(uid), "at {position:?}");
        }
    }
    writer.stop().await.expect("no fault");
    lost
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_postgres_loses_nothing_that_was_visible() {
    assert_eq!(crashes(true).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_that_takes_commits_back_takes_rows_and_checkpoint_together_and_they_come_again() {
    assert!(
        crashes(false).await > 0,
        "nothing was taken back: this shows nothing"
    );
}
