/** The filters as pills, and the field that adds more. */
import { signal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { labelOf, parseFilter } from '../lib/filter';
import { short } from '../lib/format';
import { suggest, type Suggestion } from '../lib/suggest';
import { plainVisible } from '../lib/visible';
import { facets } from '../state/timeline';
import { addFilter, patchView, removeFilter, view } from '../state/view';
import { Icon } from './Icon';
import { Text } from './Text';

const text = signal('');
const focused = signal(false);
/** Position in the list of suggestions; -1 is the field itself. */
const active = signal(-1);

export function FilterBar() {
  const input = useRef<HTMLInputElement>(null);
  const { filters } = view.value;
  const found = focused.value ? suggest(text.value, { source: facets.source.state.value.data?.values ?? [], type: facets.type.state.value.data?.values ?? [] }) : [];

  const choose = (suggestion: Suggestion): void => {
    if (suggestion.filter) {
      addFilter(suggestion.filter);
      text.value = '';
    } else text.value = suggestion.text;
    active.value = -1;
    input.current?.focus();
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const step = event.key === 'ArrowDown' ? 1 : -1;
      active.value = ((active.value + step + 1 + found.length + 1) % (found.length + 1)) - 1;
      event.preventDefault();
    } else if (event.key === 'Enter') {
      const chosen = found[active.value];
      const typed = parseFilter(text.value);
      if (chosen) choose(chosen);
      else if (typed) {
        addFilter(typed);
        text.value = '';
      } else if (found[0] && text.value !== '') choose(found[0]);
    } else if (event.key === 'Escape') {
      if (text.value === '') input.current?.blur();
      text.value = '';
      active.value = -1;
      event.stopPropagation();
    } else if (event.key === 'Backspace' && text.value === '') {
      const last = filters.at(-1);
      if (last) removeFilter(last);
    } else if (event.key === 'Tab' && found[active.value]?.filter === null) {
      choose(found[active.value] as Suggestion);
      event.preventDefault();
    }
  };

  return (
    <div class="filterbar" onClick={(event) => {
      if (event.target === event.currentTarget) input.current?.focus();
    }}>
      <Icon name="search" />
      {filters.map((filter) => {
        const said = `${labelOf(filter)} = ${filter.value}`;
        return (
          <span class="pill" key={said} title={plainVisible(said)}>
            <span class="pill-field"><Text value={labelOf(filter)} /></span>
            <span class="pill-value"><Text value={filter.value} /></span>
            <button type="button" class="pill-remove" aria-label={`Remove the filter ${plainVisible(said)}`} onClick={() => removeFilter(filter)}><Icon name="close" size={12} /></button>
          </span>
        );
      })}
      <span class="combo">
        <input ref={input} class="filter-input" type="text" role="combobox" aria-label="Add a filter" aria-expanded={found.length > 0} aria-controls="suggestions" aria-autocomplete="list"
          aria-activedescendant={active.value >= 0 ? `suggestion-${active.value}` : undefined} data-shortcut="filter" autocomplete="off" autocapitalize="off" spellcheck={false}
          placeholder={filters.length === 0 ? 'Filter by source, type, subject or data.path = value' : 'Add a filter'} value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
            active.value = -1;
          }}
          onKeyDown={onKeyDown} onFocus={() => (focused.value = true)} onBlur={() => (focused.value = false)} />
        {found.length > 0 && (
          <ul class="panel suggestions" id="suggestions" role="listbox" aria-label="Suggestions">
            {found.map((suggestion, i) => (
              // The field keeps the focus: a press that took it away would close the list before the click.
              <li key={i} id={`suggestion-${i}`} class="suggestion" role="option" aria-selected={i === active.value} onPointerDown={(event) => event.preventDefault()} onClick={() => choose(suggestion)}>
                <span class="suggestion-field">{suggestion.label}</span>
                <span class={suggestion.filter ? 'suggestion-value' : 'suggestion-example'}><Text value={suggestion.value} /></span>
                {suggestion.count !== null && <span class="suggestion-count">{short(suggestion.count)}</span>}
              </li>
            ))}
          </ul>
        )}
      </span>
      {filters.length > 1 && <button type="button" class="link-button" onClick={() => patchView({ filters: [] })}>Clear all</button>}
      {filters.length === 0 && <kbd class="only-wide">/</kbd>}
    </div>
  );
}
