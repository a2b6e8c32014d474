/**
 * All benches in the order they are run: one line here is all that a new one needs.
 */
import { border } from './border.ts';
import { catchUp } from './catch-up.ts';
import { engines } from './engines.ts';
import type { Bench } from './frame/bench.ts';
import { growth } from './growth.ts';
import { latency } from './latency.ts';
import { load } from './load.ts';
import { memory } from './memory.ts';
import { rdb } from './rdb.ts';
import { replicas } from './replicas.ts';
import { resp } from './resp.ts';
import { resync } from './resync.ts';
import { snapshot } from './snapshot.ts';
import { start } from './start.ts';
import { throughput } from './throughput.ts';

export const benches: readonly Bench[] = [
  ...[throughput, latency, catchUp, resync, load, memory, start, growth, snapshot, replicas],
  ...[engines, resp, rdb, border],
];
