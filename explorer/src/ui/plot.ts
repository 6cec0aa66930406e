/** The timeline's bars in uPlot. It knows nothing of the page: data and colours in, positions out. */
import uPlot from 'uplot';
import { dayOf, clockOf, HOUR, DAY } from '../lib/time';
import { short } from '../lib/format';

export interface PlotInput {
  /** Starts of the buckets, in ms. */
  starts: readonly number[];
  bucket: number;
  from: number;
  to: number;
  /** Cumulated heights, bottom first, with the colour of each. */
  stacks: readonly { heights: readonly number[]; colour: string }[];
  utc: boolean;
  ink: { text: string; grid: string };
  narrow: boolean;
}

const AXIS_FONT = '11px Inter, system-ui, sans-serif';
/** Steps of the axis of counts: there is no half an event. */
const COUNT_STEPS = Array.from({ length: 12 }, (_, i) => [1, 2, 5].map((n) => n * 10 ** i)).flat();
/** Between the lines of a low plot: one beside that of zero must fit however the tallest bar falls between two steps. */
const NARROW_SPACE = 24;
/** The gap between bars, in CSS pixels. */
const GAP = 1;

export function makePlot(target: HTMLElement, width: number, height: number, input: PlotInput): uPlot {
  const half = input.bucket / 2;
  // Bars are drawn around the middle of their bucket. The tallest goes first, so that each covers what is below it.
  const xs = input.starts.map((s) => (s + half) / 1000);
  const drawn = input.stacks.toReversed();
  const bars = uPlot.paths.bars;
  const paths = bars?.({ size: [1, Infinity], gap: GAP, align: 0 });
  const options: uPlot.Options = {
    width,
    height,
    padding: [8, 0, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    tzDate: (ts) => (input.utc ? uPlot.tzDate(new Date(ts * 1000), 'UTC') : new Date(ts * 1000)),
    scales: {
      x: { time: true, range: () => [Math.min(input.from, input.starts[0] ?? input.from) / 1000, Math.max(input.to, (input.starts.at(-1) ?? 0) + input.bucket) / 1000] },
      y: { range: (_u, _min, max) => [0, Math.max(1, max * 1.08)] },
    },
    axes: [
      { stroke: input.ink.text, font: AXIS_FONT, size: 24, gap: 4, space: 84, grid: { show: false }, ticks: { show: false }, values: (_u, splits) => splits.map((s, i) => tick(s * 1000, splits, i, input)) },
      { stroke: input.ink.text, font: AXIS_FONT, size: input.narrow ? 34 : 44, gap: 6, space: input.narrow ? NARROW_SPACE : 36, incrs: COUNT_STEPS, grid: { stroke: input.ink.grid, width: 1 }, ticks: { show: false }, values: (_u, splits) => splits.map((n) => short(n)) },
    ],
    series: [{}, ...drawn.map((s) => ({ fill: s.colour, stroke: s.colour, width: 0, points: { show: false }, ...(paths ? { paths } : {}) }))],
  };
  return new uPlot(options, [xs, ...drawn.map((s) => [...s.heights])], target);
}

/** The date only where it changes: what is the same on every tick is noise. */
function tick(at: number, splits: readonly number[], i: number, input: PlotInput): string {
  const before = splits[i - 1];
  const newDay = before !== undefined && dayOf(before * 1000, input.utc) !== dayOf(at, input.utc);
  if (input.to - input.from > 4 * DAY) return before === undefined || newDay ? dayOf(at, input.utc) : clockOf(at, input.utc, 'minute');
  if (newDay && input.to - input.from > 2 * HOUR) return dayOf(at, input.utc);
  return clockOf(at, input.utc, input.to - input.from < 600_000 ? 'second' : 'minute');
}
