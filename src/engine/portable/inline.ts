/**
 * The words of an inline request, with the quoting of Redis (sdssplitargs).
 *
 * Words are separated by white space. "..." knows \n \r \t \b \a \xHH and \ before any other character;
 * '...' knows only \'. A closing quote must be followed by white space or the end.
 */
const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };
const isSpace = (char: string | undefined): boolean => char !== undefined && /[ \n\r\t\v\f]/.test(char);

/** The words of a line (a binary string), or null when its quotes are unbalanced. */
export function splitInline(line: string): Buffer[] | null {
  const words: Buffer[] = [];
  let at = 0;
  for (;;) {
    while (isSpace(line[at])) at++;
    if (at >= line.length) return words;
    let word = '';
    while (at < line.length && !isSpace(line[at])) {
      const char = line[at]!;
      if (char !== '"' && char !== "'") {
        word += char;
        at++;
        continue;
      }
      const quoted = char === '"' ? doubleQuoted(line, at + 1) : singleQuoted(line, at + 1);
      if (quoted === null) return null;
      word += quoted.text;
      at = quoted.next;
      if (at < line.length && !isSpace(line[at])) return null;
    }
    words.push(Buffer.from(word, 'latin1'));
  }
}

/** What stands between quotes, and where to go on behind them; null without a closing quote. */
type Quoted = { text: string; next: number } | null;

function doubleQuoted(line: string, start: number): Quoted {
  let text = '';
  for (let at = start; at < line.length; at++) {
    const char = line[at]!;
    if (char === '"') return { text, next: at + 1 };
    if (char !== '\\' || at + 1 >= line.length) {
      text += char;
      continue;
    }
    const hex = /^x[0-9a-fA-F]{2}/.exec(line.slice(at + 1, at + 4));
    if (hex !== null) {
      text += String.fromCharCode(Number.parseInt(hex[0].slice(1), 16));
      at += 3;
    } else {
      const escaped = line[++at]!;
      text += escapes[escaped] ?? escaped;
    }
  }
  return null;
}

function singleQuoted(line: string, start: number): Quoted {
  let text = '';
  for (let at = start; at < line.length; at++) {
    if (line[at] === "'") return { text, next: at + 1 };
    if (line[at] === '\\' && line[at + 1] === "'") at++;
    text += line[at];
  }
  return null;
}
