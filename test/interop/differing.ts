/**
 * When two digests differ: which keys do. Asks both servers for their keys and the digest of each value, database by
 * database, and names the first few that are missing, extra or different.
 *
 * Redis from 7.2 and Valkey digest a score in its shortest form (0.1), Redis 7.0 and we with 17 digits
 * (0.10000000000000001): the same sorted set has two digests. Valkey leaves a field's expiry out of a hash's digest,
 * Redis 7.4 and we do not. So sorted sets and hashes are compared by what they hold.
 */
import { createHash } from 'node:crypto';
import type { Client } from '../servers/client.ts';
import type { RunningServer } from '../servers/server.ts';

type Digests = Map<string, string>;

const digestOf = async (client: Client, key: Buffer): Promise<string> =>
  String(await client.ask(['DEBUG', 'DIGEST-VALUE', key]));

const hashOf = (content: unknown): string => createHash('sha1').update(JSON.stringify(content)).digest('hex');

/** Members and scores, however a score is spelled. */
async function scoresOf(client: Client, key: Buffer): Promise<string> {
  const pairs = (await client.ask(['ZRANGE', key, 0, -1, 'WITHSCORES'])) as string[];
  return hashOf(pairs.map((word, index) => (index % 2 && !/inf/.test(word) ? Number(word) : word)));
}

/** Fields with values and, where the server knows such, the moment each expires. */
async function fieldsOf(client: Client, key: Buffer): Promise<string> {
  const pairs = (await client.ask(['HGETALL', key])) as string[];
  const fields = pairs.filter((_, index) => index % 2 === 0);
  const words = fields.map((field) => Buffer.from(field, 'latin1'));
  const times = await client.ask(['HPEXPIRETIME', key, 'FIELDS', fields.length, ...words]);
  const rows = fields.map((field, index) => [
    field,
    pairs[index * 2 + 1],
    Array.isArray(times) ? times[index] : -1,
  ]);
  return hashOf(rows.sort(([one], [other]) => (String(one) < String(other) ? -1 : 1)));
}

/** Digest of each key's value, and whether it expires. Keys are latin1 text. */
async function digestsOf(client: Client, db: number): Promise<Digests> {
  await client.ask(['SELECT', db]);
  const keys = ((await client.ask('KEYS *')) as string[]).map((key) => Buffer.from(key, 'latin1'));
  const found: Digests = new Map();
  for (const key of keys) {
    const type = await client.ask(['TYPE', key]);
    const tell = type === 'zset' ? scoresOf : type === 'hash' ? fieldsOf : digestOf;
    const value = await tell(client, key);
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
