/**
 * Chooses the engine once, at start, and says which and why: the words of REDTWIN_ENGINE and what native must show to be
 * trusted are in trust.ts. The choice never changes while the process runs.
 */
import { RedtwinError } from '../errors.ts';
import type { Engine } from './engine.ts';
import { portableEngine } from './portable/index.ts';
import { type EngineChoice, trustedNative } from './trust.ts';

export { type EngineChoice, engineChoice } from './trust.ts';

export interface LoadedEngine {
  engine: Engine;
  /** Why this one, in words for the log. */
  why: string;
  /** Set when native was wanted and could not be used: why. */
  warning: string | null;
}

/**
 * Loads the engine asked for. `seed` should be random: parts of a native engine's hashing take the first seed that the process
 * gives them. Throws 'engine-unavailable' when it was asked for by name and cannot be used.
 */
export function loadEngine(choice: EngineChoice, seed: bigint): LoadedEngine {
  if (choice === 'portable') return { engine: portableEngine, why: 'REDTWIN_ENGINE=portable', warning: null };
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
      engine: portableEngine,
      why: 'the native engine cannot be used',
      warning: `the native engine cannot be used, the portable one serves instead, slower: ${reason}`,
    };
  }
}
