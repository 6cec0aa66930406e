//! A database for each round, all alike.

use anyhow::Context as _;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls};

use super::Stack;

const TEMPLATE: &str = "bench_template";

/// Connects to a database.
pub(crate) async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .context("connect to PostgreSQL")?;
    // Its error reaches whoever uses the client.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// Makes the database that all others are copied from.
pub(super) async fn make_template(stack: &Stack) -> anyhow::Result<()> {
    let sql = connect(&stack.postgres.url("postgres")).await?;
    sql.batch_execute(&format!("CREATE DATABASE {TEMPLATE}"))
        .await
        .context("make a database")?;
    let pool = store::Pool::new(&store::Config::with_url(&stack.postgres.url(TEMPLATE)))
        .context("reach the database")?;
    store::migrate::migrate(&pool)
        .await
        .context("bring the schema in")?;
    pool.close();
    Ok(())
}

/// A database with the schema and no rows.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) url: String,
    admin_url: String,
}

/// What is in a table, for comparing: how many rows, and a sum over all columns of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) rows: i64,
    pub(crate) checksum: String,
}

impl Database {
    /// Makes one and settles what the server still had to write, so that no round pays for another.
    pub(crate) async fn create(stack: &Stack) -> anyhow::Result<Self> {
        let name = stack.unique("bench");
        let admin_url = stack.postgres.url("postgres");
        let sql = connect(&admin_url).await?;
        sql.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
            .await
            .context("make a database")?;
        sql.batch_execute("CHECKPOINT").await.context("settle")?;
        Ok(Self {
            url: stack.postgres.url(&name),
            name,
            admin_url,
        })
    }

    /// Settles what the server still has to write.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let sql = connect(&self.url).await?;
        sql.batch_execute("CHECKPOINT").await.context("settle")
    }

    /// Bytes of `events` on disk, with its indexes.
    pub(crate) async fn event_bytes(&self) -> anyhow::Result<f64> {
        let sql = connect(&self.url).await?;
        let row = sql
            .query_one(
                "SELECT sum(pg_total_relation_size(relid))::float8 FROM pg_partition_tree('events')",
                &[],
            )
            .await
            .context("look at the size of the table")?;
        Ok(row.get(0))
    }

    /// Changes its schema or its settings, when there is something to change.
    pub(crate) async fn change(&self, sql: &str) -> anyhow::Result<()> {
        let changed = connect(&self.url).await?.batch_execute(sql).await;
        changed.with_context(|| format!("change the database: {sql}"))
    }

    /// Removes it.
    pub(crate) async fn drop(self) -> anyhow::Result<()> {
        connect(&self.admin_url)
            .await?
            .batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name))
            .await
            .context("drop a database")
    }

    /// The sum of a topic's checkpoints: how many of its records are stored.
    pub(crate) async fn stored(sql: &Client, topic: &str) -> anyhow::Result<u64> {
        // One round trip, as what is measured shares the processors.
        let row = sql
            .query_typed_one(
                "SELECT coalesce(sum(next_offset), 0)::bigint FROM checkpoints WHERE topic = $1",
                &[(&topic, Type::TEXT)],
            )
            .await
            .context("read the checkpoints")?;
        u64::try_from(row.get::<_, i64>(0)).context("understand the checkpoints")
    }

    /// What is in these columns of a table. Reads all of it.
    pub(crate) async fn content(&self, table: &str, columns: &str) -> anyhow::Result<Content> {
        let sql = connect(&self.url).await?;
        let row = sql
            .query_one(
                &format!(
                    "SELECT count(*), coalesce(sum(hashtextextended(e::text, 0)::numeric), 0)::text \
                     FROM (SELECT {columns} FROM {table}) e"
                ),
                &[],
            )
            .await
            .context("sum the rows up")?;
        Ok(Content {
            rows: row.get(0),
            checksum: row.get(1),
        })
    }

    /// How many events are in the table.
    pub(crate) async fn events(&self) -> anyhow::Result<u64> {
        let sql = connect(&self.url).await?;
        let row = sql.query_one("SELECT count(*) FROM events", &[]).await;
        u64::try_from(row.context("count the rows")?.get::<_, i64>(0)).context("count the rows")
    }

    /// The sum of `event_counts`, which must be the number of rows.
    pub(crate) async fn counted(&self) -> anyhow::Result<i64> {
        let sql = connect(&self.url).await?;
        let row = sql
            .query_one(
                "SELECT coalesce(sum(count), 0)::bigint FROM event_counts",
                &[],
            )
            .await
            .context("sum the counts up")?;
        Ok(row.get(0))
    }
}
