// The outages, kept as they change. It reads /api/v1/stream itself instead of through EventSource, which does not show the comments
// that a silent but living connection sends: without them a dead line looks like a quiet night.
import { all } from './ask';
import { now } from './clock.svelte';
import type { Outage } from './types';
import { who } from './who.svelte';

/** How long, ms, nothing may come. The head-end says something every 15 s. */
const silence = 40_000;
/** Outages that ended so long ago, ms, are still shown. */
const lately = 24 * 3600_000;

class Live {
  state = $state<'connecting' | 'live' | 'stale'>('connecting');
  /** When something last came in, ms. */
  heard = $state(0);
  outages = $state.raw<Map<number, Outage>>(new Map());
  listed = $state(false);
  fault = $state('');

  #after = '';
  #stop: AbortController | undefined;
  #wait = 1000;

  open = $derived(inOrder([...this.outages.values()].filter(isOpen)));
  ended = $derived([...this.outages.values()].filter((o) => !isOpen(o) && o.state !== 'withdrawn').sort((a, b) => (b.end ?? b.changed).localeCompare(a.end ?? a.changed)));
  out = $derived(this.open.reduce((sum, o) => sum + o.out, 0));

  /** Follows until stop, and connects again whenever the connection is lost. */
  start() {
    if (this.#stop) return;
    const stop = (this.#stop = new AbortController());
    void this.#follow(stop.signal);
  }

  stop() {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#after = '';
    this.listed = false;
    this.outages = new Map();
    this.state = 'connecting';
  }

  async #follow(stop: AbortSignal) {
    while (!stop.aborted) {
      try {
        await this.#connect(stop);
      } catch (fault) {
        if (!stop.aborted) this.fault = fault instanceof Error ? fault.message : String(fault);
      }
      if (stop.aborted) return;
      this.state = this.listed ? 'stale' : 'connecting';
      await new Promise((done) => setTimeout(done, this.#wait));
      this.#wait = Math.min(15_000, this.#wait * 2);
    }
  }

  async #connect(stop: AbortSignal) {
    const end = new AbortController();
    const both = AbortSignal.any([stop, end.signal]);
    let watch = setTimeout(() => end.abort(new Error('silence')), silence);
    try {
      const answer = await fetch('/api/v1/stream' + (this.#after ? `?after=${this.#after}` : ''), { signal: both, headers: { Accept: 'text/event-stream' } });
      if (answer.status === 401) void who.ask();
      if (!answer.ok || !answer.body) throw new Error(`HTTP ${answer.status}`);
      if (!this.listed) await this.#list(both);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      this.state = 'live';
      this.fault = '';
      this.#wait = 1000;
      for (let rest = ''; ; ) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(watch);
        watch = setTimeout(() => end.abort(new Error('silence')), silence);
        this.heard = Date.now();
        rest += value;
        const events = rest.split('\n\n');
        rest = events.pop()!;
        await this.#take(events, both);
      }
    } finally {
      clearTimeout(watch);
      end.abort();
    }
  }

  async #take(events: string[], stop: AbortSignal) {
    const changed: Outage[] = [];
    for (const event of events) {
      let kind = '';
      let id = '';
      let data = '';
      for (const line of event.split('\n')) {
        if (line.startsWith('event: ')) kind = line.slice(7);
        else if (line.startsWith('id: ')) id = line.slice(4);
        else if (line.startsWith('data: ')) data += line.slice(6);
      }
      if (kind === 'outage') changed.push(JSON.parse(data));
      if (kind === 'reset') await this.#list(stop);
      if (id) this.#after = id;
    }
    if (changed.length) this.#merge(changed);
  }

  async #list(stop: AbortSignal) {
    const from = new Date(now() - lately).toISOString();
    const [open, recent] = await Promise.all([all<Outage>('/outages?state=open', 10_000, stop), all<Outage>(`/outages?from=${encodeURIComponent(from)}`, 2000, stop)]);
    this.outages = new Map();
    this.#merge([...recent, ...open]);
    this.listed = true;
    this.heard = Date.now();
  }

  #merge(changed: Outage[]) {
    const next = new Map(this.outages);
    const since = new Date(now() - lately).toISOString();
    for (const o of changed) {
      if (!isOpen(o) && (o.end ?? o.changed) < since) {
        next.delete(o.number); // history that comes in later, or a truth about it
        continue;
      }
      const known = next.get(o.number);
      if (!known || known.revision <= o.revision) next.set(o.number, o);
    }
    this.outages = next;
  }
}

export function isOpen(o: Pick<Outage, 'state'>): boolean {
  return o.state === 'suspected' || o.state === 'confirmed';
}

/** Most customers out first; of equal ones the older. */
function inOrder(list: Outage[]): Outage[] {
  return list.sort((a, b) => b.out - a.out || (a.start ?? a.changed).localeCompare(b.start ?? b.changed));
}

export const live = new Live();
