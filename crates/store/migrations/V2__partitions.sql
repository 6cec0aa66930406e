-- Partitions: what there is, and how a writer that owns nothing makes one more.

CREATE VIEW flumen_partitions AS
SELECT i.inhparent::regclass::text AS parent,
       c.relname::text AS name,
       n.nspname::text AS schema,
       i.inhdetachpending AS detach_pending,
       -- The bounds are shown in the session's time zone and read back in it.
       coalesce(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''([^'']+)''\)')::timestamptz, '-infinity') AS range_start,
       coalesce(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)''\)')::timestamptz, 'infinity') AS range_end,
       pg_total_relation_size(c.oid) AS bytes,
       greatest(c.reltuples, 0)::bigint AS estimated_rows
  FROM pg_inherits i
  JOIN pg_class c ON c.oid = i.inhrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE i.inhparent IN ('events'::regclass, 'event_counts'::regclass)
   AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT';

COMMENT ON VIEW flumen_partitions IS 'The partitions of events and event_counts with their bounds.';
COMMENT ON COLUMN flumen_partitions.parent IS 'The partitioned table.';
COMMENT ON COLUMN flumen_partitions.name IS 'The partition.';
COMMENT ON COLUMN flumen_partitions.schema IS 'The schema it is in.';
COMMENT ON COLUMN flumen_partitions.detach_pending IS 'Whether a concurrent detach was begun and not finished.';
COMMENT ON COLUMN flumen_partitions.range_start IS 'The first moment it holds.';
COMMENT ON COLUMN flumen_partitions.range_end IS 'The first moment after it.';
COMMENT ON COLUMN flumen_partitions.bytes IS 'Its size on disk with its indexes.';
COMMENT ON COLUMN flumen_partitions.estimated_rows IS 'The planner''s estimate of its rows.';

-- Makes the partitions of events and event_counts that hold `moment`, spanning [lower_bound, upper_bound) less what
-- other partitions hold already (the interval may have been another one earlier). Does nothing where there is one.
-- Returns the bounds of the partition of events that holds `moment`, and whether it was made now.
--
-- SECURITY DEFINER: a writer makes partitions without owning the tables, and so can neither drop nor change them.
--
-- Locks: CREATE TABLE .. PARTITION OF would take ACCESS EXCLUSIVE on the parent, behind which all reading and writing
-- queues. CREATE TABLE (LIKE ..) with ATTACH takes SHARE UPDATE EXCLUSIVE, which conflicts with neither reading nor
-- COPY. The advisory lock lets one session at a time in; the next one then sees what it made.
CREATE FUNCTION flumen_ensure_partition(moment timestamptz, lower_bound timestamptz, upper_bound timestamptz)
RETURNS TABLE (range_start timestamptz, range_end timestamptz, created boolean)
LANGUAGE plpgsql
SECURITY DEFINER
SET timezone = 'UTC'
SET lock_timeout = '5s'
SET client_min_messages = 'warning'
AS $$
DECLARE
    parent_name text;
    child text;
    low timestamptz;
    high timestamptz;
    held record;
BEGIN
    IF moment IS NULL OR lower_bound IS NULL OR upper_bound IS NULL OR moment < lower_bound OR moment >= upper_bound THEN
        RAISE EXCEPTION 'the moment % is not within % and %', moment, lower_bound, upper_bound USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('flumen partitions', 0));
    created := false;
    FOREACH parent_name IN ARRAY ARRAY['event_counts', 'events'] LOOP
        SELECT p.range_start, p.range_end INTO held FROM flumen_partitions p
         WHERE p.parent = parent_name AND p.range_start <= moment AND moment < p.range_end AND NOT p.detach_pending;
        IF FOUND THEN
            range_start := held.range_start;
            range_end := held.range_end;
            CONTINUE;
        END IF;
        SELECT greatest(lower_bound, max(p.range_end) FILTER (WHERE p.range_end <= moment)),
               least(upper_bound, min(p.range_start) FILTER (WHERE p.range_start > moment))
          INTO low, high FROM flumen_partitions p WHERE p.parent = parent_name;
        child := format('%s_%s_%s', parent_name, to_char(low, 'YYYYMMDD'), to_char(high, 'YYYYMMDD'));
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL EXCLUDING COMMENTS)', child, parent_name);
        IF parent_name = 'events' THEN
            -- Append-only: pages are filled, frozen and made all-visible soon, so that index-only scans stay cheap and no
            -- anti-wraparound vacuum has to read the table years later.
            EXECUTE format('ALTER TABLE %I SET (fillfactor = 100, autovacuum_freeze_min_age = 0, '
                'autovacuum_vacuum_insert_threshold = 50000, autovacuum_vacuum_insert_scale_factor = 0.1, '
                'autovacuum_analyze_scale_factor = 0.05)', child);
        ELSE
            -- The same minute is counted up by every batch: room for updates in place.
            EXECUTE format('ALTER TABLE %I SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, '
                'autovacuum_analyze_scale_factor = 0.05)', child);
        END IF;
        EXECUTE format('COMMENT ON TABLE %I IS %L', child, format('flumen partition of %s from %s to %s', parent_name,
            to_char(low, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), to_char(high, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')));
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent_name, child, low, high);
        range_start := low;
        range_end := high;
        created := true;
    END LOOP;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION flumen_ensure_partition IS 'Makes the partitions of events and event_counts that hold a moment, unless they exist.';

-- A definer's function must not find a caller's temporary tables: name the schema, put pg_temp last.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION flumen_ensure_partition(timestamptz, timestamptz, timestamptz) SET search_path = %I, pg_temp', current_schema());
END
$$;

REVOKE ALL ON FUNCTION flumen_ensure_partition FROM PUBLIC;
