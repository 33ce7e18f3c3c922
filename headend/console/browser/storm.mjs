// Times the console on a head-end with 100,000 meters while 500 outages come in; console_storm_test.go of cmd/headend starts both, and
// lets the supply fail when this says that it is watching. Ends with 1 where something takes longer than nobody notices.
//
// A task of the page is told by its processor time too, which is the same on a machine that has other things to do; that is what counts.
import { browser, faults, fresh, logIn, must, say, settled } from './browser.mjs';

const { BASE, LOGIN, PASSWORD } = process.env;
const outages = 500;
const most = { task: 100, first: 1000, files: 100_000 }; // ms, ms, bytes

/** Notes tasks of 50 ms and more, how long the page takes to show what follows a key, and when the first outage stands in it. */
const notes = () => {
  window.tasks = []; // by the clock
  window.keys = [];
  new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((e) => e.duration))).observe({ type: 'longtask', buffered: true });
  new PerformanceObserver((list) => window.keys.push(...list.getEntries().map((e) => e.duration))).observe({ type: 'event', durationThreshold: 16 });
  new MutationObserver((_, watch) => {
    if (!document.querySelector('a.outage')) return;
    watch.disconnect();
    requestAnimationFrame(() => setTimeout(() => (window.first = performance.now()))); // once it is painted
  }).observe(document, { childList: true, subtree: true });
};

/** Does something and tells the longest task of the page meanwhile. */
async function watched(page, what, act) {
  await page.evaluate(() => window.tasks.splice(0));
  await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-devtools.timeline', 'devtools.timeline'] });
  await act();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const main = new Set(traceEvents.filter((e) => e.name === 'thread_name' && e.args.name === 'CrRendererMain').map((e) => `${e.pid} ${e.tid}`));
  const tasks = traceEvents.filter((e) => e.name === 'RunTask' && e.tdur !== undefined && main.has(`${e.pid} ${e.tid}`)).map((e) => e.tdur / 1000);
  must(tasks.length > 0, `no task was seen: ${what}`);
  const busy = Math.max(...tasks);
  const task = await page.evaluate(() => Math.max(0, ...window.tasks.splice(0)));
  slow(`${what}, a task, ms of processor time`, busy, most.task);
  return `longest task ${Math.round(busy)} ms of processor time, by the clock ${task ? `${Math.round(task)} ms` : 'under 50 ms'}`;
}

const missed = [];
function slow(what, took, limit) {
  if (took > limit) missed.push(`${what}: ${Math.round(took)}, at most ${limit} is asked`);
}

const middle = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

async function comeIn(page) {
  const begin = Date.now();
  console.log('watching');
  const task = await watched(page, 'the coming in of outages', () => page.waitForFunction((n) => document.querySelector('.sum div:nth-child(2) b')?.textContent === String(n), outages));
  say(`${outages} outages came into the list within ${((Date.now() - begin) / 1000).toFixed(1)} s; ${task}`);
}

async function firstContent(session) {
  const took = [];
  let files = 0;
  let answers = 0;
  for (let i = 0; i < 5; i++) {
    const page = await fresh({ storageState: session }); // nothing is kept from before
    await page.addInitScript(notes);
    await page.goto(BASE + '/');
    took.push(await (await page.waitForFunction(() => window.first)).jsonValue());
    const sizes = await page.evaluate(() => performance.getEntries().filter((e) => e.encodedBodySize !== undefined).map((e) => [e.name, e.encodedBodySize]));
    files = sizes.filter(([name]) => !name.includes('/api/')).reduce((sum, [, n]) => sum + n, 0);
    answers = sizes.filter(([name]) => name.includes('/api/')).reduce((sum, [, n]) => sum + n, 0);
    await page.context().close();
  }
  slow('the first content, ms', middle(took), most.first);
  slow('its files, bytes', files, most.files);
  say(`first outages on the screen after ${Math.round(middle(took))} ms, middle of ${took.map(Math.round).join(', ')}; ${(files / 1000).toFixed(0)} kB of files, ${(answers / 1000).toFixed(0)} kB of answers`);
}

async function scrollList(page) {
  const task = await watched(page, 'scrolling the outages', () => page.evaluate(async () => {
    const box = document.querySelector('.rows [role=region]');
    while (box.scrollTop + box.clientHeight < box.scrollHeight - 1) {
      box.scrollTop += 700;
      await new Promise((done) => requestAnimationFrame(done));
    }
    box.scrollTop = 0;
  }));
  say(`the list of ${outages} scrolled from end to end; ${task}`);
}

/** Somebody else decides; the list here shows it. */
async function changes(page) {
  const rows = await page.$$eval('a.outage.open', (all) => all.slice(0, 6).map((r) => r.getAttribute('href')));
  const took = [];
  const task = await watched(page, 'a change of the list', async () => {
    for (const row of rows) {
      took.push(
        await page.evaluate(async (row) => {
          const { csrf } = await (await fetch('/api/v1/session')).json();
          const seen = new Promise((done) => {
            const watch = new MutationObserver(() => {
              if (!document.querySelector(`a.outage[href="${row}"] .tag`)) return;
              watch.disconnect();
              done(performance.now());
            });
            watch.observe(document.querySelector('main'), { childList: true, subtree: true });
          });
          const answer = await fetch('/api/v1' + row, { method: 'PATCH', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf }, body: '{"cause":"tree"}' });
          const begin = performance.now();
          if (!answer.ok) throw new Error(`the decision gets ${answer.status}`);
          return Math.max(0, (await seen) - begin);
        }, row),
      );
    }
  });
  say(`a decision stands in the list of ${outages} ${Math.round(middle(took))} ms after its answer (worst ${Math.round(Math.max(...took))}); ${task}`);
}

async function search(page) {
  await page.click('nav a[href="/meters"]');
  await settled(page);
  await page.waitForSelector('a.meter');
  await page.evaluate(() => window.keys.splice(0));
  const took = [];
  const typing = await watched(page, 'typing', async () => {
    for (const text of ['M1999-4', 'U54321', 'M7-1']) {
      await page.fill('[data-search]', '');
      await page.locator('[data-search]').pressSequentially(text, { delay: 60 });
      const begin = Date.now();
      await page.waitForFunction((text) => new URL(location.href).searchParams.get('q') === text && document.querySelectorAll('a.meter').length > 0 && [...document.querySelectorAll('a.meter')].every((r) => r.textContent.includes(text)), text);
      took.push(Date.now() - begin);
    }
  });
  const key = await page.evaluate(() => Math.max(0, ...window.keys.splice(0)));
  say(`a key in the search among 100,000 meters is shown within ${Math.round(key)} ms by the clock, what is found ${took.join(', ')} ms after the last one; ${typing}`);

  await page.fill('[data-search]', '');
  await page.waitForFunction(() => !location.search && document.querySelectorAll('a.meter').length > 5);
  const scrolling = await watched(page, 'scrolling the meters', () => page.evaluate(async () => {
    const box = document.querySelector('.rows [role=region]');
    for (const end = 40 * 200 * 76; box.scrollTop < end; ) {
      box.scrollTop += 760;
      await new Promise((done) => requestAnimationFrame(done));
      if (box.scrollTop + box.clientHeight >= box.scrollHeight - 1) await new Promise((done) => new MutationObserver((_, w) => (w.disconnect(), done())).observe(box, { childList: true, subtree: true, attributes: true }));
    }
  }));
  say(`8,000 meters scrolled through; ${scrolling}`);
}

try {
  const page = await logIn(LOGIN, PASSWORD);
  await page.addInitScript(notes);
  await page.reload();
  await page.waitForSelector('.line.live');
  await page.evaluate(() => window.tasks.splice(0));
  await comeIn(page);
  await firstContent(await page.context().storageState());
  await page.bringToFront();
  await scrollList(page);
  await changes(page);
  await search(page);
  must(faults.length === 0, faults.join('\n'));
  must(missed.length === 0, missed.join('\n'));
} catch (fault) {
  console.error(fault.message);
  process.exitCode = 1;
} finally {
  await browser.close();
}
