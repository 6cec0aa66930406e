/**
 * The shapes the server answers with. This file and `routes.ts` are the only ones that know them:
 * when the API changes, change it here.
 */
import type { Json } from '../lib/json';

/** An event as CloudEvents JSON, with the attributes Flumen adds; extensions are further members. */
export interface WireEvent {
  specversion?: string;
  uid: string;
  id: string;
  source: string;
  type: string;
  time: string;
  subject?: string;
  datacontenttype?: string;
  dataschema?: string;
  traceparent?: string;
  recordedtime?: string;
  kafkapartition?: number;
  kafkaoffset?: number;
  data?: Json;
  data_base64?: string;
  [extension: string]: Json | undefined;
}

/** A page of `GET /v1/events`. `searched_to` is set when the server gave up looking within its budget. */
export interface EventsPage {
  events: WireEvent[];
  next: string | null;
  prev: string | null;
  searched_to?: string | null;
}

/**
 * `GET /v1/stats`. `buckets` (or `starts`) are the starts of the buckets. A series has its name as `source` or `type` (or `key`);
 * the sum of those beyond the most has `other` with their number instead.
 */
export interface WireStats {
  bucket: string;
  from: string;
  to: string;
  total: number;
  buckets?: string[];
  starts?: string[];
  series: { source?: string; type?: string; key?: string; other?: number; counts: number[]; total: number }[];
}

/** `GET /v1/sources` and `GET /v1/types`. */
export interface FacetValues {
  values: { value: string; count: number; last_seen?: string | null }[];
}

/** `GET /v1/whoami`. */
export interface WhoAmI {
  name: string;
  scopes: string[];
  sources: string[];
}

/** `GET /v1/operator/dead-letters`. `value_base64` is the record's value, cut by the server when long. */
export interface DeadLettersPage {
  dead_letters: DeadLetter[];
  next: string | null;
}

export interface DeadLetter {
  id: number | string;
  topic: string;
  kafka_partition: number;
  kafka_offset: number;
  reason: string;
  detail?: string | null;
  stored_at: string;
  record_time?: string | null;
  headers?: Record<string, string>;
  value_base64?: string | null;
  value_bytes?: number;
}

/** `GET /v1/operator/lag`. */
export interface Lag {
  topic: string;
  group?: string;
  /** Null when no writer has told where the log ends. */
  total: number | null;
  /** Age of the oldest record that is not stored yet; null when there is none, or no writer has told. */
  oldest_unwritten_seconds: number | null;
  partitions: PartitionLag[];
}

export interface PartitionLag {
  kafka_partition: number;
  next_offset: number;
  end_offset: number | null;
  lag: number | null;
  updated_at?: string | null;
}

/** `application/problem+json`, RFC 9457. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  request_id?: string;
}

/** The names that are not extensions when an event is shown. */
export const ATTRIBUTES: ReadonlySet<string> = new Set([
  'specversion', 'uid', 'id', 'source', 'type', 'time', 'subject', 'datacontenttype', 'dataschema', 'traceparent', 'recordedtime', 'kafkapartition',
  'kafkaoffset', 'data', 'data_base64',
]);

/** The header that says how fresh the data of an answer is. */
export const AS_OF_HEADER = 'x-flumen-as-of';
