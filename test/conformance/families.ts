/**
 * Every family of cases, read from the files of cases/: a new file there is a new family, and nothing has to be
 * registered. Loaded here, before ava looks, because tests must be declared without waiting.
 */
import { readdirSync } from 'node:fs';
import type { Case } from './case.ts';

const folder = new URL('cases/', import.meta.url);

/** In the order of the file names. */
export const families: readonly { family: string; cases: readonly Case[] }[] = await Promise.all(
  readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map(async (name) => {
      const { cases } = (await import(new URL(name, folder).href)) as { cases: readonly Case[] };
      return { family: name.replace(/\.ts$/, ''), cases };
    }),
);
