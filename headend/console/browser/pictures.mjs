// Takes the pictures of docs/console.md from a running head-end: `headend demo`, left alone for half an hour or more, so that outages
// have come and gone.
//
//	BASE=http://127.0.0.1:8080 LOGIN=admin PASSWORD=... PICTURES=../../../docs/console node pictures.mjs [PAGE]...
//
// Each page is taken light and dark, wide (1440 by 900) and narrow (390 by 844). Outages that are seen in a wide picture are opened: the one
// with the most customers.
import { mkdirSync } from 'node:fs';
import { browser, faults, fresh, logIn, must, say, settled, turn } from './browser.mjs';

const { BASE, LOGIN, PASSWORD, PICTURES } = process.env;
must(BASE && LOGIN && PASSWORD && PICTURES, 'set BASE, LOGIN, PASSWORD and PICTURES');
mkdirSync(PICTURES, { recursive: true });
const wanted = process.argv.slice(2);
const sizes = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } };

/** A meter below the transformer of an outage: there is something to see of it. */
async function meterOf(page, outage) {
  return page.evaluate(async (path) => {
    const get = async (at) => (await fetch('/api/v1' + at)).json();
    const { node } = await get(path);
    return (await get(`/meters?limit=1&node=${encodeURIComponent(node)}`)).items[0].id;
  }, outage);
}

try {
  const page = await logIn(LOGIN, PASSWORD);
  await page.waitForSelector('a.outage');
  const outage = await page.evaluate(() => [...document.querySelectorAll('a.outage')].map((a) => ({ href: a.getAttribute('href'), out: Number(a.querySelector('b').textContent.replace(/\D/g, '')) })).sort((a, b) => b.out - a.out)[0].href);
  const meter = await meterOf(page, outage);
  const pages = {
    outages: outage,
    'outages-list': '/outages',
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
      await shown.setViewportSize(viewport);
      await shown.goto(BASE + path);
      if (path) await settled(shown);
      else await shown.waitForSelector('input[name=password]');
      for (const scheme of ['light', 'dark']) {
        await turn(shown, scheme);
        await settled(shown);
        await shown.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))); // charts are drawn in the new colours
        await shown.screenshot({ path: `${PICTURES}/${name}-${size}-${scheme}.png` });
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
