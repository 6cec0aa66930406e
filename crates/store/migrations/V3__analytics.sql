-- What analysts see: a schema of views with a stable shape, whatever the tables below become.
-- security_invoker: a view gives nobody more than the tables do.

CREATE SCHEMA IF NOT EXISTS analytics;
COMMENT ON SCHEMA analytics IS 'Flumen for analysts: views whose columns stay, read with the role flumen_analyst.';

CREATE VIEW analytics.events WITH (security_invoker = true) AS
SELECT time, source, type, subject, id, data, extensions, uid, received_at, received_at - time AS age_on_receipt,
       datacontenttype, dataschema, traceparent, data_bytes, kafka_partition, kafka_offset
  FROM events;

COMMENT ON VIEW analytics.events IS 'Every event, once. Always give a condition on time: it selects the partitions that are read. Fields of the payload: data ->> ''name''.';
COMMENT ON COLUMN analytics.events.time IS 'When it happened.';
COMMENT ON COLUMN analytics.events.source IS 'The application it comes from.';
COMMENT ON COLUMN analytics.events.type IS 'What kind of event it is.';
COMMENT ON COLUMN analytics.events.subject IS 'What it is about within its source, if given.';
COMMENT ON COLUMN analytics.events.id IS 'The producer''s id.';
COMMENT ON COLUMN analytics.events.data IS 'The payload, when it is JSON.';
COMMENT ON COLUMN analytics.events.extensions IS 'CloudEvents extension attributes, or null.';
COMMENT ON COLUMN analytics.events.uid IS 'Flumen''s key, as the API shows it.';
COMMENT ON COLUMN analytics.events.received_at IS 'When Flumen received it.';
COMMENT ON COLUMN analytics.events.age_on_receipt IS 'How old it was when Flumen received it.';
COMMENT ON COLUMN analytics.events.datacontenttype IS 'The media type of the data, if given.';
COMMENT ON COLUMN analytics.events.dataschema IS 'The schema of the data, if given.';
COMMENT ON COLUMN analytics.events.traceparent IS 'The W3C trace context, if any.';
COMMENT ON COLUMN analytics.events.data_bytes IS 'The payload, when it is not JSON.';
COMMENT ON COLUMN analytics.events.kafka_partition IS 'The record''s Kafka partition.';
COMMENT ON COLUMN analytics.events.kafka_offset IS 'The record''s offset.';

CREATE VIEW analytics.events_per_minute WITH (security_invoker = true) AS
SELECT bucket AS minute, source, type, sum(count)::bigint AS events
  FROM event_counts GROUP BY bucket, source, type;

COMMENT ON VIEW analytics.events_per_minute IS 'Exact number of events per minute, application and type, without reading the events.';
COMMENT ON COLUMN analytics.events_per_minute.minute IS 'The minute.';
COMMENT ON COLUMN analytics.events_per_minute.source IS 'The application.';
COMMENT ON COLUMN analytics.events_per_minute.type IS 'The type.';
COMMENT ON COLUMN analytics.events_per_minute.events IS 'How many.';

CREATE VIEW analytics.events_per_hour WITH (security_invoker = true) AS
SELECT date_trunc('hour', bucket, 'UTC') AS hour, source, type, sum(count)::bigint AS events
  FROM event_counts GROUP BY 1, source, type;

COMMENT ON VIEW analytics.events_per_hour IS 'Exact number of events per hour, application and type.';
COMMENT ON COLUMN analytics.events_per_hour.hour IS 'The hour.';
COMMENT ON COLUMN analytics.events_per_hour.source IS 'The application.';
COMMENT ON COLUMN analytics.events_per_hour.type IS 'The type.';
COMMENT ON COLUMN analytics.events_per_hour.events IS 'How many.';

CREATE VIEW analytics.events_per_day WITH (security_invoker = true) AS
SELECT date_trunc('day', bucket, 'UTC') AS day, source, type, sum(count)::bigint AS events
  FROM event_counts GROUP BY 1, source, type;

COMMENT ON VIEW analytics.events_per_day IS 'Exact number of events per day (UTC), application and type.';
COMMENT ON COLUMN analytics.events_per_day.day IS 'The day.';
COMMENT ON COLUMN analytics.events_per_day.source IS 'The application.';
COMMENT ON COLUMN analytics.events_per_day.type IS 'The type.';
COMMENT ON COLUMN analytics.events_per_day.events IS 'How many.';

CREATE VIEW analytics.sources WITH (security_invoker = true) AS
SELECT source, type, sum(count)::bigint AS events, min(bucket) AS first_minute, max(bucket) AS last_minute
  FROM event_counts GROUP BY source, type;

COMMENT ON VIEW analytics.sources IS 'Which applications send which types, how many, since when and until when.';
COMMENT ON COLUMN analytics.sources.source IS 'The application.';
COMMENT ON COLUMN analytics.sources.type IS 'The type.';
COMMENT ON COLUMN analytics.sources.events IS 'How many.';
COMMENT ON COLUMN analytics.sources.first_minute IS 'The minute of the first one.';
COMMENT ON COLUMN analytics.sources.last_minute IS 'The minute of the last one.';

CREATE VIEW analytics.freshness WITH (security_invoker = true) AS
SELECT topic, kafka_partition, next_offset, updated_at, now() - updated_at AS age
  FROM checkpoints;

COMMENT ON VIEW analytics.freshness IS 'How far the writers are: everything below next_offset is visible here.';
COMMENT ON COLUMN analytics.freshness.topic IS 'The Kafka topic.';
COMMENT ON COLUMN analytics.freshness.kafka_partition IS 'The Kafka partition.';
COMMENT ON COLUMN analytics.freshness.next_offset IS 'The next offset to be stored.';
COMMENT ON COLUMN analytics.freshness.updated_at IS 'When something of this partition was last stored.';
COMMENT ON COLUMN analytics.freshness.age IS 'How long ago that was.';
