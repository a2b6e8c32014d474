/**
 * A user: may log in or not, with which passwords, and the selectors that say what is allowed then.
 *
 *     on >secret ~app:* +@all (%R~shared:* +get)     rules of a user and of its root selector, in one row
 *
 * Passwords are kept as SHA-256 digests, in hex; the words themselves are never kept. Texts are binary strings.
 */
import { createHash } from 'node:crypto';
import { splitArguments } from '../protocol/split-arguments.ts';
import {
  applySelectorRule,
  copySelector,
  newSelector,
  type RuleError,
  ruleErrors,
  type Selector,
} from './selector.ts';

export interface User {
  readonly name: string;
  isEnabled: boolean;
  /** Any password will do. */
  needsNoPassword: boolean;
  /** Payloads of RESTORE are checked by the same rules for everybody here; the word is kept and shown. */
  sanitizing: 'sanitize-payload' | 'skip-sanitize-payload' | null;
  passwords: string[];
  root: Selector;
  /** Those in parentheses. */
  selectors: Selector[];
}

/** What new users and `reset` go by. */
export interface Defaults {
  /** Config acl-pubsub-default. */
  readonly allChannels: boolean;
}

export function newUser(name: string, { allChannels }: Defaults): User {
  return {
    name,
    isEnabled: false,
    needsNoPassword: false,
    sanitizing: null,
    passwords: [],
    root: newSelector(allChannels),
    selectors: [],
  };
}

/** The user of everybody who does not log in; may do everything until somebody says otherwise. */
export function newDefaultUser(): User {
  const user = newUser('default', { allChannels: true });
  for (const rule of ['+@all', '~*', 'on', 'nopass']) applyRule(user, rule, { allChannels: true });
  return user;
}

/** A copy that shares nothing, under another name if one is given. */
export const copyUser = (user: User, name = user.name): User => ({
  ...user,
  name,
  passwords: [...user.passwords],
  root: copySelector(user.root),
  selectors: user.selectors.map(copySelector),
});

/** A password as it is kept. */
export const digestOfPassword = (password: string): string =>
  createHash('sha256').update(Buffer.from(password, 'latin1')).digest('hex');

/** Applies one rule. Null when it was good; an empty one does nothing. */
export function applyRule(user: User, rule: string, defaults: Defaults): RuleError | null {
  switch (rule.toLowerCase()) {
    case '':
      return null;
    case 'on':
    case 'off':
      user.isEnabled = rule.toLowerCase() === 'on';
      return null;
    case 'nopass':
      user.needsNoPassword = true;
      user.passwords = [];
      return null;
    case 'resetpass':
      user.needsNoPassword = false;
      user.passwords = [];
      return null;
    case 'sanitize-payload':
      user.sanitizing = 'sanitize-payload';
      return null;
    case 'skip-sanitize-payload':
      user.sanitizing = 'skip-sanitize-payload';
      return null;
    case 'clearselectors':
      user.selectors = [];
      return null;
    case 'reset':
      Object.assign(user, newUser(user.name, defaults), { sanitizing: 'sanitize-payload' });
      return null;
    default:
  }
  if ('>#<!'.includes(rule[0]!)) return changePasswords(user, rule);
  if (rule[0] === '(' && rule.endsWith(')')) return addSelector(user, rule, defaults);
  return applySelectorRule(user.root, rule);
}

function changePasswords(user: User, rule: string): RuleError | null {
  const [sign, given] = [rule[0]!, rule.slice(1)];
  const isDigest = sign === '#' || sign === '!';
  if (isDigest && !/^[0-9a-f]{64}$/.test(given)) return ruleErrors.badHash;
  const digest = isDigest ? given : digestOfPassword(given);
  if (sign === '>' || sign === '#') {
    if (!user.passwords.includes(digest)) user.passwords.push(digest);
    user.needsNoPassword = false;
    return null;
  }
  if (!user.passwords.includes(digest)) return ruleErrors.noSuchPassword;
  user.passwords = user.passwords.filter((known) => known !== digest);
  return null;
}

function addSelector(user: User, rule: string, { allChannels }: Defaults): RuleError | null {
  const selector = newSelector(allChannels);
  for (const word of splitArguments(rule.slice(1, -1)) ?? []) {
    const error = applySelectorRule(selector, word);
    if (error !== null) return error;
  }
  user.selectors.push(selector);
  return null;
}

/**
 * Joins words that belong to one pair of parentheses: `(+get`, `~a)` becomes `(+get ~a)`. Gives the position of an opening
 * parenthesis that nothing closes instead.
 */
export function mergedRules(words: readonly string[]): string[] | { unmatched: number } {
  const rules: string[] = [];
  let open: { at: number; text: string } | null = null;
  words.forEach((word, at) => {
    if (word.startsWith('(') && !word.endsWith(')')) {
      open = { at, text: word };
    } else if (open === null) {
      rules.push(word);
    } else {
      open.text += ` ${word}`;
      if (word.endsWith(')')) {
        rules.push(open.text);
        open = null;
      }
    }
  });
  const left = open as { at: number } | null;
  return left === null ? rules : { unmatched: left.at };
}
