/** Binary strings as JSON, as a line and as a CSV field: the same as crates/toolkit/src/text.rs, which says how. */

/** The text that binary bytes are; bytes that are no UTF-8 become lone surrogates, 0xff as U+DCFF. */
export function escapedText(binaryText: string): string {
  const bytes = Buffer.from(binaryText, 'latin1');
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd')) return text;
  let out = '';
  for (let at = 0; at < bytes.length; ) {
    const size = characterBytes(bytes, at);
    out += size === 0 ? String.fromCharCode(0xdc00 + bytes[at]!) : bytes.toString('utf8', at, at + size);
    at += size === 0 ? 1 : size;
  }
  return out;
}

/** How many bytes the UTF-8 character here has; 0 when there is none. */
function characterBytes(bytes: Buffer, at: number): number {
  const lead = bytes[at]!;
  const size = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
  if (size === 0) return 0;
  const part = bytes.subarray(at, at + size);
  return part.length === size && Buffer.from(part.toString('utf8')).equals(part) ? size : 0;
}

/** JSON.stringify writes lone surrogates as escapes, and control characters as Redis tools expect them. */
export function json(binaryText: string): string {
  return JSON.stringify(escapedText(binaryText)).replace(/\\[bf]/g, (short) =>
    short === '\\b' ? '\\u0008' : '\\u000c',
  );
}

/** Bytes that are no UTF-8, and control characters, as \xNN. */
export function line(binaryText: string): string {
  let out = '';
  for (const character of escapedText(binaryText)) {
    const code = character.codePointAt(0)!;
    const isByte = code < 0x20 || code === 0x7f || (code >= 0xdc80 && code <= 0xdcff);
    out += isByte ? `\\x${(code & 255).toString(16).padStart(2, '0')}` : character;
  }
  return out;
}

/** Quoted only where it must be. */
export function csv(binaryText: string): string {
  if (!/[,"\t ]/.test(binaryText)) return line(binaryText);
  return `"${binaryText.split('"').map(line).join('""')}"`;
}
