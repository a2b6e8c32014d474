/**
 * COMMAND: what it tells of every command of redis-server 7.0.15 is what that server tells; only the sentences of DOCS
 * are our own, and its history is left out.
 */
import test from 'ava';
import { Client } from '../servers/client.ts';
import { Failure, type Value } from '../servers/resp.ts';
import { startServer } from '../servers/server.ts';
import { withServer } from './helpers.ts';

const ourOwn = new Set(['summary', 'complexity', 'history', 'replaced_by']);

/** Pairs of a flat RESP2 map. */
const pairs = (list: Value): [string, Value][] =>
  (list as Value[]).flatMap((name, i, all) =>
    i % 2 === 0 ? [[String(name), all[i + 1]!] as [string, Value]] : [],
  );

/** A command's docs without sentences; what is a set is sorted. */
function facts(docs: Value): unknown {
  return pairs(docs)
    .filter(([name]) => !ourOwn.has(name))
    .map(([name, value]) => {
      if (name === 'subcommands')
        return [
          name,
          pairs(value)
            .map(([sub, inner]) => [sub, facts(inner)])
            .sort(),
        ];
      return [name, name === 'doc_flags' ? [...(value as string[])].sort() : value];
    });
}

/** A row of COMMAND INFO with its sets sorted. */
function row(info: Value): unknown {
  const [name, arity, flags, first, last, step, categories, tips, keySpecs, subcommands] = info as Value[];
  const sorted = (list: Value | undefined): Value[] => [...(list as Value[])].sort();
  const subs = (subcommands as Value[]).map(row).sort();
  // Notes are sentences of another project's documentation.
  const specs = (keySpecs as Value[]).map((spec) => pairs(spec).filter(([field]) => field !== 'notes'));
  return [name, arity, sorted(flags), first, last, step, sorted(categories), sorted(tips), specs, subs];
}

/** What one server says, by command. */
async function told(
  port: number,
): Promise<{ docs: Map<string, unknown>; info: Map<string, unknown>; all: Value }> {
  const client = await Client.open(port);
  const docs = new Map(pairs(await client.ask('COMMAND DOCS')).map(([name, value]) => [name, facts(value)]));
  const rows = (await client.ask('COMMAND')) as Value[][];
  const info = new Map(rows.map((one) => [String(one[0]), row(one)]));
  const some = await client.ask('COMMAND DOCS get nosuch config|get');
  client.close();
  return { docs, info, all: pairs(some).map(([name]) => name) };
}

test('COMMAND INFO and DOCS have the facts of redis-server, and sentences for all', async (t) => {
  const redis = await startServer();
  try {
    const right = await told(redis.port);
    await withServer({ engine: 'portable' }, async ({ port }) => {
      const ours = await told(port);
      t.true(right.docs.size > 200);
      for (const [name, docs] of right.docs) t.deepEqual(ours.docs.get(name), docs, name);
      for (const [name, info] of right.info) t.deepEqual(ours.info.get(name), info, name);
      t.deepEqual(ours.all, right.all);
      const client = await Client.open(port);
      for (const [name, docs] of pairs(await client.ask('COMMAND DOCS')))
        t.regex(String(pairs(docs)[0]), /^summary,[A-Z].*\.$/, name);
      client.close();
    });
  } finally {
    await redis.stop();
  }
});

const questions = [
  'COMMAND GETKEYS SET k v',
  'COMMAND GETKEYS GET',
  'COMMAND GETKEYS NOSUCH a',
  'COMMAND GETKEYS PING',
  'COMMAND GETKEYS EVAL x 2 a b c',
  'COMMAND GETKEYS EVAL x 5 a b',
  'COMMAND GETKEYS ZUNIONSTORE d 2 a b WEIGHTS 1 2',
  'COMMAND GETKEYS XREAD COUNT 2 STREAMS a b 0 0',
  'COMMAND GETKEYS MIGRATE h 1 "" 0 1 KEYS a b',
  'COMMAND GETKEYS SORT k STORE d',
  'COMMAND GETKEYSANDFLAGS SET k v',
  'COMMAND GETKEYSANDFLAGS SET k v GET',
  'COMMAND GETKEYSANDFLAGS SORT k GET a STORE d',
  'COMMAND GETKEYSANDFLAGS BITFIELD k GET u8 0',
  'COMMAND GETKEYSANDFLAGS BITFIELD k SET u8 0 1',
  'COMMAND GETKEYSANDFLAGS LMOVE a b LEFT RIGHT',
  'COMMAND GETKEYSANDFLAGS COPY a b',
  'COMMAND GETKEYSANDFLAGS GEORADIUS k 1 1 1 km STORE d',
  'COMMAND LIST FILTERBY ACLCAT nonsense',
  'COMMAND LIST FILTERBY MODULE nonsense',
  'COMMAND LIST FILTERBY PATTERN z*store',
  'COMMAND LIST FILTERBY PATTERN config|*',
  'COMMAND LIST FILTERBY ACLCAT bitmap',
  'COMMAND LIST FILTERBY PATTERN',
  'COMMAND LIST FILTERBY NONSENSE x',
  'COMMAND LIST NONSENSE',
  'COMMAND INFO nosuch',
  'COMMAND DOCS nosuch',
  'COMMAND NONSENSE',
];

test('the other subcommands answer as redis-server does', async (t) => {
  const redis = await startServer();
  const sorted = (value: Value): unknown => {
    if (value instanceof Failure) return value.message;
    return Array.isArray(value) ? value.map(sorted).sort() : String(value);
  };
  const ask = async (port: number): Promise<unknown[]> => {
    const client = await Client.open(port);
    const answers: unknown[] = [];
    for (const question of questions)
      answers.push([
        question,
        sorted(await client.ask(question.split(' ').map((word) => word.replace(/^""$/, '')))),
      ]);
    client.close();
    return answers;
  };
  try {
    const right = await ask(redis.port);
    await withServer({ engine: 'portable' }, async ({ port }) => {
      t.deepEqual(await ask(port), right);
    });
  } finally {
    await redis.stop();
  }
});
