"""What the drill plays on: PostgreSQL, an S3-compatible store and the pipeline. Each ends with the drill, also when that is killed."""
import ctypes
import http.client
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A slow machine, not a bound that anything is held to.
PATIENCE = 600


def eventually(what, look, patience=PATIENCE):
    """Looks again and again until it answers something; says what it waited for when it does not."""
    deadline = time.monotonic() + patience
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise SystemExit(f'not within {patience} s: {what}')
        time.sleep(0.05)


# Somebody else may take a port between the look at it and its use.
ATTEMPTS = 5


def free_port():
    """A port that nobody has now, and neither the one 10 000 above it, which SeaweedFS takes as well; none that outgoing connections get."""
    while True:
        port = random.randint(10500, 19500)
        try:
            for wanted in (port, port + 10000):
                with socket.socket() as probe:
                    probe.bind(('127.0.0.1', wanted))
            return port
        except OSError:
            pass


def end_with_parent(by):
    def settle():
        ctypes.CDLL(None).prctl(1, by, 0, 0, 0)
    return settle


def listens(port):
    try:
        with socket.create_connection(('127.0.0.1', port), 1):
            return True
    except OSError:
        return False


class Postgres:
    """PostgreSQL 18 with nothing in it; a new one may take the place of one that is gone."""

    def __init__(self, folder):
        self.folder, self.port, self.process, self.is_known = folder / 'postgres', free_port(), None, False
        programs, self.user = ROOT / '.tools/postgresql18', {}
        if os.geteuid() == 0:
            # It refuses root; the other user may not be able to enter the checkout.
            nobody = pwd.getpwnam('nobody')
            self.user = dict(user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
            programs = Path(shutil.copytree(programs, folder / 'programs', symlinks=True))
        self.bin = (programs / 'bin').resolve()

    def start(self):
        """Makes a folder and a server on it: what a managed database is when it is new."""
        self.folder.mkdir()
        if self.user:
            os.chown(self.folder, self.user['user'], self.user['group'])
        data = self.folder / 'data'
        subprocess.run([self.bin / 'initdb', '-D', data, '-U', 'postgres', '-E', 'UTF8', '--no-locale', '-A', 'trust', '--no-sync'], check=True,
                       cwd='/', stdout=subprocess.DEVNULL, **self.user)
        settings = dict(port=self.port, listen_addresses='127.0.0.1', unix_socket_directories='', shared_buffers='128MB', max_wal_size='2GB',
                        max_connections=100, timezone='UTC')
        for attempt in range(ATTEMPTS):
            with open(self.folder.parent / 'postgres.log', 'ab') as log:
                self.process = subprocess.Popen([self.bin / 'postgres', '-D', data, *(f'-c{k}={v}' for k, v in settings.items())], cwd='/',
                                                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent(signal.SIGQUIT), **self.user)
            eventually('PostgreSQL takes connections or ends', lambda: self.process.poll() is not None or self.answers('postgres'))
            if self.process.poll() is None:
                return
            # Whose address is known keeps it, and waits until it is free again.
            if self.is_known:
                time.sleep(2)
            else:
                self.port = settings['port'] = free_port()
        raise SystemExit('PostgreSQL does not start')

    def destroy(self):
        """Ends it as a crash would, and its disk with it."""
        # Its children end when they notice.
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()
        shutil.rmtree(self.folder)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()

    def url(self, database):
        self.is_known = True
        return f'postgres://postgres@127.0.0.1:{self.port}/{database}'

    def psql(self, database, statement, **more):
        return subprocess.run([self.bin / 'psql', f'postgres://postgres@127.0.0.1:{self.port}/{database}?connect_timeout=10', '--no-psqlrc', '-Atc', statement], cwd='/', text=True,
                              capture_output=True, **more)

    def answers(self, database):
        return self.psql(database, 'SELECT 1').returncode == 0

    def sql(self, database, statement):
        """Rows of texts."""
        out = self.psql(database, statement, check=True).stdout
        return [line.split('|') for line in out.splitlines()]


class Store:
    """SeaweedFS: the S3 of this machine."""

    KEY, SECRET, BUCKET = 'drill', 'only-for-this-drill-0123456789', 'backups'

    def __init__(self, folder):
        self.folder = folder / 'store'
        for attempt in range(ATTEMPTS):
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
            self.start(folder / 'store.log')
            deadline, ready = time.monotonic() + 180, lambda: listens(self.s3) and listens(self.filer)
            eventually('the store listens or ends', lambda: self.process.poll() is not None or ready() or time.monotonic() > deadline)
            if self.process.poll() is None and ready():
                break
            self.stop()
        else:
            raise SystemExit('the store does not start')
        eventually('the store makes a bucket', lambda: self.request('POST', f'/buckets/{self.BUCKET}/') in (200, 201))

    def start(self, log):
        master, volume, self.filer, self.s3 = (free_port() for _ in range(4))
        config = self.folder / 's3.json'
        config.write_text(json.dumps({'identities': [{'name': self.KEY, 'actions': ['Admin', 'Read', 'Write', 'List'],
                                                      'credentials': [{'accessKey': self.KEY, 'secretKey': self.SECRET}]}]}))
        weed = next((ROOT / '.tools/seaweedfs').glob('*/scripts/weed'))
        with open(log, 'ab') as log:
            self.process = subprocess.Popen(
                [weed, '-logtostderr=true', 'server', f'-dir={self.folder}', '-ip=127.0.0.1', '-ip.bind=127.0.0.1', f'-master.port={master}',
                 f'-volume.port={volume}', '-filer', f'-filer.port={self.filer}', f'-filer.localSocket={self.folder}/filer.sock', '-s3',
                 f'-s3.port={self.s3}', f'-s3.localSocket={self.folder}/s3.sock', f'-s3.config={config}', '-s3.port.iceberg=0', '-s3.port.lance=0',
                 '-master.telemetry=false', '-master.volumeSizeLimitMB=256', '-volume.max=40'],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent(signal.SIGTERM))

    def request(self, method, path, body=None):
        """Asks the store behind S3's back; bytes of a GET, else the status."""
        try:
            connection = http.client.HTTPConnection('127.0.0.1', self.filer, timeout=60)
            connection.request(method, path, body=body)
            answer = connection.getresponse()
            text = answer.read()
            if method == 'GET' and answer.status != 200:
                raise SystemExit(f'{path}: {answer.status}')
            return text if method == 'GET' else answer.status
        except (OSError, http.client.HTTPException):
            if method == 'GET':
                raise
            return 0

    def get(self, name):
        return self.request('GET', f'/buckets/{self.BUCKET}/{name}')

    def put(self, name, content):
        status = self.request('PUT', f'/buckets/{self.BUCKET}/{name}', content)
        if status not in (200, 201):
            raise SystemExit(f'put {name}: {status}')

    def environment(self):
        return dict(AWS_REGION='us-east-1', AWS_ACCESS_KEY_ID=self.KEY, AWS_SECRET_ACCESS_KEY=self.SECRET, AWS_ENDPOINT_URL=f'http://127.0.0.1:{self.s3}')

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # The one thing it leaves outside of its folder.
        Path(f'/tmp/seaweedfs-s3-grpc-{self.s3 + 10000}.sock').unlink(missing_ok=True)


class Pipeline:
    """Kafka and the services, on a database that is given."""

    def __init__(self, binaries, folder, database):
        self.flumen, self.log = binaries / 'flumen', folder / 'up.log'
        for attempt in range(ATTEMPTS):
            self.state = folder / f'state-{attempt}'
            with open(self.log, 'wb') as log:
                # The pipe is held by nobody else: what runs ends with the drill, whatever ends the drill.
                self.process = subprocess.Popen([self.flumen, 'up', '--state', self.state, '--ports', 'auto', '--postgres', database, '--exit-with-parent'],
                                                stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
            file = self.state / 'stack.json'
            eventually('the pipeline is ready or ends', lambda: self.process.poll() is not None or file.exists())
            if self.process.poll() is None:
                break
            said = self.log.read_text()
            if 'in use' not in said:
                raise SystemExit(f'the pipeline did not start:\n{said}')
        else:
            raise SystemExit('the pipeline found no free ports')
        stack = json.loads(file.read_text())
        self.ingest, self.query = stack['ingest_api']['url'], stack['query_api']['url']
        self.producer, self.reader = stack['keys']['producer'], stack['keys']['reader']

    def served(self):
        """Whether query-api answers with events."""
        host, port = self.query.removeprefix('http://').split(':')
        try:
            connection = http.client.HTTPConnection(host, int(port), timeout=30)
            connection.request('GET', '/v1/events?limit=1', headers={'authorization': f'Bearer {self.reader}'})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status == 200 and len(json.loads(text)['events']) == 1
        except (OSError, http.client.HTTPException):
            return False

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait()
