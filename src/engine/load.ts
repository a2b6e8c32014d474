/**
 * Chooses the engine once, at start, and says which and why: the words of REDTWIN_ENGINE and what native must show to be
 * trusted are in trust.ts. The choice never changes while the process runs.
 *
 * The portable engine is half of all code here, so it is not even read unless it is to serve. load-now.ts is for who cannot
 * wait for that.
 */
import { RedtwinError } from '../errors.ts';
import type { Engine } from './engine.ts';
import { type EngineChoice, trustedNative } from './trust.ts';

export { type EngineChoice, engineChoice } from './trust.ts';

export interface LoadedEngine {
  engine: Engine;
  /** Why this one, in words for the log. */
  why: string;
  /** Set when native was wanted and could not be used: why. */
  warning: string | null;
}

/** The portable engine is to be taken: the rest of a `LoadedEngine`. */
export type Portable = Omit<LoadedEngine, 'engine'>;

/**
 * Loads the engine asked for. `seed` should be random: parts of a native engine's hashing take the first seed that the process
 * gives them. Rejects with 'engine-unavailable' when it was asked for by name and cannot be used.
 */
export async function loadEngine(choice: EngineChoice, seed: bigint): Promise<LoadedEngine> {
  const found = nativeOr(choice, seed);
  if ('engine' in found) return found;
  const { portableEngine } = await import('./portable/index.ts');
  return { engine: portableEngine, ...found };
}

/** The native engine, or why it is to be the portable one. Throws 'engine-unavailable'. */
export function nativeOr(choice: EngineChoice, seed: bigint): LoadedEngine | Portable {
  if (choice === 'portable') return { why: 'REDTWIN_ENGINE=portable', warning: null };
  try {
    const engine = trustedNative(seed);
    return { engine, why: choice === 'native' ? 'REDTWIN_ENGINE=native' : 'the addon loaded', warning: null };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    if (choice === 'native') {
      throw new RedtwinError('engine-unavailable', `the native engine cannot be used: ${reason}`, {
        cause: error,
      });
    }
    return {
      why: 'the native engine cannot be used',
      warning: `the native engine cannot be used, the portable one serves instead, slower: ${reason}`,
    };
  }
}
