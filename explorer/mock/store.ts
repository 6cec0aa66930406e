/** The synthetic events: compact in memory, each made in full when asked for. Live ones are added as time passes. */
import { createHash } from 'node:crypto';
import { HOSTILE } from './hostile';
import { KINDS, kindIndex } from './kinds';
import { randomOf } from './random';

export const HISTORY_DAYS = 30;
/** Every so many events, one is hostile. */
const HOSTILE_EVERY = 997;
const PARTITIONS = 6;
const HOUR = 3_600_000;

export class Store {
  /** Microseconds would be more than the page shows; these are ms, ascending. */
  readonly times: number[] = [];
  readonly kinds: number[] = [];
  readonly #rate: number;
  readonly #start: number;
  readonly history: number;

  constructor(options: { now: number; events: number; ratePerSecond: number }) {
    this.#rate = options.ratePerSecond;
    this.#start = options.now;
    this.history = options.events;
    for (const time of spread(options.events, options.now)) this.#add(time);
  }

  get length(): number {
    return this.times.length;
  }

  /** Adds the live events that are due by now. Event n is due n intervals after the start, whoever asks. */
  advance(now: number): void {
    if (this.#rate <= 0) return;
    const due = this.history + Math.floor(((now - this.#start) / 1000) * this.#rate);
    while (this.times.length < due) this.#add(this.#start + ((this.times.length - this.history + 1) / this.#rate) * 1000);
  }

  #add(time: number): void {
    const index = this.times.length;
    const hour = Math.floor(time / HOUR);
    this.times.push(time);
    this.kinds.push(kindIndex(randomOf(index), hour % 61 === 17));
  }

  hostileOf(index: number): number | null {
    return index % HOSTILE_EVERY === 400 ? Math.floor(index / HOSTILE_EVERY) % HOSTILE.length : null;
  }

  source(index: number): string {
    return KINDS[this.kinds[index] ?? 0]?.source ?? '';
  }

  type(index: number): string {
    const hostile = this.hostileOf(index);
    return (hostile === null ? undefined : HOSTILE[hostile]?.type) ?? KINDS[this.kinds[index] ?? 0]?.type ?? '';
  }

  /** The first index at or after a time. */
  indexAt(time: number): number {
    let low = 0;
    let high = this.times.length;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if ((this.times[mid] ?? 0) < time) low = mid + 1;
      else high = mid;
    }
    return low;
  }

  uid(index: number): string {
    const hash = createHash('sha256').update(`event ${index}`).digest('hex');
    const ms = Math.floor(this.times[index] ?? 0).toString(16).padStart(12, '0');
    return `${ms.slice(0, 8)}-${ms.slice(8)}-8${hash.slice(0, 3)}-a${hash.slice(3, 6)}-${hash.slice(6, 18)}`;
  }

  /** The index behind a uid, by the time that is in it. */
  find(uid: string): number | null {
    const ms = parseInt(uid.replace(/-/g, '').slice(0, 12), 16);
    for (let i = this.indexAt(ms); i < this.times.length && (this.times[i] ?? 0) < ms + 1; i += 1) if (this.uid(i) === uid.toLowerCase()) return i;
    return null;
  }

  subject(index: number): string | undefined {
    const hostile = this.hostileOf(index);
    return hostile === null ? KINDS[this.kinds[index] ?? 0]?.subject(randomOf(index * 7 + 1)) : HOSTILE[hostile]?.subject;
  }

  data(index: number): string {
    const hostile = this.hostileOf(index);
    return (hostile === null ? undefined : HOSTILE[hostile]?.data) ?? JSON.stringify(KINDS[this.kinds[index] ?? 0]?.data(randomOf(index * 7 + 2)));
  }

  /** The event as JSON text. */
  json(index: number): string {
    const random = randomOf(index * 7 + 3);
    const time = this.times[index] ?? 0;
    const hostile = this.hostileOf(index);
    const subject = this.subject(index);
    const head = {
      specversion: '1.0',
      uid: this.uid(index),
      id: `${this.source(index)}-${index}`,
      source: this.source(index),
      type: this.type(index),
      time: withMicros(time, random.int(1000)),
      ...(subject === undefined ? {} : { subject }),
      datacontenttype: 'application/json',
      ...(random.next() < 0.3 ? { tenant: random.pick(['acme', 'globex', 'initech']) } : {}),
      ...(hostile === null ? {} : HOSTILE[hostile]?.extensions),
      ...(random.next() < 0.7 ? { traceparent: `00-${random.hex(32)}-${random.hex(16)}-01` } : {}),
      recordedtime: withMicros(time + 4 + random.int(240), random.int(1000)),
      kafkapartition: index % PARTITIONS,
      kafkaoffset: Math.floor(index / PARTITIONS) + 81_200,
    };
    return `${JSON.stringify(head).slice(0, -1)},"data":${this.data(index)}}`;
  }
}

function withMicros(ms: number, micros: number): string {
  return new Date(ms).toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`);
}

/** Times over the last days, more by day than by night, ascending. Denser towards now, as a growing business is. */
function spread(events: number, now: number): number[] {
  const random = randomOf(42);
  const hours = HISTORY_DAYS * 24;
  const weights = Array.from({ length: hours }, (_, h) => {
    const at = new Date(now - (hours - h) * HOUR);
    const daily = 0.35 + Math.max(0, Math.sin(((at.getUTCHours() - 5) / 24) * 2 * Math.PI));
    const weekend = at.getUTCDay() % 6 === 0 ? 0.6 : 1;
    const incident = Math.floor((now - (hours - h) * HOUR) / HOUR) % 61 === 17 ? 1.9 : 1;
    return daily * weekend * incident * (0.6 + (h / hours) * 0.8) * (0.85 + random.next() * 0.3);
  });
  const sum = weights.reduce((a, b) => a + b, 0);
  const times: number[] = [];
  let carry = 0;
  for (const [h, weight] of weights.entries()) {
    carry += (weight / sum) * events;
    const here = h === hours - 1 ? events - times.length : Math.floor(carry);
    carry -= here;
    for (let i = 0; i < here; i += 1) times.push(Math.floor(now - (hours - h) * HOUR + random.next() * HOUR));
  }
  return times.sort((a, b) => a - b);
}
