/**
 * When two digests differ: which keys do. Asks both servers for their keys and the digest of each value, database by
 * database, and names the first few that are missing, extra or different.
 */
import type { Client } from '../servers/client.ts';
import type { RunningServer } from '../servers/server.ts';

type Digests = Map<string, string>;

/** Digest of each key's value, and whether it expires. Keys are latin1 text. */
async function digestsOf(client: Client, db: number): Promise<Digests> {
  await client.ask(['SELECT', db]);
  const keys = ((await client.ask('KEYS *')) as string[]).map((key) => Buffer.from(key, 'latin1'));
  const found: Digests = new Map();
  for (const key of keys) {
    const [value] = (await client.ask(['DEBUG', 'DIGEST-VALUE', key])) as string[];
    const expires = Number(await client.ask(['PTTL', key])) >= 0 ? ', expires' : '';
    found.set(key.toString('latin1'), `${value}${expires}`);
  }
  return found;
}

/** Lines that name what differs; at most 20. */
export async function differingKeys(primary: RunningServer, replica: RunningServer): Promise<string[]> {
  const [theirs, ours] = [await primary.client(), await replica.client()];
  const lines: string[] = [];
  for (let db = 0; db < 16; db++) {
    const [right, have] = [await digestsOf(theirs, db), await digestsOf(ours, db)];
    for (const key of new Set([...right.keys(), ...have.keys()])) {
      if (right.get(key) === have.get(key)) continue;
      const name = Buffer.from(key, 'latin1');
      const encoding = String(await theirs.ask(['OBJECT', 'ENCODING', name]));
      lines.push(
        `db ${db} ${JSON.stringify(key)} (${encoding}): ${right.get(key)} there, ${have.get(key)} here`,
      );
    }
  }
  theirs.close();
  ours.close();
  return lines.slice(0, 20);
}
