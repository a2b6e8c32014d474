/**
 * Answers host commands: finds the handler, times and counts it, and sees to it that there is always an answer.
 *
 * A handler that throws (or whose promise fails) is a bug here, not the client's fault, but it must not take the other
 * clients with it: the client reads an error, the log has the whole story. Only a broken engine is passed on, because
 * nobody knows what it left half done; the process ends with it.
 */
import { RedtwinError } from '../errors.ts';
import { commandOf } from '../protocol/command-lookup.ts';
import { error, type Reply } from '../protocol/reply.ts';
import type { Client } from './client.ts';
import { handlers } from './commands/index.ts';
import type { Answer, Handlers } from './handler.ts';
import type { Server } from './server.ts';

export class Answering {
  readonly #server: Server;
  readonly #handlers: Handlers;

  /** Tests give handlers of their own. */
  constructor(server: Server, table: Handlers = handlers) {
    this.#server = server;
    this.#handlers = table;
  }

  answer(client: Client, args: Buffer[]): Answer {
    const word = args[0]!.toString('latin1').toLowerCase();
    const name = commandOf(args)?.name ?? word;
    const { commands } = this.#server.stats;
    const fromMs = performance.now();
    const answer = this.#run(word, client, args);
    const micros = (performance.now() - fromMs) * 1000;
    commands.ran(name, micros);
    this.#server.answered(client, args, micros);
    const counted = (reply: Reply): Reply => {
      if (reply.is === 'error') commands.failed(name, reply.text);
      return reply;
    };
    if (!(answer instanceof Promise)) return counted(answer);
    return answer.catch((cause: unknown) => this.#failed(word, cause)).then(counted);
  }

  #run(word: string, client: Client, args: Buffer[]): Answer {
    try {
      const handler = this.#handlers[word];
      if (!handler) throw new Error('the engine handed it back, but it is no host command');
      return handler({ server: this.#server, client, args, nowMs: this.#server.nowMs() });
    } catch (cause) {
      return this.#failed(word, cause);
    }
  }

  #failed(word: string, cause: unknown): Reply {
    if (cause instanceof RedtwinError && cause.code === 'engine-internal') throw cause;
    const story = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    this.#server.log.warning(`${word.toUpperCase()} failed, and its client was told so: ${story}`);
    return error(
      `ERR ${word.toUpperCase()} failed inside the server: ${cause instanceof Error ? cause.message : cause}`,
    );
  }
}
