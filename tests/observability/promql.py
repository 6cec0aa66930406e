"""Just enough PromQL: the selectors of an expression, Grafana's variables filled in, and an alert's expression as a question that has an answer."""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
GROUPING = r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)"
WORDS = {"by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless", "bool", "offset"}
SELECTOR = re.compile(r"(?<![\w.])([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\})?")
COMPARISON = re.compile(r'("[^"]*"|\{[^}]*\})|(==|!=|>=|<=|>|<)(?!\s*bool\b)')


def selectors(expr):
    """Every metric of the expression with its matchers."""
    # Labels in by (..), on (..) are no metrics; neither is what stands between brackets or quotes outside of matchers.
    bare = re.sub(GROUPING, " ", expr)
    bare = re.sub(r"\[[^\]]*\]", " ", bare)
    found = []
    for match in SELECTOR.finditer(bare):
        name, matchers = match[1], match[2] or ""
        before, after = bare[: match.start()], bare[match.end() :].lstrip()
        in_matchers = before.rfind("{") > before.rfind("}")
        in_quotes = before.count('"') % 2
        is_function = not matchers and after.startswith("(")
        if not (in_matchers or in_quotes or is_function or name in WORDS):
            found.append((name, matchers))
    return found


def filled(expr):
    """With Grafana's variables as "all", and its interval as a short one."""
    expr = expr.replace("$__rate_interval", "1m").replace("$__interval", "15s")
    return re.sub(r"\$\{?(namespace|instance|application|route|datname|topic|group)\}?", ".*", expr)


def answered(expr):
    """An alert's expression without its condition: it has data whether or not the alert is raised."""
    expr = COMPARISON.sub(lambda match: match[1] or f"{match[2]} bool", expr)
    return re.sub(r"\babsent\s*\(", "(", expr)


def rules():
    """Triples of where, expression and whether it is an alert, of all rules."""
    for file in sorted((ROOT / "charts/flumen/rules").glob("*.yaml")):
        for block in re.split(r"\n\s+- (?=alert:|record:)", file.read_text())[1:]:
            name = block.split(":", 1)[1].split("\n")[0].strip()
            body = re.search(r"expr: \|\n((?: {10}.*\n?|\n)+)", block) or re.search(r"expr: (.+)", block)
            expr = body[1].strip()
            if expr.startswith('"'):
                expr = json.loads(expr)
            yield f"{file.name}: {name}", " ".join(expr.split()), block.startswith("alert:")


def panels():
    """Triples of where, expression and False, of all panels, variables and annotations of all dashboards."""
    for file in sorted((ROOT / "charts/flumen/dashboards").glob("*.json")):
        dashboard = json.loads(file.read_text())
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield f"{file.name}: {panel['title']}", filled(target["expr"]), False
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                metric, _ = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
                yield f"{file.name}: variable {variable['name']}", filled(metric), False


def is_ours(name):
    """Whether our own services tell this metric, our rules record it, or Prometheus makes it of scrapes and alerts."""
    return name.startswith(("flumen_", "flumen:", "process_")) or name in ("up", "ALERTS")
