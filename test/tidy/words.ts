/**
 * The old words for primary and replica: where they stand, and where they may stand. They are part of the wire, so
 * they live in src/protocol/wire.ts, in data/ and in what is generated from it; everything else says it in our words.
 */
import type { SourceFile } from './files.ts';

/** Files (or folders, with a slash) that speak the wire, each with its reason. Keep it short: most words belong into wire.ts or data/. */
export const wireFiles: Record<string, string> = {
  'src/protocol/wire.ts': 'the home of the wire words',
  'src/config/options/': 'the names of redis.conf are what this table is about',
  'src/config/special-kinds.ts': 'classes and messages as CONFIG GET and the parser word them',
  'crates/keyspace/src/command/eval.rs': 'an error that quotes Redis',
  'src/engine/portable/commands/eval.ts': 'the same error in the other engine',
  'src/engine/portable/settings.ts': 'takes the older name of an option, as redis.conf does',
};

const oldWords = /master|slave/i;
/** Names of Redis's own errors, and in comments of INFO's fields and of options, are quoted, not used. */
const quoted = /MASTER_?DOWN|NOMASTERLINK|masterDown/gi;
const quotedInComment = /\b(?:master|slave)[_-][a-z0-9_-]+|`?\bmaster(?:auth|user)\b`?/g;
const comment = /^\s*(?:\/?\*|\/\/)/;

/** A stream's node has a master entry, whose field names the others share: another meaning of the word. */
const streamFiles = /\/streams?(?:\.(?:rs|ts)$|[/-])/;

/** One line for each place where an old word stands outside of the files that may use it. */
export function oldWordsIn(file: SourceFile): string[] {
  if (Object.keys(wireFiles).some((path) => file.path.startsWith(path)) || streamFiles.test(file.path))
    return [];
  return file.text
    .split('\n')
    .map((line, index) => ({
      line: line.replaceAll(quoted, '').replaceAll(comment.test(line) ? quotedInComment : quoted, ''),
      at: `${file.path}:${index + 1}`,
    }))
    .filter(({ line }) => oldWords.test(line))
    .map(({ line, at }) => `${at}: ${line.trim()}`);
}
