//! Backups: made, listed, verified and restored with PostgreSQL's own programs, or refused.

mod archived;
mod refused;
mod restored;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use devstack::testing::TestDatabase;
use event::{Data, Event, Extensions, Timestamp};
use store::write::{Advance, Batch, Record, Sink};
use store::{Config, Pool, census, checkpoints, databases};

/// 2025-01-15T12:00:00Z in microseconds.
const NOON: i64 = 1_736_942_400_000_000;
/// Between two events, in microseconds: a few hundred of them lie in several of the table's partitions.
const STEP: i64 = 6 * 3_600_000_000;
const TOPIC: &str = "events";
/// In every payload, to look for in what is kept.
const MARK: &str = "nobody-but-the-owner";

/// The folder of PostgreSQL's programs: the environment's, else what `scripts/setup pgtools` fetched.
fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("FLUMEN_PG_BIN") {
        return folder.into();
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/postgresql18/bin");
    assert!(
        folder.join("pg_dump").exists(),
        "PostgreSQL's own programs are missing: run `scripts/setup pgtools`, or name their folder in FLUMEN_PG_BIN"
    );
    folder
}

/// A place for backups, and what opens them.
struct Place {
    folder: tempfile::TempDir,
    identity: age::x25519::Identity,
}

impl Place {
    fn new() -> Self {
        use age::secrecy::ExposeSecret as _;
        let folder = tempfile::tempdir().expect("make a folder");
        let identity = age::x25519::Identity::generate();
        let text = identity.to_string();
        std::fs::write(folder.path().join("key.txt"), text.expose_secret()).expect("write a key");
        Self { folder, identity }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    fn text(&self) -> String {
        self.path().to_string_lossy().into_owned()
    }

    fn key_file(&self) -> String {
        let file = self.folder.path().join("key.txt");
        file.to_string_lossy().into_owned()
    }

    /// The only backup's folder.
    fn backup(&self) -> PathBuf {
        let mut found = std::fs::read_dir(self.path()).expect("backups");
        let one = found.next().expect("a backup").expect("an entry").path();
        assert!(found.next().is_none(), "more than one");
        one
    }

    /// The name of the backup's largest file of rows.
    fn rows(&self) -> PathBuf {
        let files = std::fs::read_dir(self.backup()).expect("files");
        files
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.to_string_lossy().contains(".dat") && !path.ends_with("toc.dat"))
            .max_by_key(|path| std::fs::metadata(path).map_or(0, |data| data.len()))
            .expect("a file of rows")
    }
}

/// A database, and the binary on it.
struct Server {
    database: TestDatabase,
    pool: Pool,
}

impl Server {
    async fn empty() -> Self {
        let database = TestDatabase::create().await;
        let pool = Pool::new(&Config::with_url(database.url())).expect("a pool");
        Self { database, pool }
    }

    async fn migrated() -> Self {
        let server = Self::empty().await;
        store::migrate::migrate(&server.pool)
            .await
            .expect("migrated");
        server
    }

    /// With events of two Kafka partitions and a dead letter.
    async fn filled() -> Self {
        let server = Self::migrated().await;
        for partition in 0..2 {
            server.store(partition, 0, 150).await;
        }
        let mut batch = Batch::new("cluster", TOPIC);
        batch.push_dead_letter(&record(1, 150), "bad-utf8", "what was wrong");
        server.flush(batch, 1, 150, 151).await;
        server
    }

    /// Stores so many events at offsets from here on.
    async fn store(&self, partition: i32, from: i64, count: i64) {
        checkpoints::load_or_create(&self.pool, "cluster", TOPIC, &[(partition, from)])
            .await
            .expect("a checkpoint");
        let mut batch = Batch::new("cluster", TOPIC);
        for offset in from..from + count {
            batch.push_event(&event(partition, offset), &record(partition, offset));
        }
        self.flush(batch, partition, from, from + count).await;
    }

    async fn flush(&self, mut batch: Batch, partition: i32, expected: i64, next: i64) {
        batch.advance(Advance {
            partition,
            expected,
            next,
        });
        Sink::new(self.pool.clone(), &Config::with_url(self.database.url()))
            .flush(&batch)
            .await
            .expect("stored");
    }

    async fn census(&self) -> census::Census {
        census::take(&self.pool).await.expect("counted")
    }

    /// What psql answers.
    fn sql(&self, statement: &str) -> String {
        let output = Command::new(programs().join("psql"))
            .args([self.database.url(), "--no-psqlrc", "-Atc", statement])
            .output()
            .expect("psql starts");
        assert!(output.status.success(), "{statement}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    async fn is_empty(&self) -> bool {
        databases::is_empty(&self.pool).await.expect("looked")
    }

    /// Runs `flumen backup` on the database.
    async fn backup(&self, args: &[&str]) -> Output {
        self.backup_with(args, &programs()).await
    }

    /// The same with other programs than PostgreSQL's.
    async fn backup_with(&self, args: &[&str], programs: &Path) -> Output {
        self.flumen(&[&["backup"], args].concat(), programs).await
    }

    /// Runs `flumen` on the database.
    async fn flumen(&self, args: &[&str], programs: &Path) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flumen"));
        command
            .args(args)
            .current_dir(std::env::temp_dir())
            .env("FLUMEN_PG_BIN", programs)
            .env("FLUMEN__DATABASE__URL", self.database.url());
        tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("the task")
            .expect("the binary starts")
    }

    /// Runs it, which must succeed, and answers with its standard output.
    async fn succeed(&self, args: &[&str]) -> String {
        let output = self.backup(args).await;
        assert!(
            output.status.success(),
            "flumen backup {args:?}: {output:?}"
        );
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs it, which must fail with this exit status, and answers with what it said.
    async fn refused(&self, args: &[&str], status: i32) -> String {
        let output = self.backup(args).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        said
    }
}

fn event(partition: i32, offset: i64) -> Event<'static> {
    let data = match offset % 3 {
        0 => Data::Json(Cow::Owned(
            format!(r#"{{"n":{offset},"mark":"{MARK}","text":"ü\u0041\t\n"}}"#).into_bytes(),
        )),
        1 => Data::Bytes(Cow::Owned(vec![0, 255, b'\\', offset as u8])),
        _ => Data::None,
    };
    // Of a hundred days, however many there are.
    let time = Timestamp::from_micros(NOON + offset % 400 * STEP);
    Event {
        source: Cow::Owned(format!("shop-{partition}")),
        kind: Cow::Borrowed("test.happened"),
        id: Cow::Owned(format!("{partition}-{offset}")),
        // Every tenth has no time of its own, and is remembered by its id.
        time: (offset % 10 != 0).then_some(time),
        recorded: time,
        subject: (offset % 2 == 0).then_some(Cow::Borrowed("a subject")),
        dataschema: None,
        datacontenttype: None,
        traceparent: None,
        extensions: Extensions::new(),
        data,
    }
}

fn record(partition: i32, offset: i64) -> Record<'static> {
    Record {
        partition,
        offset,
        timestamp: None,
        key: Some(b"key"),
        headers: &[("ce_id", Some(b"\xff\x00")), ("nothing", None)],
        value: Some(b"\x00value"),
    }
}
