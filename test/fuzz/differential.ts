/**
 * The differential tester: a random batch goes to an engine and to a real redis-server; replies must be byte-equal and
 * digests equal. What the batch fed must make an empty store of each engine equal too. A batch that differs is shrunk to
 * the few commands that matter, so that what is printed can be read, and kept as a conformance case.
 */
import { type Engine, outcomeStop, Stop, type Store } from '../../src/engine/engine.ts';
import type { Case, Transcript } from '../conformance/case.ts';
import { difference, spelled } from '../conformance/compare.ts';
import { type Chunking, openStore, playInProcess } from '../conformance/in-process.ts';
import { playToServer } from '../conformance/oracle.ts';
import type { RunningServer } from '../servers/server.ts';
import { unsupportedBy } from '../support.ts';
import { type Drawn, drawBatch } from './batch.ts';
import { Random } from './random.ts';

/** What to run. */
export interface Plan {
  engines: readonly Engine[];
  server: RunningServer;
  /** The first batch's seed; the next batch has the next one. */
  seed: number;
  /** Stops after this many commands (each counted once, however many engines)... */
  commandsMax: number;
  /** ...or after this long, whichever comes first. */
  timeMsMax: number;
  /** Commands per batch. */
  batchLength: number;
  /** Families to draw from; all when empty. */
  only?: readonly string[];
  /** Stop at the first difference. */
  firstOnly?: boolean;
  /** Called each hundred batches. */
  onProgress?: (commands: number) => void;
}

/** What came of it. `findings` are texts ready to print, empty when all was equal. */
export interface Report {
  commands: number;
  batches: number;
  findings: string[];
}

/** Runs a plan. */
export async function differential(plan: Plan): Promise<Report> {
  const without = new Set(plan.engines.flatMap(unsupportedBy));
  const report: Report = { commands: 0, batches: 0, findings: [] };
  const deadline = performance.now() + plan.timeMsMax;
  for (let seed = plan.seed; report.commands < plan.commandsMax && performance.now() < deadline; seed++) {
    const random = new Random(seed);
    const protocol = random.of([2, 3] as const);
    const chunking: Chunking = random.once(4) ? 'bytes' : 'whole';
    const batch = drawBatch(random, plan.batchLength, plan.only, without);
    const right = await playToServer(plan.server, asCase(batch), protocol);
    for (const engine of plan.engines) {
      const found = compare(engine, plan.engines, batch, right, protocol, chunking);
      if (found === null) continue;
      const how = `${engine.name}, seed ${seed}, RESP${protocol}, ${chunking}`;
      report.findings.push(`${how}\n${await shrunk(plan, engine, batch, protocol, chunking)}`);
      if (plan.firstOnly) return report;
    }
    report.commands += batch.length;
    report.batches++;
    if (report.batches % 100 === 0) plan.onProgress?.(report.commands);
  }
  return report;
}

/** A batch as a conformance case. */
export function asCase(batch: readonly Drawn[]): Case {
  return {
    name: 'random batch',
    commands: batch.map(({ line }) => line),
    unordered: batch.flatMap(({ unordered }, index) => (unordered ? [index] : [])),
  };
}

/** The first difference, a crash of the engine included; null when there is none. */
function compare(
  engine: Engine,
  followers: readonly Engine[],
  batch: readonly Drawn[],
  right: Transcript,
  protocol: 2 | 3,
  chunking: Chunking,
): string | null {
  const script = asCase(batch);
  try {
    let replayed: string | null = null;
    const ours = playInProcess(engine, script, protocol, chunking, (store) => {
      replayed = firstOf(followers, (follower) => replay(store, follower));
    });
    // A PFADD that meets damage half-way has changed what was before it and answers an error, so nothing is fed: in Redis too.
    const isDamaged = ours.heard.some(({ frames }) => frames.some((frame) => frame.includes('-INVALIDOBJ')));
    return difference(script, right, ours) ?? (isDamaged ? null : replayed);
  } catch (error) {
    return `the engine threw ${(error as Error).stack ?? error}`;
  }
}

/**
 * Applies all that a store has fed to an empty store of an engine, and compares the data; null when it is equal. Time has
 * gone on between the two: nothing in a batch expires at a moment that could lie between (see `moment` in words.ts).
 */
export function replay(source: Store, follower: Engine): string | null {
  const { feed } = source;
  const bytes = feed.read(feed.startOffset, Number.MAX_SAFE_INTEGER);
  if (bytes === null || feed.startOffset !== 0) return 'the whole feed must still be kept';
  const copy = openStore(follower);
  try {
    const session = copy.openSession();
    let outcome = copy.apply(session, bytes, bytes.length, Date.now());
    while (outcomeStop(outcome) === Stop.busy) outcome = copy.resumeApply(session, Date.now());
    if (outcomeStop(outcome) !== Stop.drained)
      return `its feed stops an empty ${follower.name} store: ${JSON.stringify(copy.failure(session))}`;
    if (copy.feed.endOffset !== feed.endOffset)
      return `its feed is not applied to its end by ${follower.name}`;
    return copy.digest() === source.digest() ? null : `its feed makes another digest in ${follower.name}`;
  } finally {
    copy.close();
  }
}

function firstOf<T>(list: readonly T[], find: (one: T) => string | null): string | null {
  for (const one of list) {
    const found = find(one);
    if (found !== null) return found;
  }
  return null;
}

/** Leaves out more and more of the batch as long as a difference remains; then tells it, with the commands left. */
async function shrunk(
  { server, engines }: Plan,
  engine: Engine,
  whole: readonly Drawn[],
  protocol: 2 | 3,
  chunking: Chunking,
): Promise<string> {
  const differs = async (batch: readonly Drawn[]): Promise<string | null> =>
    compare(engine, engines, batch, await playToServer(server, asCase(batch), protocol), protocol, chunking);
  let batch = whole;
  let found = (await differs(batch)) ?? 'a difference that did not come again';
  for (let piece = Math.ceil(batch.length / 2), tries = 400; piece >= 1 && tries > 0; ) {
    let smaller = false;
    for (let at = 0; at < batch.length && tries > 0; tries--) {
      const rest = [...batch.slice(0, at), ...batch.slice(at + piece)];
      const still = await differs(rest);
      if (still === null) at += piece;
      else [batch, found, smaller] = [rest, still, true];
    }
    if (!smaller || piece > batch.length) piece = Math.floor(Math.min(piece, batch.length) / 2);
  }
  return `${batch.map(({ line }) => `  > ${spelled(line)}`).join('\n')}\n  ${found}`;
}
