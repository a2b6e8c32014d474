/**
 * Golden vectors: small RDB files in rdb/, and what they hold, in vectors.json. Both are written by build.ts; this
 * file says what the second looks like and reads them.
 *
 * What a file holds is told as commands: whoever runs them on empty databases has the same data. So no digest and
 * no dump has to be believed.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A file that loads. */
export interface GoodVector {
  /** Name of the file in rdb/. */
  file: string;
  /** What is special about it. */
  about: string;
  /** As the load report has them. */
  magic: string;
  version: number;
  keys: number;
  /**
   * Commands that make the same data; arguments are latin-1 texts. Modules' values cannot be made: they are not
   * among it.
   */
  commands: string[][];
  /** Commands that must get the same reply from what was loaded and from what the commands made. */
  ask: string[][];
  /** Parts of the load report that are not zero or empty. */
  report: Record<string, unknown>;
}

/** A file that does not. */
export interface BadVector {
  file: string;
  about: string;
  /** Code of the error. */
  error: string;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const read = (): { good: GoodVector[]; bad: BadVector[] } =>
  JSON.parse(readFileSync(here('vectors.json'), 'utf8')) as { good: GoodVector[]; bad: BadVector[] };

export const { good: goodVectors, bad: badVectors } = read();
export const vectorBytes = (vector: { file: string }): Buffer => readFileSync(here(`rdb/${vector.file}`));
