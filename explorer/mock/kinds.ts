/** The types of synthetic events: where they come from, how often, and what they say. */
import { client, COUNTRIES, person } from './people';
import type { Random } from './random';

export interface Kind {
  source: string;
  type: string;
  /** How often, against the others. */
  weight: number;
  subject(random: Random): string | undefined;
  data(random: Random): Record<string, unknown>;
}

const money = (random: Random) => ({ amount: Math.round((5 + random.next() ** 3 * 900) * 100) / 100, currency: random.pick(['EUR', 'USD', 'BRL', 'JPY']) });
const order = (random: Random) => `ord_${100_000 + random.int(900_000)}`;
const none = () => undefined;
const user = (random: Random) => `usr_${random.hex(8)}`;

function items(random: Random): unknown[] {
  return Array.from({ length: 1 + random.int(4) }, () => ({ sku: `SKU-${random.hex(6).toUpperCase()}`, quantity: 1 + random.int(3), price: Math.round(random.next() * 12_000) / 100 }));
}

const orderData = (random: Random) => ({ order_id: order(random), customer: person(random), items: items(random), total: money(random), channel: random.pick(['web', 'app', 'store']) });
const access = (random: Random) => ({ actor: person(random), client: client(random), mfa: random.next() > 0.3 });

export const KINDS: readonly Kind[] = [
  { source: 'shop-web', type: 'order.placed', weight: 170, subject: order, data: orderData },
  { source: 'shop-mobile', type: 'order.placed', weight: 120, subject: order, data: orderData },
  { source: 'shop-web', type: 'cart.updated', weight: 150, subject: none, data: (r) => ({ cart_id: `crt_${r.hex(8)}`, items: items(r), guest: r.next() > 0.5 }) },
  { source: 'shop-mobile', type: 'order.cancelled', weight: 18, subject: order, data: (r) => ({ order_id: order(r), reason: r.pick(['changed_mind', 'late', 'duplicate', 'fraud_suspected']), refund: money(r) }) },
  { source: 'identity', type: 'user.signed_in', weight: 210, subject: user, data: access },
  { source: 'identity', type: 'user.sign_in_failed', weight: 42, subject: user, data: (r) => ({ ...access(r), reason: r.pick(['bad_password', 'mfa_timeout', 'locked', 'unknown_user']), attempts: 1 + r.int(6) }) },
  { source: 'identity', type: 'user.password_changed', weight: 14, subject: user, data: access },
  { source: 'admin-console', type: 'role.granted', weight: 9, subject: user, data: (r) => ({ actor: person(r), target: person(r), role: r.pick(['viewer', 'editor', 'admin', 'auditor']), approved_by: r.next() > 0.4 ? person(r).email : null }) },
  { source: 'admin-console', type: 'report.exported', weight: 12, subject: none, data: (r) => ({ actor: person(r), client: client(r), report: r.pick(['payroll', 'customers', 'orders', 'audit']), rows: r.int(250_000), format: r.pick(['csv', 'xlsx', 'parquet']) }) },
  { source: 'admin-console', type: 'api_key.created', weight: 4, subject: none, data: (r) => ({ actor: person(r), key_id: r.hex(8), scopes: ['ingest'], expires: null }) },
  { source: 'payments', type: 'payment.captured', weight: 140, subject: order, data: (r) => ({ payment_id: `pay_${r.hex(12)}`, order_id: order(r), ...money(r), method: r.pick(['card', 'sepa', 'pix', 'wallet']), risk: { score: Math.round(r.next() * 100) / 100, model: 'v7' } }) },
  { source: 'payments', type: 'payment.declined', weight: 22, subject: order, data: (r) => ({ payment_id: `pay_${r.hex(12)}`, order_id: order(r), ...money(r), code: r.pick(['insufficient_funds', 'do_not_honor', 'expired_card', 'fraud']), retryable: r.next() > 0.5 }) },
  { source: 'billing', type: 'invoice.issued', weight: 30, subject: (r) => `inv_2026_${String(r.int(99_999)).padStart(5, '0')}`, data: (r) => ({ customer: person(r), lines: 1 + r.int(12), total: money(r), due_in_days: r.pick([14, 30, 60]) }) },
  { source: 'billing', type: 'invoice.paid', weight: 26, subject: (r) => `inv_2026_${String(r.int(99_999)).padStart(5, '0')}`, data: (r) => ({ ...money(r), days_late: Math.max(0, r.int(20) - 12) }) },
  { source: 'warehouse', type: 'shipment.dispatched', weight: 75, subject: order, data: (r) => ({ order_id: order(r), carrier: r.pick(['DHL', 'UPS', 'Correios', 'Yamato']), weight_kg: Math.round(r.next() * 300) / 10, to: r.pick(COUNTRIES), parcels: 1 + r.int(3) }) },
  { source: 'warehouse', type: 'stock.adjusted', weight: 55, subject: (r) => `SKU-${r.hex(6).toUpperCase()}`, data: (r) => ({ delta: r.int(40) - 20, bin: `${r.pick(['A', 'B', 'C'])}-${r.int(90)}`, cause: r.pick(['count', 'damage', 'return', 'inbound']) }) },
  { source: 'support-desk', type: 'ticket.opened', weight: 20, subject: (r) => `tck_${r.int(99_999)}`, data: (r) => ({ customer: person(r), priority: r.pick(['low', 'normal', 'high', 'urgent']), topic: r.pick(['delivery', 'refund', 'account', 'bug']), words: 20 + r.int(400) }) },
  { source: 'support-desk', type: 'ticket.resolved', weight: 17, subject: (r) => `tck_${r.int(99_999)}`, data: (r) => ({ agent: person(r), minutes: 5 + r.int(2_000), satisfied: r.next() > 0.2 }) },
];

const TOTAL = KINDS.reduce((sum, kind) => sum + kind.weight, 0);

/** The index of a kind, by weight; an incident multiplies failures for a while. */
export function kindIndex(random: Random, incident: boolean): number {
  if (incident && random.next() < 0.45) return random.next() < 0.6 ? 11 : 5;
  let at = random.next() * TOTAL;
  for (const [index, kind] of KINDS.entries()) {
    at -= kind.weight;
    if (at < 0) return index;
  }
  return 0;
}
