"""The official CloudEvents SDK for Python sends events to ingest-api; they come back equal through query-api."""

import http.client
import json
import os
import time
import unittest
import uuid
from datetime import datetime, timezone
from urllib.parse import urlsplit

from cloudevents.core.bindings import http as binding
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

FORMAT = JSONFormat()
# What Flumen adds to an event when it shows it.
OWN = {"uid", "recordedtime", "kafkapartition", "kafkaoffset"}
DEADLINE_SECONDS = 30


def setting(name):
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"{name} is not set; run scripts/with-stack target/debug tests/sdk/run")
    return value


INGEST = setting("FLUMEN_INGEST_URL")
QUERY = setting("FLUMEN_QUERY_URL")
PRODUCER = setting("FLUMEN_PRODUCER_KEY")
READER = setting("FLUMEN_READER_KEY")


def request(method, base, path, key, headers=None, body=None):
    """Sends exactly these headers: urllib would invent a content type where the SDK gives none."""
    url = urlsplit(base)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=DEADLINE_SECONDS)
    try:
        headers = {"authorization": f"Bearer {key}", **(headers or {})}
        connection.request(method, url.path.rstrip("/") + path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def send(headers, body):
    """Posts a message and gives the uids of its events."""
    status, answer = request("POST", INGEST, "/v1/events", PRODUCER, headers, body)
    if status != 202:
        raise AssertionError(f"ingest-api answered {status}: {answer.decode()}")
    return [event["uid"] for event in json.loads(answer)["events"]]


def read(uid):
    """Waits for an event and gives it as the SDK reads it, without what Flumen added."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        status, body = request("GET", QUERY, f"/v1/events/{uid}?wait=5s", READER)
        if status == 200:
            break
        if status not in (404, 503) or time.monotonic() > deadline:
            raise AssertionError(f"query-api answered {status}: {body.decode()}")
    shown = json.loads(body)
    missing = OWN - shown.keys()
    if missing:
        raise AssertionError(f"the event is shown without {missing}")
    return FORMAT.read(CloudEvent, json.dumps({k: v for k, v in shown.items() if k not in OWN}).encode())


def event(data, **attributes):
    return CloudEvent(
        {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": "sdk-python",
            "type": "com.example.sdk",
            # Flumen keeps microseconds, as Python does.
            "time": datetime.now(timezone.utc),
            **attributes,
        },
        data,
    )


JSON = "application/json"
EVENTS = {
    "json": lambda: event({"text": "Grüße, 世界 \"quoted\"", "n": [1, 2.5, None, True]}, datacontenttype=JSON),
    "json without a content type": lambda: event({"a": {"b": []}}),
    "a vendor's json": lambda: event({"a": 1}, datacontenttype="application/vnd.example.v1+json"),
    "text": lambda: event("plain text, ünïcödé", datacontenttype="text/plain"),
    "xml": lambda: event("<a b='c'>d</a>", datacontenttype="application/xml"),
    "bytes": lambda: event(bytes(range(256)), datacontenttype="application/octet-stream"),
    "all attributes": lambda: event(
        {"a": 1},
        datacontenttype=JSON,
        subject="orders/7 50% \"off\" für 世界",
        dataschema="https://example.com/schema/1",
        partitionkey="customer-7",
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        myextension="with spaces, and 100 %",
    ),
    "a time in another zone": lambda: event({}, datacontenttype=JSON, time=datetime.now().astimezone()),
}


class Sdk(unittest.TestCase):
    maxDiff = None

    def same(self, sent, shown):
        self.assertEqual(sent.get_attributes(), shown.get_attributes())
        self.assertEqual(sent.get_data(), shown.get_data())

    def there_and_back(self, convert):
        for name, make in EVENTS.items():
            with self.subTest(name):
                sent = make()
                message = convert(sent, FORMAT)
                (uid,) = send(message.headers, message.body)
                self.same(sent, read(uid))

    def test_structured_events_come_back_equal(self):
        self.there_and_back(binding.to_structured)

    def test_binary_events_come_back_equal(self):
        self.there_and_back(binding.to_binary)

    def test_a_batch_comes_back_equal(self):
        # The SDK has no batches: the format is an array of what it writes for each event.
        sent = [make() for make in EVENTS.values()]
        body = b"[" + b",".join(FORMAT.write(one) for one in sent) + b"]"
        uids = send({"content-type": "application/cloudevents-batch+json"}, body)
        self.assertEqual(len(uids), len(sent))
        for one, uid in zip(sent, uids):
            with self.subTest(one.get_subject() or one.get_datacontenttype()):
                self.same(one, read(uid))

    def test_an_event_sent_again_is_the_same_event(self):
        message = binding.to_structured(event({"again": True}), FORMAT)
        self.assertEqual(send(message.headers, message.body), send(message.headers, message.body))


if __name__ == "__main__":
    unittest.main()
