/**
 * `npm run bench -- ARGS`: builds what is stale, then runs bench/run.ts ARGS. What is measured is what users start: the
 * release build of the native engine and dist/, never the sources through a compiler on the way.
 */
import { join } from 'node:path';
import { buildNative, buildTypeScript, installPackages, requireNode, root, run } from './prepare.mjs';

requireNode();
installPackages();
buildNative();
buildTypeScript();
run(process.execPath, ['--import=tsx', join(root, 'bench/run.ts'), ...process.argv.slice(2)]);
