// What the scripts of this folder share: a browser that notes what a page must never do, a login, and axe-core.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const { BASE, CHROMIUM } = process.env;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const patience = 120_000; // a loaded machine is slow, not wrong

const begin = Date.now();

/** Says what has been seen, and when. */
export function say(what) {
  console.log(`${((Date.now() - begin) / 1000).toFixed(1)} s  ${what}`);
}

/** Ends the script where something is not so. */
export function must(holds, what) {
  if (!holds) throw new Error(what);
}

export const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });

/** What pages have done that they must not: errors of their scripts, breaches of their policy, requests to elsewhere. */
export const faults = [];

/** A page in a browser of its own that nobody has used before. */
export async function fresh(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'vi-VN', reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(patience);
  context.on('page', (page) => {
    page.on('pageerror', (e) => faults.push(`${page.url()}: ${e.message}`));
    page.on('console', (m) => m.text().includes('Content Security Policy') && faults.push(`${page.url()}: ${m.text()}`));
    page.on('request', (r) => r.url().startsWith(BASE) || r.url().startsWith('data:') || r.url().startsWith('blob:') || faults.push(`a request to ${r.url()}`));
  });
  return context.newPage();
}

/** A page of somebody who has logged in and follows the outages. */
export async function logIn(name, password, options = {}) {
  const page = await fresh(options);
  await page.goto(BASE + '/outages');
  await page.fill('input[name=name]', name);
  await page.fill('input[name=password]', password);
  await page.click('form button.first');
  await page.waitForSelector('.line.live');
  return page;
}

/** Goes to a page of the console and waits until it shows what it has. */
export async function visit(page, path) {
  await page.goto(BASE + path);
  await settled(page);
}

/** Goes to another page as a link of the console does: nothing is loaded again. */
export async function walk(page, path) {
  await page.evaluate(async (path) => {
    history.pushState(null, '', path);
    dispatchEvent(new PopStateEvent('popstate'));
    for (let i = 0; i < 2; i++) await new Promise((done) => requestAnimationFrame(done)); // what was there is gone
  }, path);
  await settled(page);
}

/** Waits until nothing of a page is still loading. */
export async function settled(page) {
  await page.waitForFunction(() => document.querySelector(':is(main, form) :is(h1, h2, input)') && !document.querySelector('.loading') && !document.querySelector('[aria-busy=true]'));
}

/** Light or dark, as the system of whoever looks would have it. */
export async function turn(page, colorScheme) {
  await page.emulateMedia({ colorScheme });
  await page.waitForFunction((want) => getComputedStyle(document.documentElement).colorScheme === want, colorScheme);
}

/**
 * axe-core on the page as it is: no serious and no critical fault. The page's own policy keeps foreign scripts out, so it comes in
 * beside it, once for each document. Colours alone are looked at where nothing but the colours is another.
 */
export async function accessible(page, what, colours = false) {
  const session = await page.context().newCDPSession(page);
  const run = async (expression) => {
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    must(!exceptionDetails, `axe did not run on ${what}: ${JSON.stringify(exceptionDetails)}`);
    return result.value;
  };
  if (!(await run('typeof axe === "object"'))) await run(`${axe}; true`);
  const found = JSON.parse(
    await run(`axe.run(document, { resultTypes: ['violations']${colours ? ", runOnly: ['color-contrast', 'link-in-text-block']" : ''} }).then((r) => JSON.stringify({
      rules: r.passes.length,
      found: r.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' (' + (n.any[0] ?? n.all[0] ?? n.none[0])?.message + ')').join(', ')),
    }))`),
  );
  await session.detach();
  must(found.rules > (colours ? 0 : 10), `axe found nothing to look at on ${what}`);
  must(found.found.length === 0, `axe on ${what}:\n${found.found.join('\n')}`);
}
