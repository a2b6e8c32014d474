/**
 * What the log says of our replicas: who, what, why.
 *
 * Reasons come from the closed lists of replication/reasons.ts, text and key. Where Redis has a line that people search for, its
 * beginning is kept.
 */
import { linkErrorText, wireText } from '../protocol/wire.ts';
import {
  type PartialRefusal,
  partialRefusals,
  type ReplicaLossReason,
  replicaLossReasons,
} from '../replication/reasons.ts';

export type Sentence = ['debug' | 'verbose' | 'notice' | 'warning', string];
/** How far a replica has come. */
interface Placed extends Titled {
  readonly lagSeconds: number;
  readonly wireState: string;
}
interface Titled {
  readonly title: string;
}

const notice = (text: string): Sentence => ['notice', text];

export const asks = ({ title }: Titled): Sentence => notice(`Replica ${title} asks for synchronization`);

export const asksWrongly = (title: string): Sentence => [
  'warning',
  `Replica ${title} asks for synchronization but with a wrong offset`,
];

/** It sent a command, and got an error for it. */
export const failed = (error: string, command: string): Sentence => [
  'warning',
  linkErrorText('replica', error, command),
];

/** `client`: its line of CLIENT LIST. */
export const answered = (command: string, client: string): Sentence => [
  'warning',
  `Replica generated a reply to command '${command}', disconnecting it: ${client}`,
];

export const continued = ({ title }: Titled, bytes: number, offset: number): Sentence =>
  notice(
    `Partial resynchronization request from ${title} accepted. Sending ${bytes} bytes of backlog starting from offset ${offset}.`,
  );

export const fullResync = ({ title }: Titled, because: PartialRefusal): Sentence =>
  notice(`Full resync of replica ${title}, because ${partialRefusals[because]} [${because}]`);

export const online = ({ title }: Titled, offset: number): Sentence =>
  notice(`Synchronization with replica ${title} succeeded: it reads the feed from offset ${offset}`);

export const ended = ({ title }: Titled, because: ReplicaLossReason, detail: string): Sentence => [
  because === 'closed' || because === 'snapshot-delivered' ? 'notice' : 'warning',
  `Connection with replica ${title} lost: ${replicaLossReasons[because]} [${because}]${detail && `: ${detail}`}`,
];

const timedOut = { 'bulk-timeout': 'full sync', 'ack-timeout': 'streaming sync' } as const;

/** What is said before `ended` when its patience was up; null for all other reasons. */
export const waitedTooLong = ({ title }: Titled, because: ReplicaLossReason): Sentence | null =>
  because === 'bulk-timeout' || because === 'ack-timeout'
    ? ['warning', `Disconnecting timedout replica (${timedOut[because]}): ${title}`]
    : null;

/** The last bytes of a snapshot have gone out through the sockets of those who are still there. */
export const snapshotSent = (replicas: number): string =>
  `Diskless rdb transfer, done reading from pipe, ${replicas} replicas still up.`;

export const moved = ({ title }: Titled, from: string, event: string, to: string): Sentence => [
  'debug',
  `Replica ${title}: ${from} --${event}--> ${to}`,
];

export const unexpected = ({ title }: Titled, state: string, event: string): Sentence => [
  'warning',
  `Replica ${title}: ${event} cannot happen in ${state}; it was ignored. Please report this.`,
];

export const feedBegan = (id: string): Sentence =>
  notice(`Replication backlog created, my new replication IDs are '${id}' and '${'0'.repeat(40)}'`);

export const readerIsOld = ({ title }: Titled, version: string, reader: string): Sentence =>
  notice(
    `Replica ${title} says that it is ${version}: the feed is written as for Redis ${reader} (feed-compat auto)`,
  );

export const lags = ({ title, lagSeconds, wireState }: Placed, bytes: number): Sentence => [
  'warning',
  `Lagging replica ${title} reported offset ${bytes} ${wireText.behind}, lag=${lagSeconds}, state=${wireState}.`,
];

export const inSync = (replicas: number, inSync: number): Sentence =>
  notice(`${inSync} of ${replicas} replicas are in sync when shutting down.`);

export const feedEnded = (seconds: number): Sentence =>
  notice(`Replication backlog freed after ${seconds} seconds without connected replicas.`);
