// A part of a page that scrolls by itself is reached with the keyboard while something of it is out of sight, and only then.
import { t } from './words.svelte';

export function scrolls(box: HTMLElement) {
  const title = box.getAttribute('aria-label') ?? box.closest('section, details, article, dialog')?.querySelector('h2, h3, summary')?.textContent?.trim();
  const look = () => {
    const more = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
    if (more === box.hasAttribute('tabindex')) return;
    if (more) {
      box.tabIndex = 0;
      box.setAttribute('role', 'region');
      box.setAttribute('aria-label', title || t('scrolled'));
    } else for (const name of ['tabindex', 'role', 'aria-label']) box.removeAttribute(name);
  };
  const watch = new ResizeObserver(look);
  watch.observe(box);
  for (const child of box.children) watch.observe(child);
  look();
  return () => watch.disconnect();
}
