/**
 * A user in words again: what ACL LIST, GETUSER, SAVE and CONFIG REWRITE show.
 *
 *     user app on #2bd8... ~app:* resetchannels -@all +@read +ping (%R~shared:* resetchannels -@all +get)
 *
 * The order in which rules were given is not kept; the description is found anew, as Redis 7.0 does: begin with +@all or -@all,
 * add the category that fits best again and again, end with single commands. Applied in order, the words give the same selector.
 */
import { allCommandNames, categories, findRow, membersOf } from './commands.ts';
import {
  applySelectorRule,
  changeCategory,
  changeCommand,
  type KeyPattern,
  newSelector,
  type Selector,
} from './selector.ts';
import type { User } from './user.ts';

/** The command rules of a selector. */
export function commandRules(selector: Selector): string {
  const adds = !selector.allowsFuture;
  const rules = [adds ? '-@all' : '+@all'];
  // What the rules so far give, and what is left of the selector once the categories so far are taken out.
  const reached = newSelector(false);
  applySelectorRule(reached, rules[0]!);
  const left = newSelector(false);
  for (const name of selector.commands) left.commands.add(name);
  const applied = new Set<string>();
  for (
    let best = bestCategory(left, applied, adds);
    best !== null;
    best = bestCategory(left, applied, adds)
  ) {
    rules.push(`${adds ? '+@' : '-@'}${best}`);
    changeCategory(reached, best, adds);
    changeCategory(left, best, !adds);
    applied.add(best);
  }
  for (const name of allCommandNames) {
    const isAllowed = selector.commands.has(name);
    if (isAllowed !== reached.commands.has(name)) {
      rules.push(`${isAllowed ? '+' : '-'}${name}`);
      changeCommand(reached, findRow(name)!, isAllowed);
    }
    if (!isAllowed)
      for (const word of selector.firstArguments.get(name) ?? []) rules.push(`+${name}|${word}`);
  }
  return rules.join(' ');
}

/** The category whose members mostly are what is wanted, with the fewest that are not; null when none is worth it. */
function bestCategory(left: Selector, applied: ReadonlySet<string>, adds: boolean): string | null {
  let best: { category: string; wrong: number; right: number } | null = null;
  for (const category of categories) {
    if (applied.has(category)) continue;
    const names = membersOf(category)!;
    const on = names.filter((name) => left.commands.has(name)).length;
    const [right, wrong] = adds ? [on, names.length - on] : [names.length - on, on];
    if (right <= wrong) continue;
    if (best === null || wrong < best.wrong || (wrong === best.wrong && right > best.right))
      best = { category, wrong, right };
  }
  return best?.category ?? null;
}

const keyWord = ({ pattern, reads, writes }: KeyPattern): string =>
  `${reads && writes ? '~' : `%${reads ? 'R' : ''}${writes ? 'W' : ''}~`}${pattern}`;

/** Its key patterns as rules, separated by blanks. */
export const keyRules = ({ keys }: Selector): string => (keys === 'all' ? '~*' : keys.map(keyWord).join(' '));

/** Its channel patterns likewise. */
export const channelRules = ({ channels }: Selector): string =>
  channels === 'all' ? '&*' : channels.map((channel) => `&${channel}`).join(' ');

function selectorRules(selector: Selector): string {
  const channels = selector.channels === 'all' ? '&*' : `resetchannels ${channelRules(selector)}`.trimEnd();
  return [keyRules(selector), channels, commandRules(selector)].filter((part) => part !== '').join(' ');
}

/** Words of GETUSER's flags. */
export const userFlags = (user: User): string[] => [
  user.isEnabled ? 'on' : 'off',
  ...(user.needsNoPassword ? ['nopass'] : []),
  ...(user.sanitizing === null ? [] : [user.sanitizing]),
];

/** A line of ACL LIST and of an ACL file: `user NAME rules...`. */
export function userLine(user: User): string {
  return [
    `user ${user.name}`,
    ...userFlags(user),
    ...user.passwords.map((digest) => `#${digest}`),
    selectorRules(user.root),
    ...user.selectors.map((selector) => `(${selectorRules(selector)})`),
  ].join(' ');
}
