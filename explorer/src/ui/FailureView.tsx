/** A refusal in words, with what to do about it. */
import { useEffect, useState } from 'preact/hooks';
import type { Failure } from '../api/failure';
import { now } from '../state/clock';
import { Icon } from './Icon';
import { Text } from './Text';

/** What the page can add to the server's own words. */
function advice(failure: Failure): string | null {
  if (failure.status === 0) return null;
  if (failure.status === 400) return 'Change or remove the filter that it names.';
  if (failure.status === 403) return 'Ask who runs this Flumen for a key with that right, or sign in with another.';
  if (failure.status === 429) return 'The page asks again by itself when the time is up.';
  if (failure.status === 503) return 'The page asks again by itself.';
  if (failure.status === 504) return 'Choose a shorter time range, or filter by source.';
  return null;
}

/** Without a word from the server, this is when a passing failure is tried again. */
const DEFAULT_WAIT_MS = 10_000;
const PASSING = new Set([0, 429, 502, 503]);

export function FailureView({ failure, retry, compact = false }: { failure: Failure; retry(this: void): void; compact?: boolean }) {
  const left = useCountdown(failure, retry);
  const hint = advice(failure);
  return (
    <div class={compact ? 'failure failure-compact' : 'failure'} role="alert">
      <span class="failure-icon"><Icon name="warning" size={compact ? 16 : 22} /></span>
      <div class="failure-words">
        <p class="failure-title"><Text value={failure.title} />{failure.status > 0 && <span class="failure-status">{failure.status}</span>}</p>
        {failure.detail !== null && <p class="failure-detail"><Text value={failure.detail} /></p>}
        {hint !== null && !compact && <p class="failure-detail">{hint}</p>}
        <div class="failure-actions">
          <button type="button" class="button" onClick={retry}><Icon name="refresh" /><span>Try again</span></button>
          {left !== null && <span class="muted" role="timer">in {left} s</span>}
          {failure.requestId !== null && !compact && <span class="failure-id">request <code><Text value={failure.requestId} /></code></span>}
        </div>
      </div>
    </div>
  );
}

/** Seconds until it is tried again by itself, or null when that would not help. */
function useCountdown(failure: Failure, retry: () => void): number | null {
  const [due] = useDue(failure);
  // Read for the sake of the tick; what counts is the time itself, which may be most of a second ahead.
  void now.value;
  const left = due === null ? null : Math.max(0, Math.ceil((due - Date.now()) / 1000));
  useEffect(() => {
    if (left === 0) retry();
    // Only the moment when it reaches zero counts; `retry` is a new function on each render.
  }, [left === 0]);
  return left;
}

function useDue(failure: Failure): [number | null] {
  const [state, setState] = useState(() => ({ failure, due: dueOf(failure) }));
  if (state.failure !== failure) {
    const next = { failure, due: dueOf(failure) };
    setState(next);
    return [next.due];
  }
  return [state.due];
}

function dueOf(failure: Failure): number | null {
  return PASSING.has(failure.status) ? (failure.retryAt ?? Date.now() + DEFAULT_WAIT_MS) : null;
}
