"""Runs the two readers of docs/api.md, as they stand there, against a feed that is being written to, and stops them in the middle."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid

BATCHES, SIZE = 30, 40
DOCUMENT = pathlib.Path(__file__).resolve().parents[3] / "docs" / "api.md"


def snippet(name):
    """A fenced block of the document, by the comment before it."""
    found = re.search(rf"<!-- {re.escape(name)} -->\n```\w+\n(.*?)```", DOCUMENT.read_text(), re.S)
    assert found, f"{DOCUMENT} has no block {name}"
    lines = found.group(1).count("\n")
    assert lines <= 30, f"{name} has {lines} lines"
    return found.group(1)


def send(source, batch):
    events = [{"source": source, "type": "t", "id": f"{batch}-{n}", "data": {"n": n}} for n in range(SIZE)]
    request = urllib.request.Request(
        os.environ["FLUMEN_INGEST_URL"] + "/v1/events",
        json.dumps(events).encode(),
        {"authorization": f"Bearer {os.environ['FLUMEN_PRODUCER_KEY']}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 202, answer.status


def early(folder):
    """Gives a reader that notes down its cursor before what it printed has left it the time to do so; one that does not is none the worse."""
    cursor = pathlib.Path(folder, "cursor.txt")
    before, end = cursor.exists() and cursor.read_text(), time.monotonic() + 1
    while (cursor.exists() and cursor.read_text()) == before and time.monotonic() < end:
        time.sleep(0.01)


def check(name, command, ending):
    """Every event once, although the reader is killed again and again and starts where it stopped."""
    source = f"reader-{ending}-{uuid.uuid4()}"
    expected = {f"{batch}-{n}" for batch in range(BATCHES) for n in range(SIZE)}
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, f"reader.{ending}")
        program.write_text(snippet(name))
        environment = os.environ | {
            "QUERY": os.environ["FLUMEN_QUERY_URL"],
            "KEY": os.environ["FLUMEN_READER_KEY"],
            "FILTER": f"source={source}",
        }
        seen = []
        # Half is there before the first reader starts, so that its first page is more than a pipe holds.
        for batch in range(BATCHES // 2):
            send(source, batch)
        writer = threading.Thread(target=lambda: [send(source, batch) for batch in range(BATCHES // 2, BATCHES)])
        writer.start()
        end, runs = time.monotonic() + 60, 0
        while set(seen) != expected and time.monotonic() < end:
            reader = subprocess.Popen([*command, str(program)], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
            runs += 1
            # A reader that has nothing more to say must not hold the test for ever.
            enough = threading.Timer(max(end - time.monotonic(), 0), reader.kill)
            enough.start()
            # Killed in the middle the first times; what it had printed and not yet noted down comes again, and nothing is left out.
            for line in reader.stdout:
                seen.append(json.loads(line)["id"])
                if runs < 4 and len(seen) > 150 * runs:
                    early(folder)
                    break
                if set(seen) == expected:
                    break
            reader.kill()
            # What it printed before it died counts: it may have noted that down. The last line may be a part of one.
            for line in reader.stdout.read().splitlines(keepends=True):
                if line.endswith("\n"):
                    seen.append(json.loads(line)["id"])
            enough.cancel()
            reader.stdout.close()
            reader.wait()
        writer.join()
    missing = expected - set(seen)
    assert not missing, f"{name}: {len(missing)} of {len(expected)} events are missing after {runs} runs"
    print(f"{name}: {len(expected)} events, none missing, through {runs} starts; {len(seen) - len(expected)} came again after a kill")


check("reader.py", [sys.executable, "-u"], "py")
check("reader.mjs", ["node"], "mjs")
