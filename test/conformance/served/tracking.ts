/**
 * CLIENT TRACKING: what is remembered, who hears of which change in what form, and in which order. In RESP2 only redirections
 * are heard. See ../served.test.ts for how these are played.
 */
import type { Case, CommandLine, Turn } from '../case.ts';

export const before: readonly CommandLine[] = [
  'CONFIG SET tracking-table-max-keys 1000000 maxmemory 0 maxmemory-policy noeviction',
  'DEBUG SET-ACTIVE-EXPIRE 1',
  'FUNCTION FLUSH',
];

const on = (name: string, ...lines: CommandLine[]): Turn[] => lines.map((run) => ({ on: name, run }));

export const cases: Case[] = [
  {
    name: 'options and errors',
    commands: [
      ...on(
        'a',
        ...['CLIENT TRACKING', 'CLIENT TRACKING foo', 'CLIENT TRACKING on foo', 'CLIENT TRACKING off'],
        ...['CLIENT TRACKINGINFO', 'CLIENT GETREDIR', 'CLIENT CACHING yes', 'CLIENT CACHING foo'],
        ...[
          'CLIENT TRACKING on REDIRECT',
          'CLIENT TRACKING on REDIRECT x',
          'CLIENT TRACKING on REDIRECT 999999',
        ],
        ...['CLIENT TRACKING off REDIRECT 999999', 'CLIENT TRACKING foo PREFIX a'],
        ...[
          'CLIENT TRACKING on PREFIX a',
          'CLIENT TRACKING on BCAST OPTIN',
          'CLIENT TRACKING on BCAST OPTOUT',
        ],
        ...['CLIENT TRACKING on OPTIN OPTOUT', 'CLIENT TRACKING on BCAST PREFIX a PREFIX ab'],
        ...['CLIENT TRACKING on BCAST PREFIX a PREFIX b', 'CLIENT TRACKINGINFO', 'CLIENT GETREDIR'],
        ...['CLIENT TRACKING on BCAST PREFIX ax', 'CLIENT TRACKING on BCAST PREFIX c', 'CLIENT TRACKINGINFO'],
        ...['CLIENT TRACKING on', 'CLIENT TRACKING on BCAST', 'CLIENT TRACKING on BCAST NOLOOP PREFIX d'],
        ...['CLIENT TRACKINGINFO', 'CLIENT CACHING yes', 'CLIENT CACHING no', 'CLIENT TRACKING off'],
        ...['CLIENT TRACKINGINFO', 'CLIENT TRACKING on', 'CLIENT TRACKING on BCAST', 'CLIENT TRACKINGINFO'],
        ...[
          'CLIENT TRACKING on OPTIN',
          'CLIENT TRACKINGINFO',
          'CLIENT TRACKING on OPTOUT',
          'CLIENT CACHING no',
        ],
        ...['CLIENT CACHING yes', 'CLIENT TRACKINGINFO', 'PING', 'CLIENT TRACKINGINFO', 'CLIENT CACHING foo'],
        ...[
          'CLIENT TRACKING off',
          'CLIENT TRACKING on OPTOUT NOLOOP',
          'CLIENT CACHING yes',
          'CLIENT CACHING no',
        ],
        ...['CLIENT TRACKINGINFO', 'MULTI', 'CLIENT TRACKINGINFO', 'EXEC', 'CLIENT TRACKINGINFO', 'RESET'],
        ...['CLIENT TRACKINGINFO', 'CLIENT CACHING'],
      ),
    ],
  },
  {
    name: 'own and others’ changes',
    commands: [
      ...on('a', 'CLIENT TRACKING on', 'GET k', 'MGET k l', 'HGET h f', 'EXISTS e', 'TYPE t', 'SCARD s'),
      ...on(
        'b',
        'SET k 1',
        'SET k 2',
        'HSET h f v',
        'DEL l',
        'SET e 1',
        'SADD s 1',
        'RPUSH t 1',
        'DEL nothing',
      ),
      ...on('a', 'GET k', 'SET k 3', 'GET k', 'INCR k', 'INCR k', 'PING'),
      ...on(
        'a',
        'GET x',
        'RENAME k x',
        'GET x',
        'EXPIRE x 100',
        'GET x',
        'PERSIST x',
        'GET x',
        'TOUCH x',
        'TTL x',
      ),
      ...on('b', 'MULTI', 'SET x 1', 'SET k 1', 'EXEC'),
      ...on('a', 'GETEX x EX 100', 'GETDEL x', 'SET y 1', 'APPEND y 1'),
      ...on('a', 'CLIENT TRACKING off', 'GET k'),
      ...on('b', 'SET k 9'),
    ],
  },
  {
    name: 'transactions and scripts',
    commands: [
      ...on('a', 'CLIENT TRACKING on'),
      ...on('a', 'MULTI', 'GET k', 'SET k 1', 'GET k', 'CLIENT GETNAME', 'INCR k', 'EXEC', 'GET k'),
      ...on('b', 'SET k 5'),
      ...on('a', 'MULTI', 'GET k', 'GET l', 'EXEC'),
      ...on('b', 'SET l 5', 'SET k 6'),
      ...on(
        'a',
        ['EVAL', "return redis.call('get', 'hidden')", '2', 'k', 'l'],
        ['EVAL', "redis.call('set', 'm', 1) return 1", '1', 'm'],
        ['EVAL_RO', "return redis.call('get', KEYS[1])", '1', 'n'],
        ['EVAL_RO', 'return 1', '1', 'o'],
        [
          'EVAL',
          "redis.call('get', KEYS[1]) redis.call('set', KEYS[1], 2) return redis.call('get', KEYS[1])",
          '1',
          'p',
        ],
      ),
      ...on('b', 'MSET hidden 1 k 2 l 3 m 4 n 5 o 6 p 7'),
      ...on('a', 'PING'),
    ],
  },
  {
    name: 'OPTIN',
    commands: [
      ...on(
        'a',
        'CLIENT TRACKING on OPTIN',
        'GET a',
        'CLIENT CACHING yes',
        'GET b',
        'GET c',
        'CLIENT CACHING yes',
      ),
      ...on(
        'a',
        'MULTI',
        'GET d',
        'GET e',
        'EXEC',
        'GET f',
        'MULTI',
        'GET g',
        'CLIENT CACHING yes',
        'GET h',
        'EXEC',
      ),
      ...on('b', 'MSET a 1 b 1 c 1 d 1 e 1 f 1 g 1 h 1'),
      ...on('a', 'GET h'),
      ...on('b', 'SET h 1'),
    ],
  },
  {
    name: 'OPTOUT and NOLOOP',
    commands: [
      ...on(
        'a',
        'CLIENT TRACKING on OPTOUT NOLOOP',
        'GET a',
        'CLIENT CACHING no',
        'GET b',
        'GET c',
        'SET a 1',
      ),
      ...on('b', 'MSET a 1 b 1 c 1'),
      ...on('a', 'GET a', 'GET b'),
      ...on('b', 'MSET b 1'),
      ...on('a', 'SET a 2', 'GET a'),
      ...on('b', 'FLUSHALL'),
      ...on('a', 'FLUSHALL', 'FLUSHDB', 'PING'),
    ],
  },
  {
    name: 'BCAST',
    commands: [
      ...on('a', 'CLIENT TRACKING on BCAST PREFIX a PREFIX c'),
      ...on('b', 'CLIENT TRACKING on BCAST NOLOOP'),
      ...on('c', 'SET a1 1', 'SET b1 1', 'SET c1 1', 'MSET a3 1 a2 1 b2 1 a3 2'),
      ...on('b', 'SET a1 1'),
      ...on('a', 'SET a1 1', 'PING'),
      ...on('c', 'DEL a1 a2', 'SELECT 3', 'SET a9 1', 'FLUSHDB'),
      ...on('b', 'CLIENT TRACKING off'),
      ...on('c', 'SET a1 1'),
    ],
  },
  {
    name: 'flush',
    commands: [
      ...on('a', 'CLIENT TRACKING on', 'GET k', 'FLUSHALL', 'PING', 'GET k'),
      ...on('b', 'FLUSHDB ASYNC', 'SET k 1', 'FLUSHALL SYNC'),
      ...on('a', 'MULTI', 'GET k', 'FLUSHALL', 'SET k 1', 'EXEC', 'PING'),
    ],
  },
  {
    name: 'expiry',
    commands: [
      ...on('b', 'DEBUG SET-ACTIVE-EXPIRE 0', 'SET k v PX 1', 'DEBUG SLEEP 0.01'),
      ...on('a', 'CLIENT TRACKING on'),
      // Within EXEC time stands still: the key is there when it is read, however slow the machine is.
      ...on('a', 'MULTI', 'SET l v PX 20', 'GET l', 'EXEC', 'DEBUG SLEEP 0.05'),
      ...on('b', 'GET l', 'GET k'),
      ...on('a', 'PING'),
    ],
  },
  {
    name: 'eviction is told before the reply of the command that room is made for',
    commands: [
      ...on('a', 'CLIENT TRACKING on', 'SETEX k 1000 v', 'SET stays 1', 'GET k', 'GET stays'),
      ...on(
        'a',
        ...['CONFIG SET maxmemory-policy volatile-random', 'CONFIG SET maxmemory 1', 'GET k', 'SET l 1'],
        ...['CONFIG SET maxmemory 0', 'SET l 1', 'SETEX k 1000 v', 'GET k', 'GET l'],
        ...[
          'MULTI',
          'GET k',
          'CONFIG SET maxmemory 1',
          'GET k',
          'EXEC',
          'GET k',
          'INCR l',
          'CONFIG SET maxmemory 0',
        ],
        'PING',
      ),
    ],
  },
  {
    name: 'who waited hears the reply before what it changed itself',
    commands: [
      ...on('a', 'RPUSH to v', 'CLIENT TRACKING on', 'LRANGE to 0 -1', 'LRANGE from 0 -1'),
      { on: 'a', run: 'BLMOVE from to LEFT LEFT 0', blocks: true },
      ...on('b', 'RPUSH from w'),
      ...on('a', 'LRANGE to 0 -1', 'PING'),
    ],
  },
];
