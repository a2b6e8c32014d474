/**
 * What the driver of the link remembers for its status, and how a status is made from that and the machine's
 * state.
 *
 * The state knows what is true now; the record knows what has been: counts, the last reasons, when the link
 * went down.
 */
import type { LoadReport } from '../engine/engine.ts';
import type { FullResyncReason, LinkReason } from '../replication/reasons.ts';
import {
  deadlineMs,
  type SnapshotFormat,
  type State,
  wireState,
} from '../replication/replica-link/states.ts';
import type { LinkStatus } from './follower-types.ts';

/** Written by the driver as things happen. */
export class LinkRecord {
  unexpected = 0;
  fullResyncs = 0;
  partialResyncs = 0;
  linksLost = 0;
  /** Commands of the primary that could not be applied, whatever became of them. */
  failed = 0;
  lastFullResync: FullResyncReason | null = null;
  lastLoad: LoadReport | null = null;
  downBecause: LinkReason | null = null;
  downDetail = '';
  /** Monotonic ms when the link was last given up; null while it is up or never was. */
  downSinceMs: number | null = null;
  /** Offset up to which the feed was read, though perhaps not applied. */
  readOffset = 0;
  transfer: { totalBytes: number; direct: boolean; intoEmpty: boolean; startedMs: number } | null = null;

  /** A step led from one state to another (or to the same). */
  entered(before: State, after: State, nowMs: number): void {
    if (before.name === 'connected' && after.name !== 'connected') {
      this.downSinceMs = nowMs;
      this.linksLost++;
    }
    if (after.name === 'none') this.downSinceMs = null;
    if (after.name !== 'transfer' && after.name !== 'loading') this.transfer = null;
  }

  /** A link, or a try to make one, ended. */
  ended(because: LinkReason, detail: string): void {
    this.downBecause = because;
    this.downDetail = detail;
  }

  /** `startedMs` is Unix time, because INFO shows it. */
  transferBegan(format: SnapshotFormat, direct: boolean, intoEmpty: boolean, startedMs: number): void {
    const totalBytes = format.ends === 'length' ? format.bytes : 0;
    this.transfer = { totalBytes, direct, intoEmpty, startedMs };
  }

  feedBegan(offset: number): void {
    this.readOffset = offset;
    this.downSinceMs = null;
    this.downBecause = null;
    this.downDetail = '';
  }
}

/** What a status depends on beside state and record. */
export interface Surroundings {
  nowMs: number;
  timeoutMs: number;
  feedEnd: number;
  loadedBytes: number;
}

const wholeSeconds = (ms: number): number => Math.max(0, Math.floor(ms / 1000));

/** The status as of now. O(1). */
export function linkStatus(state: State, record: LinkRecord, around: Surroundings): LinkStatus {
  const up = state.name === 'connected';
  const deadline = deadlineMs(state, around.timeoutMs);
  const idle = deadline === null ? 0 : wholeSeconds(around.nowMs - (deadline - around.timeoutMs));
  const resumes = 'wish' in state && state.wish.partial;
  const applied = up || state.name === 'halted' ? around.feedEnd : resumes ? state.wish.offset : 1;
  const { transfer } = record;
  const isLoading = transfer !== null && (state.name === 'loading' || transfer.direct);
  return {
    target: state.name === 'none' ? null : state.target,
    state: state.name,
    roleState: wireState(state.name),
    roleOffset: up ? around.feedEnd : -1,
    up,
    lastIoSecondsAgo: up ? idle : -1,
    downSinceSeconds: record.downSinceMs === null ? -1 : wholeSeconds(around.nowMs - record.downSinceMs),
    sync: syncStatus(state, record, idle),
    readOffset: up ? record.readOffset : applied,
    appliedOffset: applied,
    loading: !isLoading ? 'no' : transfer.intoEmpty ? 'blocking' : 'beside',
    load: isLoading
      ? { startedMs: transfer.startedMs, totalBytes: transfer.totalBytes, loadedBytes: around.loadedBytes }
      : null,
    downBecause: record.downBecause,
    downDetail: record.downDetail,
    halted: state.name === 'halted' ? { command: state.command, error: state.error } : null,
    lastFullResync: record.lastFullResync,
    failedCommands: record.failed,
    fullResyncs: record.fullResyncs,
    partialResyncs: record.partialResyncs,
    linksLost: record.linksLost,
    unexpected: record.unexpected,
    lastLoad: record.lastLoad,
  };
}

function syncStatus(state: State, record: LinkRecord, idle: number): LinkStatus['sync'] {
  switch (state.name) {
    case 'await-snapshot':
      return { totalBytes: -1, readBytes: 0, lastIoSecondsAgo: idle };
    case 'transfer':
    case 'loading':
      return {
        totalBytes: record.transfer?.totalBytes ?? 0,
        readBytes: state.receivedBytes,
        lastIoSecondsAgo: idle,
      };
    default:
      return null;
  }
}
