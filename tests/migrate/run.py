"""The rehearsal: a pipeline on PostgreSQL 15 moves to an empty PostgreSQL 18 by scripts/migrate-database, under load and with readers.

    python3 -B tests/migrate/run.py BIN_DIR [--docs FILE]

BIN_DIR holds flumen and the services (target/debug). Exit status 0 only when everything that was accepted is in the new database once, what was
copied is equal by partition, a reader of the feed missed nothing, and what must be refused was. Needs `scripts/setup pgtools`.
"""
import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'drill'))
# The names of the drill's own modules are not those of this folder's.
from load import DAYS, THREADS, Load  # noqa: E402
from parts import ATTEMPTS, ROOT, Postgres, end_with_parent, eventually, free_port, listens  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.modules.pop('report', None)
import report  # noqa: E402
from reader import Reader  # noqa: E402

DATABASE = 'flumen'
# Events before the copy, between copy and second writer, between the switches; events a second, of the load and of `flumen generate`.
BEFORE, GAP, BETWEEN, RATE, GENERATED = 25_000, 3_000, 2_000, 800, 100
# The writers set aside one in DAYS of the load, the oldest, so that there are dead letters to compare. The limit is half a day off any of them: each
# writer decides by its own clock.
OLDEST = DAYS - 1
MAX_AGE = f'{OLDEST * 24 - 12}h'


class Old:
    """The pipeline on PostgreSQL 15."""

    def __init__(self, binaries, folder):
        self.log = folder / 'up.log'
        for attempt in range(ATTEMPTS):
            self.state = folder / f'state-{attempt}'
            with open(self.log, 'wb') as log:
                # The pipe is held by nobody else: what runs ends with the rehearsal, whatever ends that.
                self.process = subprocess.Popen(
                    [binaries / 'flumen', 'up', '--state', self.state, '--ports', 'auto', '--postgres-version', '15', '--timeout', '10m',
                     '--set', f'writer.accept.max_age={MAX_AGE}', '--exit-with-parent'],
                    stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
            file = self.state / 'stack.json'
            eventually('the pipeline is ready or ends', lambda: self.process.poll() is not None or file.exists())
            if self.process.poll() is None:
                break
            if 'in use' not in (said := self.log.read_text()):
                raise SystemExit(f'the pipeline did not start:\n{said}')
        else:
            raise SystemExit('the pipeline found no free ports')
        stack = self.stack()
        self.url, self.brokers = stack['postgres']['url'], stack['kafka']['brokers']
        self.ingest, self.query, self.admin = stack['ingest_api']['url'], stack['query_api']['url'], stack['query_api']['admin']
        self.producer, self.reader = stack['keys']['producer'], stack['keys']['reader']

    def stack(self):
        return json.loads((self.state / 'stack.json').read_text())

    def config(self, name):
        return self.state / 'config' / f'{name}.toml'

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait()


class Writer:
    """A writer of a group of its own, as a second release of writers is in a cluster."""

    def __init__(self, binaries, folder, brokers, database, group):
        self.log, config = folder / f'{group}.log', folder / f'{group}.toml'
        for attempt in range(ATTEMPTS):
            port = free_port()
            config.write_text(f'[kafka]\nbrokers = "{brokers}"\n[kafka.consumer]\ngroup = "{group}"\n[database]\nurl = "{database}"\n'
                              f'[accept]\nmax_age = "{MAX_AGE}"\n[admin]\naddress = "127.0.0.1:{port}"\n')
            with open(self.log, 'wb') as log:
                self.process = subprocess.Popen([binaries / 'writer', '--config', config], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                preexec_fn=end_with_parent(signal.SIGTERM))
            eventually(f'a writer of {group} listens or ends', lambda: self.process.poll() is not None or listens(port))
            if self.process.poll() is None:
                return
            if 'in use' not in (said := self.log.read_text()):
                raise SystemExit(f'a writer of {group} did not start:\n{said}')
        raise SystemExit(f'a writer of {group} found no free port')

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


class Rehearsal:
    def __init__(self, binaries, folder):
        self.binaries, self.folder = binaries, folder
        self.figures, self.begun = dict(seconds={}), time.monotonic()

    def say(self, text):
        print(f'  {time.monotonic() - self.begun:6.1f} s  {text}', flush=True)

    def environment(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(('FLUMEN', 'PG', 'AWS_'))}
        return kept | dict(OLD_DATABASE_URL=self.old.url, NEW_DATABASE_URL=self.as_('flumen_owner'), FLUMEN__KAFKA__BROKERS=self.old.brokers,
                           OLD_READER_URL=self.old.url, NEW_READER_URL=self.as_('flumen_reader'),
                           FLUMEN_QUERY_URL=self.old.query, FLUMEN_READER_KEY=self.old.reader, FLUMEN=str(self.binaries / 'flumen'),
                           FLUMEN_PG_BIN=str(self.new.bin), NO_PROXY='127.0.0.1', PYTHONDONTWRITEBYTECODE='1')

    def as_(self, login):
        """The new database, with the rights that the login has in production."""
        return self.new.url(DATABASE).replace('postgres@', f'{login}@')

    def command(self, step, *args):
        return [ROOT / 'scripts/migrate-database', step, '--work', self.folder / 'move', '--wait', '20m', *args]

    def move(self, step, *args, refused=None, **environment):
        """Runs a step; what it says, which holds these words when it is to refuse."""
        begun = time.monotonic()
        done = subprocess.run(self.command(step, *args), env=self.environment() | environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if (done.returncode != 0) != bool(refused) or (refused and refused not in done.stdout):
            raise SystemExit(f'migrate-database {step} {"was not refused with: " + refused if refused else "failed"} ({done.returncode}):\n{done.stdout}')
        if not refused:
            self.figures['seconds'].setdefault(step, round(time.monotonic() - begun, 1))
        return done.stdout

    def state(self):
        return json.loads((self.folder / 'move/state.json').read_text())

    def ask_old(self, statement):
        done = subprocess.run([self.new.bin / 'psql', self.old.url, '--no-psqlrc', '-At', '-F', '|', '-c', statement], cwd='/', text=True, capture_output=True,
                              check=True)
        return [line.split('|') for line in done.stdout.splitlines()]

    def positions(self, ask):
        return {int(partition): int(offset) for partition, offset in ask('SELECT kafka_partition, next_offset FROM checkpoints')}

    def ask_new(self, statement):
        return self.new.sql(DATABASE, statement)

    def accepted(self, more):
        wanted = self.load.total + more
        eventually(f'{wanted} events are accepted', lambda: self.load.errors or self.load.total >= wanted)
        if self.load.errors:
            raise SystemExit(f'ingest-api gave an answer that it should not: {self.load.errors[0]}')

    def reaches(self, ask, wanted):
        have = self.positions(ask)
        return all(have.get(partition, 0) >= offset for partition, offset in wanted.items())

    def run(self, stack):
        figures = self.figures
        self.say('starting Kafka, PostgreSQL 15 and the services, and an empty PostgreSQL 18')
        self.old = Old(self.binaries, self.folder)
        stack.callback(self.old.stop)
        self.new = Postgres(self.folder)
        stack.callback(self.new.stop)
        self.new.start()
        # As its administrator does; then nobody is administrator there any more.
        passwords = {f'FLUMEN_{login}_PASSWORD': f'only for this rehearsal {login}' for login in ('OWNER', 'WRITER', 'READER')}
        subprocess.run([self.new.bin / 'psql', '--no-psqlrc', '-q', self.new.url('postgres'), '-f', ROOT / 'charts/flumen/files/roles.sql'],
                       env=os.environ | passwords, cwd='/', check=True, stdout=subprocess.DEVNULL)
        figures['from'] = self.ask_old('SHOW server_version')[0][0].split()[0]
        figures['to'] = self.new.sql('postgres', 'SHOW server_version')[0][0].split()[0]
        self.load = Load(self.old.ingest, self.old.producer, RATE)
        stack.callback(self.load.ending.set)
        self.generate(stack)
        self.reader = Reader(self.old.query, self.old.reader)
        stack.callback(self.reader.ending.set)
        self.say(f'PostgreSQL {figures["from"]} and {figures["to"]}; loading {RATE + GENERATED} events a second, a reader follows the feed')
        self.accepted(BEFORE)
        eventually('they are stored', lambda: sum(self.positions(self.ask_old).values()) >= BEFORE)

        self.checks()
        self.copy()
        self.accepted(GAP)
        self.parallel(stack)
        self.switches()
        self.end()
        self.late(stack)
        self.count()

    def generate(self, stack):
        """Events of many sources and types beside, by the tool that people use."""
        self.generated = self.folder / 'generated.json'
        with open(self.generated, 'wb') as out, open(self.folder / 'generate.log', 'wb') as log:
            self.generator = subprocess.Popen(
                [self.binaries / 'flumen', 'generate', '--url', self.old.ingest, '--rate', str(GENERATED), '--retry-for', 'forever',
                 '--timeout', '10m', '--json'],
                env=self.environment() | dict(FLUMEN_PRODUCER_KEY=self.old.producer), stdin=subprocess.DEVNULL, stdout=out, stderr=log,
                preexec_fn=end_with_parent(signal.SIGTERM))
        stack.callback(self.generator.terminate)

    def checks(self):
        swapped = dict(OLD_DATABASE_URL=self.new.url('postgres'), NEW_DATABASE_URL=self.old.url)
        self.move('check', '--work', self.folder / 'swapped', refused='has no tables of Flumen', **swapped)
        # Two servers that both have a database of Flumen: 18 is never moved to 15.
        self.new.sql('postgres', 'CREATE DATABASE newer')
        subprocess.run([self.binaries / 'flumen', 'migrate'], env=self.environment() | dict(FLUMEN__DATABASE__URL=self.new.url('newer')), check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        swapped['OLD_DATABASE_URL'] = self.new.url('newer')
        self.move('check', '--work', self.folder / 'swapped-2', refused='data never goes back a version', **swapped)
        self.new.sql('postgres', 'DROP DATABASE newer')
        self.move('check', '--retention-is', '60s', refused='Kafka keeps records for 60 s')
        self.move('switch', refused='copy first')
        said = self.move('check')
        if 'nothing stands in the way' not in said:
            raise SystemExit(f'check said nothing of the sort:\n{said}')
        self.say('checked; swapped servers and a topic that keeps too little were refused')

    def copy(self):
        """Broken off while it restores, or thereabouts; then to its end."""
        begun = time.monotonic()
        with open(self.folder / 'copy.log', 'wb') as log:
            process = subprocess.Popen(self.command('copy'), env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            eventually('the copy restores or ends', lambda: process.poll() is not None or self.new.sql(
                'postgres', f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}_copying'"))
            process.send_signal(signal.SIGTERM)
            process.wait()
        first = (self.folder / 'copy.log').read_text()
        if process.returncode not in (0, 1) or 'Traceback' in first:
            raise SystemExit(f'a copy that was broken off ended with {process.returncode}:\n{first}')
        backup = self.state()['backup']
        dumped = time.monotonic() - begun
        said = self.move('copy')
        state = self.state()
        if state['backup'] != backup:
            raise SystemExit(f'the second copy did not go on from the dump of the first:\n{said}')
        if 'was copied already' not in self.move('copy'):
            raise SystemExit('a third copy did not notice that there is nothing to do')
        self.figures |= dict(copied=state['copied_events'], broken_off=process.returncode != 0)
        self.figures['seconds'] |= dict(dump=round(dumped, 1), restore=state['seconds']['restore'])
        self.move('switch', refused='compare first')
        self.say(f'copied {state["copied_events"]} events; {"broken off once on the way" if process.returncode else "too quick to be broken off"}')
        self.login()

    def login(self):
        """Somebody who may read the old one may read the new one, before anybody is switched."""
        self.ask_old('CREATE ROLE partner LOGIN; GRANT flumen_reader TO partner')
        if 'logins to make on the new server before the switch: partner' not in (said := self.move('copy')):
            raise SystemExit(f'a login that is missing was not named:\n{said}')
        self.move('switch', '--without-compare', refused='partner in flumen_reader')
        self.ask_new('CREATE ROLE partner LOGIN')
        if 'partner is in flumen_reader now' not in (said := self.move('copy')):
            raise SystemExit(f'the login did not get its group:\n{said}')

    def parallel(self, stack):
        """The second writer catches up; then both are fed."""
        goal, begun = self.positions(self.ask_old), time.monotonic()
        self.figures['gap'] = sum(goal.values()) - sum(self.positions(self.ask_new).values())
        self.writer = Writer(self.binaries, self.folder, self.old.brokers, self.as_('flumen_writer'), 'flumen-writer-new')
        stack.callback(self.writer.stop)
        eventually('the second writer has caught up', lambda: self.reaches(self.ask_new, goal))
        self.figures['seconds']['caught_up'] = round(time.monotonic() - begun, 1)
        self.say(f'a second writer caught up {self.figures["gap"]} records in {self.figures["seconds"]["caught_up"]} s')
        self.alter()
        self.untimed()
        print(self.move('compare'), end='')
        self.figures['compared'] = self.state()['compared_events']
        self.say('compared, while both are written to')

    def alter(self):
        """One event is another on the new server: the comparison must say where."""
        table, time_, uid = self.ask_new('SELECT tableoid::regclass, time, uid FROM events ORDER BY time LIMIT 1')[0]
        self.ask_new(f"CREATE TABLE kept AS SELECT data FROM events WHERE time = '{time_}' AND uid = '{uid}'")
        self.ask_new(f"UPDATE events SET data = '{{}}' WHERE time = '{time_}' AND uid = '{uid}'")
        said = self.move('compare', refused='readers stay where they are')
        if not re.search(rf'{table} .* DIFFERENT', said) or said.count('DIFFERENT') != 1:
            raise SystemExit(f'the comparison did not name {table}, or named others:\n{said}')
        self.ask_new(f"UPDATE events SET data = kept.data FROM kept WHERE time = '{time_}' AND uid = '{uid}'")
        self.ask_new('DROP TABLE kept')

    def switches(self):
        """There, back, and there again; both are fed all the time."""
        for step in ('switch', 'back', 'switch'):
            self.switch(step)
        self.move('compare')
        self.move('status')

    def switch(self, step):
        """Readers go to the other one, and on there."""
        run = f'{sys.executable} -B {Path(__file__).resolve().parent / "repoint.py"} {self.old.config("query-api")} {self.old.admin}'
        said = self.move(step, '--run', run)
        self.say(f'{step}: {self.state()["switches"][-1]}')
        self.accepted(BETWEEN)
        goal = self.reader.total + BETWEEN
        eventually('the reader of the feed goes on', lambda: self.reader.errors or self.reader.total >= goal)
        if self.reader.errors:
            raise SystemExit(f'the reader of the feed was answered: {self.reader.errors[0]}\n{said}')

    def end(self):
        """The first group goes over to the new database, the second ends, the old database gets nothing any more."""
        self.writer.stop()
        config = self.old.config('writer-1')
        config.write_text(re.sub(r'(?m)^url = "postgres.*"$', lambda _: f'url = "{self.as_("flumen_writer")}"', config.read_text()))
        pid = self.old.stack()['writers'][0]['pid']
        os.kill(pid, signal.SIGTERM)
        eventually('the first writer is on the new database', lambda: self.ask_new(
            "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'flumen-writer%' AND datname = current_database()"))
        eventually('nobody is on the old one', lambda: self.ask_old(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^flumen-(writer|query-api)'") == [['0']])
        before = self.positions(self.ask_old)
        self.accepted(BETWEEN)
        goal = {partition: offset + 1 for partition, offset in before.items()}
        eventually('the first writer goes on there', lambda: self.reaches(self.ask_new, goal))
        if self.positions(self.ask_old) != before:
            raise SystemExit('the old database is still written to')
        self.say('the first group of writers goes on in the new database, the second is gone, nobody uses the old one')

    def late(self, stack):
        """Back although the old one got nothing for a while: a writer fills it from Kafka first. Then forth again."""
        self.move('back', refused='no writer is connected')
        writer = Writer(self.binaries, self.folder, self.old.brokers, self.old.url, 'flumen-writer-late')
        stack.callback(writer.stop)
        eventually('it is connected', lambda: self.ask_old(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'flumen-writer%' AND datname = current_database()") != [['0']])
        for step in ('back', 'switch'):
            self.switch(step)
        self.move('compare')
        self.figures['switches'] = self.state()['switches']
        writer.stop()

    def untimed(self):
        """Events with an id and no time of their own: what both remember of them is compared too."""
        self.untimed_count = 200
        host, port = self.old.ingest.removeprefix('http://').split(':')
        body = json.dumps([{'specversion': '1.0', 'id': f'untimed {n}', 'source': 'untimed', 'type': 'drill.happened', 'data': n}
                           for n in range(self.untimed_count)])

        def sent():
            connection = http.client.HTTPConnection(host, int(port), timeout=60)
            with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
                connection.request('POST', '/v1/events', body=body, headers={
                    'authorization': f'Bearer {self.old.producer}', 'content-type': 'application/cloudevents-batch+json'})
                answer = connection.getresponse()
                return answer.status == 202 and json.loads(answer.read())['accepted'] == self.untimed_count
            return False

        eventually('events without a time are accepted', sent)
        stored = "SELECT count(*) FROM events WHERE source = 'untimed'"
        for ask in (self.ask_old, self.ask_new):
            eventually('they are stored', lambda: ask(stored) == [[str(self.untimed_count)]])

    def count(self):
        """What was accepted against what is stored, event by event; what the reader saw against what is stored."""
        figures = self.figures
        self.load.stop()
        self.generator.send_signal(signal.SIGINT)
        self.generator.wait()
        generated = json.loads(self.generated.read_text())
        all_of_it = self.load.total + generated['accepted'] + self.untimed_count
        eventually('everything accepted is stored or set aside', lambda: int(self.ask_new(
            'SELECT (SELECT count(*) FROM events) + (SELECT count(DISTINCT (kafka_partition, kafka_offset)) FROM dead_letters)')[0][0]) >= all_of_it)
        rows = [(source, id) for source, id in self.ask_new('SELECT source, id FROM events')]
        stored = set(rows)
        wanted = {(f'drill-{thread}', str(n)) for thread in range(THREADS) for n in range(self.load.accepted[thread]) if n % DAYS < OLDEST}
        others = [row for row in rows if not row[0].startswith('drill-')]
        figures['dead_letters'] = int(self.ask_new('SELECT count(*) FROM dead_letters')[0][0])
        aside = sum(1 for thread in range(THREADS) for n in range(self.load.accepted[thread]) if n % DAYS >= OLDEST)
        ours = {row for row in stored if row[0].startswith('drill-')}
        figures |= dict(accepted=all_of_it, stored=len(rows), twice=len(rows) - len(stored), unknown=len(ours - wanted),
                        lost=len(wanted - stored) + max(0, generated['accepted'] + self.untimed_count - len(others)),
                        refused_requests=self.load.refused, longest_request=round(self.load.longest, 1), generated=generated)
        eventually('the reader has seen everything', lambda: self.reader.errors or self.reader.total >= len(stored), patience=120 if self.load.refused else 600)
        self.reader.stop()
        figures |= dict(reader_seen=sum(self.reader.seen.values()), reader_missed=len(stored - self.reader.seen.keys()),
                        reader_twice=sum(self.reader.seen.values()) - len(self.reader.seen), reader_failed=self.reader.failed)
        counted = int(self.ask_new('SELECT coalesce(sum(count), 0) FROM event_counts')[0][0])
        # A batch that was sent again after no answer may be set aside twice: dead letters are records, not events.
        resent = self.load.refused or generated['disconnects'] or generated['timeouts']
        right = [figures['dead_letters'] == aside or (resent and figures['dead_letters'] > aside), counted == len(rows)]
        figures['good'] = all(right) and not any(figures[name] for name in ('lost', 'twice', 'unknown', 'reader_missed', 'reader_twice'))
        figures['good'] = figures['good'] and all(one['reads'] > 0 and one['nothing_read_for_seconds'] < 60 for one in figures['switches'])


def interrupted(*_):
    raise SystemExit(130)


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument('binaries', type=Path, help='the folder of flumen and the services')
    words.add_argument('--docs', type=Path, help='a document whose marked part gets the figures')
    words = words.parse_args()
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGINT, interrupted)
    folder = Path(tempfile.mkdtemp(prefix='flumen-migrate-'))
    # PostgreSQL runs as another user when this one is root.
    folder.chmod(0o711)
    rehearsal = Rehearsal(words.binaries.resolve(), folder)
    try:
        with contextlib.ExitStack() as stack:
            rehearsal.run(stack)
    except BaseException:
        for log in [*folder.glob('*.log'), *folder.glob('state-*/logs/*.log')]:
            print(f'--- the end of {log.relative_to(folder)}', *log.read_text(errors='replace').splitlines()[-12:], sep='\n')
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rehearsal.figures['date'] = datetime.now(timezone.utc).date().isoformat()
    rehearsal.figures['seconds']['rehearsal'] = round(time.monotonic() - rehearsal.begun, 1)
    out = ROOT / 'target/migrate'
    report.write(rehearsal.figures, out, words.docs)
    print(report.markdown(rehearsal.figures))
    print(f'written to {out.relative_to(ROOT)}/report.md and report.json')
    if not rehearsal.figures['good']:
        raise SystemExit('what is stored is not what was accepted')


if __name__ == '__main__':
    main()
