"""Grafana dashboards as a few words: panels flow from left to right in rows of 24 columns, each with unit, description and a way on."""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# Colours by meaning, the same on every dashboard; readable on dark and light.
GOOD, BAD, WARN, BLUE, GREY, VIOLET = "#3fa66a", "#d64550", "#d99c1c", "#3d7dd8", "#8a8f98", "#8b62d4"


class Dashboard:
    """One dashboard; `panels` are laid out in the order in which they are added."""

    def __init__(self, uid, title, description, variables=(), tags=()):
        self.uid, self.title, self.description = uid, title, description
        self.variables, self.tags = list(variables), ["flumen", *tags]
        self.panels, self._x, self._y, self._height = [], 0, 0, 0

    def row(self, title):
        """Begins a new part with a heading."""
        self._wrap()
        self.panels.append(
            {"type": "row", "title": title, "collapsed": False, "gridPos": {"h": 1, "w": 24, "x": 0, "y": self._y}, "panels": []}
        )
        self._y += 1

    def _wrap(self):
        self._y, self._x, self._height = self._y + self._height, 0, 0

    def add(self, panel, width=8, height=8):
        """Places a panel."""
        if self._x + width > 24:
            self._wrap()
        panel["gridPos"] = {"h": height, "w": width, "x": self._x, "y": self._y}
        self._x, self._height = self._x + width, max(self._height, height)
        self.panels.append(panel)

    def json(self):
        """What Grafana's provisioning reads."""
        for number, panel in enumerate(self.panels, 1):
            panel["id"] = number
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": self.tags,
            "schemaVersion": 39,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "browser",
            "templating": {"list": [datasource(), *self.variables]},
            "annotations": {
                "list": [
                    {
                        "name": "Alerts",
                        "enable": True,
                        "hide": False,
                        "iconColor": BAD,
                        "datasource": DATASOURCE,
                        "expr": 'ALERTS{alertname=~"Flumen.*", alertstate="firing", severity=~"page|ticket"}',
                        "titleFormat": "{{alertname}}",
                        "textFormat": "{{severity}} {{namespace}}",
                        "step": "30s",
                    }
                ]
            },
            "links": [
                {
                    "type": "dashboards",
                    "title": "Flumen",
                    "tags": ["flumen"],
                    "asDropdown": True,
                    "includeVars": True,
                    "keepTime": True,
                    "icon": "external link",
                    "targetBlank": False,
                    "tooltip": "The other dashboards, with the same time and variables",
                    "url": "",
                }
            ],
            "panels": self.panels,
        }


def datasource():
    """Lets the user choose which Prometheus is asked."""
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {}, "hide": 0}


def variable(name, label, query, multi=True):
    """A variable whose values Prometheus knows; all of them by default."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": multi,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def namespace(metric):
    """The namespace (in Compose there is none, and `.*` fits that too)."""
    return variable("namespace", "Namespace", f"label_values({metric}, namespace)")


def instance(metric):
    """The process."""
    return variable("instance", "Instance", f'label_values({metric}{{namespace=~"$namespace"}}, instance)')


def targets(queries, kind="timeseries"):
    """`queries` is one expression or pairs of legend and expression."""
    if isinstance(queries, str):
        queries = [("", queries)]
    out = []
    for number, (legend, expr) in enumerate(queries):
        target = {"refId": chr(65 + number), "datasource": DATASOURCE, "expr": expr, "legendFormat": legend or "__auto"}
        if kind in ("stat", "table", "bargauge"):
            target["instant"] = True
        if kind == "table":
            target["format"] = "table"
        if kind == "heatmap":
            target["format"] = "heatmap"
        out.append(target)
    return out


def _panel(kind, title, description, unit, queries, to=None, **more):
    panel = {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": targets(queries, kind),
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "options": {},
    }
    if to:
        title_of_link, url = to
        panel["links"] = [{"title": title_of_link, "url": url, "targetBlank": False}]
    panel.update(more)
    return panel


def board(uid, title):
    """A way on to another dashboard, with the same time and variables."""
    return (title, f"/d/{uid}?${{__url_time_range}}&${{namespace:queryparam}}&${{datasource:queryparam}}")


def runbook(name):
    """A way on to what to do."""
    return ("Runbook", f"https://github.com/acme/flumen/blob/main/docs/runbooks/{name}.md")


def lines(title, description, unit, queries, to, stacked=False, colours=None, minimum=0, maximum=None, thresholds=None):
    """Values over time."""
    panel = _panel("timeseries", title, description, unit, queries, to)
    defaults = panel["fieldConfig"]["defaults"]
    defaults["custom"] = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 30 if stacked else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    defaults["color"] = {"mode": "palette-classic"}
    if minimum is not None:
        defaults["min"] = minimum
    if maximum is not None:
        defaults["max"] = maximum
    if thresholds:
        defaults["custom"]["thresholdsStyle"] = {"mode": "line"}
        defaults["thresholds"] = steps(thresholds)
    for name, colour in (colours or {}).items():
        panel["fieldConfig"]["overrides"].append(
            {
                "matcher": {"id": "byRegexp", "options": name},
                "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
            }
        )
    panel["options"] = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel


def steps(thresholds):
    """`[(None, GOOD), (10, WARN)]`: from each value on its colour."""
    return {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in thresholds]}


def number(title, description, unit, query, to, thresholds=None, decimals=None, words=None):
    """One value of now, with its course behind it."""
    panel = _panel("stat", title, description, unit, query, to)
    defaults = panel["fieldConfig"]["defaults"]
    defaults["thresholds"] = steps(thresholds or [(None, BLUE)])
    defaults["color"] = {"mode": "thresholds"}
    if decimals is not None:
        defaults["decimals"] = decimals
    if words:
        defaults["mappings"] = [
            {"type": "value", "options": {str(value): {"text": text, "color": colour} for value, (text, colour) in words.items()}}
        ]
    panel["options"] = {
        "colorMode": "background_solid" if words else "value",
        "graphMode": "none",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "auto",
        "justifyMode": "auto",
    }
    return panel


def heat(title, description, unit, query, to):
    """A histogram over time."""
    panel = _panel("heatmap", title, description, unit, [("{{le}}", query)], to)
    panel["options"] = {
        "calculate": False,
        "color": {"mode": "scheme", "scheme": "Turbo", "steps": 64},
        "yAxis": {"unit": unit, "axisPlacement": "left"},
        "cellGap": 1,
        "tooltip": {"mode": "single", "yHistogram": True},
        "legend": {"show": True},
    }
    return panel


def bars(title, description, unit, queries, to):
    """A few values of now beside each other."""
    panel = _panel("bargauge", title, description, unit, queries, to)
    panel["fieldConfig"]["defaults"] |= {"color": {"mode": "palette-classic"}, "min": 0}
    panel["options"] = {
        "orientation": "horizontal",
        "displayMode": "basic",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return panel


def table(title, description, unit, queries, to, names=None, hidden=("Time",)):
    """Rows of labels and values of now."""
    panel = _panel("table", title, description, unit, queries, to)
    panel["transformations"] = [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": dict.fromkeys(hidden, True), "renameByName": names or {}}},
    ]
    panel["options"] = {"showHeader": True, "cellHeight": "sm"}
    return panel


def quantiles(metric, matchers, by=(), percents=(50, 95, 99)):
    """Pairs of legend and expression for the quantiles of a histogram."""
    group = ", ".join(["le", *by])
    legend = " ".join("{{" + label + "}}" for label in by)
    return [
        (
            f"p{percent} {legend}".strip(),
            f"histogram_quantile({percent / 100:g}, sum by ({group}) (rate({metric}_bucket{{{matchers}}}[$__rate_interval])))",
        )
        for percent in percents
    ]
