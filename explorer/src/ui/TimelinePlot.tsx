/** The plot, and over it what reacts: a pointer or the arrow keys choose bars, a drag or Enter zooms. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { OTHER, type Stats } from '../api/stats';
import { count } from '../lib/format';
import { cumulate, visibleSeries } from '../lib/stack';
import { clockOf, DAY, dayOf } from '../lib/time';
import { announce } from '../state/announce';
import { isDark, zone } from '../state/preferences';
import { hidden, series } from '../state/timeline';
import { asked } from '../state/query';
import { zoomTo } from '../state/zoom';
import { makePlot } from './plot';
import { PlotTooltip } from './PlotTooltip';
import { useSize } from './use-size';

/** A drag shorter than this is a click that slipped. */
const LEAST_DRAG = 5;

interface Selection {
  first: number;
  last: number;
}

export function TimelinePlot({ data, bucket }: { data: Stats; bucket: number }) {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const size = useSize(frame);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const [hover, setHover] = useState<number | null>(null);
  const [chosen, setChosen] = useState<Selection | null>(null);

  const utc = zone.value === 'utc';
  const dark = isDark();
  const { starts } = data;
  const shown = visibleSeries(series.value, hidden.value);
  const shape = JSON.stringify([shown.map((s) => [s.key, s.colour]), dark, utc, size, asked.value.from, asked.value.to]);

  useEffect(() => {
    if (!canvas.current || size.width < 40) return;
    const style = getComputedStyle(document.documentElement);
    const heights = cumulate(shown, starts.length);
    const made = makePlot(canvas.current, size.width, size.height, {
      starts, bucket, from: data.from, to: data.to, utc, narrow: size.width < 480,
      stacks: shown.map((s, i) => ({ heights: heights[i] ?? [], colour: style.getPropertyValue(`--c-${s.key === OTHER ? 'x' : (s.colour ?? 'x')}`).trim() })),
      ink: { text: style.getPropertyValue('--ink-3').trim(), grid: style.getPropertyValue('--line-1').trim() },
    });
    plot.current = made;
    return () => made.destroy();
    // `shape` stands for all that is read here.
  }, [data, shape]);

  // The plot is made after a render and outlives it, so where it is has to be asked for each time.
  const area = (): { left: number; width: number; page: number } => {
    const over = plot.current?.over;
    return { left: over?.offsetLeft ?? 0, width: over?.offsetWidth ?? 0, page: over?.getBoundingClientRect().left ?? 0 };
  };
  const { left } = area();
  const x = (clientX: number): number => Math.min(Math.max(0, clientX - area().page), area().width);
  const timeAt = (px: number): number => (plot.current?.posToVal(px, 'x') ?? 0) * 1000;
  const pxOf = (time: number): number => Math.min(Math.max(0, plot.current?.valToPos(time / 1000, 'x') ?? 0), area().width);
  const indexAt = (px: number): number | null => {
    const i = Math.floor((timeAt(px) - (starts[0] ?? 0)) / bucket);
    return i >= 0 && i < starts.length ? i : null;
  };

  const zoomInto = ({ first, last }: Selection): void => {
    const from = starts[Math.min(first, last)] ?? 0;
    const to = (starts[Math.max(first, last)] ?? 0) + bucket;
    setChosen(null);
    setHover(null);
    zoomTo(from, to);
    announce('Zoomed in');
  };

  const onPointerDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    if (event.currentTarget instanceof HTMLElement) event.currentTarget.setPointerCapture(event.pointerId);
    setDrag({ from: x(event.clientX), to: x(event.clientX) });
    setChosen(null);
  };
  const onPointerMove = (event: PointerEvent): void => {
    const at = x(event.clientX);
    setHover(indexAt(at));
    if (drag) setDrag({ from: drag.from, to: at });
  };
  const onPointerUp = (event: PointerEvent): void => {
    const began = drag;
    setDrag(null);
    if (!began) return;
    const at = x(event.clientX);
    if (Math.abs(at - began.from) >= LEAST_DRAG) {
      setHover(null);
      zoomTo(timeAt(Math.min(at, began.from)), timeAt(Math.max(at, began.from)));
    }
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined) {
      const at = chosen?.last ?? (step > 0 ? -1 : starts.length);
      const next = Math.min(Math.max(0, at + step), starts.length - 1);
      setChosen(event.shiftKey && chosen ? { first: chosen.first, last: next } : { first: next, last: next });
      setHover(next);
      event.preventDefault();
    } else if (event.key === 'Enter' && chosen) {
      zoomInto(chosen);
      event.preventDefault();
    } else if (event.key === 'Escape' && chosen) {
      setChosen(null);
      setHover(null);
      event.stopPropagation();
    }
  };

  const at = hover ?? chosen?.last ?? null;
  const total = at === null ? 0 : shown.reduce((sum, s) => sum + (s.counts[at] ?? 0), 0);
  const band = drag ? { from: Math.min(drag.from, drag.to), to: Math.max(drag.from, drag.to) }
    : chosen ? { from: pxOf(starts[Math.min(chosen.first, chosen.last)] ?? 0), to: pxOf((starts[Math.max(chosen.first, chosen.last)] ?? 0) + bucket) } : null;
  const when = (time: number): string => `${dayOf(time, utc)}${bucket >= DAY ? '' : ` ${clockOf(time, utc, 'minute')}`}`;

  return (
    <div class="plot" ref={frame}>
      <div ref={canvas} aria-hidden="true" />
      <div class="plot-over" role="slider" tabIndex={0} aria-label="Timeline. Left and right choose a bar, Shift extends, Enter zooms." aria-valuemin={0} aria-valuemax={Math.max(0, starts.length - 1)} aria-valuenow={at ?? 0}
        aria-valuetext={at === null ? 'no bar chosen' : `${when(starts[at] ?? 0)}, ${count(total)} events`} data-own-keys=""
        onPointerDown={onPointerDown} onPointerMove={onPointerMove} onPointerUp={onPointerUp} onPointerCancel={() => setDrag(null)} onPointerLeave={() => !drag && setHover(null)}
        onKeyDown={onKeyDown} onBlur={() => { setChosen(null); setHover(null); }} />
      {band && <div class="plot-band" style={{ left: `${left + band.from}px`, width: `${Math.max(1, band.to - band.from)}px` }} />}
      {at !== null && !band && <div class="plot-bar" style={{ left: `${left + pxOf(starts[at] ?? 0)}px`, width: `${Math.max(2, pxOf((starts[at] ?? 0) + bucket) - pxOf(starts[at] ?? 0))}px` }} />}
      {band && drag && <div class="plot-range" style={{ left: `${left + (band.from + band.to) / 2}px` }}>{rangeText(timeAt(band.from), timeAt(band.to), utc)}</div>}
      {at !== null && !drag && <PlotTooltip x={left + pxOf((starts[at] ?? 0) + bucket / 2)} width={size.width} title={`${when(starts[at] ?? 0)}${bucket >= DAY ? '' : ` – ${clockOf((starts[at] ?? 0) + bucket, utc, 'minute')}`}`} total={total} rows={shown.map((s) => ({ key: s.key, colour: s.colour, count: s.counts[at] ?? 0 }))} />}
    </div>
  );
}

function rangeText(from: number, to: number, utc: boolean): string {
  return `${dayOf(from, utc)} ${clockOf(from, utc, 'minute')} – ${clockOf(to, utc, 'minute')}`;
}
