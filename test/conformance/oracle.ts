/**
 * Plays a case to a real redis-server and writes down what it says: the side that is right by definition.
 *
 * One server serves all cases of a test file, one after the other: every case gets new connections and empty
 * databases, and options that it changed are set back.
 */
import type { Client } from '../servers/client.ts';
import { pack, words } from '../servers/resp.ts';
import type { RunningServer } from '../servers/server.ts';
import { until } from '../servers/wait.ts';
import { type Case, runsOf, type Transcript, type Turn, turnOf } from './case.ts';
import { changesIn, countsIn } from './counts.ts';

const isPush = (frame: Buffer): boolean => frame[0] === 0x3e;

/** TTL rounds to whole seconds: what it says is true for half a second, whatever the machine does in between. */
const ttlHoldsMs = 400;

const asksTtl = ({ commands }: Case): boolean =>
  commands.some((command) => /^ttl$/i.test(String(words(turnOf(command).run)[0])));

/**
 * Plays a case by `play`, which can be called again. A case that asks for a TTL is played anew when the machine paused in it,
 * because then another answer is right, too.
 */
export async function withoutPause(script: Case, play: () => Promise<Transcript>): Promise<Transcript> {
  for (let tries = 0; tries < 50; tries++) {
    const beganMs = Date.now();
    const transcript = await play();
    if (!asksTtl(script) || Date.now() - beganMs < ttlHoldsMs) return transcript;
  }
  throw new Error(`this machine never plays '${script.name}' within ${ttlHoldsMs} ms`);
}

/** Plays a case over TCP. The server must be ours alone. */
export async function playToServer(
  server: Pick<RunningServer, 'client'>,
  script: Case,
  protocol: 2 | 3,
): Promise<Transcript> {
  const control = await server.client();
  const clients = new Map<string, { client: Client; id: number; frames: Buffer[] }>();
  const before = new Map<string, string>();
  const open = async (on: string): Promise<{ client: Client; id: number; frames: Buffer[] }> => {
    const known = clients.get(on);
    if (known !== undefined) return known;
    const client = await server.client();
    if (protocol === 3) await client.raw('HELLO 3');
    const connection = { client, id: Number(await client.ask('CLIENT ID')), frames: [] };
    clients.set(on, connection);
    return connection;
  };
  /** Pushes come beside the replies: they are written down but not counted. Only subscriptions are answered by them. */
  const hear = async (connection: { client: Client; frames: Buffer[] }, turns: Turn[]): Promise<void> => {
    for (const { run } of turns) {
      const isSubscription = /^[ps]?(un)?subscribe$/i.test(String(words(run)[0]));
      for (let isAnswered = false; !isAnswered; ) {
        const frame = await connection.client.frameOrEnd();
        if (frame === null) {
          // The server may close instead of answering; what matters is that it does.
          connection.frames.push(Buffer.from('(closed)'));
          return;
        }
        connection.frames.push(frame);
        isAnswered = isSubscription || !isPush(frame);
      }
    }
  };
  try {
    // What expires goes when a command meets it, as in a store without cron: at no moment of the server's own choice.
    await control.ask('DEBUG SET-ACTIVE-EXPIRE 0');
    await control.ask('FLUSHALL');
    for (const [name, value] of Object.entries(script.config ?? {})) {
      before.set(name, ((await control.ask(['CONFIG', 'GET', name])) as string[])[1] ?? '');
      const done = await control.ask(['CONFIG', 'SET', name, String(value)]);
      if (done !== 'OK') throw new Error(`CONFIG SET ${name} ${value} failed`);
    }
    await control.ask('CONFIG RESETSTAT');
    const changesBefore = changesIn(String(await control.ask('INFO persistence')));
    for (const run of runsOf(script.commands)) {
      const connection = await open(run[0]?.on ?? '');
      connection.client.write(Buffer.concat(run.map((turn) => pack(turn.run))));
      await hear(
        connection,
        run.filter((turn) => !turn.blocks),
      );
      if (run.some((turn) => turn.blocks)) {
        await until(`${script.name}: the client to be blocked`, async () =>
          /flags=\S*b/.test(String(await control.ask(['CLIENT', 'LIST', 'ID', connection.id]))),
        );
      }
      for (const [, other] of clients)
        if (other !== connection) other.frames.push(...other.client.takeReady());
    }
    // A woken client's answer may still be on its way: after a PONG of its own there is nothing more to come.
    for (const connection of clients.values()) {
      const info = String(await control.ask(['CLIENT', 'LIST', 'ID', connection.id]));
      if (info === '') connection.frames.push(...connection.client.takeReady(), Buffer.from('(gone)'));
      if (/flags=\S*b/.test(info) || info === '') continue;
      connection.client.send('PING redtwin-end');
      for (;;) {
        const frame = await connection.client.frame();
        // A subscriber is spoken to in arrays. In an open MULTI the PING is queued.
        if (
          /redtwin-end|^\+QUEUED|^-ERR Can't execute 'ping'|^-NOPERM.*'ping'/.test(frame.toString('latin1'))
        )
          break;
        connection.frames.push(frame);
      }
    }
    const info = String(await control.ask('INFO everything'));
    const counts = countsIn(info, changesIn(info) - changesBefore);
    const digest = String(await control.ask('DEBUG DIGEST'));
    const heard = [...clients].map(([on, connection]) => ({ on, frames: connection.frames }));
    return { heard, digest, counts };
  } finally {
    for (const [name, value] of before) await control.ask(['CONFIG', 'SET', name, value]);
    for (const { client } of clients.values()) client.close();
    control.close();
  }
}
