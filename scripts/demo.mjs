// What the demo asks query-api.
//   node scripts/demo.mjs STATE wait | show | check
import { readFileSync } from "node:fs";

const [folder, command] = process.argv.slice(2);
const read = (name) => JSON.parse(readFileSync(`${folder}/${name}`, "utf8"));
const stack = read("stack/stack.json");
const sent = {
  "gov.usgs.*": read("quakes.json"),
  "gov.bts.*": read("flights.json"),
  "*": read("audit.json"),
};
const accepted = Object.values(sent).reduce((sum, one) => sum + one.accepted, 0);
const number = (value) => value.toLocaleString("en").replaceAll(",", " ");

async function get(path, parameters) {
  const query = new URLSearchParams(parameters);
  const answer = await fetch(`${stack.query_api.url}${path}?${query}`, {
    headers: { authorization: `Bearer ${stack.keys.reader}` },
  });
  if (!answer.ok) {
    throw new Error(`GET ${path}?${query}: ${answer.status} ${await answer.text()}`);
  }
  return answer.json();
}

// The months that hold the events: the flights', the quakes', and now.
const day = 86_400_000;
const windows = [
  ["2001-01-01T00:00:00Z", "2001-08-01T00:00:00Z"],
  ["2018-01-01T00:00:00Z", "2018-03-01T00:00:00Z"],
  [new Date(Date.now() - 2 * day).toISOString(), new Date(Date.now() + day).toISOString()],
];

async function stats(parameters) {
  const parts = windows.map(([from, to]) => get("/v1/stats", { bucket: "1d", from, to, ...parameters }));
  return Promise.all(parts);
}

async function count(parameters = {}) {
  return (await stats(parameters)).reduce((sum, part) => sum + part.total, 0);
}

async function wait() {
  const deadline = Date.now() + 120_000;
  for (let shown = -1; ; ) {
    const stored = await count();
    if (stored !== shown) {
      console.log(`  ${number(stored)} of ${number(accepted)}`);
      shown = stored;
    }
    if (stored >= accepted) return;
    if (Date.now() > deadline) throw new Error("not everything was stored within 120 s");
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function show() {
  for (const part of await stats({ by: "source" })) {
    const series = part.series.filter((one) => one.source).sort((a, b) => b.total - a.total);
    const most = series.slice(0, 4).map((one) => `${one.source} ${number(one.total)}`);
    console.log(`  ${part.from.slice(0, 10)}  ${number(part.total).padStart(9)} events   ${most.join(", ")}, ...`);
  }
  const page = await get("/v1/events", { type: "gov.usgs.earthquake", limit: 1 });
  const [quake] = page.events;
  console.log(`\n  the latest earthquake: ${quake.time}  ${quake.data.properties.title}`);
  console.log(`  (uid ${quake.uid}, partition ${quake.kafkapartition}, offset ${quake.kafkaoffset})`);
}

async function check() {
  const failures = [];
  const claim = (what, holds) => {
    console.log(`  ${holds ? "ok  " : "FAIL"}  ${what}`);
    if (!holds) failures.push(what);
  };
  for (const [name, one] of Object.entries(sent)) {
    const unsent = (one.rejected ?? 0) + (one.unsent ?? 0);
    claim(`${name}: ${number(one.accepted)} accepted, ${unsent} rejected`, one.accepted > 0 && unsent === 0);
  }
  claim("all 1 707 earthquakes were sent", sent["gov.usgs.*"].accepted === 1707);
  const quakes = await count({ type: "gov.usgs.*" });
  claim(`/v1/stats counts ${number(quakes)} earthquakes`, quakes === sent["gov.usgs.*"].accepted);
  const flights = await count({ type: "gov.bts.*" });
  claim(`/v1/stats counts ${number(flights)} flights`, flights === sent["gov.bts.*"].accepted);
  const total = await count();
  claim(`/v1/stats counts ${number(total)} events`, total === accepted);

  const uids = new Set();
  let seen = 0;
  let after;
  for (;;) {
    const page = await get("/v1/feed", { limit: 5000, ...(after && { after }) });
    for (const event of page.events) uids.add(event.uid);
    seen += page.events.length;
    after = page.next;
    if (page.caught_up) break;
  }
  claim(`/v1/feed shows ${number(seen)} events`, seen === accepted);
  claim("each of them once", uids.size === seen);
  const [uid] = uids;
  const event = await get(`/v1/events/${uid}`, {});
  claim("one of them is found by its uid", event.uid === uid);
  if (failures.length > 0) throw new Error(`${failures.length} checks failed`);
}

try {
  await { wait, show, check }[command]();
} catch (error) {
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
}
