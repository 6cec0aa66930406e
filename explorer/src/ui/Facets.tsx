/** The sources and types there are, with their counts; a click filters. */
import { useState } from 'preact/hooks';
import type { FacetValues } from '../api/wire';
import { matches } from '../lib/filter';
import { count, short } from '../lib/format';
import { ago } from '../lib/time';
import { plainVisible } from '../lib/visible';
import { now } from '../state/clock';
import { colourOf, facets, loadFacets, series } from '../state/timeline';
import { asked } from '../state/query';
import { sidebar } from '../state/preferences';
import { client } from '../state/session';
import { flipFilter, view } from '../state/view';
import { Icon } from './Icon';
import { Text } from './Text';

/** Longer lists are searched rather than read. */
const FEW = 10;

export function Facets() {
  return (
    <aside class="facets" aria-label="Facets">
      <div class="facets-head">
        <p class="facets-title">Facets</p>
        <button type="button" class="button button-ghost" aria-label="Close the facets" onClick={() => (sidebar.value = 'closed')}><Icon name="close" /></button>
      </div>
      <Facet field="type" title="Type" />
      <Facet field="source" title="Source" />
    </aside>
  );
}

function Facet({ field, title }: { field: 'type' | 'source'; title: string }) {
  const [search, setSearch] = useState('');
  const [all, setAll] = useState(false);
  const { data, loading, failure } = facets[field].state.value;
  const values = data?.values ?? [];
  const chosen = view.value.filters.flatMap((f) => (f.field === field ? [f.value] : []));
  const found = values.filter((v) => v.value.toLowerCase().includes(search.toLowerCase()));
  const shown = all || search !== '' ? found : found.slice(0, FEW);
  return (
    <section class="facet" aria-busy={loading}>
      <h2 class="facet-title">{title}<span class="facet-number">{data ? count(values.length) : ''}</span></h2>
      {failure && <p class="facet-none">Not loaded: {failure.title} <button type="button" class="link-button" onClick={() => client.value && loadFacets(client.value, asked.value)}>Try again</button></p>}
      {values.length > FEW && (
        <input class="input facet-search" type="search" aria-label={`Search ${title.toLowerCase()}s`} placeholder={`Search ${count(values.length)} ${title.toLowerCase()}s`} value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
      )}
      {!data && loading && <Skeleton />}
      {data && values.length === 0 && <p class="facet-none">None in this range</p>}
      <ul class="facet-values">
        {shown.map((value) => <FacetRow key={value.value} field={field} value={value} most={values[0]?.count ?? 1} included={chosen.some((c) => matches(c, value.value))} exact={chosen.includes(value.value)} any={chosen.length > 0} />)}
      </ul>
      {search === '' && found.length > FEW && (
        <button type="button" class="link-button facet-more" onClick={() => setAll(!all)}>{all ? 'Show fewer' : `Show ${count(found.length - FEW)} more`}</button>
      )}
    </section>
  );
}

function FacetRow({ field, value, most, included, exact, any }: { field: 'type' | 'source'; value: FacetValues['values'][number]; most: number; included: boolean; exact: boolean; any: boolean }) {
  // Read, so that the dots follow the colours of the timeline.
  void series.value;
  const colour = view.value.by === field ? colourOf(field, value.value) : null;
  const seen = value.last_seen ? ` · last ${ago(Date.parse(value.last_seen), now.value)}` : '';
  return (
    <li>
      <button type="button" class={any && !included ? 'facet-row facet-dim' : 'facet-row'} aria-pressed={exact || included} title={`${plainVisible(value.value)} · ${count(value.count)}${seen}`} onClick={() => flipFilter({ field, value: value.value })}>
        <span class="facet-box" aria-hidden="true">{(exact || included) && <Icon name="check" size={10} />}</span>
        {view.value.by === field && <span class={`dot c${colour ?? 'x'}`} aria-hidden="true" />}
        <span class="facet-value"><Text value={value.value} /></span>
        <span class="facet-count">{short(value.count)}</span>
        <span class={`facet-bar ${view.value.by === field ? `c${colour ?? 'x'}` : ''}`} style={{ width: `${Math.max(1, (value.count / most) * 100)}%` }} aria-hidden="true" />
      </button>
    </li>
  );
}

function Skeleton() {
  return <div class="skeleton-list" aria-hidden="true">{[80, 64, 72, 48, 56].map((w) => <span key={w} class="skeleton" style={{ width: `${w}%` }} />)}</div>;
}
