/**
 * Fills a server with key:000000000000 and on, 100 SETs at a time, each hundred awaited and timed: as fast as one connection
 * goes, and a pause of the server (a table that grows) shows as a hundred that took long.
 */
import { coreWaits } from './process.ts';
import { RawConnection } from './raw-connection.ts';

const batch = 100;
const digits = 12;

/** The name of a key. 16 bytes. */
export const keyBytes = (index: number): string => `key:${String(index).padStart(digits, '0')}`;

/** Writes the digits of another key over those of one that ends at `end`. */
export function renumber(bytes: Uint8Array, end: number, index: number): void {
  let rest = index;
  for (let place = end - 1; place >= end - digits; place--) {
    bytes[place] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

/** How to fill. */
export interface Filling {
  /** Index of the first key; 0 when left out. */
  from?: number;
  valueBytes: number;
  /** The server's: waits of its main thread and of ours for a core are then not counted, for they are others' work. */
  pid?: number;
}

/** Sets keys `from` to `count`; gives the milliseconds that each hundred took. `count` is a multiple of 100. */
export async function fill(
  port: number,
  count: number,
  { from = 0, valueBytes, pid }: Filling,
): Promise<Float64Array> {
  const connection = await RawConnection.open(port);
  const waiting = pid === undefined ? [] : [coreWaits(pid), coreWaits(process.pid)];
  const waitedMs = (): number => waiting.reduce((sum, { ms }) => sum + ms(), 0);
  try {
    const one = `*3\r\n$3\r\nSET\r\n$16\r\n${keyBytes(0)}\r\n$${valueBytes}\r\n${'x'.repeat(valueBytes)}\r\n`;
    const chunk = Buffer.from(one.repeat(batch), 'latin1');
    const keyEnd = one.indexOf('key:') + keyBytes(0).length;
    const waits = new Float64Array((count - from) / batch);
    for (let at = from, turn = 0; at < count; at += batch, turn++) {
      for (let index = 0; index < batch; index++) renumber(chunk, index * one.length + keyEnd, at + index);
      const [waitedBefore, sentAt] = [waitedMs(), performance.now()];
      await connection.exchange(chunk, '+OK\r\n'.length * batch);
      const took = performance.now() - sentAt;
      waits[turn] = Math.max(0, took - (waitedMs() - waitedBefore));
    }
    return waits;
  } finally {
    for (const { close } of waiting) close();
    connection.close();
  }
}
