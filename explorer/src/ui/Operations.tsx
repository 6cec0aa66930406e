/** For operators: is the writer keeping up, and what could not be stored. */
import { LagPanel } from './LagPanel';
import { DeadLetters } from './DeadLetters';

export function Operations() {
  return (
    <main class="operations">
      <LagPanel />
      <DeadLetters />
    </main>
  );
}
