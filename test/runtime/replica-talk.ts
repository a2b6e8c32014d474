/**
 * What tests say as replicas, and ask of a server about its replicas.
 *
 * The replicas are sockets (`Talk`), attached without any word of what they understand.
 */
import { until } from '../servers/wait.ts';
import { Talk } from './helpers.ts';

/** A field of INFO. */
export async function field(talk: Talk, name: string): Promise<string | undefined> {
  const text = await talk.ask('INFO everything', /Keyspace[\s\S]*\r\n\r\n$|^-/);
  return new RegExp(`^${name}:(.*)\r$`, 'm').exec(text)?.[1];
}

/** Waits until a field of INFO is so. */
export const untilField = (talk: Talk, name: string, value: RegExp): Promise<boolean> =>
  until(`${name} to be ${value}`, async () => value.test((await field(talk, name)) ?? ''));

/** A replica without a mark: it has its snapshot, by length, when this resolves. */
export async function attached(port: number): Promise<Talk> {
  const replica = await Talk.open(port);
  replica.socket.write('PSYNC ? -1\r\n');
  await replica.hear(/\xff[\s\S]{8}$/);
  return replica;
}
