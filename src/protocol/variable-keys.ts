/**
 * Keys of the few commands whose key specifications do not tell everything: the flags depend on the other arguments, or a
 * key hides behind a word that may stand anywhere.
 *
 * Facts from Redis 7.0.15 (COMMAND GETKEYSANDFLAGS). Everything else follows its specification in the table.
 */

export interface FoundKey {
  readonly key: Buffer;
  readonly flags: readonly string[];
}

const wordAt = (args: readonly Buffer[], i: number): string =>
  args[i]?.toString('latin1').toLowerCase() ?? '';

/** SET reads the old value only with GET. */
function setKeys(args: readonly Buffer[]): FoundKey[] {
  const reads = args.some((_, i) => i > 2 && wordAt(args, i) === 'get');
  return [{ key: args[1]!, flags: reads ? ['RW', 'access', 'update'] : ['OW', 'update'] }];
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
  return [{ key: args[1]!, flags: writes ? ['RW', 'access', 'update'] : ['RO', 'access'] }];
}

/** SORT's destination is behind the last STORE; words that take arguments are stepped over. */
function sortKeys(args: readonly Buffer[]): FoundKey[] {
  const argumentsOf: Readonly<Record<string, number>> = { limit: 2, get: 1, by: 1 };
  let store: Buffer | undefined;
  for (let i = 2; i < args.length; i++) {
    const word = wordAt(args, i);
    if (word === 'store' && i + 1 < args.length) store = args[++i];
    else i += argumentsOf[word] ?? 0;
  }
  const source: FoundKey = { key: args[1]!, flags: ['RO', 'access'] };
  return store ? [source, { key: store, flags: ['OW', 'update'] }] : [source];
}

/** Finders by lower-case command name. */
export const variableKeys: Readonly<Record<string, (args: readonly Buffer[]) => FoundKey[]>> = {
  set: setKeys,
  bitfield: bitfieldKeys,
  sort: sortKeys,
};
