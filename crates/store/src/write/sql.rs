//! The statements of a flush.

/// The columns of `events` in the order [`super::rows::EventRows::push`] writes them.
pub(crate) const EVENT_COLUMNS: &str = "time, uid, received_at, kafka_offset, kafka_partition, source, type, id, subject, \
     datacontenttype, dataschema, traceparent, extensions, data, data_bytes";

pub(crate) const COPY_EVENTS: &str = "COPY events (time, uid, received_at, kafka_offset, kafka_partition, source, type, id, subject, \
     datacontenttype, dataschema, traceparent, extensions, data, data_bytes) FROM STDIN (FORMAT binary)";

pub(crate) const COPY_STAGE: &str = "COPY pg_temp.event_stage (time, uid, received_at, kafka_offset, kafka_partition, source, type, id, \
     subject, datacontenttype, dataschema, traceparent, extensions, data, data_bytes) FROM STDIN (FORMAT binary)";

/// One table a connection, emptied by every commit: made per batch it would bloat the catalogs.
pub(crate) const CREATE_STAGE: &str = "SET LOCAL client_min_messages = warning; \
     CREATE TEMP TABLE IF NOT EXISTS event_stage (LIKE events) ON COMMIT DELETE ROWS";

pub(crate) const COPY_DEAD_LETTERS: &str = "COPY dead_letters (kafka_offset, kafka_timestamp, kafka_partition, topic, reason, detail, key, \
     header_names, header_values, value) FROM STDIN (FORMAT binary)";

/// Moves checkpoints that are where this writer left them; answers with the partitions moved.
///
/// The rows are locked in the order of partitions, so that two writers with the same partitions wait for each other
/// rather than deadlock. The one that waited sees the other's value, and moves nothing. What is known of the log goes along,
/// and decides nothing.
pub(crate) const ADVANCE: &str = "\
WITH a AS (
    SELECT * FROM unnest($3::int4[], $4::int8[], $5::int8[], $6::timestamptz[], $7::int8[], $8::timestamptz[])
               AS a (kafka_partition, expected, next_offset, as_of, end_offset, seen_at)
), locked AS MATERIALIZED (
    SELECT c.kafka_partition, c.next_offset FROM checkpoints c JOIN a USING (kafka_partition)
     WHERE c.cluster_id = $1 AND c.topic = $2 ORDER BY c.kafka_partition FOR UPDATE OF c
)
UPDATE checkpoints c SET next_offset = a.next_offset, updated_at = now(), as_of = greatest(c.as_of, a.as_of),
       end_offset = coalesce(a.end_offset, c.end_offset), seen_at = coalesce(a.seen_at, c.seen_at)
  FROM a JOIN locked l USING (kafka_partition)
 WHERE c.cluster_id = $1 AND c.topic = $2 AND c.kafka_partition = a.kafka_partition
   AND l.next_offset = a.expected AND c.next_offset = a.expected
RETURNING c.kafka_partition";

/// Remembers ids that are not remembered from within the window; answers with those.
pub(crate) const REMEMBER: &str = "\
INSERT INTO recent_ids AS r (id_hash, time, uid)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[])
ON CONFLICT (id_hash) DO UPDATE SET time = excluded.time, uid = excluded.uid
  WHERE r.time < excluded.time - $4::int8 * interval '1 microsecond'
RETURNING id_hash";

/// Forgets ids whose event was not stored after all.
pub(crate) const FORGET: &str = "DELETE FROM recent_ids WHERE id_hash = ANY ($1::uuid[])";

/// Adds up the counts; given in the order of the primary key.
pub(crate) const COUNT: &str = "\
INSERT INTO event_counts AS c (bucket, source, type, kafka_partition, count)
SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::int4[], $5::int8[])
ON CONFLICT (bucket, source, type, kafka_partition) DO UPDATE SET count = c.count + excluded.count";

/// Stores what is new of the staged rows; answers with the positions stored.
pub(crate) fn store_staged() -> String {
    format!(
        "INSERT INTO events ({EVENT_COLUMNS}) SELECT {EVENT_COLUMNS} FROM pg_temp.event_stage ON CONFLICT DO NOTHING \
         RETURNING kafka_partition, kafka_offset"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_names_the_same_columns_in_the_same_order() {
        let flat = |sql: &str| sql.split_whitespace().collect::<Vec<_>>().join(" ");
        for sql in [COPY_EVENTS, COPY_STAGE] {
            assert!(flat(sql).contains(&flat(EVENT_COLUMNS)), "{sql}");
        }
    }
}
