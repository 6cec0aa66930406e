import { now } from '../state/clock';
import { type Theme, theme, zone } from '../state/preferences';
import { asOf, isOperator, signOut, who } from '../state/session';
import { patchView, view } from '../state/view';
import { ago } from '../lib/time';
import { Icon, Logo } from './Icon';
import { MenuList } from './MenuList';
import { Popover } from './Popover';
import { Text } from './Text';
import { showShortcuts } from './Shortcuts';
import { withKey } from './with-key';

export function TopBar() {
  const panel = view.value.panel;
  return (
    <header class="topbar">
      <a class="brand" href="./" aria-label="Flumen, back to the start" onClick={(event) => {
        event.preventDefault();
        history.pushState(null, '', location.pathname);
        dispatchEvent(new PopStateEvent('popstate'));
      }}><Logo /><span class="brand-name">Flumen</span></a>
      <nav class="tabs" aria-label="Parts of the page">
        <button type="button" class="tab" aria-current={panel === 'explore' ? 'page' : undefined} onClick={() => patchView({ panel: 'explore' })}>Explore</button>
        {isOperator.value && (
          <button type="button" class="tab" aria-current={panel === 'operations' ? 'page' : undefined} onClick={() => patchView({ panel: 'operations', live: false })}>Operations</button>
        )}
      </nav>
      <span class="grow" />
      <Freshness />
      <ThemeButton />
      <button type="button" class="button button-ghost only-wide" aria-label="Keyboard shortcuts" title={withKey('Keyboard shortcuts', '?')} onClick={showShortcuts}><Icon name="keyboard" /></button>
      <Account />
    </header>
  );
}

/** Up to when the data is complete, as the server says. */
function Freshness() {
  if (asOf.value === null) return null;
  const behind = Math.max(0, now.value - asOf.value);
  const late = behind > 60_000;
  return (
    <span class={late ? 'fresh fresh-late' : 'fresh'} title={`Everything up to ${new Date(asOf.value).toISOString()} is shown`}>
      <span class="fresh-dot" aria-hidden="true" />
      <span><span class="only-wide">Data up to </span>{ago(asOf.value, now.value)}</span>
    </span>
  );
}

const THEMES: readonly { value: Theme; label: string; icon: 'system' | 'sun' | 'moon' }[] = [
  { value: 'system', label: 'Like the system', icon: 'system' },
  { value: 'light', label: 'Light', icon: 'sun' },
  { value: 'dark', label: 'Dark', icon: 'moon' },
];

function ThemeButton() {
  const icon = THEMES.find((t) => t.value === theme.value)?.icon ?? 'system';
  return (
    <Popover label="Theme" icon={icon} class="button-ghost" align="end" panelClass="panel-menu">
      {(close) => <MenuList label="Theme" close={close} choices={THEMES.map((t) => ({ label: t.label, icon: t.icon, checked: theme.value === t.value, run: () => (theme.value = t.value) }))} />}
    </Popover>
  );
}

function Account() {
  const me = who.value;
  if (!me) return null;
  return (
    <Popover label="Key and settings" icon="user" class="button-ghost" align="end" panelClass="panel-menu">
      {(close) => (
        <>
          <div class="account">
            <p class="account-name"><Text value={me.name} /></p>
            <p class="muted">Scopes: {me.scopes.join(', ')}</p>
            <p class="muted">Sources: <Text value={me.sources.join(', ')} /></p>
          </div>
          <MenuList label="Settings" close={close} choices={[
            { label: 'Times in the zone of this browser', icon: 'clock', checked: zone.value === 'local', run: () => (zone.value = 'local') },
            { label: 'Times in UTC', icon: 'clock', checked: zone.value === 'utc', run: () => (zone.value = 'utc') },
            { label: 'Keyboard shortcuts', icon: 'keyboard', hint: '?', run: showShortcuts },
            { label: 'Sign out', icon: 'out', run: () => signOut() },
          ]} />
        </>
      )}
    </Popover>
  );
}
