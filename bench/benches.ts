/**
 * All benches in the order they are run: one line here is all that a new one needs.
 */
import { border } from './border.ts';
import { catchUp } from './catch-up.ts';
import type { Bench } from './frame/bench.ts';
import { load } from './load.ts';
import { snapshot } from './snapshot.ts';
import { throughput } from './throughput.ts';

export const benches: readonly Bench[] = [throughput, catchUp, load, snapshot, border];
