/**
 * What an embedder may listen to: channels of `node:diagnostics_channel`, one per kind of event, with plain data in them.
 *
 *     import { subscribe } from 'node:diagnostics_channel';
 *     subscribe('redtwin:link:transition', ({ from, event, to }) => ...);
 *
 * Names and fields are stable: programs may rely on them (docs/replication.md lists them). Reasons are keys of the closed
 * lists in replication/reasons.ts. Nobody listening costs a comparison; a listener that throws does not disturb the
 * server (Node reports it as an uncaught exception of its own). Nothing is sent from the path of ordinary commands.
 */
import { channel } from 'node:diagnostics_channel';

/** Every channel and what its messages hold. Times are those of the host's monotonic clock, in ms. */
export interface Messages {
  /** The link to our primary changed its state. */
  'redtwin:link:transition': { from: string; event: string; to: string; atMs: number };
  /** A connection to our primary ended, or could not be made. */
  'redtwin:link:ended': { because: string; detail: string };
  /** Our primary sends everything anew. */
  'redtwin:link:full-resync': { because: string };
  /** A command of our primary cannot be applied: the link stays where it is. */
  'redtwin:link:halted': { command: string; error: string };
  /** A command of our primary cannot be applied, and the link goes on without it. */
  'redtwin:link:passed-over': { command: string; error: string };
  /** The link to a replica of ours changed its state. `replica` is host:port as the log has it. */
  'redtwin:replica:transition': { replica: string; from: string; event: string; to: string; atMs: number };
  /** The link to a replica of ours ended. */
  'redtwin:replica:ended': { replica: string; because: string; detail: string };
  /** A replica of ours is sent everything anew. */
  'redtwin:replica:full-resync': { replica: string; because: string };
}
export type ChannelName = keyof Messages;

/** All names, for the docs and their test. */
export const channelNames = [
  'redtwin:link:transition',
  'redtwin:link:ended',
  'redtwin:link:full-resync',
  'redtwin:link:halted',
  'redtwin:link:passed-over',
  'redtwin:replica:transition',
  'redtwin:replica:ended',
  'redtwin:replica:full-resync',
] as const satisfies readonly ChannelName[];

const channels = new Map(channelNames.map((name) => [name, channel(name)]));

/** Tells those who listen. */
export function tell<Name extends ChannelName>(name: Name, message: Messages[Name]): void {
  const found = channels.get(name);
  if (found?.hasSubscribers) found.publish(message);
}
