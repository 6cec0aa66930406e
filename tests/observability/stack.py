"""What the live check runs beside a pipeline: Prometheus, Alertmanager, exporters, alert-relay, a mailbox; all on free ports of loopback."""

import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
# For anything that must happen at all; a machine that is busy may take long.
PATIENCE = 240
TOKEN = "the-token-of-the-live-check"
# Takes no mail, ever.
NOBODY = "nobody@example.com"


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def get(url, timeout=20, headers=None):
    """The body of an answer as text; raises OSError when there is none, or when it tells of an error."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=timeout) as answer:
        return answer.read().decode()


def send(url, body, headers, timeout=30):
    """Posts and gives the status, whatever it is; 0 when nobody answers."""
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as error:
        with contextlib.suppress(OSError):
            error.read()
        return error.code
    except (OSError, ValueError):
        return 0


class Failed(Exception):
    """The check cannot go on; its text is for whoever reads the output."""


def eventually(what, check, seconds=PATIENCE):
    """Polls until `check` gives something, or fails with what was waited for."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            if found := check():
                return found
        except (OSError, ValueError, KeyError) as error:
            last = error
        time.sleep(0.2)
    raise Failed(f"waited {seconds} s in vain for {what}" + (f": {last}" if last else ""))


class Pipeline:
    """The running pipeline, as `flumen up` describes it."""

    def __init__(self):
        self.folder = pathlib.Path(os.environ["FLUMEN_STATE"])
        self.read()

    def read(self):
        """Reads the description anew: what was restarted has another process id."""
        stack = json.loads((self.folder / "stack.json").read_text())
        self.ingest, self.query = stack["ingest_api"]["url"], stack["query_api"]["url"]
        self.admin = {
            "ingest-api": host(stack["ingest_api"]["admin"]),
            "query-api": host(stack["query_api"]["admin"]),
            "writer": host(stack["writers"][0]["admin"]),
        }
        self.supervisor = stack["supervisor"]["pid"]
        self.pids = {
            "ingest-api": stack["ingest_api"]["pid"],
            "writer": stack["writers"][0]["pid"],
            "postgresql": stack["postgres"]["pid"],
            "kafka": stack["kafka"]["pids"][0],
        }
        self.brokers, self.topic, self.postgres = stack["kafka"]["brokers"], stack["kafka"]["topic"], stack["postgres"]["url"]
        self.producer, self.reader = stack["keys"]["producer"], stack["keys"]["reader"]

    @contextlib.contextmanager
    def broken(self, *parts):
        """Ends parts of the pipeline, and holds back whoever would start them again, until the block ends."""
        self.read()
        os.kill(self.supervisor, signal.SIGSTOP)
        try:
            for part in parts:
                # PostgreSQL as at once as it ends by itself: its other processes go with it.
                os.kill(self.pids[part], signal.SIGQUIT if part == "postgresql" else signal.SIGKILL)
            yield
        finally:
            os.kill(self.supervisor, signal.SIGCONT)

    @contextlib.contextmanager
    def bad_records(self):
        """Has a few records in the topic that no ingest-api wrote: once, which must be enough to be told."""
        self.rubbish(3)
        yield

    def rubbish(self, count):
        """Writes records that are no events."""
        code = (
            "import sys, kafka; p = kafka.KafkaProducer(bootstrap_servers=sys.argv[1]);"
            "[p.send(sys.argv[2], b'rubbish') for _ in range(int(sys.argv[3]))]; p.flush()"
        )
        python = TOOLS / "kafka-python/bin/python"
        subprocess.run([python, "-c", code, self.brokers, self.topic, str(count)], check=True, timeout=PATIENCE, stderr=subprocess.DEVNULL)


def host(address):
    """host:port of an address with or without a scheme."""
    return re.sub(r"^https?://", "", address).rstrip("/")


class StubStatus(http.server.BaseHTTPRequestHandler):
    """What nginx's stub_status answers."""

    def do_GET(self):
        body = b"Active connections: 2 \nserver accepts handled requests\n 16 16 31 \nReading: 0 Writing: 1 Waiting: 1 \n"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Beside(contextlib.ExitStack):
    """Processes that end with the check."""

    def __init__(self):
        super().__init__()
        self.folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory(prefix="flumen-live-")))
        self.processes = {}

    def start(self, name, command, environment=None, cwd=None):
        """Starts a process; its output is kept and shown when it ends too early."""
        log = open(self.folder / f"{name}.log", "w")
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=cwd or self.folder,
        )
        self.processes[name] = process

        def end():
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdin.close()
            log.close()

        self.callback(end)
        return process

    def ready(self, name, url, says=""):
        """Waits until a page says something."""

        def check():
            if self.processes[name].poll() is not None:
                raise Failed(f"{name} has ended:\n{(self.folder / f'{name}.log').read_text()[-3000:]}")
            return says in get(url)

        eventually(name, check)

    def postgres_exporter(self, url):
        """Debian's postgres_exporter; gives its address."""
        address = f"127.0.0.1:{free_port()}"
        dsn = url + ("&" if "?" in url else "?") + "sslmode=disable"
        program = TOOLS / "exporters/usr/bin/prometheus-postgres-exporter"
        self.start("postgres-exporter", [program, f"--web.listen-address={address}"], {"DATA_SOURCE_NAME": dsn})
        self.ready("postgres-exporter", f"http://{address}/metrics", "pg_up 1")
        return address

    def nginx_exporter(self):
        """Debian's nginx exporter in front of a page as nginx has it; gives its address."""
        page = http.server.ThreadingHTTPServer(("127.0.0.1", 0), StubStatus)
        threading.Thread(target=page.serve_forever, daemon=True).start()
        self.callback(page.shutdown)
        address = f"127.0.0.1:{free_port()}"
        uri = f"http://127.0.0.1:{page.server_port}/stub_status"
        program = TOOLS / "exporters/usr/bin/prometheus-nginx-exporter"
        self.start("nginx-exporter", [program, f"-web.listen-address={address}", f"-nginx.scrape-uri={uri}"])
        self.ready("nginx-exporter", f"http://{address}/metrics", "nginx_up 1")
        return address

    def relay(self, binary):
        """alert-relay with a mailbox that is busy at first; gives its public and its admin address."""
        mailbox = self.folder / "mails.jsonl"
        mailbox.touch()
        port = free_port()
        program = [TOOLS / "mail/bin/python", ROOT / "tests/mail/mailbox.py", f"--port={port}", f"--output={mailbox}", "--busy=2", f"--refuse={NOBODY}"]
        self.start("mailbox", program)
        eventually("the mailbox", lambda: socket.create_connection(("127.0.0.1", port), 5).close() or True)
        (self.folder / "senders.toml").write_text(f'[[senders]]\nname = "alertmanager"\ntoken = "{TOKEN}"\noperator = true\n')
        address, admin = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        (self.folder / "relay.toml").write_text(
            f"""
listen.address = "{address}"
admin.address = "{admin}"
senders.file = "{self.folder}/senders.toml"
outbox.path = "{self.folder}/outbox.redb"
grouping.wait = "200ms"
# Every alert of the check has its mail.
rate.mails = 1000
retry.first = "200ms"
mail.from = "Flumen alerts <alerts@example.com>"
mail.to = ["oncall@example.com"]
smtp.host = "127.0.0.1"
smtp.port = {port}
[[routes]]
name = "refused"
matchers = ['alertname="Refused"']
to = ["{NOBODY}"]
"""
        )
        self.start("alert-relay", [binary, "--config", self.folder / "relay.toml"])
        self.ready("alert-relay", f"http://{admin}/livez")
        return address, admin

    def mails(self):
        """All mails that came so far."""
        # Behind the last line's end another one is being written.
        whole, _, _ = (self.folder / "mails.jsonl").read_text().rpartition("\n")
        return [json.loads(line) for line in whole.split("\n") if line]

    def alertmanager(self, relay):
        """Alertmanager with the file of the Compose stack: only its waits are shorter, and the relay is elsewhere."""
        config = (ROOT / "docker/observability/alertmanager.yml").read_text()
        config = re.sub(r"(group_wait|group_interval): \d+[sm]", r"\1: 1s", config)
        (self.folder / "relay-token").write_text(TOKEN)
        config = replaced(config, "http://alert-relay:8083", f"http://{relay}")
        config = replaced(config, "/run/secrets/relay-token", f"{self.folder}/relay-token")
        (self.folder / "alertmanager.yml").write_text(config)
        address = f"127.0.0.1:{free_port()}"
        program = TOOLS / "alertmanager/usr/bin/prometheus-alertmanager"
        # Debian's build, as tests/mail/setup unpacks it, finds its templates from there.
        cwd = TOOLS / "alertmanager"
        if not program.exists():
            program, cwd = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager"), None
        self.start(
            "alertmanager",
            [
                program,
                f"--config.file={self.folder}/alertmanager.yml",
                f"--storage.path={self.folder}/alertmanager",
                f"--web.listen-address={address}",
                "--cluster.listen-address=",
            ],
            cwd=cwd,
        )
        self.ready("alertmanager", f"http://{address}/-/ready", "OK")
        return address

    def prometheus(self, targets, alertmanager, wrapped=()):
        """Prometheus with the file of the Compose stack: addresses in their places, shorter intervals; and a copy of the shipped rules."""
        config = (ROOT / "docker/observability/prometheus.yml").read_text()
        address = f"127.0.0.1:{free_port()}"
        config = re.sub(r"    # Every replica.*\n    dns_sd_configs: .*", '    static_configs: [{ targets: ["writer:9082"] }]', config)
        config = re.sub(r"(scrape_interval|scrape_timeout|evaluation_interval): \d+s", r"\1: 2s", config)
        # Of a server that is down postgres_exporter tells after a second or two.
        config = replaced(config, "job_name: postgresql\n", "job_name: postgresql\n    scrape_interval: 5s\n    scrape_timeout: 5s\n")
        targets = {**targets, "alertmanager:9093": alertmanager, "localhost:9090": address}
        # What does not run here is not scraped.
        config = re.sub(r'  - job_name: kafka\n    static_configs: \[\{ targets: \["kafka-exporter:9308"\] \}\]\n', "", config)
        for name, there in targets.items():
            config = replaced(config, name, there)
        folder = self.folder / "prometheus"
        (folder / "rules").mkdir(parents=True)
        for file in (ROOT / "charts/flumen/rules").glob("*.yaml"):
            (folder / "rules" / file.name).write_text(hastened(file))
        (folder / "prometheus.yml").write_text(config)
        self.start(
            "prometheus",
            [
                *wrapped,
                TOOLS / "prometheus/usr/bin/prometheus",
                "--config.file=prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={address}",
                # Its own guess is the name of the machine, which mails would carry.
                f"--web.external-url=http://{address}",
                "--enable-feature=exemplar-storage",
            ],
            cwd=folder,
        )
        self.ready("prometheus", f"http://{address}/-/ready", "Ready")
        return Prometheus(f"http://{address}")


def replaced(text, old, new):
    """The text with another address in it; that it was there at all is part of the check."""
    if old not in text:
        raise Failed(f"the configuration does not name {old} any more; the live check has to follow")
    return text.replace(old, new)


def hastened(file):
    """Rules as they are shipped, only that alerts wait for a second and look back for twenty."""
    text = re.sub(r"\b(for|keep_firing_for|interval): \d+[smhd]", r"\1: 1s", file.read_text())
    if file.name in ("services.yaml", "dependencies.yaml"):
        text = re.sub(r"\[(?:5|10|15|30)m\]", "[20s]", text)
    return text


class Prometheus:
    """The HTTP API of a Prometheus."""

    def __init__(self, url):
        self.url = url

    def query(self, expr):
        """The series of an instant query; an expression that is wrong ends the check."""
        try:
            answer = get(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expr})}")
        except urllib.error.HTTPError as error:
            raise Failed(f"Prometheus refuses {expr}: {error.read().decode()}") from error
        return json.loads(answer)["data"]["result"]

    def exemplars(self, expr):
        """The traces that are beside the buckets of a histogram, of the last ten minutes."""
        now = time.time()
        asked = urllib.parse.urlencode({"query": expr, "start": now - 600, "end": now + 600})
        series = json.loads(get(f"{self.url}/api/v1/query_exemplars?{asked}"))["data"]
        return {exemplar["labels"].get("trace_id") for found in series for exemplar in found["exemplars"]}

    def names(self):
        """Every metric it knows."""
        return set(json.loads(get(f"{self.url}/api/v1/label/__name__/values"))["data"])


def end(faults):
    """Ends the check with what was found."""
    if faults:
        sys.exit("\n".join(f"  {fault}" for fault in faults))
