/**
 * What the primary's lines mean at which moment, and that no line whatever can do harm.
 *
 * Any bytes at all are tried, too.
 */
import test from 'ava';
import fc from 'fast-check';
import { interpret, type ListeningState, shown } from '../../src/replication/replica-link/replies.ts';
import { handshakeNames } from '../../src/replication/replica-link/states.ts';
import { idA } from './samples.ts';

const rows: [ListeningState, string, object][] = [
  ['receive-ping-reply', '+PONG', { name: 'accepted' }],
  ['receive-ping-reply', '-NOAUTH Authentication required.', { name: 'accepted' }],
  ['receive-ping-reply', '-NOPERM no', { name: 'accepted' }],
  ['receive-ping-reply', '-ERR operation not permitted', { name: 'accepted' }],
  ['receive-ping-reply', '-ERR max number of clients reached', { name: 'refused' }],
  ['receive-ping-reply', '', { name: 'garbled', because: 'garbled-reply' }],
  ['receive-ping-reply', 'HTTP/1.1 400 Bad Request', { name: 'garbled', detail: 'HTTP/1.1 400 Bad Request' }],
  ['receive-auth', '+OK', { name: 'accepted' }],
  ['receive-auth', '-WRONGPASS no', { name: 'refused', detail: 'WRONGPASS no' }],
  ['receive-version', '-ERR Unrecognized REPLCONF option: version', { name: 'refused' }],

  ['receive-psync', '', { name: 'keptAlive' }],
  ['receive-psync', `+FULLRESYNC ${idA} 0`, { name: 'fullResynced', id: idA, offset: 0 }],
  ['receive-psync', `+FULLRESYNC ${idA} 9007199254740991`, { name: 'fullResynced', offset: 2 ** 53 - 1 }],
  ['receive-psync', `+FULLRESYNC ${idA} 9007199254740992`, { name: 'garbled' }],
  ['receive-psync', `+FULLRESYNC ${idA} -1`, { name: 'garbled' }],
  ['receive-psync', `+FULLRESYNC ${idA}`, { name: 'garbled' }],
  ['receive-psync', '+FULLRESYNC abc 5', { name: 'garbled' }],
  ['receive-psync', '+FULLRESYNC', { name: 'garbled' }],
  ['receive-psync', '+CONTINUE', { name: 'continued', id: null }],
  ['receive-psync', `+CONTINUE ${idA}`, { name: 'continued', id: idA }],
  ['receive-psync', '+CONTINUE abc', { name: 'garbled' }],
  ['receive-psync', '+CONTINUED', { name: 'garbled' }],
  ['receive-psync', '+RDBCHANNELSYNC 6', { name: 'garbled' }],
  ['receive-psync', '-NOMASTERLINK no link', { name: 'deferred' }],
  ['receive-psync', '-LOADING busy', { name: 'deferred' }],
  ['receive-psync', "-ERR unknown command 'PSYNC'", { name: 'unsupported' }],
  ['receive-psync', '-NOAUTH Authentication required.', { name: 'unsupported' }],
  ['receive-psync', '$5', { name: 'garbled' }],

  ['await-snapshot', '', { name: 'keptAlive' }],
  ['await-snapshot', '$0', { name: 'announced', format: { ends: 'length', bytes: 0 } }],
  ['await-snapshot', '$201', { name: 'announced', format: { ends: 'length', bytes: 201 } }],
  ['await-snapshot', `$EOF:${idA}`, { name: 'announced', format: { ends: 'mark', mark: idA } }],
  ['await-snapshot', `$EOF:${idA}x`, { name: 'garbled', because: 'snapshot-header' }],
  ['await-snapshot', '$EOF:', { name: 'garbled' }],
  ['await-snapshot', '$9223372036854775808', { name: 'garbled', because: 'snapshot-header' }],
  ['await-snapshot', '$-1', { name: 'garbled' }],
  ['await-snapshot', '$', { name: 'garbled' }],
  ['await-snapshot', '$12x', { name: 'garbled' }],
  ['await-snapshot', '$1e3', { name: 'garbled' }],
  ['await-snapshot', "-ERR BGSAVE failed, replication can't continue", { name: 'refused' }],
  ['await-snapshot', '+OK', { name: 'garbled' }],
];

for (const [state, line, event] of rows)
  test(`${state}: ${line.slice(0, 90)}`, (t) => {
    t.like(interpret(state, line, 5), { ...event, nowMs: 5 });
  });

test('any line is some event', (t) => {
  const states = fc.constantFrom<ListeningState>(...handshakeNames, 'await-snapshot');
  const start = fc.constantFrom('', '+', '-', '$', '+FULLRESYNC ', '+CONTINUE ', '$EOF:', '-ERR ');
  const line = fc.tuple(start, fc.string({ unit: 'binary' })).map((parts) => parts.join(''));
  t.notThrows(() =>
    fc.assert(fc.property(states, line, (state, text) => interpret(state, text, 0).nowMs === 0)),
  );
});

test('what a log shows is printable and short', (t) => {
  t.is(shown('a\r\nb\x1b[31m\xff'), 'a\\x0d\\x0ab\\x1b[31m\\xff');
  t.true(shown('x'.repeat(5000)).length < 250);
});
