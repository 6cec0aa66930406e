"""Just enough PromQL: the selectors of an expression, and the expression with Grafana's variables filled in."""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORDS = set(
    "by without on ignoring group_left group_right and or unless bool offset sum min max avg count topk bottomk quantile rate irate increase"
    " histogram_quantile deriv predict_linear absent clamp_max clamp_min time vector sort max_over_time min_over_time avg_over_time le inf".split()
)
SELECTOR = re.compile(r"(?<![\w.])([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\})?")


def selectors(expr):
    """Every metric of the expression with its matchers."""
    # Labels in by (..), on (..), ignoring (..) are no metrics, and what stands between quotes is none either.
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", expr)
    found = []
    for match in SELECTOR.finditer(bare):
        name, matchers = match[1], match[2] or ""
        before = bare[: match.start()]
        if before.count('"') % 2 or before.rfind("{") > before.rfind("}") or before.rfind("[") > before.rfind("]"):
            continue
        after = bare[match.end() :].lstrip()
        if name in WORDS or name.startswith("__") or (not matchers and after.startswith("(")):
            continue
        found.append((name, matchers))
    return found


def filled(expr):
    """With Grafana's variables as "all", and its interval as a short one."""
    expr = expr.replace("$__rate_interval", "1m").replace("$__interval", "15s")
    return re.sub(r"\$\{?(namespace|instance|application|route|datname|topic|group)\}?", ".*", expr)


def rules():
    """Pairs of where and expression, of all rules."""
    for file in sorted((ROOT / "charts/flumen/rules").glob("*.yaml")):
        text = file.read_text()
        for block in re.split(r"\n\s+- (?=alert:|record:)", text)[1:]:
            name = block.split(":", 1)[1].split("\n")[0].strip()
            body = re.search(r"expr: \|\n((?: {10}.*\n?|\n)+)", block) or re.search(r"expr: (.+)", block)
            expr = body[1].strip()
            if expr.startswith('"'):
                expr = json.loads(expr)
            yield f"{file.name}: {name}", " ".join(expr.split())


def panels():
    """Pairs of where and expression, of all panels of all dashboards."""
    for file in sorted((ROOT / "charts/flumen/dashboards").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield f"{file.name}: {panel['title']}", filled(target["expr"])


def is_ours(name):
    """Whether our own services tell this metric, or Prometheus itself."""
    return name.startswith(("flumen_", "flumen:", "process_", "up")) or name == "ALERTS"
