-- The tables. Flumen creates them in the first schema of the search path (public, unless the role says otherwise).
--
-- Column order is chosen for alignment: the fixed-width columns come first and leave no padding between them
-- (8 + 16 + 8 + 8 + 4 bytes), then what varies. `analytics.events` shows them in the order people read.

CREATE TABLE events (
    time            timestamptz NOT NULL,
    uid             uuid        NOT NULL,
    received_at     timestamptz NOT NULL,
    kafka_offset    bigint      NOT NULL,
    kafka_partition int         NOT NULL,
    source          text        NOT NULL,
    type            text        NOT NULL,
    id              text        NOT NULL,
    subject         text,
    datacontenttype text,
    dataschema      text,
    traceparent     text,
    extensions      jsonb,
    data            jsonb,
    data_bytes      bytea,
    PRIMARY KEY (time, uid)
) PARTITION BY RANGE (time);

-- Every index costs COPY; these two are what reading needs. By source and time: every third party reads by source.
CREATE INDEX events_source_time ON events (source, time, uid);
-- By position: the feed reads in the order of the log.
CREATE INDEX events_position ON events (kafka_partition, kafka_offset);

COMMENT ON TABLE events IS 'Every event, once. Append-only; partitioned by the event''s time, so a condition on time reads only the partitions it needs.';
COMMENT ON COLUMN events.time IS 'When it happened: the event''s own time, or the time of receipt when it has none.';
COMMENT ON COLUMN events.uid IS 'Flumen''s key (UUIDv8): milliseconds of time, then a hash of source and id. The same event always has the same uid.';
COMMENT ON COLUMN events.received_at IS 'When the ingest-api received it.';
COMMENT ON COLUMN events.kafka_offset IS 'The record''s offset in its Kafka partition.';
COMMENT ON COLUMN events.kafka_partition IS 'The record''s Kafka partition.';
COMMENT ON COLUMN events.source IS 'The application it comes from; the unit of authorisation.';
COMMENT ON COLUMN events.type IS 'What kind of event it is.';
COMMENT ON COLUMN events.id IS 'The producer''s id, unique within its source; a UUIDv7 when the producer gave none.';
COMMENT ON COLUMN events.subject IS 'What it is about within its source, if given.';
COMMENT ON COLUMN events.datacontenttype IS 'The media type of the data, if given; JSON when absent.';
COMMENT ON COLUMN events.dataschema IS 'The URI of the schema that the data follows, if given.';
COMMENT ON COLUMN events.traceparent IS 'The W3C trace context of the request that brought it, if any.';
COMMENT ON COLUMN events.extensions IS 'CloudEvents extension attributes as a JSON object; null when there are none.';
COMMENT ON COLUMN events.data IS 'The payload, when it is JSON.';
COMMENT ON COLUMN events.data_bytes IS 'The payload, when it is not JSON.';

CREATE TABLE event_counts (
    bucket          timestamptz NOT NULL,
    count           bigint      NOT NULL,
    kafka_partition int         NOT NULL,
    source          text        NOT NULL,
    type            text        NOT NULL,
    PRIMARY KEY (bucket, source, type, kafka_partition)
) PARTITION BY RANGE (bucket);

COMMENT ON TABLE event_counts IS 'Exact number of stored events per minute, kept by the writer in the transaction that stores them. Partitioned like events, so both are retired together. Sum over kafka_partition.';
COMMENT ON COLUMN event_counts.bucket IS 'The minute (UTC) of the events'' time.';
COMMENT ON COLUMN event_counts.count IS 'How many events.';
COMMENT ON COLUMN event_counts.kafka_partition IS 'The Kafka partition they came from: writers of different partitions never wait for each other here.';
COMMENT ON COLUMN event_counts.source IS 'As in events.';
COMMENT ON COLUMN event_counts.type IS 'As in events.';

CREATE TABLE checkpoints (
    next_offset     bigint      NOT NULL CHECK (next_offset >= 0),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    kafka_partition int         NOT NULL,
    cluster_id      text        NOT NULL,
    topic           text        NOT NULL,
    PRIMARY KEY (cluster_id, topic, kafka_partition)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);

COMMENT ON TABLE checkpoints IS 'The next Kafka offset to store, per partition. Moved by compare-and-swap in the transaction that stores the rows: this is what makes it exactly once.';
COMMENT ON COLUMN checkpoints.next_offset IS 'Everything below this offset is in events or dead_letters.';
COMMENT ON COLUMN checkpoints.updated_at IS 'When it was last moved.';
COMMENT ON COLUMN checkpoints.kafka_partition IS 'The Kafka partition.';
COMMENT ON COLUMN checkpoints.cluster_id IS 'The Kafka cluster''s own id.';
COMMENT ON COLUMN checkpoints.topic IS 'The Kafka topic.';

CREATE TABLE dead_letters (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kafka_offset    bigint      NOT NULL,
    kafka_timestamp timestamptz,
    failed_at       timestamptz NOT NULL DEFAULT now(),
    replayed_at     timestamptz,
    kafka_partition int         NOT NULL,
    topic           text        NOT NULL,
    reason          text        NOT NULL,
    detail          text        NOT NULL,
    key             bytea,
    header_names    text[]      NOT NULL,
    header_values   bytea[]     NOT NULL,
    value           bytea
);

CREATE INDEX dead_letters_failed_at ON dead_letters (failed_at);
CREATE INDEX dead_letters_position ON dead_letters (topic, kafka_partition, kafka_offset);

COMMENT ON TABLE dead_letters IS 'Records that cannot be stored as events, as they were. `flumen dead-letters` shows and replays them.';
COMMENT ON COLUMN dead_letters.id IS 'Grows with every dead letter.';
COMMENT ON COLUMN dead_letters.kafka_offset IS 'The record''s offset.';
COMMENT ON COLUMN dead_letters.kafka_timestamp IS 'The record''s own timestamp in Kafka, if any.';
COMMENT ON COLUMN dead_letters.failed_at IS 'When it was set aside.';
COMMENT ON COLUMN dead_letters.replayed_at IS 'When it was produced again, if it was.';
COMMENT ON COLUMN dead_letters.kafka_partition IS 'The record''s partition.';
COMMENT ON COLUMN dead_letters.topic IS 'The topic it came from, to which a replay produces it.';
COMMENT ON COLUMN dead_letters.reason IS 'Why, as a stable short word.';
COMMENT ON COLUMN dead_letters.detail IS 'Why, for people.';
COMMENT ON COLUMN dead_letters.key IS 'The record''s key.';
COMMENT ON COLUMN dead_letters.header_names IS 'The names of its headers, in order.';
COMMENT ON COLUMN dead_letters.header_values IS 'Their values, byte for byte; null where the header has none.';
COMMENT ON COLUMN dead_letters.value IS 'The record''s value.';

CREATE TABLE recent_ids (
    time    timestamptz NOT NULL,
    id_hash uuid        NOT NULL PRIMARY KEY,
    uid     uuid        NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);

-- Rows come in the order of time, so a block range index finds the old ones at almost no cost.
CREATE INDEX recent_ids_time ON recent_ids USING brin (time) WITH (pages_per_range = 32, autosummarize = on);

COMMENT ON TABLE recent_ids IS 'Ids of events that came with an id but without a time of their own, so that one sent again is recognised. Only such events pay for it.';
COMMENT ON COLUMN recent_ids.time IS 'When the event was received; expired by `flumen maintain`.';
COMMENT ON COLUMN recent_ids.id_hash IS 'First 128 bits of the hash of source and id.';
COMMENT ON COLUMN recent_ids.uid IS 'The uid it was stored under.';

-- lz4 is several times faster than pglz; not every build of PostgreSQL has it.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        ALTER TABLE events ALTER COLUMN data SET COMPRESSION lz4, ALTER COLUMN data_bytes SET COMPRESSION lz4,
            ALTER COLUMN extensions SET COMPRESSION lz4;
        ALTER TABLE dead_letters ALTER COLUMN value SET COMPRESSION lz4;
    END IF;
END
$$;
