// Drives the console in a real browser against a real head-end; console_test.go of cmd/headend starts both. Prints a line for each thing
// it has seen, and ends with 1 at the first that is not so.
import { execFileSync } from 'node:child_process';
import { accessible, browser, faults, fresh, logIn, must, say, settled, turn, visit, walk } from './browser.mjs';

const { BASE, HEADEND, LOGIN, PASSWORD, VIEWER, VIEWER_PASSWORD, METER, INTERRUPTIONS, MONTH } = process.env;

/** The outage that comes into the list while nobody touches the page. */
async function newcomer(page) {
  const known = await page.$$eval('a.outage', (rows) => rows.map((r) => r.getAttribute('href')));
  const found = await page.waitForFunction((known) => [...document.querySelectorAll('a.outage.open')].map((r) => r.getAttribute('href')).find((h) => !known.includes(h)), known);
  return found.jsonValue();
}

async function open(page, outage) {
  await page.click(`a.outage[href="${outage}"]`);
  await page.waitForSelector('article svg .symbol.dead, article svg .symbol.part');
  must((await page.textContent('article .trail')).trim().length > 20, 'there is no evidence in words');
}

async function classify(page) {
  await page.keyboard.press('e');
  await page.selectOption('dialog select[name=cause]', 'tree');
  await page.fill('dialog textarea', 'cây đổ vào đường dây');
  await page.click('dialog button[name=send]');
  await page.waitForFunction(() => document.querySelector('article .tags')?.textContent?.includes('Cây cối'));
  must((await page.textContent('article')).includes('cây đổ vào đường dây'), 'the note is not kept');
}

/** An interruption of the month comes in from elsewhere; its index must be another then. */
async function saidiMoves(page) {
  const saidi = '[data-index=saidi] .figure';
  await visit(page, `/reliability?month=${MONTH}`);
  const before = await page.textContent(saidi);
  execFileSync(HEADEND, ['import', 'interruptions', INTERRUPTIONS]);
  for (const end = Date.now() + 120_000; ; ) {
    await visit(page, `/reliability?month=${MONTH}`);
    const after = await page.textContent(saidi);
    if (after !== before) return say(`SAIDI of the month moved from ${before} to ${after}`);
    must(Date.now() < end, `SAIDI of the month stays ${before}`);
  }
}

/** The load of a meter: its line is on the canvas, in its colour, and the legend tells what is below the pointer. */
async function chartDraws(page) {
  await visit(page, `/meters/${METER}`);
  await page.waitForFunction(() => Number(document.querySelector('[data-chart]')?.getAttribute('data-chart')) > 1 && document.querySelector('[data-chart] canvas'));
  const { points, painted } = await page.$eval('[data-chart]', (figure) => {
    const canvas = figure.querySelector('canvas');
    const accent = getComputedStyle(document.documentElement).getPropertyValue('--accent').trim();
    const want = [1, 3, 5].map((i) => parseInt(accent.slice(i, i + 2), 16));
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let painted = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200 && want.every((c, k) => Math.abs(c - data[i + k]) < 24)) painted++;
    return { points: Number(figure.dataset.chart), painted };
  });
  must(painted > 10, `the chart of ${points} points has ${painted} pixels of its line's colour`);
  await page.hover('[data-chart] .u-over');
  await page.waitForFunction(() => /\d\s*k?W/.test(document.querySelector('[data-chart] .u-legend')?.textContent ?? ''));
  say(`the chart of a meter draws ${points} points, and tells what they are`);
}

/** A device gets another password, which is shown once and is another one the next time. */
async function devicePassword(page) {
  const shown = [];
  for (let i = 0; i < 2; i++) {
    await page.click('[data-renew]');
    await page.click('dialog button[name=yes]');
    shown.push(await (await page.waitForSelector('[data-secret]')).inputValue());
    await page.click('dialog button.first');
  }
  must(shown[0].length >= 16 && shown[0] !== shown[1], `the passwords of a device are ${shown}`);
  say('a device gets another password');
}

async function languageSwitches(page) {
  await page.click('[data-language]');
  await page.waitForFunction(() => document.documentElement.lang === 'en' && document.querySelector('nav')?.textContent?.includes('Outages'));
  await page.click('[data-language]');
  await page.waitForFunction(() => document.documentElement.lang === 'vi' && document.querySelector('nav')?.textContent?.includes('Mất điện'));
  say('the language switches');
}

async function viewerIsRefused(outage) {
  const viewer = await logIn(VIEWER, VIEWER_PASSWORD);
  await visit(viewer, outage);
  await viewer.waitForSelector('article .trail');
  must((await viewer.$('[data-decide]')) === null, 'a viewer is offered to decide');
  must((await viewer.$('nav a[href="/admin"]')) === null, 'a viewer is offered administration');
  const refused = await viewer.evaluate(async (path) => {
    const { csrf } = await (await fetch('/api/v1/session')).json();
    return (await fetch('/api/v1' + path, { method: 'PATCH', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf }, body: '{"cause":"animal"}' })).status;
  }, outage);
  must(refused === 403, `a viewer who decides gets ${refused}, want 403`);
  await viewer.context().close();
  say('a viewer cannot classify');
}

/** A user comes in with the password that was shown once, and is out again once disabled; a token is made and revoked; the trail has it all. */
async function administer(page) {
  await visit(page, '/outages');
  await page.click('nav a[href="/admin"]');
  await page.click('[data-new]');
  await page.fill('input[name=account]', 'minh');
  await page.selectOption('select[name=role]', 'operator');
  await page.click('dialog button[name=send]');
  const password = await (await page.waitForSelector('[data-secret]')).inputValue();
  await page.click('dialog button.first');
  const user = await logIn('minh', password);
  await page.click('[data-user=minh] button:text("Khoá")');
  await page.click('dialog button[name=yes]');
  await page.waitForFunction(() => document.querySelector('[data-user=minh]')?.textContent?.includes('Đã khoá'));
  await user.reload();
  await user.waitForSelector('input[name=password]');
  await user.context().close();

  await page.click('[data-tab=tokens]');
  await page.click('[data-new]');
  await page.fill('input[name=token]', 'billing');
  await page.click('dialog button[name=send]');
  const token = await (await page.waitForSelector('[data-secret]')).inputValue();
  await page.click('dialog button.first');
  const asks = async () => (await fetch(`${BASE}/api/v1/meters?limit=1`, { headers: { Authorization: `Bearer ${token}` } })).status;
  must((await asks()) === 200, 'the token that was made does not let in');
  await page.click('[data-token=billing] button');
  await page.click('dialog button[name=yes]');
  await page.waitForSelector('[data-token=billing]', { state: 'detached' });
  must((await asks()) === 401, 'the token that was revoked still lets in');

  await page.click('[data-tab=trail]');
  for (const act of ['add-user', 'change-user', 'add-token', 'revoke-token']) {
    await page.selectOption('select[name=what]', act);
    await page.waitForSelector('[data-entry]');
  }
  await page.click('[data-verify]');
  await page.waitForSelector('[data-verdict=whole]');
  say('a user is made, comes in, is disabled and out; a token is made and revoked; the trail has it and is whole');
}

async function everybodyCanReadIt(page, outage) {
  const login = await fresh();
  await login.goto(BASE);
  await login.waitForSelector('input[name=password]');
  const pages = ['/outages', outage, '/reliability', '/meters', `/meters/${METER}`, '/collection', '/collection?tab=links', '/collection?tab=quarantine', '/collection?tab=unassigned', '/plans', '/account', '/admin', '/admin?tab=tokens', '/admin?tab=webhooks', '/admin?tab=trail'];
  for (const path of ['login', ...pages]) {
    const seen = path === 'login' ? login : page;
    if (path !== 'login') await walk(page, path);
    for (const [scheme, width, height, colours] of [['light', 1440, 900], ['dark', 1440, 900, true], ['dark', 390, 844]]) {
      await seen.setViewportSize({ width, height });
      await turn(seen, scheme);
      await settled(seen);
      await accessible(seen, `${path}, ${scheme}, ${width} wide`, colours);
      const [whole, shown] = await seen.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      must(whole <= shown, `${path} is ${whole} wide on a screen of ${width}`);
    }
  }
  await login.context().close();
  await page.setViewportSize({ width: 1440, height: 900 });
  say(`axe-core finds no serious fault on ${pages.length + 1} pages, light and dark, wide and narrow`);
}

try {
  const page = await logIn(LOGIN, PASSWORD);
  say('logged in');
  await page.evaluate(() => (window.untouched = true)); // gone where the page is loaded again
  const outage = await newcomer(page);
  must(await page.evaluate(() => window.untouched), 'the page was loaded again');
  say(`outage ${outage} appeared without reload`);
  await open(page, outage);
  say('opened, with its one-line and its evidence');
  await classify(page);
  say('classified');

  // The page stays as it is until the outage is over; another one walks about meanwhile.
  const other = await page.context().newPage();
  await saidiMoves(other);
  await chartDraws(other);
  await devicePassword(other);
  await languageSwitches(other);
  await viewerIsRefused(outage);
  await administer(other);
  await everybodyCanReadIt(other, outage);

  await page.waitForFunction((h) => /Đã kết thúc/.test(document.querySelector(`a.outage[href="${h}"]`)?.textContent ?? ''), outage);
  await page.waitForFunction(() => /Đã kết thúc/.test(document.querySelector('article .figures')?.textContent ?? ''));
  must(await page.evaluate(() => window.untouched), 'the page was loaded again');
  const row = await page.textContent(`a.outage[href="${outage}"]`);
  must(!/usage points|meters below/.test(row), `its line is not in Vietnamese: ${row}`);
  say('restored and closed by itself');

  must(faults.length === 0, faults.join('\n'));
} catch (fault) {
  console.error(fault.message);
  for (const f of faults) console.error(f);
  process.exitCode = 1;
} finally {
  await browser.close();
}
