// Time: now, ticking; and times in the utility's zone, whatever zone the browser is in.
import { locale, t } from './words.svelte';

let zone = $state('Asia/Ho_Chi_Minh');
let ahead = 0; // of this machine's clock, the head-end's, ms
let tick = $state(Date.now());

/** The zone and the time the head-end goes by. */
export function setClock(its: string, now: string) {
  zone = its;
  ahead = Date.parse(now) - Date.now();
  tick = Date.now() + ahead;
}

setInterval(() => (tick = Date.now() + ahead), 1000);

/** Now by the head-end's clock, ms; changes each second. */
export function now(): number {
  return tick;
}

export function zoneName(): string {
  return zone;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(kind: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale()} ${zone} ${kind}`;
  let f = formats.get(key);
  if (!f) formats.set(key, (f = new Intl.DateTimeFormat(locale(), { timeZone: zone, hourCycle: 'h23', ...options })));
  return f;
}

/** UTC+7: how far the zone is from Greenwich. */
export function offset(at = tick): string {
  const name = format('offset', { timeZoneName: 'shortOffset' }).formatToParts(at).find((p) => p.type === 'timeZoneName')?.value ?? 'GMT';
  return name.replace('GMT', 'UTC');
}

type When = string | number | undefined | null;

function ms(at: When): number {
  return typeof at === 'string' ? Date.parse(at) : (at ?? NaN);
}

const two: Intl.DateTimeFormatOptions = { day: '2-digit', month: '2-digit' };

/** 08:41:14, with the day where it is not today. */
export function moment(at: When, seconds = true): string {
  const m = ms(at);
  if (Number.isNaN(m)) return '–';
  return day(m) === day(tick) ? time(m, seconds) : `${format('dm', two).format(m)} ${time(m, seconds)}`;
}

export function time(at: When, seconds = true): string {
  const m = ms(at);
  if (Number.isNaN(m)) return '–';
  return seconds ? format('hms', { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(m) : format('hm', { hour: '2-digit', minute: '2-digit' }).format(m);
}

/** 28/11/2026 08:41:14 */
export function full(at: When): string {
  const m = ms(at);
  return Number.isNaN(m) ? '–' : `${date(m)} ${time(m)}`;
}

/** 28/11/2026 */
export function date(at: When): string {
  const m = ms(at);
  return Number.isNaN(m) ? '–' : format('dmy', { ...two, year: 'numeric' }).format(m);
}

/** 28/11 */
export function dayMonth(at: When): string {
  return format('dm', two).format(ms(at));
}

/** thứ Bảy, 28 tháng 11 */
export function longDay(at: When): string {
  return format('long', { weekday: 'long', day: 'numeric', month: 'long' }).format(ms(at));
}

/** 2026-11-28: the day of a time in the zone. */
export function day(at: When): string {
  const p = Object.fromEntries(new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).formatToParts(ms(at)).map((x) => [x.type, x.value]));
  return `${p.year}-${p.month}-${p.day}`;
}

/** The moment, ms, at which a day and time of day of the zone is; NaN for what is no time. */
export function instant(day: string, clock = '00:00'): number {
  const guess = Date.parse(`${day}T${clock.length === 5 ? clock + ':00' : clock}Z`);
  const p = Object.fromEntries(
    new Intl.DateTimeFormat('en-CA', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' })
      .formatToParts(guess)
      .map((x) => [x.type, x.value]),
  );
  const shown = Date.parse(`${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}:${p.second}Z`);
  return guess - (shown - guess);
}

/** A length, short: 45 s, 3 min 20 s, 2 h 05, 3 d 4 h. */
export function length(milliseconds: number): string {
  const s = Math.max(0, Math.floor(milliseconds / 1000));
  const m = Math.floor(s / 60);
  const h = Math.floor(m / 60);
  const d = Math.floor(h / 24);
  const pad = (n: number) => String(n).padStart(2, '0');
  if (d > 0) return t('length.dh', { d, h: h % 24 });
  if (h > 0) return t('length.hm', { h, m: pad(m % 60) });
  if (m > 0) return t('length.ms', { m, s: pad(s % 60) });
  return t('length.s', { s });
}

/** 1:02:07, for durations that tick. */
export function ticking(milliseconds: number): string {
  const s = Math.max(0, Math.floor(milliseconds / 1000));
  const pad = (n: number) => String(n).padStart(2, '0');
  const h = Math.floor(s / 3600);
  if (h >= 48) return t('length.dh', { d: Math.floor(h / 24), h: h % 24 });
  return h > 0 ? `${h}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}` : `${Math.floor(s / 60)}:${pad(s % 60)}`;
}

/** 3 minutes ago. */
export function ago(at: When): string {
  const m = ms(at);
  if (Number.isNaN(m)) return t('never');
  return t('ago', { length: length(tick - m) });
}
