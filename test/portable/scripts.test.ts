/**
 * Scripts of the portable engine where they meet their limits: time, memory, a Lua that breaks. That data and other scripts
 * survive each of them is the promise. What scripts answer otherwise is in test/conformance/cases/script*.ts.
 */
import test from 'ava';
import { outcomeBytes, outcomeStop, Stop, type Store } from '../../src/engine/engine.ts';
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
  let outcome = store.execute(session, bytes, bytes.length, output, 1_700_000_000_000);
  while (outcomeStop(outcome) === Stop.busy) outcome = store.resume(session, output, 1_700_000_000_000);
  store.closeSession(session);
  return output.toString('latin1', 0, outcomeBytes(outcome));
}

/** Begins a script that must come to rest, and gives it so many turns; its session. */
function begin(store: Store, body: string, turns = 5): number {
  const session = store.openSession();
  const bytes = encodeCommand(['EVAL', body, '0'].map((word) => Buffer.from(word, 'latin1')));
  let outcome = store.execute(session, bytes, bytes.length, output, 1_700_000_000_000);
  for (let turn = 0; turn < turns && outcomeStop(outcome) === Stop.busy; turn++)
    outcome = store.resume(session, output, 1_700_000_000_000);
  return outcomeStop(outcome) === Stop.busy ? session : -1;
}

test('a script that never ends rests, in whatever Lua it is, and can be killed', (t) => {
  for (const [body, line] of [
    ['while true do end', 1],
    ['local n = 0\nrepeat\nn = n + 1\nuntil false', 0],
    ["while true do redis.call('ping') end", 1],
    ['\nwhile true do pcall(function() while true do end end) end', 2],
    ["local f = function() while 1 do redis.call('ping') end end\nwhile 1 do pcall(f) end", 1],
    ['while true do pcall(error, 1) xpcall(error, tostring) end', 1],
    ['local function f() pcall(f) end while true do f() end', 1],
    ['local function f() return xpcall(f, function(e) return e end) end while true do f() end', 1],
    ['while true do table.sort({3, 2, 1}, function(a, b) return a < b end) end', 1],
    ['while true do local _ = ("abc"):gsub(".", function(c) return c end) end', 1],
    ['for _ in function() return 1 end do end', 1],
    ['while true do coroutine.wrap(function() coroutine.yield(1) end)() end', 1],
  ] as const) {
    const store = open();
    const session = begin(store, body);
    t.not(session, -1, body);
    t.regex(run(store, 'GET', 'k'), /^-BUSY/);
    t.is(run(store, 'SCRIPT', 'KILL'), '+OK\r\n');
    const outcome = store.resume(session, output, 1_700_000_000_000);
    t.is(outcomeStop(outcome), Stop.drained);
    const at = new RegExp(
      `^-ERR Script killed by user with SCRIPT KILL\\.\\.\\. script: \\w{40}, on @user_script:${line || '\\d'}\\.`,
    );
    t.regex(output.toString('latin1', 0, outcomeBytes(outcome)), at, body);
    t.is(run(store, 'EVAL', 'local n = 0 for i = 1, 10000 do n = n + i end return n', '0'), ':50005000\r\n');
    store.close();
  }
});

test('what a script does between its rests is what it does without them', (t) => {
  const bodies = [
    `local log = {}
     local function work(n) for i = 1, 200000 do n = n + 1 end return n, nil, 'end' end
     log[#log + 1] = select('#', pcall(work, 1))
     log[#log + 1] = tostring(select(4, pcall(work, 1)))
     log[#log + 1] = select(2, pcall(function() work(1) error('late') end))
     log[#log + 1] = select(2, pcall(function() work(1) redis.call('nope') end))
     log[#log + 1] = select(2, xpcall(function() work(1) error('x') end, function(e) work(1) return e .. '!' end))
     log[#log + 1] = tostring(select(2, xpcall(function() work(1) error('x') end, function(e) error('y') end)))
     log[#log + 1] = tostring(coroutine.running())
     log[#log + 1] = select(2, pcall(coroutine.yield))
     local co = coroutine.create(function(a) work(1) local b = coroutine.yield(a + 1) work(1) return b * 2 end)
     log[#log + 1] = select(2, coroutine.resume(co, 1))
     log[#log + 1] = select(2, coroutine.resume(co, 21))
     log[#log + 1] = coroutine.status(co)
     local depth = 0
     local function down() depth = depth + 1 return pcall(down) end
     local answers = {down()}
     log[#log + 1] = depth .. ' ' .. tostring(answers[#answers])
     log[#log + 1] = select('#', pcall(function() work(1) return unpack({}, 1, 3000) end))
     return log`,
    "for i = 1, 300000 do end error({err = 'MINE of a table'})",
    "for i = 1, 300000 do end return redis.pcall('nope')",
    'for i = 1, 300000 do end local x = nil + 1',
    'local function f() for i = 1, 300000 do end return nil + 1 end\nf()',
  ];
  // The same with a machine that has no rests: the loops are short.
  for (const body of bodies) {
    const [long, short] = [open(), open()];
    const seen = [long, short].map((store, index) => {
      const text = index === 0 ? body : body.replaceAll(/[23]00000/g, '2');
      return run(store, 'EVAL', text, '0').replace(/script: \w{40}/, 'script');
    });
    t.is(seen[0], seen[1]);
    t.true(seen[0]!.length > 20);
    long.close();
    short.close();
  }
});

test('what a script wrote before it was left is fed as one unit with the rest; others find nothing of it', (t) => {
  const store = open();
  const from = store.feed.endOffset;
  const session = begin(
    store,
    "redis.call('set', 'a', 1) for i = 1, 5e6 do end redis.call('set', 'b', 2) return 7",
    3,
  );
  t.not(session, -1);
  t.is(store.feed.endOffset, from);
  t.regex(run(store, 'SCRIPT', 'KILL'), /^-UNKILLABLE/);
  t.regex(run(store, 'FUNCTION', 'KILL'), /^-UNKILLABLE/);
  t.is(store.cron(1_700_000_000_000, 100), 0);
  t.deepEqual(store.scriptStats().running?.isFunction, false);
  let outcome = store.resume(session, output, 1_700_000_000_000);
  while (outcomeStop(outcome) === Stop.busy) outcome = store.resume(session, output, 1_700_000_000_000);
  t.is(output.toString('latin1', 0, outcomeBytes(outcome)), ':7\r\n');
  const fed = store.feed.read(from, 1 << 16)!.toString('latin1');
  t.regex(fed, /MULTI(.|\s)*set(.|\s)*set(.|\s)*EXEC\r\n$/);
  t.is(store.scriptStats().running, null);
  store.close();
});

test('where Lua cannot be left, a script that never ends is stopped; what it wrote stays', (t) => {
  const store = open();
  store.configure('busy-reply-threshold', 1);
  for (const body of [
    "redis.call('incr', 'n') local c = coroutine.wrap(function() while true do end end) while true do pcall(c) end",
    'setmetatable({}, {__newindex = function() while true do end end}).x = 1',
    'table.sort({3, 2, 1}, function() while true do end end)',
    'return (("x"):gsub(".", function() while true do end end))',
    'table.sort({3, 2, 1}, function() while true do pcall(function() while true do end end) end end)',
  ])
    t.regex(run(store, 'EVAL', body, '0'), /^-ERR Script killed: it ran for too long/, body);
  t.is(run(store, 'GET', 'n'), '$1\r\n1\r\n');
  t.is(run(store, 'EVAL', 'local n = 0 for i = 1, 10000 do n = n + i end return n', '0'), ':50005000\r\n');
  t.regex(run(store, 'FUNCTION', 'LOAD', '#!lua name=x\nwhile true do end'), /FUNCTION LOAD timeout/);
  store.close();
});

test('memory without end is refused; scripts outlive the Lua that it filled, and functions have another', (t) => {
  const store = open();
  const sha = run(store, 'SCRIPT', 'LOAD', 'return ARGV[1]').slice(5, 45);
  const library =
    "#!lua name=lib\nlocal calls = 0\nredis.register_function('f', function() calls = calls + 1 return calls end)";
  t.is(run(store, 'FUNCTION', 'LOAD', library), '$3\r\nlib\r\n');
  t.is(run(store, 'FCALL', 'f', '0'), ':1\r\n');
  t.regex(run(store, 'EVAL', 'local t = {} for i = 1, 1e9 do t[i] = {i} end', '0'), /not enough memory/);
  t.is(run(store, 'EVALSHA', sha, '0', 'still'), '$5\r\nstill\r\n');
  t.is(run(store, 'FCALL', 'f', '0'), ':2\r\n');
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
