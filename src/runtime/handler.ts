/**
 * What a host command is to the rest: a function from a call to a reply.
 *
 * Arity, authentication, gates and MULTI's queue were seen to by the engine before it handed the command back. A handler
 * answers at once, or with a promise while the client waits (WAIT, SHUTDOWN); it never writes to the socket itself.
 */
import { error, type Reply } from '../protocol/reply.ts';
import type { Client } from './client.ts';
import type { Server } from './server.ts';

export interface Call {
  readonly server: Server;
  readonly client: Client;
  /** All words, the command's name included. They belong to the handler. */
  readonly args: Buffer[];
  readonly nowMs: number;
}

export type Answer = Reply | Promise<Reply>;
export type Handler = (call: Call) => Answer;
/** Lower-case names to handlers. */
export type Handlers = Readonly<Record<string, Handler>>;

export const syntaxError = error('ERR syntax error');
export const notInteger = error('ERR value is not an integer or out of range');

/** An argument as a binary string, and in lower case for words of the syntax. */
export const textOf = (arg: Buffer | undefined): string => arg?.toString('latin1') ?? '';
export const wordOf = (arg: Buffer | undefined): string => textOf(arg).toLowerCase();

/** A decimal 64-bit integer as Redis reads them, or null. Values beyond 2^53 lose precision. */
export function integerOf(arg: Buffer | undefined): number | null {
  const text = textOf(arg);
  if (!/^(0|-?[1-9][0-9]{0,18})$/.test(text)) return null;
  const value = BigInt(text);
  return value >= -(2n ** 63n) && value < 2n ** 63n ? Number(value) : null;
}

/**
 * A handler for a container command: picks the subcommand's handler. Unknown ones get Redis's error, HELP a list made
 * from the command table.
 */
export function container(name: string, subcommands: Handlers): Handler {
  return (call) => {
    const handler = subcommands[wordOf(call.args[1])];
    if (!handler)
      return error(
        `ERR unknown subcommand '${textOf(call.args[1]).slice(0, 128)}'. Try ${name.toUpperCase()} HELP.`,
      );
    return handler(call);
  };
}
