/**
 * Redis's glob patterns: `*`, `?`, `[a-z]`, `[^x]` and `\` to take the next byte as it is.
 *
 * Bytes, not characters. Backtracking is bounded: only the last `*` is ever retried, so that a pattern of many stars
 * costs at most O(pattern * text). The answers are those of Redis 7.0.15 for patterns that are well formed, and for
 * those that are not (an unclosed class ends at the end of the pattern).
 */

const [star, question, open, close, caret, dash, backslash] = [...Buffer.from('*?[]^-\\')] as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

const lower = (byte: number): number => (byte >= 65 && byte <= 90 ? byte + 32 : byte);

/** Matches one byte against the class that opens at `at`. `next` is the position behind the class. */
function matchClass(
  pattern: Uint8Array,
  at: number,
  byte: number,
  fold: boolean,
): { hit: boolean; next: number } {
  const same = (b: number): number => (fold ? lower(b) : b);
  const wanted = same(byte);
  let p = at + 1;
  const negated = pattern[p] === caret;
  if (negated) p++;
  let hit = false;
  for (; ; p++) {
    if (p >= pattern.length) return { hit: hit !== negated, next: p };
    const c = pattern[p]!;
    if (c === backslash && p + 1 < pattern.length) {
      p++;
      if (same(pattern[p]!) === wanted) hit = true;
    } else if (c === close) {
      return { hit: hit !== negated, next: p + 1 };
    } else if (pattern[p + 1] === dash && p + 2 < pattern.length) {
      const [a, b] = [same(c), same(pattern[p + 2]!)];
      if (wanted >= Math.min(a, b) && wanted <= Math.max(a, b)) hit = true;
      p += 2;
    } else if (same(c) === wanted) {
      hit = true;
    }
  }
}

/** Redis recurses at each star that something follows, and gives up at this depth: no match. */
const starsMax = 1000;

/** True when the whole text fits the pattern. `fold` ignores the case of ASCII letters. */
export function matchesGlob(pattern: Uint8Array, text: Uint8Array, fold = false): boolean {
  let [p, t] = [0, 0];
  /** Where to go on when what followed the last star did not fit; -1 without a star. */
  let [retryPattern, retryText] = [-1, 0];
  let stars = 0;
  while (t < text.length || p < pattern.length) {
    const c = pattern[p];
    if (c === star) {
      while (pattern[p] === star) p++;
      if (p === pattern.length) return true;
      if (++stars > starsMax) return false;
      [retryPattern, retryText] = [p, t];
      continue;
    }
    if (t < text.length && c !== undefined) {
      let [hit, next] = [false, p + 1];
      if (c === question) hit = true;
      else if (c === open) ({ hit, next } = matchClass(pattern, p, text[t]!, fold));
      else {
        const escaped = c === backslash && p + 1 < pattern.length;
        const literal = escaped ? pattern[p + 1]! : c;
        next = p + (escaped ? 2 : 1);
        hit = fold ? lower(literal) === lower(text[t]!) : literal === text[t];
      }
      if (hit) {
        p = next;
        t++;
        continue;
      }
    }
    if (retryPattern < 0 || retryText >= text.length) return false;
    p = retryPattern;
    t = ++retryText;
  }
  return true;
}

/** The same for texts (binary strings), ignoring case: names of options and commands. */
export const matchesName = (pattern: string, name: string): boolean =>
  matchesGlob(Buffer.from(pattern, 'latin1'), Buffer.from(name, 'latin1'), true);
