export interface MockOptions {
  /** What the mock takes for now when it starts. */
  now: number;
  events: number;
  /** Live events a second. */
  ratePerSecond: number;
  /** Delay of every answer, to see loading states. */
  latencyMs: number;
  /** Bytes a second of an export, so that its progress can be seen; 0 is as fast as it goes. */
  exportBytesPerSecond: number;
}

export const DEFAULTS: MockOptions = { now: 0, events: 200_000, ratePerSecond: 2, latencyMs: 0, exportBytesPerSecond: 0 };

/** `MOCK_EVENTS`, `MOCK_RATE`, `MOCK_LATENCY_MS`, `MOCK_EXPORT_RATE`. */
export function optionsFromEnvironment(): Partial<MockOptions> {
  const number = (name: string): number | undefined => (process.env[name] === undefined ? undefined : Number(process.env[name]));
  const found = { events: number('MOCK_EVENTS'), ratePerSecond: number('MOCK_RATE'), latencyMs: number('MOCK_LATENCY_MS'), exportBytesPerSecond: number('MOCK_EXPORT_RATE') };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined && Number.isFinite(value)));
}
