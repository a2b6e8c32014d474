/**
 * The options that XADD and XTRIM share: MAXLEN or MINID, ~ or =, LIMIT, and XADD's own NOMKSTREAM and ID.
 *
 * Redis reads both commands with one parser, and its order of checks shows in the errors; so does this one.
 */
import { bytes } from '../bytes.ts';
import type { Call } from '../call.ts';
import { refuse, refuseWith } from '../refusal.ts';
import type { StreamTrim, StreamValue } from '../stream.ts';
import { formatStreamId, type GivenStreamId, parseStreamId } from '../stream-id.ts';
import { strictId } from './stream-arguments.ts';

export interface AddOrTrimOptions {
  /** Index of XADD's ID; behind the last argument when there is none. */
  idIndex: number;
  /** XADD's ID as given; null for "*". */
  id: GivenStreamId | null;
  noMakeStream: boolean;
  trim: StreamTrim | null;
  /** Index of MAXLEN's or MINID's argument, for the feed. */
  trimIndex: number;
}

/** Nodes' worth of entries that ~ may delete at once unless LIMIT says otherwise. */
const nodesPerTrim = 100;
const limitWhenUnlimited = 10_000;
const limitMax = 1_000_000;

/** Reads the arguments from the third on. `isAdd` for XADD, whose options end at the ID. */
export function parseAddOrTrim(call: Call, isAdd: boolean): AddOrTrimOptions {
  const options: AddOrTrimOptions = { idIndex: 0, id: null, noMakeStream: false, trim: null, trimIndex: 0 };
  let limit: number | null = null;
  let at = 2;
  for (; at < call.args.length; at++) {
    const hasMore = at + 1 < call.args.length;
    const word = call.word(at);
    if (isAdd && word === '*') break;
    if ((word === 'MAXLEN' || word === 'MINID') && hasMore) {
      if (options.trim !== null) {
        refuseWith('ERR syntax error, MAXLEN and MINID options at the same time are not compatible');
      }
      const sign = at + 2 < call.args.length ? call.text(at + 1) : '';
      at += sign === '~' || sign === '=' ? 2 : 1;
      options.trim = parseTrim(call, word, at, sign === '~');
      options.trimIndex = at;
    } else if (word === 'LIMIT' && hasMore) {
      limit = call.integer(++at);
      if (limit < 0) refuseWith('ERR The LIMIT argument must be >= 0.');
    } else if (isAdd && word === 'NOMKSTREAM') {
      options.noMakeStream = true;
    } else if (isAdd) {
      options.id = parseStreamId(call.text(at)) ?? refuse('invalidStreamId');
      break;
    } else {
      refuse('syntax');
    }
  }
  options.idIndex = at;
  if (limit !== null && limit > 0 && options.trim === null) {
    refuseWith('ERR syntax error, LIMIT cannot be used without specifying a trimming strategy');
  }
  if (!isAdd && options.trim === null) {
    refuseWith('ERR syntax error, XTRIM must be called with a trimming strategy');
  }
  limitWork(call, options.trim, limit);
  return options;
}

function parseTrim(call: Call, word: string, at: number, approximate: boolean): StreamTrim {
  if (word === 'MINID') return { by: 'id', idMin: strictId(call.text(at)), approximate, limit: 0 };
  const lengthMax = call.integer(at);
  if (lengthMax < 0) refuseWith('ERR The MAXLEN argument must be >= 0.');
  return { by: 'length', lengthMax, approximate, limit: 0 };
}

/** Sets how much may be deleted at once. Our primary has decided that already: what it sends is exact. */
function limitWork(call: Call, trim: StreamTrim | null, limit: number | null): void {
  if (call.isFromPrimary) return;
  if (limit !== null) {
    if (!trim?.approximate) {
      refuseWith('ERR syntax error, LIMIT cannot be used without the special ~ option');
    }
    trim.limit = limit;
  } else if (trim?.approximate) {
    const usual = nodesPerTrim * call.settings['stream-node-max-entries'];
    trim.limit = usual <= 0 ? limitWhenUnlimited : Math.min(usual, limitMax);
  }
}

/**
 * The arguments of the command for the feed: how much ~ cut depends on nodes, so replicas are told the exact
 * result.
 */
export function exactTrimArguments(call: Call, stream: StreamValue, options: AddOrTrimOptions): Buffer[] {
  const args = [...call.args];
  const { trim, trimIndex } = options;
  if (!trim?.approximate) return args;
  args[trimIndex - 1] = bytes('=');
  args[trimIndex] = bytes(trim.by === 'length' ? String(stream.length) : formatStreamId(stream.edgeId));
  return args;
}
