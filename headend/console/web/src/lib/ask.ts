// Questions to the head-end, on the same origin.
import { t } from './words.svelte';

/** What went wrong, as the head-end says it (RFC 9457), or that it could not be reached (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly places: { location?: string; message?: string }[] = [],
  ) {
    super(message);
  }
}

let csrf = '';
let expired = () => {};

/** Who is logged in is known elsewhere; it says here what writes carry, and what happens when the session is over. */
export function session(token: string, over: () => void) {
  csrf = token;
  expired = over;
}

async function problemOf(answer: Response): Promise<Problem> {
  let detail = '';
  let places: Problem['places'] = [];
  try {
    const body = await answer.json();
    detail = body.detail ?? body.title ?? '';
    places = body.errors ?? [];
  } catch {
    // no document: the status has to do
  }
  const at = places.find((p) => p.message && p.message !== detail)?.message;
  return new Problem(answer.status, [detail || `HTTP ${answer.status}`, at].filter(Boolean).join(': '), places);
}

async function send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json, application/problem+json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET') {
    if (csrf) headers['X-CSRF-Token'] = csrf;
  }
  let answer: Response;
  try {
    answer = await fetch('/api/v1' + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal, credentials: 'same-origin' });
  } catch (fault) {
    if (signal?.aborted) throw fault;
    throw new Problem(0, t('fault.unreachable'));
  }
  if (answer.status === 401 && path !== '/session') expired();
  if (!answer.ok) throw await problemOf(answer);
  return answer;
}

export async function get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  return (await send('GET', path, undefined, signal)).json();
}

export async function change<Answer>(method: 'POST' | 'PATCH' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<Answer> {
  const answer = await send(method, path, body);
  const text = await answer.text();
  return (text ? JSON.parse(text) : undefined) as Answer;
}

export interface Page<Item> {
  items: Item[];
  next?: string;
}

/** All pages of a list, up to most items. */
export async function all<Item>(path: string, most = 5000, signal?: AbortSignal): Promise<Item[]> {
  const items: Item[] = [];
  const mark = path.includes('?') ? '&' : '?';
  for (let next: string | undefined = ''; next !== undefined && items.length < most; ) {
    const page: Page<Item> = await get(`${path}${mark}limit=1000${next ? `&cursor=${encodeURIComponent(next)}` : ''}`, signal);
    items.push(...page.items);
    next = page.next;
  }
  return items;
}

/** A query of the values that are there. */
export function query(values: Record<string, string | number | boolean | undefined>): string {
  const parts = Object.entries(values).filter(([, v]) => v !== undefined && v !== '' && v !== false);
  return parts.length ? '?' + parts.map(([k, v]) => `${k}=${encodeURIComponent(String(v))}`).join('&') : '';
}

export const id = encodeURIComponent;
