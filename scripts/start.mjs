/**
 * `npm start -- ARGS`: from a fresh clone to a running server.
 *
 *     packages missing? install -> native stale? cargo -> dist stale? tsc -> redtwin serve ARGS, in this very process
 *
 * In this process, and started with `exec` by package.json, so that no shell stands between a signal and the server. Plain JavaScript without dependencies, because it runs before
 * anything is installed. A native engine that cannot be built is no reason not to start: the portable one serves then.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { buildTypeScript, entry, installPackages, requireNode, root } from './prepare.mjs';

/** Builds the native engine where that is possible and needed; says once why when it is not. */
function buildNative() {
  if (process.env.REDTWIN_ENGINE === 'portable') return;
  const built = spawnSync(process.execPath, [join(root, 'scripts/build-native.mjs'), '--if-stale'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (built.status === 0) return;
  const why = built.status === 3 ? 'there is no cargo here' : 'its build failed (see above)';
  console.error(`The native engine is not built, because ${why}; the portable engine serves instead.`);
}

requireNode();
installPackages();
buildNative();
buildTypeScript();
process.argv = [process.argv[0], entry, 'serve', ...process.argv.slice(2)];
await import(entry);
