/**
 * A conformance case: a script of commands and nothing else. What is right is not written down; a real redis-server
 * is asked, and both engines must answer with the same bytes and end with the same DEBUG DIGEST.
 *
 *   { name: 'lpush and lpop', commands: ['DEL k', 'LPUSH k a b c', 'LPOP k 2', ['SET', 'bin', Buffer.from([0])]] }
 *
 * Each case starts with empty databases, runs in RESP2 and in RESP3, and (in the engines) as one chunk and byte by
 * byte. Cases are for the engine: commands of the host (CONFIG, INFO, CLIENT...) have no place here.
 */
import type { CommandLine } from '../servers/resp.ts';

export type { CommandLine };

/** A command on a connection of its own name; the others share one that is called ''. */
export interface Turn {
  on: string;
  run: CommandLine;
  /** It will block: no reply is awaited, and what follows is sent once the server has it blocked. */
  blocks?: boolean;
}

export interface Case {
  /** Unique within its file. */
  name: string;
  /** In order. A string is cut at its spaces; an array holds the words. */
  commands: readonly (CommandLine | Turn)[];
  /**
   * Elements of arrays, sets and maps may come in any order (hash tables): both sides are sorted before comparing.
   * A list names the indexes of the commands it is true of.
   */
  unordered?: boolean | readonly number[];
  /** Indexes of commands whose reply is random or about memory: only its first byte (the RESP type) is compared. */
  kindOnly?: readonly number[];
  /** Engines that cannot answer as Redis does here, each with the reason; docs/differences.md says it too. */
  except?: Readonly<Partial<Record<'native' | 'portable', string>>>;
  /** Why what both engines feed for it is not what Redis feeds; docs/differences.md says it too. */
  fedOtherwise?: string;
  /** redis.conf options of the engine for this case, e.g. { 'hash-max-listpack-entries': 2 }. */
  config?: Readonly<Record<string, number | string>>;
}

/** What one connection received, in order. */
export interface Heard {
  on: string;
  frames: Buffer[];
}

/** The outcome of a case: what every connection heard, what was counted (./counts.ts), and the digest at the end. */
export interface Transcript {
  heard: Heard[];
  counts: readonly string[];
  digest: string;
}

/** A case's command as a turn. */
export function turnOf(command: CommandLine | Turn): Turn {
  return typeof command === 'string' || Array.isArray(command)
    ? { on: '', run: command as CommandLine }
    : (command as Turn);
}

/** Turns that go to the same connection without waiting between them: what is sent as one chunk. */
export function runsOf(commands: Case['commands']): Turn[][] {
  const runs: Turn[][] = [];
  for (const turn of commands.map(turnOf)) {
    const last = runs.at(-1)?.at(-1);
    if (last !== undefined && last.on === turn.on && !last.blocks && !turn.blocks) runs.at(-1)?.push(turn);
    else runs.push([turn]);
  }
  return runs;
}
