import { note } from '../state/announce';
import { sidebar } from '../state/preferences';
import { canRead, isOperator, restoring, signOut, who } from '../state/session';
import { view } from '../state/view';
import { Drawer } from './Drawer';
import { EventTable } from './EventTable';
import { ExportStatus } from './ExportStatus';
import { Facets } from './Facets';
import { Icon } from './Icon';
import { Operations } from './Operations';
import { Shortcuts } from './Shortcuts';
import { SignIn } from './SignIn';
import { TableBar } from './TableBar';
import { Text } from './Text';
import { Timeline } from './Timeline';
import { Toolbar } from './Toolbar';
import { TopBar } from './TopBar';

export function App() {
  return (
    <>
      {who.value === null ? restoring.value ? <Restoring /> : <SignIn /> : (
        <div class="app">
          <TopBar />
          {view.value.panel === 'operations' && isOperator.value ? <Operations /> : canRead.value ? <Explore /> : <NoRight />}
          <ExportStatus />
          <Shortcuts />
        </div>
      )}
      <Note />
    </>
  );
}

function Explore() {
  const open = view.value.event !== null;
  return (
    <main class={`explore ${sidebar.value === 'open' ? 'with-facets' : ''} ${open ? 'with-drawer' : ''}`}>
      <h1 class="offscreen">Events</h1>
      <Toolbar />
      <Facets />
      <div class="center">
        <Timeline />
        <section class="card events-card" aria-label="Events">
          <TableBar />
          <EventTable />
        </section>
      </div>
      <Drawer />
    </main>
  );
}

/** The door would only flash while the key that this tab remembers is tried. */
function Restoring() {
  return <main class="door"><p class="muted restoring" role="status"><span class="spinner" aria-hidden="true" /> Signing in</p></main>;
}

/** The key is good, but not for reading. */
function NoRight() {
  const me = who.value;
  return (
    <main class="door">
      <div class="door-card">
        <span class="failure-icon"><Icon name="key" size={24} /></span>
        <h1 class="door-title">This key may not read</h1>
        <p class="door-lead"><strong><Text value={me?.name ?? ''} /></strong> has the scope <code><Text value={me?.scopes.join(', ') ?? ''} /></code>. Looking at events takes the scope <code>read</code>{isOperator.value ? '; Operations is open to this key' : ''}.</p>
        <p class="door-note">Who runs this Flumen makes one with <code>flumen keys create --scope read</code></p>
        <button type="button" class="button button-primary button-large" onClick={() => signOut()}>Sign in with another key</button>
      </div>
    </main>
  );
}

function Note() {
  const current = note.value;
  return <div class={current?.shown === true ? 'toast' : 'offscreen'} role="status" aria-live="polite">{current && <span key={current.id}>{current.text}</span>}</div>;
}
