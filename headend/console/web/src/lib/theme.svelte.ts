// Light or dark: as the system has it, or as it was switched.
import { remember } from './words.svelte';

const system = matchMedia('(prefers-color-scheme: dark)');
let chosen = $state(document.documentElement.dataset.theme ?? '');
let dark = $state(system.matches);
system.addEventListener('change', (e) => (dark = e.matches));

export function theme(): 'dark' | 'light' {
  return (chosen || (dark ? 'dark' : 'light')) as 'dark' | 'light';
}

export function switchTheme() {
  chosen = theme() === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.theme = chosen;
  remember('theme', chosen);
}
