// Takes the pictures of docs/console.md from a running head-end: `headend demo`, left alone for half an hour or more, so that outages
// have come and gone.
//
//	BASE=http://127.0.0.1:8080 LOGIN=admin PASSWORD=... PICTURES=../../../docs/console node pictures.mjs [PAGE]...
//
// Each page is taken light and dark, wide (1440 by 900) and narrow (390 by 844), and kept with a palette of 256 colours where ImageMagick's
// convert is there. What a month of work would have left in a head-end, and the simulated district does not bring, is entered first: users,
// tokens, a webhook (HOOK, an address that the head-end may call), planned cuts; and with HEADEND, the program, and the configuration it
// needs to reach the database in LASTGASP_...: interruptions of the months before, and targets.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { browser, faults, fresh, logIn, must, say, settled, turn } from './browser.mjs';

const { BASE, LOGIN, PASSWORD, PICTURES, HOOK, HEADEND } = process.env;
must(BASE && LOGIN && PASSWORD && PICTURES, 'set BASE, LOGIN, PASSWORD and PICTURES');
mkdirSync(PICTURES, { recursive: true });
const wanted = process.argv.slice(2);
const sizes = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } };

/** Enters what is not there yet; what is stays as it is. */
async function furnish(page) {
  const added = await page.evaluate(async (hook) => {
    const { csrf } = await (await fetch('/api/v1/session')).json();
    const send = async (method, path, body) => {
      const answer = await fetch('/api/v1' + path, { method, headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf }, body: JSON.stringify(body) });
      if (!answer.ok && answer.status !== 409) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
      return answer.ok;
    };
    const get = async (path) => (await (await fetch('/api/v1' + path)).json()).items;
    const organisations = (await get('/organisations?limit=1000')).filter((o) => o.kind === 'district').map((o) => o.id);
    const password = () => [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16)).join('');
    const fresh = await send('POST', '/users', { name: 'nguyen.an', role: 'operator', organisations: organisations.slice(0, 1), password: password() });
    if (!fresh) return false;
    await send('POST', '/users', { name: 'tran.binh', role: 'engineer', password: password() });
    await send('POST', '/users', { name: 'le.cuc', role: 'billing', password: password() });
    await send('POST', '/users', { name: 'pham.dung', role: 'viewer', language: 'en', password: password() });
    await send('PATCH', '/users/pham.dung', { disabled: true });
    await send('POST', '/tokens', { name: 'CMIS billing', scopes: ['look', 'bill'] });
    await send('POST', '/tokens', { name: 'OMS', scopes: ['look', 'operate'], organisations: organisations.slice(0, 1) });
    if (hook) await send('POST', '/webhooks', { url: hook, events: ['outage.opened', 'outage.changed', 'outage.closed'], description: 'OMS' });
    const nodes = (await get('/nodes?kind=transformer&limit=40')).map((n) => n.id);
    const reasons = ['Thay máy biến áp', 'Xử lý hành lang tuyến', 'Bảo dưỡng recloser', 'Đấu nối phụ tải mới', 'Thay cột bê tông'];
    const day = 86400_000;
    const midnight = Math.floor((Date.now() + 7 * 3600_000) / day) * day - 7 * 3600_000;
    for (let i = 0; i < 9; i++) {
      const from = midnight + (i * 2 - 5) * day + (7 + (i % 3)) * 3600_000;
      await send('PUT', `/plans/KH-${String(21 + i).padStart(3, '0')}`, { kind: i === 4 ? 'exchange' : 'cut', node: nodes[(i * 7) % nodes.length], from: new Date(from).toISOString(), to: new Date(from + (2 + (i % 3)) * 3600_000).toISOString(), reason: i === 4 ? 'Thay công tơ định kỳ' : reasons[i % 5], notice: i === 6 ? undefined : new Date(from - (i === 3 ? 3 : 8) * day).toISOString().slice(0, 10) });
    }
    return true;
  }, HOOK);
  if (added && HEADEND) await history(page);
}

/** Interruptions of the months before, some each month, and targets of the year. */
async function history(page) {
  const { points, organisations } = await page.evaluate(async () => {
    const get = async (path) => (await (await fetch('/api/v1' + path)).json()).items;
    return { points: (await get('/usage-points?limit=1000')).map((p) => p.id), organisations: (await get('/organisations?limit=1000')).map((o) => o.id) };
  });
  const folder = mkdtempSync(join(tmpdir(), 'pictures-'));
  const year = new Date().getFullYear();
  const lines = ['usage_point,start,end,outage,cause,phases,planned'];
  let number = 1;
  for (const y of [year - 1, year])
    for (let month = 1; month <= (y === year ? new Date().getMonth() : 12); month++)
      for (let k = 0; k < 3; k++) {
        const size = 60 + ((month * 37 + k * 71 + y) % 130);
        const at = (month * 83 + k * 331 + y) % Math.max(1, points.length - size);
        const minutes = 25 + ((month * 29 + k * 47 + y * 3) % 120);
        const two = (n) => String(n).padStart(2, '0');
        const day = `${y}-${two(month)}-${two(3 + k * 8)}`;
        for (const point of points.slice(at, at + size)) lines.push(`${point},${day}T08:00:00+07:00,${day}T${two(8 + Math.floor(minutes / 60))}:${two(minutes % 60)}:00+07:00,H${number},${k === 1 ? 'maintenance' : month % 2 ? 'tree' : 'lightning'},,${k === 1 ? 'yes' : 'no'}`);
        number++;
      }
  writeFileSync(join(folder, 'interruptions.csv'), lines.join('\n') + '\n');
  writeFileSync(join(folder, 'targets.csv'), ['organisation,year,index,value', ...organisations.flatMap((o) => [`${o},${year},saidi,150`, `${o},${year},saifi,3`, `${o},${year},maifi,1`, `${o},${year},losses,6`])].join('\n') + '\n');
  for (const kind of ['interruptions', 'targets']) execFileSync(HEADEND, ['import', kind, join(folder, `${kind}.csv`)], { stdio: 'inherit' });
  rmSync(folder, { recursive: true });
}

/** The part of the day in which a meter was read fills its charts: pulled out with the pointer, as anybody would. */
async function zoom(page) {
  const charts = await page.locator('[data-chart]').count();
  const now = new Date(Date.now() + 7 * 3600_000);
  const hour = now.getUTCHours() + now.getUTCMinutes() / 60;
  for (let i = 0; i < charts; i++) {
    const box = await page.locator('[data-chart] .u-over').nth(i).boundingBox();
    const x = (h) => box.x + (Math.max(0, Math.min(24, h)) / 24) * box.width;
    await page.locator('[data-chart] .u-over').nth(i).hover();
    const { y, height } = await page.locator('[data-chart] .u-over').nth(i).boundingBox();
    await page.mouse.move(x(hour - 1), y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x(hour + 0.02), y + height / 2, { steps: 3 });
    await page.mouse.up();
  }
  await page.mouse.move(5, 5);
  await page.evaluate(() => scrollTo(0, 0));
}

/** A meter below the transformer of an outage: there is something to see of it. */
async function meterOf(page, outage) {
  return page.evaluate(async (path) => {
    const get = async (at) => (await fetch('/api/v1' + at)).json();
    const { node } = await get(path);
    return (await get(`/meters?limit=1&node=${encodeURIComponent(node)}`)).items[0].id;
  }, outage);
}

/** Writes a picture, with a palette where that can be had: it is a third of the size then. */
function keep(name, picture) {
  const path = join(PICTURES, name);
  writeFileSync(path, picture);
  if (!palette) return;
  try {
    execFileSync('convert', [path, '-dither', 'None', '-colors', '256', '-define', 'png:compression-level=9', `PNG8:${path}`]);
  } catch (fault) {
    if (fault.code !== 'ENOENT') throw fault;
    palette = false;
    say('convert (ImageMagick) is missing: pictures are kept as they are taken');
  }
}
let palette = true;

try {
  const page = await logIn(LOGIN, PASSWORD);
  await page.waitForSelector('a.outage');
  await furnish(page);
  const outage = await page.evaluate(() => {
    const rows = [...document.querySelectorAll('a.outage')].filter((a) => !a.getAttribute('href').includes('/-'));
    const size = (a) => Number(a.querySelector('b').textContent.replace(/\D/g, '')) + (a.classList.contains('open') ? 1e6 : 0);
    return rows.sort((a, b) => size(b) - size(a))[0].getAttribute('href');
  });
  const meter = await meterOf(page, outage);
  const pages = {
    outages: outage,
    list: '/outages',
    wall: '/outages?wall=1',
    reliability: '/reliability',
    meters: '/meters',
    meter: `/meters/${meter}`,
    collection: '/collection',
    links: '/collection?tab=links',
    'planned-cuts': '/plans',
    account: '/account',
    administration: '/admin',
    tokens: '/admin?tab=tokens',
    webhooks: '/admin?tab=webhooks',
    'audit-trail': '/admin?tab=trail',
  };
  const login = await fresh();
  for (const [name, path] of [['login', ''], ...Object.entries(pages)]) {
    if (wanted.length && !wanted.includes(name)) continue;
    const shown = path ? page : login;
    for (const [size, viewport] of Object.entries(sizes)) {
      if (name === 'wall' && size === 'narrow') continue;
      await shown.setViewportSize(viewport);
      await shown.goto(BASE + path);
      if (path) await settled(shown);
      else await shown.waitForSelector('input[name=password]');
      for (const scheme of ['light', 'dark']) {
        await turn(shown, scheme);
        await settled(shown);
        if (name === 'meter') await zoom(shown);
        await shown.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))); // charts are drawn in the new colours
        keep(`${name}-${size}-${scheme}.png`, await shown.screenshot());
      }
    }
    say(name);
  }
  must(faults.length === 0, faults.join('\n'));
} catch (fault) {
  console.error(fault.message);
  process.exitCode = 1;
} finally {
  await browser.close();
}
