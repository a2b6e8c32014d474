/**
 * A selector: one set of commands, keys and channels that go together. Every user has a root selector, and as many more as were
 * given in parentheses; a command is allowed when one selector allows all of it.
 *
 *     +get -@write ~app:* %R~shared:* &news     rules, applied one after the other
 *
 * Only the rules and what they leave behind; who may do what is decided in check.ts, in the compiled form. Order and
 * errors as in Redis 7.0.15.
 */
import type { CommandSpec } from '../protocol/generated/commands.ts';
import { allCommandNames, findRow, membersOf, subcommandsOf } from './commands.ts';

/** Keys that fit `pattern` may be read, written, or both. Patterns are binary strings. */
export interface KeyPattern {
  readonly pattern: string;
  reads: boolean;
  writes: boolean;
}

export interface Selector {
  /** Full names of the allowed commands and subcommands. */
  readonly commands: Set<string>;
  /** Commands that a later version adds are allowed too: only +@all and -@all say so. */
  allowsFuture: boolean;
  /** First arguments with which a command is allowed that otherwise is not (`+select|0`), by the command's name. */
  readonly firstArguments: Map<string, string[]>;
  keys: KeyPattern[] | 'all';
  channels: string[] | 'all';
}

/** What is wrong with a rule, in Redis's words. */
export type RuleError = string;

export const ruleErrors = {
  unknown: 'Unknown command or category name in ACL',
  syntax: 'Syntax error',
  afterAllKeys:
    "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. " +
    "Try 'resetkeys' to start with an empty list of patterns",
  afterAllChannels:
    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. " +
    "Try 'resetchannels' to start with an empty list of channels",
  badHash:
    'The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters',
  noSuchPassword: 'The password you are trying to remove from the user does not exist',
  duplicateUser: 'Duplicate user found. A user can only be defined once in config files',
  firstArgumentOfSubcommand: 'Allowing first-arg of a subcommand is not supported',
} as const;

/** A selector that allows nothing, but for channels, which go by acl-pubsub-default. */
export const newSelector = (allChannels: boolean): Selector => ({
  commands: new Set(),
  allowsFuture: false,
  firstArguments: new Map(),
  keys: [],
  channels: allChannels ? 'all' : [],
});

export const copySelector = (selector: Selector): Selector => ({
  commands: new Set(selector.commands),
  allowsFuture: selector.allowsFuture,
  firstArguments: new Map([...selector.firstArguments].map(([name, words]) => [name, [...words]])),
  keys: selector.keys === 'all' ? 'all' : selector.keys.map((key) => ({ ...key })),
  channels: selector.channels === 'all' ? 'all' : [...selector.channels],
});

/** Blanks and zero bytes would make a text that cannot be read back. */
export const hasBlanks = (text: string): boolean => [...text].some((c) => ' \t\n\v\f\r\0'.includes(c));

/** Applies one rule. Null when it was good. */
export function applySelectorRule(selector: Selector, rule: string): RuleError | null {
  switch (rule.toLowerCase()) {
    case 'allkeys':
    case '~*':
      selector.keys = 'all';
      return null;
    case 'resetkeys':
      selector.keys = [];
      return null;
    case 'allchannels':
    case '&*':
      selector.channels = 'all';
      return null;
    case 'resetchannels':
      selector.channels = [];
      return null;
    case 'allcommands':
    case '+@all':
      allow(selector, allCommandNames, true);
      selector.allowsFuture = true;
      selector.firstArguments.clear();
      return null;
    case 'nocommands':
    case '-@all':
      selector.commands.clear();
      selector.allowsFuture = false;
      selector.firstArguments.clear();
      return null;
    default:
  }
  const sign = rule[0];
  if (sign === '~' || sign === '%') return addKeys(selector, rule);
  if (sign === '&') return addChannel(selector, rule.slice(1));
  if (sign !== '+' && sign !== '-') return ruleErrors.syntax;
  if (rule[1] === '@') return changeCategory(selector, rule.slice(2), sign === '+');
  if (sign === '+' && rule.includes('|')) return addSubcommand(selector, rule.slice(1));
  const row = findRow(rule.slice(1));
  if (row === null) return ruleErrors.unknown;
  changeCommand(selector, row, sign === '+');
  return null;
}

/** Adds or takes away a category, as a rule does; also used to describe selectors. */
export function changeCategory(selector: Selector, category: string, isAllowed: boolean): RuleError | null {
  const names = membersOf(category);
  if (names === null) return ruleErrors.unknown;
  for (const name of names) changeCommand(selector, findRow(name)!, isAllowed);
  return null;
}

/** A command comes or goes with all its subcommands, and forgets its first arguments. */
export function changeCommand(selector: Selector, row: CommandSpec, isAllowed: boolean): void {
  allow(selector, [row.name, ...subcommandsOf(row)], isAllowed);
  selector.firstArguments.delete(row.name);
}

function allow(selector: Selector, names: readonly string[], isAllowed: boolean): void {
  for (const name of names) {
    if (isAllowed) selector.commands.add(name);
    else selector.commands.delete(name);
  }
}

function addKeys(selector: Selector, rule: string): RuleError | null {
  if (selector.keys === 'all') return ruleErrors.afterAllKeys;
  let [reads, writes, at] = [true, true, 1];
  if (rule[0] === '%') {
    [reads, writes] = [false, false];
    for (; at < rule.length; at++) {
      const letter = rule[at]!.toUpperCase();
      if (letter === 'R' && !reads) reads = true;
      else if (letter === 'W' && !writes) writes = true;
      else if (letter === '~') {
        at++;
        break;
      } else return ruleErrors.syntax;
    }
  }
  if (!reads && !writes) return ruleErrors.syntax;
  const pattern = rule.slice(at);
  if (hasBlanks(pattern)) return ruleErrors.syntax;
  const known = selector.keys.find((key) => key.pattern === pattern);
  if (known === undefined) {
    selector.keys.push({ pattern, reads, writes });
  } else {
    known.reads ||= reads;
    known.writes ||= writes;
  }
  return null;
}

function addChannel(selector: Selector, pattern: string): RuleError | null {
  if (selector.channels === 'all') return ruleErrors.afterAllChannels;
  if (hasBlanks(pattern)) return ruleErrors.syntax;
  if (!selector.channels.includes(pattern)) selector.channels.push(pattern);
  return null;
}

/** `+config|get` for a subcommand, `+select|0` for a first argument of a command without subcommands. */
function addSubcommand(selector: Selector, name: string): RuleError | null {
  const bar = name.lastIndexOf('|');
  const row = findRow(name.slice(0, bar));
  if (row === null) return ruleErrors.unknown;
  if (row.name.includes('|')) return ruleErrors.firstArgumentOfSubcommand;
  const word = name.slice(bar + 1);
  if (word === '') return ruleErrors.syntax;
  if (row.subcommands !== undefined) {
    const subcommand = findRow(name);
    if (subcommand === null) return ruleErrors.unknown;
    selector.commands.add(subcommand.name);
    return null;
  }
  const words = selector.firstArguments.get(row.name) ?? [];
  if (!words.some((known) => known.toLowerCase() === word.toLowerCase())) words.push(word);
  selector.firstArguments.set(row.name, words);
  return null;
}
