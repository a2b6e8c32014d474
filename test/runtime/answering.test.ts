/**
 * A host command that fails inside the server: its client reads an error, the log has the story, everybody goes on.
 */
import test from 'ava';
import { RedtwinError } from '../../src/errors.ts';
import { HostCommands } from '../../src/observe/host-commands.ts';
import type { Reply } from '../../src/protocol/reply.ts';
import { Answering } from '../../src/runtime/answering.ts';
import type { Client } from '../../src/runtime/client.ts';
import type { Handlers } from '../../src/runtime/handler.ts';
import type { Server } from '../../src/runtime/server.ts';

/** What Answering needs of a server, with the lines of its log. */
function scene(handlers: Handlers): { answering: Answering; lines: string[]; commands: HostCommands } {
  const lines: string[] = [];
  const commands = new HostCommands();
  const server = {
    stats: { commands },
    nowMs: () => 0,
    answered: () => {},
    log: { warning: (line: string) => lines.push(line) },
  };
  return { answering: new Answering(server as unknown as Server, handlers), lines, commands };
}

const ask = (answering: Answering, name: string): Reply | Promise<Reply> =>
  answering.answer({} as Client, [Buffer.from(name)]);

const brokenEngine = new RedtwinError('engine-internal', 'poisoned');

test('a handler that throws becomes an error reply and a line in the log', (t) => {
  const { answering, lines, commands } = scene({
    info: () => {
      throw new Error('no such fact');
    },
  });
  t.deepEqual(ask(answering, 'INFO'), {
    is: 'error',
    text: 'ERR INFO failed inside the server: no such fact',
  });
  t.regex(lines.join(), /^INFO failed, and its client was told so: Error: no such fact\n/);
  t.deepEqual(
    commands.commandStats().map(({ name, calls, failed }) => ({ name, calls, failed })),
    [{ name: 'info', calls: 1, failed: 1 }],
  );
});

test('so does a promise that fails', async (t) => {
  const { answering, lines } = scene({ info: () => Promise.reject(new Error('too late')) });
  t.deepEqual(await ask(answering, 'info'), {
    is: 'error',
    text: 'ERR INFO failed inside the server: too late',
  });
  t.is(lines.length, 1);
});

test('a name without a handler is no different', (t) => {
  const { answering } = scene({});
  t.like(ask(answering, 'ping'), { is: 'error' });
});

test('a broken engine is passed on: the process must end', async (t) => {
  const { answering } = scene({
    info: () => {
      throw brokenEngine;
    },
    role: () => Promise.reject(brokenEngine),
  });
  t.throws(() => ask(answering, 'info'), { is: brokenEngine });
  await t.throwsAsync(async () => ask(answering, 'role'), { is: brokenEngine });
});
