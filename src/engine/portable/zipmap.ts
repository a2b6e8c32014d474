/**
 * Zipmaps: how Redis 2.4 and before kept small hashes. Still found in very old RDB files; only read.
 *
 *     +-----------+-----+-------+-----+------+-------+---------+-----+------+
 *     | count u8  | len | field | len | free | value | padding | ... | 0xff |     count 254 and more: unknown, walk
 *     +-----------+-----+-------+-----+------+-------+---------+-----+------+
 *     len = 1 byte up to 253, or 0xfe and u32le; `free` bytes of padding are left over from a longer value
 */
import { RedtwinError } from '../../errors.ts';

const end = 0xff;
const wide = 0xfe;

/** Fields and values in turn, copied out of `bytes`. Throws 'rdb-corrupt' with the offset in `bytes`. O(bytes). */
export function readZipmap(bytes: Buffer): string[] {
  const last = bytes.length - 1;
  if (last < 1 || bytes[last] !== end) throw corrupt('no end marker', Math.max(last, 0));
  const elements: string[] = [];
  let at = 1;
  const length = (): number => {
    if (bytes[at] === wide) {
      if (at + 5 > last) throw corrupt('an entry beyond the end', at);
      at += 5;
      return bytes.readUInt32LE(at - 4);
    }
    if (at >= last) throw corrupt('an entry beyond the end', at);
    return bytes[at++]!;
  };
  while (at < last) {
    if (bytes[at] === end) throw corrupt('an end before the end', at);
    const field = length();
    if (at + field > last) throw corrupt('a field beyond the end', at);
    elements.push(bytes.toString('latin1', at, at + field));
    at += field;
    if (bytes[at] === end) throw corrupt('a field without a value', at);
    const value = length();
    const padding = bytes[at++]!;
    if (at + value + padding > last) throw corrupt('a value beyond the end', at);
    elements.push(bytes.toString('latin1', at, at + value));
    at += value + padding;
  }
  const count = bytes[0]!;
  if (count < wide && count !== elements.length / 2) throw corrupt('another count than it says', 0);
  return elements;
}

const corrupt = (what: string, offset: number): RedtwinError =>
  new RedtwinError('rdb-corrupt', `zipmap: ${what}`, { offset });
