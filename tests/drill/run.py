"""The drill: load, back up to S3, go on loading, destroy the database, restore, let the writer catch up; then count.

Started by scripts/drill. Exit status 0 only when everything that was accepted is stored once, and an altered backup was refused.
"""
import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import report
from load import Load
from parts import ROOT, Pipeline, Postgres, Store, eventually

PLACE = f's3://{Store.BUCKET}/drill'
DATABASE = 'flumen'
# Events stored before the backup, accepted between backup and loss, accepted while there is no database; events a second.
FULL = dict(before=200_000, gap=60_000, outage=20_000, rate=2000)
SHORT = dict(before=10_000, gap=5_000, outage=2_000, rate=1000)


class Drill:
    def __init__(self, binaries, folder, size):
        self.binaries, self.folder, self.size = binaries, folder, size
        self.figures = dict(seconds={}, cores=os.cpu_count())
        self.begun = time.monotonic()

    def say(self, text):
        print(f'  {time.monotonic() - self.begun:6.1f} s  {text}', flush=True)

    @contextlib.contextmanager
    def timed(self, name):
        begun = time.monotonic()
        yield
        self.figures['seconds'][name] = round(time.monotonic() - begun, 1)

    def backup(self, action, *args, database=DATABASE, fails=False):
        """Runs `flumen backup`; its output, or what it says when it is to fail."""
        flag = '--to' if action == 'create' else '--from'
        environment = {name: value for name, value in os.environ.items() if not name.startswith(('FLUMEN', 'AWS_'))}
        environment |= self.store.environment() | dict(FLUMEN_PG_BIN=str(self.postgres.bin), NO_PROXY='127.0.0.1')
        done = subprocess.run([self.binaries / 'flumen', 'backup', action, flag, PLACE, *args, '--set', f'database.url={self.postgres.url(database)}'],
                              cwd=self.folder, env=environment, text=True, capture_output=True)
        if (done.returncode != 0) != fails:
            raise SystemExit(f'flumen backup {action} {"did not fail" if fails else "failed"}:\n{done.stdout}\n{done.stderr}')
        return done.stderr if fails else done.stdout

    def key(self):
        """A pair of keys: the public one, and the file of the other."""
        file = str(self.folder / 'key.txt')
        done = subprocess.run([self.binaries / 'flumen', 'backup', 'key', '--out', file], check=True, text=True, capture_output=True)
        return done.stdout.strip(), file

    def stored(self):
        """How far the writer is, over all Kafka partitions: every record below is a row."""
        rows = self.postgres.psql(DATABASE, 'SELECT coalesce(sum(next_offset), 0) FROM checkpoints')
        return int(rows.stdout) if rows.returncode == 0 and rows.stdout.strip() else -1

    def rows(self):
        """The events in the table."""
        return int(self.postgres.sql(DATABASE, 'SELECT count(*) FROM events')[0][0])

    def accepted(self, more):
        """Waits until so many more were accepted."""
        wanted = self.load.total + more
        eventually(f'{wanted} events are accepted', lambda: self.load.errors or self.load.total >= wanted)
        if self.load.errors:
            raise SystemExit(f'ingest-api gave an answer that it should not: {self.load.errors[0]}')

    def run(self, stack):
        size, figures = self.size, self.figures
        self.say('starting PostgreSQL, the store, Kafka and the services')
        self.postgres = Postgres(self.folder)
        stack.callback(self.postgres.stop)
        self.postgres.start()
        self.postgres.sql('postgres', f'CREATE DATABASE {DATABASE}')
        self.store = Store(self.folder)
        stack.callback(self.store.stop)
        pipeline = Pipeline(self.binaries, self.folder, self.postgres.url(DATABASE))
        stack.callback(pipeline.stop)
        self.load = Load(pipeline.ingest, pipeline.producer, size['rate'])
        stack.callback(self.load.ending.set)
        self.say(f'loading {size["rate"]} events a second; it goes on to the end')
        self.accepted(size['before'])
        eventually('they are stored', lambda: self.stored() >= size['before'])

        public, identity = self.key()
        with self.timed('create'):
            made = self.backup('create', '--recipient', public)
        figures['backup_id'] = re.search(r'flumen-\w+', made)[0]
        events, total, files = re.search(r': ([\d, _.]+) events in .*?([\d, _.]+) bytes in (\d+) files', made, re.S).groups()
        figures['backup_events'], figures['backup_bytes'] = number(events), number(total)
        self.say(f'backed up {figures["backup_events"]} events, {figures["backup_bytes"]} bytes in {files} files, to S3, encrypted: {figures["seconds"]["create"]} s')

        with self.timed('verify'):
            self.backup('verify', '--identity', identity)
        self.say(f'verified by a restore into a throw-away database: {figures["seconds"]["verify"]} s')
        self.refusals(identity)
        self.accepted(size['gap'])

        eventually('the writer is about there', lambda: self.stored() >= self.load.total - 20 * size['rate'])
        figures['stored_when_destroyed'] = self.stored()
        lost = time.monotonic()
        figures['accepted_when_destroyed'] = self.load.total
        self.postgres.destroy()
        self.say(f'DESTROYED the database: {figures["stored_when_destroyed"]} events were in it, {figures["stored_when_destroyed"] - figures["backup_events"]} of them newer than the backup')
        self.accepted(size['outage'])
        figures['accepted_without_database'] = self.load.total - figures['accepted_when_destroyed']

        with self.timed('server'):
            self.postgres.start()
        # Beside, and renamed when it is whole: the writer, which goes on trying, never meets half a database.
        self.postgres.sql('postgres', f'CREATE DATABASE {DATABASE}_restored')
        with self.timed('restore'):
            self.backup('restore', '--identity', identity, database=f'{DATABASE}_restored')
        self.postgres.sql('postgres', f'ALTER DATABASE {DATABASE}_restored RENAME TO {DATABASE}')
        self.say(f'restored on a new server: {figures["seconds"]["restore"]} s')
        restored = time.monotonic()
        eventually('query-api serves again', pipeline.served)
        figures['seconds']['restored_to_readable'] = round(time.monotonic() - restored, 1)
        eventually('the writer goes on', lambda: self.stored() > figures['backup_events'])
        self.load.stop()
        eventually('everything accepted is stored', lambda: self.rows() >= self.load.total)
        now = time.monotonic()
        figures['seconds']['restored_to_caught_up'] = round(now - restored, 1)
        figures['seconds']['destroyed_to_caught_up'] = round(now - lost, 1)
        self.say(f'caught up {figures["seconds"]["restored_to_caught_up"]} s after the restore')
        self.count()

    def refusals(self, identity):
        """An altered file and a cut one are refused, and nothing is restored."""
        self.postgres.sql('postgres', 'CREATE DATABASE refused')
        folder = f'drill/{self.figures["backup_id"]}'
        manifest = json.loads(self.store.get(f'{folder}/manifest.json'))
        name = max(manifest['files'], key=lambda file: file['bytes'])['name']
        good = self.store.get(f'{folder}/{name}')
        altered = bytearray(good)
        altered[len(good) // 2] ^= 1
        for what, content, words in (('altered', bytes(altered), 'it was altered; nothing was restored'),
                                     ('cut', good[:-1], 'the backup is incomplete or was altered; nothing was restored')):
            self.store.put(f'{folder}/{name}', content)
            said = self.backup('restore', '--identity', identity, database='refused', fails=True)
            if words not in said:
                raise SystemExit(f'a backup that was {what} was refused in other words: {said}')
        tables = self.postgres.sql('refused', "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        if tables != [['0']]:
            raise SystemExit('a refused backup left something in the database')
        self.store.put(f'{folder}/{name}', good)
        self.postgres.sql('postgres', 'DROP DATABASE refused')
        self.say('an altered and a cut backup were refused')

    def count(self):
        """Compares what was accepted with what is stored, event by event and position by position."""
        figures, accepted = self.figures, self.load.accepted
        rows = self.postgres.sql(DATABASE, 'SELECT source, id, kafka_partition, kafka_offset FROM events')
        events = [(source, int(id)) for source, id, _, _ in rows]
        wanted = {(f'drill-{thread}', n) for thread, count in enumerate(accepted) for n in range(count)}
        figures |= dict(accepted=len(wanted), stored=len(events), lost=len(wanted - set(events)), twice=len(events) - len(set(events)),
                        unknown=len(set(events) - wanted), refused_requests=self.load.refused, longest_request=round(self.load.longest, 1))
        positions = {(partition, int(offset)) for _, _, partition, offset in rows}
        ends = {partition: int(next) for partition, next in self.postgres.sql(DATABASE, 'SELECT kafka_partition, next_offset FROM checkpoints')}
        figures['missing_positions'] = sum(ends.values()) - len(positions)
        figures['dead_letters'] = int(self.postgres.sql(DATABASE, 'SELECT count(*) FROM dead_letters')[0][0])
        figures['counted'] = int(self.postgres.sql(DATABASE, 'SELECT coalesce(sum(count), 0) FROM event_counts')[0][0])
        # A request that was sent again may have left its events in Kafka twice; they are stored once.
        if figures['refused_requests'] == 0 and figures['missing_positions'] != 0:
            raise SystemExit(f'{figures["missing_positions"]} records of Kafka have no row')
        figures['good'] = (not any(figures[name] for name in ('lost', 'twice', 'unknown', 'dead_letters'))
                           and figures['accepted'] == figures['stored'] == figures['counted'])


def number(text):
    return int(re.sub(r'\D', '', text))


def interrupted(*_):
    raise SystemExit(130)


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument('binaries', type=Path, help='the folder of flumen and the services')
    words.add_argument('--short', action='store_true', help='fewer events')
    words.add_argument('--docs', type=Path, help='a document whose marked part gets the figures')
    words = words.parse_args()
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGINT, interrupted)
    folder = Path(tempfile.mkdtemp(prefix='flumen-drill-'))
    # PostgreSQL runs as another user when this one is root.
    folder.chmod(0o711)
    drill = Drill(words.binaries.resolve(), folder, SHORT if words.short else FULL)
    try:
        with contextlib.ExitStack() as stack:
            drill.run(stack)
    except BaseException:
        for log in [*folder.glob('*.log'), *folder.glob('state-*/logs/writer-1.log')]:
            print(f'--- the end of {log.relative_to(folder)}', *log.read_text(errors='replace').splitlines()[-15:], sep='\n')
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    drill.figures['seconds']['drill'] = round(time.monotonic() - drill.begun, 1)
    out = ROOT / 'target/drill'
    report.write(drill.figures, out, words.docs)
    print(report.markdown(drill.figures))
    print(f'written to {out.relative_to(ROOT)}/report.md and report.json')
    if not drill.figures['good']:
        raise SystemExit('what is stored is not what was accepted')


if __name__ == '__main__':
    main()
