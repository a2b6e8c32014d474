/**
 * All commands of the portable engine by name. A family is a file; a new family is a line here.
 */
import type { Handler, HandlerTable } from '../handler.ts';
import { connection } from './connection.ts';
import { debug } from './debug.ts';
import { expiry } from './expiry.ts';
import { keys } from './keys.ts';
import { scans } from './scan.ts';
import { strings } from './strings.ts';
import { transactions } from './transactions.ts';

const families: HandlerTable[] = [connection, transactions, keys, scans, expiry, strings, debug];

export const handlers: ReadonlyMap<string, Handler> = new Map(
  families.flatMap((family) => Object.entries(family)),
);
