/** Reads an export to its end, saying how far it is. */
import type { Client } from './client';
import { Failure } from './failure';

export interface Progress {
  bytes: number;
  /** Rows, where the format lets them be counted on the way (not Parquet). */
  rows: number | null;
}

const NEWLINE = 10;
/** Small pieces are merged into blobs, which browsers keep on disk, so that memory stays flat. */
const MERGE_BYTES = 8 * 1024 * 1024;

/** Resolves with the whole file. A stream that breaks off rejects: half a file is never passed off as one. */
export async function download(client: Client, path: string, options: { countLines: boolean; signal: AbortSignal; progress(progress: Progress): void }): Promise<Blob> {
  const response = await client.open(path, { accept: '*/*', signal: options.signal });
  const reader = response.body?.getReader();
  if (!reader) return response.blob();
  const done: Blob[] = [];
  let pieces: Uint8Array<ArrayBuffer>[] = [];
  let pending = 0;
  const progress: Progress = { bytes: 0, rows: options.countLines ? 0 : null };
  for (;;) {
    let step;
    try {
      step = await reader.read();
    } catch (error) {
      if (options.signal.aborted) throw error;
      throw new Failure({
        status: 0,
        title: 'The download broke off',
        detail: `The connection ended after ${progress.rows ?? 'an unknown number of'} rows. Nothing was saved, so that no half a file is taken for a whole one.`,
      });
    }
    if (step.done) break;
    const piece = step.value;
    pieces.push(piece);
    pending += piece.length;
    progress.bytes += piece.length;
    if (progress.rows !== null) progress.rows += countLines(piece);
    if (pending >= MERGE_BYTES) {
      done.push(new Blob(pieces));
      pieces = [];
      pending = 0;
    }
    options.progress({ ...progress });
  }
  return new Blob([...done, ...pieces], { type: response.headers.get('content-type') ?? 'application/octet-stream' });
}

function countLines(piece: Uint8Array): number {
  let lines = 0;
  for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, at + 1)) lines += 1;
  return lines;
}
