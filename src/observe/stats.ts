/**
 * Counters of the process that INFO shows, and rates made from them.
 *
 * The engine counts what happens to data; this counts sockets, bytes, and the commands that the host answers. Rates are means over the last 16 samples,
 * one of which is taken each 100 ms, as in Redis.
 */

import type { NetCounts } from '../engine/engine.ts';
import { HostCommands } from './host-commands.ts';

const sampleCount = 16;

/** A rate per second of a counter that only grows. */
class Rate {
  readonly #samples: number[] = [];
  #last = 0;
  #lastMs = 0;

  sample(value: number, nowMs: number): void {
    const elapsed = nowMs - this.#lastMs;
    if (this.#lastMs > 0 && elapsed > 0) {
      this.#samples.push(((value - this.#last) * 1000) / elapsed);
      if (this.#samples.length > sampleCount) this.#samples.shift();
    }
    this.#last = value;
    this.#lastMs = nowMs;
  }

  get perSecond(): number {
    return this.#samples.reduce((sum, rate) => sum + rate, 0) / sampleCount;
  }

  reset(): void {
    this.#samples.length = 0;
    this.#last = 0;
    this.#lastMs = 0;
  }
}

export class Stats {
  connectionsReceived = 0;
  connectionsRejected = 0;
  /** Bytes of feed that went out to replicas. */
  feedOutputBytes = 0;
  netInputBytes = 0;
  netOutputBytes = 0;
  reads = 0;
  writes = 0;
  /** Commands of the host. The engine counts its own. */
  readonly commands = new HostCommands();
  readonly rates = { commands: new Rate(), input: new Rate(), output: new Rate() };

  /** Call it each 100 ms or so. */
  sample(commandsProcessed: number, nowMs: number): void {
    this.rates.commands.sample(commandsProcessed, nowMs);
    this.rates.input.sample(this.netInputBytes, nowMs);
    this.rates.output.sample(this.netOutputBytes, nowMs);
  }

  /** Adds what was counted elsewhere. */
  add({ netInputBytes, netOutputBytes, reads, writes }: NetCounts): void {
    this.netInputBytes += netInputBytes;
    this.netOutputBytes += netOutputBytes;
    this.reads += reads;
    this.writes += writes;
  }

  /** CONFIG RESETSTAT. */
  reset(): void {
    this.connectionsReceived = 0;
    this.connectionsRejected = 0;
    this.netInputBytes = 0;
    this.netOutputBytes = 0;
    this.feedOutputBytes = 0;
    this.reads = 0;
    this.writes = 0;
    this.commands.reset();
    for (const rate of Object.values(this.rates)) rate.reset();
  }
}
