// The official CloudEvents SDK for JavaScript sends events to ingest-api; they come back equal through query-api.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { CloudEvent, HTTP } from "cloudevents";

// What Flumen adds to an event when it shows it.
const OWN = ["uid", "recordedtime", "kafkapartition", "kafkaoffset"];
const DEADLINE_MS = 30_000;

function setting(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set; run scripts/with-stack target/debug tests/sdk/run`);
  return value;
}

const ingest = setting("FLUMEN_INGEST_URL");
const query = setting("FLUMEN_QUERY_URL");
const producer = setting("FLUMEN_PRODUCER_KEY");
const reader = setting("FLUMEN_READER_KEY");

/** Posts a message and gives the uids of its events. */
async function send({ headers, body }) {
  const answer = await fetch(new URL("v1/events", ingest.replace(/\/*$/, "/")), {
    method: "POST",
    headers: { ...headers, authorization: `Bearer ${producer}` },
    body,
  });
  const text = await answer.text();
  assert.equal(answer.status, 202, `ingest-api answered ${answer.status}: ${text}`);
  return JSON.parse(text).events.map((event) => event.uid);
}

/** Waits for an event and gives it as the SDK reads it, without what Flumen added. */
async function read(uid) {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = await fetch(new URL(`v1/events/${uid}?wait=5s`, query.replace(/\/*$/, "/")), {
      headers: { authorization: `Bearer ${reader}` },
    });
    const text = await answer.text();
    if (answer.status === 200) {
      const shown = JSON.parse(text);
      for (const name of OWN) {
        assert.ok(name in shown, `the event is shown without ${name}`);
        delete shown[name];
      }
      const headers = { "content-type": "application/cloudevents+json" };
      return HTTP.toEvent({ headers, body: JSON.stringify(shown) });
    }
    assert.ok(
      [404, 503].includes(answer.status) && Date.now() < deadline,
      `query-api answered ${answer.status}: ${text}`,
    );
  }
}

function event(data, attributes = {}) {
  return new CloudEvent({
    id: randomUUID(),
    source: "sdk-javascript",
    type: "com.example.sdk",
    datacontenttype: "application/json",
    ...attributes,
    data,
  });
}

const events = {
  json: () => event({ text: 'Grüße, 世界 "quoted"', n: [1, 2.5, null, true] }),
  "a vendor's json": () => event({ a: 1 }, { datacontenttype: "application/vnd.example.v1+json" }),
  text: () => event("plain text, ünïcödé", { datacontenttype: "text/plain" }),
  bytes: () =>
    event(Uint8Array.from({ length: 256 }, (_, i) => i), { datacontenttype: "application/octet-stream" }),
  "all attributes": () =>
    event(
      { a: 1 },
      {
        subject: "orders/7",
        dataschema: "https://example.com/schema/1",
        partitionkey: "customer-7",
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        myextension: "with spaces",
      },
    ),
};

/** Everything about an event; times by the instant they mean. */
function plain(event) {
  const { data, data_base64: base64, ...attributes } = JSON.parse(JSON.stringify(event));
  const bytes = base64 ?? (ArrayBuffer.isView(event.data) ? Buffer.from(event.data).toString("base64") : undefined);
  return {
    ...attributes,
    time: new Date(attributes.time).toISOString(),
    ...(bytes === undefined ? { data } : { bytes }),
  };
}

for (const [mode, convert] of [
  ["structured", HTTP.structured],
  ["binary", HTTP.binary],
]) {
  for (const [name, make] of Object.entries(events)) {
    test(`a ${mode} event comes back equal: ${name}`, async () => {
      const sent = make();
      const [uid] = await send(convert(sent));
      assert.deepEqual(plain(await read(uid)), plain(sent));
    });
  }
}

test("a batch comes back equal", async () => {
  // The SDK reads batches and does not write them: an array of what it writes for each event.
  const sent = Object.values(events).map((make) => make());
  const uids = await send({
    headers: { "content-type": "application/cloudevents-batch+json" },
    body: `[${sent.map((one) => HTTP.structured(one).body).join(",")}]`,
  });
  assert.equal(uids.length, sent.length);
  for (const [index, uid] of uids.entries()) {
    assert.deepEqual(plain(await read(uid)), plain(sent[index]));
  }
});

test("what query-api lists is a batch the SDK reads", async () => {
  const sent = event({ listed: true }, { subject: randomUUID() });
  const [uid] = await send(HTTP.structured(sent));
  await read(uid);
  const url = new URL("v1/events", query.replace(/\/*$/, "/"));
  url.search = new URLSearchParams({ source: "sdk-javascript", subject: sent.subject });
  const answer = await fetch(url, { headers: { authorization: `Bearer ${reader}` } });
  const { events: listed } = await answer.json();
  const batch = HTTP.toEvent({
    headers: { "content-type": "application/cloudevents-batch+json" },
    body: JSON.stringify(listed),
  });
  assert.deepEqual(batch.map((one) => one.id), [sent.id]);
});
