/**
 * DEBUG and MEMORY: questions that tests and people ask about the insides.
 *
 * Only what can be true here: the engine has no process, no fork and no allocator of its own.
 */
import { bytes, lower } from '../bytes.ts';
import type { Call } from '../call.ts';
import { digestOf, digestOfValue } from '../digest.ts';
import type { Handler, HandlerTable } from '../handler.ts';
import { usedMemoryBytes } from '../memory.ts';
import { HandBack, refuse, refuseWith } from '../refusal.ts';
import { StringValue } from '../string.ts';

/** Refuses unless DEBUG has `count` arguments, itself included. */
function expectArguments(call: Call, min: number, max = min): void {
  if (call.args.length < min || call.args.length > max) handBack();
}

/** The host has the other subcommands, and the error for those that nobody has. */
function handBack(): never {
  throw new HandBack();
}

function digestValues(call: Call): void {
  call.reply.array(call.args.length - 2);
  for (const key of call.texts(2)) {
    const value = call.db.get(key);
    const digest =
      value === undefined ? Buffer.alloc(20) : digestOfValue(value, call.db.expiry(key) !== null);
    call.reply.simple(digest.toString('hex'));
  }
}

/** DEBUG POPULATE count [prefix] [size]: keys prefix:0 and on, which are left alone when they exist. */
function populate(call: Call): void {
  expectArguments(call, 3, 5);
  const count = call.positive(2);
  const prefix = call.args.length > 3 ? call.text(3) : 'key';
  const size = call.args.length > 4 ? call.positive(4) : null;
  for (let i = 0; i < count; i++) {
    const key = `${prefix}:${i}`;
    if (call.db.get(key) !== undefined) continue;
    const text = bytes(`value:${i}`);
    const value = size === null ? text : Buffer.concat([text, Buffer.alloc(size)]).subarray(0, size);
    call.create(key, new StringValue(Buffer.from(value)));
  }
  call.reply.ok();
}

/** DEBUG PROTOCOL: a sample of every kind of reply, for clients' own tests. */
function protocolSample(call: Call): void {
  const { reply } = call;
  expectArguments(call, 3);
  const isResp3 = reply.protocol === 3;
  const samples: Record<string, () => void> = {
    string: () => reply.bulk('Hello World'),
    integer: () => reply.integer(12345),
    // biome-ignore lint/suspicious/noApproximativeNumericConstant: this is what Redis answers.
    double: () => reply.double(3.141),
    null: () => reply.nullBulk(),
    array: () => {
      reply.array(3);
      for (let i = 0; i < 3; i++) reply.integer(i);
    },
    set: () => {
      reply.set(3);
      for (let i = 0; i < 3; i++) reply.integer(i);
    },
    map: () => {
      reply.map(3);
      for (let i = 0; i < 3; i++) {
        reply.integer(i);
        reply.boolean(i === 1);
      }
    },
    attrib: () => {
      if (isResp3) reply.raw(bytes('|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n'));
      reply.bulk('Some real reply following the attribute');
    },
    push: () => {
      if (!isResp3) refuseWith('ERR RESP2 is not supported by this command');
      reply.push(2);
      reply.bulk('server-cpu-usage');
      reply.integer(42);
    },
    verbatim: () => reply.verbatim('txt', 'This is a verbatim\nstring'),
    true: () => reply.boolean(true),
    false: () => reply.boolean(false),
    bignum: () => reply.bigNumber('1234567999999999999999999999999999999'),
  };
  const name = lower(call.text(2));
  if (!Object.hasOwn(samples, name)) {
    refuseWith(
      'ERR Wrong protocol type name. Please use one of the following: ' +
        'string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false',
    );
  }
  samples[name]!();
}

function objectFacts(call: Call): void {
  const value = call.db.get(call.text(2)) ?? refuse('noSuchKey');
  const idleSeconds = Math.floor((call.nowMs - value.accessedMs) / 1000);
  const clock = Math.floor(value.accessedMs / 1000) & 0xffffff;
  call.reply.simple(
    `Value at:0x0 refcount:1 encoding:${value.encoding} serializedlength:${value.sizeBytes()} ` +
      `lru:${clock} lru_seconds_idle:${idleSeconds}`,
  );
}

const done: Handler = ({ reply }) => reply.ok();

const subcommands: HandlerTable = {
  object: objectFacts,
  digest: (call) => call.reply.simple(digestOf(call.keyspace).toString('hex')),
  'digest-value': digestValues,
  populate,
  protocol: protocolSample,
  'set-active-expire': (call) => {
    expectArguments(call, 3);
    call.keyspace.isActiveExpiryOn = call.text(2) !== '0';
    call.reply.ok();
  },
  'set-disable-deny-scripts': (call) => {
    expectArguments(call, 3);
    call.keyspace.scriptsCallAll = call.text(2) === '1';
    call.reply.ok();
  },
  'set-skip-checksum-validation': (call) => {
    expectArguments(call, 3);
    call.keyspace.skipsDumpChecksums = call.text(2) !== '0';
    call.reply.ok();
  },
  error: (call) => {
    expectArguments(call, 3);
    refuseWith(call.text(2));
  },
  // These set thresholds of structures that do not exist here; accepting them lets tests run that use them.
  'quicklist-packed-threshold': done,
  'replybuffer-peak-reset-time': done,
  'dict-resizing': done,
};

export const debug: HandlerTable = {
  debug(call) {
    const name = lower(call.text(1));
    const run = Object.hasOwn(subcommands, name) ? subcommands[name]! : handBack;
    run(call);
  },

  'memory|usage': (call) => {
    if (call.args.length > 3) {
      if (call.args.length !== 5 || call.word(3) !== 'SAMPLES') refuse('syntax');
      if (call.integer(4) < 0) refuse('syntax');
    }
    const key = call.text(2);
    const value = call.lookup(key, 'silent');
    if (value === null) call.reply.nullBulk();
    else call.reply.integer(value.sizeBytes() + key.length + 56);
  },
  'memory|purge': done,
  'memory|malloc-stats': ({ reply }) => reply.bulk('Stats not supported for the current allocator'),
  'memory|doctor': ({ reply }) =>
    reply.verbatim(
      'txt',
      'The portable engine keeps its data in the JavaScript heap; look at the process instead.\n',
    ),
  'memory|stats': (call) => {
    const { reply, keyspace } = call;
    const used = keyspace.databases
      .map((database, db) => ({ database, db }))
      .filter((d) => d.database.size > 0);
    reply.map(2 + used.length);
    reply.bulk('total.allocated');
    reply.integer(usedMemoryBytes(keyspace));
    for (const { database, db } of used) {
      reply.bulk(`db.${db}`);
      reply.map(2);
      reply.bulk('overhead.hashtable.main');
      reply.integer(database.size * 56);
      reply.bulk('overhead.hashtable.expires');
      reply.integer(database.expiries.size * 32);
    }
    reply.bulk('keys.count');
    reply.integer(used.reduce((sum, { database }) => sum + database.size, 0));
  },
  'memory|help': ({ reply }) =>
    reply.help('MEMORY', [
      'DOCTOR',
      '    Return memory problems reports.',
      'MALLOC-STATS',
      '    Return internal statistics report from the memory allocator.',
      'PURGE',
      '    Attempt to purge dirty pages for reclamation by the allocator.',
      'STATS',
      '    Return information about the memory usage of the server.',
      'USAGE <key> [SAMPLES <count>]',
      '    Return memory in bytes used by <key> and its value. Nested values are',
      '    sampled up to <count> times (default: 5, 0 means sample all).',
    ]),
};
