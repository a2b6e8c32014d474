/**
 * Words of one line, and the way back.
 *
 * redis.conf, MULTI-word arguments of CONFIG SET and command-line options all use the same small language: words
 * separated by blanks, double quotes with escapes, single quotes without.
 *
 *     save 900 1          -> save | 900 | 1
 *     requirepass "a \x62" -> requirepass | a b
 *     ident 'it\'s'       -> ident | it's
 *
 * Text here is a binary string: one character per byte (latin1), so that passwords of any bytes survive.
 */

const isBlank = (c: string): boolean => c === ' ' || c === '\n' || c === '\r' || c === '\t' || c === '\0';
const simpleEscapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

/** One quoted word, starting behind its opening quote. Null when the quotes do not balance. */
function quotedWord(line: string, start: number, quote: '"' | "'"): { word: string; next: number } | null {
  let word = '';
  for (let i = start; i < line.length; i++) {
    const c = line[i]!;
    if (c === quote) {
      const after = line[i + 1];
      // A closing quote must end the word: `"a"b` is an error, as in Redis.
      return after === undefined || isBlank(after) ? { word, next: i + 1 } : null;
    }
    if (c !== '\\') {
      word += c;
    } else if (quote === "'") {
      if (line[i + 1] === "'") i++;
      word += line[i];
    } else {
      const hex = /^x([0-9a-fA-F]{2})/.exec(line.slice(i + 1, i + 4));
      const next = line[i + 1];
      if (hex) {
        word += String.fromCharCode(Number.parseInt(hex[1]!, 16));
        i += 3;
      } else if (next !== undefined) {
        word += simpleEscapes[next] ?? next;
        i++;
      } else {
        word += c;
      }
    }
  }
  return null;
}

/**
 * Splits a line into words. An empty line gives no words; unbalanced quotes give null.
 * A quote in the middle of an unquoted word opens a quoted part that ends the word (`a"b c"` is `ab c`). Source: Redis 7.0's sds.
 */
export function splitArguments(line: string): string[] | null {
  const words: string[] = [];
  let i = 0;
  for (;;) {
    while (i < line.length && isBlank(line[i]!)) i++;
    if (i >= line.length) return words;
    let word = '';
    while (i < line.length && !isBlank(line[i]!)) {
      const c = line[i]!;
      if (c === '"' || c === "'") {
        const quoted = quotedWord(line, i + 1, c);
        if (!quoted) return null;
        word += quoted.word;
        i = quoted.next;
        break;
      }
      word += c;
      i++;
    }
    words.push(word);
  }
}

/** Text in double quotes, escaped so that `splitArguments` gives it back. */
export function quoteArgument(text: string): string {
  let quoted = '"';
  for (const c of text) {
    if (c === '\\' || c === '"') quoted += `\\${c}`;
    else if (c === '\n') quoted += '\\n';
    else if (c === '\r') quoted += '\\r';
    else if (c === '\t') quoted += '\\t';
    else if (c === '\x07') quoted += '\\a';
    else if (c === '\b') quoted += '\\b';
    else if (c >= ' ' && c <= '~') quoted += c;
    else quoted += `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`;
  }
  return `${quoted}"`;
}
