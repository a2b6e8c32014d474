/**
 * Reading INFO as monitoring does, for tests that wait for a replica: fields as a map, and the conditions "link is up"
 * and "has everything its primary has".
 */
import type { RunningServer } from '../servers/server.ts';
import { until } from '../servers/wait.ts';

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

/** Resolves when the replica's link is up. */
export async function untilLinkUp(replica: RunningServer, timeoutMs = 60_000): Promise<void> {
  await until(
    'the link to come up',
    async () => {
      if (replica.child.endedAs() !== null) throw new Error(`the replica ended:\n${replica.child.said()}`);
      const info = await infoOf(replica, 'replication');
      return info.get('master_link_status') === 'up' && info.get('master_sync_in_progress') === '0';
    },
    timeoutMs,
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${replica.child.said()}`);
  });
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
 * Resolves when primary and replica are at the same offset with the same digest: both are asked again and again, because
 * the primary may still delete what expires.
 */
export async function untilEqual(
  primary: RunningServer,
  replica: RunningServer,
  timeoutMs = 30_000,
): Promise<string> {
  return await until(
    'offsets and digests to be equal',
    async () => {
      const before = (await infoOf(primary, 'replication')).get('master_repl_offset');
      const reached = (await infoOf(replica, 'replication')).get('slave_repl_offset');
      if (before !== reached) throw new Error(`primary at ${before}, replica at ${reached}`);
      const [theirs, ours] = [await digestOf(primary), await digestOf(replica)];
      if (theirs !== ours) throw new Error(`primary ${theirs}, replica ${ours}, at offset ${before}`);
      return ours;
    },
    timeoutMs,
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${replica.child.said()}`);
  });
}
