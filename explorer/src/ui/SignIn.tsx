import { useRef, useState } from 'preact/hooks';
import { signIn, signingIn, signInFailure } from '../state/session';
import { Icon, Logo } from './Icon';
import { Text } from './Text';

export function SignIn() {
  const [remember, setRemember] = useState(true);
  const [shown, setShown] = useState(false);
  const key = useRef<HTMLInputElement>(null);
  const failure = signInFailure.value;
  const busy = signingIn.value;
  return (
    <main class="door">
      {/* No `name` on the field and no action: even a browser that submits this form sends no key anywhere. */}
      <form class="door-card" method="post" onSubmit={(event) => {
        event.preventDefault();
        void signIn(key.current?.value ?? '', remember);
      }}>
        <div class="door-brand"><Logo /><span>Flumen</span></div>
        <h1 class="door-title">Look into your events</h1>
        <p class="door-lead">Sign in with a key that has the <code>read</code> scope.</p>
        <div class="field">
          <label class="field-label" for="key">Key</label>
          <span class="field-row">
            <Icon name="key" />
            <input ref={key} id="key" class="field-input mono" {...(shown ? { type: 'text' as const } : { type: 'password' as const })} autocomplete="off" autocapitalize="off" spellcheck={false} placeholder="fl_…" required
              aria-invalid={failure?.status === 401 || failure?.status === 400} aria-describedby={failure ? 'door-failure' : undefined} autofocus />
            <button type="button" class="field-action" aria-pressed={shown} onClick={() => setShown(!shown)}>{shown ? 'Hide' : 'Show'}</button>
          </span>
        </div>
        {failure && (
          <div class="door-failure" id="door-failure" role="alert">
            <Icon name="warning" />
            <span><strong><Text value={failure.title} /></strong>{failure.detail !== null && <> <Text value={failure.detail} /></>}</span>
          </div>
        )}
        <label class="check">
          <input type="checkbox" checked={remember} onChange={(event) => setRemember(event.currentTarget.checked)} />
          <span>Stay signed in until this tab is closed</span>
        </label>
        <button type="submit" class="button button-primary button-large" disabled={busy}>{busy ? 'Signing in…' : 'Sign in'}</button>
        <p class="door-note">The key stays in this tab and is sent only to this server. It is never part of an address. <br />No key yet? <code>flumen keys create</code></p>
      </form>
    </main>
  );
}
