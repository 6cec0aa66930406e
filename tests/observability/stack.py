"""What the live checks run beside a pipeline: Prometheus, Alertmanager, exporters, a mailbox, alert-relay; all on free ports of loopback."""

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools/observability"


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def get(url, timeout=10, headers=None):
    """The body of an answer as text."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=timeout) as answer:
        return answer.read().decode()


def send(url, body, headers, timeout=10):
    """Posts and gives the status, whatever it is."""
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as error:
        error.read()
        return error.code


def eventually(seconds, what, check):
    """Polls until `check` gives something, or ends with what was waited for."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            if found := check():
                return found
        except (OSError, ValueError, KeyError, urllib.error.URLError) as error:
            last = error
        time.sleep(0.3)
    raise SystemExit(f"waited {seconds} s in vain for {what}" + (f": {last}" if last else ""))


class Pipeline:
    """The running pipeline, as `flumen up` describes it."""

    def __init__(self):
        self.folder = pathlib.Path(os.environ["FLUMEN_STATE"])
        self.read()

    def read(self):
        """Reads the description anew: a service that was restarted has another process id."""
        stack = json.loads((self.folder / "stack.json").read_text())
        self.ingest, self.query = stack["ingest_api"]["url"], stack["query_api"]["url"]
        self.admin = {
            "ingest-api": host(stack["ingest_api"]["admin"]),
            "query-api": host(stack["query_api"]["admin"]),
            "writer": host(stack["writers"][0]["admin"]),
        }
        self.pids = {
            "ingest-api": stack["ingest_api"]["pid"],
            "query-api": stack["query_api"]["pid"],
            "writer": stack["writers"][0]["pid"],
            "postgresql": stack["postgres"]["pid"],
            "kafka": stack["kafka"]["pids"][0],
        }
        self.kafka, self.postgres = stack["kafka"]["brokers"], stack["postgres"]["url"]
        self.producer, self.reader = stack["keys"]["producer"], stack["keys"]["reader"]


def host(address):
    """host:port of an address with or without a scheme."""
    return re.sub(r"^https?://", "", address).rstrip("/")


class Beside(contextlib.ExitStack):
    """Processes that end with the check."""

    def __init__(self):
        super().__init__()
        self.folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))

    def start(self, name, command, environment=None):
        """Starts a process; its output is kept and shown when it ends too early."""
        log = open(self.folder / f"{name}.log", "w")
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}, cwd=self.folder)

        def end():
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
            log.close()

        self.callback(end)
        return process

    def log(self, name):
        """What a process printed."""
        return (self.folder / f"{name}.log").read_text()

    def postgres_exporter(self, url):
        """Debian's postgres_exporter; gives its address."""
        port = free_port()
        dsn = url + ("&" if "?" in url else "?") + "sslmode=disable"
        self.start("postgres-exporter", [TOOLS / "usr/bin/prometheus-postgres-exporter", f"--web.listen-address=127.0.0.1:{port}"], {"DATA_SOURCE_NAME": dsn})
        eventually(30, "postgres_exporter", lambda: "pg_up 1" in get(f"http://127.0.0.1:{port}/metrics"))
        return f"127.0.0.1:{port}"

    def prometheus(self, targets, alertmanager, rules):
        """Prometheus with the file of the Compose stack, the addresses put in their places, all intervals two seconds."""
        config = (ROOT / "docker/observability/prometheus.yml").read_text()
        config = re.sub(r"    # Every replica.*\n    dns_sd_configs: .*", '    static_configs: [{ targets: ["writer:9082"] }]', config)
        config = re.sub(r"(scrape_interval|evaluation_interval): \d+s", r"\1: 2s", config)
        config = config.replace("scrape_timeout: 10s", "scrape_timeout: 2s").replace("alertmanager:9093", alertmanager)
        folder = self.folder / "prometheus"
        (folder / "rules").mkdir(parents=True)
        for name, text in rules.items():
            (folder / "rules" / name).write_text(text)
        for name, address in targets.items():
            config = config.replace(name, address)
        # What does not run here is not scraped.
        config = re.sub(r"  - job_name: \S+\n    static_configs: \[\{ targets: \[\"(?:kafka|nginx)-exporter:\d+\"\] \}\]\n", "", config)
        (folder / "prometheus.yml").write_text(config)
        port = free_port()
        self.start(
            "prometheus",
            [
                TOOLS / "usr/bin/prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
                "--enable-feature=exemplar-storage",
            ],
        )
        server = Prometheus(f"http://127.0.0.1:{port}")
        eventually(60, "Prometheus", lambda: "Ready" in get(f"{server.url}/-/ready"))
        return server

    def alertmanager(self, relay, token):
        """Alertmanager with the file of the Compose stack; only its waits are shorter."""
        config = (ROOT / "docker/observability/alertmanager.yml").read_text()
        config = re.sub(r"group_wait: \d+[sm]", "group_wait: 1s", config)
        config = re.sub(r"group_interval: \d+[sm]", "group_interval: 2s", config)
        secret = self.folder / "relay-token"
        secret.write_text(token)
        config = config.replace("http://alert-relay:8083", relay).replace("/run/secrets/relay-token", str(secret))
        (self.folder / "alertmanager.yml").write_text(config)
        port = free_port()
        self.start(
            "alertmanager",
            [
                TOOLS / "usr/bin/prometheus-alertmanager",
                f"--config.file={self.folder}/alertmanager.yml",
                f"--storage.path={self.folder}/alertmanager",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
        )
        eventually(60, "Alertmanager", lambda: "OK" in get(f"http://127.0.0.1:{port}/-/ready"))
        return f"127.0.0.1:{port}"


class Prometheus:
    """The HTTP API of a Prometheus."""

    def __init__(self, url):
        self.url = url

    def query(self, expr):
        """The series of an instant query; an expression that is wrong ends the check."""
        try:
            answer = get(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expr})}")
        except urllib.error.HTTPError as error:
            sys.exit(f"Prometheus refuses {expr}: {error.read().decode()}")
        return json.loads(answer)["data"]["result"]
