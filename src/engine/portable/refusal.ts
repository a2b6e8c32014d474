/**
 * An error reply on its way from a command to its client.
 *
 * Commands check everything before they change anything; the check that fails throws a Refusal and dispatch turns it
 * into the reply. So a command reads like its own happy path. The texts come from data/wire-errors.json, or from the
 * command itself when nobody else uses them. Anything else that is thrown is a bug and stays one.
 */
import { type WireErrorName, wireErrors } from '../../protocol/generated/wire-errors.ts';

export class Refusal {
  /** What the client reads, without '-' and CRLF. */
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Thrown by a command whose form at hand is the host's (DEBUG SLEEP), before it changed or replied anything. */
export class HandBack {}

/** Ends the command with an error of the table. */
export function refuse(name: WireErrorName): never {
  throw new Refusal(wireErrors[name]);
}

/** Ends the command with an error of its own; `text` begins with its code, usually ERR. */
export function refuseWith(text: string): never {
  throw new Refusal(text);
}
