/** The keys that the mock knows. They open nothing but the mock. */

export interface MockKey {
  name: string;
  scopes: string[];
  sources: string[];
  /** A refusal for every request but `whoami`. */
  always?: { status: number; type: string; title: string; detail: string; retryAfter?: number };
}

export const KEYS = {
  fl_reader00_demo: { name: 'analytics-reader', scopes: ['read'], sources: ['*'] },
  fl_operator_demo: { name: 'on-call', scopes: ['read', 'operator'], sources: ['*'] },
  fl_billing0_demo: { name: 'billing-partner', scopes: ['read'], sources: ['billing', 'pay*'] },
  fl_nothing0_demo: { name: 'new-partner', scopes: ['read'], sources: ['not-yet-*'] },
  fl_producer_demo: { name: 'shop-producer', scopes: ['ingest'], sources: ['shop-*'] },
  fl_limited0_demo: {
    name: 'eager-poller', scopes: ['read'], sources: ['*'],
    always: { status: 429, type: '/problems/rate-limited', title: 'Too many requests', detail: 'This key may make 5 requests a second.', retryAfter: 4 },
  },
  fl_outage00_demo: {
    name: 'unlucky', scopes: ['read'], sources: ['*'],
    always: { status: 503, type: '/problems/unavailable', title: 'The database cannot be reached', detail: 'Reading resumes by itself once it is back; nothing is lost.', retryAfter: 8 },
  },
} satisfies Record<string, MockKey>;

export function keyOf(authorization: string | undefined): MockKey | null {
  const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
  return token !== undefined && Object.hasOwn(KEYS, token) ? KEYS[token as keyof typeof KEYS] : null;
}
