#!/usr/bin/env python3
"""A real Prometheus scrapes the real services under load; every expression of every rule and dashboard about our own metrics has data there.

    scripts/with-stack target/debug tests/observability/live.py target/debug

What is about exporters that do not run here is parsed, and its metrics must stand in exporters.txt. Also writes docs/metrics.md (with
--write) or holds it against the running services, and holds that every metric moves under load.
"""

import json
import pathlib
import subprocess
import sys
import threading
import time
import urllib.request

import metrics
import promql
from stack import ROOT, Beside, Pipeline, eventually, get, send

BINARIES = pathlib.Path(sys.argv[1]).resolve()
SECONDS = 60

# Series that a healthy run does not have: what is told only of answers that did not come.
ABSENT = ('status="503"', 'status=~"5.."')
# Expressions that are rightly empty when nothing is wrong.
EMPTY = {"Alerts"}


def load(pipeline, stop):
    """Everything that users do, right and wrong, until it is told to stop."""
    events = {"Authorization": f"Bearer {pipeline.producer}", "Content-Type": "application/x-ndjson"}
    reader = {"Authorization": f"Bearer {pipeline.reader}"}
    get_quietly(f"{pipeline.query}/v1/events", {"Authorization": "Bearer fl_unknown"})
    timeless = b'{"source":"check","type":"t","id":"always-the-same","data":1}\n'
    number = 0
    while not stop.is_set():
        number += 1
        good = json.dumps({"source": f"app-{number % 3}", "type": "check", "data": {"n": number}}).encode() + b"\n"
        send(f"{pipeline.ingest}/v1/events", good * 5 + timeless + b'{"source":"check"}\n{"source":\n', events)
        for path in (
            "/v1/events?limit=5",
            "/v1/events?source=app-1&data.n=1",
            "/v1/feed?limit=5",
            "/v1/feed?start=latest&wait=1s",
            "/v1/stats?bucket=1m",
            "/v1/sources",
            "/v1/types",
            "/v1/whoami",
            "/v1/events/00000000-0000-8000-8000-000000000000",
            "/v1/export?format=ndjson&limit=1",
            "/v1/events?limit=nonsense",
        ):
            get_quietly(pipeline.query + path, reader)


def tail(pipeline, stop):
    """One open tail."""
    request = urllib.request.Request(f"{pipeline.query}/v1/tail", headers={"Authorization": f"Bearer {pipeline.reader}"})
    while not stop.is_set():
        try:
            with urllib.request.urlopen(request, timeout=5) as stream:
                while not stop.is_set():
                    stream.readline()
        except OSError:
            continue


def get_quietly(url, headers):
    """Reads an answer, whatever it is."""
    try:
        get(url, headers=headers)
    except OSError:
        pass


def rubbish(pipeline):
    """Records that no ingest-api wrote."""
    code = (
        "import sys; from kafka import KafkaProducer; p = KafkaProducer(bootstrap_servers=sys.argv[1]);"
        "[p.send('events', b'rubbish') for _ in range(5)]; p.flush()"
    )
    subprocess.run([ROOT / ".tools/observability/venv/bin/python", "-c", code, pipeline.kafka], check=True, timeout=60)


def check_expressions(prometheus, running_exporters):
    """Evaluates everything; gives what is wrong."""
    faults = []
    known = {line for line in (ROOT / "tests/observability/exporters.txt").read_text().splitlines() if line and line[0] != "#"}
    evaluated = named = 0
    for where, expr in [*promql.rules(), *promql.panels()]:
        expr = promql.filled(expr)
        result = prometheus.query(expr)
        found = promql.selectors(expr)
        foreign = [name for name, _ in found if not promql.is_ours(name) and name not in running_exporters]
        for name in foreign:
            named += 1
            if name not in known:
                faults.append(f"{where}: {name} is a metric that neither runs here nor stands in exporters.txt")
        for name, matchers in found:
            if name in foreign or any(absent in matchers for absent in ABSENT):
                continue
            evaluated += 1
            if not prometheus.query(name + matchers) and name != "ALERTS":
                faults.append(f"{where}: {name}{matchers} has no data under load")
        is_alert = ".yaml: Flumen" in where
        title = where.split(": ", 1)[1]
        if not foreign and not is_alert and title not in EMPTY and not result and not any(absent in expr for absent in ABSENT):
            faults.append(f"{where}: has no data under load: {expr}")
    print(f"  {evaluated} selectors of our own metrics and of exporters that run here have data, {named} others are known by name")
    return faults


def main():
    pipeline = Pipeline()
    with Beside() as beside:
        targets = {
            "ingest-api:9080": pipeline.admin["ingest-api"],
            "query-api:9081": pipeline.admin["query-api"],
            "writer:9082": pipeline.admin["writer"],
            "postgres-exporter:9187": beside.postgres_exporter(pipeline.postgres),
        }
        relay = metrics.start_relay(beside, BINARIES)
        targets["alert-relay:9083"] = relay.admin
        alertmanager = beside.alertmanager(relay.url, relay.token)
        rules = {file.name: file.read_text() for file in (ROOT / "charts/flumen/rules").glob("*.yaml")}
        prometheus = beside.prometheus(targets, alertmanager, rules)
        before = {job: get(f"http://{pipeline.admin[job]}/metrics") for job in pipeline.admin}
        before["alert-relay"] = get(f"http://{relay.admin}/metrics")
        stop = threading.Event()
        workers = [threading.Thread(target=work, args=(pipeline, stop), daemon=True) for work in (load, load, tail)]
        for worker in workers:
            worker.start()
        print(f"  {SECONDS} s of load: events good and bad, pages, feeds, tails, exports, records that nobody can read")
        rubbish(pipeline)
        metrics.exercise_relay(relay)
        deadline = time.monotonic() + SECONDS
        during = []
        while time.monotonic() < deadline:
            during.append({job: get(f"http://{address}/metrics") for job, address in [*pipeline.admin.items(), ("alert-relay", relay.admin)]})
            time.sleep(3)
        eventually(60, "the last rows", lambda: prometheus.query("flumen_writer_rows_total > 0"))
        exporters = {name for name in json.loads(get(f"{prometheus.url}/api/v1/label/__name__/values"))["data"] if name.startswith("pg_")}
        faults = check_expressions(prometheus, exporters)
        stop.set()
        faults += metrics.check(before, during, "--write" in sys.argv)
        down = prometheus.query("up == 0")
        faults += [f"{series['metric']['job']} cannot be scraped" for series in down]
        for worker in workers:
            worker.join(15)
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
