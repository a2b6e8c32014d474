/**
 * A worker of workers.test.ts: embeds a server, tells its parent on which engine and port, or why not, and serves until it is
 * ended. Plain JavaScript, because a worker does not inherit what reads TypeScript.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
const { createServer } = await import('../../src/index.ts');
const told = await createServer({ engine: workerData }).then(
  ({ engine, port }) => `${engine} ${port}`,
  (error) => error.message,
);
parentPort.postMessage(told);
// Until it is ended.
parentPort.on('message', () => {});
