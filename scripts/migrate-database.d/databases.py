"""What every step of `scripts/migrate-database` uses: the two databases, the programs that are driven, what was done so far."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
GROUPS = ('flumen_owner', 'flumen_writer', 'flumen_reader', 'flumen_analyst')
LOOK = 0.2


class Stop(Exception):
    """What stands in the way, and the way out."""


def say(text):
    print(time.strftime('%H:%M:%S ', time.gmtime()) + text, flush=True)


def grouped(number):
    return f'{number:,}'.replace(',', ' ')


def duration(seconds):
    for unit, length in (('d', 86400), ('h', 3600), ('min', 60)):
        if seconds >= 2 * length:
            return f'{seconds / length:.0f} {unit}'
    return f'{seconds:.0f} s'


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def eventually(look, patience):
    deadline = time.monotonic() + patience
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK)
    return True


class Database:
    """One of the two, asked through psql, which finds all it needs in its environment."""

    def __init__(self, side, name=None):
        self.side, self.variable = side, f'{side.upper()}_DATABASE_URL'
        url = os.environ.get(self.variable)
        if not url:
            raise Stop(f'{self.variable} is not set: postgres://owner:password@host:5432/flumen of the {side} database, as its owner')
        try:
            parts = urllib.parse.urlsplit(url)
            self.host, port = parts.hostname or '', parts.port or 5432
        except ValueError:
            raise Stop(f'{self.variable} is no URL: postgres://owner:password@host:5432/flumen, with %XX for what is special in the password') from None
        own = urllib.parse.unquote(parts.path.lstrip('/'))
        if parts.scheme not in ('postgres', 'postgresql') or not self.host or not own or not parts.username:
            raise Stop(f'{self.variable} names no server, user or database: postgres://owner:password@host:5432/flumen')
        self.name, self.where = name or own, f'{self.host}:{port}'
        self.url = urllib.parse.urlunsplit(parts._replace(path='/' + urllib.parse.quote(self.name)))
        asked = dict(urllib.parse.parse_qsl(parts.query))
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith('PG')} | {
            'PGHOST': self.host, 'PGPORT': str(port), 'PGUSER': urllib.parse.unquote(parts.username), 'PGDATABASE': self.name,
            'PGAPPNAME': 'flumen-migrate-database', 'PGCONNECT_TIMEOUT': '10', 'PGOPTIONS': '-c client_min_messages=warning'}
        if parts.password:
            self.environment['PGPASSWORD'] = urllib.parse.unquote(parts.password)
        for key in ('sslmode', 'sslrootcert', 'sslcert', 'sslkey'):
            if key in asked:
                self.environment['PG' + key.upper()] = asked[key]

    def __str__(self):
        return f'the {self.side} database ({self.name} at {self.where})'

    def beside(self, name):
        """Another database of the same server."""
        return Database(self.side, name)

    def sql(self, text):
        """Rows of texts."""
        done = subprocess.run([program('psql'), '--no-psqlrc', '-q', '-At', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-w'], input=text, text=True,
                              capture_output=True, env=self.environment, cwd='/', check=False)
        if done.returncode != 0:
            raise Stop(f'{self}: {done.stderr.strip()[-600:]}')
        return [line.split('\t') for line in done.stdout.splitlines()]

    def one(self, text):
        rows = self.sql(text)
        return rows[0][0] if rows else ''

    def version(self):
        return int(self.one("SELECT current_setting('server_version_num')::int / 10000"))

    def exists(self):
        quoted = self.name.replace("'", "''")
        return self.beside('postgres').one(f"SELECT count(*) FROM pg_database WHERE datname = '{quoted}'") == '1'

    def relations(self):
        """How many tables, views and sequences there are."""
        return int(self.one("SELECT count(*) FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace "
                            "WHERE nspname LIKE 'pg\\_%' OR nspname = 'information_schema')"))

    def migrated(self):
        return self.one("SELECT to_regclass('events') IS NOT NULL AND to_regclass('checkpoints') IS NOT NULL") == 't'

    def checkpoints(self):
        """The next offset of each Kafka partition, by (cluster, topic, partition)."""
        rows = self.sql('SELECT cluster_id, topic, kafka_partition, next_offset FROM checkpoints')
        return {(cluster, topic, int(partition)): int(offset) for cluster, topic, partition, offset in rows}

    def sessions(self, program_name):
        return int(self.one(f"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '{program_name}%'"))

    def logins(self):
        """Logins that Flumen's groups let in, with the group."""
        names = ', '.join(f"'{name}'" for name in GROUPS)
        rows = self.sql(f"SELECT rolname, rolname FROM pg_roles WHERE rolcanlogin AND rolname IN ({names}) UNION SELECT m.rolname, g.rolname "
                        f"FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid "
                        f"WHERE m.rolcanlogin AND NOT m.rolsuper AND g.rolname IN ({names})")
        return {tuple(row) for row in rows}


def program(name):
    """PostgreSQL's program of that name."""
    for folder in (os.environ.get('FLUMEN_PG_BIN'), ROOT / '.tools/postgresql18/bin'):
        if folder and (pathlib.Path(folder) / name).exists():
            return str(pathlib.Path(folder) / name)
    found = shutil.which(name)
    if not found:
        raise Stop(f'{name} is not there: scripts/setup pgtools, or install PostgreSQL\'s client programs, or name their folder in FLUMEN_PG_BIN')
    return found


def flumen(*args, database=None, config=None, fails=False):
    """Runs flumen, and gives what it said; what it says meanwhile is shown."""
    binary = os.environ.get('FLUMEN') or next((str(path) for path in (ROOT / 'target/release/flumen', ROOT / 'target/debug/flumen') if path.exists()), None)
    binary = binary or shutil.which('flumen')
    if not binary:
        raise Stop('flumen is not there: build it (make build), or name it in FLUMEN')
    environment = {key: value for key, value in os.environ.items() if not key.startswith('FLUMEN__DATABASE__')}
    environment['FLUMEN_PG_BIN'] = str(pathlib.Path(program('pg_dump')).parent)
    if database:
        environment['FLUMEN__DATABASE__URL'] = database.url
    command = [binary, *args, *(['--config', str(config)] if config else [])]
    try:
        process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise Stop(f'{binary} does not start: {error}') from None
    said = []
    try:
        for line in process.stdout:
            said.append(line.rstrip())
            if not fails:
                print(f'         | {line.rstrip()}', flush=True)
    finally:
        # Broken off, it is not left running behind our back.
        if process.poll() is None and isinstance(sys.exc_info()[1], KeyboardInterrupt):
            process.terminate()
        process.wait()
    if process.returncode != 0 and not fails:
        raise Stop(f'flumen {" ".join(args[:2])} failed: ' + '\n  '.join(said[-8:]))
    return '\n'.join(said)


def lag(old, new):
    """Says how far each is behind the other."""
    here, there = old.checkpoints(), new.checkpoints()
    behind = {'old': 0, 'new': 0}
    for key in here.keys() | there.keys():
        behind['new'] += max(0, here.get(key, 0) - there.get(key, 0))
        behind['old'] += max(0, there.get(key, 0) - here.get(key, 0))
    say(f'the new database is {grouped(behind["new"])} records behind the old one, the old one {grouped(behind["old"])} behind the new one')


class State:
    """What was done, in the folder of the move: no secrets."""

    def __init__(self, folder):
        self.folder, self.file = folder, folder / 'state.json'
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.known = json.loads(self.file.read_text()) if self.file.exists() else {}

    def get(self, name):
        return self.known.get(name)

    def put(self, **what):
        self.known |= what
        beside = self.file.with_suffix('.new')
        beside.write_text(json.dumps(self.known, indent=2) + '\n')
        beside.replace(self.file)

    def same_servers(self, old, new):
        """Holds that the folder belongs to the move between these two."""
        move = [old.where, old.name, new.where, new.name]
        if self.get('move') not in (None, move):
            raise Stop(f'{self.folder} belongs to another move, {self.get("move")}: give this one a folder of its own with --work')
        self.put(move=move)
