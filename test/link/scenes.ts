/**
 * What the link's tests have in common: two data sets, two histories, and a primary that serves one of them.
 */
import type { Peer } from './fake-primary.ts';
import { type Data, smallRdb } from './small-rdb.ts';

export const idA = 'a'.repeat(40);
export const idB = 'b'.repeat(40);
export const mark = 'd'.repeat(40);

export const dataOf = (...values: string[]): Data =>
  new Map([[0, new Map(values.map((value, index) => [`key${index}`, value]))]]);
export const oldRdb = smallRdb(dataOf('old', 'values'), [['repl-stream-db', '0']]);
export const newRdb = smallRdb(dataOf('new', 'values', 'here'), [['repl-stream-db', '3']]);

/** A command as a primary feeds it. */
export const fed = (...args: string[]): string =>
  `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;

export const byLength = (rdb: Buffer): Buffer => Buffer.concat([Buffer.from(`$${rdb.length}\r\n`), rdb]);
export const byMark = (rdb: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`$EOF:${mark}\r\n`), rdb, Buffer.from(mark)]);

/** A whole full resync, and the connection stays. */
export const serve =
  (snapshot: Buffer, id = idA, offset = 100) =>
  async (peer: Peer): Promise<void> => {
    await peer.greet();
    peer.write(`+FULLRESYNC ${id} ${offset}\r\n`);
    peer.write(snapshot);
  };
