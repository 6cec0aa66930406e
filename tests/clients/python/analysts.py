"""Runs what docs/api.md tells analysts, as they are: a member of flumen_analyst, and DuckDB on a file."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import urllib.request
import uuid

import duckdb

DOCUMENT = (pathlib.Path(__file__).resolve().parents[3] / "docs" / "api.md").read_text()
POSTGRES = json.loads(pathlib.Path(os.environ["FLUMEN_STATE"], "stack.json").read_text())["postgres"]["url"]
SOURCE = f"shop-{uuid.uuid4()}"
COUNT = 500


def block(name):
    found = re.search(rf"<!-- analysts: {name} -->\n```sql\n(.*?)```", DOCUMENT, re.S)
    assert found, f"docs/api.md has no block {name}"
    return found.group(1)


def psql(sql):
    command = ["psql", POSTGRES, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]
    done = subprocess.run(command, input=f"set role flumen_analyst;\n{sql}", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def ask(address, key, body=None, **headers):
    request = urllib.request.Request(address, body, {"authorization": f"Bearer {key}"} | headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


month_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 40 * 86400))
events = [{"source": SOURCE, "type": "measured", "id": f"m-{n}", "data": {"n": n}} for n in range(COUNT)]
events.append({"source": SOURCE, "type": "old", "id": "old", "time": month_ago, "data": {"n": 1}})
ask(os.environ["FLUMEN_INGEST_URL"] + "/v1/events", os.environ["FLUMEN_PRODUCER_KEY"], json.dumps(events).encode(), **{"content-type": "application/json"})
end = time.monotonic() + 30
while psql(f"select count(*) from analytics.events where source = '{SOURCE}'") != str(COUNT + 1):
    assert time.monotonic() < end, "stored in time"
    time.sleep(0.2)

assert f"|{SOURCE}|{COUNT}" in psql(block("hours")), psql(block("hours"))
assert sum(int(line.split("|")[1]) for line in psql(block("counts")).splitlines()) >= COUNT

plan = psql(block("explain"))
read = set(re.findall(r"on (events_\d+_\d+)\b", plan))
there = psql("select count(*) from pg_inherits where inhparent = 'events'::regclass")
assert int(there) > 1 and len(read) == 1, f"{read} of {there} partitions are read:\n{plan}"
print(f"explain: 1 of {there} partitions is read")

with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for kind in ("parquet", "csv", "ndjson"):
        answer = ask(f"{os.environ['FLUMEN_QUERY_URL']}/v1/export?format={kind}&source={SOURCE}", os.environ["FLUMEN_READER_KEY"])
        pathlib.Path(f"events.{kind}").write_bytes(answer)
    rows = duckdb.sql(block("duckdb")).fetchall()
    assert rows == [("measured", COUNT, (COUNT - 1) / 2), ("old", 1, 1.0)], rows
    assert duckdb.sql("select count(*), count(distinct uid) from 'events.csv'").fetchall() == [(COUNT + 1, COUNT + 1)]
    assert duckdb.sql("select count(distinct uid) from read_json('events.ndjson')").fetchall() == [(COUNT + 1,)]
    kinds = dict(duckdb.sql("select column_name, column_type from (describe select * from 'events.parquet')").fetchall())
    assert "TIMESTAMP" in kinds["time"], kinds
print(f"duckdb: {COUNT + 1} events of an export, as Parquet, CSV and NDJSON")
