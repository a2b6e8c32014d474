/**
 * RESP beside its peers, on the same bytes:
 *
 *     the parser alone      crates/resp (ranges of a chunk)            hiredis (reply objects, freed at once), both in native loops
 *     replies for JavaScript   src/protocol/reply-decoder.ts            npm redis-parser, node-redis's decoder: the same values out
 *
 * Strings and Buffers are timed apart, because making strings is most of the work. redis-parser gives status replies (+OK) as
 * Buffers too when asked for Buffers, the others as strings.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pack } from '../test/servers/resp.ts';
import { type Bench, type Context, Rows } from './frame/bench.ts';
import { built } from './frame/built.ts';
import { type Piece, timeInTurns } from './frame/micro.ts';
import { hiredis } from './peers/hiredis.ts';

const require = createRequire(import.meta.url);
const manifest = fileURLToPath(new URL('../crates/Cargo.toml', import.meta.url));
const cache = fileURLToPath(new URL('.cache/', import.meta.url));

/** What is parsed: its bytes, and how many replies they are. */
const inputs = [
  {
    name: 'small replies',
    bytes: Buffer.from('+OK\r\n:1234\r\n$5\r\nhello\r\n'.repeat(600)),
    replies: 1800,
  },
  {
    name: '*3 SET commands',
    bytes: Buffer.concat(
      Array.from({ length: 200 }, (_, index) =>
        pack(['SET', `key:${String(index).padStart(12, '0')}`, 'x'.repeat(32)]),
      ),
    ),
    replies: 200,
  },
] as const;

/** What `*3 SET` costs the Rust parser, in a loop of its own; thousands of rounds of the same bytes. */
function rustParser(bytes: Buffer, rounds: number): number[] {
  mkdirSync(cache, { recursive: true });
  const path = join(cache, 'commands.resp');
  writeFileSync(path, bytes);
  const words = [
    'bench',
    '--quiet',
    '--manifest-path',
    manifest,
    '-p',
    'redtwin-resp',
    '--bench',
    'parser',
    '--',
  ];
  const output = execFileSync('cargo', [...words, path, String(rounds)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return output.trim().split('\n').map(Number);
}

/** Rows of the parsers without JavaScript. A side that cannot be had is noted and left out. */
function parsersAlone(context: Context, rows: Rows): void {
  for (const { name, bytes } of inputs) {
    try {
      const { parse } = hiredis();
      for (let round = 0; round <= context.rounds; round++) {
        const began = performance.now();
        let replies = 0;
        while (performance.now() - began < 200) replies += parse(bytes, 50);
        if (round > 0)
          rows.add(`${name}, parser alone, /s`, 'hiredis', (replies * 1000) / (performance.now() - began));
      }
    } catch (error) {
      context.note(`hiredis is left out: ${(error as Error).message.trim().split('\n')[0]}`);
    }
  }
  try {
    const [, commands] = inputs;
    for (const perSecond of rustParser(commands.bytes, context.rounds))
      rows.add(`${commands.name}, parser alone, /s`, 'redtwin native', perSecond);
  } catch (error) {
    context.note(`the Rust parser is left out: ${(error as Error).message.trim().split('\n')[0]}`);
  }
}

/** redis-parser's constructor, which has no types of its own. */
type NpmParser = new (options: {
  returnReply(value: unknown): void;
  returnError(error: Error): void;
  returnBuffers: boolean;
}) => { execute(chunk: Buffer): void };

/** node-redis's decoder, from inside its package. */
type NodeRedisDecoder = new (options: {
  onReply(value: unknown): void;
  onErrorReply(error: Error): void;
  onPush(items: unknown[]): void;
  getTypeMapping(): Record<number, unknown>;
}) => { write(chunk: Buffer): void };

const blobString = '$'.charCodeAt(0);

/** The three decoders on the same bytes; they count replies, so that none can be found to do nothing. */
function decoders(
  { ReplyDecoder }: typeof import('../src/protocol/reply-decoder.ts'),
  bytes: Buffer,
  replies: number,
  buffers: boolean,
): Piece[] {
  let count = 0;
  const onReply = (value: unknown): void => {
    if (value !== undefined) count++;
  };
  const fail = (error: Error): never => {
    throw error;
  };
  const counted = (decode: () => void): (() => void) => {
    count = 0;
    decode();
    if (count !== replies) throw new Error(`${count} replies instead of ${replies}`);
    return decode;
  };
  const npm = new (require('redis-parser') as NpmParser)({
    ...{ returnReply: onReply, returnError: fail, returnBuffers: buffers },
  });
  const { Decoder } = require('@redis/client/dist/lib/RESP/decoder.js') as { Decoder: NodeRedisDecoder };
  const mapping = buffers ? { [blobString]: Buffer } : {};
  const nodeRedis = new Decoder({
    onReply,
    onErrorReply: fail,
    onPush: fail as never,
    getTypeMapping: () => mapping,
  });
  const ours = new ReplyDecoder({ onReply, buffers });
  return [
    { who: 'redis-parser', run: counted(() => npm.execute(bytes)) },
    { who: 'node-redis', run: counted(() => nodeRedis.write(bytes)) },
    { who: 'redtwin', run: counted(() => ours.feed(bytes)) },
  ];
}

const modes = ['strings', 'buffers'] as const;

/** The bench. */
export const resp: Bench = {
  name: 'resp',
  question: 'how fast is RESP read, beside hiredis, redis-parser and node-redis?',
  cores: 'all',
  bars: [
    { what: '*3 SET commands, parser alone, /s', than: 'hiredis', atLeastTimes: 1.5 },
    ...inputs.flatMap(({ name }) =>
      modes.flatMap((mode) =>
        ['redis-parser', 'node-redis'].map((than) => ({
          ...{ what: `${name} as ${mode}, /s`, who: 'redtwin', than, atLeastTimes: 2 },
        })),
      ),
    ),
  ],
  async run(context) {
    const rows = new Rows();
    // Both are compiled first where they are not yet: nothing for two minutes in all.
    if (context.quick) context.note('hiredis and the Rust parser alone are left out of --quick');
    else parsersAlone(context, rows);
    const ours = await built<typeof import('../src/protocol/reply-decoder.ts')>('protocol/reply-decoder.js');
    for (const { name, bytes, replies } of inputs) {
      for (const mode of modes) {
        timeInTurns(
          decoders(ours, bytes, replies, mode === 'buffers'),
          context.rounds,
          context.quick,
          (who, seconds) => rows.add(`${name} as ${mode}, /s`, who, replies / seconds),
        );
      }
    }
    return rows.all();
  },
};
