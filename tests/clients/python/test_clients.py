"""A client in Python, generated from the OpenAPI documents: pages, one event, the feed, counts, refusals."""

import os
import time
import unittest
import uuid

import httpx
from query_client import AuthenticatedClient as QueryClient
from query_client.api.about import who_am_i
from query_client.api.counts import count_events, list_sources
from query_client.api.events import get_event, list_events
from query_client.api.feed import read_feed
from query_client.models import CountEventsBucket, CountEventsBy, ListEventsOrder, Problem
from query_client.types import UNSET

INGEST, QUERY = os.environ["FLUMEN_INGEST_URL"], os.environ["FLUMEN_QUERY_URL"]
SOURCE = f"clients-py-{uuid.uuid4()}"
COUNT = 120


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.query = QueryClient(base_url=QUERY, token=os.environ["FLUMEN_READER_KEY"])
        events = [{"source": SOURCE, "type": "made", "id": f"e-{n}", "data": {"n": n}} for n in range(COUNT)]
        # The generator makes no working code of a body with several media types; for sending there are the CloudEvents SDKs (tests/sdk).
        sent = httpx.post(f"{INGEST}/v1/events", json=events, headers={"authorization": f"Bearer {os.environ['FLUMEN_PRODUCER_KEY']}"})
        assert sent.status_code == 202, sent.text
        cls.uid = uuid.UUID(sent.json()["events"][0]["uid"])
        until = time.monotonic() + 30
        while count_events.sync(client=cls.query, source=[SOURCE], bucket=CountEventsBucket("1m")).total < COUNT:
            assert time.monotonic() < until, "stored in time"

    def test_an_event_is_found_by_its_uid(self):
        event = get_event.sync(self.uid, client=self.query, wait="20s")
        self.assertEqual((event.source, event.id), (SOURCE, "e-0"))
        self.assertEqual(event.data, {"n": 0})

    def test_pages_are_walked_by_cursor(self):
        seen, cursor = [], UNSET
        while cursor is not None:
            page = list_events.sync(client=self.query, source=[SOURCE], limit=50, order=ListEventsOrder("asc"), cursor=cursor)
            seen += [event.id for event in page.events]
            cursor = page.next_
        self.assertEqual(sorted(seen), sorted(f"e-{n}" for n in range(COUNT)))

    def test_the_feed_is_followed_by_its_cursor(self):
        seen, after, caught_up = [], UNSET, False
        while not caught_up:
            page = read_feed.sync(client=self.query, source=[SOURCE], limit=50, after=after)
            seen += [event.id for event in page.events]
            after, caught_up = page.next_, page.caught_up
        self.assertEqual(len(seen), COUNT)
        self.assertEqual(len(set(seen)), COUNT)

    def test_counts_and_facets_are_exact(self):
        stats = count_events.sync(client=self.query, source=[SOURCE], by=CountEventsBy("type"))
        self.assertEqual([(series.type_, series.total) for series in stats.series], [("made", COUNT)])
        facets = list_sources.sync(client=self.query, source=[SOURCE])
        self.assertEqual([(facet.value, facet.count) for facet in facets.values], [(SOURCE, COUNT)])

    def test_a_refusal_is_a_problem(self):
        refused = list_events.sync(client=self.query, cursor="rubbish")
        self.assertIsInstance(refused, Problem)
        self.assertEqual(refused.type_, "/problems/invalid-cursor")
        stranger = QueryClient(base_url=QUERY, token="fl_nobody00_none")
        self.assertEqual(who_am_i.sync(client=stranger).type_, "/problems/unauthorized")

    def test_a_tail_is_a_stream_of_events(self):
        headers = {"authorization": f"Bearer {os.environ['FLUMEN_READER_KEY']}"}
        start = read_feed.sync(client=self.query, source=[SOURCE], limit=1).next_
        with httpx.stream("GET", f"{QUERY}/v1/tail", params={"source": SOURCE, "after": start}, headers=headers, timeout=30) as tail:
            self.assertEqual(tail.headers["content-type"], "text/event-stream")
            seen = 0
            for line in tail.iter_lines():
                seen += line.startswith("data: ")
                if seen == COUNT - 1:
                    break


if __name__ == "__main__":
    unittest.main()
