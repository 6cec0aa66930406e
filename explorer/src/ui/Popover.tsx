/** A button with a panel under it. Escape and a click elsewhere close it; focus returns to the button. */
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { type IconName, Icon } from './Icon';

export interface PopoverProps {
  label: string;
  /** What the button shows; without it, only the icon. */
  text?: ComponentChildren;
  icon?: IconName;
  class?: string;
  align?: 'start' | 'end';
  panelClass?: string;
  chevron?: boolean;
  /** Key of the page-wide shortcut that opens it, see `shortcuts.ts`. */
  shortcut?: string;
  children: (close: () => void) => ComponentChildren;
}

export function Popover(props: PopoverProps) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);

  const close = (): void => {
    setOpen(false);
    button.current?.focus();
  };

  useEffect(() => {
    if (!open) return;
    const first = panel.current?.querySelector<HTMLElement>('[data-autofocus], [aria-checked=true]') ?? panel.current?.querySelector<HTMLElement>('button, input');
    first?.focus({ preventScroll: true });
    const outside = (event: Event): void => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
    };
  }, [open]);

  return (
    <div class="popover" ref={root} onKeyDown={(event) => {
      if (event.key === 'Escape' && open) {
        event.stopPropagation();
        close();
      }
    }}>
      <button ref={button} type="button" class={`button ${props.class ?? ''}`} aria-haspopup="dialog" aria-expanded={open} aria-controls={open ? id : undefined}
        aria-label={props.text === undefined ? props.label : undefined} title={props.label} data-shortcut={props.shortcut} onClick={() => setOpen(!open)}>
        {props.icon && <Icon name={props.icon} />}
        {props.text !== undefined && <span class="button-text">{props.text}</span>}
        {props.chevron && <Icon name="chevron" size={12} />}
      </button>
      {open && (
        <div id={id} ref={panel} class={`panel panel-${props.align ?? 'start'} ${props.panelClass ?? ''}`} role="dialog" aria-label={props.label}>
          {props.children(close)}
        </div>
      )}
    </div>
  );
}
