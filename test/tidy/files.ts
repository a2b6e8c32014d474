/**
 * The project's own source files, as git would list them: what is ignored, generated or fetched is no business of
 * the tidy tests. A walk over folders instead of `git ls-files`, so that a new file is checked before it is added.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder, with no slash at its end. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

const left = new Set(['node_modules', 'target', 'dist', '.cache', 'generated', '.git', 'results']);

/** One file: its path from the project's folder, with slashes, and its text. */
export interface SourceFile {
  path: string;
  text: string;
}

/** All files under `folders` whose names end in one of `endings`, sorted by path. */
export function sources(folders: readonly string[], endings: readonly string[]): SourceFile[] {
  const found: SourceFile[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory() && !left.has(entry.name)) walk(path);
      else if (entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
        found.push({ path, text: readFileSync(join(root, path), 'utf8') });
    }
  };
  folders.forEach(walk);
  return found.sort((one, other) => (one.path < other.path ? -1 : 1));
}
