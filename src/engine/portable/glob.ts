/**
 * Glob patterns as Redis matches them (stringmatchlen): KEYS, SCAN MATCH, PSUBSCRIBE.
 *
 *     *  any bytes      ?  one byte      [abc] [a-c] [^a]  one of, or not one of      \x  x itself
 *
 * Pattern and text are binary strings. A `*` remembers where it stood; on a mismatch the text after the last `*` is
 * tried one byte further on, which is all the going back that globs need, so a match costs O(pattern * text) at most.
 */

/** Redis gives up on patterns with more stars than this that something follows: no match. */
const starsMax = 1000;

export function globMatches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  /** Position behind the last `*`, and the text position it is tried from. */
  let retryPattern = -1;
  let retryText = 0;
  let stars = 0;
  for (;;) {
    if (p < pattern.length && pattern[p] === '*') {
      while (pattern[p] === '*') p++;
      if (p === pattern.length) return true;
      if (++stars > starsMax) return false;
      retryPattern = p;
      retryText = t;
      continue;
    }
    if (t === text.length) return p === pattern.length;
    const next = p < pattern.length ? matchOne(pattern, p, text[t]!) : -1;
    if (next >= 0) {
      p = next;
      t++;
    } else if (retryPattern >= 0) {
      p = retryPattern;
      t = ++retryText;
    } else {
      return false;
    }
  }
}

/** Position behind the one-byte pattern at `p` when it matches `char`, else -1. */
function matchOne(pattern: string, p: number, char: string): number {
  switch (pattern[p]) {
    case '?':
      return p + 1;
    case '[':
      return matchClass(pattern, p + 1, char);
    case '\\':
      if (p + 1 < pattern.length) return pattern[p + 1] === char ? p + 2 : -1;
      return char === '\\' ? p + 1 : -1;
    default:
      return pattern[p] === char ? p + 1 : -1;
  }
}

/** A class, `start` behind its bracket. One that is not closed ends with the pattern, as in Redis. */
function matchClass(pattern: string, start: number, char: string): number {
  let p = start;
  const isNegated = pattern[p] === '^';
  if (isNegated) p++;
  let isMember = false;
  for (; p < pattern.length && pattern[p] !== ']'; p++) {
    if (pattern[p] === '\\' && p + 1 < pattern.length) {
      if (pattern[++p] === char) isMember = true;
    } else if (pattern[p + 1] === '-' && p + 2 < pattern.length) {
      const from = pattern[p]!;
      const to = pattern[p + 2]!;
      if ((char >= from && char <= to) || (char >= to && char <= from)) isMember = true;
      p += 2;
    } else if (pattern[p] === char) {
      isMember = true;
    }
  }
  return isMember === isNegated ? -1 : Math.min(p + 1, pattern.length);
}
