/**
 * One pass over an RDB in a process of its own, for bench/rdb.ts: what a program that uses the library does, and the limits
 * below which no tool can get.
 *
 *     node bench/rdb-pass.mjs read | sum | keys | values | parts FILE      --> {"seconds":..,"entries":..,"megabytes":..}
 *
 * Plain JavaScript over dist/: what is measured is what users run. The time leaves out Node's own start.
 */
import { open } from 'node:fs/promises';
import { trustedNative } from '../dist/engine/trust.js';
import { readRdb } from '../dist/rdb/index.js';

const [pass, path] = process.argv.slice(2);

/** Every byte, in chunks as large as the toolkit's; `take` is given each. */
async function read(take) {
  const file = await open(path);
  const buffer = Buffer.allocUnsafeSlow(512 * 1024);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) break;
    take(buffer.subarray(0, bytesRead));
  }
  await file.close();
}

const engine = trustedNative(1n);
let entries = 0;
let seen = 0;
const passes = {
  read: () =>
    read((chunk) => {
      seen += chunk.length;
    }),
  sum: () =>
    read((chunk) => {
      seen ^= Number(engine.crc64(chunk) & 0xffn);
    }),
  async keys() {
    for await (const entry of readRdb(path, { values: false })) {
      entries++;
      seen += entry.key.length + entry.type.length + entry.memoryBytes;
    }
  },
  async values() {
    for await (const entry of readRdb(path)) {
      entries++;
      seen += entry.key.length + (entry.value === undefined ? 0 : 1);
    }
  },
  async parts() {
    for await (const entry of readRdb(path, { partBytes: 1e6 })) {
      entries++;
      seen += entry.value.length;
    }
  },
};
const began = performance.now();
await passes[pass]();
const seconds = (performance.now() - began) / 1000;
console.log(JSON.stringify({ seconds, entries, seen, megabytes: process.resourceUsage().maxRSS / 1024 }));
