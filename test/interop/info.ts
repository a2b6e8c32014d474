/**
 * Reading INFO as monitoring does, for tests that wait for a replica: fields as a map, and the conditions "link is up"
 * and "has everything its primary has".
 */
import type { RunningServer } from '../servers/server.ts';
import { Hopeless, until } from '../servers/wait.ts';
import { differingKeys } from './differing.ts';

/** The fields of one section of INFO. */
export async function infoOf(server: RunningServer, section: string): Promise<Map<string, string>> {
  const client = await server.client();
  try {
    const text = String(await client.ask(['INFO', section]));
    const rows = text.split('\r\n').filter((row) => row.includes(':'));
    return new Map(rows.map((row) => [row.slice(0, row.indexOf(':')), row.slice(row.indexOf(':') + 1)]));
  } finally {
    client.close();
  }
}

/** Waits for a condition of a replica; a replica that has ended, or that never gets there, tells its last words. */
async function untilReplica<T>(
  what: string,
  replica: RunningServer,
  condition: () => Promise<T>,
  timeoutMs: number,
): Promise<NonNullable<T>> {
  try {
    return await until(
      what,
      async () => {
        if (replica.child.endedAs() !== null)
          throw new Hopeless(`the replica ended as ${replica.child.endedAs()}`);
        if (/nothing more is applied/.test(replica.child.said()))
          throw new Hopeless('the link stopped for good');
        return await condition();
      },
      timeoutMs,
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${replica.child.said().slice(-4000)}`, { cause: error });
  }
}

/** Resolves when the replica's link is up. */
export async function untilLinkUp(replica: RunningServer, timeoutMs = 120_000): Promise<void> {
  const isUp = async (): Promise<boolean> => {
    const info = await infoOf(replica, 'replication');
    return info.get('master_link_status') === 'up' && info.get('master_sync_in_progress') === '0';
  };
  await untilReplica('the link to come up', replica, isUp, timeoutMs);
}

/** DEBUG DIGEST of a server. */
export async function digestOf(server: RunningServer): Promise<string> {
  const client = await server.client();
  try {
    return String(await client.ask('DEBUG DIGEST'));
  } finally {
    client.close();
  }
}

/**
 * Resolves when primary and replica are at the same offset with the same data: both are asked again and again, because
 * the primary may still delete what expires. `comparable`: the primary digests as Redis 7.0 does, so DEBUG DIGEST is
 * compared; otherwise value by value.
 */
export async function untilEqual(
  primary: RunningServer,
  replica: RunningServer,
  comparable: boolean,
  timeoutMs = 60_000,
): Promise<void> {
  const equal = async (): Promise<boolean> => {
    const sent = (await infoOf(primary, 'replication')).get('master_repl_offset');
    const reached = (await infoOf(replica, 'replication')).get('slave_repl_offset');
    if (sent !== reached) throw new Error(`primary at ${sent}, replica at ${reached}`);
    if (!comparable) {
      const lines = await differingKeys(primary, replica);
      if (lines.length > 0) throw new Error(lines.join('\n'));
      return true;
    }
    const [theirs, ours] = [await digestOf(primary), await digestOf(replica)];
    if (theirs === ours && /^[0-9a-f]{40}$/.test(ours)) return true;
    throw new Error(`primary ${theirs}, replica ${ours}, at offset ${sent}`);
  };
  try {
    await untilReplica('offsets and digests to be equal', replica, equal, timeoutMs);
  } catch (error) {
    const lines = replica.child.endedAs() === null ? await differingKeys(primary, replica) : [];
    throw new Error([(error as Error).message, ...lines].join('\n'), { cause: error });
  }
}
