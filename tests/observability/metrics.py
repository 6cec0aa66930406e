"""docs/metrics.md, from what the running services tell of themselves; and whether every metric moves."""

import re
import sys

from stack import ROOT

DOCUMENT = ROOT / "docs/metrics.md"
SERVICES = ["ingest-api", "writer", "query-api", "alert-relay"]

# What only moves when something goes wrong that a check under load does not bring about, with the test that does.
RESTING = {
    "flumen_kafka_producer_rebuilds": "a fatal error of the producer",
    "flumen_kafka_brokers_down": "a broker is lost",
    "flumen_ingest_rejected_events": "",
    "flumen_writer_database_outage": "PostgreSQL is out",
    "flumen_writer_database_outages": "PostgreSQL is out",
    "flumen_writer_database_outage_retries": "PostgreSQL is out",
    "flumen_writer_repeated_records": "a record comes again after it was taken",
    "flumen_writer_skipped_offsets": "a compacted topic or a transaction's marker",
    "flumen_writer_paused_partitions": "batches are full",
    "flumen_writer_dead_letters_throttled": "too many records are bad",
    "flumen_writer_revocations": "a rebalance takes partitions away",
    "flumen_writer_checkpoint_conflicts": "two writers own a partition",
    "flumen_writer_checkpoint_out_of_range": "Kafka no longer has what comes next",
    "flumen_writer_late_rows": "an event is stored later than 5 s after Kafka had it",
    "flumen_writer_expired_ids": "ids are older than the window in which they are remembered",
    "flumen_query_failures": "a read fails",
    "flumen_query_connections_awaited": "all connections are in use at the moment of the scrape",
    "flumen_query_answer_bytes": "a client is slow at the moment of the scrape",
    "flumen_query_exports": "an export is open at the moment of the scrape",
    "flumen_query_waiting": "somebody waits at the moment of the scrape",
    "flumen_relay_truncated_alerts": "Alertmanager leaves alerts out of a webhook",
    "flumen_relay_failures": "a mail cannot be sent",
    "flumen_relay_digests": "a storm of alerts",
    "flumen_relay_condensed_alerts": "a storm of alerts",
    "flumen_relay_token_requests": "the mail API wants OAuth2",
    "flumen_relay_template_failures": "an operator's template is wrong",
    "flumen_relay_outbox_faults": "the outbox's disk fails",
    "flumen_relay_outbox_broken": "the outbox's disk fails",
    "flumen_relay_dead_letters": "a mail is given up",
    "flumen_relay_dropped_dead_letters": "too many mails are given up",
    "flumen_relay_quiet_alerts": "quiet hours",
}


def families(text):
    """name -> (type, help, labels, samples) of OpenMetrics text; samples are name-with-labels -> value."""
    found = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            found.setdefault(name, ["", "", {}, {}])[0] = kind
        elif line.startswith("# HELP "):
            _, _, name, told = line.split(" ", 3)
            found.setdefault(name, ["", "", {}, {}])[1] = told.rstrip(".")
        elif line and line[0] != "#":
            series, value = re.match(r"(\w+(?:\{.*?\})?) (\S+)", line).groups()
            name = re.match(r"\w+", series)[0]
            family = next((f for f in (name, re.sub(r"_(total|bucket|count|sum|info)$", "", name)) if f in found), None)
            if family is None:
                continue
            for label in re.findall(r'(\w+)="', series):
                if label != "le":
                    found[family][2][label] = True
            found[family][3][series] = float(value)
    return found


def shown(name, kind):
    """The name as it is asked for."""
    return name + "_total" if kind == "counter" else name


def document(scrapes):
    """The page, from the last scrape of every service."""
    told = {job: families(text) for job, text in scrapes.items()}
    everywhere = {name for name in told[SERVICES[0]] if all(name in told[job] for job in SERVICES)}
    lines = [
        "# Metrics",
        "",
        "Every service serves these at `/metrics` on its admin listener, in the OpenMetrics format. The table is written by",
        "`make check-observability WRITE=1` from what the running services tell of themselves, and the check fails when it is out of date or a",
        "metric never moves under load. Histograms have `_bucket`, `_count` and `_sum`. Dashboards: `charts/flumen/dashboards`; alerts:",
        "`charts/flumen/rules`, with [runbooks](runbooks/README.md).",
        "",
        "*Rests* says when a metric moves at all that stands still while all is well.",
    ]

    def table(title, names, family_of, text):
        lines.extend(["", f"## {title}", "", text, "", "| metric | type | labels | meaning | rests, but for |", "|---|---|---|---|---|"])
        for name in sorted(names):
            kind, told_help, labels, _ = family_of(name)
            lines.append(f"| `{shown(name, kind)}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {told_help} | {RESTING.get(name, '')} |")

    table("Every service", everywhere, lambda name: told[SERVICES[0]][name], "What the process is and how it does.")
    texts = {
        "ingest-api": "`source` is the application; beyond `metrics.max_sources` of them the rest is counted as `other`.",
        "writer": "By Kafka partition where that tells something.",
        "query-api": "`kind` is what was read from PostgreSQL, whatever the route.",
        "alert-relay": "See also [alert-relay](alert-relay.md).",
    }
    for job in SERVICES:
        table(job, told[job].keys() - everywhere, lambda name, job=job: told[job][name], texts[job])
    return "\n".join(lines) + "\n"


def check(before, during, write):
    """Holds the page and the movement against what was scraped; gives what is wrong."""
    faults = []
    last = during[-1]
    # Labels that come late are those of any scrape.
    page = document(last)
    if write:
        DOCUMENT.write_text(page)
        print("  docs/metrics.md written")
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != page:
        (ROOT / "target").mkdir(exist_ok=True)
        (ROOT / "target/metrics.md").write_text(page)
        faults.append("docs/metrics.md is not what the services tell (see target/metrics.md); run make check-observability WRITE=1")
    moving = 0
    for job in last:
        first = families(before[job])
        scrapes = [families(one[job]) for one in during]
        for name, (kind, told_help, _, _) in scrapes[-1].items():
            if not told_help:
                faults.append(f"{job}: {name} says nothing of itself")
            values = [one[name][3] for one in [first, *scrapes] if name in one]
            moved = any(value != 0 and series not in values[0] or value != values[0].get(series) for one in values[1:] for series, value in one.items())
            constant = kind in ("gauge", "info", "unknown") and any(value != 0 for value in values[-1].values())
            if moved or constant:
                moving += 1
            elif name not in RESTING:
                faults.append(f"{job}: {name} never moved under load")
    print(f"  {moving} metrics moved, {len(RESTING)} rest while all is well")
    return faults


if __name__ == "__main__":
    sys.exit("this is a part of live.py")
