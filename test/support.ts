/**
 * Which commands an engine does not support yet: each command of the table is tried once, and the answer read. Suites
 * leave such commands out instead of failing on each of them; `unsupported.json` beside this file lists them, and
 * support.test.ts fails when the list and the engines part, so a command can neither hide here nor be forgotten.
 */
import { readFileSync } from 'node:fs';
import type { Engine } from '../src/engine/engine.ts';
import { commandTable } from '../src/protocol/generated/commands.ts';
import { wireErrors } from '../src/protocol/generated/wire-errors.ts';
import { openStore, Talk } from './conformance/in-process.ts';
import { type CommandLine, pack, words } from './servers/resp.ts';

/** Names in lower case, subcommands as container|sub, sorted. O(commands of the table). */
export function unsupportedBy(engine: Engine): string[] {
  const store = openStore(engine);
  const refused = `-${wireErrors.notSupportedYet}\r\n`;
  const found: string[] = [];
  const rows = commandTable
    .filter(({ runs }) => runs === 'engine')
    .flatMap((row) => (row.subcommands?.length ? row.subcommands : [row]));
  for (const { name, arity } of rows) {
    const talk = new Talk(store, 2, 'whole');
    // Most of DEBUG is the host's; the engine's part is asked for by one of its names.
    const line = name === 'debug' ? ['debug', 'digest'] : name.split('|');
    while (line.length < Math.abs(arity)) line.push('1');
    try {
      talk.send('', pack(line));
    } catch {
      // Handed to the host: nothing for a suite that has only the engine.
      found.push(name);
      continue;
    }
    if (talk.heard('').toString('latin1') === refused) found.push(name);
  }
  store.close();
  return found.sort();
}

/** What unsupported.json says of an engine. */
export function listedAsUnsupported(name: Engine['name']): string[] {
  const text = readFileSync(new URL('unsupported.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as Record<string, string[]>)[name] ?? [];
}

/** True when a command line is of the commands in `names`. */
export function isOneOf(names: ReadonlySet<string>, line: CommandLine): boolean {
  const [name = '', sub = ''] = words(line).map((word) => word.toString('latin1').toLowerCase());
  return names.has(name) || names.has(`${name}|${sub}`);
}
