/**
 * Replies of the host as values, and their bytes in RESP2 and RESP3.
 *
 * A handler says what it means (a map, a double, a push); the protocol of the client decides how that is written, as in
 * Redis: RESP2 knows neither maps nor doubles, so a map becomes a flat array and a double a bulk string.
 *
 * Texts are binary strings (one character per byte), so that names and passwords of any bytes come back as they came.
 * The engine writes its own replies; these are for the commands it hands back.
 */

export type Reply =
  | { readonly is: 'nothing' }
  | { readonly is: 'simple' | 'error'; readonly text: string }
  | { readonly is: 'integer'; readonly value: number | bigint }
  | { readonly is: 'double'; readonly value: number }
  | { readonly is: 'boolean'; readonly value: boolean }
  | { readonly is: 'bulk'; readonly value: string | Uint8Array }
  | { readonly is: 'verbatim'; readonly text: string }
  | { readonly is: 'null' | 'nullArray' }
  | { readonly is: 'array' | 'set' | 'push'; readonly items: readonly Reply[] }
  | { readonly is: 'map'; readonly pairs: readonly (readonly [Reply, Reply])[] }
  | { readonly is: 'sequence'; readonly replies: readonly Reply[] }
  | { readonly is: 'raw'; readonly bytes: Buffer };

export type Protocol = 2 | 3;

/** No reply at all (it was sent already, or none is due). */
export const nothing: Reply = { is: 'nothing' };
export const simple = (text: string): Reply => ({ is: 'simple', text });
export const ok: Reply = simple('OK');
/** `text` begins with the code: 'ERR syntax error'. */
export const error = (text: string): Reply => ({ is: 'error', text });
export const integer = (value: number | bigint): Reply => ({ is: 'integer', value });
export const double = (value: number): Reply => ({ is: 'double', value });
export const boolean = (value: boolean): Reply => ({ is: 'boolean', value });
export const bulk = (value: string | Uint8Array): Reply => ({ is: 'bulk', value });
/** Text for people: RESP3 says that it is plain text. */
export const verbatim = (text: string): Reply => ({ is: 'verbatim', text });
export const nil: Reply = { is: 'null' };
export const nilArray: Reply = { is: 'nullArray' };
export const array = (items: readonly Reply[]): Reply => ({ is: 'array', items });
export const set = (items: readonly Reply[]): Reply => ({ is: 'set', items });
export const push = (items: readonly Reply[]): Reply => ({ is: 'push', items });
export const map = (pairs: readonly (readonly [Reply, Reply])[]): Reply => ({ is: 'map', pairs });
/** Several replies to one command (SUBSCRIBE a b). */
export const sequence = (replies: readonly Reply[]): Reply => ({ is: 'sequence', replies });
/** Bytes that are RESP already. */
export const raw = (bytes: Buffer): Reply => ({ is: 'raw', bytes });
export const bulks = (texts: Iterable<string | Uint8Array>): Reply => array([...texts].map(bulk));

/** A double as Redis writes it: 17 significant digits at most, 'inf' and '-inf'. */
export const doubleText = (value: number): string =>
  Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';

type Piece = string | Uint8Array;

function writeBulk(pieces: Piece[], value: string | Uint8Array): void {
  pieces.push(`$${value.length}\r\n`, value, '\r\n');
}

function write(pieces: Piece[], reply: Reply, protocol: Protocol): void {
  const all = (replies: readonly Reply[]): void => {
    for (const item of replies) write(pieces, item, protocol);
  };
  switch (reply.is) {
    case 'nothing':
      return;
    case 'raw':
      pieces.push(reply.bytes);
      return;
    case 'simple':
      pieces.push(`+${reply.text}\r\n`);
      return;
    case 'error':
      // A line break inside would end the reply early; Redis puts spaces in their place.
      pieces.push(`-${reply.text.replace(/[\r\n]/g, ' ')}\r\n`);
      return;
    case 'integer':
      pieces.push(`:${reply.value}\r\n`);
      return;
    case 'double':
      if (protocol === 3) pieces.push(`,${doubleText(reply.value)}\r\n`);
      else writeBulk(pieces, doubleText(reply.value));
      return;
    case 'boolean':
      pieces.push(protocol === 3 ? `#${reply.value ? 't' : 'f'}\r\n` : `:${reply.value ? 1 : 0}\r\n`);
      return;
    case 'bulk':
      writeBulk(pieces, reply.value);
      return;
    case 'verbatim':
      if (protocol === 3) pieces.push(`=${reply.text.length + 4}\r\ntxt:`, reply.text, '\r\n');
      else writeBulk(pieces, reply.text);
      return;
    case 'null':
      pieces.push(protocol === 3 ? '_\r\n' : '$-1\r\n');
      return;
    case 'nullArray':
      pieces.push(protocol === 3 ? '_\r\n' : '*-1\r\n');
      return;
    case 'array':
    case 'set':
    case 'push': {
      const mark = protocol === 2 || reply.is === 'array' ? '*' : reply.is === 'set' ? '~' : '>';
      pieces.push(`${mark}${reply.items.length}\r\n`);
      all(reply.items);
      return;
    }
    case 'map':
      pieces.push(protocol === 3 ? `%${reply.pairs.length}\r\n` : `*${reply.pairs.length * 2}\r\n`);
      all(reply.pairs.flat());
      return;
    case 'sequence':
      all(reply.replies);
      return;
  }
}

/** The bytes of a reply; empty for `nothing`. The caller owns them. */
export function encodeReply(reply: Reply, protocol: Protocol): Buffer {
  const pieces: Piece[] = [];
  write(pieces, reply, protocol);
  if (pieces.every((piece) => typeof piece === 'string')) return Buffer.from(pieces.join(''), 'latin1');
  return Buffer.concat(
    pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)),
  );
}

/** A command as clients and feeds write it: an array of bulk strings. */
export const encodeCommand = (args: readonly (string | Uint8Array)[]): Buffer => encodeReply(bulks(args), 2);
