/** What one bar of the timeline is made of. */
import { count } from '../lib/format';
import { OTHER } from '../api/stats';
import { Text } from './Text';

const HALF_WIDTH = 120;

export function PlotTooltip({ x, width, title, total, rows }: { x: number; width: number; title: string; total: number; rows: readonly { key: string; colour: number | null; count: number }[] }) {
  const present = rows.filter((row) => row.count > 0);
  // Beside the bar, on the side where there is room.
  const style = x > width - 2 * HALF_WIDTH - 24 ? { right: `${width - x + 14}px` } : { left: `${x + 14}px` };
  return (
    <div class="tooltip" style={style} aria-hidden="true">
      <p class="tooltip-title"><span>{title}</span><strong>{count(total)}</strong></p>
      {present.map((row) => (
        <p key={row.key} class="tooltip-row">
          <span class={`swatch c${row.key === OTHER ? 'x' : (row.colour ?? 'x')}`} />
          <span class="tooltip-name">{row.key === OTHER ? 'other' : <Text value={row.key} />}</span>
          <span class="tooltip-count">{count(row.count)}</span>
        </p>
      ))}
    </div>
  );
}
