/**
 * Who may import whom, as data: the rooms of ARCHITECTURE.md and the doors between them. `forbidden` tells what
 * breaks the rules; arrows.test.ts holds the real files against it, and proves that a wrong import is seen.
 *
 *   cli -> runtime -> { replication, cron, engine's door, protocol, config, observe }
 *   acl -> protocol, engine.ts     config -> acl, protocol
 *   replication, cron -> machine, protocol, engine.ts     portable -> engine.ts, lua, protocol     machine -> nothing
 */
import { posix } from 'node:path';
import type { SourceFile } from './files.ts';

/** A part of src/ with rules of its own: every file belongs to the first room whose prefix fits. */
interface Room {
  name: string;
  /** Path prefixes of its files. */
  holds: readonly string[];
  /** Rooms it may import, besides itself. */
  imports: readonly string[];
  /** Node's own modules it may import; the rooms without side effects get by with few. */
  node: 'any' | readonly string[];
}

export const rooms: readonly Room[] = [
  { name: 'errors', holds: ['src/errors.ts'], imports: [], node: [] },
  { name: 'machine', holds: ['src/machine/'], imports: [], node: [] },
  { name: 'protocol', holds: ['src/protocol/'], imports: ['errors'], node: ['node:buffer'] },
  // Hashing of passwords; no clock, no file.
  { name: 'acl', holds: ['src/acl/'], imports: ['protocol', 'interface', 'errors'], node: ['node:crypto'] },
  { name: 'interface', holds: ['src/engine/engine.ts', 'src/engine/rdb.ts'], imports: [], node: [] },
  // Reads the compiled interpreter of its package, once; that is all it has to do with the system.
  { name: 'lua', holds: ['src/engine/lua/'], imports: [], node: ['node:fs', 'node:module'] },
  {
    name: 'portable',
    holds: ['src/engine/portable/'],
    imports: ['interface', 'lua', 'protocol', 'errors'],
    // Hashing (SHA-1 of DIGEST and scripts) and bytes; no clock, no socket, no file.
    node: ['node:crypto', 'node:buffer', 'node:util'],
  },
  {
    name: 'native',
    holds: [
      'src/engine/native.ts',
      'src/engine/native-lane.ts',
      'src/engine/native-rdb.ts',
      'src/engine/native-turns.ts',
      'src/engine/native/',
    ],
    imports: ['interface', 'protocol', 'errors'],
    node: 'any',
  },
  {
    name: 'engine',
    holds: ['src/engine/'],
    imports: ['interface', 'portable', 'native', 'protocol', 'errors'],
    node: 'any',
  },
  {
    name: 'replication',
    holds: ['src/replication/'],
    imports: ['machine', 'protocol', 'interface', 'errors'],
    node: [],
  },
  {
    name: 'cron',
    holds: ['src/cron/'],
    imports: ['machine', 'replication', 'protocol', 'interface', 'errors'],
    node: [],
  },
  { name: 'config', holds: ['src/config/'], imports: ['acl', 'protocol', 'errors'], node: 'any' },
  {
    name: 'observe',
    holds: ['src/observe/'],
    imports: ['protocol', 'interface', 'config', 'errors'],
    node: 'any',
  },
  {
    name: 'runtime',
    holds: ['src/runtime/'],
    imports: [
      ...[
        'machine',
        'replication',
        'cron',
        'interface',
        'engine',
        'protocol',
        'config',
        'observe',
        'acl',
        'errors',
      ],
    ],
    node: 'any',
  },
  {
    name: 'toolkit',
    holds: ['src/rdb/'],
    // Of the runtime only where a snapshot's payload ends, for a full resync that is read and not followed.
    imports: ['interface', 'engine', 'runtime', 'replication', 'errors'],
    node: 'any',
  },
  {
    name: 'cli',
    holds: ['src/cli/'],
    imports: ['toolkit', 'runtime', 'config', 'observe', 'engine', 'interface', 'protocol', 'errors'],
    node: 'any',
  },
  {
    name: 'door',
    holds: ['src/index.ts'],
    imports: ['runtime', 'config', 'observe', 'engine', 'interface', 'protocol', 'replication', 'errors'],
    node: 'any',
  },
];

/** The room of a path, or null when the file stands outside of all rooms. */
export function roomOf(path: string): Room | null {
  return rooms.find((room) => room.holds.some((prefix) => path.startsWith(prefix))) ?? null;
}

/** What a file imports: specifiers of import and export statements and of import() calls, comments left out. */
export function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const statement = /^\s*(?:import|export)\s[^;'"=]*?\bfrom\s*['"]([^'"\n]+)['"]/gm;
  const bare = /^\s*import\s*['"]([^'"\n]+)['"]/gm;
  const call = /\b(?:import|require)\s*\(\s*['"]([^'"\n]+)['"]/g;
  return [...code.matchAll(statement), ...code.matchAll(bare), ...code.matchAll(call)].map(
    (match) => match[1] ?? '',
  );
}

/** One sentence for each import that breaks a rule. */
export function forbidden(file: SourceFile): string[] {
  const room = roomOf(file.path);
  if (room === null)
    return [`${file.path} stands in no room: give it one, or add the room to test/tidy/arrows.ts`];
  const broken: string[] = [];
  for (const specifier of importsOf(file.text)) {
    if (specifier.startsWith('node:')) {
      if (room.node !== 'any' && !room.node.includes(specifier))
        broken.push(`${file.path} imports ${specifier}: the room '${room.name}' has no business with it`);
      continue;
    }
    if (!specifier.startsWith('.')) {
      if (room.node !== 'any')
        broken.push(`${file.path} imports the package ${specifier}: '${room.name}' may not`);
      continue;
    }
    const target = posix.normalize(posix.join(posix.dirname(file.path), specifier));
    if (target.startsWith('native/')) {
      if (room.name !== 'native')
        broken.push(`${file.path} imports ${target}: only src/engine/native.ts may`);
      continue;
    }
    const other = roomOf(target);
    if (other === null) {
      if (!target.startsWith('data/') && target !== 'package.json')
        broken.push(`${file.path} imports ${target}, which stands in no room`);
    } else if (other !== room && !room.imports.includes(other.name)) {
      broken.push(`${file.path} imports ${target}: '${room.name}' may not import '${other.name}'`);
    }
  }
  return broken;
}
