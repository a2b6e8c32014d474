/**
 * Draws docs/images/report.png anew, the README's picture of the report page: `npx tsx test/toolkit/picture.ts`.
 *
 *     a shop's Redis, made up, always the same --> redtwin rdb report --> Chromium --> PNG
 *
 * Not a test: what the page does is tested in page.test.ts.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { RdbWriter } from '../../src/rdb/index.ts';
import { Random } from '../fuzz/random.ts';
import { browserPath, noBrowser, startBrowser } from './browser.ts';

const soon = Date.now();
const minute = 60_000;

/** The shop: sessions, a cache of pages, customers, carts, queues, searches, limits. */
function shop(): Buffer {
  const random = new Random(5);
  const text = (bytes: number) =>
    random
      .unit()
      .toString(36)
      .slice(2)
      .repeat(Math.ceil(bytes / 10))
      .slice(0, bytes);
  const upTo = (most: number) => random.whole(1, most);
  const writer = new RdbWriter({ version: 10 });
  const strings = (count: number, name: (at: number) => string, bytes: number, minutes: number) => {
    for (let at = 0; at < count; at++) {
      const expireAtMs = minutes === 0 ? null : soon + upTo(minutes) * minute;
      writer.write({ key: name(at), type: 'string', value: text(upTo(bytes)), expireAtMs });
    }
  };
  strings(
    3000,
    (at) => `session:${['web', 'app', 'kiosk'][at % 7 > 3 ? 0 : at % 3]}:${text(12)}`,
    1800,
    60 * 24,
  );
  strings(900, (at) => `cache:page:${['home', 'search', 'product', 'cart'][at % 4]}:${at}`, 12_000, 30);
  strings(1500, (at) => `cache:fragment:${at}`, 900, 10);
  strings(2500, (at) => `limit:${['ip', 'user'][at % 2]}:${at}`, 8, 2);
  strings(400, (at) => `search:suggest:${text(4)}${at}`, 700, 60 * 24 * 40);
  for (let at = 0; at < 2200; at++) {
    const fields = ['name', 'mail', 'city', 'language', 'since', 'notes'];
    const value = fields.map((field) => ({ field, value: text(upTo(90)) }));
    writer.write({ key: `customer:${at % 9 === 0 ? 'business' : 'private'}:${at}`, type: 'hash', value });
  }
  for (let at = 0; at < 500; at++) {
    const value = Array.from({ length: upTo(30) }, () => ({ member: `product:${text(6)}`, score: upTo(5) }));
    writer.write({ key: `cart:${at}`, type: 'zset', value, expireAtMs: soon + upTo(60 * 24 * 7) * minute });
  }
  for (const [name, length] of [
    ['mail', 9000],
    ['invoices', 2500],
    ['thumbnails', 400],
  ] as const)
    writer.write({
      key: `queue:${name}`,
      type: 'list',
      value: Array.from({ length }, () => text(upTo(200))),
    });
  const visitors = Array.from({ length: 12_000 }, () => text(11));
  writer.write({ key: 'analytics:visitors:today', type: 'set', value: [...new Set(visitors)] });
  const ranks = Array.from({ length: 8000 }, (_, at) => ({ member: `product:${at}`, score: upTo(100_000) }));
  writer.write({ key: 'analytics:bestsellers', type: 'zset', value: ranks });
  return writer.end();
}

const executable = browserPath();
if (executable === null) throw new Error(noBrowser);
const folder = mkdtempSync(join(tmpdir(), 'redtwin-picture-'));
try {
  const [rdb, html] = [join(folder, 'shop.rdb'), join(folder, 'report.html')];
  writeFileSync(rdb, shop());
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const made = spawnSync(process.execPath, ['--import=tsx', main, 'rdb', 'report', rdb, '-o', html]);
  if (made.status !== 0) throw new Error(made.stderr.toString());
  const browser = await startBrowser(executable);
  const page = await browser.newPage({ viewport: { width: 1000, height: 860 } });
  await page.goto(pathToFileURL(html).href);
  const images = new URL('../../docs/images/', import.meta.url);
  mkdirSync(images, { recursive: true });
  await page.screenshot({ path: fileURLToPath(new URL('report.png', images)) });
  await browser.close();
} finally {
  rmSync(folder, { recursive: true });
}
