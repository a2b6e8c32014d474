/**
 * The engine that the toolkit uses when it is not told which: one per process and choice, loaded when first needed.
 * A native engine that cannot be used is said once, on standard error, as a server would say it in its log.
 */
import { randomBytes } from 'node:crypto';
import type { Engine } from '../engine/engine.ts';
import { type EngineChoice, engineChoice } from '../engine/load.ts';
import { loadEngineNow } from '../engine/load-now.ts';

const loaded = new Map<EngineChoice, Engine>();

/** Throws RedtwinError 'engine-unavailable' when an engine was asked for by name and cannot be used. */
export function defaultEngine(named?: 'native' | 'portable'): Engine {
  const choice = named ?? engineChoice(process.env.REDTWIN_ENGINE);
  const known = loaded.get(choice);
  if (known !== undefined) return known;
  const { engine, warning } = loadEngineNow(choice, randomBytes(8).readBigUInt64LE());
  if (warning !== null) process.emitWarning(warning);
  loaded.set(choice, engine);
  return engine;
}
