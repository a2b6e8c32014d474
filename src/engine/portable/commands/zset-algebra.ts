/**
 * ZUNION, ZINTER, ZDIFF, their STORE forms, and ZINTERCARD.
 *
 * Inputs may be sorted sets or plain sets, whose members all have score 1. Scores are added in the order of the
 * inputs' sizes, smallest first, because that is the order in which Redis adds them and floats notice.
 */
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { parseDouble } from '../numbers.ts';
import { refuse, refuseWith } from '../refusal.ts';
import { compareScored, type ScoredMember, ZsetValue } from '../zset.ts';
import { storeZset } from './zset-ranges.ts';
import { replyItems } from './zsets.ts';

type Aggregate = 'SUM' | 'MIN' | 'MAX';

interface Input {
  scores: Map<string, number>;
  weight: number;
}

interface Query {
  inputs: Input[];
  aggregate: Aggregate;
  withScores: boolean;
  /** 0: no limit. */
  limit: number;
}

type Operation = 'union' | 'inter' | 'diff';

/** What stands behind the keys depends on what is asked. */
interface Form {
  operation: Operation;
  /** Where numkeys stands. */
  countAt: number;
  stores: boolean;
  counts: boolean;
}

function parse(call: Call, form: Form): Query {
  const count = call.integer(form.countAt);
  if (count < 1) refuseWith(`ERR at least 1 input key is needed for '${call.name}' command`);
  const keysAt = form.countAt + 1;
  if (count > call.args.length - keysAt) refuse('syntax');
  const inputs = call.texts(keysAt, keysAt + count).map((key) => inputOf(call, key, form.stores));
  const query: Query = { inputs, aggregate: 'SUM', withScores: false, limit: 0 };
  const weighs = form.operation !== 'diff' && !form.counts;
  for (let i = keysAt + count; i < call.args.length; i++) {
    const word = call.word(i);
    const left = call.args.length - i;
    if (word === 'WEIGHTS' && weighs && left > count) {
      for (const input of inputs) {
        input.weight = parseDouble(call.text(++i)) ?? refuseWith('ERR weight value is not a float');
      }
    } else if (word === 'AGGREGATE' && weighs && left > 1) {
      const aggregate = call.word(++i);
      if (aggregate !== 'SUM' && aggregate !== 'MIN' && aggregate !== 'MAX') refuse('syntax');
      query.aggregate = aggregate;
    } else if (word === 'WITHSCORES' && !form.stores && !form.counts) {
      query.withScores = true;
    } else if (word === 'LIMIT' && form.counts && left > 1) {
      const limit = call.bigintOrNull(++i);
      if (limit === null || limit < 0n) refuseWith("ERR LIMIT can't be negative");
      query.limit = Number(limit);
    } else {
      refuse('syntax');
    }
  }
  return query;
}

function inputOf(call: Call, key: string, isWrite: boolean): Input {
  const value = isWrite ? call.lookupForWrite(key) : call.lookup(key);
  const scores = new Map<string, number>();
  if (value?.type === 'zset') for (const { member, score } of value.items()) scores.set(member, score);
  else if (value?.type === 'set') for (const member of value.members()) scores.set(member, 1);
  else if (value !== null) refuse('wrongType');
  return { scores, weight: 1 };
}

const weighted = ({ weight }: Input, score: number): number => {
  const product = weight * score;
  return Number.isNaN(product) ? 0 : product;
};

function combine(aggregate: Aggregate, a: number, b: number): number {
  // Not Math.min and max: of zero and minus zero the first one stays.
  const isBetter = aggregate === 'MIN' ? b < a : b > a;
  if (aggregate !== 'SUM') return isBetter ? b : a;
  // Infinity and minus infinity cancel out, by convention.
  return Number.isNaN(a + b) ? 0 : a + b;
}

const bySize = (inputs: readonly Input[]): Input[] =>
  [...inputs].sort((a, b) => a.scores.size - b.scores.size);

function union({ inputs, aggregate }: Query): Map<string, number> {
  const result = new Map<string, number>();
  for (const input of bySize(inputs)) {
    for (const [member, score] of input.scores) {
      const old = result.get(member);
      const own = weighted(input, score);
      result.set(member, old === undefined ? own : combine(aggregate, old, own));
    }
  }
  return result;
}

function intersection({ inputs, aggregate, limit }: Query): Map<string, number> {
  const [smallest, ...others] = bySize(inputs);
  const result = new Map<string, number>();
  for (const [member, score] of smallest!.scores) {
    if (!others.every(({ scores }) => scores.has(member))) continue;
    const sum = others.reduce(
      (total, input) => combine(aggregate, total, weighted(input, input.scores.get(member)!)),
      weighted(smallest!, score),
    );
    result.set(member, sum);
    if (result.size === limit) break;
  }
  return result;
}

function difference({ inputs: [first, ...others] }: Query): Map<string, number> {
  return new Map([...first!.scores].filter(([member]) => !others.some(({ scores }) => scores.has(member))));
}

const operations = { union, inter: intersection, diff: difference } as const;

const itemsOf = (scores: Map<string, number>): ScoredMember[] =>
  Array.from(scores, ([member, score]) => ({ member, score })).sort(compareScored);

const tell =
  (operation: Operation) =>
  (call: Call): void => {
    const query = parse(call, { operation, countAt: 1, stores: false, counts: false });
    replyItems(call, itemsOf(operations[operation](query)), query.withScores);
  };

const store =
  (operation: Operation) =>
  (call: Call): void => {
    const query = parse(call, { operation, countAt: 2, stores: true, counts: false });
    const items = itemsOf(operations[operation](query));
    storeZset(call, ZsetValue.of(items, call.settings), `z${operation}store`);
  };

export const zsetAlgebra: HandlerTable = {
  zunion: tell('union'),
  zinter: tell('inter'),
  zdiff: tell('diff'),
  zunionstore: store('union'),
  zinterstore: store('inter'),
  zdiffstore: store('diff'),

  zintercard(call) {
    const query = parse(call, { operation: 'inter', countAt: 1, stores: false, counts: true });
    call.reply.integer(intersection(query).size);
  },
};
