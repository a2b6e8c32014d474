/**
 * Damaged RDBs for every job of the toolkit, on both engines.
 *
 *     golden file --> a few bytes changed, cut, doubled, moved --> checksum made right again, half of the time
 *                 --> each job, in chunks of any size ---> fine, or RedtwinError 'rdb-*' with an offset within the file
 *                 --> what both engines say of it -------> the same keys, where both call the file sound
 *
 * Its one idea: an error that is no RedtwinError (a panic that was caught at the border, a TypeError) is a finding, and so is a
 * result that grows beyond all reason for its input, or a second that passes over a few hundred bytes. A crash or a hang
 * ends the process, with the seed printed before.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Engine } from '../../src/engine/engine.ts';
import type { RdbJob } from '../../src/engine/rdb.ts';
import { RedtwinError } from '../../src/errors.ts';
import type { Random } from './random.ts';

const folder = new URL('../vectors/rdb/', import.meta.url);
const vectors = readdirSync(folder)
  .map((name) => ({ name, file: readFileSync(new URL(name, folder)) }))
  .filter(({ file }) => file.length > 20 && file.length < 20_000);

const jobs: readonly RdbJob[] = [
  { job: 'check' },
  { job: 'json', layout: 'lines' },
  { job: 'json', layout: 'rdb-tools' },
  { job: 'commands', target: [7, 4] },
  { job: 'commands', target: [5, 0] },
  { job: 'keys' },
  { job: 'memory' },
  { job: 'tally', top: 5, separators: ':', depth: 3, nowMs: 1_700_000_000_000 },
  { job: 'entries', values: true, sizes: true, partBytes: 100 },
  { job: 'copy', version: null, compress: true, checksum: true, careful: true },
  { job: 'copy', version: 9, compress: false, checksum: true, careful: false },
  { job: 'copy', version: 80, compress: true, checksum: false, careful: false },
];

/** More bytes than any job makes of a mutant: each is a few kilobytes, and LZF makes 264 bytes of 3 at most. */
const resultBytesMax = 64 * 1024 * 1024;

/** A mutant of a golden file, with where it came from. */
export function mutant(random: Random, engine: Engine): { name: string; file: Buffer } {
  const { name, file } = random.of(vectors);
  let bytes = Buffer.from(file);
  for (let changes = random.whole(1, 4); changes > 0; changes--) {
    const at = random.whole(9, bytes.length - 1);
    const other = random.whole(9, bytes.length - 1);
    switch (random.whole(0, 5)) {
      case 0:
        bytes[at] = random.whole(0, 255);
        break;
      case 1:
        // Lengths and types are small numbers: one more or less is the likeliest to be taken for right.
        bytes[at] = (bytes[at]! + (random.once(2) ? 1 : 255)) & 255;
        break;
      case 2:
        bytes[at] = random.of([0, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xfa, 0xff]);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(other, at + 8))]);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(other, other + 20), bytes.subarray(at)]);
        break;
      default:
        bytes = random.once(8) ? bytes.subarray(0, at) : bytes;
    }
    if (bytes.length < 20) return { name, file: bytes };
  }
  // With a right checksum the damage must be found by what it is.
  if (random.once(2)) bytes.writeBigUInt64LE(engine.crc64(bytes.subarray(0, -8)), bytes.length - 8);
  return { name, file: bytes };
}

interface Outcome {
  out: Buffer;
  code: string | null;
  broken: number;
}

/** Runs a job. Throws whatever is no RedtwinError about the file. */
function outcome(engine: Engine, file: Buffer, job: RdbJob, chunkBytes: number): Outcome {
  const scan = engine.rdb.scan(job, {}, true);
  const into = Buffer.alloc(10_000);
  const out: Buffer[] = [];
  let size = 0;
  let code: string | null = null;
  const take = () => {
    if (job.job === 'entries') scan.takeBatch();
    for (let count = scan.take(into); count > 0; count = scan.take(into)) {
      out.push(Buffer.from(into.subarray(0, count)));
      size += count;
      if (size > resultBytesMax) throw new Error(`${size} bytes were made of ${file.length}`);
    }
  };
  try {
    for (let at = 0; at < file.length; at += chunkBytes) {
      scan.push(file.subarray(at, at + chunkBytes));
      take();
    }
    scan.finish();
  } catch (error) {
    if (!(error instanceof RedtwinError) || !error.code.startsWith('rdb-')) throw error;
    if (error.offset === undefined || error.offset < 0 || error.offset > file.length)
      throw new Error(`an error at byte ${error.offset} of ${file.length}: ${error.message}`);
    code = error.code;
  }
  take();
  if (job.job === 'copy' && code !== null) scan.salvage();
  return { out: Buffer.concat(out), code, broken: scan.progress().broken };
}

const isSound = ({ code, broken }: Outcome) => code === null && broken === 0;
const sorted = (json: Buffer) => json.toString('latin1').split('\n').sort().join('\n');

/**
 * Every job over one mutant. Gives what was found, as text; null when nothing was. `counts.sound` grows by one when all engines
 * call the mutant sound.
 */
export function tryMutant(
  random: Random,
  engines: readonly Engine[],
  counts: { sound: number },
): string | null {
  const { name, file } = mutant(random, engines[0]!);
  const chunkBytes = random.of([1, 7, 100, 65_536]);
  let about = '';
  try {
    const checks = engines.map((engine) => {
      about = `check, ${engine.name}`;
      return outcome(engine, file, { job: 'check' }, chunkBytes);
    });
    const allSound = checks.every(isSound);
    if (allSound) counts.sound++;
    for (const job of jobs) {
      const outs = engines.map((engine) => {
        about = `${JSON.stringify(job)}, ${engine.name}`;
        const began = performance.now();
        const ended = outcome(engine, file, job, chunkBytes);
        // Busy machines are slow, but none is that slow with a few kilobytes.
        if (performance.now() - began > 20_000) throw new Error('it took 20 s');
        if (allSound && job.job !== 'copy' && ended.code !== null)
          throw new Error(`a sound file is refused: ${ended.code}`);
        return ended;
      });
      about = JSON.stringify(job);
      // Streams: see jobs.test.ts. Moments beyond 2^53 ms, which no server writes, are doubles on the portable engine.
      const isTold = /"type":"stream"|"expireAtMs":-?\d{16}/.test(outs[0]!.out.toString('latin1'));
      if (allSound && job.job === 'json' && job.layout === 'lines' && outs.length > 1 && !isTold)
        if (sorted(outs[0]!.out) !== sorted(outs[1]!.out)) throw new Error('the engines differ');
    }
    return null;
  } catch (error) {
    return `${name}, in chunks of ${chunkBytes}, ${about}: ${(error as Error).message}\n${file.toString('base64')}`;
  }
}
