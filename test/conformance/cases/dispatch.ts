/**
 * What happens before any command runs: unknown names, wrong arity, container commands, and the order in which these
 * are found. The families' own files say the rest.
 */
import type { Case } from '../case.ts';

export const cases: Case[] = [
  {
    name: 'unknown commands quote what was sent, within limits',
    commands: [
      'nosuch',
      'nosuch a b c',
      ['nosuch', 'a'.repeat(200), 'b'.repeat(200)],
      ['n'.repeat(300), 'x'],
      ['no such', 'with space'],
      ['', 'empty'],
      ['nosuch', ''],
      ['nosuch', "it's"],
      ['nosuch', Buffer.from([0, 1, 255, 10, 13])],
      ['nosuch', ...Array.from({ length: 40 }, (_, index) => `argument${index}`)],
    ],
  },
  {
    name: 'wrong arity',
    commands: [
      'GET',
      'GET a b',
      'get',
      'SET k',
      'MGET',
      'MSET a',
      'MSET a 1 b',
      'DEL',
      'PING a b',
      'ECHO',
      'TTL',
    ],
  },
  {
    name: 'container commands and their subcommands',
    commands: [
      'OBJECT',
      'OBJECT NOSUCH k',
      'OBJECT ENCODING',
      'OBJECT ENCODING a b',
      'OBJECT HELP',
      'object help x',
    ],
  },
  {
    name: 'names in any case, arguments kept as they are',
    commands: [
      'sEt Key Value',
      'GeT Key',
      'GET key',
      'ObJeCt eNcOdInG Key',
      'PING',
      'PING Hello',
      ['ECHO', ''],
    ],
  },
  {
    name: 'databases',
    commands: [
      ...['SET k 0', 'SELECT 1', 'GET k', 'SET k 1', 'DBSIZE', 'SELECT 0', 'GET k', 'SELECT 15', 'SELECT 16'],
      ...['SELECT -1', 'SELECT x', 'SELECT', 'SELECT 1 2', 'SWAPDB 0 1', 'SELECT 0', 'GET k', 'SWAPDB 0 16'],
      ...[
        'SWAPDB x 1',
        'SWAPDB 0 y',
        'SWAPDB 3 3',
        'FLUSHDB',
        'DBSIZE',
        'SELECT 1',
        'DBSIZE',
        'FLUSHALL',
        'DBSIZE',
      ],
      ...['FLUSHDB x', 'FLUSHALL ASYNC', 'FLUSHDB SYNC', 'FLUSHALL SYNC ASYNC'],
    ],
  },
];
