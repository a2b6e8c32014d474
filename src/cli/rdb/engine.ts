/**
 * The engine behind a command, found fast: most commands are over in less time than it takes to load all of this package.
 *
 *     native can be used --> its tools; nothing of the portable engine is read from the disk
 *     otherwise          --> what the library would take (src/rdb/default-engine.ts), with its warning
 */
import type { RdbTools } from '../../engine/rdb.ts';
import { engineChoice, trustedNative } from '../../engine/trust.ts';

/** The tools have no tables that a stranger could aim at; the self-test's are of keys that are known. */
const selfTestSeed = 1n;

let found: RdbTools | null = null;

/** Throws RedtwinError 'engine-unavailable' as `defaultEngine` does. */
export async function rdbTools(): Promise<RdbTools> {
  found ??= nativeTools() ?? (await import('../../rdb/default-engine.ts')).defaultEngine().rdb;
  return found;
}

/** Null when they were not asked for or cannot be used; why, is for default-engine.ts to say. */
function nativeTools(): RdbTools | null {
  if (engineChoice(process.env.REDTWIN_ENGINE) === 'portable') return null;
  try {
    return trustedNative(selfTestSeed).rdb;
  } catch {
    return null;
  }
}
