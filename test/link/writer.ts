/**
 * Keeps a server busy with writes of every kind: all types, several databases, transactions, expiry. Which
 * commands, a seed decides, so that a run can be repeated.
 */
import type { Client } from '../servers/client.ts';

/** A small generator of numbers (mulberry32): the same seed gives the same numbers. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Commands whose effects tell apart "once" from "twice": most add something to what was there. */
const kinds: ((key: (kind: string) => string, n: (below: number) => number) => string)[] = [
  (key, n) => `SET ${key('s')} v${n(1e6)}`,
  (key, n) => `SET ${key('s')} ${'x'.repeat(n(2000))}y EX ${1000 + n(1000)}`,
  (key, n) => `APPEND ${key('a')} ${n(1000)},`,
  (key) => `INCR ${key('i')}`,
  (key, n) => `INCRBYFLOAT ${key('f')} ${n(100)}.5`,
  (key, n) => `RPUSH ${key('l')} ${n(1000)} b${n(10)}`,
  (key) => `LPOP ${key('l')}`,
  (key, n) => `SADD ${key('u')} ${n(500)} m${n(500)}`,
  (key) => `SPOP ${key('u')}`,
  (key, n) => `HINCRBY ${key('h')} field${n(200)} ${n(10)}`,
  (key, n) => `ZINCRBY ${key('z')} ${n(100)} member${n(200)}`,
  (key) => `ZPOPMIN ${key('z')}`,
  (key) => `DEL ${key('s')}`,
  (key, n) => `EXPIRE ${key('a')} ${1000 + n(1000)}`,
  (_, n) => `SELECT ${n(4)}`,
  (key, n) => `SET ${key('e')} v PX ${1 + n(60)}`,
  (key, n) => `PEXPIRE ${key('l')} ${1 + n(300)}`,
  (key) => `GETDEL ${key('s')}`,
  (key, n) => `SETRANGE ${key('a')} ${n(300)} abc`,
  (key, n) => `SETBIT ${key('bits')} ${n(2000)} ${n(2)}`,
  (key, n) => `BITFIELD ${key('bits')} INCRBY u8 ${n(100)} ${n(50)}`,
  (key, n) => `PFADD ${key('p')} ${n(1e6)} ${n(1e6)}`,
  (key) => `PFMERGE ${key('p')} ${key('p')} ${key('p')}`,
  (key, n) => `GEOADD ${key('g')} ${n(360) - 180} ${n(160) - 80} place${n(100)}`,
  (key, n) => `XADD ${key('x')} MAXLEN ~ 500 * n ${n(100)} other field`,
  (key, n) => `XADD ${key('x')} * a ${n(100)}`,
  (key) => `XGROUP CREATE ${key('x')} readers 0 MKSTREAM`,
  (key) => `XREADGROUP GROUP readers r1 COUNT 3 STREAMS ${key('x')} >`,
  (key, n) => `XTRIM ${key('x')} MAXLEN ${n(100)}`,
  (key) => `LMOVE ${key('l')} ${key('l')} LEFT RIGHT`,
  (key, n) => `LINSERT ${key('l')} BEFORE b${n(10)} inserted`,
  (key, n) => `LTRIM ${key('l')} 0 ${50 + n(200)}`,
  (key) => `SUNIONSTORE ${key('u')} ${key('u')} ${key('u')}`,
  (key) => `SMOVE ${key('u')} ${key('u')} m1`,
  (key) => `ZUNIONSTORE ${key('z')} 2 ${key('z')} ${key('z')} WEIGHTS 1 2`,
  (key, n) => `ZREMRANGEBYRANK ${key('z')} ${n(20)} ${n(40)}`,
  (key, n) => `HDEL ${key('h')} field${n(200)}`,
  (key) => `HINCRBYFLOAT ${key('h')} float 0.1`,
  (key) => `RENAME ${key('s')} ${key('s')}`,
  (key) => `COPY ${key('h')} ${key('h')} REPLACE`,
  (key, n) => `MOVE ${key('s')} ${n(4)}`,
  (key) => `SORT ${key('l')} ALPHA STORE ${key('l')}`,
  (_, n) => `PUBLISH news ${n(100)}`,
  (_, n) => (n(50) === 0 ? `SWAPDB ${n(4)} ${n(4)}` : 'PING'),
  (_, n) => (n(200) === 0 ? 'FLUSHDB' : 'PING'),
];

/** The next few commands: now and then a transaction. */
export function commands(n: (below: number) => number): string[] {
  const key = (kind: string): string => `${kind}:${n(50)}`;
  const one = (): string => kinds[n(kinds.length)]!(key, n);
  if (n(5) > 0) return [one()];
  return ['MULTI', ...Array.from({ length: 1 + n(5) }, one), 'EXEC'];
}

/** Writes until `stop` says so, `batch` units at a time. Gives the number of commands. */
export async function write(
  client: Client,
  seed: number,
  batch: number,
  stop: () => boolean,
): Promise<number> {
  const n = random(seed);
  let count = 0;
  // Commands that fail on the primary are not fed, so any of them may.
  while (!stop()) {
    const lines = Array.from({ length: batch }, () => commands(n)).flat();
    count += lines.length;
    await client.batch(lines);
  }
  return count;
}
