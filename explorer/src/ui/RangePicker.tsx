/** The range of time: presets, any duration, or two instants. */
import { useState } from 'preact/hooks';
import { clockOf, dateOf, describeRange, parseDuration, parseInstant, PRESETS, resolve } from '../lib/time';
import { zone } from '../state/preferences';
import { setRange, view } from '../state/view';
import { Popover } from './Popover';
import { withKey } from './with-key';

export function RangePicker() {
  const utc = zone.value === 'utc';
  const { range } = view.value;
  return (
    <Popover label={withKey('Time range', 't')} icon="clock" text={describeRange(range, utc)} chevron align="end" class="range-button" panelClass="range-panel" shortcut="range">
      {(close) => <RangePanel close={close} />}
    </Popover>
  );
}

function RangePanel({ close }: { close(this: void): void }) {
  const utc = zone.value === 'utc';
  const { range } = view.value;
  const shown = resolve(range, Date.now());
  const [from, setFrom] = useState(`${dateOf(shown.from, utc)} ${clockOf(shown.from, utc)}`);
  const [to, setTo] = useState(`${dateOf(shown.to, utc)} ${clockOf(shown.to, utc)}`);
  const [duration, setDuration] = useState('');
  const start = parseInstant(from, utc);
  const end = parseInstant(to, utc);
  const fault = start === null ? 'Write the start as 2026-11-21 09:30' : end === null ? 'Write the end as 2026-11-21 17:00' : start >= end ? 'The start must be before the end' : null;
  const seconds = parseDuration(duration);

  return (
    <div class="range">
      <div class="range-presets" role="group" aria-label="Relative to now">
        {PRESETS.map((preset) => {
          const value = parseDuration(preset.short) ?? 0;
          const chosen = range.kind === 'last' && range.seconds === value;
          return (
            <button key={preset.short} type="button" class="menu-item" aria-pressed={chosen} data-autofocus={chosen ? '' : undefined} onClick={() => {
              close();
              setRange({ kind: 'last', seconds: value });
            }}>
              <span class="menu-label">{preset.label}</span><span class="menu-hint">{preset.short}</span>
            </button>
          );
        })}
        <form class="range-own" onSubmit={(event) => {
          event.preventDefault();
          if (seconds === null) return;
          close();
          setRange({ kind: 'last', seconds });
        }}>
          <label class="muted" for="range-own">Last</label>
          <input id="range-own" class="input mono" placeholder="45m, 36h, 2w" value={duration} onInput={(event) => setDuration(event.currentTarget.value)} />
          <button type="submit" class="button" disabled={seconds === null}>Go</button>
        </form>
      </div>
      <form class="range-between" onSubmit={(event) => {
        event.preventDefault();
        if (start === null || end === null || fault !== null) return;
        close();
        setRange({ kind: 'between', from: start, to: end });
      }}>
        <p class="range-title">Between two times</p>
        <label class="field"><span class="field-label">From</span><input class="input mono" value={from} aria-invalid={start === null} onInput={(event) => setFrom(event.currentTarget.value)} /></label>
        <label class="field"><span class="field-label">To, exclusive</span><input class="input mono" value={to} aria-invalid={end === null} onInput={(event) => setTo(event.currentTarget.value)} /></label>
        <p class={fault === null ? 'muted' : 'fault'} role={fault === null ? undefined : 'alert'}>{fault ?? `In ${utc ? 'UTC' : 'the time of this browser'}; RFC 3339 works too.`}</p>
        <button type="submit" class="button button-primary" disabled={fault !== null}>Apply</button>
      </form>
    </div>
  );
}
