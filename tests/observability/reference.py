"""docs/metrics.md against the running services: every metric is told there and here alike, and every one moved."""

import re

from expressions import lines
from stack import ROOT

# The sections of the page that each service has.
SECTIONS = {
    "ingest-api": ["every service", "requests", "ingest-api"],
    "query-api": ["every service", "requests", "query-api"],
    "writer": ["every service", "writer"],
    "alert-relay": ["every service", "requests", "alert-relay"],
}


def documented():
    """Section -> name -> (type, labels)."""
    page = (ROOT / "docs/metrics.md").read_text()
    sections = {}
    for title, body in re.findall(r"<!-- begin: (.+?) -->\n(.*?)<!-- end: \1 -->", page, re.S):
        rows = re.findall(r"^\| `(\w+)` \| (\w+) \| [^|]* \| ([^|]*) \|", body, re.M)
        sections[title] = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    return sections


def told(text):
    """name -> (type, labels) of what a service tells."""
    found, last = {}, None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            last = name + ("_total" if kind == "counter" else "")
            found[last] = (kind, set())
        elif line and not line.startswith("#"):
            # Behind the value of a bucket may be its exemplar.
            sample = line.split(" # ", 1)[0]
            found[last][1].update(set(re.findall(r'[{,](\w+)="', sample)) - {"le"})
    return found


def check(prometheus, scrapes):
    """Gives what is wrong; `scrapes` is the text of every service's metrics."""
    faults = []
    resting = dict(line.split(" | ", 1) for line in lines("resting.txt"))
    sections = documented()
    moved = 0
    for service, text in scrapes.items():
        known = {name: row for title in SECTIONS[service] for name, row in sections[title].items()}
        now = told(text)
        for name, (kind, labels) in now.items():
            if name not in known:
                faults.append(f"{service}: {name} is not in docs/metrics.md")
            elif known[name] != (kind, labels):
                faults.append(f"{service}: {name} is {kind} by {sorted(labels)}, and not what docs/metrics.md tells: {known[name]}")
        for name, (kind, _) in known.items():
            if name not in now:
                if name not in resting:
                    faults.append(f"{service}: {name} is in docs/metrics.md and not told")
                continue
            series = f'{name}{"_count" if kind == "histogram" else ""}{{job="{service}"}}'
            if prometheus.query(f"max_over_time({series}[1h]) != 0 or min_over_time({series}[1h]) != 0"):
                moved += 1
            elif name not in resting:
                faults.append(f"{service}: {name} never moved")
    every = {name for rows in sections.values() for name in rows}
    faults += [f"resting.txt: {name} is no metric" for name in resting if name not in every]
    print(f"  {moved} documented metrics moved, {len(resting)} may rest")
    return faults
