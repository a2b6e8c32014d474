/**
 * Scripts for whole servers (served/): several connections, commands of the host, messages and invalidations. A real
 * redis-server 7.0.15 is asked what is right, and redtwin must say the same to every connection, on each engine.
 *
 * What cannot be the same (ports, ages, ids) is masked on both sides; the rest is compared byte by byte.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createServer } from '../../src/index.ts';
import { enginesUnderTest } from '../engines.ts';
import { Client } from '../servers/client.ts';
import { type RunningServer, startServer } from '../servers/server.ts';
import type { Case, CommandLine, Transcript } from './case.ts';
import { difference } from './compare.ts';
import { playToServer, withoutPause } from './oracle.ts';

interface Family {
  cases: readonly Case[];
  /** What puts a server back to where each case begins. */
  before: readonly CommandLine[];
}

const folder = new URL('served/', import.meta.url);
const families = await Promise.all(
  readdirSync(folder)
    .sort()
    .map(async (name) => ({
      family: name.replace(/\.ts$/, ''),
      ...((await import(new URL(name, folder).href)) as Family),
    })),
);

type Served = Pick<RunningServer, 'client'>;

async function prepare(server: Served, lines: readonly CommandLine[]): Promise<void> {
  const client = await server.client();
  for (const line of lines) await client.raw(line);
  client.close();
}

/** Replaces what differs from run to run, the lengths in front of it too. */
function masked(transcript: Transcript): Transcript {
  const mask = (frame: Buffer): Buffer =>
    Buffer.from(
      frame
        .toString('latin1')
        .replace(/(\$2\r\nid\r\n):\d+/, '$1:N')
        .replace(/(age-seconds\r\n)(,|\$\d+\r\n)[-+.e\d]+/g, '$1N')
        .replace(
          /\$\d+\r\nid=\d+ .*?( name=\S*) .*?( flags=\S*).*?( multi=\S*).*?( cmd=\S+ user=\S+)[^\r]*/g,
          '$1$2$3$4',
        ),
      'latin1',
    );
  return {
    ...transcript,
    heard: transcript.heard.map(({ on, frames }) => ({ on, frames: frames.map(mask) })),
  };
}

for (const { family, cases, before } of families) {
  test(`${family}: both engines answer as redis-server does`, async (t) => {
    const real = await startServer();
    t.teardown(() => real.stop());
    for (const engine of enginesUnderTest) {
      const dir = mkdtempSync(join(tmpdir(), 'redtwin-test-'));
      const ours = await createServer({ engine: engine.name, 'enable-debug-command': 'yes', dir });
      t.teardown(async () => {
        await ours.close();
        rmSync(dir, { recursive: true });
      });
      const found: string[] = [];
      for (const script of cases) {
        for (const protocol of [2, 3] as const) {
          const [right, given] = await Promise.all(
            [real, { client: () => Client.open(ours.port) }].map((server) =>
              withoutPause(script, async () => {
                await prepare(server, before);
                return masked(await playToServer(server, script, protocol));
              }),
            ),
          );
          const line = difference(script, right!, given!);
          if (line !== null) found.push(`${script.name}, RESP${protocol}: ${line}`);
        }
      }
      t.deepEqual(found, [], engine.name);
    }
  });
}
