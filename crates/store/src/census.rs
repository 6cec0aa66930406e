//! What a database holds, in numbers that can be compared with those of another: rows and a checksum by table, and the checkpoints.
//!
//! A backup takes the census in the snapshot that it dumps; a restored copy must give the same. The checksum does not depend on the order of
//! rows, nor on the version of PostgreSQL (it is made of MD5 over the text of each row, with the settings that texts depend on fixed).

use serde::{Deserialize, Serialize};

use crate::{Pool, StoreError, pool::Session};

const DOING: &str = "take the census of the database";

/// The tables that hold data and are not partitioned.
const PLAIN: &[&str] = &["checkpoints", "dead_letters", "recent_ids"];
/// The tables whose partitions hold data.
const PARTITIONED: &[&str] = &["events", "event_counts"];

/// Texts of values are the same wherever these are.
const SETTINGS: &str = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres'; \
    SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; SET LOCAL statement_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0";

/// What one table holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The table, or the partition.
    pub name: String,
    /// How many rows.
    pub rows: u64,
    /// 64 bits in hexadecimal: the exclusive or over all rows of the first half of MD5 over the row's text.
    pub checksum: String,
}

/// How far one Kafka partition is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The Kafka cluster's id.
    pub cluster_id: String,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next offset to store.
    pub next_offset: i64,
}

/// What a database holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// The server's version, as it shows it.
    pub server_version: String,
    /// The version of the schema.
    pub schema_version: i32,
    /// Every table and partition with data, by name.
    pub tables: Vec<Table>,
    /// Every checkpoint.
    pub checkpoints: Vec<Position>,
}

impl Census {
    /// How many events there are.
    #[must_use]
    pub fn events(&self) -> u64 {
        let counts = |name: &str| name.starts_with("event_counts");
        let events = |name: &str| name.starts_with("events") && !counts(name);
        self.tables
            .iter()
            .filter(|table| events(&table.name))
            .map(|table| table.rows)
            .sum()
    }

    /// What differs in the other, a line each; empty when both hold the same. Versions of servers may differ.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.schema_version != other.schema_version {
            let (here, there) = (self.schema_version, other.schema_version);
            found.push(format!(
                "the schema is of version {here} here and {there} there"
            ));
        }
        for table in &self.tables {
            match other.tables.iter().find(|known| known.name == table.name) {
                None if table.rows == 0 => {}
                None => found.push(format!(
                    "{} is missing, with {} rows",
                    table.name, table.rows
                )),
                Some(known) if known.rows != table.rows => {
                    found.push(format!(
                        "{} has {} rows and not {}",
                        table.name, known.rows, table.rows
                    ));
                }
                Some(known) if known.checksum != table.checksum => {
                    found.push(format!(
                        "{} has as many rows, {}, but other ones",
                        table.name, table.rows
                    ));
                }
                Some(_) => {}
            }
        }
        for table in &other.tables {
            let known = self.tables.iter().any(|known| known.name == table.name);
            if !known && table.rows > 0 {
                found.push(format!(
                    "{} has {} rows that should not be there",
                    table.name, table.rows
                ));
            }
        }
        if self.checkpoints != other.checkpoints {
            found.push("the checkpoints differ".to_owned());
        }
        found
    }
}

/// A moment of the database that others can look at as well, for as long as this is held: `pg_dump --snapshot`.
pub struct Snapshot {
    session: Session,
    id: String,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Opens a read-only transaction and tells its name. Dropped, the transaction ends.
    ///
    /// # Errors
    /// An outage.
    pub async fn open(pool: &Pool) -> Result<Self, StoreError> {
        let session = pool.session().await?;
        let fail = |error| StoreError::from_pg(DOING, &error);
        session
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(fail)?;
        session.batch_execute(SETTINGS).await.map_err(fail)?;
        let row = session
            .query_one("SELECT pg_export_snapshot()", &[])
            .await
            .map_err(fail)?;
        Ok(Self {
            id: row.get(0),
            session,
        })
    }

    /// The name under which others take this snapshot.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Counts everything as of this moment. Reads every row: about as long as a dump takes.
    ///
    /// # Errors
    /// An outage, or fatal without the schema.
    pub async fn census(&self) -> Result<Census, StoreError> {
        census_in(&self.session).await
    }
}

/// Counts everything as of now.
///
/// # Errors
/// As [`Snapshot::census`].
pub async fn take(pool: &Pool) -> Result<Census, StoreError> {
    Snapshot::open(pool).await?.census().await
}

/// Counts one table or partition as of now.
///
/// # Errors
/// An outage, or fatal when there is no such table.
pub async fn table(pool: &Pool, schema: &str, name: &str) -> Result<Table, StoreError> {
    let session = pool.session().await?;
    let fail = |error| StoreError::from_pg(DOING, &error);
    session
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await
        .map_err(fail)?;
    session.batch_execute(SETTINGS).await.map_err(fail)?;
    let row = session
        .query_one(
            "SELECT format('%I.%I', $1::text, $2::text)",
            &[&schema, &name],
        )
        .await
        .map_err(fail)?;
    // Dropped with its transaction.
    count(&session, row.get(0), name.to_owned()).await
}

/// Counts a table by its name, quoted by the server.
async fn count(session: &Session, quoted: &str, name: String) -> Result<Table, StoreError> {
    let sql = format!(
        "SELECT count(*), coalesce(bit_xor(('x' || substr(md5(t::text), 1, 16))::bit(64)), 0::bit(64))::bigint FROM ONLY {quoted} t"
    );
    let row = session
        .query_one(&sql, &[])
        .await
        .map_err(|error| StoreError::from_pg(DOING, &error))?;
    Ok(Table {
        name,
        rows: u64::try_from(row.get::<_, i64>(0)).unwrap_or_default(),
        checksum: format!("{:016x}", row.get::<_, i64>(1)),
    })
}

async fn census_in(session: &Session) -> Result<Census, StoreError> {
    let fail = |error| StoreError::from_pg(DOING, &error);
    let row = session
        .query_one(
            "SELECT current_setting('server_version'), coalesce(max(version), 0) FROM flumen_migrations",
            &[],
        )
        .await
        .map_err(fail)?;
    let (server_version, schema_version) = (row.get(0), row.get(1));
    let mut names = Vec::new();
    for parent in PARTITIONED {
        let leaves = session
            .query(
                "SELECT c.oid::regclass::text, c.relname::text FROM pg_partition_tree($1::text::regclass) t \
                 JOIN pg_class c ON c.oid = t.relid WHERE t.isleaf AND c.relkind = 'r' ORDER BY 2",
                &[parent],
            )
            .await
            .map_err(fail)?;
        names.extend(
            leaves
                .iter()
                .map(|row| (row.get::<_, String>(0), row.get::<_, String>(1))),
        );
    }
    names.extend(
        PLAIN
            .iter()
            .map(|name| ((*name).to_owned(), (*name).to_owned())),
    );
    let mut tables = Vec::with_capacity(names.len());
    for (quoted, name) in names {
        tables.push(count(session, &quoted, name).await?);
    }
    let checkpoints = session
        .query(
            "SELECT cluster_id, topic, kafka_partition, next_offset FROM checkpoints ORDER BY 1, 2, 3",
            &[],
        )
        .await
        .map_err(fail)?;
    Ok(Census {
        server_version,
        schema_version,
        tables,
        checkpoints: checkpoints
            .iter()
            .map(|row| Position {
                cluster_id: row.get(0),
                topic: row.get(1),
                partition: row.get(2),
                next_offset: row.get(3),
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, rows: u64, checksum: &str) -> Table {
        Table {
            name: name.to_owned(),
            rows,
            checksum: checksum.to_owned(),
        }
    }

    fn census(tables: Vec<Table>) -> Census {
        Census {
            server_version: "18.1".to_owned(),
            schema_version: 3,
            tables,
            checkpoints: Vec::new(),
        }
    }

    #[test]
    fn the_same_rows_make_no_difference_whatever_the_server() {
        let here = census(vec![
            table("events_2026_11", 2, "ab"),
            table("events_2026_12", 0, "00"),
        ]);
        let mut there = census(vec![table("events_2026_11", 2, "ab")]);
        there.server_version = "15.2".to_owned();
        assert_eq!(here.differences(&there), Vec::<String>::new());
    }

    #[test]
    fn what_is_missing_changed_or_too_much_is_named() {
        let here = census(vec![
            table("a", 2, "ab"),
            table("b", 1, "cd"),
            table("c", 1, "ef"),
        ]);
        let there = census(vec![
            table("b", 1, "00"),
            table("c", 2, "ef"),
            table("d", 4, "11"),
        ]);
        let found = here.differences(&there).join("; ");
        assert_eq!(
            found,
            "a is missing, with 2 rows; b has as many rows, 1, but other ones; c has 2 rows and not 1; d has 4 rows that should not be there"
        );
    }

    #[test]
    fn events_are_counted_without_their_counts() {
        let tables = vec![
            table("events_2026_11", 5, "ab"),
            table("event_counts_2026_11", 3, "cd"),
        ];
        assert_eq!(census(tables).events(), 5);
    }
}
