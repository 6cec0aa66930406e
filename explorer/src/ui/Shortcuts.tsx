/** The sheet that lists every key. */
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './Icon';

const open = signal(false);

export function showShortcuts(): void {
  open.value = true;
}

const SHEET: readonly { title: string; keys: readonly (readonly [keys: readonly string[], does: string])[] }[] = [
  { title: 'Events', keys: [
    [['↓', 'j'], 'Next event'], [['↑', 'k'], 'Previous event'], [['Enter'], 'Open the event'], [['Esc'], 'Close what is open'],
    [['Home', 'g'], 'To the first row'], [['End', 'G'], 'To the last loaded row'], [['PgUp', 'PgDn'], 'By a screen'], [['o'], 'Newest or oldest first'],
  ] },
  { title: 'Filter and range', keys: [
    [['/'], 'Type a filter'], [['t'], 'Choose a time range'], [['['], 'Earlier'], [[']'], 'Later'], [['-'], 'Zoom out'], [['0'], 'Reset the zoom'], [['r'], 'Refresh'],
  ] },
  { title: 'Timeline, when focused', keys: [
    [['←', '→'], 'Move by one bar'], [['Shift', '←'], 'Select bars'], [['Enter'], 'Zoom into the selection'], [['Esc'], 'Let go of it'],
  ] },
  { title: 'Live and the rest', keys: [
    [['l'], 'Live on or off'], [['Space'], 'Pause or resume live'], [['s'], 'By source or by type'], [['f'], 'Show or hide the facets'], [['c'], 'Copy the view as …'], [['e'], 'Download'], [['d'], 'Dark or light'], [['?'], 'This sheet'],
  ] },
];

export function Shortcuts() {
  const dialog = useRef<HTMLDialogElement>(null);
  const isOpen = open.value;
  useEffect(() => {
    if (isOpen && dialog.current?.open === false) dialog.current.showModal();
  }, [isOpen]);
  if (!isOpen) return null;
  const close = (): void => {
    open.value = false;
  };
  return (
    <dialog ref={dialog} class="sheet" aria-labelledby="sheet-title" onClose={close} onClick={(event) => {
      if (event.target === dialog.current) dialog.current?.close();
    }}>
      <div class="sheet-head">
        <h2 id="sheet-title">Keyboard</h2>
        <button type="button" class="button button-ghost" aria-label="Close" onClick={() => dialog.current?.close()}><Icon name="close" /></button>
      </div>
      <div class="sheet-groups">
        {SHEET.map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.keys.map(([keys, does]) => (
                <div key={does}>
                  <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </dialog>
  );
}
