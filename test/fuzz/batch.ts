/**
 * A random batch: commands drawn from the families, each family with a weight. Random and unordered replies are
 * marked here, where the command is made, so that the comparison has no list of its own to forget.
 */
import type { CommandLine } from '../servers/resp.ts';
import { isOneOf } from '../support.ts';
import { families } from './families.ts';
import type { Random } from './random.ts';

/** One command and how its reply may be compared. */
export interface Drawn {
  line: CommandLine;
  /** Elements come in any order (hash tables). */
  unordered?: boolean;
}

/** Makes one command. */
export type Maker = (random: Random) => CommandLine | Drawn;

const isDrawn = (made: CommandLine | Drawn): made is Drawn => typeof made === 'object' && 'line' in made;

/** One command of these makers. */
export function drawOf(random: Random, makers: readonly Maker[]): Drawn {
  const made = random.of(makers)(random);
  return isDrawn(made) ? made : { line: made };
}

/**
 * A batch of `length` commands. `only`: names of the families to draw from; all when empty. `without`: commands that
 * the engine does not support yet (container|sub for subcommands).
 */
export function drawBatch(
  random: Random,
  length: number,
  only: readonly string[] = [],
  without: ReadonlySet<string> = new Set(),
): Drawn[] {
  const makers = Object.entries(families)
    .filter(([name]) => only.length === 0 || only.includes(name))
    .map(([, list]) => list);
  if (makers.length === 0) throw new Error(`no such family; there are ${Object.keys(families).join(', ')}`);
  const batch: Drawn[] = [];
  for (let tries = 0; batch.length < length && tries < length * 50; tries++) {
    const drawn = drawOf(random, random.of(makers));
    if (!isOneOf(without, drawn.line)) batch.push(drawn);
  }
  return batch;
}
