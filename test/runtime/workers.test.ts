/**
 * Servers inside worker threads: ended amid their work, they leave the process whole, and the next one starts.
 *
 * In the order of the file: what a process does in which no main thread has loaded the addon can be seen only once.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { createServer } from '../../src/index.ts';
import { type EngineName, engineNames, Talk } from './helpers.ts';

/** Starts a worker with a server; what it tells. */
async function embed(engine: EngineName): Promise<[Worker, string]> {
  const worker = new Worker(new URL('./embedding-worker.mjs', import.meta.url), { workerData: engine });
  const [told] = (await once(worker, 'message')) as [string];
  return [worker, told];
}

test.serial('a worker that would be the first to load the addon says so', async (t) => {
  const [worker, told] = await embed('native');
  t.regex(told, /a worker cannot be the first of its process to load it/);
  await worker.terminate();
});

for (const engine of engineNames)
  test.serial(`${engine}: workers with servers end and begin`, async (t) => {
    const own = await createServer({ engine });
    for (let round = 0; round < 3; round++) {
      const [worker, told] = await embed(engine);
      const [name, port] = told.split(' ');
      t.is(name, engine);
      const talk = await Talk.open(Number(port));
      t.is(await talk.ask('PING'), '+PONG\r\n');
      await worker.terminate();
      talk.close();
    }
    const talk = await Talk.open(own.port);
    t.is(await talk.ask('PING'), '+PONG\r\n');
    talk.close();
    await own.close();
  });
