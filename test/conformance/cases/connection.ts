/**
 * PING, ECHO, SELECT, and what is answered to commands that are unknown or have the wrong number of arguments.
 * See ../case.ts for what a case is.
 */
import type { Case } from '../case.ts';

export const cases: Case[] = [
  {
    name: 'ping, echo, select',
    commands: [
      'PING',
      'ping',
      'PING hello',
      ['PING', ''],
      'PING a b',
      'ECHO x',
      ['ECHO', Buffer.from([0, 1, 2, 13, 10])],
      'ECHO',
      'ECHO a b',
      'SELECT 1',
      'SET a 1',
      'SELECT 0',
      'GET a',
      'SELECT 15',
      'SELECT 16',
      'SELECT -1',
      'SELECT x',
      'SELECT 99999999999',
      'SELECT 1.5',
      'SELECT',
      'TIME x',
    ],
  },
  {
    name: 'unknown commands',
    commands: [
      'NONSENSE',
      'nonsense a b c',
      ['NONSENSE', 'x'.repeat(200), 'y'],
      ['NONSENSE', ...Array.from({ length: 50 }, (_, i) => `argument${i}`)],
      ['x'.repeat(300)],
      ['NON\r\nSENSE', 'a\r\nb', 'c'],
      ['NON\0SENSE', 'a\0b', 'c'],
      ['', 'a'],
      ['NONSENSE', ''],
      ['NONSENSE', Buffer.from([200, 201, 255])],
      'OBJECT',
      'OBJECT NONSENSE',
      ['OBJECT', 'x'.repeat(300)],
      'object nonsense a',
      'MEMORY',
      'XGROUP NONSENSE a b',
      'GET',
      'get a b',
      'Object Encoding',
    ],
  },
];
