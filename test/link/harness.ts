/**
 * A follower for tests: a store, a clock that tests move, the log as lines, and waits for what should come
 * true.
 *
 * The monotonic clock stands still unless a test moves it, so patience ends exactly when a test says so, and
 * a retry "a second later" takes no second.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Store } from '../../src/engine/engine.ts';
import { begun, type HistoryHolder } from '../../src/replication/history.ts';
import type { StateName } from '../../src/replication/replica-link/states.ts';
import { Follower } from '../../src/runtime/follower.ts';
import {
  defaultFollowerSettings,
  type FollowerSettings,
  type FollowerStore,
} from '../../src/runtime/follower-types.ts';
import { enginesUnderTest } from '../engines.ts';
import { until } from '../servers/wait.ts';
import { FakeStore } from './fake-store.ts';

export type TestStore = FollowerStore & Pick<Store, 'digest'>;

/** Everything a link can apply to: the fake, and each engine there is. */
export const stores: { name: string; open: () => TestStore }[] = [
  { name: 'fake', open: () => new FakeStore() },
  ...enginesUnderTest.map((engine) => ({
    name: engine.name,
    open: () => engine.open({ databases: 16, seed: 1n, backlogBytes: 1 << 20 }),
  })),
];

export class Replica {
  readonly store: TestStore;
  readonly history: HistoryHolder = { current: begun('0123456789'.repeat(4)) };
  readonly settings: FollowerSettings;
  readonly folder = mkdtempSync(join(tmpdir(), 'redtwin-link-'));
  readonly log: string[] = [];
  readonly published: string[] = [];
  /** How often our own replicas would have had to be told of another history. */
  historyChanges = 0;
  /** Monotonic ms; moved by `pass`. */
  nowMs = 1_000_000;
  readonly follower: Follower;
  #ids = 0;
  #closed = false;

  /** Ends with the test. */
  constructor(t: ExecutionContext, store: TestStore, settings: Partial<FollowerSettings> = {}) {
    this.store = store;
    this.settings = { ...defaultFollowerSettings, dir: this.folder, disklessLoad: 'swapdb', ...settings };
    t.teardown(() => this.close());
    this.follower = new Follower({
      store,
      history: this.history,
      settings: () => this.settings,
      log: (level, line) => this.log.push(`${level} ${line}`),
      nowMs: () => Date.now(),
      monotonicMs: () => this.nowMs,
      clientId: () => 1,
      randomId: () => (++this.#ids).toString(16).padStart(40, 'e'),
      onChange: (what) => {
        if (what === 'history') this.historyChanges++;
      },
      onHostCommand: (args) => this.published.push(args.join(' ')),
    });
  }

  /** Lets time pass, and cron run. */
  pass(ms: number): void {
    this.nowMs += ms;
    this.follower.tick();
  }

  async reach(...states: StateName[]): Promise<void> {
    await until(`the link to be ${states.join(' or ')}`, () =>
      states.includes(this.follower.status().state),
    ).catch((error: Error) => {
      throw new Error(
        `${error.message}; it is ${this.follower.status().state}\n${this.log.slice(-20).join('\n')}`,
      );
    });
  }

  async applied(offset: number): Promise<void> {
    await until(`offset ${offset}`, () => this.follower.status().appliedOffset === offset);
  }

  /** RDB files in the replica's folder. */
  files(): string[] {
    return readdirSync(this.folder).sort();
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.follower.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
