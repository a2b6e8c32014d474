/**
 * The two data sets that the bars of speed and memory speak of, as a stream of RESP chunks:
 *
 *   A   5 million strings: 16-byte keys, 32 hex digits each; an RDB of 255 MB by redis-server 7.0.15
 *   B   mixed: 1 million strings, 100 thousand hashes, sets and sorted sets, 50 thousand lists, 10 thousand streams;
 *       an RDB of 211 MB
 *
 * Always the same values, from a fixed seed; `scale` makes them smaller (0.1: a tenth of the keys).
 */
import { Random } from '../test/fuzz/random.ts';
import { pack, type Word } from '../test/servers/resp.ts';

export type DataSet = 'A' | 'B';

const padded = (index: number, digits: number): string => String(index).padStart(digits, '0');

function* commands(set: DataSet, scale: number): Generator<Word[]> {
  const random = new Random(set === 'A' ? 2 : 1);
  const hexes = (digits: number): string => {
    let text = '';
    while (text.length < digits) text += random.whole(0, 0xffff_ffff).toString(16).padStart(8, '0');
    return text.slice(0, digits);
  };
  const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
  const upTo = (count: number): number => Math.round(count * scale);
  if (set === 'A') {
    for (let at = 0; at < upTo(5_000_000); at++) yield ['SET', `key:${padded(at, 12)}`, hexes(32)];
    return;
  }
  for (let at = 0; at < upTo(1_000_000); at++) yield ['SET', `str:${padded(at, 12)}`, hexes(32)];
  for (let at = 0; at < upTo(100_000); at++) {
    yield ['HSET', `hash:${padded(at, 11)}`, ...range(10).flatMap((field) => [`field${field}`, hexes(16)])];
  }
  for (let at = 0; at < upTo(100_000); at++) {
    yield ['SADD', `set:${padded(at, 12)}`, ...range(10).map(() => `m${hexes(15)}`)];
  }
  for (let at = 0; at < upTo(100_000); at++) {
    const pairs = range(20).flatMap(() => [(random.unit() * 1e6).toFixed(3), `m${hexes(15)}`]);
    yield ['ZADD', `zset:${padded(at, 11)}`, ...pairs];
  }
  for (let at = 0; at < upTo(50_000); at++) {
    yield ['RPUSH', `list:${padded(at, 11)}`, ...range(20).map(() => hexes(32))];
  }
  for (let at = 0; at < upTo(10_000); at++) {
    for (let entry = 0; entry < 50; entry++) {
      const id = `${1_700_000_000_000 + entry * 7}-${entry}`;
      yield ['XADD', `stream:${padded(at, 9)}`, id, 'temp', hexes(8), 'hum', hexes(8)];
    }
  }
}

/** The data set in chunks of about 1000 commands, with how many each holds. */
export function* chunksOf(set: DataSet, scale = 1): Generator<{ bytes: Buffer; count: number }> {
  let held: Buffer[] = [];
  for (const command of commands(set, scale)) {
    held.push(pack(command));
    if (held.length < 1000) continue;
    yield { bytes: Buffer.concat(held), count: held.length };
    held = [];
  }
  if (held.length > 0) yield { bytes: Buffer.concat(held), count: held.length };
}
