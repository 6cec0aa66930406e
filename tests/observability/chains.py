"""Whole chains: something breaks, Prometheus sees it, Alertmanager sends it, alert-relay mails it; then it is mended, and that is mailed too."""

import html
import re
import time

from stack import Failed, eventually, get

RUNBOOK = "/docs/runbooks/{}.md"


class Chains:
    """Watches the mailbox."""

    def __init__(self, pipeline, beside, prometheus):
        self.pipeline, self.beside, self.prometheus = pipeline, beside, prometheus
        self.done = 0

    def mailed(self, word, after):
        """Waits for a mail of each alert that begins with that word, later than so many mails; gives how many there were until then."""

        def one(alert):
            begin = re.compile(rf"\[{word}[^\]]*\] \w+: {alert} ")
            mails = self.beside.mails()
            # Counted from one, so that it is true.
            return next((number + 1 for number in range(after[alert], len(mails)) if begin.match(mails[number]["subject"])), None)

        until = {}
        for alert in after:
            try:
                number = eventually(f"the mail [{word}] of {alert}", lambda alert=alert: one(alert)) - 1
            except Failed as failure:
                raise Failed(f"{failure}\nmails: {[mail['subject'] for mail in self.beside.mails()]}\n{self.state()}") from failure
            mail = self.beside.mails()[number]
            for form in ("text", "html"):
                if RUNBOOK.format(alert) not in html.unescape(mail[form]):
                    raise Failed(f"the mail {mail['subject']} does not name its runbook in {form}:\n{mail[form]}")
            until[alert] = number + 1
        return until

    def state(self):
        """What Prometheus thinks now, for whoever reads the failure."""
        raised = [series["metric"] for series in self.prometheus.query("ALERTS")]
        up = {series["metric"]["job"]: series["value"][1] for series in self.prometheus.query("up")}
        return f"raised: {raised}\nup: {up}"

    def run(self, what, alerts, broken):
        """Breaks something for as long as it takes to be told, and mends it."""
        begun = time.monotonic()
        before = len(self.beside.mails())
        with broken:
            told = self.mailed("FIRING", dict.fromkeys(alerts, before))
        self.mailed("RESOLVED", told)
        self.done += len(alerts)
        print(f"  {what}: {', '.join(alerts)} mailed with the runbook, and so was the end of it ({time.monotonic() - begun:.0f} s)")

    def all_well(self):
        """Waits until everything is up again and nothing waits in Kafka."""

        def check():
            self.pipeline.read()
            for address in self.pipeline.admin.values():
                get(f"http://{address}/readyz")
            return self.prometheus.query("sum(flumen_writer_lag_records) < 200 and min(up) == 1 and sum(pg_up) == 1")

        eventually("everything to be well", check)
