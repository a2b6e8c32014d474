/**
 * Sees commands one by one, when somebody wants that: MONITOR, a slow log finer than a millisecond, LATENCY, a pause of writes.
 *
 * Otherwise whole chunks run unseen, which is what makes them fast. A chunk that took longer than the slow log's limit is
 * logged as its last command, which is right for everybody who sends one command at a time.
 */
import { shortened } from '../observe/slow-log.ts';
import { commandOf } from '../protocol/command-lookup.ts';
import type { CommandSpec } from '../protocol/generated/commands.ts';
import { Requests } from '../protocol/requests.ts';
import { quoteArgument } from '../protocol/split-arguments.ts';
import type { Client } from './client.ts';
import { redacted } from './redacted.ts';
import type { Server } from './server.ts';

const fineMicros = 1000;

export class Observer {
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
  }

  get isOn(): boolean {
    const { monitors, config, pause } = this.#server;
    const limit = config.value('slowlog-log-slower-than');
    return (
      monitors.size > 0 ||
      (limit >= 0 && limit < fineMicros) ||
      config.value('latency-monitor-threshold') > 0 ||
      pause.isOn(this.#server.nowMs())
    );
  }

  /** A command is about to run; call the result when it has run. */
  begin(client: Client, args: Buffer[]): () => void {
    const command = commandOf(args);
    if (!command) return () => {};
    this.#tellMonitors(client, args, command.flags);
    const started = process.hrtime.bigint();
    return () => {
      this.ended(client, args, Number((process.hrtime.bigint() - started) / 1000n), command);
      this.#tellScripted();
    };
  }

  /** A whole chunk has run. */
  ran(client: Client, chunk: Uint8Array, length: number, ms: number): void {
    const limit = this.#server.config.value('slowlog-log-slower-than');
    const rests = client.restsSinceMs !== null;
    if (limit < fineMicros || (ms * 1000 < limit && !rests) || this.isOn) return;
    const requests = new Requests();
    requests.feed(Buffer.from(chunk.buffer, chunk.byteOffset, length));
    let last: Buffer[] = [];
    for (let request = requests.next(); request; request = requests.next())
      if (request.args.length > 0) last = request.args;
    const command = commandOf(last);
    if (command) this.#logWhenRested(client, last, Math.floor(ms * 1000), command);
  }

  #tellMonitors(client: Client, args: Buffer[], flags: readonly string[]): void {
    const { monitors, store } = this.#server;
    // The flag skip_monitor has another meaning: those that have it (EVAL and its kin) are told before what they run.
    if (monitors.size === 0 || flags.includes('admin')) return;
    const { db } = store.sessionInfo(client.session);
    const from = client.isUnixSocket ? `unix:${client.address.replace(/:0$/, '')}` : client.address;
    const line = this.#line(db, from, args);
    for (const monitor of monitors) if (monitor !== client) monitor.line.send(line);
  }

  /** What scripts ran, which is known only afterwards. */
  #tellScripted(): void {
    const { monitors, store } = this.#server;
    if (monitors.size === 0) return;
    for (const { db, args } of store.takeScripted()) {
      const line = this.#line(db, 'lua', args);
      for (const monitor of monitors) monitor.line.send(line);
    }
  }

  #line(db: number, from: string, args: Buffer[]): Buffer {
    const nowMs = this.#server.nowMs();
    const words = redacted(args)
      .map((arg) => quoteArgument(arg.toString('latin1')))
      .join(' ');
    const at = `${Math.floor(nowMs / 1000)}.${String((nowMs % 1000) * 1000).padStart(6, '0')}`;
    return Buffer.from(`+${at} [${db} ${from}] ${words}\r\n`, 'latin1');
  }

  /** True when a command of this length belongs into the slow log. */
  isSlow(micros: number): boolean {
    const limit = this.#server.config.value('slowlog-log-slower-than');
    return limit >= 0 && micros >= limit;
  }

  /** A command has run: into the slow log and the latency monitor with it, if it took long. */
  ended(client: Client, args: Buffer[], micros: number, command: CommandSpec | null = commandOf(args)): void {
    if (!command) return;
    const { config, latency } = this.#server;
    // Who waits has not run yet; what it will take then is not the time it waited.
    if (client.blocked) client.onWake = () => this.#log(client, args, micros, command);
    else this.#logWhenRested(client, args, micros, command);
    const threshold = config.value('latency-monitor-threshold');
    if (threshold > 0 && micros >= threshold * 1000) {
      const event = command.flags.includes('fast') ? 'fast-command' : 'command';
      latency.add(event, Math.floor(micros / 1000), this.#server.nowMs());
    }
  }

  /** A script that rests is not over: what it takes from now on belongs to it. */
  #logWhenRested(client: Client, args: Buffer[], micros: number, command: CommandSpec): void {
    if (client.restsSinceMs === null) this.#log(client, args, micros, command);
    else client.onRested = (restMs) => this.#log(client, args, micros + Math.floor(restMs * 1000), command);
  }

  #log(client: Client, args: Buffer[], micros: number, command: CommandSpec): void {
    const { config, slowLog } = this.#server;
    if (!this.isSlow(micros) || command.flags.includes('skip_slowlog')) return;
    slowLog.add(
      {
        at: Math.floor(this.#server.nowMs() / 1000),
        micros,
        args: shortened(redacted(args)),
        address: client.address,
        name: client.name,
      },
      config.value('slowlog-max-len'),
    );
  }
}
