/**
 * `npm test`: everything a fresh clone needs (npm packages, the native engine, a real redis-server to compare
 * with), then the test suites, then one line with the totals. Arguments go to ava: `npm test -- test/unit/x.test.ts`.
 * `npm run test:interop` is the same with `--interop`: the suites that talk to real servers, with the whole matrix.
 *
 *   npm ci --> build native (cargo there?) --> obtain redis-server 7.0.15 --> ava --> "N passed, N failed"
 *
 * Suites that concern storage run for both engines themselves. A machine without cargo tests the portable engine
 * only, and this command says so; a native build that fails is a failure.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { buildNative, hasCargo, installPackages, requireNode, root, run } from './prepare.mjs';

/**
 * What ava's default reporter said: a line with a tick per passed test (its own sum leaves out the passed ones when
 * some fail), and closing lines with the rest.
 */
function totals(output) {
  const sum = (pattern) =>
    [...output.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
  return {
    passed: [...output.matchAll(/^\s*✔ /gm)].length,
    failed:
      sum(/^\s*(\d+) (?:tests?|hooks?) failed$/gm) +
      sum(/^\s*(\d+) (?:uncaught exceptions?|unhandled rejections?|tests? remained pending.*)$/gm),
    skipped: sum(/^\s*(\d+) tests? (?:skipped|todo)$/gm),
  };
}

/** Runs ava, shows what it says, and gives that with its exit code. */
function ava(args) {
  const child = spawn(process.execPath, [join(root, 'node_modules/ava/entrypoints/cli.mjs'), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, FORCE_COLOR: '0' },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    process.stdout.write(text);
  });
  return new Promise((resolve) =>
    child.once('close', (code, signal) => resolve({ output, code: code ?? signal })),
  );
}

const interop = process.argv.includes('--interop');
const words = process.argv.slice(2).filter((word) => word !== '--interop');
if (interop) process.env.REDTWIN_INTEROP = 'all';
try {
  requireNode();
  installPackages();
  if (hasCargo()) buildNative();
  else
    console.log('No cargo on this machine: the native engine is not built, only the portable one is tested.');
  run(process.execPath, ['--import=tsx', 'test/servers/obtain.ts', ...(interop ? [] : ['redis-7.0'])]);
} catch (error) {
  console.error(`npm test could not be set up: ${error.message}`);
  console.log('0 passed, 1 failed');
  process.exit(1);
}

const { output, code } = await ava(interop && words.length === 0 ? ['test/interop/**'] : words);
const { passed, failed, skipped } = totals(output);
// ava can fail without a failed test (a suite that does not load, a timeout): that counts as one failure.
const allFailed = code === 0 ? failed : Math.max(failed, 1);
console.log(`${passed} passed, ${allFailed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(allFailed === 0 ? 0 : 1);
