/**
 * INFO: the same sections, fields and order as redis-server 7.0, with fields of our own only at the ends of sections.
 */
import test from 'ava';
import { startServer } from '../servers/server.ts';
import { Talk, withServer } from './helpers.ts';

/** Sections with the names of their fields, from the text of INFO. */
function fieldsOf(reply: string): Map<string, string[]> {
  const sections = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of reply.split('\r\n')) {
    if (line.startsWith('# ')) {
      current = [];
      sections.set(line.slice(2), current);
    } else if (line.includes(':')) {
      current.push(line.slice(0, line.indexOf(':')));
    }
  }
  return sections;
}

const isOurs = (name: string): boolean => /^(redtwin_|engine$|node_version$)/.test(name);

/** Sections whose fields depend on what happened before; their own tests look at them. */
const eventful = ['Commandstats', 'Errorstats', 'Latencystats'];

test('INFO has the fields of redis-server in its order', async (t) => {
  const redis = await startServer();
  try {
    const theirs = fieldsOf(
      await (await Talk.open(redis.port)).ask('INFO EVERYTHING', /# Keyspace\r\n\r\n$/),
    );
    await withServer({ engine: 'portable' }, async ({ port }) => {
      const ours = fieldsOf(await (await Talk.open(port)).ask('INFO EVERYTHING', /# Keyspace\r\n\r\n$/));
      t.deepEqual([...ours.keys()], [...theirs.keys()]);
      for (const [section, names] of theirs) {
        if (eventful.includes(section)) continue;
        const all = ours.get(section) ?? [];
        const shared = all.filter((name) => !isOurs(name));
        t.deepEqual(shared, names, section);
        t.deepEqual(all.slice(0, shared.length), shared, `${section}: our own fields come last`);
      }
    });
  } finally {
    await redis.stop();
  }
});

test('INFO of a replica whose primary is away has the fields of redis-server in its order', async (t) => {
  const redis = await startServer({ args: ['--replicaof', '127.0.0.1', '1'] });
  try {
    const theirs = fieldsOf(
      await (await Talk.open(redis.port)).ask('INFO REPLICATION', /histlen:\d+\r\n\r\n$/),
    );
    await withServer({ engine: 'portable', replicaof: '127.0.0.1 1' }, async ({ port }) => {
      const talk = await Talk.open(port);
      const ours = fieldsOf(await talk.ask('INFO REPLICATION', /field_expiries_dropped:\d+\r\n\r\n$/));
      const shared = ours.get('Replication')?.filter((name) => !isOurs(name));
      t.deepEqual(shared, theirs.get('Replication'));
      t.regex(await talk.ask('ROLE'), /^\*5\r\n\$5\r\nslave\r\n\$9\r\n127\.0\.0\.1\r\n:1\r\n\$7\r\nconnect/);
    });
  } finally {
    await redis.stop();
  }
});

test('sections are chosen by name, and counters count', async (t) => {
  await withServer({ engine: 'portable' }, async ({ port }) => {
    const talk = await Talk.open(port);
    await talk.ask('SET k v');
    await talk.ask('GET k');
    await talk.ask('GET nothing');
    await talk.ask('AUTH wrong user');
    const stats = await talk.ask('INFO stats errorstats', /errorstat_WRONGPASS:count=1\r\n\r\n$/);
    t.deepEqual([...fieldsOf(stats).keys()], ['Stats', 'Errorstats']);
    t.regex(stats, /\r\nkeyspace_hits:1\r\nkeyspace_misses:1\r\n/);
    t.regex(stats, /\r\ntotal_connections_received:1\r\n/);
    t.regex(await talk.ask('INFO keyspace'), /db0:keys=1,expires=0,avg_ttl=0/);
    t.is(await talk.ask('CONFIG RESETSTAT'), '+OK\r\n');
    t.regex(await talk.ask('INFO stats', /redtwin_opaque\w+:0\r\n\r\n$/), /\r\nkeyspace_hits:0\r\n/);
  });
});
