/**
 * Chooses the engine as load.ts does, at once: for the RDB toolkit, whose writers and scans are made without waiting.
 *
 * The price is that the portable engine is read whether it is needed or not, so nothing that a server starts with may import
 * this file.
 */
import { type LoadedEngine, nativeOr } from './load.ts';
import { portableEngine } from './portable/index.ts';
import type { EngineChoice } from './trust.ts';

/** As `loadEngine`, but throws where that rejects. */
export function loadEngineNow(choice: EngineChoice, seed: bigint): LoadedEngine {
  const found = nativeOr(choice, seed);
  return 'engine' in found ? found : { engine: portableEngine, ...found };
}
