/**
 * Operating errors: one class, one table of codes.
 *
 * Wire errors (what clients read) are not here: they are values in data/wire-errors.json. "Needs more bytes" is no error.
 */

/** Every code, and what it means for the reader of a log. Codes are stable: programs may match on them. */
export const errorCodes = {
  'engine-unavailable': 'the engine that was asked for cannot be used',
  'engine-internal': 'the engine broke one of its own rules',
  'engine-unknown-option': 'the engine has no option of that name',
  'rdb-truncated': 'the RDB ended before its end marker',
  'rdb-bad-magic': 'the bytes do not begin like an RDB',
  'rdb-unsupported-version': 'the RDB has a version that is not understood',
  'rdb-unknown-type': 'the RDB holds a value type or opcode that its version does not have',
  'rdb-corrupt': 'the RDB contradicts itself',
  'rdb-checksum': 'the RDB has another checksum than it says',
  'rdb-source': 'the place an RDB should come from gives none',
  'rdb-bad-filter': 'a filter for keys is none',
  'rdb-bad-dump': 'a DUMP payload has a version or a checksum that is wrong',
  'rdb-trailing-bytes': 'there are bytes behind the end of the RDB',
  'config-bad-value': 'an option has a value that it cannot take',
  'config-unknown-option': 'there is no option of that name',
  'config-file': 'the configuration file cannot be read or written',
  'protocol-error': 'what a server sent is not RESP',
  'connection-closed': 'the connection that was to carry the reply has ended',
  'shut-down': 'the server was told to end before it had begun to serve',
  'listen-failed': 'the server cannot listen where it should',
} as const;
export type ErrorCode = keyof typeof errorCodes;

/** An error that says what was being done (`message`), what kind it is (`code`), and why (`cause`). */
export class RedtwinError extends Error {
  readonly code: ErrorCode;
  /** For 'rdb-*': byte position in the RDB where it was noticed. */
  readonly offset: number | undefined;
  constructor(code: ErrorCode, message: string, details: { cause?: unknown; offset?: number } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'RedtwinError';
    this.code = code;
    this.offset = details.offset;
  }
}
