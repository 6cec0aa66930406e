/** A download of all events of the view. */
import { signal } from '@preact/signals';
import { download, type Progress } from '../api/download';
import type { Failure } from '../api/failure';
import { type ExportFormat, routes } from '../api/routes';
import { noteFailure, client } from './session';
import { asked, countsAreWider } from './query';
import { stats } from './timeline';

export interface Export {
  format: ExportFormat;
  startedAt: number;
  endedAt: number | null;
  progress: Progress;
  /** Rows to expect, where the counts say so. */
  expected: number | null;
  failure: Failure | null;
}

export const exporting = signal<Export | null>(null);

let running: AbortController | null = null;

export async function startExport(format: ExportFormat): Promise<void> {
  const at = client.peek();
  if (!at) return;
  running?.abort();
  const run = (running = new AbortController());
  exporting.value = {
    format, startedAt: Date.now(), endedAt: null, progress: { bytes: 0, rows: format === 'parquet' ? null : 0 }, failure: null,
    expected: countsAreWider.peek() ? null : (stats.state.peek().data?.total ?? null),
  };
  const update = (patch: Partial<Export>): void => {
    if (running === run && exporting.peek()) exporting.value = { ...(exporting.peek() as Export), ...patch };
  };
  let shownAt = 0;
  try {
    const file = await download(at, routes.export(asked.peek().query, format), {
      countLines: format !== 'parquet',
      signal: run.signal,
      progress: (progress) => {
        // A number that changes more often than this is a flicker.
        if (Date.now() - shownAt < 120) return;
        shownAt = Date.now();
        update({ progress });
      },
    });
    update({ endedAt: Date.now(), progress: { bytes: file.size, rows: exporting.peek()?.progress.rows ?? null } });
    save(file, nameOf(format));
  } catch (error) {
    if (!run.signal.aborted) update({ endedAt: Date.now(), failure: noteFailure(error) });
  }
}

export function cancelExport(): void {
  running?.abort();
  running = null;
  exporting.value = null;
}

function nameOf(format: ExportFormat): string {
  const { from, to } = asked.peek();
  const stamp = (ms: number) => new Date(ms).toISOString().slice(0, 16).replace(/[:-]/g, '');
  return `flumen-events-${stamp(from)}Z-${stamp(to)}Z.${format}`;
}

function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads the blob after this returns.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
