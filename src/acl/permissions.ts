/**
 * From a user to what the engine holds per session: bits, patterns, nothing to look up by name any more.
 *
 *     +get +config|get ~app:* --> { commands: bits of rows, keys: [app:*, reads and writes], channels: [] }
 *
 * A user with a selector that allows everything compiles to null: such a session is not checked at all.
 */
import type { Selector as Compiled } from '../engine/engine.ts';
import { commandRows, rowBytes, rowNumbers } from '../protocol/command-rows.ts';
import type { Selector } from './selector.ts';
import type { User } from './user.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Null: may do everything. */
export function permissionsOf(user: User): Compiled[] | null {
  const selectors = [user.root, ...user.selectors].map(compiled);
  const isFree = selectors.some(
    ({ commands, keys, channels }) => commands === null && keys === null && channels === null,
  );
  return isFree ? null : selectors;
}

function compiled(selector: Selector): Compiled {
  const { keys, channels, firstArguments } = selector;
  return {
    commands: commandBits(selector),
    firstArguments: [...firstArguments].map(([name, words]) => ({
      row: rowNumbers.get(name)!,
      words: words.map(bytes),
    })),
    keys: keys === 'all' ? null : keys.map((key) => ({ ...key, pattern: bytes(key.pattern) })),
    channels: channels === 'all' ? null : channels.map(bytes),
  };
}

function commandBits({ commands, allowsFuture }: Selector): Uint8Array | null {
  if (allowsFuture && commands.size === commandRows.length) return null;
  const bits = new Uint8Array(rowBytes);
  for (const name of commands) {
    const row = rowNumbers.get(name)!;
    bits[row >> 3]! |= 1 << (row & 7);
  }
  return bits;
}
