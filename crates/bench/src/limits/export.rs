//! The limit of exporting: `COPY (SELECT ..) TO STDOUT` of the same columns in the same order, read by this process as the export is.

use std::time::Instant;

use anyhow::Context as _;
use futures_util::TryStreamExt as _;

use crate::stack::{Database, connect};

/// What the limit is called.
pub(crate) const NAME: &str = "COPY (SELECT ..) TO STDOUT, same columns and order";

const COPY: &str = "COPY (SELECT time, uid, received_at, kafka_offset, kafka_partition, source, type, id, subject, datacontenttype, \
     dataschema, traceparent, extensions, data, data_bytes FROM events ORDER BY time DESC, uid DESC) TO STDOUT";

/// Reads all events, which must be so many, and tells how many a second that is.
pub(crate) async fn run(database: &Database, rows: u64) -> anyhow::Result<f64> {
    let sql = connect(&database.url).await?;
    let started = Instant::now();
    let stream = sql.copy_out(COPY).await.context("read the rows")?;
    let mut stream = std::pin::pin!(stream);
    let mut read = 0;
    while let Some(chunk) = stream.try_next().await? {
        read += memchr::memchr_iter(b'\n', &chunk).count() as u64;
    }
    let seconds = started.elapsed().as_secs_f64();
    anyhow::ensure!(read == rows, "COPY gave {read} of {rows} rows");
    Ok(rows as f64 / seconds)
}
