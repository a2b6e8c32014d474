/**
 * Every case of cases/ against a real redis-server 7.0.15, once per engine, in RESP2 and RESP3, as one chunk and byte
 * by byte. The files in cases/ only hold scripts; this file holds the promise.
 */
import test from 'ava';
import type { Engine } from '../../src/engine/engine.ts';
import { enginesUnderTest, missingEngines } from '../engines.ts';
import { type RunningServer, startServer } from '../servers/server.ts';
import { isOneOf, unsupportedBy } from '../support.ts';
import { type Transcript, turnOf } from './case.ts';
import { difference, spelled } from './compare.ts';
import { families } from './families.ts';
import { playInProcess } from './in-process.ts';
import { playToServer, withoutPause } from './oracle.ts';

// Cases are imported before the first test is declared: ava takes declarations until the first wait.
const unsupportedSets = new Map(enginesUnderTest.map((engine) => [engine, new Set(unsupportedBy(engine))]));
const unsupported = (engine: Engine): ReadonlySet<string> => unsupportedSets.get(engine) ?? new Set();

let server: RunningServer;
test.before(async () => {
  server = await startServer();
});
test.after.always(() => server?.stop());

for (const { family, cases } of families) {
  for (const script of cases) {
    // What is right is asked once and serves both engines.
    const right = new Map<2 | 3, Promise<Transcript>>();
    const ask = (protocol: 2 | 3): Promise<Transcript> => {
      const asked = right.get(protocol) ?? withoutPause(script, () => playToServer(server, script, protocol));
      right.set(protocol, asked);
      return asked;
    };
    for (const engine of enginesUnderTest) {
      const title = `${family}: ${script.name} [${engine.name}]`;
      const without = script.commands.map(turnOf).find(({ run }) => isOneOf(unsupported(engine), run));
      if (without !== undefined) {
        // Skipped because the engine says itself that it does not know the command yet; test/unsupported.json lists it.
        test.skip(`${title}, because of ${spelled(without.run)}`, (t) => t.pass());
        continue;
      }
      const reason = script.except?.[engine.name];
      if (reason !== undefined) {
        // Skipped for the reason that the case gives.
        test.skip(`${title}, because ${reason}`, (t) => t.pass());
        continue;
      }
      // Serial: the cases share one server, and each begins by emptying it.
      test.serial(title, async (t) => {
        const found: string[] = [];
        for (const protocol of [2, 3] as const) {
          for (const chunking of ['whole', 'bytes'] as const) {
            const ours = playInProcess(engine, script, protocol, chunking);
            const line = difference(script, await ask(protocol), ours);
            if (line !== null) found.push(`RESP${protocol}, ${chunking}: ${line}`);
          }
        }
        t.deepEqual(found, []);
      });
    }
  }
}

test('both engines are under test', (t) => {
  for (const { name, reason } of missingEngines) t.log(`the ${name} engine is not tested: ${reason}`);
  // Away from CI a machine may lack cargo; there the portable engine alone is tested, and the log says so.
  t.deepEqual(process.env.CI ? missingEngines : [], []);
});
