"""Every expression of every rule and dashboard, asked of a Prometheus that scrapes the running services."""

import pathlib

import promql

HERE = pathlib.Path(__file__).parent


def lines(name):
    """The lines of a list, without comments."""
    return [line for line in (HERE / name).read_text().splitlines() if line and not line.startswith("#")]


def reviewed():
    """`where` -> why its expression may have no data; see reviewed.txt."""
    return dict(line.split(" | ", 1) for line in lines("reviewed.txt"))


def check(prometheus):
    """Gives what is wrong: expressions without data, and metrics that no exporter has."""
    faults = []
    listed, excused = set(lines("exporters.txt")), reviewed()
    running = prometheus.names()
    ours = foreign = 0
    seen = set()
    for where, expr, is_alert in [*promql.rules(), *promql.panels()]:
        seen.add(where)
        found = promql.selectors(expr)
        strange = [name for name, _ in found if not promql.is_ours(name)]
        faults += [f"{where}: {name} is told by no exporter that runs here, and is not in exporters.txt" for name in strange if name not in running | listed]
        # What is wrong in itself ends the check here.
        result = prometheus.query(promql.answered(expr) if is_alert else expr)
        foreign += len(strange)
        if strange or where in excused:
            continue
        ours += 1
        if not result:
            faults.append(f"{where}: has no data: {expr}")
        for name, matchers in found:
            if name != "ALERTS" and not prometheus.query(f"max_over_time({name}{matchers}[1h])"):
                faults.append(f"{where}: {name}{matchers} has no data")
    faults += [f"reviewed.txt: {where} is no expression any more" for where in excused if where not in seen]
    used = {name for where, expr, _ in [*promql.rules(), *promql.panels()] for name, _ in promql.selectors(expr)}
    faults += [f"exporters.txt: {name} is used nowhere any more" for name in sorted(listed - used)]
    print(f"  {ours} expressions about our own metrics have data, {len(excused)} are excused; {foreign} uses of exporters' metrics are known by name")
    return faults
