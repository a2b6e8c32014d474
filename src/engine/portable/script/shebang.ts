/**
 * The first line of a script (`#!lua flags=no-writes`) and of a library (`#!lua name=mylib`).
 *
 * Nothing is run here: what the line asks for is only taken apart and checked. Errors are Redis's words, without ERR.
 */
import { splitArguments } from '../../../protocol/split-arguments.ts';
import { lower } from '../bytes.ts';

/** What a script or function may do, or does without, in Redis's order, which FUNCTION LIST shows. */
export const flagNames = [
  'no-writes',
  'allow-oom',
  'allow-stale',
  'no-cluster',
  'allow-cross-slot-keys',
] as const;
export type Flag = (typeof flagNames)[number];

/** The line was wrong: why. */
export interface Wrong {
  readonly error: string;
}

export interface ScriptHead {
  /** Null for a script without a `#!` line: old rules. */
  readonly flags: ReadonlySet<Flag> | null;
  /** Where its Lua begins: at the line break, so that lines keep their numbers. */
  readonly start: number;
}

const lineEnd = 0x0a;

const begins = (body: Buffer): boolean => body[0] === 0x23 && body[1] === 0x21;

export function scriptHead(body: Buffer): ScriptHead | Wrong {
  if (!begins(body)) return { flags: null, start: 0 };
  const start = body.indexOf(lineEnd);
  if (start < 0) return { error: 'Invalid script shebang' };
  const [engine, ...options] = splitArguments(body.toString('latin1', 0, start)) ?? [];
  if (engine === undefined) return { error: 'Invalid engine in script shebang' };
  if (engine !== '#!lua') return { error: `Unexpected engine in script shebang: ${engine}` };
  const flags = new Set<Flag>();
  for (const option of options) {
    if (!option.startsWith('flags=')) return { error: `Unknown lua shebang option: ${option}` };
    const list = option.slice('flags='.length);
    for (const name of list === '' ? [] : list.split(',')) {
      if (!isFlag(name)) return { error: `Unexpected flag in script shebang: ${name}` };
      flags.add(name);
    }
  }
  return { flags, start };
}

const isFlag = (name: string): name is Flag => (flagNames as readonly string[]).includes(name);

/** A library's name, and where its Lua begins. */
export function libraryHead(code: Buffer): { name: string; start: number } | Wrong {
  if (!begins(code)) return { error: 'Missing library metadata' };
  const start = code.indexOf(lineEnd);
  const words = start < 0 ? null : splitArguments(code.toString('latin1', 0, start));
  if (words === null) return { error: 'Invalid library metadata' };
  const [first = '', ...options] = words;
  const engine = first.slice('#!'.length);
  let name: string | null = null;
  for (const option of options) {
    if (lower(option.slice(0, 5)) !== 'name=') return { error: `Invalid metadata value given: ${option}` };
    if (name !== null) return { error: 'Invalid metadata value, name argument was given multiple times' };
    name = option.slice(5);
  }
  if (name === null) return { error: 'Library name was not given' };
  if (!/^[A-Za-z0-9_]+$/.test(name)) {
    return {
      error:
        'Library names can only contain letters, numbers, or underscores(_) and must be at least one character long',
    };
  }
  if (lower(engine) !== 'lua') return { error: `Engine '${engine}' not found` };
  return { name, start };
}
