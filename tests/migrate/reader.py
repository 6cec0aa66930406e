"""A third party that follows the feed from its beginning, with one cursor, whatever happens to the database behind it."""
import http.client
import json
import threading
from collections import Counter
from urllib.parse import quote


class Reader:
    def __init__(self, url, key):
        self.host, self.key = url.removeprefix('http://'), key
        self.seen, self.failed, self.errors = Counter(), 0, []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    @property
    def total(self):
        return len(self.seen)

    def follow(self):
        cursor, connection = None, None
        while not self.ending.is_set():
            connection = connection or http.client.HTTPConnection(self.host, timeout=60)
            after = f'&after={quote(cursor)}' if cursor else ''
            try:
                connection.request('GET', f'/v1/feed?limit=2000&wait=1s{after}', headers={'authorization': f'Bearer {self.key}'})
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                connection, answer = None, None
            if answer is not None and answer.status == 200:
                page = json.loads(text)
                self.seen.update((event['source'], event['id']) for event in page['events'])
                cursor = page['next']
                continue
            if answer is not None and answer.status not in (429, 503, 504):
                self.errors.append(f'{answer.status} {text[:300]}')
                return
            # It asks again with the cursor it has.
            self.failed += 1
            self.ending.wait(0.1)

    def stop(self):
        self.ending.set()
        self.thread.join()
