// Where in the console one is: the path and its query.
let here = $state.raw(new URL(location.href));
let leaving: (() => boolean) | undefined;

export function route() {
  return here;
}

/** The parts of the path: /meters/M1 is ["meters", "M1"]. */
export function parts(): string[] {
  return here.pathname.split('/').filter(Boolean).map(decodeURIComponent);
}

export function go(to: string, replace = false) {
  const next = new URL(to, location.href);
  if (next.href === here.href || (leaving && !leaving())) return;
  const same = next.pathname === here.pathname;
  history[replace ? 'replaceState' : 'pushState'](null, '', next);
  here = next;
  if (!same) window.scrollTo(0, 0);
}

/** The same page with other values in its query; empty ones leave. */
export function withQuery(values: Record<string, string>, replace = true) {
  const next = new URL(here.href);
  for (const [name, value] of Object.entries(values)) {
    if (value) next.searchParams.set(name, value);
    else next.searchParams.delete(name);
  }
  go(next.pathname + next.search, replace);
}

export function wanted(name: string): string {
  return here.searchParams.get(name) ?? '';
}

window.addEventListener('popstate', () => (here = new URL(location.href)));

document.addEventListener('click', (e) => {
  const link = (e.target as Element | null)?.closest?.('a[href]');
  if (!(link instanceof HTMLAnchorElement) || e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
  if (link.origin !== location.origin || link.target || link.hasAttribute('download') || link.pathname.startsWith('/api/') || link.dataset.plain !== undefined) return;
  e.preventDefault();
  go(link.pathname + link.search);
});
