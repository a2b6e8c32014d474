/**
 * Short ways to write cases about scripts: a list of Lua bodies becomes a list of EVALs, so that a case reads as Lua and
 * not as wire words. What a body answers is asked of the real server, as everywhere here; nothing about Lua is known.
 */
import type { CommandLine } from '../servers/resp.ts';

/** An EVAL without keys for each body. */
export const evals = (...bodies: string[]): CommandLine[] => bodies.map((body) => ['EVAL', body, '0']);

/** An EVAL for each expression: what it evaluates to is the reply. */
export const expressions = (...texts: string[]): CommandLine[] =>
  evals(...texts.map((text) => `return ${text}`));

/** An EVAL for each expression that shows its value as text, whatever its type: numbers keep their fractions. */
export const shown = (...texts: string[]): CommandLine[] =>
  evals(...texts.map((text) => `return tostring(${text})`));

/** An EVAL for each expression: whether it fails, and with which words. Values are shown as text. */
export const tried = (...texts: string[]): CommandLine[] =>
  evals(
    ...texts.map(
      (text) =>
        `local r = {pcall(function() return ${text} end)} for i = 1, #r do r[i] = tostring(r[i]) end return r`,
    ),
  );

/** FUNCTION LOAD of a library. */
export const library = (name: string, body: string): CommandLine => [
  'FUNCTION',
  'LOAD',
  'REPLACE',
  `#!lua name=${name}\n${body}`,
];
