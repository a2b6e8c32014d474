/**
 * THE OPTION TABLE: every directive of redis.conf in Redis 7.0.15, once.
 *
 * It is read by the parser of files and arguments, by CONFIG GET, SET and REWRITE, and by the writer of
 * docs/configuration.md. Defaults, ranges and which options CONFIG SET refuses were asked of a real 7.0.15.
 */

import type { Option } from './option.ts';
import { data } from './options/data.ts';
import { elsewhere } from './options/elsewhere.ts';
import { network } from './options/network.ts';
import { observing } from './options/observing.ts';
import { replication } from './options/replication.ts';

/** The table in sections, in the order of the documentation. */
export const sections = {
  'Network, clients, process': network,
  'Data, memory, files': data,
  Replication: replication,
  'Logs and statistics': observing,
  'Cluster and TLS': elsewhere,
};

export const options = { ...network, ...data, ...replication, ...observing, ...elsewhere };

export type OptionName = keyof typeof options;
/** Type of an option's value. */
export type ValueOf<K extends OptionName> = (typeof options)[K] extends Option<infer V> ? V : never;

/** All names, those of the table in its order. */
export const optionNames = Object.keys(options) as OptionName[];

const byName = new Map<string, OptionName>();
for (const name of optionNames) {
  byName.set(name, name);
  const { alias } = options[name] as Option<unknown>;
  if (alias !== undefined) byName.set(alias, name);
}

/** The option that a word means, by its name or its alias, in any case; null when there is none. */
export const findOption = (word: string): OptionName | null => byName.get(word.toLowerCase()) ?? null;

/** Every name that CONFIG GET can show, aliases included, with the option it stands for. */
export const shownNames: readonly (readonly [string, OptionName])[] = [...byName];

/** The row of an option, without its value's type. */
export const rowOf = (name: OptionName): Option<unknown> => options[name] as Option<unknown>;

/** Directives that older files may hold and that mean nothing any more; skipped without a word, as Redis does. */
export const retiredDirectives: readonly string[] = [
  'list-max-ziplist-entries',
  'list-max-ziplist-value',
  'lua-replicate-commands',
];
