// What the API answers about accounts, tokens, webhooks and the audit trail, as far as it is shown.
export interface Account {
  name: string;
  role: string;
  organisations: string[];
  language: string;
  disabled: boolean;
  made: string;
  subject?: string;
}

export interface Token {
  number: number;
  name: string;
  owner?: string;
  scopes: string[];
  organisations: string[];
  made: string;
  expires?: string;
  used?: string;
  revoked?: string;
  secret?: string;
}

export interface Webhook {
  number: number;
  url: string;
  events: string[];
  description?: string;
  enabled: boolean;
  waiting: number;
  gave_up: number;
  delivered?: string;
  secret?: string;
}

export interface Delivery {
  number: number;
  event: string;
  message: string;
  subject: string;
  state: string;
  attempts: number;
  created: string;
  due?: string;
  ended?: string;
  again?: number;
  reason?: string;
}

export interface DeliveryDetail extends Delivery {
  body: unknown;
  log: { number: number; at: string; status?: number; latency_ms: number; failure?: string }[];
}

export interface AuditEntry {
  number: number;
  at: string;
  who: string;
  role?: string;
  from?: string;
  what: string;
  target: string;
  before?: unknown;
  after?: unknown;
}

export interface AuditVerdict {
  entries: number;
  last: number;
  hash: string;
  faults: string[];
}

export const roles = ['viewer', 'operator', 'billing', 'engineer', 'administrator'] as const;
export const scopes = ['look', 'operate', 'bill', 'maintain', 'sign', 'administer'] as const;
export const webhookEvents = ['outage.opened', 'outage.changed', 'outage.closed', 'completeness.low'] as const;

/** A password of 80 random bits that can be read out: four groups of four of 32 signs that nobody takes for another. */
export function newPassword(): string {
  const signs = 'abcdefghijkmnpqrstuvwxyz23456789';
  const text = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => signs[b % 32]).join('');
  return text.match(/.{4}/g)!.join('-');
}

/** What an entry changed, field by field: those that are the same before and after are left out. */
export function differences(before: unknown, after: unknown): { field: string; before?: string; after?: string }[] {
  const flat = (value: unknown): Record<string, unknown> => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : value === undefined ? {} : { '': value });
  const text = (value: unknown) => (value === undefined ? undefined : typeof value === 'string' ? value : JSON.stringify(value));
  const [was, is] = [flat(before), flat(after)];
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].map((field) => ({ field, before: text(was[field]), after: text(is[field]) })).filter((d) => d.before !== d.after);
}
