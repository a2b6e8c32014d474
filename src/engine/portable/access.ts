/**
 * May this user run this command? The check of restricted sessions.
 *
 *     for each selector:   command's bit? --> each key fits a pattern with its rights? --> each channel fits? --> allowed
 *
 * When no selector allows it, the refusal that got furthest is told: a channel before a key before the command, and the later word
 * of the same kind (Redis 7.0's ACLCheckAllUserCommandPerm). Commands that need no login need no right either.
 */
import { keysOf } from '../../protocol/command-lookup.ts';
import { rowNumbers } from '../../protocol/command-rows.ts';
import type { CommandSpec } from '../../protocol/generated/commands.ts';
import { matchesGlob } from '../../protocol/glob.ts';
import type { FoundKey } from '../../protocol/variable-keys.ts';
import type { Denial, Selector, Verdict } from '../engine.ts';
import { binary, lower } from './bytes.ts';
import type { Session } from './session.ts';

/** How much more a refusal says than the others. */
const weight: Readonly<Record<Verdict['reason'], number>> = { command: 1, key: 2, channel: 3 };

/** Commands whose arguments are channels: the first of them, how many (all without a number), and whether as patterns. */
const channelsIn: Readonly<Record<string, { count?: 1; arePatterns?: true }>> = {
  subscribe: {},
  ssubscribe: {},
  psubscribe: { arePatterns: true },
  publish: { count: 1 },
  spublish: { count: 1 },
};

/** What every user may do, and what was refused. */
export class Access {
  readonly #users = new Map<number, Selector[]>();
  denials: Denial[] = [];

  permit(user: number, selectors: Selector[] | null): void {
    if (selectors === null) this.#users.delete(user);
    else this.#users.set(user, selectors);
  }

  /** Null: the user may run this command. */
  judge(user: number, command: CommandSpec, args: readonly Buffer[]): Verdict | null {
    let worst: Verdict = { reason: 'command', at: 0 };
    for (const selector of this.#users.get(user) ?? []) {
      const verdict = judgeBy(selector, command, args);
      if (verdict === null) return null;
      const more = weight[verdict.reason] - weight[worst.reason];
      if (more > 0 || (more === 0 && verdict.at > worst.at)) worst = verdict;
    }
    return worst;
  }

  /** The same for a session, and keeps what was refused. */
  refusal(
    session: Session,
    command: CommandSpec,
    args: readonly Buffer[],
    context: Denial['context'],
  ): Verdict['reason'] | null {
    const verdict = this.judge(session.user, command, args);
    if (verdict === null) return null;
    const { reason, at } = verdict;
    const object = reason === 'command' ? Buffer.from(command.name) : Buffer.from(args[at]!);
    this.denials.push({
      session: session.id,
      reason,
      context,
      object,
      command: session.lastCommand,
      multi: session.multiCount,
    });
    return reason;
  }

  /** May this user run the command and, besides, read every key? SORT's BY and GET look up keys that nobody named. */
  mayReadAll(user: number, command: CommandSpec, args: readonly Buffer[]): boolean {
    return (this.#users.get(user) ?? []).some(
      (selector) =>
        judgeBy(selector, command, args) === null &&
        (selector.keys === null ||
          selector.keys.some(({ pattern, reads }) => reads && binary(pattern) === '*')),
    );
  }
}

/** The words of Redis for a command that was refused before it ran. */
export function noPermission(reason: Verdict['reason'], command: CommandSpec): string {
  switch (reason) {
    case 'command':
      return `NOPERM this user has no permissions to run the '${command.name}' command`;
    case 'key':
      return 'NOPERM this user has no permissions to access one of the keys used as arguments';
    case 'channel':
      return 'NOPERM this user has no permissions to access one of the channels used as arguments';
  }
}

const whyNoLonger: Readonly<Record<Verdict['reason'], string>> = {
  command: 'no permission to execute the command or subcommand',
  key: 'no permission to touch the specified keys',
  channel: 'no permission to access one of the channels used as arguments',
};

/** The words for a queued command that is not allowed any more when EXEC comes. */
export const noLongerAllowed = (reason: Verdict['reason']): string =>
  'NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no ' +
  `longer allowed for the following reason: ${whyNoLonger[reason]}`;

function judgeBy(selector: Selector, command: CommandSpec, args: readonly Buffer[]): Verdict | null {
  if (!command.flags.includes('no_auth') && !allowsCommand(selector, command, args))
    return { reason: 'command', at: 0 };
  if (selector.keys !== null)
    for (const key of keysOf(command, args) ?? [])
      if (!allowsKey(selector.keys, key)) return { reason: 'key', at: key.at };
  const channels = channelsIn[command.name];
  if (selector.channels !== null && channels !== undefined) {
    const end = channels.count === undefined ? args.length : 1 + channels.count;
    for (let at = 1; at < end; at++)
      if (!allowsChannel(selector.channels, args[at]!, channels.arePatterns ?? false))
        return { reason: 'channel', at };
  }
  return null;
}

function allowsCommand(selector: Selector, command: CommandSpec, args: readonly Buffer[]): boolean {
  if (selector.commands === null) return true;
  const row = rowNumbers.get(command.name)!;
  if ((selector.commands[row >> 3]! & (1 << (row & 7))) !== 0) return true;
  const words = selector.firstArguments.find((first) => first.row === row)?.words ?? [];
  const first = args[1];
  return first !== undefined && words.some((word) => lower(binary(word)) === lower(binary(first)));
}

function allowsKey(patterns: NonNullable<Selector['keys']>, { key, flags }: FoundKey): boolean {
  const isRead = flags.includes('access');
  const isWritten = flags.includes('insert') || flags.includes('delete') || flags.includes('update');
  return patterns.some(
    ({ pattern, reads, writes }) => (reads || !isRead) && (writes || !isWritten) && matchesGlob(pattern, key),
  );
}

/** A pattern to subscribe to must be allowed letter by letter: what it matches later nobody knows. */
const allowsChannel = (patterns: Buffer[], channel: Buffer, isPattern: boolean): boolean =>
  patterns.some((pattern) => (isPattern ? pattern.equals(channel) : matchesGlob(pattern, channel)));
