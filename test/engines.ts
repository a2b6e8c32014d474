/**
 * The engines that suites run for. A suite takes `enginesUnderTest` and makes its tests once per engine, so that
 * neither engine hides behind the other.
 *
 * The portable engine is always there. The native one is missing only on a machine without cargo, where
 * `missingEngines` says so; in CI that is a failure.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Engine } from '../src/engine/engine.ts';
import { selfTest } from '../src/engine/load.ts';
import { loadNative } from '../src/engine/native.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Name and reason of each engine that cannot be tested here. `excused`: its file is not written yet. */
export const missingEngines: { name: 'native' | 'portable'; reason: string; excused: boolean }[] = [];

async function find(): Promise<Engine[]> {
  const found: Engine[] = [];
  const portable = here('../src/engine/portable/index.ts');
  if (existsSync(portable))
    found.push(((await import(portable)) as { portableEngine: Engine }).portableEngine);
  else
    missingEngines.push({
      name: 'portable',
      reason: 'src/engine/portable/index.ts is not written yet',
      excused: true,
    });
  try {
    const native = loadNative();
    selfTest(native);
    found.unshift(native);
  } catch (error) {
    missingEngines.push({ name: 'native', reason: String(error), excused: false });
  }
  return found;
}

/** All engines that can be tested here, native first. */
export const enginesUnderTest: readonly Engine[] = await find();
