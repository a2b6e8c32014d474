/**
 * Scripts of the portable engine where they meet their limits: time, memory, a Lua that breaks. That data and other scripts
 * survive each of them is the promise. What scripts answer otherwise is in test/conformance/cases/script*.ts.
 */
import test from 'ava';
import { outcomeBytes, type Store } from '../../src/engine/engine.ts';
import { encodeCommand } from '../../src/engine/portable/feed.ts';
import { portableEngine } from '../../src/engine/portable/index.ts';

const open = (): Store => {
  const store = portableEngine.open({ databases: 2, seed: 1n, backlogBytes: 1 << 20 });
  store.feed.turn(true);
  return store;
};
const output = Buffer.alloc(1 << 16);

function run(store: Store, ...words: string[]): string {
  const session = store.openSession();
  const bytes = encodeCommand(words.map((word) => Buffer.from(word, 'latin1')));
  const outcome = store.execute(session, bytes, bytes.length, output, 1_700_000_000_000);
  store.closeSession(session);
  return output.toString('latin1', 0, outcomeBytes(outcome));
}

test('a script that never ends is stopped, whatever it is in; what it wrote stays', (t) => {
  const store = open();
  store.configure('busy-reply-threshold', 1);
  for (const body of [
    'while true do end',
    'while true do pcall(function() while true do end end) end',
    'local c = coroutine.wrap(function() while true do end end) while true do pcall(c) end',
    "while true do redis.call('incr', 'n') end",
    'setmetatable({}, {__index = function() while true do end end}).x = 1 return ({})[1], ("x"):rep(10, 1), (function() while true do end end)()',
    'table.sort({3, 2, 1}, function() while true do end end)',
    'return (("x"):gsub(".", function() while true do end end))',
  ])
    t.regex(run(store, 'EVAL', body, '0'), /^-ERR Script killed/, body);
  t.regex(run(store, 'GET', 'n'), /^\$\d+\r\n[1-9]/);
  t.is(run(store, 'EVAL', 'local n = 0 for i = 1, 10000 do n = n + i end return n', '0'), ':50005000\r\n');
  t.regex(run(store, 'FUNCTION', 'LOAD', '#!lua name=x\nwhile true do end'), /FUNCTION LOAD timeout/);
  store.close();
});

test('memory without end is refused; scripts and functions outlive the Lua that it filled', (t) => {
  const store = open();
  const sha = run(store, 'SCRIPT', 'LOAD', 'return ARGV[1]').slice(5, 45);
  const library =
    "#!lua name=lib\nlocal calls = 0\nredis.register_function('f', function() calls = calls + 1 return calls end)";
  t.is(run(store, 'FUNCTION', 'LOAD', library), '$3\r\nlib\r\n');
  t.is(run(store, 'FCALL', 'f', '0'), ':1\r\n');
  t.regex(run(store, 'EVAL', 'local t = {} for i = 1, 1e9 do t[i] = {i} end', '0'), /not enough memory/);
  t.is(run(store, 'EVALSHA', sha, '0', 'still'), '$5\r\nstill\r\n');
  t.is(run(store, 'FCALL', 'f', '0'), ':1\r\n', 'a new Lua begins anew');
  store.close();
});

test("a pattern that fills JavaScript's stack ends the script alone", (t) => {
  const store = open();
  run(store, 'SET', 'k', 'v');
  const body =
    "redis.call('set', 'k', 'w') return string.find(string.rep('a', 4e5), string.rep('a?', 4e5) .. 'b')";
  t.regex(run(store, 'EVAL', body, '0'), /^-ERR Error running script [0-9a-f]{40}, /);
  t.is(run(store, 'EVAL', "return redis.call('get', 'k')", '0'), '$1\r\nw\r\n');
  store.close();
});

test('integers are as wide as where Redis runs, though pointers are not', (t) => {
  const store = open();
  for (const [body, text] of [
    [
      "string.format('%d|%5d|%-14d|%+d', 2^53, -2^31 - 1, 3e9, 4e9)",
      '9007199254740992|-2147483649|3000000000    |+4000000000',
    ],
    [
      "string.format('%x|%X|%#o|%08x', -1, 2^40, 2^33, 5e9)",
      'ffffffffffffffff|10000000000|0100000000000|12a05f200',
    ],
    [
      "string.format('%.12d|%014d|%d%%', 5e9, -5e9, 1e300)",
      '005000000000|-0005000000000|-9223372036854775808%',
    ],
    ["(('%s:%d'):format('a', 2^31))", 'a:2147483648'],
    ["select(2, pcall(string.format, '%d', 'x'))", "bad argument #2 to '?' (number expected, got string)"],
  ])
    t.is(run(store, 'EVAL', `return ${body}`, '0'), `$${text!.length}\r\n${text}\r\n`, body);
  store.close();
});
