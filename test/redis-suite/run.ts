/**
 * `npm run conformance`: Redis 7.0.15's own test suite against redtwin, which nobody here wrote.
 *
 *   npm run conformance -- [--engine native|portable|both] [unit...]
 *   npm run conformance -- --integration                       the units whose tests start their servers themselves
 *   npm run conformance -- --sentinel                          Redis's Sentinels over five servers that are redtwin
 *   npm run conformance -- --engine redis --write-baseline     what a real redis-server passes, written to baseline.txt
 *
 * A unit gets a fresh server (16 databases, DEBUG allowed) on a free port, so that what one unit leaves behind does not
 * concern the next; a unit that starts servers finds redtwin in redis-server's place (stand-in.ts). Prints a row per unit and
 * a total per engine; exits with 1 when a test is missed that accepted-misses.ts does not name. The harness's whole log of each
 * unit stays in test/.cache/redis-suite-logs.
 */
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { start } from '../servers/children.ts';
import { freePort, type RunningServer, startRedtwin, startServer } from '../servers/server.ts';
import { acceptedMisses } from './accepted-misses.ts';
import {
  committedBaseline,
  judge,
  readLog,
  readSentinelLog,
  type UnitLog,
  writeBaseline,
} from './results.ts';
import { standIn } from './stand-in.ts';
import { obtainSuite } from './tree.ts';

type Subject = 'native' | 'portable' | 'redis';

/** The longest unit takes half of this on a busy machine; without progress the harness itself gives up sooner. */
const unitTimeMsMax = 300_000;
const silenceSecondsMax = 120;
/** Those that start servers themselves also wait for timeouts of replication. */
const integrationTimeMsMax = 900_000;
const integrationSilenceSecondsMax = 300;
/** Who starts the servers: we, once for a unit, or its tests. The tests of Sentinel are one unit, with a harness of their own. */
const kindOf = (unit: string): 'external' | 'integration' | 'sentinel' =>
  unit === 'sentinel' ? 'sentinel' : unit.startsWith('integration/') ? 'integration' : 'external';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: 'string', default: 'both' },
    integration: { type: 'boolean', default: false },
    sentinel: { type: 'boolean', default: false },
    'write-baseline': { type: 'boolean', default: false },
  },
});
const subjects: Record<string, readonly Subject[]> = {
  native: ['native'],
  portable: ['portable'],
  both: ['native', 'portable'],
  redis: ['redis'],
};
const chosen = subjects[options.engine];
const baseline = new Map(committedBaseline());
const wanted = options.sentinel ? 'sentinel' : options.integration ? 'integration' : 'external';
const units =
  positionals.length > 0 ? positionals : [...baseline.keys()].filter((unit) => kindOf(unit) === wanted);
const strangers = units.filter((unit) => !baseline.has(unit));
if (chosen === undefined) throw new Error(`no engine '${options.engine}': native, portable, both or redis`);
if (strangers.length > 0) throw new Error(`no such unit: ${strangers}; there are ${[...baseline.keys()]}`);

const runners = { external: runExternal, integration: runIntegration, sentinel: runSentinel };
const tree = obtainSuite();
const logs = fileURLToPath(new URL('../.cache/redis-suite-logs/', import.meta.url));
let unexpected = 0;
for (const subject of chosen) unexpected += await runSubject(subject);
if (options['write-baseline'])
  writeFileSync(new URL('baseline.txt', import.meta.url), writeBaseline(baseline));
process.exit(unexpected === 0 ? 0 : 1);

/** Runs all units and gives the number of unexpected misses. */
async function runSubject(subject: Subject): Promise<number> {
  const sum = { passed: 0, expected: 0, accepted: 0, unexpected: 0, recovered: 0 };
  const startMs = Date.now();
  const ownTree = units.some((unit) => kindOf(unit) !== 'external') ? standIn(tree, subject) : tree;
  for (const unit of units) {
    const unitStartMs = Date.now();
    const log = await runners[kindOf(unit)](subject, unit, ownTree);
    if (options['write-baseline']) baseline.set(unit, log.passed);
    const expected = baseline.get(unit) ?? [];
    const result = judge(unit, subject, expected, log.passed, acceptedMisses);
    const missing = result.unexpected.length + result.accepted.length;
    sum.passed += result.expected - missing;
    sum.expected += result.expected;
    sum.accepted += result.accepted.length;
    sum.unexpected += result.unexpected.length;
    sum.recovered += result.recovered.length;
    console.log(
      `${subject.padEnd(8)} ${unit.padEnd(24)} ${`${result.expected - missing}`.padStart(3)} of ${`${result.expected}`.padEnd(3)}` +
        `${result.accepted.length > 0 ? `  ${result.accepted.length} accepted` : ''}` +
        `${result.unexpected.length > 0 ? `  ${result.unexpected.length} MISSED` : ''}` +
        `  (${Math.round((Date.now() - unitStartMs) / 1000)} s)`,
    );
    tellMisses(result.unexpected, log);
    for (const name of result.recovered)
      console.log(`    passes now, though it is accepted as a miss: ${name}`);
    if (log.stopped !== null) console.log(`    the harness stopped: ${log.stopped}`);
  }
  console.log(
    `${subject}: ${sum.passed} of ${sum.expected} tests pass, ${sum.accepted} misses are accepted, ` +
      `${sum.unexpected} are not, ${sum.recovered} accepted ones pass (${Math.round((Date.now() - startMs) / 1000)} s)\n`,
  );
  return sum.unexpected;
}

/** A line per missed test; those that were never reached share one. */
function tellMisses(names: readonly string[], log: UnitLog): void {
  const ran = names.filter((name) => log.failures.has(name));
  for (const name of ran.slice(0, 20)) console.log(`    missed: ${name}\n        ${log.failures.get(name)}`);
  if (ran.length > 20) console.log(`    and ${ran.length - 20} more: see the log`);
  const rest = names.filter((name) => !log.failures.has(name));
  if (rest.length > 0)
    console.log(`    did not run: ${rest.slice(0, 8).join('; ')}${rest.length > 8 ? '; ...' : ''}`);
}

/** Runs one unit against a server of its own. */
async function runExternal(subject: Subject, unit: string): Promise<UnitLog> {
  const server = await serverOf(subject);
  try {
    const own = ['--host', '127.0.0.1', '--port', `${server.port}`, '--tags', '-slow'];
    const words = await helperWords(unit, own, silenceSecondsMax);
    const log = readLog(await runHarness(subject, unit, { tree, words, timeMsMax: unitTimeMsMax }));
    const end = server.child.endedAs();
    if (end !== null) log.stopped = `the server ended as ${end}: ${server.child.said().slice(-1000)}`;
    return log;
  } finally {
    await server.stop();
  }
}

/** Runs one unit that starts its servers. */
async function runIntegration(subject: Subject, unit: string, tree: string): Promise<UnitLog> {
  const own = ['--clients', '1', '--portcount', '1000'];
  const words = await helperWords(unit, own, integrationSilenceSecondsMax);
  return readLog(await runHarness(subject, unit, { tree, words, timeMsMax: integrationTimeMsMax }));
}

/** Runs the tests of Sentinel: five Sentinels, which are Redis's, over five servers. */
async function runSentinel(subject: Subject, unit: string, tree: string): Promise<UnitLog> {
  const words = ['tests/sentinel/run.tcl'];
  return readSentinelLog(await runHarness(subject, unit, { tree, words, timeMsMax: integrationTimeMsMax }));
}

/** What the suite's usual harness is told. */
async function helperWords(unit: string, own: readonly string[], silenceSeconds: number): Promise<string[]> {
  // The harness listens itself, on one of the 32 ports below its base.
  const base = ['--durable', '--baseport', `${(await freePort()) + 32}`, '--timeout', `${silenceSeconds}`];
  return ['tests/test_helper.tcl', ...own, ...base, '--single', unit];
}

interface Harness {
  readonly tree: string;
  /** A script of Tcl and its arguments. */
  readonly words: readonly string[];
  readonly timeMsMax: number;
}

/** Runs a harness over one unit and gives what it printed. Nothing that it started is left afterwards. */
async function runHarness(subject: Subject, unit: string, how: Harness): Promise<string> {
  const folder = join(logs, subject);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${unit.replaceAll('/', '_')}.log`);
  const file = openSync(path, 'w');
  try {
    const env = { ...process.env, TERM: 'dumb' };
    const harness = start(['tclsh', ...how.words], {
      cwd: how.tree,
      env,
      stdio: ['ignore', file, file],
      detached: true,
    });
    const sweep = (): void => endGroup(harness.pid);
    process.once('exit', sweep);
    const timer = setTimeout(() => harness.kill('SIGTERM'), how.timeMsMax);
    await harness.ended;
    clearTimeout(timer);
    process.off('exit', sweep);
    sweep();
    return readFileSync(path, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** Ends what a harness that was stopped has left: it leads a process group of its own (`detached`). */
function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

function serverOf(subject: Subject): Promise<RunningServer> {
  return subject === 'redis' ? startServer() : startRedtwin({ engine: subject });
}
