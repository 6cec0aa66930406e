"""What users do while the live check looks on."""

import contextlib
import json
import subprocess
import threading
import urllib.request

from stack import get, send


class Load:
    """Everything that users do, right and wrong, until the block ends."""

    def __init__(self, pipeline, binaries):
        self.pipeline, self.binaries = pipeline, binaries
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.generate, self.write, self.read, self.tail)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)

    def generate(self):
        """`flumen generate`, again when an outage has ended it."""
        while not self.stop.is_set():
            command = [self.binaries / "flumen", "generate", "--rate", "50", "--duration", "5s", "--state", self.pipeline.folder]
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=60)
            self.stop.wait(0.2)

    def write(self):
        """Good events, bad events, the same again, one without a time of its own."""
        url = f"{self.pipeline.ingest}/v1/events"
        headers = {"Authorization": f"Bearer {self.pipeline.producer}", "Content-Type": "application/x-ndjson"}
        number = 0
        while not self.stop.wait(0.1):
            number += 1
            timeless = {"source": "check", "type": "t", "id": f"again-{number // 5}"}
            good = {"source": f"app-{number % 3}", "type": "check", "data": {"n": number}}
            again = {**good, "id": f"twice-{number // 2}", "time": "2026-01-01T00:00:00Z"}
            events = [good, good, timeless, again, {"source": "check"}]
            send(url, "\n".join(map(json.dumps, events)).encode(), headers)
            send(url, b"{", headers)

    def read(self):
        """Every route of query-api, and questions that are wrong."""
        headers = {"Authorization": f"Bearer {self.pipeline.reader}"}
        paths = [
            "/v1/events?limit=50",
            "/v1/events?source=app-1&data.n=1",
            "/v1/feed?limit=50",
            "/v1/feed?start=latest&wait=1s",
            "/v1/stats?bucket=1m",
            "/v1/sources",
            "/v1/types",
            "/v1/whoami",
            "/v1/events/00000000-0000-8000-8000-000000000000",
            "/v1/export?format=ndjson",
            "/v1/events?limit=nonsense",
        ]
        while not self.stop.wait(0.1):
            for path in paths:
                with contextlib.suppress(OSError, ValueError):
                    get(self.pipeline.query + path, headers=headers)

    def tail(self):
        """One open tail, and an export whose client does not hurry."""
        headers = {"Authorization": f"Bearer {self.pipeline.reader}"}

        def stream(path):
            return urllib.request.urlopen(urllib.request.Request(self.pipeline.query + path, headers=headers), timeout=20)

        while not self.stop.wait(0.2):
            with contextlib.suppress(OSError, ValueError), stream("/v1/tail") as tail:
                while not self.stop.is_set() and tail.readline():
                    continue
