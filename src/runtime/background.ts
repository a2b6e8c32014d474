/**
 * What happens without a client asking: `hz` times a second a little work in the engine and a tick for the link; each second
 * a look at idle clients and save points.
 *
 *     hz:      store.cron (expiry, blocked clients whose time is up), replication.tick
 *     10 Hz:   a sample for the rates of INFO
 *     1 Hz:    timeout, save
 */
import type { Server } from './server.ts';

/** Keys looked at per turn, per unit of active-expire-effort. */
const keysPerTurn = 400;

export class Background {
  readonly #server: Server;
  #timer: NodeJS.Timeout | null = null;
  #turn = 0;
  /** DEBUG PAUSE-CRON: nothing happens unasked. */
  isPaused = false;

  constructor(server: Server) {
    this.#server = server;
  }

  /** Starts, or starts anew at another `hz`. */
  start(): void {
    this.stop();
    this.#timer = setInterval(() => this.#run(), 1000 / this.#server.config.value('hz'));
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  #run(): void {
    if (this.isPaused) return;
    const { store, config, stats, delivery } = this.#server;
    const nowMs = this.#server.nowMs();
    const hz = config.value('hz');
    const fromMs = performance.now();
    this.#server.noted(store.cron(nowMs, keysPerTurn * config.value('active-expire-effort')));
    const tookMs = Math.floor(performance.now() - fromMs);
    const threshold = config.value('latency-monitor-threshold');
    if (threshold > 0 && tookMs >= threshold) this.#server.latency.add('expire-cycle', tookMs, nowMs);
    this.#server.replication.tick();
    this.#server.shutdowns.look();
    this.#turn++;
    if (this.#turn % Math.max(1, Math.round(hz / 10)) === 0) {
      this.#server.engineReads.count();
      stats.sample(store.stats().commandsProcessed, nowMs);
    }
    if (this.#turn % hz === 0) {
      this.#closeIdle(nowMs);
      this.#saveIfDue(nowMs);
    }
    delivery.run();
  }

  /** Subscribers and those who wait for something may be silent. */
  #closeIdle(nowMs: number): void {
    const idleSeconds = this.#server.config.value('timeout');
    if (idleSeconds === 0) return;
    for (const client of this.#server.clients.values())
      if (
        client.replica === null &&
        !client.isSubscriber &&
        !client.blocked &&
        client.idleMs(nowMs) > idleSeconds * 1000
      )
        client.line.close('now');
  }

  #saveIfDue(nowMs: number): void {
    const { saver, config, log, busyScript } = this.#server;
    // A file must not hold half of what a script does.
    if (busyScript.isBusy || !saver.mayTry(nowMs)) return;
    if (saver.isScheduled) {
      void saver.save();
      return;
    }
    const { changesSinceSave, lastSaveMs } = saver;
    const due = config
      .value('save')
      .find(
        ({ seconds, changes }) =>
          changesSinceSave > 0 && changesSinceSave >= changes && nowMs - lastSaveMs > seconds * 1000,
      );
    if (!due) return;
    log.notice(`${changesSinceSave} changes in ${due.seconds} seconds. Saving...`);
    void saver.save();
  }
}
