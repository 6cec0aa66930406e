"""Both databases, up to where both have everything: the checkpoints say up to where that is."""
import threading
import time

from databases import Stop, grouped, lag, say

# Texts of values are the same on both, as in Flumen's own census.
SETTINGS = """SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres'; SET LOCAL bytea_output = 'hex';
    SET LOCAL extra_float_digits = 1; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;"""


def bounds(old, new):
    """Up to where both have everything: the smaller checkpoint of each Kafka partition."""
    here, there = old.checkpoints(), new.checkpoints()
    return {key: min(here[key], there[key]) for key in here.keys() & there.keys()}


def census(database, upto, day):
    """Counts and checksums below the bounds; in one snapshot."""
    values = ', '.join(f"('{topic}', {partition}, {offset}::bigint)" for (_, topic, partition), offset in sorted(upto.items())) or "('', -1, 0::bigint)"
    below = f'WITH bounds(topic, p, upto) AS (VALUES {values}) '
    part = 'e.tableoid::regclass::text'
    content = 'e.time, e.uid, e.source, e.type, e.id, e.subject, e.datacontenttype, e.dataschema, e.extensions, e.data, e.data_bytes'
    record = 'd.topic, d.kafka_partition, d.kafka_offset, d.reason, d.value, d.header_names, d.header_values'

    def total(row):
        return f"coalesce(bit_xor(('x' || substr(md5(({row})::text), 1, 16))::bit(64)), 0::bit(64))::bigint"

    return database.sql(f"""BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {SETTINGS}
        {below} SELECT 'events', {part}, count(*), {total('e')}, {total(f'ROW({content})')}
          FROM events e JOIN bounds b ON b.p = e.kafka_partition AND e.kafka_offset < b.upto GROUP BY 2;
        {below}, there AS (SELECT bucket, source, type, sum(count) AS n FROM event_counts GROUP BY 1, 2, 3),
        beyond AS (SELECT date_trunc('minute', e.time, 'UTC') AS bucket, e.source, e.type, count(*) AS n
          FROM events e JOIN bounds b ON b.p = e.kafka_partition AND e.kafka_offset >= b.upto GROUP BY 1, 2, 3),
        c AS (SELECT there.bucket, there.source, there.type, there.n - coalesce(beyond.n, 0) AS n FROM there LEFT JOIN beyond USING (bucket, source, type))
        SELECT 'event_counts', 'event_counts of ' || to_char(bucket, 'YYYY-MM'), sum(n)::bigint, {total('c')}, {total('c')} FROM c WHERE n <> 0 GROUP BY 2;
        {below} SELECT 'dead_letters', 'dead_letters', count(*), {total(f'ROW({record})')}, 0
          FROM dead_letters d JOIN bounds b ON b.topic = d.topic AND b.p = d.kafka_partition AND d.kafka_offset < b.upto;
        {below} SELECT 'recent_ids', 'recent_ids of a day', count(*), {total('r')}, 0 FROM recent_ids r JOIN events e ON e.time = r.time AND e.uid = r.uid
          JOIN bounds b ON b.p = e.kafka_partition AND e.kafka_offset < b.upto WHERE r.time > '{day}';
        COMMIT;""")


def compare(words, old, new, state):
    """Both, up to where both have everything."""
    if not new.exists() or not new.migrated():
        raise Stop('the new database is not there yet: copy first')
    lag(old, new)
    upto = bounds(old, new)
    if missing := [f'{topic}[{partition}]' for (cluster, topic, partition), offset in sorted(old.checkpoints().items())
                   if offset and (cluster, topic, partition) not in upto]:
        raise Stop(f'the new database has no checkpoint of {", ".join(missing)}: nothing can be said of them before its writers are there')
    day = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() - 86400))
    say(f'comparing what both have of {len(upto)} Kafka partitions; reads every row of both, and may go on while they are written to')
    found, failed = {}, []

    def count(database):
        try:
            found[database.side] = {row[1].split('.')[-1].strip('"'): (row[0], *map(int, row[2:])) for row in census(database, upto, day)}
        except Stop as stop:
            failed.append(stop)

    both = [threading.Thread(target=count, args=(database,)) for database in (old, new)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    if failed:
        raise failed[0]
    here, there, faults, elsewhere = found['old'], found['new'], [], []
    print(f'  {"table":<40} {"old":>14} {"new":>14}  checksum')
    for name in sorted(here.keys() | there.keys()):
        kind, rows, whole, content = here.get(name, ('', 0, 0, 0))
        kind2, rows2, whole2, content2 = there.get(name, ('', 0, 0, 0))
        if (rows, whole) == (rows2, whole2):
            told = 'equal'
        elif (kind or kind2) == 'events' and (rows, content) == (rows2, content2):
            told = 'equal, some of them at another position'
            elsewhere.append(name)
        else:
            told = 'DIFFERENT'
            faults.append(name)
        print(f'  {name:<40} {grouped(rows):>14} {grouped(rows2):>14}  {told}')
    if elsewhere:
        say('events that were sent twice, into two Kafka partitions, were kept at the first in one database and at the second in the other: no fault')
    total = sum(rows for kind, rows, *_ in there.values() if kind == 'events')
    if faults:
        state.put(compared=None)
        raise Stop(f'{", ".join(faults)} differ: readers stay where they are. Was a partition dropped on one side (suspend `maintain`), were dead letters '
                   'replayed, has somebody written by hand? What may differ although nothing is wrong is in '
                   'docs/runbooks/migrate-database.md, step 5; when in doubt drop the new database and copy anew')
    state.put(compared=time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), compared_events=total)
    say(f'both hold the same: {grouped(total)} events; next: switch')
