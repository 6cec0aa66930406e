"""Readers go to the other database, and a reader measures it."""
import http.client
import json
import os
import subprocess
import threading
import time
import urllib.parse

from databases import Stop, eventually, grouped, lag, say

READERS = 'flumen-query-api'


class Probe:
    """A reader of query-api: when could nothing be read?"""

    def __init__(self):
        self.url, self.key = os.environ.get('FLUMEN_QUERY_URL'), os.environ.get('FLUMEN_READER_KEY')
        self.reads = self.failed = 0
        self.longest, self.last, self.broken, self.ending = 0.0, time.monotonic(), False, threading.Event()
        self.thread = None
        if not (self.url and self.key):
            say('FLUMEN_QUERY_URL or FLUMEN_READER_KEY is not set: nobody measures how long nothing can be read')
            return
        if not self.read():
            raise Stop(f'query-api at {self.url} does not answer now, before anything was changed: mend that first')
        self.last = time.monotonic()
        self.thread = threading.Thread(target=self.go_on, daemon=True)
        self.thread.start()

    def read(self):
        parts = urllib.parse.urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == 'https' else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=10)
        try:
            connection.request('GET', f'{parts.path.rstrip("/")}/v1/events?limit=1', headers={'authorization': f'Bearer {self.key}'})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status == 200 and len(json.loads(text)['events']) == 1
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()

    def go_on(self):
        while not self.ending.is_set():
            begun = time.monotonic()
            if self.read():
                now = time.monotonic()
                # Between two good reads in a row nothing was out, however slow they were.
                self.longest = max(self.longest, now - self.last) if self.broken else self.longest
                self.last, self.broken = now, False
                self.reads += 1
            else:
                self.failed += 1
                self.broken = True
            self.ending.wait(max(0.0, 0.1 - (time.monotonic() - begun)))

    def until(self, more, patience):
        """Waits for so many more good reads."""
        wanted = self.reads + more
        return not self.thread or eventually(lambda: self.reads >= wanted, patience)

    def stop(self):
        self.ending.set()
        if self.thread:
            self.thread.join()


def switch(words, old, new, state, to='new'):
    """Readers go to the other one, once that has everything that they may have seen."""
    source, target = (old, new) if to == 'new' else (new, old)
    if not new.exists() or not new.migrated():
        raise Stop('the new database is not there yet: copy first')
    if to == 'new' and not state.get('compared') and not words.without_compare:
        raise Stop('the two were not compared since the copy: compare first (or --without-compare)')
    missing = old.logins() - new.logins()
    if to == 'new' and missing:
        raise Stop('logins that the new server does not have: ' + ', '.join(f'{login} in {group}' for login, group in sorted(missing))
                   + '; make them (CREATE ROLE .. LOGIN PASSWORD ..), then run copy again, which adds them to their groups')
    if target.sessions('flumen-writer') == 0:
        raise Stop(f'no writer is connected to {target}: start one (a consumer group that nobody else uses), it goes on at the checkpoint it finds')
    seen = source.checkpoints()
    say(f'waiting until {target} has what {source} has now ({grouped(sum(seen.values()))} records)')

    def reached():
        have = target.checkpoints()
        return all(have.get(key, 0) >= offset for key, offset in seen.items())

    if not eventually(reached, words.wait):
        lag(old, new)
        raise Stop(f'{target} has not caught up in {words.wait} s: readers stay where they are. Is its writer running, what does it log? '
                   '--wait gives it longer')
    probe = Probe()
    try:
        probe.until(5, words.wait)
        begun = time.monotonic()
        if words.run:
            say(f'pointing query-api to {target}: {words.run}')
            done = subprocess.run(words.run, shell=True, env=os.environ | {'TO': to}, check=False)
            if done.returncode != 0:
                raise Stop(f'the command of --run failed ({done.returncode}); readers may still be on {source}: mend it and run this again, it may be repeated')
        else:
            say(f'now point query-api to {target}, and let it reload (POST /reload, or `flumen watch`, or a restart); this waits for it')
        arrived = eventually(lambda: target.sessions(READERS) > 0, words.wait)
        gone = arrived and eventually(lambda: source.sessions(READERS) == 0, words.wait)
        if not gone:
            raise Stop(f'{READERS} has {source.sessions(READERS)} sessions on {source} and {target.sessions(READERS)} on {target} after {words.wait} s: '
                       'its configuration still names the other one, it was not reloaded, or an export is still under way (then run this again later)')
        if not probe.until(20, words.wait):
            raise Stop(f'query-api does not answer from {target}: take readers back ({"back" if to == "new" else "switch"}), then look at its log')
        took = time.monotonic() - begun
    finally:
        probe.stop()
    state.put(readers=to, switches=(state.get('switches') or []) + [dict(
        to=to, seconds=round(took, 1), reads=probe.reads, failed_reads=probe.failed, nothing_read_for_seconds=round(probe.longest, 2))])
    say(f'readers are on {target}: {probe.reads} reads meanwhile, {probe.failed} failed, nothing could be read for {probe.longest:.1f} s')
    if to == 'new':
        say('both go on being fed: `back` takes readers back at any time. When you trust the new one: the last part of docs/runbooks/migrate-database.md')
    else:
        say('both go on being fed; `switch` may be tried again')


def back(words, old, new, state):
    switch(words, old, new, state, 'old')


def status(words, old, new, state):
    for name in ('backup', 'copied', 'compared', 'readers'):
        say(f'{name:<9} {state.get(name) or ("on the old one" if name == "readers" else "not yet")}')
    if not new.exists() or not new.migrated():
        say('the new database is not there yet: copy')
        return
    lag(old, new)
    for database in (old, new):
        say(f'{database}: {database.sessions("flumen-writer")} sessions of writers, {database.sessions(READERS)} of query-api')
