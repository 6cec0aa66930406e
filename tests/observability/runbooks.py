#!/usr/bin/env python3
"""Every alert has a runbook with its five parts, every procedure says its way back, whom to call and what was walked through, and what they
name exists: files they link to, alerts, settings of services, values of the chart, variables of Terraform. (Commands are put to the binary
by scripts/check-deploy.)"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOOKS = ROOT / "docs/runbooks"
PARTS = ["Meaning", "Impact", "Check", "Fix", "Escalate"]
# Of every other page; these two are about what has happened already, and say the way in their own order.
PROCEDURE = ["Way back", "Escalate", "Walked through"]
OWN_ORDER = {"checkpoint-out-of-range", "restore", "migrate-database"}
# Words with a dot between backticks that are no settings of ours.
FOREIGN = {"database.retention", "min.insync.replicas", "retention.ms", "unclean.leader.election.enable", "group.initial.rebalance.delay.ms",
           "rds.force_ssl", "rds.logical_replication"}


def settings():
    """Every `section.key` of the services' default configurations, commented ones too."""
    known = set()
    for file in ROOT.glob("crates/*/config/default.toml"):
        section = ""
        for line in file.read_text().splitlines():
            if heading := re.match(r"#? ?\[+([a-z_.]+)\]+", line):
                section = heading[1] + "."
            elif key := re.match(r"#? ?([a-z_]+) = ", line):
                known.add(section + key[1])
    # Values of the chart, by indentation; attributes of Terraform's variables.
    path = []
    for line in (ROOT / "charts/flumen/values.yaml").read_text().splitlines():
        if key := re.match(r"( *)([A-Za-z]+):", line):
            path = [*path[: len(key[1]) // 2], key[2]]
            known.add(".".join(path))
    for variable in (ROOT / "terraform/infra/variables.tf").read_text().split('variable "')[1:]:
        known |= {f"{variable.split(chr(34))[0]}.{name}" for name in re.findall(r"^ +([a-z_]+) += ", variable, re.M)}
    return known


def main():
    faults = []
    alerts = {}
    for file in sorted((ROOT / "charts/flumen/rules").glob("*.yaml")):
        for block in file.read_text().split("- alert: ")[1:]:
            name = block.split()[0]
            alerts[name] = block
            url = re.search(r"runbook_url: (\S+)", block)
            if not url or not url[1].endswith(f"/docs/runbooks/{name}.md"):
                faults.append(f"{file.name}: {name} has no runbook_url of its own")
            for needed in ("severity:", "summary:", "description:", "dashboard:"):
                if needed not in block:
                    faults.append(f"{file.name}: {name} lacks {needed}")
            dashboard = re.search(r"dashboard: flumen-(\S+)", block)
            if dashboard and not (ROOT / f"charts/flumen/dashboards/{dashboard[1]}.json").exists():
                faults.append(f"{file.name}: {name} names dashboard {dashboard[1]}, which is not there")
            book = BOOKS / f"{name}.md"
            if not book.exists():
                faults.append(f"{name} has no docs/runbooks/{name}.md")
                continue
            headings = re.findall(r"^## (.+)$", book.read_text(), re.M)
            if headings != PARTS:
                faults.append(f"{book.name}: its parts are {headings}, not {PARTS}")
            severity = re.search(r"severity: (\w+)", block)[1]
            if f"Severity: {severity}" not in book.read_text():
                faults.append(f"{book.name} tells another severity than the rule's {severity}")
    known = settings()
    for book in sorted(BOOKS.glob("*.md")):
        text = book.read_text()
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
            if "://" not in target and not (book.parent / target).exists():
                faults.append(f"{book.name} links to {target}, which is not there")
        for name in set(re.findall(r"\bFlumen[A-Z]\w+", text)) - alerts.keys():
            faults.append(f"{book.name} names {name}, which is no alert")
        for key in set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", text)) - FOREIGN:
            if key not in known and not key.endswith((".md", ".toml", ".json", ".yaml", ".sql", ".tf", ".tfvars")):
                faults.append(f"{book.name} names the setting {key}, which no service has")
        for path in re.findall(r"\bdocs/[a-z-]+\.md", text):
            if not (ROOT / path).exists():
                faults.append(f"{book.name} names {path}, which is not there")
    index = (BOOKS / "README.md").read_text()
    for book in sorted(BOOKS.glob("*.md")):
        if book.name != "README.md" and f"({book.name})" not in index:
            faults.append(f"{book.name} is not in README.md")
        if book.stem not in alerts and book.stem not in OWN_ORDER | {"README"}:
            headings = re.findall(r"^## (.+)$", book.read_text(), re.M)
            if headings[-len(PROCEDURE):] != PROCEDURE:
                faults.append(f"{book.name}: its last parts are {headings[-len(PROCEDURE):]}, not {PROCEDURE}")
    for book in BOOKS.glob("Flumen*.md"):
        if book.stem not in alerts:
            faults.append(f"{book.name} belongs to no alert")
    if faults:
        sys.exit("\n".join(faults))
    print(f"  {len(alerts)} alerts, each with its runbook; links, alerts and settings they name exist")


if __name__ == "__main__":
    main()
