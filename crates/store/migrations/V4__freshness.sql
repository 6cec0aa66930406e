-- How fresh the data is: what the writer knows of the log, beside the checkpoint that says how much of it is stored.
-- All three come with the flush that moves the checkpoint, and from an idle writer with its heartbeat.

ALTER TABLE checkpoints
    ADD COLUMN end_offset bigint CHECK (end_offset >= 0),
    ADD COLUMN seen_at    timestamptz,
    ADD COLUMN as_of      timestamptz;

COMMENT ON COLUMN checkpoints.end_offset IS 'The end of the log when its writer last looked; null before the first report.';
COMMENT ON COLUMN checkpoints.seen_at IS 'When the writer of the partition last looked at the end of the log, by its clock: a time that stands still tells that it is silent.';
COMMENT ON COLUMN checkpoints.as_of IS 'Everything that was accepted before this moment is in events or dead_letters; null before the first report.';

CREATE OR REPLACE VIEW analytics.freshness WITH (security_invoker = true) AS
SELECT topic, kafka_partition, next_offset, updated_at, now() - updated_at AS age, as_of, end_offset, seen_at
  FROM checkpoints;

COMMENT ON COLUMN analytics.freshness.as_of IS 'Everything that was accepted before this moment is visible here.';
COMMENT ON COLUMN analytics.freshness.end_offset IS 'The end of the log when its writer last looked.';
COMMENT ON COLUMN analytics.freshness.seen_at IS 'When that was.';
