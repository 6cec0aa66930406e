/** A value as a tree: folded, copied, filtered by, made a column. What it holds is only ever text. */
import { useState } from 'preact/hooks';
import { dataFilter } from '../lib/filter';
import { type Json, BigNumber, kindOf, printJson } from '../lib/json';
import { plainVisible } from '../lib/visible';
import { copy } from '../state/announce';
import { addFilter, toggleColumn, view } from '../state/view';
import { Icon } from './Icon';
import { Text } from './Text';

/** Longer texts and lists are shown in pieces. */
const LONG_TEXT = 400;
const LONG_LIST = 50;
/** Deeper levels start folded. */
const OPEN_DEPTH = 3;

export function JsonTree({ value }: { value: Json }) {
  return <ul class="tree" data-own-keys=""><Node name={null} value={value} path={[]} depth={0} /></ul>;
}

interface NodeProps {
  name: string | null;
  value: Json;
  path: readonly string[];
  depth: number;
}

function Node({ name, value, path, depth }: NodeProps) {
  const kind = kindOf(value);
  return kind === 'object' || kind === 'array' ? <Branch name={name} value={value as Json[] | { [key: string]: Json }} path={path} depth={depth} /> : <Leaf name={name} value={value} path={path} depth={depth} />;
}

function Branch({ name, value, path, depth }: NodeProps & { value: Json[] | { [key: string]: Json } }) {
  const array = Array.isArray(value);
  const entries: [string, Json][] = array ? value.map((item, i) => [String(i), item]) : Object.entries(value);
  const [open, setOpen] = useState(depth < OPEN_DEPTH && entries.length <= LONG_LIST * 2);
  const [most, setMost] = useState(LONG_LIST);
  const size = `${entries.length} ${array ? (entries.length === 1 ? 'item' : 'items') : entries.length === 1 ? 'key' : 'keys'}`;
  const inside = open && entries.length > 0;
  return (
    <li class="node">
      <div class="node-line">
        <button type="button" class={inside ? 'node-fold node-open' : 'node-fold'} aria-expanded={entries.length > 0 ? open : undefined} aria-label={`${name === null ? 'Everything' : plainVisible(name)}, ${size}`} disabled={entries.length === 0} onClick={() => setOpen(!open)}>
          <Icon name="right" size={12} />
          {name !== null && <span class="node-key"><Text value={name === '' ? '""' : name} /></span>}
          <span class="node-size">{entries.length === 0 ? (array ? '[ ]' : '{ }') : array ? `[ ${size} ]` : `{ ${size} }`}</span>
        </button>
        <span class="node-actions"><CopyValue value={value} name={name} /></span>
      </div>
      {inside && (
        <ul class="tree">
          {entries.slice(0, most).map(([key, item]) => <Node key={key} name={key} value={item} path={[...path, key]} depth={depth + 1} />)}
          {entries.length > most && <li><button type="button" class="link-button node-more" onClick={() => setMost(most + 10 * LONG_LIST)}>{entries.length - most} more</button></li>}
        </ul>
      )}
    </li>
  );
}

function Leaf({ name, value, path }: NodeProps) {
  const [all, setAll] = useState(false);
  const kind = kindOf(value);
  const text = typeof value === 'string' ? value : printJson(value);
  const long = text.length > LONG_TEXT && !all;
  const filter = dataFilter(path, value);
  const column = `data.${path.join('.')}`;
  return (
    <li class="node">
      <div class="node-line">
        <span class="node-leaf">
          {name !== null && <span class="node-key"><Text value={name === '' ? '""' : name} /></span>}
          <span class={`node-value node-${kind}`}>
            {kind === 'string' && text === '' ? <span class="faint">empty</span> : <Text value={long ? text.slice(0, LONG_TEXT) : text} />}
            {value instanceof BigNumber && <span class="node-note" title="Kept exactly as it was sent; JavaScript would round it">exact</span>}
            {long && <button type="button" class="link-button" onClick={() => setAll(true)}>… {text.length - LONG_TEXT} more characters</button>}
          </span>
        </span>
        <span class="node-actions">
          {filter && <button type="button" class="node-action" aria-label={`Filter by ${plainVisible(column)}`} title="Filter by this value" onClick={() => addFilter(filter)}><Icon name="filterIn" size={14} /></button>}
          {filter && <button type="button" class="node-action" aria-label={`Column ${plainVisible(column)}`} aria-pressed={view.value.columns.includes(column)} title="Show as a column" onClick={() => toggleColumn(column)}><Icon name="columns" size={14} /></button>}
          <CopyValue value={value} name={name} />
        </span>
      </div>
    </li>
  );
}

function CopyValue({ value, name }: { value: Json; name: string | null }) {
  const what = name === null ? 'Data' : plainVisible(name).slice(0, 40);
  return <button type="button" class="node-action" aria-label={`Copy ${what}`} title="Copy this value" onClick={() => void copy(typeof value === 'string' ? value : printJson(value, 2), what)}><Icon name="copy" size={14} /></button>;
}
