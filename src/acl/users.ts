/**
 * All users by name. `default` is always there; everything else comes from SETUSER, from `user` lines of redis.conf or from an
 * ACL file.
 *
 * Changes are all or nothing: rules are tried on a copy, a file on a set of users of its own. What a change means for
 * clients that are connected is not known here.
 */
import { userLine } from './describe.ts';
import { hasBlanks, ruleErrors } from './selector.ts';
import {
  applyRule,
  copyUser,
  type Defaults,
  digestOfPassword,
  mergedRules,
  newDefaultUser,
  newUser,
  type User,
} from './user.ts';

/** A change that was made: the user before (null for a new one) and now. */
export interface Change {
  readonly before: User | null;
  readonly after: User;
}

export class Users {
  #users = new Map<string, User>([['default', newDefaultUser()]]);
  readonly #defaults: () => Defaults;

  /** `defaults` is asked whenever a user or a selector is made: acl-pubsub-default may change. */
  constructor(defaults: () => Defaults) {
    this.#defaults = defaults;
  }

  get(name: string): User | null {
    return this.#users.get(name) ?? null;
  }

  get default(): User {
    return this.#users.get('default')!;
  }

  /** In the order of their names' bytes. */
  all(): User[] {
    return [...this.#users.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Applies rules to a user, who is made if there is none of that name. The text of an error when one is bad; then nothing changed. */
  set(name: string, words: readonly string[]): Change | string {
    if (hasBlanks(name)) return "Usernames can't contain spaces or null characters";
    const rules = mergedRules(words);
    if (!Array.isArray(rules))
      return `Unmatched parenthesis in acl selector starting at '${words[rules.unmatched]}'.`;
    const before = this.get(name);
    const after = before === null ? newUser(name, this.#defaults()) : copyUser(before);
    for (const rule of rules) {
      const error = applyRule(after, rule, this.#defaults());
      if (error !== null) return `Error in ACL SETUSER modifier '${rule}': ${error}`;
    }
    this.#users.set(name, after);
    return { before, after };
  }

  /** True when there was such a user. The caller sees to it that nobody deletes `default`. */
  delete(name: string): boolean {
    return name !== 'default' && this.#users.delete(name);
  }

  /** requirepass is the password of `default`; an empty one lets everybody in. */
  setDefaultPassword(password: string): void {
    const user = copyUser(this.default);
    user.needsNoPassword = password === '';
    user.passwords = password === '' ? [] : [digestOfPassword(password)];
    this.#users.set('default', user);
  }

  /**
   * A `user NAME rules...` line of redis.conf, without its first word. Null, or what is wrong and with which word. The line
   * of `default` replaces what it was.
   */
  declare([name = '', ...words]: readonly string[]): { word: string; error: string } | null {
    if (name !== 'default' && this.#users.has(name)) return { word: name, error: ruleErrors.duplicateUser };
    if (hasBlanks(name)) return { word: name, error: ruleErrors.syntax };
    const rules = mergedRules(words);
    if (!Array.isArray(rules))
      return { word: words[rules.unmatched]!, error: 'Unmatched parenthesis in selector definition.' };
    const user = newUser(name, this.#defaults());
    for (const rule of name === 'default' ? ['reset', ...rules] : rules) {
      const error = applyRule(user, rule, this.#defaults());
      if (error !== null) return { word: rule, error };
    }
    this.#users.set(name, user);
    return null;
  }

  /** Every user as a line, for ACL LIST and files. */
  lines(): string[] {
    return this.all().map(userLine);
  }

  /**
   * Replaces all users by those of an ACL file's text (a binary string); `path` is for the errors. Null when it was good. A file
   * that does not speak of `default` gives it back its first form.
   */
  replace(text: string, path: string): string | null {
    const users = new Map<string, User>();
    let errors = '';
    text.split('\n').forEach((raw, index) => {
      const line = raw.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
      if (line === '') return;
      const place = `${path}:${index + 1}`;
      // Words are separated by single blanks; there are no quotes in this file.
      const [word, name, ...words] = line.split(' ');
      if (word !== 'user' || name === undefined) {
        errors += `${place}: line should start with user keyword followed by the username. `;
      } else if (hasBlanks(name)) {
        errors += `'${place}: username '${name}' contains invalid characters. `;
      } else if (users.has(name)) {
        errors += `WARNING: Duplicate user '${name}' found on line ${index + 1}. `;
      } else {
        const user = newUser(name, this.#defaults());
        users.set(name, user);
        errors += this.#applyLine(user, words, place);
      }
    });
    if (errors !== '')
      return `${errors}WARNING: ACL errors detected, no change to the previously active ACL rules was performed`;
    if (!users.has('default')) users.set('default', newDefaultUser());
    this.#users = users;
    return null;
  }

  /** What is wrong with a user's rules in a file; an empty text when all were good. */
  #applyLine(user: User, words: readonly string[], place: string): string {
    const rules = mergedRules(words);
    if (!Array.isArray(rules)) return `${place}: Unmatched parenthesis in selector definition.`;
    let errors = '';
    for (const rule of rules) {
      const error = applyRule(user, rule.replace(/^[\t\r\n]+|[\t\r\n]+$/g, ''), this.#defaults());
      if (error !== null) errors += `${place}: ${error}. `;
    }
    return errors;
  }
}
