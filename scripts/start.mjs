/**
 * `npm start -- ARGS`: from a fresh clone to a running server.
 *
 *     packages missing? install -> native stale? cargo -> dist stale? tsc -> redtwin serve ARGS, in this very process
 *
 * In this process, and started with `exec` by package.json, so that no shell stands between a signal and the server. Plain JavaScript without dependencies, because it runs before
 * anything is installed. A native engine that cannot be built is no reason not to start: the portable one serves then.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages, requireNode, root, run } from './prepare.mjs';

const entry = join(root, 'dist/cli/main.js');

/** The newest change under a folder, in ms. */
function newest(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).reduce(
    (latest, file) =>
      file.isFile()
        ? Math.max(latest, statSync(join(file.parentPath ?? file.path, file.name)).mtimeMs)
        : latest,
    0,
  );
}

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

function buildTypeScript() {
  const sources = Math.max(newest(join(root, 'src')), statSync(join(root, 'package.json')).mtimeMs);
  if (existsSync(entry) && statSync(entry).mtimeMs >= sources) return;
  console.error('Building TypeScript...');
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json']);
}

requireNode();
installPackages();
buildNative();
buildTypeScript();
process.argv = [process.argv[0], entry, 'serve', ...process.argv.slice(2)];
await import(entry);
