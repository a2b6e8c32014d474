/**
 * The page of `redtwin rdb report` in a real browser: what is drawn, how it is zoomed and searched, in light and dark, on a phone,
 * by keyboard alone; that it asks the network for nothing and that names in it stay names.
 *
 *     RdbWriter --> dump.rdb --> redtwin rdb report --> report.html --> Chromium
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { Browser, Page } from 'playwright-core';
import { RdbWriter } from '../../src/rdb/index.ts';
import { until } from '../servers/wait.ts';
import { browserPath, noBrowser, startBrowser } from './browser.ts';

const folder = mkdtempSync(join(tmpdir(), 'redtwin-page-'));
const path = browserPath();
let browser: Browser | null = null;

/** Sessions are the most memory, users come next; one name is an attempt at mischief, one is no text. */
function dump(): Buffer {
  const writer = new RdbWriter({ version: 10 });
  for (let id = 0; id < 400; id++) {
    writer.write({
      key: `session:${id % 4}:${id}`,
      type: 'string',
      value: 's'.repeat(900),
      expireAtMs: Date.now() + 3_600_000,
    });
    writer.write({ key: `user:${id % 3}:${id}`, type: 'string', value: 'u'.repeat(300) });
  }
  writer.write({ key: 'queue', type: 'list', value: Array.from({ length: 500 }, (_, at) => `job ${at}`) });
  writer.write({
    key: '<img src=x onerror="document.title=1">:</script>',
    type: 'string',
    value: 'x'.repeat(200),
  });
  writer.write({ key: Buffer.from([0xff, 0x00, 0x3a, 0x41]), type: 'set', value: ['a', 'b'] });
  return writer.end();
}

const html = join(folder, 'report.html');

test.before(async () => {
  if (path === null) return;
  const rdb = join(folder, 'dump.rdb');
  writeFileSync(rdb, dump());
  const main = new URL('../../src/cli/main.ts', import.meta.url).pathname;
  const made = spawnSync(process.execPath, ['--import=tsx', main, 'rdb', 'report', rdb, '-o', html], {
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(made.stderr);
  browser = await startBrowser(path);
});

test.after.always(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

/** Opens the page in a window of its own, and holds it to what must always be true of it. */
async function withPage(
  t: ExecutionContext,
  options: { width?: number; dark?: boolean },
  look: (page: Page) => Promise<void>,
): Promise<void> {
  if (browser === null) {
    t.log(noBrowser);
    t.pass();
    return;
  }
  const page = await browser.newPage({
    viewport: { width: options.width ?? 1200, height: 900 },
    colorScheme: options.dark === true ? 'dark' : 'light',
  });
  page.setDefaultTimeout(120_000);
  const troubles: string[] = [];
  const requests: string[] = [];
  page.on('pageerror', (error) => troubles.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') troubles.push(message.text());
  });
  page.on('request', (request) => requests.push(request.url()));
  try {
    const url = pathToFileURL(html).href;
    await page.goto(url);
    await look(page);
    t.deepEqual(troubles, []);
    t.deepEqual(requests, [url], 'the page asks for nothing but itself');
    t.is(await page.title(), 'What fills this Redis');
  } finally {
    await page.close();
  }
}

const texts = (page: Page, selector: string) => page.locator(selector).allTextContents();

/** A property of the first element that matches, as the browser computed it. */
const computed = (page: Page, selector: string, property: string) =>
  page.evaluate<string>(`getComputedStyle(document.querySelector('${selector}'))['${property}']`);

/** Red, green and blue as one brightness, 0 to 255. */
async function brightness(page: Page, selector: string, property: string): Promise<number> {
  const parts = (await computed(page, selector, property))
    .match(/[\d.]+/g)!
    .slice(0, 3)
    .map(Number);
  return parts.reduce((sum, part) => sum + part, 0) / 3;
}

interface Box {
  title: string;
  width: number;
  height: number;
  right: number;
}

/** Where the elements that match are. */
const boxes = (page: Page, selector: string) =>
  page.evaluate<Box[]>(
    `[...document.querySelectorAll('${selector}')].map((node) => {
      const { width, height, right } = node.getBoundingClientRect();
      return { title: node.title, width, height, right };
    })`,
  );

test('totals, types and the biggest keys are told', (t) =>
  withPage(t, {}, async (page) => {
    t.deepEqual((await texts(page, '#totals b')).slice(0, 1), ['803']);
    t.is((await texts(page, '#totals b'))[3], '400');
    t.deepEqual(await texts(page, '#types .bars > div > span:first-child, #types > div > span:first-child'), [
      'string',
      'list',
      'set',
    ]);
    t.true((await texts(page, '#ttls')).join().includes('for ever'));
    t.is((await texts(page, '#top td.name'))[0], 'queue');
    const shares = (await boxes(page, '#types .fill')).map(({ width }) => width);
    // The least is drawn two pixels wide at least, so that it can be seen.
    t.true(shares[0]! > 100 && shares[1]! < shares[0]! / 20 && shares[2]! >= 2);
  }));

test('the answer is said in words, before any drawing', (t) =>
  withPage(t, {}, async (page) => {
    const [answer] = await texts(page, '#answer');
    t.regex(
      answer!,
      /^session: takes \d+ KB, \d\d % of the memory, in 400 keys; then come user: with \d\d % and /,
    );
    t.regex(answer!, /\. The biggest key is queue, a list of \S+ KB \(\S+ %\)\. 50 % of the keys expire\.$/);
  }));

test('a tile shows what it is made of', (t) =>
  withPage(t, {}, async (page) => {
    const parts = page.locator('#map button').first().locator('i');
    t.deepEqual((await parts.allTextContents()).map((text) => text.slice(0, 2)).sort(), [
      '0:',
      '1:',
      '2:',
      '3:',
    ]);
    t.regex((await parts.first().getAttribute('title'))!, /^session:\d:: .* 100 keys$/);
  }));

test('a prefix that was found is shown in the map, and all of the biggest keys on demand', (t) =>
  withPage(t, {}, async (page) => {
    await page.locator('#search').fill('ser:1');
    await page.locator('#found button').first().click();
    t.deepEqual(await texts(page, '#path button'), ['all keys', 'user:', '1:']);
    t.is(await page.locator('#top td.name').count(), 20);
    await page.locator('#more').click();
    t.is(await page.locator('#top td.name').count(), 500);
    t.false(await page.locator('#more').isVisible());
  }));

test('the treemap shows what fills the memory, and is zoomed with the mouse', (t) =>
  withPage(t, {}, async (page) => {
    const tiles = await boxes(page, '#map button');
    t.regex(tiles[0]!.title, /^session:: /);
    t.regex(tiles[1]!.title, /^user:: /);
    // Memory of sessions to that of users: a kilobyte and some names each to less than half of it.
    const [sessions, users] = tiles.map(({ width, height }) => width * height);
    const ratio = sessions! / users!;
    t.true(ratio > 2 && ratio < 4, `areas are as ${ratio} to 1`);
    await page.locator('#map button').first().click();
    t.deepEqual(await texts(page, '#path button'), ['all keys', 'session:']);
    t.deepEqual((await texts(page, '#map b')).sort(), ['0:', '1:', '2:', '3:']);
    t.regex((await texts(page, '#map-note'))[0]!, /^session:: .* in 400 keys\. /);
    await page.locator('#path button').first().click();
    t.deepEqual(await texts(page, '#path button'), ['all keys']);
  }));

// Alone, because keys go to the page that has the focus, and pages of tests beside it may take that.
test.serial('the keyboard is enough', (t) =>
  withPage(t, {}, async (page) => {
    const focused = () => page.evaluate<string>('document.activeElement.textContent');
    await page.bringToFront();
    await until('the page to have the focus', () => page.evaluate<boolean>('document.hasFocus()'));
    await page.keyboard.press('Tab');
    t.is(await focused(), 'all keys');
    await page.keyboard.press('Tab');
    t.regex(await focused(), /^session:/);
    t.is(await computed(page, ':focus', 'outlineStyle'), 'solid', 'where the focus is can be seen');
    await page.keyboard.press('Enter');
    t.is(await focused(), 'session:', 'the focus goes along');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    t.deepEqual(await texts(page, '#path button'), ['all keys']);
  }),
);

test('the search finds prefixes and keys, and a name is never markup', (t) =>
  withPage(t, {}, async (page) => {
    await page.locator('#search').fill('SER:1');
    t.is((await texts(page, '#found td.name'))[0], 'user:1:');
    t.true((await texts(page, '#found td.name')).every((name) => name.includes('ser:1')));
    await page.locator('#search').fill('onerror');
    t.true((await texts(page, '#found td.name')).some((name) => name.startsWith('<img src=x onerror')));
    t.is(await page.locator('#found img').count(), 0);
    await page.locator('#search').fill('\\xff');
    t.is(await page.locator('#found td.name').count(), 0, 'names are searched as they are in the data');
    await page.locator('#search').fill('nothing of this name');
    t.deepEqual(await texts(page, '#search-note'), ['0 prefixes, 0 of the biggest keys.']);
    await page.locator('#search').fill('');
    t.regex((await texts(page, '#search-note'))[0]!, /^The largest of /);
  }));

for (const dark of [false, true]) {
  test(`text stands out from its ground in the ${dark ? 'dark' : 'light'}`, (t) =>
    withPage(t, { dark }, async (page) => {
      const ground = await brightness(page, 'body', 'background-color');
      const ink = await brightness(page, 'h1', 'color');
      t.true(dark ? ground < 60 && ink > 190 : ground > 190 && ink < 60, `${ink} on ${ground}`);
    }));
}

test('a phone shows all of it, without a way to the side', (t) =>
  withPage(t, { width: 360 }, async (page) => {
    const wide = () => page.evaluate<[number, number]>('[document.documentElement.scrollWidth, innerWidth]');
    const [wanted, given] = await wide();
    t.true(wanted <= given, `${wanted} of ${given} pixels`);
    t.true((await page.locator('#map button').count()) >= 2);
    await page.setViewportSize({ width: 800, height: 600 });
    // The map is drawn anew for the room there is.
    await until('the map to be as wide as its place', async () => {
      const [map] = await boxes(page, '#map');
      const tiles = await boxes(page, '#map button');
      return Math.abs(map!.right - Math.max(...tiles.map(({ right }) => right))) < 2;
    });
    t.deepEqual(await wide(), [800, 800]);
  }));
