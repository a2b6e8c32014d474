/**
 * The engines that suites run for. A suite takes `enginesUnderTest` and makes its tests once per engine, so that
 * neither engine hides behind the other.
 *
 * The portable engine is always there. The native one is missing only on a machine without cargo, where
 * `missingEngines` says so; in CI that is a failure.
 */
import type { Engine } from '../src/engine/engine.ts';
import { loadNative } from '../src/engine/native.ts';
import { portableEngine } from '../src/engine/portable/index.ts';

/** Name and reason of each engine that cannot be tested here. */
export const missingEngines: { name: 'native'; reason: string }[] = [];

function find(): Engine[] {
  try {
    return [loadNative(), portableEngine];
  } catch (error) {
    missingEngines.push({ name: 'native', reason: String(error) });
    return [portableEngine];
  }
}

/** All engines that can be tested here, native first. */
export const enginesUnderTest: readonly Engine[] = find();
