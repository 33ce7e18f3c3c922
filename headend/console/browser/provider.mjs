// Logs in through an identity provider of another site, as a person does: the cookies of both halves have to come through.
import { browser, fresh, must, say } from './browser.mjs';

const { BASE, NAME } = process.env;

const page = await fresh();
await page.goto(BASE + '/meters?q=M1');
const button = page.locator('form a.button', { hasText: NAME });
await button.waitFor();
say('the login page names ' + NAME);
await button.click();
await page.waitForURL(BASE + '/meters?q=M1');
await page.waitForSelector('nav');
say('the browser is back where it was, and in');
const kept = (await page.context().cookies()).map((c) => `${c.name} ${c.sameSite} ${c.httpOnly}`);
must(kept.join() === 'lastgasp_session Strict true', 'cookies: ' + kept);
await page.reload();
await page.waitForSelector('nav');
must(!(await page.$('input[name=password]')), 'after a reload it is out');
say('and stays in');
await browser.close();
