/**
 * Keys of the few commands whose key specifications do not tell everything: the flags depend on the other arguments, or a
 * key hides behind a word that may stand anywhere.
 *
 * Facts from Redis 7.0.15 (COMMAND GETKEYSANDFLAGS). Everything else follows its specification in the table.
 */

export interface FoundKey {
  readonly key: Buffer;
  /** Its place among the arguments; the command's name is at 0. */
  readonly at: number;
  readonly flags: readonly string[];
}

const wordAt = (args: readonly Buffer[], i: number): string =>
  args[i]?.toString('latin1').toLowerCase() ?? '';

/** SET reads the old value only with GET. */
function setKeys(args: readonly Buffer[]): FoundKey[] {
  const reads = args.some((_, i) => i > 2 && wordAt(args, i) === 'get');
  return [{ key: args[1]!, at: 1, flags: reads ? ['RW', 'access', 'update'] : ['OW', 'update'] }];
}

/** BITFIELD with nothing but GET only reads. */
function bitfieldKeys(args: readonly Buffer[]): FoundKey[] {
  let [writes, at] = [false, 2];
  while (at < args.length) {
    const word = wordAt(args, at);
    if (word === 'get') at += 3;
    else {
      writes = true;
      break;
    }
  }
  return [{ key: args[1]!, at: 1, flags: writes ? ['RW', 'access', 'update'] : ['RO', 'access'] }];
}

/** SORT_RO's key; those that BY and GET make up are not known before it runs. */
const sortReadKeys = (args: readonly Buffer[]): FoundKey[] => [
  { key: args[1]!, at: 1, flags: ['RO', 'access'] },
];

/** SORT's destination is behind the last STORE; words that take arguments are stepped over. */
function sortKeys(args: readonly Buffer[]): FoundKey[] {
  const argumentsOf: Readonly<Record<string, number>> = { limit: 2, get: 1, by: 1 };
  let store = 0;
  for (let i = 2; i < args.length; i++) {
    const word = wordAt(args, i);
    if (word === 'store' && i + 1 < args.length) store = ++i;
    else i += argumentsOf[word] ?? 0;
  }
  const source = sortReadKeys(args);
  return store > 0 ? [...source, { key: args[store]!, at: store, flags: ['OW', 'update'] }] : source;
}

/** MIGRATE has one key in front, or, when that is empty, many behind KEYS; a password may be called KEYS. */
function migrateKeys(args: readonly Buffer[]): FoundKey[] | null {
  const flags = ['RW', 'access', 'delete'];
  if (args[3]!.length > 0) return [{ key: args[3]!, at: 3, flags }];
  const argumentsOf: Readonly<Record<string, number>> = { auth: 1, auth2: 2 };
  for (let i = 6; i < args.length; i++) {
    if (wordAt(args, i) === 'keys')
      return args.slice(i + 1).map((key, nth) => ({ key, at: i + 1 + nth, flags }));
    i += argumentsOf[wordAt(args, i)] ?? 0;
  }
  return null;
}

/** Finders by lower-case command name. */
export const variableKeys: Readonly<Record<string, (args: readonly Buffer[]) => FoundKey[] | null>> = {
  set: setKeys,
  bitfield: bitfieldKeys,
  sort: sortKeys,
  sort_ro: sortReadKeys,
  migrate: migrateKeys,
};
