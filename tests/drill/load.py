"""The load: batches of events with ids of their own, sent again until they are accepted, so that what was accepted is known event by event."""
import http.client
import json
import os
import threading
import time
from datetime import datetime, timedelta, timezone

BATCH = 100
THREADS = 4
# Their times go back so far, so that there are several partitions to back up. What they hold cannot be made smaller: files of a backup are then
# large enough to be sent to S3 in parts.
DAYS = 40


class Load:
    def __init__(self, url, key, rate):
        self.host, self.port = url.removeprefix('http://').split(':')
        self.key, self.pause = key, BATCH * THREADS / rate
        self.accepted = [0] * THREADS
        self.refused, self.errors, self.longest = 0, [], 0.0
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.send, args=(number,), daemon=True) for number in range(THREADS)]
        self.lock = threading.Lock()
        for thread in self.threads:
            thread.start()

    @property
    def total(self):
        return sum(self.accepted)

    def stop(self):
        """Ends it; the batches under way are still brought home."""
        self.ending.set()
        for thread in self.threads:
            thread.join()
        if self.errors:
            raise SystemExit(f'ingest-api gave an answer that it should not: {self.errors[0]}')

    def send(self, number):
        connection, due = None, time.monotonic()
        while not self.ending.is_set():
            body = self.batch(number)
            begun = time.monotonic()
            while True:
                if connection is None:
                    connection = http.client.HTTPConnection(self.host, int(self.port), timeout=60)
                try:
                    connection.request('POST', '/v1/events', body=body, headers={
                        'authorization': f'Bearer {self.key}', 'content-type': 'application/cloudevents-batch+json'})
                    answer = connection.getresponse()
                    text = answer.read()
                except (OSError, http.client.HTTPException):
                    connection.close()
                    connection, answer = None, None
                if answer is not None and answer.status == 202:
                    break
                if answer is not None and answer.status not in (429, 503):
                    self.errors.append(f'{answer.status} {text[:300]}')
                    return
                with self.lock:
                    self.refused += 1
                self.ending.wait(0.2)
            told = json.loads(text)
            if told['accepted'] != BATCH:
                self.errors.append(str(told)[:300])
                return
            with self.lock:
                self.longest = max(self.longest, time.monotonic() - begun)
            self.accepted[number] += BATCH
            due = max(due + self.pause, time.monotonic() - 1)
            self.ending.wait(max(0, due - time.monotonic()))

    def batch(self, number):
        first, now = self.accepted[number], datetime.now(timezone.utc)
        return json.dumps([{
            'specversion': '1.0', 'id': str(n), 'source': f'drill-{number}', 'type': 'drill.happened',
            'time': (now - timedelta(days=n % DAYS)).isoformat().replace('+00:00', 'Z'), 'subject': f'subject {n % 97}',
            'data': {'n': n, 'text': os.urandom(120).hex()},
        } for n in range(first, first + BATCH)]).encode()
