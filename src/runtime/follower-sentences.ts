/**
 * What the log says of the link: what happened, to whom, why, and what comes next.
 *
 * Reasons are never worded here: they come from the closed lists of replication/reasons.ts, text and key, so
 * that a line of the log leads to the field of INFO and the label of the metric.
 */
import type { LoadReport } from '../engine/engine.ts';
import { linkErrorText, linkText, linkTimeoutText } from '../protocol/wire.ts';
import type { History } from '../replication/history.ts';
import { fullResyncReasons, linkReasons } from '../replication/reasons.ts';
import type { Effect } from '../replication/replica-link/effects.ts';
import type { SnapshotFormat, Sync, Target, Wish } from '../replication/replica-link/states.ts';
import type { LinkLog } from './follower-types.ts';

export type Sentence = Parameters<LinkLog>;

const notice = (line: string): Sentence => ['notice', line];

export const dialling = ({ host, port }: Target): Sentence =>
  notice(`Connecting to the primary ${host}:${port}`);

export const asking = (wish: Wish): Sentence =>
  notice(
    wish.partial
      ? `Asking the primary to go on with history ${wish.id} at offset ${wish.offset + 1}`
      : 'Asking the primary for a full resync',
  );

export const notTaken = (refused: string, detail: string): Sentence =>
  notice(`The primary does not take ${refused}, which is no harm: ${detail}`);

export const resyncing = ({ id, offset, because }: Sync): Sentence => {
  const what = id === null ? ', without history and offset' : `: ${id}:${offset}`;
  return notice(
    `${linkText.fullResync}${what}, because ${fullResyncReasons[because]} [${because}]; waiting for the snapshot`,
  );
};

/** `file`: the folder, when the snapshot is kept in a file first; null when it is loaded as it comes. */
export const receiving = (format: SnapshotFormat, folder: string | null): Sentence => {
  const size = format.ends === 'length' ? `${format.bytes} bytes` : 'unknown size';
  return notice(
    folder === null
      ? `${linkText.loading}: a snapshot of ${size}, as it comes`
      : `Receiving a snapshot of ${size}, to a file in ${folder}`,
  );
};

export const loading = (): Sentence => notice(`${linkText.loading}: the snapshot has come`);

export const loaded = (report: LoadReport, { id }: History, offset: number): Sentence[] => {
  const lines = [
    notice(
      `${linkText.loaded}: ${report.keys} keys from ${report.bytes} bytes; this is history ${id} at offset ${offset}`,
    ),
  ];
  if (report.opaqueModuleValues + report.opaqueModuleAux > 0)
    lines.push([
      'warning',
      `Values of modules are kept as they came, since nothing here understands them: ${report.modules.join(', ')}`,
    ]);
  return lines;
};

/** `offset`: how much of it had been read. */
export const brokeOff = (offset: number): Sentence => [
  'warning',
  `Internal error in RDB reading offset ${offset}: the snapshot broke off`,
];

/** `id`: what the history is called from here on; null when its name stays. */
export const continued = (offset: number, id: string | null): Sentence =>
  notice(
    `${linkText.partialResync}: it goes on at offset ${offset + 1}` +
      (id === null ? '' : `; the history is called ${id} from here on`),
  );

export const promoted = ({ id, previous }: History): Sentence =>
  notice(
    `This server is a primary now. Its history is ${id}; ${previous?.id} stays valid up to offset ${previous?.limit}`,
  );

const consequences = {
  retry: 'trying again in a second',
  reconnect: 'connecting anew at once',
  halt: 'nothing more is applied until REPLICAOF is given again, which starts over with a full resync',
  end: 'this link is not made again',
};

export const ended = ({ because, detail, next }: Extract<Effect, { do: 'hangUp' }>): Sentence => {
  const what = detail === '' ? '' : ` (${detail})`;
  const line = `${linkTimeoutText[because] ?? ''}The link to the primary ended: ${linkReasons[because]} [${because}]${what}; ${consequences[next]}`;
  return [next === 'end' ? 'notice' : 'warning', line];
};

/** Redis's line, with the arguments as well. */
export const passedOver = (command: string, error: string): Sentence => [
  'warning',
  linkErrorText('primary', error, command),
];

export const moved = (from: string, event: string, to: string): Sentence => [
  'debug',
  `Link to the primary: ${from} -> ${to} (${event})`,
];

export const unexpected = (state: string, event: string): Sentence => [
  'warning',
  `Bug: the link to the primary is ${state} and knows no ${event} there`,
];
