// Drives the console in a real browser against a real head-end; console_test.go of cmd/headend starts both. Prints a line for each thing
// it has seen, and ends with 1 at the first that is not so.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const { BASE, HEADEND, LOGIN, PASSWORD, VIEWER, VIEWER_PASSWORD, METER, INTERRUPTIONS, MONTH, CHROMIUM, PICTURES } = process.env;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const patience = 120_000; // a loaded machine is slow, not wrong

const begin = Date.now();
const say = (what) => console.log(`${((Date.now() - begin) / 1000).toFixed(1)} s  ${what}`);
function must(holds, what) {
  if (!holds) throw new Error(what);
}

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
const faults = [];
async function open(name, password, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'vi-VN', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  page.on('pageerror', (e) => faults.push(`${page.url()}: ${e.message}`));
  page.on('console', (m) => m.text().includes('Content Security Policy') && faults.push(`${page.url()}: ${m.text()}`));
  page.on('request', (r) => r.url().startsWith(BASE) || r.url().startsWith('data:') || r.url().startsWith('blob:') || faults.push(`a request to ${r.url()}`));
  await page.goto(BASE + '/outages');
  await page.fill('input[name=name]', name);
  await page.fill('input[name=password]', password);
  await page.click('form button.first');
  await page.waitForSelector('.line.live');
  return page;
}

/** axe-core on the page as it is: no serious and no critical fault. The page's own policy keeps scripts out, so it comes in beside it. */
async function accessible(page, what) {
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: axe });
  const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, { resultTypes: ['violations'] }).then((r) => JSON.stringify(r.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' (' + (n.any[0]?.message ?? '') + ')').join(', '))))`,
    awaitPromise: true,
    returnByValue: true,
  });
  must(!exceptionDetails, `axe did not run on ${what}: ${JSON.stringify(exceptionDetails)}`);
  const found = JSON.parse(result.value);
  must(found.length === 0, `axe on ${what}:\n${found.join('\n')}`);
  await session.detach();
}

try {
  const page = await open(LOGIN, PASSWORD);
  say('logged in');

  // The list is there; then an outage comes into it without anybody touching the page.
  await page.evaluate(() => (window.untouched = true));
  const known = await page.$$eval('a.outage', (rows) => rows.map((r) => r.getAttribute('href')));
  const fresh = await (await page.waitForFunction((known) => [...document.querySelectorAll('a.outage.open')].map((r) => r.getAttribute('href')).find((h) => !known.includes(h)), known)).jsonValue();
  must(await page.evaluate(() => window.untouched), 'the page was loaded again');
  say(`outage ${fresh} appeared without reload`);

  await page.click(`a.outage[href="${fresh}"]`);
  await page.waitForSelector('article svg .symbol.dead, article svg .symbol.part');
  must((await page.textContent('article .trail')).trim().length > 20, 'there is no evidence in words');
  say('opened, with its one-line and its evidence');

  await page.keyboard.press('e');
  await page.selectOption('dialog select[name=cause]', 'tree');
  await page.fill('dialog textarea', 'cây đổ vào đường dây');
  await page.click('dialog button[name=send]');
  await page.waitForFunction(() => document.querySelector('article .tags')?.textContent?.includes('Cây cối'));
  must((await page.textContent('article')).includes('cây đổ vào đường dây'), 'the note is not kept');
  say('classified');

  await page.waitForFunction((h) => /Đã khôi phục|Đã kết thúc/.test(document.querySelector(`a.outage[href="${h}"]`)?.textContent ?? ''), fresh);
  must(await page.evaluate(() => window.untouched), 'the page was loaded again');
  say('restored by itself');

  await page.click('nav a[href="/reliability"]');
  await page.goto(`${BASE}/reliability?month=${MONTH}`);
  const saidi = '[data-index=saidi] .figure';
  await page.waitForSelector(saidi);
  const before = await page.textContent(saidi);
  execFileSync(HEADEND, ['import', 'interruptions', INTERRUPTIONS]);
  for (const end = Date.now() + patience; ; ) {
    await page.reload();
    await page.waitForSelector(saidi);
    const after = await page.textContent(saidi);
    if (after !== before) {
      say(`SAIDI of the month moved from ${before} to ${after}`);
      break;
    }
    must(Date.now() < end, `SAIDI of the month stays ${before}`);
  }

  await page.click('[data-language]');
  await page.waitForFunction(() => document.documentElement.lang === 'en' && document.querySelector('nav')?.textContent?.includes('Outages'));
  await page.click('[data-language]');
  await page.waitForFunction(() => document.documentElement.lang === 'vi' && document.querySelector('nav')?.textContent?.includes('Mất điện'));
  say('the language switches');

  const viewer = await open(VIEWER, VIEWER_PASSWORD);
  await viewer.goto(BASE + fresh);
  await viewer.waitForSelector('article .trail');
  must((await viewer.$('[data-decide]')) === null, 'a viewer is offered to decide');
  const refused = await viewer.evaluate(async (path) => {
    const { csrf } = await (await fetch('/api/v1/session')).json();
    return (await fetch('/api/v1' + path, { method: 'PATCH', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf }, body: '{"cause":"animal"}' })).status;
  }, fresh);
  must(refused === 403, `a viewer who decides gets ${refused}, want 403`);
  say('a viewer cannot classify');

  must(faults.length === 0, faults.join('\n'));
} catch (fault) {
  console.error(fault.message);
  for (const f of faults) console.error(f);
  process.exitCode = 1;
} finally {
  await browser.close();
}
