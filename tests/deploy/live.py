"""The door and the rotation of secrets, live: run by scripts/with-stack against a running pipeline.

    live.py door BIN     nginx with docker/nginx/nginx.conf in front of the real services, its exporter beside it
    live.py vault BIN    the templates of docker/vault with consul-template (the engine inside Vault Agent) and a fake of Vault's KV API;
                         then `flumen watch`, which does the same in Kubernetes
"""
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
STATE = json.loads((pathlib.Path(os.environ['FLUMEN_STATE']) / 'stack.json').read_text())
started = []


def fail(text):
    sys.exit(f'FAILED: {text}')


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def start(command, log, **more):
    process = subprocess.Popen([str(c) for c in command], stdout=open(log, 'w'), stderr=subprocess.STDOUT, **more)
    started.append((process, log))
    return process


def stop(process):
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()


def eventually(what, check, timeout=60):
    until, last = time.monotonic() + timeout, None
    began = time.monotonic()
    while time.monotonic() < until:
        last = check()
        if last is True:
            return time.monotonic() - began
        for process, log in started:
            if process.poll() not in (None, 0):
                fail(f'{what}: {process.args[0]} has ended: {pathlib.Path(log).read_text()[-1500:]}')
        time.sleep(0.1)
    tails = ''.join(f'\n--- {log.name}\n{log.read_text()[-1200:]}' for _, log in started)
    fail(f'{what}: not within {timeout} s; last: {last}{tails}')


def request(method, url, key=None, body=None, context=None):
    headers = {'Content-Type': 'application/json'} | ({'Authorization': f'Bearer {key}'} if key else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers, data=body), timeout=15, context=context) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        return None, str(error).encode()


def host_port(url):
    parsed = urllib.parse.urlparse(url if '//' in url else f'//{url}')
    return f'{parsed.hostname}:{parsed.port}'


def tool(name):
    for folder in ('.tools/deploy/bin', '.tools/deploy/debian/usr/sbin', '.tools/deploy/debian/usr/bin'):
        if (ROOT / folder / name).exists():
            return ROOT / folder / name
    found = shutil.which(name) or shutil.which(name, path='/usr/sbin:/sbin')
    return found or fail(f'{name} is missing: run scripts/check-deploy')


def replaced(text, *pairs):
    for old, new in pairs:
        if old not in text:
            fail(f'this test expects `{old}`, which is no longer there')
        text = text.replace(old, new)
    return text


def raw(port, ca, path):
    """A request whose path no client library tidies up."""
    context = ssl.create_default_context(cafile=ca)
    with socket.create_connection(('127.0.0.1', port), 10) as plain, context.wrap_socket(plain, server_hostname='localhost') as s:
        s.sendall(f'GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'.encode())
        return int(s.makefile('rb').readline().split()[1])


def open_door(folder):
    """nginx as Compose runs it, in front of the stack: its address, the authority of its certificate, the port of its stub_status."""
    run = folder / 'run'
    run.mkdir()
    subprocess.run(['sh', ROOT / 'docker/setup', run], check=True, capture_output=True)
    https, status = free_port(), free_port()
    conf = folder / 'nginx.conf'
    conf.write_text(replaced(
        (ROOT / 'docker/nginx/nginx.conf').read_text().replace('/tmp/', f'{folder}/'),
        ('server ingest-api:8080;', f"server {host_port(STATE['ingest_api']['url'])};"),
        ('server query-api:8081;', f"server {host_port(STATE['query_api']['url'])};"),
        ('listen 8443 ssl', f'listen 127.0.0.1:{https} ssl'),
        ('listen 8090;', f'listen 127.0.0.1:{status};'),
        ('/run/flumen/', f'{run}/'),
    ))
    nginx = tool('nginx')
    if os.geteuid() == 0:
        # Workers of a root nginx are somebody else; in Compose nobody is root.
        conf.write_text('user root;\n' + conf.read_text())
    tested = subprocess.run([nginx, '-t', '-c', conf], capture_output=True, text=True)
    if tested.returncode != 0:
        fail(f'nginx -t: {tested.stderr}')
    start([nginx, '-c', conf, '-g', 'daemon off;'], folder / 'nginx.log')
    ca = str(run / 'tls/ca.crt')
    context = ssl.create_default_context(cafile=ca)
    base = f'https://localhost:{https}'
    eventually('the door opens', lambda: request('GET', base + '/', context=context)[0] == 200 or request('GET', base + '/', context=context))
    return base, ca, status


def door(folder):
    base, ca, status = open_door(folder)
    context, https = ssl.create_default_context(cafile=ca), int(base.rsplit(':', 1)[1])
    producer, reader = STATE['keys']['producer'], STATE['keys']['reader']

    body = json.dumps({'source': 'flumen-smoke', 'type': 'door.test', 'data': {'through': 'nginx'}}).encode()
    answer = request('POST', base + '/v1/events', producer, body, context)
    if answer[0] != 202:
        fail(f'an event through the door: {answer}')
    uid = json.loads(answer[1])['events'][0]['uid']
    eventually('the event comes back through the door', lambda: (lambda a: a[0] == 200 or a)(request('GET', f'{base}/v1/events/{uid}?wait=5s', reader, context=context)))

    closed = ['/metrics', '/livez', '/readyz', '/reload', '/config', '/reload/', '/metrics/x']
    for method in ('GET', 'POST'):
        for path in closed:
            code = request(method, base + path, context=context)[0]
            if code != 404:
                fail(f'{method} {path} through the door answers {code}')
    for path in ('//metrics', '/%6detrics', '/v1/../metrics', '/./reload', '/v1/%2e%2e/reload', '/reload;x', '/metrics?x=1'):
        code = raw(https, ca, path)
        if code not in (400, 404):
            fail(f'GET {path} through the door answers {code}')
    for name in ('ingest_api', 'query_api'):
        admin = STATE[name]['admin'] if '//' in STATE[name]['admin'] else f"http://{STATE[name]['admin']}"
        for method, path in (('POST', '/reload'), ('GET', '/metrics')):
            code = request(method, admin + path)[0]
            if code != 200:
                fail(f'{method} {path} asked of {name} itself answers {code}')
    # Nothing but the door may be reached from another machine: here, from the address other machines would use.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(('192.0.2.1', 9))
            outer = s.getsockname()[0]
        except OSError:
            outer = '127.0.0.1'
    if not outer.startswith('127.'):
        for name in ('ingest_api', 'query_api'):
            for url in (STATE[name]['url'], STATE[name]['admin']):
                port = int(host_port(url).rsplit(':', 1)[1])
                try:
                    socket.create_connection((outer, port), 2).close()
                    fail(f'{name} can be reached at {outer}:{port}')
                except OSError:
                    pass
    port = free_port()
    start([tool('prometheus-nginx-exporter'), f'-nginx.scrape-uri=http://127.0.0.1:{status}/stub_status', f'-web.listen-address=127.0.0.1:{port}'], folder / 'exporter.log')

    def scraped():
        code, text = request('GET', f'http://127.0.0.1:{port}/metrics')
        found = dict(re.findall(r'^(nginx_(?:up|http_requests_total)) ([0-9.e+]+)$', text.decode(), re.M)) if code == 200 else {}
        return True if found.get('nginx_up') == '1' and float(found.get('nginx_http_requests_total', 0)) > 10 else found
    eventually('the exporter tells of nginx', scraped)
    print(f'{len(closed) * 2 + 7} ways to an admin route closed')


class Vault(http.server.BaseHTTPRequestHandler):
    """As much of Vault's HTTP API as a reader of KV version 2 needs."""
    secrets: dict = {}
    versions: dict = {}

    def do_GET(self):
        path = urllib.parse.urlparse(self.path).path.removeprefix('/v1/')
        if path.startswith('sys/internal/ui/mounts/'):
            return self.answer(200, {'data': {'path': 'secret/', 'type': 'kv', 'options': {'version': '2'}}})
        name = path.removeprefix('secret/data/')
        if self.headers.get('X-Vault-Token') != 'fake-token':
            return self.answer(403, {'errors': ['permission denied']})
        if name not in self.secrets:
            return self.answer(404, {'errors': []})
        metadata = {'version': self.versions.get(name, 1), 'created_time': '2026-01-01T00:00:00Z', 'deletion_time': '', 'destroyed': False}
        return self.answer(200, {'request_id': 'x', 'lease_id': '', 'renewable': False, 'lease_duration': 0, 'data': {'data': self.secrets[name], 'metadata': metadata}})

    do_PUT = do_POST = lambda self: self.answer(200, {'data': {'id': 'fake-token', 'ttl': 0, 'renewable': False}})

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    @classmethod
    def put(cls, name, **values):
        cls.secrets[name] = values
        cls.versions[name] = cls.versions.get(name, 0) + 1


def vault(folder, binaries):
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Vault)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ports = {name: (free_port(), free_port()) for name in ('ingest-api', 'query-api')}

    def key(name):
        file = folder / f'{name}.toml'
        out = subprocess.run([binaries / 'flumen', 'keys', 'create', '--name', name, '--scope', 'ingest', '--scope', 'read', '--source', '*', '--file', file],
                             check=True, capture_output=True, text=True).stdout
        return re.search(r'fl_[a-z0-9]+_[A-Za-z0-9]+', out)[0], file.read_text()

    database = urllib.parse.urlparse(STATE['postgres']['url'])

    def login(name):
        sql = f'CREATE ROLE {name} LOGIN PASSWORD \'{name}-password\' IN ROLE flumen_reader'
        subprocess.run(['psql', STATE['postgres']['url'], '-qc', sql], check=True, capture_output=True)
        Vault.put('flumen/database/reader', username=name, password=f'{name}-password', host=database.hostname, port=database.port,
                  dbname=database.path.strip('/'), sslmode='disable', cursors='c' * 40)

    first, entry = key('first')
    Vault.put('flumen/api-keys', keys=entry)
    login('vault_reader_1')

    # The template blocks of the agent are those of consul-template; how it logs in is not.
    agent = (ROOT / 'docker/vault/agent.hcl').read_text()
    blocks = agent[agent.index('template {'):]
    blocks = replaced(blocks, ('/etc/vault/', f'{ROOT}/docker/vault/'), ('/run/flumen/', f'{folder}/'),
                      ('http://ingest-api:9080', f"http://127.0.0.1:{ports['ingest-api'][1]}"), ('http://query-api:9081', f"http://127.0.0.1:{ports['query-api'][1]}"))
    config = folder / 'consul-template.hcl'
    config.write_text(f'''vault {{
  address = "http://127.0.0.1:{server.server_port}"
  token = "fake-token"
  renew_token = false
  default_lease_duration = "2s"
  lease_renewal_threshold = 0.5
}}
template_error_fatal = false
{blocks}''')
    engine = start([tool('consul-template'), '-config', config, '-log-level', 'warn'], folder / 'consul-template.log')
    keys, reader = folder / 'keys.toml', folder / 'query-api.toml'
    eventually('both files are rendered', lambda: keys.exists() and reader.exists() and keys.stat().st_size > 0)

    def service(name, *sets):
        public, admin = ports[name]
        args = [f'listen.address=127.0.0.1:{public}', f'admin.address=127.0.0.1:{admin}', f'keys.file={keys}', *sets]
        start([binaries / name, *(['--config', reader] if name == 'query-api' else []), *[a for s in args for a in ('--set', s)]], folder / f'{name}.log')
    service('ingest-api', f"kafka.brokers={STATE['kafka']['brokers']}")
    service('query-api')

    def send(token):
        body = json.dumps({'source': 'vault-test', 'type': 'rotation'}).encode()
        return request('POST', f"http://127.0.0.1:{ports['ingest-api'][0]}/v1/events", token, body)[0]

    def read(token):
        return request('GET', f"http://127.0.0.1:{ports['query-api'][0]}/v1/events?limit=1", token)[0]

    def works(token):
        return lambda: (send(token), read(token)) == (202, 200) or (send(token), read(token))

    def refused(token):
        return lambda: (send(token), read(token)) == (401, 401) or (send(token), read(token))
    eventually('the first key works', works(first))

    second, entry = key('second')
    Vault.put('flumen/api-keys', keys=entry)
    new = eventually('the new key works after the secret changed', works(second))
    old = eventually('the old key is refused', refused(first))

    login('vault_reader_2')

    def connected_as():
        read(second)
        sql = "SELECT string_agg(DISTINCT usename, ' ') FROM pg_stat_activity WHERE usename LIKE 'vault_reader%'"
        who = subprocess.run(['psql', STATE['postgres']['url'], '-Atc', sql], capture_output=True, text=True).stdout.strip()
        return who == 'vault_reader_2' or who
    credentials = eventually('query-api logs in with the new credentials', connected_as)

    # A secret that is gone takes nothing away from those who run.
    before = keys.read_text()
    Vault.secrets.pop('flumen/api-keys')
    time_without = time.monotonic() + 5
    while time.monotonic() < time_without:
        if send(second) != 202 or keys.read_text() != before:
            fail('a missing secret emptied the keys file')
        time.sleep(0.5)
    started[:] = [s for s in started if s[0] is not engine]
    stop(engine)

    # Kubernetes: the Secret is a folder whose link moves; `flumen watch` sees it.
    third, entry = key('third')
    start([binaries / 'flumen', 'watch', '-v', '--path', keys, '--reload', f"http://127.0.0.1:{ports['ingest-api'][1]}/reload", '--interval', '500ms'], folder / 'watch.log')
    until = time.monotonic() + 2
    while time.monotonic() < until:
        time.sleep(0.2)
    keys.write_text(entry)
    watched = eventually('flumen watch makes the service take a third key', lambda: send(third) == 202 or send(third))
    print(f'new key {new:.1f} s, old refused {old:.1f} s, login {credentials:.1f} s, watch {watched:.1f} s')


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        os.chmod(folder, 0o755)
        try:
            if sys.argv[1] == 'door':
                door(folder)
            else:
                vault(folder, pathlib.Path(sys.argv[2]).resolve())
        finally:
            for process, _ in started:
                if process.poll() is None:
                    stop(process)


if __name__ == '__main__':
    main()
