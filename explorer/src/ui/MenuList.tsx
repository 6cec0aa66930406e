/** A list of choices inside a popover, moved through with the arrow keys. */
import type { ComponentChildren } from 'preact';
import { type IconName, Icon } from './Icon';

export interface Choice {
  label: ComponentChildren;
  hint?: string;
  icon?: IconName;
  checked?: boolean;
  run(): void;
}

export function MenuList({ label, choices, close }: { label: string; choices: readonly Choice[]; close(this: void): void }) {
  return (
    <div class="menu" role="menu" aria-label={label} onKeyDown={move}>
      {choices.map((choice, i) => (
        <button key={i} type="button" class="menu-item" role={choice.checked === undefined ? 'menuitem' : 'menuitemradio'} aria-checked={choice.checked}
          onClick={() => {
            close();
            choice.run();
          }}>
          {choice.icon && <Icon name={choice.icon} />}
          <span class="menu-label">{choice.label}</span>
          {choice.hint !== undefined && <span class="menu-hint">{choice.hint}</span>}
          {choice.checked === true && <Icon name="check" size={14} />}
        </button>
      ))}
    </div>
  );
}

export function move(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
  if (step === undefined || !(event.currentTarget instanceof HTMLElement)) return;
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>('[role^=menuitem]')];
  const at = items.findIndex((item) => item === document.activeElement);
  const next = Number.isFinite(step) ? (at + step + items.length) % items.length : step < 0 ? 0 : items.length - 1;
  items[next]?.focus();
  event.preventDefault();
}
