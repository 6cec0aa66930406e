/** Who acts in the synthetic events, and from where. */
import type { Random } from './random';

const FIRST = ['ana', 'bruno', 'chloe', 'deniz', 'emil', 'fatima', 'george', 'hana', 'ivan', 'joy', 'kofi', 'lena', 'mei', 'noor', 'otto', 'priya', 'quinn', 'rosa', 'sven', 'tara'];
const LAST = ['almeida', 'berg', 'costa', 'diallo', 'evans', 'fischer', 'garcia', 'haddad', 'ito', 'jansen', 'kaya', 'lopez', 'moreau', 'novak', 'okafor', 'patel'];
const AGENTS = ['Firefox/144 (Windows 11)', 'Chrome/142 (macOS 15)', 'Safari/26 (iPhone)', 'okhttp/5.1', 'curl/8.14', 'python-requests/2.33'];
export const COUNTRIES = ['DE', 'BR', 'US', 'IN', 'JP', 'FR', 'NG', 'SE', 'TR', 'GB'];

export function person(random: Random): { id: string; email: string } {
  const first = random.pick(FIRST);
  const last = random.pick(LAST);
  return { id: `usr_${random.hex(8)}`, email: `${first}.${last}@example.com` };
}

export function client(random: Random): { ip: string; country: string; user_agent: string } {
  return { ip: `203.0.113.${random.int(254) + 1}`, country: random.pick(COUNTRIES), user_agent: random.pick(AGENTS) };
}
