/**
 * What the primary says, line by line, turned into events of the link.
 *
 * The same line means different things at different moments ('-ERR' after PSYNC is an old primary, after AUTH
 * a wrong password), so the state's name is a parameter. Lines come without their line end. A line that makes
 * no sense becomes `garbled`, never an exception: what the primary sends is untrusted. Facts: Redis 7.0,
 * replication.c.
 */
import { isHistoryId } from '../history.ts';
import type { Event } from './events.ts';
import type { HandshakeName, SnapshotFormat } from './states.ts';

/** States in which lines of the primary are awaited. */
export type ListeningState = HandshakeName | 'await-snapshot';

/** Errors to PING that only say that AUTH comes first. */
const needsAuth = ['-NOAUTH', '-NOPERM', '-ERR operation not permitted'];
/** Errors to PSYNC that will pass: try again, do not fall back to SYNC. BUSY is Valkey 9.2's. */
const passing = ['-NOMASTERLINK', '-LOADING', '-BUSY'];

/** Numbers are decimal and must be exact here: 2^53 bytes are more than any feed or snapshot will have. */
const wholeNumber = (text: string): number | null => {
  if (!/^[0-9]{1,16}$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
};

/** A line as a log may show it: printable, and not longer than it is worth. */
export const shown = (line: string): string => {
  const printable = line.replace(/[^ -~]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return printable.length > 200 ? `${printable.slice(0, 200)}...` : printable;
};

const garbled = (line: string, nowMs: number): Event => ({
  name: 'garbled',
  because: 'garbled-reply',
  detail: shown(line),
  nowMs,
});

/** The event that `line` (latin-1) is in the state `state`. */
export function interpret(state: ListeningState, line: string, nowMs: number): Event {
  if (state === 'receive-psync') return psyncReply(line, nowMs);
  if (state === 'await-snapshot') return snapshotHeader(line, nowMs);
  if (line.startsWith('+')) return { name: 'accepted', nowMs };
  if (!line.startsWith('-')) return garbled(line, nowMs);
  if (state === 'receive-ping-reply' && needsAuth.some((error) => line.startsWith(error)))
    return { name: 'accepted', nowMs };
  return { name: 'refused', detail: shown(line.slice(1)), nowMs };
}

function psyncReply(line: string, nowMs: number): Event {
  if (line === '') return { name: 'keptAlive', nowMs };
  const words = line.split(' ');
  const id = words[1];
  if (words[0] === '+FULLRESYNC') {
    const offset = wholeNumber(words[2] ?? '');
    if (words.length !== 3 || !isHistoryId(id ?? '') || offset === null) return garbled(line, nowMs);
    return { name: 'fullResynced', id: id!, offset, nowMs };
  }
  if (words[0] === '+CONTINUE') {
    if (id === undefined) return { name: 'continued', id: null, nowMs };
    if (words.length !== 2 || !isHistoryId(id)) return garbled(line, nowMs);
    return { name: 'continued', id, nowMs };
  }
  if (!line.startsWith('-')) return garbled(line, nowMs);
  const detail = shown(line.slice(1));
  if (passing.some((error) => line.startsWith(error))) return { name: 'deferred', detail, nowMs };
  return { name: 'unsupported', detail, nowMs };
}

function snapshotHeader(line: string, nowMs: number): Event {
  if (line === '') return { name: 'keptAlive', nowMs };
  if (line.startsWith('-')) return { name: 'refused', detail: shown(line.slice(1)), nowMs };
  const format = snapshotFormat(line);
  if (format === null) return { name: 'garbled', because: 'snapshot-header', detail: shown(line), nowMs };
  return { name: 'announced', format, nowMs };
}

function snapshotFormat(line: string): SnapshotFormat | null {
  if (line.startsWith('$EOF:')) {
    const mark = line.slice(5);
    return mark.length === 40 ? { ends: 'mark', mark } : null;
  }
  const bytes = line.startsWith('$') ? wholeNumber(line.slice(1)) : null;
  return bytes === null ? null : { ends: 'length', bytes };
}
