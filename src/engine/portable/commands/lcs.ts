/**
 * LCS: the longest common subsequence of two strings, its length, or where its pieces lie.
 *
 * The classic table of lengths of all prefixes, then a walk back from its far corner. Where two ways back are equally
 * good Redis goes the one that shortens the second string, and so do we, because the answer shows it.
 * Time and memory O(n * m).
 */
import type { Call } from '../call.ts';
import { refuse, refuseWith } from '../refusal.ts';

/** A piece that lies contiguously in both strings: first and last positions. */
interface Match {
  a: [number, number];
  b: [number, number];
}

export function lcs(call: Call): void {
  const first = call.lookup(call.text(1));
  const second = call.lookup(call.text(2));
  if ((first !== null && first.type !== 'string') || (second !== null && second.type !== 'string')) {
    refuseWith('ERR The specified keys must contain string values');
  }
  let wantsLength = false;
  let wantsMatches = false;
  let tellsLengths = false;
  let minLength = 0;
  for (let i = 3; i < call.args.length; i++) {
    const word = call.word(i);
    if (word === 'IDX') wantsMatches = true;
    else if (word === 'LEN') wantsLength = true;
    else if (word === 'WITHMATCHLEN') tellsLengths = true;
    else if (word === 'MINMATCHLEN' && i + 1 < call.args.length) minLength = Math.max(0, call.integer(++i));
    else refuse('syntax');
  }
  if (wantsMatches && wantsLength) {
    refuseWith('ERR If you want both the length and indexes, please just use IDX.');
  }
  const a = first?.bytes ?? Buffer.alloc(0);
  const b = second?.bytes ?? Buffer.alloc(0);
  if ((a.length + 1) * (b.length + 1) * 4 > call.settings['proto-max-bulk-len']) {
    refuseWith('ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len');
  }
  const lengths = lengthTable(a, b);
  const length = lengths[lengths.length - 1]!;
  if (wantsLength) {
    call.reply.integer(length);
    return;
  }
  const { common, matches } = walkBack(a, b, lengths);
  if (!wantsMatches) {
    call.reply.bulk(common);
    return;
  }
  const told = matches.filter(({ a: [start, end] }) => end - start + 1 >= minLength);
  call.reply.map(2);
  call.reply.bulk('matches');
  call.reply.array(told.length);
  for (const match of told) {
    call.reply.array(tellsLengths ? 3 : 2);
    for (const [start, end] of [match.a, match.b]) {
      call.reply.array(2);
      call.reply.integer(start);
      call.reply.integer(end);
    }
    if (tellsLengths) call.reply.integer(match.a[1] - match.a[0] + 1);
  }
  call.reply.bulk('len');
  call.reply.integer(length);
}

/** lengths[i * (b.length + 1) + j] is the LCS length of the first i bytes of a and the first j of b. */
function lengthTable(a: Buffer, b: Buffer): Uint32Array {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const at = i * width + j;
      lengths[at] =
        a[i - 1] === b[j - 1]
          ? lengths[at - width - 1]! + 1
          : Math.max(lengths[at - width]!, lengths[at - 1]!);
    }
  }
  return lengths;
}

/** The subsequence itself and its contiguous pieces, the last piece first. */
function walkBack(a: Buffer, b: Buffer, lengths: Uint32Array): { common: Buffer; matches: Match[] } {
  const width = b.length + 1;
  let left = lengths[lengths.length - 1]!;
  const common = Buffer.alloc(left);
  const matches: Match[] = [];
  let open: Match | null = null;
  let i = a.length;
  let j = b.length;
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) {
      common[--left] = a[i - 1]!;
      if (open !== null && open.a[0] === i && open.b[0] === j) {
        open.a[0]--;
        open.b[0]--;
      } else {
        open = { a: [i - 1, i - 1], b: [j - 1, j - 1] };
        matches.push(open);
      }
      i--;
      j--;
    } else {
      if (lengths[(i - 1) * width + j]! > lengths[i * width + j - 1]!) i--;
      else j--;
      open = null;
    }
  }
  return { common, matches };
}
