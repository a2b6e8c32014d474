/**
 * The configuration of one server: a setting for every option of the table.
 *
 * It knows what every option is now, and whom to tell when one changes; it knows neither files (file.ts, rewrite.ts)
 * nor what an option does (those who call `onChange`).
 *
 *     CONFIG SET a 1 b 2 --> find, refuse --> parse all --> tell all --> done
 *                               |               |             |
 *                               v               v             v
 *                             error      error, as before   undo all, error
 */
import { matchesName } from '../protocol/glob.ts';
import { splitArguments } from '../protocol/split-arguments.ts';
import { BadValue, type Setting } from './kinds.ts';
import { findOption, type OptionName, optionNames, rowOf, shownNames, type ValueOf } from './options.ts';

/** Acts on a new value. Throws BadValue to refuse it; then everything is put back. */
type Listener = () => void | Promise<void>;

export class Config {
  readonly #settings = new Map<OptionName, Setting<unknown>>();
  readonly #listeners = new Map<OptionName, Listener[]>();
  /** Path of the file it was read from, absolute; null without one. CONFIG REWRITE writes there. */
  file: string | null = null;
  /** Words of the `user` lines, without the first, in order. What they mean is the server's business. */
  readonly userLines: string[][] = [];
  /** A file or an argument has said when to save. */
  hasSaveLines = false;

  constructor() {
    for (const name of optionNames) this.assign(name, [...rowOf(name).initial]);
  }

  /** What an option is now. O(1). */
  value<K extends OptionName>(name: K): ValueOf<K> {
    return this.#settings.get(name)!.value as ValueOf<K>;
  }

  /** The same as CONFIG GET shows it. */
  text(name: OptionName): string {
    return this.#settings.get(name)!.text;
  }

  setting(name: OptionName): Setting<unknown> {
    return this.#settings.get(name)!;
  }

  /** Sets an option, mutable or not, and tells nobody: for start-up, and for REPLICAOF. Throws BadValue. */
  assign(name: OptionName, words: string[]): void {
    const { kind } = rowOf(name);
    // One word may hold several: `--save "900 1"`, CONFIG SET save "900 1".
    const several = kind.several && words.length === 1 && words[0] !== '' ? splitArguments(words[0]!) : words;
    if (!several) throw new BadValue('Unbalanced quotes in configuration line');
    if (!kind.several && words.length !== 1) throw new BadValue('wrong number of arguments');
    this.#settings.set(name, kind.parse(several, this.#settings.get(name) ?? null));
  }

  /** Has `listener` called after `name` was changed by `change`. */
  onChange(name: OptionName, listener: Listener): void {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
  }

  /** Names (aliases too) that fit one of the patterns, with their values, in the order of the table. CONFIG GET. */
  matching(patterns: string[]): [string, string][] {
    return shownNames
      .filter(([name, option]) =>
        patterns.some((pattern) =>
          rowOf(option).hidden ? pattern.toLowerCase() === name : matchesName(pattern, name),
        ),
      )
      .map(([name, option]) => [name, this.text(option)]);
  }

  /**
   * CONFIG SET: all of the pairs or none. Null when done, otherwise the error reply (with its ERR).
   * `mayGuarded`: this client may set dir and dbfilename.
   */
  async change(pairs: [string, string][], mayGuarded: boolean): Promise<string | null> {
    const chosen: [OptionName, string][] = [];
    let refused: string | null = null;
    for (const [word, value] of pairs) {
      const name = findOption(word);
      if (!name) return `ERR Unknown option or number of arguments for CONFIG SET - '${word}'`;
      const row = rowOf(name);
      if (!row.mutable) refused ??= failed(word, "can't set immutable config");
      else if (row.guarded && !mayGuarded) refused ??= failed(word, "can't set protected config");
      else if (chosen.some(([other]) => other === name)) refused ??= failed(word, 'duplicate parameter');
      chosen.push([name, value]);
    }
    if (refused) return refused;

    const before = chosen.map(([name]) => [name, this.setting(name)] as const);
    const changed: OptionName[] = [];
    let current = '';
    try {
      for (const [name, value] of chosen) {
        current = name;
        const old = this.text(name);
        this.assign(name, [value]);
        // Setting what is set already does not disturb anybody.
        if (this.text(name) !== old) changed.push(name);
      }
      for (const name of changed) {
        current = name;
        await this.#tell(name);
      }
      return null;
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      for (const [name, setting] of before) this.#settings.set(name, setting);
      // Those who were told of the new values are told again; the old ones were good before.
      for (const name of changed.slice(0, changed.indexOf(current as OptionName))) await this.#tell(name);
      return failed(current, error.message);
    }
  }

  async #tell(name: OptionName): Promise<void> {
    for (const listener of this.#listeners.get(name) ?? []) await listener();
  }
}

const failed = (name: string, why: string): string =>
  `ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`;
