// The two languages. Vietnamese is the one that the list of words is written in; English has the same words or does not compile.
import type { Words } from './words.vi';

export type Language = 'vi' | 'en';
export type Word = keyof Words;

const load: Record<Language, () => Promise<{ words: Words }>> = {
  vi: () => import('./words.vi'),
  en: () => import('./words.en'),
};

let current = $state.raw<{ language: Language; words: Words }>({ language: 'vi', words: {} as Words });

/** The language to begin with: the one chosen before, else the browser's. */
export function startLanguage(): Language {
  const chosen = recall('language');
  if (chosen === 'vi' || chosen === 'en') return chosen;
  return navigator.languages.some((l) => l.startsWith('vi')) || !navigator.languages.some((l) => l.startsWith('en')) ? 'vi' : 'en';
}

/** Changes the language of everything that is shown. */
export async function speak(language: Language) {
  const { words } = await load[language]();
  current = { language, words };
  document.documentElement.lang = language;
}

export function language(): Language {
  return current.language;
}

export function locale(): string {
  return current.language === 'vi' ? 'vi-VN' : 'en-GB';
}

/**
 * A text with its places filled in. "{n} customer|{n} customers" has a form for one and a form for others, chosen by n. Numbers are
 * written as the language writes them.
 */
export function t(word: Word, values: Record<string, string | number> = {}): string {
  let text: string = current.words[word] ?? word;
  const bar = text.indexOf('|');
  if (bar >= 0) text = values.n === 1 ? text.slice(0, bar) : text.slice(bar + 1);
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? number(value) : value;
  });
}

/** A text for a code the API uses, such as a state or cause; the code itself where there is none. */
export function named(group: string, code: string): string {
  return (current.words as Record<string, string>)[`${group}.${code}`] ?? code;
}

const formats = new Map<string, Intl.NumberFormat>();

/** A number as the language writes it. */
export function number(value: number, digits = 0, least = 0): string {
  const key = `${locale()} ${digits} ${least}`;
  let format = formats.get(key);
  if (!format) formats.set(key, (format = new Intl.NumberFormat(locale(), { maximumFractionDigits: digits, minimumFractionDigits: least })));
  return format.format(value);
}

/** What the browser keeps for this console; null where it keeps nothing. */
export function recall(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string | null) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // a browser that keeps nothing: it is asked again next time
  }
}
