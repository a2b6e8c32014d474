/** The option table, the parser of files and arguments, CONFIG SET's rules and CONFIG REWRITE, without any server. */

import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { parseArguments } from '../../src/config/arguments.ts';
import { Config } from '../../src/config/config.ts';
import { configurationPage } from '../../src/config/documentation.ts';
import { applyConfigText, ConfigFileError } from '../../src/config/file.ts';
import { optionNames, rowOf } from '../../src/config/options.ts';
import { rewrittenConfig } from '../../src/config/rewrite.ts';
import { quoteArgument, splitArguments } from '../../src/protocol/split-arguments.ts';

const read = (text: string): Config => {
  const config = new Config();
  applyConfigText(config, text);
  return config;
};

test('quoting and splitting are inverse for any bytes', (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), (words) => {
      const texts = words.map((word) => Buffer.from(word).toString('latin1'));
      t.deepEqual(splitArguments(texts.map(quoteArgument).join(' ')), texts);
    }),
  );
  t.pass();
});

test('splitting follows the rules of sds', (t) => {
  t.deepEqual(splitArguments(` a  "b c" 'd\\'e' "\\x41\\n" f"g h" `), ['a', 'b c', "d'e", 'A\n', 'fg h']);
  t.deepEqual(splitArguments(''), []);
  t.deepEqual(splitArguments('""'), ['']);
  for (const bad of ['"a', "'a", '"a"b', 'a"b', '"a\\']) t.is(splitArguments(bad), null, bad);
});

test('every default is what its own kind makes of it', (t) => {
  const config = new Config();
  for (const name of optionNames) {
    const { kind } = rowOf(name);
    const lines = kind.lines(config.setting(name));
    const again = read(lines.map((words) => `${name} ${words}`).join('\n'));
    t.is(again.text(name), config.text(name), name);
  }
});

test('a file with quotes, comments, units and several words', (t) => {
  const config = read(
    '# top\n  PORT 6380\r\nmaxmemory 1gb\nrequirepass "a \\x62"\nsave 900 1\nsave ""\nslaveof ::1 7000\nbind 127.0.0.1 -::1\n',
  );
  t.is(config.value('port'), 6380);
  t.is(config.value('maxmemory'), 1024 ** 3);
  t.is(config.value('requirepass'), 'a b');
  t.deepEqual(config.value('save'), []);
  t.deepEqual(config.value('replicaof'), { host: '::1', port: 7000 });
  t.deepEqual(config.value('bind'), ['127.0.0.1', '-::1']);
});

for (const [text, save] of [
  ['', '3600 1 300 100 60 10000'],
  ['save', ''],
  ['save ""', ''],
  ['save 900 1', '900 1'],
  ['save 900 1\nsave 60 5 30 6', '900 1 60 5 30 6'],
  ['save 900 1\nsave', '900 1'],
  ['save 900 1\nsave ""\nsave "5 6"', '5 6'],
] as const) {
  // All seen on 7.0.15.
  test(`save points of lines add up: ${text.replaceAll('\n', '; ')}`, (t) => {
    t.is(read(text).text('save'), save);
  });
}

test('lines without a word are taken where several may stand', (t) => {
  const config = read('bind\nclient-output-buffer-limit\nlatency-tracking-info-percentiles');
  t.is(config.text('bind'), '');
  t.is(config.text('client-output-buffer-limit'), new Config().text('client-output-buffer-limit'));
  t.is(config.text('latency-tracking-info-percentiles'), '');
});

for (const [text, why] of [
  ['foo bar', 'Bad directive or wrong number of arguments'],
  ['\nport abc', "argument couldn't be parsed into an integer"],
  ['port 1 2', 'wrong number of arguments'],
  ['port', 'wrong number of arguments'],
  ['oom-score-adj-values', 'wrong number of arguments'],
  ['save 900 1 2', 'Invalid save parameters'],
  ['save "100', 'Unbalanced quotes in configuration line'],
  ['save 1', 'Invalid save parameters'],
  ['replicaof h', 'wrong number of arguments'],
  ['replicaof h x', 'Invalid master port'],
  ['databases 0', 'argument must be between 1 and 2147483647 inclusive'],
  ['loglevel foo', 'argument(s) must be one of the following: debug, verbose, notice, warning'],
  ['dir /nonexistent', 'No such file or directory'],
] as const) {
  test(`a bad line: ${text.trim()}`, (t) => {
    const error = t.throws(() => read(text), { instanceOf: ConfigFileError });
    const number = text.startsWith('\n') ? 2 : 1;
    t.is(error?.message, `Reading the configuration file, at line ${number}\n>>> '${text.trim()}'\n${why}`);
  });
}

test('arguments become text as redis-server makes it', (t) => {
  t.deepEqual(
    parseArguments(['a.conf', '--port', '6380', '--save', '--replicaof', 'h', '1', '--loglevel debug']),
    {
      file: 'a.conf',
      readsStandardInput: false,
      text: 'port "6380" \nsave ""\nreplicaof "h" "1" \nloglevel debug ',
    },
  );
  t.deepEqual(parseArguments(['-', '--port', '1']), {
    file: null,
    readsStandardInput: true,
    text: 'port "1" ',
  });
  t.true(parseArguments(['a.conf', '-']).readsStandardInput);
  t.is(parseArguments(['--masterauth', '--secret']).text, 'masterauth "--secret" ');
  t.is(parseArguments(['--save', '']).text, 'save "" ');
  t.is(parseArguments(['--port', '1', '--save']).text, 'port "1" \nsave ""');
});

test('a change is all or nothing', async (t) => {
  const config = new Config();
  const told: string[] = [];
  config.onChange('timeout', () => void told.push(`timeout ${config.value('timeout')}`));
  t.is(await config.change([['timeout', '7']], false), null);
  t.is(
    await config.change(
      [
        ['timeout', '9'],
        ['maxmemory', 'x'],
      ],
      false,
    ),
    "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value",
  );
  t.is(config.value('timeout'), 7);
  t.deepEqual(told, ['timeout 7']);
  t.is(
    await config.change([['appenddirname', 'x']], false),
    "ERR CONFIG SET failed (possibly related to argument 'appenddirname') - can't set immutable config",
  );
  t.is(
    await config.change([['dir', '/']], false),
    "ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config",
  );
  t.is(await config.change([['dir', '/']], true), null);
  t.is(
    await config.change([['Foo', 'x']], true),
    "ERR Unknown option or number of arguments for CONFIG SET - 'Foo'",
  );
  t.is(
    await config.change(
      [
        ['maxmemory', '1'],
        ['maxmemory', '2'],
      ],
      true,
    ),
    "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - duplicate parameter",
  );
});

test('CONFIG GET knows patterns and aliases', (t) => {
  const config = new Config();
  t.deepEqual(config.matching(['SLAVE-pri*', 'port']), [
    ['port', '6379'],
    ['slave-priority', '100'],
  ]);
  t.is(
    config.text('client-output-buffer-limit'),
    'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60',
  );
  t.is(config.text('notify-keyspace-events'), '');
});

test('a rewrite keeps comments and places, and drops what is not needed', async (t) => {
  const old = `# head
port 27003

  # indented
Maxmemory   100mb
save 900 1
save 300 10
slave-priority 50
client-output-buffer-limit pubsub 1mb 1mb 60
replicaof 127.0.0.1 1
requirepass "a b"
hz 10
hz 20
# tail
`;
  const config = read(old);
  config.assign('replicaof', ['no', 'one']);
  await config.change(
    [
      ['timeout', '30'],
      ['save', '60 5'],
      ['notify-keyspace-events', 'KEA'],
    ],
    true,
  );
  const text = rewrittenConfig(config, old);
  t.is(
    text.replace(/^dir .*\n/m, ''),
    `# head
port 27003

# indented
maxmemory 100mb
save 60 5

replica-priority 50
client-output-buffer-limit normal 0 0 0

requirepass "a b"
hz 20

# tail
# Generated by CONFIG REWRITE
timeout 30
client-output-buffer-limit pubsub 1mb 1mb 60
notify-keyspace-events "AKE"
`,
  );
  const again = read(text);
  for (const name of optionNames) t.is(again.text(name), config.text(name), name);
  const third = read(rewrittenConfig(again, text));
  for (const name of optionNames) t.is(third.text(name), config.text(name), `${name} after a second rewrite`);
});

test('docs/configuration.md is what the table gives', (t) => {
  t.is(readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8'), configurationPage());
});
