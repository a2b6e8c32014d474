/**
 * Reads configuration text into a Config: redis.conf, standard input, and arguments turned into text.
 *
 *     # a comment               skipped
 *     port 6380                 option, words
 *     include other.conf        read at once, so that later lines override it
 *     nonsense 1                ConfigFileError: line number, the line, and what is wrong with it
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { ruleErrors } from '../acl/selector.ts';
import { Users } from '../acl/users.ts';
import { RedtwinError } from '../errors.ts';
import { matchesGlob } from '../protocol/glob.ts';
import { splitArguments } from '../protocol/split-arguments.ts';
import type { Config } from './config.ts';
import { BadValue } from './kinds.ts';
import { findOption, retiredDirectives } from './options.ts';
import { utf8 } from './special-kinds.ts';

/** A line that cannot be taken. `message` is what Redis prints below its FATAL CONFIG FILE ERROR headline. */
export class ConfigFileError extends RedtwinError {
  constructor(lineNumber: number, line: string, why: string) {
    super(
      'config-file',
      `Reading the configuration file, at line ${lineNumber}\n>>> '${utf8(line)}'\n${utf8(why)}`,
    );
    this.name = 'ConfigFileError';
  }
}

/** Directives of Redis that need what redtwin does not have yet; taking them in silence would be a trap. */
const unsupported: Record<string, string> = {
  'rename-command': 'redtwin cannot rename commands yet',
  loadmodule: 'redtwin has no loadable modules',
  sentinel: 'redtwin has no sentinel mode',
};

/** Reads a file as text of one character per byte. `-` is not special here. Throws RedtwinError 'config-file'. */
export function readConfigFile(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (cause) {
    const why =
      (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'No such file or directory' : String(cause);
    throw new RedtwinError('config-file', `Fatal error, can't open config file '${path}': ${why}`, { cause });
  }
}

/** Files that an include names: its last part may be a pattern. Without matches a pattern includes nothing. */
function includedFiles(word: string): string[] {
  const path = resolve(utf8(word));
  const pattern = Buffer.from(basename(path));
  if (!/[*?[]/.test(basename(path))) return [path];
  let names: string[];
  try {
    names = readdirSync(dirname(path));
  } catch {
    // A folder that is not there holds no file that fits.
    return [];
  }
  return names
    .filter((name) => !name.startsWith('.') && matchesGlob(pattern, Buffer.from(name)))
    .sort()
    .map((name) => join(dirname(path), name));
}

/** A user is tried at once, so that the error names the line; it counts when the server starts. */
function declareUser(config: Config, words: string[]): void {
  const known = config.userLines.find(([name]) => name === words[0]);
  const problem = known
    ? { word: words[0], error: ruleErrors.duplicateUser }
    : new Users(() => ({ allChannels: false })).declare(words);
  if (problem) throw new BadValue(`Error in user declaration '${problem.word}': ${problem.error}`);
  config.userLines.push(words);
}

/**
 * Lines with save points add up, over files and arguments; the first takes the place of the default, and `""` forgets those before
 * it (Redis 7.0.15). Without a word a line adds none.
 */
function allSavePoints(config: Config, words: readonly string[]): string[] {
  const split = (text: string): string[] => text.split(' ').filter((word) => word !== '');
  const before = config.hasSaveLines && words[0] !== '' ? split(config.text('save')) : [];
  config.hasSaveLines = true;
  const all = [...before, ...(words.length === 1 ? split(words[0]!) : words)];
  return all.length === 0 ? [''] : all;
}

function applyWords(config: Config, words: string[], depth: number): void {
  const directive = words[0]!.toLowerCase();
  const name = findOption(directive);
  if (name) {
    config.assign(name, name === 'save' ? allSavePoints(config, words.slice(1)) : words.slice(1));
  } else if (directive === 'user' && words.length >= 2) {
    declareUser(config, words.slice(1));
  } else if (directive === 'include' && words.length === 2) {
    if (depth > 15) throw new BadValue('includes are nested too deeply');
    for (const path of includedFiles(words[1]!)) applyConfigText(config, readConfigFile(path), depth + 1);
  } else if (words.length === 2 && retiredDirectives.includes(directive)) {
    return;
  } else {
    throw new BadValue(
      (words.length > 1 ? unsupported[directive] : undefined) ?? 'Bad directive or wrong number of arguments',
    );
  }
}

/**
 * Applies every line of a configuration text, in order. Text is a binary string. Throws ConfigFileError at the first bad
 * line, with everything before it applied; a caller that fails so does not go on.
 */
export function applyConfigText(config: Config, text: string, depth = 0): void {
  text.split('\n').forEach((raw, index) => {
    const line = raw.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
    if (line === '' || line.startsWith('#')) return;
    const words = splitArguments(line);
    if (!words) throw new ConfigFileError(index + 1, line, 'Unbalanced quotes in configuration line');
    if (words.length === 0) return;
    try {
      applyWords(config, words, depth);
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      throw new ConfigFileError(index + 1, line, error.message);
    }
  });
}
